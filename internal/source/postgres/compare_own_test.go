package postgres_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
	"outturn/internal/source/sourcetest"
)

// Where a database has a collation that takes different texts for equal, an account
// still gets no row of another's, and a filter finds the texts it asks for alone. Money
// is compared and cut as the decimal that it is delivered as.
func TestCompareOwnTypes(t *testing.T) {
	src := postgres.New(postgres.Config{URL: postgrestest.New(t, `CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE TABLE accounts (id TEXT COLLATE folded, parent TEXT COLLATE folded, plain TEXT);
		INSERT INTO accounts VALUES ('a', NULL, 'a'), ('A', NULL, 'A'), ('b', 'a', 'b'), ('B', 'A', 'B');
		CREATE TABLE sales (n INTEGER, owner TEXT COLLATE folded, word TEXT COLLATE folded, paid MONEY);
		INSERT INTO sales VALUES (1, 'a', 'abc', 1), (2, 'A', 'ABC', 2.5), (3, 'b', 'aBc', 3), (4, 'B', 'x', -1)`)})
	d := &outturn.Dataset{Name: "sales", SQL: "SELECT * FROM sales", Tenant: "owner", Fields: []outturn.Field{
		{Name: "n", Type: outturn.Int}, {Name: "word", Type: outturn.Text}, {Name: "paid", Type: outturn.Decimal, Scale: 2}}}
	read := func(q source.Query) string {
		t.Helper()
		snap, err := src.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		r, err := snap.Query(t.Context(), q)
		if err != nil {
			t.Error(err)
			return ""
		}
		defer r.Close()
		var got []string
		var b batch.Batch
		for {
			if err := r.Next(&b); errors.Is(err, io.EOF) {
				return strings.Join(got, " ")
			} else if err != nil {
				t.Error(err)
				return ""
			}
			for row := range b.Rows() {
				got = append(got, sourcetest.RowText(&b, row)...)
			}
		}
	}
	byN := []outturn.Order{{Field: "n"}}
	folded := &outturn.TenantTree{SQL: "SELECT id, parent, 'reseller' AS kind, 'x' AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}
	plain := &outturn.TenantTree{SQL: strings.Replace(folded.SQL, "SELECT id", "SELECT plain AS id", 1)}
	for _, tree := range []*outturn.TenantTree{nil, folded, plain} {
		for account, want := range map[string]string{"a": "1 3", "A": "2 4", "b": "3", "B": "4"} {
			if tree == nil {
				want = want[:1]
			}
			if got := read(source.Query{Dataset: d, View: outturn.Columns(d, []string{"n"}), Tree: tree, Tenant: account, Order: byN}); got != want {
				t.Errorf("%s of %v: got rows %s, want %s", account, tree, got, want)
			}
		}
	}
	for filter, want := range map[string]string{
		"word eq 'abc'": "1", "word ne 'abc'": "2 3 4", "word in ('ABC', 'X')": "2", "word like 'a%'": "1 3", "word gt 'abb'": "1 4",
		"paid gt 1": "2 3", "paid eq 2.50": "2", "paid ne 2.505": "1 2 3 4", "paid in (1, 3)": "1 3",
	} {
		where, err := outturn.ParseExpr(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(source.Query{Dataset: d, View: outturn.Columns(d, []string{"n"}), Everything: true, Where: where, Order: byN}); got != want {
			t.Errorf("%s: got rows %s, want %s", filter, got, want)
		}
	}
	none := 0
	for _, test := range []struct {
		column outturn.ViewColumn
		where  string
		want   string
	}{
		{outturn.ViewColumn{Field: "word", Map: map[string]string{"abc": "hit"}}, "n gt 0", "hit ABC aBc x"},
		{outturn.ViewColumn{Field: "paid", Map: map[string]string{"2.50": "hit"}}, "n gt 0", "1.00 hit 3.00 -1.00"},
		{outturn.ViewColumn{Field: "paid", Scale: &none}, "n ne 2", "1 3 -1"},
	} {
		where, err := outturn.ParseExpr(test.where)
		if err != nil {
			t.Fatal(err)
		}
		q := source.Query{Dataset: d, View: &outturn.View{Dataset: d.Name, Columns: []outturn.ViewColumn{test.column}}, Everything: true, Where: where, Order: byN}
		if got := read(q); got != test.want {
			t.Errorf("%s: got %s, want %s", test.column.Field, got, test.want)
		}
	}
}
