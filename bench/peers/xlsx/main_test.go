package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/xuri/excelize/v2"

	"outturn/internal/source/duckdb/duckdbtest"
)

// Each peer that is built in writes a table as its cells mean it.
func TestPeers(t *testing.T) {
	table := filepath.Join(t.TempDir(), "orders.duckdb")
	db, done := duckdbtest.Open(t, table)
	db.Exec(`CREATE TABLE orders AS SELECT 7 AS id, 'a & b' AS name, DATE '2026-09-01' AS day,
  TIMESTAMPTZ '2026-09-01 06:00:00+00' AS at, CAST(12.5 AS DECIMAL(20,8)) AS price, true AS paid, CAST(NULL AS VARCHAR) AS note, 'end' AS last`)
	done()
	want := [][]string{
		{"id", "name", "day", "at", "price", "paid", "note", "last"},
		{"7", "a & b", "46266", "46266.25", "12.5", "1", "", "end"},
	}
	for name := range peers {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.xlsx")
			if err := run([]string{name, table, out}); err != nil {
				if name == "libxlsxwriter" && err.Error() == errAbsent {
					t.Skip(err)
				}
				t.Fatal(err)
			}
			book, err := excelize.OpenFile(out, excelize.Options{RawCellValue: true})
			if err != nil {
				t.Fatal(err)
			}
			defer book.Close()
			got, err := book.GetRows("Sheet1")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
