package secret

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"outturn"
)

// OpenKeyFile reads the master keys in a file: one a line, 32 bytes as base64, the
// newest first; lines that begin with # are comments. Where there is no file and
// create is set, it makes one with a new key, which appears whole or not at all:
// of two processes that do so at once both get the same.
//
// A file that others than its owner may read is refused.
func OpenKeyFile(path string, create bool) (*Keyring, error) {
	keys, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := createKeyFile(path); err != nil {
			return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The key file %s cannot be made: %w.", path, err)
		}
		keys, err = readKeyFile(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, outturn.Errorf(outturn.CodeInvalid, "There is no key file %s. Without the key that secrets were sealed with they are lost: put it back from where it was kept.", path)
	case err != nil:
		return nil, err
	}
	return NewKeyring(keys...)
}

// mostKeyFile is more than a file of keys has.
const mostKeyFile = 64 << 10

func readKeyFile(path string) (keys [][]byte, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The key file %s cannot be read: %w.", path, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The key file %s is not a regular file.", path)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The key file %s may be read or changed by others (its mode is %#o). Run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, mostKeyFile))
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The key file %s cannot be read: %w.", path, err)
	}
	return parseKeys(path, text)
}

func parseKeys(path string, text []byte) (keys [][]byte, err error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != KeyBytes {
			return nil, outturn.Errorf(outturn.CodeInvalid, "Line %d of the key file %s is not %d bytes as base64.", number, path, KeyBytes) // and does not say what it is
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The key file %s holds no key. Put it back from where it was kept.", path)
	}
	return keys, nil
}

// createKeyFile writes beside the file and links it there, which fails where
// another has been quicker; then that one is it.
func createKeyFile(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	text := "# Outturn's master key. Keep a copy where the backups are not.\n" + base64.StdEncoding.EncodeToString(NewKey()) + "\n"
	_, err = io.WriteString(f, text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
