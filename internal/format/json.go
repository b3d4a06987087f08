package format

import (
	"math"
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
	rowKey  []int
	numbers bool // decimals as number literals
	lines   bool // ndjson
}

// A key is what comes before a value: the comma or brace, the name, the colon,
// and the opening quote of types that are strings.
type key struct {
	head   [32]byte // copied whole, which takes two instructions
	rest   []byte   // of longer names
	size   int
	quoted bool
}

func newJSON(o Options) (encoder, error) {
	k, err := kinds(o.Columns)
	if err != nil {
		return nil, err
	}
	e := &json{columns: o.Columns, kinds: k, zone: o.Zone, rowKey: o.Key, numbers: o.JSONNumbers}
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
	out.rest = buf[copy(out.head[:], buf[:n]):n]
	return out
}

func (e *json) Head(dst []byte) []byte {
	if e.lines {
		return dst
	}
	return append(dst, '[')
}

func (e *json) Tail(dst []byte, _ int64) []byte {
	if e.lines {
		return dst
	}
	return append(dst, "\n]\n"...)
}

func (e *json) Rows(dst []byte, b span) ([]byte, outturn.Notes, error) {
	buf, n := whole(dst)
	vectors := b.vectors(e.kinds, e.zone)
	for c := range vectors {
		vectors[c].key = &e.keys[c]
	}
	arena := b.Arena()
	for r := b.from; r < b.to; r++ {
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		if !e.lines {
			if b.number(r) > 1 {
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
			v := &vectors[c]
			k := v.key
			if len(buf)-n < k.size+room {
				buf = grow(buf, n, k.size+room)
			}
			*(*[len(k.head)]byte)(buf[n:]) = k.head
			if len(k.rest) > 0 {
				copy(buf[n+len(k.head):], k.rest)
			}
			n += k.size
			if v.null(r) {
				if k.quoted {
					n-- // its opening quote
				}
				n = putNull(buf, n)
				continue
			}
			word, ok := v.Words[r], true
			if v.kind == kindText { // most columns: before the switch it costs less
				buf, n = putString(buf, n, arena, int(word>>32), int(uint32(word)))
				buf[n] = '"'
				n++
				continue
			}
			switch v.kind {
			case kindInt:
				n = putInt(buf, n, int64(word))
			case kindDecimal:
				if word&1 == 0 {
					n = putDecimal(buf, n, int64(word)>>1, v.scale, '.')
				} else {
					buf, n = putBytes(buf, n, digits(arena, word))
				}
			case kindFloat:
				n = putJSONFloat(buf, n, math.Float64frombits(word))
			case kindBool:
				n = putBool(buf, n, word != 0)
			case kindDate:
				n, ok = putDate(buf, n, int64(word))
			case kindTime:
				n, ok = v.clock.put(buf, n, int64(word), v.scale)
			case kindJSON:
				buf, n = putJSON(buf, n, text(arena, word))
			}
			if !ok {
				return buf[:n], outturn.Notes{}, b.misfit(c, r, e.rowKey, spelledYears)
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

// putJSON puts a JSON text as the value that it is, on one line. That it is valid
// has been seen to by whoever read the source.
func putJSON(buf []byte, n int, text []byte) ([]byte, int) {
	if !isTidy(text) {
		text = tidyJSON(text)
	}
	return putBytes(buf, n, text)
}

const backslashes = '\\' * lanes

// plainJSON passes, in each lane of w, a byte that may stand in a JSON string as
// it is. It does not pass the first bytes of U+0085, U+2028 and U+2029, 0xc2 and
// 0xe2, which are the same but for the bit that tells upper from lower case.
func plainJSON(w uint64) uint64 {
	const (
		belowSpace = (0x80 - 0x20) * lanes
		lineEnds   = 0xe2 * lanes
		oneCase    = 0x20 * lanes
	)
	low := w & lows
	end := (w | oneCase) ^ lineEnds
	return ((low^quotes+lows)&(low^backslashes+lows)&(low+belowSpace) | w) & (end&lows + lows | end)
}

// putString puts the text at arena[off:off+size] as it stands inside a JSON
// string: quotes, backslashes and control characters escaped, and U+0085, U+2028
// and U+2029 too, which some readers take for line ends. It leaves room after it.
func putString(buf []byte, n int, arena []byte, off, size int) ([]byte, int) {
	if len(buf)-n < size+room {
		buf = grow(buf, n, size+room)
	}
	if size < 8 {
		w := loadShort(arena, off, size)
		store(buf, n, w)
		if failing(plainJSON(w|harm<<(8*size&63))) != 0 {
			return putEscaped(buf, n, arena[off:off+size])
		}
		return buf, n + size
	}
	// The last words overlap: no loop for most texts.
	_ = arena[off : off+size]
	first, last := load(arena, off), load(arena, off+size-8)
	plain := plainJSON(first) & plainJSON(last)
	store(buf, n, first)
	store(buf, n+size-8, last)
	if size > 16 {
		a, b := load(arena, off+8), load(arena, off+size-16)
		plain &= plainJSON(a) & plainJSON(b)
		store(buf, n+8, a)
		store(buf, n+size-16, b)
		for i := 16; i < size-16; i += 8 {
			w := load(arena, off+i)
			plain &= plainJSON(w)
			store(buf, n+i, w)
		}
	}
	if failing(plain) != 0 {
		return putEscaped(buf, n, arena[off:off+size])
	}
	return buf, n + size
}

// putEscaped puts a text in which something may have to be escaped.
func putEscaped(buf []byte, n int, text []byte) ([]byte, int) {
	for len(text) > 0 {
		if len(buf)-n < len(text)+room {
			buf = grow(buf, n, len(text)+room)
		}
		if len(text) >= 8 {
			w := load(text, 0)
			store(buf, n, w)
			marks := failing(plainJSON(w))
			if marks == 0 {
				text = text[8:]
				n += 8
				continue
			}
			plain := lowestLane(marks)
			text = text[plain:]
			n += plain
		}
		var eaten int
		n, eaten = putCharacter(buf, n, text)
		text = text[eaten:]
	}
	return buf, n
}

// putCharacter puts the first byte of text, or what stands for it and those that
// belong to it, and tells how many that were.
func putCharacter(buf []byte, n int, text []byte) (end, eaten int) {
	const hex = "0123456789abcdef"
	c := text[0]
	switch {
	case short[c] != 0:
		buf[n], buf[n+1] = '\\', short[c]
		return n + 2, 1
	case c < 0x20:
		n += copy(buf[n:], `\u00`)
		buf[n], buf[n+1] = hex[c>>4], hex[c&15]
		return n + 2, 1
	case c == 0xc2 || c == 0xe2:
		if escape, eaten := lineEnd(text); eaten > 0 {
			return n + copy(buf[n:], escape), eaten
		}
	}
	buf[n] = c
	return n + 1, 1
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
