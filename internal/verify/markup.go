package verify

import (
	"bytes"
	"io"
	"strconv"
	"unicode/utf8"
)

// A markup reads XML as tokens, a piece at a time: elements, attributes and text,
// without namespaces' meaning. encoding/xml is several times slower and takes
// memory for every token. A document type is refused: it could define entities
// that grow without end, and no file here has one.
type markup struct {
	in   *input
	text func([]byte) // gets the text between tags; nil: nobody wants it

	name  []byte // of the element that started or ended, without its prefix
	attrs []attr
	bytes []byte // of name and attrs
	empty bool   // the element that started ends at once
	open  []byte // the names of the open elements, one after the other
	ends  []int  // where each of them ends in open
	root  bool   // has been seen
}

type attr struct{ name, value []byte }

type token uint8

const (
	tokenEnd token = iota // of the document
	startElement
	endElement
)

const (
	maxNesting  = 64
	maxTagBytes = maxHeader // of a tag, and of the names of all elements that are open
)

func newMarkup(r io.Reader) *markup {
	m := &markup{in: newInput(r)}
	m.in.skipMark()
	return m
}

// depth is how many elements are open, the one that has just started included.
func (m *markup) depth() int { return len(m.ends) }

// attr returns the value of an attribute; nil where there is none.
func (m *markup) attr(name string) []byte {
	for _, a := range m.attrs {
		if string(a.name) == name {
			return a.value
		}
	}
	return nil
}

// next reads up to the next tag and passes the text before it on.
func (m *markup) next() (token, error) {
	if m.empty {
		m.empty = false
		m.pop()
		return endElement, nil
	}
	for {
		more, err := m.readText()
		if err != nil {
			return 0, err
		}
		if !more {
			return tokenEnd, m.finish()
		}
		c, ok := m.in.peek()
		if !ok {
			return 0, m.cut()
		}
		switch c {
		case '/':
			m.in.pos++
			return endElement, m.endTag()
		case '?':
			if err := m.skipTo("?>", nil); err != nil {
				return 0, err
			}
		case '!':
			m.in.pos++
			if err := m.declaration(); err != nil {
				return 0, err
			}
		default:
			return startElement, m.startTag()
		}
	}
}

func (m *markup) finish() error {
	if err := m.in.failed(); err != nil {
		return err
	}
	if m.depth() > 0 || !m.root {
		return m.cut()
	}
	return nil
}

// cut is the error for an end where none may be.
func (m *markup) cut() error {
	if err := m.in.failed(); err != nil {
		return err
	}
	return damaged("The XML ends in the middle: it has been cut")
}

func (m *markup) wrong(what string) error {
	return damaged("The XML is damaged at byte %s: %s", group(m.in.offset()), what)
}

// readText passes text on up to the next tag, whose bracket it reads.
func (m *markup) readText() (more bool, err error) {
	in := m.in
	for in.pos < in.end || in.fill() {
		piece := in.buf[in.pos:in.end]
		n := bytes.IndexByte(piece, '<')
		if n < 0 {
			n = len(piece)
		}
		text := piece[:n]
		if amp := bytes.IndexByte(text, '&'); amp >= 0 {
			if err := m.pass(text[:amp]); err != nil {
				return false, err
			}
			in.pos += amp + 1
			var buf [utf8.UTFMax]byte
			c, err := m.entity(buf[:0])
			if err != nil {
				return false, err
			}
			if err := m.pass(c); err != nil {
				return false, err
			}
			continue
		}
		if err := m.pass(text); err != nil {
			return false, err
		}
		in.pos += n
		if n < len(piece) {
			in.pos++
			return true, nil
		}
	}
	return false, nil
}

func (m *markup) pass(text []byte) error {
	if m.depth() == 0 {
		if len(bytes.TrimLeft(text, " \t\r\n")) > 0 {
			return m.wrong("text stands outside of the root element")
		}
		return nil
	}
	if m.text != nil && len(text) > 0 {
		m.text(text)
	}
	return nil
}

// entity reads what stands between & and ;.
func (m *markup) entity(dst []byte) ([]byte, error) {
	var name [12]byte
	for n := range name {
		c, ok := m.in.next()
		if !ok {
			return nil, m.cut()
		}
		if c == ';' {
			if r, ok := character(string(name[:n])); ok {
				return utf8.AppendRune(dst, r), nil
			}
			break
		}
		name[n] = c
	}
	return nil, m.wrong("an entity is not known")
}

func character(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && n > 0 && n <= utf8.MaxRune && utf8.ValidRune(rune(n))
}

// skipTo passes on what comes before end, and skips both.
func (m *markup) skipTo(end string, pass func([]byte)) error {
	held := 0 // how much of end has been seen
	for {
		c, ok := m.in.next()
		if !ok {
			return m.cut()
		}
		for c != end[held] && held > 0 {
			// What was held back was no end. All ends are a repeated character and then >,
			// so that one less of it is still held; "?>" falls back to nothing.
			if pass != nil {
				pass([]byte(end[:1]))
			}
			held--
			if held > 0 && c == end[0] {
				break
			}
		}
		switch {
		case c == end[held]:
			if held++; held == len(end) {
				return nil
			}
		case pass != nil:
			pass([]byte{c})
		}
	}
}

// declaration is what begins with <!.
func (m *markup) declaration() error {
	c, ok := m.in.next()
	if !ok {
		return m.cut()
	}
	switch c {
	case '-':
		if c, ok := m.in.next(); !ok || c != '-' {
			return m.wrong("a comment does not begin as one")
		}
		return m.skipTo("-->", nil)
	case '[':
		for _, want := range []byte("CDATA[") {
			if c, ok := m.in.next(); !ok || c != want {
				return m.wrong("a CDATA section does not begin as one")
			}
		}
		if m.depth() == 0 {
			return m.wrong("text stands outside of the root element")
		}
		return m.skipTo("]]>", m.text)
	}
	return m.wrong("it has a document type, which is refused")
}

// startTag reads an element's name and attributes.
func (m *markup) startTag() error {
	if m.depth() == 0 && m.root {
		return m.wrong("a second root element begins")
	}
	m.root = true
	m.bytes, m.attrs = m.bytes[:0], m.attrs[:0]
	c, err := m.readName(" \t\r\n/>")
	if err != nil {
		return err
	}
	m.name = m.bytes
	full := len(m.bytes)
	if full == 0 {
		return m.wrong("a tag has no name")
	}
	if m.depth() == maxNesting || len(m.open)+full > maxTagBytes {
		return m.wrong("elements lie too deep within each other")
	}
	m.open = append(m.open, m.name...)
	m.ends = append(m.ends, len(m.open))
	for {
		for c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			if c, err = m.byte(); err != nil {
				return err
			}
		}
		if c == '>' || c == '/' {
			break
		}
		if c, err = m.attribute(c); err != nil {
			return err
		}
	}
	if c == '/' {
		if c, err = m.byte(); err != nil {
			return err
		}
		if c != '>' {
			return m.wrong("a tag does not end as one")
		}
		m.empty = true
	}
	m.name = local(m.bytes[:full])
	return nil
}

func local(name []byte) []byte {
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

func (m *markup) byte() (byte, error) {
	c, ok := m.in.next()
	if !ok {
		return 0, m.cut()
	}
	return c, nil
}

// readName appends a name to m.bytes and returns the character behind it.
func (m *markup) readName(ends string) (byte, error) {
	for {
		c, err := m.byte()
		if err != nil {
			return 0, err
		}
		for i := range len(ends) {
			if c == ends[i] {
				return c, nil
			}
		}
		if c == '<' || c == '&' || len(m.bytes) > maxTagBytes {
			return 0, m.wrong("a tag does not end as one")
		}
		m.bytes = append(m.bytes, c)
	}
}

// attribute reads name="value", whose first character is c, and returns the
// character behind it.
func (m *markup) attribute(first byte) (byte, error) {
	start := len(m.bytes)
	m.bytes = append(m.bytes, first)
	c, err := m.readName("= \t\r\n>")
	if err != nil {
		return 0, err
	}
	middle := len(m.bytes)
	for c == ' ' || c == '\t' || c == '\r' || c == '\n' {
		if c, err = m.byte(); err != nil {
			return 0, err
		}
	}
	if c != '=' {
		return 0, m.wrong("an attribute has no value")
	}
	quote, err := m.byte()
	for err == nil && (quote == ' ' || quote == '\t' || quote == '\r' || quote == '\n') {
		quote, err = m.byte()
	}
	if err != nil {
		return 0, err
	}
	if quote != '"' && quote != '\'' {
		return 0, m.wrong("an attribute's value has no quotes")
	}
	for {
		c, err := m.byte()
		switch {
		case err != nil:
			return 0, err
		case c == quote:
			// m.bytes may move while it grows; values are cut from it when it has not.
			m.attrs = append(m.attrs, attr{m.bytes[start:middle], m.bytes[middle:]})
			return m.byte()
		case c == '<' || len(m.bytes) > maxTagBytes:
			return 0, m.wrong("an attribute does not end")
		case c == '&':
			if m.bytes, err = m.entity(m.bytes); err != nil {
				return 0, err
			}
		default:
			m.bytes = append(m.bytes, c)
		}
	}
}

// endTag reads </name> and holds it against the element that is open.
func (m *markup) endTag() error {
	m.bytes = m.bytes[:0]
	c, err := m.readName(" \t\r\n>")
	if err != nil {
		return err
	}
	for c != '>' {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return m.wrong("a closing tag does not end as one")
		}
		if c, err = m.byte(); err != nil {
			return err
		}
	}
	if m.depth() == 0 || !bytes.Equal(m.bytes, m.open[m.start():]) {
		return m.wrong("the element " + shownName(m.bytes) + " is closed, but it is not the one that is open")
	}
	m.pop()
	return nil
}

func shownName(name []byte) string { return shown(name) }

// start is where the name of the innermost open element begins.
func (m *markup) start() int {
	if len(m.ends) < 2 {
		return 0
	}
	return m.ends[len(m.ends)-2]
}

// pop closes the innermost element, whose name stays in m.name.
func (m *markup) pop() {
	m.name = local(m.open[m.start():])
	m.open = m.open[:m.start()]
	m.ends = m.ends[:len(m.ends)-1]
}

// skipElement reads to the end of the element that has just started.
func (m *markup) skipElement() error {
	text := m.text
	m.text = nil
	defer func() { m.text = text }()
	for until := m.depth() - 1; m.depth() > until; {
		if _, err := m.next(); err != nil {
			return err
		}
	}
	return nil
}
