package source

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"outturn"
)

var comparisons = map[outturn.Op]string{
	outturn.OpEQ: "=", outturn.OpLT: "<", outturn.OpLE: "<=", outturn.OpGT: ">", outturn.OpGE: ">=",
}

// filter returns the condition of the query's filter; an empty one without it.
func (c *compiler) filter(stamps *time.Location) (condition, error) {
	if c.Where == nil {
		return condition{}, nil
	}
	zone, err := outturn.LoadZone(c.Vars.Zone)
	if err != nil {
		return condition{}, err
	}
	if err := c.Where.Check(c.Dataset, zone); err != nil {
		return condition{}, err
	}
	return condition{c.condition(c.Where, zone, stamps), c.anyFails(c.Where)}, c.fault
}

// invoice returns the condition that a row is of the query's invoice; an empty one
// without it.
func (c *compiler) invoice(stamps *time.Location) (condition, error) {
	if c.Invoice == "" {
		return condition{}, nil
	}
	is, err := c.Dataset.OfInvoice(c.Invoice)
	if err != nil {
		return condition{}, err
	}
	return condition{c.condition(is, time.UTC, stamps), c.anyFails(is)}, c.fault
}

// anyFails reports whether a field that e asks for fails.
func (c *compiler) anyFails(e *outturn.Expr) bool {
	if len(e.Args) > 0 {
		return slices.ContainsFunc(e.Args, c.anyFails)
	}
	f, _ := c.Dataset.Field(e.Field)
	return c.fails(f)
}

// condition compiles a checked tree. Only under not does unknown differ from
// false, so there it is made false.
func (c *compiler) condition(e *outturn.Expr, zone, stamps *time.Location) string {
	switch e.Op {
	case outturn.OpAnd, outturn.OpOr:
		parts := make([]string, len(e.Args))
		for i, arg := range e.Args {
			parts[i] = c.condition(arg, zone, stamps)
		}
		return "(" + strings.Join(parts, " "+strings.ToUpper(string(e.Op))+" ") + ")"
	case outturn.OpNot:
		return fmt.Sprintf(c.syntax.Not, c.condition(e.Args[0], zone, stamps))
	}
	f, _ := c.Dataset.Field(e.Field)
	column := c.comparable(f)
	values := make([]string, len(e.Values))
	for i, v := range e.Values {
		values[i] = c.literal(f, v, zone, stamps)
	}
	switch e.Op {
	case outturn.OpNull:
		return "(" + column + " IS NULL)"
	case outturn.OpIn:
		return "(" + column + " IN (" + strings.Join(values, ", ") + "))"
	case outturn.OpLike:
		return fmt.Sprintf(c.syntax.Like, column, values[0])
	case outturn.OpNE:
		return fmt.Sprintf(c.syntax.Differs, column, values[0])
	}
	if f.Type == outturn.Text && e.Op != outturn.OpEQ && e.Op != outturn.OpNE {
		column = c.engine.Bytewise(column)
	}
	return "(" + column + " " + comparisons[e.Op] + " " + values[0] + ")"
}

// comparable is the SQL of a field's value where it is compared.
func (c *compiler) comparable(f outturn.Field) string {
	if have := c.column(f); have.Compare != "" && f.Type == have.Type {
		return fmt.Sprintf(have.Compare, c.value(f))
	}
	return c.value(f)
}

// literal binds a checked value and casts it to the field's type.
func (c *compiler) literal(f outturn.Field, text string, zone, stamps *time.Location) string {
	canonical, err := f.Canonical(text, zone)
	if err != nil {
		panic("source: filter was not checked: " + err.Error())
	}
	have := c.column(f)
	if c.engine.Untyped() && have.Type == outturn.Text {
		have.Local = true
	}
	if f.Type == outturn.Time && have.Local {
		t, err := time.Parse(time.RFC3339Nano, canonical)
		if err != nil {
			panic("source: canonical instant: " + err.Error())
		}
		canonical = stamp(t, have, stamps)
	}
	return c.typed(f, have, canonical, canonical)
}

// typed binds a text as a value of f. digits are those that a decimal needs.
func (c *compiler) typed(f outturn.Field, have Described, text, digits string) string {
	if c.dialect == nil {
		return "CAST(" + c.bind(text) + " AS " + sqlType(f, have, digits) + ")"
	}
	sql, err := c.dialect.Literal(f, have, text, c.bind)
	if c.fault == nil {
		c.fault = err
	}
	return sql
}

// sqlType names the SQL type that values of f are compared in. A decimal takes
// the digits of the value, so that no comparison rounds.
func sqlType(f outturn.Field, have Described, value string) string {
	switch f.Type {
	case outturn.Int:
		return "BIGINT"
	case outturn.Decimal:
		whole, fraction, _ := strings.Cut(strings.TrimPrefix(value, "-"), ".")
		return fmt.Sprintf("DECIMAL(%d,%d)", len(whole)+len(fraction), len(fraction))
	case outturn.Float:
		return "DOUBLE PRECISION"
	case outturn.Bool:
		return "BOOLEAN"
	case outturn.Date:
		return "DATE"
	case outturn.Time:
		if have.Local {
			return "TIMESTAMP"
		}
		return "TIMESTAMP WITH TIME ZONE"
	}
	return "VARCHAR"
}
