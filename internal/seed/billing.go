package seed

import (
	"context"
	"fmt"
)

// Billing turns events into orders, charges, invoices and payments, day by day,
// as a platform would.
type billing struct {
	*clerk
	nextOrder, nextCharge int64
	orderNumbers          map[orderSeries]int
	lines                 []line
	priced                []charge // the lines, for one link

	invoices
	payments
}

// An orderSeries counts the orders of a seller by type.
type orderSeries struct {
	seller *account
	kind   string
}

// A charge is a line as one buyer of the chain owes it.
type charge struct {
	quantity, unitPrice, discount, extended, tax money
	inclusive                                    bool
	rate                                         money // of exchange; 0: none
}

func newBilling(c *clerk) *billing {
	return &billing{clerk: c, nextOrder: 1_000_011, nextCharge: 2_000_310, orderNumbers: map[orderSeries]int{},
		invoices: newInvoices(c), payments: newPayments(c)}
}

// run plays the history. On each day invoices and payments come first: a charge
// of the day belongs to the next invoice.
func (b *billing) run(ctx context.Context) error {
	events := b.events
	for today := b.first; today <= b.until; today++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, due := range b.issue(today) {
			b.expect(due)
		}
		b.collect(today)
		for len(events) > 0 && events[0].at.day() == today {
			b.book(events[0])
			events = events[1:]
		}
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// book writes the orders and charges of an event, level by level from the final
// sale upward, a blink apart.
func (b *billing) book(ev event) {
	s := b.purchases[ev.purchase]
	chain := s.chainOf(ev)
	b.lines = s.appendLines(b.lines[:0], ev, s.appendChain(nil))
	roots := b.nextCharge + 1
	for i, l := range chain {
		at := ev.at + instant(i)*150_000
		order := b.bookOrder(s, ev, l, at)
		if i == 0 && ev.kind == evSell {
			s.orderID = order
		}
		for j := range b.lines {
			b.bookCharge(s, ev, l, j, order, roots+int64(j), at)
		}
	}
}

// bookOrder prices the lines for a link and writes their order.
func (b *billing) bookOrder(s *purchase, ev event, l link, at instant) int64 {
	b.priced = b.priced[:0]
	var total, taxTotal money
	for i := range b.lines {
		c := s.price(&b.lines[i], l, ev)
		total += c.extended
		taxTotal += c.tax
		b.priced = append(b.priced, c)
	}
	b.nextOrder++
	kind := ev.kind.orderType()
	series := orderSeries{l.seller, kind}
	b.orderNumbers[series]++
	b.row("orders", integer(b.nextOrder), text(fmt.Sprintf("%s%06d", kind, b.orderNumbers[series])), text(kind), text(b.orderStatus(s, ev)),
		integer(l.buyer.id), integer(l.seller.id), given(s.id != 0, integer(s.id)), text(l.currency.code), amount(total), amount(taxTotal),
		orderAttributes(s, ev, l), date(ev.at.day()), stamp(at))
	return b.nextOrder
}

func (k eventKind) orderType() string {
	return [...]string{evSell: "SO", evSellOnce: "SO", evBill: "BO", evRenew: "RN", evChange: "CH", evSwitch: "CH", evAdjust: "BO",
		evCancel: "CL", evCompensate: "CL", evLeave: "CF", evDeposit: "PO"}[k]
}

// orderStatus: what was ordered but not yet provisioned is open.
func (b *billing) orderStatus(s *purchase, ev event) string {
	if s.fate == ordered || ev.kind == evChange && ev.at.day() == b.until {
		return "OP"
	}
	return "CP"
}

// orderAttributes are given where a person ordered.
func orderAttributes(s *purchase, ev event, l link) cell {
	if ev.kind == evBill || ev.kind == evRenew {
		return null
	}
	switch d := roll('O', s.seed, int64(ev.at), l.buyer.id); d.n(6) {
	case 0, 1:
		return pairs("PONumber", d.hex(3)+d.digits("0###"))
	case 2:
		return pairs("PONumber", d.digits("00####"), "orderedBy", l.buyer.person("admin").fullName())
	case 3:
		return pairs()
	}
	return null
}

// price works out what a link pays for a line.
func (s *purchase) price(ln *line, l link, ev event) charge {
	c := charge{quantity: ln.quantity}
	base, from, g := ln.fixed, usd, &goods[0]
	if ln.basis != byHand {
		base, from = ln.basis.of(l.plan.prices[ln.rate]), l.seller.currency
		g = s.offer().rates[ln.rate].good
	}
	if from != l.currency {
		c.rate = exchangeRate(from, l.currency, ev.at.day().months())
		base = base.share(int64(c.rate), int64(unit))
	}
	c.unitPrice = listPrice(base.share(ln.part, ln.whole), l.currency, g)
	gross := c.quantity.times(c.unitPrice)
	c.discount = gross.share(ln.discountFor(s, l), 100)
	if !ln.free {
		c.discount = c.discount.round(l.currency.decimals)
	}
	c.extended = gross - c.discount
	c.tax, c.inclusive = taxOn(c.extended, l)
	return c
}

// discountFor returns the per cent that a link's buyer does not pay: resellers
// have theirs by contract.
func (ln *line) discountFor(s *purchase, l link) int64 {
	switch {
	case ln.free:
		return 100
	case l.buyer == s.buyer && ln.discount > 0:
		return ln.discount
	}
	return l.buyer.discount
}

// taxOn returns the tax of an amount: the country's where seller and buyer share
// one, else none.
func taxOn(m money, l link) (t money, inclusive bool) {
	var rate int64
	for _, t := range taxesOf(l.buyer) {
		rate += t.rate
	}
	if inclusive = l.buyer.domestic() && l.buyer.country.taxInclusive; inclusive {
		return m.share(rate, 10_000+rate).round(l.currency.decimals), true
	}
	return m.share(rate, 10_000).round(l.currency.decimals), false
}

var noTax = []tax{{"Reverse charge", 0}}

func taxesOf(buyer *account) []tax {
	if buyer.domestic() {
		return buyer.country.taxes
	}
	return noTax
}

func (b *billing) bookCharge(s *purchase, ev event, l link, j int, order, root int64, when instant) {
	ln, c := &b.lines[j], &b.priced[j]
	b.nextCharge++
	invoice := b.bill(l, ev.at.day(), c)
	var planID, resource, sku = null, null, null
	if l.plan != nil {
		planID = integer(l.plan.id)
	}
	if ln.rate >= 0 {
		resource = integer(s.offer().rates[ln.rate].good.id)
		sku = text(l.plan.sku(ln.rate, ln.basis))
	}
	b.row("charges", integer(b.nextCharge), integer(root), boolean(l.buyer == s.buyer), integer(l.buyer.level), integer(l.buyer.id), integer(l.seller.id),
		integer(order), given(s.id != 0, integer(s.id)), planID, resource, text(ln.kind), sku, text(b.describe(s, ln)),
		date(ln.start), date(ln.end), given(ln.duration.length > 0, integer(ln.duration.length)), given(ln.duration.length > 0, text(ln.duration.unit)),
		amount(c.quantity), amount(c.unitPrice), amount(c.discount), amount(c.extended), amount(c.tax), boolean(c.inclusive), text(l.currency.code),
		given(c.rate != 0, amount(c.rate)), given(c.rate != 0, stamp(ev.at.day().at(-8*hour))), given(invoice != "", text(invoice)), stamp(when))
}

// describe is the charge's text on the invoice.
func (b *billing) describe(s *purchase, ln *line) string {
	switch ln.kind {
	case "deposit":
		return "Advance payment"
	case "handlingFee":
		return "Handling fee, \"early leaver\""
	case "adjustment":
		return "Goodwill credit\nTicket " + roll('G', s.seed).digits("00#####") + ", approved by finance"
	case "refundAdjustment":
		return "Full refund within the first 30 days,\r\nless what was refunded pro rata"
	}
	return chargeWords[ln.kind] + s.offer().rates[ln.rate].good.plain()
}

var chargeWords = map[string]string{
	"setup": "Setup of ", "setupRefund": "Refund of setup of ", "transfer": "Transfer of ", "recurring": "Recurring for ", "renew": "Renewal of ",
	"recurringRefund": "Refund for ", "renewRefund": "Refund of renewal of ", "overuse": "Usage of ", "downgrade": "Fewer units of ",
	"switch": "Edition switch of ", "discount": "Voucher for ", "cancellation": "Cancellation of ", "nonProvisioningItem": "",
}
