package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/secret"
	"outturn/internal/store"
)

// A Folder is a data folder: all that one Outturn keeps.
//
//	outturn-data/        0700
//	  ledger.db          tenants, clients, runs, audit (SQLite, with -wal and -shm)
//	  key                what secrets in the ledger are sealed under, 0600
//	  files/             what runs produced
//	  tmp/               temporary files of the query engine
//	  lock               held by the one process that serves it
//	  opening            held by a process for as long as it opens the ledger
//	  commerce.duckdb    sample data, where somebody had them made
type Folder struct {
	Path   string
	Ledger *store.Store
	Sealer secret.Sealer
	Files  *blob.Folder

	lock *os.File
}

// LedgerName is the ledger's file in a data folder.
const LedgerName = "ledger.db"

// Places in a data folder.
func ledgerPath(folder string) string { return filepath.Join(folder, LedgerName) }
func keyPath(folder string) string    { return filepath.Join(folder, "key") }
func filesPath(folder string) string  { return filepath.Join(folder, "files") }

// OpenFolder opens a data folder, which it makes where there is none, and brings
// its ledger up to date. It may be open in a server and in a command at once; see
// Lock.
func OpenFolder(ctx context.Context, path string, now func() time.Time) (*Folder, error) {
	if err := makeFolder(path); err != nil {
		return nil, err
	}
	f := &Folder{Path: path}
	var err error
	if f.Sealer, err = secret.OpenKeyFile(keyPath(path), true); err != nil {
		return nil, err
	}
	if f.Files, err = blob.OpenFolder(filesPath(path)); err != nil {
		return nil, err
	}
	if err := f.openLedger(ctx, store.Config{Path: ledgerPath(path), Now: now}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openLedger opens the ledger, or makes it; of several processes that do so one after
// the other. An older one it brings up to date, unless a server of the older Outturn is
// at work on it.
func (f *Folder) openLedger(ctx context.Context, c store.Config) error {
	opening, err := os.OpenFile(filepath.Join(f.Path, "opening"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		defer opening.Close()
		err = awaitFile(opening)
	}
	if err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder %s cannot be written: %w.", f.Path, err)
	}
	if _, err := os.Stat(c.Path); err == nil {
		pending, err := store.Pending(ctx, c)
		if err != nil {
			return err
		}
		if len(pending) > 0 {
			if err := f.Lock(); err != nil {
				return outturn.Errorf(outturn.ErrorCode(err), "The ledger is to be brought up to date. %w", err)
			}
			defer f.unlock()
		}
	}
	if f.Ledger, err = store.Open(ctx, c); err != nil {
		return err
	}
	_, err = f.provider(ctx)
	return err
}

// makeFolder makes a data folder that nobody else may look into, and refuses one
// that others may.
func makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder %s cannot be made: %w.", path, err)
	}
	return checkFolder(path)
}

// CheckFolder refuses a folder that others may enter, before anything is put into it. One
// that does not exist is as good as one that is its owner's alone.
func CheckFolder(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return checkFolder(path)
}

func checkFolder(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder %s cannot be read: %w.", path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		if isOthers(path) {
			return outturn.Errorf(outturn.CodeStorageUnavailable, "The folder %s holds no Outturn data, and what is in it may be entered by others (%s). Name another folder with --data: `outturn serve` makes one that is not there.", path, mode)
		}
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder %s may be entered by others (%s). It holds customers' files and keys: chmod 700 it.", path, mode)
	}
	return nil
}

// isOthers reports whether a folder is in use for something else, such as /etc: nobody is
// to be told to change that one.
func isOthers(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) > 0 && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == LedgerName || e.Name() == filepath.Base(keyPath(path))
	})
}

// provider returns the root of the tenants, which the first start makes.
func (f *Folder) provider(ctx context.Context) (outturn.Tenant, error) {
	root, err := f.Ledger.Root(ctx)
	if outturn.ErrorCode(err) != outturn.CodeNotFound {
		return root, err
	}
	return f.Ledger.CreateTenant(ctx,
		outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"},
		outturn.AuditEntry{Subject: "system", Via: "local", Action: "tenant.create"})
}

// Operator is who uses a data folder from the machine it is on.
func (f *Folder) Operator(ctx context.Context) (outturn.Principal, error) {
	root, err := f.provider(ctx)
	return outturn.Principal{
		Subject: "local:operator", Kind: "system", Name: "operator on the server", Tenant: root.ID,
		Roles: []outturn.Role{outturn.RoleOperator}, Via: "local",
	}, err
}

// Lock makes this process the one that serves the folder, until Close.
func (f *Folder) Lock() error {
	lock, err := os.OpenFile(filepath.Join(f.Path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder %s cannot be written: %w.", f.Path, err)
	}
	if err := lockFile(lock); err != nil {
		_ = lock.Close()
		return outturn.Errorf(outturn.CodeConflict, "Another process serves the data folder %s. Stop it first, or name another folder with --data.", f.Path)
	}
	f.lock = lock
	return nil
}

func (f *Folder) unlock() {
	_ = f.lock.Close()
	f.lock = nil
}

// Close gives everything back. It may be called twice.
func (f *Folder) Close() error {
	var errs []error
	if f.Ledger != nil {
		errs = append(errs, f.Ledger.Close())
		f.Ledger = nil
	}
	if f.Files != nil {
		errs = append(errs, f.Files.Close())
		f.Files = nil
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
		f.lock = nil
	}
	return errors.Join(errs...)
}
