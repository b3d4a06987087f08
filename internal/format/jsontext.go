package format

import "bytes"

// isTidy reports whether a JSON text can go into a file as it is: on one line,
// whatever a reader takes for the end of one.
func isTidy(text []byte) bool {
	return bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 &&
		(bytes.IndexByte(text, 0xc2) < 0 && bytes.IndexByte(text, 0xe2) < 0 || !hasLineEnd(text))
}

// hasLineEnd looks for line ends beyond ASCII.
func hasLineEnd(text []byte) bool {
	for i := range text {
		if _, size := lineEnd(text[i:]); size > 0 {
			return true
		}
	}
	return false
}

// tidyJSON returns a valid JSON text without space between tokens, and with the
// line ends beyond ASCII escaped.
func tidyJSON(text []byte) []byte {
	out := make([]byte, 0, len(text)+16)
	inside := false // a string
	for i := 0; i < len(text); i++ {
		c := text[i]
		escape, size := lineEnd(text[i:])
		switch {
		case !inside && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		case c == '"':
			inside = !inside
		case c == '\\': // only in strings: the next byte is part of the escape
			out = append(out, c)
			i++
			c = text[i]
		case size > 0:
			out = append(out, escape...)
			i += size - 1
			continue
		}
		out = append(out, c)
	}
	return out
}
