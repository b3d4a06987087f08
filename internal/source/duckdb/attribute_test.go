package duckdb_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
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

// Where the text of a number is not sure, or a list cannot be carried over, the run
// fails; otherwise Go reads the same. The names and the numbers are few here, so
// that they meet often, in what is nested too.
func TestDoubtfulAttributesAgainstGo(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	numbers := []json.Number{"1.0", "1.00000000000000001", "1.50", "1.5", "-0", "0", "-0.0", "1e2", "100.0", "100", "1234567890123456789e0", "12345678901234567e-3", "5e-324", "1.5e-310", "0e-400",
		"12345.0000000000000000", "9007199254740993", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "170141183460469231731687303715884105728.5", json.Number(strings.Repeat("9", 40))}
	names := []string{`"po"`, `"p\u006f"`, `"PO"`, `":1.5"`}
	var value func(depth int) string
	value = func(depth int) string {
		number := string(numbers[random.IntN(len(numbers))])
		if depth == 0 {
			return number
		}
		name := names[random.IntN(len(names))]
		switch random.IntN(6) {
		case 0:
			return "[" + value(depth-1) + ", " + name + ", " + value(depth-1) + "]"
		case 1:
			return "{" + name + ": " + value(depth-1) + "}"
		case 2:
			return `", \"po\": 1.5"`
		}
		return number
	}
	const rows = 100
	var docs, values []string
	for i := range rows {
		var parts []string
		for range 1 + random.IntN(3) {
			parts = append(parts, "["+names[random.IntN(len(names))]+", "+value(2)+"]")
		}
		docs = append(docs, "["+strings.Join(parts, ", ")+"]")
		values = append(values, fmt.Sprintf("(%d, '%s')", i, docs[i]))
	}
	src := newFile(t, "CREATE TABLE docs (n INTEGER, doc VARCHAR); INSERT INTO docs VALUES "+strings.Join(values, ", "))
	snap, err := src.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	failed := 0
	for i, doc := range docs {
		got, err := readSnapshot(t.Context(), snap, source.Query{
			Dataset: &outturn.Dataset{Name: "docs", SQL: fmt.Sprintf("SELECT * FROM docs WHERE n = %d", i), Key: []string{"n"},
				Fields: []outturn.Field{{Name: "n", Type: outturn.Int}, {Name: "doc", Type: outturn.JSON}}},
			Everything: true, View: &outturn.View{Columns: []outturn.ViewColumn{{Field: "doc", Attribute: "po"}}}})
		var want any
		for _, pair := range slices.Backward(decode(t, doc).([]any)) {
			if pair := pair.([]any); pair[0] == "po" {
				want = pair[1]
			}
		}
		if err != nil {
			failed++
			if !strings.Contains(err.Error(), "cannot be read exactly") || !doubtful(decode(t, doc), want) {
				t.Errorf("%s: %v", doc, err)
			}
			continue
		}
		got = strings.TrimSuffix(got, "\n")
		same := false
		switch want := want.(type) {
		case nil:
			same = got == "∅"
		case string:
			same = got == want
		case json.Number:
			same = got == want.String()
		default:
			same = reflect.DeepEqual(exact(decode(t, got)), exact(want))
		}
		if !same {
			t.Errorf("%s: got %s", doc, got)
		}
	}
	if failed == 0 || failed > rows/2 {
		t.Errorf("%d of %d rows failed", failed, rows)
	}
}

func decode(t *testing.T, doc string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return v
}

// exact is v with every number by its value: 1.50 is 1.5.
func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		r, _ := new(big.Rat).SetString(v.String())
		return r.String()
	case []any:
		list := []any{}
		for _, e := range v {
			list = append(list, exact(e))
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for name, e := range v {
			object[name] = exact(e)
		}
		return object
	}
	return v
}

// doubtful tells whether an attribute may not be read: it is a list or an object,
// and a double changes a number of doc; or it is a number, and another of doc is
// the same double.
func doubtful(doc, attribute any) bool {
	number, scalar := attribute.(json.Number)
	var in func(v any) bool
	in = func(v any) bool {
		switch v := v.(type) {
		case json.Number:
			a, _ := v.Float64()
			b, _ := number.Float64()
			if scalar {
				return a == b && v != number
			}
			return exact(v) != exact(json.Number(strconv.FormatFloat(a, 'g', -1, 64))) || math.Abs(a) < 1e-300 && a != 0
		case []any:
			return slices.ContainsFunc(v, in)
		case map[string]any:
			return slices.ContainsFunc(slices.Collect(maps.Values(v)), in)
		}
		return false
	}
	return in(doc)
}

// A number is read as it stands there, or not at all.
func TestExactAttributes(t *testing.T) {
	const inexact = "cannot be read exactly"
	src := newFile(t, "SELECT 1")
	snap, err := src.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for doc, want := range map[string]string{
		`{"A":[1234567890123456789e0]}`:                                          inexact,
		`{"A":[12345678901234567e-3]}`:                                           inexact,
		`{"A":{"b":1E-310}}`:                                                     inexact,
		`{"A":[123456789012345e0, 1.50, "9.87654321987654321"]}`:                 `[123456789012345.0,1.5,"9.87654321987654321"]`,
		`{"A":[12345678901.00000000, 0e-400]}`:                                   `[12345678901.0,0.0]`,
		`{"A":[18446744073709551616, -170141183460469231731687303715884105729]}`: `[18446744073709551616,-170141183460469231731687303715884105729]`,
		`{"A":[1], "B":1.00000000000000001}`:                                     `[1]`,
		`{"x":{"A":1.00000000000000001},"A":1.0}`:                                inexact,
		`[["x",["A",1.50]],["A",1.5]]`:                                           inexact,
		`[["x",["A",1.50]],["A",1.50],["y",{"A":1.51,"B":1.5}]]`:                 `1.50`,
		`{"\u0041":1.0,"x":{"A":1.00000000000000001}}`:                           inexact,
		`{"\u0041":1.0}`:                                                         `1.0`,
		`{"x":"\"A\":1.50","A":1.5}`:                                             `1.5`,
		`{"A":-0}`:                                                               `-0`,
		`{"A":-0.0}`:                                                             `-0.0`,
		`{"A":0,"x":{"A":-0}}`:                                                   `0`,
		`{"A":-0,"x":{"A":0}}`:                                                   inexact,
	} {
		d := &outturn.Dataset{Name: "docs", SQL: "SELECT 7 AS n, '" + doc + "' AS doc", Key: []string{"n"}, Fields: []outturn.Field{{Name: "n", Type: outturn.Int}, {Name: "doc", Type: outturn.JSON}}}
		got, err := readSnapshot(t.Context(), snap, source.Query{Dataset: d, Everything: true, View: &outturn.View{Columns: []outturn.ViewColumn{{Field: "doc", Attribute: "A"}}}})
		if want == inexact {
			if err == nil || !strings.Contains(err.Error(), inexact) || !strings.HasSuffix(err.Error(), "in the row n 7.") {
				t.Errorf("%s: got %q, %v, want it to fail", doc, got, err)
			}
		} else if got != want+"\n" || err != nil {
			t.Errorf("%s: got %q, %v, want %q", doc, got, err, want)
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
