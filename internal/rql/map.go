package rql

import (
	"errors"
	"fmt"

	"outturn"
)

// Map rewrites conditions from the words of an edge to those of the ledger. It calls
// field for each condition, with what the query says: the path and the position that
// the client wrote, and no values for OpNull. What field returns takes the condition's
// place; nil drops it, as if the query did not have it, which some contracts ask for
// where they do not know a path.
//
// All faults are told at once, each with field and position. e is left as it is.
func Map(e *outturn.Expr, field func(path string, op outturn.Op, values []string, pos int) (*outturn.Expr, error)) (*outturn.Expr, error) {
	var faults []error
	var rewrite func(e *outturn.Expr) *outturn.Expr
	rewrite = func(e *outturn.Expr) *outturn.Expr {
		switch e.Op {
		case outturn.OpAnd, outturn.OpOr:
			parts := make([]*outturn.Expr, len(e.Args))
			for i, arg := range e.Args {
				parts[i] = rewrite(arg)
			}
			return joined(e.Op, e.Pos, parts)
		case outturn.OpNot:
			arg := rewrite(e.Args[0])
			if arg == nil {
				return nil
			}
			return &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{arg}, Pos: e.Pos}
		}
		to, err := field(e.Field, e.Op, e.Values, e.Pos)
		if err != nil {
			faults = append(faults, inField(e, err))
			return nil
		}
		if to != nil && to.Pos == 0 {
			placed := *to
			placed.Pos = e.Pos
			to = &placed
		}
		return to
	}
	if e == nil {
		return nil, nil
	}
	to := rewrite(e)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return to, nil
}

func inField(e *outturn.Expr, err error) error {
	var told *outturn.Error
	if !errors.As(err, &told) {
		return fmt.Errorf("position %d, field %s: %w", e.Pos, e.Field, err)
	}
	placed := *told
	placed.Message = fmt.Sprintf("Position %d, field %s: %s", e.Pos, e.Field, told.Message)
	placed.Err = err
	return &placed
}
