package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// A journal is a file of which a sync brings to the disk what was written to it, and when
// that was is left out: a file system with a log of its own would commit that for it.
type journal struct{ *os.File }

func (j journal) Sync() error {
	for {
		if err := unix.Fdatasync(int(j.Fd())); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
