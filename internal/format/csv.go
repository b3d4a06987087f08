package format

import (
	"bytes"
	"time"

	"outturn"
	"outturn/internal/batch"
)

// A dialect is how CSV is written for one kind of reader.
type dialect struct {
	name      string
	bom       bool // begin with U+FEFF, by which Excel knows UTF-8
	delimiter byte
	point     byte // decimal mark
	guard     bool // keep text from being run as a formula
}

var dialects = []dialect{
	{name: "machine", delimiter: ',', point: '.'},
	{name: "spreadsheet", bom: true, delimiter: ',', point: '.', guard: true},
	{name: "semicolon", bom: true, delimiter: ';', point: ',', guard: true},
}

// Dialects lists the CSV dialects, the default first.
func Dialects() []string {
	var names []string
	for _, d := range dialects {
		names = append(names, d.name)
	}
	return names
}

func findDialect(name string) (dialect, error) {
	if name == "" {
		return dialects[0], nil
	}
	for _, d := range dialects {
		if d.name == name {
			return d, nil
		}
	}
	return dialect{}, outturn.Unknown("CSV dialect", name, Dialects())
}

// csv encodes rows by RFC 4180: fields between delimiters, quoted where a reader
// would need or like it, a header, and CRLF after every line.
//
// A null is an empty field and an empty text is "". In a file of one column a
// null is "" too: the empty line it would be otherwise is one that many readers
// skip, and they would lose the row.
type csv struct {
	dialect
	columns []batch.Column
	kinds   []kind
	zone    *time.Location

	delimiters uint64 // in every lane
}

func newCSV(o Options) (encoder, error) {
	d, err := findDialect(o.Dialect)
	if err != nil {
		return nil, err
	}
	k, err := kinds(o.Columns)
	if err != nil {
		return nil, err
	}
	return &csv{dialect: d, columns: o.Columns, kinds: k, zone: o.Zone, delimiters: uint64(d.delimiter) * lanes}, nil
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
		name := []byte(c.Name)
		buf, n, _ = e.putText(buf, n, name, 0, len(name))
	}
	return append(buf[:n], "\r\n"...)
}

func (e *csv) Tail(dst []byte) []byte { return dst }

func (e *csv) Rows(dst []byte, b *batch.Batch, first int64) ([]byte, outturn.Notes, error) {
	var notes outturn.Notes
	buf, n := whole(dst)
	vectors := vectors(b, e.kinds, e.zone)
	arena := b.Arena()
	for r := range b.Rows() {
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
					buf, n = e.putDigits(buf, n, arena, word)
				}
			case kindFloat:
				n = e.putFloat(buf, n, b.Float(c, r))
			case kindBool:
				n = putBool(buf, n, word != 0)
			case kindDate:
				n, ok = v.calendar.put(buf, n, int64(word))
			case kindTime:
				n, ok = v.putTime(buf, n, int64(word))
			}
			if !ok {
				return buf[:n], notes, misfit(e.columns[c], first+int64(r)+1)
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

// special marks in w what makes a field need quotes: the delimiter, the quote
// and control characters. Of those only CR and LF must be quoted; the others
// are because readers differ.
func (e *csv) special(w uint64) uint64 {
	return lanesEqual(w, quotes) | lanesEqual(w, e.delimiters) | lanesControl(w)
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
	if len(buf)-n < size+room {
		buf = grow(buf, n, size+room)
	}
	if size < 8 {
		w := loadShort(arena, off, size)
		if size == 0 || byte(w) == ' ' || w>>(8*size-8) == ' ' || w == endOfCopy || e.special(w|harm<<(8*size)) != 0 {
			buf, n = putQuoted(buf, n, arena[off:off+size])
			return buf, n, 0
		}
		store(buf[n:], w)
		return buf, n + size, 0
	}
	text, to := arena[off:off+size], buf[n:n+size+8]
	w := load(text)
	seen := e.special(w)
	if byte(w) == ' ' {
		seen = 1
	}
	store(to, w)
	for i := 8; i+8 <= len(text); i += 8 {
		w = load(text[i:])
		seen |= e.special(w)
		store(to[i:], w)
	}
	w = load(text[size-8:])
	seen |= e.special(w)
	store(to[size-8:], w)
	if seen != 0 || w>>56 == ' ' {
		buf, n = putQuoted(buf, n, text)
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
	for len(text) >= 8 {
		w := load(text)
		store(buf[n:], w)
		marks := lanesEqual(w, quotes)
		if marks == 0 {
			text = text[8:]
			n += 8
			continue
		}
		k := lowestLane(marks) + 1
		text = text[k:]
		n += k
		buf[n] = '"'
		n++
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
func (e *csv) putDigits(buf []byte, n int, arena []byte, word uint64) ([]byte, int) {
	off, size := int(word>>32), int(uint32(word)>>1)
	if len(buf)-n < size+room {
		buf = grow(buf, n, size+room)
	}
	digits := buf[n : n+copy(buf[n:], arena[off:off+size])]
	if e.point != '.' {
		e.mark(digits)
	}
	return buf, n + size
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
