package runner_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"outturn"
	"outturn/internal/queue"
)

// onlyRings makes the runners of b hear of runs by rings alone: no sweep and no poll
// comes to their help.
func (b *bench) onlyRings() { b.config.Sweep, b.config.CancelPoll = time.Hour, time.Hour }

func (b *bench) limited(parent string, kind outturn.TenantKind, l outturn.Limits) string {
	b.t.Helper()
	t, err := b.ledger.CreateTenant(b.t.Context(), outturn.Tenant{Parent: parent, Kind: kind, Name: "Tenant", Limits: l}, entry)
	must(b.t, err)
	return t.ID
}

// set changes a tenant past the ledger.
func (b *bench) set(tenant, assignment string) {
	b.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(filepath.Dir(b.data), "ledger.db")+"?_busy_timeout=5000")
	must(b.t, err)
	defer db.Close()
	_, err = db.ExecContext(b.t.Context(), `UPDATE tenants SET `+assignment+` WHERE id = '`+tenant+`'`)
	must(b.t, err)
}

// createOf makes runs of a tenant, and rings them.
func (b *bench) createOf(w worker, tenant string, n int) (ids []string) {
	b.t.Helper()
	own := b.tenant
	b.tenant = tenant
	for range n {
		id := b.create("numbers")
		must(b.t, w.queue.Ring(b.t.Context(), queue.Job{Run: id, Tenant: tenant}))
		ids = append(ids, id)
	}
	b.tenant = own
	return ids
}

func (b *bench) allSucceed(ids []string) {
	b.t.Helper()
	for _, id := range ids {
		b.succeeded(b.until(id, "the run ends", func(r outturn.Run) bool { return r.State.Final() }))
	}
}

// TestRunningLimit has the runs of a reseller's customers work one at a time, each
// started by the end of the one before, and another tenant's beside them.
func TestRunningLimit(t *testing.T) {
	b := newBench(t)
	b.onlyRings()
	reseller := b.limited(b.tenant, outturn.KindReseller, outturn.Limits{Running: new(int64(1))})
	customers := []string{b.limited(reseller, outturn.KindCustomer, outturn.Limits{}), b.limited(reseller, outturn.KindCustomer, outturn.Limits{})}
	first, provider := make(chan struct{}), b.tenant
	var begun atomic.Int64
	b.faults.begin = func(ctx context.Context) error {
		if begun.Add(1) == 1 {
			<-first
		}
		if usage, err := b.ledger.Usage(ctx, provider, reseller); err != nil || usage.Running > 1 {
			t.Errorf("%d are at work, %v", usage.Running, err)
		}
		return nil
	}
	w := b.start("worker")
	limited := b.createOf(w, customers[0], 5)
	b.wait("one is at work", func() bool { return begun.Load() == 1 })
	limited = append(limited, b.createOf(w, customers[1], 5)...)
	b.allSucceed(b.createOf(w, b.tenant, 3)) // the provider's do not wait for them
	if n := begun.Load(); n != 4 {
		t.Errorf("%d runs have begun while one works, want it and three of another tenant", n)
	}
	close(first)
	b.allSucceed(limited)
	if n := begun.Load(); n != 13 {
		t.Errorf("%d attempts were made of 13 runs", n)
	}
}

// TestHeldRuns suspends a tenant and resumes it, and raises a limit of none: the runs
// start when the runner hears of it, or sees by itself that another process did it.
func TestHeldRuns(t *testing.T) {
	for name, how := range map[string]struct{ hold, release string }{
		"Suspended": {"state = 'suspended', held_by = id", "state = 'active', held_by = NULL"},
		"Limited":   {"most_running = 0", "most_running = 2"},
	} {
		for _, told := range []bool{true, false} {
			t.Run(name+map[bool]string{true: "Told", false: "Seen"}[told], func(t *testing.T) {
				b := newBench(t)
				b.onlyRings()
				if !told {
					b.config.CancelPoll = 20 * time.Millisecond
				}
				tenant := b.limited(b.tenant, outturn.KindReseller, outturn.Limits{})
				b.set(tenant, how.hold)
				w := b.start("worker")
				ids := b.createOf(w, tenant, 3)
				b.wait("the queue has tried them", func() bool { waiting, underWay := w.queue.Waiting(); return waiting+underWay == 0 })
				for _, id := range ids {
					if r := b.run(id); r.State != outturn.RunQueued || r.Attempt != 0 {
						t.Errorf("held, it is %s at attempt %d", r.State, r.Attempt)
					}
				}
				b.set(tenant, how.release)
				if told {
					w.Wake()
				}
				b.allSucceed(ids)
			})
		}
	}
}

// TestLimitsOfRuns makes as much as a tenant may, and more rows.
func TestLimitsOfRuns(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits outturn.Limits
		code   outturn.Code
	}{
		{"OK", outturn.Limits{Rows: new(int64(10)), Bytes: new(int64(1000))}, ""},
		{"ErrRows", outturn.Limits{Rows: new(int64(9))}, outturn.CodeRowLimit},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.onlyRings()
			b.tenant = b.limited(b.tenant, outturn.KindReseller, test.limits)
			w := b.start("worker")
			id := b.create("numbers")
			b.ring(w, id)
			run, _ := b.finish(id)
			if test.code == "" {
				b.succeeded(run)
				return
			}
			if run.State != outturn.RunFailed || run.Reason.Code != test.code || run.Reason.Act != outturn.ActorUser || run.Reason.Retry {
				t.Fatalf("it is %s, %+v", run.State, run.Reason)
			}
			b.nothingStays(id)
		})
	}
}
