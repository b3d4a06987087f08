package source

import (
	"context"
	"fmt"
	"strings"
	"time"

	"outturn"
	"outturn/internal/batch"
)

// A Change is a row that changed, as far as one can tell without its fields.
type Change struct {
	Account string    // whose it is
	Invoice string    // which it is of; never empty
	Key     string    // tells it apart from other rows of its data set
	At      time.Time // when it last changed
}

// Changes calls do with each row that q asks for, that is of an invoice, and that
// changed at or after an instant, as the data set's changed expression tells it. What
// does not tell when it changed is passed over. View, order and limit do not matter.
func Changes(ctx context.Context, s Snapshot, q Query, since time.Time, do func(Change) error) error {
	if err := TellsChanges(q.Dataset); err != nil {
		return err
	}
	q.View, q.Hidden, q.Order, q.Limit, q.ChangedSince = nil, nil, nil, 0, &since
	return eachRow(ctx, s, q, func(b *batch.Batch, i int) error {
		c := Change{At: time.UnixMicro(b.Int(0, i)).UTC()}
		for column, to := range []*string{&c.Account, &c.Invoice, &c.Key} {
			if !b.Null(column+1, i) {
				*to = string(b.Text(column+1, i))
			}
		}
		return do(c)
	})
}

// TellsChanges reports what a data set lacks for Changes.
func TellsChanges(d *outturn.Dataset) error {
	var lacks []string
	for _, part := range []struct{ name, is string }{
		{"tenant", d.Tenant}, {"key", strings.Join(d.Key, "")}, {"invoice", d.Invoice}, {"changed", d.Changed},
	} {
		if part.is == "" {
			lacks = append(lacks, part.name)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return outturn.Errorf(outturn.CodeInvalid, "The data set %s cannot be asked for new invoices: its header does not say %s.", d.Name, strings.Join(lacks, ", "))
}

// changes returns the select list of a query for Changes.
func (c *compiler) changes() (string, []batch.Column, error) {
	at, err := c.changed()
	if err != nil {
		return "", nil, err
	}
	invoice, _ := c.Dataset.Field(c.Dataset.Invoice)
	key := ""
	for i, name := range c.Dataset.Key {
		f, _ := c.Dataset.Field(name)
		if i > 0 {
			key += c.syntax.Join
		}
		key += c.syntax.text("d." + QuoteIdent(c.column(f).Name))
	}
	if len(c.Dataset.Key) > 1 {
		key = fmt.Sprintf(c.syntax.Joined, key)
	}
	var list []string
	columns := []batch.Column{{Name: "CHANGED", Type: outturn.Time, Scale: outturn.MaxTimeScale}}
	for i, sql := range []string{at, c.syntax.text("(" + c.Dataset.Tenant + "\n)"), c.syntax.text("d." + QuoteIdent(c.column(invoice).Name)), key} {
		if i > 0 {
			columns = append(columns, batch.Column{Name: []string{"ACCOUNT", "INVOICE", "KEY"}[i-1], Type: outturn.Text})
		}
		list = append(list, sql+" AS "+c.alias(columns[i].Name, i))
	}
	return strings.Join(list, ", "), columns, nil
}

// since returns the condition that a row changed at or after an instant and is of an
// invoice; an empty one where that is not asked.
func (c *compiler) since(stamps *time.Location) (condition, error) {
	if c.ChangedSince == nil {
		return condition{}, nil
	}
	have := c.have[changedColumn]
	f := outturn.Field{Name: changedColumn, Type: outturn.Time, Scale: outturn.MaxTimeScale}
	sql, fails := "("+c.Dataset.Changed+"\n)", false
	from := *c.ChangedSince
	var text string
	switch {
	case have.Type == outturn.Date:
		f.Type, f.Scale = outturn.Date, 0
		text = from.In(stamps).Format(time.DateOnly)
	case c.engine.Untyped() && have.Type == outturn.Text:
		sql, fails, have.Local = c.engine.FromText(Cell{SQL: sql, Name: "The time of the last change", Row: c.row()}, f), true, true
		text = stamp(from, have, stamps)
	case c.dialect != nil: // whose columns may have whole seconds
		text = stamp(from.Truncate(time.Second), have, stamps)
	default:
		text = stamp(from, have, stamps)
	}
	invoice, _ := c.Dataset.Field(c.Dataset.Invoice)
	sql += " >= " + c.typed(f, have, text, "") + " AND d." + QuoteIdent(c.column(invoice).Name) + " IS NOT NULL"
	return condition{sql, fails}, c.fault
}
