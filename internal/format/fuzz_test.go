package format_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

var textColumns = []batch.Column{{Name: "a", Type: outturn.Text}, {Name: "b", Type: outturn.Text}, {Name: "c", Type: outturn.Text}}

func fuzzSeeds(f *testing.F) {
	for _, s := range []string{"", " ", `"`, ",", ";", "\r\n", "\n", "a,b", `a"b`, "=1+1", "\t=1", "\ufeff", "12345678", "1234567\"", "\"12345678\"\r", "é€😀", "\u2028", "\x00", `\.`, "x\u0085"} {
		f.Add(s, "12345678"+s, s+"1234567")
	}
}

func FuzzCSV(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || !utf8.ValidString(c) {
			t.Skip("batches hold valid UTF-8")
		}
		data := table{textColumns, [][]cell{{{text: a}, {text: b}, {text: c}}, {{text: c}, {null: true}, {text: a}}}}
		for _, dialect := range []string{"machine", "spreadsheet", "semicolon", "tsv"} {
			name, o := "csv", format.Options{Dialect: dialect, Workers: 1}
			if dialect == "tsv" {
				name, o.Dialect = "tsv", "machine"
			}
			file, notes := write(t, name, data, o, 2)
			guarded := o.Dialect != "machine"
			r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff"))))
			switch dialect {
			case "semicolon":
				r.Comma = ';'
			case "tsv":
				r.Comma = '\t'
			}
			rows, err := r.ReadAll()
			if err != nil || len(rows) != 3 {
				t.Fatalf("%s: %v\n%q", dialect, err, file)
			}
			found := int64(0)
			for i, want := range []string{a, b, c, c, "", a} {
				got := rows[1+i/3][i%3]
				want = strings.ReplaceAll(want, "\r\n", "\n") // as encoding/csv reads it
				if guarded && got == "'"+want {
					found++
					continue
				}
				if got != want {
					t.Fatalf("%s: got %q, want %q", dialect, got, want)
				}
				first, _ := utf8.DecodeRuneInString(strings.TrimLeft(got, " "))
				if guarded && strings.ContainsRune("=+-@\t\r\n\x00＝＋－＠", first) {
					t.Fatalf("%s: %q is not guarded", dialect, got)
				}
			}
			if found != notes.Guarded {
				t.Fatalf("%s: %d guarded, noted %d", dialect, found, notes.Guarded)
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || !utf8.ValidString(c) {
			t.Skip("batches hold valid UTF-8")
		}
		data := table{textColumns, [][]cell{{{text: a}, {text: b}, {text: c}}, {{text: c}, {null: true}, {text: a}}}}
		for _, name := range []string{"json", "ndjson"} {
			file, _ := write(t, name, data, format.Options{Workers: 1}, 2)
			var rows []map[string]*string
			if name == "json" {
				if err := json.Unmarshal(file, &rows); err != nil {
					t.Fatalf("%v: %s", err, file)
				}
			} else {
				for _, line := range strings.Split(strings.TrimSuffix(string(file), "\n"), "\n") {
					var row map[string]*string
					if err := json.Unmarshal([]byte(line), &row); err != nil {
						t.Fatalf("%v: %s", err, line)
					}
					rows = append(rows, row)
				}
			}
			if len(rows) != 2 || *rows[0]["a"] != a || *rows[0]["b"] != b || *rows[0]["c"] != c || *rows[1]["a"] != c || rows[1]["b"] != nil || *rows[1]["c"] != a {
				t.Fatalf("%q %q %q became %s", a, b, c, file)
			}
		}
	})
}

// FuzzJSONText writes any JSON text as a column of type json: it means the same
// afterwards, on one line.
func FuzzJSONText(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `{"a":1}`, `{"a":[1,-2.5e+10,true,false,null,"x\u00e9\\\""]}`, " 1 ", "[1,\r\n2]", "\"\u2028\u0085\"",
		"{\n\t\"a\" : \"\\\\\" }", `"\ud800"`, "\"12345678\"", `{"a":1,"a":2}`,
	} {
		f.Add(s)
	}
	columns := []batch.Column{{Name: "j", Type: outturn.JSON}}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
			t.Skip("batches hold valid UTF-8 and valid JSON")
		}
		var file bytes.Buffer
		w, err := format.New("ndjson", &file, format.Options{Columns: columns, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		w.Write((table{columns, [][]cell{{{text: text}}}}).batches(1)[0])
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		line := file.String()
		if strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\r\u0085\u2028\u2029") {
			t.Fatalf("more than a line: %q", line)
		}
		var got struct{ J json.RawMessage }
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if a, b := meaning(t, []byte(text)), meaning(t, got.J); a != b {
			t.Fatalf("%q came out as %q", a, b)
		}
	})
}

// meaning spells a JSON value in one way.
func meaning(t *testing.T, text []byte) string {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
