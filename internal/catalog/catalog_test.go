package catalog_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/duckdb/duckdbtest"
)

func TestBuiltin(t *testing.T) {
	c, err := catalog.Builtin("duckdb")
	if err != nil {
		t.Fatal(err)
	}
	for file, fault := range c.Faults() {
		t.Errorf("%s: %v", file, fault)
	}
	if tree, err := c.Tree(); tree == nil || err != nil {
		t.Errorf("tenant tree: %v, %v", tree, err)
	}
	shipped := map[string][]string{
		"accounts": {"full"}, "invoices": {"full"}, "payments": {"full", "cmp"}, "provisioned_orders": {"full", "cmp"}, "service_plan_resource_rates": {"full"},
		"service_plans": {"full"}, "service_users": {"full"}, "subscription_resources": {"full"}, "subscriptions": {"full"},
	}
	if n := len(c.Datasets()); n != len(shipped) {
		t.Errorf("%d data sets, want %d", n, len(shipped))
	}
	for name, views := range shipped {
		d, err := c.Dataset(name)
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, v := range c.Views(d) {
			got = append(got, v.Name)
		}
		if !slices.Equal(got, views) {
			t.Errorf("%s: views %v, want %v", name, got, views)
		}
		for _, f := range d.Fields {
			if f.Meaning == "" || f.Evidence == "" {
				t.Errorf("%s.%s: a published column needs its meaning and its evidence", name, f.Name)
			}
			if f.Type == outturn.Int && strings.HasSuffix(f.Name, "_ID") && !f.ID {
				t.Errorf("%s.%s names something: mark it as an id", name, f.Name)
			}
		}
	}
}

// folder writes files and opens them as a catalogue.
func folder(t *testing.T, files map[string]string) *catalog.Catalog {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := catalog.OpenFolder(dir, "duckdb")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// snapshot opens a DuckDB file that was made by the given statements.
func snapshot(t *testing.T, statements ...string) source.Database {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s.duckdb")
	db, closeDB := duckdbtest.Open(t, file)
	db.Exec(statements...)
	closeDB()
	snap, err := duckdb.New(duckdb.Config{Path: file, TempDir: t.TempDir()}).Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	})
	return snap
}

const sound = `/*
version: 1
source: s
description: One row per thing. And more.
fields:
  - {name: A, type: int}
*/
SELECT 1 AS a`

func TestBrokenFiles(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"NoHeader", "SELECT 1", "must open with its header"},
		{"TextBefore", "SELECT 1 /* version: 1 */", "must open with its header"},
		{"NotClosed", "/*\nversion: 1\n", "*/ is missing"},
		{"NotYAML", "/*\nversion: [1\n*/ SELECT 1", "header, line 2"},
		{"UnknownKey", "/*\nversion: 1\nfeilds: []\n*/ SELECT 1", "header, line 3"},
		{"WrongType", "/*\nversion: one\n*/ SELECT 1", "header, line 2"},
		{"NoSelect", strings.Replace(sound, "SELECT 1 AS a", "", 1), "the SELECT after the header is missing"},
		{"OwnSource", strings.Replace(sound, "source: s", "source: outturn", 1), "source outturn is that of the data sets which Outturn has of itself"},
		{"FieldType", strings.Replace(sound, "type: int", "type: money", 1), `there is no type "money"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := folder(t, map[string]string{"broken.sql": tt.text, "sound.sql": sound})
			_, err := c.Dataset("broken")
			if outturn.ErrorCode(err) != outturn.CodeDatasetInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
			if _, err := c.Dataset("sound"); err != nil {
				t.Errorf("a broken neighbour: %v", err)
			}
		})
	}
}

// What Outturn has of itself stands beside the files, and neither hides the other.
func TestWith(t *testing.T) {
	own := &outturn.Dataset{Name: "own", Source: outturn.OwnSource}
	c := folder(t, map[string]string{"thing.sql": sound})
	with, err := c.With(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := with.Dataset("own"); got != own || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := with.Dataset("thing"); err != nil || len(with.Datasets()) != 2 {
		t.Errorf("the file's: %v of %d", err, len(with.Datasets()))
	}
	if _, err := c.Dataset("own"); err == nil {
		t.Error("the catalogue that it was made of has it too")
	}
	for _, text := range []string{sound, "broken"} {
		if _, err := folder(t, map[string]string{"own.sql": text}).With(own); outturn.ErrorCode(err) != outturn.CodeDatasetInvalid {
			t.Errorf("with a file of the name: got %v", err)
		}
	}
}

func TestViewFiles(t *testing.T) {
	c := folder(t, map[string]string{
		"thing.sql":           sound,
		"thing.good.yaml":     "name: good\ndataset: thing\ncolumns:\n  - {field: A, alias: a, map: {\"1\": one}}\n",
		"thing.bad.yaml":      "name: bad\ndataset: thing\ncolumns:\n  - {field: B}\n",
		"thing.misc.yaml":     "name: other\ndataset: thing\ncolumns: [{field: A}]\n",
		"thing.nameless.yaml": "name: other\ncolumns: [{field: A}]\n",
		"thing.FULL.yaml":     "name: FULL\ndataset: thing\ncolumns: [{field: A}]\n",
	})
	d, err := c.Dataset("thing")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.View(d, "good"); err != nil || v.Columns[0].Name() != "a" || v.Columns[0].Map["1"] != "one" {
		t.Errorf("good: %+v, %v", v, err)
	}
	if _, err := c.View(d, "bad"); err == nil || !strings.Contains(err.Error(), `There is no column "B"`) {
		t.Errorf("bad: %v", err)
	}
	if fault := c.Faults()["thing.misc.yaml"]; fault == nil || !strings.Contains(fault.Error(), "must be in a file thing.other.yaml") {
		t.Errorf("misnamed: %v", fault)
	}
	if fault := c.Faults()["thing.nameless.yaml"]; fault == nil || !strings.Contains(fault.Error(), "Write dataset: thing and name: nameless") {
		t.Errorf("nameless: %v", fault)
	}
	if fault := c.Faults()["thing.FULL.yaml"]; fault == nil || !strings.Contains(fault.Error(), "choose another name") {
		t.Errorf("FULL: %v", fault)
	}
	if _, err := c.View(d, "god"); err == nil || !strings.Contains(err.Error(), "Did you mean good?") {
		t.Errorf("unknown: %v", err)
	}
}

func TestEngineSelect(t *testing.T) {
	c := folder(t, map[string]string{"thing.sql": sound, "thing.duckdb.sql": "SELECT 2 AS a", "thing.postgres.sql": "SELECT 3 AS a"})
	d, err := c.Dataset("thing")
	if err != nil || d.SQL != "SELECT 2 AS a" {
		t.Errorf("got %q, %v", d.SQL, err)
	}
	if n := len(c.Datasets()); n != 1 {
		t.Errorf("%d data sets, want 1", n)
	}
}

// A tree whose accounts do not hang together is told before a report misses rows.
func TestCheckAccounts(t *testing.T) {
	snap := snapshot(t, `CREATE TABLE good AS SELECT * FROM (VALUES (1, NULL), (2, 1), (3, 2)) AS t(id, parent)`,
		`CREATE TABLE bad AS SELECT * FROM (VALUES (1, NULL), (2, 1), (2, 1), (3, 99), (4, 5), (5, 4), (NULL, 1)) AS t(id, parent)`)
	tree := "/*\nversion: 1\n*/ SELECT id, parent, '' AS kind, '' AS name, '' AS currency, '' AS zone FROM "
	if problems := folder(t, map[string]string{"thing.sql": sound, "_tenants.sql": tree + "good"}).Check(context.Background(), snap); len(problems) > 0 {
		t.Errorf("a sound tree: %v", problems)
	}
	problem := folder(t, map[string]string{"thing.sql": sound, "_tenants.sql": tree + "bad"}).Check(context.Background(), snap)["_tenants.sql"]
	want := "1 accounts have no id; 1 ids stand more than once; 3 accounts are reached from no root"
	if problem == nil || !strings.Contains(problem.Error(), want) {
		t.Errorf("got %v, want it to say %q", problem, want)
	}
}

// Every way in which a header and a source can disagree is told at once.
func TestCheckAndDraft(t *testing.T) {
	snap := snapshot(t, `CREATE TABLE "odd names" AS SELECT 1 AS id, 1.5::DOUBLE AS price, 1.234::DECIMAL(9,3) AS amount, 'x' AS "the name", DATE '2026-09-01' AS day, TIMESTAMPTZ '2026-09-01 00:00:00Z' AS at, '[1]'::JSON AS extra`)
	c := folder(t, map[string]string{
		"misfit.sql": `/*
version: 1
description: d
period: {expr: id, kind: instant}
fields:
  - {name: id, type: text}
  - {name: price, type: decimal, scale: 2}
  - {name: amount, type: decimal, scale: 2}
  - {name: gone, type: int}
*/
SELECT * FROM "odd names"`,
		"nosuch.sql":   strings.Replace(sound, "SELECT 1 AS a", "SELECT a FROM nowhere", 1),
		"_tenants.sql": "/*\nversion: 1\n*/ SELECT 1 AS id, NULL AS parent",
	})
	problems := c.Check(context.Background(), snap)
	for file, parts := range map[string][]string{
		"misfit.sql": {
			"field id is declared text, but the source has INTEGER: cast it to VARCHAR",
			"field price is declared decimal of scale 2, but the source has DOUBLE: a float cannot hold exact amounts",
			"field amount is declared decimal of scale 2, but the source has DECIMAL(9,3): declare scale 3",
			"field gone: the SELECT has no column",
			"period id is of kind instant, but the source has INTEGER",
		},
		"nosuch.sql":   {"nowhere"},
		"_tenants.sql": {"no column kind"},
	} {
		for _, part := range parts {
			if problem := problems[file]; problem == nil || !strings.Contains(problem.Error(), part) {
				t.Errorf("%s: got %v, want it to say %q", file, problem, part)
			}
		}
	}

	draft, err := catalog.Draft(context.Background(), snap, "odd names", nil)
	if err != nil {
		t.Fatal(err)
	}
	c = folder(t, map[string]string{"own.sql": draft})
	if problems := c.Check(context.Background(), snap); len(problems) > 0 {
		t.Errorf("a draft does not fit its own table: %v\n%s", problems, draft)
	}
	d, err := c.Dataset("own")
	if err != nil {
		t.Fatal(err)
	}
	if names := strings.Join(d.FieldNames(), " "); names != "id price amount the_name day at extra" || d.Period == nil || d.Period.Expr != "day" {
		t.Errorf("drafted fields %q, period %+v", names, d.Period)
	}
}
