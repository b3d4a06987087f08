package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"outturn"
	"outturn/internal/store"
)

// BenchmarkRun takes a run of a tenant on the fourth level from its making to its
// end, each change a transaction by itself.
func BenchmarkRun(b *testing.B) {
	ctx := b.Context()
	s := open(b, store.Config{Path: filepath.Join(b.TempDir(), "ledger.db")})
	tenant := outturn.Tenant{}
	for i, kind := range []outturn.TenantKind{outturn.KindProvider, outturn.KindReseller, outturn.KindReseller, outturn.KindCustomer} {
		made, err := s.CreateTenant(ctx, outturn.Tenant{Parent: tenant.ID, Kind: kind, Name: string(rune('A' + i))}, outturn.AuditEntry{})
		if err != nil {
			b.Fatal(err)
		}
		tenant = made
	}
	request := outturn.RunRequest{Dataset: "orders", Columns: []string{"ID"}, Outputs: []outturn.Output{{Format: "csv"}}}
	var took [3]time.Duration
	for b.Loop() {
		begun := time.Now()
		step := func(i int, err error) {
			if err != nil {
				b.Fatal(err)
			}
			now := time.Now()
			took[i] += now.Sub(begun)
			begun = now
		}
		r, err := s.CreateRun(ctx, outturn.Run{Tenant: tenant.ID, Name: "Orders", Origin: "api", CreatedBy: "client:1", Request: request}, nil, outturn.AuditEntry{})
		step(0, err)
		r, err = s.ClaimRun(ctx, r.ID, "worker", time.Minute)
		step(1, err)
		f := outturn.File{ManifestFile: outturn.ManifestFile{Name: "orders.csv", Format: "csv", Bytes: 70}, Key: r.ID}
		_, err = s.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, []outturn.File{f})
		step(2, err)
	}
	for i, name := range []string{"create", "claim", "succeed"} {
		b.ReportMetric(float64(took[i].Microseconds())/float64(b.N), "µs/"+name)
	}
}
