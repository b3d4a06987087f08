package xlsx

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// maxName is how long the name of a sheet may be, in UTF-16 code units.
const maxName = 31

// SheetName returns the nearest name to the wanted one that Excel accepts: at most
// 31 UTF-16 code units, none of []:*?/\ and no control characters, no apostrophe at
// either end, not empty, not History, and not taken. Names that differ by case
// alone are the same.
func SheetName(want string, taken func(name string) bool) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`[]:*?/\`, r) || r == 0xfffe || r == 0xffff {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(want, "\uFFFD"))
	name := trimName(clean, maxName)
	if name == "" || strings.EqualFold(name, "History") {
		clean, name = "Sheet", "Sheet"
	}
	for n := 2; taken(name); n++ {
		suffix := fmt.Sprintf(" %d", n)
		name = trimName(clean, maxName-len(suffix)) + suffix
	}
	return name
}

// trimName cuts a name to so many UTF-16 code units and takes away what may not
// stand at its ends.
func trimName(name string, most int) string {
	units := 0
	for i, r := range name {
		if units += utf16.RuneLen(r); units > most {
			name = name[:i]
			break
		}
	}
	return strings.Trim(name, "' ")
}

func sameName(a, b string) bool { return strings.EqualFold(a, b) }

// ColumnName returns the letters of a column, from 0: A, B, … Z, AA, … XFD.
func ColumnName(column int) string {
	var letters []byte
	for n := column + 1; n > 0; n = (n - 1) / 26 {
		letters = append([]byte{byte('A' + (n-1)%26)}, letters...)
	}
	return string(letters)
}
