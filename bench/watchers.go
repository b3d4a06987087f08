package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"outturn"
	"outturn/internal/store"
)

// How runs are watched.
const (
	watchers   = 500
	watchTime  = 20 * time.Second
	watchRound = 5 * time.Second // between two words of a run, as workers have it
)

// watched measures what it costs the server that every one of many live runs is
// watched. The runs are worked on by this process, straight in the ledger: so the
// server does nothing else, and each run says every few seconds how far it is.
func (b *bench) watched() error {
	s, err := b.startService()
	if err != nil {
		return err
	}
	defer s.stop()
	ctx := context.Background()
	ledger, err := store.Open(ctx, store.Config{Path: filepath.Join(s.data, "ledger.db")})
	if err != nil {
		return err
	}
	defer ledger.Close()
	var live []outturn.Run
	for i := range watchers {
		run, err := liveRun(ctx, ledger, s.tenants[i%len(s.tenants)].id)
		if err != nil {
			return err
		}
		live = append(live, run)
	}
	work := func(rows int64) error { return sayOf(ctx, ledger, live, rows) }

	var seen atomic.Int64
	errs := make([]error, watchers)
	var all sync.WaitGroup
	for i, run := range live {
		all.Go(func() { errs[i] = s.watchTo(ctx, run.ID, &seen) })
	}
	if err := waitFor(time.Minute, func() bool { return seen.Load() >= watchers }); err != nil {
		return fmt.Errorf("the watchers' first events: %w", err)
	}
	var shares sample
	for i := range b.pairs {
		before, own, err := s.cpu()
		if err != nil {
			return err
		}
		began, events := time.Now(), seen.Load()
		for n := range int(watchTime / watchRound) {
			if err := work(int64(i*100 + n + 1)); err != nil {
				return err
			}
			time.Sleep(time.Until(began.Add(time.Duration(n+1) * watchRound)))
		}
		after, ownAfter, err := s.cpu()
		if err != nil {
			return err
		}
		took := time.Since(began).Seconds()
		events = seen.Load() - events
		if want := int64(watchers) * int64(watchTime/watchRound); events < want {
			return fmt.Errorf("the watchers saw %d of %d changes", events, want)
		}
		shares = append(shares, (after-before)/took*100)
		fmt.Printf("    %d watchers, %.0f events/s: server %.1f %% of a core, this process %.1f %%\n", watchers, float64(events)/took, (after-before)/took*100, (ownAfter-own)/took*100)
	}
	for _, run := range live {
		reason := outturn.NewReason(errors.New("the benchmark is over"), run.ID)
		if _, err := ledger.FailRun(ctx, run.Claim(), reason, time.Time{}); err != nil {
			return err
		}
	}
	all.Wait()
	if err := firstOf(errs); err != nil {
		return err
	}
	fmt.Printf("every watcher saw its run's end\n  server for %d watchers: %.1f %% of a core (goal: below 5)\n", watchers, shares.at(0.5))
	return nil
}

// worker is who the runs of the case are leased to.
const worker = "bench"

// liveRun makes a run that is worked on and stays so.
func liveRun(ctx context.Context, ledger *store.Store, tenant string) (outturn.Run, error) {
	run, err := ledger.CreateRun(ctx, outturn.Run{
		Tenant: tenant, Name: "watched", Origin: "bench", CreatedBy: worker,
		Request: outturn.RunRequest{Dataset: tinySet, Outputs: []outturn.Output{{Format: "csv"}}},
	}, nil, outturn.AuditEntry{Subject: worker, Via: "local", Action: "run.create"})
	if err != nil {
		return run, err
	}
	return ledger.ClaimRun(ctx, run.ID, worker, time.Hour)
}

// sayOf tells the ledger how far each run is, one after the other as their workers
// would.
func sayOf(ctx context.Context, ledger *store.Store, runs []outturn.Run, rows int64) error {
	for _, run := range runs {
		progress := outturn.RunProgress{Rows: rows, Bytes: 100 * rows}
		if err := ledger.ExtendLease(ctx, run.Claim(), time.Hour, outturn.PhaseRendering, progress); err != nil {
			return err
		}
	}
	return nil
}

// watchTo watches a run to its end, and counts what it sees.
func (s *service) watchTo(ctx context.Context, id string, seen *atomic.Int64) error {
	var last outturn.Run
	for run, err := range s.WatchRun(ctx, id) {
		if err != nil {
			return err
		}
		if run.Progress.Rows < last.Progress.Rows {
			return fmt.Errorf("run %s went from %d rows to %d", id, last.Progress.Rows, run.Progress.Rows)
		}
		last = run
		seen.Add(1)
	}
	if last.State != outturn.RunFailed {
		return fmt.Errorf("the last that was seen of run %s is %s", id, last.State)
	}
	return nil
}

func waitFor(most time.Duration, done func() bool) error {
	for end := time.Now().Add(most); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("it took too long")
		}
	}
	return nil
}
