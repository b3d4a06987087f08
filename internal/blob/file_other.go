//go:build !linux

package blob

import (
	"errors"
	"os"
)

func createUnnamed(folder string) (*os.File, string, error) { return createHidden(folder) }

func giveName(*os.File, string) (string, error) {
	return "", errors.New("the file has a name already")
}

func linkUnnamed(f, folder *os.File, name string) error { return os.ErrExist }

func uncache(*os.File, int64, int64) {}

func freeBytes(string) (int64, bool) { return 0, false }
