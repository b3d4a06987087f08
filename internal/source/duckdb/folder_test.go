package duckdb_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
)

// newFolder makes a folder of CSV files by name and content, and of Parquet files
// by name and SELECT.
func newFolder(tb testing.TB, files map[string]string) *duckdb.Source {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "it's [a] folder*?")
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if strings.HasSuffix(name, ".parquet") {
			makeFile(tb, ":memory:", "COPY ("+content+") TO '"+strings.ReplaceAll(path, "'", "''")+"' (FORMAT parquet)")
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return duckdb.New(duckdb.Config{Path: dir, Folder: true, TempDir: tb.TempDir()})
}

func TestFolder(t *testing.T) {
	src := newFolder(t, map[string]string{
		"charges.parquet":     "SELECT i AS id, (i / 10)::DECIMAL(12,2) AS amount, TIMESTAMPTZ '2026-09-01 00:00:00+00' + to_hours(i) AS at FROM range(3) AS g(i)",
		"people.csv":          "id,name\n1,Ann\n",
		"parts/2026-01.csv":   "id,n\n1,10\n",
		"parts/2026-02.csv":   "id,n\n2,20\n",
		"pair/a.parquet":      "SELECT 1 AS n",
		"pair/b.parquet":      "SELECT 2 AS n",
		"odd name [1]*.csv":   "a\nx\n",
		"notes.txt":           "not data",
		".hidden.csv":         "a\n1\n",
		"nothing/readme.text": "not data",
		"UPPER.CSV":           "a\n1\n",
	})
	snap := begin(t, src)
	if snap.Consistent() {
		t.Error("a folder says that it has snapshots")
	}
	got, err := snap.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"UPPER", "charges", "odd name [1]*", "pair", "parts", "people"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, test := range []struct{ sql, want string }{
		{"SELECT * FROM charges ORDER BY id", "0 | 0.00 | 2026-09-01T00:00:00Z\n1 | 0.10 | 2026-09-01T01:00:00Z\n2 | 0.20 | 2026-09-01T02:00:00Z\n"},
		{"SELECT * FROM people", "1 | Ann\n"},
		{"SELECT * FROM parts", "1 | 10\n2 | 20\n"},
		{"SELECT * FROM pair", "1\n2\n"},
		{`SELECT * FROM "odd name [1]*"`, "x\n"},
	} {
		if got := table(t, snap, test.sql); got != test.want {
			t.Errorf("%s: got %q, want %q", test.sql, got, test.want)
		}
	}
	if table(t, snap, "SELECT 1 AS n FROM people") == "" {
		t.Error("no row")
	}
}

// CSV is text, NULL is empty and "" is the empty text, whatever it looks like.
func TestCSV(t *testing.T) {
	src := newFolder(t, map[string]string{
		"money.csv": "\ufeffamount,\"the \"\"name\"\", quoted\",code,date\r\n" +
			"0.10,\"\",00042,2026-09-01\r\n" +
			",NULL,,\r\n" +
			"\"1,000\",\"two\nlines \"\"here\"\"\",true,' '\r\n",
	})
	snap := begin(t, src)
	columns, err := snap.Describe(t.Context(), "SELECT * FROM money")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
		if c.Type != outturn.Text {
			t.Errorf("column %s is %s", c.Name, c.Type)
		}
	}
	if want := []string{"amount", `the "name", quoted`, "code", "date"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	want := "0.10 |  | 00042 | 2026-09-01\n∅ | NULL | ∅ | ∅\n1,000 | two\nlines \"here\" | true | ' '\n"
	if got := table(t, snap, "SELECT * FROM money"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBadFolders(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		says  string
	}{
		{"no header", map[string]string{"a.csv": ""}, "a.csv is empty"},
		{"nameless column", map[string]string{"a.csv": "id,,n\n"}, "Column 2"},
		{"column twice", map[string]string{"a.csv": "id,ID\n"}, "twice"},
		{"table twice", map[string]string{"a.csv": "id\n", "A.parquet": "SELECT 1 AS n"}, "same table"},
		{"mixed parts", map[string]string{"a/1.csv": "id\n", "a/2.parquet": "SELECT 1 AS n"}, "mixes"},
		{"other header", map[string]string{"a/1.csv": "id,n\n", "a/2.csv": "n,id\n"}, "header rows differ"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newFolder(t, test.files).Begin(t.Context())
			if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %s that says %q", err, outturn.CodeSourceUnavailable, test.says)
			}
		})
	}
	t.Run("no Parquet", func(t *testing.T) {
		src := newFolder(t, map[string]string{"good.csv": "a\n1\n"})
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "bad.parquet"), []byte("this is no Parquet file"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := duckdb.New(duckdb.Config{Path: dir, Folder: true}).Begin(t.Context())
		if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable || !strings.Contains(err.Error(), "bad.parquet") {
			t.Errorf("got %v, want %s that names the file", err, outturn.CodeSourceUnavailable)
		}
		begin(t, src)
	})
}

func TestRaggedCSV(t *testing.T) {
	for name, content := range map[string]string{
		"too many":           "a,b\n1,2\n3,4,5\n",
		"too few":            "a,b\n1,2\n3\n",
		"quote":              "a,b\n1,2\n3,\"4\n",
		"text after a quote": "a,b\n1,2\n3,\"4\"x\n",
		"no UTF-8":           "a,b\n1,2\n3,gr\xfcn\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, newFolder(t, map[string]string{"rows.csv": content}), "SELECT * FROM rows")
			if outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), "rows.csv") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, %v, want %s that names the file in one line", got, err, outturn.CodeQueryFailed)
			}
		})
	}
}

// A file's name is no pattern, whatever is in it, nor is its folder's.
func TestFolderNamesAreNoPatterns(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "[x]*")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	names := []string{"t[1]", "t1", "glob*", "globX", "a?", "ab", "{a,b}"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(folder, name+".csv"), []byte("name\n"+strings.ReplaceAll(name, ",", ";")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src := duckdb.New(duckdb.Config{Path: folder, Folder: true, TempDir: t.TempDir()})
	for _, name := range names {
		got, err := read(t, src, "SELECT name FROM "+source.QuoteIdent(name))
		if want := strings.ReplaceAll(name, ",", ";") + "\n"; got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
}

// The types of a data set read the text of a CSV file exactly or not at all.
func TestFromText(t *testing.T) {
	for _, test := range []struct {
		field outturn.Field
		text  string
		want  string // empty: refused
	}{
		{outturn.Field{Type: outturn.Int}, "-9223372036854775808", "-9223372036854775808"},
		{outturn.Field{Type: outturn.Int}, "00042", "42"},
		{outturn.Field{Type: outturn.Int}, "9223372036854775808", ""},
		{outturn.Field{Type: outturn.Int}, "1.5", ""},
		{outturn.Field{Type: outturn.Int}, "1e3", ""},
		{outturn.Field{Type: outturn.Int}, " 1", ""},
		{outturn.Field{Type: outturn.Int}, `""`, ""},
		{outturn.Field{Type: outturn.Int}, "", "∅"},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, "0.10", "0.10"},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, "-0.1000", "-0.10"},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, "+7", "7.00"},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, "0.105", ""},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, `"1,000.00"`, ""},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, "1e2", ""},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, "NaN", ""},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, "999999999999999999999999999999999999.99", "999999999999999999999999999999999999.99"},
		{outturn.Field{Type: outturn.Decimal, Scale: 2}, "1000000000000000000000000000000000000.00", ""},
		{outturn.Field{Type: outturn.Decimal, Scale: 0}, "12", "12"},
		{outturn.Field{Type: outturn.Decimal, Scale: 0}, "12.5", ""},
		{outturn.Field{Type: outturn.Float}, "0.1", "0.1"},
		{outturn.Field{Type: outturn.Float}, "x", ""},
		{outturn.Field{Type: outturn.Bool}, "true", "true"},
		{outturn.Field{Type: outturn.Bool}, "0", "false"},
		{outturn.Field{Type: outturn.Bool}, "maybe", ""},
		{outturn.Field{Type: outturn.Date}, "2026-02-28", "2026-02-28"},
		{outturn.Field{Type: outturn.Date}, "2026-02-29", ""},
		{outturn.Field{Type: outturn.Date}, "2026-02-28 10:00:00", ""},
		{outturn.Field{Type: outturn.Date}, "28.02.2026", ""},
		{outturn.Field{Type: outturn.Date}, "infinity", ""},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01 12:00:00", "2026-07-01T10:00:00Z"},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01T12:00", "2026-07-01T10:00:00Z"},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01T12:00:00.123456Z", "2026-07-01T12:00:00.123456Z"},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01 12:00:00+05:45", "2026-07-01T06:15:00Z"},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01T12:00:00-03", "2026-07-01T15:00:00Z"},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01T12:00:00+0200", "2026-07-01T10:00:00Z"},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z"},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-10-25T01:30:00Z", ""}, // would come out an hour early
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01T12:00:00.1234567", ""},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01", ""},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "2026-07-01 12:00:00 Europe/Berlin", ""},
		{outturn.Field{Type: outturn.Time, Scale: 6}, "1751364000", ""},
		{outturn.Field{Type: outturn.JSON}, `"{""a"": 1}"`, `{"a": 1}`},
		{outturn.Field{Type: outturn.JSON}, "{", ""},
		{outturn.Field{Type: outturn.Text}, "00042", "00042"},
	} {
		t.Run(string(test.field.Type)+" "+test.text, func(t *testing.T) {
			src := newFolder(t, map[string]string{"rows.csv": "row_no,the_field\n1," + test.text + "\n"})
			test.field.Name = "the_field"
			d := &outturn.Dataset{Name: "rows", SQL: "SELECT * FROM rows", Fields: []outturn.Field{test.field}, Key: []string{"row_no"},
				Period: &outturn.Period{Expr: "CAST(NULL AS TIMESTAMP)", Kind: outturn.PeriodInstant, Zone: "Europe/Berlin"}}
			got, err := readQuery(t, src, source.Query{Dataset: d, View: outturn.Full(d), Everything: true})
			switch {
			case test.want == "" && (outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.HasPrefix(err.Error(), "Field the_field holds '") || !strings.HasSuffix(err.Error(), ", in the row row_no 1.")):
				t.Errorf("got %q, %v, want %s that names field and row", got, err, outturn.CodeQueryFailed)
			case test.want != "" && (err != nil || got != test.want+"\n"):
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// What does not fit is told with the column, the value and the row it stands in,
// wherever the column is used.
func TestMisfitsNameTheRow(t *testing.T) {
	src := newFolder(t, map[string]string{"rows.csv": "id,part,total,n,rate,paid,day,at,extra,word\n" +
		"000021,,12.345,99999999999999999999,x,maybe,2026-02-30,2026-02-30T00:00:00Z,{," + strings.Repeat("w", 300) + "\n"})
	fields := []outturn.Field{
		{Name: "id", Type: outturn.Text}, {Name: "part", Type: outturn.Int},
		{Name: "total", Type: outturn.Decimal, Scale: 2}, {Name: "n", Type: outturn.Int}, {Name: "rate", Type: outturn.Float}, {Name: "paid", Type: outturn.Bool},
		{Name: "day", Type: outturn.Date}, {Name: "at", Type: outturn.Time}, {Name: "extra", Type: outturn.JSON}, {Name: "word", Type: outturn.Int},
	}
	window, err := outturn.NewWindow("2026-02-01", "2026-03-01", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		column outturn.ViewColumn
		want   string
	}{
		{outturn.ViewColumn{Field: "total"}, "Field total holds '12.345', which is no decimal of scale 2"},
		{outturn.ViewColumn{Field: "total", Alias: "sum"}, "Column sum (field total) holds '12.345', which is no decimal of scale 2"},
		{outturn.ViewColumn{Field: "total", Scale: scale(0)}, "Field total holds '12.345', which is no decimal of scale 0"},
		{outturn.ViewColumn{Field: "total", Map: map[string]string{"1": "one"}}, "Field total holds '12.345', which is no decimal of scale 2"},
		{outturn.ViewColumn{Field: "n"}, "Field n holds '99999999999999999999', which is no int"},
		{outturn.ViewColumn{Field: "rate"}, "Field rate holds 'x', which is no float"},
		{outturn.ViewColumn{Field: "paid"}, "Field paid holds 'maybe', which is no bool"},
		{outturn.ViewColumn{Field: "day"}, "Field day holds '2026-02-30', which is no date"},
		{outturn.ViewColumn{Field: "at"}, "Field at holds '2026-02-30T00:00:00Z', which is no time"},
		{outturn.ViewColumn{Field: "extra"}, "Field extra holds '{', which is no json"},
		{outturn.ViewColumn{Field: "extra", Alias: "po", Attribute: "PO"}, "Column po (field extra) holds '{', which is no json"},
		{outturn.ViewColumn{Field: "word"}, "Field word holds '" + strings.Repeat("w", 200) + "', which is no int"},
	} {
		d := &outturn.Dataset{Name: "rows", SQL: "SELECT * FROM rows", Fields: fields, Key: []string{"id", "part"}}
		q := source.Query{Dataset: d, View: &outturn.View{Columns: []outturn.ViewColumn{test.column}}, Everything: true}
		wantMessage(t, src, q, test.want+", in the row id 000021, part NULL.")
		d.Key = nil
		wantMessage(t, src, q, test.want+".")
	}
	for expr, want := range map[string]string{"day": "Field day holds '2026-02-30', which is no date, in the row id 000021.", "left(day, 10)": "The period holds '2026-02-30', which is no date, in the row id 000021."} {
		d := &outturn.Dataset{Name: "rows", SQL: "SELECT * FROM rows", Fields: fields[:1], Key: []string{"id"}, Period: &outturn.Period{Expr: expr, Kind: outturn.PeriodDate}}
		wantMessage(t, src, source.Query{Dataset: d, View: outturn.Full(d), Everything: true, Window: &window}, want)
	}
	d := &outturn.Dataset{Name: "rows", SQL: "SELECT * FROM rows", Fields: fields, Key: []string{"id"}}
	q := source.Query{Dataset: d, View: outturn.Columns(d, []string{"id"}), Everything: true, Order: []outturn.Order{{Field: "rate"}}}
	wantMessage(t, src, q, "Field rate holds 'x', which is no float, in the row id 000021.")
	q.Order, q.Where = nil, &outturn.Expr{Op: outturn.OpNull, Field: "paid"}
	wantMessage(t, src, q, "Field paid holds 'maybe', which is no bool, in the row id 000021.")
}

func scale(n int) *int { return &n }

func wantMessage(t *testing.T, src source.Source, q source.Query, want string) {
	t.Helper()
	got, err := readQuery(t, src, q)
	if outturn.ErrorCode(err) != outturn.CodeQueryFailed || err.Error() != want {
		t.Errorf("got %q, %v\nwant %s", got, err, want)
	}
}

// Attributes are found in a folder's texts too.
func TestFolderAttributes(t *testing.T) {
	src := newFolder(t, map[string]string{"docs.csv": "n,doc\n1,\"[[\"\"po\"\",\"\"a,b\"\"],[\"\"n\"\",0.10]]\"\n2,\n3,\"{\"\"po\"\":7}\"\n"})
	d := &outturn.Dataset{Name: "docs", SQL: "SELECT * FROM docs", Fields: []outturn.Field{{Name: "n", Type: outturn.Int}, {Name: "doc", Type: outturn.JSON}}}
	got, err := readQuery(t, src, source.Query{Dataset: d, Everything: true, Order: []outturn.Order{{Field: "n"}}, View: &outturn.View{Columns: []outturn.ViewColumn{
		{Field: "n"}, {Field: "doc", Alias: "po", Attribute: "po"}, {Field: "doc", Alias: "amount", Attribute: "n"}}}})
	if want := "1 | a,b | 0.10\n2 | ∅ | ∅\n3 | 7 | ∅\n"; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// A folder's JSON is checked beyond what the engine takes.
func TestFolderJSON(t *testing.T) {
	src := newFolder(t, map[string]string{"docs.csv": "n,doc\n1,[1]\n2,\n3,[NaN]\n"})
	d := &outturn.Dataset{Name: "docs", SQL: "SELECT * FROM docs", Key: []string{"n"}, Fields: []outturn.Field{{Name: "n", Type: outturn.Int}, {Name: "doc", Type: outturn.JSON}}}
	q := source.Query{Dataset: d, View: outturn.Columns(d, []string{"doc"}), Everything: true, Order: []outturn.Order{{Field: "n"}}}
	wantMessage(t, src, q, `Column doc holds "[NaN]" in row 3 of the result, and JSON has no NaN. Replace it in the SELECT: a number by NULLIF or CASE, one in a list by list_transform, one in a text by replace.`)
	q.Where = &outturn.Expr{Op: outturn.OpNull, Field: "doc"}
	if got, err := readQuery(t, src, q); got != "∅\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
