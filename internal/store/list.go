package store

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"errors"
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
// rows a page: such a page may be short, or empty, and still have a Next. So no page
// costs more than that, whatever is asked.
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
// own. One without an order is for fields whose values are rare: its rows are read
// all and sorted, if there are no more than mostFew.
type listIndex struct {
	name   string // "" is the table's key
	tenant bool
	equal  string
	order  string
	nulls  bool
}

const (
	mostLooked = 2000 // rows that one page looks at for a filter without an index
	readCosts  = 4    // as many rows as to look at costs to read some of an arm
	mostFew    = 1000 // rows that are read to be sorted; also all that a filter can name by their ids
	mostArms   = 200  // tenants or values whose rows are merged; with more, rows are looked at one by one
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
	p, err := l.plan(q, viewer+" "+tenant)
	if err != nil {
		return page, err
	}
	err = s.read(ctx, "list "+l.name, func(t *tx) error {
		if p.scope, err = t.scope(viewer, tenant); err != nil {
			return err
		}
		if err := t.narrow(p); err != nil {
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
	none    bool
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
		return scope{tenants: []string{tenant}}, outturn.InField("tenant", found("tenant", tenant, err))
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

// narrow leaves of the scope those tenants that the filter names.
func (t *tx) narrow(p *listPlan) error {
	if p.tenant == "id" {
		return nil // in a list of tenants, which has the key for it
	}
	i := slices.IndexFunc(p.fields, func(f listField) bool { return f.column == p.tenant })
	named := p.equals[p.fields[i].name]
	if len(named) == 0 {
		return nil
	}
	var tenants []string
	for _, n := range distinct(named[0].Values) {
		sees := p.scope.all || slices.Contains(p.scope.tenants, n)
		if !sees && p.scope.tenants == nil {
			switch err := t.row(`SELECT 1 FROM tenant_closure WHERE ancestor = ?1 AND descendant = ?2`, p.scope.viewer, n).scan(new(int)); {
			case err == nil:
				sees = true
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
		}
		if sees {
			tenants = append(tenants, n)
		}
	}
	if len(tenants) > mostArms {
		return nil // the condition is checked row by row
	}
	p.equals[p.fields[i].name] = named[1:]
	p.scope = scope{tenants: tenants, viewer: p.scope.viewer, none: len(tenants) == 0}
	return nil
}

// A listPlan is a query that fits its listing.
type listPlan struct {
	*listing
	whose string // who lists whose rows
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
func (l *listing) plan(q outturn.ListQuery, whose string) (*listPlan, error) {
	p := &listPlan{listing: l, whose: whose, equals: map[string][]*outturn.Expr{}, limit: q.Page.Limit}
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
		return unknown("order of "+p.name, order[0].Field, offered)
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

// index chooses the index that answers most of p, nil when none is of use. Its rows
// come in order, or in none.
func (p *listPlan) index(order string, nulls bool) *listIndex {
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
		if x.order == order && x.nulls == nulls && p.fits(x) && worth > most {
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
		if x.order != "" {
			arms *= len(distinct(equal[0].Values))
		}
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
		c = compareValues(a.value, b.value)
	}
	if c == 0 {
		c = strings.Compare(a.id, b.id)
	}
	if p.desc {
		c = -c
	}
	return c < 0
}

func compareValues(a, b any) int {
	if n, ok := a.(int64); ok {
		m, _ := b.(int64)
		return cmp.Compare(n, m)
	}
	return strings.Compare(a.(string), b.(string))
}

// A harvest is the page while it is gathered: one entry more than it shows, in order.
type harvest struct {
	keys   []listKey
	checks bool // there are conditions that rows are checked for one by one
	looked int  // rows that were read for it
	last   listKey
	over   bool // nothing comes after keys
}

// keys returns the places of the rows of the page, and the cursor of the next.
func (t *tx) keys(p *listPlan) ([]listKey, string, error) {
	var h harvest
	if p.scope.none {
		return nil, "", nil
	}
	if err := t.few(p, &h); err != nil {
		return nil, "", err
	}
	for _, nulls := range []bool{false, true} {
		skip := nulls && (!p.by.null || len(p.ranges) > 0) || !nulls && p.after != nil && p.after.null
		if h.over || h.full(p) || skip {
			continue
		}
		if err := t.gather(p, nulls, &h); err != nil {
			return nil, "", err
		}
	}
	switch {
	case len(h.keys) > p.limit:
		h.keys = h.keys[:p.limit]
		return h.keys, p.encode(h.keys[p.limit-1]), nil
	case h.full(p):
		return h.keys, p.encode(h.last), nil
	}
	return h.keys, "", nil
}

func (h *harvest) full(p *listPlan) bool {
	return len(h.keys) > p.limit || h.checks && h.looked >= mostLooked && h.last.id != "" // each page gets on
}

// few gathers all rows that an index without an order leads to, where they are few.
func (t *tx) few(p *listPlan, h *harvest) error {
	x := p.index("", false)
	if x == nil {
		return nil
	}
	c := p.compileFew(x)
	rows, err := t.db.QueryContext(t.ctx, bind(c.text(p, x, "", mostFew+1)), c.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var keys []listKey
	looked := 0
	for ; rows.Next(); looked++ {
		k, ok, err := p.scanKey(rows.Scan)
		if err != nil {
			return err
		}
		if ok && (p.after == nil || p.before(*p.after, k)) {
			keys = append(keys, k)
		}
	}
	if err := rows.Err(); err != nil || looked > mostFew {
		return err
	}
	sort.Slice(keys, func(i, j int) bool { return p.before(keys[i], keys[j]) })
	h.keys, h.over = keys, true
	return nil
}

// An arm is the rows of one tenant and one value, in their order. It reads them a
// few at a time: with many arms most bring nothing to the page.
type arm struct {
	tenant, value string
	keys          []armKey // read and not used
	more          bool     // there may be more than those
}

type armKey struct {
	listKey
	ok bool // it fits the conditions that were checked
}

// arms is a heap of them, with the one whose row comes first on top.
type arms struct {
	p    *listPlan
	list []*arm
}

func (a *arms) Len() int { return len(a.list) }
func (a *arms) Less(i, j int) bool {
	return a.p.before(a.list[i].keys[0].listKey, a.list[j].keys[0].listKey)
}
func (a *arms) Swap(i, j int) { a.list[i], a.list[j] = a.list[j], a.list[i] }
func (a *arms) Push(v any)    { a.list = append(a.list, v.(*arm)) }
func (a *arms) Pop() any {
	last := a.list[len(a.list)-1]
	a.list = a.list[:len(a.list)-1]
	return last
}

// gather merges the rows of each tenant and each value that the index leads to.
func (t *tx) gather(p *listPlan, nulls bool, h *harvest) error {
	x := p.index(p.by.name, nulls)
	tenants, values := []string{""}, []string{""}
	if x.tenant {
		tenants = p.scope.tenants
	}
	if x.equal != "" {
		values = distinct(p.equals[x.equal][0].Values)
	}
	r := &armReader{t: t, p: p, x: x, h: h, kept: map[string]*sql.Stmt{}}
	defer r.close()
	n := len(tenants) * len(values)
	merged := &arms{p: p}
	for _, tenant := range tenants {
		for _, value := range values {
			a := &arm{tenant: tenant, value: value}
			if err := r.read(a, p.after, max(2, min(p.limit+1, 2*p.limit/n))); err != nil {
				return err
			}
			if len(a.keys) > 0 {
				merged.list = append(merged.list, a)
			}
		}
	}
	heap.Init(merged)
	for merged.Len() > 0 && !h.full(p) {
		a := merged.list[0]
		k := a.keys[0]
		a.keys = a.keys[1:]
		h.last = k.listKey
		if k.ok {
			h.keys = append(h.keys, k.listKey)
		}
		if len(a.keys) == 0 && a.more {
			if err := r.read(a, &k.listKey, max(8, min(256, mostLooked/n))); err != nil {
				return err
			}
		}
		if len(a.keys) > 0 {
			heap.Fix(merged, 0)
		} else {
			heap.Pop(merged)
		}
	}
	return nil
}

// An armReader reads arms with statements that it prepares once: to prepare one
// takes longer than what it does.
type armReader struct {
	t    *tx
	p    *listPlan
	x    *listIndex
	h    *harvest
	kept map[string]*sql.Stmt
}

func (r *armReader) close() {
	for _, stmt := range r.kept {
		_ = stmt.Close()
	}
}

// read reads up to n rows of a, from the first or after a place.
func (r *armReader) read(a *arm, after *listKey, n int) error {
	c := r.p.compile(r.x, a.tenant, a.value, after)
	text := c.text(r.p, r.x, r.p.orderBy(r.x), n)
	stmt := r.kept[text]
	if stmt == nil {
		var err error
		if stmt, err = r.t.db.PrepareContext(r.t.ctx, bind(text)); err != nil {
			return err
		}
		r.kept[text] = stmt
	}
	rows, err := stmt.QueryContext(r.t.ctx, c.args...)
	a.keys, err = all(rows, err, func(scan func(...any) error) (armKey, error) {
		k, ok, err := r.p.scanKey(scan)
		return armKey{k, ok}, err
	})
	a.more = len(a.keys) == n
	r.h.checks = c.check != ""
	r.h.looked += readCosts + len(a.keys)
	return err
}

func (p *listPlan) scanKey(scan func(...any) error) (k listKey, ok bool, err error) {
	if p.by.kind == textField {
		var s string
		err = scan(&s, &k.id, &ok)
		k.value = s
		return k, ok, err
	}
	var n sql.NullInt64
	err = scan(&n, &k.id, &ok)
	k.null, k.value = !n.Valid, n.Int64
	return k, ok, err
}

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
	direction := map[bool]string{false: "", true: " DESC"}[p.desc]
	if x.nulls {
		return " ORDER BY id" + direction
	}
	return " ORDER BY " + p.by.column + direction + ", id" + direction
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
