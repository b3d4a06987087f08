package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
	"outturn/internal/source"
)

// A Sample is the first rows of a report, with what the whole report comes to.
type Sample struct {
	Columns []batch.Column
	// Rows are the first rows as the JSON format writes them.
	Rows []json.RawMessage
	// RowCount and Totals are of all rows, not of those above.
	RowCount int64
	Totals   Totals
}

// Columns tells what the columns of p's files are. A query of an operator's own has
// none before it runs.
func (p Plan) Columns() []batch.Column {
	if p.Query.View == nil {
		return nil
	}
	var columns []batch.Column
	for _, c := range p.Query.View.Columns {
		columns = append(columns, source.PublishedColumn(p.Query.Dataset, c))
	}
	return columns
}

// CheckOutput reports what keeps p's columns out of such a file.
func (p Plan) CheckOutput(o Output) error {
	options := o.Options
	options.Columns = p.Columns()
	return format.Check(o.Format, options)
}

// Preview reads the first rows of p, which has been bound to s, and counts and sums
// all of them. Where there are more than limit it asks twice, the second time for
// the amounts alone.
func Preview(ctx context.Context, s source.Snapshot, p Plan, limit int, zone *time.Location) (Sample, error) {
	first := p.Query
	first.Limit = limit + 1 // one more tells whether there are more
	var text bytes.Buffer
	lines := Output{Format: "ndjson", Options: format.Options{Zone: zone}, Sink: &text}
	result, err := p.read(ctx, s, first, p.Published, p.Totals, p.Key, lines)
	if err != nil {
		return Sample{}, err
	}
	sample := Sample{Columns: p.Columns(), Rows: []json.RawMessage{}, RowCount: result.Rows, Totals: result.Totals}
	for line := range bytes.Lines(text.Bytes()) {
		if len(sample.Rows) < limit {
			sample.Rows = append(sample.Rows, json.RawMessage(bytes.TrimSuffix(line, []byte("\n"))))
		}
	}
	if result.Rows <= int64(limit) {
		return sample, nil
	}
	all, totals := p.amounts()
	if result, err = p.read(ctx, s, all, len(all.View.Columns), totals, nil); err != nil {
		return Sample{}, err
	}
	sample.RowCount, sample.Totals = result.Rows, result.Totals
	return sample, nil
}

func (p Plan) read(ctx context.Context, s source.Snapshot, q source.Query, published int, totals []Total, key []int, outputs ...Output) (Result, error) {
	reader, err := s.Query(ctx, q)
	if err != nil {
		return Result{}, err
	}
	result, err := Run(ctx, reader, Job{Outputs: outputs, Published: published, Totals: totals, Key: key, Manifest: p.Manifest})
	if closed := reader.Close(); err == nil {
		err = closed
	}
	return result, err
}

// amounts returns p's query with the summed amounts and their currencies alone, or
// where there are none with one column, in any order.
func (p Plan) amounts() (source.Query, []Total) {
	q := p.Query
	d, view := q.Dataset, *q.View
	view.Columns = slices.DeleteFunc(slices.Clone(view.Columns), func(c outturn.ViewColumn) bool {
		return !slices.ContainsFunc(p.Totals, func(t Total) bool { return t.Column == c.Name() })
	})
	if len(view.Columns) == 0 {
		view.Columns = []outturn.ViewColumn{cheapest(d)}
	}
	totals, hidden := PlanTotals(d, &view)
	q.View, q.Hidden, q.Order, q.Limit = &view, hidden, nil, 0
	return q, totals
}

// cheapest returns a column that costs little to read: one of the key, whose values
// are short.
func cheapest(d *outturn.Dataset) outturn.ViewColumn {
	if len(d.Key) > 0 {
		return outturn.ViewColumn{Field: d.Key[0]}
	}
	return outturn.ViewColumn{Field: d.Fields[0].Name}
}
