package catalog_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// The author of a data set says whose row each is. What they write cannot reach
// past the parentheses that the compiler puts around it, whatever an engine takes
// for a string, a comment or a name.
func TestAuthorsCannotBreakOut(t *testing.T) {
	snap := snapshot(t, `CREATE TABLE sales AS SELECT i AS id, 'owner ' || (i % 3) AS owner FROM range(30) AS t(i)`)
	const out = `) AS d WHERE true UNION ALL BY NAME SELECT owner FROM (SELECT owner`
	for _, tt := range []struct{ name, tenant, sql string }{
		{"Sound", "owner", "SELECT owner FROM sales -- all of them"},
		{"SoundWithVariable", "owner", "SELECT owner FROM sales WHERE @zone <> '' OR owner = @tenant"},
		{"Parenthesis", "owner", "SELECT owner FROM sales" + out + " FROM sales"},
		{"DollarInName", "owner", "SELECT owner, 1 AS a$$ FROM sales" + out + ", 1 AS b$$ FROM sales"},
		{"ContinuedEscapes", "owner", "SELECT owner, E'a'\n'\\' , ' AS s FROM sales" + out + ", E'a'\n'\\' , ' AS s FROM sales"},
		{"CarriageReturn", "owner", "SELECT owner FROM sales -- x\r" + out + "\nFROM sales"},
		{"OpenComment", "owner", "SELECT owner FROM sales /* x"},
		{"OpenString", "owner", "SELECT owner, 'x FROM sales"},
		{"TenantExpression", "owner) IS NOT NULL OR (owner", "SELECT owner FROM sales"},
		{"TenantComment", "owner -- ", "SELECT owner FROM sales"},
		{"TenantSubquery", "owner AS x FROM sales AS d WHERE true) OR (true", "SELECT owner FROM sales"},
		{"TenantList", "owner, owner", "SELECT owner FROM sales"},
		{"ShadowedScope", "owner", "WITH outturn_scope AS (SELECT owner AS id FROM sales), outturn_tree AS (SELECT owner AS id FROM sales) SELECT owner FROM sales"},
	} {
		for _, tree := range []*outturn.TenantTree{nil, {SQL: "SELECT DISTINCT owner AS id, NULL AS parent, '' AS kind, '' AS name, '' AS currency, '' AS zone FROM sales"}} {
			d := &outturn.Dataset{Name: "d", Version: 1, Description: "d", SQL: tt.sql, Tenant: tt.tenant, Fields: []outturn.Field{{Name: "owner", Type: outturn.Text}}}
			owners, err := distinct(snap, source.Query{Dataset: d, View: outturn.Full(d), Tree: tree, Tenant: "owner 1", Vars: source.Vars{Tenant: "owner 1", Zone: "UTC"}})
			switch {
			case strings.HasPrefix(tt.name, "Sound") && (err != nil || owners != "owner 1"):
				t.Errorf("%s: sees %q, %v", tt.name, owners, err)
			case err == nil && owners != "owner 1" && owners != "":
				t.Errorf("%s: sees %q", tt.name, owners)
			}
		}
	}
	// A tree is an author's SELECT too.
	d := &outturn.Dataset{Name: "d", Version: 1, Description: "d", SQL: "SELECT owner FROM sales", Tenant: "owner", Fields: []outturn.Field{{Name: "owner", Type: outturn.Text}}}
	tree := &outturn.TenantTree{SQL: "SELECT 'owner 1' AS id, NULL AS parent, '' AS kind, '' AS name, '' AS currency, 1 AS a$$ FROM sales), x AS (SELECT 1 AS b$$, '' AS zone"}
	if owners, err := distinct(snap, source.Query{Dataset: d, View: outturn.Full(d), Tree: tree, Tenant: "owner 1"}); err == nil {
		t.Errorf("a tree that breaks out is taken: sees %q", owners)
	}
}

// Expressions of a header stand near each other in a statement. What one opens
// another must not close, and a window is escaped no more than a tenant.
func TestHeaderExpressionsStandAlone(t *testing.T) {
	snap := snapshot(t, `CREATE TABLE sales AS SELECT 'owner ' || (i % 3) AS owner, DATE '2026-09-01' + CAST(i AS INTEGER) AS day FROM range(60) AS t(i)`)
	window, err := outturn.NewWindow("2026-09-01", "2026-10-01", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	const leak = `) AS VARCHAR) IS NOT NULL OR CAST(owner AS VARCHAR) IS NOT NULL AND (day --' <> '' THEN day END`
	for _, tt := range []struct{ name, tenant, period, split, changed string }{
		{"Sound", "owner", "day", "1", "day"},
		{"DollarQuotes", "owner || $$", "CASE WHEN '$$" + leak, "$$", ""},
		{"String", "owner || '", "CASE WHEN '" + leak, "'", ""},
		{"Comment", "owner /*", "CASE WHEN '*/" + leak, "*/", ""},
		{"Changed", "owner || '", "CASE WHEN '" + leak, "", "'"},
		{"Identifier", `owner || "`, `"` + leak, `"`, ""},
		{"Parameter", "$1", "day", "", ""},
		{"Variable", "@tenant", "day", "", ""},
		{"PeriodEscapes", "owner", "day) IS NOT NULL OR (day", "", ""},
	} {
		d := &outturn.Dataset{Name: "d", Version: 1, Description: "d", SQL: "SELECT owner, day FROM sales", Tenant: tt.tenant, Split: tt.split, Changed: tt.changed,
			Period: &outturn.Period{Expr: tt.period, Kind: outturn.PeriodDate}, Fields: []outturn.Field{{Name: "owner", Type: outturn.Text}, {Name: "day", Type: outturn.Date}}}
		q := source.Query{Dataset: d, View: outturn.Columns(d, []string{"owner"}), Tenant: "owner 1", Window: &window, Vars: source.Vars{Tenant: "owner 1", Zone: "UTC"}}
		owners, err := distinct(snap, q)
		if sound := tt.name == "Sound"; sound != (err == nil) || sound && owners != "owner 1" {
			t.Errorf("%s: sees %q, %v", tt.name, owners, err)
		}
	}
}

// Ids are compared as text, whatever the engine keeps them as: 03 is not 3. Where all
// are whole numbers they are compared as such, and it is the same rows; a column of the
// author's own cannot make it look as if they were.
func TestIdsAreText(t *testing.T) {
	snap := snapshot(t, `CREATE TABLE nodes AS SELECT * FROM (VALUES ('3', NULL), ('03', NULL), ('1', 3)) AS t(id, parent)`,
		`CREATE TABLE sales AS SELECT id AS owner FROM nodes`,
		`CREATE TABLE whole AS SELECT CAST(id AS BIGINT) AS id, CAST(parent AS INTEGER) AS parent FROM nodes WHERE id <> '03'`,
		`CREATE TABLE numbers AS SELECT CAST(id AS SMALLINT) AS owner FROM whole UNION ALL VALUES (7), (NULL)`)
	for _, tt := range []struct {
		name, sales, nodes string
		want               map[string]string // by account
	}{
		{"TextInText", "sales", "nodes", map[string]string{"3": "3, 1", "03": "03"}},
		{"TextInWhole", "sales", "whole", map[string]string{"3": "3, 1", "1": "1", "03": ""}},
		{"WholeInText", "numbers", "nodes", map[string]string{"3": "3, 1", "03": ""}},
		{"WholeInWhole", "numbers", "whole", map[string]string{"3": "3, 1", "1": "1", "03": ""}},
	} {
		d := &outturn.Dataset{Name: "d", Version: 1, Description: "d", SQL: "SELECT owner, CAST(owner AS VARCHAR) AS shown FROM " + tt.sales, Tenant: "owner", Fields: []outturn.Field{{Name: "shown", Type: outturn.Text}}}
		tree := &outturn.TenantTree{SQL: "SELECT id, parent, '' AS kind, '' AS name, '' AS currency, '' AS zone FROM " + tt.nodes}
		for tenant, want := range tt.want {
			q := source.Query{Dataset: d, View: outturn.Full(d), Tree: tree, Tenant: tenant, Vars: source.Vars{Tenant: tenant}}
			if got, err := distinct(snap, q); err != nil || got != want {
				t.Errorf("%s: account %s sees %q, %v; want %q", tt.name, tenant, got, err, want)
			}
		}
	}
	d := &outturn.Dataset{Name: "d", Version: 1, Description: "d", SQL: "SELECT owner, 1 AS outturn_tenant FROM sales", Tenant: "owner", Fields: []outturn.Field{{Name: "owner", Type: outturn.Text}}}
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, '' AS kind, '' AS name, '' AS currency, '' AS zone FROM whole"}
	if got, err := distinct(snap, source.Query{Dataset: d, View: outturn.Full(d), Tree: tree, Tenant: "3"}); err == nil && got != "3, 1" {
		t.Errorf("a column with the name of ours: account 3 sees %q", got)
	}
}

// distinct runs q and returns the values of its one column, each once.
func distinct(snap source.Snapshot, q source.Query) (string, error) {
	r, err := snap.Query(context.Background(), q)
	if err != nil {
		return "", err
	}
	defer r.Close()
	seen := map[string]bool{}
	var list []string
	var b batch.Batch
	for {
		if err := r.Next(&b); err == io.EOF {
			return strings.Join(list, ", "), nil
		} else if err != nil {
			return "", err
		}
		for i := range b.Rows() {
			if owner := string(b.Text(0, i)); !seen[owner] {
				seen[owner] = true
				list = append(list, owner)
			}
		}
	}
}
