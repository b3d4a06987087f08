package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
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
// costs more than that, whatever is asked. Pages with an offset or a total are not made
// like this: see listoffset.go.
type listing struct {
	name, table string
	tenant      string // the column that says whose a row is
	fields      []listField
	first       outturn.Order // the order of those who name none
	indexes     []listIndex
	also        func(*armQuery) string // a condition that all its rows meet; nil is none
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
		keys, next, total, err := t.keys(p)
		if err != nil {
			return err
		}
		page.Next, page.Total = next, total
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
	then  []listOrder // what entries come by that are equal in by; only of an exact page
	limit int
	after *listKey
	skip  int  // entries before the page
	total bool // all are to be counted

	joined string // what an exact page shows beside each row

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
	faults = append(faults, outturn.InField("offset", p.offset(q.Page)))
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
	if len(order) > 1 && !p.byOffset() { // there is no cursor for a place in such an order
		return outturn.Errorf(outturn.CodeInvalid, "A list of %s has one order, not %d. Entries that are equal in it come by their ids.", p.name, len(order))
	}
	var offered []string
	for _, f := range p.fields {
		if f.order {
			offered = append(offered, f.name)
		}
	}
	for i, o := range order {
		f, ok := p.field(o.Field)
		if !ok || !f.order {
			return unknown("order of "+p.name, o.Field, offered)
		}
		if i == 0 {
			p.by, p.desc = f, o.Desc
			continue
		}
		p.then = append(p.then, listOrder{f, o.Desc})
	}
	return nil
}

// A listOrder is one level of an order.
type listOrder struct {
	by   *listField
	desc bool
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
