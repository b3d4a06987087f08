package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/pressly/goose/v3"

	"outturn"
)

// Migrations are numbered and only go forward, each in a transaction. One that was
// published is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is goose's: the numbers of the migrations that were applied.
const versionTable = "goose_db_version"

// mostTries is how often migrations are begun again when another process, which
// opened the same ledger, was in the middle of them.
const mostTries = 10

// migrate brings the ledger up to date.
func migrate(ctx context.Context, c Config, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	for range mostTries {
		var p *goose.Provider
		if p, err = goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true)); err != nil {
			return err
		}
		if _, err = p.Up(ctx); err == nil {
			return nil
		}
		if todo, pending := Pending(ctx, c); pending == nil && len(todo) == 0 {
			return nil
		}
	}
	return fault("bring the ledger up to date", err)
}

// Pending lists the migrations that Open would apply, in their order, and changes
// nothing.
func Pending(ctx context.Context, c Config) ([]string, error) {
	_, err := os.Stat(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return migrationsAfter(0)
	}
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The ledger %s cannot be opened: %w.", c.Path, err)
	}
	db := openLooking(c.Path)
	defer db.Close()
	return pending(ctx, c.Path, db)
}

func pending(ctx context.Context, file string, db *sql.DB) ([]string, error) {
	at, err := version(ctx, db)
	if err != nil {
		return nil, fault("read the version of the ledger", err)
	}
	todo, err := migrationsAfter(0)
	if err != nil {
		return nil, err
	}
	switch newest := int64(len(todo)); {
	case at == noLedger:
		return nil, outturn.Errorf(outturn.CodeConflict, "The file %s is a database, but no ledger of Outturn. It was not touched.", filepath.Base(file))
	case at > newest:
		return nil, outturn.Errorf(outturn.CodeConflict,
			"The ledger %s was written by a newer Outturn: it is at version %d, and this program knows versions up to %d. It was not touched. Run the newer program, or restore a backup from before the upgrade.",
			filepath.Base(file), at, newest)
	}
	return migrationsAfter(at)
}

const noLedger = -1

// version returns the number of the last migration applied, 0 for an empty file,
// and noLedger for another program's database.
func version(ctx context.Context, db *sql.DB) (int64, error) {
	var ours, tables, at int64
	err := db.QueryRowContext(ctx, bind(countTables), versionTable).Scan(&ours, &tables)
	switch {
	case err != nil || tables == 0:
		return 0, err
	case ours == 0:
		return noLedger, nil
	}
	err = db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+versionTable).Scan(&at)
	return at, err
}

// migrationsAfter lists the migrations after number at. They are numbered from 1
// without a gap.
func migrationsAfter(at int64) ([]string, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var names []string
	for _, file := range files[at:] {
		names = append(names, path.Base(file))
	}
	return names, nil
}
