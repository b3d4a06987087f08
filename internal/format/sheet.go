package format

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/xlsx"
)

// sheet encodes the rows of a workbook's sheets: text as strings in the cell, numbers
// that a spreadsheet holds exactly as numbers, days and instants as serial numbers
// with a format that shows them, null as no cell at all.
//
// What cells have in common stands together, their place comes last, and text that
// stands for itself is in the short form of a string, <v>: that makes a tenth less
// to compress, and to store, than the usual order and <is><t>.
type sheet struct {
	columns []batch.Column
	kinds   []kind
	zone    *time.Location
	key     []int
	layout  xlsx.Layout

	book              *xlsx.Workbook
	header, text      int // styles
	numberHeader      int
	cells             []cell
	sheets            int     // begun so far
	cutHeaders        []int64 // by column; nil where none was
	maxRows, maxBytes int64   // of a sheet, without its header
}

// A cell is the markup of the cells of a column before the number of the row: of
// those that hold text, in the short form and inline, and of those that hold the
// column's values.
type cell struct {
	text, inline, value tag
}

// cellRoom is what a cell fits into, but for the text in it.
const cellRoom = 2*32 + room

// addTo makes s a part of a workbook, whose styles it names.
func (s *sheet) addTo(book *xlsx.Workbook) {
	s.book = book
	s.header = book.Style(xlsx.Style{Format: "@", Header: true})
	s.numberHeader = book.Style(xlsx.Style{Format: "@", Header: true, Right: true})
	s.text = book.Style(xlsx.Style{Format: "@"})
	s.cells = make([]cell, len(s.columns))
	for c, column := range s.columns {
		name := xlsx.ColumnName(c)
		s.cells[c] = cell{
			text:   newTag(fmt.Sprintf(`<c s="%d" t="str" r="%s`, s.text, name)),
			inline: newTag(fmt.Sprintf(`<c s="%d" t="inlineStr" r="%s`, s.text, name)),
			value:  newTag(fmt.Sprintf(`<c s="%d" r="%s`, book.Style(xlsx.Style{Format: s.numberFormat(c)}), name)),
		}
		if column.Type == outturn.Bool {
			s.cells[c].value = newTag(`<c t="b" r="` + name)
		}
	}
}

func (s *sheet) numberFormat(c int) string {
	scale := s.columns[c].Scale
	switch s.kinds[c] {
	case kindInt:
		return "0"
	case kindDecimal:
		return decimalFormat(scale)
	case kindDate:
		return `yyyy\-mm\-dd`
	case kindTime:
		return timeFormat(scale)
	}
	return ""
}

// milliseconds is the scale of the finest times that a spreadsheet shows. Were finer
// ones kept, the last half of a millisecond of a day would show the next day.
const milliseconds = 3

// isNumber reports whether a column's cells are numbers that people count with.
func (s *sheet) isNumber(c int) bool {
	switch s.kinds[c] {
	case kindInt:
		return !s.columns[c].ID
	case kindDecimal, kindFloat:
		return true
	}
	return false
}

func (s *sheet) limits() (rows, bytes int64) { return s.maxRows, s.maxBytes }

// next begins a sheet of the workbook.
func (s *sheet) next() (io.Writer, error) {
	s.sheets++
	if s.sheets == 1 {
		return s.book.Sheet("Data")
	}
	return s.book.Sheet("Data " + strconv.Itoa(s.sheets))
}

func (s *sheet) Head(dst []byte) []byte {
	s.layout.Frozen, s.layout.Selected = true, s.sheets == 1
	dst = xlsx.AppendHead(dst, s.layout)
	dst = append(dst, `<row r="1">`...)
	for c, column := range s.columns {
		style := s.header
		if s.isNumber(c) {
			style = s.numberHeader
		}
		var cut bool
		if dst, cut = xlsx.AppendTextCell(dst, c, 1, style, column.Title()); cut {
			count(&s.cutHeaders, c, len(s.columns))
		}
	}
	return append(dst, `</row>`...)
}

func (s *sheet) Tail(dst []byte, rows int64) []byte {
	if len(s.columns) > 0 {
		s.book.Filtered(len(s.columns), rows+1)
	}
	return xlsx.AppendTail(dst, s.layout, len(s.columns), rows+1)
}

func (s *sheet) Rows(dst []byte, b span) ([]byte, outturn.Notes, error) {
	buf, n := whole(dst)
	e := rowEncoder{sheet: s, arena: b.Arena()}
	vectors := b.vectors(s.kinds, s.zone)
	for r := b.from; r < b.to; r++ {
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		e.setRow(b.place(r) + 1) // the header is the first
		n += copy(buf[n:], `<row r="`)
		n = e.putRow(buf, n)
		n += copy(buf[n:], `">`)
		for c := range vectors {
			v := &vectors[c]
			if v.null(r) {
				continue
			}
			if len(buf)-n < cellRoom {
				buf = grow(buf, n, cellRoom)
			}
			var ok bool
			if buf, n, ok = e.put(buf, n, c, v, v.Words[r]); !ok {
				return buf[:n], e.notes(), b.misfit(c, r, s.key, spelledYears)
			}
		}
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		n += copy(buf[n:], `</row>`)
	}
	return buf[:n], e.notes(), nil
}

// A rowEncoder encodes the rows of one span.
type rowEncoder struct {
	*sheet
	arena []byte

	row     uint64 // the digits of the row's number, the first in the lowest byte
	rowSize int

	cut, asText []int64 // by column; nil where there is none
}

func (e *rowEncoder) setRow(number int64) {
	var digits [24]byte
	e.rowSize = putUint(digits[:], 0, uint64(number))
	e.row = load(digits[:], 0)
}

func (e *rowEncoder) putRow(buf []byte, n int) int {
	store(buf, n, e.row)
	return n + e.rowSize
}

// open puts what comes before a value.
func (e *rowEncoder) open(buf []byte, n int, t *tag) int {
	n = e.putRow(buf, t.put(buf, n))
	store(buf, n, '"'|'>'<<8|'<'<<16|'v'<<24|'>'<<32)
	return n + len(`"><v>`)
}

// end puts what comes after it.
func end(buf []byte, n int) int {
	store(buf, n, '<'|'/'<<8|'v'<<16|'>'<<24|'<'<<32|'/'<<40|'c'<<48|'>'<<56)
	return n + len(`</v></c>`)
}

// put puts a cell that is not null. It reports false for a value that no file can
// spell.
func (e *rowEncoder) put(buf []byte, n, c int, v *vector, word uint64) ([]byte, int, bool) {
	value := &e.cells[c].value
	var scratch [64]byte
	switch v.kind {
	case kindText, kindJSON:
		buf, n = e.putText(buf, n, c, e.arena, int(word>>32), int(uint32(word)))
		return buf, n, true
	case kindInt:
		const limit = 1_000_000_000_000_000 // 16 digits
		x := int64(word)
		if e.columns[c].ID {
			return e.putPlain(buf, n, c, scratch[:putInt(scratch[:], 0, x)])
		}
		if x <= -limit || x >= limit {
			return e.putNumber(buf, n, c, scratch[:putInt(scratch[:], 0, x)])
		}
		n = putInt(buf, e.open(buf, n, value), x)
	case kindDecimal:
		if word&1 != 0 {
			return e.putNumber(buf, n, c, digits(e.arena, word))
		}
		const limit = 1_000_000_000_000_000
		x := int64(word) >> 1
		if x <= -limit || x >= limit {
			return e.putNumber(buf, n, c, scratch[:putDecimal(scratch[:], 0, x, v.scale, '.')])
		}
		n = putDecimal(buf, e.open(buf, n, value), x, v.scale, '.')
		if v.scale > 0 {
			n = trimZeros(buf, n)
		}
	case kindFloat:
		x := math.Float64frombits(word)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return e.putAsText(buf, n, c, scratch[:putFloat(scratch[:], 0, x)])
		}
		n = putFloat(buf, e.open(buf, n, value), x)
	case kindBool:
		n = e.open(buf, n, value)
		buf[n] = '0' + byte(word)
		n++
	case kindDate:
		day := int64(word)
		if day < xlsx.FirstDay || day > xlsx.LastDay {
			size, ok := putDate(scratch[:], 0, day)
			if !ok {
				return buf, n, false
			}
			return e.putAsText(buf, n, c, scratch[:size])
		}
		n = e.open(buf, n, value)
		n = len(xlsx.AppendSerial(buf[:n], day, 0))
	case kindTime:
		day, micros, ok := v.clock.local(int64(word), min(v.scale, milliseconds))
		if !ok {
			size, ok := v.clock.put(scratch[:], 0, int64(word), v.scale)
			if !ok {
				return buf, n, false
			}
			return e.putAsText(buf, n, c, scratch[:size])
		}
		n = e.open(buf, n, value)
		n = len(xlsx.AppendSerial(buf[:n], day, micros))
		if v.scale > milliseconds && lost(int64(word), v.scale) {
			count(&e.cut, c, len(e.columns))
		}
	}
	return buf, end(buf, n), true
}

// lost reports whether an instant has more than milliseconds in a scale.
func lost(micros int64, scale int) bool {
	const milli = 1000
	finer := (micros%milli + milli) % milli
	return finer >= int64(powers[outturn.MaxTimeScale-scale])
}

// putNumber puts a number of many digits: as text if a spreadsheet would lose some.
func (e *rowEncoder) putNumber(buf []byte, n, c int, digits []byte) ([]byte, int, bool) {
	if significant(digits) > xlsx.MaxDigits {
		return e.putAsText(buf, n, c, digits)
	}
	n = e.open(buf, n, &e.cells[c].value)
	n += copy(buf[n:], digits)
	if bytes.IndexByte(digits, '.') >= 0 {
		n = trimZeros(buf, n)
	}
	return buf, end(buf, n), true
}

// putAsText puts the text of a value that is no text by its type, and counts it.
func (e *rowEncoder) putAsText(buf []byte, n, c int, text []byte) ([]byte, int, bool) {
	count(&e.asText, c, len(e.columns))
	return e.putPlain(buf, n, c, text)
}

// putPlain puts a short text in which nothing needs an escape.
func (e *rowEncoder) putPlain(buf []byte, n, c int, text []byte) ([]byte, int, bool) {
	n = e.open(buf, n, &e.cells[c].text)
	n += copy(buf[n:], text)
	return buf, end(buf, n), true
}

// putText puts the text at arena[off:off+size] and the end of its cell.
func (e *rowEncoder) putText(buf []byte, n, c int, arena []byte, off, size int) ([]byte, int) {
	if len(buf)-n < size+cellRoom {
		buf = grow(buf, n, size+cellRoom)
	}
	start, text := n, arena[off:off+size]
	n = e.open(buf, n, &e.cells[c].text)
	n, plain := putPlainXML(buf, n, arena, off, size)
	if !plain || size == 0 || size > xlsx.MaxText || trimmed(text) || bytes.IndexByte(text, '_') >= 0 {
		return e.putUnusual(buf, start, c, text)
	}
	return buf, end(buf, n)
}

// trimmed reports whether text, which is not empty, may begin or end with a space of
// some kind. Some readers take those away from the short form of a string.
func trimmed(text []byte) bool {
	first, last := text[0], text[len(text)-1]
	if (first|last)&0x80 == 0 {
		return first <= ' ' || last <= ' '
	}
	a, _ := utf8.DecodeRune(text)
	z, _ := utf8.DecodeLastRune(text)
	return isSpace(a) || isSpace(z)
}

// isSpace tells spaces, and characters that nobody sees.
func isSpace(r rune) bool {
	return r <= ' ' || r >= 0x80 && (unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs))
}

// putUnusual puts a text that has something to be escaped, begins or ends with a
// space, is empty, or is too long: inline, where it may have spaces and escapes of
// any kind, if it has.
func (e *rowEncoder) putUnusual(buf []byte, n, c int, text []byte) ([]byte, int) {
	tail := `</v></c>`
	if len(text) == 0 || trimmed(text) || !onlyMarkup(text) {
		n = e.putRow(buf, e.cells[c].inline.put(buf, n))
		n += copy(buf[n:], `"><is><t xml:space="preserve">`)
		tail = `</t></is></c>`
	} else {
		n = e.open(buf, n, &e.cells[c].text)
	}
	dst, cut := xlsx.AppendText(buf[:n], text)
	if cut {
		count(&e.cut, c, len(e.columns))
	}
	dst = append(dst, tail...)
	return dst[:cap(dst)], len(dst)
}

// onlyMarkup reports whether nothing in text needs more than the escapes of XML.
func onlyMarkup(text []byte) bool {
	for i, c := range text {
		if c < ' ' || c == 0xef || c == '_' && i+1 < len(text) && text[i+1] == 'x' {
			return false
		}
	}
	return true
}

func count(list *[]int64, column, columns int) {
	if *list == nil {
		*list = make([]int64, columns)
	}
	(*list)[column]++
}

func (e *rowEncoder) notes() outturn.Notes {
	return outturn.Notes{Cut: e.named(e.cut), AsText: e.named(e.asText)}
}

func (s *sheet) named(counts []int64) map[string]int64 {
	var named map[string]int64
	for c, n := range counts {
		if n == 0 {
			continue
		}
		if named == nil {
			named = map[string]int64{}
		}
		named[s.columns[c].Name] += n
	}
	return named
}

// trimZeros takes zeros from the end of a number that has a point, and the point
// with them.
func trimZeros(buf []byte, n int) int {
	for buf[n-1] == '0' {
		n--
	}
	if buf[n-1] == '.' {
		n--
	}
	return n
}

// significant returns how many digits of a number are not leading or trailing
// zeros.
func significant(digits []byte) int {
	first, last, n := -1, -1, 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			continue
		}
		if c != '0' {
			last = n
			if first < 0 {
				first = n
			}
		}
		n++
	}
	if first < 0 {
		return 0
	}
	return last - first + 1
}

// decimalText returns the digits of x.
func decimalText(x int64) string { return strconv.FormatInt(x, 10) }

// numberText returns the digits of a number that a spreadsheet can hold exactly.
func numberText(text string) (digits string, ok bool) {
	if !decimalDigits(text) || significant([]byte(text)) > xlsx.MaxDigits {
		return "", false
	}
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text, true
}

func decimalDigits(text string) bool {
	text = strings.TrimPrefix(text, "-")
	return text != "" && strings.Trim(text, "0123456789.") == "" && text[0] != '.'
}

func fractionDigits(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	return len(fraction)
}
