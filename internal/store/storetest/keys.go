package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
)

func testKeys(t *testing.T, b *bench) {
	key := outturn.IdempotencyKey{Subject: "client:1", Key: "k", Fingerprint: "one", ExpiresAt: b.now().Add(time.Hour)}
	create := func(change func(*outturn.IdempotencyKey)) (outturn.Run, error) {
		k := key
		change(&k)
		return b.store.CreateRun(ctx, outturn.Run{Tenant: b.root.ID, Name: "Orders"}, &k, outturn.AuditEntry{})
	}
	same := func(*outturn.IdempotencyKey) {}
	first := must[outturn.Run](t)(create(same))
	before := b.dump()

	if again, err := create(same); err != nil || again.ID != first.ID {
		t.Errorf("the same again: %s, %v, want %s", again.ID, err, first.ID)
	}
	if found, err := b.store.RunByKey(ctx, key); err != nil || found.ID != first.ID {
		t.Errorf("RunByKey: %s, %v, want %s", found.ID, err, first.ID)
	}
	another := func(k *outturn.IdempotencyKey) { k.Fingerprint = "two" }
	_, err := create(another)
	refused(t, "another request", err, outturn.CodeKeyReused)
	k := key
	another(&k)
	_, err = b.store.RunByKey(ctx, k)
	refused(t, "RunByKey for another request", err, outturn.CodeKeyReused)
	if b.dump() != before {
		t.Error("the ledger changed")
	}

	for what, change := range map[string]func(*outturn.IdempotencyKey){
		"another subject": func(k *outturn.IdempotencyKey) { k.Subject = "client:2" },
		"another key":     func(k *outturn.IdempotencyKey) { k.Key = "K" },
		"after its time":  func(k *outturn.IdempotencyKey) { b.pass(time.Hour); k.ExpiresAt = b.now().Add(time.Hour) },
	} {
		if r, err := create(change); err != nil || r.ID == first.ID {
			t.Errorf("%s: got %s, %v, want another run than %s", what, r.ID, err, first.ID)
		}
	}

	b.pass(2 * time.Hour)
	_, err = b.store.RunByKey(ctx, key)
	refused(t, "RunByKey after its time", err, outturn.CodeNotFound)
	_, _, err = b.store.SweepLeases(ctx, 3)
	ok(t, err)
	if left := b.rowsOf(`SELECT key_text FROM idempotency_keys`); len(left) != 0 {
		t.Errorf("the sweep leaves %v", left)
	}
}

func testKeysTogether(t *testing.T, b *bench) {
	ids := make([]string, 64)
	for _, err := range together(len(ids), func(i int) error {
		key := &outturn.IdempotencyKey{Subject: "client:1", Key: fmt.Sprint(i % 2), Fingerprint: "f", ExpiresAt: b.now().Add(time.Hour)}
		r, err := b.store.CreateRun(ctx, outturn.Run{Tenant: b.root.ID}, key, outturn.AuditEntry{Action: "run.create"})
		ids[i] = r.ID
		return err
	}) {
		ok(t, err)
	}
	for i := range ids {
		if ids[i] != ids[i%2] {
			t.Errorf("create %d got %s, and the first with its key %s", i, ids[i], ids[i%2])
		}
	}
	runs, entries := b.rowsOf(`SELECT id FROM runs`), b.rowsOf(`SELECT id FROM audit WHERE action = 'run.create'`)
	if ids[0] == ids[1] || len(runs) != 2 || len(entries) != 2 {
		t.Errorf("two keys made %d runs and %d entries in the audit", len(runs), len(entries))
	}
}

// testRefusedCreates asks for what cannot be, beside what can: refusals share their
// commit with others.
func testRefusedCreates(t *testing.T, b *bench) {
	there, held, done := b.queued(b.root.ID), b.running(b.root.ID), b.succeeded(b.root.ID)
	view := must[outturn.SavedView](t)(b.store.CreateView(ctx, outturn.SavedView{Tenant: b.root.ID, View: outturn.View{Dataset: "orders", Name: "v"}}, outturn.AuditEntry{}))
	ok(t, b.store.CreateClient(ctx, outturn.Client{ID: "c", Tenant: b.root.ID, Role: outturn.RoleViewer}, outturn.AuditEntry{}))
	before := strings.Split(b.dump(), "\n")
	entry := outturn.AuditEntry{Action: "refused"}
	key := outturn.IdempotencyKey{Subject: "client:1", Key: "k", Fingerprint: "f", ExpiresAt: b.now().Add(time.Hour)}
	refusals := []struct {
		name string
		want outturn.Code
		call func() error
	}{
		{"a run of no tenant", outturn.CodeNotFound, func() error {
			_, err := b.store.CreateRun(ctx, outturn.Run{Tenant: "absent"}, &key, entry)
			return err
		}},
		{"a run that is there", outturn.CodeConflict, func() error {
			_, err := b.store.CreateRun(ctx, outturn.Run{ID: there.ID, Tenant: b.root.ID}, &key, entry)
			return err
		}},
		{"a tenant below nobody", outturn.CodeNotFound, func() error {
			_, err := b.store.CreateTenant(ctx, outturn.Tenant{Parent: "absent", Kind: outturn.KindReseller}, entry)
			return err
		}},
		{"a tenant without a parent", outturn.CodeInvalid, func() error {
			_, err := b.store.CreateTenant(ctx, outturn.Tenant{Kind: outturn.KindReseller}, entry)
			return err
		}},
		{"a second provider", outturn.CodeConflict, func() error {
			_, err := b.store.CreateTenant(ctx, outturn.Tenant{Kind: outturn.KindProvider}, entry)
			return err
		}},
		{"an account that a tenant stands for", outturn.CodeConflict, func() error {
			_, err := b.store.CreateTenant(ctx, outturn.Tenant{Parent: b.root.ID, Kind: outturn.KindCustomer, ExternalID: b.root.ExternalID}, entry)
			return err
		}},
		{"a client of no tenant", outturn.CodeNotFound, func() error {
			return b.store.CreateClient(ctx, outturn.Client{ID: "d", Tenant: "absent", Role: outturn.RoleViewer}, entry)
		}},
		{"a client that is there", outturn.CodeConflict, func() error {
			return b.store.CreateClient(ctx, outturn.Client{ID: "c", Tenant: b.root.ID, Role: outturn.RoleViewer}, entry)
		}},
		{"a view of no tenant", outturn.CodeNotFound, func() error {
			_, err := b.store.CreateView(ctx, outturn.SavedView{Tenant: "absent"}, entry)
			return err
		}},
		{"a view whose name is taken", outturn.CodeConflict, func() error {
			_, err := b.store.CreateView(ctx, outturn.SavedView{Tenant: b.root.ID, View: view.View}, entry)
			return err
		}},
		{"a link to no file", outturn.CodeNotFound, func() error {
			return b.store.CreateLink(ctx, outturn.Link{Tenant: b.root.ID, File: "absent", TokenHash: "h"}, entry)
		}},
		{"a success whose second file lies where another does", outturn.CodeInternal, func() error {
			first, second := file(held, "a.csv", time.Time{}), file(held, "b.csv", time.Time{})
			second.Key = done.Files[0].Key
			_, err := b.store.SucceedRun(ctx, held.Claim(), outturn.Manifest{}, []outturn.File{first, second})
			return err
		}},
		{"a view at another version", outturn.CodeVersionChanged, func() error {
			_, err := b.store.UpdateView(ctx, b.root.ID, view.ID, 2, view.View, entry)
			return err
		}},
		{"a client that its changer refuses", outturn.CodeForbidden, func() error {
			_, err := b.store.UpdateClient(ctx, b.root.ID, "c", func(*outturn.Client) error { return outturn.Errorf(outturn.CodeForbidden, "No.") }, entry)
			return err
		}},
	}
	const between = 3 // creates that succeed, for each refusal
	errs := together(len(refusals)*(1+between), func(i int) error {
		if i >= len(refusals) {
			_, err := b.store.NextNumber(ctx, "between", "refusals")
			return err
		}
		return refusals[i].call()
	})
	for i, err := range errs {
		if i < len(refusals) {
			refused(t, refusals[i].name, err, refusals[i].want)
			continue
		}
		ok(t, err)
	}
	after := slices.DeleteFunc(strings.Split(b.dump(), "\n"), func(row string) bool { return strings.HasPrefix(row, "counters:") })
	before = slices.DeleteFunc(before, func(row string) bool { return strings.HasPrefix(row, "counters:") })
	if !slices.Equal(after, before) {
		t.Errorf("refusals left something:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	if n := must[int64](t)(b.store.NextNumber(ctx, "between", "refusals")); n != int64(len(refusals)*between+1) {
		t.Errorf("what was between them counts %d", n)
	}
}

// testTotals holds the counts for the metrics against the runs.
func testTotals(t *testing.T, b *bench) {
	oldest := b.in(outturn.RunQueued, b.root.ID)
	for i, state := range outturn.RunStates {
		for range i + 1 {
			b.pass(time.Second)
			b.in(state, b.root.ID)
		}
	}
	got, err := b.store.Stats(ctx)
	ok(t, err)
	want := map[outturn.RunState]int64{outturn.RunQueued: 2, outturn.RunRunning: 2, outturn.RunSucceeded: 3, outturn.RunFailed: 4, outturn.RunCancelled: 5}
	if fmt.Sprint(got.Runs) != fmt.Sprint(want) || fmt.Sprint(got.Failed) != "map[query_failed:4]" || !got.OldestQueued.Equal(oldest.CreatedAt) {
		t.Errorf("got %+v, want %v", got, want)
	}
	queued, running, err := b.store.Backlog(ctx, b.root.ID)
	if err != nil || queued != 2 || running != 2 {
		t.Errorf("the backlog is %d and %d, %v", queued, running, err)
	}
	if queued, running, err = b.store.Backlog(ctx, "another"); err != nil || queued+running != 0 {
		t.Errorf("another's backlog is %d and %d, %v", queued, running, err)
	}
}

func testSecrets(t *testing.T, b *bench) {
	_, err := b.store.Secret(ctx, "key")
	refused(t, "before", err, outturn.CodeNotFound)
	for _, sealed := range []string{"\x00\xff", "", "again"} {
		ok(t, b.store.PutSecret(ctx, "key", []byte(sealed)))
		if got, err := b.store.Secret(ctx, "key"); err != nil || string(got) != sealed {
			t.Errorf("got %q, %v, want %q", got, err, sealed)
		}
	}
	refused(t, "another instead of one that is not there", b.store.SwapSecret(ctx, "new", []byte("x"), []byte("y")), outturn.CodeConflict)
	ok(t, b.store.SwapSecret(ctx, "new", nil, []byte("1")))
	refused(t, "the first, again", b.store.SwapSecret(ctx, "new", nil, []byte("2")), outturn.CodeConflict)
	refused(t, "instead of another", b.store.SwapSecret(ctx, "new", []byte("0"), []byte("2")), outturn.CodeConflict)
	ok(t, b.store.SwapSecret(ctx, "new", []byte("1"), []byte("2")))
	if got, err := b.store.Secret(ctx, "new"); err != nil || string(got) != "2" {
		t.Errorf("got %q, %v", got, err)
	}
	for i := range 3 {
		for scope := range 2 {
			if n, err := b.store.NextNumber(ctx, fmt.Sprint(scope), "kind"); err != nil || n != int64(i+1) {
				t.Errorf("number %d of scope %d is %d, %v", i+1, scope, n, err)
			}
		}
	}
}
