// Package runner works on runs: it claims them in the ledger, reads the source,
// writes the files, and publishes them while it still holds the claim.
//
//	queue ──job──► claim ──► snapshot ──► pipeline.Export ──► commit uploads ──► succeed
//	                 │  every Heartbeat: extend the lease, publish progress
//	                 └─ every CancelPoll: has anybody asked for it to stop?
//
// A Runner also sweeps: it takes back runs whose lease is over, rings those that
// wait without a job, and removes files whose time is over or that nobody has
// published.
package runner

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/catalog"
	"outturn/internal/queue"
	"outturn/internal/source"
)

// A Ledger keeps runs. Every change names the claim that makes it, and fails with
// CodeLeaseLost when the claim is gone.
type Ledger interface {
	ClaimRun(ctx context.Context, id, owner string, lease time.Duration) (outturn.Run, error)
	ExtendLease(ctx context.Context, c outturn.RunClaim, lease time.Duration, phase outturn.RunPhase, p outturn.RunProgress) error
	CancelRequests(ctx context.Context, owner string) ([]string, error)
	SucceedRun(ctx context.Context, c outturn.RunClaim, m outturn.Manifest, files []outturn.File) (outturn.Run, error)
	FailRun(ctx context.Context, c outturn.RunClaim, reason outturn.Reason, retryAt time.Time) (outturn.Run, error)
	FinishCancelled(ctx context.Context, c outturn.RunClaim) (outturn.Run, error)
	ReleaseRun(ctx context.Context, c outturn.RunClaim) error

	sweepLedger
}

// Config says what a Runner works with. Ledger, Queue, Source, Catalog, Blobs and
// Owner must be set; the zero value of the others is their default.
type Config struct {
	Ledger  Ledger
	Queue   queue.Queue
	Source  source.Source
	Own     source.Own // has the data sets of Outturn itself; nil where the catalogue has none
	Catalog *catalog.Catalog
	Blobs   blob.Store
	Owner   string // names this process in the ledger; no other ever has it
	// Alone says that no other process works on runs, as a lock proves. Those that are
	// running when it starts were an ended process's, and are taken back at once.
	Alone bool

	Lease      time.Duration // 30 s
	Heartbeat  time.Duration // 5 s
	CancelPoll time.Duration // 1 s
	Sweep      time.Duration // 10 s

	// Ended is told of a run when an attempt at it has ended; may be nil.
	Ended func(run string)

	MaxAttempts int           // of a run, for reasons that may pass; 10
	MaxLapses   int           // leases of a run that may run out before it fails; 3
	Backoff     time.Duration // before the second attempt, doubled for each further up to 2 min; 2 s
	Timeout     time.Duration // how long an attempt may take; 0 is any time
	MaxRows     int64         // rows that a run may have; 0 is any number
	Retention   time.Duration // how long files are kept; 90 days

	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, standard time.Duration) {
		if *d <= 0 {
			*d = standard
		}
	}
	set(&c.Lease, 30*time.Second)
	set(&c.Heartbeat, 5*time.Second)
	set(&c.CancelPoll, time.Second)
	set(&c.Sweep, 10*time.Second)
	set(&c.Backoff, 2*time.Second)
	set(&c.Retention, 90*24*time.Hour)
	if c.Ended == nil {
		c.Ended = func(string) {}
	}
	if c.MaxAttempts <= 0 {
		c.MaxAttempts = 10
	}
	if c.MaxLapses <= 0 {
		c.MaxLapses = 3
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Causes with which an attempt's context ends, other than time.
var (
	errCancelled = outturn.Errorf(outturn.CodeCancelled, "Somebody asked for the run to stop.")
	errLeaseLost = outturn.Errorf(outturn.CodeLeaseLost, "The worker no longer holds the run.")
)

// A Runner works on runs from Start to Stop.
type Runner struct {
	Config

	cancelNow chan struct{} // somebody asked for a run to stop
	wake      chan struct{} // runs that were held back may be startable
	heldBack  atomic.Bool   // a run was, and may wait still
	quit      context.CancelFunc
	loops     sync.WaitGroup

	mu       sync.Mutex
	attempts map[string]*attempt // by run

	uploads atomic.Int64
	lapses  atomic.Int64
}

// Counts are what a Runner tells its operator.
type Counts struct {
	Uploads int64 // files being written
	Lapses  int64 // leases that ran out, of any process, that this one found
}

// New makes a Runner. Nothing happens before Start.
func New(c Config) (*Runner, error) {
	if c.Ledger == nil || c.Queue == nil || c.Source == nil || c.Catalog == nil || c.Blobs == nil || c.Owner == "" {
		return nil, errors.New("runner: a ledger, queue, source, catalogue, storage and owner are needed")
	}
	c = c.withDefaults()
	if c.Heartbeat >= c.Lease {
		return nil, outturn.Errorf(outturn.CodeInvalid, "A heartbeat every %s cannot keep a lease of %s.", c.Heartbeat, c.Lease)
	}
	return &Runner{Config: c, cancelNow: make(chan struct{}, 1), wake: make(chan struct{}, 1), attempts: map[string]*attempt{}}, nil
}

// Start begins to work and to sweep. It first takes back what an ended process held,
// where it may, and rings what waits in the ledger.
func (r *Runner) Start(ctx context.Context) error {
	if r.Alone {
		r.complain(ctx, "an ended process's leases were not ended", r.Ledger.EndLeases(ctx, r.Owner)) // they run out
		r.sweepLeases(ctx)
	}
	loops, quit := context.WithCancel(context.WithoutCancel(ctx))
	r.quit = quit
	if err := r.Queue.Start(loops, r.work); err != nil {
		quit()
		return err
	}
	if err := r.ringDue(ctx); err != nil {
		r.Log.Error("due runs were not rung", "error", err) // the sweep does it again
	}
	r.loops.Go(func() { r.pollCancels(loops) })
	r.loops.Go(func() { r.sweepLoop(loops) })
	r.loops.Go(func() { r.wakeLoop(loops) })
	return nil
}

// Stop begins no run any more, and waits for those under way until ctx ends. Then
// it gives them back to the queue: they begin anew, here or elsewhere. It may be
// called before Start, and twice.
func (r *Runner) Stop(ctx context.Context) error {
	err := r.Queue.Stop(ctx)
	if r.quit != nil {
		r.quit()
	}
	r.loops.Wait()
	return err
}

// Cancel hears at once, instead of within CancelPoll, that the ledger has a request
// to stop a run.
func (r *Runner) Cancel(string) {
	select {
	case r.cancelNow <- struct{}{}:
	default: // it is going to look
	}
}

// Wake hears at once that runs which were held back may be startable: a limit was
// raised, a tenant resumed or moved. What another process changes is found within
// CancelPoll.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it is going to look
	}
}

// Counts tells how much is going on.
func (r *Runner) Counts() Counts { return Counts{r.uploads.Load(), r.lapses.Load()} }

// pollCancels asks the ledger, once for all runs of this process, which of them are
// to stop.
func (r *Runner) pollCancels(ctx context.Context) {
	tick := time.NewTicker(r.CancelPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.cancelNow:
		}
		if r.working() == 0 {
			continue
		}
		ids, err := r.Ledger.CancelRequests(ctx, r.Owner)
		if err != nil && ctx.Err() == nil {
			r.Log.Error("requests to stop runs were not read", "error", err)
		}
		for _, id := range ids {
			r.stop(id, errCancelled)
		}
	}
}

func (r *Runner) working() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.attempts)
}

// stop ends the context of a run's attempt, if it is here.
func (r *Runner) stop(run string, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.attempts[run]; a != nil {
		a.stop(cause)
	}
}

// backoff is how long a run waits before the attempt after n: exponential, and up to
// a quarter less by chance, so that what failed together does not come back together.
// A disk that is full for five minutes costs no run its last attempt.
func (r *Runner) backoff(n int) time.Duration {
	const most = 2 * time.Minute
	d := min(r.Backoff<<min(n-1, 20), most)
	return d - rand.N(d/4+1)
}
