package runner_test

import (
	"testing"
	"time"

	"outturn"
)

// A run can be cancelled in every phase. That reaches whatever it waits for, the engine
// too, for a run has ended only when its attempt has let go of everything.
func TestCancel(t *testing.T) {
	for _, tt := range []struct {
		phase   outturn.RunPhase
		dataset string
		faults  faults
	}{
		{outturn.PhaseStarting, "numbers", faults{begin: untilStopped}},
		{outturn.PhaseQuerying, "silent", faults{}},
		{outturn.PhaseRendering, "endless", faults{}},
		{outturn.PhaseStoring, "numbers", faults{commit: untilStopped}},
	} {
		t.Run(string(tt.phase), func(t *testing.T) {
			b := newBench(t)
			b.config.Heartbeat, b.config.Lease = time.Hour, 2*time.Hour // the phase is told sooner
			*b.faults = tt.faults
			w := b.start("test")
			id := b.create(tt.dataset)
			b.until(id, "it is "+string(tt.phase), func(r outturn.Run) bool { return r.Phase == tt.phase })

			began := time.Now()
			asked, err := b.ledger.CancelRun(t.Context(), b.tenant, id, "somebody", entry)
			must(t, err)
			if asked.State != outturn.RunRunning {
				t.Errorf("it is %s when it was asked to stop", asked.State)
			}
			run, _ := b.finish(id)
			if took := time.Since(began); took > time.Second+b.config.CancelPoll {
				t.Errorf("it took %s to stop", took)
			}
			if run.State != outturn.RunCancelled || run.CancelledBy != "somebody" || run.Reason != nil || run.Attempt != 1 {
				t.Errorf("the run is %s by %q, %+v", run.State, run.CancelledBy, run.Reason)
			}
			if open := b.snapshots.Load(); open != 0 {
				t.Errorf("%d snapshots were open at the end", open)
			}
			b.nothingStays(id)
			b.wait("the worker is free", func() bool {
				waiting, underWay := w.queue.Waiting()
				return waiting+underWay == 0
			})
		})
	}
}

// Whoever cancels need not wait for the next poll.
func TestCancelIsHeardAtOnce(t *testing.T) {
	b := newBench(t)
	b.config.CancelPoll = time.Hour
	b.faults.begin = untilStopped
	w := b.start("test")
	id := b.create("numbers")
	b.until(id, "it runs", func(r outturn.Run) bool { return r.State == outturn.RunRunning })
	_, err := b.ledger.CancelRun(t.Context(), b.tenant, id, "somebody", entry)
	must(t, err)
	w.Cancel(id)
	if run, _ := b.finish(id); run.State != outturn.RunCancelled {
		t.Errorf("the run is %s", run.State)
	}
}

// A run that somebody asks to stop in the moment in which its files would be listed stops,
// and they are gone.
func TestCancelAtTheEnd(t *testing.T) {
	b := newBench(t)
	var id string
	b.config.Ledger = faultyLedger{Store: b.ledger, succeed: func(does func() (outturn.Run, error)) (outturn.Run, error) {
		if _, err := b.ledger.CancelRun(t.Context(), b.tenant, id, "somebody", entry); err != nil {
			t.Error(err)
		}
		return does()
	}}
	id = b.create("numbers")
	b.start("test")
	run, _ := b.finish(id)
	if run.State != outturn.RunCancelled || len(run.Files) > 0 || run.Attempt != 1 {
		t.Errorf("it is %s with %d files after %d attempts", run.State, len(run.Files), run.Attempt)
	}
	b.wait("its files are gone", func() bool { return len(b.stored()) == 0 })
}
