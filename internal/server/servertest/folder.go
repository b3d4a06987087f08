package servertest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Leftovers lists what is in a data folder's store of files and is no file of any
// of the runs, and what of theirs is not there as it is listed. runs are all there
// are, as they ended.
func Leftovers(data string, runs map[string]Run) []string {
	var faults []string
	wanted := map[string]File{}
	for _, r := range runs {
		for _, f := range r.Files {
			wanted[r.ID+"/"+f.Name] = f
		}
	}
	store := filepath.Join(data, "files")
	found := map[string]bool{}
	err := filepath.WalkDir(store, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // it went meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		key, _ := filepath.Rel(store, path)
		_, file, _ := strings.Cut(filepath.ToSlash(key), "/") // of tenant/run.attempt.name
		parts := strings.SplitN(file, ".", 3)
		if len(parts) != 3 {
			faults = append(faults, "files/"+key)
			return nil
		}
		f, ok := wanted[parts[0]+"/"+parts[2]]
		info, err := d.Info()
		switch {
		case os.IsNotExist(err):
		case err != nil:
			return err
		case !ok:
			faults = append(faults, "files/"+key)
		case found[f.ID]:
			faults = append(faults, fmt.Sprintf("files/%s, a second time", key))
		case info.Size() != f.Bytes:
			faults = append(faults, fmt.Sprintf("files/%s with %d bytes, not %d", key, info.Size(), f.Bytes))
		default:
			found[f.ID] = true
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		faults = append(faults, err.Error())
	}
	for name, f := range wanted {
		if !found[f.ID] {
			faults = append(faults, "nothing, where a run lists "+name)
		}
	}
	return faults
}

// age makes all stored files that much older.
func age(data string, by time.Duration) error {
	then := time.Now().Add(-by)
	return filepath.WalkDir(filepath.Join(data, "files"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, then, then)
	})
}

// TemporaryLeft lists what is in a data folder that only a running server may have
// there.
func TemporaryLeft(data string) []string {
	var left []string
	entries, _ := os.ReadDir(filepath.Join(data, "tmp"))
	for _, e := range entries {
		left = append(left, filepath.Join("tmp", e.Name()))
	}
	entries, _ = os.ReadDir(filepath.Join(data, "files"))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			left = append(left, filepath.Join("files", e.Name()))
		}
	}
	return left
}
