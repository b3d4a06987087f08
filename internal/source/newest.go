package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"outturn"
	"outturn/internal/batch"
)

// Newest returns the newest instant at which one of the rows that q asks for
// changed, as the data set's changed expression tells it; the zero time where there
// are no rows, or the data set does not tell. What is outside q's scope has no part
// in it. View, order and limit do not matter.
func Newest(ctx context.Context, s Snapshot, q Query) (newest time.Time, err error) {
	if q.Dataset == nil || q.Dataset.Changed == "" {
		return newest, nil
	}
	q.View, q.Hidden, q.Order, q.Limit, q.Newest = nil, nil, nil, 0, true
	r, err := s.Query(ctx, q)
	if err != nil {
		return newest, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b batch.Batch
	if err := r.Next(&b); errors.Is(err, io.EOF) {
		return newest, nil
	} else if err != nil {
		return newest, err
	}
	if b.Rows() == 0 || b.Null(0, 0) {
		return newest, nil
	}
	return time.UnixMicro(b.Int(0, 0)).UTC(), nil
}

// newest returns the select list of a query for the newest change.
func (c *compiler) newest() (string, []batch.Column, error) {
	sql, err := c.changed()
	if err != nil {
		return "", nil, err
	}
	column := batch.Column{Name: "CHANGED", Type: outturn.Time, Scale: outturn.MaxTimeScale}
	return fmt.Sprintf(c.syntax.Newest, sql) + " AS " + c.alias(column.Name, 0), []batch.Column{column}, nil
}

// changed is the SQL of when a row last changed.
func (c *compiler) changed() (string, error) {
	have := c.have[changedColumn]
	f := outturn.Field{Name: changedColumn, Type: outturn.Time, Scale: outturn.MaxTimeScale}
	sql := "(" + c.Dataset.Changed + "\n)"
	switch {
	case have.Type == outturn.Time:
		sql = deliver(have, sql)
	case have.Type == outturn.Date:
		sql = fmt.Sprintf(c.syntax.DateStamp, sql)
	case c.engine.Untyped() && have.Type == outturn.Text:
		sql = c.engine.FromText(Cell{SQL: sql, Name: "The time of the last change", Row: c.row()}, f)
	default:
		return "", outturn.Errorf(outturn.CodeDatasetInvalid, "The data set %s tells when a row changed by an expression that gives %s. It must give a timestamp or a date.", c.Dataset.Name, have.Engine)
	}
	return sql, nil
}
