package seed_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	bindings "github.com/duckdb/duckdb-go-bindings"

	"outturn/internal/seed"
	"outturn/internal/source/postgres/postgrestest"
)

// The tests share one database of scale 1.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "seed-"); err != nil {
		panic(err)
	}
	code := postgrestest.Run(m)
	os.RemoveAll(folder)
	os.Exit(code)
}

var seeded = sync.OnceValues(func() (seed.Result, error) {
	return seed.Run(context.Background(), seed.Config{To: "duckdb:" + seededFile()})
})

func seededFile() string { return filepath.Join(folder, "commerce.duckdb") }

// A database answers SQL in text.
type database struct {
	t    testing.TB
	conn bindings.Connection
}

// openSeeded opens the shared database read-only.
func openSeeded(t testing.TB) database {
	t.Helper()
	if _, err := seeded(); err != nil {
		t.Fatal(err)
	}
	return openDatabase(t, seededFile())
}

func openDatabase(t testing.TB, file string) database {
	t.Helper()
	var config bindings.Config
	bindings.CreateConfig(&config)
	defer bindings.DestroyConfig(&config)
	bindings.SetConfig(config, "access_mode", "READ_ONLY")
	var db bindings.Database
	var fault string
	if bindings.OpenExt(file, &db, config, &fault) != bindings.StateSuccess {
		t.Fatalf("open %s: %s", file, fault)
	}
	t.Cleanup(func() { bindings.Close(&db) })
	d := database{t: t}
	bindings.Connect(db, &d.conn)
	t.Cleanup(func() { bindings.Disconnect(&d.conn) })
	d.exec("SET TimeZone = 'UTC'")
	return d
}

func (d database) exec(sql string) {
	d.t.Helper()
	d.query(sql, func([]string) {})
}

// null is what a query yields for NULL; no text of the database is like it.
const null = "\x00"

// each runs a SELECT and yields its rows as text. The slice is reused.
func (d database) each(sql string, yield func(row []string)) {
	d.t.Helper()
	d.query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ("+sql+"\n)", yield)
}

func (d database) query(sql string, yield func(row []string)) {
	d.t.Helper()
	var result bindings.Result
	defer bindings.DestroyResult(&result)
	if bindings.Query(d.conn, sql, &result) != bindings.StateSuccess {
		d.t.Fatalf("%s\nin: %s", bindings.ResultError(&result), sql)
	}
	row := make([]string, bindings.ColumnCount(&result))
	for {
		chunk := bindings.FetchChunk(result)
		if chunk.Ptr == nil {
			return
		}
		eachRow(chunk, row, yield)
		bindings.DestroyDataChunk(&chunk)
	}
}

// eachRow yields the rows of a chunk whose columns are all text; others, which
// statements without a result have, it leaves empty.
func eachRow(chunk bindings.DataChunk, row []string, yield func([]string)) {
	columns := make([]func(int) string, len(row))
	for c := range columns {
		columns[c] = texts(bindings.DataChunkGetVector(chunk, bindings.IdxT(c)))
	}
	for r := range int(bindings.DataChunkGetSize(chunk)) {
		for c, text := range columns {
			row[c] = text(r)
		}
		yield(row)
	}
}

func texts(vector bindings.Vector) func(row int) string {
	kind := bindings.VectorGetColumnType(vector)
	defer bindings.DestroyLogicalType(&kind)
	if bindings.GetTypeId(kind) != bindings.TypeVarchar {
		return func(int) string { return "" }
	}
	data, validity := bindings.VectorGetData(vector), bindings.VectorGetValidity(vector)
	return func(row int) string {
		if validity != nil && !bindings.ValidityRowIsValid(validity, bindings.IdxT(row)) {
			return null
		}
		return bindings.StringTData((*bindings.StringT)(unsafe.Add(data, uintptr(row)*unsafe.Sizeof(bindings.StringT{}))))
	}
}

// all returns the rows of a SELECT.
func (d database) all(sql string) [][]string {
	d.t.Helper()
	var rows [][]string
	d.each(sql, func(row []string) { rows = append(rows, append([]string(nil), row...)) })
	return rows
}

// one returns the only cell of a SELECT; NULL also when there is no row.
func (d database) one(sql string) string {
	d.t.Helper()
	rows := d.all(sql)
	if len(rows) == 0 {
		return null
	}
	if len(rows) > 1 {
		d.t.Fatalf("%d rows for one cell: %s", len(rows), sql)
	}
	return rows[0][0]
}

// column returns the first cells of a SELECT's rows.
func (d database) column(sql string) []string {
	d.t.Helper()
	var cells []string
	d.each(sql, func(row []string) { cells = append(cells, row[0]) })
	return cells
}

func shown(cell string) string {
	if cell == null {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(cell, "\n", `\n`) + "'"
}
