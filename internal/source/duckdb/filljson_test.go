package duckdb

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is clearly JSON is what encoding/json takes, but for what is nested deep.
func FuzzClearlyJSON(f *testing.F) {
	for _, text := range []string{
		`null`, ` true `, `false`, `0`, `-0`, `-0.0`, `1e400`, `-12.50E+07`, `""`, `"é\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, `"\ud800"`, "\"\x7f\u2028\"",
		`[]`, `{}`, "[ ]", "{\t}", ` [ 1 , "a" , [ ] , { } ] `, `{"a":1,"a":{"b":[null]}}`, "{ \"a\" :\r\n1 }", `[["PONumber","qwe"],["a name of more than eight bytes","a value of many more than sixteen bytes"]]`,
		"", " ", "[1,]", `{"a":1,}`, "[,]", "{,}", "[1,,2]", "NaN", "-inf", "Infinity", "[nan]", "nul", "nulll", "True", "01", "-01", "+1", "1.", ".5", "1e", "1e+", "-", "0x1F", "1 2", "[1] x", "[1 2]", "[1}", `{"a":1]`,
		`{"a"}`, `{"a":}`, `{"a":1 "b":2}`, `{1:2}`, `{a:1}`, `'a'`, `"a`, `"\`, `"\u`, `"\u12`, `"\u12g4"`, `"\x41"`, "\"a\tb\"", "\"more than eight bytes\x01\"", "\"\xff\"", "\ufeff1", "/*c*/1", "1//x", "\v1", "\u00a01", "[1", "{", `{"a":1,`, "]", "1\x00",
		strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat("[", 64) + "1" + strings.Repeat("]", 64), strings.Repeat(`[{"a":`, 32) + "{}" + strings.Repeat("}]", 32), strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, want := clearlyJSON(text), json.Valid(text)
		if got && !want || want && !got && deepest(text) <= 64 {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
		if isJSON(text) != want {
			t.Errorf("%q: whether it is JSON is not what encoding/json says, %t", text, want)
		}
	})
}

// BenchmarkIsJSON looks at the attributes of an order.
func BenchmarkIsJSON(b *testing.B) {
	text := []byte(`[["PONumber","qwe12345"],["orderedBy","Ann Müller"],["costCenter","DE-4711, München"],["approved","2026-09-30T08:15:00Z"],["note","ask \"before\" you renew this one"],["seats",25],["trial",false],["discount",12.5]]`)
	for name, valid := range map[string]func([]byte) bool{"isJSON": isJSON, "Valid": json.Valid} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if !valid(text) {
					b.Fatal("it is none")
				}
			}
		})
	}
}
