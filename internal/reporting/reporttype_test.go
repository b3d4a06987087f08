package reporting_test

import (
	"testing"

	"outturn"
	"outturn/internal/reporting"
)

// A tenant that has no report type has what its account is at the time: no run and no
// generator keeps what was found once.
func TestReportTypeIsNotFrozen(t *testing.T) {
	s := newStage(t)
	orders := func(in *reporting.GeneratorInput) { in.Spec.Request.Dataset = "provisioned_orders" }
	g := s.generator("own", orders)
	said := s.generator("own", orders, func(in *reporting.GeneratorInput) { in.Spec.Request.ReportType = "provider" })
	want := func(tenant, derived, kept, saidKept string) {
		t.Helper()
		if got, err := s.ReportType(t.Context(), s.operator(), s.tenants[tenant].ID); err != nil || got != derived {
			t.Errorf("%s: got %q, %v, want %q", tenant, got, err, derived)
		}
		for g, want := range map[string]string{g.ID: kept, said.ID: saidKept} {
			r, err := s.RunGenerator(t.Context(), s.operator(), g, "", "")
			must(t, err)
			if r.Request.ReportType != want {
				t.Errorf("a run of %s has the report type %q, want %q", r.Name, r.Request.ReportType, want)
			}
		}
	}
	want("own", "PROVIDER", "", "PROVIDER")
	want("child", "RESELLER", "", "PROVIDER")
	want("provider", "PROVIDER", "", "PROVIDER")
	_, err := s.UpdateTenant(t.Context(), s.operator(), s.tenants["own"].ID, reporting.TenantUpdate{ReportType: new("RESELLER")})
	must(t, err)
	want("own", "RESELLER", "RESELLER", "PROVIDER")
	if _, err := s.ReportType(t.Context(), s.as(outturn.RoleManager), s.tenants["sibling"].ID); outturn.ErrorCode(err) != outturn.CodeNotFound {
		t.Errorf("of a sibling: got %v", err)
	}
}

// Days of a tenant that names no zone begin where the installation says.
func TestZoneOfTheInstallation(t *testing.T) {
	s := newStage(t, func(c *reporting.Config) { c.Zone = "Europe/Istanbul" })
	in := input()
	in.Window = &reporting.WindowText{From: "2026-09-01", To: "2026-09-02"}
	r, err := s.CreateRun(t.Context(), s.as(outturn.RoleManager), in)
	must(t, err)
	g := s.generator("own", func(in *reporting.GeneratorInput) {
		in.Spec.Trigger.Schedule.Zone = ""
	})
	if zone := r.Request.Zone; zone != "Europe/Istanbul" || r.Request.Window.From.Unix() != 1788210000 || g.Request.Zone != zone || g.Trigger.Schedule.Zone != zone {
		t.Errorf("got a run from %s in %s, and a generator in %s that fires in %s", r.Request.Window.From, zone, g.Request.Zone, g.Trigger.Schedule.Zone)
	}
	_, err = s.UpdateTenant(t.Context(), s.operator(), s.tenants["own"].ID, reporting.TenantUpdate{Zone: new("Asia/Tokyo")})
	must(t, err)
	if r, err = s.CreateRun(t.Context(), s.as(outturn.RoleManager), in); err != nil || r.Request.Zone != "Asia/Tokyo" {
		t.Errorf("its own zone: got %s, %v", r.Request.Zone, err)
	}
	config := s.config
	config.Zone = "Mars"
	if _, err := reporting.New(config); outturn.ErrorCode(err) != outturn.CodeInvalid {
		t.Errorf("a zone that is none: got %v", err)
	}
}
