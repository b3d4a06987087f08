package xlsx

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestParts(t *testing.T) {
	const head = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	tests := []struct{ name, got, want string }{
		{"SheetViews", string(appendSheetViews(nil, Layout{})), `<sheetViews><sheetView workbookViewId="0"></sheetView></sheetViews>`},
		{"SheetViewsFrozen", string(appendSheetViews(nil, Layout{Frozen: true, Selected: true})),
			`<sheetViews><sheetView tabSelected="1" workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>` +
				`<selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView></sheetViews>`},
		{"Cols", string(appendCols(nil, []float64{8, 12.5})), `<cols><col min="1" max="1" width="8" customWidth="1"/><col min="2" max="2" width="12.5" customWidth="1"/></cols>`},
		{"ColsNone", string(appendCols(nil, nil)), ``},
		{"AutoFilter", string(appendAutoFilter(nil, 28, 100)), `<autoFilter ref="A1:AB100"/>`},
		{"AutoFilterNone", string(appendAutoFilter(nil, 0, 100)), ``},
		// The order is the schema's (CT_Worksheet).
		{"Head", string(AppendHead(nil, Layout{Widths: []float64{9}})), head + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` +
			`<sheetViews><sheetView workbookViewId="0"></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/>` +
			`<cols><col min="1" max="1" width="9" customWidth="1"/></cols><sheetData>`},
		{"Tail", string(AppendTail(nil, Layout{}, 1, 2)), `</sheetData><autoFilter ref="A1:A2"/>` +
			`<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.5" header="0.3" footer="0.3"/><pageSetup orientation="landscape"/></worksheet>`},
		{"SheetProperties", string(appendSheetProperties(nil, 2)), `<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>`},
		{"SheetPropertiesNone", string(appendSheetProperties(nil, 0)), ``},
		{"PageSetup", string(appendPageSetup(nil, 2)), `<pageSetup fitToWidth="2" fitToHeight="0" orientation="landscape"/>`},
		{"PageSetupPlain", string(appendPageSetup(nil, 0)), `<pageSetup orientation="landscape"/>`},
		{"NumberCell", string(AppendNumberCell(nil, 26, 7, 3, "-1.5")), `<c r="AA7" s="3"><v>-1.5</v></c>`},
		{"SheetList", sheetList([]sheet{{name: `a & "b"`}, {name: "Info"}}), `<sheets><sheet name="a &amp; &quot;b&quot;" sheetId="1" r:id="rId1"/><sheet name="Info" sheetId="2" r:id="rId2"/></sheets>`},
		{"DefinedNames", definedNames([]sheet{{name: "O'Brien", filtered: "$A$1:$B$3"}, {name: "Info"}}),
			`<definedNames><definedName name="_xlnm._FilterDatabase" localSheetId="0" hidden="1">'O''Brien'!$A$1:$B$3</definedName>` +
				`<definedName name="_xlnm.Print_Titles" localSheetId="0">'O''Brien'!$1:$1</definedName></definedNames>`},
		{"DefinedNamesNone", definedNames([]sheet{{name: "Info"}}), ``},
		{"Relations", workbookRelations(1), head + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
		{"CellFormat", cellFormat(Style{}, 164), `<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>`},
		{"CellFormatRight", cellFormat(Style{Header: true, Right: true}, 49), `<xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1" applyAlignment="1"><alignment horizontal="right"/></xf>`},
		{"CellFormatHeader", cellFormat(Style{Header: true}, 49), `<xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1"/>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got  %s\nwant %s", tt.got, tt.want)
			}
		})
	}
	text, cut := AppendTextCell(nil, 0, 1, 2, "a<b")
	if want := `<c r="A1" s="2" t="inlineStr"><is><t xml:space="preserve">a&lt;b</t></is></c>`; string(text) != want || cut {
		t.Errorf("got %s", text)
	}
}

func TestStyles(t *testing.T) {
	var b Workbook
	for i, s := range []Style{{Format: "@"}, {Format: "0.00##"}, {Format: "0.00##", Header: true}, {Format: "0"}} {
		for range 2 {
			if got := b.Style(s); got != i+1 {
				t.Errorf("%+v is style %d, want %d", s, got, i+1)
			}
		}
	}
	part := b.styles.part()
	for _, want := range []string{
		`<numFmts count="1"><numFmt numFmtId="164" formatCode="0.00##"/></numFmts><fonts count="2">`,
		`<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" `,
		`<xf numFmtId="164" fontId="0"`, `<xf numFmtId="164" fontId="1"`, `<xf numFmtId="1" `,
	} {
		if !strings.Contains(part, want) {
			t.Errorf("no %s in %s", want, part)
		}
	}
}

func TestColumnName(t *testing.T) {
	for column, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA", MaxColumns - 1: "XFD"} {
		if got := ColumnName(column); got != want {
			t.Errorf("column %d is %s, want %s", column, got, want)
		}
	}
}

func TestSerial(t *testing.T) {
	const day = 24 * 60 * 60 * 1_000_000
	for _, tt := range []struct {
		day, micros int64
		want        string
	}{
		{0, 0, "25569"}, {FirstDay, 0, "61"}, {LastDay, 0, "2958465"},
		{0, day / 2, "25569.5"}, {0, day / 8, "25569.125"}, {0, 1, "25569.000000000012"}, {0, 43_200, "25569.0000005"}, {0, day - 1, "25569.999999999988"},
	} {
		if got := string(AppendSerial(nil, tt.day, tt.micros)); got != tt.want {
			t.Errorf("day %d and %d µs is %s, want %s", tt.day, tt.micros, got, tt.want)
		}
	}
}

func TestSheetName(t *testing.T) {
	long := strings.Repeat("n", 40)
	none := func(string) bool { return false }
	for want, name := range map[string]string{
		"Data": "Data", "a_b_c_d_e_f_g": "a[b]c:d*e?f/g", "x_y": `x\y`, "Sheet": "", "O'Brien": "'O'Brien'", long[:31]: long,
		"tab_lf_": "tab\tlf\n", strings.Repeat("🙂", 15): strings.Repeat("🙂", 20), "\uFFFD": "\xff", "a_b": "a\uFFFFb",
	} {
		if got := SheetName(name, none); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"history": "Sheet", "''": "Sheet", " ": "Sheet", "History ": "Sheet"} {
		if got := SheetName(name, none); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	var b Workbook
	for _, tt := range [][2]string{{"Data", "Data"}, {"DATA", "DATA 2"}, {"data", "data 3"}, {"", "Sheet"}, {"", "Sheet 2"}, {long, long[:31]}, {long, long[:29] + " 2"}} {
		got := SheetName(tt[0], b.hasSheet)
		if got != tt[1] {
			t.Errorf("%q is %q, want %q", tt[0], got, tt[1])
		}
		b.sheets = append(b.sheets, sheet{name: got})
	}
}

// fault says what Excel would not accept of a sheet's name.
func fault(name string) string {
	units := utf16.Encode([]rune(name))
	switch {
	case len(units) == 0 || len(units) > 31:
		return fmt.Sprintf("%d characters", len(units))
	case strings.ContainsAny(name, "[]:*?/\\\x00\n\r\t"):
		return "forbidden characters"
	case strings.HasPrefix(name, "'") || strings.HasSuffix(name, "'"):
		return "an apostrophe at an end"
	case strings.EqualFold(name, "History"):
		return "reserved"
	case !utf8.ValidString(name):
		return "no UTF-8"
	}
	return ""
}

func FuzzSheetName(f *testing.F) {
	for _, seed := range []string{"", "Data", "'", "a[b]:*?/\\", "History", strings.Repeat("🙂", 31), "\xed\xa0\x80", "''''''''''''''''''''''''''''''''' x", "\u202eevil", "&<>\"'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, want string) {
		var b Workbook
		for range 3 {
			name := SheetName(want, b.hasSheet)
			if f := fault(name); f != "" || b.hasSheet(name) {
				t.Fatalf("%q became %q: %s", want, name, f)
			}
			b.sheets = append(b.sheets, sheet{name: name})
		}
		if err := xml.Unmarshal([]byte(sheetList(b.sheets)+definedNames(b.sheets)), new(struct{})); err != nil && !strings.Contains(err.Error(), "r:id") {
			t.Fatalf("%q: %v", want, err)
		}
	})
}

// FuzzText takes back what AppendText did, by an XML parser and the rule of the
// standard.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "plain", "a&b<c>d", "\x00\x01\x1f\x7f", "_x0041_", "_x005F_x0041_", "__x0041_", "_x00", "a\r\nb", "\uFFFE\uFFFF\uFFFD", "🙂 日本"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "\uFFFD")
		out, cut := AppendText(nil, []byte(text))
		if cut {
			t.Skip()
		}
		var read struct {
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal(append(append([]byte("<t>"), out...), "</t>"...), &read); err != nil {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
		if got := unescape(read.Text); got != text {
			t.Fatalf("%q became %q and reads %q", text, out, got)
		}
	})
}

func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		var code int
		if n, _ := fmt.Sscanf(text[i:min(i+7, len(text))], "_x%04X_", &code); n == 1 && i+7 <= len(text) && text[i+6] == '_' && !strings.ContainsAny(text[i+2:i+6], " +-_") {
			b.WriteRune(rune(code))
			i += 6
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

var errFull = errors.New("no room left")

type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func deflater(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 1) }

// Whatever byte is the last that finds room, Close says so.
func TestWorkbookFailsOnce(t *testing.T) {
	write := func(w io.Writer) error {
		b := New(w, deflater)
		if s, err := b.Sheet("a/b"); err == nil {
			_, _ = s.Write(AppendTail(AppendHead(nil, Layout{}), Layout{}, 0, 0)) // Close tells
		}
		return b.Close()
	}
	var whole bytes.Buffer
	if err := write(&whole); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < whole.Len(); n += 1 + n%37 {
		if err := write(&limited{n}); !errors.Is(err, errFull) {
			t.Fatalf("room for %d of %d bytes: got %v", n, whole.Len(), err)
		}
	}
	z, err := zip.NewReader(bytes.NewReader(whole.Bytes()), int64(whole.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(r)
		for err == nil {
			_, err = d.Token()
		}
		if err != io.EOF {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
