// Package blob is where files live.
package blob

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"outturn"
)

// A File is an upload to a path of the local disk. Nothing is to be seen at the
// path, not even a part, before Commit; what stood there stays until then.
type File struct {
	file   *os.File
	path   string      // as its owner named it
	target string      // where Commit puts it: path, with links followed
	temp   string      // name of the unfinished file; "" while it has none
	old    fs.FileInfo // the file it replaces; nil when there is none
	direct bool        // a device or a pipe, which takes bytes as they come

	written, synced int64
	ahead           chan error // what the sync that is under way comes to; nil: none is
}

// CreateFile starts a file. The folder must exist. A link is followed. A path
// that is a device or a pipe, such as /dev/null, is written to directly.
func CreateFile(path string) (*File, error) {
	f := &File{path: path, target: path}
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "%q does not name a file.", path)
	}
	if fd, ok := descriptor(path); ok {
		return f, f.duplicate(fd)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, f.storageError(err)
	case err == nil && info.IsDir():
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "%s is a folder. Name a file in it.", path)
	case err == nil && !info.Mode().IsRegular():
		return f, f.openDirect()
	case err == nil:
		f.old = info
	}
	if link, err := os.Lstat(path); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		if f.target, err = filepath.EvalSymlinks(path); err != nil {
			return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "%s is a link that leads nowhere (%w).", path, err)
		}
	}
	if f.file, f.temp, err = createUnnamed(filepath.Dir(f.target)); err != nil {
		return nil, f.storageError(err)
	}
	return f, nil
}

// descriptor returns which open file of this process a path such as /dev/stdout
// names. It may be a regular file that the shell goes on writing to, so it must be
// used as it is and neither replaced nor opened anew.
func descriptor(path string) (fd int, ok bool) {
	switch path {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, folder := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if number, found := strings.CutPrefix(path, folder); found {
			fd, err := strconv.Atoi(number)
			return fd, err == nil
		}
	}
	return 0, false
}

func (f *File) duplicate(fd int) error {
	f.direct = true
	own, err := syscall.Dup(fd)
	if err != nil {
		return f.storageError(err)
	}
	f.file = os.NewFile(uintptr(own), f.path)
	return nil
}

// openDirect does not wait for somebody to read a pipe: nobody could interrupt
// that.
func (f *File) openDirect() (err error) {
	f.direct = true
	if f.file, err = os.OpenFile(f.path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err != nil {
		return f.storageError(err)
	}
	return nil
}

// Target returns where Commit puts the file: its path, with links followed.
func (f *File) Target() string { return f.target }

// Replaces reports whether Commit will take the place of the file at other.
func (f *File) Replaces(other string) bool {
	info, err := os.Stat(other)
	return err == nil && f.old != nil && os.SameFile(f.old, info)
}

// MakePrivate lets nobody but its owner read the file, from before its first byte
// on. It is called before Commit.
func (f *File) MakePrivate() error {
	if f.direct {
		return nil
	}
	f.old = nil // whose mode Commit would give it
	if err := f.file.Chmod(0o600); err != nil {
		return f.storageError(err)
	}
	return nil
}

// Device reports whether the bytes go to a device or a pipe as they come.
func (f *File) Device() bool { return f.direct }

// hiddenPattern is what the names of unfinished files look like, where they have
// one.
const hiddenPattern = ".outturn-*.part"

// createHidden opens a file that is hidden by its name, for systems that cannot
// make one without a name.
func createHidden(folder string) (*os.File, string, error) {
	f, err := os.CreateTemp(folder, hiddenPattern)
	if err != nil {
		return nil, "", err
	}
	return f, f.Name(), os.Chmod(f.Name(), 0o644)
}

// syncEvery is how many bytes are written before they are brought to the disk, beside
// those that follow, so that Commit has little left to wait for.
const syncEvery = 4 << 20

// mostCached is how much of a file stays in the system's memory. Of a longer one what is on
// the disk is forgotten there, as nobody reads it soon: it would take the place of what the
// database beside it needs, and to fill memory that was not in use lately takes a virtual
// machine longer than the encoding does.
const mostCached = 64 << 20

func (f *File) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.written += int64(n)
	if err == nil && !f.direct && f.written-f.synced >= syncEvery {
		err = f.syncAhead()
	}
	if err != nil {
		return n, f.storageError(err)
	}
	return n, nil
}

// syncAhead begins to sync what is written, unless that is under way. It returns the
// error of the sync before, of which the system tells once.
func (f *File) syncAhead() error {
	if f.ahead != nil {
		select {
		case err := <-f.ahead:
			f.ahead = nil
			if err != nil {
				return err
			}
		default:
			return nil
		}
	}
	file, from, to, ahead := f.file, f.synced, f.written, make(chan error, 1)
	f.synced, f.ahead = to, ahead
	go func() { ahead <- bringToDisk(file, from, to) }()
	return nil
}

// sync returns when all that is written is on the disk.
func (f *File) sync() error {
	return errors.Join(f.awaitSync(), bringToDisk(f.file, f.synced, f.written))
}

// bringToDisk syncs a file of which the bytes of [from, to) were not synced yet.
func bringToDisk(file *os.File, from, to int64) error {
	if err := file.Sync(); err != nil {
		return err
	}
	if from = max(from, mostCached); from < to {
		uncache(file, from, to-from)
	}
	return nil
}

func (f *File) awaitSync() (err error) {
	if f.ahead != nil {
		err, f.ahead = <-f.ahead, nil
	}
	return err
}

// Commit makes the file durable and then visible. After it, Abort does nothing.
func (f *File) Commit() error {
	err := f.commit()
	if err != nil {
		f.Abort()
		return f.storageError(err)
	}
	return nil
}

func (f *File) commit() error {
	if f.direct {
		return f.close()
	}
	if f.old != nil {
		if err := f.file.Chmod(f.old.Mode().Perm()); err != nil {
			return err
		}
	}
	if err := f.sync(); err != nil {
		return err
	}
	if f.temp == "" {
		temp, err := giveName(f.file, filepath.Dir(f.target))
		if err != nil {
			return err
		}
		f.temp = temp
	}
	if err := f.close(); err != nil {
		return err
	}
	if err := os.Rename(f.temp, f.target); err != nil {
		return err
	}
	f.temp = ""
	return syncFolder(filepath.Dir(f.target))
}

func (f *File) close() error {
	if f.file == nil {
		return nil
	}
	err := errors.Join(f.awaitSync(), f.file.Close())
	f.file = nil
	return err
}

// Abort drops the file. Errors are of no use to anyone by now.
func (f *File) Abort() {
	_ = f.close()
	if f.temp != "" {
		_ = os.Remove(f.temp)
		f.temp = ""
	}
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// storageError tells what the disk has against a path. Of the system's error it
// keeps what has no other path in it.
func (f *File) storageError(err error) error {
	path := f.path
	code := outturn.CodeStorageUnavailable
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return outturn.Errorf(outturn.CodeDiskFull, "The disk is full: %s was not written. Free some space or choose another disk (%w).", path, err)
	case errors.Is(err, syscall.EFBIG):
		return outturn.Errorf(outturn.CodeDiskFull, "The file %s would be larger than is allowed here (%w).", path, err)
	case errors.Is(err, syscall.EPIPE):
		return outturn.Errorf(code, "Whoever read %s stopped reading (%w).", path, err)
	case errors.Is(err, syscall.ENXIO):
		return outturn.Errorf(code, "Nobody reads the pipe %s.", path)
	case errors.Is(err, fs.ErrNotExist):
		return outturn.Errorf(code, "There is no folder %s to write %s into.", filepath.Dir(path), filepath.Base(path))
	case errors.Is(err, fs.ErrPermission):
		return outturn.Errorf(code, "You may not write %s (%w).", path, err)
	}
	return outturn.Errorf(code, "%s cannot be written: %w.", path, err)
}
