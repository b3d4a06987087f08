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
	if f.Type == outturn.Decimal {
		var known string
		if e, known = coarse(e, c.comparedScale(f)); known != "" {
			return known
		}
	}
	column := c.comparable(f)
	if f.Type == outturn.Text {
		switch e.Op {
		case outturn.OpNull:
		case outturn.OpLT, outturn.OpLE, outturn.OpGT, outturn.OpGE:
			column = c.engine.Bytewise(column)
		default:
			column = exactly(c.engine, column)
		}
	}
	values := make([]string, len(e.Values))
	for i, v := range e.Values {
		values[i] = c.literal(f, v, zone, stamps)
	}
	switch e.Op {
	case outturn.OpNull:
		return "(" + column + " IS NULL)"
	case outturn.OpIn:
		if e, ok := c.engine.(inPlace); ok && c.fails(f) {
			return e.OneOf(column, values)
		}
		return "(" + column + " IN (" + strings.Join(values, ", ") + "))"
	case outturn.OpLike:
		return fmt.Sprintf(c.syntax.Like, column, values[0])
	case outturn.OpNE:
		return fmt.Sprintf(c.syntax.Differs, column, values[0])
	}
	return "(" + column + " " + comparisons[e.Op] + " " + values[0] + ")"
}

// An inPlace is an Engine that may work out the left side of an IN before all else of a
// statement, at rows outside of the scope, too.
type inPlace interface {
	// OneOf returns the condition that a value is one of a list, which is worked out
	// where it stands.
	OneOf(value string, list []string) string
}

// coarse says of a decimal with scale digits after the point what e says of it, without
// the digits that none of its values has: to compare them an engine would give the column
// as many, for which there may be no room, and break the statement off at a row, perhaps
// another's. known is the condition itself where nothing is left to compare.
func coarse(e *outturn.Expr, scale int) (_ *outturn.Expr, known string) {
	told := *e
	told.Values = nil
	for _, v := range e.Values {
		v = strings.TrimPrefix(v, "+")
		cut, rest := cutDecimal(v, scale)
		if !rest {
			told.Values = append(told.Values, cut)
			continue
		}
		switch e.Op {
		case outturn.OpNE:
			return e, "(1 = 1)"
		case outturn.OpGT, outturn.OpGE: // more than 1.239 is more than 1.23, and more than -1.239 is from -1.23 on
			told.Op = outturn.OpGT
			if v[0] == '-' {
				told.Op = outturn.OpGE
			}
		case outturn.OpLT, outturn.OpLE:
			told.Op = outturn.OpLE
			if v[0] == '-' {
				told.Op = outturn.OpLT
			}
		default: // no value of the column is it
			continue
		}
		told.Values = append(told.Values, cut)
	}
	if len(told.Values) == 0 && len(e.Values) > 0 {
		return e, "(1 = 0)"
	}
	return &told, ""
}

// cutDecimal cuts a decimal after so many digits, and reports whether others than zeros
// were among those that went.
func cutDecimal(text string, scale int) (cut string, rest bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) <= scale {
		return text, false
	}
	rest = strings.Trim(fraction[scale:], "0") != ""
	if scale == 0 {
		return whole, rest
	}
	return whole + "." + fraction[:scale], rest
}

// comparedScale is how many digits after the point comparable gives a decimal.
func (c *compiler) comparedScale(f outturn.Field) int {
	have := c.column(f)
	if have.Type == outturn.Decimal && !have.AnyScale || c.dialect != nil {
		return min(have.Scale, f.Scale) // a whole number's scale is 0
	}
	return f.Scale
}

// comparable is the SQL of a field's value where it is compared.
func (c *compiler) comparable(f outturn.Field) string {
	if have := c.column(f); f.Type == have.Type {
		return have.compared(c.value(f))
	}
	return c.value(f)
}

// compared is the column, as SQL, where it is compared.
func (d Described) compared(sql string) string {
	if d.Compare == "" {
		return sql
	}
	return fmt.Sprintf(d.Compare, sql)
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
