// Package scheduler fires what is due: one Scheduler per process, any number of
// processes on one ledger.
//
//	 ┌───────────── timer: the next due time, and at least every Check ◄──┐
//	 ▼                                                                    │
//	FireDue ──► ledger: runs, firings and the next due time in one change ┘
//	 ▲
//	 └───────────── Wake: a generator was made, changed, enabled or resumed
//
// When something is due stands in the ledger alone. A Scheduler remembers nothing, so
// that a restart loses nothing (P24), and none of them leads: who is slower finds that
// the generator has fired (P26).
//
// It never sleeps longer than Check, however far away the next due time is. The timer
// runs on a clock that nobody sets, and after it the wall clock is looked at anew: a
// clock that is set forth or back by a day is noticed within Check.
package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// A Reporting has the use cases that are a scheduler's.
type Reporting interface {
	// FireDue fires what is due, at most so many, and returns how many that were and when
	// the next is due, zero for never. What is in the error is due still.
	FireDue(ctx context.Context, most int) (n int, next time.Time, err error)
}

// Config says what a Scheduler works with. Reporting must be set.
type Config struct {
	Reporting Reporting
	Check     time.Duration // how long it sleeps at most; 10 s
	Now       func() time.Time
	Log       *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Check <= 0 {
		c.Check = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// mostFired is how many generators one tick fires; where more are due the next one
// follows at once.
const mostFired = 1000

// again is after how long what could not be fired is tried again, or another process is
// given to fire what was due.
const again = time.Second

// A Scheduler works from Start to Stop.
type Scheduler struct {
	Config

	wake  chan struct{}
	quit  context.CancelFunc
	loops sync.WaitGroup

	mu      sync.Mutex
	stopped bool
}

// New makes a Scheduler. Nothing happens before Start.
func New(c Config) (*Scheduler, error) {
	if c.Reporting == nil {
		return nil, errors.New("scheduler: the use cases are needed")
	}
	return &Scheduler{Config: c.withDefaults(), wake: make(chan struct{}, 1)}, nil
}

// Start begins to fire, what is due already at once. After Stop, and a second time, it
// does nothing.
func (s *Scheduler) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.quit != nil {
		return
	}
	loops, quit := context.WithCancel(context.WithoutCancel(ctx))
	s.quit = quit
	s.loops.Go(func() { s.fire(loops) })
}

// Stop fires nothing any more and waits for what is under way. It may be called before
// Start, and twice.
func (s *Scheduler) Stop() {
	s.mu.Lock()
	s.stopped = true
	quit := s.quit
	s.mu.Unlock()
	if quit != nil {
		quit()
	}
	s.loops.Wait()
}

// Wake says that something may be due earlier than was known. What another process
// changes is found within Check.
func (s *Scheduler) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // it is going to look
	}
}

func (s *Scheduler) fire(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
		n, next, err := s.Reporting.FireDue(ctx, mostFired)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "not all that is due could be fired; it is tried again", "error", err)
		}
		timer.Reset(s.sleep(n, next, err))
	}
}

// sleep is how long nothing is due, after n were fired.
func (s *Scheduler) sleep(n int, next time.Time, err error) time.Duration {
	if next.IsZero() {
		return s.Check
	}
	left := next.Sub(s.Now())
	switch {
	case left > 0:
		return min(left, s.Check)
	case n > 0 && err == nil:
		return 0
	}
	return min(again, s.Check)
}
