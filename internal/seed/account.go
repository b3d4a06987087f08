package seed

import (
	"slices"
	"strings"
)

// An account is a node of the sales tree. What nobody else asks for (address,
// phones) is made from its seed when its row is written.
type account struct {
	id        int64
	seed      int64
	parent    *account // nil for the provider
	level     int
	kind      string // Provider, Reseller, Customer
	operating bool   // an operating unit: sells, but is never charged itself
	company   bool
	name      string
	country   *country
	currency  *currency
	statement int // day of the month
	created   day
	discount  int64 // per cent off its vendor's prices
	methods   int   // how many payment methods it has
	methodID  int64 // the first of them

	plans []*plan // what it sells
}

const (
	provider = "Provider"
	reseller = "Reseller"
	customer = "Customer"
)

// How many accounts there are at scale 1. Chains go down to customers of
// third-level resellers.
const (
	firstLevel  = 10
	secondLevel = 24
	thirdLevel  = 30
	customers   = 2_000
)

// growTree makes the accounts: the provider, the resellers level by level, the
// customers by their first day.
func (w *world) growTree() {
	root := &account{seed: 1, kind: provider, company: true, name: "Meridian Cloud Distribution, Inc.", country: countries[0],
		currency: usd, statement: 1, created: w.first - 700, methods: 1}
	w.add(root)
	root.id = 1

	first := w.addResellers(firstLevel, []*account{root}, w.first-365, w.first-30)
	second := w.addResellers(secondLevel, first, w.first-200, w.first+90)
	third := w.addResellers(thirdLevel, second, w.first-60, w.first+200)
	w.addCustomers([][]*account{{root}, first, second, third})
}

// add gives an account its id: they count from 1000001.
func (w *world) add(a *account) {
	a.id = 1_000_000 + int64(len(w.accounts))
	w.accounts = append(w.accounts, a)
}

func (w *world) addResellers(atScale1 int, vendors []*account, from, to day) []*account {
	added := make([]*account, 0, atScale1*w.scale)
	for i := range cap(added) {
		d := roll('R', int64(len(w.accounts)))
		a := newAccount(d, reseller, vendors[d.low(len(vendors))])
		a.company = true
		a.country = countries[i%len(countries)]
		if a.level > 1 && d.chance(85) {
			a.country = a.parent.country
		}
		a.statement = 1
		a.created = max(from+day(d.n(int(to-from))), a.parent.created+7)
		a.discount = int64(d.n(3)) * 2
		a.name = pick(d, a.country.family) + " " + pick(d, trades) + pick(d, a.country.forms)
		if a.level == 2 && i%8 == 3 {
			a.operating = true
			a.country = a.parent.country
			a.name = a.parent.name + " – " + pick(d, []string{"Public Sector", "Retail Unit", "Region 02"})
		}
		a.currency = a.country.currency
		w.add(a)
		added = append(added, a)
	}
	w.resellers = append(w.resellers, added...)
	return added
}

// trades are what resellers do.
var trades = []string{"IT Services", "Systems", "Cloud", "Digital", "Networks", "Data", "Telecom"}

// addCustomers hangs customers under every level: at least one under every
// reseller, most under the big ones.
func (w *world) addCustomers(vendors [][]*account) {
	levels := []int{0, 1, 1, 1, 2, 2, 2, 2, 3, 3}
	added := make([]*account, 0, customers*w.scale)
	for i := range cap(added) {
		d := roll('C', int64(i))
		peers := vendors[pick(d, levels)]
		vendor := peers[d.low(len(peers))]
		if i < len(w.resellers) {
			vendor = w.resellers[i]
		}
		added = append(added, w.newCustomer(d, i, vendor))
	}
	slices.SortStableFunc(added, func(a, b *account) int { return int(a.created - b.created) })
	for _, a := range added {
		w.add(a)
	}
}

func newAccount(d *dice, kind string, vendor *account) *account {
	return &account{seed: int64(d.next()), kind: kind, parent: vendor, level: vendor.level + 1, methods: 1 + d.n(2)}
}

func (w *world) newCustomer(d *dice, i int, vendor *account) *account {
	a := newAccount(d, customer, vendor)
	a.country = vendor.country
	if d.chance(15) {
		a.country = pick(d, countries)
	}
	a.currency = a.country.currency
	if d.chance(8) {
		a.currency = pick(d, []*currency{usd, eur})
	}
	a.statement = d.between(1, 28)
	a.created = max(w.customerSince(d), vendor.created+10)
	odd := i%60 == 7
	a.company = odd || !d.chance(12)
	switch {
	case !a.company:
		a.name = a.person("admin").fullName()
	case odd:
		a.name = oddNames[i/60%len(oddNames)]
	default:
		a.name = companyName(d, a.country)
	}
	return a
}

// customerSince is the first day of a customer: a good third moved in during the
// platform's first month, the others came steadily since.
func (w *world) customerSince(d *dice) day {
	if d.chance(38) {
		return w.first + day(d.n(30))
	}
	return w.first + day(d.n(int(w.until-w.first)-2))
}

func companyName(d *dice, c *country) string {
	name := pick(d, c.heads) + glue(c) + pick(d, c.tails)
	if d.chance(35) {
		name += " " + pick(d, c.cities).name
	}
	return name + pick(d, c.forms)
}

// glue is what stands between the two words of a company name. The word lists of
// the other languages bring their own.
func glue(c *country) string {
	if c.language == "en" {
		return " "
	}
	return ""
}

// A person is a contact of an account, or a user of a service.
type person struct{ given, middle, family, email string }

// person returns the account's contact of a kind: always the same one.
func (a *account) person(kind string) person {
	return newPerson(roll('P', a.seed, int64(kind[0])), a.country)
}

func newPerson(d *dice, c *country) person {
	p := person{given: pick(d, c.given), family: pick(d, c.family)}
	if d.chance(20) {
		p.middle = pick(d, c.given)
	}
	p.email = mailbox(p.given) + "." + mailbox(p.family) + d.digits("##") + "@example." + pick(d, []string{"com", "net", "org"})
	return p
}

func (p person) fullName() string {
	if p.middle == "" {
		return p.given + " " + p.family
	}
	return p.given + " " + p.middle + " " + p.family
}

// mailbox keeps of a name what a mail address may hold.
func mailbox(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, unaccented.Replace(strings.ToLower(name)))
	if name == "" {
		return "info"
	}
	return name
}

var unaccented = strings.NewReplacer("á", "a", "à", "a", "â", "a", "ã", "a", "ä", "ae", "å", "a", "ą", "a", "ç", "c", "ć", "c", "é", "e", "è", "e",
	"ê", "e", "ë", "e", "ę", "e", "í", "i", "ï", "i", "î", "i", "ł", "l", "ñ", "n", "ń", "n", "ó", "o", "ô", "o", "õ", "o", "ö", "oe",
	"ś", "s", "ß", "ss", "ú", "u", "ü", "ue", "ÿ", "y", "ż", "z", "ź", "z", "º", "", "ª", "")
