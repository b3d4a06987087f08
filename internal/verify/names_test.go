package verify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// An element has the name of its column, or what docs/formats.md makes of it.
func TestElementNames(t *testing.T) {
	for _, tt := range []struct{ column, element string }{
		{"net total", "net_x0020_total"},
		{"XML_ID", "_x0058_ML_ID"},
		{"2024", "_x0032_024"},
		{"ns:a", "ns_x003A_a"},
		{"a_x0020_b c", "a_x0020_b_x0020_c"},
		{"a_x0020_b", "a_x0020_b"},
		{"_x", "_x"},
		{"_x ", "_x_x0020_"},
		{"é€😀", "é_x20AC__x01F600_"},
		{"", "_"},
		{strings.Repeat(" ", 40_000), strings.Repeat("_x0020_", 40_000)},
	} {
		t.Run(tt.element[:min(len(tt.element), 20)], func(t *testing.T) {
			s := sample{"p.xml", "xml", "", bytes.ReplaceAll([]byte(sampleXML), []byte("TOTAL>"), []byte(tt.element+">"))}
			m := s.manifest(s.data)
			m.Columns = []string{"ID", "NAME", tt.column, "CUR"}
			m.Totals, m.Currencies = map[string]map[string]string{tt.column: sampleTotals["TOTAL"]}, map[string]string{tt.column: "CUR"}
			wantSound(t, checkFile(t, s.name, s.data, Options{Manifest: m}))
		})
	}
}

// What spells no column is none, and a row has a column once, however it is spelled.
func TestWrongElementNames(t *testing.T) {
	const none = "which is no column"
	for _, tt := range []struct{ row, want string }{
		{"<net_x0021_total/>", `Row 1 has an element "net_x0021_total", ` + none},
		{"<net_x020_total/>", none},
		{"<net_x00020_total/>", none},
		{"<net_x000020_total/>", none}, // six digits are for what four cannot say
		{"<net_x0020_totals/>", none},
		{"<net_x0020_tota/>", none},
		{"<net_x0020/>", none},
		{"<net_x0020_total/><_x006E_et_x0020_total/>", "Row 1 has net total twice."},
	} {
		t.Run(tt.row, func(t *testing.T) {
			s := sample{"p.xml", "xml", "", []byte("<report><record>" + tt.row + "</record></report>")}
			m := s.manifest(s.data)
			m.Columns, m.Totals, m.Files[0].Rows = []string{"net total"}, nil, 1
			wantFault(t, checkFile(t, s.name, s.data, Options{Manifest: m}), tt.want)
		})
	}
}

// longNames are names of many bytes, and what a workbook keeps of them: 32,767
// UTF-16 code units, and no half of a character.
var longNames = []struct{ name, kept string }{
	{strings.Repeat("a", maxCell+1), strings.Repeat("a", maxCell+1)},
	{strings.Repeat("a", 32_767), strings.Repeat("a", 32_767)},
	{strings.Repeat("€", 32_767), strings.Repeat("€", 32_767)},
	{strings.Repeat("a", 40_000), strings.Repeat("a", 32_767)},
	{strings.Repeat("😀", 16_384), strings.Repeat("😀", 16_383)},
}

// A column is known by all of its name, however long it is.
func TestLongNames(t *testing.T) {
	for i, tt := range longNames {
		for _, s := range samples() {
			t.Run(fmt.Sprint(s.name, i), func(t *testing.T) {
				check := func(name, inFile string) *Report {
					s := s
					switch {
					case s.format == "xlsx":
						s.data = zipped(headed(inFile))
					case s.dialect == "utf16":
						s.data = inUTF16("\uFEFF" + strings.ReplaceAll(sampleTSV, "TOTAL", inFile))
					case s.format == "xml":
						inFile = strings.NewReplacer("€", "_x20AC_", "😀", "_x01F600_").Replace(inFile)
						fallthrough
					default:
						s.data = bytes.ReplaceAll(s.data, []byte("TOTAL"), []byte(inFile))
					}
					m := s.manifest(s.data)
					m.Columns = []string{"ID", "NAME", name, "CUR"}
					m.Totals, m.Currencies = map[string]map[string]string{name: sampleTotals["TOTAL"]}, map[string]string{name: "CUR"}
					return checkFile(t, s.name, s.data, Options{Manifest: m})
				}
				inFile := tt.name
				if s.format == "xlsx" {
					inFile = tt.kept
				}
				wantSound(t, check(tt.name, inFile))
				for _, other := range []string{tt.kept[4:], tt.name + "b", "b" + inFile[1:]} {
					if s.format == "xlsx" && i > 0 && other == tt.name+"b" {
						continue // it would be cut to the same
					}
					if check(other, inFile).Sound() {
						t.Errorf("a column of the name %s of %d bytes is taken for one of %d", shown([]byte(inFile)), len(inFile), len(other))
					}
				}
			})
		}
	}
}

// headed are the sample's parts with another name for the amount.
func headed(name string) map[string]string {
	parts := sampleParts()
	for part, text := range parts {
		parts[part] = strings.ReplaceAll(text, "TOTAL", name)
	}
	return parts
}

// Another program has the names among the shared texts.
func TestLongNamesAreShared(t *testing.T) {
	s := xlsxSample()
	for _, tt := range longNames {
		parts := headed(tt.kept)
		for part, text := range parts {
			parts[part] = strings.ReplaceAll(text, `<c r="C1" s="1" t="inlineStr"><is><t xml:space="preserve">`+tt.kept+`</t></is></c>`, `<c r="C1" t="s"><v>0</v></c>`)
		}
		parts["xl/shared.xml"] = `<sst><si><t>` + tt.kept + `</t></si></sst>`
		parts["xl/_rels/workbook.xml.rels"] = strings.Replace(parts["xl/_rels/workbook.xml.rels"], "</Relationships>", `<Relationship Id="rId5" Type="/sharedStrings" Target="shared.xml"/></Relationships>`, 1)
		data := zipped(parts)
		m := s.manifest(data)
		m.Columns = []string{"ID", "NAME", tt.name, "CUR"}
		m.Totals, m.Currencies = map[string]map[string]string{tt.name: sampleTotals["TOTAL"]}, map[string]string{tt.name: "CUR"}
		wantSound(t, checkFile(t, s.name, data, Options{Manifest: m}))
	}
}

// All names of a file together have a bound, one alone too, where no manifest says which there are.
func TestNamesAreBounded(t *testing.T) {
	var json, xml strings.Builder
	name := strings.Repeat("a", 40_000)
	for i := range 30 {
		fmt.Fprintf(&json, `,"%s%d":1`, name, i)
		fmt.Fprintf(&xml, "<%s%d/>", name, i)
	}
	wantFault(t, checkFile(t, "p.json", []byte(`[{"`+strings.Repeat("a", maxHeader+1)+`":1}]`), Options{}), "1,048,576 bytes")
	for _, tt := range []struct{ file, text string }{
		{"p.json", `[{` + json.String()[1:] + `}]`},
		{"p.ndjson", `{` + json.String()[1:] + "}\n"},
		{"p.xml", "<report><record>" + xml.String() + "</record></report>"},
	} {
		wantFault(t, checkFile(t, tt.file, []byte(tt.text), Options{}), "1,048,576 bytes")
		part := tt.text[:len(tt.text)/2]
		part = part[:strings.LastIndexAny(part, ",<")] + map[string]string{"p.json": "}]", "p.ndjson": "}\n", "p.xml": "</record></report>"}[tt.file]
		wantSound(t, checkFile(t, tt.file, []byte(part), Options{}))
	}
}
