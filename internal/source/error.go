package source

import (
	"context"
	"errors"

	"outturn"
)

// Stopped is the error of a statement whose context has ended.
func Stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	var told *outturn.Error
	switch {
	case errors.As(cause, &told):
		return cause
	case errors.Is(cause, context.DeadlineExceeded):
		return outturn.Errorf(outturn.CodeQueryTimeout, "The statement took longer than it may and was stopped: %w.", cause)
	}
	return outturn.Errorf(outturn.CodeCancelled, "The statement was stopped: %w.", cause)
}

// Withheld is what those are told of an engine's error who may not see it, because it
// may quote another account's row: an author's SELECT is worked out before the scope is
// applied.
func Withheld(cause error) error {
	return &outturn.Error{
		Code: outturn.CodeQueryFailed,
		Message: "The source broke the statement off. What it says may be about another account's row and is not told here. " +
			"An operator sees it by exporting the same data set without a tenant.",
		Err: cause,
	}
}
