// Package storetest holds what package store means, for every database it stands
// on:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(tb testing.TB, now func() time.Time) (*store.Store, *sql.DB) { … })
//	}
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/store"
)

// Open makes a new, empty ledger with the clock now, and opens its database a
// second time, past the ledger. The test's end takes both away.
type Open func(tb testing.TB, now func() time.Time) (*store.Store, *sql.DB)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"OthersSeeNothing", testOthersSeeNothing},
		{"TenantTree", testTenantTree},
		{"TenantRules", testTenantRules},
		{"TenantTold", testTenantTold},
		{"DeletedTenants", testDeletedTenants},
		{"PurgedTenants", testPurgedTenants},
		{"Moves", testMoves},
		{"MovesOfTheDatabase", testMovesOfTheDatabase},
		{"ColumnsFitTheState", testColumnsFitTheState},
		{"NeverChanged", testNeverChanged},
		{"OneClaim", testOneClaim},
		{"LostClaims", testLostClaims},
		{"Lapses", testLapses},
		{"Furthest", testFurthest},
		{"CancelWhileRunning", testCancelWhileRunning},
		{"Due", testDue},
		{"Expiry", testExpiry},
		{"Keys", testKeys},
		{"KeysTogether", testKeysTogether},
		{"RefusedCreates", testRefusedCreates},
		{"Filters", testFilters},
		{"LongLists", testLongLists},
		{"Offsets", testOffsets},
		{"OffsetsOfGenerators", testOffsetsOfGenerators},
		{"PagesWhileItChanges", testPagesWhileItChanges},
		{"Cursors", testCursors},
		{"ListFaults", testListFaults},
		{"Totals", testTotals},
		{"Secrets", testSecrets},
		{"Generators", testGenerators},
		{"GeneratorsOfTenants", testGeneratorsOfTenants},
		{"Fire", testFire},
		{"Turns", testTurns},
		{"Covered", testCovered},
		{"ToldOfGenerators", testToldOfGenerators},
		{"Usage", testUsage},
		{"LimitsTogether", testLimitsTogether},
		{"Limits", testLimits},
		{"RunningLimit", testRunningLimit},
		{"Held", testHeld},
		{"LinksOfRevoked", testLinksOfRevoked},
		{"LinksAfterMove", testLinksAfterMove},
		{"ToldAfterMove", testToldAfterMove},
		{"Events", testEvents},
		{"History", testHistory},
		{"WaitingGenerators", testWaitingGenerators},
		{"FiltersAbove", testFiltersAbove},
		{"Announcements", testAnnouncements},
		{"DeliveryClaims", testDeliveryClaims},
		{"Webhooks", testWebhooks},
		{"KeptLinks", testKeptLinks},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &bench{t: t, at: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)}
			b.store, b.db = open(t, b.now)
			b.root = b.tenant("", outturn.KindProvider)
			test.run(t, b)
		})
	}
}

// A bench is a ledger with a provider and a clock that stands still.
type bench struct {
	t     *testing.T
	store *store.Store
	db    *sql.DB
	root  outturn.Tenant

	mu   sync.Mutex
	at   time.Time
	made int
}

const (
	lease  = 30 * time.Second
	worker = "worker-1"
)

var ctx = context.Background()

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

// pass lets time pass.
func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

// number is another one with each call.
func (b *bench) number() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made++
	return b.made
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks the code of an error.
func refused(t testing.TB, what string, err error, want outturn.Code) {
	t.Helper()
	if got := outturn.ErrorCode(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}

func (b *bench) tenant(parent string, kind outturn.TenantKind) outturn.Tenant {
	b.t.Helper()
	n := outturn.Tenant{Parent: parent, Kind: kind, Name: fmt.Sprint("Tenant ", b.number()), ExternalID: fmt.Sprint("account-", b.number())}
	return must[outturn.Tenant](b.t)(b.store.CreateTenant(ctx, n, outturn.AuditEntry{}))
}

// queued makes a run that waits.
func (b *bench) queued(tenant string) outturn.Run {
	b.t.Helper()
	r := outturn.Run{
		Tenant: tenant, Name: "Orders", Origin: "api", CreatedBy: "client:1",
		Request: outturn.RunRequest{Dataset: "orders", Columns: []string{"ID"}, Outputs: []outturn.Output{{Format: "csv"}}},
	}
	return must[outturn.Run](b.t)(b.store.CreateRun(ctx, r, nil, outturn.AuditEntry{Action: "run.create"}))
}

func (b *bench) running(tenant string) outturn.Run {
	b.t.Helper()
	return must[outturn.Run](b.t)(b.store.ClaimRun(ctx, b.queued(tenant).ID, worker, lease))
}

// file is one that the attempt of r made.
func file(r outturn.Run, name string, expires time.Time) outturn.File {
	return outturn.File{
		ManifestFile: outturn.ManifestFile{Name: name, Format: "csv", MediaType: "text/csv", Rows: 3, Bytes: 70, SHA256: strings.Repeat("5", 64)},
		Key:          fmt.Sprintf("%s/%s.%d.%s", r.Tenant, r.ID, r.Attempt, name), ExpiresAt: expires,
	}
}

func (b *bench) succeeded(tenant string) outturn.Run {
	b.t.Helper()
	r := b.running(tenant)
	return must[outturn.Run](b.t)(b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{Dataset: r.Request.Dataset}, []outturn.File{file(r, "orders.csv", b.now().Add(90*24*time.Hour))}))
}

// in makes a run that is in a state.
func (b *bench) in(state outturn.RunState, tenant string) outturn.Run {
	b.t.Helper()
	switch state {
	case outturn.RunQueued:
		return b.queued(tenant)
	case outturn.RunRunning:
		return b.running(tenant)
	case outturn.RunSucceeded:
		return b.succeeded(tenant)
	case outturn.RunFailed:
		r := b.running(tenant)
		return must[outturn.Run](b.t)(b.store.FailRun(ctx, r.Claim(), reason(), time.Time{}))
	}
	r := b.running(tenant)
	must[outturn.Run](b.t)(b.store.CancelRun(ctx, tenant, r.ID, "client:1", outturn.AuditEntry{}))
	return must[outturn.Run](b.t)(b.store.FinishCancelled(ctx, r.Claim()))
}

func reason() outturn.Reason {
	return outturn.NewReason(outturn.Errorf(outturn.CodeQueryFailed, "The source refused the statement."), "c-1")
}

// tables are all that the ledger has.
var tables = []string{
	"tenants", "tenant_closure", "tenant_usage", "clients", "runs", "run_totals", "manifests", "files", "links", "views", "webhooks", "deliveries",
	"generators", "generator_revisions", "firings", "firing_totals", "events", "event_cursors", "idempotency_keys", "audit", "audit_blocks", "counters", "secrets",
}

// dump is the whole ledger as text.
func (b *bench) dump() string {
	b.t.Helper()
	var all strings.Builder
	for _, table := range tables {
		fmt.Fprintf(&all, "%s: %s\n", table, strings.Join(b.rowsOf(`SELECT * FROM `+table+` ORDER BY 1, 2`), "\n  "))
	}
	return all.String()
}

// rowsOf asks the database, past the ledger, and returns each row as text.
func (b *bench) rowsOf(query string) (list []string) {
	b.t.Helper()
	rows, err := b.db.Query(query)
	ok(b.t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	ok(b.t, err)
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range to {
			to[i] = &values[i]
		}
		ok(b.t, rows.Scan(to...))
		list = append(list, fmt.Sprint(values...))
	}
	ok(b.t, rows.Err())
	return list
}
