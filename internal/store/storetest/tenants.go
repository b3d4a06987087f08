package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
)

// A forest is what the tree of tenants must be, computed the slow way.
type forest struct {
	parent    map[string]string // "" for the provider
	suspended map[string]bool
	queued    map[string]int // runs of its own
	customer  map[string]bool
	ids       []string
}

func (f *forest) add(n outturn.Tenant) {
	f.parent[n.ID], f.customer[n.ID] = n.Parent, n.Kind == outturn.KindCustomer
	f.ids = append(f.ids, n.ID)
}

// up lists a tenant and all above it, the nearest first.
func (f *forest) up(id string) (list []string) {
	for ; id != ""; id = f.parent[id] {
		list = append(list, id)
	}
	return list
}

func (f *forest) heldBy(id string) string {
	for _, a := range f.up(id) {
		if f.suspended[a] {
			return a
		}
	}
	return ""
}

// testTenantTree changes a tree at random and compares it with a forest.
func testTenantTree(t *testing.T, b *bench) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	f := &forest{parent: map[string]string{}, suspended: map[string]bool{}, queued: map[string]int{}, customer: map[string]bool{}}
	f.add(b.root)
	suspensions := 0
	for step := 0; step < 300 || len(f.ids) < 20 || suspensions < 5; step++ { // most seeds have that by then
		id, other := f.ids[dice.IntN(len(f.ids))], f.ids[dice.IntN(len(f.ids))]
		var err error
		allowed := id != b.root.ID
		switch dice.IntN(6) {
		case 0:
			n := outturn.Tenant{Parent: id, Kind: []outturn.TenantKind{outturn.KindReseller, outturn.KindReseller, outturn.KindCustomer}[dice.IntN(3)], Name: "n"}
			allowed = !f.customer[id]
			if n, err = b.store.CreateTenant(ctx, n, none); err == nil {
				f.add(n)
			}
		case 1:
			b.addUsage(id)
			f.queued[id]++
			allowed = true
		case 2:
			if _, err = b.store.SuspendTenant(ctx, b.root.ID, id, none); err == nil {
				f.suspended[id] = true
				suspensions++
			}
		case 3:
			if _, err = b.store.ResumeTenant(ctx, b.root.ID, id, none); err == nil {
				delete(f.suspended, id)
			}
		default:
			if f.parent[id] != other {
				allowed = allowed && !f.customer[other] && !slices.Contains(f.up(other), id)
			}
			if _, err = b.store.MoveTenant(ctx, b.root.ID, id, other, none); err == nil {
				f.parent[id] = other
			}
		}
		if allowed != (err == nil) {
			t.Fatalf("step %d: allowed is %t, and it got %v", step, allowed, err)
		}
		if step%10 == 0 {
			b.compare(f)
		}
	}
	b.compare(f)
}

// addUsage makes a tenant use one more of everything, whatever it is that counts it.
func (b *bench) addUsage(tenant string) {
	b.t.Helper()
	_, err := b.db.Exec(`UPDATE tenant_usage SET running = running + 1, queued = queued + 2, generators = generators + 3, files_n = files_n + 4, bytes_n = bytes_n + 5
		WHERE tenant IN (SELECT ancestor FROM tenant_closure WHERE descendant = ?1)`, tenant)
	ok(b.t, err)
}

// compare checks what the ledger knows of the tree.
func (b *bench) compare(f *forest) {
	b.t.Helper()
	var closure, tenants, usage []string
	sums := map[string]int{}
	for _, id := range f.ids {
		for _, a := range f.up(id) {
			closure = append(closure, a+" "+id)
			sums[a] += f.queued[id]
		}
		tenants = append(tenants, fmt.Sprint(id, " ", f.parent[id], " ", f.heldBy(id), " ", f.suspended[id]))
	}
	for _, id := range f.ids {
		n := sums[id]
		usage = append(usage, fmt.Sprint(id, " ", n, " ", 2*n, " ", 3*n, " ", 4*n, " ", 5*n))
	}
	for what, tt := range map[string]struct {
		want  []string
		query string
	}{
		"who sees whom": {closure, `SELECT ancestor || ' ' || descendant FROM tenant_closure`},
		"the tenants": {tenants, `SELECT id || ' ' || COALESCE(parent, '') || ' ' || COALESCE(held_by, '') || ' ' ||
			CASE WHEN state = 'suspended' AND suspended_at IS NOT NULL THEN 'true' ELSE 'false' END FROM tenants`},
		"what they use": {usage, `SELECT tenant || ' ' || running || ' ' || queued || ' ' || generators || ' ' || files_n || ' ' || bytes_n FROM tenant_usage`},
	} {
		got := b.rowsOf(tt.query)
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			b.t.Fatalf("%s: got %d rows\n%s\nwant %d\n%s", what, len(got), strings.Join(got, "\n"), len(tt.want), strings.Join(tt.want, "\n"))
		}
	}
}

func limitOf(n int64) outturn.Limits { return outturn.Limits{Queued: &n} }

// testTenantRules goes through what is refused, which changes nothing.
func testTenantRules(t *testing.T, b *bench) {
	reseller, rival := b.tenant(b.root.ID, outturn.KindReseller), b.tenant(b.root.ID, outturn.KindReseller)
	middle := b.tenant(reseller.ID, outturn.KindReseller)
	customer := b.tenant(middle.ID, outturn.KindCustomer)
	gone := b.tenant(reseller.ID, outturn.KindReseller)
	ok(t, b.store.DeleteTenant(ctx, reseller.ID, gone.ID, none))
	busy := b.tenant(reseller.ID, outturn.KindCustomer)
	b.running(busy.ID)
	b.queued(busy.ID)
	b.queued(busy.ID)

	move := func(viewer, id, parent string) func() error {
		return func() error { _, err := b.store.MoveTenant(ctx, viewer, id, parent, none); return err }
	}
	remove := func(viewer, id string) func() error {
		return func() error { return b.store.DeleteTenant(ctx, viewer, id, none) }
	}
	change := func(viewer, id string, change func(*outturn.Tenant)) func() error {
		return func() error {
			_, err := b.store.UpdateTenant(ctx, viewer, id, func(n *outturn.Tenant) error { change(n); return nil }, none)
			return err
		}
	}
	before := b.dump()
	for name, tt := range map[string]struct {
		do   func() error
		want outturn.Code
		says string
	}{
		"UnderItself":        {move(b.root.ID, reseller.ID, reseller.ID), outturn.CodeInvalid, "under itself"},
		"BelowItself":        {move(b.root.ID, reseller.ID, middle.ID), outturn.CodeInvalid, "under itself"},
		"UnderACustomer":     {move(b.root.ID, rival.ID, customer.ID), outturn.CodeInvalid, "no tenants below"},
		"UnderADeletedOne":   {move(b.root.ID, rival.ID, gone.ID), outturn.CodeNotFound, ""},
		"UnderOneNotSeen":    {move(reseller.ID, middle.ID, rival.ID), outturn.CodeNotFound, ""},
		"UnderNobody":        {move(b.root.ID, middle.ID, ""), outturn.CodeNotFound, ""},
		"MovedByItself":      {move(reseller.ID, reseller.ID, middle.ID), outturn.CodeForbidden, "never by itself"},
		"MovedFromBelow":     {move(middle.ID, reseller.ID, middle.ID), outturn.CodeNotFound, ""},
		"MovedProvider":      {move(b.root.ID, b.root.ID, reseller.ID), outturn.CodeForbidden, "root"},
		"MovedDeleted":       {move(b.root.ID, gone.ID, rival.ID), outturn.CodeNotFound, ""},
		"DeletedByItself":    {remove(middle.ID, middle.ID), outturn.CodeForbidden, "never by itself"},
		"DeletedTwice":       {remove(b.root.ID, gone.ID), outturn.CodeNotFound, ""},
		"DeletedProvider":    {remove(b.root.ID, b.root.ID), outturn.CodeForbidden, "root"},
		"DeletedWithTenants": {remove(b.root.ID, reseller.ID), outturn.CodeConflict, "has 3 tenants below it, so it cannot be deleted. First delete or move those below it."},
		"DeletedWithRuns":    {remove(b.root.ID, busy.ID), outturn.CodeConflict, "has 2 queued runs, 1 running run, so it cannot be deleted. First cancel its runs or wait for their end."},
		"OwnLimits":          {change(middle.ID, middle.ID, func(n *outturn.Tenant) { n.Limits = limitOf(3) }), outturn.CodeForbidden, "limits of their own"},
		"AccountTaken":       {change(b.root.ID, middle.ID, func(n *outturn.Tenant) { n.ExternalID = rival.ExternalID }), outturn.CodeConflict, rival.ExternalID},
		"ChangedDeleted":     {change(b.root.ID, gone.ID, func(n *outturn.Tenant) { n.Name = "x" }), outturn.CodeNotFound, ""},
		"RestoredAlive": {func() error { _, err := b.store.RestoreTenant(ctx, b.root.ID, rival.ID, none); return err },
			outturn.CodeConflict, "not deleted"},
		"CreatedUnderDeleted": {func() error {
			_, err := b.store.CreateTenant(ctx, outturn.Tenant{Parent: gone.ID, Kind: outturn.KindCustomer}, none)
			return err
		}, outturn.CodeNotFound, ""},
	} {
		err := tt.do()
		refused(t, name, err, tt.want)
		if err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %q, want it to say %q", name, err, tt.says)
		}
	}
	if after := b.dump(); after != before {
		t.Error("what was refused changed the ledger")
	}

	n := must[outturn.Tenant](t)(b.store.UpdateTenant(ctx, reseller.ID, middle.ID, func(n *outturn.Tenant) error {
		*n = outturn.Tenant{Name: "Middle", ExternalID: "account-m", Zone: "Europe/Berlin", Currency: "EUR", ReportType: "PROVIDER", Limits: limitOf(0)}
		return nil
	}, none))
	want := middle
	want.Name, want.ExternalID, want.Zone, want.Currency, want.ReportType, want.Limits = "Middle", "account-m", "Europe/Berlin", "EUR", "PROVIDER", limitOf(0)
	if got, want := must[[]byte](t)(json.Marshal(n)), must[[]byte](t)(json.Marshal(want)); !bytes.Equal(got, want) {
		t.Errorf("changed: got %s, want %s", got, want)
	}
}

// told are the actions of the entries that are about an object, by the tenant that
// they concern.
func (b *bench) told(object string) map[string][]string {
	b.t.Helper()
	list := must[outturn.List[outturn.AuditEntry]](b.t)(b.store.AuditEntries(ctx, b.root.ID, where("object", object)))
	told := map[string][]string{}
	for _, a := range list.Items {
		told[a.Tenant] = append(told[a.Tenant], a.Action)
	}
	for _, actions := range told {
		slices.Sort(actions)
	}
	return told
}

// testTenantTold checks what the audit has, and that the parent is told of it.
func testTenantTold(t *testing.T, b *bench) {
	reseller, other := b.tenant(b.root.ID, outturn.KindReseller), b.tenant(b.root.ID, outturn.KindReseller)
	act := func(name string) outturn.AuditEntry {
		return outturn.AuditEntry{ID: outturn.NewID(b.now()), Action: name, Subject: "client:1"}
	}
	suspend := func(id string) {
		must[outturn.Tenant](t)(b.store.SuspendTenant(ctx, b.root.ID, id, act("tenant.suspend")))
	}
	resume := func(id string) {
		must[outturn.Tenant](t)(b.store.ResumeTenant(ctx, b.root.ID, id, act("tenant.resume")))
	}
	move := func(id, parent string) {
		must[outturn.Tenant](t)(b.store.MoveTenant(ctx, b.root.ID, id, parent, act("tenant.move")))
	}
	admin := func(tenant, id string, role outturn.Role) {
		ok(t, b.store.CreateClient(ctx, outturn.Client{ID: id, Tenant: tenant, Name: "n", Role: role}, none))
	}
	client := func(id string, change func(*outturn.Client)) {
		must[outturn.Client](t)(b.store.UpdateClient(ctx, b.root.ID, id, func(c *outturn.Client) error { change(c); return nil }, act("client.revoke")))
	}
	revoke := func(c *outturn.Client) { c.RevokedAt = b.now() }
	for name, tt := range map[string]struct {
		do     func(id string)
		itself []string // what concerns the tenant
		parent []string // what its first parent is told
		other  []string // what the other reseller is told
	}{
		"Suspended":      {func(id string) { suspend(id) }, []string{"tenant.suspend"}, []string{"tenant.held"}, nil},
		"SuspendedTwice": {func(id string) { suspend(id); suspend(id) }, []string{"tenant.suspend"}, []string{"tenant.held"}, nil},
		"Resumed":        {func(id string) { suspend(id); resume(id); resume(id) }, []string{"tenant.resume", "tenant.suspend"}, []string{"tenant.held"}, nil},
		"Moved":          {func(id string) { move(id, other.ID); move(id, other.ID) }, []string{"tenant.move"}, []string{"tenant.left"}, nil},
		"MovedToHeld": {func(id string) { suspend(other.ID); move(id, other.ID); resume(other.ID) },
			[]string{"tenant.move"}, []string{"tenant.left"}, []string{"tenant.held"}},
		"LastAdmin": {func(id string) { admin(id, "a"+id, "admin"); client("a"+id, revoke) }, nil, []string{"tenant.without_admin"}, nil},
		"LowerRole": {func(id string) {
			admin(id, "a"+id, "admin")
			client("a"+id, func(c *outturn.Client) { c.Role = "viewer" })
		}, nil, []string{"tenant.without_admin"}, nil},
		"RevokedTwice":  {func(id string) { admin(id, "a"+id, "admin"); client("a"+id, revoke); client("a"+id, revoke) }, nil, []string{"tenant.without_admin"}, nil},
		"OneOfTwo":      {func(id string) { admin(id, "a"+id, "admin"); admin(id, "b"+id, "admin"); client("a"+id, revoke) }, nil, nil, nil},
		"NoAdminBefore": {func(id string) { admin(id, "a"+id, "manager"); client("a"+id, revoke) }, nil, nil, nil},
	} {
		id := must[outturn.Tenant](t)(b.store.CreateTenant(ctx, outturn.Tenant{Parent: reseller.ID, Kind: outturn.KindReseller}, outturn.AuditEntry{Tenant: b.root.ID})).ID
		tt.do(id)
		want := map[string][]string{b.root.ID: {""}, id: tt.itself, reseller.ID: tt.parent, other.ID: tt.other}
		maps.DeleteFunc(want, func(_ string, actions []string) bool { return actions == nil })
		if got := b.told(id); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// testDeletedTenants: in no list, and back as it was.
func testDeletedTenants(t *testing.T, b *bench) {
	f := b.family()
	h, account := f.customer, f.customer.tenant.ExternalID
	viewer := f.reseller.tenant.ID
	b.idle(h)
	must[outturn.Tenant](t)(b.store.SuspendTenant(ctx, viewer, h.tenant.ID, none))
	held := must[outturn.Tenant](t)(b.store.Tenant(ctx, viewer, h.tenant.ID))
	b.pass(time.Minute)
	ok(t, b.store.DeleteTenant(ctx, viewer, h.tenant.ID, none))

	_, err := b.store.Tenant(ctx, viewer, h.tenant.ID)
	refused(t, "the tenant", err, outturn.CodeNotFound)
	_, err = b.store.File(ctx, viewer, h.file.ID)
	refused(t, "its file", err, outturn.CodeGone)
	_, _, err = b.store.LinkByHash(ctx, h.token)
	refused(t, "its link", err, outturn.CodeGone)
	refused(t, "a new link", b.store.CreateLink(ctx, outturn.Link{File: h.file.ID, Tenant: viewer, TokenHash: "new"}, none), outturn.CodeGone)
	must[outturn.Run](t)(b.store.Run(ctx, viewer, h.run.ID)) // what was done stays
	_, err = b.store.CreateRun(ctx, outturn.Run{Tenant: h.tenant.ID}, nil, none)
	refused(t, "a new run", err, outturn.CodeNotFound)
	_, err = b.store.CreateView(ctx, outturn.SavedView{Tenant: h.tenant.ID}, none)
	refused(t, "a new view", err, outturn.CodeNotFound)
	refused(t, "a new client", b.store.CreateClient(ctx, outturn.Client{ID: "new", Tenant: h.tenant.ID, Role: outturn.RoleViewer}, none), outturn.CodeNotFound)

	listed := func(q outturn.ListQuery) (ids []string) {
		for _, n := range must[outturn.List[outturn.Tenant]](t)(b.store.Tenants(ctx, viewer, q)).Items {
			ids = append(ids, n.ID)
		}
		return ids
	}
	for name, tt := range map[string]struct {
		query outturn.ListQuery
		want  bool
	}{
		"All":       {everything, false},
		"ByID":      {where("id", h.tenant.ID), false},
		"ByAccount": {where("external_id", account), false},
		"ByState":   {where("state", "deleted"), true},
		"Either": {outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpOr, Args: []*outturn.Expr{
			where("state", "deleted").Where, where("kind", "customer").Where,
		}}}, true},
	} {
		if got := slices.Contains(listed(tt.query), h.tenant.ID); got != tt.want {
			t.Errorf("%s: listed is %t", name, got)
		}
	}

	// Its account is free, and then it is not.
	another := must[outturn.Tenant](t)(b.store.CreateTenant(ctx, outturn.Tenant{Parent: f.rival.tenant.ID, Kind: outturn.KindCustomer, ExternalID: account}, none))
	_, err = b.store.RestoreTenant(ctx, viewer, h.tenant.ID, none)
	refused(t, "the account is taken", err, outturn.CodeConflict)
	if strings.Contains(err.Error(), another.ID) {
		t.Errorf("it names a tenant that is not seen: %v", err)
	}
	_, err = b.store.RestoreTenant(ctx, b.root.ID, h.tenant.ID, none)
	refused(t, "the account is taken, for who sees by whom", err, outturn.CodeConflict)
	if !strings.Contains(err.Error(), another.ID) {
		t.Errorf("it does not name the other: %v", err)
	}
	ok(t, b.store.DeleteTenant(ctx, b.root.ID, another.ID, none))

	restored := must[outturn.Tenant](t)(b.store.RestoreTenant(ctx, viewer, h.tenant.ID, none))
	if restored != held {
		t.Errorf("restored: got %+v, want %+v", restored, held)
	}
	must[outturn.File](t)(b.store.File(ctx, viewer, h.file.ID))
	_, _, err = b.store.LinkByHash(ctx, h.token)
	ok(t, err)

	// Not under one that is deleted itself.
	below := b.tenant(b.tenant(b.root.ID, outturn.KindReseller).ID, outturn.KindCustomer)
	for _, id := range []string{below.ID, below.Parent} {
		ok(t, b.store.DeleteTenant(ctx, b.root.ID, id, none))
	}
	_, err = b.store.RestoreTenant(ctx, b.root.ID, below.ID, none)
	refused(t, "its parent is deleted", err, outturn.CodeConflict)
	if !strings.Contains(err.Error(), below.Parent) {
		t.Errorf("it does not name the parent: %v", err)
	}
}

// testPurgedTenants: after the grace period all but runs and audit goes.
func testPurgedTenants(t *testing.T, b *bench) {
	f := b.family()
	h, grace := f.customer, 30*24*time.Hour
	purge := func(want ...string) {
		t.Helper()
		var got []string
		for _, n := range must[[]outturn.Tenant](t)(b.store.PurgeTenants(ctx, b.now().Add(-grace), 10)) {
			got = append(got, n.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("purged: got %v, want %v", got, want)
		}
	}
	b.deleted(h)
	b.deleted(f.stranger)
	b.pass(grace - time.Microsecond)
	purge()
	must[outturn.Tenant](t)(b.store.RestoreTenant(ctx, b.root.ID, f.stranger.tenant.ID, none))
	b.pass(time.Microsecond)
	others := strings.Join(b.rowsOf(`SELECT * FROM views WHERE tenant <> '`+h.tenant.ID+`' ORDER BY id`), "\n")
	purge(h.tenant.ID)
	purge()

	_, err := b.store.RestoreTenant(ctx, b.root.ID, h.tenant.ID, none)
	refused(t, "restored too late", err, outturn.CodeGone)
	files := must[[]outturn.File](t)(b.store.ExpiredFiles(ctx, 10))
	if len(files) != 1 || files[0].ID != h.file.ID {
		t.Errorf("files to remove: got %+v", files)
	}
	r := must[outturn.Run](t)(b.store.Run(ctx, b.root.ID, h.run.ID))
	if r.FilesGoneAt.IsZero() || len(r.Files) > 0 {
		t.Errorf("its run: got %+v", r)
	}
	must[outturn.Manifest](t)(b.store.Manifest(ctx, b.root.ID, h.run.ID))
	if c := must[outturn.Client](t)(b.store.Client(ctx, h.client)); c.RevokedAt.IsZero() {
		t.Error("its client is let in")
	}
	_, err = b.store.View(ctx, b.root.ID, h.view.ID)
	refused(t, "its view", err, outturn.CodeNotFound)
	if got := b.rowsOf(`SELECT count(*) FROM links WHERE revoked_at IS NULL AND tenant = '` + h.tenant.ID + `'`); got[0] != "0" {
		t.Errorf("links that are left: %v", got)
	}
	if got := b.told(h.tenant.ID)[h.tenant.ID]; !slices.Contains(got, "tenant.purge") {
		t.Errorf("the audit has %v", got)
	}
	if now := strings.Join(b.rowsOf(`SELECT * FROM views WHERE tenant <> '`+h.tenant.ID+`' ORDER BY id`), "\n"); now != others || others == "" {
		t.Error("other tenants' views changed")
	}
	must[outturn.File](t)(b.store.File(ctx, b.root.ID, f.stranger.file.ID))
	ok(t, b.store.ForgetFiles(ctx, []string{h.file.ID}))
	if left := must[[]outturn.File](t)(b.store.ExpiredFiles(ctx, 10)); len(left) > 0 {
		t.Errorf("files that are left: %+v", left)
	}
}

// testLinksAfterMove: whoever is no longer above a tenant reads nothing of it by a link
// of before.
func testLinksAfterMove(t *testing.T, b *bench) {
	f := b.family()
	for _, by := range []holding{f.reseller, f.customer} {
		ok(t, b.store.CreateLink(ctx, outturn.Link{File: f.customer.file.ID, Tenant: by.tenant.ID, TokenHash: by.client, CreatedBy: "client:" + by.client, ExpiresAt: b.now().Add(time.Hour)}, none))
	}
	ok(t, b.store.CreateLink(ctx, outturn.Link{File: f.sister.file.ID, Tenant: f.reseller.tenant.ID, TokenHash: "sister's", CreatedBy: "client:" + f.reseller.client, ExpiresAt: b.now().Add(time.Hour)}, none))
	entry := outturn.AuditEntry{ID: "moved", Detail: map[string]string{"from": "where it was looked up before"}}
	must[outturn.Tenant](t)(b.store.MoveTenant(ctx, b.root.ID, f.customer.tenant.ID, f.rival.tenant.ID, entry))
	if got := b.rowsOf(`SELECT detail FROM audit WHERE id = 'moved'`); len(got) != 1 || !strings.Contains(got[0], f.reseller.tenant.ID) {
		t.Errorf("the audit says that it was moved from elsewhere: %v", got)
	}
	_, _, err := b.store.LinkByHash(ctx, f.reseller.client)
	refused(t, "a link of who was above", err, outturn.CodeGone)
	for _, token := range []string{f.customer.client, "sister's"} {
		_, _, err = b.store.LinkByHash(ctx, token)
		ok(t, err)
	}
}

// testToldAfterMove: who is no longer above a tenant is told nothing more of it, by what
// its clients had set up there.
func testToldAfterMove(t *testing.T, b *bench) {
	former, next := b.tenant(b.root.ID, outturn.KindReseller), b.tenant(b.root.ID, outturn.KindReseller)
	tenant := b.tenant(former.ID, outturn.KindCustomer)
	mail, self := email("", "boss@former.example"), outturn.Destination{Kind: outturn.DestinationWebhook, Webhook: "any"}
	type made struct {
		hook          outturn.Webhook
		mails, silent outturn.Generator
		run           outturn.Run
	}
	by := map[string]made{}
	for name, of := range map[string]outturn.Tenant{"former": former, "own": tenant, "provider": b.root} {
		ok(t, b.store.CreateClient(ctx, outturn.Client{ID: "ot_" + name, Tenant: of.ID, Role: outturn.RoleAdmin}, none))
		who := "client:ot_" + name
		generator := func(to outturn.Destination) outturn.Generator {
			g := b.generator(tenant.ID, "")
			g.Deliveries = []outturn.Destination{to}
			return must[outturn.Generator](t)(b.store.UpdateGenerator(ctx, tenant.ID, g.ID, 1, g, outturn.AuditEntry{Subject: who}))
		}
		m := made{mails: generator(mail), silent: generator(self)}
		m.hook = must[outturn.Webhook](t)(b.store.CreateWebhook(ctx, outturn.Webhook{
			Tenant: tenant.ID, Name: name, URL: "https://" + name + ".example/", Events: []string{outturn.RunSucceededEvent}, Enabled: true, CreatedBy: who,
		}, outturn.WebhookKeys{}, none))
		in := b.due(m.mails)
		in.Runs[0].Deliveries = m.mails.Deliveries
		m.run = b.fired(in)
		by[name] = m
	}
	must[outturn.Tenant](t)(b.store.MoveTenant(ctx, b.root.ID, tenant.ID, next.ID, none))
	for name, m := range by {
		isFormer := name == "former"
		hook := must[outturn.Webhook](t)(b.store.Webhook(ctx, next.ID, m.hook.ID))
		if hook.Enabled == isFormer || (hook.DisabledFor == outturn.DisabledMoved) != isFormer {
			t.Errorf("a webhook of %s is %+v", name, hook)
		}
		if g := b.read(m.mails); (g.State == outturn.GeneratorDisabled) != isFormer || g.NextAt.IsZero() != isFormer {
			t.Errorf("a generator of %s that sends mail is %s, next at %s", name, g.State, g.NextAt)
		}
		if g := b.read(m.silent); g.State != outturn.GeneratorActive {
			t.Errorf("a generator of %s that sends none is %s", name, g.State)
		}
		must[outturn.Run](t)(b.store.SucceedRun(ctx, b.claimed(m.run.ID).Claim(), outturn.Manifest{}, nil))
		if told := strings.Contains(strings.Join(b.messages(m.run.ID), " "), "boss@former.example"); told == isFormer {
			t.Errorf("a run of %s is told by mail: %t", name, told)
		}
	}
	want := []string{"generator.disable " + tenant.ID, "webhook.disable " + tenant.ID}
	if got := b.rowsOf(`SELECT action || ' ' || tenant FROM audit WHERE action LIKE '%.disable' ORDER BY action`); !slices.Equal(got, want) {
		t.Errorf("the audit has %v, want %v", got, want)
	}
}

// testFiltersAbove asks in every way for the parent of the tenant that asks.
func testFiltersAbove(t *testing.T, b *bench) {
	f := b.family()
	viewer, parent := f.reseller.tenant.ID, b.root.ID
	is := func(op outturn.Op, value ...string) *outturn.Expr {
		return &outturn.Expr{Op: op, Field: "parent", Values: value}
	}
	not := func(e *outturn.Expr) *outturn.Expr { return &outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{e}} }
	for name, tt := range map[string]struct {
		where *outturn.Expr
		own   bool
	}{
		"EQ": {is(outturn.OpEQ, parent), false}, "NE": {is(outturn.OpNE, parent), true}, "In": {is(outturn.OpIn, parent, viewer), false},
		"GE": {is(outturn.OpGE, parent), false}, "LE": {is(outturn.OpLE, parent), false}, "Like": {is(outturn.OpLike, parent[:9]+"%"), false},
		"Null": {is(outturn.OpNull), true}, "NotEQ": {not(is(outturn.OpEQ, parent)), true}, "NotNull": {not(is(outturn.OpNull)), false},
		"NotNE": {not(is(outturn.OpNE, parent)), false},
	} {
		list := must[outturn.List[outturn.Tenant]](t)(b.store.Tenants(ctx, viewer, outturn.ListQuery{Where: tt.where, Page: everything.Page}))
		if got := slices.ContainsFunc(list.Items, func(n outturn.Tenant) bool { return n.ID == viewer }); got != tt.own {
			t.Errorf("%s: it finds itself: %t", name, got)
		}
	}
	below := must[outturn.List[outturn.Tenant]](t)(b.store.Tenants(ctx, viewer, outturn.ListQuery{Where: is(outturn.OpEQ, viewer), Page: everything.Page}))
	if len(below.Items) != 2 {
		t.Errorf("below it: %+v", below.Items)
	}
}
