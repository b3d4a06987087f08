package duckdb_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/source"
)

// What the engine takes out of JSON is what Go finds there, digit by digit, with
// names and texts that could be mistaken for JSON.
func TestAttributesAgainstGo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"po", "PO", "", ",", `"`, `\`, "[", `","po",1.5`, `["po", 1.25]`, "é", "☃𝄞", "a/b", "~", "$", "$.po", "0", "*", "\n", "null", "{cell}", "{name}"}
	word := func() string { return words[random.IntN(len(words))] }
	value := func() any {
		switch random.IntN(6) {
		case 0:
			return nil
		case 1:
			return random.IntN(2) == 0
		case 2:
			return json.Number(fmt.Sprintf("%d.%0*d", random.IntN(1000)-500, 1+random.IntN(20), random.IntN(100)))
		case 3:
			return json.Number(fmt.Sprintf("%d", random.Int64()-random.Int64()))
		case 4:
			// Nothing like a number with a point: a list may not be read beside one
			// that a double cannot hold.
			return []any{strings.ReplaceAll(word(), ".", ""), json.Number("-7"), map[string]any{"po": "x"}}
		}
		return word() + word()
	}
	spell := func(v any) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(b.String())
	}
	const rows = 1000
	var docs, values []string
	want := map[string][]string{} // by name, a row each
	for i := range rows {
		var parts []string
		found := map[string]any{}
		object := random.IntN(2) == 0
		for range random.IntN(5) {
			name, v := word(), value()
			if _, ok := found[name]; !ok {
				found[name] = v
			}
			if object {
				parts = append(parts, spell(name)+": "+spell(v))
			} else {
				parts = append(parts, "["+spell(name)+" ,"+spell(v)+"]")
			}
		}
		doc := "[" + strings.Join(parts, ", ") + "]"
		if object {
			doc = "{" + strings.Join(parts, ", ") + "}"
		}
		docs = append(docs, doc)
		values = append(values, fmt.Sprintf("(%d, '%s')", i, strings.ReplaceAll(doc, "'", "''")))
		for _, name := range words {
			text := "∅"
			switch v := found[name].(type) {
			case nil:
			case string:
				text = v
			default:
				text = spell(v)
			}
			want[name] = append(want[name], text)
		}
	}
	src := newFile(t, "CREATE TABLE docs (n INTEGER, doc VARCHAR); INSERT INTO docs VALUES "+strings.Join(values, ", "))
	d := &outturn.Dataset{Name: "docs", SQL: "SELECT * FROM docs", Key: []string{"n"}, Fields: []outturn.Field{{Name: "n", Type: outturn.Int}, {Name: "doc", Type: outturn.JSON}}}
	for name, want := range want {
		if name == "" {
			continue // no attribute is asked for by an empty name
		}
		got, err := readQuery(t, src, source.Query{Dataset: d, Everything: true, Order: []outturn.Order{{Field: "n"}},
			View: &outturn.View{Columns: []outturn.ViewColumn{{Field: "doc", Attribute: name}}}})
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		for i := range rows {
			rest, ok := strings.CutPrefix(got, want[i]+"\n")
			if !ok {
				t.Fatalf("%q of %s: got %.80q…, want %q", name, docs[i], got, want[i])
			}
			got = rest
		}
	}
}

// A list or an object whose numbers the engine would change fails, its neighbours
// do not.
func TestInexactAttributes(t *testing.T) {
	src := newFile(t, `CREATE TABLE docs (n INTEGER, doc JSON);
		INSERT INTO docs VALUES (1, '[["long",[1234567890.12345678901]],["short",[1, "x"]],["alone",1234567890.12345678901]]')`)
	d := &outturn.Dataset{Name: "docs", SQL: "SELECT * FROM docs", Key: []string{"n"}, Fields: []outturn.Field{{Name: "n", Type: outturn.Int}, {Name: "doc", Type: outturn.JSON}}}
	ask := func(name string) source.Query {
		return source.Query{Dataset: d, Everything: true, View: &outturn.View{Columns: []outturn.ViewColumn{{Field: "doc", Attribute: name}}}}
	}
	for name, want := range map[string]string{"short": "[1,\"x\"]\n", "alone": "1234567890.12345678901\n"} {
		if got, err := readQuery(t, src, ask(name)); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	_, err := readQuery(t, src, ask("long"))
	if want := `where the attribute "long" has a number that cannot be read exactly: write it as a string, in the row n 1.`; outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want it to end in %q", err, want)
	}
}
