package store

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"outturn"
)

// An armQuery is the statement of an arm while it is put together.
type armQuery struct {
	conditions []string
	check      string // what rows are checked for one by one; "" is nothing
	args       []any
}

func (c *armQuery) arg(v any) string {
	c.args = append(c.args, v)
	return "?" + strconv.Itoa(len(c.args))
}

func (c *armQuery) where(condition string) { c.conditions = append(c.conditions, condition) }

// in is the condition that column is one of values.
func (c *armQuery) in(column string, values []string, value func(string) any) string {
	args := make([]string, len(values))
	for i, v := range values {
		args[i] = c.arg(value(v))
	}
	return column + " IN (" + strings.Join(args, ", ") + ")"
}

// compile makes the statement for the rows of an arm after a place.
func (p *listPlan) compile(x *listIndex, tenant, value string, after *listKey) *armQuery {
	c := &armQuery{}
	if x.tenant {
		c.where(p.tenant + " = " + c.arg(tenant))
	}
	if x.equal != "" {
		f, _ := p.field(x.equal)
		c.where(f.column + " = " + c.arg(f.value(value)))
	}
	if p.by.null {
		c.where(p.by.column + map[bool]string{false: " IS NOT NULL", true: " IS NULL"}[x.nulls])
	}
	c.within(p, x.nulls, after)
	c.check = strings.Join(c.checks(p, x), " AND ")
	return c
}

func (p *listPlan) compileFew(x *listIndex) *armQuery {
	c := &armQuery{}
	if x.tenant {
		c.where(c.in(p.tenant, p.scope.tenants, func(v string) any { return v }))
	}
	f, _ := p.field(x.equal)
	c.where(c.in(f.column, distinct(p.equals[x.equal][0].Values), f.value))
	checks := c.checks(p, x)
	for _, e := range p.ranges {
		checks = append(checks, c.condition(p.listing, e))
	}
	c.check = strings.Join(checks, " AND ")
	return c
}

// checks lists the conditions that x does not answer.
func (c *armQuery) checks(p *listPlan, x *listIndex) (checks []string) {
	switch {
	case x.tenant || p.scope.all:
	case p.scope.tenants != nil:
		checks = append(checks, c.in(p.tenant, p.scope.tenants, func(v string) any { return v }))
	default:
		checks = append(checks, `EXISTS (SELECT 1 FROM tenant_closure WHERE ancestor = `+c.arg(p.scope.viewer)+` AND descendant = `+p.table+`.`+p.tenant+`)`)
	}
	for _, f := range p.fields {
		equal := p.equals[f.name]
		if f.name == x.equal {
			equal = equal[1:]
		}
		for _, e := range equal {
			checks = append(checks, c.condition(p.listing, e))
		}
	}
	for _, e := range p.rest {
		checks = append(checks, c.condition(p.listing, e))
	}
	if p.also != nil {
		checks = append(checks, p.also(c))
	}
	return checks
}

// A limit is one end of the stretch of an order that is read: the values from it, or
// after it, or after the row with that value and id.
type limit struct {
	value any
	id    string
	op    outturn.Op // greater or less, or equal as well
}

// within limits the rows to what lies within the ranges and after a place. Of
// several limits it names the nearest alone: given two, the database may begin at
// the one that is further off.
func (c *armQuery) within(p *listPlan, nulls bool, after *listKey) {
	if nulls {
		if after != nil && after.null {
			c.where("id" + than(p.desc) + c.arg(after.id))
		}
		return
	}
	var from, to *limit
	for _, e := range p.ranges {
		value := p.by.value(e.Values[0])
		if e.Op != outturn.OpLT && e.Op != outturn.OpLE {
			from = p.nearer(from, &limit{value: value, op: map[bool]outturn.Op{true: outturn.OpGT, false: outturn.OpGE}[e.Op == outturn.OpGT]})
		}
		if e.Op != outturn.OpGT && e.Op != outturn.OpGE {
			to = p.nearer(to, &limit{value: value, op: map[bool]outturn.Op{true: outturn.OpLT, false: outturn.OpLE}[e.Op == outturn.OpLT]})
		}
	}
	switch {
	case after == nil:
	case p.desc:
		to = p.nearer(to, &limit{value: after.value, id: after.id, op: outturn.OpLT})
	default:
		from = p.nearer(from, &limit{value: after.value, id: after.id, op: outturn.OpGT})
	}
	for _, l := range []*limit{from, to} {
		switch {
		case l == nil:
		case l.id == "":
			c.where(p.by.column + operators[l.op] + c.arg(l.value))
		default:
			c.where("(" + p.by.column + ", id)" + operators[l.op] + "(" + c.arg(l.value) + ", " + c.arg(l.id) + ")")
		}
	}
}

// nearer returns which of two limits of the same end leaves less.
func (p *listPlan) nearer(a, b *limit) *limit {
	if a == nil {
		return b
	}
	closeness := func(l *limit) int { // at the same value
		switch {
		case l.op == outturn.OpLE || l.op == outturn.OpGE:
			return 0
		case l.id != "":
			return 1
		}
		return 2
	}
	c := compareValues(a.value, b.value)
	if a.op == outturn.OpLT || a.op == outturn.OpLE {
		c = -c
	}
	if c = cmp.Or(c, cmp.Compare(closeness(a), closeness(b))); c < 0 {
		return b
	}
	return a
}

func than(desc bool) string { return map[bool]string{false: " > ", true: " < "}[desc] }

// orderBy is the order of an index's rows.
func (p *listPlan) orderBy(x *listIndex) string {
	if x.nulls {
		return " ORDER BY id" + direction(p.desc)
	}
	return " ORDER BY " + p.by.column + direction(p.desc) + ", id" + direction(p.desc)
}

func direction(desc bool) string {
	if desc {
		return " DESC"
	}
	return ""
}

func (c *armQuery) text(p *listPlan, x *listIndex, order string, most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT %s, id, ", p.by.column)
	if c.check != "" {
		fmt.Fprintf(&b, "CASE WHEN %s THEN 1 ELSE 0 END", c.check)
	} else {
		b.WriteString("1")
	}
	b.WriteString(" FROM " + p.table)
	if x.name != "" {
		b.WriteString(useIndex(x.name))
	}
	if len(c.conditions) > 0 {
		b.WriteString(" WHERE " + strings.Join(c.conditions, " AND "))
	}
	fmt.Fprintf(&b, "%s LIMIT %d", order, most)
	return b.String()
}
