package store

import (
	"context"
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"
)

// MigrateTo makes a ledger as it was at a version.
func MigrateTo(ctx context.Context, path string, version int64) error {
	db, err := openWriting(path)
	if err != nil {
		return err
	}
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
// through another driver. No test that does so may be parallel.
func UseDriver(tb testing.TB, name string) {
	was := driver
	driver = name
	tb.Cleanup(func() { driver = was })
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

// Synchronous makes a change, brief or not, and returns how the database brings it to the
// disk.
func Synchronous(ctx context.Context, s *Store, brief bool) (level int, err error) {
	err = s.writes.do(ctx, brief, func(t *tx) error { return t.row("PRAGMA synchronous").scan(&level) })
	return level, err
}
