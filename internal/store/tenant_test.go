package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"outturn"
	"outturn/internal/store"
)

// orchard is a ledger with a provider, two resellers and n customers of the first.
func orchard(tb testing.TB, n int) (s *store.Store, resellers [2]outturn.Tenant) {
	tb.Helper()
	ctx := tb.Context()
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(tb.TempDir(), "ledger.db")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	root, err := s.CreateTenant(ctx, outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, outturn.AuditEntry{})
	for i := range resellers {
		if err == nil {
			resellers[i], err = s.CreateTenant(ctx, outturn.Tenant{Parent: root.ID, Kind: outturn.KindReseller, Name: "Reseller"}, outturn.AuditEntry{})
		}
	}
	for made := 0; made < n && err == nil; {
		var some []outturn.Tenant
		for ; made < n && len(some) < 512; made++ {
			some = append(some, outturn.Tenant{
				ID: outturn.NewID(time.Now()), Parent: resellers[0].ID, Kind: outturn.KindCustomer, Name: "Customer", ExternalID: fmt.Sprint(made),
			})
		}
		err = s.MakeTenants(ctx, some, outturn.AuditEntry{Action: "tenant.create"})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return s, resellers
}

func BenchmarkMakeTenants(b *testing.B) {
	for b.Loop() {
		orchard(b, 10_000)
	}
}

// Moving waits for nothing but itself, and others wait for it: this is how long.
func BenchmarkMoveTenant(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, resellers := orchard(b, n)
			parent := resellers[0].Parent
			for b.Loop() {
				to := resellers[1].ID
				if parent == to {
					to = resellers[1].Parent
				}
				if _, err := s.MoveTenant(b.Context(), resellers[1].Parent, resellers[0].ID, to, outturn.AuditEntry{Action: "tenant.move"}); err != nil {
					b.Fatal(err)
				}
				parent = to
			}
		})
	}
}
