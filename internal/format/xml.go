package format

import (
	"math"
	"time"

	"outturn"
	"outturn/internal/batch"
)

// xml encodes rows as elements of a document, one row a line (but for line ends in
// texts):
//
//	<report>
//	<record><ID>1</ID><NAME>Smith &amp; Sons</NAME></record>
//	</report>
//
// A null is an element that is not there.
type xml struct {
	kinds    []kind
	elements []element
	zone     *time.Location
	key      []int
}

// An element is what stands around the values of one column.
type element struct {
	open, end tag
	room      int // for all but the text of a text: both tags and what may be written beyond
}

func newXML(o Options) (encoder, error) {
	k, err := kinds(o.Columns)
	if err != nil {
		return nil, err
	}
	e := &xml{kinds: k, elements: make([]element, 0, len(k)), zone: o.Zone, key: o.Key}
	taken := map[string]batch.Column{}
	for _, c := range o.Columns {
		name := elementName(c.Name)
		if other, ok := taken[name]; ok {
			return nil, outturn.Errorf(outturn.CodeInvalid, "The columns %q and %q would both be elements of the name %s in XML. Give one of them another alias.", other.Name, c.Name, name)
		}
		taken[name] = c
		x := element{open: newTag("<" + name + ">"), end: newTag("</" + name + ">")}
		x.room = x.open.size + x.end.size + len(x.end.head) + room
		e.elements = append(e.elements, x)
	}
	return e, nil
}

func (e *xml) Head(dst []byte) []byte {
	return append(dst, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<report>\n"...)
}

func (e *xml) Tail(dst []byte, _ int64) []byte { return append(dst, "</report>\n"...) }

func (e *xml) Rows(dst []byte, b span) ([]byte, outturn.Notes, error) {
	const record, recordEnd = '<' | 'r'<<8 | 'e'<<16 | 'c'<<24 | 'o'<<32 | 'r'<<40 | 'd'<<48 | '>'<<56, "</record>\n"
	var notes outturn.Notes
	buf, n := whole(dst)
	vectors := b.vectors(e.kinds, e.zone)
	arena := b.Arena()
	for r := b.from; r < b.to; r++ {
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		store(buf, n, record)
		n += 8
		for c := range vectors {
			v := &vectors[c]
			if v.null(r) {
				continue
			}
			x := &e.elements[c]
			word, ok := v.Words[r], true
			if v.kind == kindText || v.kind == kindJSON { // most columns: before the switch it costs less
				off, size := int(word>>32), int(uint32(word))
				if len(buf)-n < size+x.room {
					buf = grow(buf, n, size+x.room)
				}
				n = x.open.put(buf, n)
				if end, plain := putPlainXML(buf, n, arena, off, size); plain {
					n = end
				} else {
					var replaced int64
					buf, n, replaced = putEscapedXML(buf, n, arena[off:off+size], x.room)
					notes.Replaced += replaced
				}
				n = x.end.put(buf, n)
				continue
			}
			if len(buf)-n < x.room {
				buf = grow(buf, n, x.room)
			}
			n = x.open.put(buf, n)
			switch v.kind {
			case kindInt:
				n = putInt(buf, n, int64(word))
			case kindDecimal:
				if word&1 == 0 {
					n = putDecimal(buf, n, int64(word)>>1, v.scale, '.')
				} else {
					digits := digits(arena, word)
					if len(buf)-n < len(digits)+x.room {
						buf = grow(buf, n, len(digits)+x.room)
					}
					n += copy(buf[n:], digits)
				}
			case kindFloat:
				n = putFloat(buf, n, math.Float64frombits(word))
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
			n = x.end.put(buf, n)
		}
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		n += copy(buf[n:], recordEnd)
	}
	return buf[:n], notes, nil
}

// plainXML passes, in each lane of w, a byte that may stand in an element as it
// is: neither <, > and &, nor a control character, nor the first byte of U+FFFE
// and U+FFFF. < and > are the same but for one bit.
func plainXML(w uint64) uint64 {
	const (
		belowSpace = (0x80 - 0x20) * lanes
		ampersands = '&' * lanes
		brackets   = '>' * lanes
		oneBracket = ('<' ^ '>') * lanes
		beyond     = 0xef * lanes
	)
	low := w & lows
	end := w ^ beyond
	return (((low|oneBracket)^brackets+lows)&(low^ampersands+lows)&(low+belowSpace) | w) & (end&lows + lows | end)
}

// putPlainXML puts the text at arena[off:off+size], for which and for a word more
// there is room, and reports whether that was all there is to do.
func putPlainXML(buf []byte, n int, arena []byte, off, size int) (end int, plain bool) {
	if size < 8 {
		w := loadShort(arena, off, size)
		store(buf, n, w)
		return n + size, failing(plainXML(w|harm<<(8*size&63))) == 0
	}
	// The last words overlap: no loop for most texts.
	_ = arena[off : off+size]
	first, last := load(arena, off), load(arena, off+size-8)
	passed := plainXML(first) & plainXML(last)
	store(buf, n, first)
	store(buf, n+size-8, last)
	if size > 16 {
		a, b := load(arena, off+8), load(arena, off+size-16)
		passed &= plainXML(a) & plainXML(b)
		store(buf, n+8, a)
		store(buf, n+size-16, b)
		for i := 16; i < size-16; i += 8 {
			w := load(arena, off+i)
			passed &= plainXML(w)
			store(buf, n+i, w)
		}
	}
	return n + size, failing(passed) == 0
}

// putEscapedXML puts a text in which something may have to be escaped, or
// replaced, which it counts. It leaves room after it.
func putEscapedXML(buf []byte, n int, text []byte, room int) (_ []byte, end int, replaced int64) {
	for len(text) > 0 {
		if len(buf)-n < len(text)+room+longestEscape {
			buf = grow(buf, n, len(text)+room+longestEscape)
		}
		if len(text) >= 8 {
			w := load(text, 0)
			store(buf, n, w)
			marks := failing(plainXML(w))
			if marks == 0 {
				text = text[8:]
				n += 8
				continue
			}
			plain := lowestLane(marks)
			text = text[plain:]
			n += plain
		}
		escape, eaten := escapeXML(text)
		if eaten == 0 {
			buf[n] = text[0]
			n++
			text = text[1:]
			continue
		}
		if escape == replacement {
			replaced++
		}
		n += copy(buf[n:], escape)
		text = text[eaten:]
	}
	return buf, n, replaced
}

const (
	replacement   = "\uFFFD"
	longestEscape = len("&amp;")
)

// escapeXML returns what the character that text begins with must be replaced by,
// and its length, 0 when it can stand. A line end must be escaped because parsers
// make LF of CR.
func escapeXML(text []byte) (escape string, eaten int) {
	switch c := text[0]; {
	case c == '&':
		return "&amp;", 1
	case c == '<':
		return "&lt;", 1
	case c == '>':
		return "&gt;", 1
	case c == '\r':
		return "&#13;", 1
	case c < ' ' && c != '\t' && c != '\n':
		return replacement, 1
	case c == 0xef && len(text) >= 3 && text[1] == 0xbf && text[2] >= 0xbe: // U+FFFE, U+FFFF
		return replacement, 3
	}
	return "", 0
}
