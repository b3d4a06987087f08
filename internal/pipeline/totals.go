package pipeline

import (
	"slices"
	"strings"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// A Total names an amount to sum, and the column its currency is in, both by
// their name in the batches.
type Total struct {
	Column   string
	Currency string
}

// Totals are exact sums: by column, then by currency, as digits in the column's
// scale. An amount without a currency is under "".
type Totals map[string]map[string]string

// PlanTotals says which columns of a view are summed, and which fields must come
// along for their currencies because the view does not publish them.
func PlanTotals(d *outturn.Dataset, v *outturn.View) (totals []Total, hidden []string) {
	for _, c := range v.Columns {
		f, _ := d.Field(c.Field)
		if !f.Additive || len(c.Map) > 0 {
			continue
		}
		total := Total{Column: c.Name(), Currency: source.HiddenPrefix + f.Currency}
		if i := publishedAs(v, f.Currency); i >= 0 {
			total.Currency = v.Columns[i].Name()
		} else if !slices.Contains(hidden, f.Currency) {
			hidden = append(hidden, f.Currency)
		}
		totals = append(totals, total)
	}
	return totals, hidden
}

// PlanKey says where in the batches the fields are that tell the rows of d apart,
// for errors, and adds to hidden those that the view does not publish.
func PlanKey(d *outturn.Dataset, v *outturn.View, hidden []string) (key []int, _ []string) {
	for _, name := range d.Key {
		place := publishedAs(v, name)
		if place < 0 {
			if !slices.Contains(hidden, name) {
				hidden = append(hidden, name)
			}
			place = len(v.Columns) + slices.Index(hidden, name)
		}
		key = append(key, place)
	}
	return key, hidden
}

// publishedAs returns which column of v has the field's own values, -1 if none
// has.
func publishedAs(v *outturn.View, field string) int {
	return slices.IndexFunc(v.Columns, func(c outturn.ViewColumn) bool {
		return c.Field == field && len(c.Map) == 0 && c.Attribute == ""
	})
}

// currenciesOf says in which column of the file the currency of each amount
// stands, for those whose currency is published.
func currenciesOf(totals []Total) map[string]string {
	published := map[string]string{}
	for _, t := range totals {
		if !strings.HasPrefix(t.Currency, source.HiddenPrefix) {
			published[t.Column] = t.Currency
		}
	}
	if len(published) == 0 {
		return nil
	}
	return published
}

// A tally adds up batches beside their encoding.
type tally struct {
	batches chan *batch.Batch
	done    chan struct{}
	columns []*amount
	scales  []int
}

// An amount is one column's sums.
type amount struct {
	name             string
	column, currency int // their places in the batch
	sums             map[string]*currencySum
	last             *currencySum // of the row before: mostly the next row's too
}

type currencySum struct {
	code string
	batch.Sum
}

func startTally(columns []batch.Column, totals []Total) *tally {
	t := &tally{}
	if len(totals) == 0 {
		return t
	}
	place := func(name string) int {
		return slices.IndexFunc(columns, func(c batch.Column) bool { return c.Name == name })
	}
	for _, total := range totals {
		a := &amount{name: total.Column, column: place(total.Column), currency: place(total.Currency), sums: map[string]*currencySum{}}
		t.columns = append(t.columns, a)
		t.scales = append(t.scales, columns[a.column].Scale)
	}
	t.batches = make(chan *batch.Batch, 1)
	t.done = make(chan struct{})
	go t.work()
	return t
}

func (t *tally) work() {
	defer close(t.done)
	for b := range t.batches {
		for _, a := range t.columns {
			a.add(b)
		}
		b.Release()
	}
}

func (t *tally) add(b *batch.Batch) {
	if t.batches != nil {
		b.Retain()
		t.batches <- b
	}
}

// stop ends the adding up and returns the sums. It may be called twice.
func (t *tally) stop() Totals {
	if t.batches == nil {
		return nil
	}
	select {
	case <-t.done:
	default:
		close(t.batches)
		<-t.done
	}
	totals := Totals{}
	for i, a := range t.columns {
		byCurrency := map[string]string{}
		for code, sum := range a.sums {
			byCurrency[code] = sum.Text(t.scales[i])
		}
		totals[a.name] = byCurrency
	}
	return totals
}

func (a *amount) add(b *batch.Batch) {
	for row := range b.Rows() {
		if b.Null(a.column, row) {
			continue
		}
		sum := a.sum(b, row)
		if unscaled, digits := b.Decimal(a.column, row); digits != nil {
			sum.AddDigits(digits)
		} else {
			sum.Add(unscaled)
		}
	}
}

// sum returns the sum of the row's currency.
func (a *amount) sum(b *batch.Batch, row int) *currencySum {
	var code []byte
	if !b.Null(a.currency, row) {
		code = b.Text(a.currency, row)
	}
	if a.last != nil && string(code) == a.last.code {
		return a.last
	}
	sum := a.sums[string(code)]
	if sum == nil {
		sum = &currencySum{code: string(code)}
		a.sums[sum.code] = sum
	}
	a.last = sum
	return sum
}
