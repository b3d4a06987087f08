package catalog_test

import (
	"reflect"
	"strings"
	"testing"

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
		{"UnknownKey", "name: a\ncolumns:\n  - {field: A, headr: B}\n", "YAML, line 3: unknown field \"headr\""},
		{"UnknownTop", "name: a\nfields: []\n", "YAML, line 2: unknown field"},
		{"Syntax", "name: a\ncolumns: [{field: A\n", "YAML, line 2"},
		{"Scale", "columns:\n  - {field: A, scale: two}\n", "column A: scale two is no whole number"},
		{"ScaleFraction", "columns:\n  - {field: A, scale: 1.5}\n", "scale 1.5 is no whole number"},
		{"Twice", "name: a\nname: b\n", "YAML, line 2"},
		{"NoMap", "just text\n", "YAML, line 1"},
		{"Empty", "", "the file is empty"},
		{"Two", "name: a\n---\nname: b\n", "one view"},
	} {
		if v, err := catalog.ParseView([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %+v, %v, want it to say %q in one line", tt.name, v, err, tt.want)
		}
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
		v := &outturn.View{Name: s, Dataset: s, Description: strings.TrimSpace(s), Columns: []outturn.ViewColumn{
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
