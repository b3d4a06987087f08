package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"outturn"
)

// together calls do n times at once and returns what they return.
func together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return errs
}

// testOneClaim lets many claim the same runs at once.
func testOneClaim(t *testing.T, b *bench) {
	for range 5 {
		r := b.queued(b.root.ID)
		var won int
		for _, err := range together(32, func(i int) error {
			_, err := b.store.ClaimRun(ctx, r.ID, fmt.Sprint("worker-", i), lease)
			return err
		}) {
			if err == nil {
				won++
				continue
			}
			refused(t, "the slower", err, outturn.CodeConflict)
		}
		if got := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, r.ID)); won != 1 || got.Attempt != 1 {
			t.Errorf("%d have the run, at attempt %d", won, got.Attempt)
		}
	}
	_, err := b.store.ClaimRun(ctx, "absent", worker, lease)
	refused(t, "a run that is not there", err, outturn.CodeNotFound)
}

// testLostClaims calls every method of a worker with a claim that does not hold.
func testLostClaims(t *testing.T, b *bench) {
	calls := map[string]func(outturn.RunClaim) error{
		"ExtendLease": func(c outturn.RunClaim) error {
			return b.store.ExtendLease(ctx, c, lease, outturn.PhaseStoring, outturn.RunProgress{Rows: 9})
		},
		"SucceedRun": func(c outturn.RunClaim) error {
			f := file(outturn.Run{ID: c.Run, Tenant: b.root.ID, Attempt: c.Attempt}, c.Owner+".csv", time.Time{})
			_, err := b.store.SucceedRun(ctx, c, outturn.Manifest{}, []outturn.File{f})
			return err
		},
		"FailRun": func(c outturn.RunClaim) error {
			_, err := b.store.FailRun(ctx, c, reason(), time.Time{})
			return err
		},
		"FailRun, to be tried again": func(c outturn.RunClaim) error {
			_, err := b.store.FailRun(ctx, c, reason(), b.now().Add(time.Minute))
			return err
		},
		"ReleaseRun":      func(c outturn.RunClaim) error { return b.store.ReleaseRun(ctx, c) },
		"FinishCancelled": func(c outturn.RunClaim) error { _, err := b.store.FinishCancelled(ctx, c); return err },
	}
	for name, call := range calls {
		r := b.running(b.root.ID)
		if name == "FinishCancelled" {
			must[outturn.Run](t)(b.store.CancelRun(ctx, b.root.ID, r.ID, "client:1", outturn.AuditEntry{}))
		}
		good := r.Claim()
		for what, bad := range map[string]outturn.RunClaim{
			"another owner":    {Run: good.Run, Attempt: good.Attempt, Owner: "worker-2"},
			"no owner":         {Run: good.Run, Attempt: good.Attempt},
			"another attempt":  {Run: good.Run, Attempt: good.Attempt + 1, Owner: good.Owner},
			"the one before":   {Run: good.Run, Attempt: good.Attempt - 1, Owner: good.Owner},
			"an absent run":    {Run: "absent", Attempt: good.Attempt, Owner: good.Owner},
			"a run that waits": {Run: b.in(outturn.RunQueued, b.root.ID).ID, Owner: good.Owner},
		} {
			before := b.dump()
			refused(t, name+", "+what, call(bad), outturn.CodeLeaseLost)
			if b.dump() != before {
				t.Errorf("%s, %s: the ledger changed", name, what)
			}
		}
		b.pass(lease)
		before := b.dump()
		refused(t, name+", after its lease", call(good), outturn.CodeLeaseLost)
		if b.dump() != before {
			t.Errorf("%s, after its lease: the ledger changed", name)
		}
		b.pass(-time.Microsecond)
		if err := call(good); err != nil {
			t.Errorf("%s, in the last moment of its lease: %v", name, err)
		}
		b.pass(time.Hour)
	}
}

// testLapses lets leases run out until the run is given up.
func testLapses(t *testing.T, b *bench) {
	const most = 3
	r := b.queued(b.root.ID)
	for lapse := 1; lapse <= most; lapse++ {
		claimed := must[outturn.Run](t)(b.store.ClaimRun(ctx, r.ID, worker, lease))
		if claimed.Attempt != lapse || claimed.Lapses != lapse-1 {
			t.Errorf("claim %d is attempt %d after %d lapses", lapse, claimed.Attempt, claimed.Lapses)
		}
		b.pass(lease - time.Microsecond)
		if requeued, gone, err := b.store.SweepLeases(ctx, most); err != nil || len(requeued)+len(gone) != 0 {
			t.Errorf("before the lease was over the sweep took %v, %v, %v", requeued, gone, err)
		}
		b.pass(time.Microsecond)
		requeued, gone, err := b.store.SweepLeases(ctx, most)
		ok(t, err)
		again, last := slices.Concat(requeued, gone), len(gone) == 1
		if len(again) != 1 || again[0].ID != r.ID || again[0].Lapses != lapse || last != (lapse == most) {
			t.Fatalf("lapse %d: queued again %+v, given up %+v", lapse, requeued, gone)
		}
		if code := again[0].Reason.Code; code != outturn.CodeWorkerLost || again[0].Reason.Retry == last {
			t.Errorf("lapse %d: the reason is %+v", lapse, again[0].Reason)
		}
		refused(t, "the worker that slept", b.store.ReleaseRun(ctx, claimed.Claim()), outturn.CodeLeaseLost)
	}
	if got := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, r.ID)); got.State != outturn.RunFailed || got.Attempt != most {
		t.Errorf("it is %s at attempt %d", got.State, got.Attempt)
	}

	// Whoever knows that it is alone ends the leases of all but itself.
	mine := b.running(b.root.ID)
	theirs := must[outturn.Run](t)(b.store.ClaimRun(ctx, b.queued(b.root.ID).ID, "worker-2", lease))
	ok(t, b.store.EndLeases(ctx, worker))
	refused(t, "the other, whose lease was ended", b.store.ReleaseRun(ctx, theirs.Claim()), outturn.CodeLeaseLost)
	requeued, gone, err := b.store.SweepLeases(ctx, most)
	if err != nil || len(requeued) != 1 || requeued[0].ID != theirs.ID || requeued[0].Lapses != 1 || len(gone) != 0 {
		t.Errorf("then the sweep takes back %v, %v, %v", requeued, gone, err)
	}
	ok(t, b.store.ReleaseRun(ctx, mine.Claim()))

	// What was given back or failed by itself is no lapse, and counts up attempts all the same.
	r = b.running(b.root.ID)
	ok(t, b.store.ReleaseRun(ctx, r.Claim()))
	r = must[outturn.Run](t)(b.store.ClaimRun(ctx, r.ID, worker, lease))
	r = must[outturn.Run](t)(b.store.FailRun(ctx, r.Claim(), reason(), b.now()))
	r = must[outturn.Run](t)(b.store.ClaimRun(ctx, r.ID, worker, lease))
	if r.Attempt != 3 || r.Lapses != 0 || r.Reason != nil {
		t.Errorf("attempt %d, %d lapses, reason %v", r.Attempt, r.Lapses, r.Reason)
	}
}

// testFurthest takes a run back to an earlier phase, in one attempt and in the next.
func testFurthest(t *testing.T, b *bench) {
	r := b.running(b.root.ID)
	var furthest outturn.RunPhase
	var updated time.Time
	step := func(phase outturn.RunPhase) {
		t.Helper()
		furthest = furthest.Further(phase)
		got := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, r.ID))
		if got.Phase != phase || got.Furthest != furthest || !got.UpdatedAt.After(updated) {
			t.Errorf("at %s, furthest %s, changed %v; want %s, %s, after %v", got.Phase, got.Furthest, got.UpdatedAt, phase, furthest, updated)
		}
		r, updated = got, got.UpdatedAt
	}
	step(outturn.PhaseStarting)
	for _, phase := range []outturn.RunPhase{outturn.PhaseRendering, outturn.PhaseQuerying, outturn.PhaseStarting, outturn.PhaseStoring, outturn.PhaseRendering} {
		ok(t, b.store.ExtendLease(ctx, r.Claim(), lease, phase, outturn.RunProgress{Rows: 5, Bytes: 6}))
		step(phase)
	}
	ok(t, b.store.ReleaseRun(ctx, r.Claim()))
	step("")
	must[outturn.Run](t)(b.store.ClaimRun(ctx, r.ID, worker, lease))
	step(outturn.PhaseStarting)
	if r.Progress.Rows != 0 || r.Progress.Bytes != 0 {
		t.Errorf("the second attempt begins with %+v", r.Progress)
	}
}

func testCancelWhileRunning(t *testing.T, b *bench) {
	cancel := func(r outturn.Run) outturn.Run {
		t.Helper()
		return must[outturn.Run](t)(b.store.CancelRun(ctx, b.root.ID, r.ID, "client:1", outturn.AuditEntry{Action: "run.cancel"}))
	}
	for name, end := range map[string]func(outturn.Run) error{
		"FinishCancelled": func(r outturn.Run) error { _, err := b.store.FinishCancelled(ctx, r.Claim()); return err },
		"ReleaseRun":      func(r outturn.Run) error { return b.store.ReleaseRun(ctx, r.Claim()) },
		"FailRun": func(r outturn.Run) error {
			_, err := b.store.FailRun(ctx, r.Claim(), reason(), b.now().Add(time.Second))
			return err
		},
		"SweepLeases": func(outturn.Run) error {
			b.pass(lease)
			requeued, gone, err := b.store.SweepLeases(ctx, 1)
			if len(requeued)+len(gone) > 0 {
				t.Errorf("the sweep lists %v, %v", requeued, gone)
			}
			return err
		},
	} {
		r := b.running(b.root.ID)
		other := b.running(b.root.ID)
		_, err := b.store.FinishCancelled(ctx, r.Claim())
		refused(t, "FinishCancelled before anybody asked", err, outturn.CodeConflict)
		if asked := cancel(r); asked.State != outturn.RunRunning || asked.CancelledBy != "client:1" || !asked.CancelAt.Equal(b.now()) {
			t.Errorf("asked to stop, it is %+v", asked)
		}
		entries := len(b.rowsOf(`SELECT id FROM audit WHERE action = 'run.cancel'`))
		cancel(r)
		if again := len(b.rowsOf(`SELECT id FROM audit WHERE action = 'run.cancel'`)); again != entries {
			t.Errorf("asked twice, there are %d entries after %d", again, entries)
		}
		if got := must[[]string](t)(b.store.CancelRequests(ctx, worker)); !slices.Contains(got, r.ID) || slices.Contains(got, other.ID) {
			t.Errorf("the worker hears %v, want %s", got, r.ID)
		}
		if got := must[[]string](t)(b.store.CancelRequests(ctx, "worker-2")); len(got) != 0 {
			t.Errorf("another worker hears %v", got)
		}
		ok(t, b.store.ReleaseRun(ctx, other.Claim()))
		ok(t, end(r))
		if got := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, r.ID)); got.State != outturn.RunCancelled || got.Reason != nil {
			t.Errorf("after %s it is %s, %+v", name, got.State, got.Reason)
		}
	}

	// Once asked to stop it has no success any more.
	r := b.running(b.root.ID)
	cancel(r)
	before := b.dump()
	_, err := b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, []outturn.File{file(r, "late.csv", time.Time{})})
	refused(t, "SucceedRun after the cancel", err, outturn.CodeCancelled)
	if b.dump() != before {
		t.Error("a success that was refused changed something")
	}
	must[outturn.Run](t)(b.store.FinishCancelled(ctx, r.Claim()))

	// A success that was faster stays one.
	r = b.running(b.root.ID)
	must[outturn.Run](t)(b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, nil))
	_, err = b.store.CancelRun(ctx, b.root.ID, r.ID, "client:1", outturn.AuditEntry{})
	refused(t, "CancelRun after the success", err, outturn.CodeConflict)
}

// testDue asks for runs before, at and after they are due.
func testDue(t *testing.T, b *bench) {
	first := b.queued(b.root.ID)
	b.pass(time.Millisecond)
	second := b.running(b.root.ID)
	due := b.now().Add(10 * time.Second)
	must[outturn.Run](t)(b.store.FailRun(ctx, second.Claim(), reason(), due))
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{{0, []string{first.ID}}, {10*time.Second - time.Microsecond, []string{first.ID}}, {time.Microsecond, []string{first.ID, second.ID}}} {
		b.pass(step.after)
		var got []string
		for _, r := range must[[]outturn.Run](t)(b.store.DueRuns(ctx, 10)) {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%v before it is due: %v, want %v", due.Sub(b.now()), got, step.want)
		}
		if len(step.want) == 1 {
			_, err := b.store.ClaimRun(ctx, second.ID, worker, lease)
			refused(t, "a claim before it is due", err, outturn.CodeConflict)
		}
	}
	if got := must[[]outturn.Run](t)(b.store.DueRuns(ctx, 1)); len(got) != 1 || got[0].ID != first.ID {
		t.Errorf("the oldest is %v", got)
	}
	other := b.queued(b.tenant(b.root.ID, outturn.KindReseller).ID) // not hidden by a longer backlog
	if got := must[[]outturn.Run](t)(b.store.DueRuns(ctx, 2)); len(got) != 2 || got[0].ID != first.ID || got[1].ID != other.ID {
		t.Errorf("the oldest of each tenant are %v", got)
	}
	if r := must[outturn.Run](t)(b.store.ClaimRun(ctx, second.ID, worker, lease)); r.Reason != nil || !r.NotBefore.IsZero() {
		t.Errorf("claimed, it has %+v, %v", r.Reason, r.NotBefore)
	}
}

// testExpiry lets the time of files and links pass.
func testExpiry(t *testing.T, b *bench) {
	r := b.running(b.root.ID)
	day := 24 * time.Hour
	r = must[outturn.Run](t)(b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, []outturn.File{
		file(r, "short.csv", b.now().Add(day)), file(r, "long.csv", b.now().Add(3*day)),
	}))
	short, long := r.Files[0], r.Files[1]
	for i, f := range r.Files {
		ok(t, b.store.CreateLink(ctx, outturn.Link{
			ID: f.Name, File: f.ID, Tenant: b.root.ID, TokenHash: f.Name, ExpiresAt: b.now().Add([]time.Duration{9 * day, 2 * day}[i]),
		}, outturn.AuditEntry{}))
	}
	state := func(want string) {
		t.Helper()
		code := func(err error) string { return string(outturn.ErrorCode(err)) }
		_, file := b.store.File(ctx, b.root.ID, short.ID)
		_, other := b.store.File(ctx, b.root.ID, long.ID)
		_, _, link := b.store.LinkByHash(ctx, "short.csv")
		_, _, otherLink := b.store.LinkByHash(ctx, "long.csv")
		if got := fmt.Sprintf("%q %q %q %q", code(file), code(other), code(link), code(otherLink)); got != want {
			t.Errorf("the files and their links: %s, want %s", got, want)
		}
	}
	swept := func(want ...string) {
		t.Helper()
		var got []string
		for _, f := range must[[]outturn.File](t)(b.store.ExpiredFiles(ctx, 10)) {
			got = append(got, f.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the sweep gets %v, want %v", got, want)
		}
	}
	b.pass(day - time.Microsecond)
	state(`"" "" "" ""`)
	swept()
	b.pass(time.Microsecond)
	state(`"gone" "" "gone" ""`)
	ok(t, b.store.ForgetFiles(ctx, []string{short.ID, long.ID})) // neither is marked: nothing goes
	swept(short.ID)
	swept(short.ID) // until it is forgotten
	if got := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, r.ID)); len(got.Files) != 1 || !got.FilesGoneAt.IsZero() {
		t.Errorf("the run has %d files, gone at %v", len(got.Files), got.FilesGoneAt)
	}
	ok(t, b.store.ForgetFiles(ctx, []string{short.ID, long.ID}))
	swept()
	b.pass(day)
	state(`"not_found" "" "gone" "gone"`)
	b.pass(day)
	swept(long.ID)
	if got := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, r.ID)); len(got.Files) != 0 || got.FilesGoneAt.IsZero() {
		t.Errorf("the run has %d files, gone at %v", len(got.Files), got.FilesGoneAt)
	}

	// A link that was taken back, and one whose run was deleted.
	for name, end := range map[string]func(outturn.Run, string) error{
		"RevokeLink": func(_ outturn.Run, id string) error {
			return b.store.RevokeLink(ctx, b.root.ID, id, outturn.AuditEntry{})
		},
		"DeleteRun": func(r outturn.Run, _ string) error {
			files, err := b.store.DeleteRun(ctx, b.root.ID, r.ID, outturn.AuditEntry{})
			if len(files) != 1 || files[0].ID != r.Files[0].ID {
				t.Errorf("DeleteRun gives back %v", files)
			}
			return err
		},
	} {
		r := b.succeeded(b.root.ID)
		ok(t, b.store.CreateLink(ctx, outturn.Link{ID: r.ID, File: r.Files[0].ID, Tenant: b.root.ID, TokenHash: r.ID, ExpiresAt: b.now().Add(day)}, outturn.AuditEntry{}))
		_, _, err := b.store.LinkByHash(ctx, r.ID)
		ok(t, err)
		ok(t, end(r, r.ID))
		_, _, err = b.store.LinkByHash(ctx, r.ID)
		refused(t, "the link after "+name, err, outturn.CodeGone)
	}
	running := b.running(b.root.ID)
	_, err := b.store.DeleteRun(ctx, b.root.ID, running.ID, outturn.AuditEntry{})
	refused(t, "DeleteRun of one that runs", err, outturn.CodeConflict)

	// One that failed has no files, and is noted as removed, once.
	must[outturn.Run](t)(b.store.FailRun(ctx, running.Claim(), reason(), time.Time{}))
	removed := b.now()
	for range 2 {
		must[[]outturn.File](t)(b.store.DeleteRun(ctx, b.root.ID, running.ID, outturn.AuditEntry{}))
		b.pass(time.Hour)
	}
	if got := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, running.ID)); !got.RemovedAt.Equal(removed) || got.Listed() || !running.Listed() {
		t.Errorf("removed at %v, want %v", got.RemovedAt, removed)
	}
}
