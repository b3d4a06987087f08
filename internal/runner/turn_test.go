package runner_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"outturn"
	"outturn/internal/queue"
	"outturn/internal/queue/local"
	"outturn/internal/runner"
)

// Runs of a generator work one at a time, the oldest first, each started by the end of
// the one before.
func TestInTurn(t *testing.T) {
	b := newBench(t)
	b.onlyRings()
	g, err := b.ledger.CreateGenerator(t.Context(), outturn.Generator{
		Tenant: b.tenant, GeneratorSpec: outturn.GeneratorSpec{Name: "g", Trigger: outturn.Trigger{Kind: outturn.TriggerManual}},
	}, entry)
	must(t, err)
	var ids []string
	for range 5 {
		r := outturn.Run{ID: outturn.NewID(b.time()), Tenant: b.tenant, Name: "g", Generator: g.ID, Cause: outturn.CauseManual, InTurn: true, Request: outturn.RunRequest{
			Dataset: "numbers", Everything: true, Outputs: []outturn.Output{{Format: "csv"}},
		}}
		f := outturn.Firing{Generator: g.ID, Cause: outturn.CauseManual, ScheduledFor: b.time(), Run: r.ID}
		_, err := b.ledger.Fire(t.Context(), outturn.FireInput{Generator: g, Firings: []outturn.Firing{f}, Runs: []outturn.Run{r}, Entry: entry})
		must(t, err)
		ids = append(ids, r.ID)
		b.pass(1e6)
	}
	var working atomic.Int64
	b.faults.begin = func(context.Context) error {
		var running int
		for _, id := range ids {
			if b.run(id).State == outturn.RunRunning {
				running++
			}
		}
		if running != 1 {
			t.Errorf("%d are at work", running)
		}
		working.Add(1)
		return nil
	}
	b.start("worker")
	b.allSucceed(ids)
	if n := working.Load(); n != 5 {
		t.Errorf("5 runs were begun %d times", n)
	}
	for i, id := range ids[1:] {
		if before, r := b.run(ids[i]), b.run(id); r.StartedAt.Before(before.FinishedAt) {
			t.Errorf("run %d started at %s, before the end of the one before it, at %s", i+1, r.StartedAt, before.FinishedAt)
		}
	}
}

// The next run of a backfill waits until all other runs have had their turn, also those
// that came while the one before it was at work.
func TestBackfillComesLast(t *testing.T) {
	b := newBench(t)
	b.onlyRings()
	g, err := b.ledger.CreateGenerator(t.Context(), outturn.Generator{
		Tenant: b.tenant, GeneratorSpec: outturn.GeneratorSpec{Name: "g", Trigger: outturn.Trigger{Kind: outturn.TriggerManual}},
	}, entry)
	must(t, err)
	in := outturn.FireInput{Generator: g, Entry: entry}
	var past []string
	for range 3 {
		r := outturn.Run{ID: outturn.NewID(b.time()), Tenant: b.tenant, Name: "past", Generator: g.ID, Cause: outturn.CauseBackfill, InTurn: true, Low: true, Request: outturn.RunRequest{
			Dataset: "numbers", Everything: true, Outputs: []outturn.Output{{Format: "csv"}},
		}}
		in.Runs = append(in.Runs, r)
		in.Firings = append(in.Firings, outturn.Firing{Generator: g.ID, Cause: r.Cause, ScheduledFor: b.time(), Run: r.ID})
		past = append(past, r.ID)
		b.pass(time.Millisecond)
	}
	_, err = b.ledger.Fire(t.Context(), in)
	must(t, err)
	c := b.config
	q := local.New(local.Config{Workers: 1})
	c.Owner, c.Queue = "worker", q
	all := slices.Clone(past)
	var begun []string
	b.faults.begin = func(ctx context.Context) error {
		if len(begun) == 0 { // others come, of a tenant that has many
			for range 4 {
				id := b.create("numbers")
				all = append(all, id)
				if err := q.Ring(ctx, queue.Job{Run: id, Tenant: b.tenant, Class: queue.ClassLow - 1}); err != nil {
					return err
				}
			}
		}
		for _, id := range all {
			if b.run(id).State == outturn.RunRunning {
				begun = append(begun, id)
			}
		}
		return nil
	}
	w, err := runner.New(c)
	must(t, err)
	must(t, w.Start(t.Context()))
	t.Cleanup(func() { must(t, w.Stop(over())) })
	b.allSucceed(past)
	if want := slices.Concat(past[:1], all[3:], past[1:]); !slices.Equal(begun, want) {
		t.Errorf("they began in the order %v, want %v", begun, want)
	}
}
