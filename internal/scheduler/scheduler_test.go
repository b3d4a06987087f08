package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/catalog"
	"outturn/internal/queue/local"
	"outturn/internal/reporting"
	"outturn/internal/scheduler"
	"outturn/internal/source/duckdb"
	"outturn/internal/store"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(toBeKilled); path != "" {
		fireForEver(path)
	}
	goleak.VerifyTestMain(m)
}

// day is where the clocks of tests begin: a midnight.
var day = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// A clock is set by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A process is what one has of a ledger that others may have open too.
type process struct {
	ledger    *store.Store
	service   *reporting.Service
	scheduler *scheduler.Scheduler
	close     func() error
}

// open opens the ledger of a folder as a process does.
func open(ctx context.Context, folder string, now func() time.Time, change ...func(*process, *reporting.Config)) (p *process, err error) {
	p = &process{}
	if p.ledger, err = store.Open(ctx, store.Config{Path: filepath.Join(folder, "ledger.db"), Now: now}); err != nil {
		return nil, err
	}
	files, err := blob.OpenFolder(filepath.Join(folder, "files"))
	if err != nil {
		return nil, err
	}
	cat, err := catalog.Builtin("duckdb")
	if err != nil {
		return nil, err
	}
	config := reporting.Config{
		Ledger: p.ledger, Catalog: cat, Queue: local.New(local.Config{}), Blobs: files, Now: now,
		Source: duckdb.New(duckdb.Config{Path: filepath.Join(folder, "none.duckdb")}), // to fire reads no source
		Limits: reporting.Limits{Queued: 1_000_000, Interval: time.Second},
	}
	for _, change := range change {
		change(p, &config)
	}
	if p.service, err = reporting.New(config); err != nil {
		return nil, err
	}
	p.scheduler, err = scheduler.New(scheduler.Config{Reporting: p.service, Now: now, Check: 20 * time.Millisecond})
	p.close = func() error {
		p.scheduler.Stop()
		p.service.Close()
		return errors.Join(p.ledger.Close(), files.Close())
	}
	return p, err
}

// A yard is a folder with a ledger, and a clock for all its processes.
type yard struct {
	testing.TB
	clock  clock
	folder string
	tenant outturn.Tenant // the provider
}

func newYard(t testing.TB) *yard {
	y := &yard{TB: t, folder: t.TempDir(), clock: clock{now: day.Add(-time.Minute)}}
	p := y.open()
	var err error
	y.tenant, err = p.ledger.CreateTenant(t.Context(), outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, outturn.AuditEntry{})
	must(t, err)
	must(t, p.close())
	return y
}

func (y *yard) open() *process {
	y.Helper()
	p, err := open(y.Context(), y.folder, y.clock.Now)
	must(y, err)
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// generators makes n of a recurrence, whose runs need no window.
func (y *yard) generators(n int, recurs func(i int) outturn.Recurrence) {
	y.Helper()
	p := y.open()
	for i := range n {
		r := recurs(i)
		_, err := p.service.CreateGenerator(y.Context(), y.operator(), reporting.GeneratorInput{Origin: "test", Spec: outturn.GeneratorSpec{
			Name: fmt.Sprint("Generator ", i), Request: outturn.RunRequest{Dataset: "payments", Outputs: []outturn.Output{{Format: "csv"}}},
			Trigger: outturn.Trigger{Kind: outturn.TriggerSchedule, Schedule: &r, CatchUp: outturn.CatchUpAll},
		}})
		must(y, err)
	}
	must(y, p.close())
}

func (y *yard) operator() outturn.Principal {
	return outturn.Principal{Subject: "local:operator", Tenant: y.tenant.ID, Roles: []outturn.Role{outturn.RoleOperator}, Via: "local"}
}

// fired are how often each generator fired for each time. It checks that each run has a
// firing and each firing its run.
func (y *yard) fired(ledger *store.Store) map[string]int {
	y.Helper()
	fired, runs := map[string]int{}, map[string]string{}
	each(y, func(q outturn.ListQuery) (outturn.List[outturn.Run], error) {
		return ledger.Runs(y.Context(), y.tenant.ID, "*", q)
	}, func(r outturn.Run) { runs[r.ID] = r.Generator + " " + r.ScheduledFor.Format(time.RFC3339) })
	var generators []outturn.Generator
	each(y, func(q outturn.ListQuery) (outturn.List[outturn.Generator], error) {
		return ledger.Generators(y.Context(), y.tenant.ID, "*", q)
	}, func(g outturn.Generator) { generators = append(generators, g) })
	for _, g := range generators {
		each(y, func(q outturn.ListQuery) (outturn.List[outturn.Firing], error) {
			return ledger.Firings(y.Context(), y.tenant.ID, g.ID, q)
		}, func(f outturn.Firing) {
			is := f.Generator + " " + f.ScheduledFor.Format(time.RFC3339)
			if f.Skipped == "" && runs[f.Run] != is {
				y.Errorf("the firing %s has the run %q", is, runs[f.Run])
			}
			delete(runs, f.Run)
			fired[is]++
		})
	}
	if len(runs) > 0 {
		y.Errorf("%d runs have no firing", len(runs))
	}
	return fired
}

// each walks a list.
func each[T any](t testing.TB, list func(outturn.ListQuery) (outturn.List[T], error), do func(T)) {
	t.Helper()
	q := outturn.ListQuery{Page: outturn.Page{Limit: outturn.MaxPage}}
	for {
		page, err := list(q)
		must(t, err)
		for _, v := range page.Items {
			do(v)
		}
		if q.Page.After = page.Next; page.Next == "" {
			return
		}
	}
}

// once checks that n firings took place, each once.
func (y *yard) once(ledger *store.Store, n int) {
	y.Helper()
	fired := y.fired(ledger)
	for is, times := range fired {
		if times != 1 {
			y.Errorf("%s fired %d times", is, times)
		}
	}
	if len(fired) != n {
		y.Errorf("%d firings, want %d", len(fired), n)
	}
}

// until waits until a number of firings has taken place.
func (y *yard) until(ledger *store.Store, n int64) {
	y.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		stats, err := ledger.Stats(y.Context())
		must(y, err)
		var all int64
		for _, n := range stats.Firings {
			all += n
		}
		if all >= n {
			return
		}
		if time.Now().After(deadline) {
			y.Fatalf("after a minute there are %d firings, want %d", all, n)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // another goroutine fires
	}
}

// P24: processes that live for a second each, across the minute in which all is due:
// each generator fires once.
func TestP24RestartEverySecond(t *testing.T) {
	n, restarts := 50, 10
	if os.Getenv("OUTTURN_TEST_FULL") != "" {
		n, restarts = 1000, 60
	}
	y := newYard(t)
	y.generators(n, func(i int) outturn.Recurrence {
		return outturn.Recurrence{Every: outturn.UnitDay, At: fmt.Sprintf("00:00:%02d", i%restarts)}
	})
	y.clock.advance(time.Minute - time.Second)
	for second := range restarts {
		y.clock.advance(time.Second)
		p := y.open()
		p.scheduler.Start(t.Context())
		if second%2 == 0 { // else it is gone before it has fired all
			y.until(p.ledger, int64(second*n/restarts))
		}
		must(t, p.close())
	}
	p := y.open()
	p.scheduler.Start(t.Context())
	y.until(p.ledger, int64(n))
	y.once(p.ledger, n)
	must(t, p.close())
}

// P26: several processes that all fire, and none of which leads.
func TestP26SchedulersAtOnce(t *testing.T) {
	n, hours := 20, 3
	if os.Getenv("OUTTURN_TEST_FULL") != "" {
		n, hours = 100, 6
	}
	for _, processes := range []int{2, 5} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			y := newYard(t)
			y.generators(n, func(int) outturn.Recurrence { return outturn.Recurrence{Every: outturn.UnitCron, Cron: "0 * * * *"} })
			var all []*process
			for range processes {
				p := y.open()
				p.scheduler.Start(t.Context())
				all = append(all, p)
			}
			y.clock.advance(time.Minute)
			for hour := range hours {
				for _, p := range all {
					p.scheduler.Wake()
				}
				y.until(all[0].ledger, int64(n*(hour+1)))
				y.clock.advance(time.Hour)
			}
			y.clock.advance(-time.Hour)
			y.once(all[0].ledger, n*hours)
			for _, p := range all {
				must(t, p.close())
			}
		})
	}
}

// A clock that is set forth and back fires nothing twice, and leaves nothing out.
func TestClockIsSet(t *testing.T) {
	const n = 5
	y := newYard(t)
	y.generators(n, func(int) outturn.Recurrence { return outturn.Recurrence{Every: outturn.UnitCron, Cron: "0 * * * *"} })
	p := y.open()
	p.scheduler.Start(t.Context())
	furthest := 0
	for _, hours := range []int{1, -1, 1, 24, -24, 1, 23, 1, -24, 25, 1} {
		y.clock.advance(time.Duration(hours) * time.Hour)
		now := int(y.clock.Now().Sub(day.Add(-time.Hour)) / time.Hour)
		furthest = max(furthest, now)
		p.scheduler.Wake()
		y.until(p.ledger, int64(n*furthest))
	}
	y.once(p.ledger, n*furthest)
	must(t, p.close())
}

// ticks is a Reporting that notes when it is asked, and has one thing that is due.
type ticks struct {
	mu   sync.Mutex
	at   []time.Time
	next time.Time
	err  error
}

func (k *ticks) FireDue(context.Context, int) (int, time.Time, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = append(k.at, time.Now())
	return 0, k.next, k.err
}

// It looks when the next is due, when it is woken, and every ten seconds whatever the
// clock says; after a fault soon again, and not at once.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		set := time.Duration(0) // by how much the wall clock was set
		var mu sync.Mutex
		k := &ticks{next: begun.Add(3 * time.Second)}
		s, err := scheduler.New(scheduler.Config{Reporting: k, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(set) }})
		must(t, err)
		s.Start(t.Context())
		look := func(pass time.Duration, want ...time.Duration) {
			t.Helper()
			k.mu.Lock()
			k.at = nil
			from := time.Now()
			k.mu.Unlock()
			time.Sleep(pass) //nolint:forbidigo // the bubble's clock
			synctest.Wait()
			k.mu.Lock()
			defer k.mu.Unlock()
			var got []time.Duration
			for _, at := range k.at {
				got = append(got, at.Sub(from))
			}
			if !slices.Equal(got, want) {
				t.Errorf("it looked after %v, want %v", got, want)
			}
		}
		next := func(at time.Duration, err error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.next, k.err = time.Now().Add(at), err
		}
		synctest.Wait()
		next(time.Hour, nil)
		look(time.Second)
		look(30*time.Second, 2*time.Second, 12*time.Second, 22*time.Second) // when it was due, and every ten seconds
		mu.Lock()
		set = 25 * time.Hour // forth: what was in an hour is due
		mu.Unlock()
		look(4*time.Second, 2*time.Second, 3*time.Second, 4*time.Second)
		mu.Lock()
		set = -25 * time.Hour
		mu.Unlock()
		look(21*time.Second, time.Second, 11*time.Second, 21*time.Second)
		s.Wake()
		look(time.Second, 0)
		next(-time.Second, errors.New("the ledger is locked"))
		s.Wake()
		mu.Lock()
		set = 0
		mu.Unlock()
		look(2*time.Second, 0, time.Second, 2*time.Second)
		s.Stop()
		s.Stop()
		s.Start(t.Context())
		look(time.Minute)
	})
}
