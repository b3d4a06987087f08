package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"outturn"
	"outturn/internal/source"
)

// EventReporting has the use cases of events.
type EventReporting interface {
	// HandleEvents makes the runs of those who wait for events, and says how many events
	// are done. What is in the error waits still.
	HandleEvents(ctx context.Context) (int, error)
	// PollEvents asks a data set for new events, and says how many there were.
	PollEvents(ctx context.Context, dataset string) (int, error)
	// NotifyEvent keeps what the source sent to a channel; CodeInvalid where that is
	// no event.
	NotifyEvent(ctx context.Context, channel, payload string) error
	SweepEvents(ctx context.Context) error
}

// EventsConfig says what Events works with. Reporting must be set.
type EventsConfig struct {
	Reporting EventReporting
	Polls     []Poll
	// Source is listened to on Channel; nil is not.
	Source  source.Notifier
	Channel string
	Check   time.Duration // how long an event waits that another process was told of; 2 s
	Log     *slog.Logger
}

// A Poll is a data set that is asked for events.
type Poll struct {
	Dataset string
	Every   time.Duration
}

// sweepEvery is how often events are forgotten whose time is over.
const sweepEvery = time.Hour

// Events hears of events, and handles them, from Start to Stop. Each process may have
// one: what two of them hear or handle at once is done once.
//
//	posted ────────► ledger ──Wake──► HandleEvents
//	Listen ────────►   ▲
//	PollEvents ────────┘ every interval, and whenever something may have been missed
type Events struct {
	EventsConfig

	wake  chan struct{}
	poll  []chan struct{} // of each of Polls
	quit  context.CancelFunc
	loops sync.WaitGroup

	mu      sync.Mutex
	stopped bool
}

// NewEvents makes Events. Nothing happens before Start.
func NewEvents(c EventsConfig) (*Events, error) {
	if c.Reporting == nil {
		return nil, errors.New("scheduler: the use cases are needed")
	}
	if c.Check <= 0 {
		c.Check = 2 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	e := &Events{EventsConfig: c, wake: make(chan struct{}, 1)}
	for range c.Polls {
		e.poll = append(e.poll, make(chan struct{}, 1))
	}
	return e, nil
}

// Start begins to hear and to handle. After Stop, and a second time, it does nothing.
func (e *Events) Start(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped || e.quit != nil {
		return
	}
	loops, quit := context.WithCancel(context.WithoutCancel(ctx))
	e.quit = quit
	e.loops.Go(func() { e.handle(loops) })
	for i, p := range e.Polls {
		e.loops.Go(func() { e.ask(loops, p, e.poll[i]) })
	}
	if e.Source != nil {
		e.loops.Go(func() { e.listen(loops) })
	}
}

// Stop ends what is under way and waits for it. It may be called before Start, and twice.
func (e *Events) Stop() {
	e.mu.Lock()
	e.stopped = true
	quit := e.quit
	e.mu.Unlock()
	if quit != nil {
		quit()
	}
	e.loops.Wait()
}

// Wake says that events wait.
func (e *Events) Wake() { ring(e.wake) }

// ring tells who waits for c; where that has been done already, once is enough.
func ring(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// longest is how long it is waited, after something failed again and again, before it is
// tried anew.
const longest = time.Minute

func (e *Events) handle(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var swept time.Time
	pause := e.Check
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-e.wake:
		}
		_, err := e.Reporting.HandleEvents(ctx)
		if err == nil && time.Since(swept) >= sweepEvery {
			swept = time.Now()
			err = e.Reporting.SweepEvents(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pause = e.Check
		} else {
			pause = min(2*pause, longest)
			e.Log.ErrorContext(ctx, "not all events could be handled; they wait, and are tried again", "error", err)
		}
		timer.Reset(pause)
	}
}

// ask asks a data set, at once and from then on.
func (e *Events) ask(ctx context.Context, p Poll, now <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-now:
		}
		_, err := e.Reporting.PollEvents(ctx, p.Dataset)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil:
			e.Log.WarnContext(ctx, "a data set could not be asked for events; it is tried again, and none is lost", "dataset", p.Dataset, "error", err)
		case failed:
			e.Log.InfoContext(ctx, "a data set can be asked for events again", "dataset", p.Dataset)
		}
		failed = err != nil
		timer.Reset(p.Every)
	}
}

func (e *Events) listen(ctx context.Context) {
	e.Source.Listen(ctx, e.Channel, source.Listener{
		Connected: func() {
			e.Log.InfoContext(ctx, "listening for events", "channel", e.Channel)
			for _, c := range e.poll {
				ring(c) // what was sent while nobody listened is found
			}
		},
		Notified: func(payload string) {
			for pause := time.Second; ; pause = min(2*pause, longest) {
				err := e.Reporting.NotifyEvent(ctx, e.Channel, payload)
				if err == nil || ctx.Err() != nil {
					return
				}
				e.Log.WarnContext(ctx, "a notification was not taken", "channel", e.Channel, "payload", outturn.Cut(payload), "error", err)
				if outturn.ErrorCode(err) == outturn.CodeInvalid {
					return
				}
				select { // the ledger may be back: nobody sends it again
				case <-ctx.Done():
					return
				case <-time.After(pause):
				}
			}
		},
		Lost: func(err error, again time.Duration) {
			e.Log.WarnContext(ctx, "events are not heard; the connection is made again", "channel", e.Channel, "after", again.String(), "error", err)
		},
	})
}
