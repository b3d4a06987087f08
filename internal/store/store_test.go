package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/store"
	"outturn/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(tb testing.TB, now func() time.Time) (*store.Store, *sql.DB) {
		path := filepath.Join(tb.TempDir(), "ledger.db")
		return open(tb, store.Config{Path: path, Now: now}), database(tb, path)
	})
}

// open opens a ledger until the test ends.
func open(tb testing.TB, c store.Config) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// database opens the file of a ledger past it.
func database(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000&_foreign_keys=1&_synchronous=OFF")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

// A total ends where it takes too long to count: then there is none, and the page leads
// on as any other.
func TestMostTotal(t *testing.T) {
	f := newFixture(t)
	store.CountUpTo(t, 3)
	for n := range int64(6) {
		page, err := f.store.Runs(t.Context(), f.root.ID, "", outturn.ListQuery{Page: outturn.Page{Limit: 2, Total: true}})
		if err != nil || (page.Total == nil) != (n > 3) || n <= 3 && *page.Total != n || (page.Next != "") != (n > 2) {
			t.Errorf("of %d: total %v, next %q, %v", n, page.Total, page.Next, err)
		}
		if _, err := f.store.CreateRun(t.Context(), outturn.Run{Tenant: f.root.ID}, nil, outturn.AuditEntry{}); err != nil {
			t.Fatal(err)
		}
	}
}

// As many readers as there are connections, each in its transaction before any of
// them has prepared its statement: none waits for a connection that another holds.
func TestReadersAtOnce(t *testing.T) {
	s := open(t, store.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var begun, done sync.WaitGroup
	for range store.Readers(s) {
		begun.Add(1)
		done.Go(func() {
			if err := store.ReadOne(ctx, s, func() { begun.Done(); begun.Wait() }); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}
