package pipeline_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"

	"outturn"
	"outturn/internal/format"
	"outturn/internal/pipeline"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/duckdb/duckdbtest"
)

// BenchmarkRun reads a DuckDB table and drops the bytes, so that a profile shows
// what the pipeline does. The whole way to a file is measured by make bench.
func BenchmarkRun(b *testing.B) {
	folder := b.TempDir()
	file := filepath.Join(folder, "wide.duckdb")
	db, closeDB := duckdbtest.Open(b, file)
	const rows = 200_000
	db.Exec(`CREATE TABLE wide AS SELECT
		i AS id, 'AS-' || (i * 7919 % 10000) || '-' || i AS asset, 'some text, quoted ' || i AS words, 'Ångström ' || (i % 50) AS name,
		['EUR', 'USD', 'JPY'][i % 3 + 1] AS currency, CAST(i AS DECIMAL(20,8)) / 7 AS _x, CAST(CAST(i AS DECIMAL(20,8)) * 1.37 AS DECIMAL(20,8)) AS total,
		i % 2 = 0 AS paid, DATE '2021-01-01' + CAST(i % 900 AS INTEGER) AS day, make_timestamptz(1609459200000000 + i * 125000) AS at
		FROM range(200000) AS t(i)`, `ALTER TABLE wide DROP COLUMN _x`)
	closeDB()
	d := &outturn.Dataset{Name: "wide", Version: 1, Description: "d", SQL: "SELECT * FROM wide", Fields: []outturn.Field{
		{Name: "id", Type: outturn.Int}, {Name: "asset", Type: outturn.Text}, {Name: "words", Type: outturn.Text}, {Name: "name", Type: outturn.Text},
		{Name: "currency", Type: outturn.Text}, {Name: "total", Type: outturn.Decimal, Scale: 8, Currency: "currency", Additive: true},
		{Name: "paid", Type: outturn.Bool}, {Name: "day", Type: outturn.Date}, {Name: "at", Type: outturn.Time, Scale: 6},
	}}
	view := outturn.Full(d)
	totals, _ := pipeline.PlanTotals(d, view)
	src := duckdb.New(duckdb.Config{Path: file, TempDir: folder})
	for _, name := range format.Names() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx := context.Background()
				snap, err := src.Begin(ctx)
				if err != nil {
					b.Fatal(err)
				}
				r, err := snap.Query(ctx, source.Query{Dataset: d, View: view, Everything: true})
				if err != nil {
					b.Fatal(err)
				}
				result, err := pipeline.Run(ctx, r, pipeline.Job{
					Outputs:   []pipeline.Output{{Format: name, Sink: io.Discard}},
					Published: len(view.Columns), Totals: totals,
				})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(result.Files[0].Bytes)
				closing(b, r)
				closing(b, snap)
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
