package reporting_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/reporting"
	"outturn/internal/source"
)

func TestPreview(t *testing.T) {
	s := newStage(t)
	september := &reporting.WindowText{From: "2026-09-01", To: "2026-10-01"}
	for name, tt := range map[string]struct {
		whose  string
		edit   edit
		shown  int
		rows   int64
		totals string
		not    []string // whose rows must not be there
	}{
		"Own": {"own", func(*reporting.CreateRunInput) {}, 50, 74,
			`{"CUSTOMER_PAYMENT_TOTAL":{"EUR":"14.00000070","USD":"3000.00000003"}}`, []string{"provider", "parent", "sibling"}},
		"Window": {"own", func(in *reporting.CreateRunInput) { in.Window = september }, 50, 73,
			`{"CUSTOMER_PAYMENT_TOTAL":{"EUR":"7.00000070","USD":"3000.00000003"}}`, []string{"provider", "parent", "sibling"}},
		"Sibling": {"sibling", func(*reporting.CreateRunInput) {}, 1, 1,
			`{"CUSTOMER_PAYMENT_TOTAL":{"USD":"1000.00000001"}}`, []string{"provider", "parent", "own", "child", "spare"}},
		"Below": {"child", func(*reporting.CreateRunInput) {}, 2, 2,
			`{"CUSTOMER_PAYMENT_TOTAL":{"EUR":"7.00000000","USD":"1000.00000001"}}`, []string{"provider", "parent", "own", "sibling", "spare"}},
		"Filter": {"own", func(in *reporting.CreateRunInput) { in.Request.Where = where("CUSTOMER_PAYMENT_CURRENCY_ID", "USD") }, 3, 3,
			`{"CUSTOMER_PAYMENT_TOTAL":{"USD":"3000.00000003"}}`, []string{"sibling"}},
		"FilterThatReachesOut": {"own", func(in *reporting.CreateRunInput) { in.Request.Where = where("CUSTOMER_NAME", markers["sibling"]) }, 0, 0,
			`{"CUSTOMER_PAYMENT_TOTAL":{}}`, []string{"sibling"}},
		"NoAmount": {"own", func(in *reporting.CreateRunInput) { in.Request.Columns = []string{"CUSTOMER_NAME"} }, 50, 74, `null`, []string{"sibling"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := input()
			in.Request.Outputs = nil // they do not matter
			tt.edit(&in)
			p := s.as(outturn.RoleViewer)
			p.Tenant = s.tenants[tt.whose].ID
			before := s.rowCounts()
			preview, err := s.Preview(t.Context(), p, in)
			must(t, err)
			if len(preview.Rows) != tt.shown || preview.RowCount != tt.rows || asJSON(t, preview.Totals) != tt.totals || preview.Snapshot.Kind != "consistent" || preview.Zone != "UTC" {
				t.Errorf("got %d of %d rows, totals %s, of %+v in %s", len(preview.Rows), preview.RowCount, asJSON(t, preview.Totals), preview.Snapshot, preview.Zone)
			}
			told := asJSON(t, preview)
			for _, whose := range tt.not {
				if strings.Contains(told, markers[whose]) {
					t.Errorf("it has rows of %s: %s", whose, told)
				}
			}
			if tt.shown > 0 && !strings.Contains(told, markers[tt.whose]) {
				t.Errorf("it has no row of its own: %s", told)
			}
			before["audit"]++
			if after := s.rowCounts(); !maps.Equal(after, before) {
				t.Errorf("it left %v, want %v", after, before)
			}
		})
	}
}

// It refuses what a run would be refused for, and leaves nothing.
func TestPreviewFaults(t *testing.T) {
	s := newStage(t)
	lost, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Parent: s.tenants["own"].ID, Kind: outturn.KindReseller, Name: "Lost", ExternalID: "102"})
	must(t, err)
	before := s.rowCounts()
	for name, tt := range map[string]struct {
		edit  edit
		code  outturn.Code
		field string
		says  string
	}{
		"Dataset": {func(in *reporting.CreateRunInput) { in.Request.Dataset = "paymnts" }, outturn.CodeNotFound, "", "Did you mean payments?"},
		"Column":  {func(in *reporting.CreateRunInput) { in.Request.Columns = []string{"INVOICE"} }, outturn.CodeInvalid, "columns", "Did you mean INVOICES?"},
		"Window":  {func(in *reporting.CreateRunInput) { in.Window = &reporting.WindowText{From: "2026-09-01"} }, outturn.CodeInvalid, "window.to", "both"},
		// The account may be on its way into the source: other accounts are nobody's business.
		"NoAccount": {func(in *reporting.CreateRunInput) { in.Tenant = lost.ID }, outturn.CodeNotFound, "", "no account \"102\""},
	} {
		in := input()
		tt.edit(&in)
		_, err := s.Preview(t.Context(), s.as(outturn.RoleViewer), in)
		faults := outturn.Faults(err)
		if len(faults) != 1 || faults[0].Code != tt.code || faults[0].Field != tt.field || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, %+v", name, err, faults)
		}
		noMarkers(t, name, nil, err)
		if strings.Contains(err.Error(), "101") {
			t.Errorf("%s: it tells of the sibling's account: %v", name, err)
		}
	}
	if after := s.rowCounts(); !maps.Equal(after, before) {
		t.Errorf("it left %v, want %v", after, before)
	}
}

// A statement that takes longer than a preview may is broken off, and who asked is
// told what helps.
func TestPreviewTakesTooLong(t *testing.T) {
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "slow.sql"), []byte(`/*
version: 1
source: commerce
description: Takes for ever
tenant: T
fields:
  - {name: T, type: text, meaning: "Whose"}
  - {name: N, type: int, meaning: "Many"}
*/
SELECT '100' AS T, a.range + b.range AS N FROM range(100000000) AS a, range(100000000) AS b WHERE a.range + b.range < 0
`), 0o600))
	cat, err := catalog.OpenFolder(folder, "duckdb")
	must(t, err)
	s := newStage(t, func(c *reporting.Config) { c.Catalog, c.Limits.Preview = cat, 100*time.Millisecond })
	in := input()
	in.Request.Dataset = "slow"
	started := time.Now()
	_, err = s.Preview(t.Context(), s.as(outturn.RoleViewer), in)
	if outturn.ErrorCode(err) != outturn.CodeQueryTimeout || !strings.Contains(err.Error(), "shorter window") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// deafSource opens when its context ends, and not before.
type deafSource struct{ begun chan struct{} }

func (d deafSource) Begin(ctx context.Context) (source.Database, error) {
	d.begun <- struct{}{}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// While four look at the source the fifth waits, as long as a preview may take; and
// what is told of a data set does without its freshness.
func TestSourceThatDoesNotAnswer(t *testing.T) {
	must(t, newShop()) // outside: the engine knows no bubbles
	synctest.Test(t, func(t *testing.T) {
		deaf := deafSource{make(chan struct{}, 10)}
		s := newStage(t, func(c *reporting.Config) { c.Source = deaf })
		codes := make(chan outturn.Code, 5)
		for range 5 {
			go func() {
				_, err := s.Preview(t.Context(), s.as(outturn.RoleViewer), input())
				codes <- outturn.ErrorCode(err)
			}()
		}
		synctest.Wait()
		if n := len(deaf.begun); n != 4 {
			t.Errorf("%d look at the source at once, want 4", n)
		}
		started := time.Now()
		d, err := s.Dataset(t.Context(), s.as(outturn.RoleViewer), "payments")
		if took := time.Since(started); err != nil || d.Freshness != nil || len(d.Fields) == 0 || took != 5*time.Second {
			t.Errorf("got %+v, %v after %s", d, err, took)
		}
		if !strings.Contains(s.log.String(), "too long to say how new it is") {
			t.Errorf("the log has %s", s.log)
		}
		for range 5 {
			if code := <-codes; code != outturn.CodeQueryTimeout {
				t.Errorf("a preview: got %q", code)
			}
		}
		if took := time.Since(started); took != 30*time.Second {
			t.Errorf("the previews took %s", took)
		}
	})
}

// How new the data are is asked of what a tenant sees, and of nothing else.
func TestFreshness(t *testing.T) {
	s := newStage(t)
	september, october, august := time.Date(2026, 9, 10, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 11, 0, 0, 0, 0, time.UTC), time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		whose, dataset string
		want           time.Time
	}{
		{"child", "payments", october},
		{"own", "payments", october},
		{"provider", "payments", october},
		{"sibling", "payments", september},
		{"sibling", "accounts", august},
		{"sibling", "invoices", time.Time{}},      // has no rows
		{"sibling", "service_plans", time.Time{}}, // does not tell
	} {
		p := s.as(outturn.RoleViewer)
		p.Tenant = s.tenants[tt.whose].ID
		d, err := s.Dataset(t.Context(), p, tt.dataset)
		if err != nil || d.Freshness == nil || !d.Freshness.Changed.Equal(tt.want) || d.Freshness.Snapshot.Kind != "consistent" {
			t.Errorf("%s of %s: got %+v, %v, want %s; the log has %s", tt.dataset, tt.whose, d.Freshness, err, tt.want, s.log)
		}
	}
	_, err := s.Dataset(t.Context(), s.as(outturn.RoleViewer), "paymnts")
	if outturn.ErrorCode(err) != outturn.CodeNotFound || !strings.Contains(err.Error(), "Did you mean payments?") {
		t.Errorf("got %v", err)
	}
	bare, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Parent: s.tenants["own"].ID, Kind: outturn.KindCustomer, Name: "bare"})
	must(t, err)
	p := s.as(outturn.RoleViewer)
	p.Tenant = bare.ID
	if d, err := s.Dataset(t.Context(), p, "payments"); err != nil || d.Freshness != nil {
		t.Errorf("for a tenant without an account: got %+v, %v", d.Freshness, err)
	}
}
