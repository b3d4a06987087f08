package cli

import (
	"bytes"
	"context"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// A failingWriter is standard output on a disk, or to a reader, that fails.
type failingWriter struct{ errno syscall.Errno }

func (w failingWriter) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: w.errno}
}

// What is against standard output is told as it is of a file, and is no fault of Outturn's.
func TestStandardOutputFails(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		name  string
		errno syscall.Errno
		want  string
	}{
		{"Full", syscall.ENOSPC, "The disk is full: standard output was not written to its end. Free some space"},
		{"Quota", syscall.EDQUOT, "The disk is full"},
		{"TooLarge", syscall.EFBIG, "Standard output would be larger than is allowed here"},
		{"NobodyReads", syscall.EPIPE, "Whoever read standard output stopped reading"},
		{"Broken", syscall.EIO, "Standard output cannot be written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, command := range []string{
				"--help", "version", "version --json", "config show", "dataset list", "dataset show payments", "dataset names",
				"view show payments full", "completion bash",
			} {
				var talk bytes.Buffer
				status := Main(context.Background(), strings.Fields(command), IO{Out: failingWriter{tt.errno}, Err: &talk})
				if status != 5 || !strings.Contains(talk.String(), tt.want) {
					t.Errorf("%s: status %d, %s", command, status, &talk)
				}
			}
		})
	}
}
