package verify

import (
	"bytes"
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
