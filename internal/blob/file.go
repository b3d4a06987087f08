// Package blob is where files live.
package blob

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"outturn"
)

// A File is an upload to a path of the local disk. Nothing is to be seen at the
// path, not even a part, before Commit; what stood there stays until then.
type File struct {
	file *os.File
	path string // where Commit puts it; "" for a device or pipe, which takes bytes as they come
	temp string // name of the unfinished file; "" while it has none

	written, flushed int64
}

// CreateFile starts a file. The folder must exist. A path that is a device or a
// pipe, such as /dev/null, is written to directly.
func CreateFile(path string) (*File, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "%s is a folder. Name a file in it.", path)
	}
	if err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, storageError(path, err)
		}
		return &File{file: f}, nil
	}
	f, temp, err := createUnnamed(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return nil, storageError(path, err)
	}
	return &File{file: f, path: path, temp: temp}, nil
}

// createHidden opens a file that is hidden by its name, for systems that cannot
// make one without a name.
func createHidden(folder, base string) (*os.File, string, error) {
	f, err := os.CreateTemp(folder, "."+base+".*.part")
	if err != nil {
		return nil, "", err
	}
	return f, f.Name(), os.Chmod(f.Name(), 0o644)
}

// writeBack is how many bytes are written before the system is asked to start
// bringing them to the disk, so that Commit has little left to wait for.
const writeBack = 16 << 20

func (f *File) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.written += int64(n)
	if err != nil {
		return n, storageError(f.name(), err)
	}
	if f.path != "" && f.written-f.flushed >= writeBack {
		startWriteBack(f.file, f.flushed, f.written-f.flushed)
		f.flushed = f.written
	}
	return n, nil
}

// Commit makes the file durable and then visible. After it, Abort does nothing.
func (f *File) Commit() error {
	err := f.commit()
	if err != nil {
		f.Abort()
		return storageError(f.name(), err)
	}
	return nil
}

func (f *File) commit() error {
	if f.path == "" {
		return f.close()
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	if f.temp == "" {
		temp, err := giveName(f.file, filepath.Dir(f.path), filepath.Base(f.path))
		if err != nil {
			return err
		}
		f.temp = temp
	}
	if err := f.close(); err != nil {
		return err
	}
	if err := os.Rename(f.temp, f.path); err != nil {
		return err
	}
	f.temp = ""
	return syncFolder(filepath.Dir(f.path))
}

func (f *File) close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
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

func (f *File) name() string {
	if f.path != "" || f.file == nil {
		return f.path
	}
	return f.file.Name()
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// storageError tells what the disk has against a path.
func storageError(path string, err error) error {
	code := outturn.CodeStorageUnavailable
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return outturn.Errorf(outturn.CodeDiskFull, "The disk is full: %s was not written. Free some space or choose another disk (%w).", path, err)
	case errors.Is(err, syscall.EFBIG):
		return outturn.Errorf(outturn.CodeDiskFull, "The file %s would be larger than is allowed here (%w).", path, err)
	case errors.Is(err, syscall.EPIPE):
		return outturn.Errorf(code, "Whoever read %s stopped reading (%w).", path, err)
	case errors.Is(err, fs.ErrNotExist):
		return outturn.Errorf(code, "There is no folder %s to write %s into.", filepath.Dir(path), filepath.Base(path))
	case errors.Is(err, fs.ErrPermission):
		return outturn.Errorf(code, "You may not write %s (%w).", path, err)
	}
	return outturn.Errorf(code, "%s cannot be written: %w.", path, err)
}
