package rql

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"outturn"
)

// Encode writes q in the one canonical form of d, percent-encoded; Parse reads it as
// a query equal to q but for positions. An error tells what d has no words for.
func Encode(q *Query, d Dialect) (string, error) {
	w := &writer{rules: dialects[d]}
	w.types("implementing", q.Implementing)
	w.types("composing", q.Composing)
	if q.Where != nil {
		top := []*outturn.Expr{q.Where}
		if q.Where.Op == outturn.OpAnd {
			top = q.Where.Args
		}
		for _, e := range top {
			w.next()
			w.expr(e)
		}
	}
	if len(q.Order) > 0 {
		w.next()
		w.text(w.order + "(")
		for i, o := range q.Order {
			w.text(map[bool]string{true: ","}[i > 0] + map[bool]string{true: "-", false: "+"}[o.Desc])
			w.field(o.Field)
		}
		w.text(")")
	}
	w.selects(q.Select)
	w.limit(q.Limit)
	if w.err != nil {
		return "", w.err
	}
	return w.b.String(), nil
}

type writer struct {
	rules
	b   strings.Builder
	err error
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("write a query of %s: "+format, append([]any{w.name}, args...)...)
	}
}

func (w *writer) text(s string) { w.b.WriteString(s) }

// next separates terms.
func (w *writer) next() {
	if w.b.Len() > 0 {
		w.text(w.separator)
	}
}

// encoded writes what may be any text.
func (w *writer) encoded(s string) {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		w.fail("%q is no text that a query may hold", s)
		return
	}
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~:/@*?", c) >= 0 {
			w.b.WriteByte(c)
			continue
		}
		w.b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
}

func (w *writer) field(name string) {
	for i, r := range name {
		if !isFieldChar(r, i == 0) {
			name = ""
		}
	}
	if name == "" || utf8.RuneCountInString(name) > MaxField {
		w.fail("there is a field that cannot be written")
		return
	}
	w.encoded(name)
}

func (w *writer) types(word string, types []string) {
	for _, t := range types {
		if !w.rules.types || t == "" {
			w.fail("it has no %s(%s)", word, t)
		}
		w.next()
		w.text(word + "(")
		w.encoded(t)
		w.text(")")
	}
}

func (w *writer) expr(e *outturn.Expr) {
	switch {
	case (e.Op == outturn.OpAnd || e.Op == outturn.OpOr) && len(e.Args) == 1:
		w.expr(e.Args[0])
	case (e.Op == outturn.OpAnd || e.Op == outturn.OpOr) && len(e.Args) > 1:
		w.call(string(e.Op), func() {
			for i, arg := range e.Args {
				if i > 0 {
					w.text(",")
				}
				w.expr(arg)
			}
		})
	case e.Op == outturn.OpNot && len(e.Args) == 1:
		switch arg := e.Args[0]; arg.Op {
		case outturn.OpNull:
			w.condition("ne", arg)
		case outturn.OpIn:
			w.condition("out", arg)
		default:
			w.call("not", func() { w.expr(arg) })
		}
	case e.Op == outturn.OpAnd || e.Op == outturn.OpOr || e.Op == outturn.OpNot:
		w.fail("%s with %d parts", e.Op, len(e.Args))
	case e.Op == outturn.OpNull:
		w.condition("eq", e)
	default:
		w.condition(string(e.Op), e)
	}
}

func (w *writer) call(word string, inside func()) {
	w.text(word + "(")
	inside()
	w.text(")")
}

func (w *writer) condition(word string, e *outturn.Expr) {
	if w.limitIsField && (e.Field == "limit" || e.Field == "offset") {
		w.fail("%s is no field", e.Field)
	}
	w.call(word, func() {
		w.field(e.Field)
		w.text(",")
		switch {
		case e.Op == outturn.OpNull && len(e.Values) == 0:
			w.text("null()")
		case e.Op == outturn.OpIn && len(e.Values) > 0:
			w.text("(")
			for i, v := range e.Values {
				if i > 0 {
					w.text(",")
				}
				w.value(v)
			}
			w.text(")")
		case len(e.Values) != 1 || compares[word] != e.Op:
			w.fail("%s with %d values", e.Op, len(e.Values))
		case e.Op == outturn.OpLike || e.Op == OpILike:
			w.value(w.wildcards(e.Values[0]))
		default:
			w.value(e.Values[0])
		}
	})
}

// wildcards writes outturn's pattern with * and ?.
func (w *writer) wildcards(pattern string) string {
	var b strings.Builder
	escaped := false
	for _, r := range pattern {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '%':
			b.WriteByte('*')
		case !escaped && r == '_' && !w.anyOne:
			w.fail("it has no wildcard for one character")
		case !escaped && r == '_':
			b.WriteByte('?')
		case r == '*', r == '\\', r == '?' && w.anyOne:
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		escaped = false
	}
	if escaped {
		w.fail("the pattern %q ends in \\", pattern)
	}
	return b.String()
}

func (w *writer) value(v string) {
	bare := v != ""
	for i, r := range v {
		bare = bare && isBare(r, i == 0)
	}
	switch {
	case w.quotes && !bare:
		w.encoded(`"` + strings.ReplaceAll(v, `"`, `""`) + `"`)
	case v == "":
		w.text("empty()")
	default:
		w.encoded(v)
	}
}

func (w *writer) selects(fields []string) {
	if len(fields) == 0 {
		return
	}
	w.next()
	w.call("select", func() {
		for i, f := range fields {
			if i > 0 {
				w.text(",")
			}
			if name, minus := strings.CutPrefix(f, "-"); minus && w.exclude {
				w.text("-")
				f = name
			}
			w.field(f)
		}
	})
}

func (w *writer) limit(l *Limit) {
	switch {
	case l == nil:
	case l.Start < 0 || l.Start > most || l.Count < -1 || l.Count > most || l.Count < 0 && w.startFirst:
		w.fail("the limit %d from %d", l.Count, l.Start)
	case w.startFirst:
		w.next()
		w.text("limit(" + strconv.Itoa(l.Start) + "," + strconv.Itoa(l.Count) + ")")
	default:
		if l.Count >= 0 {
			w.next()
			w.text("limit=" + strconv.Itoa(l.Count))
		}
		if l.Start > 0 || l.Count < 0 {
			w.next()
			w.text("offset=" + strconv.Itoa(l.Start))
		}
	}
}
