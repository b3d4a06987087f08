package server_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/server"
	"outturn/internal/source/duckdb"
)

// newFolder makes a data folder that nobody has open.
func newFolder(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	f, err := server.OpenFolder(t.Context(), path, time.Now)
	must(t, err)
	must(t, f.Close())
	return path
}

// ledger runs a statement on the ledger of a data folder.
func ledger(t testing.TB, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(path, server.LedgerName))
	must(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	must(t, err)
	must(t, db.Close())
}

const (
	newer = `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`
	older = `DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)`
)

// Each fault is found by the look that is for it, and keeps none of the others from
// being taken. Nothing is changed.
func TestDoctor(t *testing.T) {
	for name, tt := range map[string]struct {
		harm  func(t testing.TB, path string, c *server.Config)
		check string // "" is all well
		says  string
	}{
		"Well": {func(testing.TB, string, *server.Config) {}, "", "all 1 data sets fit"},
		"NotYetServed": {func(t testing.TB, path string, _ *server.Config) {
			must(t, os.RemoveAll(path))
			must(t, os.Mkdir(path, 0o700))
		}, "", "there is none yet"},
		"OlderLedger": {func(t testing.TB, path string, _ *server.Config) { ledger(t, path, older) }, "", "brings it up to date (1 steps)"},
		"Source": {func(_ testing.TB, _ string, c *server.Config) {
			c.Source = duckdb.New(duckdb.Config{Path: "/not/there.duckdb"})
		}, "source", "/not/there.duckdb"},
		"SourceThatDoesNotFit": {func(t testing.TB, _ string, c *server.Config) {
			empty := t.TempDir()
			must(t, os.WriteFile(filepath.Join(empty, "other.csv"), []byte("a\n1\n"), 0o600))
			c.Source = duckdb.New(duckdb.Config{Path: empty, Folder: true})
		}, "source", "sales"},
		"FolderForAll": {func(t testing.TB, path string, _ *server.Config) { must(t, os.Chmod(path, 0o750)) }, "permissions", "chmod 700"},
		"KeyForAll": {func(t testing.TB, path string, _ *server.Config) {
			must(t, os.Chmod(filepath.Join(path, "key"), 0o644))
		}, "permissions", "chmod 600"},
		"NoKey":       {func(t testing.TB, path string, _ *server.Config) { must(t, os.Remove(filepath.Join(path, "key"))) }, "permissions", "put it back"},
		"NewerLedger": {func(t testing.TB, path string, _ *server.Config) { ledger(t, path, newer) }, "ledger", "newer Outturn"},
		"NoLedger": {func(t testing.TB, path string, _ *server.Config) {
			must(t, os.WriteFile(filepath.Join(path, server.LedgerName), []byte("junk junk junk junk"), 0o600))
		}, "ledger", ""},
		"StorageIsNone": {func(t testing.TB, path string, _ *server.Config) {
			replaceFiles(t, path, func(files string) error { return os.WriteFile(files, nil, 0o600) })
		}, "storage", "files"},
		// Where root too may write nothing.
		"StorageReadOnly": {func(t testing.TB, path string, _ *server.Config) {
			replaceFiles(t, path, func(files string) error { return os.Symlink("/sys", files) })
		}, "storage", "files"},
		"Clock": {func(_ testing.TB, _ string, c *server.Config) {
			c.Now = func() time.Time { return time.Now().Add(-3 * time.Second) }
		}, "clock", "3s apart"},
	} {
		t.Run(name, func(t *testing.T) {
			path, c := newFolder(t), server.Config{}
			tables, sets := t.TempDir(), t.TempDir()
			must(t, os.WriteFile(filepath.Join(tables, "sales.csv"), []byte("tenant,amount\n1,10\n"), 0o600))
			must(t, os.WriteFile(filepath.Join(sets, "sales.sql"), []byte(header+datasets["sales"]), 0o600))
			cat, err := catalog.OpenFolder(sets, "duckdb")
			must(t, err)
			c.Catalog, c.Source = cat, duckdb.New(duckdb.Config{Path: tables, Folder: true})
			tt.harm(t, path, &c)
			before := fileNames(t, path)
			findings := server.Doctor(context.Background(), path, c)
			said := false
			for _, f := range findings {
				if f.Sound != (f.Check != tt.check) || f.Sound != (f.Err == nil) || f.Detail == "" {
					t.Errorf("%s: sound %v, %s", f.Check, f.Sound, f.Detail)
				}
				said = said || strings.Contains(f.Detail, tt.says) && (tt.check == "" || f.Check == tt.check)
			}
			if !said || len(findings) != 5 {
				t.Errorf("none of %+v says %q", findings, tt.says)
			}
			if after := fileNames(t, path); !slices.Equal(after, before) && name != "NotYetServed" {
				t.Errorf("it left %v, there was %v", after, before)
			}
		})
	}
}

func replaceFiles(t testing.TB, path string, with func(files string) error) {
	t.Helper()
	files := filepath.Join(path, "files")
	must(t, os.RemoveAll(files))
	must(t, with(files))
}

func fileNames(t testing.TB, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A folder that is not as it must be is not served, with a sentence that says why.
func TestOpenFolderRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		harm func(path string) error
		code outturn.Code
		says string
	}{
		"NewerLedger": {func(path string) error { ledger(t, path, newer); return nil }, outturn.CodeConflict, "newer Outturn"},
		"OlderLedgerBeingServed": {func(path string) error {
			f, err := server.OpenFolder(t.Context(), path, time.Now)
			must(t, err)
			t.Cleanup(func() { must(t, f.Close()) })
			ledger(t, path, older)
			return f.Lock()
		}, outturn.CodeConflict, "Another process serves"},
		"FolderForAll": {func(path string) error { return os.Chmod(path, 0o755) }, outturn.CodeStorageUnavailable, "chmod 700"},
		"KeyForAll":    {func(path string) error { return os.Chmod(filepath.Join(path, "key"), 0o640) }, outturn.CodeInvalid, "chmod 600"},
		"FilesIsAFile": {func(path string) error {
			replaceFiles(t, path, func(files string) error { return os.WriteFile(files, nil, 0o600) })
			return nil
		}, outturn.CodeStorageUnavailable, "files"},
	} {
		path := newFolder(t)
		must(t, tt.harm(path))
		before := len(openFiles(t))
		f, err := server.OpenFolder(t.Context(), path, time.Now)
		wantError(t, name, err, tt.code, tt.says)
		if f != nil {
			t.Errorf("%s: it is open", name)
		}
		if after := openFiles(t); len(after) > before {
			t.Errorf("%s: %d files were open, and %d are: %v", name, before, len(after), after)
		}
	}
}

// Of those that open a new folder at the same moment each gets it.
func TestOpenFolderAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			f, err := server.OpenFolder(t.Context(), path, time.Now)
			if err != nil {
				t.Error(err)
				return
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}
