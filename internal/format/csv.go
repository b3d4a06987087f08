package format

import (
	"bytes"
	"math"
	"time"

	"outturn"
	"outturn/internal/batch"
)

// csv encodes rows by RFC 4180: fields between delimiters, quoted where a reader
// would need or like it, a header, and CRLF after every line. TSV is the same with
// TAB as the delimiter.
//
// A null is an empty field and an empty text is "". In a file of one column a
// null is "" too: the empty line it would be otherwise is one that many readers
// skip, and they would lose the row.
type csv struct {
	dialect
	columns []batch.Column
	kinds   []kind
	zone    *time.Location
	key     []int

	delimiters uint64 // in every lane
}

func newCSV(o Options) (encoder, error) { return newDelimited("csv", o) }

func newTSV(o Options) (encoder, error) { return newDelimited("tsv", o) }

func newDelimited(format string, o Options) (encoder, error) {
	d, err := findDialect(format, o.Dialect)
	if err != nil {
		return nil, err
	}
	k, err := kinds(o.Columns)
	if err != nil {
		return nil, err
	}
	if d.copied {
		return &copied{columns: o.Columns, kinds: k, zone: o.Zone, key: o.Key, alone: len(o.Columns) == 1}, nil
	}
	e := &csv{dialect: d, columns: o.Columns, kinds: k, zone: o.Zone, key: o.Key, delimiters: uint64(d.delimiter) * lanes}
	if d.utf16 {
		return &utf16LE{encoder: e}, nil
	}
	return e, nil
}

func (e *csv) Head(dst []byte) []byte {
	if e.bom {
		dst = append(dst, "\uFEFF"...)
	}
	buf, n := whole(dst)
	for i, c := range e.columns {
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		if i > 0 {
			buf[n] = e.delimiter
			n++
		}
		name := []byte(c.Title())
		if i == 0 && !e.bom && bytes.HasPrefix(name, []byte("\uFEFF")) { // without quotes it would be a byte order mark
			buf, n = putQuoted(buf, n, name)
			continue
		}
		buf, n, _ = e.putText(buf, n, name, 0, len(name))
	}
	return append(buf[:n], "\r\n"...)
}

func (e *csv) Tail(dst []byte, _ int64) []byte { return dst }

func (e *csv) Rows(dst []byte, b span) ([]byte, outturn.Notes, error) {
	var notes outturn.Notes
	buf, n := whole(dst)
	vectors := b.vectors(e.kinds, e.zone)
	arena := b.Arena()
	for r := b.from; r < b.to; r++ {
		for c := range vectors {
			v := &vectors[c]
			if len(buf)-n < room {
				buf = grow(buf, n, room)
			}
			if v.null(r) {
				if len(vectors) == 1 {
					n += copy(buf[n:], `""`)
				}
				buf[n] = e.delimiter
				n++
				continue
			}
			word, ok := v.Words[r], true
			switch v.kind {
			case kindText, kindJSON:
				var guarded int64
				buf, n, guarded = e.putText(buf, n, arena, int(word>>32), int(uint32(word)))
				notes.Guarded += guarded
			case kindInt:
				n = putInt(buf, n, int64(word))
			case kindDecimal:
				if word&1 == 0 {
					n = putDecimal(buf, n, int64(word)>>1, v.scale, e.point)
				} else {
					buf, n = e.putDigits(buf, n, digits(arena, word))
				}
			case kindFloat:
				n = e.putFloat(buf, n, math.Float64frombits(word))
			case kindBool:
				n = putBool(buf, n, word != 0)
			case kindDate:
				n, ok = putDate(buf, n, int64(word))
			case kindTime:
				n, ok = v.clock.put(buf, n, int64(word), v.scale)
			}
			if !ok {
				return buf[:n], notes, b.misfit(c, r, e.key, spelledYears)
			}
			buf[n] = e.delimiter
			n++
		}
		if len(vectors) > 0 {
			n-- // the last delimiter
		}
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		buf[n], buf[n+1] = '\r', '\n'
		n += 2
	}
	return buf[:n], notes, nil
}

const (
	quotes    = '"' * lanes
	harm      = 'a' * lanes   // harmless bytes
	endOfCopy = '\\' | '.'<<8 // \. alone on a line ends the data for PostgreSQL before 18
)

// plain passes, in each lane of w, a byte that may stand in a field without
// quotes: neither delimiter nor quote nor control character. Of the latter only
// CR and LF must be quoted; the others are because readers differ.
func (e *csv) plain(w uint64) uint64 {
	const belowSpace = (0x80 - 0x20) * lanes
	low := w & lows
	return (low^quotes+lows)&(low^e.delimiters+lows)&(low+belowSpace) | w
}

// putText puts the text at arena[off:off+size] as a field, with room free after
// it. It copies and looks at eight bytes at a time, and begins again with quotes
// when they turn out to be needed: because the text is empty, has a special
// character, or a space at either end, which some readers trim. guarded is 1 if a
// formula was defused.
func (e *csv) putText(buf []byte, n int, arena []byte, off, size int) (_ []byte, end int, guarded int64) {
	if e.guard && mayRun(arena[off:off+size]) {
		buf, n = e.putGuarded(buf, n, arena[off:off+size])
		return buf, n, 1
	}
	if size > 2 && arena[off] == '{' { // likely a JSON object, so there are quotes
		buf, n = putQuoted(buf, n, arena[off:off+size])
		return buf, n, 0
	}
	if len(buf)-n < size+room {
		buf = grow(buf, n, size+room)
	}
	if size < 8 {
		w := loadShort(arena, off, size)
		if size == 0 || byte(w) == ' ' || w>>(8*size-8) == ' ' || w == endOfCopy || failing(e.plain(w|harm<<(8*size&63))) != 0 {
			buf, n = putQuoted(buf, n, arena[off:off+size])
			return buf, n, 0
		}
		store(buf, n, w)
		return buf, n + size, 0
	}
	// The last words overlap: no loop for most texts.
	_ = arena[off : off+size]
	first, last := load(arena, off), load(arena, off+size-8)
	plain := e.plain(first) & e.plain(last)
	store(buf, n, first)
	store(buf, n+size-8, last)
	if size > 16 {
		a, b := load(arena, off+8), load(arena, off+size-16)
		plain &= e.plain(a) & e.plain(b)
		store(buf, n+8, a)
		store(buf, n+size-16, b)
		for i := 16; i < size-16; i += 8 {
			w := load(arena, off+i)
			plain &= e.plain(w)
			store(buf, n+i, w)
		}
	}
	if failing(plain) != 0 || byte(first) == ' ' || last>>56 == ' ' {
		buf, n = putQuoted(buf, n, arena[off:off+size])
		return buf, n, 0
	}
	return buf, n + size, 0
}

// putQuoted puts text between quotes, and each quote in it twice.
func putQuoted(buf []byte, n int, text []byte) ([]byte, int) {
	if len(buf)-n < 2*len(text)+room {
		if need := len(text) + bytes.Count(text, []byte{'"'}) + room; len(buf)-n < need {
			buf = grow(buf, n, need)
		}
	}
	buf[n] = '"'
	n++
	for ; len(text) >= 8; text = text[8:] {
		w, left := load(text, 0), 8
		for marks := failing(isNot(w, quotes)); marks != 0; {
			k := lowestLane(marks) + 1
			store(buf, n, w)
			buf[n+k] = '"'
			n += k + 1
			left -= k
			w >>= 8 * k
			marks >>= 8 * k
		}
		store(buf, n, w)
		n += left
	}
	for _, c := range text {
		buf[n] = c
		n++
		if c == '"' {
			buf[n] = '"'
			n++
		}
	}
	buf[n] = '"'
	return buf, n + 1
}

// putDigits puts a decimal that is longer than a word.
func (e *csv) putDigits(buf []byte, n int, digits []byte) ([]byte, int) {
	buf, end := putBytes(buf, n, digits)
	if e.point != '.' {
		e.mark(buf[n:end])
	}
	return buf, end
}

func (e *csv) putFloat(buf []byte, n int, x float64) int {
	end := putFloat(buf, n, x)
	if e.point != '.' {
		e.mark(buf[n:end])
	}
	return end
}

// mark replaces the point of a number by the dialect's decimal mark.
func (e *csv) mark(number []byte) {
	if i := bytes.IndexByte(number, '.'); i >= 0 {
		number[i] = e.point
	}
}
