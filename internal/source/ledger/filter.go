package ledger

import (
	"slices"
	"time"

	"outturn"
	"outturn/internal/source"
)

// listQuery says in the words of the ledger's lists what q asks for.
func listQuery(q source.Query) (l outturn.ListQuery, err error) {
	if q.Dataset != AuditDataset {
		return l, outturn.Errorf(outturn.CodeInvalid, "Outturn has no such data set of itself.")
	}
	zone, err := outturn.LoadZone(q.Vars.Zone)
	if err != nil {
		return l, err
	}
	if err := q.Where.Check(q.Dataset, zone); err != nil {
		return l, outturn.InField("filter", err)
	}
	all := &outturn.Expr{Op: outturn.OpAnd}
	if q.Where != nil {
		if err := filterable(q.Where); err != nil {
			return l, outturn.InField("filter", err)
		}
		all.Args = append(all.Args, translate(q.Where, zone))
	}
	if w := q.Window; w != nil {
		all.Args = append(all.Args, instant(outturn.OpGE, w.From), instant(outturn.OpLT, w.To))
	}
	if len(all.Args) > 0 {
		l.Where = all
	}
	if comparisons, values, depth := size(all); comparisons > mostComparisons || values > mostValues || depth > outturn.MaxFilterDepth {
		return l, outturn.InField("filter", outturn.Errorf(outturn.CodeInvalid, "The filter is too long, or nested too deep, for the audit. Ask for less at once, or for all of it."))
	}
	l.Order, err = order(q)
	return l, outturn.InField("order", err)
}

// What a filter of the ledger's lists may have, which the data set's must fit into.
const (
	mostComparisons = 200
	mostValues      = 1000
)

// size tells how many comparisons with how many values e has, and how deep they lie.
func size(e *outturn.Expr) (comparisons, values, depth int) {
	if e.Field != "" {
		return 1, len(e.Values), 0
	}
	for _, arg := range e.Args {
		c, v, d := size(arg)
		comparisons, values, depth = comparisons+c, values+v, max(depth, d+1)
	}
	return comparisons, values, depth
}

// order is that of the entries' time, which the ledger has an index for; entries of
// one time come by their ids.
func order(q source.Query) ([]outturn.Order, error) {
	by := q.Order
	if len(by) == 0 {
		return []outturn.Order{{Field: "at", Desc: q.Newest}}, nil
	}
	desc := by[0].Desc
	if by[0].Field != "AT" || len(by) > 2 || len(by) == 2 && by[1] != (outturn.Order{Field: "ID", Desc: desc}) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The audit comes in the order of AT, or of AT descending. No other order is possible.")
	}
	return []outturn.Order{{Field: "at", Desc: desc}}, nil
}

// filterable reports a field that the ledger's lists cannot ask for.
func filterable(e *outturn.Expr) error {
	for _, arg := range e.Args {
		if err := filterable(arg); err != nil {
			return err
		}
	}
	if e.Field != "" && columnOf(e.Field).list == "" {
		return outturn.Errorf(outturn.CodeInvalid, "The audit cannot be filtered by %s.", e.Field)
	}
	return nil
}

// translate says a checked condition on fields as one on those of the ledger's list,
// which has an empty text where the data set has null.
func translate(e *outturn.Expr, zone *time.Location) *outturn.Expr {
	if e.Field == "" {
		t := &outturn.Expr{Op: e.Op}
		for _, arg := range e.Args {
			t.Args = append(t.Args, translate(arg, zone))
		}
		return t
	}
	c := columnOf(e.Field)
	t := &outturn.Expr{Op: e.Op, Field: c.list}
	for _, v := range e.Values {
		canonical, _ := c.Canonical(v, zone) // it was checked
		t.Values = append(t.Values, canonical)
	}
	if c.Type == outturn.Time {
		return t
	}
	switch e.Op {
	case outturn.OpNull:
		return &outturn.Expr{Op: outturn.OpEQ, Field: c.list, Values: []string{""}}
	case outturn.OpNE: // the opposite of eq, so that null is true
		t.Op = outturn.OpEQ
		return &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{notNull(t)}}
	}
	return notNull(t)
}

// notNull makes a comparison false for null, where it is not anyway.
func notNull(e *outturn.Expr) *outturn.Expr {
	if (e.Op == outturn.OpEQ || e.Op == outturn.OpIn) && !slices.Contains(e.Values, "") {
		return e
	}
	return &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{e, {Op: outturn.OpNE, Field: e.Field, Values: []string{""}}}}
}

func instant(op outturn.Op, t time.Time) *outturn.Expr {
	return &outturn.Expr{Op: op, Field: "at", Values: []string{t.UTC().Format(time.RFC3339Nano)}}
}
