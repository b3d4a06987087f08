package format

import (
	"unicode"
	"unicode/utf8"
)

// The formula guard: a spreadsheet that opens a CSV file runs a cell as a formula
// when its first character, after spaces, asks for it, and a formula can send the
// sheet's other cells anywhere. An apostrophe in front makes the cell text. Only
// text is guarded, by its column's type: -5 in a column of numbers is a number.

// mayBegin is true for the first bytes of texts that mayRun has to look at.
var mayBegin = func() (first [256]bool) {
	for c := range utf8.RuneSelf {
		first[c] = c <= ' ' || c == 0x7f || runs(rune(c))
	}
	for c := utf8.RuneSelf; c < len(first); c++ {
		switch c {
		case 0xc2, 0xe1, 0xe2, 0xe3, 0xef: // spaces and invisible characters, full-width forms
			first[c] = true
		}
	}
	return first
}()

// mayRun reports whether a spreadsheet may take text for a formula, or leading
// control characters for the start of one.
func mayRun(text []byte) bool {
	return len(text) > 0 && mayBegin[text[0]] && mayRunAfterSpaces(text)
}

func mayRunAfterSpaces(text []byte) bool {
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		switch {
		case runs(c) || c == '\t' || c == '\r' || c == '\n' || c == 0:
			return true
		case !unicode.IsSpace(c) && !unicode.In(c, unicode.Cc, unicode.Cf):
			return false
		}
		text = text[size:]
	}
	return false
}

func runs(c rune) bool {
	switch c {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹢', '﹣', '﹦', '﹫', '−':
		return true
	}
	return false
}

// putGuarded puts text behind an apostrophe.
func (e *csv) putGuarded(buf []byte, n int, text []byte) ([]byte, int) {
	guarded := append([]byte{'\''}, text...)
	plain := *e
	plain.guard = false
	buf, n, _ = plain.putText(buf, n, guarded, 0, len(guarded))
	return buf, n
}
