package blob_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"outturn"
	"outturn/internal/blob"
)

// entries lists a folder, hidden names too.
func entries(t *testing.T, folder string) []string {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestFileIsInvisibleUntilCommit(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.csv")
	f, err := blob.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "rows"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before Commit: %v", err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	if got, err := os.ReadFile(path); err != nil || string(got) != "rows" {
		t.Errorf("after Commit: %q, %v", got, err)
	}
	if got := entries(t, folder); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestFileKeepsTheOldOneUntilCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []bool{false, true} {
		f, err := blob.CreateFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, "new"); err != nil {
			t.Fatal(err)
		}
		want := "old"
		if commit {
			want = "new"
			if err := f.Commit(); err != nil {
				t.Fatal(err)
			}
		} else {
			f.Abort()
		}
		if got, _ := os.ReadFile(path); string(got) != want {
			t.Errorf("commit %v: got %q, want %q", commit, got, want)
		}
	}
}

func TestFileErrors(t *testing.T) {
	folder := t.TempDir()
	dangling, pipe := filepath.Join(folder, "link"), filepath.Join(folder, "pipe")
	if err := errors.Join(os.Symlink("nowhere", dangling), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"NoFolder", filepath.Join(folder, "no", "a.csv"), "There is no folder"},
		{"IsFolder", folder, "is a folder"},
		{"Empty", "", "does not name a file"},
		{"Slash", folder + "/a/", "does not name a file"},
		{"LinkToNowhere", dangling, "leads nowhere"},
		{"PipeWithoutReader", pipe, "Nobody reads the pipe"},
		{"FolderIsFile", "/dev/null/a.csv", "cannot be written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := blob.CreateFile(tt.path)
			if outturn.ErrorCode(err) != outturn.CodeStorageUnavailable || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

// A link goes on pointing where it did, and a file keeps its permissions.
func TestFileThroughALink(t *testing.T) {
	folder := t.TempDir()
	target, link := filepath.Join(folder, "target.csv"), filepath.Join(folder, "link.csv")
	if err := errors.Join(os.WriteFile(target, []byte("old"), 0o600), os.Symlink("target.csv", link)); err != nil {
		t.Fatal(err)
	}
	f, err := blob.CreateFile(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "new"); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	info, err = os.Stat(target)
	if got, _ := os.ReadFile(target); err != nil || string(got) != "new" || info.Mode().Perm() != 0o600 {
		t.Errorf("the target holds %q with mode %v, %v", got, info.Mode(), err)
	}
}

// A name may be as long as the file system lets it be.
func TestLongName(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("x", 251)+".csv")
	f, err := blob.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Error(err)
	}
}

func TestDeviceIsWrittenDirectly(t *testing.T) {
	f, err := blob.CreateFile(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "rows"); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("/dev/null became %v, %v", info.Mode(), err)
	}
}

func TestFullDisk(t *testing.T) {
	f, err := blob.CreateFile("/dev/full")
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer f.Abort()
	_, err = io.WriteString(f, "rows")
	if outturn.ErrorCode(err) != outturn.CodeDiskFull {
		t.Errorf("got %v", err)
	}
}

// A process that is killed while it writes leaves nothing in the folder, however
// much it had written.
func TestKilledWriterLeavesNothing(t *testing.T) {
	if path := os.Getenv("OUTTURN_TEST_WRITE"); path != "" {
		writeForEver(path)
	}
	folder := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriterLeavesNothing$")
	cmd.Env = append(os.Environ(), "OUTTURN_TEST_WRITE="+filepath.Join(folder, "a.csv"))
	talk, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(talk, make([]byte, 8)); err != nil { // eight writes done
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	if got := entries(t, folder); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func writeForEver(path string) {
	f, err := blob.CreateFile(path)
	if err != nil {
		panic(err)
	}
	block := make([]byte, 1<<20)
	for {
		if _, err := f.Write(block); err != nil {
			panic(err)
		}
		os.Stdout.WriteString(".")
	}
}
