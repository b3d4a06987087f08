package reporting_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// hourly is a generator of all there is, each hour.
func hourly(edit ...specEdit) func(*reporting.GeneratorInput) {
	return func(in *reporting.GeneratorInput) {
		in.Spec.Window = outturn.WindowRule{Kind: outturn.WindowAll}
		for _, e := range append([]specEdit{cron("0 * * * *")}, edit...) {
			e(&in.Spec)
		}
	}
}

func catchUp(policy outturn.CatchUp, hours int) specEdit {
	return func(g *outturn.GeneratorSpec) { g.Trigger.CatchUp, g.Trigger.CatchUpHours = policy, hours }
}

// fire fires what is due, and returns how many generators that were.
func (s *stage) fire() int {
	s.t.Helper()
	n, _, err := s.FireDue(s.t.Context(), 100)
	must(s.t, err)
	return n
}

// firings are those of a generator, the oldest first.
func (s *stage) firings(g outturn.Generator) (list []outturn.Firing) {
	s.t.Helper()
	q := outturn.ListQuery{Order: []outturn.Order{{Field: "scheduled_for"}}, Page: outturn.Page{Limit: outturn.MaxPage}}
	for {
		page, err := s.Firings(s.t.Context(), s.operator(), g.ID, q)
		must(s.t, err)
		list = append(list, page.Items...)
		if q.Page.After = page.Next; page.Next == "" {
			return list
		}
	}
}

// runsOf are the runs of a generator, the oldest first.
func (s *stage) runsOf(g outturn.Generator) []outturn.Run {
	s.t.Helper()
	list, err := s.GeneratorRuns(s.t.Context(), s.operator(), g.ID, outturn.ListQuery{Page: outturn.Page{Limit: outturn.MaxPage}})
	must(s.t, err)
	slices.SortFunc(list.Items, func(a, b outturn.Run) int { return strings.Compare(a.ID, b.ID) })
	return list.Items
}

func (s *stage) read(g outturn.Generator) outturn.Generator {
	s.t.Helper()
	g, err := s.ledger.Generator(s.t.Context(), s.tenants["provider"].ID, g.ID)
	must(s.t, err)
	return g
}

// What was missed while nobody was there takes place as the policy says, in its order,
// and all else is recorded.
func TestP25CatchUp(t *testing.T) {
	at := func(hours ...int) (list []time.Time) {
		for _, h := range hours {
			list = append(list, day.Add(time.Duration(h)*time.Hour))
		}
		return list
	}
	last := func(n, of int) (hours []int) {
		for h := of - n + 1; h <= of; h++ {
			hours = append(hours, h)
		}
		return hours
	}
	const all, latest, none = outturn.CatchUpAll, outturn.CatchUpLatest, outturn.CatchUpNone
	since := window(outturn.WindowRule{Kind: outturn.WindowSinceLastSuccess, From: "2026-09-01"})
	for _, tt := range []struct {
		name   string
		policy outturn.CatchUp
		hours  int
		away   time.Duration
		edit   specEdit
		fires  []time.Time
		rows   int // of firings that were skipped
	}{
		{"on time", none, 0, time.Hour + 2*time.Minute, nil, at(1), 0},
		{"late", latest, 0, time.Hour + 2*time.Minute + time.Second, nil, at(1), 0},
		{"late, and none", none, 0, time.Hour + 2*time.Minute + time.Second, nil, nil, 1},
		{"latest", latest, 0, 5*time.Hour + 30*time.Minute, nil, at(5), 4},
		{"the default", "", 0, 5*time.Hour + 30*time.Minute, nil, at(5), 4},
		{"latest, and one on time", latest, 0, 5*time.Hour + time.Minute, nil, at(5), 4},
		{"none, and one on time", none, 0, 5*time.Hour + time.Minute, nil, at(5), 4},
		{"all", all, 0, 5*time.Hour + 30*time.Minute, nil, at(1, 2, 3, 4, 5), 0},
		{"all of two hours", all, 2, 5*time.Hour + 30*time.Minute, nil, at(4, 5), 3},
		{"all of a month", all, 0, 30*24*time.Hour + 30*time.Minute, nil, at(last(100, 720)...), 620},
		{"all since the last success", all, 0, 5*time.Hour + 30*time.Minute, since, at(5), 4},
		{"none of two months", none, 0, 60*24*time.Hour + 30*time.Minute, nil, nil, 1001},
		{"none of a year", none, 0, 365*24*time.Hour + 30*time.Minute, nil, nil, 1001},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			edits := []specEdit{catchUp(tt.policy, tt.hours)}
			if tt.edit != nil {
				edits = append(edits, tt.edit)
			}
			g := s.generator("own", hourly(edits...))
			if s.fire() != 0 {
				t.Fatal("it fired before it was due")
			}
			s.clock.advance(tt.away)
			if n := s.fire(); n != 1 {
				t.Fatalf("%d generators fired", n)
			}
			var fired []time.Time
			skipped, counted := 0, 0
			for _, f := range s.firings(g) {
				if f.Run != "" {
					fired = append(fired, f.ScheduledFor)
					continue
				}
				skipped++
				counted++
				var more int
				if _, rest, ok := strings.Cut(f.Message, "So were "); ok {
					_, err := fmt.Sscanf(rest, "%d more", &more)
					must(t, err)
				}
				counted += more
				if f.Skipped != outturn.SkippedMissed || f.Message == "" {
					t.Errorf("skipped %+v", f)
				}
			}
			due := int(tt.away / time.Hour)
			if !slices.EqualFunc(fired, tt.fires, time.Time.Equal) || skipped != tt.rows || counted+len(fired) != due {
				t.Errorf("fired for %v, skipped %d in %d rows, of %d", fired, counted, skipped, due)
			}
			runs := s.runsOf(g)
			for i, r := range runs {
				if !r.ScheduledFor.Equal(tt.fires[i]) || r.Cause != outturn.CauseSchedule || r.Revision != 1 || !r.InTurn {
					t.Errorf("run %d is %+v", i, r)
				}
			}
			if got, next := s.read(g), s.clock.Now().Truncate(time.Hour).Add(time.Hour); len(runs) != len(tt.fires) || !got.NextAt.Equal(next) || s.fire() != 0 {
				t.Errorf("there are %d runs; it is due next at %s, want %s", len(runs), got.NextAt, next)
			}
		})
	}
}

// A generator that fires once is done after that, also when it was missed.
func TestFireOnce(t *testing.T) {
	s := newStage(t)
	once := func(in *reporting.GeneratorInput) {
		in.Spec.Trigger = outturn.Trigger{Kind: outturn.TriggerOnce, At: "2026-09-16T06:00", Zone: "Europe/Warsaw"}
	}
	g := s.generator("own", once)
	s.clock.advance(100 * time.Hour)
	s.fire()
	runs := s.runsOf(g)
	if got := s.read(g); got.State != outturn.GeneratorDone || !got.NextAt.IsZero() || len(runs) != 1 {
		t.Fatalf("got %+v with %d runs", got, len(runs))
	}
	if want := time.Date(2026, 9, 16, 4, 0, 0, 0, time.UTC); !runs[0].ScheduledFor.Equal(want) || runs[0].Request.Window.To.UTC().Format(time.RFC3339) != "2026-08-31T22:00:00Z" {
		t.Errorf("made for %s, with %+v", runs[0].ScheduledFor, runs[0].Request.Window)
	}
}

// What cannot be made is recorded with its reason, and the schedule goes on.
func TestP25NothingDiesSilently(t *testing.T) {
	s := newStage(t)
	view := s.view("own", "mine")
	for _, tt := range []struct {
		name      string
		make      func(*reporting.GeneratorInput)
		spoil     func()
		why, says string
	}{
		{"the view is gone", hourly(func(g *outturn.GeneratorSpec) { g.Request.View = "mine" }), func() { must(t, s.DeleteView(t.Context(), s.operator(), view.ID, 1)) }, outturn.SkippedInvalid, `"mine"`},
		{"a limit is reached", hourly(), func() { s.set("own", "most_queued = 0") }, outturn.SkippedLimit, "0"},
		{"the account is gone", hourly(), func() { s.set("own", "external_id = NULL") }, outturn.SkippedInvalid, "external_id"},
	} {
		g := s.generator("own", tt.make)
		tt.spoil()
		for range 2 { // it goes on being told
			s.clock.advance(time.Hour)
			s.fire()
		}
		firings := s.firings(g)
		if len(firings) != 2 || len(s.runsOf(g)) > 0 || s.read(g).State != outturn.GeneratorActive {
			t.Errorf("%s: %+v", tt.name, firings)
		}
		for _, f := range firings {
			if f.Skipped != tt.why || !strings.Contains(f.Message, tt.says) {
				t.Errorf("%s: %+v", tt.name, f)
			}
		}
		s.clock.advance(time.Minute)
		must(t, s.DeleteGenerator(t.Context(), s.operator(), g.ID, 1))
	}
}

// P36: a view of who is above serves generators that are made there, and none that its own
// tenant made: nobody gets at a view by naming one of his own so, and deleting that.
func TestP36ViewAbove(t *testing.T) {
	s := newStage(t)
	s.view("parent", "secret")
	own := s.view("own", "secret")
	above, _ := s.client("parent", outturn.RoleAdmin)
	named := func(p outturn.Principal) outturn.Generator {
		in := monthly("of " + p.Subject)
		in.Tenant, in.Spec.Request.View = s.tenants["own"].ID, "secret"
		g, err := s.CreateGenerator(t.Context(), p, in)
		must(t, err)
		return g
	}
	parents := named(outturn.Principal{Subject: "client:" + above.ID, Tenant: above.Tenant, Roles: []outturn.Role{outturn.RoleAdmin}})
	its := named(s.as(outturn.RoleManager))
	must(t, s.DeleteView(t.Context(), s.operator(), own.ID, 1))
	_, err := s.RunGenerator(t.Context(), s.as(outturn.RoleManager), its.ID, "", "")
	wantCode(t, "a view of who is above", err, outturn.CodeInvalid)
	r, err := s.RunGenerator(t.Context(), s.as(outturn.RoleManager), parents.ID, "", "")
	must(t, err)
	if r.Request.OwnView == nil || r.Request.OwnView.Description != markers["parent"] {
		t.Errorf("a generator of who is above has the view %+v", r.Request.OwnView)
	}
}

// A generator goes on when its maker leaves. It stops with the last admin of its tenant,
// which is told to who is above, and goes on with the next one; so it does with a
// suspension.
func TestP35WhoLeaves(t *testing.T) {
	s := newStage(t)
	maker, _ := s.client("own", outturn.RoleManager)
	admin, _ := s.client("own", outturn.RoleAdmin)
	in := monthly("hourly")
	hourly(catchUp(outturn.CatchUpLatest, 0))(&in)
	p := s.as(outturn.RoleManager)
	p.Subject = "client:" + maker.ID
	g, err := s.CreateGenerator(t.Context(), p, in)
	must(t, err)
	revoke := func(id string) {
		_, err := s.RevokeClient(t.Context(), s.operator(), id)
		must(t, err)
	}
	revoke(maker.ID)
	s.clock.advance(time.Hour)
	s.fire()
	if runs := s.runsOf(g); len(runs) != 1 || runs[0].CreatedBy != "generator:"+g.ID || runs[0].Tenant != g.Tenant {
		t.Fatalf("after its maker left: %+v", runs)
	}
	for _, stop := range []struct {
		why        string
		begin, end func()
	}{
		{outturn.PausedForAdmin, func() { revoke(admin.ID) }, func() { s.client("own", outturn.RoleAdmin) }},
		{
			outturn.PausedForSuspension,
			func() { _, err := s.SuspendTenant(t.Context(), s.operator(), s.tenants["own"].ID); must(t, err) },
			func() { _, err := s.ResumeTenant(t.Context(), s.operator(), s.tenants["own"].ID); must(t, err) },
		},
	} {
		before := len(s.firings(g))
		stop.begin()
		if got := s.read(g); got.State != outturn.GeneratorPaused || got.PausedFor != stop.why {
			t.Fatalf("%s: it is %s for %s", stop.why, got.State, got.PausedFor)
		}
		told, err := s.ledger.AuditEntries(t.Context(), s.tenants["parent"].ID, outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpEQ, Field: "action", Values: []string{"generator.paused"}}})
		must(t, err)
		if !slices.ContainsFunc(told.Items, func(a outturn.AuditEntry) bool { return a.Object == g.ID && a.Detail["paused_for"] == stop.why }) ||
			!slices.ContainsFunc(told.Items, func(a outturn.AuditEntry) bool { return a.Tenant == s.tenants["parent"].ID && a.Object == g.Tenant }) {
			t.Errorf("%s: who is above is told %+v", stop.why, told.Items)
		}
		s.clock.advance(3 * time.Hour)
		if n := s.fire(); n != 0 {
			t.Errorf("%s: %d fired", stop.why, n)
		}
		s.clock.advance(30 * time.Minute)
		stop.end()
		s.fire()
		var got []string
		for _, f := range s.firings(g)[before:] {
			got = append(got, f.Skipped)
		}
		if want := []string{outturn.SkippedPaused, outturn.SkippedPaused, ""}; !slices.Equal(got, want) || s.read(g).State != outturn.GeneratorActive {
			t.Errorf("%s: then %q, want %q", stop.why, got, want)
		}
		s.clock.advance(30 * time.Minute)
		s.fire()
	}
}

// A run that somebody asks for does not move the schedule; one that is repeated keeps its
// window, and is the generator's as the first was.
func TestP45RunAndRetry(t *testing.T) {
	s := newStage(t)
	g := s.generator("own", func(in *reporting.GeneratorInput) { in.Spec.RunName = "What finance wants" })
	p := s.as(outturn.RoleManager)
	r, err := s.RunGenerator(t.Context(), p, g.ID, "key", "f")
	must(t, err)
	again, err := s.RunGenerator(t.Context(), p, g.ID, "key", "f")
	must(t, err)
	if got := s.read(g); again.ID != r.ID || !got.NextAt.Equal(g.NextAt) || !got.LastFiredAt.IsZero() || len(s.runsOf(g)) != 1 {
		t.Errorf("got %+v and the runs %s and %s", got, r.ID, again.ID)
	}
	if r.Name != g.RunName || r.Rhythm != outturn.RhythmMonth || r.Format != "xlsx" {
		t.Errorf("it is called %q, %q, %q", r.Name, r.Rhythm, r.Format)
	}
	if w := r.Request.Window; r.Cause != outturn.CauseManual || r.CreatedBy != p.Subject || w == nil || w.From.In(w.Zone).Format(time.RFC3339) != "2026-08-01T00:00:00+02:00" || w.To.In(w.Zone).Format(time.RFC3339) != "2026-09-01T00:00:00+02:00" {
		t.Errorf("got %+v", r)
	}
	if _, err := s.RunGenerator(t.Context(), s.as(outturn.RoleViewer), g.ID, "", ""); outturn.ErrorCode(err) != outturn.CodeForbidden {
		t.Errorf("a viewer: %v", err)
	}
	s.publish(s.claimed(r), "own")
	s.clock.advance(17 * 24 * time.Hour) // to October 2, when it is due
	s.fire()
	due := s.runsOf(g)[1]
	due = s.claimed(due)
	_, err = s.ledger.FailRun(t.Context(), due.Claim(), outturn.NewReason(outturn.Errorf(outturn.CodeQueryFailed, "No."), "c"), time.Time{})
	must(t, err)
	s.clock.advance(40 * 24 * time.Hour)
	retried, err := s.RetryRun(t.Context(), p, due.ID, "", "")
	must(t, err)
	if w := retried.Request.Window; w.From.In(w.Zone).Format(time.DateOnly) != "2026-09-01" || retried.Generator != g.ID || retried.Cause != outturn.CauseSchedule || len(retried.Deliveries) != 1 ||
		retried.Name != g.RunName || retried.Rhythm != outturn.RhythmMonth {
		t.Errorf("repeated as %+v", retried)
	}
	s.publish(s.claimed(retried), "own")
	if got := s.read(g); !got.CoveredTo.Equal(due.Request.Window.To) {
		t.Errorf("covered to %s", got.CoveredTo)
	}
}

// A run keeps the revision that it was made by, whatever is changed while it goes on.
func TestRevisionOfRun(t *testing.T) {
	s := newStage(t)
	g := s.generator("own")
	r, err := s.RunGenerator(t.Context(), s.operator(), g.ID, "", "")
	must(t, err)
	r = s.claimed(r)
	in := reporting.GeneratorInput{Spec: g.GeneratorSpec}
	in.Spec.Request.Outputs = []outturn.Output{{Format: "csv"}}
	in.Spec.Trigger = outturn.Trigger{Kind: outturn.TriggerManual}
	_, err = s.UpdateGenerator(t.Context(), s.operator(), g.ID, 1, in)
	must(t, err)
	next, err := s.RunGenerator(t.Context(), s.operator(), g.ID, "", "")
	must(t, err)
	if r, err = s.Run(t.Context(), s.operator(), r.ID); err != nil || r.Revision != 1 || r.Request.Outputs[0].Format != "xlsx" || next.Revision != 2 || next.Request.Outputs[0].Format != "csv" ||
		r.Rhythm != outturn.RhythmMonth || next.Rhythm != outturn.RhythmManual || next.Format != "csv" || next.Name != g.Name {
		t.Errorf("got %+v, then %+v", r, next)
	}
}

// A backfill makes a run for each window of the schedule, the oldest first and after
// others, however long before the schedule began.
func TestBackfill(t *testing.T) {
	s := newStage(t)
	daily := schedule(func(r *outturn.Recurrence) {
		*r = outturn.Recurrence{Every: outturn.UnitDay, At: "06:00", Zone: "Europe/Warsaw"}
	})
	previous := func(unit outturn.Unit, n int) specEdit {
		return window(outturn.WindowRule{Kind: outturn.WindowPrevious, Unit: unit, Count: n})
	}
	manual := trigger(outturn.Trigger{Kind: outturn.TriggerManual})
	for _, tt := range []struct {
		name     string
		edits    []specEdit
		from, to string
		want     []string // ends of the windows, beginning with the first's from
		says     string
	}{
		{"Months", nil, "2026-01-01", "2026-05-01", []string{"2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"}, ""},
		{"WholeMonths", nil, "2026-01-02", "2026-04-30", []string{"2026-02-01", "2026-03-01", "2026-04-01"}, ""},
		{"OverDST", []specEdit{daily, previous(outturn.UnitDay, 0)}, "2026-03-28", "2026-03-31", []string{"2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"}, ""},
		{"BeforeItBegins", []specEdit{schedule(func(r *outturn.Recurrence) { r.Start = "2026-12-01" })}, "2026-01-01", "2026-03-01", []string{"2026-01-01", "2026-02-01", "2026-03-01"}, ""},
		{"EveryThreeMonths", []specEdit{schedule(func(r *outturn.Recurrence) { r.Start, r.Interval = "2026-10-31", 3 }), previous(outturn.UnitMonth, 3)}, "2025-10-01", "2026-07-01", []string{"2025-10-01", "2026-01-01", "2026-04-01", "2026-07-01"}, ""},
		{"ByHand", []specEdit{manual, previous(outturn.UnitWeek, 2)}, "2026-06-01", "2026-06-29", []string{"2026-06-01", "2026-06-15", "2026-06-29"}, ""},
		{"SinceLastSuccess", []specEdit{daily, window(outturn.WindowRule{Kind: outturn.WindowSinceLastSuccess, From: "2026-01-01"})}, "2026-06-01T06:00", "2026-06-03T06:00", []string{"2026-06-01", "2026-06-02", "2026-06-03"}, ""},

		{"ErrNotOver", nil, "2026-01-01", "2026-09-16", nil, "is not over yet"},
		{"ErrNoWindow", nil, "2026-01-02", "2026-02-20", nil, "No window"},
		{"ErrTooMany", []specEdit{daily, previous(outturn.UnitDay, 0)}, "2026-01-01", "2026-05-02", nil, "more than 120 windows"},
		{"ErrAll", []specEdit{window(outturn.WindowRule{Kind: outturn.WindowAll})}, "2026-01-01", "2026-02-01", nil, "the same window"},
		{"ErrText", nil, "yesterday", "2026-02-01", nil, "yesterday"},
		{"ErrEmpty", nil, "2026-02-01", "2026-02-01", nil, "empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := s.in(t)
			g := s.generator("own", func(in *reporting.GeneratorInput) {
				for _, e := range tt.edits {
					e(&in.Spec)
				}
			})
			in := reporting.BackfillInput{Generator: g.ID, From: tt.from, To: tt.to, DryRun: true}
			drafted, none, err := s.Backfill(t.Context(), s.operator(), in)
			if tt.says != "" {
				if faults := outturn.Faults(err); outturn.ErrorCode(err) != outturn.CodeInvalid || !strings.Contains(err.Error(), tt.says) || faults[0].Field == "" {
					t.Errorf("got %v", err)
				}
				return
			}
			must(t, err)
			if len(none) > 0 || len(s.runsOf(g)) > 0 {
				t.Fatal("a draft made runs")
			}
			in.DryRun, in.Key, in.Fingerprint = false, g.ID, "f"
			windows, runs, err := s.Backfill(t.Context(), s.operator(), in)
			must(t, err)
			var ends []string
			for i, r := range runs {
				w := r.Request.Window
				if i == 0 {
					ends = append(ends, w.From.In(w.Zone).Format(time.DateOnly))
				}
				ends = append(ends, w.To.In(w.Zone).Format(time.DateOnly))
				if !r.Low || !r.InTurn || r.Cause != outturn.CauseBackfill || i > 0 && (r.ID <= runs[i-1].ID || !w.From.Equal(runs[i-1].Request.Window.To)) || !windows[i].Window.From.Equal(w.From) || !drafted[i].Window.To.Equal(w.To) {
					t.Errorf("run %d: %+v", i, r)
				}
			}
			if !slices.Equal(ends, tt.want) {
				t.Errorf("the windows end at %v, want %v", ends, tt.want)
			}
			_, again, err := s.Backfill(t.Context(), s.operator(), in)
			must(t, err)
			if len(again) != len(runs) || again[0].ID != runs[0].ID || len(s.runsOf(g)) != len(runs) {
				t.Errorf("the same key: %d runs, then %d", len(runs), len(again))
			}
			if got := s.read(g); !got.NextAt.Equal(g.NextAt) || !got.LastFiredAt.IsZero() {
				t.Errorf("it moved the schedule: %+v", got)
			}
		})
	}
}

// P31: what a schedule fires for and what a backfill of the same time makes are the same
// windows.
func TestP31BackfillIsTheSchedule(t *testing.T) {
	for _, rule := range []outturn.Recurrence{
		{Every: outturn.UnitDay, At: "02:30", Zone: "Europe/Warsaw"},
		{Every: outturn.UnitWeek, Weekdays: []string{"mon"}, At: "23:45", Zone: "America/New_York"},
		{Every: outturn.UnitMonth, Nth: 1, Of: "business_day", At: "06:00", Zone: "Australia/Lord_Howe"},
	} {
		s := newStage(t)
		g := s.generator("own", func(in *reporting.GeneratorInput) {
			in.Spec.Trigger = outturn.Trigger{Kind: outturn.TriggerSchedule, Schedule: &rule, CatchUp: outturn.CatchUpAll, CatchUpHours: 24 * 90}
			in.Spec.Window.Unit = rule.Every
		})
		s.clock.advance(80*24*time.Hour + 20*time.Hour)
		s.fire()
		fired := s.runsOf(g)
		first, last := fired[0].Request.Window, fired[len(fired)-1].Request.Window
		_, filled, err := s.Backfill(t.Context(), s.operator(), reporting.BackfillInput{Generator: g.ID, From: first.From.Format(time.RFC3339), To: last.To.Format(time.RFC3339)})
		must(t, err)
		texts := func(runs []outturn.Run) (list []string) {
			for _, r := range runs {
				list = append(list, r.Request.Window.From.UTC().String()+" "+r.Request.Window.To.UTC().String())
			}
			return list
		}
		if got, want := texts(filled), texts(fired); len(want) < 2 || !slices.Equal(got, want) {
			t.Errorf("each %s: the backfill has\n%s\nthe schedule\n%s", rule.Every, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
