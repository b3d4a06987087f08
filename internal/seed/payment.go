package seed

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// payments expects what invoices ask for and writes the documents when their day
// comes.
type payments struct {
	*clerk
	due  [][]dueInvoice // by day since the first
	last int64
}

// A dueInvoice will be paid, or refunded, in one document with the others of its
// day.
type dueInvoice struct {
	invoiceKey
	id    string
	total money
	on    day
}

// sign tells money to get from money to give back.
func (d dueInvoice) sign() int { return cmp.Compare(d.total, 0) }

func newPayments(c *clerk) payments {
	return payments{clerk: c, due: make([][]dueInvoice, int(c.until-c.first)+1)}
}

func (p *payments) expect(d dueInvoice) {
	if d.on <= p.until && d.total != 0 {
		p.due[d.on-p.first] = append(p.due[d.on-p.first], d)
	}
}

// collect writes the payment documents of a day.
func (p *payments) collect(today day) {
	due := p.due[today-p.first]
	slices.SortStableFunc(due, func(a, b dueInvoice) int {
		return cmp.Or(cmp.Compare(a.buyer.id, b.buyer.id), cmp.Compare(a.currency.code, b.currency.code), cmp.Compare(a.sign(), b.sign()))
	})
	for len(due) > 0 {
		n := 1
		for n < len(due) && due[n].invoiceKey == due[0].invoiceKey && due[n].sign() == due[0].sign() {
			n++
		}
		p.pay(due[:n], today)
		due = due[n:]
	}
	p.due[today-p.first] = nil
}

// pay writes a document for invoices of one buyer in one currency, and a second
// one where the first is voided.
func (p *payments) pay(paid []dueInvoice, today day) {
	key := paid[0].invoiceKey
	o := key.outcome(today)
	var total money
	ids := make([]string, len(paid))
	for i, inv := range paid {
		total += inv.total
		ids[i] = inv.id
	}
	if total < 0 {
		o = refunded
	}
	at := today.at(9*hour + instant(roll('J', key.buyer.seed, int64(today)).n(int(8*hour))))
	p.document(key, paid, o, total, at, "Payment for Invoice "+strings.Join(ids, ", ")+".")
	if o == voided {
		for i := range paid {
			paid[i].total = -paid[i].total
		}
		p.document(key, paid, voiding, -total, at+2*hour, fmt.Sprintf("Void of %07d: \"bounced\".", p.last))
	}
}

func (p *payments) document(key invoiceKey, paid []dueInvoice, o outcome, total money, when instant, description string) {
	p.last++
	d := roll('D', p.last, key.buyer.seed)
	n := d.n(key.buyer.methods)
	m := key.buyer.method(n)
	reference, auth := m.traces(d)
	by := integer(-1)
	if m.system == "Offline" {
		by = integer(1_000_010 + d.n(8))
	}
	p.row("payments", integer(1_000_000+p.last), text(fmt.Sprintf("%07d", p.last)), integer(key.buyer.id), integer(key.buyer.parent.id),
		integer(key.buyer.methodID+int64(n)), text(o.document(m.kind)), text(o.status()), text(o.processing()), amount(total), text(key.currency.code),
		reference, auth, given(d.chance(95), text(description)), by, stamp(when-instant(d.n(int(3*hour)))), stamp(when), stamp(when+instant(d.n(int(30*minute)))))
	for _, inv := range paid {
		p.row("payment_invoices", integer(1_000_000+p.last), text(inv.id), amount(inv.total))
	}
}

// traces are what a payment gateway leaves behind: a reference, and mostly an
// authentication code.
func (m method) traces(d *dice) (reference, auth cell) {
	switch m.system {
	case "Offline":
		return null, null
	case "Redirect":
		return text(d.digits("0######")), text("")
	}
	return text(d.digits("#######")), text(d.hex(6))
}

// An outcome is how a payment ended.
type outcome int

const (
	captured outcome = iota
	held             // by fraud protection
	pending          // not captured yet
	declined
	voided
	voiding // the document that voids another
	refunded
)

// outcome is known when an invoice is issued already: only captured payments
// close it.
func (k invoiceKey) outcome(on day) outcome {
	switch n := roll('Z', k.buyer.seed, int64(on)).n(100); {
	case n < 90:
		return captured
	case n < 93:
		return held
	case n < 95:
		return pending
	case n < 97:
		return declined
	}
	return voided
}

func (o outcome) document(method string) string {
	switch {
	case o == voiding:
		return "Void"
	case method == "check":
		return "Check"
	}
	return "Payment"
}

func (o outcome) status() string {
	return [...]string{captured: "Closed", held: "Hold", pending: "Open", declined: "Closed", voided: "Closed", voiding: "Closed", refunded: "Closed"}[o]
}

func (o outcome) processing() string {
	return [...]string{captured: "Money Captured", held: "New", pending: "New", declined: "Canceled", voided: "Void", voiding: "Void", refunded: "Refunded"}[o]
}
