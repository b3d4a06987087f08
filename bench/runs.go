package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"outturn"
	"outturn/client"
)

// How the service is asked for tiny runs.
const (
	roundRuns  = 1000
	askers     = 8 // that ask as fast as they are answered
	syncsEvery = 20 * time.Millisecond
)

// A round is what one lot of runs has shown.
type round struct {
	creates, ready, syncs sample
	perSecond             float64 // runs, from the first create to the last that is ready
	serverCPU, clientCPU  float64 // seconds per 1,000 runs
	stolen                float64 // percent of all cores' time
}

// runs measures tiny runs: asked for as fast as the service takes them, and at a
// steady rate, where what matters is how long an answer takes. Beside it stands what no
// answer can be faster than: how long the disk takes to sync a page meanwhile, and how much
// of the time the host of a virtual machine gives its cores to others, some milliseconds each.
func (b *bench) runs() error {
	s, err := b.startService()
	if err != nil {
		return err
	}
	defer s.stop()
	ctx := context.Background()
	if err := s.checkTenants(ctx); err != nil {
		return err
	}
	fmt.Printf("%d tenants, 1 to %d rows: a report for each is right\n", len(s.tenants), s.tenants[0].accounts)
	for _, how := range []struct {
		name string
		ask  func(*switchboard) (sample, error)
	}{
		{fmt.Sprintf("%d clients, as fast as they are answered", askers), s.askInTurn},
		{"100 a second", func(b *switchboard) (sample, error) { return s.askSteadily(b, 100) }},
		{"200 a second", func(b *switchboard) (sample, error) { return s.askSteadily(b, 200) }},
	} {
		fmt.Printf("%d runs, %s\n", roundRuns, how.name)
		var rounds []round
		for range b.pairs {
			r, err := s.measureRound(ctx, how.ask)
			if err != nil {
				return err
			}
			fmt.Printf("    %s\n", r)
			rounds = append(rounds, r)
		}
		printRounds(rounds)
	}
	time.Sleep(5 * time.Second) // the source is closed, and what was freed given back
	rss, err := residentMiB(s.cmd.Process.Pid)
	fmt.Printf("idle after %d runs: %.0f MiB\n", 3*b.pairs*roundRuns, rss)
	return err
}

// checkTenants makes a report for each tenant and reads it.
func (s *service) checkTenants(ctx context.Context) error {
	for _, t := range s.tenants {
		run, err := s.report(ctx, t)
		if err == nil {
			run, err = s.WaitRun(ctx, run.ID)
		}
		if err == nil {
			err = s.check(ctx, run)
		}
		if err != nil {
			return fmt.Errorf("account %s: %w", t.account, err)
		}
	}
	return nil
}

// askInTurn asks from several clients, each for its next run when it has the answer
// to the last.
func (s *service) askInTurn(b *switchboard) (sample, error) {
	samples, errs := make([]sample, askers), make([]error, askers)
	var all sync.WaitGroup
	for a := range askers {
		all.Go(func() {
			for i := a; i < roundRuns && errs[a] == nil; i += askers {
				began := time.Now()
				errs[a] = b.report(s.tenants[i%len(s.tenants)])
				samples[a].add(time.Since(began))
			}
		})
	}
	all.Wait()
	return slices.Concat(samples...), firstOf(errs)
}

// askSteadily asks so often a second. What an answer took counts from when it was due to be
// asked for, so that one that is late is seen in those that wait behind it.
func (s *service) askSteadily(b *switchboard, rate int) (sample, error) {
	took, errs := make([]time.Duration, roundRuns), make([]error, roundRuns)
	var all sync.WaitGroup
	began := time.Now()
	for i := range roundRuns {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		all.Go(func() {
			errs[i] = b.report(s.tenants[i%len(s.tenants)])
			took[i] = time.Since(due)
		})
	}
	all.Wait()
	var creates sample
	for _, d := range took {
		creates.add(d)
	}
	return creates, firstOf(errs)
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *service) measureRound(ctx context.Context, ask func(*switchboard) (sample, error)) (r round, err error) {
	b, err := s.switchboard(ctx)
	if err != nil {
		return r, err
	}
	defer b.close()
	last, err := s.newest(ctx)
	if err != nil {
		return r, err
	}
	endSyncs := s.syncMeanwhile(&r.syncs)
	stolenBefore, allBefore, err := stolen()
	if err != nil {
		return r, err
	}
	serverBefore, clientBefore, err := s.cpu()
	if err != nil {
		return r, err
	}
	r.creates, err = ask(b)
	if err == nil {
		err = s.drained(ctx)
	}
	serverAfter, clientAfter, errCPU := s.cpu()
	stolenAfter, allAfter, errStolen := stolen()
	endSyncs()
	if err := firstOf([]error{err, errCPU, errStolen}); err != nil {
		return r, err
	}
	r.stolen = 100 * (stolenAfter - stolenBefore) / (allAfter - allBefore)
	r.serverCPU, r.clientCPU = (serverAfter-serverBefore)*1000/roundRuns, (clientAfter-clientBefore)*1000/roundRuns
	err = s.readRound(ctx, last, &r)
	return r, err
}

func (s *service) cpu() (server, own float64, err error) {
	if server, err = cpuOf(s.cmd.Process.Pid); err == nil {
		own, err = cpuOf(os.Getpid())
	}
	return server, own, err
}

// newest returns when the newest run was made.
func (s *service) newest(ctx context.Context) (time.Time, error) {
	list, err := s.Runs(ctx, client.ListInput{Tenant: "*", Limit: 1})
	if err != nil || len(list.Items) == 0 {
		return time.Time{}, err
	}
	return list.Items[0].CreatedAt, nil
}

// drained waits until no run waits or is under way.
func (s *service) drained(ctx context.Context) error {
	for {
		left := 0
		for _, state := range []outturn.RunState{outturn.RunQueued, outturn.RunRunning} {
			list, err := s.Runs(ctx, client.ListInput{Tenant: "*", Limit: 1, Filter: "state eq " + string(state)})
			if err != nil {
				return err
			}
			left += len(list.Items)
		}
		if left == 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// readRound reads what the ledger says of the runs made after an instant, and holds
// each against what it must be.
func (s *service) readRound(ctx context.Context, after time.Time, r *round) error {
	var first, last time.Time
	in := client.ListInput{Tenant: "*", Limit: outturn.MaxPage, Filter: "created_at gt " + after.Format(time.RFC3339Nano)}
	for more := true; more; more = in.Cursor != "" {
		list, err := s.Runs(ctx, in)
		if err != nil {
			return err
		}
		for _, run := range list.Items {
			if err := s.checkRun(run); err != nil {
				return err
			}
			r.ready.add(run.FinishedAt.Sub(run.CreatedAt))
			if first.IsZero() || run.CreatedAt.Before(first) {
				first = run.CreatedAt
			}
			if run.FinishedAt.After(last) {
				last = run.FinishedAt
			}
		}
		in.Cursor = list.Next
	}
	if len(r.ready) != roundRuns {
		return fmt.Errorf("%d runs were made of %d that were asked for", len(r.ready), roundRuns)
	}
	r.perSecond = float64(roundRuns) / last.Sub(first).Seconds()
	return nil
}

// syncMeanwhile writes and syncs a page of a file on the same disk now and then,
// until it is ended.
func (s *service) syncMeanwhile(took *sample) (end func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		f, err := os.Create(filepath.Join(s.data, "syncs"))
		if err != nil {
			return
		}
		defer f.Close()
		page := make([]byte, 4096)
		tick := time.NewTicker(syncsEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			began := time.Now()
			if _, err := f.Write(page); err == nil && f.Sync() == nil {
				took.add(time.Since(began))
			}
		}
	}()
	return func() { close(stop); <-ended }
}

func (r round) String() string {
	return fmt.Sprintf("%4.0f runs/s; create p99 %.1f ms; ready p99 %.0f ms; CPU per 1,000 runs: server %.2f, client %.2f s; sync p99 %.1f ms; stolen %.0f %%",
		r.perSecond, r.creates.at(0.99), r.ready.at(0.99), r.serverCPU, r.clientCPU, r.syncs.at(0.99), r.stolen)
}

func printRounds(rounds []round) {
	middle := func(of func(round) float64) float64 {
		var all sample
		for _, r := range rounds {
			all = append(all, of(r))
		}
		return all.at(0.5)
	}
	for _, row := range []struct {
		name, unit, goal string
		of               func(round) float64
	}{
		{"runs from create to ready", "/s", "at least 200", func(r round) float64 { return r.perSecond }},
		{"create answers, median", "ms", "", func(r round) float64 { return r.creates.at(0.5) }},
		{"create answers, p99", "ms", "below 20, at 200 a second", func(r round) float64 { return r.creates.at(0.99) }},
		{"ready after the create, median", "ms", "", func(r round) float64 { return r.ready.at(0.5) }},
		{"server's CPU per 1,000 runs", "s", "", func(r round) float64 { return r.serverCPU }},
		{"client's CPU per 1,000 runs", "s", "", func(r round) float64 { return r.clientCPU }},
		{"the disk's sync of a page meanwhile, median", "ms", "", func(r round) float64 { return r.syncs.at(0.5) }},
		{"the disk's sync of a page meanwhile, p99", "ms", "bounds the create answers", func(r round) float64 { return r.syncs.at(0.99) }},
		{"time of the cores that others had", "%", "bounds the create answers", func(r round) float64 { return r.stolen }},
	} {
		fmt.Printf("  %-44s %7.2f %-2s %s\n", row.name, middle(row.of), row.unit, inBrackets(row.goal))
	}
}

func inBrackets(goal string) string {
	if goal == "" {
		return ""
	}
	return "(goal: " + goal + ")"
}
