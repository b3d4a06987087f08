// Package queue carries work to workers: which run next, and on which of them.
//
//	reporting ──Ring──► queue ──work──► runner
//	                      ▲
//	sweeper ──Lost, Ring──┘
//
// The ledger is the truth. A queue that forgets a run, or hands one out twice, does
// no harm: the sweeper rings again what has no living job, and claiming is a
// compare-and-set in the ledger.
//
// One tenant's thousand runs do not hold up another's one. What a queue promises for
// that, of tenants that wait and whose jobs are of one class:
//
//   - who has fewer runs under way goes first;
//   - of two with the same number, neither goes twice before the other.
//
// So a tenant that comes with its first run sees each other one go before it once at
// most. It is workers that are shared, not starts: who asks for short runs gets more
// of them than who asks for long ones, and is not held up by those. Jobs of a lower
// class go before others, but not for ever: each job that waits is handed out at last,
// whatever rings meanwhile.
package queue

import (
	"context"
	"errors"
)

// A Job is a run that is due.
type Job struct {
	Run    string // id
	Tenant string // whose it is
	Class  int    // see Class
}

// Classes of jobs. Those of a lower one go first, most of the time.
const (
	ClassFirst = iota // of a tenant that has little waiting
	ClassNext
	ClassBacklog
	ClassLow // of a backfill, whatever its tenant has waiting
)

// Class returns the class of a run whose tenant has that many queued before it, so
// that who asks for a report is not held up by who asks for a thousand.
func Class(before int) int {
	switch {
	case before < 3:
		return ClassFirst
	case before < 30:
		return ClassNext
	}
	return ClassBacklog
}

// ErrStopped is the cause with which the context of work ends when Stop would not
// wait any longer.
var ErrStopped = errors.New("the queue stops")

// A Queue hands out jobs. Any number of goroutines may use it.
type Queue interface {
	// Start begins to hand out jobs to work and returns when it does. work runs in as
	// many goroutines as the queue has workers, and is done with a job when it
	// returns, whatever came of it. Its context keeps the values of ctx and ends only
	// with Stop.
	Start(ctx context.Context, work func(ctx context.Context, j Job)) error
	// Ring says that a run is due. A run that waits already waits once, in its place.
	// One that is being worked on is worked on once more afterwards. Before Start jobs
	// wait; after Stop they are refused with CodeUnavailable.
	Ring(ctx context.Context, j Job) error
	// Lost returns those of these runs that have no living job here: none is waiting
	// and none being worked on.
	Lost(ctx context.Context, runs []string) ([]string, error)
	// Stop hands out nothing any more, forgets what waits, and waits for the work
	// that is under way. When ctx ends before, the work's context ends with
	// ErrStopped, and Stop waits for it to return. It may be called before Start,
	// which then is refused, and more than once: each waits.
	Stop(ctx context.Context) error
}
