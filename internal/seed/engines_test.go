package seed_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/pipeline"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/postgres"
)

// An engine is a database with the rows of scale 1 and the data sets as they are
// written for it.
type engine struct {
	name     string
	catalog  *catalog.Catalog
	snapshot source.Database
}

func openEngine(t testing.TB, name string, s source.Source) engine {
	t.Helper()
	c, err := catalog.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine{name, c, snapshot}
}

// export returns a report as CSV, and how many rows it has.
func (e engine) export(t testing.TB, req outturn.RunRequest) (csv []byte, rows int64) {
	t.Helper()
	plan, err := pipeline.Prepare(e.catalog, req)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Bind(t.Context(), e.snapshot); err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	var b bytes.Buffer
	m, err := pipeline.Export(t.Context(), e.snapshot, plan, []pipeline.Output{{Format: "csv", Sink: &b}}, nil)
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	return b.Bytes(), m.Files[0].Rows
}

// The data sets that Outturn ships give the same files on PostgreSQL as on DuckDB,
// byte for byte, where an order is asked for: through every view, for accounts of
// every kind, in every window.
func TestEnginesAgree(t *testing.T) {
	db, url := openSeeded(t), seededPostgres(t)
	duck := openEngine(t, "duckdb", duckdb.New(duckdb.Config{Path: seededFile()}))
	post := openEngine(t, "postgres", postgres.New(postgres.Config{URL: url}))

	// A customer below a third-level reseller who has of everything, and those above.
	customer := db.one(`SELECT a.id FROM accounts AS a JOIN accounts AS v ON v.id = a.parent_id WHERE a.type = 'Customer' AND v.level = 3 AND a.created_at >= '2025-03-01'
		ORDER BY (SELECT count(*) FROM service_users WHERE account_id = a.id AND created_at >= '2025-03-01') DESC, a.id LIMIT 1`)
	above := func(id string) string { return db.one("SELECT parent_id FROM accounts WHERE id = " + id) }
	viewers := []string{"", customer, above(customer), above(above(above(customer))), above(above(customer))}
	reportZone, err := outturn.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	window, err := outturn.NewWindow("2025-03-01", "2026-09-01", reportZone)
	if err != nil {
		t.Fatal(err)
	}
	compare := func(t *testing.T, req outturn.RunRequest) (rows int64) {
		t.Helper()
		want, rows := duck.export(t, req)
		if got, _ := post.export(t, req); !bytes.Equal(got, want) {
			t.Error(difference(got, want))
		}
		return rows
	}
	t.Run("OrderedByText", func(t *testing.T) {
		compare(t, outturn.RunRequest{Dataset: "accounts", Everything: true, Order: []outturn.Order{{Field: "ACCOUNT_NAME", Desc: true}, {Field: "ACCOUNT_ID"}}})
	})
	full := os.Getenv("OUTTURN_TEST_FULL") != ""
	for _, d := range duck.catalog.Datasets() {
		for _, view := range duck.catalog.Views(d) {
			for i, viewer := range viewers {
				for _, reportType := range append([]string{""}, outturn.ReportTypes...) {
					for _, windowed := range []bool{true, false} {
						sampled := i == 1 && !windowed || i == 2 && windowed || i == 3 && windowed && view.Name == outturn.FullView
						derived := reportType == "" // each engine finds the type by itself
						if derived {
							sampled = sampled && i > 1
						}
						if derived && d.Name != "provisioned_orders" || windowed && d.Period == nil || !full && (!sampled || reportType == "RESELLER") {
							continue
						}
						req := outturn.RunRequest{Dataset: d.Name, View: view.Name, Zone: zone, Tenant: viewer, Everything: viewer == "", ReportType: reportType}
						for _, key := range d.Key {
							req.Order = append(req.Order, outturn.Order{Field: key})
						}
						if windowed {
							req.Window = &window
						}
						t.Run(fmt.Sprintf("%s/%s/%s/%s/%t", d.Name, view.Name, viewer, reportType, windowed), func(t *testing.T) {
							sells := d.Name == "service_plans" || d.Name == "service_plan_resource_rates" // what customers do not
							if compare(t, req) == 0 && !(sells && (viewer == customer || windowed)) {
								t.Error("no rows")
							}
						})
					}
				}
			}
		}
	}
}

// difference shows the first lines that are not the same.
func difference(got, want []byte) string {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			return fmt.Sprintf("%d and %d lines; line %d is\n%s\nwant\n%s", len(g), len(w), i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}
