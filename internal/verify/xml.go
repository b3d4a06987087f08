package verify

import (
	"bufio"
	"strconv"
	"strings"
	"unicode/utf8"
)

// readXML reads a document whose root holds rows, which hold a column each:
// <report><record><TOTAL>12.50</TOTAL></record></report>. A null is an element
// that is not there.
func readXML(content *bufio.Reader, t *tally) error {
	r := &xmlReader{m: newMarkup(content), t: t, column: -1}
	if !t.setColumns() {
		t.place(nil)
		r.learning = true
	}
	r.m.text = r.text
	r.seen = make([]int64, len(t.columns))
	return r.read()
}

type xmlReader struct {
	m        *markup
	t        *tally
	seen     []int64 // by column: the last row that had it
	column   int     // being read; -1: none
	learning bool    // columns are taken as they come
	size     int     // of the names that were taken
}

func (r *xmlReader) text(text []byte) {
	if r.column >= 0 && r.m.depth() == 3 && r.t.wants(r.column) {
		r.t.put(r.column, text)
	}
}

func (r *xmlReader) read() error {
	for {
		kind, err := r.m.next()
		if err != nil || kind == tokenEnd {
			return err
		}
		switch {
		case kind == startElement && r.m.depth() == 3:
			if err := r.start(); err != nil {
				return err
			}
		case kind == endElement && r.m.depth() == 2:
			r.column = -1
		case kind == endElement && r.m.depth() == 1:
			if r.m.in.bad() {
				r.t.faults.add("Row %s holds bytes that are not UTF-8.", group(r.t.row()))
			}
			r.t.endRow()
		}
	}
}

// start finds the column that begins.
func (r *xmlReader) start() error {
	t := r.t
	column, ok := r.find(r.m.name)
	switch {
	case !ok && r.learning:
		if r.size += len(r.m.name); len(t.columns) == maxColumns || r.size > maxHeader {
			return damaged("There are more than %s columns, or their names have more than %s bytes.", group(maxColumns), group(maxHeader))
		}
		r.column = len(t.columns)
		t.columns = append(t.columns, string(r.m.name))
		t.index[string(r.m.name)] = r.column
		r.seen = append(r.seen, t.row())
		return nil
	case !ok:
		t.faults.add("Row %s has an element %s, which is no column.", group(t.row()), shown(r.m.name))
		return nil
	case r.seen[column] == t.row():
		t.faults.add("Row %s has %s twice.", group(t.row()), t.columns[column])
		return nil
	}
	r.seen[column] = t.row()
	r.column = column
	return nil
}

// find returns the place of the column whose element has this name. A column may be
// called what looks like an escape: one that has the very name comes first. Without
// a manifest nobody knows what was meant, and names are taken as they stand.
func (r *xmlReader) find(element []byte) (column int, ok bool) {
	if column, ok = r.t.index[string(element)]; ok || r.learning {
		return column, ok
	}
	text := string(element)
	for i, name := range r.t.columns {
		if spells(text, name) {
			r.t.index[text] = i
			return i, true
		}
	}
	return 0, false
}

// spells reports whether an element's name is that of a column: every character
// stands for itself, or is _xHHHH_, its code point in hexadecimal. The underscore
// always stands for itself, so there is one way to read each name.
func spells(element, column string) bool {
	if column == "" {
		return element == "_"
	}
	for _, want := range column {
		c, size := utf8.DecodeRuneInString(element)
		if c == '_' && want != '_' {
			c, size = escaped(element)
		}
		if c != want || size == 0 {
			return false
		}
		element = element[size:]
	}
	return element == ""
}

// escaped reads the _xHHHH_ that text begins with, of six digits for what four
// cannot say. size is 0 where it begins with none.
func escaped(text string) (c rune, size int) {
	digits, _, ended := strings.Cut(strings.TrimPrefix(text, "_x"), "_")
	code, err := strconv.ParseUint(digits, 16, 32)
	switch {
	case !ended || err != nil || !strings.HasPrefix(text, "_x"):
		return 0, 0
	case len(digits) != 4 && (len(digits) != 6 || code <= 0xffff):
		return 0, 0
	}
	return rune(code), len("_x") + len(digits) + len("_")
}
