package format

// found says what a JSON text holds that must not go into a file as it is.
type found uint8

const (
	foundBreak   found = 1 << iota // line breaks between tokens
	foundLineEnd                   // U+0085, U+2028 or U+2029 in strings
)

// deepest is how many arrays and objects may lie in each other.
const deepest = 10_000

// scanJSON reports whether text is one JSON value by RFC 8259, and what is to be
// tidied in it. The text is valid UTF-8.
func scanJSON(text []byte) (found, bool) {
	s := jsonScan{text: text}
	end := s.space(s.value(s.space(0), 0))
	return s.found, end == len(text)
}

// A jsonScan walks over a JSON text. Its methods take the position where
// something begins and return where it ends, or broken.
type jsonScan struct {
	text  []byte
	found found
}

// broken is a position from which every method returns broken again.
const broken = 1 << 62

// at returns the byte at i, and 0, which begins nothing, beyond the end.
func (s *jsonScan) at(i int) byte {
	if i < len(s.text) {
		return s.text[i]
	}
	return 0
}

func (s *jsonScan) space(i int) int {
	for ; i < len(s.text); i++ {
		switch s.text[i] {
		case ' ', '\t':
		case '\n', '\r':
			s.found |= foundBreak
		default:
			return i
		}
	}
	return i
}

func (s *jsonScan) value(i, depth int) int {
	switch c := s.at(i); {
	case c == '"':
		return s.string(i)
	case c == '{':
		return s.members(i, '}', depth+1)
	case c == '[':
		return s.members(i, ']', depth+1)
	case c == '-' || '0' <= c && c <= '9':
		return s.number(i)
	case c == 't':
		return s.word(i, "true")
	case c == 'f':
		return s.word(i, "false")
	case c == 'n':
		return s.word(i, "null")
	}
	return broken
}

func (s *jsonScan) word(i int, word string) int {
	if len(s.text)-i >= len(word) && string(s.text[i:i+len(word)]) == word {
		return i + len(word)
	}
	return broken
}

// members walks over an object or array, which end tells apart.
func (s *jsonScan) members(i int, end byte, depth int) int {
	if depth > deepest {
		return broken
	}
	i = s.space(i + 1)
	if s.at(i) == end {
		return i + 1
	}
	for {
		if end == '}' {
			if s.at(i) != '"' {
				return broken
			}
			i = s.space(s.string(i))
			if s.at(i) != ':' {
				return broken
			}
			i = s.space(i + 1)
		}
		i = s.space(s.value(i, depth))
		switch s.at(i) {
		case ',':
			i = s.space(i + 1)
		case end:
			return i + 1
		default:
			return broken
		}
	}
}

func (s *jsonScan) string(i int) int {
	i++
	for i < len(s.text) {
		if i+8 <= len(s.text) {
			marks := specialJSON(load(s.text[i:]))
			if marks == 0 {
				i += 8
				continue
			}
			i += lowestLane(marks)
		}
		switch c := s.text[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = s.escape(i + 1); i == broken {
				return broken
			}
		case c < 0x20:
			return broken
		default:
			if _, size := lineEnd(s.text[i:]); size > 0 {
				s.found |= foundLineEnd
			}
			i++
		}
	}
	return broken
}

func (s *jsonScan) escape(i int) int {
	switch s.at(i) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for k := i + 1; k <= i+4; k++ {
			c := s.at(k) | 0x20
			if !('0' <= s.at(k) && s.at(k) <= '9' || 'a' <= c && c <= 'f') {
				return broken
			}
		}
		return i + 5
	}
	return broken
}

func (s *jsonScan) number(i int) int {
	if s.at(i) == '-' {
		i++
	}
	if s.at(i) == '0' {
		i++
	} else if i = s.digits(i); i == broken {
		return broken
	}
	if s.at(i) == '.' {
		if i = s.digits(i + 1); i == broken {
			return broken
		}
	}
	if s.at(i)|0x20 == 'e' {
		i++
		if c := s.at(i); c == '+' || c == '-' {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits walks over one or more digits.
func (s *jsonScan) digits(i int) int {
	start := i
	for '0' <= s.at(i) && s.at(i) <= '9' {
		i++
	}
	if i == start {
		return broken
	}
	return i
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
