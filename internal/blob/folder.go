package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"outturn"
)

// A Folder is a Store in a folder of the local disk. Keys are paths in it. One
// process uses it at a time; doctor may look.
//
//	OpenFolder ──► Create: a file without a name, which a killed process takes with it
//	               Commit: make folders; give it its name; sync it and its folders
//
// Nothing outside the folder is read or written, through links neither.
type Folder struct {
	root *os.Root
	path string

	// names is held while folders come and go: one that Commit has made for its file
	// must not be taken for empty by Delete.
	names sync.Mutex
}

var _ Store = (*Folder)(nil)

// staleAfter is how long an unfinished file may be without a write before it counts
// as left by a process that was killed.
const staleAfter = 24 * time.Hour

// leastFree is how many bytes must be free for Check to be content.
const leastFree = 64 << 20

// OpenFolder opens the folder at path, which it makes where there is none. Nobody
// but its owner may look into the folders it makes.
func OpenFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The folder of files %s cannot be made: %w.", path, err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The folder of files %s cannot be opened: %w.", path, err)
	}
	f := &Folder{root: root, path: path}
	f.removeStale()
	return f, nil
}

// Close lets go of the folder. What is open of it stays usable.
func (f *Folder) Close() error { return f.root.Close() }

// removeStale removes what killed processes left on file systems that have no
// files without a name.
func (f *Folder) removeStale() {
	left, _ := filepath.Glob(filepath.Join(globEscape.Replace(f.path), hiddenPattern))
	for _, file := range left {
		if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(file)
		}
	}
}

// globEscape makes a path a pattern that matches it alone.
var globEscape = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)

// Create starts an upload, in the folder itself: folders for its key come with
// Commit.
func (f *Folder) Create(ctx context.Context, key string) (Upload, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	file := &File{path: path.Base(key)} // to be told: whoever runs it has no use for where it lies
	var err error
	if file.file, file.temp, err = createUnnamed(f.path); err != nil {
		return nil, file.storageError(err)
	}
	return &folderUpload{ctx: ctx, folder: f, key: key, file: file}, nil
}

type folderUpload struct {
	ctx    context.Context
	folder *Folder
	key    string
	file   *File
}

func (u *folderUpload) Write(p []byte) (int, error) {
	switch {
	case u.file == nil:
		return 0, errUploadOver
	case u.ctx.Err() != nil:
		return 0, context.Cause(u.ctx)
	}
	return u.file.Write(p)
}

// errUploadOver is of one who uses an upload after its end.
var errUploadOver = errors.New("blob: the upload is over")

func (u *folderUpload) Commit(ctx context.Context) error {
	if u.file == nil {
		return errUploadOver
	}
	file := u.file
	defer u.Abort()
	for _, c := range []context.Context{u.ctx, ctx} {
		if c.Err() != nil {
			return context.Cause(c)
		}
	}
	if err := u.folder.place(file, u.key); err != nil {
		return file.storageError(err)
	}
	return nil
}

func (u *folderUpload) Abort() {
	if u.file != nil {
		u.file.Abort()
		u.file = nil
	}
}

// place gives a file its name and makes both durable, at once: the disk is waited for
// once. Until Commit returns nobody counts on what is under the key, which a loss of
// power may cut. When it fails, the name is taken back: the caller is told that there
// is nothing.
func (f *Folder) place(file *File, key string) error {
	if err := file.file.Chmod(0o600); err != nil {
		return err
	}
	f.names.Lock()
	made, err := f.makeFolders(path.Dir(key))
	if err == nil {
		err = f.name(file, key)
	}
	if err != nil {
		f.removeEmpty(path.Dir(key))
	}
	f.names.Unlock()
	if err != nil {
		return err
	}
	if err := f.sync(file, append(made, path.Dir(key))); err != nil {
		return errors.Join(err, f.remove(key))
	}
	return nil
}

// sync waits for the disk once and not for the file and each folder: all of them have
// to be on it before the file counts, in any order.
func (f *Folder) sync(file *File, folders []string) error {
	errs := make([]error, len(folders))
	var others sync.WaitGroup
	for i, folder := range folders {
		others.Go(func() { errs[i] = f.syncFolder(folder) })
	}
	err := file.sync()
	others.Wait()
	return errors.Join(append(errs, err)...)
}

// name gives a file its name: at once where it has none and nothing is there, so
// that there is no moment at which a killed process leaves it under another.
func (f *Folder) name(file *File, key string) error {
	if file.temp == "" {
		folder, err := f.root.Open(path.Dir(key))
		if err != nil {
			return err
		}
		err = linkUnnamed(file.file, folder, path.Base(key))
		_ = folder.Close()
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		if file.temp, err = giveName(file.file, f.path); err != nil {
			return err
		}
	}
	if err := f.root.Rename(filepath.Base(file.temp), key); err != nil {
		return err
	}
	file.temp = ""
	return nil
}

// makeFolders makes folder and those above it, and returns in which ones that is to
// be synced.
func (f *Folder) makeFolders(folder string) (changed []string, err error) {
	if folder == "." {
		return nil, nil
	}
	if info, err := f.root.Stat(folder); err == nil && info.IsDir() {
		return nil, nil
	}
	if changed, err = f.makeFolders(path.Dir(folder)); err != nil {
		return changed, err
	}
	if err := f.root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return changed, err
	}
	return append(changed, path.Dir(folder)), nil
}

func (f *Folder) syncFolder(folder string) error {
	d, err := f.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open returns the file under key. Only a regular file is one: a pipe would have its
// reader wait for ever.
func (f *Folder) Open(ctx context.Context, key string) (Object, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	info, err := f.root.Lstat(key)
	if absent(err) || err == nil && !info.Mode().IsRegular() {
		return nil, notFound(key)
	}
	if err != nil {
		return nil, readError(key, err)
	}
	file, err := f.root.Open(key)
	if absent(err) {
		return nil, notFound(key)
	}
	if err != nil {
		return nil, readError(key, err)
	}
	if info, err = file.Stat(); err != nil {
		_ = file.Close()
		return nil, readError(key, err)
	}
	return &folderObject{file, info.Size()}, nil
}

// absent says whether an error means that there is no such object. Where an element
// of the key is a file, it has none below it.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func notFound(key string) error {
	return outturn.Errorf(outturn.CodeNotFound, "There is no stored file %s.", path.Base(key))
}

func readError(key string, err error) error {
	return outturn.Errorf(outturn.CodeStorageUnavailable, "The stored file %s cannot be reached: %w.", path.Base(key), err)
}

type folderObject struct {
	*os.File
	size int64
}

func (o *folderObject) Size() int64 { return o.size }

// Delete removes the file under key, and the folders that it leaves empty.
func (f *Folder) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := f.remove(key); err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The stored file %s cannot be deleted: %w.", path.Base(key), err)
	}
	return nil
}

func (f *Folder) remove(key string) error {
	info, err := f.root.Lstat(key)
	switch {
	case absent(err), err == nil && info.IsDir():
		return nil
	case err != nil:
		return err
	}
	f.names.Lock()
	defer f.names.Unlock()
	if err := f.root.Remove(key); err != nil && !absent(err) {
		return err
	}
	f.removeEmpty(path.Dir(key))
	return nil
}

// removeEmpty removes folder and those above it, up to the first that is not empty.
func (f *Folder) removeEmpty(folder string) {
	for folder != "." {
		if info, err := f.root.Lstat(folder); err != nil || !info.IsDir() || f.root.Remove(folder) != nil {
			return
		}
		folder = path.Dir(folder)
	}
}

// List walks the folders that can hold such keys, some names at a time: a tenant
// may have a million runs.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if strings.HasPrefix(prefix, "/") || strings.Contains("/"+prefix+"/", "/../") {
			return // no key begins so
		}
		f.list(ctx, path.Dir(prefix+"x"), prefix, yield)
	}
}

// namesAtOnce is how many names of a folder are read at a time.
const namesAtOnce = 512

func (f *Folder) list(ctx context.Context, folder, prefix string, yield func(Info, error) bool) bool {
	fail := func(err error) bool {
		yield(Info{}, outturn.Errorf(outturn.CodeStorageUnavailable, "The stored files cannot be listed: %w.", err))
		return false
	}
	d, err := f.root.Open(folder)
	if absent(err) {
		return true
	}
	if err != nil {
		return fail(err)
	}
	defer d.Close()
	for {
		if ctx.Err() != nil {
			yield(Info{}, context.Cause(ctx))
			return false
		}
		entries, err := d.ReadDir(namesAtOnce)
		for _, e := range entries {
			if !f.listEntry(ctx, path.Join(folder, e.Name()), e, prefix, yield) {
				return false
			}
		}
		if err == io.EOF || absent(err) { // a file, or a folder that was removed
			return true
		}
		if err != nil {
			return fail(err)
		}
	}
}

func (f *Folder) listEntry(ctx context.Context, key string, e fs.DirEntry, prefix string, yield func(Info, error) bool) bool {
	if !safeKey(key) {
		return true
	}
	if e.IsDir() {
		if below := key + "/"; strings.HasPrefix(below, prefix) || strings.HasPrefix(prefix, below) {
			return f.list(ctx, key, prefix, yield)
		}
		return true
	}
	if !e.Type().IsRegular() || !strings.HasPrefix(key, prefix) {
		return true
	}
	info, err := e.Info()
	if err != nil {
		return true // it went meanwhile
	}
	return yield(Info{Key: key, Size: info.Size(), ModTime: info.ModTime()}, nil)
}

// Check writes a small file that never gets a name, reads it back, and looks how
// much room is left.
func (f *Folder) Check(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	probe := &File{path: f.path}
	var err error
	if probe.file, probe.temp, err = createUnnamed(f.path); err != nil {
		return probe.storageError(err)
	}
	defer probe.Abort()
	const text = "can be written"
	back := make([]byte, len(text))
	if _, err := io.WriteString(probe, text); err != nil {
		return err
	}
	if _, err := probe.file.ReadAt(back, 0); err != nil || string(back) != text {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "%s gives back something else than was written (%q, %v).", f.path, back, err)
	}
	if free, known := freeBytes(f.path); known && free < leastFree {
		return outturn.Errorf(outturn.CodeDiskFull, "Only %d MiB are free on the disk of %s. Make room: below %d MiB no run can be sure to end well.", free>>20, f.path, leastFree>>20)
	}
	return nil
}
