package seed

// A purchase is something an account bought and keeps, or bought once. What it
// costs, on every level of the chain, follows from its events.
type purchase struct {
	seed     int64
	buyer    *account
	plan     *plan // nil: a deposit
	currency *currency
	start    day
	quantity int // of licences, as of now
	term     span
	renews   bool
	fate     fate
	stop     day // where fate says that it ended or was held

	lastBilled, nextBilling day

	id      int64   // of the subscription; 0 when there is none
	orderID int64   // its sales order
	created instant // when that was placed
}

// A fate is how a subscription stands on the last day: its status code.
type fate int

const (
	ordered    fate = 10
	trial      fate = 15
	active     fate = 30
	graced     fate = 40
	expired    fate = 50
	terminated fate = 60
	cancelled  fate = 70
	adminHold  fate = 80
	creditHold fate = 85
	bothHolds  fate = 89
)

// An event is a moment that makes an order, with a charge per line, on each
// level of the chain.
type event struct {
	at       instant
	purchase int32
	quantity int32 // licences before the event
	period   int16 // billing periods since the start
	delta    int16 // licences more or less
	kind     eventKind
}

type eventKind uint8

const (
	evSell       eventKind = iota // the first order
	evSellOnce                    // a one-time fee
	evBill                        // a periodic charge
	evRenew                       // a periodic charge that begins a new term
	evChange                      // more or fewer licences
	evSwitch                      // another edition
	evAdjust                      // a correction by hand
	evCancel                      // money back
	evCompensate                  // more money back upstream than the customer got
	evLeave                       // fees and usage at the end
	evDeposit                     // an advance payment
)

func (s *purchase) offer() *offer { return s.plan.offer }

// periodStart returns the first day of the billing period i.
func (s *purchase) periodStart(i int) day { return s.start.addMonths(i * s.offer().months) }

// A link is one sale of a chain: the seller's plan, bought by the account below.
type link struct {
	buyer, seller *account
	plan          *plan
	currency      *currency
}

// appendChain adds the links of s, from the final sale upward. The chain ends
// with the account whose own plan it is; an operating unit is passed over.
func (s *purchase) appendChain(links []link) []link {
	buyer := s.buyer
	links = append(links, link{buyer, buyer.parent, s.plan, s.currency})
	if s.plan == nil {
		return links
	}
	for p := s.plan.parent; p != nil; p = p.parent {
		buyer = buyer.parent
		if !buyer.operating {
			links = append(links, link{buyer, buyer.parent, p, buyer.currency})
		}
	}
	return links
}

// A planner plans the events of one purchase.
type planner struct {
	*purchase
	index  int32
	dice   *dice
	until  day
	events []event
}

// live decides the whole life of a subscription up to the last day.
func (s *planner) live() {
	s.decideFate()
	s.add(evSell, s.start, s.anyTime(), 0, 0)
	s.created = s.events[0].at
	last := 0
	for i := 1; ; i++ {
		begin := s.periodStart(i)
		s.changeWithin(i - 1)
		if begin > s.until || begin > s.lastPaidDay() {
			break
		}
		kind := evBill
		if i*s.offer().months%s.term.months() == 0 {
			kind = evRenew
		}
		s.add(kind, begin, s.nightTime(), i, 0)
		last = i
	}
	if on := s.periodStart(last) + 1; s.dice.chance(3) && on < s.stop && on <= s.until {
		s.add(evAdjust, on, s.officeTime(), last, 0)
	}
	if s.fate == cancelled {
		s.cancel(last)
	}
	s.lastBilled = s.periodStart(last)
	s.nextBilling = s.periodStart(last + 1)
}

// lastPaidDay is the last day on which a period can begin.
func (s *planner) lastPaidDay() day {
	switch s.fate {
	case expired, graced, terminated:
		return s.stop - 1
	case cancelled, adminHold, creditHold, bothHolds:
		return s.stop
	}
	return s.until
}

func (s *planner) decideFate() {
	s.fate, s.stop = active, s.until+1
	termEnd := s.start.addMonths(s.term.months())
	switch d := s.dice; {
	case s.start > s.until-3:
		s.fate = []fate{ordered, active, active}[d.n(3)]
	case s.start > s.until-14:
		s.fate = []fate{trial, active, active, active}[d.n(4)]
	case d.chance(30):
		s.end(s.leavingDay(), []fate{cancelled, cancelled, cancelled, cancelled, terminated}[d.n(5)])
	case !s.renews && s.until-termEnd < 20:
		s.end(termEnd, graced)
	case !s.renews:
		s.end(termEnd, expired)
	case d.chance(4):
		s.end(s.until-day(d.between(2, 50)), pick(d, []fate{adminHold, creditHold, bothHolds}))
	}
}

// leavingDay is when a customer gives up: at once, some weeks into a year, or any
// day.
func (s *planner) leavingDay() day {
	switch n := s.dice.n(100); {
	case n < 8:
		return s.start + day(s.dice.between(2, 14))
	case n < 40:
		years := s.dice.n(3)
		return s.start.addMonths(12*years) + day(s.dice.between(10, 29))
	}
	return s.start + day(s.dice.between(11, 1000))
}

// end sets a fate if its day has come.
func (s *planner) end(on day, f fate) {
	if on > s.start && on <= s.until {
		s.fate, s.stop = f, on
	}
}

// changeWithin lets an account change its mind within the period i.
func (s *planner) changeWithin(i int) {
	begin, end := s.periodStart(i), s.periodStart(i+1)
	on := begin + day(s.dice.between(3, int(end-begin)-4))
	if !s.offer().rates[0].prepaid() || on > s.until || on >= s.stop || !s.dice.chance(4) {
		return
	}
	switch step := s.dice.between(-4, 7); {
	case step == 0:
		s.add(evSwitch, on, s.officeTime(), i, 0)
	case s.quantity+step >= 1:
		s.add(evChange, on, s.officeTime(), i, step)
		s.quantity += step
	}
}

// cancel ends a subscription during the period i.
func (s *planner) cancel(i int) {
	at := s.officeTime()
	s.add(evCancel, s.stop, at, i, 0)
	if s.compensates(i) {
		s.add(evCompensate, s.stop, at+2*second, i, 0)
	}
	s.add(evLeave, s.stop, at+minute, i, 0)
}

// compensates reports whether the vendor's vendor, still within its window for
// full refunds, gives back more than the vendor gave its pro-rating customer.
func (s *planner) compensates(i int) bool {
	used := s.stop - s.periodStart(i)
	return used > 0 && used < 30 && !s.fullRefund(i) && len(s.appendChain(nil)) > 1 && s.dice.chance(70)
}

// fullRefund reports whether a cancellation undoes the purchase.
func (s *purchase) fullRefund(period int) bool { return period == 0 && s.stop-s.start <= 14 }

// add plans an event unless it would make an empty order.
func (s *planner) add(kind eventKind, on day, after instant, period, delta int) {
	ev := event{at: on.at(after), purchase: s.index, kind: kind, period: int16(period), quantity: int32(s.quantity), delta: int16(delta)}
	if len(s.appendLines(nil, ev, s.appendChain(nil))) > 0 {
		s.events = append(s.events, ev)
	}
}

// anyTime is a time of day, mostly within office hours. A few are the first and
// the last instant of the day: reports must know which day those belong to.
func (s *planner) anyTime() instant {
	switch s.dice.n(150) {
	case 0:
		return 0
	case 1:
		return 24*hour - 1
	}
	return s.officeTime()
}

func (s *planner) officeTime() instant { return 8*hour + instant(s.dice.n(int(10*hour))) }

// nightTime is when the billing run gets to a subscription.
func (s *planner) nightTime() instant {
	if s.dice.chance(1) {
		return 0
	}
	return instant(s.dice.n(int(4 * hour)))
}

// buy plans a purchase of a plan by an account on a day.
func (w *world) buy(a *account, p *plan, start day, seed int64) *planner {
	d := roll('B', seed)
	s := &planner{purchase: &purchase{seed: seed, buyer: a, plan: p, currency: a.currency, start: start}, index: int32(len(w.purchases)), dice: d, until: w.until}
	if d.chance(6) {
		s.currency = a.parent.currency
	}
	if p == nil {
		s.add(evDeposit, start, s.officeTime(), 0, 0)
		return s
	}
	o := p.offer
	s.quantity = 1 + d.low(o.most)
	if d.chance(2) {
		s.quantity *= d.between(10, 40)
	}
	if limit := o.rates[0].limit; limit > 0 {
		s.quantity = min(s.quantity, int(limit/unit))
	}
	if o.oneTime() {
		s.add(evSellOnce, start, s.anyTime(), 0, 0)
		return s
	}
	s.term = o.terms()[0]
	if d.chance(20) {
		s.term = o.terms()[1]
	}
	s.renews = o.renews && !d.chance(8)
	s.live()
	return s
}
