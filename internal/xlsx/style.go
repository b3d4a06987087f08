package xlsx

import (
	"fmt"
	"strings"
)

// A Style is how cells look.
type Style struct {
	// Format is a number format, such as 0.00 or yyyy\-mm\-dd; @ is text, which
	// stays text when somebody edits the cell. Empty is General.
	Format string
	Header bool // bold, on a shade
	Right  bool // to the right, as numbers are by themselves
}

// builtinFormats are the formats that have a number of their own.
var builtinFormats = map[string]int{"": 0, "0": 1, "@": 49}

// firstFormat is the number of the first format that a workbook declares.
const firstFormat = 164

type styles struct {
	formats []string // declared ones, from firstFormat
	list    []Style  // from 1; 0 is the default of cells that name none
}

// Style returns the number by which cells name a style.
func (b *Workbook) Style(s Style) int {
	for i, known := range b.styles.list {
		if known == s {
			return i + 1
		}
	}
	b.styles.list = append(b.styles.list, s)
	return len(b.styles.list)
}

// formatID returns the number of a number format.
func (s *styles) formatID(format string) int {
	if id, ok := builtinFormats[format]; ok {
		return id
	}
	for i, known := range s.formats {
		if known == format {
			return firstFormat + i
		}
	}
	s.formats = append(s.formats, format)
	return firstFormat + len(s.formats) - 1
}

// part returns xl/styles.xml.
func (s *styles) part() string {
	cells := s.cellFormats() // first: it numbers the formats
	return declaration + `<styleSheet xmlns="` + spreadsheet + `">` +
		s.numberFormats() + fonts + fills + borders + styleFormats + cells + cellStyles + `</styleSheet>`
}

func (s *styles) numberFormats() string {
	if len(s.formats) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<numFmts count="%d">`, len(s.formats))
	for i, format := range s.formats {
		fmt.Fprintf(&b, `<numFmt numFmtId="%d" formatCode="%s"/>`, firstFormat+i, attribute(format))
	}
	b.WriteString(`</numFmts>`)
	return b.String()
}

const (
	fonts = `<fonts count="2">` +
		`<font><sz val="11"/><name val="Calibri"/><family val="2"/></font>` +
		`<font><b/><sz val="11"/><name val="Calibri"/><family val="2"/></font>` +
		`</fonts>`
	// The first two are fixed by Excel.
	fills = `<fills count="3">` +
		`<fill><patternFill patternType="none"/></fill>` +
		`<fill><patternFill patternType="gray125"/></fill>` +
		`<fill><patternFill patternType="solid"><fgColor rgb="FFE7EBEF"/><bgColor indexed="64"/></patternFill></fill>` +
		`</fills>`
	borders      = `<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>`
	styleFormats = `<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>`
	cellStyles   = `<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>`
)

func (s *styles) cellFormats() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<cellXfs count="%d"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>`, len(s.list)+1)
	for _, style := range s.list {
		b.WriteString(cellFormat(style, s.formatID(style.Format)))
	}
	b.WriteString(`</cellXfs>`)
	return b.String()
}

func cellFormat(s Style, format int) string {
	look, font := ``, 0
	if s.Header {
		look, font = ` applyFont="1" applyFill="1"`, 1
	}
	end := `/>`
	if s.Right {
		end = ` applyAlignment="1"><alignment horizontal="right"/></xf>`
	}
	return fmt.Sprintf(`<xf numFmtId="%d" fontId="%d" fillId="%d" borderId="0" xfId="0" applyNumberFormat="1"%s%s`, format, font, 2*font, look, end)
}
