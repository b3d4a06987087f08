package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"outturn"
)

func event(tenant, id, account string) outturn.Event {
	return outturn.Event{Source: "billing", EventID: id, Type: outturn.EventInvoiceIssued, Subject: "INV-" + id, Account: account, Tenant: tenant,
		Time: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), Data: json.RawMessage(`{"total":1}`), Way: outturn.EventPosted}
}

// keep keeps events and says of each whether it was new.
func (b *bench) keep(events ...outturn.Event) (ids []string, isNew []bool) {
	b.t.Helper()
	for _, k := range must[[]outturn.KeptEvent](b.t)(b.store.KeepEvents(ctx, events, outturn.AuditEntry{Action: "event.create"})) {
		ids, isNew = append(ids, k.ID), append(isNew, !k.Duplicate)
	}
	return ids, isNew
}

// testEvents: what one tenant tells with one source and id is one event, and waits until
// it was handled.
func testEvents(t *testing.T, b *bench) {
	own, other := b.tenant(b.root.ID, outturn.KindReseller), b.tenant(b.root.ID, outturn.KindReseller)
	first := event(own.ID, "1", own.ExternalID)
	changed := first
	changed.Subject = "INV-other"
	ids, isNew := b.keep(first, event(own.ID, "2", own.ExternalID), changed)
	if want := []bool{true, true, false}; !slices.Equal(isNew, want) || ids[2] != ids[0] {
		t.Errorf("got %v, want %v; %v", isNew, want, ids)
	}
	elsewhere := first
	elsewhere.Source = "shop"
	known := event(b.root.ID, "3", own.ExternalID)
	known.HandledAt, known.Data = b.now(), nil
	more, isNew := b.keep(changed, event(other.ID, "1", other.ExternalID), elsewhere, known, known)
	if want := []bool{false, true, true, true, false}; !slices.Equal(isNew, want) || more[0] != ids[0] || more[1] == ids[0] {
		t.Errorf("got %v, want %v; %v", isNew, want, more)
	}
	if n := len(b.rowsOf(`SELECT 1 FROM audit WHERE action = 'event.create'`)); n != 5 {
		t.Errorf("%d entries in the audit, want 5", n)
	}
	refused(t, "of no tenant", func() error {
		_, err := b.store.KeepEvents(ctx, []outturn.Event{event("nobody", "9", "x")}, none)
		return err
	}(), outturn.CodeNotFound)

	var after outturn.Event
	var waiting []outturn.Event
	for {
		page := must[[]outturn.Event](t)(b.store.WaitingEvents(ctx, after, 3))
		if len(page) == 0 {
			break
		}
		waiting, after = append(waiting, page...), page[len(page)-1]
	}
	var got []string
	for _, e := range waiting {
		got = append(got, e.ID)
	}
	want := slices.Sorted(slices.Values([]string{ids[0], ids[1], more[1], more[2]})) // all of one instant
	if !slices.Equal(got, want) {
		t.Errorf("%v wait, want %v", got, want)
	}
	first.ID, first.ReceivedAt = ids[0], b.now()
	if i := slices.Index(got, ids[0]); fmt.Sprint(waiting[i]) != fmt.Sprint(first) {
		t.Errorf("got %+v, want %+v", waiting[i], first)
	}
	since := b.now()
	b.pass(time.Hour)
	if n, oldest, err := b.store.EventBacklog(ctx); n != 4 || !oldest.Equal(since) || err != nil {
		t.Errorf("%d wait since %s, %v", n, oldest, err)
	}
	ok(t, b.store.HandleEvent(ctx, ids[0]))
	ok(t, b.store.HandleEvent(ctx, ids[0]))
	if n := must[int64](t)(b.store.SweepEvents(ctx, b.now(), 1)); n != 1 {
		t.Errorf("%d were forgotten, want 1", n)
	}
	if n := must[int64](t)(b.store.SweepEvents(ctx, b.now(), 100)); n != 1 {
		t.Errorf("%d were forgotten, want the other that waits no more", n)
	}
	for _, id := range []string{ids[1], more[1], more[2]} {
		ok(t, b.store.HandleEvent(ctx, id))
	}
	if n, oldest, err := b.store.EventBacklog(ctx); n != 0 || !oldest.IsZero() || err != nil {
		t.Errorf("%d wait since %s, %v", n, oldest, err)
	}

	for _, want := range []string{"", `{"at":1}`, `{"at":2}`} {
		if want != "" {
			ok(t, b.store.KeepEventCursor(ctx, "invoices", json.RawMessage(want)))
		}
		if got := must[json.RawMessage](t)(b.store.EventCursor(ctx, "invoices")); string(got) != want {
			t.Errorf("got the cursor %s, want %s", got, want)
		}
	}
}

// testWaitingGenerators: an event is for the generators of its account's tenant and of
// those above, as each asks, and never for one above who told of it.
func testWaitingGenerators(t *testing.T, b *bench) {
	reseller, rival := b.tenant(b.root.ID, outturn.KindReseller), b.tenant(b.root.ID, outturn.KindReseller)
	customer := b.tenant(reseller.ID, outturn.KindCustomer)
	names := map[string]string{}
	waits := func(name string, tenant outturn.Tenant, eventType, scope string, state outturn.GeneratorState) string {
		g := must[outturn.Generator](t)(b.store.CreateGenerator(ctx, outturn.Generator{
			Tenant: tenant.ID, State: state, Origin: "api", CreatedBy: "client:1", GeneratorSpec: outturn.GeneratorSpec{
				Name: name, Request: outturn.RunRequest{Dataset: "invoices"}, Trigger: outturn.Trigger{Kind: outturn.TriggerEvent, Event: eventType, Scope: scope},
			},
		}, none))
		names[g.ID] = name
		return g.ID
	}
	const issued = outturn.EventInvoiceIssued
	if must[bool](t)(b.store.Awaited(ctx, issued)) {
		t.Error("nobody waits yet")
	}
	for _, n := range []struct {
		name string
		outturn.Tenant
	}{{"root", b.root}, {"reseller", reseller}, {"rival", rival}, {"customer", customer}} {
		waits(n.name+" all", n.Tenant, issued, outturn.ScopeSubtree, outturn.GeneratorActive)
		waits(n.name+" own", n.Tenant, issued, outturn.ScopeSelf, outturn.GeneratorActive)
		waits(n.name+" off", n.Tenant, issued, "", outturn.GeneratorDisabled)
		waits(n.name+" other", n.Tenant, "order.placed", "", outturn.GeneratorActive)
	}
	if !must[bool](t)(b.store.Awaited(ctx, issued)) || must[bool](t)(b.store.Awaited(ctx, "order.shipped")) {
		t.Error("who waits for what is not told")
	}
	at := b.now()
	b.pass(time.Second)
	late := waits("customer late", customer, issued, "", outturn.GeneratorActive)
	root, r, c := b.root.ExternalID, reseller.ExternalID, customer.ExternalID
	for _, test := range []struct {
		name  string
		by    outturn.Tenant
		chain []string
		at    time.Time
		want  []string
	}{
		{"of the customer", b.root, []string{c, r, root}, at, []string{"customer all", "customer own", "reseller all", "root all"}},
		{"after one was made", b.root, []string{c, r, root}, b.now(), []string{"customer all", "customer late", "customer own", "reseller all", "root all"}},
		{"of the reseller", b.root, []string{r, root}, at, []string{"reseller all", "reseller own", "root all"}},
		{"of the provider", b.root, []string{root}, at, []string{"root all", "root own"}},
		{"of an account without a tenant", b.root, []string{"9", c, r, root}, at, []string{"customer all", "reseller all", "root all"}},
		{"of one in nine levels", b.root, append(slices.Repeat([]string{"9"}, 9), r), at, []string{"reseller all"}},
		{"told by the reseller", reseller, []string{c, r, root}, at, []string{"customer all", "customer own", "reseller all"}},
		{"told by the customer", customer, []string{c, r, root}, at, []string{"customer all", "customer own"}},
	} {
		e := event(test.by.ID, "1", test.chain[0])
		e.ReceivedAt = test.at
		var got []string
		for _, g := range must[[]outturn.Generator](t)(b.store.WaitingGenerators(ctx, e, test.chain)) {
			got = append(got, names[g.ID])
		}
		if slices.Sort(got); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}

	// One that is paused is told of, to have it noted; a deleted one is not.
	must[outturn.Tenant](t)(b.store.SuspendTenant(ctx, b.root.ID, customer.ID, none))
	e := event(b.root.ID, "1", c)
	e.ReceivedAt = b.now()
	waiting := func() []outturn.Generator {
		return must[[]outturn.Generator](t)(b.store.WaitingGenerators(ctx, e, []string{c}))
	}
	if got := waiting(); len(got) != 3 || got[0].State != outturn.GeneratorPaused {
		t.Errorf("of a suspended tenant: %+v", got)
	}
	ok(t, b.store.DeleteGenerator(ctx, customer.ID, late, 1, none))
	ok(t, b.store.DeleteTenant(ctx, b.root.ID, customer.ID, none))
	if got := waiting(); len(got) != 0 {
		t.Errorf("of a deleted tenant: %+v", got)
	}
}
