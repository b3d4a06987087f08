package blob_test

import (
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"outturn/internal/blob"
)

// A long file is all there, and little of it in the system's cache.
func TestLongFile(t *testing.T) {
	const size, most = 100 << 20, 72 << 20
	path := filepath.Join(t.TempDir(), "long")
	f, err := blob.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	random, hash := rand.NewChaCha8([32]byte{1}), sha256.New()
	piece := make([]byte, 1_000_003)
	for n := 0; n < size; n += len(piece) {
		random.Read(piece)
		hash.Write(piece)
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if resident := cached(t, path); resident > most && onDisk(t, path) {
		t.Errorf("%d MiB of it are in the system's cache", resident>>20)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(whole); [32]byte(hash.Sum(nil)) != sum {
		t.Error("the file is not what was written")
	}
}

// onDisk is whether a file lies where the cache is not all there is of it.
func onDisk(t *testing.T, path string) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Type == unix.EXT4_SUPER_MAGIC || s.Type == unix.XFS_SUPER_MAGIC
}

// cached is how many bytes of a file are in the system's cache.
func cached(t *testing.T, path string) (bytes int) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(m)
	page := os.Getpagesize()
	pages := make([]byte, (len(m)+page-1)/page)
	if _, _, errno := syscall.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), uintptr(unsafe.Pointer(&pages[0]))); errno != 0 {
		t.Fatal(errno)
	}
	for _, p := range pages {
		bytes += int(p&1) * page
	}
	return bytes
}
