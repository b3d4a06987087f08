package runner_test

import (
	"context"
	"sync/atomic"
	"testing"

	"outturn"
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
