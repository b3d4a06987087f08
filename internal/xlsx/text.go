package xlsx

import (
	"unicode/utf16"
	"unicode/utf8"
)

// AppendText appends text as the content of a cell's t element. Characters that
// XML cannot carry, or that its readers change, are spelled _xHHHH_ as ST_Xstring
// wants it (ECMA-376 part 1, 22.9.2.19), and so is an underscore that would
// otherwise begin such a spelling. Text beyond MaxText is cut, never within a
// character.
func AppendText(dst, text []byte) (_ []byte, cut bool) {
	text, cut = limit(text)
	done := 0
	for i := 0; i < len(text); {
		escape, size := escapeAt(text[i:])
		if escape != "" {
			dst = append(append(dst, text[done:i]...), escape...)
			done = i + size
		}
		i += size
	}
	return append(dst, text[done:]...), cut
}

// limit cuts text to MaxText UTF-16 code units.
func limit(text []byte) (_ []byte, cut bool) {
	if len(text) <= MaxText {
		return text, false
	}
	units := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if units += utf16.RuneLen(r); units > MaxText {
			return text[:i], true
		}
		i += size
	}
	return text, false
}

// escapeAt returns what stands for the character that text begins with, and its
// length; "" when it stands for itself.
func escapeAt(text []byte) (escape string, size int) {
	c := text[0]
	if escape := escapes[c]; escape != "" {
		return escape, 1
	}
	if c == '_' && looksEscaped(text) {
		return "_x005F_", 1
	}
	if c == 0xef && len(text) >= 3 && text[1] == 0xbf && text[2] >= 0xbe {
		if text[2] == 0xbe {
			return "_xFFFE_", 3
		}
		return "_xFFFF_", 3
	}
	return "", 1
}

// looksEscaped reports whether text begins like _xHHHH_.
func looksEscaped(text []byte) bool {
	if len(text) < 7 || text[1] != 'x' || text[6] != '_' {
		return false
	}
	for _, c := range text[2:6] {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}

// escapes holds the bytes that do not stand for themselves. Of the control
// characters TAB and LF do; an XML reader would turn CR into LF.
var escapes = func() (table [256]string) {
	const hex = "0123456789ABCDEF"
	for c := range 0x20 {
		if c != '\t' && c != '\n' {
			table[c] = "_x00" + string(hex[c>>4]) + string(hex[c&15]) + "_"
		}
	}
	table['&'], table['<'], table['>'] = "&amp;", "&lt;", "&gt;"
	return table
}()
