package verify

import "bufio"

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
	column, ok := t.index[string(r.m.name)]
	switch {
	case !ok && r.learning:
		if len(t.columns) == maxColumns {
			return damaged("There are more than %s columns.", group(maxColumns))
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
