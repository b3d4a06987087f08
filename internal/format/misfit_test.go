package format_test

import (
	"math/big"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

// A value that a file cannot spell is told with the key of its row, in columns that
// the file has and in others.
func TestMisfitNamesTheKey(t *testing.T) {
	columns := []batch.Column{
		{Name: "day", Type: outturn.Date}, {Name: "invoice_id", Type: outturn.Text},
		{Name: "outturn_hidden_line", Header: "line", Type: outturn.Int}, {Name: "amount", Type: outturn.Decimal, Scale: 2},
		{Name: "ratio", Type: outturn.Float}, {Name: "flag", Type: outturn.Bool}, {Name: "at", Type: outturn.Time, Scale: 3},
	}
	wide, _ := new(big.Int).SetString("12345678901234567890123", 10)
	row := func(id cell) []cell {
		return []cell{{whole: lastDay + 1}, id, {whole: -7}, {unscaled: big.NewInt(-5)}, {float: 0.5}, {truth: true}, {whole: 1_500_000}}
	}
	plain := row(cell{text: "000021"})
	null, long := row(cell{null: true}), row(cell{text: strings.Repeat("é", 200)})
	wideAmount := row(cell{text: "x"})
	wideAmount[3] = cell{unscaled: wide}
	for _, c := range []struct {
		name string
		row  []cell
		key  []int
		want string
	}{
		{"None", plain, nil, "in row 2 of the result, which"},
		{"Text", plain, []int{1}, "in row 2 of the result (invoice_id 000021), which"},
		{"Hidden", plain, []int{1, 2}, "(invoice_id 000021, line -7)"},
		{"Null", null, []int{1, 2}, "(invoice_id NULL, line -7)"},
		{"Empty", row(cell{}), []int{1}, `(invoice_id "")`},
		{"LineEnd", row(cell{text: "a\nb"}), []int{1}, `(invoice_id "a\nb")`},
		{"Long", long, []int{1}, "(invoice_id " + strings.Repeat("é", 100) + "…)"},
		{"EveryType", plain, []int{3, 4, 5, 6}, "(amount -0.05, ratio 0.5, flag true, at 1970-01-01T00:00:01.500Z)"},
		{"Wide", wideAmount, []int{3}, "(amount 123456789012345678901.23)"},
		{"TheMisfitItself", plain, []int{0, 1}, "(day beyond those years, invoice_id 000021)"},
	} {
		for _, name := range []string{"csv", "tsv", "json", "ndjson", "xml"} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				good := row(cell{text: "first"})
				good[0] = cell{whole: 0}
				w, err := format.New(name, new(counting), format.Options{Columns: columns[:2], Key: c.key})
				if err != nil {
					t.Fatal(err)
				}
				w.Write((table{columns, [][]cell{good, c.row}}).batches(2)[0])
				if _, err = w.Close(); outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		}
	}
}
