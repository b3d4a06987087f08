package store

import (
	"fmt"
	"slices"
	"strings"

	"outturn"
)

// Pages by an offset, and totals. The whole filter is a condition of one statement, so
// such a page is exact, and costs what the rows before it cost: for those who must say
// how many there are, and bounded by outturn.MaxOffset and outturn.MaxTotal only in what
// fits. All others page by cursors.

// mostTotal is how far a total is counted.
var mostTotal = int64(outturn.MaxTotal)

// offset checks what a page asks for beside its cursor.
func (p *listPlan) offset(page outturn.Page) error {
	p.skip, p.total = page.Offset, page.Total
	switch {
	case p.skip < 0 || p.skip > outturn.MaxOffset:
		return outturn.Errorf(outturn.CodeInvalid, "A page begins at an offset of 0 to %d, not %d. Go further by its cursor, or with a filter.", outturn.MaxOffset, p.skip)
	case p.skip > 0 && page.After != "":
		return outturn.Errorf(outturn.CodeInvalid, "A page begins at an offset or after a cursor, not both.")
	}
	return nil
}

// exact reports whether p needs the statements here; so does what has no index.
func (p *listPlan) exact() bool { return p.byOffset() || len(p.indexes) == 0 }

// byOffset reports whether pages come by an offset, or with a total.
func (p *listPlan) byOffset() bool { return p.skip > 0 || p.total }

// exactKeys is keys for a page that is exact, with the total where that was asked for
// and there are no more than mostTotal.
func (t *tx) exactKeys(p *listPlan) (keys []listKey, next string, total *int64, err error) {
	if p.total {
		if total, err = t.countAll(p); err != nil {
			return nil, "", nil, err
		}
	}
	if p.scope.none {
		return nil, "", total, nil
	}
	text, args := p.exactPage(p.by.column + ", id, 1")
	rows, err := t.db.QueryContext(t.ctx, bind(text), args...)
	keys, err = all(rows, err, func(scan func(...any) error) (listKey, error) {
		k, _, err := p.scanKey(scan)
		return k, err
	})
	if len(keys) > p.limit {
		keys = keys[:p.limit]
		next = p.next(keys[p.limit-1])
	}
	return keys, next, total, err
}

// next is the cursor of what comes after a place; "" where its order has more than one
// level, and offsets lead on.
func (p *listPlan) next(k listKey) string {
	if len(p.then) > 0 {
		return ""
	}
	return p.encode(k)
}

// exactPage is the statement for columns of the rows of the page, and of one more.
func (p *listPlan) exactPage(columns string) (text string, args []any) {
	c, from := p.compileExact(p.after)
	text = fmt.Sprintf("SELECT %s%s%s LIMIT %d OFFSET %s", columns, from, p.exactOrder(), p.limit+1, c.arg(p.skip))
	return text, c.args
}

// countAll counts the rows of p, nil where there are more than mostTotal.
func (t *tx) countAll(p *listPlan) (*int64, error) {
	var n int64
	if p.scope.none {
		return &n, nil
	}
	c, from := p.compileExact(nil)
	text := "SELECT COUNT(*) FROM (SELECT 1" + from + " LIMIT " + c.arg(mostTotal+1) + ") counted"
	rows, err := t.db.QueryContext(t.ctx, bind(text), c.args...)
	if err := (row{rows, err}).scan(&n); err != nil || n > mostTotal {
		return nil, err
	}
	return &n, nil
}

// compileExact is the rest of a statement from its FROM on, of all rows of p that come
// after a place. One tenant's are read in their order where an index has it.
func (p *listPlan) compileExact(after *listKey) (*armQuery, string) {
	c, x := &armQuery{}, &listIndex{}
	if best := p.index(p.by.name, false); best != nil && best.name != "" && p.oneArm(best) && !p.by.null {
		x = best
		c = p.compile(x, strings.Join(p.scope.tenants, ""), p.onlyValue(x), after)
		if c.check != "" {
			c.where(c.check)
		}
	} else {
		c.conditions = c.checks(p, x)
		for _, e := range p.ranges {
			c.where(c.condition(p.listing, e))
		}
		c.after(p, after)
	}
	from := " FROM " + p.table
	if x.name != "" {
		from += useIndex(x.name)
	}
	from += p.joined
	if len(c.conditions) > 0 {
		from += " WHERE " + strings.Join(c.conditions, " AND ")
	}
	return c, from
}

// oneArm reports whether the rows of x are in one order: those of one tenant, or of all,
// and of one value.
func (p *listPlan) oneArm(x *listIndex) bool {
	return (!x.tenant || len(p.scope.tenants) == 1) && (x.equal == "" || len(distinct(p.equals[x.equal][0].Values)) == 1)
}

func (p *listPlan) onlyValue(x *listIndex) string {
	if x.equal == "" {
		return ""
	}
	return p.equals[x.equal][0].Values[0]
}

// after leaves the rows that come after a place. Nulls are last in either direction.
func (c *armQuery) after(p *listPlan, place *listKey) {
	switch {
	case place == nil:
	case place.null:
		c.where("(" + p.by.column + " IS NULL AND id" + than(p.desc) + c.arg(place.id) + ")")
	case p.by.null:
		c.where("(" + p.by.column + " IS NULL OR (" + p.by.column + ", id)" + than(p.desc) + "(" + c.arg(place.value) + ", " + c.arg(place.id) + "))")
	default:
		c.where("(" + p.by.column + ", id)" + than(p.desc) + "(" + c.arg(place.value) + ", " + c.arg(place.id) + ")")
	}
}

func (p *listPlan) exactOrder() string {
	var order []string
	for _, o := range slices.Concat([]listOrder{{p.by, p.desc}}, p.then) {
		if o.by.null {
			order = append(order, o.by.column+" IS NULL")
		}
		order = append(order, o.by.column+direction(o.desc))
	}
	return " ORDER BY " + strings.Join(order, ", ") + ", id" + direction(p.desc)
}
