package reporting_test

import (
	"strings"
	"testing"

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
