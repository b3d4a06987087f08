package verify

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep values may lie within each other.
const maxDepth = 10_000

// A jsonReader reads flat objects, byte by byte; no value has to fit into memory.
type jsonReader struct {
	in *input
	t  *tally

	key       []byte
	size      int     // of the names, where no manifest gives them
	seen      []int64 // by column: the last row that had it
	fixed     bool    // the columns are known
	misplaced bool    // told of the order
	depth     []byte
}

// A syntax is a fault of grammar in one place.
type syntax struct{ found, want string }

func (s syntax) Error() string { return s.found + " stands where " + s.want + " should" }

// errCut is the end of the file where more must come.
var errCut = errors.New("cut")

func newJSONReader(content *bufio.Reader, t *tally) *jsonReader {
	r := &jsonReader{in: newInput(content), t: t}
	t.spelling.exponents = true
	if r.fixed = t.setColumns(); r.fixed {
		r.seen = make([]int64, len(t.columns))
	}
	return r
}

// readJSON reads one array of flat objects.
func readJSON(content *bufio.Reader, t *tally) error {
	r := newJSONReader(content, t)
	err := r.array()
	var s syntax
	switch {
	case r.in.failed() != nil:
		return r.in.failed()
	case errors.Is(err, errCut) && t.rows == 0:
		return damaged("The file ends before its array of objects does: it has been cut.")
	case errors.Is(err, errCut):
		return damaged("The file ends in or after row %s, before its array does: it has been cut.", group(t.row()))
	case errors.As(err, &s):
		return damaged("Row %s, byte %s of the file: %s.", group(t.row()), group(r.in.offset()), s.Error())
	}
	return err
}

func (r *jsonReader) array() error {
	c, err := r.token()
	if err != nil {
		return err
	}
	if c != '[' {
		return damaged("The file should be one JSON array, but it begins with %s.", shown([]byte{c}))
	}
	r.in.pos++
	if c, err = r.token(); err != nil {
		return err
	}
	if c == ']' {
		r.in.pos++
	}
	for more := c != ']'; more; {
		if err := r.object(); err != nil {
			return err
		}
		r.endRow()
		if more, err = r.comma(']'); err != nil {
			return err
		}
	}
	if _, err := r.token(); err == nil {
		return damaged("More follows after the end of the JSON array, from byte %s on.", group(r.in.offset()))
	}
	return nil
}

// readNDJSON reads an object a line. A line that is damaged is told and left out.
func readNDJSON(content *bufio.Reader, t *tally) error {
	r := newJSONReader(content, t)
	for {
		if _, ok := r.in.peek(); !ok {
			return r.in.failed()
		}
		whole, err := r.line()
		var s syntax
		switch {
		case r.in.failed() != nil:
			return r.in.failed()
		case errors.Is(err, errCut):
			return damaged("The file ends in the middle of row %s: it has been cut.", group(t.row()))
		case errors.As(err, &s):
			t.faults.add("Row %s, byte %s of the file: %s. The rest of its line was left out.", group(t.row()), group(r.in.offset()), s.Error())
			r.depth = r.depth[:0]
			if !r.skipLine() {
				return r.in.failed()
			}
			t.rows++
			t.forget()
			continue
		case err != nil:
			return err
		}
		if !whole {
			t.faults.add("The file ends without a line end, after row %s: it may have been cut.", group(t.row()))
		}
		r.endRow()
	}
}

// line reads an object and its line end.
func (r *jsonReader) line() (whole bool, err error) {
	if err := r.object(); err != nil {
		return false, err
	}
	for {
		c, ok := r.in.next()
		switch {
		case !ok:
			return false, nil
		case c == '\n':
			return true, nil
		case c != ' ' && c != '\t' && c != '\r':
			r.in.pos--
			return false, syntax{shown([]byte{c}), "the end of the line"}
		}
	}
}

func (r *jsonReader) skipLine() bool {
	for {
		c, ok := r.in.next()
		if !ok {
			return false
		}
		if c == '\n' {
			return true
		}
	}
}

func (r *jsonReader) endRow() {
	if r.in.bad() {
		r.t.faults.add("Row %s holds bytes that are not UTF-8.", group(r.t.row()))
	}
	r.t.endRow()
}

// token skips white space and returns what comes, which it leaves.
func (r *jsonReader) token() (byte, error) {
	for {
		c, ok := r.in.peek()
		if !ok {
			return 0, errCut
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, nil
		}
		r.in.pos++
	}
}

func (r *jsonReader) expect(want byte) error {
	c, err := r.token()
	if err != nil {
		return err
	}
	if c != want {
		return syntax{shown([]byte{c}), shown([]byte{want})}
	}
	r.in.pos++
	return nil
}

// comma reads a comma or what closes the list.
func (r *jsonReader) comma(closing byte) (more bool, err error) {
	c, err := r.token()
	if err != nil {
		return false, err
	}
	if c != ',' && c != closing {
		return false, syntax{shown([]byte{c}), fmt.Sprintf("%q or %q", ",", closing)}
	}
	r.in.pos++
	return c == ',', nil
}

// object reads a row.
func (r *jsonReader) object() error {
	if err := r.expect('{'); err != nil {
		return err
	}
	c, err := r.token()
	if err != nil {
		return err
	}
	found := 0
	more := c != '}'
	if !more {
		r.in.pos++
	}
	for i := 0; more; i++ {
		column, err := r.member(i)
		if err != nil {
			return err
		}
		if column >= 0 {
			found++
		}
		if more, err = r.comma('}'); err != nil {
			return err
		}
	}
	if !r.fixed {
		r.fixed = true
		r.t.place(r.t.columns)
	}
	if found < len(r.t.columns) {
		r.t.faults.add("Row %s has no %s.", group(r.t.row()), r.t.columns[r.missing()])
	}
	return nil
}

// missing returns the first column that the row has not.
func (r *jsonReader) missing() int {
	for i, row := range r.seen {
		if row != r.t.row() {
			return i
		}
	}
	return 0
}

// member reads the i-th name and value of a row, and returns its column; -1 if it
// is none, or one that the row has already.
func (r *jsonReader) member(i int) (column int, err error) {
	if err := r.expect('"'); err != nil {
		return 0, err
	}
	r.key = r.key[:0]
	const most = maxHeader + 1 // column refuses what has more
	if err := r.str(func(text []byte) {
		r.key = append(r.key, text[:min(len(text), most-len(r.key))]...)
	}); err != nil {
		return 0, err
	}
	if err := r.expect(':'); err != nil {
		return 0, err
	}
	column, err = r.column(i)
	if err != nil {
		return 0, err
	}
	return column, r.value(column)
}

func (r *jsonReader) column(i int) (int, error) {
	t := r.t
	column, ok := i, i < len(t.columns) && t.columns[i] == string(r.key)
	if !ok {
		column, ok = t.index[string(r.key)]
	}
	switch {
	case !ok && !r.fixed:
		if r.size += len(r.key); len(t.columns) == maxColumns || r.size > maxHeader {
			return 0, damaged("Row 1 has more than %s members, or their names have more than %s bytes.", group(maxColumns), group(maxHeader))
		}
		column = len(t.columns)
		t.columns = append(t.columns, string(r.key))
		t.index[string(r.key)] = column
		r.seen = append(r.seen, 0)
	case !ok:
		t.faults.add("Row %s has a member %s, which is no column.", group(t.row()), shown(r.key))
		return -1, nil
	case r.seen[column] == t.row():
		t.faults.add("Row %s has %s twice.", group(t.row()), t.columns[column])
		return -1, nil
	case column != i && !r.misplaced:
		r.misplaced = true
		t.faults.add("Row %s has its columns in another order than it should: %s is out of place.", group(t.row()), t.columns[column])
	}
	r.seen[column] = t.row()
	return column, nil
}

var jsonSpecial = func() (special [256]bool) {
	for c := range 0x20 {
		special[c] = true
	}
	special['"'], special['\\'] = true, true
	return special
}()

// str reads a string whose opening quote has been read, and passes it on.
func (r *jsonReader) str(pass func([]byte)) error {
	in := r.in
	for in.pos < in.end || in.fill() {
		piece := in.buf[in.pos:in.end]
		n := 0
		for n < len(piece) && !jsonSpecial[piece[n]] {
			n++
		}
		if pass != nil && n > 0 {
			pass(piece[:n])
		}
		in.pos += n
		if n == len(piece) {
			continue
		}
		switch piece[n] {
		case '"':
			in.pos++
			return nil
		case '\\':
			in.pos++
			if err := r.escape(pass); err != nil {
				return err
			}
		default:
			return syntax{fmt.Sprintf("the control character %#02x", piece[n]), "text"}
		}
	}
	return errCut
}

func (r *jsonReader) escape(pass func([]byte)) error {
	c, ok := r.in.next()
	if !ok {
		return errCut
	}
	var text [utf8.UTFMax]byte
	out := text[:0]
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), c); i >= 0 {
		out = append(out, "\"\\/\b\f\n\r\t"[i])
	} else if c == 'u' {
		first, err := r.hex4()
		if err != nil {
			return err
		}
		if first >= 0xd800 && first < 0xdc00 {
			if first, err = r.pair(first); err != nil {
				return err
			}
		} else if first >= 0xdc00 && first < 0xe000 {
			return syntax{"half of a surrogate pair", "a character"}
		}
		out = utf8.AppendRune(out, first)
	} else {
		r.in.pos--
		return syntax{shown([]byte{'\\', c}), "a character"}
	}
	if pass != nil {
		pass(out)
	}
	return nil
}

// pair reads the second half of a surrogate pair.
func (r *jsonReader) pair(first rune) (rune, error) {
	for _, want := range []byte(`\u`) {
		c, ok := r.in.next()
		if !ok {
			return 0, errCut
		}
		if c != want {
			r.in.pos--
			return 0, syntax{"half of a surrogate pair", "a character"}
		}
	}
	second, err := r.hex4()
	if err != nil {
		return 0, err
	}
	if second < 0xdc00 || second >= 0xe000 {
		return 0, syntax{"half of a surrogate pair", "a character"}
	}
	return 0x10000 + (first-0xd800)<<10 + second - 0xdc00, nil
}

func (r *jsonReader) hex4() (x rune, err error) {
	for range 4 {
		c, ok := r.in.next()
		if !ok {
			return 0, errCut
		}
		switch {
		case c >= '0' && c <= '9':
			x = x<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			x = x<<4 | rune(c|0x20-'a'+10)
		default:
			r.in.pos--
			return 0, syntax{shown([]byte{c}), "a hexadecimal digit"}
		}
	}
	return x, nil
}

// value reads the value of a column, or of none.
func (r *jsonReader) value(column int) error {
	var pass func([]byte)
	if column >= 0 && r.fixed && r.t.wants(column) {
		pass = func(text []byte) { r.t.put(column, text) }
	}
	c, err := r.token()
	if err != nil {
		return err
	}
	switch {
	case c == '"':
		r.in.pos++
		return r.str(pass)
	case c == '{' || c == '[':
		if pass != nil {
			r.t.put(column, []byte{c}) // which no sum takes
		}
		return r.nested()
	case c == 'n' && pass != nil:
		return r.word(nil) // null is nothing
	case c == '-' || c >= '0' && c <= '9':
		return r.number(pass)
	}
	return r.word(pass)
}

// word reads true, false or null.
func (r *jsonReader) word(pass func([]byte)) error {
	c, err := r.token()
	if err != nil {
		return err
	}
	word, ok := map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c]
	if !ok {
		return syntax{shown([]byte{c}), "a value"}
	}
	for i := range len(word) {
		c, ok := r.in.next()
		if !ok {
			return errCut
		}
		if c != word[i] {
			r.in.pos--
			return syntax{shown([]byte{c}), "the word " + word}
		}
	}
	if pass != nil {
		pass([]byte(word))
	}
	return nil
}

// number reads a number by its grammar: -?int frac? exp?
func (r *jsonReader) number(pass func([]byte)) error {
	out := func(c byte) {
		if pass != nil {
			pass([]byte{c})
		}
	}
	take := func(set string) bool {
		c, ok := r.in.peek()
		if !ok || bytes.IndexByte([]byte(set), c) < 0 {
			return false
		}
		r.in.pos++
		out(c)
		return true
	}
	digits := func() error {
		n := 0
		for take("0123456789") {
			n++
		}
		if n > 0 {
			return nil
		}
		if c, ok := r.in.peek(); ok {
			return syntax{shown([]byte{c}), "a digit"}
		}
		return errCut
	}
	take("-")
	if !take("0") {
		if err := digits(); err != nil {
			return err
		}
	} else if c, ok := r.in.peek(); ok && c >= '0' && c <= '9' {
		return syntax{shown([]byte{c}), "the end of a number that begins with 0"}
	}
	if take(".") {
		if err := digits(); err != nil {
			return err
		}
	}
	if take("eE") {
		take("+-")
		return digits()
	}
	return nil
}

// nested reads an object or an array within a row. Only its grammar counts.
func (r *jsonReader) nested() error {
	r.depth = r.depth[:0]
	for {
		c, err := r.token()
		if err != nil {
			return err
		}
		switch c {
		case '{', '[':
			if len(r.depth) == maxDepth {
				return damaged("Row %s: values lie more than %s deep within each other.", group(r.t.row()), group(maxDepth))
			}
			r.depth = append(r.depth, c+2) // what closes it
			r.in.pos++
			empty, err := r.closes()
			if err != nil {
				return err
			}
			if !empty {
				if err := r.name(); err != nil {
					return err
				}
				continue
			}
		default:
			if err := r.value(-1); err != nil { // no object or array: a plain value
				return err
			}
		}
		// A value has ended, and perhaps what it lies in.
		for {
			if len(r.depth) == 0 {
				return nil
			}
			more, err := r.comma(r.depth[len(r.depth)-1])
			if err != nil {
				return err
			}
			if more {
				if err := r.name(); err != nil {
					return err
				}
				break
			}
			r.depth = r.depth[:len(r.depth)-1]
		}
	}
}

// closes reports whether what was opened is closed at once.
func (r *jsonReader) closes() (bool, error) {
	c, err := r.token()
	if err != nil {
		return false, err
	}
	if c != r.depth[len(r.depth)-1] {
		return false, nil
	}
	r.in.pos++
	r.depth = r.depth[:len(r.depth)-1]
	return true, nil
}

// name reads a name and its colon, if the value lies in an object.
func (r *jsonReader) name() error {
	if r.depth[len(r.depth)-1] != '}' {
		return nil
	}
	if err := r.expect('"'); err != nil {
		return err
	}
	if err := r.str(nil); err != nil {
		return err
	}
	return r.expect(':')
}
