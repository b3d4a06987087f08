package format_test

import (
	"encoding/csv"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

// zoneNames are whole and part hours on both sides, changes of half an hour, and
// offsets with seconds (Monrovia until 1972; all before about 1900).
var zoneNames = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns",
	"Pacific/Tongatapu", "Australia/Lord_Howe", "Africa/Monrovia", "America/Sao_Paulo",
}

// TestInstants compares with time.Format around every change of the clocks from
// 1880 to 2100, and in between.
func TestInstants(t *testing.T) {
	for _, name := range zoneNames {
		t.Run(name, func(t *testing.T) {
			z := zone(t, name)
			var instants []int64
			end := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
			for at := time.Date(1880, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(end); {
				_, change := at.In(z).ZoneBounds()
				if change.IsZero() {
					break
				}
				for _, d := range []time.Duration{-24 * time.Hour, -time.Hour, -time.Microsecond, 0, time.Microsecond, 30 * time.Minute, 24 * time.Hour} {
					instants = append(instants, change.Add(d).UnixMicro())
				}
				// ZoneBounds ends leap years after 365 days, so on the last day of one
				// the end it tells has passed.
				at = change.Add(24 * time.Hour)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 5000 {
				instants = append(instants, firstDay*86400_000_000+random.Int64N((lastDay-firstDay+1)*86400_000_000))
			}
			instants = append(instants, firstDay*86400_000_000, (lastDay+1)*86400_000_000-1, 0, -1)
			for scale := range outturn.MaxTimeScale + 1 {
				data := table{columns: []batch.Column{{Name: "at", Type: outturn.Time, Scale: scale}}}
				for _, at := range instants {
					data.rows = append(data.rows, []cell{{whole: at}})
				}
				file, _ := write(t, "csv", data, format.Options{Zone: z, Workers: 1}, 1000)
				lines := strings.Split(string(file), "\r\n")[1:]
				for i, at := range instants {
					if want := spelledTime(at, scale, z); lines[i] != want {
						t.Fatalf("scale %d, %d µs: got %s, want %s", scale, at, lines[i], want)
					}
				}
			}
		})
	}
}

func TestEveryDay(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "day", Type: outturn.Date}}}
	for day := firstDay; day <= lastDay; day += 1 + (day&7)*(day&1) { // most of them
		data.rows = append(data.rows, []cell{{whole: day}})
	}
	file, _ := write(t, "csv", data, format.Options{Zone: zone(t, "Asia/Kolkata")}, 100_000)
	for i, line := range strings.Split(strings.TrimSuffix(string(file), "\r\n"), "\r\n")[1:] {
		if want := spelled(data.columns[0], data.rows[i][0], nil); line != want {
			t.Fatalf("day %d: got %s, want %s", data.rows[i][0].whole, line, want)
		}
	}
}

func TestWhatCannotBeSpelledFailsTheFile(t *testing.T) {
	for _, c := range []struct {
		name  string
		typ   outturn.Type
		bad   cell
		good  cell
		names []string
	}{
		{"DateBefore", outturn.Date, cell{whole: firstDay - 1}, cell{whole: firstDay}, format.Names()},
		{"DateAfter", outturn.Date, cell{whole: lastDay + 1}, cell{whole: lastDay}, format.Names()},
		{"DateFarAfter", outturn.Date, cell{whole: 1<<63 - 1}, cell{whole: 0}, format.Names()},
		{"DateFarBefore", outturn.Date, cell{whole: -1 << 63}, cell{whole: 0}, format.Names()},
		{"TimeBefore", outturn.Time, cell{whole: firstDay*86400_000_000 - 1}, cell{whole: firstDay * 86400_000_000}, format.Names()},
		{"TimeAfter", outturn.Time, cell{whole: (lastDay + 1) * 86400_000_000}, cell{whole: (lastDay+1)*86400_000_000 - 1}, format.Names()},
	} {
		for _, name := range c.names {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				columns := []batch.Column{{Name: "first", Type: outturn.Int}, {Name: "second", Type: c.typ}}
				good := []cell{{whole: 1}, c.good}
				write(t, name, table{columns, [][]cell{good, good, good}}, format.Options{}, 2)

				w, err := format.New(name, new(counting), format.Options{Columns: columns})
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range (table{columns, [][]cell{good, good, {{whole: 1}, c.bad}}}).batches(2) {
					w.Write(b)
				}
				_, err = w.Close()
				if outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), "second") || !strings.Contains(err.Error(), "row 3") {
					t.Fatalf("got %v, want an error that names the column and the row", err)
				}
			})
		}
	}
}

func TestFiles(t *testing.T) {
	data := table{
		columns: []batch.Column{
			{Name: "id", Type: outturn.Int}, {Name: "name", Type: outturn.Text}, {Name: "price", Type: outturn.Decimal, Scale: 2},
			{Name: "ratio", Type: outturn.Float}, {Name: "paid", Type: outturn.Bool}, {Name: "day", Type: outturn.Date},
			{Name: "at", Type: outturn.Time, Scale: 3}, {Name: "attrs", Type: outturn.JSON},
		},
		rows: [][]cell{
			{{whole: 42}, {text: `Say "hi", you`}, {unscaled: big.NewInt(-5)}, {float: 0.1}, {truth: true}, {whole: 0}, {whole: 1_234_567}, {text: "{\"a\": [1,\n 2]}"}},
			{{null: true}, {null: true}, {null: true}, {null: true}, {null: true}, {null: true}, {null: true}, {null: true}},
			{{whole: -1}, {text: ""}, {unscaled: big.NewInt(0)}, {float: 1e100}, {truth: false}, {whole: 20000}, {whole: -1}, {text: "null"}},
		},
	}
	berlin := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		name   string
		format string
		o      format.Options
		want   string
	}{
		{"machine", "csv", format.Options{}, "id,name,price,ratio,paid,day,at,attrs\r\n" +
			"42,\"Say \"\"hi\"\", you\",-0.05,0.1,true,1970-01-01,1970-01-01T00:00:01.234Z,\"{\"\"a\"\": [1,\n 2]}\"\r\n" +
			",,,,,,,\r\n" +
			"-1,\"\",0.00,1e+100,false,2024-10-04,1969-12-31T23:59:59.999Z,null\r\n"},
		{"semicolon", "csv", format.Options{Dialect: "semicolon", Zone: berlin}, "\ufeffid;name;price;ratio;paid;day;at;attrs\r\n" +
			"42;\"Say \"\"hi\"\", you\";-0,05;0,1;true;1970-01-01;1970-01-01T01:00:01.234+01:00;\"{\"\"a\"\": [1,\n 2]}\"\r\n" +
			";;;;;;;\r\n" +
			"-1;\"\";0,00;1e+100;false;2024-10-04;1970-01-01T00:59:59.999+01:00;null\r\n"},
		{"postgres", "csv", format.Options{Dialect: "postgres", Zone: berlin}, "id,name,price,ratio,paid,day,at,attrs\n" +
			"42,\"Say \"\"hi\"\", you\",-0.05,0.1,t,1970-01-01,1970-01-01 01:00:01.234+01,\"{\"\"a\"\": [1,\n 2]}\"\n" +
			",,,,,,,\n" +
			"-1,\"\",0.00,1e+100,f,2024-10-04,1970-01-01 00:59:59.999+01,null\n"},
		{"tsv", "tsv", format.Options{}, "id\tname\tprice\tratio\tpaid\tday\tat\tattrs\r\n" +
			"42\t\"Say \"\"hi\"\", you\"\t-0.05\t0.1\ttrue\t1970-01-01\t1970-01-01T00:00:01.234Z\t\"{\"\"a\"\": [1,\n 2]}\"\r\n" +
			"\t\t\t\t\t\t\t\r\n" +
			"-1\t\"\"\t0.00\t1e+100\tfalse\t2024-10-04\t1969-12-31T23:59:59.999Z\tnull\r\n"},
		{"xml", "xml", format.Options{Zone: berlin}, `<?xml version="1.0" encoding="UTF-8"?>
<report>
<record><id>42</id><name>Say "hi", you</name><price>-0.05</price><ratio>0.1</ratio><paid>true</paid><day>1970-01-01</day><at>1970-01-01T01:00:01.234+01:00</at><attrs>{"a": [1,
 2]}</attrs></record>
<record></record>
<record><id>-1</id><name></name><price>0.00</price><ratio>1e+100</ratio><paid>false</paid><day>2024-10-04</day><at>1970-01-01T00:59:59.999+01:00</at><attrs>null</attrs></record>
</report>
`},
		{"json", "json", format.Options{}, `[
{"id":42,"name":"Say \"hi\", you","price":"-0.05","ratio":0.1,"paid":true,"day":"1970-01-01","at":"1970-01-01T00:00:01.234Z","attrs":{"a":[1,2]}},
{"id":null,"name":null,"price":null,"ratio":null,"paid":null,"day":null,"at":null,"attrs":null},
{"id":-1,"name":"","price":"0.00","ratio":1e+100,"paid":false,"day":"2024-10-04","at":"1969-12-31T23:59:59.999Z","attrs":null}
]
`},
		{"ndjson", "ndjson", format.Options{JSONNumbers: true}, `{"id":42,"name":"Say \"hi\", you","price":-0.05,"ratio":0.1,"paid":true,"day":"1970-01-01","at":"1970-01-01T00:00:01.234Z","attrs":{"a":[1,2]}}
{"id":null,"name":null,"price":null,"ratio":null,"paid":null,"day":null,"at":null,"attrs":null}
{"id":-1,"name":"","price":0.00,"ratio":1e+100,"paid":false,"day":"2024-10-04","at":"1969-12-31T23:59:59.999Z","attrs":null}
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := write(t, c.format, data, c.o, 2)
			if string(got) != c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
		})
	}
}

func TestNoRows(t *testing.T) {
	columns := []batch.Column{{Name: "a", Type: outturn.Text}, {Name: "b,c", Type: outturn.Text}}
	for name, want := range map[string]string{
		"csv": "a,\"b,c\"\r\n", "tsv": "a\tb,c\r\n", "json": "[\n]\n", "ndjson": "",
		"xml": "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<report>\n</report>\n",
	} {
		if got, _ := write(t, name, table{columns: columns}, format.Options{}, 1); string(got) != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A null in a file of one column must not become an empty line: readers skip
// those, and encoding/csv is one of them.
func TestOneColumnKeepsItsRows(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "a", Type: outturn.Text}}, rows: [][]cell{{{null: true}}, {{text: "x"}}, {{text: ""}}, {{null: true}}}}
	file, _ := write(t, "csv", data, format.Options{}, 4)
	rows, err := csv.NewReader(strings.NewReader(string(file))).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("got %q, %v", rows, err)
	}
	if want := "a\r\n\"\"\r\nx\r\n\"\"\r\n\"\"\r\n"; string(file) != want {
		t.Errorf("got %q, want %q", file, want)
	}
}

func TestHiddenColumnsAreNotWritten(t *testing.T) {
	all := []batch.Column{{Name: "a", Type: outturn.Int}, {Name: "hidden", Type: outturn.Text}}
	for name, want := range map[string]string{
		"csv": "a\r\n7\r\n", "tsv": "a\r\n7\r\n", "json": "[\n{\"a\":7}\n]\n", "ndjson": "{\"a\":7}\n",
		"xml": "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<report>\n<record><a>7</a></record>\n</report>\n",
	} {
		out := new(strings.Builder)
		w, err := format.New(name, out, format.Options{Columns: all[:1]})
		if err != nil {
			t.Fatal(err)
		}
		w.Write((table{all, [][]cell{{{whole: 7}, {text: "secret"}}}}).batches(1)[0])
		if _, err := w.Close(); err != nil || out.String() != want {
			t.Errorf("%s: got %q, %v, want %q", name, out, err, want)
		}
	}
}

// Files for people have the columns' titles, programs get their names.
func TestTitles(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "id", Type: outturn.Int, Header: "No., \"new\""}, {Name: "name", Type: outturn.Text}, {Name: "sum", Type: outturn.Int, Header: "=1+1"}}}
	data.rows = [][]cell{{{whole: 1}, {text: "x"}, {whole: 2}}}
	for _, c := range []struct{ format, dialect, want string }{
		{"csv", "", "\"No., \"\"new\"\"\",name,=1+1\r\n1,x,2\r\n"},
		{"csv", "spreadsheet", "\ufeff\"No., \"\"new\"\"\",name,'=1+1\r\n1,x,2\r\n"},
		{"csv", "postgres", "\"No., \"\"new\"\"\",name,=1+1\n1,x,2\n"},
		{"tsv", "", "\"No., \"\"new\"\"\"\tname\t=1+1\r\n1\tx\t2\r\n"},
		{"json", "", "[\n{\"id\":1,\"name\":\"x\",\"sum\":2}\n]\n"},
		{"ndjson", "", "{\"id\":1,\"name\":\"x\",\"sum\":2}\n"},
		{"xml", "", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<report>\n<record><id>1</id><name>x</name><sum>2</sum></record>\n</report>\n"},
	} {
		if got, _ := write(t, c.format, data, format.Options{Dialect: c.dialect}, 1); string(got) != c.want {
			t.Errorf("%s %s: got %q, want %q", c.format, c.dialect, got, c.want)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	for _, c := range []struct{ format, dialect, want string }{
		{"csv", "", "text/csv; charset=utf-8"},
		{"csv", "semicolon", "text/csv; charset=utf-8"},
		{"tsv", "", "text/tab-separated-values; charset=utf-8"},
		{"tsv", "machine", "text/tab-separated-values; charset=utf-8"},
		{"tsv", "utf16", "text/tab-separated-values; charset=utf-16le"},
		{"xml", "", "application/xml"},
	} {
		f, err := format.Find(c.format)
		if err != nil {
			t.Fatal(err)
		}
		if c.dialect != "" && !slices.Contains(f.Dialects(), c.dialect) {
			t.Errorf("%s has the dialects %v", c.format, f.Dialects())
		}
		if got := f.MediaTypeOf(c.dialect); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.format, c.dialect, got, c.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name, format string
		o            format.Options
		code         outturn.Code
		says         string
	}{
		{"Format", "jsn", format.Options{}, outturn.CodeNotFound, "json"},
		{"Dialect", "csv", format.Options{Dialect: "machin"}, outturn.CodeNotFound, "machine"},
		{"DialectOfTSV", "tsv", format.Options{Dialect: "utf-16"}, outturn.CodeNotFound, "utf16"},
		{"DialectOfCSVForTSV", "tsv", format.Options{Dialect: "spreadsheet"}, outturn.CodeNotFound, "TSV dialect"},
		{"ElementTwice", "xml", format.Options{Columns: []batch.Column{{Name: "a b", Type: outturn.Int}, {Name: "c", Type: outturn.Int}, {Name: "a_x0020_b", Type: outturn.Int}}}, outturn.CodeInvalid, `"a b" and "a_x0020_b"`},
		{"NameTwiceInXML", "xml", format.Options{Columns: []batch.Column{{Name: "a", Type: outturn.Int}, {Name: "a", Type: outturn.Int}}}, outturn.CodeInvalid, `"a" and "a"`},
		{"Type", "csv", format.Options{Columns: []batch.Column{{Name: "a", Type: "money"}}}, outturn.CodeInternal, "money"},
		{"NameTwice", "json", format.Options{Columns: []batch.Column{{Name: "a", Type: outturn.Int}, {Name: "a", Type: outturn.Int}}}, outturn.CodeInvalid, `"a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := format.New(c.format, new(counting), c.o)
			if outturn.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	if got := format.Names(); !slices.Equal(got, []string{"csv", "tsv", "json", "ndjson", "xml", "xlsx"}) {
		t.Errorf("names: %v", got)
	}
}
