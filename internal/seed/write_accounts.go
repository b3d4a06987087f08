package seed

import (
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
		stamp(created), stamp(min(created+instant(d.n(int(9*24*hour))), c.until.at(23*hour))))
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
