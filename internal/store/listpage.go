package store

import (
	"container/heap"
	"database/sql"
	"sort"
)

// A harvest is the page while it is gathered: one entry more than it shows, in order.
type harvest struct {
	keys   []listKey
	checks bool // there are conditions that rows are checked for one by one
	looked int  // rows that were read for it
	last   listKey
	over   bool // nothing comes after keys
}

// keys returns the places of the rows of the page, the cursor of the next, and the total
// where p has one.
func (t *tx) keys(p *listPlan) (keys []listKey, next string, total *int64, err error) {
	if p.exact() {
		return t.exactKeys(p)
	}
	keys, next, err = t.pageKeys(p)
	return keys, next, nil, err
}

func (t *tx) pageKeys(p *listPlan) ([]listKey, string, error) {
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
