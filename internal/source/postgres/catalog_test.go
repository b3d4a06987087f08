package postgres

import (
	"strings"
	"testing"

	"outturn"
	"outturn/internal/source"
	"outturn/internal/source/postgres/postgrestest"
)

// A table of some 1,500 pages without an index, one with all it needs, and a small one.
const largeSQL = `
CREATE TABLE accounts (id int PRIMARY KEY, parent_id int, name text);
INSERT INTO accounts SELECT i, NULLIF(i / 10, i), 'a' FROM generate_series(0, 99) AS i;
CREATE TABLE bare (id int, buyer_id int, day date, filler text);
INSERT INTO bare SELECT i, i % 100, DATE '2020-01-01' + i % 1000, repeat('x', 1000) FROM generate_series(1, 11000) AS i;
CREATE TABLE served AS SELECT * FROM bare;
CREATE TABLE small AS SELECT * FROM bare LIMIT 50;
CREATE INDEX ON served (id); CREATE INDEX ON served (buyer_id); CREATE INDEX ON served (day);
ANALYZE;`

func TestAdvise(t *testing.T) {
	db, err := New(Config{URL: postgrestest.New(t, largeSQL)}).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tree := &outturn.TenantTree{SQL: "SELECT id, parent_id AS parent, 'x' AS kind, name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}
	set := func(table, tenant, period string) *outturn.Dataset {
		return &outturn.Dataset{
			Name: "d", SQL: "SELECT t.*, a.name FROM " + table + " AS t LEFT JOIN accounts AS a ON a.id = t.buyer_id", Tenant: tenant, Split: "id",
			Period: &outturn.Period{Expr: period, Kind: outturn.PeriodDate, Zone: "UTC"}, Fields: []outturn.Field{{Name: "name", Type: outturn.Text}},
		}
	}
	for name, c := range map[string]struct {
		d    *outturn.Dataset
		tree *outturn.TenantTree
		want []string // a piece of each advice
	}{
		"nothing is indexed":   {set("bare", "buyer_id", "day"), tree, []string{`CREATE INDEX CONCURRENTLY ON "bare" ("buyer_id");`, `ON "bare" ("id");`, `ON "bare" ("day");`}},
		"all is indexed":       {set("served", "buyer_id", "day"), tree, nil},
		"small":                {set("small", "buyer_id", "day"), tree, nil},
		"worked out":           {set("served", "buyer_id", "CAST(day + 0 AS DATE)"), tree, []string{"worked out"}},
		"ids compared as text": {set("served", "buyer_id", "day"), nil, []string{"cannot use"}},
	} {
		got, err := db.(source.Adviser).Advise(t.Context(), c.d, c.tree)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: got %+v, want %q", name, got, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i].Text, want) {
				t.Errorf("%s: got %q, want %q", name, got[i].Text, want)
			}
		}
	}
}
