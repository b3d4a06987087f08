package seed

import (
	"fmt"
	"regexp"
	"strings"
)

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
