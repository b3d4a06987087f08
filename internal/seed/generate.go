package seed

import (
	"cmp"
	"context"
	"slices"
)

// chargesAtScale1 is what the scale is a multiple of.
const chargesAtScale1 = 100_000

// A world is everything that must be known before the first row can be written:
// who there is, what is on sale, and which events the history holds, in order.
// It grows with the number of subscriptions and events, not with their rows.
type world struct {
	scale        int
	first, until day

	accounts   []*account
	resellers  []*account
	plans      []*plan
	nextRate   int64
	nextPeriod int64
	purchases  []*purchase
	events     []event
	// subscriptions are the purchases that last, in the order of their ids.
	subscriptions []*purchase
	charges       int // that the events will make
}

// historyMonths is how long ago the platform opened.
const historyMonths = 36

func newWorld(scale int, until day) *world {
	w := &world{scale: scale, until: until, first: (until + 1).addMonths(-historyMonths), nextRate: 41, nextPeriod: 89_301}
	w.growTree()
	w.stockShelves()
	w.fillHistory()
	w.numberSubscriptions()
	return w
}

// fillHistory lets accounts buy until the events make the promised number of
// charges, exactly.
func (w *world) fillHistory() {
	target := chargesAtScale1 * w.scale
	for _, a := range w.accounts {
		w.letBuy(a, target)
	}
	d := roll('H')
	for misses := 0; misses < 20; {
		if !w.letBuy(pick(d, w.accounts), target) {
			misses++
		}
	}
	w.fillUp(target)
	slices.SortStableFunc(w.events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.purchase, b.purchase))
	})
}

// letBuy makes an account buy something, unless that would make too many charges.
func (w *world) letBuy(a *account, target int) bool {
	seed := int64(roll('L', int64(len(w.purchases)), a.seed).next() >> 1)
	d := roll('K', seed)
	if a.parent == nil || a.operating || a.kind == reseller && d.chance(30) {
		return true
	}
	start := a.created
	if a.created < w.first || d.chance(60) {
		from := max(a.created, w.first)
		start = from + day(d.n(int(w.until-from)+1))
	}
	var p *plan
	if a.level > 1 || !d.chance(6) { // the provider takes advance payments from its own customers
		p = a.parent.inDemand(d)
	}
	return w.accept(w.buy(a, p, start, seed), target)
}

// inDemand returns a plan that an account sells, by weight.
func (a *account) inDemand(d *dice) *plan {
	at := d.n(a.plans[len(a.plans)-1].demand)
	i, _ := slices.BinarySearchFunc(a.plans, at, func(p *plan, at int) int { return cmp.Compare(p.demand, at+1) })
	return a.plans[i]
}

// accept takes a planned purchase into the history if its charges still fit.
func (w *world) accept(s *planner, target int) bool {
	n := 0
	for _, ev := range s.events {
		chain := s.chainOf(ev)
		n += len(s.appendLines(nil, ev, chain)) * len(chain)
	}
	if w.charges+n > target {
		return false
	}
	w.charges += n
	w.purchases = append(w.purchases, s.purchase)
	w.events = append(w.events, s.events...)
	return true
}

// chainOf returns the links that charge an event: all, or those above the final
// sale.
func (s *purchase) chainOf(ev event) []link {
	chain := s.appendChain(nil)
	if ev.kind == evCompensate {
		return chain[1:]
	}
	return chain
}

// fillUp makes the last missing charges: single fees of the provider's own
// customers make one each.
func (w *world) fillUp(target int) {
	root := w.accounts[0]
	once := root.plans[slices.IndexFunc(root.plans, func(p *plan) bool { return p.offer.oneTime() })]
	direct := slices.DeleteFunc(slices.Clone(w.accounts), func(a *account) bool { return a.parent != root })
	for i := 0; w.charges < target; i++ {
		a := direct[i%len(direct)]
		d := roll('F', int64(i))
		from := max(a.created, w.first)
		w.accept(w.buy(a, once, from+day(d.n(int(w.until-from)+1)), int64(d.next()>>1)), target)
	}
}

// numberSubscriptions gives ids by the first day: they count from 1000001.
func (w *world) numberSubscriptions() {
	w.subscriptions = slices.DeleteFunc(slices.Clone(w.purchases), func(s *purchase) bool { return s.plan == nil || s.offer().oneTime() })
	slices.SortStableFunc(w.subscriptions, func(a, b *purchase) int { return cmp.Compare(a.start, b.start) })
	for i, s := range w.subscriptions {
		s.id = 1_000_001 + int64(i)
	}
}

// generate writes every row of the schema: first what stands, then history in
// its order, then what has become of it. The same scale and last day give the
// same rows in the same order.
func generate(ctx context.Context, scale int, until day, out writer) error {
	w := newWorld(scale, until)
	c := &clerk{world: w, out: out}
	c.writeAccounts()
	c.writeCatalogue()
	if err := c.err; err != nil {
		return err
	}
	if err := newBilling(c).run(ctx); err != nil {
		return err
	}
	c.writeSubscriptions()
	return c.err
}

// A clerk writes rows. The first error sticks: what is written after it is lost.
type clerk struct {
	*world
	out   writer
	cells []cell
	err   error

	nextMethod, nextUser, nextLicense int64
}

func (c *clerk) row(table string, cells ...cell) {
	if c.err == nil {
		c.cells = append(c.cells[:0], cells...)
		c.err = c.out.Row(table, c.cells)
	}
}
