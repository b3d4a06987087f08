package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
)

func email(on string, to ...string) outturn.Destination {
	d := outturn.Destination{Kind: outturn.DestinationEmail, To: to}
	if on != "" {
		d.On = strings.Split(on, " ")
	}
	return d
}

func hook(w outturn.Webhook) outturn.Destination {
	return outturn.Destination{Kind: outturn.DestinationWebhook, Webhook: w.ID}
}

// webhook makes one that hears of events.
func (b *bench) webhook(tenant string, events ...string) outturn.Webhook {
	b.t.Helper()
	n := b.number()
	return must[outturn.Webhook](b.t)(b.store.CreateWebhook(ctx, outturn.Webhook{
		Tenant: tenant, Name: fmt.Sprint("Hook ", n), URL: fmt.Sprintf("https://hook-%d.example/in", n), Events: events, Enabled: true, CreatedBy: "client:1",
	}, outturn.WebhookKeys{Sealed: []byte("sealed")}, none))
}

// telling makes a run that waits and that tells of its end.
func (b *bench) telling(tenant string, to ...outturn.Destination) outturn.Run {
	b.t.Helper()
	return must[outturn.Run](b.t)(b.store.CreateRun(ctx, outturn.Run{
		Tenant: tenant, Name: "Orders", Origin: "api", CreatedBy: "client:1", Deliveries: to,
		Request: outturn.RunRequest{Dataset: "orders", Outputs: []outturn.Output{{Format: "csv"}}},
	}, nil, none))
}

func (b *bench) claimed(id string) *outturn.Run {
	b.t.Helper()
	r := must[outturn.Run](b.t)(b.store.ClaimRun(ctx, id, worker, lease))
	return &r
}

// messages lists the messages of a run as "event target state".
func (b *bench) messages(run string) (list []string) {
	b.t.Helper()
	for _, d := range must[outturn.List[outturn.Delivery]](b.t)(b.store.Deliveries(ctx, b.root.ID, where("run", run))).Items {
		list = append(list, fmt.Sprint(d.Event, " ", d.Target, " ", d.State))
	}
	slices.Sort(list)
	return list
}

// testAnnouncements: each end of a run tells whom it should, once, and nothing else does.
func testAnnouncements(t *testing.T, b *bench) {
	n := b.tenant(b.root.ID, outturn.KindReseller)
	other := b.tenant(b.root.ID, outturn.KindReseller)
	named, off, all := b.webhook(n.ID), b.webhook(n.ID), b.webhook(n.ID, outturn.RunSucceededEvent, outturn.RunCancelledEvent)
	foreign := b.webhook(other.ID, outturn.DeliveryEvents...)
	twin := must[outturn.Webhook](t)(b.store.CreateWebhook(ctx, outturn.Webhook{Tenant: n.ID, Name: "Twin", URL: named.URL, Enabled: true, CreatedBy: "client:1"}, outturn.WebhookKeys{Sealed: []byte("another")}, none))
	must[outturn.Webhook](t)(b.store.UpdateWebhook(ctx, n.ID, off.ID, 0, func(w *outturn.Webhook, _ *outturn.WebhookKeys) error { w.Enabled = false; return nil }, none))
	to := []outturn.Destination{
		email("", "a@example.com", "b@example.com"), email("run.succeeded", "a@example.com"), // twice to one address
		email("run.cancelled run.failed", "c@example.com"), hook(named), hook(named), hook(twin), hook(off), hook(foreign), {Kind: outturn.DestinationWebhook, Webhook: "gone"},
	}
	finish := map[string]func(r outturn.Run){
		outturn.RunSucceededEvent: func(r outturn.Run) {
			must[outturn.Run](t)(b.store.SucceedRun(ctx, b.claimed(r.ID).Claim(), outturn.Manifest{}, nil))
		},
		outturn.RunFailedEvent: func(r outturn.Run) {
			must[outturn.Run](t)(b.store.FailRun(ctx, b.claimed(r.ID).Claim(), reason(), time.Time{}))
		},
		"run.failed of a lost worker": func(r outturn.Run) {
			b.claimed(r.ID)
			b.pass(2 * lease)
			_, _, err := b.store.SweepLeases(ctx, 1)
			ok(t, err)
		},
		outturn.RunCancelledEvent: func(r outturn.Run) {
			must[outturn.Run](t)(b.store.CancelRun(ctx, n.ID, r.ID, "client:1", none))
			must[outturn.Run](t)(b.store.CancelRun(ctx, n.ID, r.ID, "client:1", none))
		},
		"run.cancelled at work": func(r outturn.Run) {
			c := b.claimed(r.ID)
			must[outturn.Run](t)(b.store.CancelRun(ctx, n.ID, r.ID, "client:1", none))
			must[outturn.Run](t)(b.store.FinishCancelled(ctx, c.Claim()))
		},
		"nothing when it is tried again": func(r outturn.Run) {
			must[outturn.Run](t)(b.store.FailRun(ctx, b.claimed(r.ID).Claim(), reason(), b.now()))
		},
	}
	want := map[string][]string{
		outturn.RunSucceededEvent: {"a@example.com pending", "b@example.com pending", named.URL + " pending", named.URL + " pending", all.URL + " pending", off.URL + " failed"},
		outturn.RunFailedEvent:    {"a@example.com pending", "b@example.com pending", "c@example.com pending", named.URL + " pending", named.URL + " pending", off.URL + " failed"},
		outturn.RunCancelledEvent: {"c@example.com pending", all.URL + " pending"},
	}
	for name, end := range finish {
		r := b.telling(n.ID, to...)
		end(r)
		event, _, _ := strings.Cut(name, " ")
		var expected []string
		for _, w := range want[event] {
			expected = append(expected, event+" "+w)
		}
		slices.Sort(expected)
		if got := b.messages(r.ID); !slices.Equal(got, expected) {
			t.Errorf("%s: told %q, want %q", name, got, expected)
		}
	}
}

// testDeliveryClaims leads messages through their lives, with more than one worker.
func testDeliveryClaims(t *testing.T, b *bench) {
	n := b.tenant(b.root.ID, outturn.KindReseller)
	for range 3 {
		r := b.telling(n.ID, email("", "slow@example.com"))
		must[outturn.Run](t)(b.store.SucceedRun(ctx, b.claimed(r.ID).Claim(), outturn.Manifest{}, nil))
	}
	r := b.telling(n.ID, email("", "other@example.com"))
	must[outturn.Run](t)(b.store.SucceedRun(ctx, b.claimed(r.ID).Claim(), outturn.Manifest{}, nil))

	due := func(limit, each int) []outturn.Delivery {
		return must[[]outturn.Delivery](t)(b.store.DueDeliveries(ctx, outturn.DestinationEmail, limit, each))
	}
	if got := due(2, 10); len(got) != 2 || got[0].Target == got[1].Target {
		t.Errorf("a backlog hides another target: %+v", got)
	}
	if got := due(10, 1); len(got) != 2 {
		t.Errorf("got %d due of two targets, one of each", len(got))
	}
	rival := b.tenant(b.root.ID, outturn.KindReseller)
	r = b.telling(rival.ID, email("", "rival@example.com"))
	must[outturn.Run](t)(b.store.SucceedRun(ctx, b.claimed(r.ID).Claim(), outturn.Manifest{}, nil))
	ofRival := func(d outturn.Delivery) bool { return d.Tenant == rival.ID }
	got := due(2, 10)
	place := slices.IndexFunc(got, ofRival)
	if place < 0 {
		t.Fatalf("a backlog of one tenant hides that of another: %+v", got)
	}
	its := must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, got[place].ID, worker, lease))
	must[outturn.Delivery](t)(b.store.EndDelivery(ctx, its.Claim(), outturn.DeliveryOutcome{Delivered: true}))
	d := due(10, 10)[0]
	claimed := must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, worker, lease))
	if claimed.Attempt != 1 || claimed.State != outturn.DeliverySending || len(claimed.Destination.To) != 1 {
		t.Errorf("claimed %+v", claimed)
	}
	_, err := b.store.ClaimDelivery(ctx, d.ID, "worker-2", lease)
	refused(t, "a second claim", err, outturn.CodeConflict)
	_, err = b.store.ResendDelivery(ctx, n.ID, d.ID, none)
	refused(t, "to resend what is being sent", err, outturn.CodeConflict)

	attempt := outturn.DeliveryAttempt{At: b.now(), Took: 12, Class: "timeout"}
	late := claimed.Claim()
	late.Attempt++
	_, err = b.store.EndDelivery(ctx, late, outturn.DeliveryOutcome{Attempt: attempt})
	refused(t, "another attempt's end", err, outturn.CodeLeaseLost)
	retry := must[outturn.Delivery](t)(b.store.EndDelivery(ctx, claimed.Claim(), outturn.DeliveryOutcome{Attempt: attempt, RetryAt: b.now().Add(time.Minute)}))
	if retry.State != outturn.DeliveryPending || len(retry.Log) != 1 || retry.Log[0] != attempt || len(due(10, 10)) != 3 {
		t.Errorf("to be tried again: %+v", retry)
	}
	_, err = b.store.ClaimDelivery(ctx, d.ID, worker, lease)
	refused(t, "a claim before its time", err, outturn.CodeConflict)
	b.pass(time.Minute)

	// The worker dies: the message is due again, and its late end counts for nothing.
	lost := must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, worker, lease))
	sweep := func(others string) []outturn.Delivery {
		return must[[]outturn.Delivery](t)(b.store.SweepDeliveries(ctx, others, []time.Duration{0, time.Minute}))
	}
	if n := len(sweep("")); n != 0 {
		t.Errorf("%d swept while the lease lasts", n)
	}
	if n := len(sweep(worker)); n != 0 {
		t.Errorf("%d of its own swept", n)
	}
	if n := len(sweep("worker-2")); n != 1 {
		t.Errorf("%d swept by who knows that it is alone", n)
	}
	again := must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, "worker-2", lease))
	if again.Attempt != lost.Attempt+1 || again.ID != lost.ID {
		t.Errorf("taken over as %+v", again)
	}
	_, err = b.store.EndDelivery(ctx, lost.Claim(), outturn.DeliveryOutcome{Delivered: true})
	refused(t, "the lost worker's end", err, outturn.CodeLeaseLost)
	ok(t, b.store.ReleaseDelivery(ctx, again.Claim()))
	again = must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, "worker-2", lease))
	b.pass(lease)
	swept := sweep("")
	if len(swept) != 1 || swept[0].State != outturn.DeliveryPending || !swept[0].NextAt.Equal(b.now().Add(time.Minute)) {
		t.Fatalf("swept when the lease is over, for the second time in a row: %+v", swept)
	}
	b.pass(time.Minute)
	must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, worker, lease))
	b.pass(lease)
	swept = sweep("")
	if len(swept) != 1 || swept[0].State != outturn.DeliveryFailed || !swept[0].EndedAt.Equal(b.now()) || len(swept[0].Log) != 4 || swept[0].Log[3].Class != outturn.DeliveryWorkerLost {
		t.Fatalf("swept for the third time in a row: %+v", swept)
	}
	must[outturn.Delivery](t)(b.store.ResendDelivery(ctx, n.ID, d.ID, none))
	claimed = must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, worker, lease))
	must[outturn.Delivery](t)(b.store.EndDelivery(ctx, claimed.Claim(), outturn.DeliveryOutcome{Attempt: attempt, RetryAt: b.now()}))
	must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, worker, lease))
	b.pass(lease)
	if swept = sweep(""); len(swept) != 1 || swept[0].State != outturn.DeliveryPending {
		t.Fatalf("swept when an attempt had ended in between: %+v", swept)
	}
	again = must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, "worker-2", lease))
	done := must[outturn.Delivery](t)(b.store.EndDelivery(ctx, again.Claim(), outturn.DeliveryOutcome{Delivered: true, Attempt: attempt}))
	if done.State != outturn.DeliveryDelivered || done.EndedAt.IsZero() {
		t.Errorf("delivered: %+v", done)
	}
	stats, err := b.store.DeliveryStats(ctx)
	ok(t, err)
	if stats.Waiting != 3 || stats.Oldest.IsZero() {
		t.Errorf("stats %+v", stats)
	}
	resent := must[outturn.Delivery](t)(b.store.ResendDelivery(ctx, n.ID, d.ID, none))
	if resent.State != outturn.DeliveryPending || resent.ID != d.ID || !resent.EndedAt.IsZero() {
		t.Errorf("resent: %+v", resent)
	}
}

// testWebhooks: names and versions, and what makes a webhook hear nothing any more.
func testWebhooks(t *testing.T, b *bench) {
	n := b.tenant(b.root.ID, outturn.KindReseller)
	w := b.webhook(n.ID)
	_, err := b.store.CreateWebhook(ctx, outturn.Webhook{Tenant: n.ID, Name: w.Name, URL: "https://x.example"}, outturn.WebhookKeys{}, none)
	refused(t, "a name twice", err, outturn.CodeConflict)
	many := b.tenant(b.root.ID, outturn.KindReseller)
	for range outturn.MostWebhooks {
		b.webhook(many.ID)
	}
	_, err = b.store.CreateWebhook(ctx, outturn.Webhook{Tenant: many.ID, Name: "one more", URL: "https://x.example"}, outturn.WebhookKeys{}, none)
	refused(t, "one more than a tenant may have", err, outturn.CodeLimit)
	rename := func(w *outturn.Webhook, k *outturn.WebhookKeys) error {
		w.Name, k.Old, k.OldUntil = "New", k.Sealed, b.now()
		return nil
	}
	changed := must[outturn.Webhook](t)(b.store.UpdateWebhook(ctx, n.ID, w.ID, 1, rename, none))
	_, err = b.store.UpdateWebhook(ctx, n.ID, w.ID, 1, rename, none)
	refused(t, "a change of an old version", err, outturn.CodeVersionChanged)
	refused(t, "deleting an old version", b.store.DeleteWebhook(ctx, n.ID, w.ID, 1, none), outturn.CodeVersionChanged)
	read, keys, err := b.store.WebhookKeys(ctx, w.ID)
	ok(t, err)
	if read.Name != "New" || changed.Version != 2 || string(keys.Sealed) != "sealed" || string(keys.Old) != "sealed" || !keys.OldUntil.Equal(b.now()) {
		t.Errorf("read %+v %+v", read, keys)
	}

	fails := func(why string) outturn.Webhook {
		d := must[outturn.Delivery](t)(b.store.TestWebhook(ctx, n.ID, w.ID, none))
		c := must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, worker, lease))
		must[outturn.Delivery](t)(b.store.EndDelivery(ctx, c.Claim(), outturn.DeliveryOutcome{Disable: why}))
		return must[outturn.Webhook](t)(b.store.Webhook(ctx, n.ID, w.ID))
	}
	d := must[outturn.Delivery](t)(b.store.TestWebhook(ctx, n.ID, w.ID, none))
	c := must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, d.ID, worker, lease))
	must[outturn.Delivery](t)(b.store.EndDelivery(ctx, c.Claim(), outturn.DeliveryOutcome{Delivered: true}))
	if got := fails(outturn.DisabledFailing); !got.Enabled {
		t.Error("a webhook that something reached is disabled for failing")
	}
	b.pass(time.Second)
	if got := fails(outturn.DisabledFailing); got.Enabled || got.DisabledFor != outturn.DisabledFailing {
		t.Errorf("nothing reaches it: %+v", got)
	}
	must[outturn.Webhook](t)(b.store.UpdateWebhook(ctx, n.ID, w.ID, 0, func(w *outturn.Webhook, _ *outturn.WebhookKeys) error {
		w.Enabled, w.DisabledFor = true, ""
		return nil
	}, none))
	if got := fails(outturn.DisabledGone); got.Enabled || got.DisabledFor != outturn.DisabledGone {
		t.Errorf("it is gone: %+v", got)
	}
	if got := b.rowsOf(`SELECT action FROM audit WHERE action = 'webhook.disable'`); len(got) != 2 {
		t.Errorf("the audit has %d disabled webhooks, want 2", len(got))
	}
	ok(t, b.store.DeleteWebhook(ctx, n.ID, w.ID, 0, none))
	_, err = b.store.Webhook(ctx, n.ID, w.ID)
	refused(t, "a deleted one", err, outturn.CodeNotFound)
}

// testKeptLinks: a link that is made anew for each try is one, and lives on.
func testKeptLinks(t *testing.T, b *bench) {
	n := b.tenant(b.root.ID, outturn.KindReseller)
	f := b.succeeded(n.ID).Files[0]
	keep := func(life time.Duration) time.Time {
		return must[time.Time](t)(b.store.KeepLink(ctx, outturn.Link{
			File: f.ID, Tenant: n.ID, TokenHash: "hash", CreatedBy: "delivery:1", ExpiresAt: b.now().Add(life),
		}, outturn.AuditEntry{Action: "link.create"}))
	}
	first := keep(time.Hour)
	b.pass(30 * time.Minute)
	if later := keep(time.Hour); later.Sub(first) != 30*time.Minute {
		t.Errorf("it ends %s after it did before", later.Sub(first))
	}
	if kept := keep(time.Minute); kept.Before(first) {
		t.Errorf("a shorter life ends it at %s", kept)
	}
	if ends := keep(1000 * 24 * time.Hour); !ends.Equal(f.ExpiresAt) {
		t.Errorf("it ends at %s, its file at %s", ends, f.ExpiresAt)
	}
	if got := b.rowsOf(`SELECT action FROM audit WHERE action = 'link.create'`); len(got) != 1 {
		t.Errorf("the audit has %d links, want 1", len(got))
	}
	_, err := b.store.KeepLink(ctx, outturn.Link{File: f.ID, Tenant: b.tenant(b.root.ID, outturn.KindReseller).ID, TokenHash: "x"}, none)
	refused(t, "another tenant's file", err, outturn.CodeNotFound)
}
