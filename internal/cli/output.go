package cli

import (
	"errors"
	"io"
	"syscall"

	"outturn"
)

// An outputWriter gives what the system has against standard output the code that it
// has with a file. The first error sticks: Main tells it also where a command did not look.
type outputWriter struct {
	w   io.Writer
	err error
}

func (o *outputWriter) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	o.err = outputError(err)
	return n, o.err
}

// outputError keeps of the system's error what does not name a device.
func outputError(err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	switch errno {
	case syscall.ENOSPC, syscall.EDQUOT:
		return outturn.Errorf(outturn.CodeDiskFull, "The disk is full: standard output was not written to its end. Free some space or choose another disk (%w).", errno)
	case syscall.EFBIG:
		return outturn.Errorf(outturn.CodeDiskFull, "Standard output would be larger than is allowed here (%w).", errno)
	case syscall.EPIPE:
		return outturn.Errorf(outturn.CodeStorageUnavailable, "Whoever read standard output stopped reading (%w).", errno)
	}
	return outturn.Errorf(outturn.CodeStorageUnavailable, "Standard output cannot be written: %w.", errno)
}
