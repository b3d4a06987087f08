package duckdb

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/bits"
	"strings"

	"outturn"
)

// checkedJSON fills a column of JSON and looks at every value, the engine's own too: its
// type JSON takes NaN, infinities and a comma behind the last value, and to_json writes
// the first two.
func checkedJSON(fill func(*filler, *column, target) error) func(*filler, *column, target) error {
	return func(f *filler, c *column, to target) error {
		if err := fill(f, c, to); err != nil {
			return err
		}
		arena := f.batch.Arena()
		var last []byte // an account's attributes stand in many rows, one after the other
		for i, word := range to.words {
			if !c.vector.has(to.first + i) {
				continue
			}
			text := arena[word>>32:][:word&math.MaxUint32]
			if len(text) > 0 && bytes.Equal(text, last) {
				continue
			}
			if !isJSON(text) {
				return noJSON(c, text, f.before+to.base+i+1)
			}
			last = text
		}
		return nil
	}
}

// noJSON says what is wrong with the value in a row, counted from 1, and what to do.
func noJSON(c *column, text []byte, row int) error {
	if word := notFinite(text); word != "" {
		return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds %s in row %d of the result, and JSON has no %s. Replace it in the SELECT: a number by NULLIF or CASE, one in a list by list_transform, one in a text by replace.",
			c.Name, quoteShort(text), row, word)
	}
	if deepest(text) > mostNested {
		return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds JSON of more than %d levels in row %d of the result: %s. Take out in the SELECT what is needed of it.", c.Name, mostNested, row, quoteShort(text))
	}
	if c.engine.json {
		return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds %s in row %d of the result, which DuckDB takes for JSON and others do not. Mend it in the SELECT or in the source.", c.Name, quoteShort(text), row)
	}
	return outturn.Errorf(outturn.CodeQueryFailed, "Column %s is declared json, but holds %s in row %d of the result, which is none.", c.Name, quoteShort(text), row)
}

// mostNested is how deep encoding/json looks.
const mostNested = 10_000

// isJSON reports whether text is one JSON value. Nearly all are seen to be one in a pass
// that takes a quarter of encoding/json's time; of what it doubts, encoding/json decides.
func isJSON(text []byte) bool { return clearlyJSON(text) || json.Valid(text) }

// clearlyJSON is false for all that is no JSON, and for what is nested deeper than 64
// levels.
func clearlyJSON(text []byte) bool {
	var objects uint64 // a bit for each open bracket, the innermost lowest: whether it is a brace
	depth, i := 0, 0
	for {
		// A value, in an object with its name.
		if i = pastSpace(text, i); i == len(text) {
			return false
		}
		c := text[i]
		if objects&1 != 0 {
			if i = pastName(text, i); i < 0 || i == len(text) {
				return false
			}
			c = text[i]
		}
		switch c {
		case '"':
			i = pastString(text, i)
		case '[', '{':
			if depth == 64 {
				return false
			}
			if i = pastSpace(text, i+1); i == len(text) {
				return false
			}
			if text[i] != c+2 { // what closes it, in ASCII
				objects, depth = objects<<1|uint64(c>>5&1), depth+1
				continue
			}
			i++
		case 't':
			i = pastWord(text, i, "true")
		case 'f':
			i = pastWord(text, i, "false")
		case 'n':
			i = pastWord(text, i, "null")
		default:
			i = pastNumber(text, i)
		}
		if i < 0 {
			return false
		}
		// The brackets that close behind it, and the comma before the next.
		for i = pastSpace(text, i); ; i = pastSpace(text, i+1) {
			if depth == 0 || i == len(text) {
				return depth == 0 && i == len(text)
			}
			if text[i] == ',' {
				break
			}
			if text[i] != ']'+byte(objects&1)<<5 {
				return false
			}
			objects, depth = objects>>1, depth-1
		}
		i++
	}
}

// The functions below return where what begins at text[i] ends, or -1 if it is not what
// it should be.

func pastSpace(text []byte, i int) int {
	if i < len(text) && text[i] <= ' ' {
		return pastSpaces(text, i)
	}
	return i
}

func pastSpaces(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// pastName passes a member's name, the colon, and the space behind it.
func pastName(text []byte, i int) int {
	if text[i] != '"' {
		return -1
	}
	if i = pastString(text, i); i < 0 {
		return -1
	}
	if i = pastSpace(text, i); i == len(text) || text[i] != ':' {
		return -1
	}
	return pastSpace(text, i+1)
}

// pastString looks at eight bytes together, as the lanes of a word.
func pastString(text []byte, i int) int {
	const (
		lanes      = 0x0101010101010101
		lows       = 0x7f * lanes
		quotes     = '"' * lanes
		backslash  = '\\' * lanes
		belowSpace = (0x80 - 0x20) * lanes
	)
	for i++; i < len(text); {
		if len(text)-i >= 8 {
			w := binary.LittleEndian.Uint64(text[i:])
			low := w & lows
			plain := (low^quotes+lows)&(low^backslash+lows)&(low+belowSpace) | w // in the top bit of each lane
			stops := ^(plain | lows)
			if stops == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(stops) / 8
		}
		switch c := text[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = pastEscape(text, i); i < 0 {
				return -1
			}
		case c < ' ':
			return -1
		default:
			i++
		}
	}
	return -1
}

func pastEscape(text []byte, i int) int {
	if i+1 == len(text) {
		return -1
	}
	if text[i+1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, text[i+1]) < 0 {
			return -1
		}
		return i + 2
	}
	if len(text)-i < len(`\u0000`) {
		return -1
	}
	for _, c := range text[i+2 : i+6] {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return -1
		}
	}
	return i + 6
}

func pastNumber(text []byte, i int) int {
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if i = pastDigits(text, i); i < 0 {
		return -1
	}
	if i < len(text) && text[i] == '.' {
		if i = pastDigits(text, i+1); i < 0 {
			return -1
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		return pastDigits(text, i)
	}
	return i
}

// pastDigits passes one digit or more.
func pastDigits(text []byte, i int) int {
	start := i
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func isDigit(c byte) bool { return c-'0' < 10 }

func pastWord(text []byte, i int, word string) int {
	if len(text)-i < len(word) || string(text[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// notFinite returns the first number in text that is none in JSON: NaN or infinity, in
// any case, as the engine takes them. "" if there is none.
func notFinite(text []byte) string {
	for i := 0; i < len(text); {
		if text[i] == '"' {
			if i = pastString(text, i); i < 0 {
				return ""
			}
			continue
		}
		end := i
		for end < len(text) && (text[end] == '-' || text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z') {
			end++
		}
		word := string(text[i:end])
		switch strings.ToLower(strings.TrimPrefix(word, "-")) {
		case "nan", "inf", "infinity":
			return word
		}
		i = max(i+1, end)
	}
	return ""
}

// deepest counts the brackets that are open at once in text.
func deepest(text []byte) (most int) {
	open := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			if i = pastString(text, i); i < 0 {
				return most
			}
			continue
		case '[', '{':
			open++
			most = max(most, open)
		case ']', '}':
			open--
		}
		i++
	}
	return most
}
