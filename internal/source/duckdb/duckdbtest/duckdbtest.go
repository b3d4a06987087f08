// Package duckdbtest gives tests the DuckDB engine as it is, beside Outturn's own
// way to it: to make databases, and to read files and compute figures by other
// means than the code under test.
package duckdbtest

import (
	"errors"
	"testing"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// A DB is an open database.
type DB struct {
	tb   testing.TB
	conn duck.Connection
}

// Open opens the DuckDB file, which it makes if there is none; "" is a database
// in memory. The test's end closes it; Close does so before, so that others may
// open the file.
func Open(tb testing.TB, path string) (db *DB, close func()) {
	tb.Helper()
	return open(tb, path, "AUTOMATIC")
}

// Read is Open for a file that others may have open too, and nobody for writing.
func Read(tb testing.TB, path string) (db *DB, close func()) {
	tb.Helper()
	return open(tb, path, "READ_ONLY")
}

func open(tb testing.TB, path, mode string) (db *DB, close func()) {
	tb.Helper()
	var database duck.Database
	var config duck.Config
	if duck.CreateConfig(&config) != duck.StateSuccess {
		tb.Fatal("duckdbtest: no configuration")
	}
	defer duck.DestroyConfig(&config)
	if duck.SetConfig(config, "access_mode", mode) != duck.StateSuccess {
		tb.Fatalf("duckdbtest: no access mode %s", mode)
	}
	var message string
	if duck.OpenExt(path, &database, config, &message) != duck.StateSuccess {
		tb.Fatalf("duckdbtest: open %s: %s", path, message)
	}
	db = &DB{tb: tb}
	if duck.Connect(database, &db.conn) != duck.StateSuccess {
		tb.Fatal("duckdbtest: no connection")
	}
	open := true
	close = func() {
		if open {
			open = false
			duck.Disconnect(&db.conn)
			duck.Close(&database)
		}
	}
	tb.Cleanup(close)
	return db, close
}

// For returns the same database for a subtest, which then is the one that fails.
func (db *DB) For(tb testing.TB) *DB { return &DB{tb, db.conn} }

// Exec runs statements.
func (db *DB) Exec(statements ...string) {
	db.tb.Helper()
	for _, sql := range statements {
		if err := db.run(sql, nil); err != nil {
			db.tb.Fatalf("%s: %v", sql, err)
		}
	}
}

// Null is how Rows writes a null.
const Null = "\x00NULL"

// Rows runs a SELECT whose columns are all VARCHAR and returns its rows.
func (db *DB) Rows(sql string) [][]string {
	db.tb.Helper()
	var rows [][]string
	err := db.run(sql, func(chunk duck.DataChunk) {
		columns := duck.DataChunkGetColumnCount(chunk)
		for r := range duck.DataChunkGetSize(chunk) {
			row := make([]string, columns)
			for c := range columns {
				row[c] = text(duck.DataChunkGetVector(chunk, c), r)
			}
			rows = append(rows, row)
		}
	})
	if err != nil {
		db.tb.Fatalf("%s: %v", sql, err)
	}
	return rows
}

func text(v duck.Vector, row duck.IdxT) string {
	if validity := duck.VectorGetValidity(v); validity != nil && !duck.ValidityRowIsValid(validity, row) {
		return Null
	}
	data := (*[1 << 20]duck.StringT)(duck.VectorGetData(v))
	return duck.StringTData(&data[row])
}

func (db *DB) run(sql string, each func(duck.DataChunk)) error {
	var result duck.Result
	state := duck.Query(db.conn, sql, &result)
	defer duck.DestroyResult(&result)
	if state != duck.StateSuccess {
		return errors.New(duck.ResultError(&result))
	}
	for each != nil {
		chunk := duck.FetchChunk(result)
		if chunk.Ptr == nil {
			break
		}
		each(chunk)
		duck.DestroyDataChunk(&chunk)
	}
	return nil
}
