package format_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

// fromUTF16 reads UTF-16, the low byte of each unit first, and its mark.
func fromUTF16(t testing.TB, file []byte) string {
	t.Helper()
	if len(file)%2 != 0 || len(file) < 2 || file[0] != 0xff || file[1] != 0xfe {
		t.Fatalf("no mark, or half a unit: %q", file)
	}
	var units []uint16
	for file = file[2:]; len(file) > 0; file = file[2:] {
		units = append(units, binary.LittleEndian.Uint16(file))
	}
	return string(utf16.Decode(units))
}

// Characters of every length stand before, after and across each place of a word.
func TestUTF16(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "ñ", Type: outturn.Text}, {Name: "n", Type: outturn.Int}}}
	for size := range 20 {
		for _, c := range []string{"é", "日", "\U0001F600", "\uffff", "\ufeff", "\x00", "\x7f", "\t", "\"", "éé日😀a日é"} {
			for i := range size + 1 {
				data.rows = append(data.rows, []cell{{text: strings.Repeat("x", i) + c + strings.Repeat("y", size-i)}, {whole: int64(i)}})
			}
		}
	}
	data.rows = append(data.rows, []cell{{text: ""}, {null: true}}, []cell{{null: true}, {null: true}}, []cell{{text: strings.Repeat("日", 200_000)}, {whole: 1}}, []cell{{text: strings.Repeat("x", 200_000)}, {whole: 2}})
	machine, _ := write(t, "tsv", data, format.Options{}, 100)
	wide, _ := write(t, "tsv", data, format.Options{Dialect: "utf16"}, 100)
	if fromUTF16(t, wide) != string(machine) {
		t.Error("the two dialects hold different texts")
	}
}

func FuzzUTF16(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || !utf8.ValidString(c) {
			t.Skip("batches hold valid UTF-8")
		}
		data := table{textColumns, [][]cell{{{text: a}, {text: b}, {text: c}}, {{text: c}, {null: true}, {text: a}}}}
		machine, _ := write(t, "tsv", data, format.Options{Workers: 1}, 2)
		wide, _ := write(t, "tsv", data, format.Options{Dialect: "utf16", Workers: 1}, 2)
		if got := fromUTF16(t, wide); got != string(machine) {
			t.Fatalf("got %q, want %q", got, machine)
		}
	})
}
