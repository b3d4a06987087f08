package seed

import "slices"

// A good is a resource: something that is counted and charged.
type good struct {
	id                   int64
	name, category, unit string
	kind                 goodKind
	mpn                  string
}

type goodKind int

const (
	licence goodKind = iota // paid in advance, by the piece
	storage                 // paid afterwards, by measured gigabytes: quantities with six decimals
	metered                 // paid afterwards, by whole small units: prices with eight decimals
)

var goods = []good{
	{100031, "en Cloud Office Business de Cloud Office Geschäft es Cloud Office Empresas", "Collaboration Cloud Office", "seat", licence, "6dfbeff5-0a4c-41a6-9d2e-77ec14a3a7f1"},
	{100032, "en Cloud Office Enterprise de Cloud Office Konzern es Cloud Office Corporativo", "Collaboration Cloud Office", "seat", licence, "1f6ab0c7-5be4-4d0b-9a45-0c0b6c9e2a11"},
	{100033, "en Mail Archive es Archivo de correo", "Collaboration Cloud Office", "GB", storage, "MA-GB-0001"},
	{100034, "SafeKeep Backup Workload", "Backup", "workload", licence, "0042-SKB-W"},
	{100035, "en Cloud Storage es Almacenamiento en la nube", "Storage", "GB", storage, "0042-SKB-G"},
	{100036, "Virtual Server S (2 vCPU, 4 GiB)", "Compute", "server", licence, "VS-S"},
	{100037, "Outbound Traffic", "Network", "GB", metered, "NET-OUT"},
	{100038, "vCPU Hours", "Compute", "hour", metered, "VCPU-H"},
	{100039, "Memory GiB Hours", "Compute", "GiB hour", metered, "MEM-GIBH"},
	{100040, "WebSpace 50 \"Pro\"", "Hosting", "package", licence, "WS50P"},
	{100041, "DeviceGuard Endpoint Security, per device", "Security", "device", licence, "1.2"},
	{100042, "en Domain Registration fr Enregistrement de domaine", "Domains", "domain", licence, "DOM-REG"},
	{100043, "Domain Privacy", "Domains", "domain", licence, "DOM-PRIV"},
	{100044, "Meet Rooms PSTN Conferencing", "Communication", "host", licence, "007-MEET"},
	{100045, "API Calls (1,000)", "Storage", "1,000 calls", metered, "OBJ-API"},
	{100046, "Onboarding Day", "Services", "day", licence, "SRV-ONB"},
	{100047, "Mailbox Migration", "Services", "mailbox", licence, "SRV-MIG"},
	{100048, "Managed Desktop", "Managed Services", "desktop", licence, "00100"},
	{100049, "Support Hours, Retainer", "Managed Services", "hour", licence, "00200"},
	{100050, "Compliance Archive", "Managed Services", "mailbox", licence, "00300"},
}

// An offer is what the provider, or a first-level reseller of its own, sells.
// Every account that may sell it has a plan for it.
type offer struct {
	name, template, category string
	months                   int  // of a billing period; 0 for one-time fees
	own                      bool // a first-level reseller's own
	renews                   bool
	weight                   int // how much it is in demand
	most                     int // of the first good a small buyer takes
	rates                    []offerRate
	availability             string
	about                    string
}

// An offerRate is an offer's price list for a good, in US dollars.
type offerRate struct {
	good                               *good
	setup, recurring, overuse, leaving money
	included                           money
	limit                              money // 0: none
}

const (
	everywhere = "In Online Store and CCP"
	panelOnly  = "In CCP Only"
	storeOnly  = "In Online Store Only"
	notForSale = "No"
)

var offers = []*offer{
	{name: "en Office Business de Büro Geschäft es Oficina Empresas", template: "Cloud Office", category: "Cloud Office",
		months: 1, renews: true, weight: 16, most: 24, availability: everywhere, about: "Mail, calendar and documents for small teams.",
		rates: []offerRate{{good: &goods[0], recurring: 450 * cent, leaving: 2 * unit, limit: 300 * unit}}},
	{name: "Office Enterprise", template: "Cloud Office", category: "Cloud Office",
		months: 1, renews: true, weight: 5, most: 60, availability: panelOnly, about: "Cloud Office with archive,\nfor audited companies.",
		rates: []offerRate{
			{good: &goods[1], setup: 3 * unit, recurring: 1275 * cent, leaving: 5 * unit},
			{good: &goods[2], overuse: 12 * cent, included: 10 * unit}}},
	{name: "Office Business, Annual", template: "Cloud Office", category: "Cloud Office",
		months: 12, renews: true, weight: 14, most: 24, availability: everywhere, about: "Twelve months for the price of eleven.",
		rates: []offerRate{{good: &goods[0], recurring: 4950 * cent, leaving: 20 * unit, limit: 300 * unit}}},
	{name: "SafeKeep Backup", template: "SafeKeep Backup", category: "Backup & Recovery",
		months: 1, renews: true, weight: 7, most: 6, availability: everywhere, about: "Workloads backed up every night; storage by the gigabyte.",
		rates: []offerRate{
			{good: &goods[3], setup: 10 * unit, recurring: 380 * cent, limit: 50 * unit},
			{good: &goods[4], overuse: 3 * cent}}},
	{name: "SafeKeep Backup, Annual", template: "SafeKeep Backup", category: "Backup & Recovery",
		months: 12, renews: true, weight: 8, most: 6, availability: panelOnly,
		rates: []offerRate{{good: &goods[3], setup: 10 * unit, recurring: 4100 * cent, leaving: 1500 * cent, limit: 50 * unit}}},
	{name: "Virtual Server S", template: "Virtual Servers", category: "Servers",
		months: 1, renews: true, weight: 5, most: 3, availability: everywhere, about: "A server with 100 GB of traffic included.",
		rates: []offerRate{
			{good: &goods[5], setup: 5 * unit, recurring: 1890 * cent, limit: 20 * unit},
			{good: &goods[6], overuse: 4_218_750, included: 100 * unit}}},
	{name: "Virtual Servers, Pay As You Go", template: "Virtual Servers", category: "Servers",
		months: 1, renews: true, weight: 2, most: 1, availability: panelOnly, about: "No commitment: hours and gigabytes at the end of the month.",
		rates: []offerRate{
			{good: &goods[7], setup: 25 * unit, overuse: 1_043_210},
			{good: &goods[8], overuse: 138_889},
			{good: &goods[6], overuse: 4_218_750}}},
	{name: "en Web Hosting fr Hébergement web pt Hospedagem", template: "Web Hosting", category: "Web",
		months: 1, renews: false, weight: 9, most: 3, availability: storeOnly,
		rates: []offerRate{{good: &goods[9], recurring: 290 * cent, limit: 10 * unit}}},
	{name: "Web Hosting, Annual", template: "Web Hosting", category: "Web",
		months: 12, renews: true, weight: 9, most: 3, availability: everywhere, about: "",
		rates: []offerRate{{good: &goods[9], recurring: 2999 * cent, leaving: 10 * unit, limit: 10 * unit}}},
	{name: "DeviceGuard", template: "Endpoint Security", category: "Security",
		months: 1, renews: true, weight: 9, most: 30, availability: everywhere,
		rates: []offerRate{{good: &goods[10], recurring: 175 * cent}}},
	{name: "DeviceGuard, Annual", template: "Endpoint Security", category: "Security",
		months: 12, renews: true, weight: 10, most: 30, availability: everywhere,
		rates: []offerRate{{good: &goods[10], recurring: 1890 * cent, leaving: 5 * unit}}},
	{name: "Domain with Privacy", template: "Domains", category: "Web",
		months: 12, renews: true, weight: 10, most: 2, availability: storeOnly,
		rates: []offerRate{
			{good: &goods[11], setup: 2 * unit, recurring: 899 * cent},
			{good: &goods[12], recurring: 150 * cent}}},
	{name: "Meet Rooms", template: "Meet", category: "Communication",
		months: 1, renews: true, weight: 5, most: 8, availability: panelOnly,
		rates: []offerRate{{good: &goods[13], recurring: 1050 * cent, limit: 100 * unit}}},
	{name: "Object Storage", template: "Object Storage", category: "Servers",
		months: 1, renews: true, weight: 2, most: 1, availability: notForSale,
		rates: []offerRate{
			{good: &goods[4], setup: 1 * unit, overuse: 2 * cent, included: 5 * unit},
			{good: &goods[14], overuse: 412_345}}},
	{name: "Onboarding", template: "Services", category: "Services", weight: 3, most: 2, availability: everywhere,
		rates: []offerRate{{good: &goods[15], setup: 690 * unit}}},
	{name: "Mailbox Migration", template: "Services", category: "Services", weight: 3, most: 20, availability: panelOnly,
		rates: []offerRate{{good: &goods[16], setup: 2450 * cent}}},

	{name: "Managed Desktop", template: "Managed Services", category: "Services",
		months: 1, own: true, renews: true, weight: 9, most: 15, availability: everywhere, about: "Hardware, software and helpdesk in one price.",
		rates: []offerRate{{good: &goods[17], setup: 40 * unit, recurring: 3900 * cent}}},
	{name: "Support Retainer", template: "Managed Services", category: "Services",
		months: 1, own: true, renews: false, weight: 5, most: 10, availability: panelOnly,
		rates: []offerRate{{good: &goods[18], recurring: 7500 * cent}}},
	{name: "Compliance Archive, Annual", template: "Managed Services", category: "Services",
		months: 12, own: true, renews: true, weight: 7, most: 40, availability: everywhere,
		rates: []offerRate{{good: &goods[19], recurring: 1200 * cent, leaving: 8 * unit}}},
}

func (o *offer) oneTime() bool { return o.months == 0 }

// prepaid reports whether a rate is paid in advance: a refund can follow.
func (r *offerRate) prepaid() bool { return r.recurring > 0 }

// A plan is an offer as one account sells it. A delegated plan has a parent: the
// plan by which its owner buys.
type plan struct {
	id      int64
	parent  *plan // nil: the owner's own
	owner   *account
	offer   *offer
	rateID  int64 // of the first rate; the others follow
	period  int64 // id of the first period
	prices  []price
	demand  int // weights of the owner's plans up to this one
	created day
}

// A price is what a plan asks for one of the offer's goods, in the owner's
// currency.
type price struct{ setup, recurring, overuse, leaving money }

// stockShelves gives every seller its plans: the provider's offers are handed
// down the tree with a margin on every level, a first-level reseller adds two of
// its own, which its sub-resellers may sell in turn.
func (w *world) stockShelves() {
	root := w.accounts[0]
	for _, o := range offers {
		if !o.own {
			w.addPlan(root, nil, o, root.created+10, 100)
		}
	}
	for _, r := range w.resellers {
		d := roll('S', r.seed)
		for i, p := range r.parent.plans {
			// The first few are everybody's, so that no shelf is empty.
			if i < 3 || r.operating || d.chance(82) {
				w.addPlan(r, p, p.offer, max(r.created, p.created)+day(d.n(3)), int64(108+d.n(25)))
			}
		}
		if r.level == 1 {
			w.addOwnPlans(d, r)
		}
	}
}

// addOwnPlans gives a first-level reseller all own offers but one.
func (w *world) addOwnPlans(d *dice, r *account) {
	first := slices.IndexFunc(offers, func(o *offer) bool { return o.own })
	left := first + d.n(len(offers)-first)
	for i := first; i < len(offers); i++ {
		if i != left {
			w.addPlan(r, nil, offers[i], r.created+day(d.n(5)), int64(90+d.n(40)))
		}
	}
}

// addPlan puts a plan on a seller's shelf. Its prices are the parent's, or the
// offer's, in the seller's currency with a margin.
func (w *world) addPlan(owner *account, parent *plan, o *offer, created day, percent int64) {
	p := &plan{id: 12 + int64(len(w.plans)), parent: parent, owner: owner, offer: o, created: created, rateID: w.nextRate, period: w.nextPeriod}
	w.nextRate += int64(len(o.rates))
	w.nextPeriod += int64(len(o.terms()))
	from := usd
	if parent != nil {
		from = parent.owner.currency
	}
	for k, r := range o.rates {
		base := price{r.setup, r.recurring, r.overuse, r.leaving}
		if parent != nil {
			base = parent.prices[k]
		}
		p.prices = append(p.prices, base.marked(percent, from, owner.currency, created, r.good))
	}
	if n := len(owner.plans); n > 0 {
		p.demand = owner.plans[n-1].demand
	}
	p.demand += o.weight
	owner.plans = append(owner.plans, p)
	w.plans = append(w.plans, p)
}

func (p price) marked(percent int64, from, to *currency, on day, g *good) price {
	rate := unit
	if from != to {
		rate = exchangeRate(from, to, on.months())
	}
	mark := func(m money) money {
		return listPrice(m.share(int64(rate), int64(unit)).share(percent, 100), to, g)
	}
	return price{mark(p.setup), mark(p.recurring), mark(p.overuse), mark(p.leaving)}
}

// listPrice rounds to what a price list in a currency can say. Small units have
// prices with eight decimals, except where the currency has no cents.
func listPrice(m money, c *currency, g *good) money {
	if g.kind == metered && c.decimals > 0 {
		return m
	}
	rounded := m.round(c.decimals)
	if rounded == 0 && m > 0 {
		return c.smallest()
	}
	return rounded
}

// smallest returns the least amount that people pay in the currency.
func (c *currency) smallest() money {
	if c.decimals == 0 {
		return unit
	}
	return cent
}

// A span is a length of time as contracts name it.
type span struct {
	length int
	unit   string // MONTHS, YEARS
}

func (s span) months() int {
	if s.unit == "YEARS" {
		return 12 * s.length
	}
	return s.length
}

// billing returns the span an offer is billed by.
func (o *offer) billing() span {
	if o.months == 12 {
		return span{1, "YEARS"}
	}
	return span{1, "MONTHS"}
}

// terms lists for how long an offer can be subscribed to, the usual one first.
func (o *offer) terms() []span {
	switch o.months {
	case 0:
		return nil
	case 1:
		return []span{{1, "YEARS"}, {1, "MONTHS"}}
	}
	return []span{{1, "YEARS"}, {3, "YEARS"}}
}
