package rql

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"outturn"
)

// A char is one character of a query and where it came from.
type char struct {
	r     rune
	pos   int  // of it, or of its percent-encoding, in the query as sent, from 1
	plain bool // it may separate; one that was percent-encoded is text
}

// read resolves the percent-encoding of a query.
func (d rules) read(raw string) ([]char, *outturn.Error) {
	text := make([]char, 0, len(raw))
	for _, r := range raw {
		text = append(text, char{r: r, pos: len(text) + 1, plain: true})
	}
	if d.decodeFirst {
		// A % that begins no encoding is itself, as in the contract's decoder.
		return decodeWhole(text, true)
	}
	var out []char
	for len(text) > 0 {
		n := slices.IndexFunc(text, func(c char) bool { return c.r == '&' })
		if n < 0 {
			n = len(text) - 1
		}
		part, err := decodePart(text[:n+1])
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
		text = text[n+1:]
	}
	return out, nil
}

// decodePart decodes what stands before an &, and the & itself. A library for forms
// encodes a whole term once more, and may write a = after it: a term without anything
// that separates would be a mistake otherwise.
func decodePart(part []char) ([]char, *outturn.Error) {
	end := len(part)
	if end > 0 && part[end-1].r == '&' {
		end--
	}
	term := part[:end]
	if end > 0 && term[end-1].r == '=' {
		term = term[:end-1]
	}
	encoded := false
	for i, c := range term {
		if strings.ContainsRune("(),=", c.r) {
			return decode(part, false)
		}
		encoded = encoded || c.r == '%' && i+2 < len(term) && hexByte(term[i+1].r, term[i+2].r) == '('
	}
	if !encoded {
		return decode(part, false)
	}
	once, err := decodeWhole(term, false)
	if err != nil {
		return nil, err
	}
	return decode(append(once, part[end:]...), false)
}

func decodeWhole(in []char, lenient bool) ([]char, *outturn.Error) {
	out, err := decode(in, lenient)
	for i := range out {
		out[i].plain = true
	}
	return out, err
}

func decode(in []char, lenient bool) ([]char, *outturn.Error) {
	out := make([]char, 0, len(in))
	for i := 0; i < len(in); {
		if in[i].r == 0 {
			return nil, fault(in[i].pos, "the character with the number 0 is not allowed")
		}
		if in[i].r != '%' || !in[i].plain {
			out = append(out, in[i])
			i++
			continue
		}
		var bytes []byte // consecutive ones make up characters
		first := i
		for i+2 < len(in) && in[i].r == '%' && hexByte(in[i+1].r, in[i+2].r) >= 0 {
			bytes = append(bytes, byte(hexByte(in[i+1].r, in[i+2].r)))
			i += 3
		}
		if i == first {
			if !lenient {
				return nil, fault(in[i].pos, "expected two hexadecimal digits after %%. A %% itself is written %%25")
			}
			out = append(out, in[i])
			i++
		}
		for at := 0; at < len(bytes); {
			r, size := utf8.DecodeRune(bytes[at:])
			pos := in[first+3*at].pos
			if r == utf8.RuneError && size <= 1 {
				return nil, fault(pos, "what is percent-encoded here is not UTF-8")
			}
			if r == 0 {
				return nil, fault(pos, "the character with the number 0 is not allowed")
			}
			out = append(out, char{r: r, pos: pos})
			at += size
		}
	}
	return out, nil
}

// hexByte returns the byte that two hexadecimal digits make, -1 when they are none.
func hexByte(high, low rune) int {
	const digits = "0123456789abcdef"
	h, l := strings.IndexRune(digits, unicode.ToLower(high)), strings.IndexRune(digits, unicode.ToLower(low))
	if h < 0 || l < 0 || high > unicode.MaxASCII || low > unicode.MaxASCII {
		return -1
	}
	return h<<4 | l
}

func fault(pos int, format string, args ...any) *outturn.Error {
	text := fmt.Sprintf(format, args...)
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
		text += "."
	}
	return outturn.Errorf(outturn.CodeInvalid, "Position %d: %s", pos, text)
}

// isFieldChar reports whether r may stand in a field.
func isFieldChar(r rune, first bool) bool {
	if r <= unicode.MaxASCII && unicode.IsLetter(r) {
		return true
	}
	return !first && (isWordChar(r) || r == '-' || r == '.')
}

func isWordChar(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// isBare reports whether r may stand in a value without quotes, in a dialect with quotes.
func isBare(r rune, first bool) bool {
	if isWordChar(r) || strings.ContainsRune(`-*+\`, r) {
		return true
	}
	return !first && (unicode.IsSpace(r) || strings.ContainsRune(".:@", r))
}
