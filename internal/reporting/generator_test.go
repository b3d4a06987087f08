package reporting_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// monthly is a generator without a fault: the month before, on the second business day.
func monthly(name string) reporting.GeneratorInput {
	return reporting.GeneratorInput{Origin: "test", Spec: outturn.GeneratorSpec{
		Name: name, Request: outturn.RunRequest{Dataset: "payments", Outputs: []outturn.Output{{Format: "xlsx"}}},
		Window: outturn.WindowRule{Kind: outturn.WindowPrevious, Unit: outturn.UnitMonth},
		Trigger: outturn.Trigger{Kind: outturn.TriggerSchedule, Schedule: &outturn.Recurrence{
			Every: outturn.UnitMonth, Nth: 2, Of: "business_day", At: "06:00", Zone: "Europe/Warsaw",
		}},
		Deliveries: []outturn.Destination{{Kind: outturn.DestinationEmail, To: []string{"finance@example.com"}}},
	}}
}

// generator makes one of a tenant.
func (s *stage) generator(whose string, change ...func(*reporting.GeneratorInput)) outturn.Generator {
	s.t.Helper()
	in := monthly(markers[whose] + " " + outturn.NewID(day))
	in.Tenant = s.tenants[whose].ID
	for _, c := range change {
		c(&in)
	}
	g, err := s.CreateGenerator(s.t.Context(), s.operator(), in)
	must(s.t, err)
	return g
}

type specEdit = func(*outturn.GeneratorSpec)

func schedule(edit func(*outturn.Recurrence)) specEdit {
	return func(g *outturn.GeneratorSpec) { edit(g.Trigger.Schedule) }
}

func cron(text string) specEdit {
	return schedule(func(r *outturn.Recurrence) { *r = outturn.Recurrence{Every: outturn.UnitCron, Cron: text} })
}

func trigger(t outturn.Trigger) specEdit {
	return func(g *outturn.GeneratorSpec) { g.Trigger = t }
}

func window(w outturn.WindowRule) specEdit {
	return func(g *outturn.GeneratorSpec) { g.Window = w }
}

func deliver(d ...outturn.Destination) specEdit {
	return func(g *outturn.GeneratorSpec) { g.Deliveries = d }
}

// Each fault alone: about which field it is, and what it says. A draft is refused as the
// generator is, and neither leaves anything.
func TestGeneratorFaults(t *testing.T) {
	s := newStage(t)
	s.generator("own", func(in *reporting.GeneratorInput) { in.Spec.Name = "taken" })
	webhook := func(whose string) outturn.Webhook {
		w := outturn.Webhook{Tenant: s.tenants[whose].ID, Name: "hook", URL: "https://example.com/hook", Enabled: true}
		w, err := s.ledger.CreateWebhook(t.Context(), w, outturn.WebhookKeys{}, outturn.AuditEntry{})
		must(t, err)
		return w
	}
	theirs, ours, below := webhook("parent"), webhook("own"), webhook("child")
	onInvoice := outturn.Trigger{Kind: outturn.TriggerEvent, Event: outturn.EventInvoiceIssued}
	email := func(to ...string) outturn.Destination {
		return outturn.Destination{Kind: outturn.DestinationEmail, To: to}
	}
	before := s.rowCounts()
	for name, tt := range map[string]struct {
		change specEdit
		field  string
		says   string
	}{
		"NoName":         {func(g *outturn.GeneratorSpec) { g.Name = "" }, "name", "at most 120"},
		"RunNameLong":    {func(g *outturn.GeneratorSpec) { g.RunName = strings.Repeat("é", 121) }, "run_name", "at most 120"},
		"RunNameLines":   {func(g *outturn.GeneratorSpec) { g.RunName = "a\nb" }, "run_name", "one line"},
		"NameTaken":      {func(g *outturn.GeneratorSpec) { g.Name = "taken" }, "name", "already"},
		"Dataset":        {func(g *outturn.GeneratorSpec) { g.Request.Dataset = "paymnts" }, "dataset", "Did you mean payments?"},
		"View":           {func(g *outturn.GeneratorSpec) { g.Request.View = "cpm" }, "view", "Did you mean cmp"},
		"Format":         {func(g *outturn.GeneratorSpec) { g.Request.Outputs[0].Format = "xslx" }, "outputs[0].format", "xlsx"},
		"NoFormat":       {func(g *outturn.GeneratorSpec) { g.Request.Outputs = nil }, "outputs", "at least one"},
		"Zone":           {func(g *outturn.GeneratorSpec) { g.Request.Zone = "Mars/Base" }, "zone", "IANA"},
		"TriggerKind":    {trigger(outturn.Trigger{Kind: "sometimes"}), "trigger.kind", "Allowed: once"},
		"NoSchedule":     {trigger(outturn.Trigger{Kind: outturn.TriggerSchedule}), "trigger.schedule", "when it fires"},
		"ScheduleZone":   {schedule(func(r *outturn.Recurrence) { r.Zone = "Europe/Warszawa" }), "trigger.schedule.zone", "IANA"},
		"At":             {schedule(func(r *outturn.Recurrence) { r.At = "25:00" }), "trigger.schedule.at", "25:00"},
		"CronOutOfRange": {cron("61 * * * *"), "trigger.schedule.cron", "61"},
		"CronNeverFires": {cron("0 0 30 2 *"), "trigger.schedule.cron", "never fires"},
		"CronTooOften":   {cron("*/5 * * * *"), "trigger.schedule.cron", "every 5m at times, and a schedule here may fire once in 15m"},
		"AllExcluded": {schedule(func(r *outturn.Recurrence) {
			*r = outturn.Recurrence{Every: outturn.UnitWeek, Weekdays: []string{"sat"}, Exclude: &outturn.Exclusion{Weekends: true}}
		}), "trigger.schedule.exclude", "never fires"},
		"Over":          {schedule(func(r *outturn.Recurrence) { r.End = "2026-09-01" }), "trigger.schedule.end", "last time"},
		"CatchUp":       {func(g *outturn.GeneratorSpec) { g.Trigger.CatchUp = "last" }, "trigger.catch_up", "latest"},
		"CatchUpHours":  {func(g *outturn.GeneratorSpec) { g.Trigger.CatchUpHours = -1 }, "trigger.catch_up_hours", "hours back"},
		"Overlap":       {func(g *outturn.GeneratorSpec) { g.Trigger.Overlap = "cancel" }, "trigger.overlap", "cancel_running"},
		"EventOfThis":   {func(g *outturn.GeneratorSpec) { g.Trigger.Event = outturn.EventInvoiceIssued }, "trigger.event", "of the kind schedule has no event"},
		"OnceOver":      {trigger(outturn.Trigger{Kind: outturn.TriggerOnce, At: "2026-09-15T13:00", Zone: "Europe/Warsaw"}), "trigger.at", "is over"},
		"OnceNoTime":    {trigger(outturn.Trigger{Kind: outturn.TriggerOnce, At: "soon"}), "trigger.at", "soon"},
		"OnceZone":      {trigger(outturn.Trigger{Kind: outturn.TriggerOnce, At: "2027-01-01", Zone: "Mars"}), "trigger.zone", "IANA"},
		"WindowKind":    {window(outturn.WindowRule{Kind: "last_month"}), "window.kind", "previous"},
		"WindowUnit":    {window(outturn.WindowRule{Kind: outturn.WindowPrevious, Unit: "fortnight"}), "window.unit", "fortnight"},
		"WindowOfFixed": {window(outturn.WindowRule{Kind: outturn.WindowFixed, From: "2026-09-02", To: "2026-09-01"}), "window.to", "not before"},
		"WindowOfNone": {func(g *outturn.GeneratorSpec) {
			g.Request.Dataset = "subscription_resources"
		}, "window", "no period"},
		"WindowNoDays": {func(g *outturn.GeneratorSpec) {
			g.Request.Dataset, g.Window = "invoices", outturn.WindowRule{Kind: outturn.WindowSinceLastSuccess, From: "2026-09-01"}
		}, "window", "whole days"},
		"NotAnEmail":     {deliver(email("finance@example.com", "finance at example.com")), "deliveries[0].to[1]", "no e-mail address"},
		"EmailWithAName": {deliver(email("Finance <finance@example.com>")), "deliveries[0].to[0]", "one plain address"},
		"EmailInjected":  {deliver(email("a@example.com\r\nBcc: b@example.com")), "deliveries[0].to[0]", "no e-mail address"},
		"EmailToNobody":  {deliver(email()), "deliveries[0].to", "one to 20 addresses"},
		"DeliveryKind":   {deliver(outturn.Destination{Kind: "fax"}), "deliveries[0].kind", "email"},
		"NoWebhook":      {deliver(outturn.Destination{Kind: outturn.DestinationWebhook}), "deliveries[0].webhook", "by its id"},
		"UnknownWebhook": {deliver(outturn.Destination{Kind: outturn.DestinationWebhook, Webhook: outturn.NewID(day)}), "deliveries[0].webhook", "has no webhook"},
		"WebhookBelow":   {deliver(outturn.Destination{Kind: outturn.DestinationWebhook, Webhook: below.ID}), "deliveries[0].webhook", "has no webhook"},
		"ForeignWebhook": {deliver(outturn.Destination{Kind: outturn.DestinationWebhook, Webhook: theirs.ID}), "deliveries[0].webhook", "has no webhook"},
		"DeliveryOn": {deliver(outturn.Destination{Kind: outturn.DestinationEmail, To: []string{"a@example.com"}, On: []string{"run.suceeded"}}),
			"deliveries[0].on[0]", "Did you mean run.succeeded?"},
		"LinkHours":   {deliver(outturn.Destination{Kind: outturn.DestinationEmail, To: []string{"a@example.com"}, LinkHours: 9999}), "deliveries[0].link_hours", "2160"},
		"EventType":   {onEvent(outturn.Trigger{Kind: outturn.TriggerEvent, Event: "invoice.paid"}), "trigger.event", "invoice.issued"},
		"NoEventType": {onEvent(outturn.Trigger{Kind: outturn.TriggerEvent}), "trigger.event", "which events"},
		"EventScope":  {onEvent(outturn.Trigger{Kind: outturn.TriggerEvent, Event: outturn.EventInvoiceIssued, Scope: "all"}), "trigger.scope", "subtree"},
		"EventWindow": {func(g *outturn.GeneratorSpec) {
			onEvent(onInvoice)(g)
			g.Window = outturn.WindowRule{Kind: outturn.WindowSinceLastSuccess, From: "2026-09-01"}
		}, "window.kind", "one invoice"},
		"EventNoInvoice": {func(g *outturn.GeneratorSpec) { onEvent(onInvoice)(g); g.Request.Dataset = "accounts" }, "dataset", "which of its fields is the invoice"},
	} {
		t.Run(name, func(t *testing.T) {
			in := monthly(name)
			tt.change(&in.Spec)
			want := outturn.CodeInvalid
			if name == "NameTaken" {
				want = outturn.CodeConflict
			}
			p := s.as(outturn.RoleManager)
			_, made := s.CreateGenerator(t.Context(), p, in)
			_, drafted := s.DraftGenerator(t.Context(), p, in)
			for _, err := range []error{made, drafted} {
				faults := outturn.Faults(err)
				if len(faults) != 1 {
					t.Fatalf("got %d faults: %v", len(faults), err)
				}
				if f := faults[0]; f.Code != want || f.Field != tt.field || !strings.Contains(f.Message, tt.says) {
					t.Errorf("got %s in %q: %s; want it in %q to say %q", f.Code, f.Field, f.Message, tt.field, tt.says)
				}
			}
		})
	}
	if after := s.rowCounts(); !maps.Equal(after, before) {
		t.Errorf("what was refused left something: got %v, want %v", after, before)
	}
	// The tenant's own least interval, and that of one above.
	for _, tt := range []struct{ own, parent, cron, says string }{
		{"24", "NULL", "*/30 * * * *", "every 30m at times, and a schedule here may fire once in 1h at most: the limit firings_per_day of the tenant, or of one above, is 24"},
		{"NULL", "4", "0 */4 * * *", "once in 6h at most"},
		{"24", "4", "0 */4 * * *", "once in 6h at most"},
		{"4", "24", "0 */4 * * *", "once in 6h at most"},
		{"1000", "NULL", "*/5 * * * *", "once in 15m at most."}, // the server's
		{"7", "NULL", "0 */3 * * *", "once in 3h25m42s at most"},
		{"0", "NULL", "0 0 1 * *", "may have no schedules"},
		{"1", "NULL", "0 6 * * *", ""}, // also in the night in which clocks go forward
		{"4", "4", "0 */6 * * *", ""},
		{"NULL", "NULL", "*/15 * * * *", ""},
	} {
		s.set("own", "most_firings = "+tt.own)
		s.set("parent", "most_firings = "+tt.parent)
		in := monthly("often")
		cron(tt.cron)(&in.Spec)
		_, err := s.DraftGenerator(t.Context(), s.as(outturn.RoleManager), in)
		switch faults := outturn.Faults(err); {
		case tt.says == "" && err == nil:
		case len(faults) != 1 || faults[0].Field != "trigger.schedule.cron" || tt.says == "" || !strings.Contains(faults[0].Message, tt.says):
			t.Errorf("%+v: %+v", tt, faults)
		}
	}
	// What the tenant has itself is taken, until there are as many as it may have.
	s.set("own", "most_generators = 1")
	in := monthly("with a webhook")
	deliver(outturn.Destination{Kind: outturn.DestinationWebhook, Webhook: ours.ID})(&in.Spec)
	_, err := s.DraftGenerator(t.Context(), s.as(outturn.RoleManager), in)
	must(t, err)
	_, err = s.CreateGenerator(t.Context(), s.as(outturn.RoleManager), in)
	wantCode(t, "one too many", err, outturn.CodeLimit)
	if !strings.Contains(err.Error(), "Your tenant has as many generators as it may, 1") {
		t.Error(err)
	}
}

// onEvent makes of a generator one for each invoice.
func onEvent(on outturn.Trigger) specEdit {
	return func(g *outturn.GeneratorSpec) {
		g.Request.Dataset, g.Window, g.Trigger = "invoices", outturn.WindowRule{}, on
	}
}

// All at once, each in its field.
func TestGeneratorTellsAllFaults(t *testing.T) {
	s := newStage(t)
	in := monthly("\t")
	in.Faults = outturn.InField("filter", outturn.Errorf(outturn.CodeInvalid, "not understood"))
	in.Spec.Request.Columns, in.Spec.Request.Outputs = []string{"NOPE"}, []outturn.Output{{Format: "cvs"}}
	in.Spec.Trigger.CatchUp, in.Spec.Trigger.Schedule.Zone, in.Spec.Trigger.Schedule.At = "x", "Mars", "noon"
	in.Spec.Window = outturn.WindowRule{Kind: outturn.WindowPrevious, Unit: "year", Count: -1}
	in.Spec.Deliveries[0].To = []string{"x", "finance@example.com", "y"}
	_, err := s.CreateGenerator(t.Context(), s.as(outturn.RoleManager), in)
	var got []string
	for _, f := range outturn.Faults(err) {
		got = append(got, f.Field)
	}
	slices.Sort(got)
	want := []string{
		"columns", "deliveries[0].to[0]", "deliveries[0].to[2]", "filter", "name", "outputs[0].format",
		"trigger.catch_up", "trigger.schedule.at", "trigger.schedule.zone", "window.count", "window.unit",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: %v", got, want, err)
	}
}

// A draft is what would be kept, with every default and the IANA names of zones, and
// with when it would fire: wall-clock times across clocks that change, each with its
// instant and its window.
func TestP21P22P23Draft(t *testing.T) {
	s := newStage(t)
	zone := "America/St_Johns"
	_, err := s.UpdateTenant(t.Context(), s.operator(), s.tenants["own"].ID, reporting.TenantUpdate{Zone: &zone})
	must(t, err)
	before := s.rowCounts()
	for name, tt := range map[string]struct {
		change specEdit
		zones  [2]string // of the report and of the schedule
		at     []string  // in it, from the first on
		window string    // of the first
	}{
		"OfTheTenant": {
			schedule(func(r *outturn.Recurrence) { r.Zone = "" }), [2]string{"America/St_Johns", "America/St_Johns"},
			[]string{"2026-10-02T06:00:00-02:30", "2026-11-03T06:00:00-03:30"}, "2026-09-01 2026-10-01",
		},
		"OfTheSchedule": {
			func(*outturn.GeneratorSpec) {}, [2]string{"Europe/Warsaw", "Europe/Warsaw"},
			[]string{"2026-10-02T06:00:00+02:00", "2026-11-03T06:00:00+01:00"}, "2026-09-01 2026-10-01",
		},
		"OfTheReport": {
			func(g *outturn.GeneratorSpec) { g.Request.Zone, g.Trigger.Schedule.Zone = "UTC", "" }, [2]string{"UTC", "UTC"},
			[]string{"2026-10-02T06:00:00Z", "2026-11-03T06:00:00Z"}, "2026-09-01 2026-10-01",
		},
		"RepeatedHour": { // once, at its first occurrence
			schedule(func(r *outturn.Recurrence) {
				*r = outturn.Recurrence{Every: outturn.UnitDay, At: "02:30", Zone: "Europe/Warsaw", Start: "2026-10-24"}
			}), [2]string{"Europe/Warsaw", "Europe/Warsaw"},
			[]string{"2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}, "2026-09-01 2026-10-01",
		},
		"SkippedHour": { // the first instant after the gap
			schedule(func(r *outturn.Recurrence) {
				*r = outturn.Recurrence{Every: outturn.UnitDay, At: "02:30", Zone: "Europe/Warsaw", Start: "2027-03-27"}
			}), [2]string{"Europe/Warsaw", "Europe/Warsaw"},
			[]string{"2027-03-27T02:30:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"}, "2027-02-01 2027-03-01",
		},
		"LastOfTheMonth": {
			schedule(func(r *outturn.Recurrence) {
				*r = outturn.Recurrence{Every: outturn.UnitMonth, Day: 31, At: "06:00", Zone: "Europe/Warsaw", Start: "2027-01-01"}
			}), [2]string{"Europe/Warsaw", "Europe/Warsaw"},
			[]string{"2027-01-31T06:00:00+01:00", "2027-02-28T06:00:00+01:00", "2027-03-31T06:00:00+02:00", "2027-04-30T06:00:00+02:00"}, "2026-12-01 2027-01-01",
		},
	} {
		in := monthly(name)
		tt.change(&in.Spec)
		d, err := s.DraftGenerator(t.Context(), s.as(outturn.RoleManager), in)
		must(t, err)
		if got := [2]string{d.Request.Zone, d.Trigger.Schedule.Zone}; got != tt.zones {
			t.Errorf("%s: the zones are %v, want %v", name, got, tt.zones)
		}
		if d.Trigger.CatchUp != outturn.CatchUpLatest || d.Trigger.Overlap != outturn.OverlapQueue || d.Trigger.CatchUpHours != 168 || d.ID != "" || d.Revision != 1 {
			t.Errorf("%s: %+v", name, d.Generator)
		}
		loc, err := outturn.LoadZone(d.Trigger.Schedule.Zone)
		must(t, err)
		var at []string
		for _, f := range d.Upcoming {
			at = append(at, f.At.In(loc).Format(time.RFC3339))
		}
		if len(at) != 12 || !slices.Equal(at[:len(tt.at)], tt.at) || !d.NextAt.Equal(d.Upcoming[0].At) {
			t.Errorf("%s: next %s, upcoming %v, want 12 that begin with %v", name, d.NextAt, at, tt.at)
		}
		from, to, err := d.Upcoming[0].Window.Dates()
		must(t, err)
		if from+" "+to != tt.window {
			t.Errorf("%s: the window is %s to %s, want %s", name, from, to, tt.window)
		}
		for i, f := range d.Upcoming[1:] {
			if before := d.Upcoming[i].Window; !f.Window.From.Equal(before.From) && !f.Window.From.Equal(before.To) {
				t.Errorf("%s: the windows do not tile: %v, then %v", name, before, f.Window)
			}
		}
	}
	if after := s.rowCounts(); !maps.Equal(after, before) {
		t.Errorf("a draft left something: %v before, %v after", before, after)
	}
}

// unsettledLedger brings nothing more to the disk.
type unsettledLedger struct{ reporting.Ledger }

func (unsettledLedger) Settle(context.Context) error {
	return outturn.Errorf(outturn.CodeStorageUnavailable, "The disk is broken.")
}

// That a generator is so already is only said of what is on the disk.
func TestUnsettledGenerator(t *testing.T) {
	s := newStage(t, func(c *reporting.Config) { c.Ledger = unsettledLedger{c.Ledger} })
	p := s.as(outturn.RoleManager)
	for _, want := range []outturn.Code{"", outturn.CodeStorageUnavailable} {
		if _, _, err := s.ApplyGenerator(t.Context(), p, monthly("orders")); outturn.ErrorCode(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Applied twice it is one generator, at one revision; applied by many at once as well.
func TestP26ApplyGenerator(t *testing.T) {
	s := newStage(t)
	p := s.as(outturn.RoleManager)
	var wg sync.WaitGroup
	results := make(chan reporting.Applied, 8)
	for range cap(results) {
		wg.Go(func() {
			_, applied, err := s.ApplyGenerator(t.Context(), p, monthly("orders"))
			if err != nil {
				t.Error(err)
			}
			results <- applied
		})
	}
	wg.Wait()
	close(results)
	count := map[reporting.Applied]int{}
	for r := range results {
		count[r]++
	}
	if count[reporting.AppliedCreated] != 1 || count[reporting.AppliedUnchanged] != 7 {
		t.Errorf("got %v", count)
	}
	in := monthly("orders")
	in.Spec.Trigger.Schedule.At = "07:00"
	d, applied, err := s.DraftApply(t.Context(), p, in)
	must(t, err)
	if applied != reporting.AppliedChanged || d.Revision != 2 || len(d.Upcoming) != 12 {
		t.Errorf("the draft: %s %+v", applied, d)
	}
	since := s.audited()
	for _, want := range []reporting.Applied{reporting.AppliedChanged, reporting.AppliedUnchanged} {
		g, applied, err := s.ApplyGenerator(t.Context(), p, in)
		must(t, err)
		if applied != want || g.Revision != 2 || !g.NextAt.Equal(time.Date(2026, 10, 2, 5, 0, 0, 0, time.UTC)) {
			t.Errorf("got %s, revision %d, next %s; want %s", applied, g.Revision, g.NextAt, want)
		}
	}
	entries := s.audit(since, p.Subject)
	if len(entries) != 1 || entries[0].Action != "generator.update" || !strings.Contains(entries[0].Detail["trigger"], `"07:00"`) || entries[0].Detail["window"] != "" {
		t.Errorf("the audit has %+v", entries)
	}
	list, err := s.Generators(t.Context(), p, "", outturn.ListQuery{})
	must(t, err)
	if len(list.Items) != 1 {
		t.Errorf("there are %d", len(list.Items))
	}
}

// What a change does to when it fires: nothing where the trigger stays, and what is due
// stays due.
func TestUpdateGenerator(t *testing.T) {
	s := newStage(t)
	p := s.as(outturn.RoleManager)
	g, err := s.CreateGenerator(t.Context(), p, monthly("orders"))
	must(t, err)
	first := g.NextAt
	at := func(hour string) reporting.GeneratorInput {
		in := monthly("orders")
		in.Spec.Trigger.Schedule.At = hour
		return in
	}
	_, err = s.UpdateGenerator(t.Context(), p, g.ID, 7, at("07:00"))
	wantCode(t, "an old revision", err, outturn.CodeVersionChanged)
	in := at("06:00")
	in.Tenant = s.tenants["child"].ID
	_, err = s.UpdateGenerator(t.Context(), p, g.ID, 1, in)
	wantCode(t, "another tenant", err, outturn.CodeInvalid)

	in = at("06:00")
	in.Spec.Name = "renamed"
	g, err = s.UpdateGenerator(t.Context(), p, g.ID, 1, in)
	must(t, err)
	if g.Revision != 2 || !g.NextAt.Equal(first) || g.Name != "renamed" {
		t.Errorf("renamed: %+v", g)
	}
	g, err = s.UpdateGenerator(t.Context(), p, g.ID, 2, at("07:00"))
	must(t, err)
	if want := first.Add(time.Hour); g.Revision != 3 || !g.NextAt.Equal(want) {
		t.Errorf("an hour later: revision %d, next %s, want %s", g.Revision, g.NextAt, want)
	}
	s.clock.advance(g.NextAt.Sub(s.clock.Now()) + time.Second) // it is due, and nobody has fired yet
	due := g.NextAt
	g, err = s.UpdateGenerator(t.Context(), p, g.ID, 3, at("08:00"))
	must(t, err)
	if !g.NextAt.Equal(due) {
		t.Errorf("what was due at %s is due at %s", due, g.NextAt)
	}

	// What is due by a schedule is over where the trigger is of another kind: else it would
	// fire once more as what it is not, and be done.
	for _, to := range []outturn.Trigger{
		{Kind: outturn.TriggerManual}, {Kind: outturn.TriggerEvent, Event: outturn.EventInvoiceIssued}, {Kind: outturn.TriggerOnce, At: "2030-01-01T06:00", Zone: "UTC"},
	} {
		g := s.generator("own", hourly())
		s.clock.advance(time.Hour)
		in := monthly("now " + string(to.Kind))
		in.Spec.Request.Dataset, in.Spec.Window, in.Spec.Trigger = "invoices", outturn.WindowRule{}, to
		g, err := s.UpdateGenerator(t.Context(), s.operator(), g.ID, 1, in)
		must(t, err)
		s.fire()
		if got := s.read(g); got.State != outturn.GeneratorActive || !got.NextAt.Equal(g.NextAt) || g.NextAt.IsZero() != (to.At == "") || len(s.runsOf(g)) > 0 {
			t.Errorf("%s: due at %s, %s, %d runs", to.Kind, got.NextAt, got.State, len(s.runsOf(g)))
		}
	}

	// One that waits for something else has no time; nor has one that is switched off.
	in = at("08:00")
	in.Spec.Name = "by hand"
	in.Spec.Trigger = outturn.Trigger{Kind: outturn.TriggerManual}
	g, err = s.UpdateGenerator(t.Context(), p, s.generator("own").ID, 1, in)
	must(t, err)
	if !g.NextAt.IsZero() || g.State != outturn.GeneratorActive {
		t.Errorf("by hand: %+v", g)
	}
}

// Switched off it does not fire, and switched on again it does from then on.
func TestSwitchGenerator(t *testing.T) {
	s := newStage(t)
	p := s.as(outturn.RoleManager)
	g := s.generator("own")
	since := s.audited()
	for range 2 {
		off, err := s.DisableGenerator(t.Context(), p, g.ID)
		must(t, err)
		if off.State != outturn.GeneratorDisabled || !off.NextAt.IsZero() || off.Revision != 1 {
			t.Errorf("switched off: %+v", off)
		}
	}
	_, list, err := s.Upcoming(t.Context(), p, g.ID, 2)
	must(t, err)
	if len(list) != 2 || !list[0].At.Equal(g.NextAt) {
		t.Errorf("what would be: %v", list)
	}
	s.clock.advance(40 * 24 * time.Hour)
	for range 2 {
		on, err := s.EnableGenerator(t.Context(), p, g.ID)
		must(t, err)
		if on.State != outturn.GeneratorActive || !on.NextAt.Equal(time.Date(2026, 11, 3, 5, 0, 0, 0, time.UTC)) {
			t.Errorf("switched on: %+v", on)
		}
	}
	var did []string
	for _, e := range s.audit(since, p.Subject) {
		did = append(did, e.Action)
	}
	if !slices.Equal(did, []string{"generator.disable", "generator.enable"}) {
		t.Errorf("the audit has %v", did)
	}
	now := s.generator("own", func(in *reporting.GeneratorInput) { in.Spec.Trigger = outturn.Trigger{Kind: outturn.TriggerOnce} })
	made, err := s.GeneratorRuns(t.Context(), p, now.ID, outturn.ListQuery{})
	must(t, err)
	if now, err = s.Generator(t.Context(), p, now.ID); err != nil || now.State != outturn.GeneratorDone || len(made.Items) != 1 {
		t.Errorf("once, now: %+v, %v, with %d runs", now, err, len(made.Items))
	}
	once := s.generator("own", func(in *reporting.GeneratorInput) {
		in.Spec.Name, in.Spec.Trigger = "Later", outturn.Trigger{Kind: outturn.TriggerOnce, At: s.clock.Now().Add(time.Minute).Format(time.RFC3339)}
	})
	_, err = s.DisableGenerator(t.Context(), p, once.ID)
	must(t, err)
	s.clock.advance(time.Hour)
	_, err = s.EnableGenerator(t.Context(), p, once.ID)
	wantCode(t, "one whose time is over", err, outturn.CodeConflict)
	for _, n := range []int{0, 101} {
		_, _, err := s.Upcoming(t.Context(), p, g.ID, n)
		wantCode(t, "so many", err, outturn.CodeInvalid)
	}
}
