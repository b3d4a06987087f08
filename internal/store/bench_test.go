package store_test

import (
	"context"
	"encoding/json"
	"fmt"
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

// BenchmarkReports lists the 10,000 reports that a tenant has of 90 days, each with its
// file, in pages of 1,000.
func BenchmarkReports(b *testing.B) {
	const many = 10_000
	path := filepath.Join(b.TempDir(), "ledger.db")
	s := open(b, store.Config{Path: path})
	tenant, err := s.CreateTenant(b.Context(), outturn.Tenant{Kind: outturn.KindProvider, Name: "P"}, outturn.AuditEntry{})
	if err != nil {
		b.Fatal(err)
	}
	since := time.Now().Add(-90 * 24 * time.Hour)
	fillReports(b, path, tenant.ID, since, many)
	where, err := outturn.ParseExpr("created_at ge " + since.UTC().Format(time.RFC3339))
	if err != nil {
		b.Fatal(err)
	}
	for name, list := range map[string]func(context.Context, string, string, outturn.ListQuery) (outturn.List[outturn.Run], error){"runs": s.Runs, "reports": s.RunReports} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q, n := outturn.ListQuery{Where: where, Page: outturn.Page{Limit: outturn.MaxPage}}, 0
				for more := true; more; more = q.Page.After != "" {
					page, err := list(b.Context(), tenant.ID, "", q)
					if err != nil {
						b.Fatal(err)
					}
					for _, r := range page.Items {
						n += len(r.Files)
					}
					q.Page.After = page.Next
				}
				if n != many {
					b.Fatalf("%d reports with a file", n)
				}
			}
		})
	}
}

// fillReports gives a tenant succeeded runs of a generator, past the ledger.
func fillReports(b *testing.B, path, tenant string, since time.Time, n int) {
	b.Helper()
	insert, err := database(b, path).Begin()
	if err != nil {
		b.Fatal(err)
	}
	exec := func(statement string, args ...any) {
		if _, err := insert.Exec(statement, args...); err != nil {
			b.Fatal(err)
		}
	}
	view := outturn.View{Name: "CMP API", Dataset: "provisioned_orders"}
	for i := range 12 {
		view.Columns = append(view.Columns, outturn.ViewColumn{Field: fmt.Sprint("FIELD_OF_SOME_LENGTH_", i)})
	}
	for i := range n {
		at := since.Add(time.Duration(i+1) * 12 * time.Minute)
		id, day := outturn.NewID(at), at.Truncate(24*time.Hour)
		window := outturn.Window{From: day.AddDate(0, 0, -1), To: day, Zone: time.UTC}
		request, err := json.Marshal(outturn.RunRequest{Dataset: view.Dataset, OwnView: &view, Window: &window, Zone: "UTC", Tenant: "1000003", ReportType: "RESELLER", Outputs: []outturn.Output{{Format: "json", Compression: "gzip"}}})
		if err != nil {
			b.Fatal(err)
		}
		exec(`INSERT INTO runs (id, tenant, name, dataset, state, phase, furthest, attempt, lapses, not_before, rows_done, bytes_done, origin, created_by, created_at, updated_at, request,
				generator, revision, cause, scheduled_for, format, rhythm, window_from, window_to, view_name)
			VALUES (?1, ?2, 'daily-ledger', 'provisioned_orders', 'queued', '', 'storing', 0, 0, 0, 100, 1000, 'cmp', 'generator:g', ?3, ?3, ?4, 'g', 1, 'schedule', ?3, 'json', 'day', ?5, ?6, 'CMP API')`,
			id, tenant, at.UnixMicro(), string(request), window.From.UnixMicro(), window.To.UnixMicro())
		exec(`UPDATE runs SET state = 'running', attempt = 1, started_at = created_at, phase = 'starting', lease_owner = 'w', lease_until = 1 WHERE id = ?`, id)
		exec(`UPDATE runs SET state = 'succeeded', finished_at = created_at, phase = '', lease_owner = NULL, lease_until = NULL WHERE id = ?`, id)
		exec(`INSERT INTO files (id, run, tenant, place, name, format, dialect, compression, media_type, rows_n, bytes_n, sha256, notes, object_key, created_at, expires_at)
			VALUES (?1, ?2, ?3, 0, 'daily-ledger.json.gz', 'json', '', 'gzip', 'application/gzip', 100, 1000, ?4, '', ?2, ?5, ?6)`,
			outturn.NewID(at), id, tenant, fmt.Sprintf("%064d", i), at.UnixMicro(), at.AddDate(0, 0, 90).UnixMicro())
	}
	if err := insert.Commit(); err != nil {
		b.Fatal(err)
	}
}
