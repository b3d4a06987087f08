package store

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"outturn"
)

// A listing is what a list offers: the fields one may filter by, and the orders and
// filters that have an index. The tie-breaker of every order is the id, in the same
// direction.
//
// A filter that an index answers is exact and as fast on the last page as on the
// first. Any other is checked row by row along the order, for at most mostLooked
// rows a page: such a page may be short, or empty, and still have a Next.
type listing struct {
	name, table string
	tenant      string // the column that says whose a row is
	fields      []listField
	first       outturn.Order // the order of those who name none
	indexes     []listIndex
}

type listField struct {
	name, column string
	kind         fieldKind
	words        []string // the values there are; nil is any
	null         bool     // it may have none
	order        bool     // one may order by it
}

type fieldKind int

const (
	textField fieldKind = iota
	instantField
)

// A listIndex leads from a tenant (or from all) and a field that equals something
// to rows in an order. The rows whose order field is null have an index of their
// own.
type listIndex struct {
	name   string
	tenant bool
	equal  string
	order  string
	nulls  bool
}

const (
	mostLooked = 5000 // rows that one page looks at for a filter without an index
	leastLook  = 64   // of them each arm at least
	mostArms   = 500  // tenants or values whose rows are merged; with more, rows are looked at one by one
)

func words[T ~string](list ...T) []string {
	var names []string
	for _, w := range list {
		names = append(names, string(w))
	}
	return names
}

func (l *listing) field(name string) (*listField, bool) {
	i := slices.IndexFunc(l.fields, func(f listField) bool { return f.name == name })
	if i < 0 {
		return nil, false
	}
	return &l.fields[i], true
}

// list returns the page of l that q asks for, of the rows of tenant ("" viewer,
// "*" all that viewer sees).
func list[T any](s *Store, ctx context.Context, l *listing, viewer, tenant string, q outturn.ListQuery,
	columns string, scan func(func(...any) error) (T, error), id func(*T) string,
) (page outturn.List[T], err error) {
	p, err := l.plan(q)
	if err != nil {
		return page, err
	}
	err = s.read(ctx, "list "+l.name, func(t *tx) error {
		if p.scope, err = t.scope(viewer, tenant); err != nil {
			return err
		}
		keys, next, err := t.keys(p)
		if err != nil {
			return err
		}
		page.Next = next
		page.Items, err = rowsOf(t, l, keys, columns, scan, id)
		return err
	})
	if page.Items == nil {
		page.Items = []T{}
	}
	return page, err
}

// rowsOf reads the rows of keys, in their order.
func rowsOf[T any](t *tx, l *listing, keys []listKey, columns string, scan func(func(...any) error) (T, error), id func(*T) string) ([]T, error) {
	place := make(map[string]int, len(keys))
	ids := make([]string, len(keys))
	for i, k := range keys {
		place[k.id], ids[i] = i, k.id
	}
	items := make([]T, len(keys))
	for part := range slices.Chunk(ids, mostIDs) {
		rows, err := t.rows(`SELECT `+columns+` FROM `+l.table+` WHERE id IN `+in(1, len(part)), padded(part)...)
		some, err := all(rows, err, scan)
		if err != nil {
			return nil, err
		}
		for i := range some {
			items[place[id(&some[i])]] = some[i]
		}
	}
	return items, nil
}

// A scope is whose rows are listed.
type scope struct {
	all     bool
	tenants []string
	viewer  string // when there are too many tenants to name
}

func (t *tx) scope(viewer, tenant string) (scope, error) {
	if tenant == "" {
		tenant = viewer
	}
	if tenant != "*" {
		var sees int
		err := t.row(`SELECT 1 FROM tenant_closure WHERE ancestor = ?1 AND descendant = ?2`, viewer, tenant).scan(&sees)
		return scope{tenants: []string{tenant}}, found("tenant", tenant, err)
	}
	var kind outturn.TenantKind
	if err := t.row(`SELECT kind FROM tenants WHERE id = ?1`, viewer).scan(&kind); err != nil {
		return scope{}, found("tenant", viewer, err)
	}
	if kind == outturn.KindProvider {
		return scope{all: true}, nil
	}
	rows, err := t.rows(`SELECT descendant FROM tenant_closure WHERE ancestor = ?1 ORDER BY descendant LIMIT ?2`, viewer, mostArms+1)
	tenants, err := all(rows, err, scanID)
	if len(tenants) > mostArms {
		return scope{viewer: viewer}, err
	}
	return scope{tenants: tenants, viewer: viewer}, err
}

// A listPlan is a query that fits its listing.
type listPlan struct {
	*listing
	scope scope
	by    *listField
	desc  bool
	limit int
	after *listKey

	ranges []*outturn.Expr            // conditions on the order field
	equals map[string][]*outturn.Expr // conditions on others that say what they equal
	rest   []*outturn.Expr
}

// plan checks q and reports every fault of it.
func (l *listing) plan(q outturn.ListQuery) (*listPlan, error) {
	p := &listPlan{listing: l, equals: map[string][]*outturn.Expr{}, limit: q.Page.Limit}
	faults := []error{outturn.InField("filter", l.check(q.Where))}
	if p.limit == 0 {
		p.limit = outturn.DefaultPage
	}
	if p.limit < 0 || p.limit > outturn.MaxPage {
		faults = append(faults, outturn.InField("limit", outturn.Errorf(outturn.CodeInvalid, "A page has 1 to %d entries, not %d.", outturn.MaxPage, p.limit)))
	}
	if err := p.order(q.Order); err != nil {
		faults = append(faults, outturn.InField("order", err))
	} else {
		faults = append(faults, outturn.InField("cursor", p.decode(q.Page.After)))
	}
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	if len(faults) == 1 {
		return nil, faults[0]
	}
	if len(faults) > 1 {
		return nil, outturn.JoinFaults(faults)
	}
	p.sort(q.Where)
	return p, nil
}

func (p *listPlan) order(order []outturn.Order) error {
	if len(order) == 0 {
		order = []outturn.Order{p.first}
	}
	if len(order) > 1 {
		return outturn.Errorf(outturn.CodeInvalid, "A list of %s has one order, not %d. Entries that are equal in it come by their ids.", p.name, len(order))
	}
	var offered []string
	for _, f := range p.fields {
		if f.order {
			offered = append(offered, f.name)
		}
	}
	f, ok := p.field(order[0].Field)
	if !ok || !f.order {
		return outturn.Unknown("order of "+p.name, order[0].Field, offered)
	}
	p.by, p.desc = f, order[0].Desc
	return nil
}

// sort puts the conditions that must all hold where they are of use.
func (p *listPlan) sort(e *outturn.Expr) {
	if e == nil {
		return
	}
	switch f, _ := p.field(e.Field); {
	case e.Op == outturn.OpAnd:
		for _, arg := range e.Args {
			p.sort(arg)
		}
	case f == p.by && slices.Contains([]outturn.Op{outturn.OpEQ, outturn.OpLT, outturn.OpLE, outturn.OpGT, outturn.OpGE}, e.Op):
		p.ranges = append(p.ranges, e)
	case f != nil && (e.Op == outturn.OpEQ || e.Op == outturn.OpIn):
		p.equals[f.name] = append(p.equals[f.name], e)
	default:
		p.rest = append(p.rest, e)
	}
}

// index chooses the index that answers most of p, nil when none is of use.
func (p *listPlan) index(nulls bool) *listIndex {
	var best *listIndex
	most := -1
	for i := range p.indexes {
		x := &p.indexes[i]
		worth := 0
		if x.tenant {
			worth++
		}
		if x.equal != "" {
			worth += 2
		}
		if x.order == p.by.name && x.nulls == nulls && p.fits(x) && worth > most {
			best, most = x, worth
		}
	}
	return best
}

func (p *listPlan) fits(x *listIndex) bool {
	arms := 1
	if x.tenant {
		arms = len(p.scope.tenants)
	}
	if x.equal != "" {
		equal := p.equals[x.equal]
		if len(equal) == 0 {
			return false
		}
		arms *= len(distinct(equal[0].Values))
	}
	return arms > 0 && arms <= mostArms
}

func distinct(values []string) []string { return slices.Compact(slices.Sorted(slices.Values(values))) }

// A listKey is a row's place in an order.
type listKey struct {
	null  bool
	value any // int64 or string
	id    string
}

// before reports whether a comes before b. Nulls are last in either direction.
func (p *listPlan) before(a, b listKey) bool {
	if a.null != b.null {
		return b.null
	}
	c := 0
	if !a.null {
		if n, ok := a.value.(int64); ok {
			m, _ := b.value.(int64)
			c = compare(n, m)
		} else {
			c = strings.Compare(a.value.(string), b.value.(string))
		}
	}
	if c == 0 {
		c = strings.Compare(a.id, b.id)
	}
	if p.desc {
		c = -c
	}
	return c < 0
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A harvest is what the arms of a page have brought so far: one more than it shows,
// in order. An arm that stopped looking before its end sets the horizon: what comes
// after it is not known to be complete.
type harvest struct {
	keys    []listKey
	horizon *listKey
}

// keys returns the places of the rows of the page, and the cursor of the next.
func (t *tx) keys(p *listPlan) ([]listKey, string, error) {
	var h harvest
	for _, nulls := range []bool{false, true} {
		done := len(h.keys) > p.limit || h.horizon != nil
		skip := nulls && (!p.by.null || len(p.ranges) > 0) || !nulls && p.after != nil && p.after.null
		if done || skip {
			continue
		}
		if err := t.gather(p, nulls, &h); err != nil {
			return nil, "", err
		}
	}
	if h.horizon != nil {
		h.keys = slices.DeleteFunc(h.keys, func(k listKey) bool { return p.before(*h.horizon, k) })
	}
	switch {
	case len(h.keys) > p.limit:
		h.keys = h.keys[:p.limit]
		return h.keys, p.encode(h.keys[p.limit-1]), nil
	case h.horizon != nil:
		return h.keys, p.encode(*h.horizon), nil
	}
	return h.keys, "", nil
}

// gather merges the rows of each tenant and each value that the index leads to.
func (t *tx) gather(p *listPlan, nulls bool, h *harvest) error {
	x := p.index(nulls)
	tenants, values := []string{""}, []string{""}
	if x.tenant {
		tenants = p.scope.tenants
	}
	if x.equal != "" {
		values = distinct(p.equals[x.equal][0].Values)
	}
	look := max(leastLook, mostLooked/(len(tenants)*len(values)))
	for _, tenant := range tenants {
		for _, value := range values {
			if err := t.arm(p, x, tenant, value, look, h); err != nil {
				return err
			}
		}
	}
	return nil
}

// arm reads the rows of one tenant and one value in their order: as many as the
// page takes, and none that comes after what it has already.
func (t *tx) arm(p *listPlan, x *listIndex, tenant, value string, look int, h *harvest) error {
	c := p.compile(x, tenant, value)
	limit := p.limit + 1
	if c.checks {
		limit = look
	}
	if p.after != nil && p.after.null == x.nulls {
		c.where(c.beyond(p, x.nulls, *p.after, p.desc))
	}
	if len(h.keys) > p.limit {
		c.where(c.beyond(p, x.nulls, h.keys[p.limit], !p.desc))
	}
	rows, err := t.once(c.text(p, x, limit), c.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	looked, found := 0, 0
	var k listKey
	for found <= p.limit && rows.Next() {
		var ok bool
		if k, ok, err = p.scanKey(rows.Scan, x.nulls); err != nil {
			return err
		}
		looked++
		if ok {
			found++
			h.keys = append(h.keys, k)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if c.checks && looked == look && found <= p.limit && (h.horizon == nil || p.before(k, *h.horizon)) {
		h.horizon = &k
	}
	sort.Slice(h.keys, func(i, j int) bool { return p.before(h.keys[i], h.keys[j]) })
	h.keys = h.keys[:min(len(h.keys), p.limit+1)]
	return nil
}

func (p *listPlan) scanKey(scan func(...any) error, nulls bool) (k listKey, ok bool, err error) {
	k.null = nulls
	if p.by.kind == instantField || nulls {
		var n *int64
		err = scan(&n, &k.id, &ok)
		if n != nil {
			k.value = *n
		}
		return k, ok, err
	}
	var s string
	err = scan(&s, &k.id, &ok)
	k.value = s
	return k, ok, err
}

// An armQuery is the statement of an arm while it is put together.
type armQuery struct {
	conditions []string
	check      string // what rows are checked for one by one
	checks     bool
	args       []any
}

func (c *armQuery) arg(v any) string {
	c.args = append(c.args, v)
	return "?" + strconv.Itoa(len(c.args))
}

func (c *armQuery) where(condition string) { c.conditions = append(c.conditions, condition) }

func (p *listPlan) compile(x *listIndex, tenant, value string) *armQuery {
	c := &armQuery{}
	var checks []string
	switch {
	case x.tenant:
		c.where(p.tenant + " = " + c.arg(tenant))
	case p.scope.all:
	case len(p.scope.tenants) == 1:
		checks = append(checks, p.tenant+" = "+c.arg(p.scope.tenants[0]))
	default:
		checks = append(checks, `EXISTS (SELECT 1 FROM tenant_closure WHERE ancestor = `+c.arg(p.scope.viewer)+` AND descendant = `+p.table+`.`+p.tenant+`)`)
	}
	if p.by.null {
		c.where(p.by.column + map[bool]string{false: " IS NOT NULL", true: " IS NULL"}[x.nulls])
	}
	for _, e := range p.ranges {
		c.where(p.by.column + operators[e.Op] + c.arg(p.by.value(e.Values[0])))
	}
	for _, f := range p.fields {
		equal := p.equals[f.name]
		if f.name == x.equal {
			c.where(f.column + " = " + c.arg(f.value(value)))
			equal = equal[1:]
		}
		for _, e := range equal {
			checks = append(checks, c.condition(p.listing, e))
		}
	}
	for _, e := range p.rest {
		checks = append(checks, c.condition(p.listing, e))
	}
	c.checks = len(checks) > 0
	c.check = strings.Join(checks, " AND ")
	return c
}

// beyond is the condition of rows that come after k.
func (c *armQuery) beyond(p *listPlan, nulls bool, k listKey, desc bool) string {
	than := map[bool]string{false: " > ", true: " < "}[desc]
	if nulls {
		return "id" + than + c.arg(k.id)
	}
	return "(" + p.by.column + ", id)" + than + "(" + c.arg(k.value) + ", " + c.arg(k.id) + ")"
}

func (c *armQuery) text(p *listPlan, x *listIndex, limit int) string {
	direction := map[bool]string{false: "", true: " DESC"}[p.desc]
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT %s, id, ", p.by.column)
	if c.checks {
		fmt.Fprintf(&b, "CASE WHEN %s THEN 1 ELSE 0 END", c.check)
	} else {
		b.WriteString("1")
	}
	fmt.Fprintf(&b, " FROM %s%s", p.table, useIndex(x.name))
	if len(c.conditions) > 0 {
		b.WriteString(" WHERE " + strings.Join(c.conditions, " AND "))
	}
	b.WriteString(" ORDER BY ")
	if !x.nulls {
		b.WriteString(p.by.column + direction + ", ")
	}
	fmt.Fprintf(&b, "id%s LIMIT %d", direction, limit)
	return b.String()
}
