package catalog_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"outturn"
	"outturn/internal/catalog"
)

func TestParseView(t *testing.T) {
	v, err := catalog.ParseView([]byte(`name: short
dataset: orders
description: >
  What the bookkeepers
  ask for
columns:
  - field: ID
    header: "Order: No."
  - {field: EXTRA, alias: po, attribute: PO Number, map: {"1": one, 2: two}}
  - {field: TOTAL, scale: 0}
`))
	zero := 0
	want := &outturn.View{Name: "short", Dataset: "orders", Description: "What the bookkeepers ask for", Columns: []outturn.ViewColumn{
		{Field: "ID", Header: "Order: No."},
		{Field: "EXTRA", Alias: "po", Attribute: "PO Number", Map: map[string]string{"1": "one", "2": "two"}},
		{Field: "TOTAL", Scale: &zero},
	}}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("got %+v, %v, want %+v", v, err, want)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"UnknownKey", "name: a\ncolumns:\n  - {field: A, headr: B}\n", `line 3: There is no key of column 1 "headr". Did you mean header? Allowed: field, alias, header, attribute, map, scale.`},
		{"UnknownTop", "name: a\nfields: []\n", `line 2: There is no key of a view "fields". Allowed: name, dataset, title, translations, description, columns.`},
		{"Syntax", "name: a\ncolumns: [{field: A\n", "YAML, line 2"},
		{"Scale", "columns:\n  - {field: A, scale: two}\n", `line 2: the scale of column 1 is no whole number of digits, but "two"`},
		{"ScaleFraction", "columns:\n  - {field: A, scale: 1.5}\n", `the scale of column 1 is no whole number of digits, but "1.5"`},
		{"Twice", "name: a\nname: b\n", "line 2: the key \"name\" of a view is there twice"},
		{"NoMap", "just text\n", `line 1: a view must be made of keys and values, such as key: value, and is the text "just text"`},
		{"TwiceInColumn", "columns:\n  - {field: A, field: B}\n", `line 2: the key "field" of column 1 is there twice`},
		{"TwiceInMap", "columns:\n  - {field: A, map: {1: a, \"1\": b}}\n", `line 2: the key "1" of map of column 1 is there twice`},
		{"FieldIsList", "columns:\n  - {field: [A]}\n", "line 2: the field of column 1 must be a text, and is a list"},
		{"ColumnIsText", "columns: [A]\n", `line 1: column 1 must be made of keys and values, such as key: value, and is the text "A"`},
		{"ColumnsIsText", "columns: A\n", `line 1: columns must be a list, such as - {field: NAME}, and is the text "A"`},
		{"ColumnsIsNull", "columns:\n", "columns must be a list, such as - {field: NAME}, and is nothing (null)"},
		{"MapIsText", "columns: [{field: A, map: a}]\n", "map of column 1 must be made of keys and values"},
		{"NullCode", "columns: [{field: A, map: {~: d}}]\n", "a key of map of column 1 is nothing (null). Put quotes around a text"},
		{"NullWord", "columns: [{field: A, map: {a: null}}]\n", `the word for "a" in the map of column 1 has no value. Leave it out, or put quotes around a text`},
		{"NullHeader", "columns:\n  - field: A\n    header:\n", "line 3: the header of column 1 has no value"},
		{"NullAttribute", "columns: [{field: A, attribute: ~}]\n", "the attribute of column 1 has no value"},
		{"NullScale", "columns: [{field: A, scale: ~}]\n", "the scale of column 1 is no whole number of digits, but nothing (null)"},
		{"EmptyHeader", "columns: [{field: A, header: \"\"}]\n", "the header of column 1 is empty"},
		{"Anchor", "name: &a b\n", "line 1: a view has no anchors and aliases"},
		{"Alias", "name: *a\n", "line 1: a view has no anchors and aliases"},
		{"Tag", "name: !!str b\n", "a view has no tags"},
		{"Merge", "<<: {name: a}\n", `There is no key of a view "<<"`},
		{"NotUTF8", "name: \xff\n", "the file is not UTF-8"},
		{"LongKey", strings.Repeat("k", 256) + ": a\n", "is longer than 255 characters"},
		{"Empty", "", "the file is empty"},
		{"Two", "name: a\n---\nname: b\n", "one view"},
	} {
		if v, err := catalog.ParseView([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %+v, %v, want it to say %q in one line", tt.name, v, err, tt.want)
		}
	}
}

// A text is what stands in the file, whatever YAML would make of it.
func TestScalarsStay(t *testing.T) {
	v, err := catalog.ParseView([]byte(`name: 007
columns:
  - {field: A, header: 1.50, attribute: 2.00, map: {012: octal, 0x0e: hex, 1.50: 2.00, true: No, 1_000: .inf, <<: .nan, -1: +1}}
  - {field: 1e3, header: true, alias: 2026-09-01}
`))
	want := &outturn.View{Name: "007", Columns: []outturn.ViewColumn{
		{Field: "A", Header: "1.50", Attribute: "2.00", Map: map[string]string{
			"012": "octal", "0x0e": "hex", "1.50": "2.00", "true": "No", "1_000": ".inf", "<<": ".nan", "-1": "+1"}},
		{Field: "1e3", Header: "true", Alias: "2026-09-01"},
	}}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Fatalf("got %+v, %v, want %+v", v, err, want)
	}
	if again, err := catalog.ParseView(catalog.FormatView(v)); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("written and read: got %+v, %v, want %+v", again, err, want)
	}
}

// hostile are files that would cost much time or memory to read.
var hostile = map[string]string{
	"Brackets": "columns: " + strings.Repeat("[", 200_000),
	"Deep":     "columns: " + strings.Repeat("[", 17) + strings.Repeat("]", 17),
	"Braces":   strings.Repeat("{a: ", 50_000),
	"Dashes":   strings.Repeat("- ", 100_000),
	"Indents":  indents(100),
	"Keys":     strings.Repeat("a:\n", 80_000),
	"Colons":   strings.Repeat("a: ", 80_000),
	"Question": strings.Repeat("? ", 100_000),
	"Tags":     strings.Repeat("! ", 100_000),
	"Laughs":   "columns: [{field: A, scale: [&a0 [x,x,x,x,x,x,x,x,x], &a1 [*a0,*a0,*a0,*a0,*a0,*a0]]}]",
	"Literals": strings.Repeat("|\n", 100_000),
	"Columns":  "columns:\n" + strings.Repeat(" - {}\n", 40_000),
	"Large":    "description: " + strings.Repeat("x", 256<<10),
	"LongName": "columns: [" + strings.Repeat("x", 200_000) + "]",
	"LongKey":  strings.Repeat("k", 100_000) + ": {" + strings.Repeat("a,", 50_000) + "}",
	"Quote":    strings.Repeat("\"x\n", 50_000),
}

func indents(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestHostileViews(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := catalog.ParseView([]byte(text))
			if took := time.Since(start); err == nil || len(err.Error()) > 600 || took > 5*time.Second {
				t.Errorf("after %v got %.700v", took, err)
			}
		})
	}
}

// Whatever a file holds, reading it ends and says little, and what was read comes
// back from the file that is written of it.
func FuzzParseView(f *testing.F) {
	for _, text := range hostile {
		f.Add([]byte(text[:min(len(text), 500)])) // mutating large ones takes all the time
	}
	f.Add([]byte("name: a\ndataset: b\ncolumns:\n- field: A\n  map: {1: a, \"b\": 'c'}\n  scale: 2\n- {field: B, header: |\n  x}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := catalog.ParseView(text)
		if err != nil {
			if len(err.Error()) > 21*2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if again, err := catalog.ParseView(catalog.FormatView(v)); err != nil && len(text) < 10_000 || err == nil && !reflect.DeepEqual(again, v) {
			t.Errorf("%+v became %+v, %v", v, again, err)
		}
	})
}

func TestReadViewFile(t *testing.T) {
	dir := t.TempDir()
	pipe, file, link := filepath.Join(dir, "pipe.yaml"), filepath.Join(dir, "file.yaml"), filepath.Join(dir, "link.yaml")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(file, make([]byte, 1<<20), 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.ReadViewFile(pipe); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("a pipe: %v", err)
	}
	if text, err := catalog.ReadViewFile(link); err != nil || len(text) != 256<<10+1 {
		t.Errorf("a large file behind a link: %d bytes, %v", len(text), err)
	}
}

func TestOwnView(t *testing.T) {
	d := &outturn.Dataset{Name: "orders", Fields: []outturn.Field{{Name: "ID", Type: outturn.Int}, {Name: "NAME", Type: outturn.Text}}}
	if v, err := catalog.OwnView([]byte("columns: [{field: ID}]"), d); err != nil || v.Dataset != "orders" {
		t.Errorf("a view without names: %+v, %v", v, err)
	}
	if _, err := catalog.OwnView(catalog.FormatView(outturn.Full(d)), d); err != nil {
		t.Errorf("the full view: %v", err)
	}
	for text, want := range map[string]string{
		"dataset: payments\ncolumns: [{field: ID}]": "of the data set payments, not of orders",
		"name: full\ncolumns: [{field: ID}]":        "choose another name",
		"columns: [{field: IDD}]":                   "Did you mean ID?",
		"name: a":                                   "name at least one",
		"name: FULL\ncolumns: [{field: ID}]":        "choose another name",
		"columns: [{field: ID}, {header: B}]":       "Column 2 names no field. Allowed: ID, NAME.",
		// Everything at once.
		"columns: [{field: ID, scale: two}, {field: NAMM}]": "but \"two\"\nThere is no column \"NAMM\"",
	} {
		if _, err := catalog.OwnView([]byte(text), d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want it to say %q", text, err, want)
		}
	}
}

// Whatever a view says comes back from its file.
func FuzzFormatView(f *testing.F) {
	for _, s := range []string{"Total", "Order: No. 1", "yes", "null", "1e3", "0x10", "~", " a", "a ", "- a", "'\"\\", "Größe ☃ 𝄞", "a\tb\nc\r\x00\x7f\u0085\u2028", "{a}", "#", "2026-09-01", "<<", "a: b", "=", ""} {
		f.Add(s, s, 2)
	}
	f.Fuzz(func(t *testing.T, s, code string, scale int) {
		s, code = strings.ToValidUTF8(s, "?"), strings.ToValidUTF8(code, "?")
		v := &outturn.View{Name: s, Dataset: s, Translations: map[string]string{"es": s}, Description: strings.TrimSpace(s), Columns: []outturn.ViewColumn{
			{Field: s, Alias: s, Header: s, Attribute: s, Map: map[string]string{code: s, "x" + code: code}},
			{Field: "A", Scale: &scale},
		}}
		text := catalog.FormatView(v)
		got, err := catalog.ParseView(text)
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Fatalf("%q became %+v, %v by way of\n%s", s, got, err, text)
		}
	})
}
