package duckdb

import (
	"os"
	"path/filepath"
	"strings"
)

// A tempFolder takes an engine's temporary files. While it is open it is locked,
// by which others see that it is in use: the lock ends with the process, however
// that ends.
type tempFolder struct {
	path string
	lock *os.File
}

const tempPrefix = "outturn-duckdb-"

// newTempFolder makes a folder in dir, and removes those that processes which
// were killed have left there.
func newTempFolder(dir string) (*tempFolder, error) {
	sweep(dir)
	for {
		path, err := os.MkdirTemp(dir, tempPrefix) // 0700
		if err != nil {
			return nil, err
		}
		lock, err := os.Open(path)
		if os.IsNotExist(err) {
			continue // swept by another process before it was locked
		}
		if err != nil {
			return nil, err
		}
		if tryLock(lock) && stillThere(lock) {
			return &tempFolder{path, lock}, nil
		}
		_ = lock.Close()
	}
}

func (t *tempFolder) remove() {
	_ = os.RemoveAll(t.path) // what cannot be removed is swept later
	_ = t.lock.Close()
}

// sweep removes folders in dir that nobody holds.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // making a folder will tell
	}
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), tempPrefix) {
			continue
		}
		lock, err := os.Open(filepath.Join(dir, entry.Name()))
		if err != nil {
			continue
		}
		if tryLock(lock) {
			_ = os.RemoveAll(lock.Name()) // tried again by the next sweep
		}
		_ = lock.Close()
	}
}

// stillThere reports whether the folder has not been removed meanwhile.
func stillThere(f *os.File) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.Name())
	return err == nil && os.SameFile(held, named)
}
