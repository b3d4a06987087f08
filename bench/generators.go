package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/calendar"
	"outturn/internal/catalog"
	"outturn/internal/queue/local"
	"outturn/internal/reporting"
	"outturn/internal/source/duckdb"
	"outturn/internal/store"
)

// What firing may take.
const (
	dueAtOnce    = 10_000
	dueWithin    = time.Minute     // for 95 of 100
	dueAtMost    = 5 * time.Minute // for each
	standing     = 100_000
	tickGoal     = 5 * time.Millisecond
	upcomingGoal = 50 * time.Microsecond
)

// generators fires what is due in one minute, looks for what is due where nothing is, and
// computes what is to come.
func (b *bench) generators() (err error) {
	folder, err := os.MkdirTemp(b.dir, "generators-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	f, err := openFiring(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.generators(dueAtOnce); err != nil {
		return err
	}
	if err := f.due(); err != nil {
		return err
	}
	if err := f.generators(standing); err != nil {
		return err
	}
	if err := f.tick(b.calls); err != nil {
		return err
	}
	return upcoming(b.calls)
}

// A firing is a ledger with generators, over a clock of its own.
type firing struct {
	path    string
	ledger  *store.Store
	files   *blob.Folder
	service *reporting.Service
	root    outturn.Tenant

	mu  sync.Mutex
	now time.Time
}

func (f *firing) time() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *firing) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func openFiring(folder string) (*firing, error) {
	ctx := context.Background()
	f := &firing{path: filepath.Join(folder, "ledger.db"), now: time.Date(2026, 11, 1, 23, 59, 0, 0, time.UTC)}
	var err error
	if f.ledger, err = store.Open(ctx, store.Config{Path: f.path, Now: f.time}); err != nil {
		return nil, err
	}
	if f.files, err = blob.OpenFolder(filepath.Join(folder, "files")); err != nil {
		return nil, err
	}
	cat, err := catalog.Builtin("duckdb")
	if err != nil {
		return nil, err
	}
	f.service, err = reporting.New(reporting.Config{
		Ledger: f.ledger, Catalog: cat, Queue: local.New(local.Config{}), Blobs: f.files, Now: f.time,
		Source: duckdb.New(duckdb.Config{Path: filepath.Join(folder, "none.duckdb")}), // to fire reads no source
		Limits: reporting.Limits{Queued: 1_000_000},
	})
	if err != nil {
		return nil, err
	}
	f.root, err = f.ledger.CreateTenant(ctx, outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, outturn.AuditEntry{})
	if err != nil {
		return nil, err
	}
	for i := range standing / 100 {
		_, err := f.ledger.CreateTenant(ctx, outturn.Tenant{ID: fmt.Sprintf("customer-%04d", i), Parent: f.root.ID, Kind: outturn.KindCustomer, Name: "Customer", ExternalID: fmt.Sprint(i)}, outturn.AuditEntry{})
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *firing) close() error {
	f.service.Close()
	return errors.Join(f.ledger.Close(), f.files.Close())
}

// generators makes n in the place of those that there are, due at the next midnight: one
// as anybody does, and the others past the ledger as copies of it, 100 a customer.
func (f *firing) generators(n int) (err error) {
	ctx := context.Background()
	operator := outturn.Principal{Subject: "local:operator", Tenant: f.root.ID, Roles: []outturn.Role{outturn.RoleOperator}, Via: "local"}
	model, err := f.service.CreateGenerator(ctx, operator, reporting.GeneratorInput{Origin: "bench", Spec: outturn.GeneratorSpec{
		Name: "Model", Request: outturn.RunRequest{Dataset: "payments", Outputs: []outturn.Output{{Format: "csv"}}},
		Window:  outturn.WindowRule{Kind: outturn.WindowPrevious, Unit: outturn.UnitDay},
		Trigger: outturn.Trigger{Kind: outturn.TriggerSchedule, Schedule: &outturn.Recurrence{Every: outturn.UnitDay}},
	}})
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err = db.ExecContext(ctx, `DELETE FROM generators WHERE id <> ?`, model.ID); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
		INSERT INTO generators (id, tenant, name, dataset, kind, state, revision, next_at, origin, created_by, created_at, updated_at, spec, rhythm, format)
		SELECT printf('generator-%06d', i), printf('customer-%04d', i / 100), 'Generator ' || i, dataset, kind, 'active', 1, next_at, origin, created_by, created_at, updated_at, spec, rhythm, format
		FROM n JOIN generators ON id = ?`, n, model.ID)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `DELETE FROM generators WHERE id = ?`, model.ID)
	return err
}

// due fires what is due at midnight, and checks that each fired once.
func (f *firing) due() error {
	ctx := context.Background()
	f.pass(time.Minute)
	began := time.Now()
	var late []time.Duration
	for len(late) < dueAtOnce {
		n, _, err := f.service.FireDue(ctx, 1000)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%d of %d generators fired", len(late), dueAtOnce)
		}
		for range n {
			late = append(late, time.Since(began))
		}
	}
	stats, err := f.ledger.Stats(ctx)
	if err != nil {
		return err
	}
	var fired int64
	for _, n := range stats.Firings {
		fired += n
	}
	if fired != dueAtOnce {
		return fmt.Errorf("%d firings of %d generators", fired, dueAtOnce)
	}
	slices.Sort(late)
	most, last := late[len(late)*95/100-1], late[len(late)-1]
	fmt.Printf("%d generators due at once, each fired once: 95 %% after %.1f s, all after %.1f s, %.0f a second%s\n",
		dueAtOnce, most.Seconds(), last.Seconds(), dueAtOnce/last.Seconds(), missed(most > dueWithin || last > dueAtMost))
	return nil
}

// tick looks for what is due where nothing is.
func (f *firing) tick(calls int) error {
	took := make([]time.Duration, calls)
	for i := range took {
		began := time.Now()
		n, _, err := f.service.FireDue(context.Background(), 1000)
		took[i] = time.Since(began)
		if err != nil || n > 0 {
			return fmt.Errorf("%d fired: %w", n, err)
		}
	}
	first := took[0]
	slices.Sort(took)
	fmt.Printf("%d generators and none due: a look takes %.2f ms, the first %.2f ms%s\n",
		standing, millis(took[calls/2]), millis(first), missed(took[calls/2] > tickGoal || first > tickGoal))
	return nil
}

// upcoming computes the next twelve times of a monthly rule.
func upcoming(calls int) error {
	rule, err := calendar.New(outturn.Recurrence{Every: outturn.UnitMonth, Day: 31, At: "06:00", Zone: "Europe/Warsaw"})
	if err != nil {
		return err
	}
	took := make([]time.Duration, calls)
	for i := range took {
		began := time.Now()
		if n := len(rule.Upcoming(began, 12)); n != 12 {
			return fmt.Errorf("%d times are to come", n)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	fmt.Printf("the next 12 times of a monthly rule: %.1f µs%s\n", float64(took[calls/2].Nanoseconds())/1000, missed(took[calls/2] > upcomingGoal))
	return nil
}
