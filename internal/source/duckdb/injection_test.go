package duckdb_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"outturn"
	"outturn/internal/source"
	"outturn/internal/source/sourcetest"
)

// Wherever a text of somebody else's goes into a query, the statement is the one that
// a harmless text makes, and the text is among what is bound to it; or the query is
// refused.
func TestInjectedStatements(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary")
	s, err := salesOf(t, 10, 1, false).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := &outturn.Dataset{
		Name: "sales", SQL: "SELECT *, @tenant AS T, @report_type AS R, @zone AS Z FROM sales", Tenant: "OWNER",
		Fields: []outturn.Field{{Name: "ID", Type: outturn.Text}, {Name: "AMOUNT", Type: outturn.Decimal, Scale: 2}, {Name: "ATTR", Type: outturn.JSON}},
	}
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, 'reseller' AS kind, id AS name, '' AS currency, '' AS zone FROM accounts"}
	leaf := func(op outturn.Op, field string, values ...string) *outturn.Expr {
		return &outturn.Expr{Op: op, Field: field, Values: values}
	}
	column := func(q *source.Query, c outturn.ViewColumn) { q.View = &outturn.View{Columns: []outturn.ViewColumn{c}} }
	places := map[string]func(q *source.Query, text string){
		"Equal":      func(q *source.Query, text string) { q.Where = leaf(outturn.OpEQ, "ID", text) },
		"Among":      func(q *source.Query, text string) { q.Where = leaf(outturn.OpIn, "ID", "a", text) },
		"Like":       func(q *source.Query, text string) { q.Where = leaf(outturn.OpLike, "ID", text) },
		"Amount":     func(q *source.Query, text string) { q.Where = leaf(outturn.OpGE, "AMOUNT", text) },
		"Field":      func(q *source.Query, text string) { q.Where = leaf(outturn.OpEQ, text, "1") },
		"Operator":   func(q *source.Query, text string) { q.Where = leaf(outturn.Op(text), "ID", "1") },
		"Order":      func(q *source.Query, text string) { q.Order = []outturn.Order{{Field: text}} },
		"Tenant":     func(q *source.Query, text string) { q.Tenant, q.Vars.Tenant = text, text },
		"Tree":       func(q *source.Query, text string) { q.Tree, q.Tenant = tree, text },
		"ReportType": func(q *source.Query, text string) { q.Vars.ReportType = text },
		"Zone":       func(q *source.Query, text string) { q.Vars.Zone = text },
		"Title":      func(q *source.Query, text string) { column(q, outturn.ViewColumn{Field: "ID", Header: text}) },
		"Attribute": func(q *source.Query, text string) {
			column(q, outturn.ViewColumn{Field: "ATTR", Alias: "A", Attribute: text})
		},
		"Code": func(q *source.Query, text string) {
			column(q, outturn.ViewColumn{Field: "ID", Map: map[string]string{text: "a"}})
		},
		"Word": func(q *source.Query, text string) {
			column(q, outturn.ViewColumn{Field: "ID", Map: map[string]string{"a": text}})
		},
	}
	compile := func(put func(*source.Query, string), text string) (source.Statement, error) {
		q := source.Query{Dataset: d, View: outturn.Columns(d, []string{"ID"}), Tenant: "a", Vars: source.Vars{Tenant: "a", ReportType: "RESELLER", Zone: "UTC"}}
		put(&q, text)
		return source.Compile(t.Context(), q, s)
	}
	texts := sourcetest.Injections(canary)
	if len(texts) < 300 {
		t.Fatalf("there are only %d", len(texts))
	}
	if os.Getenv("OUTTURN_TEST_FULL") == "" {
		texts = everyNth(texts, 19)
	}
	for name, put := range places {
		harmless := "harmless"
		switch name {
		case "Amount":
			harmless = "1"
		case "Field", "Order":
			harmless = "ID"
		case "Operator":
			harmless = "eq"
		}
		want, err := compile(put, harmless)
		if err != nil {
			t.Fatalf("%s: the harmless one is refused: %v", name, err)
		}
		for _, text := range texts {
			got, err := compile(put, text)
			if err != nil {
				if code := outturn.ErrorCode(err); code != outturn.CodeInvalid && code != outturn.CodeNotFound {
					t.Errorf("%s: %q is refused as %q: %v", name, text, code, err)
				}
				continue
			}
			if digits.ReplaceAllString(got.SQL, "") != digits.ReplaceAllString(want.SQL, "") {
				t.Errorf("%s: %q made the statement\n%s\nand not\n%s", name, text, got.SQL, want.SQL)
			}
		}
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a file was made")
	}
}

// digits of an amount decide how wide the number is that it is read as.
var digits = regexp.MustCompile(`DECIMAL\([0-9]+,[0-9]+\)`)

// everyNth is a sample, the last of which is the last.
func everyNth(texts []string, n int) (sample []string) {
	for i := len(texts) - 1; i >= 0; i -= n {
		sample = append(sample, texts[i])
	}
	return sample
}
