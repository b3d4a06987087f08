package reporting_test

import (
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// A limit that was set from above is lowered below, and never lifted: whoever changes
// one is bound by what all above him have set.
func TestLimitsFromAbove(t *testing.T) {
	s := newStage(t)
	of := func(tenant string, role outturn.Role) outturn.Principal {
		p := s.as(role)
		p.Tenant = s.tenants[tenant].ID
		return p
	}
	operator, provider := s.operator(), of("provider", outturn.RoleAdmin)
	parent, own, sibling := of("parent", outturn.RoleAdmin), of("own", outturn.RoleAdmin), of("sibling", outturn.RoleAdmin)
	child := s.tenants["child"].ID
	made, err := s.CreateTenant(t.Context(), parent, outturn.Tenant{
		Parent: s.tenants["own"].ID, Kind: outturn.KindReseller, Name: "n", Limits: outturn.Limits{Rows: new(int64(10))},
	})
	must(t, err)
	only := func(kind outturn.LimitKind, most *int64) reporting.TenantUpdate {
		return reporting.TenantUpdate{Limits: map[outturn.LimitKind]*int64{kind: most}}
	}
	rows := func(most int64) reporting.TenantUpdate { return only(outturn.LimitRows, &most) }
	noRows, all := only(outturn.LimitRows, nil), reporting.TenantUpdate{Limits: outturn.Limits{Queued: new(int64(5))}.ByKind()}
	for i, step := range []struct {
		who    outturn.Principal
		tenant string
		change reporting.TenantUpdate
		ok     bool
		is     string // the limits, after it
	}{
		{own, child, rows(50), true, "rows=50"},
		{own, child, noRows, true, "none"},
		{provider, child, rows(100), true, "rows=100"},
		{own, child, rows(101), false, "rows=100"},
		{own, child, noRows, false, "rows=100"},
		{own, child, all, false, "rows=100"},
		{of("own", outturn.RoleManager), child, rows(1), false, "rows=100"},
		{own, child, rows(40), true, "rows=40"},
		{own, child, rows(100), true, "rows=100"},
		{parent, child, rows(60), true, "rows=60"},
		{own, child, rows(61), false, "rows=60"},
		{own, child, rows(30), true, "rows=30"},
		{parent, child, rows(101), false, "rows=30"},
		{parent, child, rows(60), true, "rows=60"},
		{provider, child, noRows, true, "none"},
		{own, child, rows(500), true, "rows=500"},
		{operator, child, rows(500), true, "rows=500"},
		{own, child, rows(501), false, "rows=500"},
		{operator, child, all, true, "queued=5"},
		{own, child, rows(501), true, "queued=5 rows=501"},

		{own, made.ID, rows(11), false, "rows=10"},
		{parent, made.ID, rows(11), true, "rows=11"},

		{operator, child, only(outturn.LimitQueued, nil), true, "rows=501"},
		{sibling, child, noRows, true, "none"}, // it was moved, and who set it is not above
	} {
		if step.who.Tenant == sibling.Tenant {
			_, err := s.MoveTenant(t.Context(), operator, child, sibling.Tenant)
			must(t, err)
		}
		_, err := s.UpdateTenant(t.Context(), step.who, step.tenant, step.change)
		if step.ok {
			must(t, err)
		} else if outturn.ErrorCode(err) != outturn.CodeForbidden {
			t.Errorf("step %d: got %v, want it forbidden", i, err)
		}
		if step.who.Has(outturn.RoleAdmin) && err != nil && (outturn.Faults(err)[0].Field != "limits.rows" || !strings.Contains(err.Error(), "above")) {
			t.Errorf("step %d: it does not say why: %v", i, err)
		}
		is, err := s.Tenant(t.Context(), operator, step.tenant)
		must(t, err)
		if is.Limits.String() != step.is {
			t.Errorf("step %d: the limits are %s, want %s", i, is.Limits, step.is)
		}
	}
}

// Who cannot lift a limit cannot get rid of it either by another tenant for the same
// account, or by another account for the same tenant.
func TestLimitsOfAccounts(t *testing.T) {
	s := newStage(t)
	of := func(tenant string) outturn.Principal {
		p := s.as(outturn.RoleAdmin)
		p.Tenant = s.tenants[tenant].ID
		return p
	}
	provider, own, child := of("provider"), of("own"), s.tenants["child"]
	limits := func(id string) string {
		is, err := s.Tenant(t.Context(), provider, id)
		must(t, err)
		return is.Limits.String()
	}
	change := func(who outturn.Principal, id string, u reporting.TenantUpdate) error {
		_, err := s.UpdateTenant(t.Context(), who, id, u)
		return err
	}
	set := func(who outturn.Principal, id string, kind outturn.LimitKind, most int64) {
		t.Helper()
		must(t, change(who, id, reporting.TenantUpdate{Limits: map[outturn.LimitKind]*int64{kind: &most}}))
	}
	remove := func(who outturn.Principal, id string) {
		t.Helper()
		s.clock.advance(time.Second)
		must(t, s.DeleteTenant(t.Context(), who, id))
	}
	again := func(who outturn.Principal, l outturn.Limits) (outturn.Tenant, error) {
		n := child
		return s.CreateTenant(t.Context(), who, outturn.Tenant{Parent: n.Parent, Kind: n.Kind, Name: n.Name, ExternalID: n.ExternalID, Limits: l})
	}
	forbidden := func(what string, err error, field string) {
		t.Helper()
		if outturn.ErrorCode(err) != outturn.CodeForbidden || outturn.Faults(err)[0].Field != field {
			t.Errorf("%s: got %v, want it forbidden for %s", what, err, field)
		}
	}

	set(provider, child.ID, outturn.LimitRows, 100)
	set(own, child.ID, outturn.LimitQueued, 7)
	forbidden("another account", change(own, child.ID, reporting.TenantUpdate{ExternalID: new("")}), "external_id")
	must(t, change(own, child.ID, reporting.TenantUpdate{ExternalID: &child.ExternalID, Name: new("as it was")}))

	remove(own, child.ID)
	_, err := again(own, outturn.Limits{Rows: new(int64(101))})
	forbidden("made again with more", err, "limits.rows")
	made, err := again(own, outturn.Limits{Running: new(int64(2))})
	must(t, err)
	if is := limits(made.ID); is != "running=2 rows=100" || made.Limits.String() != is {
		t.Errorf("made again it has %s, and was said to have %s", is, made.Limits)
	}
	most := int64(101)
	forbidden("lifted", change(own, made.ID, reporting.TenantUpdate{Limits: map[outturn.LimitKind]*int64{outturn.LimitRows: &most}}), "limits.rows")
	set(own, made.ID, outturn.LimitRows, 50)
	set(own, made.ID, outturn.LimitRows, 100)

	// By way of a tenant that stands for nothing, and one with a higher limit of its own.
	remove(own, made.ID)
	loose, err := s.CreateTenant(t.Context(), own, outturn.Tenant{Parent: child.Parent, Kind: child.Kind, Name: "loose", Limits: outturn.Limits{Rows: new(int64(500)), Queued: new(int64(3))}})
	must(t, err)
	must(t, change(own, loose.ID, reporting.TenantUpdate{ExternalID: &child.ExternalID}))
	if is := limits(loose.ID); is != "queued=3 rows=100" {
		t.Errorf("one that came to stand for the account has %s", is)
	}

	// Who has set it is free to make it anew without.
	remove(provider, loose.ID)
	made, err = again(provider, outturn.Limits{})
	must(t, err)
	if is := limits(made.ID); is != "none" {
		t.Errorf("made again by who had set it, it has %s", is)
	}
	remove(own, made.ID)
	made, err = again(own, outturn.Limits{})
	must(t, err)
	if is := limits(made.ID); is != "none" {
		t.Errorf("made again after that, it has %s", is)
	}

	// An older tenant of the account that is restored has what was set since, and so has one
	// that is made after it.
	set(provider, made.ID, outturn.LimitRows, 1000)
	remove(own, made.ID)
	newer, err := again(own, outturn.Limits{})
	must(t, err)
	set(provider, newer.ID, outturn.LimitRows, 10)
	set(provider, newer.ID, outturn.LimitQueued, 5)
	remove(own, newer.ID)
	restored, err := s.RestoreTenant(t.Context(), own, made.ID)
	must(t, err)
	if is := limits(made.ID); is != "queued=5 rows=10" || restored.Limits.String() != is {
		t.Errorf("restored it has %s, and was said to have %s", is, restored.Limits)
	}
	remove(own, made.ID)
	s.clock.advance(time.Second)
	restored, err = s.RestoreTenant(t.Context(), own, made.ID)
	must(t, err)
	if is := restored.Limits.String(); is != "queued=5 rows=10" {
		t.Errorf("restored again it has %s", is)
	}
	set(provider, made.ID, outturn.LimitRows, 30)
	if is := limits(made.ID); is != "queued=5 rows=30" {
		t.Errorf("lifted by who had set it, it has %s", is)
	}
}

// A tenant that stands for no account gets one, though its limits were set above who gives
// it; and who is refused a tenant with more than its account may have is in the audit.
func TestLimitsOfFirstAccount(t *testing.T) {
	s := newStage(t)
	own := s.as(outturn.RoleAdmin)
	own.Tenant = s.tenants["own"].ID
	child := s.tenants["child"]
	must(t, s.DeleteTenant(t.Context(), s.operator(), child.ID))
	made, err := s.CreateTenant(t.Context(), s.operator(), outturn.Tenant{Parent: own.Tenant, Kind: outturn.KindCustomer, Name: "n", Limits: outturn.Limits{Rows: new(int64(10))}})
	must(t, err)
	is, err := s.UpdateTenant(t.Context(), own, made.ID, reporting.TenantUpdate{ExternalID: &child.ExternalID})
	must(t, err)
	if is.Limits.String() != "rows=10" {
		t.Errorf("it has %s", is.Limits)
	}
	s.clock.advance(time.Second)
	must(t, s.DeleteTenant(t.Context(), own, made.ID))
	since := s.audited()
	_, err = s.CreateTenant(t.Context(), own, outturn.Tenant{Parent: own.Tenant, Kind: outturn.KindCustomer, Name: "n", ExternalID: child.ExternalID, Limits: outturn.Limits{Rows: new(int64(11))}})
	if outturn.ErrorCode(err) != outturn.CodeForbidden || outturn.Faults(err)[0].Field != "limits.rows" {
		t.Errorf("got %v", err)
	}
	if noted := s.audit(since, own.Subject); len(noted) != 1 || noted[0].Action != "tenant.create" || noted[0].Outcome != "forbidden" || noted[0].Object != own.Tenant {
		t.Errorf("the audit has %+v", noted)
	}
}
