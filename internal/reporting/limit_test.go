package reporting_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// set changes a tenant past the ledger, which this process has not been told of.
func (s *stage) set(whose, assignment string) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+s.file+"?_busy_timeout=5000")
	must(s.t, err)
	defer db.Close()
	_, err = db.ExecContext(s.t.Context(), `UPDATE tenants SET `+assignment+` WHERE id = ?1`, s.tenants[whose].ID)
	must(s.t, err)
}

func TestSuspendedTenant(t *testing.T) {
	woken := 0
	s := newStage(t, func(c *reporting.Config) { c.Wake = func() { woken++ } })
	child := s.as(outturn.RoleAdmin)
	child.Tenant = s.tenants["child"].ID
	_, token, err := s.CreateLink(t.Context(), s.operator(), s.succeeded("child").Files[0].ID, 0)
	must(t, err)
	try := func(of error, link outturn.Code) {
		t.Helper()
		_, err := s.Runs(t.Context(), child, "", outturn.ListQuery{})
		wantCode(t, "a list", err, outturn.ErrorCode(of))
		_, object, err := s.OpenLink(t.Context(), reporting.Click{Token: token})
		wantCode(t, "a link", err, link)
		if object != nil {
			must(t, object.Close())
		}
	}
	held, gone := outturn.Errorf(outturn.CodeForbidden, ""), outturn.Errorf(outturn.CodeUnauthenticated, "")
	try(nil, "")
	s.set("own", "state = 'suspended', held_by = id")
	s.set("child", "held_by = (SELECT id FROM tenants WHERE state = 'suspended')")
	try(nil, "") // it is not known yet
	s.clock.advance(within)
	try(held, outturn.CodeForbidden)
	_, err = s.Runs(t.Context(), s.operator(), s.tenants["child"].ID, outturn.ListQuery{})
	must(t, err) // who is above it sees all of it
	s.set("own", "state = 'active', held_by = NULL")
	s.set("child", "held_by = NULL")
	try(held, outturn.CodeForbidden)
	s.clock.advance(within)
	try(nil, "")
	// What this process changes counts at once.
	_, err = s.SuspendTenant(t.Context(), s.operator(), s.tenants["own"].ID)
	must(t, err)
	before := s.audited()
	for range 100 { // a program that polls
		try(held, outturn.CodeForbidden)
	}
	if n := s.audited() - before; n != 2 {
		t.Errorf("the audit has %d refusals of a list and a link, want 2", n)
	}
	s.clock.advance(time.Hour)
	try(held, outturn.CodeForbidden)
	if n := s.audited() - before; n != 4 {
		t.Errorf("an hour later the audit has %d refusals, want 4", n)
	}
	_, err = s.ResumeTenant(t.Context(), s.operator(), s.tenants["own"].ID)
	must(t, err)
	try(nil, "")
	must(t, s.DeleteTenant(t.Context(), s.operator(), s.tenants["child"].ID))
	try(gone, outturn.CodeGone)
	if woken != 3 {
		t.Errorf("the runner was woken %d times, want 3", woken)
	}
}

// TestQueuedLimit has a limit told to those who may know whose it is.
func TestQueuedLimit(t *testing.T) {
	s := newStage(t)
	s.set("own", "most_queued = 1")
	s.queued("child")
	for _, test := range []struct{ who, told string }{
		{"own", "Your tenant has as many runs waiting as it may, 1 "},
		{"parent", "The tenant " + outturn.Shown(markers["own"]) + " has as many runs waiting as it may, 1 "},
		{"child", "A tenant above you has as many runs waiting as it may."},
	} {
		p, in := s.as(outturn.RoleManager), input()
		p.Tenant, in.Tenant = s.tenants[test.who].ID, s.tenants["child"].ID
		_, err := s.CreateRun(t.Context(), p, in)
		wantCode(t, test.who, err, outturn.CodeLimit)
		if err != nil && !strings.HasPrefix(err.Error(), test.told) {
			t.Errorf("%s is told %q, want %q", test.who, err, test.told)
		}
	}
}

func TestAdmit(t *testing.T) {
	s := newStage(t)
	p := s.as(outturn.RoleViewer)
	sibling := p
	sibling.Tenant = s.tenants["sibling"].ID
	admit := func(p outturn.Principal, want reporting.Quota, wait time.Duration) {
		t.Helper()
		got, err := s.Admit(t.Context(), p)
		var refusal *outturn.Error
		if errors.As(err, &refusal); (refusal != nil) != (wait > 0) || refusal != nil && (refusal.Code != outturn.CodeLimit || refusal.RetryAfter != wait) {
			t.Errorf("got %v, %+v, want to wait %s", err, refusal, wait)
		}
		if want.Limited = want.PerMinute > 0; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	admit(p, reporting.Quota{}, 0)
	s.set("own", "most_requests = 3")
	s.set("parent", "most_requests = 4")
	s.clock.advance(within)
	const each, of4 = 20 * time.Second, 15 * time.Second
	admit(p, reporting.Quota{PerMinute: 3, Remaining: 2, Reset: each}, 0)
	admit(sibling, reporting.Quota{PerMinute: 4, Remaining: 2, Reset: 2 * of4, Above: true}, 0)
	admit(p, reporting.Quota{PerMinute: 3, Remaining: 1, Reset: 2 * each}, 0)
	admit(p, reporting.Quota{PerMinute: 3, Remaining: 0, Reset: 3 * each}, 0)
	admit(p, reporting.Quota{PerMinute: 3, Remaining: 0, Reset: 3 * each}, each)
	admit(sibling, reporting.Quota{PerMinute: 4, Remaining: 0, Reset: 4 * of4, Above: true}, of4)
	s.clock.advance(of4)
	admit(sibling, reporting.Quota{PerMinute: 4, Remaining: 0, Reset: 4 * of4, Above: true}, 0)
	s.clock.advance(5 * time.Second) // there is room for p, and none above it
	admit(p, reporting.Quota{PerMinute: 4, Remaining: 0, Reset: 55 * time.Second, Above: true}, 10*time.Second)
	s.clock.advance(time.Hour)
	admit(p, reporting.Quota{PerMinute: 3, Remaining: 2, Reset: each}, 0)
}
