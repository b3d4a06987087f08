package blob

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// createUnnamed opens a file that has no name until giveName gives it one, so
// that a killed process leaves nothing behind. File systems that cannot do that
// get a hidden name.
func createUnnamed(folder string) (*os.File, string, error) {
	fd, err := unix.Open(folder, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o666)
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), folder), "", nil
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EISDIR), errors.Is(err, unix.EINVAL):
		return createHidden(folder)
	}
	return nil, "", err
}

// giveName links an unnamed file under a hidden name in its folder.
func giveName(f *os.File, folder string) (string, error) {
	name := filepath.Join(folder, ".outturn-"+rand.Text()+".part")
	return name, unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(int(f.Fd())), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
}

// linkUnnamed gives an unnamed file a name in an open folder, where nothing may
// have it yet.
func linkUnnamed(f, folder *os.File, name string) error {
	return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(int(f.Fd())), int(folder.Fd()), name, unix.AT_SYMLINK_FOLLOW)
}

// uncache has the system forget n bytes of f that are on the disk. Where it does not, they
// stay, and all is well.
func uncache(f *os.File, from, n int64) {
	_ = unix.Fadvise(int(f.Fd()), from, n, unix.FADV_DONTNEED)
}

// freeBytes is how much this process may still write to the disk of a folder.
func freeBytes(folder string) (free int64, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}
