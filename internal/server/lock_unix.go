//go:build unix

package server

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock on a file, which the system gives back when the process
// ends, however it ends.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// awaitFile takes the lock on a file as soon as it is free.
func awaitFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX) }
