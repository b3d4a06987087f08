package seed

import (
	"fmt"
	"strings"
)

// invoices collects the charges of buyers until their statement day.
type invoices struct {
	*clerk
	open    map[invoiceKey]*invoice
	closing [][]invoiceKey // by day since the first
	last    int64
	numbers map[*account]int // per seller
}

// An invoiceKey names the one invoice of a buyer that is open in a currency; the
// seller is the buyer's vendor.
type invoiceKey struct {
	buyer    *account
	currency *currency
}

type invoice struct {
	id            string
	issued        day
	extended, tax money
	inclusive     bool
}

func newInvoices(c *clerk) invoices {
	return invoices{clerk: c, open: map[invoiceKey]*invoice{}, closing: make([][]invoiceKey, int(c.until-c.first)+1), numbers: map[*account]int{}}
}

// bill puts a charge on the invoice that its buyer gets next and returns the
// invoice's id; "" when that is still to come on the last day.
func (v *invoices) bill(l link, on day, c *charge) string {
	key := invoiceKey{l.buyer, l.currency}
	inv := v.open[key]
	if inv == nil {
		issued := on.nextMonthDay(l.buyer.statement)
		if issued > v.until {
			return ""
		}
		v.last++
		inv = &invoice{id: fmt.Sprintf("%08d", v.last), issued: issued, inclusive: c.inclusive}
		v.open[key] = inv
		v.closing[issued-v.first] = append(v.closing[issued-v.first], key)
	}
	inv.extended += c.extended
	inv.tax += c.tax
	return inv.id
}

// issue writes the invoices of a day and returns when they will be paid.
func (v *invoices) issue(today day) []dueInvoice {
	keys := v.closing[today-v.first]
	due := make([]dueInvoice, 0, len(keys))
	for i, key := range keys {
		inv := v.open[key]
		delete(v.open, key)
		due = append(due, v.write(key, inv, today.at(6*hour+instant(i)*second/8)))
	}
	return due
}

func (v *invoices) write(key invoiceKey, inv *invoice, when instant) dueInvoice {
	net, total := inv.extended, inv.extended+inv.tax
	if inv.inclusive {
		net, total = inv.extended-inv.tax, inv.extended
	}
	seller := key.buyer.parent
	v.numbers[seller]++
	paid := key.payDay(inv, total)
	dueDate := inv.issued + day(14+16*(key.buyer.seed&1))
	status, closed := v.standing(key, total, dueDate, paid)
	closeDate := null
	if closed != 0 {
		closeDate = date(closed)
	}
	v.row("invoices", text(inv.id), text(seller.invoicePrefix()+fmt.Sprintf("%05d", v.numbers[seller])), integer(key.buyer.id), integer(seller.id), text(status),
		text(key.currency.code), amount(inv.extended), amount(net), amount(inv.tax), amount(percentage(inv.tax, inv.extended)), amount(total),
		key.note(inv), date(inv.issued), date(dueDate), closeDate, stamp(when), stamp(max(when, closed.at(12*hour))))
	v.writeTaxes(key, inv)
	return dueInvoice{invoiceKey: key, id: inv.id, total: total, on: paid}
}

// standing is how an invoice stands on the last day.
func (v *invoices) standing(key invoiceKey, total money, due, paid day) (status string, closed day) {
	settled := total <= 0 || key.outcome(paid) == captured
	switch {
	case settled && paid <= v.until:
		return "Closed", paid
	case due <= v.until:
		return "Overdue", 0
	}
	return "Open", 0
}

// payDay is when an invoice is paid: some days after it was issued, or, by some
// buyers, every other month together with the next one. Who gets money back gets
// it soon.
func (k invoiceKey) payDay(inv *invoice, total money) day {
	if total <= 0 {
		return inv.issued + 3
	}
	delay := day(roll('Y', k.buyer.seed, int64(inv.issued)).low(26)) + 1
	if k.buyer.seed%5 != 0 {
		return inv.issued + delay
	}
	if inv.issued.months()%2 == 0 {
		return inv.issued.addMonths(1) + 10
	}
	return inv.issued + 10
}

// invoicePrefix marks a seller's invoices.
func (a *account) invoicePrefix() string {
	if a.parent == nil {
		return ""
	}
	return fmt.Sprintf("%s%03d-", a.country.code, a.id-1_000_000)
}

func (k invoiceKey) note(inv *invoice) cell {
	switch k.buyer.seed & 7 {
	case 0:
		return null
	case 1:
		return text("")
	}
	return text("Services up to " + (inv.issued - 1).String() + "; " + strings.TrimSpace(k.buyer.name))
}

// percentage returns part / whole in per cent with four decimals.
func percentage(part, whole money) money {
	if whole == 0 {
		return 0
	}
	if whole < 0 {
		part, whole = -part, -whole
	}
	return money(1_000_000).share(int64(part), int64(whole)) * 10_000
}

// writeTaxes splits an invoice's tax by name: the first takes what rounding
// leaves.
func (v *invoices) writeTaxes(key invoiceKey, inv *invoice) {
	taxes := taxesOf(key.buyer)
	rest, all := inv.tax, int64(0)
	for _, t := range taxes {
		all += t.rate
	}
	for i := len(taxes) - 1; i >= 0; i-- {
		part := rest
		if i > 0 {
			part = inv.tax.share(taxes[i].rate, all).round(key.currency.decimals)
		}
		rest -= part
		v.row("invoice_taxes", text(inv.id), integer(i+1), text(taxes[i].name), amount(money(taxes[i].rate)*cent), boolean(inv.inclusive),
			amount(inv.extended), amount(part))
	}
}
