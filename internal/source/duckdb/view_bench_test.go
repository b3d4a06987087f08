package duckdb_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
)

// BenchmarkView reads a JSON column as it is and through what views make of it,
// and an amount in two scales.
func BenchmarkView(b *testing.B) {
	const rows = 50_000
	path := filepath.Join(b.TempDir(), "docs.duckdb")
	makeFile(b, path, fmt.Sprintf(`CREATE TABLE docs AS SELECT i AS n, (i %% 1000 / 10)::DECIMAL(20,8) AS amount, CAST(CASE
		WHEN i %% 6 < 2 THEN '[["PONumber","qwe' || i || '"]]'
		WHEN i %% 6 = 2 THEN '[["first",1.5],["PONumber","00' || i || '"],["orderedBy","Ann Müller"]]'
		WHEN i %% 6 = 3 THEN '[]' WHEN i %% 6 = 4 THEN '{"x":1,"PONumber":"00' || i || '"}' END AS JSON) AS doc FROM range(%d) AS g(i)`, rows))
	src := duckdb.New(duckdb.Config{Path: path, TempDir: b.TempDir()})
	d := &outturn.Dataset{Name: "docs", SQL: "SELECT * FROM docs", Key: []string{"n"}, Fields: []outturn.Field{
		{Name: "n", Type: outturn.Int}, {Name: "amount", Type: outturn.Decimal, Scale: 8}, {Name: "doc", Type: outturn.JSON}}}
	two := 2
	words := map[string]string{}
	for i := range 20 {
		words[fmt.Sprint("qwe", i)] = "word"
	}
	for _, test := range []struct {
		name   string
		column outturn.ViewColumn
	}{
		{"json", outturn.ViewColumn{Field: "doc"}},
		{"attribute", outturn.ViewColumn{Field: "doc", Attribute: "PONumber"}},
		{"mapped", outturn.ViewColumn{Field: "doc", Attribute: "PONumber", Map: words}},
		{"amount", outturn.ViewColumn{Field: "amount"}},
		{"scaled", outturn.ViewColumn{Field: "amount", Scale: &two}},
	} {
		b.Run(test.name, func(b *testing.B) {
			q := source.Query{Dataset: d, Everything: true, View: &outturn.View{Columns: []outturn.ViewColumn{test.column}}}
			for b.Loop() {
				readRows(b, src, q)
			}
			b.ReportMetric(rows, "rows")
		})
	}
}

func readRows(b *testing.B, src source.Source, q source.Query) {
	snap, err := src.Begin(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer snap.Close()
	r, err := snap.Query(context.Background(), q)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var into batch.Batch
	for err == nil {
		err = r.Next(&into)
	}
	if err != io.EOF {
		b.Fatal(err)
	}
}
