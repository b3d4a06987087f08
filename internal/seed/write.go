package seed

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

func (c *clerk) writeAccounts() {
	for _, a := range c.accounts {
		c.writeAccount(a)
		c.writeContacts(a)
		c.writePaymentMethods(a)
	}
}

func (c *clerk) writeAccount(a *account) {
	d := roll('A', a.seed)
	home := pick(d, a.country.cities)
	created := a.created.at(8*hour + instant(d.n(int(9*hour))))
	status, code := a.status(d)
	c.row("accounts", integer(a.id), given(a.parent != nil, integer(a.parentID())), integer(a.level), text(a.kind), boolean(a.operating), boolean(a.company),
		text(a.name), text(d.uuid()), text(status), text(code), text(a.currency.code), integer(a.statement),
		text(a.country.language), text(a.zone()), text(d.digits(pick(d, a.country.streets))), secondLine(d), text(home.name),
		given(home.state != "", text(home.state)), text(d.digits(home.zip)), text(a.country.code),
		given(a.company, text(d.digits("0########"))), text(strconv.Itoa(1+d.low(3))), text(a.taxZone()), accountAttributes(d),
		stamp(created), stamp(created+instant(d.n(int(9*24*hour)))))
}

func (a *account) parentID() int64 {
	if a.parent == nil {
		return 0
	}
	return a.parent.id
}

// zone is where an account is at home; the provider counts in UTC.
func (a *account) zone() string {
	if a.parent == nil {
		return "UTC"
	}
	return a.country.zone
}

func (a *account) status(d *dice) (word, code string) {
	if a.kind != customer {
		return "active", "0"
	}
	switch d.n(60) {
	case 0:
		return "creditHold", "4"
	case 1:
		return "adminHold", "3"
	case 2:
		return "pending", "1"
	case 3:
		return "cancelled", "9"
	}
	return "active", "0"
}

// taxZone says which taxes a buyer's vendor must charge.
func (a *account) taxZone() string {
	switch {
	case a.parent == nil:
		return "Provider-Home-State"
	case a.domestic():
		return a.country.code + "-Domestic"
	case a.country.currency == eur && a.parent.country.currency == eur:
		return "EU-Reverse-Charge"
	}
	return "Provider-Other-State"
}

func (a *account) domestic() bool { return a.country == a.parent.country }

func secondLine(d *dice) cell {
	switch d.n(6) {
	case 0:
		return text(d.digits("Building #, Floor ##"))
	case 1:
		return text("c/o \"Front Desk\", Suite 0" + d.digits("##"))
	case 2, 3:
		return text("")
	}
	return null
}

// accountAttributes are what operators note about an account.
func accountAttributes(d *dice) cell {
	switch d.n(5) {
	case 0:
		return pairs("region", pick(d, []string{"west", "east", "south", "Übersee"}))
	case 1:
		return pairs("region", pick(d, []string{"north", "central"}), "costCenter", d.digits("00##"))
	case 2:
		return pairs()
	}
	return null
}

// pairs makes an attributes column: a JSON array of names and values.
func pairs(words ...string) cell {
	var b strings.Builder
	b.WriteByte('[')
	for i := 0; i < len(words); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("[" + jsonText(words[i]) + "," + jsonText(words[i+1]) + "]")
	}
	b.WriteByte(']')
	return text(b.String())
}

func jsonText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// writeContacts writes the three contacts; some accounts never named a technical
// one.
func (c *clerk) writeContacts(a *account) {
	d := roll('T', a.seed)
	for _, kind := range []string{"admin", "billing", "tech"} {
		if kind == "tech" && d.chance(6) {
			continue
		}
		p := a.person(kind)
		middle := given(p.middle != "", text(p.middle))
		if p.middle == "" && d.chance(25) {
			middle = text("")
		}
		cells := []cell{integer(a.id), text(kind), text(p.given), middle, text(p.family), text(p.email)}
		cells = a.appendPhone(cells, d, 88)
		cells = a.appendPhone(cells, d, 30)
		c.row("contacts", cells...)
	}
}

// appendPhone adds a number in its parts, or none.
func (a *account) appendPhone(cells []cell, d *dice, percent int) []cell {
	if !d.chance(percent) {
		return append(cells, null, null, null, null)
	}
	extension := null
	switch d.n(5) {
	case 0:
		extension = text(d.digits("0##"))
	case 1:
		extension = text("")
	}
	return append(cells, text(a.country.dial), text(pick(d, a.country.cities).area), text(d.digits("#######")), extension)
}

// A method is a way to pay.
type method struct{ kind, system, name string }

var methods = []method{
	{"card", "Token", "Visa ending "}, {"card", "Token", "Mastercard ending "}, {"wallet", "Redirect", "Online wallet"},
	{"transfer", "Offline", "Bank transfer"}, {"check", "Offline", "Check"}, {"cash", "Offline", "Cash"},
}

// method returns the account's i-th payment method: always the same one.
func (a *account) method(i int) method {
	d := roll('M', a.seed, int64(i))
	m := methods[d.low(len(methods))]
	if m.kind == "card" {
		m.name += d.digits("####")
	}
	return m
}

func (c *clerk) writePaymentMethods(a *account) {
	a.methodID = c.nextMethod + 1
	for i := range a.methods {
		m := a.method(i)
		c.nextMethod++
		c.row("payment_methods", integer(c.nextMethod), integer(a.id), text(m.kind), text(m.system), text(m.name))
	}
}

func (c *clerk) writeCatalogue() {
	templates, categories := map[string]int{}, map[string]int{}
	for _, o := range offers {
		if _, known := templates[o.template]; !known {
			templates[o.template] = 420 + len(templates)
			c.row("service_templates", integer(templates[o.template]), text(o.template))
		}
		if _, known := categories[o.category]; !known {
			categories[o.category] = 2 + len(categories)
			c.row("plan_categories", integer(categories[o.category]), text(o.category))
		}
	}
	for _, g := range goods {
		c.row("resources", integer(g.id), text(g.name), text(g.category), text(g.unit))
	}
	for _, p := range c.plans {
		c.writePlan(p, templates[p.offer.template], categories[p.offer.category])
		c.writePeriods(p)
		c.writeRates(p)
	}
}

func (c *clerk) writePlan(p *plan, template, category int) {
	o, d := p.offer, roll('N', p.id)
	name := p.sold()
	short := given(o.about != "" || d.chance(50), text(o.about))
	long := null
	if o.about != "" && d.chance(60) {
		long = text(name + "\n\n" + o.about + "\r\nSold by: " + p.owner.name)
	}
	parent := null
	if p.parent != nil {
		parent = integer(p.parent.id)
	}
	billing := o.billing()
	c.row("plans", integer(p.id), text(d.uuid()), parent, integer(p.owner.id), integer(template), integer(category), text(name), short, long,
		text(p.owner.currency.code), integer(billing.length), text(billing.unit), text(o.availability), boolean(o.oneTime()),
		boolean(o.availability != notForSale), boolean(o.renews), stamp(p.created.at(9*hour+instant(d.n(int(7*hour))))))
}

// sold is the name a plan is sold by: resellers put theirs on their own offers.
func (p *plan) sold() string {
	if p.offer.own {
		return p.root().owner.name + " " + p.offer.name
	}
	return p.offer.name
}

// root returns the plan that p was delegated from in the first place.
func (p *plan) root() *plan {
	for p.parent != nil {
		p = p.parent
	}
	return p
}

func (c *clerk) writePeriods(p *plan) {
	for i, t := range p.offer.terms() {
		c.row("plan_periods", integer(p.period+int64(i)), integer(p.id), integer(t.length), text(t.unit))
	}
}

func (c *clerk) writeRates(p *plan) {
	for k, r := range p.offer.rates {
		pr := p.prices[k]
		what := r.good.plain()
		c.row("plan_rates", integer(p.rateID+int64(k)), integer(p.id), integer(r.good.id), text(p.owner.currency.code),
			amount(r.included), amount(r.least()), given(r.limit > 0, amount(r.limit)),
			amount(pr.setup), amount(pr.recurring), amount(pr.overuse), amount(pr.leaving),
			text(p.sku(k, bySetup)), text(p.sku(k, byRecurring)), text(p.sku(k, byOveruse)), text(p.sku(k, byLeaving)),
			given(pr.setup > 0, text("Setup of "+what)), given(pr.recurring > 0, text("Recurring for "+what)),
			given(pr.overuse > 0, text("Usage of "+what)), given(pr.leaving > 0, text(what+" Cancellation")), text(r.good.mpn))
	}
}

// least is how much of a good must be taken.
func (r *offerRate) least() money {
	if r.prepaid() {
		return unit
	}
	return 0
}

// plain returns a good's name in English.
func (g *good) plain() string {
	english, multilingual := strings.CutPrefix(g.name, "en ")
	if !multilingual {
		return english
	}
	return english[:nextLanguage.FindStringIndex(english)[0]]
}

var nextLanguage = regexp.MustCompile(` (de|es|fr|pt) `)

// sku is the article number of a fee: the offer's, whoever sells it.
func (p *plan) sku(k int, b basis) string {
	root := p.root()
	d := roll('Q', root.id, int64(k), int64(b))
	switch b {
	case bySetup:
		return fmt.Sprintf("%06d", root.rateID+int64(k))
	case byRecurring:
		return d.hex(8) + "_" + p.offer.billing().unit
	case byOveruse:
		return fmt.Sprintf("%d.%d", root.id, k+4)
	}
	return fmt.Sprintf("0%d-C", root.rateID+int64(k))
}

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
		integer(int(s.fate)), integer(s.serviceStatus(d)), date(s.start), date(s.expiry()), date(s.lastBilled),
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
