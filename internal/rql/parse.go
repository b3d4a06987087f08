package rql

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"outturn"
)

// Parse reads the query of a request as it was sent, still percent-encoded. Errors
// are for the client and name the position in characters of it, from 1.
func Parse(raw string, d Dialect) (*Query, error) {
	if len(raw) > MaxLength {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The query is %d bytes long. At most %d are allowed.", len(raw), MaxLength)
	}
	if !utf8.ValidString(raw) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The query is not valid UTF-8.")
	}
	text, err := dialects[d].read(raw)
	if err != nil {
		return nil, err
	}
	p := &parser{rules: dialects[d], text: text, end: utf8.RuneCountInString(raw) + 1, q: &Query{}}
	if len(text) > 0 {
		p.q.Where = p.query()
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.q, nil
}

// parser reads by recursive descent. After the first error it sees only the end.
type parser struct {
	rules
	text []char
	at   int
	end  int // position behind the last character
	err  *outturn.Error

	q             *Query
	directives    []directive
	prefix        string // of fields, in a tuple
	terms, values int
}

type directive struct {
	name string
	pos  int
}

func (p *parser) fail(pos int, format string, args ...any) {
	if p.err == nil {
		p.err = fault(pos, format, args...)
	}
	p.at = len(p.text)
}

func (p *parser) pos() int {
	if p.at < len(p.text) {
		return p.text[p.at].pos
	}
	return p.end
}

// found says what stands here.
func (p *parser) found() string {
	if p.at == len(p.text) {
		return "the end"
	}
	return strconv.Quote(string(p.text[p.at].r))
}

// is reports whether a character stands here that is one of those and may separate.
func (p *parser) is(any string) bool {
	return p.at < len(p.text) && p.text[p.at].plain && strings.ContainsRune(any, p.text[p.at].r)
}

func (p *parser) take(any string) bool {
	if !p.is(any) {
		return false
	}
	p.at++
	return true
}

func (p *parser) query() *outturn.Expr {
	var all []*outturn.Expr
	for {
		all = append(all, p.term(0))
		switch {
		case p.take(",&"):
		case p.at == len(p.text):
			return joined(outturn.OpAnd, 0, all)
		case p.is(")"):
			p.fail(p.pos(), "this parenthesis closes none")
		case p.orGroups && p.is("|;"):
			p.fail(p.pos(), "%s means or only within parentheses", p.found())
		default:
			p.fail(p.pos(), "expected , or & or the end, found %s", p.found())
		}
	}
}

// joined combines conditions. Directives leave none.
func joined(op outturn.Op, pos int, parts []*outturn.Expr) *outturn.Expr {
	parts = slices.DeleteFunc(parts, func(e *outturn.Expr) bool { return e == nil })
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	if pos == 0 {
		pos = parts[0].Pos
	}
	return &outturn.Expr{Op: op, Args: parts, Pos: pos}
}

func (p *parser) term(depth int) *outturn.Expr {
	pos := p.pos()
	if p.is("(") {
		return p.group(pos, depth+1)
	}
	word := p.word()
	switch {
	case word == "":
		p.fail(pos, "expected a condition, found %s", p.found())
	case p.is("("):
		return p.call(word, pos, depth+1)
	case p.take("="):
		return p.infix(word, pos, depth)
	default:
		p.fail(p.pos(), "expected ( or = after %s, found %s", word, p.found())
	}
	return nil
}

// open takes a parenthesis.
func (p *parser) open(depth int) {
	if depth > MaxDepth {
		p.fail(p.pos(), "more than %d parentheses are nested here", MaxDepth)
		return
	}
	p.at++
}

// closes takes the parenthesis that ends what began at pos.
func (p *parser) closes(what string, pos int) {
	switch {
	case p.take(")"):
	case p.at == len(p.text):
		p.fail(p.end, "a closing parenthesis is missing, as %s( at position %d is still open", what, pos)
	case slices.Contains(compareWords, what):
		p.fail(p.pos(), "expected the closing parenthesis of %s( at position %d, found %s.%s", what, pos, p.found(), p.hint())
	default:
		p.fail(p.pos(), "expected the closing parenthesis of %s( at position %d, found %s", what, pos, p.found())
	}
}

// hint says how the character that stands here is written as part of a value.
func (p *parser) hint() string {
	switch {
	case p.at == len(p.text) || !p.is("(),&=;"):
		return ""
	case p.quotes:
		return fmt.Sprintf(" A value with %c stands in quotes.", p.text[p.at].r)
	}
	return fmt.Sprintf(" In a value %c is written %%%02X.", p.text[p.at].r, p.text[p.at].r)
}

// group reads parentheses without a word before them.
func (p *parser) group(pos, depth int) *outturn.Expr {
	p.open(depth)
	mark := len(p.directives)
	var all, any []*outturn.Expr
	comma, bar := false, false
	for {
		all = append(all, p.term(depth))
		switch {
		case p.is(",") && bar, p.orGroups && p.is("|;") && comma:
			p.fail(p.pos(), "a comma and | or ; stand in the same parentheses. Add parentheses that say which belong together")
			return nil
		case p.take(","):
			comma = true
		case p.take("&"):
		case p.orGroups && p.take("|;"):
			bar = true
			any, all = append(any, joined(outturn.OpAnd, 0, all)), nil
		default:
			p.closes("", pos)
			last := joined(outturn.OpAnd, 0, all)
			if !bar {
				return last
			}
			p.onlyConditions(mark, "an or")
			return joined(outturn.OpOr, pos, append(any, last))
		}
	}
}

// onlyConditions refuses directives read since there were mark of them.
func (p *parser) onlyConditions(mark int, where string) {
	if len(p.directives) > mark {
		d := p.directives[mark]
		p.fail(d.pos, "%s cannot stand in %s", d.name, where)
	}
}

// all reads terms with & between them.
func (p *parser) all(depth int) *outturn.Expr {
	parts := []*outturn.Expr{p.term(depth)}
	for p.take("&") {
		parts = append(parts, p.term(depth))
	}
	return joined(outturn.OpAnd, 0, parts)
}

var compares = map[string]outturn.Op{
	"eq": outturn.OpEQ, "ne": outturn.OpNE, "gt": outturn.OpGT, "ge": outturn.OpGE, "gte": outturn.OpGE,
	"lt": outturn.OpLT, "le": outturn.OpLE, "lte": outturn.OpLE, "like": outturn.OpLike, "ilike": OpILike,
}

var compareWords = []string{"eq", "ne", "gt", "ge", "lt", "le", "like", "ilike", "in", "out"}

// call reads what has a word before its parentheses.
func (p *parser) call(word string, pos, depth int) (e *outturn.Expr) {
	p.open(depth)
	op, isCompare := compares[word]
	switch {
	case isCompare:
		field := p.field()
		p.comma(word)
		e = p.condition(op, field, pos, p.value(field, depth))
	case word == "in", word == "out":
		field := p.field()
		p.comma(word)
		e = p.list(word, field, pos, depth+1)
	case word == "range":
		field := p.field()
		p.comma(word)
		from := p.condition(outturn.OpGE, field, pos, p.value(field, depth))
		p.comma(word)
		e = joined(outturn.OpAnd, pos, []*outturn.Expr{from, p.condition(outturn.OpLE, field, pos, p.value(field, depth))})
	case word == "and", word == "or":
		e = p.logic(outturn.Op(word), pos, depth)
	case word == "not":
		mark := len(p.directives)
		if e = p.all(depth); e != nil {
			e = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{e}, Pos: pos}
		}
		p.onlyConditions(mark, "a not")
	case word == "t" && p.tuples:
		e = p.tuple("", pos, depth)
	default:
		p.directive(word, pos)
	}
	p.closes(word, pos)
	return e
}

func (p *parser) logic(op outturn.Op, pos, depth int) *outturn.Expr {
	mark := len(p.directives)
	parts := []*outturn.Expr{p.all(depth)}
	for p.take(",") {
		parts = append(parts, p.all(depth))
	}
	if len(parts) < p.fewest {
		p.fail(p.pos(), "expected a comma and another condition, since %s takes two or more, found %s", op, p.found())
	}
	if op == outturn.OpOr {
		p.onlyConditions(mark, "an or")
	}
	return joined(op, pos, parts)
}

func (p *parser) comma(after string) {
	if !p.take(",") {
		p.fail(p.pos(), "expected a comma after the first part of %s, found %s", after, p.found())
	}
}

// infix reads what follows the first = after a field.
func (p *parser) infix(field string, pos, depth int) *outturn.Expr {
	field = p.whole(field, pos)
	start := p.at
	word := p.word()
	if word == "" || !p.take("=") {
		p.at = start
		return p.condition(outturn.OpEQ, field, pos, p.value(field, depth))
	}
	if op, ok := compares[word]; ok {
		return p.condition(op, field, pos, p.value(field, depth))
	}
	if word == "in" || word == "out" {
		return p.list(word, field, pos, depth+1)
	}
	if p.err == nil {
		p.at--
		p.fail(p.text[start].pos, "%s%s", outturn.Unknown("comparison", word, compareWords).Message, p.hint())
	}
	return nil
}

// list reads the values of in and out.
func (p *parser) list(word, field string, pos, depth int) *outturn.Expr {
	in := &outturn.Expr{Op: outturn.OpIn, Field: field, Pos: pos}
	opens := p.pos()
	if !p.is("(") {
		p.fail(opens, "expected ( before the values of %s, found %s", word, p.found())
		return nil
	}
	p.open(depth)
	any := []*outturn.Expr{nil}
	for {
		v := p.value(field, depth)
		if v.null || v.tuple != nil {
			any = append(any, p.condition(outturn.OpEQ, field, pos, v))
		} else {
			p.countValue(v.pos)
			in.Values = append(in.Values, v.text)
		}
		if !p.take(",") {
			break
		}
	}
	p.closes("", opens)
	if len(in.Values) > 0 {
		p.countTerm(pos)
		any[0] = in
	}
	if p.paging(field, pos, outturn.OpIn, value{}) {
		return nil
	}
	e := joined(outturn.OpOr, pos, any)
	if word == "out" && e != nil {
		e = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{e}, Pos: pos}
	}
	return e
}

// tuple reads conditions on the parts of a field.
func (p *parser) tuple(field string, pos, depth int) *outturn.Expr {
	before, mark := p.prefix, len(p.directives)
	if field != "" {
		p.prefix = field + "."
	}
	parts := []*outturn.Expr{p.term(depth)}
	for p.take(",") {
		parts = append(parts, p.term(depth))
	}
	p.prefix = before
	p.onlyConditions(mark, "a tuple")
	return joined(outturn.OpAnd, pos, parts)
}

func (p *parser) countTerm(pos int) {
	if p.terms++; p.terms > MaxTerms {
		p.fail(pos, "the query has more than %d conditions and fields", MaxTerms)
	}
}

func (p *parser) countValue(pos int) {
	if p.values++; p.values > MaxValues {
		p.fail(pos, "the query has more than %d values", MaxValues)
	}
}

// condition makes the Expr of a comparison.
func (p *parser) condition(op outturn.Op, field string, pos int, v value) *outturn.Expr {
	e := &outturn.Expr{Op: op, Field: field, Values: []string{v.text}, Pos: pos}
	if p.err != nil || p.paging(field, pos, op, v) {
		return nil
	}
	if v.tuple == nil {
		p.countTerm(pos)
		p.countValue(v.pos)
	}
	equality := op == outturn.OpEQ || op == outturn.OpNE
	switch {
	case v.tuple != nil && !equality:
		p.fail(v.pos, "t(…) goes with eq, ne, in and out, not with %s", op)
	case v.null && !equality:
		p.fail(v.pos, "null() goes with eq, ne, in and out, not with %s", op)
	case v.empty && !equality && p.quotes:
		p.fail(v.pos, "empty() goes with eq, ne, in and out, not with %s", op)
	case v.tuple != nil:
		e = v.tuple
	case v.null:
		e = &outturn.Expr{Op: outturn.OpNull, Field: field, Pos: pos}
	case op == outturn.OpLike, op == OpILike:
		pattern, together := p.pattern(v.text)
		if together && !p.anyOne {
			p.fail(v.pos, "two wildcards stand together. One * is any run of characters")
		}
		e.Values[0] = pattern
		return e
	default:
		return e
	}
	if op == outturn.OpNE {
		e = &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{e}, Pos: pos}
	}
	return e
}

// pattern writes a pattern of like in outturn's form, and reports whether two *
// stand together.
func (d rules) pattern(text string) (pattern string, together bool) {
	var b strings.Builder
	escaped, before := false, false
	for i, r := range text {
		wild := r == '*' && !escaped
		together = together || wild && before
		before = wild
		switch {
		case escaped:
			escaped = false
			if r != '*' && (r != '?' || !d.anyOne) {
				b.WriteByte('\\') // of a backslash, which is one itself
			}
			b.WriteRune(r)
		case r == '\\' && d.escapes(text[i+1:]):
			escaped = true
		case r == '*':
			b.WriteByte('%')
		case r == '?' && d.anyOne:
			b.WriteByte('_')
		case r == '%', r == '_', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), together
}

// escapes reports whether a \ before rest takes its first character as it is.
func (d rules) escapes(rest string) bool {
	return rest != "" && (rest[0] == '*' || rest[0] == '\\' || rest[0] == '?' && d.anyOne)
}

// A value is what a field is compared with.
type value struct {
	text        string
	null, empty bool
	tuple       *outturn.Expr
	pos         int
}

func (p *parser) value(field string, depth int) value {
	v := value{pos: p.pos()}
	switch {
	case p.quotes && p.is(`"'`):
		v.text = p.quoted()
		return v
	case p.quotes:
		v.text = p.bare()
	default:
		v.text = p.upToSeparator()
	}
	switch {
	case p.err != nil || !p.is("("):
	case v.text == "null", v.text == "empty":
		p.at++
		p.closes(v.text, v.pos)
		v.null, v.empty, v.text = v.text == "null", v.text == "empty", ""
	case v.text == "t" && p.tuples:
		p.open(depth + 1)
		v.tuple = p.tuple(field, v.pos, depth+1)
		p.closes("t", v.pos)
	}
	return v
}

func (p *parser) quoted() string {
	start, quote := p.pos(), p.text[p.at].r
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at].r == quote {
			if p.at+1 == len(p.text) || p.text[p.at+1].r != quote {
				p.at++
				return b.String()
			}
			p.at++
		}
		b.WriteRune(p.text[p.at].r)
	}
	p.fail(start, "the quote that opens here is not closed")
	return ""
}

func (p *parser) bare() string {
	var b strings.Builder
	for p.at < len(p.text) && isBare(p.text[p.at].r, b.Len() == 0) {
		b.WriteRune(p.text[p.at].r)
		p.at++
	}
	switch {
	case p.at < len(p.text) && !p.is("(),&=;|"):
		p.fail(p.pos(), "%s stands here without quotes. A value with it stands in quotes", p.found())
	case b.Len() == 0:
		p.fail(p.pos(), "expected a value, found %s", p.found())
	}
	return b.String()
}

// offset is an instant whose offset was not percent-encoded.
var offset = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.]\d{1,9})?)?[+]\d\d(:?\d\d)?$`)

func (p *parser) upToSeparator() string {
	if p.is(`"'`) {
		p.fail(p.pos(), "quotes have no meaning around a value. One that belongs to it is written %%%02X", p.text[p.at].r)
		return ""
	}
	start := p.at
	var exact, blanks strings.Builder
	for p.at < len(p.text) && !p.is("(),&=;") {
		c := p.text[p.at]
		exact.WriteRune(c.r)
		if c.plain && c.r == '+' && p.plusIsBlank {
			c.r = ' '
		}
		blanks.WriteRune(c.r)
		p.at++
	}
	text := blanks.String()
	if offset.MatchString(exact.String()) {
		text = exact.String()
	}
	switch {
	case p.is("(") && (text == "null" || text == "empty"):
	case p.is("(=;"):
		p.fail(p.pos(), "expected , & ) or the end after a value, found %s.%s", p.found(), p.hint())
	case p.at == start:
		p.fail(p.pos(), "expected a value, found %s. The empty text is written empty()", p.found())
	}
	return text
}

// word reads a field or a function's name; "" when none stands here.
func (p *parser) word() string {
	start := p.at
	for p.at < len(p.text) && isFieldChar(p.text[p.at].r, p.at == start) {
		p.at++
	}
	var b strings.Builder
	for _, c := range p.text[start:p.at] {
		b.WriteRune(c.r)
	}
	return b.String()
}

func (p *parser) field() string {
	pos := p.pos()
	word := p.word()
	if word == "" {
		p.fail(pos, "expected a field, found %s", p.found())
	}
	return p.whole(word, pos)
}

// whole is a field with the prefix of the tuple that it stands in.
func (p *parser) whole(field string, pos int) string {
	field = p.prefix + field
	if n := utf8.RuneCountInString(field); n > MaxField {
		p.fail(pos, "the field is %d characters long. At most %d are allowed", n, MaxField)
	}
	return field
}

// directive reads what stands in the parentheses of a word that is no condition.
func (p *parser) directive(word string, pos int) {
	names := append([]string{"range", "and", "or", "not", "sort", "ordering", "select", "limit"}, compareWords...)
	switch {
	case p.types && (word == "implementing" || word == "composing"):
		p.began(word, pos)
		p.typeOf(word)
	case word == "sort", word == "ordering":
		if slices.ContainsFunc(p.directives, func(d directive) bool { return d.name == "sort" || d.name == "ordering" }) {
			p.fail(pos, "the order is said twice")
		}
		p.began(word, pos)
		p.fields(true, func(field string, desc bool, _ int) {
			p.q.Order = append(p.q.Order, outturn.Order{Field: field, Desc: desc})
		})
	case word == "select":
		p.began(word, pos)
		p.fields(p.exclude, p.selects)
	case word == "limit":
		p.limit(pos)
	default:
		if p.types {
			names = append(names, "implementing", "composing")
		}
		unknown := outturn.Unknown("function", word, names)
		p.fail(pos, "%s", unknown.Message)
	}
}

func (p *parser) began(word string, pos int) {
	p.directives = append(p.directives, directive{word, pos})
}

// typeOf reads the id of a type, which is a URL and may hold what separates elsewhere.
func (p *parser) typeOf(word string) {
	var b strings.Builder
	for p.at < len(p.text) && !p.is("(),") {
		b.WriteRune(p.text[p.at].r)
		p.at++
	}
	if b.Len() == 0 {
		p.fail(p.pos(), "expected a type, found %s", p.found())
	}
	p.countTerm(p.pos())
	into := &p.q.Implementing
	if word == "composing" {
		into = &p.q.Composing
	}
	*into = append(*into, b.String())
}

// fields reads the list of sort or select; it may be empty.
func (p *parser) fields(signs bool, add func(field string, minus bool, pos int)) {
	if p.is(")") {
		return
	}
	for {
		pos, minus := p.pos(), false
		if signs && p.at < len(p.text) && strings.ContainsRune("+-", p.text[p.at].r) {
			minus = p.text[p.at].r == '-'
			p.at++
		}
		field := p.field()
		p.countTerm(pos)
		if p.err != nil {
			return
		}
		add(field, minus, pos)
		if !p.take(",") {
			return
		}
	}
}

func (p *parser) selects(field string, minus bool, pos int) {
	name, opposite := field, "-"+field
	if minus {
		name, opposite = opposite, name
	}
	if slices.Contains(p.q.Select, opposite) {
		p.fail(pos, "%s is both selected and left out", field)
	}
	p.q.Select = append(p.q.Select, name)
}

// limit reads the numbers of limit(…).
func (p *parser) limit(pos int) {
	first := p.number()
	if !p.startFirst {
		p.page("limit", pos, first)
		return
	}
	count := DefaultCount
	if p.take(",") {
		count = p.number()
	}
	if p.q.Limit != nil {
		p.fail(pos, "limit is said twice")
	}
	p.began("limit", pos)
	p.q.Limit = &Limit{Start: first, Count: count}
}

func (p *parser) number() int {
	pos := p.pos()
	var b strings.Builder
	for p.at < len(p.text) && p.text[p.at].r >= '0' && p.text[p.at].r <= '9' {
		b.WriteRune(p.text[p.at].r)
		p.at++
	}
	if b.Len() == 0 {
		p.fail(pos, "expected a whole number from 0, found %s", p.found())
	}
	n, err := strconv.ParseInt(b.String(), 10, 32)
	if err != nil {
		p.fail(pos, "the number is too large")
	}
	return int(n)
}

// paging takes a condition on limit or offset, where those are no fields, for what it
// is, and reports whether it was one.
func (p *parser) paging(field string, pos int, op outturn.Op, v value) bool {
	if !p.limitIsField || field != "limit" && field != "offset" {
		return false
	}
	if op != outturn.OpEQ || v.null || v.tuple != nil {
		p.fail(pos, "%s takes one number, as in %s=10", field, field)
		return true
	}
	n, err := strconv.ParseInt(v.text, 10, 32)
	if err != nil && len(v.text) > 9 && strings.Trim(v.text, "0123456789") == "" {
		n, err = most, nil
	}
	if err != nil || n < 0 {
		n = -1 // the contract passes over it
	}
	p.page(field, pos, int(n))
	return true
}

func (p *parser) page(field string, pos, n int) {
	if slices.ContainsFunc(p.directives, func(d directive) bool { return d.name == field }) {
		p.fail(pos, "%s is said twice", field)
	}
	p.began(field, pos)
	if n < 0 {
		return
	}
	if p.q.Limit == nil {
		p.q.Limit = &Limit{Count: -1}
	}
	if field == "limit" {
		p.q.Limit.Count = n
	} else {
		p.q.Limit.Start = n
	}
}
