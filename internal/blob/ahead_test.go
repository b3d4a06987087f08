package blob

import (
	"errors"
	"path/filepath"
	"testing"
)

// What could not be synced ahead the system tells of once, and the last sync may well
// succeed: neither a file nor an upload counts then.
func TestSyncAheadFailed(t *testing.T) {
	errDisk := errors.New("the disk is broken")
	failed := func(f *File) {
		f.ahead = make(chan error, 1)
		f.ahead <- errDisk
	}
	dir := t.TempDir()
	f, err := CreateFile(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	failed(f)
	if err := f.Commit(); !errors.Is(err, errDisk) {
		t.Errorf("the file's Commit: %v", err)
	}
	folder, err := OpenFolder(filepath.Join(dir, "folder"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	upload, err := folder.Create(t.Context(), "tenant/report.csv")
	if err != nil {
		t.Fatal(err)
	}
	failed(upload.(*folderUpload).file)
	if err := upload.Commit(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("the upload's Commit: %v", err)
	}
	if _, err := folder.Open(t.Context(), "tenant/report.csv"); err == nil {
		t.Error("the upload is there")
	}
}
