package format_test

import (
	"bytes"
	"encoding/csv"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

// convert has LibreOffice open a workbook and save it as something else.
func convert(t *testing.T, file []byte, to string) []byte {
	t.Helper()
	if os.Getenv("OUTTURN_TEST_FULL") == "" {
		t.Skip("LibreOffice takes its time: make test-full")
	}
	office, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("LibreOffice is missing (Debian: libreoffice-calc)")
	}
	folder := t.TempDir()
	book := filepath.Join(folder, "book.xlsx")
	if err := os.WriteFile(book, file, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(office, "-env:UserInstallation=file://"+filepath.Join(folder, "profile"), "--headless", "--convert-to", to, "--outdir", folder, book)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	extension, _, _ := strings.Cut(to, ":")
	converted, err := os.ReadFile(filepath.Join(folder, "book."+extension))
	if err != nil {
		t.Fatal(err)
	}
	return converted
}

// shownCSV is what LibreOffice shows, as CSV in UTF-8; numbers come without marks
// between thousands and zeros at the end.
const shownCSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"

func readCSV(t *testing.T, data []byte) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Nothing of the corpus is a formula, a link or a command for LibreOffice: it shows
// the text as it was (P17).
func TestLibreOfficeRunsNoFormula(t *testing.T) {
	formulas := corpus(t, "formulas.txt")
	data := table{columns: []batch.Column{{Name: "=1+1", Type: outturn.Text}, {Name: "json", Type: outturn.JSON}}}
	for _, s := range formulas {
		data.rows = append(data.rows, []cell{{text: s}, {text: s}})
	}
	file, _ := write(t, "xlsx", data, format.Options{}, 50)

	rows := readCSV(t, convert(t, file, shownCSV))
	if len(rows) != len(formulas)+1 || rows[0][0] != "=1+1" {
		t.Fatalf("%d rows, header %q", len(rows), rows[0])
	}
	// Line ends inside a cell are one for LibreOffice, and it shows no others of
	// these characters.
	shown := func(s string) string {
		return strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(s)
	}
	for i, want := range formulas {
		for _, got := range rows[i+1] {
			if shown(got) != shown(want) {
				t.Errorf("%q is shown as %q", want, got)
			}
		}
	}
	flat := string(convert(t, file, "fods"))
	for _, sign := range []string{"table:formula", "xlink:href", "dde-source", "text:a "} {
		if strings.Contains(flat, sign) {
			t.Errorf("it has a %s", sign)
		}
	}
	if !strings.Contains(flat, "HYPERLINK(") {
		t.Error("the texts are not there")
	}
}

// LibreOffice shows values the way a person expects to see them.
func TestLibreOfficeShows(t *testing.T) {
	micros := time.Date(2026, 3, 29, 1, 30, 15, 250_000_000, time.UTC).UnixMicro() // 03:30:15 in Berlin, an hour after the gap
	data := table{
		columns: []batch.Column{
			{Name: "code", Type: outturn.Text}, {Name: "id", Type: outturn.Int, ID: true}, {Name: "n", Type: outturn.Int},
			{Name: "money", Type: outturn.Decimal, Scale: 8}, {Name: "cents", Type: outturn.Decimal, Scale: 2}, {Name: "long", Type: outturn.Decimal, Scale: 8},
			{Name: "flag", Type: outturn.Bool}, {Name: "day", Type: outturn.Date}, {Name: "at", Type: outturn.Time}, {Name: "ms", Type: outturn.Time, Scale: 3},
			{Name: "none", Type: outturn.Text}, {Name: "spaces", Type: outturn.Text}, {Name: "title", Header: "Order no. <&>", Type: outturn.Text},
		},
		rows: [][]cell{{
			{text: "00042"}, {whole: 1_000_008_041}, {whole: -7},
			{unscaled: big.NewInt(123_456_789_000)}, {unscaled: big.NewInt(-100_000_050)}, {unscaled: big.NewInt(1_234_567_890_123_456_789)},
			{truth: true}, {whole: 20_726}, {whole: micros}, {whole: micros},
			{null: true}, {text: "  two  "}, {text: "12345678901234567890"},
		}, {
			{text: "1E5"}, {null: true}, {whole: 0},
			{unscaled: big.NewInt(100_000)}, {unscaled: big.NewInt(0)}, {unscaled: big.NewInt(0)},
			{}, {whole: -25_508}, {null: true}, {null: true},
			{null: true}, {text: "a_x0041_\x01"}, {text: "TRUE"},
		}},
	}
	file, _ := write(t, "xlsx", data, format.Options{Zone: zone(t, "Europe/Berlin")}, 1)
	got := readCSV(t, convert(t, file, shownCSV))
	want := [][]string{
		{"code", "id", "n", "money", "cents", "long", "flag", "day", "at", "ms", "none", "spaces", "Order no. <&>"},
		{"00042", "1000008041", "-7", "1234.56789", "-1000000.5", "12345678901.23456789", "TRUE", "2026-09-30", "2026-03-29 03:30:15", "2026-03-29 03:30:15.250", "", "  two  ", "12345678901234567890"},
		{"1E5", "", "0", "0.001", "0", "0", "FALSE", "1900-03-01", "", "", "", "a_x0041_\x01", "TRUE"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for r := range want {
		for c := range want[r] {
			if got[r][c] != want[r][c] {
				t.Errorf("row %d, %s is shown as %q, want %q", r, want[0][c], got[r][c], want[r][c])
			}
		}
	}
}

// A sheet that is full opens.
func TestLibreOfficeOpensFullSheet(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "n", Type: outturn.Int}}}
	const rows = 1_048_576
	for i := range rows {
		data.rows = append(data.rows, []cell{{whole: int64(i)}})
	}
	file, _ := write(t, "xlsx", data, format.Options{}, 5000)
	got := bytes.Fields(convert(t, file, shownCSV))
	if len(got) != rows || string(got[rows-1]) != "1048574" {
		t.Errorf("%d rows, the last is %s", len(got), got[len(got)-1])
	}
}
