package format_test

import (
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

func corpus(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var s string
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, s)
	}
	return list
}

// TestFormulas writes the corpus as text and as what stands beside text, reads it
// back, and looks who got an apostrophe.
func TestFormulas(t *testing.T) {
	formulas, others := corpus(t, "formulas.txt"), corpus(t, "no_formulas.txt")
	if len(formulas) < 200 {
		t.Fatalf("the corpus has %d payloads", len(formulas))
	}
	reader := startPython(t)
	data := table{columns: []batch.Column{{Name: "=name", Type: outturn.Text}, {Name: "json", Type: outturn.JSON}}}
	for _, s := range append(formulas, others...) {
		data.rows = append(data.rows, []cell{{text: s}, {text: s}})
	}
	for _, d := range []struct {
		dialect, delimiter string
		guard              bool
	}{{"machine", ",", false}, {"spreadsheet", ",", true}, {"semicolon", ";", true}} {
		t.Run(d.dialect, func(t *testing.T) {
			file, notes := write(t, "csv", data, format.Options{Dialect: d.dialect}, 50)
			rows := reader.read(t, "csv", d.delimiter, d.guard, file)
			want := int64(0)
			if d.guard {
				want = int64(2 * len(formulas))
			}
			if notes.Guarded != want {
				t.Errorf("%d cells noted as guarded, want %d", notes.Guarded, want)
			}
			header := "=name"
			if d.guard {
				header = "'=name"
			}
			if got := rows[0].([]any)[0]; got != header {
				t.Errorf("the header is %q", got)
			}
			for i, row := range rows[1:] {
				want := data.rows[i][0].text
				if d.guard && i < len(formulas) {
					want = "'" + want
				}
				for _, got := range row.([]any) {
					if got != want {
						t.Errorf("got %q, want %q", got, want)
					}
				}
			}
		})
	}
}

// The same spellings in columns of numbers and times are values, not formulas.
func TestNumbersAreNeverGuarded(t *testing.T) {
	data := table{
		columns: []batch.Column{
			{Name: "i", Type: outturn.Int}, {Name: "d", Type: outturn.Decimal, Scale: 2}, {Name: "w", Type: outturn.Decimal, Scale: 2},
			{Name: "f", Type: outturn.Float}, {Name: "day", Type: outturn.Date}, {Name: "at", Type: outturn.Time}, {Name: "b", Type: outturn.Bool},
		},
		rows: [][]cell{{{whole: -5}, {unscaled: big.NewInt(-500)}, {unscaled: new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 100))}, {float: -1.5}, {whole: -1}, {whole: -1}, {truth: true}}},
	}
	for dialect, want := range map[string]string{
		"spreadsheet": "-5,-5.00,-12676506002282294014967032053.76,-1.5,1969-12-31,1969-12-31T23:59:59Z,true\r\n",
		"semicolon":   "-5;-5,00;-12676506002282294014967032053,76;-1,5;1969-12-31;1969-12-31T23:59:59Z;true\r\n",
	} {
		file, notes := write(t, "csv", data, format.Options{Dialect: dialect}, 1)
		if notes.Guarded != 0 || !strings.HasSuffix(string(file), "\r\n"+want) {
			t.Errorf("%s: %d guarded, got %q, want %q", dialect, notes.Guarded, file, want)
		}
	}
}
