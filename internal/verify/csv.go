package verify

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// A delimited is how a dialect of CSV or TSV is to be read.
type delimited struct {
	delimiter byte
	mark      bool // begins with U+FEFF
	crlf      bool // every line ends with CR and LF
	copied    bool // as PostgreSQL's COPY: every line ends with LF, and may be empty where there is one column
	guard     bool
	point     byte
}

// dialects are those that docs/formats.md describes, by format and name.
var dialects = map[string]delimited{
	"csv machine":     {delimiter: ',', crlf: true, point: '.'},
	"csv spreadsheet": {delimiter: ',', crlf: true, point: '.', mark: true, guard: true},
	"csv semicolon":   {delimiter: ';', crlf: true, point: ',', mark: true, guard: true},
	"csv postgres":    {delimiter: ',', copied: true, point: '.'},
	"tsv machine":     {delimiter: '\t', point: '.'},
	"tsv utf16":       {delimiter: '\t', point: '.', mark: true, guard: true},
}

// readDelimited reads CSV and TSV.
func readDelimited(content *bufio.Reader, format, dialect string, t *tally) error {
	d, known := dialects[format+" "+dialect]
	if !known {
		t.unread = "rows, columns and totals were not read: the dialect " + dialect + " of " + format + " is not known here"
		return nil
	}
	text := io.Reader(content)
	if dialect == "utf16" {
		if head, _ := content.Peek(2); !bytes.Equal(head, utf16Mark) {
			return damaged("The file should be UTF-16, but it does not begin with the bytes FF FE.")
		}
		text = &utf16Reader{r: content}
	}
	t.spelling.point = d.point
	t.guard = d.guard
	r := &delimitedReader{delimited: d, in: newInput(text), t: t}
	for _, c := range []byte{d.delimiter, '"', '\r', '\n'} {
		r.special[c] = true
	}
	return r.read()
}

// A delimitedReader reads by RFC 4180, a piece at a time: no row and no field has
// to fit into memory.
type delimitedReader struct {
	delimited
	in *input
	t  *tally

	special [256]bool // what may end a field that has no quotes, or is wrong in it
	state   fieldState
	header  bool // has been read
	names   []string
	name    []byte
	size    int // of the names

	field  int  // its place in the row
	keep   bool // the field counts
	quoted bool // the field has quotes
	any    bool // the row has a byte
	told   bool // of a fault in this row
	bareLF int64
	crlfs  int64
}

type fieldState uint8

const (
	atStart fieldState = iota
	inPlain
	inQuotes
	afterQuote
	afterCR
)

func (r *delimitedReader) read() error {
	titles := r.t.titles()
	own := len(titles) > 0 && strings.HasPrefix(titles[0], string(utf8Mark)) // what looks like a mark is the heading's
	if r.mark && !r.in.skipMark() {
		r.t.faults.add("The file does not begin with a byte order mark, as its dialect does.")
	} else if !r.mark && !own && r.in.skipMark() {
		r.t.faults.add("The file begins with a byte order mark, which its dialect has not.")
	}
	in := r.in
	r.keep = true // names
	for in.pos < in.end || in.fill() {
		if err := r.step(in.buf[in.pos:in.end]); err != nil {
			return err
		}
	}
	if err := in.failed(); err != nil {
		return err
	}
	return r.finish()
}

// step reads as far as one state goes.
func (r *delimitedReader) step(piece []byte) error {
	switch r.state {
	case atStart:
		if piece[0] == '"' {
			r.quoted, r.any, r.state = true, true, inQuotes
			r.in.pos++
			return nil
		}
		r.quoted, r.state = false, inPlain
		return nil
	case inPlain:
		n := 0
		for n < len(piece) && !r.special[piece[n]] {
			n++
		}
		r.take(piece[:n])
		r.in.pos += n
		if n == len(piece) {
			return nil
		}
		if piece[n] == '"' {
			r.fault("Row %s: a quote stands inside a field that does not begin with one.")
			r.take(piece[n : n+1])
			r.in.pos++
			return nil
		}
		return r.end(piece[n])
	case inQuotes:
		n := bytes.IndexByte(piece, '"')
		if n < 0 {
			r.take(piece)
			r.in.pos = r.in.end
			return nil
		}
		r.take(piece[:n])
		r.in.pos += n + 1
		r.state = afterQuote
		return nil
	case afterQuote:
		c := piece[0]
		switch {
		case c == '"':
			r.take(piece[:1])
			r.in.pos++
			r.state = inQuotes
			return nil
		case r.special[c]:
			return r.end(c)
		}
		r.fault("Row %s: text follows a field's closing quote.")
		r.state = inPlain
		return nil
	}
	// after CR
	if piece[0] == '\n' {
		r.in.pos++
		r.crlfs++
	} else {
		r.fault("Row %s: a CR stands alone.")
	}
	return r.endRow()
}

// end is at a character that ends a field.
func (r *delimitedReader) end(c byte) error {
	r.in.pos++
	switch c {
	case '\r':
		r.state = afterCR
		return nil
	case '\n':
		r.bareLF++
		return r.endRow()
	}
	r.any = true
	return r.endField()
}

func (r *delimitedReader) take(text []byte) {
	if len(text) == 0 {
		return
	}
	r.any = true
	if !r.keep {
		return
	}
	if r.header {
		r.t.put(r.field, text)
	} else if r.size += len(text); r.size <= maxHeader {
		r.name = append(r.name, text...)
	}
}

func (r *delimitedReader) endField() error {
	r.state = atStart
	if r.header {
		r.field++
		r.keep = r.t.wants(r.field)
		return nil
	}
	r.names = append(r.names, string(r.name))
	r.name = r.name[:0]
	r.field++
	if len(r.names) > maxColumns || r.size > maxHeader {
		return damaged("The header has more than %s columns or %s bytes: this is hardly one.", group(maxColumns), group(maxHeader))
	}
	return nil
}

func (r *delimitedReader) endRow() error {
	// A quoted field of one column may be empty; a line without a byte is no row.
	empty := r.field == 0 && !r.any
	if err := r.endField(); err != nil {
		return err
	}
	fields := r.field
	if !r.header {
		if empty {
			return damaged("The file begins with an empty line where its header should be.")
		}
		r.header = true
		r.t.setHeader(r.names, true)
	} else {
		if want := len(r.t.columns); fields != want {
			r.fault("Row %s has %d fields, and there are %d columns.", fields, want)
		} else if empty && !r.copied {
			r.fault("Row %s is an empty line.")
		}
		if r.in.bad() {
			r.fault("Row %s holds bytes that are not UTF-8.")
		}
		r.t.endRow()
	}
	r.field, r.any, r.told = 0, false, false
	r.keep = r.t.wants(0)
	return nil
}

// fault tells of the row that is being read, once.
func (r *delimitedReader) fault(format string, args ...any) {
	if r.told {
		return
	}
	r.told = true
	if !r.header {
		r.t.faults.add("The header is damaged: it has a quote, a CR or bytes where none may be.")
		return
	}
	r.t.faults.add(format, append([]any{group(r.t.row())}, args...)...)
}

// finish looks at how the file ends.
func (r *delimitedReader) finish() error {
	switch {
	case r.state == inQuotes:
		return damaged("The file ends inside a quoted field of row %s: it has been cut.", group(r.t.row()))
	case r.state == atStart && r.field == 0 && !r.any: // after a whole line
	case r.state == afterCR:
		r.t.faults.add("The file ends with a CR, in the middle of a line end: it has been cut.")
		if err := r.endRow(); err != nil {
			return err
		}
	default:
		return r.unended()
	}
	if !r.header {
		return damaged("The file is empty: it has not even a header.")
	}
	if r.in.bad() {
		r.t.faults.add("The header holds bytes that are not UTF-8.")
	}
	if r.crlf && r.bareLF > 0 {
		r.t.faults.add("%s lines end with LF alone, where the dialect has CR and LF.", group(r.bareLF))
	}
	if r.copied && r.crlfs > 0 {
		r.t.faults.add("%s lines end with CR and LF, where the dialect has LF alone.", group(r.crlfs))
	}
	return nil
}

// unended is the last line without an end. If all its fields are there it may be a
// row all the same.
func (r *delimitedReader) unended() error {
	if !r.header {
		return damaged("The file ends in the middle of its header: it has been cut.")
	}
	if r.field+1 != len(r.t.columns) {
		return damaged("The file ends in the middle of row %s: it has been cut.", group(r.t.row()))
	}
	r.t.faults.add("The file ends without a line end, in or after row %s: it may have been cut.", group(r.t.row()))
	return r.endRow()
}
