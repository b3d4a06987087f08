package format_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/compress"
	"outturn/internal/format"
	"outturn/internal/format/formattest"
)

// A bookReader is a Python process that reads workbooks; see testdata/read_xlsx.py.
type bookReader struct {
	*formattest.Python
	path string
}

type bookSheet struct {
	Name   string
	Rows   [][]*bookCell
	Frozen string
	Filter string
	Widths int
}

// A bookCell is a cell as it stands in the file.
type bookCell struct {
	Type   string `json:"t"`
	Value  string `json:"v"`
	Format string `json:"f"`
	Bold   bool   `json:"b"`
}

func (c *bookCell) isText() bool { return c.Type == "str" || c.Type == "inlineStr" }

func startBookReader(t testing.TB) *bookReader {
	t.Helper()
	return &bookReader{formattest.StartPythonWith(t, "openpyxl", "testdata/read_xlsx.py"), filepath.Join(t.TempDir(), "book.xlsx")}
}

func (r *bookReader) read(t interface{ Fatalf(string, ...any) }, file []byte) []bookSheet {
	if err := os.WriteFile(r.path, file, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	var answer struct {
		Sheets []bookSheet
		Error  string
	}
	r.Ask(t, map[string]string{"path": r.path}, &answer)
	if answer.Error != "" {
		t.Fatalf("Python cannot read it: %s", answer.Error)
	}
	return answer.Sheets
}

// TestXLSXCells writes a value of each kind and looks at the cell that it became.
func TestXLSXCells(t *testing.T) {
	long := strings.Repeat("x", 32_767)
	at := func(text string) int64 {
		instant, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return instant.UnixMicro()
	}
	day := func(text string) int64 { return at(text+"T00:00:00Z") / 86400_000_000 }
	decimal := func(digits string) cell {
		unscaled, ok := new(big.Int).SetString(strings.ReplaceAll(digits, ".", ""), 10)
		if !ok {
			t.Fatal(digits)
		}
		return cell{unscaled: unscaled}
	}
	text, number := "text", "n"
	tests := []struct {
		name        string
		column      batch.Column
		cell        cell
		kind, value string // of the cell; no kind: there is none
		format      string
		asText, cut bool
	}{
		{"Null", batch.Column{Type: outturn.Text}, cell{null: true}, "", "", "", false, false},
		{"Text", batch.Column{Type: outturn.Text}, cell{text: "Anna"}, text, "Anna", "@", false, false},
		{"TextEmpty", batch.Column{Type: outturn.Text}, cell{}, text, "", "@", false, false},
		{"TextLeadingZeros", batch.Column{Type: outturn.Text}, cell{text: "00042"}, text, "00042", "@", false, false},
		{"TextLongID", batch.Column{Type: outturn.Text}, cell{text: "12345678901234567890"}, text, "12345678901234567890", "@", false, false},
		{"TextMarkup", batch.Column{Type: outturn.Text}, cell{text: `<a href="x">&amp;</a> ]]>`}, text, `<a href="x">&amp;</a> ]]>`, "@", false, false},
		{"TextSpaces", batch.Column{Type: outturn.Text}, cell{text: "  a \n"}, text, "  a \n", "@", false, false},
		{"TextSpace", batch.Column{Type: outturn.Text}, cell{text: " "}, text, " ", "@", false, false},
		{"TextLines", batch.Column{Type: outturn.Text}, cell{text: "a\r\nb\rc\nd\te"}, text, "a\r\nb\rc\nd\te", "@", false, false},
		{"TextControls", batch.Column{Type: outturn.Text}, cell{text: controls}, text, controls, "@", false, false},
		{"TextEscapes", batch.Column{Type: outturn.Text}, cell{text: "_x0041_ _x005F_ x_x12_ _xZZZZ_ a_x000d_"}, text, "_x0041_ _x005F_ x_x12_ _xZZZZ_ a_x000d_", "@", false, false},
		{"TextNoncharacters", batch.Column{Type: outturn.Text}, cell{text: "\uFFFE\uFFFF\uFFFD，ＡＢ"}, text, "\uFFFE\uFFFF\uFFFD，ＡＢ", "@", false, false},
		{"TextEmoji", batch.Column{Type: outturn.Text}, cell{text: "日本語 🙂 é"}, text, "日本語 🙂 é", "@", false, false},
		{"TextFormula", batch.Column{Type: outturn.Text}, cell{text: "=1+1"}, text, "=1+1", "@", false, false},
		{"TextLongest", batch.Column{Type: outturn.Text}, cell{text: long}, text, long, "@", false, false},
		{"TextTooLong", batch.Column{Type: outturn.Text}, cell{text: long + "y"}, text, long, "@", false, true},
		{"TextTooLongAtPair", batch.Column{Type: outturn.Text}, cell{text: long[1:] + "🙂"}, text, long[1:], "@", false, true},
		{"TextLongestInBytes", batch.Column{Type: outturn.Text}, cell{text: strings.Repeat("é", 32_767)}, text, strings.Repeat("é", 32_767), "@", false, false},
		{"TextTooLongOfEscapes", batch.Column{Type: outturn.Text}, cell{text: strings.Repeat("&", 40_000)}, text, strings.Repeat("&", 32_767), "@", false, true},
		{"JSON", batch.Column{Type: outturn.JSON}, cell{text: `{"a":1}`}, text, `{"a":1}`, "@", false, false},
		{"Int", batch.Column{Type: outturn.Int}, cell{whole: -12}, number, "-12", "0", false, false},
		{"IntZero", batch.Column{Type: outturn.Int}, cell{}, number, "0", "0", false, false},
		{"Int15Digits", batch.Column{Type: outturn.Int}, cell{whole: 999_999_999_999_999}, number, "999999999999999", "0", false, false},
		{"Int16Digits", batch.Column{Type: outturn.Int}, cell{whole: 1_000_000_000_000_001}, text, "1000000000000001", "@", true, false},
		{"IntZeros", batch.Column{Type: outturn.Int}, cell{whole: 1_000_000_000_000_000_000}, number, "1000000000000000000", "0", false, false},
		{"IntLeast", batch.Column{Type: outturn.Int}, cell{whole: math.MinInt64}, text, "-9223372036854775808", "@", true, false},
		{"IntID", batch.Column{Type: outturn.Int, ID: true}, cell{whole: 1_000_003}, text, "1000003", "@", false, false},
		{"Decimal", batch.Column{Type: outturn.Decimal, Scale: 8}, decimal("22.50000000"), number, "22.5", "#,##0.00######", false, false},
		{"DecimalWhole", batch.Column{Type: outturn.Decimal, Scale: 8}, decimal("-100.00000000"), number, "-100", "#,##0.00######", false, false},
		{"DecimalSmall", batch.Column{Type: outturn.Decimal, Scale: 8}, decimal("0.00000001"), number, "0.00000001", "#,##0.00######", false, false},
		{"DecimalCents", batch.Column{Type: outturn.Decimal, Scale: 2}, decimal("1234.50"), number, "1234.5", "#,##0.00", false, false},
		{"DecimalNoScale", batch.Column{Type: outturn.Decimal}, decimal("1200"), number, "1200", "#,##0", false, false},
		{"Decimal15Digits", batch.Column{Type: outturn.Decimal, Scale: 8}, decimal("1234567.89012345"), number, "1234567.89012345", "#,##0.00######", false, false},
		{"Decimal16Digits", batch.Column{Type: outturn.Decimal, Scale: 8}, decimal("12345678.90123456"), text, "12345678.90123456", "@", true, false},
		{"DecimalZeros", batch.Column{Type: outturn.Decimal, Scale: 8}, decimal("12345678900.00000000"), number, "12345678900", "#,##0.00######", false, false},
		{"DecimalWide", batch.Column{Type: outturn.Decimal, Scale: 8}, decimal("99999999999999999999999999.99999999"), text, "99999999999999999999999999.99999999", "@", true, false},
		{"DecimalWideZeros", batch.Column{Type: outturn.Decimal, Scale: 2}, decimal("120000000000000000000000000.00"), number, "120000000000000000000000000", "#,##0.00", false, false},
		{"Float", batch.Column{Type: outturn.Float}, cell{float: -0.1}, number, "-0.1", "General", false, false},
		{"FloatHuge", batch.Column{Type: outturn.Float}, cell{float: 1e300}, number, "1e+300", "General", false, false},
		{"FloatNaN", batch.Column{Type: outturn.Float}, cell{float: math.NaN()}, text, "NaN", "@", true, false},
		{"True", batch.Column{Type: outturn.Bool}, cell{truth: true}, "b", "1", "General", false, false},
		{"False", batch.Column{Type: outturn.Bool}, cell{}, "b", "0", "General", false, false},
		{"Date", batch.Column{Type: outturn.Date}, cell{whole: day("2026-09-30")}, number, "46295", `yyyy\-mm\-dd`, false, false},
		{"DateFirst", batch.Column{Type: outturn.Date}, cell{whole: day("1900-03-01")}, number, "61", `yyyy\-mm\-dd`, false, false},
		{"DateBefore", batch.Column{Type: outturn.Date}, cell{whole: day("1900-02-28")}, text, "1900-02-28", "@", true, false},
		{"DateLast", batch.Column{Type: outturn.Date}, cell{whole: day("9999-12-31")}, number, "2958465", `yyyy\-mm\-dd`, false, false},
		{"TimeMidnight", batch.Column{Type: outturn.Time}, cell{whole: at("2026-09-29T22:00:00Z")}, number, "46295", `yyyy\-mm\-dd\ hh:mm:ss`, false, false},
		{"TimeNoon", batch.Column{Type: outturn.Time}, cell{whole: at("2026-09-30T10:00:00Z")}, number, "46295.5", `yyyy\-mm\-dd\ hh:mm:ss`, false, false},
		{"TimeCut", batch.Column{Type: outturn.Time}, cell{whole: at("2026-09-30T10:00:00.999999Z")}, number, "46295.5", `yyyy\-mm\-dd\ hh:mm:ss`, false, false},
		{"TimeMillis", batch.Column{Type: outturn.Time, Scale: 3}, cell{whole: at("2026-09-30T10:00:00.432Z")}, number, "46295.500005", `yyyy\-mm\-dd\ hh:mm:ss.000`, false, false},
		{"TimeMicros", batch.Column{Type: outturn.Time, Scale: 6}, cell{whole: at("2026-09-30T10:00:00.000001Z")}, number, "46295.5", `yyyy\-mm\-dd\ hh:mm:ss.000`, false, true},
		{"TimeMicrosWhole", batch.Column{Type: outturn.Time, Scale: 6}, cell{whole: at("2026-09-30T10:00:00.432Z")}, number, "46295.500005", `yyyy\-mm\-dd\ hh:mm:ss.000`, false, false},
		{"TimeEnd", batch.Column{Type: outturn.Time, Scale: 6}, cell{whole: at("2026-09-30T21:59:59.999999Z")}, number, "46295.999999988426", `yyyy\-mm\-dd\ hh:mm:ss.000`, false, true},
		{"TimeWinter", batch.Column{Type: outturn.Time}, cell{whole: at("2026-01-01T00:00:00Z")}, number, "46023.041666666667", `yyyy\-mm\-dd\ hh:mm:ss`, false, false},
		{"TimeBefore", batch.Column{Type: outturn.Time}, cell{whole: at("1899-12-31T00:00:00Z")}, text, "1899-12-31T01:00:00+01:00", "@", true, false},
		{"TimeEpoch", batch.Column{Type: outturn.Time}, cell{}, number, "25569.041666666667", `yyyy\-mm\-dd\ hh:mm:ss`, false, false},
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	data := table{rows: [][]cell{nil}}
	for _, tt := range tests {
		tt.column.Name = tt.name
		data.columns = append(data.columns, tt.column)
		data.rows[0] = append(data.rows[0], tt.cell)
	}
	file, notes := write(t, "xlsx", data, format.Options{Zone: berlin}, 1)
	sheet := startBookReader(t).read(t, file)[0]
	row := make([]*bookCell, len(tests)) // those at the end may be null
	copy(row, sheet.Rows[1])
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if header := sheet.Rows[0][i]; header.Value != tt.name || !header.Bold || !header.isText() {
				t.Errorf("the header is %+v", header)
			}
			got := row[i]
			switch {
			case tt.kind == "":
				if got != nil {
					t.Errorf("got %+v, want no cell", got)
				}
			case got == nil:
				t.Error("there is no cell")
			case got.isText() != (tt.kind == text) || !got.isText() && got.Type != tt.kind || got.Value != tt.value || got.Format != tt.format:
				t.Errorf("got %.99q of type %s in %s, want %.99q of type %s in %s", got.Value, got.Type, got.Format, tt.value, tt.kind, tt.format)
			}
			if asText, cut := notes.AsText[tt.name] == 1, notes.Cut[tt.name] == 1; asText != tt.asText || cut != tt.cut {
				t.Errorf("noted as text: %t, as cut: %t", asText, cut)
			}
		})
	}
	if sheet.Frozen != "A2" || sheet.Widths != len(tests) || !strings.HasSuffix(sheet.Filter, "2") {
		t.Errorf("frozen %q, %d widths, filter %q", sheet.Frozen, sheet.Widths, sheet.Filter)
	}
}

var controls = func() string {
	var b strings.Builder
	for c := range rune(0xa0) {
		b.WriteRune(c)
	}
	return b.String() + "\u2028\u2029\ue000\ufdd0"
}()

// Random tables read back as they were, number by number and digit by digit.
func TestXLSXReadsBack(t *testing.T) {
	reader := startBookReader(t)
	rapid.Check(t, func(t *rapid.T) {
		data, zone := tables.Draw(t, "table"), zones.Draw(t, "zone")
		file, _ := write(t, "xlsx", data, format.Options{Zone: zone, Workers: 2}, rapid.IntRange(1, 9).Draw(t, "size"))
		sheets := reader.read(t, file)
		if len(sheets) != 1 || len(sheets[0].Rows) != len(data.rows)+1 {
			t.Fatalf("%d sheets, %d rows of %d", len(sheets), len(sheets[0].Rows)-1, len(data.rows))
		}
		for r, row := range data.rows {
			got := make([]*bookCell, len(row)) // those at the end may be null
			copy(got, sheets[0].Rows[r+1])
			for c, x := range row {
				if fault := sheetFault(got[c], data.columns[c], x, zone); fault != "" {
					t.Fatalf("row %d, column %s: %s", r, data.columns[c].Name, fault)
				}
			}
		}
	})
}

// sheetFault says in what a cell of a sheet is not x.
func sheetFault(got *bookCell, c batch.Column, x cell, zone *time.Location) string {
	if x.null || got == nil {
		if x.null == (got == nil) {
			return ""
		}
		return fmt.Sprintf("got %+v, null is %t", got, x.null)
	}
	switch c.Type {
	case outturn.Text, outturn.JSON:
		units := utf16.Encode([]rune(x.text))
		if !got.isText() || got.Value != string(utf16.Decode(units[:min(len(units), 32_767)])) {
			return fmt.Sprintf("got %+v, want %q", got, x.text)
		}
		return ""
	case outturn.Float:
		if f, err := strconv.ParseFloat(got.Value, 64); err != nil || f != x.float && !math.IsNaN(x.float) {
			return fmt.Sprintf("got %+v, want %v", got, x.float)
		}
		return ""
	case outturn.Bool:
		if got.Type != "b" || (got.Value == "1") != x.truth {
			return fmt.Sprintf("got %+v, want %t", got, x.truth)
		}
		return ""
	}
	want := spelled(c, x, zone)
	if got.isText() {
		if got.Value != want {
			return fmt.Sprintf("got %q, want %q", got.Value, want)
		}
		return ""
	}
	serial, ok := new(big.Rat).SetString(got.Value)
	if !ok {
		return fmt.Sprintf("%q is no number", got.Value)
	}
	switch c.Type {
	case outturn.Date:
		serial.Sub(serial, big.NewRat(25569, 1))
		if serial.Cmp(big.NewRat(x.whole, 1)) != 0 {
			return fmt.Sprintf("got day %s, want %s", got.Value, want)
		}
	case outturn.Time:
		// What a spreadsheet holds is a double, and that must still tell the µs.
		double, _ := serial.Float64()
		exact := new(big.Rat).SetFloat64(double)
		exact.Sub(exact, big.NewRat(25569, 1)).Mul(exact, big.NewRat(86400e6, 1))
		rounded, _ := strconv.ParseInt(exact.FloatString(0), 10, 64)
		cut := int64(math.Pow10(6 - min(c.Scale, 3)))
		floor := x.whole - ((x.whole%cut)+cut)%cut
		_, offset := time.UnixMicro(floor).In(zone).Zone()
		// Up to the year 2079 a serial has five digits, and then six or seven.
		if off := rounded - floor - int64(offset)*1e6; off != 0 && (serial.Cmp(big.NewRat(65536, 1)) < 0 || max(off, -off) > 20) {
			return fmt.Sprintf("got instant %s (%d), want %s (%d)", got.Value, rounded, want, floor)
		}
	default:
		exact, _ := new(big.Rat).SetString(want)
		if serial.Cmp(exact) != 0 {
			return fmt.Sprintf("got %s, want %s", got.Value, want)
		}
		if digits := strings.Trim(strings.ReplaceAll(strings.TrimPrefix(got.Value, "-"), ".", ""), "0"); len(digits) > 15 {
			return fmt.Sprintf("the number %s has more than 15 digits", got.Value)
		}
	}
	return ""
}

// sheetsOf returns the names of a workbook's sheets and the number of rows in each,
// by a reader that keeps none of them.
func sheetsOf(t testing.TB, file []byte) (rows []int) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if !strings.HasPrefix(f.Name, "xl/worksheets/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		in := bufio.NewReaderSize(r, 1<<20)
		for {
			part, err := in.ReadSlice('>')
			if bytes.HasPrefix(part, []byte(`<row r="`)) {
				n++
				if !bytes.Equal(part, fmt.Appendf(nil, `<row r="%d">`, n)) {
					t.Fatalf("row %d is %s", n, part)
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rows = append(rows, n)
	}
	return rows
}

// A sheet has 1,048,576 rows, of which the header is one, and then the next begins
// with a header of its own (P03).
func TestXLSXSheets(t *testing.T) {
	columns := []batch.Column{{Name: "n", Type: outturn.Int}}
	const size = 4099
	for _, tt := range []struct {
		rows int
		want []int
	}{
		{0, []int{1}},
		{1_048_575, []int{1_048_576}},
		{1_048_576, []int{1_048_576, 2}},
		{2_500_000, []int{1_048_576, 1_048_576, 402_851}},
	} {
		var file bytes.Buffer
		w, err := format.New("xlsx", &file, format.Options{Columns: columns, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		for left := tt.rows; left > 0; left -= min(left, size) {
			b := new(batch.Batch) // those before may be under way
			b.Reset(columns)
			for i := range min(left, size) {
				b.AppendInt(0, int64(tt.rows-left+i))
			}
			b.SetRows(min(left, size))
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if summary, err := w.Close(); err != nil || summary.Rows != int64(tt.rows) {
			t.Fatalf("%d rows, %v", summary.Rows, err)
		}
		if got := sheetsOf(t, file.Bytes()); !slices.Equal(got, tt.want) {
			t.Errorf("%d rows are in sheets of %v, want %v", tt.rows, got, tt.want)
		}
	}
}

func TestXLSXColumns(t *testing.T) {
	data := table{rows: [][]cell{nil}}
	for i := range 16_384 {
		data.columns = append(data.columns, batch.Column{Name: fmt.Sprintf("c%d", i), Type: outturn.Int})
		data.rows[0] = append(data.rows[0], cell{whole: int64(i)})
	}
	file, _ := write(t, "xlsx", data, format.Options{}, 1)
	row := startBookReader(t).read(t, file)[0].Rows[1]
	if len(row) != 16_384 || row[16_383].Value != "16383" {
		t.Errorf("got %d columns", len(row))
	}
	more := slices.Concat(data.columns, []batch.Column{{Name: "more", Type: outturn.Int}})
	if err := format.Check("xlsx", format.Options{Columns: more}); outturn.ErrorCode(err) != outturn.CodeInvalid || !strings.Contains(err.Error(), "16,384") {
		t.Errorf("16,385 columns: got %v", err)
	}
}

// A header that is too long loses its end, as any text does, and is counted like one:
// once on every sheet.
func TestXLSXLongHeaders(t *testing.T) {
	long, whole := strings.Repeat("é", 32_768), strings.Repeat("é", 32_767)
	data := table{
		columns: []batch.Column{{Name: long, Type: outturn.Text}, {Name: whole, Type: outturn.Int}, {Name: "n", Header: long + "!", Type: outturn.Int}},
		rows:    [][]cell{{{text: strings.Repeat("a", 32_768)}, {whole: 1}, {whole: 2}}},
	}
	var told outturn.Notes
	info := func(s format.Summary) []format.InfoLine { told = s.Notes; return nil }
	file, notes := write(t, "xlsx", data, format.Options{Info: info}, 1)
	header := startBookReader(t).read(t, file)[0].Rows[0]
	if header[0].Value != whole || header[1].Value != whole || header[2].Value != whole {
		t.Error("the headers are not the first 32,767 characters of the names")
	}
	if want := (map[string]int64{long: 2, "n": 1}); !maps.Equal(notes.Cut, want) || !maps.Equal(told.Cut, want) {
		t.Errorf("%d and %d columns are noted as cut, want 2", len(notes.Cut), len(told.Cut))
	}
}

func TestXLSXLevels(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "n", Type: outturn.Int}, {Name: "s", Type: outturn.Text}}}
	for i := range 20_000 {
		data.rows = append(data.rows, []cell{{whole: int64(i)}, {text: fmt.Sprint("user", i*7919%10007, "@example.com")}})
	}
	fast, _ := write(t, "xlsx", data, format.Options{}, 1000)
	small, _ := write(t, "xlsx", data, format.Options{Level: compress.Small}, 1000)
	if len(small) >= len(fast) {
		t.Errorf("small is %d bytes, fast %d", len(small), len(fast))
	}
	for _, workers := range []int{1, 3} {
		if again, _ := write(t, "xlsx", data, format.Options{Workers: workers}, 1000); !bytes.Equal(again, fast) {
			t.Errorf("%d workers write another file", workers)
		}
	}
}

// What a workbook tells about itself stands on its last sheet.
func TestXLSXInfo(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "n", Type: outturn.Int}}, rows: [][]cell{{{whole: 7}}}}
	info := func(s format.Summary) []format.InfoLine {
		return []format.InfoLine{
			{Label: "Rows", Value: fmt.Sprint(s.Rows), Number: true},
			{Label: "Total", Value: "-12.50000000", Unit: "EUR", Number: true},
			{Label: "Total", Value: "12345678.90123456", Unit: "USD", Number: true},
			{Label: "Filter", Value: "=A1 <&>"},
		}
	}
	file, _ := write(t, "xlsx", data, format.Options{Info: info}, 1)
	sheets := startBookReader(t).read(t, file)
	if len(sheets) != 2 || sheets[0].Name != "Data" || sheets[1].Name != "Info" {
		t.Fatalf("got %+v", sheets)
	}
	var got []string
	for _, row := range sheets[1].Rows {
		line := ""
		for _, c := range row {
			line += c.Value
			if !c.isText() {
				line += "#"
			}
			line += "|"
		}
		got = append(got, line)
	}
	want := []string{"Rows|1#|", "Total|-12.5#|EUR|", "Total|12345678.90123456|USD|", "Filter|=A1 <&>|"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A file that is cut or fails leaves nothing that opens: the list of contents comes
// last. By its first bytes programs know what it is.
func TestXLSXIsAnArchive(t *testing.T) {
	data := table{columns: []batch.Column{{Name: "n", Type: outturn.Int}}, rows: [][]cell{{{whole: 7}}}}
	file, _ := write(t, "xlsx", data, format.Options{}, 1)
	if !bytes.HasPrefix(file, []byte("PK\x03\x04")) || !bytes.Contains(file[:60], []byte("_rels/.rels")) {
		t.Errorf("it begins with %q", file[:60])
	}
	for n := range len(file) {
		if _, err := zip.NewReader(bytes.NewReader(file[:n]), int64(n)); err == nil {
			t.Fatalf("%d of %d bytes are an archive", n, len(file))
		}
	}
	var names []string
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if out, err := json.Marshal(names); err != nil || !strings.Contains(string(out), "xl/worksheets/sheet1.xml") {
		t.Errorf("got %s", out)
	}
}
