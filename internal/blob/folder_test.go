package blob_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/blob/blobtest"
)

func openFolder(tb testing.TB, path string) *blob.Folder {
	tb.Helper()
	f, err := blob.OpenFolder(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

func TestFolder(t *testing.T) {
	blobtest.Run(t, func(tb testing.TB) blob.Store {
		path := filepath.Join(tb.TempDir(), "files")
		tb.Cleanup(func() { wantPrivate(tb, path) })
		return openFolder(tb, path)
	})
}

// wantPrivate fails when somebody else could look into a folder or a file, or when
// there is an unfinished one.
func wantPrivate(tb testing.TB, root string) {
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			tb.Errorf("%s has the mode %v", path, info.Mode())
		}
		if strings.HasPrefix(e.Name(), ".") {
			tb.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		tb.Error(err)
	}
}

// The last file of a folder takes it along, up to the root.
func TestFolderRemovesWhatIsEmpty(t *testing.T) {
	root := filepath.Join(t.TempDir(), "files")
	f := openFolder(t, root)
	for _, key := range []string{"t/a/1/x", "t/b/1/x"} {
		blobtest.Put(t, f, key, nil)
	}
	for _, step := range []struct{ key, gone, there string }{
		{"t/a/1/x", "t/a", "t/b"},
		{"t/b/1/x", "t", ""},
	} {
		if err := f.Delete(t.Context(), step.key); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(root, step.gone)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", step.gone, err)
		}
		if _, err := os.Stat(filepath.Join(root, step.there)); err != nil {
			t.Error(err)
		}
	}
}

// Links lead neither a reader nor a writer out of the folder.
func TestFolderThroughLinks(t *testing.T) {
	outside, root := t.TempDir(), filepath.Join(t.TempDir(), "files")
	f := openFolder(t, root)
	secret := filepath.Join(outside, "secret")
	if err := errors.Join(
		os.WriteFile(secret, []byte("secret"), 0o600),
		os.Symlink(outside, filepath.Join(root, "out")),
		os.Symlink(secret, filepath.Join(root, "file")),
		os.Symlink("nowhere", filepath.Join(root, "dangling")),
		syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"out/secret", "file", "pipe", "dangling"} {
		if got, err := blobtest.Get(t, f, key); err == nil {
			t.Errorf("%s gave %q", key, got)
		}
	}
	if keys := blobtest.Keys(t, f, ""); len(keys) > 0 {
		t.Errorf("listed: %v", keys)
	}
	if err := f.Delete(t.Context(), "out/secret"); err == nil {
		t.Error("what lies outside could be deleted")
	}
	up, err := f.Create(t.Context(), "out/new")
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Commit(t.Context()); err == nil {
		t.Error("a file could be put outside")
	}
	blobtest.Put(t, f, "file", []byte("own")) // takes the link's place
	if got, err := os.ReadFile(secret); err != nil || string(got) != "secret" {
		t.Errorf("what lies outside became %q, %v", got, err)
	}
	if got := entries(t, outside); len(got) != 1 {
		t.Errorf("outside lie %v", got)
	}
}

// smallDisk returns a folder on a disk of 4 MiB, or none where this process may not
// mount one.
func smallDisk(t *testing.T) (folder string, ok bool) {
	folder = t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Logf("no small disk here: %v", err)
		return "", false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	})
	return folder, true
}

// A full disk fails the upload and nothing else: what is there stays, and the next
// one that has room succeeds.
func TestFolderOnAFullDisk(t *testing.T) {
	disk, ok := smallDisk(t)
	if !ok {
		limitFiles(t, 4<<20)
		disk = t.TempDir()
	}
	root := filepath.Join(disk, "files")
	f := openFolder(t, root)
	blobtest.Put(t, f, "t/a/1/x", []byte("was there"))
	up, err := f.Create(t.Context(), "t/b/1/x")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := up.Write(bytes.Repeat([]byte("x"), 8<<20)); outturn.ErrorCode(err) != outturn.CodeDiskFull || n >= 8<<20 {
		t.Errorf("wrote %d bytes, %v", n, err)
	} else if strings.Contains(err.Error(), disk) {
		t.Errorf("whoever runs it is told where the files lie: %v", err)
	}
	if ok {
		if err := f.Check(t.Context()); outturn.ErrorCode(err) != outturn.CodeDiskFull {
			t.Errorf("Check says %v", err)
		}
	}
	up.Abort()
	blobtest.Put(t, f, "t/c/1/x", bytes.Repeat([]byte("x"), 1<<20))
	if got, err := blobtest.Get(t, f, "t/a/1/x"); err != nil || string(got) != "was there" {
		t.Errorf("got %q, %v", got, err)
	}
	if got := entries(t, filepath.Join(root, "t")); len(got) != 2 {
		t.Errorf("there are %v", got)
	}
	wantPrivate(t, root)
}

// limitFiles lets no file of this process grow beyond n bytes during the test.
func limitFiles(t *testing.T, n uint64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Error(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	})
}

// A file that grows beyond what it may is as good as a full disk.
func TestFolderFileTooLarge(t *testing.T) {
	limitFiles(t, 1<<20)
	f := openFolder(t, filepath.Join(t.TempDir(), "files"))
	up, err := f.Create(t.Context(), "t/b/1/x")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	if n, err := up.Write(bytes.Repeat([]byte("x"), 2<<20)); outturn.ErrorCode(err) != outturn.CodeDiskFull {
		t.Errorf("wrote %d bytes, %v", n, err)
	}
}

// A process that is killed while it uploads leaves nothing, not even a folder.
func TestKilledUploadLeavesNothing(t *testing.T) {
	if root := os.Getenv("OUTTURN_TEST_UPLOAD"); root != "" {
		f := openFolder(t, root)
		up, err := f.Create(t.Context(), "t/r/1/a.csv")
		for block := make([]byte, 1<<20); err == nil; _, err = up.Write(block) {
			os.Stdout.WriteString(".")
		}
		panic(err)
	}
	root := filepath.Join(t.TempDir(), "files")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledUploadLeavesNothing$")
	cmd.Env = append(os.Environ(), "OUTTURN_TEST_UPLOAD="+root)
	talk, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(talk, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	if got := entries(t, root); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

// What a killed process left under a hidden name goes when it is old; what may be
// under way stays.
func TestOpenFolderRemovesWhatIsStale(t *testing.T) {
	root := t.TempDir()
	old, fresh := filepath.Join(root, ".outturn-1.part"), filepath.Join(root, ".outturn-2.part")
	long := time.Now().Add(-48 * time.Hour)
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.Chtimes(old, long, long), os.WriteFile(fresh, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	openFolder(t, root)
	if got := entries(t, root); len(got) != 1 || got[0] != ".outturn-2.part" {
		t.Errorf("there are %v", got)
	}
}

func TestOpenFolderErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if _, err := blob.OpenFolder(path); outturn.ErrorCode(err) != outturn.CodeStorageUnavailable {
			t.Errorf("OpenFolder(%q): %v", path, err)
		}
	}
}

// A folder that went away is told by Check and by every call, in words.
func TestFolderGone(t *testing.T) {
	root := filepath.Join(t.TempDir(), "files")
	f := openFolder(t, root)
	if err := os.Remove(root); err != nil {
		t.Fatal(err)
	}
	if err := f.Check(t.Context()); outturn.ErrorCode(err) != outturn.CodeStorageUnavailable {
		t.Errorf("Check: %v", err)
	}
	if _, err := f.Create(t.Context(), "a/b"); outturn.ErrorCode(err) != outturn.CodeStorageUnavailable {
		t.Errorf("Create: %v", err)
	}
}
