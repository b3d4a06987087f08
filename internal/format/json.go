package format

import (
	"time"

	"outturn"
	"outturn/internal/batch"
)

// json encodes rows as flat objects with the columns in order, one row a line:
// an array of them, or (ndjson) nothing but the lines.
type json struct {
	columns []batch.Column
	kinds   []kind
	keys    []key
	zone    *time.Location
	numbers bool // decimals as number literals
	lines   bool // ndjson
}

// A key is what comes before a value: the comma or brace, the name, the colon,
// and the opening quote of types that are strings.
type key struct {
	words  []uint64 // padded with zeros
	size   int
	quoted bool
}

func newJSON(o Options) (encoder, error) {
	k, err := kinds(o.Columns)
	if err != nil {
		return nil, err
	}
	e := &json{columns: o.Columns, kinds: k, zone: o.Zone, numbers: o.JSONNumbers}
	taken := map[string]bool{}
	for i, c := range o.Columns {
		if taken[c.Name] {
			return nil, outturn.Errorf(outturn.CodeInvalid, "The column name %q is used twice, and a JSON object can hold it only once. Give one of them another alias.", c.Name)
		}
		taken[c.Name] = true
		e.keys = append(e.keys, e.newKey(c.Name, k[i], i == 0))
	}
	return e, nil
}

func newNDJSON(o Options) (encoder, error) {
	e, err := newJSON(o)
	if err == nil {
		e.(*json).lines = true
	}
	return e, err
}

func (e *json) newKey(name string, k kind, first bool) key {
	buf, n := make([]byte, room), 1
	buf[0] = ','
	if first {
		buf[0] = '{'
	}
	buf[1] = '"'
	buf, n = putString(buf, n+1, []byte(name), 0, len(name))
	n += copy(buf[n:], `":`)
	quoted := false
	switch k {
	case kindText, kindDate, kindTime:
		quoted = true
	case kindDecimal:
		quoted = !e.numbers
	}
	if quoted {
		buf[n] = '"'
		n++
	}
	out := key{size: n, quoted: quoted}
	clear(buf[n:])
	for i := 0; i < n; i += 8 {
		out.words = append(out.words, load(buf[i:i+8]))
	}
	return out
}

func (e *json) Head(dst []byte) []byte {
	if e.lines {
		return dst
	}
	return append(dst, '[')
}

func (e *json) Tail(dst []byte) []byte {
	if e.lines {
		return dst
	}
	return append(dst, "\n]\n"...)
}

func (e *json) Rows(dst []byte, b *batch.Batch, first int64) ([]byte, outturn.Notes, error) {
	buf, n := whole(dst)
	vectors := vectors(b, e.kinds, e.zone)
	arena := b.Arena()
	for r := range b.Rows() {
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		if !e.lines {
			if first+int64(r) > 0 {
				buf[n] = ','
				n++
			}
			buf[n] = '\n'
			n++
		}
		if len(vectors) == 0 {
			buf[n] = '{'
			n++
		}
		for c := range vectors {
			v, k := &vectors[c], &e.keys[c]
			if len(buf)-n < k.size+room {
				buf = grow(buf, n, k.size+room)
			}
			for i, w := range k.words {
				store(buf[n+8*i:], w)
			}
			n += k.size
			if v.null(r) {
				if k.quoted {
					n-- // its opening quote
				}
				n += copy(buf[n:], "null")
				continue
			}
			word, ok := v.Words[r], true
			switch v.kind {
			case kindText:
				buf, n = putString(buf, n, arena, int(word>>32), int(uint32(word)))
			case kindInt:
				n = putInt(buf, n, int64(word))
			case kindDecimal:
				if word&1 == 0 {
					n = putDecimal(buf, n, int64(word)>>1, v.scale, '.')
				} else {
					_, digits := b.Decimal(c, r)
					buf, n = putBytes(buf, n, digits)
				}
			case kindFloat:
				n = putJSONFloat(buf, n, b.Float(c, r))
			case kindBool:
				n = putBool(buf, n, word != 0)
			case kindDate:
				n, ok = v.calendar.put(buf, n, int64(word))
			case kindTime:
				n, ok = v.putTime(buf, n, int64(word))
			case kindJSON:
				buf, n, ok = putJSON(buf, n, b.Text(c, r))
			}
			if !ok {
				return buf[:n], outturn.Notes{}, misfit(e.columns[c], first+int64(r)+1)
			}
			if k.quoted {
				buf[n] = '"'
				n++
			}
		}
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		buf[n] = '}'
		n++
		if e.lines {
			buf[n] = '\n'
			n++
		}
	}
	return buf[:n], outturn.Notes{}, nil
}

func putBytes(buf []byte, n int, p []byte) ([]byte, int) {
	if len(buf)-n < len(p)+room {
		buf = grow(buf, n, len(p)+room)
	}
	return buf, n + copy(buf[n:], p)
}

// putJSONFloat puts a number, or a string for what JSON has no number for.
func putJSONFloat(buf []byte, n int, x float64) int {
	end := putFloat(buf, n+1, x)
	if last := buf[end-1]; last < '0' || last > '9' { // NaN, Infinity
		buf[n], buf[end] = '"', '"'
		return end + 1
	}
	return n + copy(buf[n:], buf[n+1:end])
}

// putJSON puts a JSON text as the value that it is, without line breaks. It
// reports false if it is not one.
func putJSON(buf []byte, n int, text []byte) ([]byte, int, bool) {
	found, ok := scanJSON(text)
	if !ok {
		return buf, n, false
	}
	if found == 0 {
		buf, n = putBytes(buf, n, text)
		return buf, n, true
	}
	buf, n = putBytes(buf, n, tidyJSON(text))
	return buf, n, true
}

const (
	backslashes = '\\' * lanes
	lineEnds    = 0xe2 * lanes // first byte of U+2028 and U+2029, among others
	lowercase   = 0x20 * lanes // makes the first byte of U+0085, 0xc2, the same
)

// specialJSON marks in w what may have to be escaped.
func specialJSON(w uint64) uint64 {
	return lanesEqual(w, quotes) | lanesEqual(w, backslashes) | lanesEqual(w|lowercase, lineEnds) | lanesControl(w)
}

// putString puts the text at arena[off:off+size] as it stands inside a JSON
// string: quotes, backslashes and control characters escaped, and U+0085, U+2028
// and U+2029 too, which some readers take for line ends. It leaves room after it.
func putString(buf []byte, n int, arena []byte, off, size int) ([]byte, int) {
	if len(buf)-n < size+room {
		buf = grow(buf, n, size+room)
	}
	for size > 0 {
		var w, marks uint64
		take := min(size, 8)
		if size >= 8 {
			w = load(arena[off:])
			marks = specialJSON(w)
		} else {
			w = loadShort(arena, off, size)
			marks = specialJSON(w | harm<<(8*size))
		}
		store(buf[n:], w)
		if marks == 0 {
			n, off, size = n+take, off+take, size-take
			continue
		}
		plain := lowestLane(marks)
		n, off, size = n+plain, off+plain, size-plain
		var eaten int
		n, eaten = putEscaped(buf, n, arena[off:off+size])
		off, size = off+eaten, size-eaten
		if len(buf)-n < size+room {
			buf = grow(buf, n, size+room)
		}
	}
	return buf, n
}

// putEscaped puts the first character of text, escaped if it has to be, and
// tells how many bytes that was.
func putEscaped(buf []byte, n int, text []byte) (end, eaten int) {
	const hex = "0123456789abcdef"
	switch c := text[0]; {
	case c >= 0x80:
		escape, eaten := lineEnd(text)
		if eaten == 0 {
			buf[n] = c
			return n + 1, 1
		}
		return n + copy(buf[n:], escape), eaten
	case short[c] != 0:
		buf[n], buf[n+1] = '\\', short[c]
		return n + 2, 1
	default:
		n += copy(buf[n:], `\u00`)
		buf[n], buf[n+1] = hex[c>>4], hex[c&15]
		return n + 2, 1
	}
}

// short holds the letters of the escapes that have one.
var short = [256]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// lineEnd returns how to escape the line end that text begins with, and its
// length, 0 when it begins with none of those beyond ASCII.
func lineEnd(text []byte) (escape string, size int) {
	switch {
	case len(text) >= 2 && text[0] == 0xc2 && text[1] == 0x85:
		return `\u0085`, 2
	case len(text) < 3 || text[0] != 0xe2 || text[1] != 0x80:
	case text[2] == 0xa8:
		return `\u2028`, 3
	case text[2] == 0xa9:
		return `\u2029`, 3
	}
	return "", 0
}
