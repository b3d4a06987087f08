package seed

// A line is a charge before it is known what it costs on which level.
type line struct {
	kind     string // the charge's type
	rate     int    // which of the offer's rates; -1: none
	basis    basis
	fixed    money // the price in US dollars where no list has it
	quantity money // negative: money goes back

	part, whole int64 // what share of the price is charged
	start, end  day   // inclusive
	duration    span  // DAYS too; none when not for a period

	discount int64 // per cent, for the buyer at the end of the chain
	free     bool  // a trial: full discount on every level
}

// A basis is the part of a price list that a line is charged by.
type basis uint8

const (
	bySetup basis = iota
	byRecurring
	byOveruse
	byLeaving
	byHand
)

func (b basis) of(p price) money {
	return [...]money{p.setup, p.recurring, p.overuse, p.leaving, 0}[b]
}

// appendLines adds the lines of an event of s. It is a pure function: events
// are counted by it before they are written.
func (s *purchase) appendLines(lines []line, ev event, chain []link) []line {
	switch ev.kind {
	case evDeposit:
		return append(lines, s.oneOff("deposit", -1, byHand, unit, ev, money(50+s.seed&0x3ff)*unit))
	case evSellOnce:
		return append(lines, s.oneOff("nonProvisioningItem", 0, bySetup, money(ev.quantity)*unit, ev, 0))
	case evAdjust:
		return append(lines, s.oneOff("adjustment", 0, byHand, -unit, ev, money(1+s.seed&0x1f)*unit/2))
	case evSwitch:
		return append(lines, s.prorated("switch", 0, money(ev.quantity)*unit, ev, 5))
	case evChange:
		return append(lines, s.prorated(changeType(ev.delta), 0, money(ev.delta)*unit, ev, 1))
	}
	for k := range s.offer().rates {
		switch ev.kind {
		case evSell:
			lines = s.appendFirst(lines, k, ev)
		case evBill, evRenew:
			lines = append(lines, s.periodic(k, ev, chain))
		case evCancel:
			lines = s.appendRefund(lines, k, ev)
		case evCompensate:
			lines = s.appendCompensation(lines, k, ev)
		case evLeave:
			lines = s.appendLeaving(lines, k, ev, chain)
		}
	}
	return lines
}

func changeType(delta int16) string {
	if delta < 0 {
		return "downgrade"
	}
	return "recurring"
}

// appendFirst adds what a sales order charges for a rate: the set-up, and the
// first period where it is paid in advance.
func (s *purchase) appendFirst(lines []line, k int, ev event) []line {
	r, quantity := &s.offer().rates[k], money(ev.quantity)*unit
	if r.setup > 0 {
		kind := "setup"
		if s.offer().template == "Domains" && s.seed%3 == 0 {
			kind = "transfer"
		}
		lines = append(lines, s.oneOff(kind, k, bySetup, quantity, ev, 0))
	}
	if !r.prepaid() {
		return lines
	}
	first := s.wholePeriod("recurring", k, quantity, ev)
	first.free = s.fate == trial
	if s.seed%5 == 0 {
		first.discount = 10
	}
	lines = append(lines, first)
	if s.seed%9 == 4 && !first.free {
		voucher := first
		voucher.kind, voucher.quantity, voucher.part, voucher.whole, voucher.discount = "discount", -quantity, 15, 100, 0
		lines = append(lines, voucher)
	}
	return lines
}

// periodic is what a billing run charges for a rate: the period that begins, or
// the usage of the one that ended.
func (s *purchase) periodic(k int, ev event, chain []link) line {
	if !s.offer().rates[k].prepaid() {
		return s.usage(k, int(ev.period)-1, s.periodStart(int(ev.period))-1, chain)
	}
	kind := "recurring"
	if ev.kind == evRenew {
		kind = "renew"
	}
	return s.wholePeriod(kind, k, money(ev.quantity)*unit, ev)
}

// appendRefund gives back the rest of the period, or everything.
func (s *purchase) appendRefund(lines []line, k int, ev event) []line {
	r, quantity := &s.offer().rates[k], -money(ev.quantity)*unit
	full := s.fullRefund(int(ev.period))
	if full && r.setup > 0 {
		lines = append(lines, s.oneOff("setupRefund", k, bySetup, quantity, ev, 0))
	}
	kind := "recurringRefund"
	if ev.period > 0 && int(ev.period)*s.offer().months%s.term.months() == 0 {
		kind = "renewRefund"
	}
	switch {
	case !r.prepaid():
		return lines
	case full:
		return append(lines, s.wholePeriod(kind, k, quantity, ev))
	}
	return append(lines, s.prorated(kind, k, quantity, ev, 1))
}

// appendCompensation is what a full refund upstream has over the pro-rated one.
func (s *purchase) appendCompensation(lines []line, k int, ev event) []line {
	if !s.offer().rates[k].prepaid() {
		return lines
	}
	l := s.prorated("refundAdjustment", k, -money(ev.quantity)*unit, ev, 1)
	l.end = l.start - 1
	l.start = s.periodStart(int(ev.period))
	l.part = l.whole - l.part
	l.duration = span{int(l.part), "DAYS"}
	return append(lines, l)
}

// appendLeaving adds the fee of an early end, a handling fee now and then, and
// the usage that was not billed yet.
func (s *purchase) appendLeaving(lines []line, k int, ev event, chain []link) []line {
	r := &s.offer().rates[k]
	if r.leaving > 0 && !s.fullRefund(int(ev.period)) {
		lines = append(lines, s.oneOff("cancellation", k, byLeaving, unit, ev, 0))
		if s.seed%4 == 1 {
			lines = append(lines, s.oneOff("handlingFee", -1, byHand, unit, ev, 750*cent))
		}
	}
	if !r.prepaid() && ev.at.day() > s.periodStart(int(ev.period)) {
		lines = append(lines, s.usage(k, int(ev.period), ev.at.day()-1, chain))
	}
	return lines
}

func (s *purchase) oneOff(kind string, k int, b basis, quantity money, ev event, fixed money) line {
	on := ev.at.day()
	return line{kind: kind, rate: k, basis: b, fixed: fixed, quantity: quantity, part: 1, whole: 1, start: on, end: on}
}

func (s *purchase) wholePeriod(kind string, k int, quantity money, ev event) line {
	i := int(ev.period)
	return line{kind: kind, rate: k, basis: byRecurring, quantity: quantity, part: 1, whole: 1,
		start: s.periodStart(i), end: s.periodStart(i+1) - 1, duration: s.offer().billing()}
}

// prorated charges the rest of the period from the event's day on, divided by a
// factor.
func (s *purchase) prorated(kind string, k int, quantity money, ev event, factor int64) line {
	begin, next, on := s.periodStart(int(ev.period)), s.periodStart(int(ev.period)+1), ev.at.day()
	return line{kind: kind, rate: k, basis: byRecurring, quantity: quantity, part: int64(next - on), whole: int64(next-begin) * factor,
		start: on, end: next - 1, duration: span{int(next - on), "DAYS"}}
}

// usage charges what was measured from the beginning of a period to a day.
func (s *purchase) usage(k, period int, to day, chain []link) line {
	from := s.periodStart(period)
	l := line{kind: "overuse", rate: k, basis: byOveruse, part: 1, whole: 1, start: from, end: to, duration: span{int(to-from) + 1, "DAYS"}}
	l.quantity = s.measured(k, period, chain)
	return l
}

// measured is the quantity of a usage: gigabytes with six decimals, small units
// by the whole, and all by the whole where somebody pays in a currency without
// cents.
func (s *purchase) measured(k, period int, chain []link) money {
	d := roll('U', s.seed, int64(k), int64(period))
	if s.offer().rates[k].good.kind == metered {
		return money(1+d.n(pick(d, []int{1_000, 10_000, 100_000, 1_000_000}))) * unit
	}
	gigabytes := money(1+d.n(250_000_000)) * 100
	for _, l := range chain {
		if l.currency.decimals == 0 {
			return gigabytes.round(0) + unit
		}
	}
	return gigabytes
}
