// Package sourcetest holds what the contract of package source means, for every
// implementation:
//
//	func TestSource(t *testing.T) {
//		sourcetest.Run(t, func(tb testing.TB, sql string) source.Source { … })
//	}
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// Open makes a new database, runs sql in it and returns it as a source, which
// the test's end takes away. The SQL is what PostgreSQL and DuckDB both take:
// CREATE TABLE and INSERT, with generate_series for many rows.
type Open func(tb testing.TB, sql string) source.Source

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Types", testTypes},
		{"Describe", testDescribe},
		{"Rescale", testRescale},
		{"Widen", testWiden},
		{"ViewScale", testViewScale},
		{"Attribute", testAttribute},
		{"Compare", testCompare},
		{"Invoice", testInvoice},
		{"Changes", testChanges},
		{"AttributeShape", testAttributeShape},
		{"Zone", testZone},
		{"Order", testOrder},
		{"Nulls", testNulls},
		{"BigCells", testBigCells},
		{"WideRows", testWideRows},
		{"Empty", testEmpty},
		{"Args", testArgs},
		{"Tables", testTables},
		{"Snapshot", testSnapshot},
		{"Close", testClose},
		{"Refusals", testRefusals},
		{"Errors", testErrors},
		{"BrokenRow", testBrokenRow},
		{"CancelEarly", testCancelEarly},
		{"CancelBetween", testCancelBetween},
		{"CancelLate", testCancelLate},
		{"Deadline", testDeadline},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

const typesSQL = `
CREATE TABLE kinds (
  row_no INTEGER, small SMALLINT, medium INTEGER, large BIGINT,
  money NUMERIC(20,8), cents NUMERIC(9,2), wide NUMERIC(38,10), whole NUMERIC(38,0),
  single REAL, double DOUBLE PRECISION, flag BOOLEAN, day DATE,
  wall TIMESTAMP, instant TIMESTAMP WITH TIME ZONE,
  words VARCHAR, id UUID, doc JSON, clock TIME
);
INSERT INTO kinds VALUES
  (1, -32768, -2147483648, -9223372036854775808,
   -999999999999.99999999, -9999999.99, -9999999999999999999999999999.9999999999, -99999999999999999999999999999999999999,
   -1.5, -1.7976931348623157e308, false, '0001-01-01',
   '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999+00',
   '', '00000000-0000-0000-0000-000000000000', '{}', '00:00:00'),
  (2, 32767, 2147483647, 9223372036854775807,
   999999999999.99999999, 9999999.99, 9999999999999999999999999999.9999999999, 99999999999999999999999999999999999999,
   0.1, 5e-324, true, '9999-12-31',
   '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00',
   '日本マーケット "Łódź", 𝄞', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '{"a": [1, 2.50, null]}', '23:59:59.25'),
  (3, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, '1970-01-01', '1970-01-01 00:00:00', '1970-01-01 00:00:00+00',
   'twelve bytes', '123e4567-e89b-12d3-a456-426614174000', 'null', '13:45:00'),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (5, -1, 1, -1, 0.10000000, -0.05, 0.0000000001, -1, 16777216, 0.1, true, '2024-02-29',
   '2024-02-29 12:00:00.5', '2026-09-01 08:00:00+05:45',
   'thirteen byte', '80000000-0000-0000-8000-000000000001', '"text"', '01:02:03.000001')`

// null is how the tests write a cell without a value.
const null = "∅"

func testTypes(t *testing.T, open Open) {
	want := [][]string{
		{"1", "-32768", "-2147483648", "-9223372036854775808",
			"-999999999999.99999999", "-9999999.99", "-9999999999999999999999999999.9999999999", "-99999999999999999999999999999999999999",
			"-1.5", "-1.7976931348623157e+308", "false", "0001-01-01",
			"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z",
			"", "00000000-0000-0000-0000-000000000000", "{}", "00:00:00"},
		{"2", "32767", "2147483647", "9223372036854775807",
			"999999999999.99999999", "9999999.99", "9999999999999999999999999999.9999999999", "99999999999999999999999999999999999999",
			"0.1", "5e-324", "true", "9999-12-31",
			"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z",
			"日本マーケット \"Łódź\", 𝄞", "ffffffff-ffff-ffff-ffff-ffffffffffff", `{"a": [1, 2.50, null]}`, "23:59:59.25"},
		{"3", "0", "0", "0", "0.00000000", "0.00", "0.0000000000", "0", "0", "0", "false", "1970-01-01",
			"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
			"twelve bytes", "123e4567-e89b-12d3-a456-426614174000", "null", "13:45:00"},
		{"4", null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null},
		{"5", "-1", "1", "-1", "0.10000000", "-0.05", "0.0000000001", "-1", "1.6777216e+07", "0.1", "true", "2024-02-29",
			"2024-02-29T12:00:00.5Z", "2026-09-01T02:15:00Z",
			"thirteen byte", "80000000-0000-0000-8000-000000000001", `"text"`, "01:02:03.000001"},
	}
	snap := begin(t, open(t, typesSQL))
	columns, rows := query(t, snap, source.Query{SQL: "SELECT * FROM kinds ORDER BY row_no"})
	if len(rows) != len(want) {
		t.Fatalf("got %d rows, want %d", len(rows), len(want))
	}
	for i := range want {
		for c, column := range columns {
			if got := rows[i][c]; got != want[i][c] {
				t.Errorf("row %d, column %s: got %s, want %s", i+1, column.Name, got, want[i][c])
			}
		}
	}
	for _, c := range columns {
		if c.Single != (c.Name == "single") || (c.Wall == time.UTC) != (c.Name == "wall") {
			t.Errorf("column %s is told to be of single precision: %t, and to have the wall %v", c.Name, c.Single, c.Wall)
		}
	}
}

func testDescribe(t *testing.T, open Open) {
	snap := begin(t, open(t, typesSQL))
	got, err := snap.Describe(t.Context(), "SELECT *, money AS \"Größe, \"\"brutto\"\"\" FROM kinds")
	if err != nil {
		t.Fatal(err)
	}
	want := []source.Described{
		column("row_no", outturn.Int, 0), column("small", outturn.Int, 0), column("medium", outturn.Int, 0), column("large", outturn.Int, 0),
		column("money", outturn.Decimal, 8), column("cents", outturn.Decimal, 2), column("wide", outturn.Decimal, 10), column("whole", outturn.Decimal, 0),
		column("single", outturn.Float, 0), column("double", outturn.Float, 0), column("flag", outturn.Bool, 0), column("day", outturn.Date, 0),
		column("wall", outturn.Time, 6), column("instant", outturn.Time, 6),
		column("words", outturn.Text, 0), column("id", outturn.Text, 0), column("doc", outturn.JSON, 0), column("clock", outturn.Text, 0),
		column(`Größe, "brutto"`, outturn.Decimal, 8),
	}
	want[12].Local = true
	if len(got) != len(want) {
		t.Fatalf("got %d columns, want %d", len(got), len(want))
	}
	for i, g := range got {
		if g.Engine == "" {
			t.Errorf("column %s: the engine's type has no name", g.Name)
		}
		g.Engine, g.Deliver, g.Compare = "", "", ""
		if g != want[i] {
			t.Errorf("got %+v, want %+v", g, want[i])
		}
	}
}

func column(name string, t outturn.Type, scale int) source.Described {
	return source.Described{Column: batch.Column{Name: name, Type: t, Scale: scale}}
}

// dataset makes a data set of a SELECT and its fields.
func dataset(sql string, fields ...outturn.Field) *outturn.Dataset {
	return &outturn.Dataset{Name: "sample", Version: 1, Source: "test", Description: "A row a row.", SQL: sql, Fields: fields}
}

func everything(d *outturn.Dataset) source.Query {
	return source.Query{Dataset: d, View: outturn.Full(d), Everything: true}
}

// A decimal may be declared with more digits than it is kept with, and gets
// them; with fewer, it is refused.
func testRescale(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE prices (a NUMERIC(4,2), b NUMERIC(18,2), c NUMERIC(38,2), d BIGINT);
		INSERT INTO prices VALUES (-0.05, 9999999999999999.99, -999999999999999999999999999999999999.99, 9223372036854775807), (1, 2, 3, 4), (NULL, NULL, NULL, NULL)`)
	fields := []outturn.Field{{Name: "a", Type: outturn.Decimal, Scale: 2}, {Name: "b", Type: outturn.Decimal, Scale: 8}, {Name: "c", Type: outturn.Decimal, Scale: 2}, {Name: "d", Type: outturn.Decimal, Scale: 4}}
	snap := begin(t, src)
	_, rows := query(t, snap, everything(dataset("SELECT * FROM prices", fields...)))
	want := [][]string{
		{"-0.05", "9999999999999999.99000000", "-999999999999999999999999999999999999.99", "9223372036854775807.0000"},
		{"1.00", "2.00000000", "3.00", "4.0000"},
		{null, null, null, null},
	}
	if !slices.EqualFunc(rows, want, slices.Equal[[]string]) {
		t.Errorf("got %v, want %v", rows, want)
	}
	fields[1].Scale = 1
	_, err := snap.Query(t.Context(), everything(dataset("SELECT * FROM prices", fields...)))
	if err == nil || !strings.Contains(err.Error(), "b") {
		t.Errorf("a scale that is too small: got %v, want an error that names the field", err)
	}
}

// A whole number that has no room for the digits its field has after the point is
// named with its row: to its own account and the operator, and to nobody else.
func testWiden(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE prices (id VARCHAR, owner VARCHAR, a BIGINT, b INTEGER);
		INSERT INTO prices SELECT CAST(i AS VARCHAR), 'small', 7, 7 FROM generate_series(1, 5000) AS g(i);
		INSERT INTO prices VALUES ('none', 'small', NULL, NULL), ('large', 'large', 9223372036854775807, -100000000)`)
	d := dataset("SELECT * FROM prices", outturn.Field{Name: "id", Type: outturn.Text},
		outturn.Field{Name: "a", Type: outturn.Decimal, Scale: 19}, outturn.Field{Name: "b", Type: outturn.Decimal, Scale: 30})
	d.Key, d.Tenant = []string{"id"}, "owner"
	snap := begin(t, src)
	all := everything(d)
	wantFailure(t, snap, all, "Field b holds '-100000000', which is too large for a decimal of scale 30, in the row id large.")
	all.View = outturn.Columns(d, []string{"id", "a"})
	all.Where = &outturn.Expr{Op: outturn.OpIn, Field: "id", Values: []string{"large", "none"}}
	all.Order = []outturn.Order{{Field: "id"}}
	_, rows := query(t, snap, all)
	if want := [][]string{{"large", "9223372036854775807.0000000000000000000"}, {"none", null}}; !slices.EqualFunc(rows, want, slices.Equal[[]string]) {
		t.Errorf("got %v, want %v", rows, want)
	}

	one := source.Query{Dataset: d, View: outturn.Full(d), Tenant: "small", Where: &outturn.Expr{Op: outturn.OpLE, Field: "b", Values: []string{"7.5"}}}
	for _, tree := range []*outturn.TenantTree{nil, {SQL: "SELECT DISTINCT owner AS id, NULL AS parent, '' AS kind, '' AS name, '' AS currency, '' AS zone FROM prices"}} {
		one.Tree, one.Tenant = tree, "small"
		if _, rows := query(t, snap, one); len(rows) != 5000 || rows[0][2] != "7."+strings.Repeat("0", 30) {
			t.Errorf("got %d rows, the first of them %q", len(rows), rows[:1])
		}
		several := one
		several.Where = &outturn.Expr{Op: outturn.OpIn, Field: "b", Values: []string{"1", "3", "5", "7", "9", "11"}}
		if _, rows := query(t, snap, several); len(rows) != 5000 {
			t.Errorf("one of several: got %d rows", len(rows))
		}
		one.Tenant = "large"
		wantFailure(t, snap, one, "Field b holds '-100000000', which is too large for a decimal of scale 30, in the row id large.")
	}
}

// A filter asks of what the file shows, to the last digit, and no number in it makes a
// report fail: least of all at another's row, whose amount one could then guess.
func testCompare(t *testing.T, open Open) {
	snap := begin(t, open(t, `CREATE TABLE amounts (id VARCHAR, owner VARCHAR, cents NUMERIC(20,8), plain NUMERIC(10,2), wide NUMERIC(38,0), single REAL, uid UUID);
		INSERT INTO amounts VALUES
		  ('1', 'a', 0, 1.50, 7, 0.1, '123e4567-e89b-12d3-a456-426614174000'), ('2', 'a', -1.23, -2.5, -7, 16777216, '223e4567-e89b-12d3-a456-426614174000'),
		  ('3', 'a', 1.23, 0, 0, 1e38, NULL), ('4', 'a', NULL, NULL, NULL, NULL, NULL),
		  ('5', 'b', 572.3, 99999999.99, 99999999999999999999999999999999999999, 3e38, '323e4567-e89b-12d3-a456-426614174000'),
		  ('6', 'b', -999999999999.99999999, -99999999.99, -99999999999999999999999999999999999999, -0.1, '423e4567-e89b-12d3-a456-426614174000')`))
	d := dataset("SELECT * FROM amounts", outturn.Field{Name: "id", Type: outturn.Text}, outturn.Field{Name: "cents", Type: outturn.Decimal, Scale: 8},
		outturn.Field{Name: "plain", Type: outturn.Decimal, Scale: 4}, outturn.Field{Name: "wide", Type: outturn.Decimal, Scale: 0},
		outturn.Field{Name: "single", Type: outturn.Float}, outturn.Field{Name: "uid", Type: outturn.Text})
	d.Tenant = "owner"
	least := "0." + strings.Repeat("0", 29) + "1" // more digits than there is room for beside those of any amount
	for filter, want := range map[string]string{
		"cents ne " + least:                                    "123456", // ne takes what is empty, too
		"cents eq " + least:                                    "",
		"cents gt " + least:                                    "35",
		"cents ge " + least:                                    "35",
		"cents lt " + least:                                    "126",
		"cents le " + least:                                    "126",
		"cents gt -" + least:                                   "135",
		"cents ge -" + least:                                   "135",
		"cents lt -" + least:                                   "26",
		"cents le -" + least:                                   "26",
		"cents in (" + least + ", 1.23)":                       "3",
		"cents in (" + least + ")":                             "",
		"not cents eq " + least:                                "123456",
		"not cents gt " + least:                                "1246",
		"cents eq 1.2300000000000000000000000":                 "3",
		"cents gt 1.229999999999999999":                        "35",
		"cents lt 1.229999999999999999":                        "126",
		"cents gt -1.23000000000000001":                        "1235",
		"cents lt -1.22999999999999999":                        "26",
		"plain eq 1.5":                                         "1",
		"plain ge 1.4999":                                      "15",
		"plain lt -2.4999":                                     "26",
		"wide gt 0":                                            "15",
		"wide eq 99999999999999999999999999999999999999":       "5",
		"single eq 0.1":                                        "1",
		"single gt 0.1":                                        "235",
		"single le 0.1":                                        "16",
		"single lt 0.1000000001":                               "16",
		"single eq 16777216":                                   "2",
		"uid eq '123e4567-e89b-12d3-a456-426614174000'":        "1",
		"uid eq 'x'":                                           "",
		"uid in ('x', '223e4567-e89b-12d3-a456-426614174000')": "2",
		"uid like '%3e4567%'":                                  "1256",
		"uid gt '3'":                                           "56",
	} {
		where, err := outturn.ParseExpr(filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, tenant := range []string{"", "a", "b"} {
			q := source.Query{Dataset: d, View: outturn.Columns(d, []string{"id"}), Where: where, Tenant: tenant, Everything: tenant == "", Order: []outturn.Order{{Field: "id"}}}
			_, rows := query(t, snap, q)
			got, mine := "", strings.Trim(want, map[string]string{"": "", "a": "56", "b": "1234"}[tenant])
			for _, row := range rows {
				got += row[0]
			}
			if got != mine {
				t.Errorf("%s, for %q: got rows %q, want %q", filter, tenant, got, mine)
			}
		}
	}
	q := everything(d)
	q.View = &outturn.View{Dataset: d.Name, Columns: []outturn.ViewColumn{{Field: "plain", Map: map[string]string{"1.5000": "hit"}}}}
	q.Order = []outturn.Order{{Field: "id"}}
	_, rows := query(t, snap, q)
	if want := [][]string{{"hit"}, {"-2.5000"}, {"0.0000"}, {null}, {"99999999.9900"}, {"-99999999.9900"}}; !slices.EqualFunc(rows, want, slices.Equal[[]string]) {
		t.Errorf("with words for an amount: got %v, want %v", rows, want)
	}
}

// Rows are those of one invoice, whether or not its number is published, and within
// scope; a number that breaks out of quotes is none's.
func testInvoice(t *testing.T, open Open) {
	snap := begin(t, open(t, `CREATE TABLE lines (id VARCHAR, owner VARCHAR, invoice VARCHAR, counted INTEGER);
		INSERT INTO lines VALUES ('1', 'a', '07', 7), ('2', 'b', '07', 7), ('3', 'a', '7', 8), ('4', 'a', NULL, NULL)`))
	d := dataset("SELECT * FROM lines", outturn.Field{Name: "id", Type: outturn.Text}, outturn.Field{Name: "invoice", Type: outturn.Text}, outturn.Field{Name: "counted", Type: outturn.Int})
	d.Tenant = "owner"
	byNumber := *d
	d.Invoice, byNumber.Invoice = "invoice", "counted"
	for _, test := range []struct {
		d                        *outturn.Dataset
		tenant, invoice, refused string
		want                     []string
	}{
		{d, "", "07", "", []string{"1", "2"}},
		{d, "a", "07", "", []string{"1"}},
		{d, "a", "7", "", []string{"3"}},
		{d, "a", "' OR 1=1 --", "", nil},
		{d, "a", "", "", []string{"1", "3", "4"}},
		{&byNumber, "a", "7", "", []string{"1"}},
		{&byNumber, "a", "seven", `"seven" is no invoice of the data set sample, whose invoices are of type int.`, nil},
		{dataset(d.SQL, d.Fields...), "", "7", "The data set sample does not say which invoice a row is of, so it cannot be made for one invoice.", nil},
	} {
		q := source.Query{Dataset: test.d, View: outturn.Columns(test.d, []string{"id"}), Tenant: test.tenant, Everything: test.tenant == "", Invoice: test.invoice,
			Order: []outturn.Order{{Field: "id"}}}
		if test.refused != "" {
			if r, err := snap.Query(t.Context(), q); outturn.ErrorCode(err) != outturn.CodeInvalid || err.Error() != test.refused {
				t.Errorf("invoice %q: got %v and %v, want %s", test.invoice, r, err, test.refused)
			}
			continue
		}
		_, rows := query(t, snap, q)
		var got []string
		for _, row := range rows {
			got = append(got, row[0])
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("invoice %q of %q: got %v, want %v", test.invoice, test.tenant, got, test.want)
		}
	}
}

// What changed at or after an instant is told with whose it is, within scope and window.
func testChanges(t *testing.T, open Open) {
	snap := begin(t, open(t, `CREATE TABLE bills (id INTEGER, line INTEGER, owner INTEGER, invoice INTEGER, day DATE, wall TIMESTAMP, instant TIMESTAMP WITH TIME ZONE);
		INSERT INTO bills VALUES (1, 1, 7, 70, '2026-11-01', '2026-11-01 10:00:00', '2026-11-01 10:00:00+00'),
		(1, 2, 7, 70, '2026-11-02', '2026-11-02 10:00:00.5', '2026-11-02 10:00:00.5+00'), (2, 1, 8, 80, '2026-11-03', '2026-11-03 10:00:00.000001', '2026-11-03 10:00:00.000001+00'),
		(3, 1, 8, NULL, '2026-11-03', '2026-11-04 10:00:00', '2026-11-04 10:00:00+00'), (4, 1, 8, 81, '2026-11-03', NULL, NULL)`))
	d := dataset("SELECT * FROM bills", outturn.Field{Name: "id", Type: outturn.Int}, outturn.Field{Name: "line", Type: outturn.Int}, outturn.Field{Name: "invoice", Type: outturn.Int})
	d.Tenant, d.Key, d.Invoice, d.Period = "owner", []string{"id", "line"}, "invoice", &outturn.Period{Expr: "day", Kind: outturn.PeriodDate}
	at := func(text string) time.Time {
		t.Helper()
		v, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range []struct {
		changed, since, tenant string
		window                 *outturn.Window
		want                   []string
	}{
		{"wall", "0001-01-01T00:00:00Z", "", nil, []string{"7 70 1,1 2026-11-01T10:00:00Z", "7 70 1,2 2026-11-02T10:00:00.5Z", "8 80 2,1 2026-11-03T10:00:00.000001Z"}},
		{"instant", "2026-11-02T10:00:00.5Z", "", nil, []string{"7 70 1,2 2026-11-02T10:00:00.5Z", "8 80 2,1 2026-11-03T10:00:00.000001Z"}},
		{"wall", "2026-11-02T10:00:01Z", "", nil, []string{"8 80 2,1 2026-11-03T10:00:00.000001Z"}},
		{"instant", "2026-11-04T10:00:01Z", "", nil, nil},
		{"day", "2026-11-02T23:00:00Z", "", nil, []string{"7 70 1,2 2026-11-02T00:00:00Z", "8 80 2,1 2026-11-03T00:00:00Z", "8 81 4,1 2026-11-03T00:00:00Z"}},
		{"instant", "2026-11-01T00:00:00Z", "7", nil, []string{"7 70 1,1 2026-11-01T10:00:00Z", "7 70 1,2 2026-11-02T10:00:00.5Z"}},
		{"instant", "2026-11-01T00:00:00Z", "", &outturn.Window{From: at("2026-11-02T00:00:00Z"), To: at("2026-11-03T00:00:00Z"), Zone: time.UTC}, []string{"7 70 1,2 2026-11-02T10:00:00.5Z"}},
	} {
		d.Changed = test.changed
		var got []string
		err := source.Changes(t.Context(), snap, source.Query{Dataset: d, Tenant: test.tenant, Everything: test.tenant == "", Window: test.window}, at(test.since), func(c source.Change) error {
			got = append(got, fmt.Sprintf("%s %s %s %s", c.Account, c.Invoice, c.Key, c.At.Format(time.RFC3339Nano)))
			return nil
		})
		if slices.Sort(got); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s since %s: got %q and %v, want %q", test.changed, test.since, got, err, test.want)
		}
	}
	d.Changed, d.Key = "", nil
	err := source.Changes(t.Context(), snap, source.Query{Dataset: d, Everything: true}, time.Time{}, func(source.Change) error { return nil })
	if want := "The data set sample cannot be asked for new invoices: its header does not say key, changed."; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func scale(n int) *int { return &n }

// A view gives a decimal more digits, or fewer where those that go are zeros. An
// amount that needs them fails and is named, with the row it stands in.
func testViewScale(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE amounts (id VARCHAR, part INTEGER, a NUMERIC(20,8), b NUMERIC(38,2), c BIGINT, moment TIMESTAMP WITH TIME ZONE);
		INSERT INTO amounts VALUES
		  ('000021', NULL, 12.34500000, 999999999999999999999999999999999999.00, 7, '2026-09-01 08:00:00.129+00'),
		  ('000022', 1, -0.10000000, -0.00, -9223372036854775808, '2026-09-01 08:00:00+00'), ('000023', 2, NULL, NULL, NULL, NULL),
		  ('000024', 3, 0, 999999999999999999999999999999999999.99, 0, NULL)`)
	d := dataset("SELECT * FROM amounts", outturn.Field{Name: "id", Type: outturn.Text}, outturn.Field{Name: "part", Type: outturn.Int},
		outturn.Field{Name: "a", Type: outturn.Decimal, Scale: 8}, outturn.Field{Name: "b", Type: outturn.Decimal, Scale: 2},
		outturn.Field{Name: "c", Type: outturn.Decimal, Scale: 4}, outturn.Field{Name: "moment", Type: outturn.Time, Scale: 6})
	d.Key = []string{"id", "part"}
	ask := func(row string, columns ...outturn.ViewColumn) source.Query {
		q := everything(d)
		q.View = &outturn.View{Dataset: d.Name, Columns: columns}
		q.Where = &outturn.Expr{Op: outturn.OpEQ, Field: "id", Values: []string{row}}
		return q
	}
	snap := begin(t, src)
	for _, test := range []struct {
		row    string
		column outturn.ViewColumn
		want   string
	}{
		{"000021", outturn.ViewColumn{Field: "a", Scale: scale(3)}, "12.345"},
		{"000021", outturn.ViewColumn{Field: "a", Scale: scale(10)}, "12.3450000000"},
		{"000021", outturn.ViewColumn{Field: "a", Scale: scale(38)}, "12.345" + strings.Repeat("0", 35)},
		{"000021", outturn.ViewColumn{Field: "b", Scale: scale(0)}, "999999999999999999999999999999999999"},
		{"000021", outturn.ViewColumn{Field: "b", Scale: scale(4)}, "999999999999999999999999999999999999.0000"},
		{"000021", outturn.ViewColumn{Field: "c", Scale: scale(0)}, "7"},
		{"000022", outturn.ViewColumn{Field: "c", Scale: scale(38)}, "-9223372036854775808." + strings.Repeat("0", 38)},
		{"000022", outturn.ViewColumn{Field: "a", Scale: scale(1)}, "-0.1"},
		{"000022", outturn.ViewColumn{Field: "b", Scale: scale(0)}, "0"},
		{"000023", outturn.ViewColumn{Field: "a", Scale: scale(0)}, null},
		{"000024", outturn.ViewColumn{Field: "a", Scale: scale(0)}, "0"},
	} {
		columns, rows := query(t, snap, ask(test.row, test.column))
		if rows[0][0] != test.want || columns[0].Scale != *test.column.Scale {
			t.Errorf("row %s, %s of scale %d: got %s of scale %d, want %s", test.row, test.column.Field, *test.column.Scale, rows[0][0], columns[0].Scale, test.want)
		}
	}
	for _, test := range []struct {
		row    string
		column outturn.ViewColumn
		want   string
	}{
		{"000021", outturn.ViewColumn{Field: "a", Scale: scale(2)}, "Field a holds '12.34500000', which is no decimal of scale 2, in the row id 000021, part NULL."},
		{"000022", outturn.ViewColumn{Field: "a", Alias: "total", Scale: scale(0)}, "Column total (field a) holds '-0.10000000', which is no decimal of scale 0, in the row id 000022, part 1."},
		{"000024", outturn.ViewColumn{Field: "b", Scale: scale(1)}, "Field b holds '999999999999999999999999999999999999.99', which is no decimal of scale 1, in the row id 000024, part 3."},
	} {
		wantFailure(t, snap, ask(test.row, test.column), test.want)
	}
	columns, _ := query(t, snap, ask("000021", outturn.ViewColumn{Field: "moment", Scale: scale(2), Header: "When"}))
	if want := (batch.Column{Name: "moment", Header: "When", Type: outturn.Time, Scale: 2}); columns[0] != want {
		t.Errorf("got %+v, want %+v", columns[0], want)
	}
}

// wantFailure runs a query and wants it to break off with exactly this message.
func wantFailure(t *testing.T, snap source.Database, q source.Query, want string) {
	t.Helper()
	r, err := snap.Query(t.Context(), q)
	if err == nil {
		var b batch.Batch
		for err == nil {
			err = r.Next(&b)
		}
		closeReader(t, r)
	}
	if outturn.ErrorCode(err) != outturn.CodeQueryFailed || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// attributeOf makes a query for an attribute of every row's doc.
func attributeOf(name string, words map[string]string) source.Query {
	d := dataset("SELECT * FROM docs", outturn.Field{Name: "n", Type: outturn.Int, ID: true}, outturn.Field{Name: "doc", Type: outturn.JSON})
	d.Key = []string{"n"}
	q := everything(d)
	q.View = &outturn.View{Dataset: d.Name, Columns: []outturn.ViewColumn{
		{Field: "n"}, {Field: "doc", Alias: "x", Attribute: name, Map: words, Header: "The x"}, {Field: "doc", Alias: "other", Attribute: "other"}}}
	q.Order = []outturn.Order{{Field: "n"}}
	return q
}

// An attribute is what stands under its name, as text, in either spelling.
func testAttribute(t *testing.T, open Open) {
	tests := []struct{ name, doc, want string }{
		{"PONumber", `[["PONumber","qwe1233"]]`, "qwe1233"},
		{"PONumber", `[["other", 1], ["PONumber", "a \"b\" \u00e9 ☃"], ["PONumber", "second"]]`, "a \"b\" é ☃"},
		{"PONumber", `{"other": 1, "PONumber": "x"}`, "x"},
		{"PONumber", `[["ponumber","x"]]`, null},
		{"PONumber", `[]`, null},
		{"PONumber", `{}`, null},
		{"PONumber", `null`, null},
		{"PONumber", "NULL", null},
		{"PONumber", `[["PONumber",null]]`, null},
		{"PONumber", `{"PONumber":null}`, null},
		{"PONumber", `[["PONumber",""]]`, ""},
		{"PONumber", `[["x",["PONumber","inner"]]]`, null},
		{"PONumber", `{"x":{"PONumber":"inner"}}`, null},
		{"PONumber", `[["PONumber",true]]`, "true"},
		{"PONumber", `[["PONumber",12345678901234567890123]]`, "12345678901234567890123"},
		{"PONumber", `[["PONumber",1234567890.123456789012340]]`, "1234567890.123456789012340"},
		{"PONumber", `{"a":"PONumber", "PONumber" : 1.50}`, "1.50"},
		{"PONumber", `[["PONumber",{"a":[1,"2"]}]]`, `{"a":[1,"2"]}`},
		{"a/b~c \"d\" <&>", `[["a/b~c \"d\" <&>",0.10]]`, "0.10"},
		{"a/b~c \"d\" <&>", `{"a/b~c \"d\" <&>":"y"}`, "y"},
		{"0", `{"0":"zero"}`, "zero"},
		{"'; DROP TABLE docs; --", `{"'; DROP TABLE docs; --":"data"}`, "data"},
		{"$.a", `{"a":"path","$.a":"name"}`, "name"},
	}
	var values []string
	for i, test := range tests {
		doc := "NULL"
		if test.doc != doc {
			doc = "'" + strings.ReplaceAll(test.doc, "'", "''") + "'"
		}
		values = append(values, fmt.Sprintf("(%d, %s)", i, doc))
	}
	for _, kind := range []string{"JSON", "VARCHAR"} {
		snap := begin(t, open(t, "CREATE TABLE docs (n INTEGER, doc "+kind+"); INSERT INTO docs VALUES "+strings.Join(values, ", ")))
		for i, test := range tests {
			q := attributeOf(test.name, nil)
			q.Where = &outturn.Expr{Op: outturn.OpEQ, Field: "n", Values: []string{strconv.Itoa(i)}}
			columns, rows := query(t, snap, q)
			if rows[0][1] != test.want {
				t.Errorf("%s %q of %s: got %s, want %s", kind, test.name, test.doc, rows[0][1], test.want)
			}
			if want := (batch.Column{Name: "x", Header: "The x", Type: outturn.Text}); columns[1] != want || !columns[0].ID {
				t.Errorf("got columns %+v, want %+v after an id", columns, want)
			}
		}
	}
	// With a map, in many rows.
	_, rows := query(t, begin(t, open(t, `CREATE TABLE docs (n INTEGER, doc JSON);
		INSERT INTO docs SELECT i, CAST('[["x",' || CAST(i % 3 AS VARCHAR) || '],["other","o' || CAST(i AS VARCHAR) || '"]]' AS JSON) FROM generate_series(1, 3000) AS g(i)`)),
		attributeOf("x", map[string]string{"0": "none", "1": "one", "other": "no"}))
	for i, row := range rows {
		if want := []string{strconv.Itoa(i + 1), []string{"none", "one", "2"}[(i+1)%3], "o" + strconv.Itoa(i+1)}; !slices.Equal(row, want) {
			t.Fatalf("row %d: got %v, want %v", i+1, row, want)
		}
	}
	if len(rows) != 3000 {
		t.Errorf("got %d rows, want 3000", len(rows))
	}
}

// JSON of another shape is not taken for JSON without the attribute.
func testAttributeShape(t *testing.T, open Open) {
	docs := []string{`"text"`, `12`, `true`, `[1,2]`, `["PONumber","x"]`, `[["PONumber"]]`, `[["PONumber","x","y"]]`, `[["PONumber","x"],{"a":1}]`, `[["PONumber","x"],null]`, `{"PONumber"`}
	snap := begin(t, open(t, "CREATE TABLE docs (n INTEGER, doc VARCHAR); INSERT INTO docs VALUES (1, '"+strings.Join(docs, "'), (1, '")+"')"))
	for _, doc := range docs {
		q := attributeOf("PONumber", nil)
		q.Dataset.SQL = "SELECT * FROM docs WHERE doc = '" + doc + "'"
		if strings.HasPrefix(doc, "{") { // an engine need not be able to tell which cell it was
			if err := drainQuery(t.Context(), snap, q); outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), "which is no json") {
				t.Errorf("%s: got %v", doc, err)
			}
			continue
		}
		wantFailure(t, snap, q, "Column x (field doc) holds '"+doc+"', which is neither an object nor an array of pairs, in the row n 1.")
	}
}

// Times without a zone are at home in the data set's zone: one that comes twice
// is the first, one that is skipped is the end of the gap.
func testZone(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE stamps (row_no INTEGER, wall TIMESTAMP, instant TIMESTAMP WITH TIME ZONE);
		INSERT INTO stamps VALUES
		  (1, '2026-01-15 12:00:00', '2026-01-15 12:00:00+00'),
		  (2, '2026-03-29 01:59:59.999999', '2026-03-29 00:59:59.999999+00'),
		  (3, '2026-03-29 02:30:00', NULL),
		  (4, '2026-03-29 03:00:00', NULL),
		  (5, '2026-07-15 12:00:00', NULL),
		  (6, '2026-10-25 02:30:00', NULL),
		  (7, '2026-10-25 03:00:00', NULL),
		  (8, NULL, NULL),
		  (9, '1890-01-01 00:00:00', NULL)`)
	d := dataset("SELECT * FROM stamps",
		outturn.Field{Name: "row_no", Type: outturn.Int},
		outturn.Field{Name: "wall", Type: outturn.Time, Scale: 6},
		outturn.Field{Name: "instant", Type: outturn.Time, Scale: 6})
	d.Period = &outturn.Period{Expr: "wall", Kind: outturn.PeriodInstant, Zone: "Europe/Berlin"}
	q := everything(d)
	q.Order = []outturn.Order{{Field: "row_no"}}
	columns, rows := query(t, begin(t, src), q)
	if wall, instant := columns[1].Wall, columns[2].Wall; wall == nil || wall.String() != "Europe/Berlin" || instant != nil {
		t.Errorf("the columns have the walls %v and %v, want Europe/Berlin for the one without a zone alone", wall, instant)
	}
	want := []string{
		"2026-01-15T11:00:00Z", "2026-03-29T00:59:59.999999Z", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z",
		"2026-07-15T10:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", null, "1889-12-31T23:06:32Z",
	}
	if len(rows) != len(want) {
		t.Fatalf("got %d rows, want %d", len(rows), len(want))
	}
	for i, row := range rows {
		if row[1] != want[i] {
			t.Errorf("row %d: got %s, want %s", i+1, row[1], want[i])
		}
	}
	if got, want := rows[0][2], "2026-01-15T12:00:00Z"; got != want {
		t.Errorf("an instant with its own zone: got %s, want %s", got, want)
	}
}

// Args are data, whatever they look like.
func testArgs(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE people (name VARCHAR, age INTEGER); INSERT INTO people VALUES ('O''Brien'' OR 1=1 --', 7), ('other', 8)`)
	snap := begin(t, src)
	_, rows := query(t, snap, source.Query{SQL: "SELECT age FROM people WHERE name = CAST($1 AS VARCHAR)", Args: []string{"O'Brien' OR 1=1 --"}})
	if !slices.EqualFunc(rows, [][]string{{"7"}}, slices.Equal[[]string]) {
		t.Errorf("got %v, want the one row with 7", rows)
	}
	_, rows = query(t, snap, source.Query{SQL: "SELECT age, CAST($2 AS VARCHAR) AS said FROM people WHERE age = CAST($1 AS INTEGER)", Args: []string{"8", "'; DROP TABLE people"}})
	if !slices.EqualFunc(rows, [][]string{{"8", "'; DROP TABLE people"}}, slices.Equal[[]string]) {
		t.Errorf("got %v, want the one row with 8", rows)
	}
	if _, err := snap.Query(t.Context(), source.Query{SQL: "SELECT age FROM people WHERE name = CAST($1 AS VARCHAR)"}); err == nil {
		t.Error("a parameter without a value was accepted")
	}
}

func testTables(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE zebra (n INTEGER); CREATE TABLE apple (n INTEGER); CREATE VIEW pear AS SELECT * FROM apple`)
	got, err := begin(t, src).Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"apple", "pear", "zebra"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func testSnapshot(t *testing.T, open Open) {
	src := open(t, typesSQL)
	before := time.Now().Add(-time.Minute) // the engine's clock may be another machine's
	one, two := begin(t, src), begin(t, src)
	if at := one.Instant(); at.Before(before) || at.After(time.Now().Add(time.Minute)) || at.Location() != time.UTC {
		t.Errorf("the snapshot says it was taken at %s", at)
	}
	if !one.Consistent() {
		t.Error("a database says that it has no snapshots")
	}
	// Two snapshots read at the same time.
	a, b := start(t, one, source.Query{SQL: "SELECT row_no FROM kinds"}), start(t, two, source.Query{SQL: "SELECT row_no FROM kinds"})
	var batchA, batchB batch.Batch
	if !next(t, a, &batchA) || !next(t, b, &batchB) || batchA.Rows() != 5 || batchB.Rows() != 5 {
		t.Error("two snapshots do not both read")
	}
	// One reader at a time.
	if _, err := one.Query(t.Context(), source.Query{SQL: "SELECT row_no FROM kinds"}); err == nil {
		t.Error("a second reader of the same snapshot was opened")
	}
	closeReader(t, a)
	closeReader(t, b)
	query(t, one, source.Query{SQL: "SELECT row_no FROM kinds"})
}

func testClose(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE many (n INTEGER); INSERT INTO many SELECT i FROM generate_series(1, 300000) AS g(i)`)
	snap, err := src.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Not read at all, read in part, read to the end: all can be closed, twice.
	for batches := range 3 {
		r := start(t, snap, source.Query{SQL: "SELECT n, n AS m FROM many"})
		var b batch.Batch
		for range batches * batches * batches {
			if err := r.Next(&b); err != nil {
				break
			}
		}
		closeReader(t, r)
		closeReader(t, r)
		if err := r.Next(&b); err == nil {
			t.Error("a closed reader goes on reading")
		}
		if _, known := r.Progress(); known {
			t.Error("a closed reader has progress")
		}
	}
	r := start(t, snap, source.Query{SQL: "SELECT n FROM many"})
	for range 2 { // with a reader open
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	}
	closeReader(t, r)
	if _, err := snap.Query(t.Context(), source.Query{SQL: "SELECT n FROM many"}); err == nil {
		t.Error("a closed snapshot goes on answering")
	}
}

// Nothing but one SELECT is run, and what was refused has done nothing.
func testRefusals(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE kept (n INTEGER); INSERT INTO kept VALUES (1)`)
	for _, sql := range []string{
		"  ",
		"  -- nothing\n",
		"SELECT n FROM kept; SELECT n FROM kept",
		"SELECT n FROM kept; DELETE FROM kept",
		"DELETE FROM kept",
		"INSERT INTO kept VALUES (2)",
		"UPDATE kept SET n = 3",
		"CREATE TABLE other AS SELECT 1 AS n",
		"DROP TABLE kept",
		"WITH gone AS (SELECT 1 AS n) INSERT INTO kept SELECT n FROM gone",
		"COPY kept TO '/tmp/outturn-sourcetest'",
		"BEGIN",
		"COMMIT",
		"SET search_path = 'elsewhere'",
		"EXPLAIN SELECT n FROM kept",
		"SELECT n FROM kept\x00",
	} {
		snap := begin(t, src)
		_, err := snap.Query(t.Context(), source.Query{SQL: sql})
		if outturn.ErrorCode(err) != outturn.CodeQueryFailed {
			t.Errorf("%q: got %v, want %s", sql, err, outturn.CodeQueryFailed)
		}
		if _, err := snap.Describe(t.Context(), sql); err == nil {
			t.Errorf("%q was described", sql)
		}
		_, rows := query(t, snap, source.Query{SQL: "SELECT n FROM kept"})
		if !slices.EqualFunc(rows, [][]string{{"1"}}, slices.Equal[[]string]) {
			t.Errorf("%q: the table holds %v afterwards", sql, rows)
		}
	}
	for _, sql := range []string{
		"SELECT n FROM kept",
		"SELECT n FROM kept;",
		" -- why\n /* and */ select n from kept -- end",
		"(SELECT n FROM kept)",
		"WITH k AS (SELECT n FROM kept) SELECT n FROM k",
	} {
		if _, rows := query(t, begin(t, src), source.Query{SQL: sql}); len(rows) != 1 {
			t.Errorf("%q: got %v", sql, rows)
		}
	}
}

// Errors are outturn.Errors which name what is wrong, and the snapshot lives on.
func testErrors(t *testing.T, open Open) {
	snap := begin(t, open(t, typesSQL))
	for _, test := range []struct{ name, sql, says string }{
		{"no table", "SELECT * FROM missing_table", "missing_table"},
		{"no column", "SELECT missing_column FROM kinds", "missing_column"},
		{"syntax", "SELECT * FRM kinds", "syntax"},
		{"same name twice", "SELECT row_no, small AS row_no FROM kinds", "row_no"},
	} {
		_, err := snap.Query(t.Context(), source.Query{SQL: test.sql})
		if outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %s that says %q", test.name, err, outturn.CodeQueryFailed, test.says)
			continue
		}
		if strings.ContainsAny(err.Error(), "^\n") {
			t.Errorf("%s: the message has the engine's picture in it: %v", test.name, err)
		}
		query(t, snap, source.Query{SQL: "SELECT row_no FROM kinds"})
	}
}

// A value that does not fit breaks the reading off, with an error that sticks:
// it is never null, and the rows never just end.
func testBrokenRow(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE spoilt (n INTEGER, words VARCHAR);
		INSERT INTO spoilt SELECT i, CASE WHEN i = 90000 THEN 'ninety' ELSE CAST(i AS VARCHAR) END FROM generate_series(1, 100000) AS g(i)`)
	snap := begin(t, src)
	err := drain(t.Context(), snap, "SELECT n, CAST(words AS INTEGER) AS number FROM spoilt")
	if outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), "ninety") {
		t.Errorf("got %v, want %s that says what the value was", err, outturn.CodeQueryFailed)
	}
	query(t, snap, source.Query{SQL: "SELECT n FROM spoilt WHERE n < 10"})
}

// endless has one row, which no machine ever gets to.
const endless = `SELECT max(md5(CAST(a.i AS VARCHAR) || CAST(b.i AS VARCHAR))) AS m
FROM generate_series(1, 300000) AS a(i) CROSS JOIN generate_series(1, 300000) AS b(i)`

// longest is how long the engine may take to hear that it shall stop.
const longest = 5 * time.Second

func testCancelEarly(t *testing.T, open Open) {
	snap := begin(t, open(t, `CREATE TABLE kept (n INTEGER); INSERT INTO kept VALUES (1)`))
	t.Run("BeforeQuery", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantStop(t, ctx, snap, "SELECT n FROM kept", outturn.CodeCancelled)
	})
	t.Run("InQuery", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer time.AfterFunc(300*time.Millisecond, cancel).Stop()
		wantStop(t, ctx, snap, endless, outturn.CodeCancelled)
	})
	t.Run("InSort", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer time.AfterFunc(300*time.Millisecond, cancel).Stop()
		wantStop(t, ctx, snap, `SELECT md5(CAST(a.i * b.i AS VARCHAR)) AS m
			FROM generate_series(1, 3000) AS a(i) CROSS JOIN generate_series(1, 3000) AS b(i) ORDER BY m`, outturn.CodeCancelled)
	})
	t.Run("OwnReason", func(t *testing.T) {
		reason := outturn.Errorf(outturn.CodeInvalid, "The operator has pulled the plug.")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer time.AfterFunc(100*time.Millisecond, func() { cancel(reason) }).Stop()
		wantStop(t, ctx, snap, endless, outturn.CodeInvalid)
	})
	query(t, snap, source.Query{SQL: "SELECT n FROM kept"}) // the snapshot lives on
}

func wantStop(t *testing.T, ctx context.Context, snap source.Database, sql string, code outturn.Code) {
	t.Helper()
	begun := time.Now()
	err := drain(ctx, snap, sql)
	if outturn.ErrorCode(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
	if took := time.Since(begun); took > longest {
		t.Errorf("it took %s to stop", took)
	}
}

func testCancelBetween(t *testing.T, open Open) {
	snap := begin(t, open(t, `CREATE TABLE many (n INTEGER, words VARCHAR);
		INSERT INTO many SELECT i, repeat('x', 100) FROM generate_series(1, 100000) AS g(i)`))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := snap.Query(ctx, source.Query{SQL: "SELECT * FROM many"})
	if err != nil {
		t.Fatal(err)
	}
	var b batch.Batch
	if !next(t, r, &b) {
		t.Fatal("no row")
	}
	cancel()
	for range 2 {
		if err := r.Next(&b); outturn.ErrorCode(err) != outturn.CodeCancelled || b.Rows() != 0 {
			t.Errorf("got %v and %d rows, want %s and none", err, b.Rows(), outturn.CodeCancelled)
		}
	}
	closeReader(t, r)
	query(t, snap, source.Query{SQL: "SELECT n FROM many WHERE n < 10"})
}

func testCancelLate(t *testing.T, open Open) {
	snap := begin(t, open(t, `CREATE TABLE kept (n INTEGER); INSERT INTO kept VALUES (1)`))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := snap.Query(ctx, source.Query{SQL: "SELECT n FROM kept"})
	if err != nil {
		t.Fatal(err)
	}
	var b batch.Batch
	for next(t, r, &b) {
	}
	cancel()
	if err := r.Next(&b); err != io.EOF {
		t.Errorf("after the last row: got %v, want EOF", err)
	}
	closeReader(t, r)
	query(t, snap, source.Query{SQL: "SELECT n FROM kept"})
}

func testDeadline(t *testing.T, open Open) {
	snap := begin(t, open(t, `CREATE TABLE kept (n INTEGER)`))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	wantStop(t, ctx, snap, endless, outturn.CodeQueryTimeout)
}

func begin(tb testing.TB, src source.Source) source.Database {
	tb.Helper()
	snap, err := src.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := snap.Close(); err != nil {
			tb.Error(err)
		}
	})
	return snap
}

func start(tb testing.TB, snap source.Database, q source.Query) source.Reader {
	tb.Helper()
	r, err := snap.Query(tb.Context(), q)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func next(tb testing.TB, r source.Reader, b *batch.Batch) bool {
	tb.Helper()
	err := r.Next(b)
	if err != nil && err != io.EOF {
		tb.Fatal(err)
	}
	return err == nil
}

func closeReader(tb testing.TB, r source.Reader) {
	tb.Helper()
	if err := r.Close(); err != nil {
		tb.Error(err)
	}
}

// drain runs a statement to its end and returns why it ended.
func drain(ctx context.Context, snap source.Database, sql string) error {
	return drainQuery(ctx, snap, source.Query{SQL: sql})
}

func drainQuery(ctx context.Context, snap source.Database, q source.Query) error {
	r, err := snap.Query(ctx, q)
	if err != nil {
		return err
	}
	var b batch.Batch
	for err == nil {
		err = r.Next(&b)
	}
	if again := r.Next(&b); !errors.Is(again, err) {
		err = fmt.Errorf("first call of Next: %w, second: %w", err, again)
	}
	return errors.Join(err, r.Close())
}

// query runs a query and returns its cells as text.
func query(tb testing.TB, snap source.Database, q source.Query) (columns []batch.Column, rows [][]string) {
	tb.Helper()
	r := start(tb, snap, q)
	defer closeReader(tb, r)
	var b batch.Batch
	for next(tb, r, &b) {
		for row := range b.Rows() {
			rows = append(rows, RowText(&b, row))
		}
	}
	return r.Columns(), rows
}

// RowText spells the cells of a row, in which ∅ is a null.
func RowText(b *batch.Batch, row int) []string {
	cells := make([]string, len(b.Columns()))
	for c, column := range b.Columns() {
		switch {
		case b.Null(c, row):
			cells[c] = null
		case column.Type == outturn.Int:
			cells[c] = strconv.FormatInt(b.Int(c, row), 10)
		case column.Type == outturn.Decimal:
			cells[c] = string(b.AppendDecimalText(nil, c, row))
		case column.Type == outturn.Float:
			cells[c] = formatFloat(b.Float(c, row))
		case column.Type == outturn.Bool:
			cells[c] = strconv.FormatBool(b.Bool(c, row))
		case column.Type == outturn.Date:
			cells[c] = time.Unix(b.Int(c, row)*24*60*60, 0).UTC().Format(time.DateOnly)
		case column.Type == outturn.Time:
			cells[c] = time.UnixMicro(b.Int(c, row)).UTC().Format(time.RFC3339Nano)
		default:
			cells[c] = string(b.Text(c, row))
		}
	}
	return cells
}

func formatFloat(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e6 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
