package server

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"outturn"
	"outturn/internal/blob"
)

// A backup is one tar file:
//
//	ledger.db    as it was at one instant
//	key          what its secrets are sealed under
//	files/…      what runs produced
//	SHA256SUMS   of all the others
const sumsName = "SHA256SUMS"

// Backup writes a copy of the folder to w, also while a server works on it: the
// ledger as it is at one instant, then the files that are there. What becomes of
// files meanwhile is told by Restore.
func (f *Folder) Backup(ctx context.Context, w io.Writer) error {
	temp, err := os.MkdirTemp(f.Path, ".backup-*")
	if err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder %s cannot be written: %w.", f.Path, err)
	}
	defer os.RemoveAll(temp)
	ledger := filepath.Join(temp, "ledger.db")
	if err := f.Ledger.Backup(ctx, ledger); err != nil {
		return err
	}
	b := &backup{w: tar.NewWriter(w), sums: map[string]string{}}
	if err := b.addFile(LedgerName, ledger); err != nil {
		return err
	}
	if err := b.addFile("key", keyPath(f.Path)); err != nil {
		return err
	}
	for info, err := range f.Files.List(ctx, "") {
		if err != nil {
			return err
		}
		if err := b.addBlob(ctx, f.Files, info.Key); err != nil && outturn.ErrorCode(err) != outturn.CodeNotFound { // deleted since
			return err
		}
	}
	return b.close()
}

type backup struct {
	w    *tar.Writer
	sums map[string]string
}

func (b *backup) addFile(name, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return b.add(name, info.Size(), info.ModTime(), in)
}

func (b *backup) addBlob(ctx context.Context, files *blob.Folder, key string) error {
	in, err := files.Open(ctx, key)
	if err != nil {
		return err
	}
	defer in.Close()
	return b.add(path.Join("files", key), in.Size(), time.Now(), in)
}

func (b *backup) add(name string, size int64, changed time.Time, in io.Reader) error {
	if err := b.w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: changed, Format: tar.FormatPAX}); err != nil {
		return err
	}
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(b.w, hash), in, size); err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	b.sums[name] = hex.EncodeToString(hash.Sum(nil))
	return nil
}

func (b *backup) close() error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.sums)) {
		fmt.Fprintf(&text, "%s  %s\n", b.sums[name], name)
	}
	if err := b.add(sumsName, int64(text.Len()), time.Now(), strings.NewReader(text.String())); err != nil {
		return err
	}
	return b.w.Close()
}

// Restored is what a restore came to.
type Restored struct {
	Files   int      `json:"files"`   // that were put back
	Missing []string `json:"missing"` // that the ledger lists and the backup has not
}

// Restore makes a data folder of a backup. The folder may not exist yet, or must be
// empty: nothing is ever mixed. A backup that is damaged leaves nothing behind.
func Restore(ctx context.Context, folder string, r io.Reader) (Restored, error) {
	if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
		return Restored{}, outturn.Errorf(outturn.CodeConflict, "The folder %s is not empty. Restore into a new one: nothing is mixed.", folder)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Restored{}, outturn.Errorf(outturn.CodeStorageUnavailable, "The folder %s cannot be read: %w.", folder, err)
	}
	draft := strings.TrimRight(folder, string(os.PathSeparator)) + ".restoring"
	if err := os.Mkdir(draft, 0o700); err != nil {
		return Restored{}, outturn.Errorf(outturn.CodeStorageUnavailable, "The folder %s cannot be made: %w. If it is left of a restore that was broken off, remove it.", draft, err)
	}
	defer os.RemoveAll(draft)
	if err := unpack(draft, r); err != nil {
		return Restored{}, err
	}
	restored, err := takeStock(ctx, draft)
	if err != nil {
		return restored, err
	}
	_ = os.Remove(folder) // an empty one; Rename tells if it is not
	if err := os.Rename(draft, folder); err != nil {
		return restored, outturn.Errorf(outturn.CodeStorageUnavailable, "The folder %s cannot be put in place: %w.", folder, err)
	}
	return restored, nil
}

// unpack writes a backup's files below folder and holds them against their sums.
func unpack(folder string, r io.Reader) error {
	damaged := func(format string, args ...any) error {
		return outturn.Errorf(outturn.CodeFileDamaged, "The backup is damaged: %w. Nothing was restored.", fmt.Errorf(format, args...))
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	sums, want := map[string]string{}, map[string]string(nil)
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged("it cannot be read: %w", err)
		}
		if h.Name == sumsName {
			if want, err = readSums(in); err != nil {
				return damaged("%s: %w", sumsName, err)
			}
			continue
		}
		if _, twice := sums[h.Name]; twice || h.Typeflag != tar.TypeReg || !isPart(h.Name) {
			return damaged("%s has no place in one", outturn.Shown(h.Name))
		}
		sum, err := restoreFile(root, h.Name, in)
		var place *fs.PathError // else the backup could not be read
		switch {
		case errors.As(err, &place) && errors.Is(err, syscall.ENOSPC):
			return outturn.Errorf(outturn.CodeDiskFull, "There is no room for what is in the backup: %w. Nothing was restored.", err)
		case errors.As(err, &place):
			return outturn.Errorf(outturn.CodeStorageUnavailable, "What is in the backup cannot be written: %w. Nothing was restored.", err)
		case err != nil:
			return damaged("%s: %w", outturn.Shown(h.Name), err)
		}
		sums[h.Name] = sum
	}
	if want == nil {
		return damaged("its end is missing")
	}
	if !maps.Equal(sums, want) {
		return damaged("what is in it is not what %s says", sumsName)
	}
	return nil
}

// isPart says whether a backup has such a file.
func isPart(name string) bool {
	return name == LedgerName || name == "key" || strings.HasPrefix(name, "files/") && filepath.IsLocal(name)
}

func readSums(r io.Reader) (map[string]string, error) {
	sums := map[string]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok {
			return nil, fmt.Errorf("line %d", len(sums)+1)
		}
		sums[name] = sum
	}
	return sums, lines.Err()
}

func restoreFile(root *os.Root, name string, in io.Reader) (sum string, err error) {
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
	}
	out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, hash), in)
	err = errors.Join(err, out.Sync(), out.Close())
	return hex.EncodeToString(hash.Sum(nil)), err
}

// takeStock opens a folder that was unpacked and says which files its ledger lists
// that are not there.
func takeStock(ctx context.Context, folder string) (restored Restored, err error) {
	f, err := OpenFolder(ctx, folder, time.Now)
	if err != nil {
		return restored, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p, err := f.Operator(ctx)
	if err != nil {
		return restored, err
	}
	there := map[string]bool{}
	for info, err := range f.Files.List(ctx, "") {
		if err != nil {
			return restored, err
		}
		there[info.Key] = true
	}
	restored.Files, restored.Missing = len(there), []string{}
	q := outturn.ListQuery{
		Where: &outturn.Expr{Op: outturn.OpEQ, Field: "state", Values: []string{string(outturn.RunSucceeded)}},
		Page:  outturn.Page{Limit: outturn.MaxPage},
	}
	for {
		page, err := f.Ledger.Runs(ctx, p.Tenant, "*", q)
		if err != nil {
			return restored, err
		}
		for _, run := range page.Items {
			run, err := f.Ledger.Run(ctx, p.Tenant, run.ID)
			if err != nil {
				return restored, err
			}
			for _, file := range run.Files {
				if !there[file.Key] {
					restored.Missing = append(restored.Missing, file.Name)
				}
			}
		}
		if q.Page.After = page.Next; q.Page.After == "" {
			return restored, nil
		}
	}
}
