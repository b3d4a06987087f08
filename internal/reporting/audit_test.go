package reporting_test

import (
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// auditInput asks for the audit of a tenant.
func auditInput(tenant string) reporting.CreateRunInput {
	in := input()
	in.Tenant, in.Request.Dataset = tenant, "audit"
	return in
}

// auditRunOf makes a run of the audit of a tenant, with a file.
func (s *stage) auditRunOf(whose string) outturn.Run {
	s.t.Helper()
	r, err := s.CreateRun(s.t.Context(), s.operator(), auditInput(s.tenants[whose].ID))
	must(s.t, err)
	return s.publish(s.claimed(r), whose)
}

// A report of the audit is made for a tenant of the ledger, whatever account it has,
// and only for those who may read the audit.
func TestAuditReports(t *testing.T) {
	s := newStage(t)
	ctx, admin := t.Context(), s.as(outturn.RoleAdmin)
	own := s.tenants["own"].ID
	unjoined, err := s.CreateTenant(ctx, s.operator(), outturn.Tenant{Parent: own, Kind: outturn.KindCustomer, Name: "no account"})
	must(t, err)
	for _, tenant := range []string{own, unjoined.ID} {
		r, err := s.CreateRun(ctx, admin, auditInput(tenant))
		must(t, err)
		if r.Request.Tenant != tenant || r.Request.Everything {
			t.Errorf("the run is made for %s, everything %t, want %s alone", r.Request.Tenant, r.Request.Everything, tenant)
		}
	}
	r, err := s.CreateRun(ctx, s.operator(), auditInput(""))
	must(t, err)
	if provider := s.tenants["provider"].ID; r.Request.Tenant != provider || r.Request.Everything {
		t.Errorf("the operator's is made for %s, everything %t, want %s", r.Request.Tenant, r.Request.Everything, provider)
	}

	for role, want := range map[outturn.Role]bool{outturn.RoleAdmin: true, outturn.RoleManager: false, outturn.RoleViewer: false} {
		d, err := s.Dataset(ctx, s.as(role), "audit")
		must(t, err)
		if got := d.Freshness != nil && d.Freshness.Changed.Equal(day) && d.Freshness.Snapshot.Kind == "consistent"; got != want {
			t.Errorf("the %s hears how new the audit is: %t (%+v), want %t", role, got, d.Freshness, want)
		}
	}

	in := auditInput(own)
	in.Request.Order = []outturn.Order{{Field: "SUBJECT"}}
	in.Request.Where = &outturn.Expr{Op: outturn.OpNull, Field: "DETAIL"}
	_, err = s.CreateRun(ctx, admin, in)
	wantCode(t, "an order that the audit does not have", err, outturn.CodeInvalid)
	if err == nil || !strings.Contains(err.Error(), "DETAIL") {
		t.Errorf("a filter that the audit does not have: got %v", err)
	}
	in.Request.Where = nil
	_, err = s.Preview(ctx, admin, in)
	if faults := outturn.Faults(err); len(faults) != 1 || faults[0].Field != "order" {
		t.Errorf("a preview in an order that the audit does not have: got %v", faults)
	}
}

// Whoever has a link that an admin made has the file, as with every other.
func TestAuditLink(t *testing.T) {
	s := newStage(t)
	file := s.auditRunOf("own").Files[0]
	_, token, err := s.CreateLink(t.Context(), s.as(outturn.RoleAdmin), file.ID, time.Hour)
	must(t, err)
	got, content, err := s.OpenLink(t.Context(), reporting.Click{Token: token})
	must(t, err)
	must(t, content.Close())
	if got.ID != file.ID {
		t.Errorf("the link leads to %s, want %s", got.ID, file.ID)
	}
}

// A preview of the audit has what the list has, and counts what it does not show.
func TestAuditPreview(t *testing.T) {
	s := newStage(t)
	for range 60 {
		s.clock.advance(time.Second)
		s.queued("child")
	}
	in := auditInput("")
	in.Request.Columns, in.Request.Order = []string{"ACTION", "SUBJECT"}, []outturn.Order{{Field: "AT", Desc: true}}
	in.Window = &reporting.WindowText{From: day.Add(11 * time.Second).Format(time.RFC3339), To: day.Add(time.Hour).Format(time.RFC3339)}
	p, err := s.Preview(t.Context(), s.as(outturn.RoleAdmin), in)
	must(t, err)
	if want := `{"ACTION":"run.create","SUBJECT":"local:operator"}`; p.RowCount != 50 || len(p.Rows) != 50 || string(p.Rows[0]) != want {
		t.Errorf("got %d rows of %d, the first %s, want all of 50 like %s", len(p.Rows), p.RowCount, p.Rows[0], want)
	}
	in.Window.From = day.Format(time.RFC3339)
	p, err = s.Preview(t.Context(), s.as(outturn.RoleAdmin), in)
	must(t, err)
	list, err := s.AuditEntries(t.Context(), s.as(outturn.RoleAdmin), outturn.ListQuery{Page: outturn.Page{Limit: outturn.MaxPage}})
	must(t, err)
	if want := len(list.Items) - 1; len(p.Rows) != 50 || p.RowCount != int64(want) { // the first preview came after it
		t.Errorf("got %d rows of %d, want 50 of %d", len(p.Rows), p.RowCount, want)
	}
}
