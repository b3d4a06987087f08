package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/store"
)

// BenchmarkCreateRunAudited makes runs in many goroutines, as a server does: with the audit
// and its sealer, without the sealer, and with an audit that keeps nothing.
func BenchmarkCreateRunAudited(b *testing.B) {
	for _, with := range []string{"Sealed", "Audit", "Nothing"} {
		b.Run(with, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "ledger.db")
			s := open(b, store.Config{Path: path})
			root, err := s.CreateTenant(b.Context(), outturn.Tenant{Kind: outturn.KindProvider}, outturn.AuditEntry{})
			if err != nil {
				b.Fatal(err)
			}
			if with == "Nothing" {
				if _, err := database(b, path).ExecContext(b.Context(), `CREATE TRIGGER audit_forgets BEFORE INSERT ON audit_fresh BEGIN SELECT RAISE(IGNORE); END`); err != nil {
					b.Fatal(err)
				}
			}
			ctx, stop := context.WithCancel(b.Context())
			var sealing sync.WaitGroup
			if with == "Sealed" {
				key, err := s.OpenAuditKey(ctx, newSealer(b))
				if err != nil {
					b.Fatal(err)
				}
				sealing.Go(func() {
					for every := time.Tick(time.Second); ctx.Err() == nil; {
						if _, _, err := s.SealAudit(ctx, key); err != nil && ctx.Err() == nil {
							b.Error(err)
						}
						select {
						case <-every:
						case <-ctx.Done():
						}
					}
				})
			}
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					r := outturn.Run{Tenant: root.ID, Name: "Orders", Origin: "api", CreatedBy: "client:1", Request: outturn.RunRequest{Dataset: "orders"}}
					if _, err := s.CreateRun(b.Context(), r, nil, outturn.AuditEntry{
						Subject: fmt.Sprint("client:", i%50), Via: "oauth2", Action: "run.create", From: "192.0.2.7",
						Request: "01a21ad1-628f-7e6c-a48b-6d193c73ce62", Detail: map[string]string{"dataset": "orders"},
					}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.StopTimer()
			stop()
			sealing.Wait()
		})
	}
}
