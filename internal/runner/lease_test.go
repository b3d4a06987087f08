package runner_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"outturn"
	"outturn/internal/queue"
	"outturn/internal/store"
)

// A process that proves to be alone takes back at once what the one before it held
// when it died; each time counts, as when a lease runs out.
func TestAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		deaths int // of processes, each with the run in its hands
		alone  bool
		state  outturn.RunState
	}{
		{"OK", 1, true, outturn.RunSucceeded},
		{"Twice", 2, true, outturn.RunSucceeded},
		{"KillsEveryProcess", 3, true, outturn.RunFailed},
		{"NotAlone", 1, false, outturn.RunRunning},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.config.Alone = tt.alone
			id := b.create("numbers")
			for range tt.deaths {
				_, err := b.ledger.ClaimRun(t.Context(), id, "one that dies", lease)
				must(t, err)
				b.faults.begin = untilStopped
				b.start("one that starts after it").stopAtOnce(t) // and gives back what it took
			}
			b.faults.begin = nil
			w := b.start("the last")
			run := b.run(id)
			if tt.alone {
				run, _ = b.finish(id)
			}
			if run.State != tt.state {
				t.Fatalf("the run is %s, want %s", run.State, tt.state)
			}
			if tt.alone && run.Lapses != tt.deaths {
				t.Errorf("%d lapses, want %d", run.Lapses, tt.deaths)
			}
			if tt.state == outturn.RunFailed && run.Reason.Code != outturn.CodeWorkerLost {
				t.Errorf("the reason is %s", run.Reason.Code)
			}
			w.stopAtOnce(t)
		})
	}
}

// Heartbeats keep a lease and tell how far the attempt has come.
func TestP27Heartbeat(t *testing.T) {
	b := newBench(t)
	b.faults.next = holdAfter(1, make(chan struct{}))
	b.start("test")
	id := b.create("endless")
	b.until(id, "it has rows", func(r outturn.Run) bool {
		return r.Phase == outturn.PhaseRendering && r.Progress.Rows > 0 && r.Progress.At.Equal(b.time())
	})
	for range 5 {
		b.pass(lease - time.Second)
		run := b.until(id, "its lease is extended", func(r outturn.Run) bool { return r.LeaseUntil.Equal(b.time().Add(lease)) })
		if run.State != outturn.RunRunning || run.Attempt != 1 || run.Lapses != 0 {
			t.Errorf("the run is %s in attempt %d, with %d lapses", run.State, run.Attempt, run.Lapses)
		}
	}
}

// holdAfter lets n batches through and then waits for goOn, or for the attempt's end.
func holdAfter(n int, goOn <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		if n--; n >= 0 {
			return nil
		}
		select {
		case <-goOn:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A worker that has lost its lease publishes nothing and leaves nothing, whether it
// hears of that in the middle, or has slept and comes to its end.
func TestP28LeaseLost(t *testing.T) {
	for _, tt := range []struct {
		name      string
		heartbeat time.Duration
		dataset   string
	}{
		{"HeardByHeartbeat", 5 * time.Millisecond, "endless"},
		{"FoundAtTheEnd", lease - 1, "numbers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.config.Heartbeat, b.config.Sweep = tt.heartbeat, time.Hour
			committed, goOn := make(chan struct{}), make(chan struct{})
			b.faults.commit = func(context.Context) error {
				close(committed)
				<-goOn
				return nil
			}
			w := b.start("slow")
			id := b.create(tt.dataset)
			b.ring(w, id)
			if tt.dataset == "numbers" {
				<-committed
			} else {
				b.until(id, "it renders", func(r outturn.Run) bool { return r.Phase == outturn.PhaseRendering })
			}
			run := b.stolen(id)
			close(goOn)
			b.wait("the worker gives up", func() bool {
				_, underWay := w.queue.Waiting()
				return underWay == 0
			})
			if now := b.run(id); now.LeaseOwner != "another" || now.Attempt != run.Attempt || now.State != outturn.RunRunning || now.Reason != nil {
				t.Errorf("of another's run it made %+v", now)
			}
			b.nothingStays(id)
		})
	}
}

// A worker that the ledger does not answer goes on until its lease must be over, by
// its own clock, and not a moment less.
func TestLedgerDoesNotAnswer(t *testing.T) {
	b := newBench(t)
	b.config.Lease, b.config.Heartbeat, b.config.Sweep = 400*time.Millisecond, 20*time.Millisecond, time.Hour
	var beats, answered atomic.Int64
	var silent atomic.Bool
	b.config.Ledger = faultyLedger{Store: b.ledger, extend: func() error {
		if n := beats.Add(1); n == 30 || silent.Load() { // at the thirtieth the lease of the claim is over
			return outturn.Errorf(outturn.CodeStorageUnavailable, "The ledger does not answer.")
		}
		answered.Store(time.Now().UnixNano())
		return nil
	}}
	w := b.start("test")
	id := b.create("endless")
	b.ring(w, id)
	b.wait("forty heartbeats", func() bool { return beats.Load() >= 40 })
	silent.Store(true)
	b.wait("the worker gives up", func() bool {
		_, underWay := w.queue.Waiting()
		return underWay == 0
	})
	if held := time.Since(time.Unix(0, answered.Load())); held < b.config.Lease-b.config.Heartbeat { // it was asked a little before
		t.Errorf("it gave up %s after the last answer", held)
	}
	b.nothingStays(id)
}

// stolen has another worker take a run away whose lease is over.
func (b *bench) stolen(id string) outturn.Run {
	b.t.Helper()
	for {
		b.pass(lease + time.Second)
		_, _, err := b.ledger.SweepLeases(b.t.Context(), 3)
		must(b.t, err)
		run, err := b.ledger.ClaimRun(b.t.Context(), id, "another", lease)
		if err == nil {
			return run
		}
		if outturn.ErrorCode(err) != outturn.CodeConflict { // a heartbeat was between
			b.t.Fatal(err)
		}
	}
}

// A ledger that fails where it is told to, before a change or after it.
type faultyLedger struct {
	*store.Store
	extend  func() error
	succeed func(does func() (outturn.Run, error)) (outturn.Run, error)
}

func (l faultyLedger) ExtendLease(ctx context.Context, c outturn.RunClaim, lease time.Duration, phase outturn.RunPhase, p outturn.RunProgress) error {
	if l.extend != nil {
		if err := l.extend(); err != nil {
			return err
		}
	}
	return l.Store.ExtendLease(ctx, c, lease, phase, p)
}

func (l faultyLedger) SucceedRun(ctx context.Context, c outturn.RunClaim, m outturn.Manifest, files []outturn.File) (outturn.Run, error) {
	return l.succeed(func() (outturn.Run, error) { return l.Store.SucceedRun(ctx, c, m, files) })
}

// What the ledger lists is never deleted, also when it could not say that it has
// listed it; when it has not, the run is made again, and only what the last attempt
// made is listed.
func TestSuccessInDoubt(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fault    error
		commits  bool // though it fails
		attempts int
		stored   int // until the sweep of the storage
	}{
		{"DiskFailedAfterCommit", outturn.Errorf(outturn.CodeStorageUnavailable, "The ledger's disk failed."), true, 1, 1},
		{"DiskFailedBefore", outturn.Errorf(outturn.CodeStorageUnavailable, "The ledger's disk failed."), false, 2, 2},
		{"DiskFull", outturn.Errorf(outturn.CodeDiskFull, "The ledger's disk is full."), false, 2, 2},
		{"LockedByAnother", outturn.Errorf(outturn.CodeUnavailable, "Another process holds the ledger."), false, 2, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			failed := false
			b.config.Ledger = faultyLedger{Store: b.ledger, succeed: func(does func() (outturn.Run, error)) (run outturn.Run, err error) {
				if failed {
					return does()
				}
				failed = true
				if tt.commits {
					run, err = does()
				}
				return run, errors.Join(err, tt.fault)
			}}
			w := b.start("test")
			run, _ := b.finish(b.create("numbers"))
			w.stopAtOnce(t)
			b.succeeded(run)
			if run.Attempt != tt.attempts || len(b.stored()) != tt.stored {
				t.Errorf("%d attempts left %v", run.Attempt, b.stored())
			}
			b.pass(11 * time.Minute)
			b.start("next")
			b.wait("what nobody listed is deleted", func() bool { return len(b.stored()) == 1 })
			b.succeeded(b.run(run.ID))
		})
	}
}

// A runner that stops lets its runs go on for as long as it was given, and gives the
// rest back, which is no lapse: the next one makes them.
func TestStop(t *testing.T) {
	for _, tt := range []struct {
		name    string
		stop    func(w worker, goOn func()) error
		attempt int
	}{
		{"Waits", func(w worker, goOn func()) error {
			stopped := make(chan error)
			go func() { stopped <- w.Stop(context.Background()) }()
			for w.queue.Ring(context.Background(), queue.Job{Run: "none"}) == nil { // until it has begun to stop
			}
			goOn()
			return <-stopped
		}, 1},
		{"GivesBack", func(w worker, _ func()) error { return w.Stop(over()) }, 2},
		{"SecondIsImmediate", func(w worker, _ func()) error {
			stopped := make(chan error)
			go func() { stopped <- w.Stop(context.Background()) }()
			for w.queue.Ring(context.Background(), queue.Job{Run: "none"}) == nil {
			}
			return errors.Join(w.Stop(over()), <-stopped)
		}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			held := make(chan struct{})
			b.faults.next = holdAfter(0, held)
			w := b.start("first")
			id := b.create("numbers")
			b.until(id, "it is asked", func(r outturn.Run) bool { return r.Phase == outturn.PhaseQuerying })
			must(t, tt.stop(w, func() { close(held) }))
			if run := b.run(id); tt.attempt == 2 {
				if run.State != outturn.RunQueued || run.Lapses != 0 || run.NotBefore.After(b.time()) || run.Reason != nil {
					t.Errorf("given back it is %s, due %s, with %d lapses, %+v", run.State, run.NotBefore, run.Lapses, run.Reason)
				}
				b.nothingStays(id)
			}
			b.faults.next = nil
			b.start("second")
			run, _ := b.finish(id)
			b.succeeded(run)
			if run.Attempt != tt.attempt || run.Lapses != 0 {
				t.Errorf("it took %d attempts, with %d lapses", run.Attempt, run.Lapses)
			}
		})
	}
}

// over is a context that has ended.
func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
