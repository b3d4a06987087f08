package outturn

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a filter in text form.
const (
	MaxFilterLength = 64 << 10 // bytes
	MaxFilterDepth  = 64       // nested not and parentheses
	MaxComparisons  = 500      // in the filter of a report
	MaxFilterValues = 10_000   // of all its comparisons together
)

// ParseExpr reads a filter as people write it:
//
//	CURRENCY eq EUR and (TOTAL gt 100 or not (STATUS in (Open, 'On hold')))
//	NAME like 'A%' and CLOSED is null
//
// Values stand bare, or in single or double quotes in which the quote itself is
// doubled. Words may be in either case; not binds tighter than and, and tighter
// than or. Errors name the position in characters, from 1. Whether the fields
// exist and the values fit them is told by Check.
func ParseExpr(text string) (*Expr, error) {
	if len(text) > MaxFilterLength {
		return nil, Errorf(CodeInvalid, "The filter is %d bytes long. At most %d are allowed.", len(text), MaxFilterLength)
	}
	if !utf8.ValidString(text) {
		return nil, Errorf(CodeInvalid, "The filter is not valid UTF-8.")
	}
	p := &exprParser{text: []rune(text)}
	p.next()
	e := p.or(0)
	if p.err == nil && p.tok.kind != tokEnd {
		p.fail("expected and, or, or the end, found %s", p.tok)
	}
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

type exprToken struct {
	kind tokenKind
	text string // a word or the content of quotes
	pos  int    // of its first character, from 1
}

type tokenKind int

const (
	tokEnd tokenKind = iota
	tokWord
	tokQuoted
	tokOpen
	tokClose
	tokComma
)

func (t exprToken) String() string {
	if t.kind == tokEnd {
		return "the end"
	}
	return "\"" + t.text + "\""
}

// exprParser reads by recursive descent, a token ahead. After the first error
// it sees only the end.
type exprParser struct {
	text []rune
	at   int
	tok  exprToken
	err  *Error
}

func (p *exprParser) fail(format string, args ...any) {
	if p.err == nil {
		args = append([]any{p.tok.pos}, args...)
		p.err = Errorf(CodeInvalid, "The filter has a fault at position %d: "+format+".", args...)
	}
	p.tok = exprToken{kind: tokEnd, pos: p.tok.pos}
	p.at = len(p.text)
}

func (p *exprParser) next() {
	for p.at < len(p.text) && unicode.IsSpace(p.text[p.at]) {
		p.at++
	}
	p.tok = exprToken{kind: tokEnd, pos: p.at + 1}
	if p.at == len(p.text) {
		return
	}
	switch c := p.text[p.at]; c {
	case '(', ')', ',':
		p.at++
		p.tok.kind = map[rune]tokenKind{'(': tokOpen, ')': tokClose, ',': tokComma}[c]
		p.tok.text = string(c)
	case '\'', '"':
		p.quoted(c)
	default:
		start := p.at
		for p.at < len(p.text) && !unicode.IsSpace(p.text[p.at]) && !strings.ContainsRune("(),'\"", p.text[p.at]) {
			p.at++
		}
		p.tok.kind, p.tok.text = tokWord, string(p.text[start:p.at])
	}
}

func (p *exprParser) quoted(quote rune) {
	var content []rune
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != quote {
			content = append(content, p.text[p.at])
			continue
		}
		if p.at+1 == len(p.text) || p.text[p.at+1] != quote {
			p.at++
			p.tok.kind, p.tok.text = tokQuoted, string(content)
			return
		}
		content = append(content, quote)
		p.at++
	}
	p.fail("the quote that opens here is not closed")
}

// keyword reports whether the token is the given bare word.
func (p *exprParser) keyword(word string) bool {
	return p.tok.kind == tokWord && strings.EqualFold(p.tok.text, word)
}

func (p *exprParser) or(depth int) *Expr {
	return p.chain(OpOr, depth, func() *Expr { return p.chain(OpAnd, depth, func() *Expr { return p.not(depth) }) })
}

// chain reads one or more operands joined by op's word.
func (p *exprParser) chain(op Op, depth int, operand func() *Expr) *Expr {
	first := operand()
	if !p.keyword(string(op)) {
		return first
	}
	e := &Expr{Op: op, Args: []*Expr{first}, Pos: first.Pos}
	for p.keyword(string(op)) {
		p.next()
		e.Args = append(e.Args, operand())
	}
	return e
}

func (p *exprParser) not(depth int) *Expr {
	pos := p.tok.pos
	if depth > MaxFilterDepth {
		p.fail("more than %d levels are nested here", MaxFilterDepth)
	}
	if p.keyword("not") {
		p.next()
		return &Expr{Op: OpNot, Args: []*Expr{p.not(depth + 1)}, Pos: pos}
	}
	if p.tok.kind != tokOpen {
		return p.comparison()
	}
	p.next()
	e := p.or(depth + 1)
	p.expect(tokClose, ")")
	return e
}

func (p *exprParser) expect(kind tokenKind, what string) {
	if p.tok.kind != kind {
		p.fail("expected %s, found %s", what, p.tok)
		return
	}
	p.next()
}

func (p *exprParser) comparison() *Expr {
	e := &Expr{Pos: p.tok.pos, Field: p.tok.text}
	if p.tok.kind != tokWord {
		p.fail("expected a field, found %s", p.tok)
		return e
	}
	p.next()
	negate := p.keyword("not")
	if negate {
		p.next()
	}
	op := Op(strings.ToLower(p.tok.text))
	switch {
	case p.tok.kind != tokWord:
		op = ""
	case op == "is" && !negate:
		return p.isNull(e)
	case negate && op != OpIn && op != OpLike:
		op = ""
	}
	switch op {
	case OpEQ, OpNE, OpLT, OpLE, OpGT, OpGE, OpLike:
		p.next()
		e.Values = []string{p.value()}
	case OpIn:
		p.next()
		e.Values = p.list()
	default:
		p.fail("expected eq, ne, lt, le, gt, ge, in, like or is null after %s, found %s", e.Field, p.tok)
	}
	e.Op = op
	return negated(e, negate)
}

func (p *exprParser) isNull(e *Expr) *Expr {
	p.next()
	negate := p.keyword("not")
	if negate {
		p.next()
	}
	if !p.keyword("null") {
		p.fail("expected null after is, found %s", p.tok)
		return e
	}
	p.next()
	e.Op = OpNull
	return negated(e, negate)
}

func negated(e *Expr, negate bool) *Expr {
	if !negate {
		return e
	}
	return &Expr{Op: OpNot, Args: []*Expr{e}, Pos: e.Pos}
}

func (p *exprParser) list() []string {
	p.expect(tokOpen, "( after in")
	values := []string{p.value()}
	for p.tok.kind == tokComma {
		p.next()
		values = append(values, p.value())
	}
	p.expect(tokClose, ", or )")
	return values
}

func (p *exprParser) value() string {
	text := p.tok.text
	if p.tok.kind != tokWord && p.tok.kind != tokQuoted {
		p.fail("expected a value, found %s", p.tok)
		return ""
	}
	p.next()
	return text
}

// String writes e in the form that ParseExpr reads.
func (e *Expr) String() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *Expr) write(b *strings.Builder) {
	switch e.Op {
	case OpAnd, OpOr:
		for i, arg := range e.Args {
			if i > 0 {
				b.WriteString(" " + string(e.Op) + " ")
			}
			b.WriteByte('(')
			arg.write(b)
			b.WriteByte(')')
		}
	case OpNot:
		b.WriteString("not (")
		e.Args[0].write(b)
		b.WriteByte(')')
	case OpNull:
		b.WriteString(e.Field + " is null")
	case OpIn:
		b.WriteString(e.Field + " in (")
		for i, v := range e.Values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quote(v))
		}
		b.WriteByte(')')
	default:
		b.WriteString(e.Field + " " + string(e.Op) + " " + quote(e.Values[0]))
	}
}

func quote(value string) string {
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

// ParseOrder reads a sort order as people write it: FIELD, FIELD desc, …
func ParseOrder(text string) ([]Order, error) {
	var order []Order
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(part)
		if len(words) == 0 || len(words) > 2 {
			return nil, Errorf(CodeInvalid, "The order %q is not clear at %q. Write a field, or a field and asc or desc, with commas between.", text, strings.TrimSpace(part))
		}
		o := Order{Field: words[0]}
		if len(words) == 2 {
			switch strings.ToLower(words[1]) {
			case "desc":
				o.Desc = true
			case "asc":
			default:
				return nil, Errorf(CodeInvalid, "The order %q has %q after %s. Use asc or desc.", text, words[1], words[0])
			}
		}
		order = append(order, o)
	}
	return order, nil
}
