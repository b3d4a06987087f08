package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"
)

// MigrateTo makes a ledger as it was at a version.
func MigrateTo(ctx context.Context, path string, version int64) error {
	db := openWriting(path)
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// UseDriver has ledgers that are opened until the test ends speak to the database
// through what wrap makes of the driver. No test that does so may be parallel.
func UseDriver(tb testing.TB, wrap func(driver.Driver) driver.Driver) {
	was := driverOf
	driverOf = func(settings []string) driver.Driver { return wrap(was(settings)) }
	tb.Cleanup(func() { driverOf = was })
}

// CountUpTo has totals counted up to n until the test ends.
func CountUpTo(tb testing.TB, n int64) {
	was := mostTotal
	mostTotal = n
	tb.Cleanup(func() { mostTotal = was })
}

// Readers is how many transactions can read at once.
func Readers(s *Store) int { return s.reads.Stats().MaxOpenConnections }

// ReadOne reads in a transaction, and calls begun before its first statement.
func ReadOne(ctx context.Context, s *Store, begun func()) error {
	return s.read(ctx, "a test", func(t *tx) error {
		begun()
		var one int
		return t.row("SELECT 1").scan(&one)
	})
}

// Bind gives a statement the placeholders of the database.
var Bind = bind

// Empty is how the journal is emptied.
const Empty = empty

// A Journal is what a ledger syncs.
type Journal = syncer

// UseJournal puts what wrap returns between ledgers that are opened until the test ends,
// by their paths, and each of their journals. No test that does so may be parallel.
func UseJournal(tb testing.TB, wrap func(path string, j Journal) Journal) {
	was := openJournal
	openJournal = func(path string) (syncer, error) {
		j, err := was(path)
		if err != nil {
			return nil, err
		}
		return wrap(path, j), nil
	}
	tb.Cleanup(func() { openJournal = was })
}

// Note makes a brief change of nothing.
func Note(ctx context.Context, s *Store) error {
	return s.note(ctx, "a test", func(*tx) error { return nil })
}

// NoteNumber is NextNumber that does not wait for the disk.
func NoteNumber(ctx context.Context, s *Store, scope string) error {
	return s.note(ctx, "a test", func(t *tx) error {
		_, err := t.exec(`INSERT INTO counters (scope, kind, n) VALUES (?1, 'test', 1)`, scope)
		return err
	})
}

// Syncs is how many syncs are under way at most.
const Syncs = syncers

// Asked makes a change of nothing that somebody waits for, and Behind one that nobody does.
// Each calls during while it is made.
func Asked(ctx context.Context, s *Store, during func()) error {
	return s.write(ctx, "a test", func(*tx) error { during(); return nil })
}

func Behind(ctx context.Context, s *Store, during func()) error {
	return s.work(ctx, "a test", func(*tx) error { during(); return nil })
}

// BeginAnewAfter has journals of that many pages begin anew until the test ends. No test that
// does so may be parallel.
func BeginAnewAfter(tb testing.TB, pages int) {
	was := longJournal
	longJournal = pages
	tb.Cleanup(func() { longJournal = was })
}

// Waiting is how many changes wait to be made.
func Waiting(s *Store) int { return len(s.writes.asked) + len(s.writes.behind) }

// LetGo closes of a ledger that is closed what a broken one has left open.
func LetGo(s *Store) error { return errors.Join(s.writes.conn.Close(), s.writes.db.Close()) }

// DoNotWait has the changes of s not wait for another process that holds the ledger.
func DoNotWait(ctx context.Context, s *Store) error {
	return s.note(ctx, "a test", func(*tx) error { return s.writes.once(`PRAGMA busy_timeout = 0`) })
}
