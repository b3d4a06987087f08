package duckdb_test

import (
	"testing"
	"time"

	"outturn"
	"outturn/internal/source"
)

// What only this engine has is compared, sorted and given words by the text that the file
// shows, and no value of another's that cannot be compared breaks a report off.
func TestCompareOwnTypes(t *testing.T) {
	src := newFile(t, `CREATE TABLE things (n INTEGER, owner VARCHAR, size ENUM('small', 'medium', 'large'), raw BLOB, clock TIME, folded VARCHAR COLLATE NOCASE,
	  huge HUGEINT, big BIGNUM, unsigned UHUGEINT, seconds TIMESTAMP_S, millis TIMESTAMP_MS, nanos TIMESTAMP_NS);
	INSERT INTO things VALUES
	  (1, 'a', 'small', '\xAB\x01', '08:00', 'a', 5, 5, 5, '2026-09-01 08:00:00', '2026-09-01 08:00:00.5', '2026-09-01 08:00:00'),
	  (2, 'a', 'large', 'ab01', '09:30', 'A', -5, -5, 0, '2026-09-02 00:00:00', '2026-09-02 00:00:00', '2026-09-02 00:00:00'),
	  (3, 'a', 'medium', NULL, NULL, 'b', NULL, NULL, NULL, NULL, NULL, NULL),
	  (4, 'b', 'medium', 'z', '10:00', 'B', 170141183460469231731687303715884105727, '999999999999999999999999999999999999999999', 340282366920938463463374607431768211455,
	    '294000-01-01 00:00:00', '294000-01-01 00:00:00', '2026-09-03 00:00:00')`)
	d := &outturn.Dataset{Name: "things", SQL: "SELECT * FROM things", Tenant: "OWNER", Period: &outturn.Period{Expr: "SECONDS", Kind: outturn.PeriodInstant, Zone: "UTC"}}
	for name, of := range map[string]outturn.Type{"N": outturn.Int, "SIZE": outturn.Text, "RAW": outturn.Text, "CLOCK": outturn.Text, "FOLDED": outturn.Text,
		"HUGE": outturn.Decimal, "BIG": outturn.Decimal, "UNSIGNED": outturn.Decimal, "SECONDS": outturn.Time, "MILLIS": outturn.Time, "NANOS": outturn.Time} {
		d.Fields = append(d.Fields, outturn.Field{Name: name, Type: of})
	}
	ask := func(filter string, order ...outturn.Order) string {
		t.Helper()
		q := source.Query{Dataset: d, View: outturn.Columns(d, []string{"N"}), Tenant: "a", Order: order}
		if filter != "" {
			where, err := outturn.ParseExpr(filter)
			if err != nil {
				t.Fatal(err)
			}
			q.Where = where
		}
		got, err := readQuery(t, src, q)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
		}
		return got
	}
	byN := outturn.Order{Field: "N"}
	for filter, want := range map[string]string{
		"SIZE lt 'medium'":                    "2\n",
		"SIZE eq 'medium'":                    "3\n",
		"SIZE eq 'none'":                      "",
		"SIZE in ('none','small')":            "1\n",
		"RAW eq 'ab01'":                       "1\n",
		"RAW like '61%'":                      "2\n",
		"CLOCK gt '08:30:00'":                 "2\n",
		"CLOCK eq 'x'":                        "",
		"FOLDED eq 'a'":                       "1\n",
		"FOLDED ne 'a'":                       "2\n3\n",
		"FOLDED in ('A','B')":                 "2\n",
		"FOLDED like 'a%'":                    "1\n",
		"FOLDED gt 'A'":                       "1\n3\n",
		"HUGE gt 0.5":                         "1\n",
		"HUGE eq 5.5":                         "",
		"UNSIGNED lt 7":                       "1\n2\n",
		"SECONDS gt '2026-09-01T12:00:00.5Z'": "2\n",
		"MILLIS le '2026-09-01T08:00:00.5Z'":  "1\n",
		"NANOS lt '2300-01-01T00:00:00Z'":     "1\n2\n",
	} {
		if got := ask(filter, byN); got != want {
			t.Errorf("%s: got %q, want %q", filter, got, want)
		}
	}
	for field, want := range map[string]string{"SIZE": "2\n3\n1\n", "FOLDED": "2\n1\n3\n", "RAW": "2\n1\n3\n"} {
		if got := ask("", outturn.Order{Field: field}); got != want {
			t.Errorf("by %s: got %q, want %q", field, got, want)
		}
	}
	for field, want := range map[string]string{"RAW": "hit\n61623031\n∅\n", "FOLDED": "low\nA\nb\n"} {
		words := map[string]string{"ab01": "hit", "a": "low"}
		q := source.Query{Dataset: d, Tenant: "a", Order: []outturn.Order{byN}, View: &outturn.View{Dataset: d.Name, Columns: []outturn.ViewColumn{{Field: field, Map: words}}}}
		if got, err := readQuery(t, src, q); err != nil || got != want {
			t.Errorf("words for %s: got %q, %v; want %q", field, got, err, want)
		}
	}
	window, err := outturn.NewWindow("2026-09-02", "2026-09-03", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readQuery(t, src, source.Query{Dataset: d, View: outturn.Columns(d, []string{"N"}), Tenant: "a", Window: &window}); err != nil || got != "2\n" {
		t.Errorf("window: got %q, %v", got, err)
	}
}

// An account is not found by an id that a column's collation takes for its own.
func TestAccountOfACollation(t *testing.T) {
	snap := begin(t, newFile(t, "CREATE TABLE accounts (id VARCHAR COLLATE NOCASE, parent VARCHAR COLLATE NOCASE); INSERT INTO accounts VALUES ('a', NULL), ('B', 'a'), ('c', 'A')"))
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, 'reseller' AS kind, 'x' AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}
	if a, found, err := source.FindAccount(t.Context(), snap, tree, "A"); err != nil || found {
		t.Errorf("A: got %+v, %t, %v", a, found, err)
	}
	if below, err := source.Children(t.Context(), snap, tree, "a"); err != nil || len(below) != 1 || below[0].ID != "B" {
		t.Errorf("below a: got %+v, %v", below, err)
	}
	if has, err := source.HasResellers(t.Context(), snap, tree, "b"); err != nil || has {
		t.Errorf("below b: got %t, %v", has, err)
	}
}
