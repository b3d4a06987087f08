package seed

func (c *clerk) writeSubscriptions() {
	for _, s := range c.subscriptions {
		c.writeSubscription(s)
		c.writeResources(s)
		if s.offer().template == "Cloud Office" {
			c.writeUsers(s)
		}
	}
}

func (c *clerk) writeSubscription(s *purchase) {
	d := roll('V', s.seed)
	name := s.plan.sold()
	switch d.n(12) {
	case 0:
		name += ` "Team ` + pick(d, s.buyer.country.given) + `"`
	case 1:
		name = "Filiale " + pick(d, s.buyer.country.cities).name + "\n" + name
	}
	attributes := null
	switch d.n(4) {
	case 0:
		attributes = pairs("department", pick(d, []string{"R&D", "Sales, EMEA", "Buchhaltung"}))
	case 1:
		attributes = pairs()
	}
	created := s.created
	billing := s.offer().billing()
	c.row("subscriptions", integer(s.id), integer(s.buyer.id), integer(s.plan.id), integer(s.periodID()), integer(s.orderID), text(name),
		integer(int(s.fate)), integer(s.serviceStatus(d)), date(s.start), date(s.expiry()), given(s.fate != ordered, date(s.lastBilled)),
		given(s.bills(), date(s.nextBilling)), integer(s.term.length), text(s.term.unit), integer(billing.length), text(billing.unit),
		boolean(s.renews), text(s.currency.code), attributes, stamp(created), stamp(s.changed()))
}

// changed is when a subscription last became what it is.
func (s *purchase) changed() instant {
	if s.bills() {
		return max(s.created, s.lastBilled.at(5*hour))
	}
	return max(s.created, s.stop.at(19*hour))
}

// periodID is the plan's period that was chosen.
func (s *purchase) periodID() int64 {
	if s.term == s.offer().terms()[0] {
		return s.plan.period
	}
	return s.plan.period + 1
}

// expiry is where the current term ends.
func (s *purchase) expiry() day {
	end := s.start.addMonths(s.term.months())
	for n := 2; end <= s.lastBilled; n++ {
		end = s.start.addMonths(n * s.term.months())
	}
	return end
}

// bills reports whether there will be a next bill.
func (s *purchase) bills() bool {
	switch s.fate {
	case active, trial, ordered:
		return true
	}
	return false
}

func (s *purchase) serviceStatus(d *dice) int {
	switch s.fate {
	case ordered:
		return []int{10, 20}[d.n(2)]
	case cancelled, terminated:
		return []int{70, 90, 90, 90, 90, 90, 90, 90}[d.n(8)]
	case expired, adminHold, creditHold, bothHolds:
		return []int{30, 30, 30, 60}[d.n(4)]
	}
	switch d.n(80) {
	case 0:
		return 80
	case 1:
		return 40
	}
	return 50
}

func (c *clerk) writeResources(s *purchase) {
	for k, r := range s.offer().rates {
		d := roll('W', s.seed, int64(k))
		taken := money(0)
		if r.prepaid() {
			taken = money(s.quantity) * unit
		}
		used := taken.share(int64(d.between(40, 100)), 100).round(0)
		if !r.prepaid() {
			used = s.measured(k, 99, nil)
		}
		c.row("subscription_resources", integer(s.id), integer(s.plan.rateID+int64(k)), integer(r.good.id), text(s.resourceStatus()),
			amount(r.included), amount(max(0, taken-r.least())), amount(taken), amount(used), amount(r.least()), given(r.limit > 0, amount(r.limit)))
	}
}

func (s *purchase) resourceStatus() string {
	switch s.fate {
	case ordered:
		return "Installing"
	case cancelled, terminated:
		return "Removed"
	case adminHold, creditHold, bothHolds, expired:
		return "Suspended"
	}
	return "Installed"
}

// writeUsers writes the people behind some of the seats.
func (c *clerk) writeUsers(s *purchase) {
	for i := range min(s.quantity, 4) {
		d := roll('X', s.seed, int64(i))
		p := newPerson(d, s.buyer.country)
		created := s.created + instant(d.n(int(20*hour)))
		left := null
		if gone := s.stop.at(12 * hour); s.fate == cancelled && gone > created {
			left = stamp(gone)
		}
		c.nextUser++
		c.row("service_users", integer(c.nextUser), integer(s.buyer.id), integer(s.id), text(p.email), text(p.given), text(p.family), text(p.email),
			given(d.chance(70), text(s.buyer.country.dial+d.digits("##########"))), boolean01(left == null && d.chance(95)), stamp(created), left)
		for range d.between(1, 2) {
			c.nextLicense++
			c.row("licenses", integer(c.nextLicense), integer(c.nextUser), integer(s.offer().rates[0].good.id))
		}
	}
}

func boolean01(b bool) cell {
	if b {
		return integer(1)
	}
	return integer(0)
}
