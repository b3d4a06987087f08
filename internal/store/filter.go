package store

import (
	"slices"
	"strings"
	"time"

	"outturn"
)

// Limits of a filter of a list.
const (
	mostValues = 1000 // in all of it
	mostFields = 200  // comparisons
)

var operators = map[outturn.Op]string{
	outturn.OpEQ: " = ", outturn.OpNE: " = ", outturn.OpLT: " < ", outturn.OpLE: " <= ", outturn.OpGT: " > ", outturn.OpGE: " >= ", outturn.OpLike: " LIKE ",
}

// check reports every fault of e as a filter of l.
func (l *listing) check(e *outturn.Expr) error {
	c := &filterCheck{l: l}
	if e != nil {
		c.walk(e, 0)
	}
	if c.values > mostValues || c.fields > mostFields {
		return outturn.Errorf(outturn.CodeInvalid, "The filter is too long: at most %d comparisons with %d values together.", mostFields, mostValues)
	}
	if len(c.faults) == 1 {
		return c.faults[0]
	}
	return outturn.JoinFaults(c.faults)
}

type filterCheck struct {
	l              *listing
	values, fields int
	faults         []error
}

func (c *filterCheck) fault(format string, args ...any) {
	c.faults = append(c.faults, outturn.Errorf(outturn.CodeInvalid, format, args...))
}

func (c *filterCheck) walk(e *outturn.Expr, depth int) {
	if e == nil || depth > outturn.MaxFilterDepth {
		c.fault("The filter is nested too deep, or has a part that is empty.")
		return
	}
	switch e.Op {
	case outturn.OpAnd, outturn.OpOr, outturn.OpNot:
		if n := len(e.Args); n == 0 || e.Op == outturn.OpNot && n != 1 {
			c.fault("The filter has %s with %d conditions.", e.Op, n)
		}
		for _, arg := range e.Args {
			c.walk(arg, depth+1)
		}
	default:
		c.comparison(e)
	}
}

func (c *filterCheck) comparison(e *outturn.Expr) {
	c.fields++
	c.values += len(e.Values)
	if c.fields > mostFields || c.values > mostValues {
		return
	}
	f, ok := c.l.field(e.Field)
	if !ok {
		var names []string
		for _, f := range c.l.fields {
			names = append(names, f.name)
		}
		c.faults = append(c.faults, unknown("field of "+c.l.name, e.Field, names))
		return
	}
	_, compares := operators[e.Op]
	switch n := len(e.Values); {
	case e.Op == outturn.OpNull && n == 0, e.Op == outturn.OpIn && n > 0, compares && n == 1:
	case e.Op == outturn.OpNull || e.Op == outturn.OpIn || compares:
		c.fault("The condition %s on %s has %d values.", e.Op, f.name, n)
	default:
		c.fault("There is no condition %s.", outturn.Shown(string(e.Op)))
	}
	if e.Op == outturn.OpLike && f.kind != textField {
		c.fault("The condition like is for texts, and %s is an instant.", f.name)
		return
	}
	for _, v := range e.Values {
		c.valueOf(f, e.Op, v)
	}
}

func (c *filterCheck) valueOf(f *listField, op outturn.Op, v string) {
	if f.kind == instantField {
		if _, err := parseInstant(v); err != nil {
			c.fault("The value %s for %s is no instant. Write 2026-11-25T08:00:00Z, with Z or an offset, or a day as 2026-11-25, which is its first instant in UTC.", outturn.Shown(v), f.name)
		}
		return
	}
	if f.words != nil && (op == outturn.OpEQ || op == outturn.OpNE || op == outturn.OpIn) && !slices.Contains(f.words, v) {
		c.faults = append(c.faults, unknown(f.name, v, f.words))
	}
}

// unknown is outturn.Unknown for a part of a list's query: what is not found is not
// the list.
func unknown(kind, name string, allowed []string) *outturn.Error {
	err := outturn.Unknown(kind, name, allowed)
	err.Code = outturn.CodeInvalid
	return err
}

func parseInstant(v string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, v); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339Nano, v)
}

// value is a checked value as the ledger keeps it.
func (f *listField) value(v string) any {
	if f.kind != instantField {
		return v
	}
	t, _ := parseInstant(v)
	return t.UnixMicro()
}

// condition compiles a checked Expr. It is true or false and never NULL.
func (c *armQuery) condition(l *listing, e *outturn.Expr) string {
	switch e.Op {
	case outturn.OpNot:
		return "NOT " + c.condition(l, e.Args[0])
	case outturn.OpAnd, outturn.OpOr:
		parts := make([]string, len(e.Args))
		for i, arg := range e.Args {
			parts[i] = c.condition(l, arg)
		}
		return "(" + strings.Join(parts, map[outturn.Op]string{outturn.OpAnd: " AND ", outturn.OpOr: " OR "}[e.Op]) + ")"
	case outturn.OpNull:
		f, _ := l.field(e.Field)
		return "(" + f.column + " IS NULL)"
	}
	return c.comparison(l, e)
}

func (c *armQuery) comparison(l *listing, e *outturn.Expr) string {
	f, _ := l.field(e.Field)
	var text string
	switch e.Op {
	case outturn.OpIn:
		text = c.in(f.column, e.Values, f.value)
	case outturn.OpLike:
		text = f.column + " LIKE " + c.arg(e.Values[0]) + ` ESCAPE '\'`
	default:
		text = f.column + operators[e.Op] + c.arg(f.value(e.Values[0]))
	}
	if f.null {
		text = "COALESCE(" + text + ", FALSE)"
	}
	if e.Op == outturn.OpNE {
		return "(NOT " + text + ")"
	}
	return "(" + text + ")"
}
