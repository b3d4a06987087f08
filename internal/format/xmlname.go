package format

import (
	"fmt"
	"strings"
	"unicode"
)

// elementName returns the name of a column's element. A column's name stays as it
// is where every XML parser takes it; else what cannot stand becomes _xHHHH_, its
// code point in hexadecimal.
func elementName(column string) string {
	if column == "" {
		return "_"
	}
	var name strings.Builder
	reserved := len(column) >= 3 && strings.EqualFold(column[:3], "xml")
	for i, c := range column {
		switch {
		case c > 0xffff:
			fmt.Fprintf(&name, "_x%06X_", c)
		case i == 0 && (reserved || !beginsName(c)), !continuesName(c):
			fmt.Fprintf(&name, "_x%04X_", c)
		default:
			name.WriteRune(c)
		}
	}
	return name.String()
}

func beginsName(c rune) bool { return c == '_' || unicode.Is(nameLetters, c) }

func continuesName(c rune) bool { return beginsName(c) || unicode.Is(nameOthers, c) }

// nameLetters are the letters of widely used alphabets that all editions of XML
// 1.0 let a name begin with. The fifth edition has many more, but parsers that
// follow an earlier one, Python's among them, refuse the whole file for them. The
// colon is left out because it parts prefix and name.
var nameLetters = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 'A', Hi: 'Z', Stride: 1}, {Lo: 'a', Hi: 'z', Stride: 1},
	{Lo: 0x00c0, Hi: 0x00d6, Stride: 1}, {Lo: 0x00d8, Hi: 0x00f6, Stride: 1}, {Lo: 0x00f8, Hi: 0x0131, Stride: 1}, // Latin
	{Lo: 0x0134, Hi: 0x013e, Stride: 1}, {Lo: 0x0141, Hi: 0x0148, Stride: 1}, {Lo: 0x014a, Hi: 0x017e, Stride: 1},
	{Lo: 0x0180, Hi: 0x01c3, Stride: 1}, {Lo: 0x01cd, Hi: 0x01f0, Stride: 1},
	{Lo: 0x0388, Hi: 0x038a, Stride: 1}, {Lo: 0x038e, Hi: 0x03a1, Stride: 1}, {Lo: 0x03a3, Hi: 0x03ce, Stride: 1}, // Greek
	{Lo: 0x0401, Hi: 0x040c, Stride: 1}, {Lo: 0x040e, Hi: 0x044f, Stride: 1}, {Lo: 0x0451, Hi: 0x045c, Stride: 1}, // Cyrillic
	{Lo: 0x045e, Hi: 0x0481, Stride: 1}, {Lo: 0x0490, Hi: 0x04c4, Stride: 1},
	{Lo: 0x05d0, Hi: 0x05ea, Stride: 1},                                      // Hebrew
	{Lo: 0x0621, Hi: 0x063a, Stride: 1}, {Lo: 0x0641, Hi: 0x064a, Stride: 1}, // Arabic
	{Lo: 0x1e00, Hi: 0x1e9b, Stride: 1}, {Lo: 0x1ea0, Hi: 0x1ef9, Stride: 1}, // Latin, for Vietnamese
	{Lo: 0x3041, Hi: 0x3094, Stride: 1}, {Lo: 0x30a1, Hi: 0x30fa, Stride: 1}, // kana
	{Lo: 0x4e00, Hi: 0x9fa5, Stride: 1}, // ideographs
	{Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, // Hangul
}, LatinOffset: 4}

// nameOthers may follow in a name.
var nameOthers = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: '-', Hi: '.', Stride: 1}, {Lo: '0', Hi: '9', Stride: 1}, {Lo: 0x00b7, Hi: 0x00b7, Stride: 1},
	{Lo: 0x0300, Hi: 0x0345, Stride: 1}, // accents that follow their letter
	{Lo: 0x30fc, Hi: 0x30fe, Stride: 1}, // the mark of a long vowel in kana
}, LatinOffset: 3}
