package duckdb_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
)

// salesOf makes a folder of sales: all of them are a's and sound, but for one of
// b's in the middle, none of whose values is.
func salesOf(t *testing.T, rows, threads int, parquet bool) *duckdb.Source {
	t.Helper()
	dir := t.TempDir()
	sales := filepath.Join(dir, "sales.csv")
	var b strings.Builder
	b.WriteString("ID,OWNER,AMOUNT,UNITS,WHEN_,ATTR\n")
	for i := range rows {
		if i == rows/2 {
			b.WriteString("K-OF-B,b,SECRET-AMOUNT,SECRET-UNITS,SECRET-DATE,SECRET-JSON\n")
			continue
		}
		fmt.Fprintf(&b, "K%d,a,%d,1,2026-09-01,\"{\"\"po\"\":\"\"%d\"\"}\"\n", i, i%10, i)
	}
	files := map[string]string{sales: b.String(), filepath.Join(dir, "accounts.csv"): "id,parent\nroot,\na,root\nb,root\n"}
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if parquet {
		makeFile(t, ":memory:", "COPY (FROM read_csv('"+sales+"', all_varchar = true)) TO '"+filepath.Join(dir, "sales.parquet")+"' (FORMAT parquet)")
		if err := os.Remove(sales); err != nil {
			t.Fatal(err)
		}
	}
	return duckdb.New(duckdb.Config{Path: dir, Folder: true, TempDir: t.TempDir(), Threads: threads})
}

// What is wrong with an account's row is told to the account and to the operator.
// Another account's report does not even stumble over it.
func TestComplaintsStayInScope(t *testing.T) {
	window, err := outturn.NewWindow("2026-09-01", "2026-10-01", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(op outturn.Op, field string, values ...string) *outturn.Expr {
		return &outturn.Expr{Op: op, Field: field, Values: values}
	}
	amount := "Field AMOUNT holds 'SECRET-AMOUNT', which is no decimal of scale 2, in the row ID K-OF-B."
	date := "Field WHEN_ holds 'SECRET-DATE', which is no date, in the row ID K-OF-B."
	asks := []struct {
		name string
		with func(*source.Query)
		want string
	}{
		{"filter", func(q *source.Query) { q.Where = leaf(outturn.OpGE, "AMOUNT", "0") }, amount},
		{"filter of several fields", func(q *source.Query) {
			q.Where = &outturn.Expr{Op: outturn.OpOr, Args: []*outturn.Expr{leaf(outturn.OpLike, "ID", "K%1"), {Op: outturn.OpNot, Args: []*outturn.Expr{leaf(outturn.OpIn, "AMOUNT", "70", "80")}}}}
		}, amount},
		{"filter by many", func(q *source.Query) { q.Where = leaf(outturn.OpIn, "AMOUNT", "0", "1", "2", "3", "4", "5") }, amount},
		{"filter by none of many", func(q *source.Query) {
			q.Where = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{leaf(outturn.OpIn, "AMOUNT", "10", "11", "12", "13", "14", "15")}}
		}, amount},
		{"filter by many and another", func(q *source.Query) {
			q.Where = &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{leaf(outturn.OpLike, "ID", "K%"), leaf(outturn.OpIn, "UNITS", "1", "2", "3", "4", "5", "6", "7")}}
		}, "Field UNITS holds 'SECRET-UNITS', which is no int, in the row ID K-OF-B."},
		{"filter by null", func(q *source.Query) { q.Where = leaf(outturn.OpNull, "UNITS") }, "Field UNITS holds 'SECRET-UNITS', which is no int, in the row ID K-OF-B."},
		{"invoice", func(q *source.Query) {
			d := *q.Dataset
			d.Invoice = "UNITS"
			q.Dataset, q.Invoice = &d, "1"
		}, "Field UNITS holds 'SECRET-UNITS', which is no int, in the row ID K-OF-B."},
		{"window", func(q *source.Query) { q.Window = &window }, date},
		{"window and filter", func(q *source.Query) { q.Window, q.Where = &window, leaf(outturn.OpNE, "ID", "K1") }, date},
		{"window of the author's", func(q *source.Query) {
			d := *q.Dataset
			d.Period = &outturn.Period{Expr: "left(WHEN_, 11)", Kind: outturn.PeriodDate}
			q.Dataset, q.Window = &d, &window
		}, "The period holds 'SECRET-DATE', which is no date, in the row ID K-OF-B."},
		{"order", func(q *source.Query) { q.Order = []outturn.Order{{Field: "AMOUNT", Desc: true}} }, amount},
		{"column", func(q *source.Query) { q.View = outturn.Columns(q.Dataset, []string{"ID", "AMOUNT"}) }, amount},
		{"hidden column", func(q *source.Query) { q.Hidden = []string{"AMOUNT"} }, amount},
		{"attribute", func(q *source.Query) {
			q.View = &outturn.View{Columns: []outturn.ViewColumn{{Field: "ATTR", Alias: "PO", Attribute: "po"}}}
		}, "Column PO (field ATTR) holds 'SECRET-JSON', which is no json, in the row ID K-OF-B."},
	}
	for _, test := range []struct {
		rows, threads int
		parquet       bool
	}{{3, 1, false}, {5000, 1, false}, {30_000, 2, true}} {
		src := salesOf(t, test.rows, test.threads, test.parquet)
		for _, tree := range []*outturn.TenantTree{nil, {SQL: "SELECT id, parent, 'x' AS kind, id AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}} {
			for _, ask := range asks {
				t.Run(fmt.Sprintf("%s/%d rows/%d threads/parquet %v/tree %v", ask.name, test.rows, test.threads, test.parquet, tree != nil), func(t *testing.T) {
					d := &outturn.Dataset{Name: "sales", SQL: "SELECT * FROM sales", Key: []string{"ID"}, Tenant: "OWNER", Period: &outturn.Period{Expr: "WHEN_", Kind: outturn.PeriodDate},
						Fields: []outturn.Field{{Name: "ID", Type: outturn.Text}, {Name: "AMOUNT", Type: outturn.Decimal, Scale: 2}, {Name: "UNITS", Type: outturn.Int}, {Name: "ATTR", Type: outturn.JSON}}}
					q := source.Query{Dataset: d, View: outturn.Columns(d, []string{"ID"}), Tree: tree, Tenant: "a"}
					ask.with(&q)
					got, err := readQuery(t, src, q)
					if err != nil || strings.Contains(got, "OF-B") || ask.name != "filter by null" && strings.Count(got, "\n") < test.rows/10 {
						t.Errorf("a's report: got %d bytes, %v", len(got), err)
					}
					q.Tenant = "b"
					wantMessage(t, src, q, ask.want)
					q.Tenant, q.Everything = "", true
					wantFinalMessage(t, src, q, ask.want)
				})
			}
		}
	}
}

// wantFinalMessage is wantMessage where rows may come before the one that fails.
func wantFinalMessage(t *testing.T, src source.Source, q source.Query, want string) {
	t.Helper()
	if _, err := readQuery(t, src, q); outturn.ErrorCode(err) != outturn.CodeQueryFailed || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// What the engine itself says of a value is told to operators only, for an
// author's SELECT is worked out before the scope is applied.
func TestEnginesWordsAreForOperators(t *testing.T) {
	src := salesOf(t, 3, 1, false)
	ragged := newFolder(t, map[string]string{"sales.csv": "ID,OWNER\n1,a\n2,b,SECRET-CELL\n"})
	for _, test := range []struct {
		name, sql string
		a         outturn.Field
		says      string
		src       *duckdb.Source
	}{
		{"cast", "SELECT ID, OWNER, CAST(AMOUNT AS DOUBLE) AS A FROM sales", outturn.Field{Name: "A", Type: outturn.Float}, "SECRET-AMOUNT", src},
		{"function", "SELECT ID, OWNER, strptime(WHEN_, '%Y-%m-%d') AS A FROM sales", outturn.Field{Name: "A", Type: outturn.Time, Scale: 6}, "SECRET-DATE", src},
		{"the author's error", "SELECT ID, OWNER, CASE WHEN AMOUNT > 'A' THEN error('to be a Parquet file: ' || AMOUNT) ELSE AMOUNT END AS A FROM sales", outturn.Field{Name: "A", Type: outturn.Text}, "SECRET-AMOUNT", src},
		{"ragged file", "SELECT ID, OWNER, ID AS A FROM sales", outturn.Field{Name: "A", Type: outturn.Text}, "SECRET-CELL", ragged},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &outturn.Dataset{Name: "sales", SQL: test.sql, Tenant: "OWNER", Key: []string{"ID"}, Fields: []outturn.Field{{Name: "ID", Type: outturn.Text}, test.a}}
			for _, tenant := range []string{"a", "b"} {
				_, err := readQuery(t, test.src, source.Query{Dataset: d, View: outturn.Full(d), Tenant: tenant})
				if tenant == "a" && err == nil {
					continue // the engine has applied the scope first, which it need not
				}
				var told *outturn.Error
				if !errors.As(err, &told) || told.Code != outturn.CodeQueryFailed || strings.Contains(told.Message, "SECRET") || !strings.Contains(told.Message, "without a tenant") {
					t.Errorf("%s is told: %v", tenant, err)
				} else if told.Err == nil || !strings.Contains(told.Err.Error(), test.says) {
					t.Errorf("the log is told: %v", told.Err)
				}
			}
			if _, err := readQuery(t, test.src, source.Query{Dataset: d, View: outturn.Full(d), Everything: true}); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the operator is told: %v", err)
			}
		})
	}
	d := &outturn.Dataset{Name: "sales", SQL: "SELECT nothing FROM sales", Tenant: "OWNER", Fields: []outturn.Field{{Name: "ID", Type: outturn.Text}}}
	if _, err := readQuery(t, src, source.Query{Dataset: d, View: outturn.Full(d), Tenant: "a"}); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("a fault of the SELECT is not told: %v", err)
	}
}

// A statement has the scope of its query, and only one who asked for everything gets
// a scope of everything.
func TestStatementScope(t *testing.T) {
	s, err := salesOf(t, 10, 1, false).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := &outturn.Dataset{Name: "sales", SQL: "SELECT * FROM sales", Tenant: "OWNER", Fields: []outturn.Field{{Name: "ID", Type: outturn.Text}}}
	query := source.Query{Dataset: d, View: outturn.Columns(d, []string{"ID"})}
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, 'reseller' AS kind, id AS name, '' AS currency, '' AS zone FROM accounts"}
	for name, c := range map[string]struct {
		with func(*source.Query)
		want source.Scope
		err  bool
	}{
		"Nobody":     {func(*source.Query) {}, source.Scope{}, true},
		"Account":    {func(q *source.Query) { q.Tenant = "a" }, source.Scope{Account: "a"}, false},
		"Tree":       {func(q *source.Query) { q.Tenant, q.Tree = "a", tree }, source.Scope{Account: "a"}, false},
		"Hostile":    {func(q *source.Query) { q.Tenant = "' OR 1 = 1" }, source.Scope{Account: "' OR 1 = 1"}, false},
		"Everything": {func(q *source.Query) { q.Everything = true }, source.Scope{Everything: true}, false},
		"OwnSQL":     {func(q *source.Query) { *q = source.Query{SQL: "SELECT 1 AS a"} }, source.Scope{Everything: true}, false},
	} {
		q := query
		c.with(&q)
		stmt, err := source.Compile(t.Context(), q, s)
		if (err != nil) != c.err {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err == nil && stmt.Scope != c.want {
			t.Errorf("%s: got %+v, want %+v", name, stmt.Scope, c.want)
		}
	}
}
