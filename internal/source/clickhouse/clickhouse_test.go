package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/clickhouse"
	"outturn/internal/source/clickhouse/clickhousetest"
	"outturn/internal/source/sourcetest"
)

// The suite of package sourcetest makes its tables by SQL that ClickHouse does not
// take: its columns are not null unless they say so, a table names its engine, and
// there are no JSON, TIME, BOOLEAN, generate_series and md5 of text. The tests here
// hold the same promises, as far as the package comment makes them.

func TestMain(m *testing.M) { os.Exit(clickhousetest.Run(m)) }

const null = "∅"

func begin(tb testing.TB, c clickhouse.Config) source.Database {
	tb.Helper()
	src := clickhouse.New(c)
	snap, err := src.Begin(source.WithPurpose(tb.Context(), "run 0192f3a1-aa"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := errors.Join(snap.Close(), src.Close()); err != nil {
			tb.Error(err)
		}
	})
	return snap
}

// read runs a query to its end and returns its cells as text.
func read(ctx context.Context, snap source.Database, q source.Query) (rows [][]string, replaced int64, err error) {
	r, err := snap.Query(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b batch.Batch
	for {
		if err := r.Next(&b); err == io.EOF {
			return rows, r.Replaced(), nil
		} else if err != nil {
			if again := r.Next(&b); !errors.Is(again, err) || b.Rows() != 0 {
				return nil, 0, fmt.Errorf("first call of Next: %w, second: %w", err, again)
			}
			return nil, 0, err
		}
		for row := range b.Rows() {
			rows = append(rows, sourcetest.RowText(&b, row))
		}
	}
}

func query(tb testing.TB, snap source.Database, q source.Query) [][]string {
	tb.Helper()
	rows, _, err := read(tb.Context(), snap, q)
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

func wantRows(tb testing.TB, got [][]string, want ...[]string) {
	tb.Helper()
	if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		tb.Errorf("got  %v\nwant %v", got, want)
	}
}

// Each kind is a column, plain and nullable, with its least and greatest value.
func TestTypes(t *testing.T) {
	kinds := []struct {
		sql   string
		typ   outturn.Type
		scale int
		cells [][2]string // as SQL, and as we read it
	}{
		{"Int8", outturn.Int, 0, [][2]string{{"-128", "-128"}, {"127", "127"}}},
		{"Int16", outturn.Int, 0, [][2]string{{"-32768", "-32768"}, {"32767", "32767"}}},
		{"Int32", outturn.Int, 0, [][2]string{{"-2147483648", "-2147483648"}, {"0", "0"}}},
		{"Int64", outturn.Int, 0, [][2]string{{"-9223372036854775808", "-9223372036854775808"}, {"9223372036854775807", "9223372036854775807"}}},
		{"UInt8", outturn.Int, 0, [][2]string{{"0", "0"}, {"255", "255"}}},
		{"UInt16", outturn.Int, 0, [][2]string{{"0", "0"}, {"65535", "65535"}}},
		{"UInt32", outturn.Int, 0, [][2]string{{"0", "0"}, {"4294967295", "4294967295"}}},
		{"UInt64", outturn.Decimal, 0, [][2]string{{"0", "0"}, {"18446744073709551615", "18446744073709551615"}}},
		{"Decimal(9, 2)", outturn.Decimal, 2, [][2]string{{"'-9999999.99'", "-9999999.99"}, {"'-0.05'", "-0.05"}}},
		{"Decimal(18, 8)", outturn.Decimal, 8, [][2]string{{"'9999999999.99999999'", "9999999999.99999999"}, {"'0.1'", "0.10000000"}}},
		{"Decimal(38, 10)", outturn.Decimal, 10, [][2]string{{"'-9999999999999999999999999999.9999999999'", "-9999999999999999999999999999.9999999999"}, {"'0.0000000001'", "0.0000000001"}}},
		{"Decimal(38, 0)", outturn.Decimal, 0, [][2]string{{"'99999999999999999999999999999999999999'", "99999999999999999999999999999999999999"}, {"'0'", "0"}}},
		{"Float32", outturn.Float, 0, [][2]string{{"toFloat32(0.1)", "0.1"}, {"16777216", "1.6777216e+07"}}},
		{"Float64", outturn.Float, 0, [][2]string{{"-1.7976931348623157e308", "-1.7976931348623157e+308"}, {"0.1", "0.1"}}},
		{"String", outturn.Text, 0, [][2]string{{"''", ""}, {"'日本 \"Łódź\", 𝄞\\0'", "日本 \"Łódź\", 𝄞\x00"}}},
		{"FixedString(5)", outturn.Text, 0, [][2]string{{"'ab'", "ab"}, {"''", ""}}},
		{"Enum8('paid' = -1, 'it\\'s 5%, (open' = 5)", outturn.Text, 0, [][2]string{{"'paid'", "paid"}, {"'it\\'s 5%, (open'", "it's 5%, (open"}}},
		{"Enum16('x' = 1000)", outturn.Text, 0, [][2]string{{"'x'", "x"}, {"'x'", "x"}}},
		{"UUID", outturn.Text, 0, [][2]string{{"toUUID('123e4567-e89b-12d3-a456-426614174000')", "123e4567-e89b-12d3-a456-426614174000"}, {"toUUID('00000000-0000-0000-0000-000000000001')", "00000000-0000-0000-0000-000000000001"}}},
		{"Date", outturn.Date, 0, [][2]string{{"'1970-01-01'", "1970-01-01"}, {"'2105-12-31'", "2105-12-31"}}},
		// The server's zone is New York's, whose clocks show this hour twice.
		{"DateTime", outturn.Time, 0, [][2]string{{"toDateTime(1793512800)", "2026-11-01T06:00:00Z"}, {"toDateTime('2026-09-01 08:00:00')", "2026-09-01T12:00:00Z"}}},
		{"DateTime('Asia/Kathmandu')", outturn.Time, 0, [][2]string{{"toDateTime('2026-09-01 08:00:00', 'Asia/Kathmandu')", "2026-09-01T02:15:00Z"}, {"toDateTime(0)", "1970-01-01T00:00:00Z"}}},
	}
	var columns, low, high, none, wantNone []string
	want := [2][]string{}
	for i, k := range kinds {
		columns = append(columns, fmt.Sprintf("a%d %s, b%d Nullable(%s)", i, k.sql, i, k.sql))
		low, high = append(low, k.cells[0][0], k.cells[0][0]), append(high, k.cells[1][0], k.cells[1][0])
		want[0], want[1] = append(want[0], k.cells[0][1], k.cells[0][1]), append(want[1], k.cells[1][1], k.cells[1][1])
		none, wantNone = append(none, k.cells[0][0], "NULL"), append(wantNone, k.cells[0][1], null)
	}
	db := clickhousetest.New(t, "CREATE TABLE kinds (no UInt8, "+strings.Join(columns, ", ")+") ENGINE = Memory",
		"INSERT INTO kinds SELECT 1, "+strings.Join(low, ", "), "INSERT INTO kinds SELECT 2, "+strings.Join(high, ", "), "INSERT INTO kinds SELECT 3, "+strings.Join(none, ", "))
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	have, err := snap.Describe(t.Context(), "SELECT * FROM kinds")
	if err != nil {
		t.Fatal(err)
	}
	d := &outturn.Dataset{Name: "kinds", Version: 1, SQL: "SELECT * FROM kinds", Fields: []outturn.Field{{Name: "no", Type: outturn.Int}}}
	for i, h := range have[1:] {
		if k := kinds[i/2]; h.Type != k.typ || h.Scale != k.scale || h.Local || h.Engine == "" {
			t.Errorf("%s: got %+v", k.sql, h)
		}
		d.Fields = append(d.Fields, outturn.Field{Name: h.Name, Type: h.Type, Scale: h.Scale})
	}
	all := func(no, rest []string) []string { return append(slices.Clone(no), rest...) }
	for name, q := range map[string]source.Query{
		"SELECT":   {SQL: "SELECT * FROM kinds ORDER BY no"},
		"data set": {Dataset: d, View: outturn.Full(d), Everything: true, Order: []outturn.Order{{Field: "no"}}},
	} {
		rows := query(t, snap, q)
		for i, want := range [][]string{all([]string{"1"}, want[0]), all([]string{"2"}, want[1]), all([]string{"3"}, wantNone)} {
			for c := range want {
				if rows[i][c] != want[c] {
					t.Errorf("%s, row %d, %s %s: got %q, want %q", name, i+1, have[c].Name, have[c].Engine, rows[i][c], want[c])
				}
			}
		}
	}
	r, err := snap.Query(t.Context(), source.Query{SQL: "SELECT * FROM kinds"})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range r.Columns()[1:] {
		if single := kinds[i/2].sql == "Float32"; c.Single != single || c.Wall != nil {
			t.Errorf("column %s %s is told to be of single precision: %t, and to have the wall %v", c.Name, kinds[i/2].sql, c.Single, c.Wall)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	// Any of them can be compared with its own value, and ordered by.
	for i, f := range d.Fields[1:] {
		text := kinds[i/2].cells[0][1]
		q := source.Query{Dataset: d, View: outturn.Columns(d, []string{"no"}), Everything: true, Order: []outturn.Order{{Field: f.Name, Desc: true}},
			Where: &outturn.Expr{Op: outturn.OpEQ, Field: f.Name, Values: []string{text}}}
		if f.Type == outturn.Float && i/2 == 12 {
			continue // 0.1 of 32 bits is not 0.1
		}
		rows, _, err := read(t.Context(), snap, q)
		if err != nil || len(rows) == 0 {
			t.Errorf("%s = %s: got %v and %v", kinds[i/2].sql, text, rows, err)
		}
	}
}

func TestText(t *testing.T) {
	db := clickhousetest.New(t)
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	rows, replaced, err := read(t.Context(), snap, source.Query{SQL: "SELECT unhex('61FFFEC3A4EFBFBD') AS bad, toNullable('') AS empty, NULL AS nothing"})
	if err != nil || replaced != 2 {
		t.Errorf("got %d replaced and %v", replaced, err)
	}
	wantRows(t, rows, []string{"a\uFFFD\uFFFDä\uFFFD", "", null})
	for sql, says := range map[string]string{
		"SELECT [1, 2] AS list":          "list has the type Array(UInt8), which cannot be exported. Make a text of it in the SELECT, such as toString(list)",
		"SELECT tuple(1, 2) AS pair":     "pair has the type Tuple(UInt8, UInt8)",
		"SELECT toIntervalDay(1) AS gap": "gap has the type IntervalDay",
		"SELECT 1 AS a, 2 AS A":          `two columns with the name "A"`,
	} {
		if _, _, err := read(t.Context(), snap, source.Query{SQL: sql}); outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %s", sql, err, says)
		}
	}
}

// Decimals come in the scale of their column, or not at all.
func TestScales(t *testing.T) {
	db := clickhousetest.New(t, `CREATE TABLE amounts (id String, a Decimal(18, 4), n Int64, ok UInt8, doc String) ENGINE = Memory`,
		`INSERT INTO amounts VALUES ('one', '12.3400', -9223372036854775808, 1, '{"a": 1}'), ('two', '0.0001', 7, 2, 'no')`)
	d := &outturn.Dataset{Name: "amounts", Version: 1, SQL: "SELECT * FROM amounts", Key: []string{"id"}, Fields: []outturn.Field{
		{Name: "id", Type: outturn.Text}, {Name: "a", Type: outturn.Decimal, Scale: 8}, {Name: "n", Type: outturn.Decimal, Scale: 4},
		{Name: "ok", Type: outturn.Bool}, {Name: "doc", Type: outturn.JSON}}}
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	scale := func(n int) *int { return &n }
	for _, test := range []struct {
		id     string
		column outturn.ViewColumn
		want   string // of the cell, or the error
	}{
		{"one", outturn.ViewColumn{Field: "a"}, "12.34000000"},
		{"one", outturn.ViewColumn{Field: "a", Scale: scale(2)}, "12.34"},
		{"one", outturn.ViewColumn{Field: "a", Scale: scale(1)}, "Column a holds 12.3400, which has more digits after the point than 1."},
		{"one", outturn.ViewColumn{Field: "n"}, "-9223372036854775808.0000"},
		{"one", outturn.ViewColumn{Field: "n", Scale: scale(30)}, "Column n holds -9223372036854775808, which is too large for a decimal of scale 30."},
		{"two", outturn.ViewColumn{Field: "n", Scale: scale(30)}, "7." + strings.Repeat("0", 30)},
		{"one", outturn.ViewColumn{Field: "ok"}, "true"},
		{"one", outturn.ViewColumn{Field: "ok", Map: map[string]string{"true": "yes", "false": "no"}}, "yes"},
		{"two", outturn.ViewColumn{Field: "ok"}, "Column ok is declared bool, but holds 2, which is neither 0 nor 1."},
		{"one", outturn.ViewColumn{Field: "doc"}, `{"a": 1}`},
		{"two", outturn.ViewColumn{Field: "doc"}, `Column doc is declared json, but holds "no", which is none.`},
		{"one", outturn.ViewColumn{Field: "doc", Attribute: "a"}, "Column doc shows an attribute of the field doc, which a source in ClickHouse cannot. Select it in the data set as a field of its own."},
	} {
		rows, _, err := read(t.Context(), snap, source.Query{Dataset: d, Everything: true, View: &outturn.View{Dataset: d.Name, Columns: []outturn.ViewColumn{test.column}},
			Where: &outturn.Expr{Op: outturn.OpEQ, Field: "id", Values: []string{test.id}}})
		got := ""
		if err != nil {
			got = err.Error()
		} else if len(rows) == 1 {
			got = rows[0][0]
		}
		if got != test.want {
			t.Errorf("%s of %s: got %s, want %s", test.column.Field, test.id, got, test.want)
		}
	}
	least := "0." + strings.Repeat("0", 33) + "1"
	for _, test := range []struct {
		op       outturn.Op
		field, x string
		want     string
	}{
		{outturn.OpNE, "a", "0." + strings.Repeat("0", 29) + "1", "one two"}, {outturn.OpGT, "a", "12.339999999999999999999999999999", "one"},
		{outturn.OpLE, "n", least, "one"}, {outturn.OpEQ, "n", "7.5", ""}, {outturn.OpEQ, "n", "7.0", "two"},
	} {
		rows, _, err := read(t.Context(), snap, source.Query{Dataset: d, Everything: true, View: outturn.Columns(d, []string{"id"}), Order: []outturn.Order{{Field: "id"}},
			Where: &outturn.Expr{Op: test.op, Field: test.field, Values: []string{test.x}}})
		var got []string
		for _, row := range rows {
			got = append(got, row[0])
		}
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s %s %s: got %v and %v, want %s", test.field, test.op, test.x, got, err, test.want)
		}
	}
	d.Fields[1].Scale = 2
	if _, _, err := read(t.Context(), snap, source.Query{Dataset: d, View: outturn.Full(d), Everything: true}); outturn.ErrorCode(err) != outturn.CodeDatasetInvalid || !strings.Contains(err.Error(), "field a") {
		t.Errorf("a scale that is too small: got %v", err)
	}
}

func TestTablesAndAccounts(t *testing.T) {
	db := clickhousetest.New(t, "CREATE TABLE zebra (n Int8) ENGINE = Memory", "CREATE VIEW apple AS SELECT n FROM zebra",
		"CREATE TABLE accounts (id UInt32, parent Nullable(UInt32), name String) ENGINE = Memory",
		"INSERT INTO accounts VALUES (1, NULL, 'root'), (2, 1, 'left'), (3, 1, 'right'), (20, 2, 'leaf'), (77, 78, 'lost'), (78, 77, 'lost too'), (3, 1, 'again')")
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	if snap.Consistent() {
		t.Error("ClickHouse says that it has snapshots")
	}
	tables, err := snap.Tables(t.Context())
	if want := []string{"accounts", "apple", "zebra"}; err != nil || !slices.Equal(tables, want) {
		t.Errorf("got %v and %v, want %v", tables, err, want)
	}
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, 'k' AS kind, name, '' AS currency, NULL AS zone FROM accounts"}
	if err := source.CheckTree(t.Context(), tree, snap); err != nil {
		t.Error(err)
	}
	if a, err := source.LookUpAccount(t.Context(), snap, tree, "20"); err != nil || a != (outturn.Account{ID: "20", Parent: "2", Kind: "k", Name: "leaf"}) {
		t.Errorf("got %+v and %v", a, err)
	}
	if _, err := source.LookUpAccount(t.Context(), snap, tree, "21"); err == nil || !strings.Contains(err.Error(), "20") {
		t.Errorf("an unknown account: got %v, want the nearest ids", err)
	}
	if roots, err := source.RootAccounts(t.Context(), snap, tree); err != nil || len(roots) != 1 || roots[0].ID != "1" {
		t.Errorf("roots: got %v and %v", roots, err)
	}
	if below, err := source.Children(t.Context(), snap, tree, "2"); err != nil || len(below) != 1 || below[0].ID != "20" {
		t.Errorf("children: got %v and %v", below, err)
	}
	kinds := &outturn.TenantTree{SQL: strings.Replace(tree.SQL, "'k' AS kind", "if(id = 20, 'Reseller', 'Customer') AS kind", 1)}
	for id, want := range map[string]bool{"1": false, "2": true, "20": false} {
		if got, err := source.HasResellers(t.Context(), snap, kinds, id); err != nil || got != want {
			t.Errorf("resellers below %s: got %t and %v, want %t", id, got, err, want)
		}
	}
	err = source.CheckAccounts(t.Context(), snap, tree)
	if want := "1 ids stand more than once; 2 accounts are reached from no root"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	tree.SQL += " WHERE id < 70 AND name != 'again'"
	if err := source.CheckAccounts(t.Context(), snap, tree); err != nil {
		t.Error(err)
	}
}

func TestReaders(t *testing.T) {
	db := clickhousetest.New(t)
	src := clickhouse.New(clickhouse.Config{URL: db.URL()})
	snap, err := src.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	many := source.Query{SQL: "SELECT number AS n, toString(number) AS m FROM system.numbers LIMIT 300000"}
	for batches := range 3 { // not read at all, in part, to the end
		r, err := snap.Query(t.Context(), many)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := snap.Query(t.Context(), many); err == nil {
			t.Error("a second reader of the same snapshot was opened")
		}
		var b batch.Batch
		rows := 0
		for range batches * batches * batches {
			if err := r.Next(&b); err != nil {
				break
			}
			rows += b.Rows()
		}
		if share, known := r.Progress(); batches == 2 && (rows != 300000 || !known || share != 1) {
			t.Errorf("got %d rows, %f of the work done", rows, share)
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
		if err := r.Next(&b); err == nil {
			t.Error("a closed reader goes on reading")
		}
	}
	r, err := snap.Query(t.Context(), many)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(snap.Close(), snap.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if _, err := snap.Query(t.Context(), many); err == nil {
		t.Error("a closed snapshot goes on answering")
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
}

// Nothing but one SELECT is run, and what was refused has done nothing.
func TestRefusals(t *testing.T) {
	db := clickhousetest.New(t, "CREATE TABLE kept (n Int8) ENGINE = Memory", "INSERT INTO kept VALUES (1)")
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	canary := t.TempDir() + "/canary"
	for _, sql := range []string{
		"  ", "  -- nothing\n", "SELECT n FROM kept; SELECT n FROM kept", "SELECT n FROM kept; DROP TABLE kept", "INSERT INTO kept VALUES (2)", "DROP TABLE kept",
		"CREATE TABLE other (n Int8) ENGINE = Memory", "SET readonly = 0", "SHOW TABLES", "SYSTEM FLUSH LOGS", "KILL QUERY WHERE 1", "SELECT n FROM kept INTO OUTFILE '" + canary + "'",
		"SELECT n FROM kept FORMAT CSV", "SELECT n FROM kept\x00", "SELECT n FROM kept) UNION ALL (SELECT n FROM kept", "SELECT 'x", "SELECT '\\'",
		"SELECT * FRM kept", "SELECT missing FROM kept", "SELECT * FROM missing", "SELECT $2 AS x", "SELECT ‘x’ AS y", "SELECT 1 AS x # y",
	} {
		if _, _, err := read(t.Context(), snap, source.Query{SQL: sql, Args: []string{"one"}}); outturn.ErrorCode(err) != outturn.CodeQueryFailed {
			t.Errorf("%q: got %v, want %s", sql, err, outturn.CodeQueryFailed)
		} else if strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%q: the message has lines: %v", sql, err)
		}
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a file was written")
	}
	for _, sql := range []string{
		"SELECT n FROM kept", "SELECT n FROM kept;", " -- why\n /* and */ select n from kept -- end", "(SELECT n FROM kept)", "WITH 1 AS one SELECT n FROM kept WHERE n = one",
		"SELECT n FROM kept WHERE '$1' != $1 AND \"n\" = 1 /* $9 */", `SELECT n FROM kept WHERE '\'$1' != ''`, `SELECT n FROM kept WHERE '\' -- ' != '' -- and`,
	} {
		wantRows(t, query(t, snap, source.Query{SQL: sql, Args: []string{"one"}}), []string{"1"})
	}
}
