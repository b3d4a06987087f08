package seed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	bindings "github.com/duckdb/duckdb-go-bindings"

	"outturn"
)

// runDuckDB makes a DuckDB file: in a folder of its own beside the target, which
// then takes its name.
func runDuckDB(ctx context.Context, file string, c Config) (result Result, err error) {
	if _, err := os.Stat(file); err == nil && !c.Force {
		return result, outturn.Errorf(outturn.CodeInvalid, "%s exists already. Name another file, or replace it with --force.", file)
	}
	folder, err := os.MkdirTemp(filepath.Dir(file), "."+filepath.Base(file)+".seed-")
	if err != nil {
		return result, fileError(file, err)
	}
	defer os.RemoveAll(folder)

	draft := filepath.Join(folder, "draft.duckdb")
	if result, err = fillDuckDB(ctx, draft, c); err != nil {
		return result, fileError(file, err)
	}
	if err := publish(draft, file); err != nil {
		return result, fileError(file, err)
	}
	return result, nil
}

// fileError names the file in what went wrong.
func fileError(file string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return outturn.Errorf(outturn.CodeCancelled, "Seeding %s was stopped; the file was not made. %w", file, err)
	case errors.Is(err, syscall.ENOSPC), strings.Contains(err.Error(), "No space left on device"): // DuckDB has only the text
		return outturn.Errorf(outturn.CodeDiskFull, "The disk has no room for %s. %w", file, err)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return outturn.Errorf(outturn.CodeStorageUnavailable, "%s could not be made: %w", file, err)
}

// publish gives a finished file its name, for good.
func publish(draft, file string) error {
	if err := syncFile(draft); err != nil {
		return err
	}
	// A log that a crash left beside the file to be replaced is not the new one's.
	if err := os.Remove(file + ".wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(draft, file); err != nil {
		return err
	}
	return syncFile(filepath.Dir(file))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// fillDuckDB makes a database in a file that does not exist yet.
func fillDuckDB(ctx context.Context, file string, c Config) (result Result, err error) {
	db, err := openDuckDB(file)
	if err != nil {
		return result, err
	}
	defer db.close()
	db.progress = c.Progress
	if err := db.createTables(); err != nil {
		return result, err
	}
	if err := generate(ctx, c.Scale, dayOf(c.Until), db); err != nil {
		return result, err
	}
	return db.finish()
}

// A duckdb is a writer that fills a DuckDB file through an appender per table.
type duckdb struct {
	database bindings.Database
	conn     bindings.Connection
	tables   []*appender // in the schema's order
	byName   map[string]*appender
	progress func(table string, rows int64)
}

func openDuckDB(file string) (*duckdb, error) {
	var config bindings.Config
	if bindings.CreateConfig(&config) != bindings.StateSuccess {
		return nil, errors.New("no DuckDB configuration")
	}
	defer bindings.DestroyConfig(&config)
	// Appended rows go to disk as they come; more memory would not be faster.
	bindings.SetConfig(config, "memory_limit", "1GB")
	db := &duckdb{byName: map[string]*appender{}}
	var fault string
	if bindings.OpenExt(file, &db.database, config, &fault) != bindings.StateSuccess {
		return nil, errors.New(fault)
	}
	if bindings.Connect(db.database, &db.conn) != bindings.StateSuccess {
		bindings.Close(&db.database)
		return nil, errors.New("no connection to DuckDB")
	}
	return db, nil
}

func (db *duckdb) close() {
	for _, t := range db.tables {
		t.close()
	}
	bindings.Disconnect(&db.conn)
	bindings.Close(&db.database)
}

func (db *duckdb) exec(sql string) error {
	var result bindings.Result
	defer bindings.DestroyResult(&result)
	if bindings.Query(db.conn, sql, &result) != bindings.StateSuccess {
		return errors.New(bindings.ResultError(&result))
	}
	return nil
}

func (db *duckdb) createTables() error {
	if err := db.exec(Schema); err != nil {
		return err
	}
	for _, name := range tableNames() {
		t, err := newAppender(db.conn, name)
		if err != nil {
			return err
		}
		db.tables = append(db.tables, t)
		db.byName[t.name] = t
	}
	return nil
}

// progressRows is how often progress is told.
const progressRows = 25 * chunkRows

func (db *duckdb) Row(table string, cells []cell) error {
	t := db.byName[table]
	if err := t.append(cells); err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	if t.rows%progressRows == 0 {
		db.tell(t)
	}
	return nil
}

func (db *duckdb) tell(t *appender) {
	if db.progress != nil {
		db.progress(t.name, t.rows)
	}
}

// finish writes what is still in memory and folds the log into the file.
func (db *duckdb) finish() (Result, error) {
	var result Result
	for _, t := range db.tables {
		if err := t.finish(); err != nil {
			return Result{}, fmt.Errorf("table %s: %w", t.name, err)
		}
		db.tell(t)
		result.Tables = append(result.Tables, TableResult{t.name, t.rows})
	}
	return result, db.exec("CHECKPOINT")
}
