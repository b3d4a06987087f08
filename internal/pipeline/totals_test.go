package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/pipeline"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/duckdb/duckdbtest"
)

var salesDataset = &outturn.Dataset{
	Name: "sales", Version: 1, Description: "d", SQL: "SELECT * FROM sales",
	Fields: []outturn.Field{
		{Name: "id", Type: outturn.Int}, {Name: "code", Type: outturn.Text},
		{Name: "amount", Type: outturn.Decimal, Scale: 8, Currency: "code", Additive: true},
		{Name: "balance", Type: outturn.Decimal, Scale: 8, Currency: "code"},
	},
}

// salesFile makes a table whose amounts are partly wider than 64 bits.
func salesFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sales.duckdb")
	db, closeDB := duckdbtest.Open(t, file)
	db.Exec(`CREATE TABLE sales AS SELECT i AS id, CASE i % 5 WHEN 0 THEN NULL ELSE ['EUR', 'USD', 'JPY', 'EUR'][i % 5] END AS code,
		CASE WHEN i % 7 = 0 THEN NULL WHEN i % 11 = 0 THEN CAST(99999999999999999999.12345678 AS DECIMAL(38,8)) * (CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END)
			ELSE CAST((i * 7919 % 1000003) AS DECIMAL(38,8)) / 1000 END::DECIMAL(38,8) AS amount,
		CAST(i AS DECIMAL(38,8)) AS balance FROM range(50000) AS t(i)`)
	closeDB()
	return file
}

// Totals are what SQL says, per currency, also when the view has no currency, and
// amounts that must not be summed are not.
func TestTotals(t *testing.T) {
	file := salesFile(t)
	db, closeDB := duckdbtest.Open(t, file)
	want := map[string]string{}
	for _, row := range db.Rows(`SELECT coalesce(code, ''), CAST(sum(amount) AS VARCHAR) FROM sales WHERE amount IS NOT NULL GROUP BY 1`) {
		want[row[0]] = row[1]
	}
	closeDB()
	src := duckdb.New(duckdb.Config{Path: file, TempDir: t.TempDir()})
	for _, columns := range [][]string{{"id", "code", "amount", "balance"}, {"amount"}} {
		view := outturn.Columns(salesDataset, columns)
		totals, hidden := pipeline.PlanTotals(salesDataset, view)
		got := run(t, src, source.Query{Dataset: salesDataset, View: view, Hidden: hidden, Everything: true}, totals, io.Discard).Totals
		if len(got) != 1 || fmt.Sprint(got["amount"]) != fmt.Sprint(want) {
			t.Errorf("columns %v: got %v, want amount: %v", columns, got, want)
		}
	}
}

// Totals are as exact in the scale that a view gives an amount.
func TestTotalsOfAnotherScale(t *testing.T) {
	src := duckdb.New(duckdb.Config{Path: salesFile(t), TempDir: t.TempDir()})
	ten, three := 10, 3
	view := &outturn.View{Columns: []outturn.ViewColumn{{Field: "amount"}, {Field: "amount", Alias: "longer", Scale: &ten}}}
	totals, hidden := pipeline.PlanTotals(salesDataset, view)
	got := run(t, src, source.Query{Dataset: salesDataset, View: view, Hidden: hidden, Everything: true}, totals, io.Discard).Totals
	if len(got["amount"]) != 4 {
		t.Errorf("got %v", got)
	}
	for code, sum := range got["amount"] {
		if got["longer"][code] != sum+"00" {
			t.Errorf("%s: got %s and, with two more digits, %s", code, sum, got["longer"][code])
		}
	}
	view = &outturn.View{Columns: []outturn.ViewColumn{{Field: "amount"}, {Field: "amount", Alias: "shorter", Scale: &three}}}
	q := source.Query{Dataset: salesDataset, View: view, Hidden: hidden, Everything: true, // the ids leave out the wide amounts
		Where: &outturn.Expr{Op: outturn.OpIn, Field: "id", Values: []string{"1", "2", "3", "6", "8", "9", "10", "12"}}}
	totals, _ = pipeline.PlanTotals(salesDataset, view)
	got = run(t, src, q, totals, io.Discard).Totals
	for code, sum := range got["amount"] {
		if got["shorter"][code]+"00000" != sum {
			t.Errorf("%s: got %s and, with five digits less, %s", code, sum, got["shorter"][code])
		}
	}
}

// A column that only feeds the totals is in no file.
func TestHiddenColumnsStayHidden(t *testing.T) {
	src := duckdb.New(duckdb.Config{Path: salesFile(t), TempDir: t.TempDir()})
	view := outturn.Columns(salesDataset, []string{"amount"})
	totals, hidden := pipeline.PlanTotals(salesDataset, view)
	var out bytes.Buffer
	run(t, src, source.Query{Dataset: salesDataset, View: view, Hidden: hidden, Everything: true}, totals, &out)
	if first, _, _ := strings.Cut(out.String(), "\r\n"); first != "amount" || strings.Contains(out.String(), "EUR") {
		t.Errorf("the file begins %q", first)
	}
}

func run(t *testing.T, src source.Source, q source.Query, totals []pipeline.Total, sink io.Writer) pipeline.Result {
	t.Helper()
	snap, err := src.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, snap)
	r, err := snap.Query(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, r)
	result, err := pipeline.Run(context.Background(), r, pipeline.Job{
		Outputs:   []pipeline.Output{{Format: "csv", Sink: sink}},
		Published: len(q.View.Columns), Totals: totals,
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Several files come from one read and hold the same rows.
func TestSeveralOutputs(t *testing.T) {
	src := duckdb.New(duckdb.Config{Path: salesFile(t), TempDir: t.TempDir()})
	snap, err := src.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, snap)
	view := outturn.Full(salesDataset)
	r, err := snap.Query(context.Background(), source.Query{Dataset: salesDataset, View: view, Everything: true})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, r)
	var asCSV, asJSON bytes.Buffer
	result, err := pipeline.Run(context.Background(), r, pipeline.Job{
		Outputs:   []pipeline.Output{{Format: "csv", Sink: &asCSV}, {Format: "json", Sink: &asJSON}},
		Published: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(asJSON.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(asCSV.String(), "\r\n") - 1; lines != 50000 || len(rows) != 50000 || result.Rows != 50000 {
		t.Errorf("%d lines of CSV, %d objects of JSON, %d rows told", lines, len(rows), result.Rows)
	}
}

// failingSink fails at its n-th byte.
type failingSink struct{ left int }

var errSink = errors.New("sink failed")

func (s *failingSink) Write(p []byte) (int, error) {
	if len(p) > s.left {
		n := s.left
		s.left = 0
		return n, errSink
	}
	s.left -= len(p)
	return len(p), nil
}

// failingReader breaks off after some batches.
type failingReader struct {
	source.Reader
	left int
}

var errReader = errors.New("reader failed")

func (r *failingReader) Next(b *batch.Batch) error {
	if r.left == 0 {
		return errReader
	}
	r.left--
	return r.Reader.Next(b)
}

// Whatever fails, Run returns the first cause, and no goroutine is left.
func TestRunFailures(t *testing.T) {
	src := duckdb.New(duckdb.Config{Path: salesFile(t), TempDir: t.TempDir()})
	view := outturn.Full(salesDataset)
	totals, _ := pipeline.PlanTotals(salesDataset, view)
	for _, tt := range []struct {
		name    string
		bytes   int // before the sink fails
		batches int // before the reader fails
		want    error
	}{
		{"SinkAtOnce", 0, 1000, errSink},
		{"SinkLater", 20_000, 1000, errSink},
		{"ReaderAtOnce", 1 << 30, 0, errReader},
		{"ReaderLater", 1 << 30, 1, errReader},
	} {
		for _, compression := range []string{"none", "gzip", "zstd"} {
			t.Run(tt.name+"/"+compression, func(t *testing.T) {
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				snap, err := src.Begin(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				defer closing(t, snap)
				r, err := snap.Query(context.Background(), source.Query{Dataset: salesDataset, View: view, Everything: true})
				if err != nil {
					t.Fatal(err)
				}
				defer closing(t, r)
				_, err = pipeline.Run(context.Background(), &failingReader{r, tt.batches}, pipeline.Job{
					Outputs:   []pipeline.Output{{Format: "csv", Compression: compression, Sink: &failingSink{tt.bytes}}, {Format: "json", Sink: io.Discard}},
					Published: 4, Totals: totals,
				})
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		}
	}
}

func TestRunRefuses(t *testing.T) {
	src := duckdb.New(duckdb.Config{Path: salesFile(t), TempDir: t.TempDir()})
	snap, err := src.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, snap)
	view := outturn.Full(salesDataset)
	if _, err := snap.Query(context.Background(), source.Query{Dataset: salesDataset, View: view}); outturn.ErrorCode(err) != outturn.CodeInternal {
		t.Errorf("a query without a tenant: got %v", err)
	}
	if _, err := snap.Query(context.Background(), source.Query{Dataset: salesDataset, View: view, Tenant: "7"}); outturn.ErrorCode(err) != outturn.CodeInvalid {
		t.Errorf("a tenant's query of a data set that belongs to nobody: got %v", err)
	}
}
