package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/pipeline"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/duckdb/duckdbtest"
)

var billsDataset = &outturn.Dataset{
	Name: "bills", Version: 1, Description: "d", SQL: "SELECT * FROM bills", Key: []string{"bill", "line"},
	Fields: []outturn.Field{
		{Name: "bill", Type: outturn.Text}, {Name: "line", Type: outturn.Int}, {Name: "due", Type: outturn.Date},
		{Name: "code", Type: outturn.Text}, {Name: "amount", Type: outturn.Decimal, Scale: 2, Currency: "code", Additive: true},
	},
}

func TestPlanKey(t *testing.T) {
	for _, tt := range []struct {
		name       string
		columns    []outturn.ViewColumn
		hidden     []string
		want       string
		wantHidden string
	}{
		{"Published", []outturn.ViewColumn{{Field: "due"}, {Field: "line", Alias: "no"}, {Field: "bill"}}, nil, "[2 1]", "[]"},
		{"NotPublished", []outturn.ViewColumn{{Field: "due"}}, nil, "[1 2]", "[bill line]"},
		{"BehindACurrency", []outturn.ViewColumn{{Field: "bill"}, {Field: "amount"}}, []string{"code"}, "[0 3]", "[code line]"},
		{"HiddenAlready", []outturn.ViewColumn{{Field: "amount"}}, []string{"line"}, "[2 1]", "[line bill]"},
		{"OnlyMapped", []outturn.ViewColumn{{Field: "bill", Map: map[string]string{"1": "one"}}, {Field: "line"}}, nil, "[2 1]", "[bill]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, hidden := pipeline.PlanKey(billsDataset, &outturn.View{Columns: tt.columns}, tt.hidden)
			if fmt.Sprint(key) != tt.want || fmt.Sprint(hidden) != tt.wantHidden {
				t.Errorf("got %v and %v, want %s and %s", key, hidden, tt.want, tt.wantHidden)
			}
		})
	}
}

// A value that does not fit fails the run, which names the row by its key whether
// the view publishes that or not, and whether it is null or not.
func TestMisfitNamesTheKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bills.duckdb")
	db, closeDB := duckdbtest.Open(t, file)
	db.Exec(`CREATE TABLE bills AS SELECT printf('%06d', i) AS bill, CASE WHEN i <> 21 THEN i END AS line,
		CASE WHEN i < 21 THEN DATE '2026-09-30' ELSE DATE '10000-01-01' END AS due, 'EUR' AS code, CAST(i AS DECIMAL(18,2)) AS amount FROM range(1, 30) AS t(i)`)
	closeDB()
	src := duckdb.New(duckdb.Config{Path: file, TempDir: t.TempDir()})
	for _, columns := range [][]string{{"due"}, {"due", "bill"}, {"line", "due", "amount"}, {"bill", "line", "due", "code", "amount"}} {
		for _, name := range []string{"csv", "tsv", "json", "ndjson", "xml"} {
			err := runOnly(t, src, outturn.Columns(billsDataset, columns), name)
			if want := "Column due holds a date outside the years 0001 to 9999 in row 21 of the result (bill 000021, line NULL)"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %v: got %v, want %s", name, columns, err, want)
			}
		}
	}
}

// runOnly runs a view of the bills and returns the error.
func runOnly(t *testing.T, src source.Source, view *outturn.View, name string) error {
	t.Helper()
	totals, hidden := pipeline.PlanTotals(billsDataset, view)
	key, hidden := pipeline.PlanKey(billsDataset, view, hidden)
	snap, err := src.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, snap)
	r, err := snap.Query(context.Background(), source.Query{
		Dataset: billsDataset, View: view, Hidden: hidden, Everything: true,
		Order: []outturn.Order{{Field: "bill"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, r)
	_, err = pipeline.Run(context.Background(), r, pipeline.Job{
		Outputs:   []pipeline.Output{{Format: name, Sink: io.Discard}},
		Published: len(view.Columns), Totals: totals, Key: key,
	})
	return err
}
