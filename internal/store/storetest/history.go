package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"outturn"
)

// testHistory: what is over for long is forgotten, in bounded steps, and nothing that
// something else goes by.
func testHistory(t *testing.T, b *bench) {
	n := b.tenant(b.root.ID, outturn.KindReseller)
	change := func(g outturn.Generator) outturn.Generator {
		return must[outturn.Generator](t)(b.store.UpdateGenerator(ctx, b.root.ID, g.ID, g.Revision, g, none))
	}
	skipped := func(g outturn.Generator) {
		in := b.fire(g, outturn.CauseManual)
		in.Runs, in.Firings[0].Run, in.Firings[0].Skipped = nil, "", outturn.SkippedInvalid
		must[[]outturn.Run](t)(b.store.Fire(ctx, in))
	}
	told := func() (id string) {
		r := b.telling(n.ID, email("", "a@example.com"))
		must[outturn.Run](t)(b.store.FailRun(ctx, b.claimed(r.ID).Claim(), reason(), time.Time{}))
		return must[outturn.List[outturn.Delivery]](t)(b.store.Deliveries(ctx, b.root.ID, where("run", r.ID))).Items[0].ID
	}
	send := func(id string) {
		c := must[outturn.Delivery](t)(b.store.ClaimDelivery(ctx, id, worker, lease))
		must[outturn.Delivery](t)(b.store.EndDelivery(ctx, c.Claim(), outturn.DeliveryOutcome{Delivered: true}))
	}
	g, deleted := b.generator(n.ID, ""), b.generator(n.ID, "")
	b.fired(b.due(g)) // by revision 1
	b.fired(b.fire(g, outturn.CauseEvent))
	g = change(change(b.read(g))) // nothing is made by revision 2, and 3 is followed at last
	gone, waits, late := told(), told(), told()
	send(gone)
	b.fired(b.fire(deleted, outturn.CauseEvent))
	deleted = change(b.read(deleted))
	ok(t, b.store.DeleteGenerator(ctx, b.root.ID, deleted.ID, deleted.Revision, none))

	b.pass(time.Hour)
	before := b.now()
	send(late)
	skipped(g) // by revision 3
	g = change(change(g))

	sweep := func(want ...int64) {
		t.Helper()
		for _, w := range want {
			if got := must[int64](t)(b.store.SweepHistory(ctx, before, 3)); got != w {
				t.Errorf("%d rows were forgotten, want %d", got, w)
			}
		}
	}
	kept := func(what string, query string, want ...string) {
		t.Helper()
		if got := b.rowsOf(query); !slices.Equal(got, want) {
			t.Errorf("%s that are kept: %q, want %q", what, got, want)
		}
	}
	ids := []string{waits, late}
	slices.Sort(ids)
	of := fmt.Sprintf(` WHERE generator IN ('%s', '%s') ORDER BY 1`, g.ID, deleted.ID)
	sweep(3, 2, 0) // a message, a firing of the schedule, one of the event of who is deleted; two revisions
	kept("messages", `SELECT id FROM deliveries WHERE id IN ('`+gone+`', '`+waits+`', '`+late+`') ORDER BY id`, ids...)
	kept("firings", `SELECT cause || ' ' || revision FROM firings`+of, "event 1", "manual 3")
	kept("revisions", `SELECT (generator = '`+g.ID+`') || ' ' || revision FROM generator_revisions`+of, "0 1", "1 1", "1 3", "1 4", "1 5")
	_, err := b.store.Fire(ctx, b.fire(g, outturn.CauseEvent))
	refused(t, "the event again", err, outturn.CodeConflict)
}
