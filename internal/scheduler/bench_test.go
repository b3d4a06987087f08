package scheduler_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"outturn"
)

// many makes n generators past the ledger, as one that it has made, of customers with 100
// each. All are due at once, a minute from now.
func (y *yard) many(n int) {
	y.Helper()
	y.generators(1, func(int) outturn.Recurrence { return outturn.Recurrence{Every: outturn.UnitDay} })
	p := y.open()
	for i := range (n + 99) / 100 {
		_, err := p.ledger.CreateTenant(y.Context(), outturn.Tenant{ID: fmt.Sprintf("customer-%04d", i), Parent: y.tenant.ID, Kind: outturn.KindCustomer, Name: "Customer", ExternalID: fmt.Sprint(i)}, outturn.AuditEntry{})
		must(y, err)
	}
	must(y, p.close())
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(y.folder, "ledger.db")+"?_foreign_keys=1")
	must(y, err)
	_, err = db.ExecContext(y.Context(), `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
		INSERT INTO generators (id, tenant, name, dataset, kind, state, revision, next_at, origin, created_by, created_at, updated_at, spec)
		SELECT printf('generator-%06d', i), printf('customer-%04d', i / 100), 'Generator ' || i, dataset, kind, 'active', 1, next_at, origin, created_by, created_at, updated_at, spec
		FROM n JOIN generators ON name = 'Generator 0'`, n)
	must(y, err)
	_, err = db.ExecContext(y.Context(), `DELETE FROM generators WHERE tenant = ?`, y.tenant.ID)
	must(y, err)
	must(y, db.Close())
}

// full is a number that only a measurement has.
func full(n, least int) int {
	if os.Getenv("OUTTURN_TEST_FULL") == "" {
		return least
	}
	return n
}

// BenchmarkTick looks for what is due where nothing is. The budget is 5 ms, with
// 100,000 generators.
func BenchmarkTick(b *testing.B) {
	y := newYard(b)
	y.many(full(100_000, 1000))
	p := y.open()
	for b.Loop() {
		if n, _, err := p.service.FireDue(b.Context(), 1000); n > 0 || err != nil {
			b.Fatal(n, err)
		}
	}
	must(b, p.close())
}

// BenchmarkDue fires what is due in the same minute. The budget is 95 % within 60 s, with
// 10,000 generators.
func BenchmarkDue(b *testing.B) {
	n := full(10_000, 200)
	y := newYard(b)
	y.many(n)
	p := y.open()
	y.clock.advance(time.Minute)
	for b.Loop() {
		begun, fired := time.Now(), 0
		for fired < n {
			some, _, err := p.service.FireDue(b.Context(), 1000)
			must(b, err)
			fired += some
		}
		b.ReportMetric(time.Since(begun).Seconds(), "s/all")
		b.ReportMetric(float64(n)/time.Since(begun).Seconds(), "firings/s")
		y.clock.advance(24 * time.Hour)
	}
	must(b, p.close())
}
