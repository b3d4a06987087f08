package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"outturn"
)

// generator makes one that is due now, with an overlap policy.
func (b *bench) generator(tenant string, overlap outturn.Overlap) outturn.Generator {
	b.t.Helper()
	return must[outturn.Generator](b.t)(b.store.CreateGenerator(ctx, outturn.Generator{
		Tenant: tenant, State: outturn.GeneratorActive, NextAt: b.now(), Origin: "api", CreatedBy: "client:1",
		GeneratorSpec: outturn.GeneratorSpec{
			Name: fmt.Sprint("Generator ", b.number()), Request: outturn.RunRequest{Dataset: "orders"}, Window: outturn.WindowRule{Kind: outturn.WindowAll},
			Trigger: outturn.Trigger{Kind: outturn.TriggerSchedule, Overlap: overlap},
		},
	}, outturn.AuditEntry{Subject: "client:1"}))
}

// due is one run of g for its NextAt, after which it fires an hour later.
func (b *bench) due(g outturn.Generator) outturn.FireInput {
	in := b.fire(g, outturn.CauseSchedule)
	in.Due, in.Next, in.Firings[0].ScheduledFor = true, g.NextAt.Add(time.Hour), g.NextAt
	return in
}

// fire is one run of g for a cause.
func (b *bench) fire(g outturn.Generator, cause outturn.Cause) outturn.FireInput {
	r := outturn.Run{ID: outturn.NewID(b.now().Add(time.Duration(b.number()) * time.Millisecond)), Tenant: g.Tenant, Generator: g.ID, Revision: g.Revision, Cause: cause, InTurn: cause != outturn.CauseEvent, CreatedBy: "generator:" + g.ID}
	f := outturn.Firing{Generator: g.ID, Revision: g.Revision, Cause: cause, ScheduledFor: b.now(), Run: r.ID}
	if cause == outturn.CauseEvent {
		f.EventKey = "invoice.issued\n1"
	}
	return outturn.FireInput{Generator: g, Firings: []outturn.Firing{f}, Runs: []outturn.Run{r}, Entry: outturn.AuditEntry{Action: "run.create"}}
}

func (b *bench) fired(in outturn.FireInput) outturn.Run {
	b.t.Helper()
	runs := must[[]outturn.Run](b.t)(b.store.Fire(ctx, in))
	if len(runs) != 1 {
		b.t.Fatalf("got %d runs", len(runs))
	}
	return runs[0]
}

func (b *bench) read(g outturn.Generator) outturn.Generator {
	b.t.Helper()
	return must[outturn.Generator](b.t)(b.store.Generator(ctx, b.root.ID, g.ID))
}

func (b *bench) firings(g outturn.Generator) []outturn.Firing {
	b.t.Helper()
	return must[outturn.List[outturn.Firing]](b.t)(b.store.Firings(ctx, b.root.ID, g.ID, outturn.ListQuery{Order: []outturn.Order{{Field: "scheduled_for"}}})).Items
}

// testGenerators leads generators through their changes.
func testGenerators(t *testing.T, b *bench) {
	two := int64(2)
	tenant := b.tenant(b.root.ID, outturn.KindReseller)
	must[outturn.Tenant](t)(b.store.UpdateTenant(ctx, b.root.ID, tenant.ID, func(n *outturn.Tenant) error { n.Limits.Generators = &two; return nil }, none))
	g, other := b.generator(tenant.ID, ""), b.generator(tenant.ID, "")
	_, err := b.store.CreateGenerator(ctx, outturn.Generator{Tenant: tenant.ID, GeneratorSpec: outturn.GeneratorSpec{Name: "third", Trigger: outturn.Trigger{Kind: outturn.TriggerManual}}}, none)
	refused(t, "a third of two", err, outturn.CodeLimit)

	change := b.read(g)
	change.Name, change.State, change.NextAt = "Changed", outturn.GeneratorActive, b.now().Add(time.Minute)
	changed := must[outturn.Generator](t)(b.store.UpdateGenerator(ctx, b.root.ID, g.ID, 1, change, outturn.AuditEntry{Subject: "client:2"}))
	if got := b.read(g); changed.Revision != 2 || got.Name != "Changed" || !got.NextAt.Equal(change.NextAt) || got.Revision != 2 || !got.UpdatedAt.After(g.UpdatedAt) {
		t.Errorf("got %+v", got)
	}
	if got := b.rowsOf(`SELECT revision || ' ' || changed_by FROM generator_revisions WHERE generator = '` + g.ID + `' ORDER BY revision`); !slices.Equal(got, []string{"1 client:1", "2 client:2"}) {
		t.Errorf("kept the revisions %v", got)
	}
	_, err = b.store.UpdateGenerator(ctx, b.root.ID, g.ID, 1, change, none)
	refused(t, "a change of what was changed", err, outturn.CodeVersionChanged)
	for _, state := range []outturn.GeneratorState{outturn.GeneratorDisabled, outturn.GeneratorActive} {
		as := b.read(g)
		must[outturn.Generator](t)(b.store.SwitchGenerator(ctx, tenant.ID, g.ID, state, change.NextAt, none))
		_, err = b.store.UpdateGenerator(ctx, b.root.ID, g.ID, 2, as, none)
		refused(t, "a change of what is "+string(state)+" by now", err, outturn.CodeVersionChanged)
	}
	change.Name = other.Name
	_, err = b.store.UpdateGenerator(ctx, b.root.ID, g.ID, 2, change, none)
	refused(t, "a name that is taken", err, outturn.CodeConflict)

	due := func() (ids []string) {
		for _, d := range must[[]outturn.Generator](t)(b.store.DueGenerators(ctx, 10)) {
			ids = append(ids, d.ID)
		}
		return ids
	}
	if got, next := due(), must[time.Time](t)(b.store.NextDue(ctx)); !slices.Equal(got, []string{other.ID}) || !next.Equal(other.NextAt) {
		t.Errorf("due are %v, the next %s", got, next)
	}
	off := must[outturn.Generator](t)(b.store.SwitchGenerator(ctx, tenant.ID, other.ID, outturn.GeneratorDisabled, time.Time{}, none))
	if next := must[time.Time](t)(b.store.NextDue(ctx)); off.State != outturn.GeneratorDisabled || off.Revision != 1 || len(due()) > 0 || !next.Equal(b.now().Add(time.Minute)) {
		t.Errorf("switched off: %+v, the next is due %s", off, next)
	}
	refused(t, "a revision that is not", b.store.DeleteGenerator(ctx, tenant.ID, g.ID, 1, none), outturn.CodeVersionChanged)
	ok(t, b.store.DeleteGenerator(ctx, tenant.ID, g.ID, 2, none))
	if u := must[outturn.Usage](t)(b.store.Usage(ctx, b.root.ID, b.root.ID)); u.Generators != 1 {
		t.Errorf("%d generators count", u.Generators)
	}
}

// testGeneratorsOfTenants: what becomes of a tenant becomes of its generators.
func testGeneratorsOfTenants(t *testing.T, b *bench) {
	reseller := b.tenant(b.root.ID, outturn.KindReseller)
	tenant := b.tenant(reseller.ID, outturn.KindCustomer)
	g, off := b.generator(tenant.ID, ""), b.generator(tenant.ID, "")
	must[outturn.Generator](t)(b.store.SwitchGenerator(ctx, tenant.ID, off.ID, outturn.GeneratorDisabled, time.Time{}, none))
	entry := outturn.AuditEntry{Action: "x", Subject: "client:1"}
	suspend := func(id string) func() {
		return func() { must[outturn.Tenant](t)(b.store.SuspendTenant(ctx, b.root.ID, id, entry)) }
	}
	resume := func(id string) func() {
		return func() { must[outturn.Tenant](t)(b.store.ResumeTenant(ctx, b.root.ID, id, entry)) }
	}
	revoked := func(id string, at time.Time) func() {
		return func() {
			must[outturn.Client](t)(b.store.UpdateClient(ctx, b.root.ID, id, func(c *outturn.Client) error { c.RevokedAt = at; return nil }, entry))
		}
	}
	client := func(id string, role outturn.Role) func() {
		return func() { ok(t, b.store.CreateClient(ctx, outturn.Client{ID: id, Tenant: tenant.ID, Role: role}, entry)) }
	}
	held := b.tenant(b.root.ID, outturn.KindReseller)
	suspend(held.ID)()
	move := func(parent string) func() {
		return func() { must[outturn.Tenant](t)(b.store.MoveTenant(ctx, b.root.ID, tenant.ID, parent, entry)) }
	}
	for _, step := range []struct {
		name  string
		do    func()
		want  string // what it is paused for; "" is active
		above string // who is told of it, beside the tenant; "" is nobody
	}{
		{"suspended", suspend(tenant.ID), outturn.PausedForSuspension, reseller.ID},
		{"above it suspended too", suspend(reseller.ID), outturn.PausedForSuspension, ""},
		{"resumed below a suspended one", resume(tenant.ID), outturn.PausedForSuspension, ""},
		{"resumed", resume(reseller.ID), "", b.root.ID},
		{"moved to a suspended one", move(held.ID), outturn.PausedForSuspension, held.ID},
		{"moved back", move(reseller.ID), "", reseller.ID},
		{"a manager who leaves", func() { client("ot_0", outturn.RoleManager)(); revoked("ot_0", b.now())() }, "", ""},
		{"two admins, of whom one leaves", func() {
			client("ot_1", outturn.RoleAdmin)()
			client("ot_2", outturn.RoleAdmin)()
			revoked("ot_1", b.now())()
		}, "", ""},
		{"the last admin leaves", revoked("ot_2", b.now()), outturn.PausedForAdmin, reseller.ID},
		{"and is suspended", suspend(tenant.ID), outturn.PausedForSuspension, ""},
		{"and resumed", resume(tenant.ID), outturn.PausedForAdmin, ""},
		{"another admin comes", client("ot_3", outturn.RoleAdmin), "", reseller.ID},
		{"deleted", func() { ok(t, b.store.DeleteTenant(ctx, b.root.ID, tenant.ID, entry)) }, outturn.PausedForDeletion, reseller.ID},
		{"restored", func() { must[outturn.Tenant](t)(b.store.RestoreTenant(ctx, b.root.ID, tenant.ID, entry)) }, "", reseller.ID},
	} {
		b.pass(time.Minute)
		was := b.read(g)
		told := func() []string {
			return b.rowsOf(`SELECT tenant FROM audit WHERE action IN ('generator.paused', 'generator.resumed') ORDER BY seq`)
		}
		before := len(told())
		step.do()
		got := b.read(g)
		state := map[bool]outturn.GeneratorState{true: outturn.GeneratorActive, false: outturn.GeneratorPaused}[step.want == ""]
		if got.State != state || got.PausedFor != step.want || !got.NextAt.Equal(g.NextAt) || got.Revision != 1 {
			t.Errorf("%s: got %+v", step.name, got)
		}
		if state == outturn.GeneratorPaused && was.State != state && !got.PausedAt.Equal(b.now()) || state == outturn.GeneratorActive && was.State != state && !got.ResumedAt.Equal(b.now()) {
			t.Errorf("%s: paused at %s, resumed at %s", step.name, got.PausedAt, got.ResumedAt)
		}
		var want []string
		if step.above != "" {
			want = []string{tenant.ID, step.above}
		}
		if got := told()[before:]; !slices.Equal(got, want) {
			t.Errorf("%s: told %v, want %v", step.name, got, want)
		}
		if got := b.read(off).State; got != outturn.GeneratorDisabled {
			t.Errorf("%s: what was off is %s", step.name, got)
		}
	}

	suspend(tenant.ID)()
	if got := b.generator(tenant.ID, ""); got.State != outturn.GeneratorPaused {
		t.Errorf("one that is made is %s", got.State)
	}
	if got := must[outturn.Generator](t)(b.store.SwitchGenerator(ctx, b.root.ID, off.ID, outturn.GeneratorActive, b.now(), none)); got.State != outturn.GeneratorPaused {
		t.Errorf("one that is switched on is %s", got.State)
	}
	ok(t, b.store.DeleteTenant(ctx, b.root.ID, tenant.ID, none))
	if u := must[outturn.Usage](t)(b.store.Usage(ctx, b.root.ID, b.root.ID)); u.Generators != 3 {
		t.Errorf("of a deleted tenant %d generators count", u.Generators)
	}
	must[[]outturn.Tenant](t)(b.store.PurgeTenants(ctx, b.now(), 10))
	if u := must[outturn.Usage](t)(b.store.Usage(ctx, b.root.ID, b.root.ID)); u.Generators != 0 || len(b.rowsOf(`SELECT 1 FROM generator_revisions`)) > 0 {
		t.Errorf("of a purged tenant %d generators count", u.Generators)
	}
}

// testFire fires, and looks at what of it is refused or skipped.
func testFire(t *testing.T, b *bench) {
	tenant := b.tenant(b.root.ID, outturn.KindReseller)

	g := b.generator(tenant.ID, outturn.OverlapQueue)
	first := b.due(g)
	r := b.fired(first)
	got := b.read(g)
	if !got.NextAt.Equal(first.Next) || !got.LastFiredAt.Equal(g.NextAt) || r.Generator != g.ID || r.State != outturn.RunQueued {
		t.Errorf("fired: %+v, %+v", got, r)
	}
	before := b.dump()
	_, err := b.store.Fire(ctx, first)
	refused(t, "the same once more", err, outturn.CodeVersionChanged)
	for name, change := range map[string]func(*outturn.Generator){
		"another revision": func(g *outturn.Generator) { g.Revision++ },
		"another due time": func(g *outturn.Generator) { g.NextAt = g.NextAt.Add(time.Microsecond) },
	} {
		in := b.due(got)
		change(&in.Generator)
		_, err = b.store.Fire(ctx, in)
		refused(t, name, err, outturn.CodeVersionChanged)
	}
	if b.dump() != before {
		t.Error("what was refused changed the ledger")
	}

	again := b.due(g)
	again.Generator.NextAt = got.NextAt // as if its due time had been turned back
	again.Next = got.NextAt
	if made := must[[]outturn.Run](t)(b.store.Fire(ctx, again)); len(made) > 0 || len(b.firings(g)) != 1 {
		t.Errorf("P26: it fired twice for the same time: %+v", made)
	}
	event := b.fire(g, outturn.CauseEvent)
	b.fired(event)
	if list := b.firings(g); !slices.ContainsFunc(list, func(f outturn.Firing) bool { return f.Cause == outturn.CauseEvent && f.Invoice == "1" }) {
		t.Errorf("the firing of an event says nothing of its invoice: %+v", list)
	}
	_, err = b.store.Fire(ctx, b.fire(g, outturn.CauseEvent))
	refused(t, "an event that it fired for", err, outturn.CodeConflict)
	off := b.generator(tenant.ID, "")
	event = b.fire(off, outturn.CauseEvent)
	must[outturn.Generator](t)(b.store.SwitchGenerator(ctx, b.root.ID, off.ID, outturn.GeneratorDisabled, time.Time{}, none))
	if made := must[[]outturn.Run](t)(b.store.Fire(ctx, event)); len(made) > 0 || len(b.firings(off)) != 1 || b.firings(off)[0].Skipped != outturn.SkippedDisabled {
		t.Errorf("one that was switched off since it was read fires for an event: %+v, %+v", made, b.firings(off))
	}
	manual := b.fire(g, outturn.CauseManual)
	manual.Key = &outturn.IdempotencyKey{Subject: "client:1", Key: "k", Fingerprint: "f", ExpiresAt: b.now().Add(time.Hour)}
	now := b.fired(manual)
	again = b.fire(g, outturn.CauseManual)
	again.Key = manual.Key
	if r := b.fired(again); r.ID != now.ID {
		t.Error("a key made two runs")
	}
	if after := b.read(g); !after.NextAt.Equal(got.NextAt) || !after.LastFiredAt.Equal(got.LastFiredAt) {
		t.Errorf("P45: a run that somebody asked for moved the schedule: %+v", after)
	}
	last := b.due(got)
	last.Next = time.Time{}
	b.fired(last)
	if got := b.read(g); got.State != outturn.GeneratorDone || !got.NextAt.IsZero() {
		t.Errorf("after the last: %+v", got)
	}

	for _, overlap := range outturn.Overlaps {
		for _, state := range []outturn.RunState{outturn.RunQueued, outturn.RunRunning} {
			g := b.generator(tenant.ID, overlap)
			r := b.fired(b.due(g))
			backfill := b.fire(g, outturn.CauseBackfill)
			backfill.Runs[0].Low = true
			beside := b.fired(backfill)
			if state == outturn.RunRunning {
				r = must[outturn.Run](t)(b.store.ClaimRun(ctx, r.ID, worker, lease))
			}
			made := must[[]outturn.Run](t)(b.store.Fire(ctx, b.due(b.read(g))))
			r = must[outturn.Run](t)(b.store.Run(ctx, tenant.ID, r.ID))
			firing := b.firings(g)[2]
			cancelled := r.State == outturn.RunCancelled || !r.CancelAt.IsZero()
			if cancelled != (overlap == outturn.OverlapCancel) || (len(made) == 0) != (overlap == outturn.OverlapSkip) || (firing.Skipped == outturn.SkippedOverlap) != (overlap == outturn.OverlapSkip) {
				t.Errorf("%s meets a %s run: the run %+v, made %d, the firing %+v", overlap, state, r, len(made), firing)
			}
			if beside = must[outturn.Run](t)(b.store.Run(ctx, tenant.ID, beside.ID)); beside.State != outturn.RunQueued {
				t.Errorf("%s: the backfill is %s", overlap, beside.State)
			}
		}
	}

	full := b.tenant(b.root.ID, outturn.KindReseller)
	none0 := int64(0)
	must[outturn.Tenant](t)(b.store.UpdateTenant(ctx, b.root.ID, full.ID, func(n *outturn.Tenant) error { n.Limits.Queued = &none0; return nil }, none))
	g = b.generator(full.ID, "")
	for _, cause := range []outturn.Cause{outturn.CauseManual, outturn.CauseBackfill, outturn.CauseEvent} {
		_, err := b.store.Fire(ctx, b.fire(g, cause))
		refused(t, "a limit, for "+string(cause), err, outturn.CodeLimit)
	}
	if made := must[[]outturn.Run](t)(b.store.Fire(ctx, b.due(g))); len(made) > 0 {
		t.Error("a limit did not count")
	}
	if f := b.firings(g); len(f) != 1 || f[0].Skipped != outturn.SkippedLimit || f[0].Message == "" || !b.read(g).NextAt.After(g.NextAt) {
		t.Errorf("for the limit: %+v", f)
	}
	if got := b.rowsOf(`SELECT SUM(n) FROM firing_totals`); !slices.Equal(got, b.rowsOf(`SELECT COUNT(*) FROM firings`)) {
		t.Errorf("%v firings are counted", got)
	}
}

// testTurns: of a generator one run is at work at a time, the oldest first, and one of
// its backfills beside it.
func testTurns(t *testing.T, b *bench) {
	tenant := b.tenant(b.root.ID, outturn.KindReseller)
	g := b.generator(tenant.ID, outturn.OverlapQueue)
	low := func() outturn.Run {
		in := b.fire(g, outturn.CauseBackfill)
		in.Runs[0].Low = true
		return b.fired(in)
	}
	old := []outturn.Run{low(), low()}
	b.pass(time.Second)
	ids := []outturn.Run{b.fired(b.due(g)), b.fired(b.due(b.read(g))), b.fired(b.fire(g, outturn.CauseManual))}
	event := b.fired(b.fire(g, outturn.CauseEvent))
	due := func() []string { return idsOf(must[[]outturn.Run](t)(b.store.DueRuns(ctx, 10))) }
	if got, want := due(), idsOf([]outturn.Run{ids[0], event, old[0]}); !slices.Equal(got, want) {
		t.Errorf("due are %v, want %v", got, want)
	}
	claim := func(r outturn.Run) (outturn.Run, error) { return b.store.ClaimRun(ctx, r.ID, worker, lease) }
	for i, r := range ids {
		for _, later := range ids[i+1:] {
			_, err := claim(later)
			refused(t, "a claim out of turn", err, outturn.CodeHeld)
		}
		if i == 2 {
			break
		}
		r = must[outturn.Run](t)(claim(r))
		if i == 0 { // a retry keeps its turn
			r = must[outturn.Run](t)(b.store.FailRun(ctx, r.Claim(), reason(), b.now().Add(time.Minute)))
			_, err := claim(ids[1])
			refused(t, "a claim before a retry", err, outturn.CodeHeld)
			b.pass(time.Minute)
			r = must[outturn.Run](t)(claim(r))
		}
		must[outturn.Run](t)(b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, nil))
		if got := idsOf(must[[]outturn.Run](t)(b.store.NextInTurn(ctx, r.ID))); !slices.Contains(got, ids[i+1].ID) || slices.Contains(got, old[1].ID) {
			t.Errorf("next are %v", got)
		}
	}
	_, err := claim(old[1])
	refused(t, "the second of a backfill", err, outturn.CodeHeld)
	must[outturn.Run](t)(b.store.CancelRun(ctx, tenant.ID, old[0].ID, "client:1", none))
	must[outturn.Run](t)(claim(old[1]))
	must[outturn.Run](t)(claim(event))
}

// testCovered: what counts as covered when a run succeeds.
func testCovered(t *testing.T, b *bench) {
	tenant := b.tenant(b.root.ID, outturn.KindReseller)
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		kind   outturn.WindowKind
		cause  outturn.Cause
		counts bool
	}{
		{outturn.WindowPrevious, outturn.CauseSchedule, true}, {outturn.WindowPrevious, outturn.CauseManual, false}, {outturn.WindowPrevious, outturn.CauseBackfill, false},
		{outturn.WindowSinceLastSuccess, outturn.CauseSchedule, true}, {outturn.WindowSinceLastSuccess, outturn.CauseManual, true}, {outturn.WindowSinceLastSuccess, outturn.CauseBackfill, false},
	} {
		g := b.generator(tenant.ID, "")
		g.Window.Kind = tt.kind
		g = must[outturn.Generator](t)(b.store.UpdateGenerator(ctx, tenant.ID, g.ID, 1, g, none))
		for _, to := range []int{9, 11, 10} {
			in := b.fire(g, tt.cause)
			if tt.cause == outturn.CauseSchedule {
				in.Firings[0].ScheduledFor = day(to)
			}
			in.Runs[0].Request.Window = &outturn.Window{From: day(1), To: day(to), Zone: time.UTC}
			r := b.fired(in)
			r = must[outturn.Run](t)(b.store.ClaimRun(ctx, r.ID, worker, lease))
			must[outturn.Run](t)(b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, nil))
		}
		if got := b.read(g).CoveredTo; got.Equal(day(11)) != tt.counts || got.IsZero() == tt.counts {
			t.Errorf("%s of %s: covered to %s", tt.kind, tt.cause, got)
		}
	}
}

// testToldOfGenerators: who asked for it has a message of each pause, and of each firing
// that makes no run; a pause is told to the webhooks of who is above as well.
func testToldOfGenerators(t *testing.T, b *bench) {
	reseller := b.tenant(b.root.ID, outturn.KindReseller)
	tenant := b.tenant(reseller.ID, outturn.KindCustomer)
	hooks := map[string]string{}
	for _, of := range []string{tenant.ID, reseller.ID, b.root.ID} {
		w := outturn.Webhook{Tenant: of, Name: "w", URL: "https://hooks.example.com/" + of, Enabled: true, Events: []string{outturn.GeneratorPausedEvent, outturn.RunFailedEvent}}
		hooks[must[outturn.Webhook](t)(b.store.CreateWebhook(ctx, w, outturn.WebhookKeys{}, none)).ID] = of
	}
	g := b.generator(tenant.ID, "")
	g.Deliveries = []outturn.Destination{{Kind: outturn.DestinationEmail, To: []string{"a@example.com"}, On: []string{outturn.GeneratorPausedEvent, outturn.RunFailedEvent}}}
	g = must[outturn.Generator](t)(b.store.UpdateGenerator(ctx, tenant.ID, g.ID, 1, g, none))
	told := func(since time.Time) (list []string) {
		for _, d := range must[outturn.List[outturn.Delivery]](t)(b.store.Deliveries(ctx, b.root.ID, everything)).Items {
			if d.CreatedAt.Before(since) || d.Generator != g.ID {
				continue
			}
			to := "mail"
			if d.Webhook != "" {
				to = hooks[d.Webhook]
			}
			list = append(list, d.Event+" "+to)
		}
		slices.Sort(list)
		return list
	}
	must[outturn.Tenant](t)(b.store.SuspendTenant(ctx, b.root.ID, tenant.ID, none))
	want := []string{"generator.paused " + tenant.ID, "generator.paused " + reseller.ID, "generator.paused mail"}
	slices.Sort(want)
	if got := told(b.now()); !slices.Equal(got, want) {
		t.Errorf("of a pause: told %v, want %v", got, want)
	}
	must[outturn.Tenant](t)(b.store.ResumeTenant(ctx, b.root.ID, tenant.ID, none))
	b.pass(time.Hour)
	in := b.due(g)
	in.Runs, in.Firings[0].Run = nil, ""
	in.Firings[0].Skipped, in.Firings[0].Message = outturn.SkippedInvalid, "The view is gone."
	later := in.Firings[0] // made up for at once: it is told once
	later.ID, later.ScheduledFor = "", later.ScheduledFor.Add(time.Minute)
	in.Firings = append(in.Firings, later)
	must[[]outturn.Run](t)(b.store.Fire(ctx, in))
	want = []string{"run.failed " + tenant.ID, "run.failed mail"}
	slices.Sort(want)
	if got := told(b.now()); !slices.Equal(got, want) {
		t.Errorf("of what could not be made: told %v, want %v", got, want)
	}
	if got := must[string](t)(b.store.SkippedAt(ctx, g.ID, b.now())); got != "The view is gone." {
		t.Errorf("why: %q", got)
	}
	named := func() string { return must[string](t)(b.store.GeneratorName(ctx, reseller.ID, g.ID)) }
	before := named()
	must[outturn.Tenant](t)(b.store.MoveTenant(ctx, b.root.ID, tenant.ID, b.root.ID, none))
	if after := named(); before != g.Name || after != "" {
		t.Errorf("a message that waits says %q, and %q after the tenant was moved away", before, after)
	}
}
