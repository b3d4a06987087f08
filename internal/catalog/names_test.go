package catalog_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/pipeline"
)

// All that is inferred stands in the one file of names, and nothing else: what a field
// is called there is what is published.
func TestBuiltinNames(t *testing.T) {
	c, err := catalog.Builtin("duckdb")
	if err != nil {
		t.Fatal(err)
	}
	text, err := catalog.BuiltinNames()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]map[string]string{}
	if err := yaml.Unmarshal(text, &names); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, d := range c.Datasets() {
		for _, f := range d.Fields {
			if f.Evidence == "I" {
				want[d.Name] = append(want[d.Name], f.Name)
			}
		}
		for _, v := range c.Views(d)[1:] {
			for _, column := range v.Columns {
				want[d.Name+"."+v.Name] = append(want[d.Name+"."+v.Name], column.Name())
			}
		}
	}
	for of, published := range want {
		if got := slices.Sorted(maps.Values(names[of])); !slices.Equal(got, slices.Sorted(slices.Values(published))) {
			t.Errorf("the file has for %s %v, want %v", of, got, published)
		}
	}
	if len(names) != len(want) {
		t.Errorf("the file is about %v, want %v", slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(want)))
	}
}

const bills = `/*
version: 1
source: s
description: One row per bill
tenant: OWNER
period: {expr: DAY, kind: date}
key: [BILL]
invoice: BILL
fields:
  - {name: BILL, type: text}
  - {name: DAY, type: date}
  - {name: TOTAL, type: decimal, scale: 2, currency: CODE, additive: true}
  - {name: CODE, type: text}
*/
SELECT '7' AS owner, bill, day, total, code FROM bills`

var billsView = map[string]string{"bills.sql": bills, "bills.short.yaml": `
name: short
dataset: bills
title: Kurz und gut
columns: [{field: TOTAL, alias: total}, {field: CODE}]
`}

// An operator's names are those of the file's columns, of filters, orders and views,
// and what was kept under the old ones goes on. Two names may change places.
func TestNames(t *testing.T) {
	snap := snapshot(t, "CREATE TABLE bills (bill VARCHAR, day DATE, total DECIMAL(9,2), code VARCHAR)", "INSERT INTO bills VALUES ('000021', '2026-09-01', 1.5, 'EUR')")
	own := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(own, []byte("bills:\n  BILL: NO\n  DAY: CODE\n  CODE: DAY\nbills.short:\n  total: sum\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := maps.Clone(billsView)
	files["names.yaml"] = "bills: {TOTAL: AMOUNT}"
	names, err := catalog.OpenNames(own)
	if err != nil {
		t.Fatal(err)
	}
	c, err := folder(t, files).WithNames(names)
	if err != nil {
		t.Fatal(err)
	}
	if faults := c.Check(t.Context(), snap); len(faults) > 0 {
		t.Errorf("at fault: %v", faults)
	}
	is := func(field, value string) *outturn.Expr {
		return &outturn.Expr{Op: outturn.OpEQ, Field: field, Values: []string{value}}
	}
	for name, tt := range map[string]struct {
		req  outturn.RunRequest
		want string
	}{
		"Full":      {outturn.RunRequest{}, "NO CODE AMOUNT DAY | 000021 2026-09-01 1.50 EUR"},
		"View":      {outturn.RunRequest{View: "short"}, "sum DAY | 1.50 EUR"},
		"Columns":   {outturn.RunRequest{Columns: []string{"DAY", "AMOUNT"}}, "DAY AMOUNT | EUR 1.50"},
		"OldNames":  {outturn.RunRequest{Columns: []string{"BILL", "TOTAL"}}, "NO AMOUNT | 000021 1.50"},
		"KeptView":  {outturn.RunRequest{OwnView: &outturn.View{Dataset: "bills", Columns: []outturn.ViewColumn{{Field: "TOTAL", Alias: "t"}, {Field: "NO"}}}}, "t NO | 1.50 000021"},
		"Filter":    {outturn.RunRequest{Columns: []string{"NO"}, Where: is("DAY", "EUR")}, "NO | 000021"},
		"OldFilter": {outturn.RunRequest{Columns: []string{"NO"}, Where: is("BILL", "000021"), Order: []outturn.Order{{Field: "TOTAL"}}}, "NO | 000021"},
		"Invoice":   {outturn.RunRequest{Columns: []string{"NO"}, Invoice: "000021"}, "NO | 000021"},
		"None":      {outturn.RunRequest{Columns: []string{"NO"}, Invoice: "000022"}, "NO"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.req.Dataset, tt.req.Everything = "bills", true
			plan, err := pipeline.Prepare(c, tt.req)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			m, err := pipeline.Export(t.Context(), snap, plan, []pipeline.Output{{Format: "csv", Sink: &b}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.NewReplacer("\r\n", " | ", ",", " ").Replace(strings.TrimSuffix(b.String(), "\r\n"))
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			for _, column := range m.Columns {
				if sum := map[string]string{"EUR": "1.50"}; (column == "AMOUNT" || column == "sum" || column == "t") && !maps.Equal(m.Totals[column], sum) {
					t.Errorf("the totals are %v", m.Totals)
				}
			}
		})
	}
}

func TestNamesThatDoNotFit(t *testing.T) {
	for _, tt := range []struct{ name, names, want string }{
		{"Dataset", "bils: {TOTAL: A}", "Did you mean bills?"},
		{"View", "bills.shrt: {total: a}", "Did you mean short?"},
		{"Field", "bills: {TOTL: A}", `no field of bills "TOTL"`},
		{"Column", "bills.short: {totl: a}", `no column "totl" in the view short`},
		{"Taken", "bills: {TOTAL: Code}", "the name is taken"},
		{"TakenInView", "bills.short: {total: code}", "would be called CODE"},
		{"NoName", "bills:\n  TOTAL: a b", "line 2: the name"},
		{"Reserved", "bills: {TOTAL: outturn_x}", "not outturn_ at the start"},
		{"Twice", "bills:\n  TOTAL: A\n  TOTAL: B", "there twice"},
		{"Shape", "bills: [TOTAL]", "is a list"},
		{"NotYAML", "bills: {", "YAML"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "own.yaml")
			if err := os.WriteFile(file, []byte(tt.names), 0o600); err != nil {
				t.Fatal(err)
			}
			names, err := catalog.OpenNames(file)
			c := folder(t, billsView)
			if err == nil {
				if c, err = c.WithNames(names); err == nil {
					for _, err = range c.Faults() {
					}
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

// A view is found by its title too, and by both in any case.
func TestViewsByTitle(t *testing.T) {
	builtin, err := catalog.Builtin("duckdb")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		catalog             *catalog.Catalog
		dataset, name, want string
	}{
		{builtin, "provisioned_orders", "CMP API", "cmp"}, {builtin, "payments", "cmp api", "cmp"}, {builtin, "payments", "CMP", "cmp"}, {builtin, "invoices", "FULL", "full"},
		{builtin, "invoices", "CMP API", ""}, {folder(t, billsView), "bills", "KURZ UND GUT", "short"}, {folder(t, billsView), "bills", "Kurz", ""},
	} {
		d, err := tt.catalog.Dataset(tt.dataset)
		if err != nil {
			t.Fatal(err)
		}
		v, err := tt.catalog.View(d, tt.name)
		if tt.want == "" && outturn.ErrorCode(err) == outturn.CodeNotFound {
			continue
		}
		if err != nil || v.Name != tt.want {
			t.Errorf("%s of %s: got %v, %v, want %q", tt.name, tt.dataset, v, err, tt.want)
		}
	}
}
