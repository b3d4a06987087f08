package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"outturn"
)

// limited makes a tenant that has limits.
func (b *bench) limited(parent string, kind outturn.TenantKind, l outturn.Limits) outturn.Tenant {
	b.t.Helper()
	n := b.number()
	return must[outturn.Tenant](b.t)(b.store.CreateTenant(ctx,
		outturn.Tenant{Parent: parent, Kind: kind, Name: fmt.Sprint("Tenant ", n), ExternalID: fmt.Sprint("limited-", n), Limits: l}, outturn.AuditEntry{}))
}

// set changes a tenant past the ledger.
func (b *bench) set(tenant, assignment string) {
	b.t.Helper()
	must[any](b.t)(b.db.Exec(`UPDATE tenants SET ` + assignment + ` WHERE id = '` + tenant + `'`))
}

func (b *bench) create(tenant string) (outturn.Run, error) {
	return b.store.CreateRun(ctx, outturn.Run{Tenant: tenant, Name: "Orders", Origin: "api", CreatedBy: "client:1", Request: outturn.RunRequest{Dataset: "orders"}}, nil, outturn.AuditEntry{})
}

// recount holds the sums of usage against what there is.
func (b *bench) recount() {
	b.t.Helper()
	const below = `FROM %s x JOIN tenant_closure c ON c.descendant = x.tenant WHERE c.ancestor = u.tenant`
	count := func(of string) string {
		return fmt.Sprintf(`(SELECT COUNT(*) `+below+` AND x.state = '%s')`, "runs", of)
	}
	wrong := b.rowsOf(`SELECT u.tenant, running, ` + count("running") + `, queued, ` + count("queued") + `,
		files_n, (SELECT COUNT(*) ` + fmt.Sprintf(below, "files") + `), bytes_n, (SELECT COALESCE(SUM(x.bytes_n), 0) ` + fmt.Sprintf(below, "files") + `)
		FROM tenant_usage u WHERE running <> ` + count("running") + ` OR queued <> ` + count("queued") + `
		OR files_n <> (SELECT COUNT(*) ` + fmt.Sprintf(below, "files") + `) OR bytes_n <> (SELECT COALESCE(SUM(x.bytes_n), 0) ` + fmt.Sprintf(below, "files") + `)`)
	if len(wrong) > 0 {
		b.t.Fatalf("usage is not what there is: %q", wrong)
	}
}

// testUsage makes moves by chance and counts again.
func testUsage(t *testing.T, b *bench) {
	reseller := b.tenant(b.root.ID, outturn.KindReseller)
	tenants := []string{b.root.ID, reseller.ID, b.tenant(reseller.ID, outturn.KindCustomer).ID, b.tenant(reseller.ID, outturn.KindCustomer).ID}
	seed := rand.Uint64()
	t.Log("seed", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	moves := 0
	for range 60 {
		r := b.queued(tenants[dice.IntN(len(tenants))])
		for range 1 + dice.IntN(20) {
			m := movers[dice.IntN(len(movers))]
			if err := m.call(b, r); err == nil {
				moves++
			}
			r = must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, r.ID))
			b.pass(time.Second)
		}
		switch dice.IntN(12) {
		case 0:
			_, _ = b.store.DeleteRun(ctx, b.root.ID, r.ID, outturn.AuditEntry{}) // those that have not ended stay
		case 1:
			must[any](t)(b.db.Exec(`UPDATE files SET expires_at = 1 WHERE run = '` + r.ID + `'`))
			var ids []string
			for _, f := range must[[]outturn.File](t)(b.store.ExpiredFiles(ctx, 10)) {
				ids = append(ids, f.ID)
			}
			b.recount() // marked, it counts: its bytes are there
			ok(t, b.store.ForgetFiles(ctx, append(ids, "none")))
		case 2:
			b.pass(lease)
			_, _, err := b.store.SweepLeases(ctx, 2)
			ok(t, err)
		}
		b.recount()
	}
	if moves < 60 {
		t.Errorf("only %d moves", moves)
	}
	if u := must[outturn.Usage](t)(b.store.Usage(ctx, b.root.ID, b.root.ID)); u.Files == 0 || u.Bytes == 0 || u.Tenant != b.root.ID {
		t.Errorf("in the end there is %+v", u)
	}
}

// testLimitsTogether lets many want what few can have.
func testLimitsTogether(t *testing.T, b *bench) {
	reseller := b.limited(b.root.ID, outturn.KindReseller, outturn.Limits{Queued: new(int64(10)), Running: new(int64(3))})
	customers := []string{b.tenant(reseller.ID, outturn.KindCustomer).ID, b.tenant(reseller.ID, outturn.KindCustomer).ID}
	count := func(errs []error, code outturn.Code) (done int) {
		for _, err := range errs {
			if err == nil {
				done++
				continue
			}
			refused(t, "one too many", err, code)
		}
		return done
	}
	made := make([]outturn.Run, 50)
	if n := count(together(len(made), func(i int) (err error) {
		made[i], err = b.create(customers[i%2])
		return err
	}), outturn.CodeLimit); n != 10 {
		t.Errorf("%d were made, the limit is 10", n)
	}
	made = slices.DeleteFunc(made, func(r outturn.Run) bool { return r.State != outturn.RunQueued })
	if n := count(together(len(made), func(i int) error {
		_, err := b.store.ClaimRun(ctx, made[i].ID, fmt.Sprint("worker-", i), lease)
		return err
	}), outturn.CodeHeld); n != 3 {
		t.Errorf("%d are at work, the limit is 3", n)
	}
	if u := must[outturn.Usage](t)(b.store.Usage(ctx, b.root.ID, reseller.ID)); u.Running != 3 || u.Queued != 7 {
		t.Errorf("there is %+v", u)
	}
	b.recount()
}

// testLimits asks for more than there may be, of a tenant and of one two levels above
// it.
func testLimits(t *testing.T, b *bench) {
	for _, test := range []struct {
		limits outturn.Limits
		do     func(tenant string) error
		code   outturn.Code
		kind   outturn.LimitKind
	}{
		{outturn.Limits{Queued: new(int64(1))}, func(tenant string) error {
			b.queued(tenant)
			_, err := b.create(tenant)
			return err
		}, outturn.CodeLimit, outturn.LimitQueued},
		{outturn.Limits{Bytes: new(int64(70))}, func(tenant string) error {
			b.succeeded(tenant) // has 70
			_, err := b.create(tenant)
			return err
		}, outturn.CodeLimit, outturn.LimitBytes},
		{outturn.Limits{Bytes: new(int64(139))}, func(tenant string) error {
			b.succeeded(tenant)
			r := b.running(tenant)
			before := b.dump()
			_, err := b.store.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, []outturn.File{file(r, "more.csv", time.Time{})})
			if b.dump() != before {
				t.Error("a run that has made too much has changed the ledger")
			}
			must[outturn.Run](t)(b.store.FailRun(ctx, r.Claim(), outturn.NewReason(err, "c-1"), time.Time{}))
			return err
		}, outturn.CodeStorageLimit, outturn.LimitBytes},
	} {
		for _, own := range []bool{true, false} {
			var tenant, whose string
			if own {
				tenant = b.limited(b.root.ID, outturn.KindCustomer, test.limits).ID
				whose = tenant
			} else {
				whose = b.limited(b.root.ID, outturn.KindReseller, test.limits).ID
				tenant = b.tenant(b.tenant(whose, outturn.KindReseller).ID, outturn.KindCustomer).ID
			}
			err := test.do(tenant)
			refused(t, string(test.kind), err, test.code)
			var limit *outturn.LimitReached
			if !errors.As(err, &limit) || limit.Tenant != whose || limit.Kind != test.kind || limit.Most != *test.limits.Of(test.kind) {
				t.Errorf("the limit is %+v, want that of %s", limit, whose)
			}
			above := must[[]outturn.LimitAbove](t)(b.store.LimitsAbove(ctx, b.root.ID, tenant))
			if reached := test.code == outturn.CodeLimit; !own && (len(above) != 1 || above[0] != outturn.LimitAbove{Kind: test.kind, Reached: reached}) || own && above != nil {
				t.Errorf("of the limits above it is told %+v", above)
			}
		}
	}

	// Rows are bounded by the least of all.
	reseller := b.limited(b.root.ID, outturn.KindReseller, outturn.Limits{Rows: new(int64(5)), Requests: new(int64(60))})
	customer := b.limited(reseller.ID, outturn.KindCustomer, outturn.Limits{Rows: new(int64(9)), Requests: new(int64(9))})
	if r := b.running(customer.ID); r.MostRows == nil || *r.MostRows != 5 {
		t.Errorf("its runs may have %v rows, want 5", r.MostRows)
	}
	if r := b.running(b.root.ID); r.MostRows != nil {
		t.Errorf("the provider's may have %d", *r.MostRows)
	}
	st := must[outturn.Standing](t)(b.store.Standing(ctx, customer.ID))
	if want := []outturn.RequestLimit{{Tenant: customer.ID, PerMinute: 9}, {Tenant: reseller.ID, PerMinute: 60}}; !slices.Equal(st.Requests, want) || st.State != outturn.TenantActive {
		t.Errorf("it stands as %+v, want requests %v", st, want)
	}
}

// testRunningLimit has the runs of a reseller's customers wait for one another, and
// nobody else's.
func testRunningLimit(t *testing.T, b *bench) {
	reseller := b.limited(b.root.ID, outturn.KindReseller, outturn.Limits{Running: new(int64(1))})
	first, second := b.tenant(reseller.ID, outturn.KindCustomer).ID, b.tenant(reseller.ID, outturn.KindCustomer).ID
	one := b.running(first)
	for range 5 {
		b.queued(first)
		b.pass(time.Millisecond)
	}
	b.queued(second)
	other := b.queued(b.root.ID)
	ids := func(runs []outturn.Run, err error) (whose []string) {
		t.Helper()
		ok(t, err)
		for _, r := range runs {
			whose = append(whose, r.Tenant)
		}
		return whose
	}
	if got := ids(b.store.DueRuns(ctx, 1)); !slices.Equal(got, []string{other.Tenant}) {
		t.Errorf("due are runs of %v, want the provider's only", got)
	}
	if got := ids(b.store.NextRuns(ctx, first)); got != nil {
		t.Errorf("next are runs of %v though one is at work", got)
	}
	must[outturn.Run](t)(b.store.SucceedRun(ctx, one.Claim(), outturn.Manifest{}, nil))
	var turns []string
	for range 6 { // in turn, though the first has five that are older
		b.pass(time.Millisecond)
		next := must[[]outturn.Run](t)(b.store.NextRuns(ctx, first))
		if len(next) != 1 {
			t.Fatalf("there are %d next, want 1", len(next))
		}
		r := must[outturn.Run](t)(b.store.ClaimRun(ctx, next[0].ID, worker, lease))
		_, err := b.store.ClaimRun(ctx, b.queued(second).ID, worker, lease)
		refused(t, "a second at once", err, outturn.CodeHeld)
		turns = append(turns, r.Tenant)
		must[outturn.Run](t)(b.store.FailRun(ctx, r.Claim(), reason(), time.Time{}))
	}
	if want := []string{second, first, second, first, second, first}; !slices.Equal(turns, want) {
		t.Errorf("it was the turn of %v, want %v", turns, want)
	}
	b.set(reseller.ID, "most_running = 3")
	if got := ids(b.store.NextRuns(ctx, first)); len(got) < 3 || slices.Contains(got, b.root.ID) {
		t.Errorf("with room for three, next are %v", got)
	}
	if got := ids(b.store.NextRuns(ctx, b.root.ID)); got != nil {
		t.Errorf("where nothing is limited, next are %v", got)
	}
	if !must[bool](t)(b.store.Waiting(ctx)) {
		t.Error("nothing waits")
	}
}

// testHeld suspends a reseller: its customer's runs wait until it is resumed.
func testHeld(t *testing.T, b *bench) {
	reseller := b.tenant(b.root.ID, outturn.KindReseller)
	customer := b.tenant(reseller.ID, outturn.KindCustomer)
	r := b.queued(customer.ID)
	due := func(want int) {
		t.Helper()
		if got := must[[]outturn.Run](t)(b.store.DueRuns(ctx, 10)); len(got) != want {
			t.Errorf("%d are due, want %d", len(got), want)
		}
	}
	due(1)
	b.set(reseller.ID, "state = 'suspended', held_by = id")
	b.set(customer.ID, "held_by = '"+reseller.ID+"'")
	due(0)
	_, err := b.store.ClaimRun(ctx, r.ID, worker, lease)
	refused(t, "a claim while it is held", err, outturn.CodeHeld)
	if st := must[outturn.Standing](t)(b.store.Standing(ctx, customer.ID)); st.HeldBy != reseller.ID || st.State != outturn.TenantActive {
		t.Errorf("it stands as %+v", st)
	}
	b.set(reseller.ID, "state = 'active', held_by = NULL")
	b.set(customer.ID, "held_by = NULL")
	due(1)
	must[outturn.Run](t)(b.store.ClaimRun(ctx, r.ID, worker, lease))
}

// testLinksOfRevoked revokes a client: what it has made ends with it, what others
// made does not.
func testLinksOfRevoked(t *testing.T, b *bench) {
	f := b.succeeded(b.root.ID).Files[0]
	link := func(by, token string) error {
		return b.store.CreateLink(ctx, outturn.Link{File: f.ID, Tenant: b.root.ID, TokenHash: token, CreatedBy: by, ExpiresAt: b.now().Add(time.Hour)}, outturn.AuditEntry{})
	}
	for _, id := range []string{"ot_1", "ot_2"} {
		ok(t, b.store.CreateClient(ctx, outturn.Client{ID: id, Tenant: b.root.ID, Name: id, Role: outturn.RoleManager}, outturn.AuditEntry{}))
		ok(t, link("client:"+id, id))
	}
	revoke := func(c *outturn.Client) error { c.RevokedAt = b.now(); return nil }
	must[outturn.Client](t)(b.store.UpdateClient(ctx, b.root.ID, "ot_1", revoke, outturn.AuditEntry{}))
	_, _, err := b.store.LinkByHash(ctx, "ot_1")
	refused(t, "its link", err, outturn.CodeGone)
	_, _, err = b.store.LinkByHash(ctx, "ot_2")
	ok(t, err)
	refused(t, "a link made after", link("client:ot_1", "late"), outturn.CodeUnauthenticated)
}
