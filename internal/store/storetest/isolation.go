package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/store"
)

// A holding is what a tenant has. Its marker stands in every text of it, and in no
// id.
type holding struct {
	marker      string
	tenant      outturn.Tenant
	subject     string
	key         string
	client      string
	waits       outturn.Run // queued
	run         outturn.Run // succeeded
	file        outturn.File
	link, token string
	view        outturn.SavedView
	generator   outturn.Generator
	webhook     outturn.Webhook
	delivery    outturn.Delivery // of the run, to an address
}

// holding gives a new tenant one of everything.
func (b *bench) holding(parent string, kind outturn.TenantKind) holding {
	b.t.Helper()
	n := b.number()
	h := holding{marker: fmt.Sprintf("marker-%d-%d", n, rand.Uint64())}
	h.subject, h.key, h.client, h.token, h.link = "client:"+h.marker, fmt.Sprint("key ", n), fmt.Sprint("ot_", n), fmt.Sprint("hash ", n), fmt.Sprint("link ", n)
	entry := outturn.AuditEntry{Subject: h.subject, Request: h.marker}
	h.tenant = must[outturn.Tenant](b.t)(b.store.CreateTenant(ctx, outturn.Tenant{Parent: parent, Kind: kind, Name: h.marker, ExternalID: h.marker}, entry))
	ok(b.t, b.store.CreateClient(ctx, outturn.Client{ID: h.client, Tenant: h.tenant.ID, Name: h.marker, Role: outturn.RoleViewer, SecretHash: h.marker}, entry))
	ask := outturn.Run{
		Tenant: h.tenant.ID, Name: h.marker, Origin: "api", CreatedBy: h.subject, Foreign: json.RawMessage(`"` + h.marker + `"`),
		Request:    outturn.RunRequest{Dataset: "orders", Columns: []string{h.marker}},
		Deliveries: []outturn.Destination{{Kind: outturn.DestinationEmail, To: []string{h.marker + "@example.com"}}},
	}
	key := &outturn.IdempotencyKey{Subject: h.subject, Key: h.key, Fingerprint: "f", ExpiresAt: b.now().Add(time.Hour)}
	h.run = must[outturn.Run](b.t)(b.store.CreateRun(ctx, ask, key, entry))
	h.run = must[outturn.Run](b.t)(b.store.ClaimRun(ctx, h.run.ID, worker, lease))
	h.run = must[outturn.Run](b.t)(b.store.SucceedRun(ctx, h.run.Claim(), outturn.Manifest{Dataset: h.marker}, []outturn.File{file(h.run, h.marker, time.Time{})}))
	h.file = h.run.Files[0]
	h.delivery = must[outturn.List[outturn.Delivery]](b.t)(b.store.Deliveries(ctx, h.tenant.ID, where("run", h.run.ID))).Items[0]
	h.webhook = must[outturn.Webhook](b.t)(b.store.CreateWebhook(ctx, outturn.Webhook{
		Tenant: h.tenant.ID, Name: h.marker, URL: "https://" + h.marker + ".example", CreatedBy: h.subject, Enabled: true,
	}, outturn.WebhookKeys{}, entry))
	h.waits = must[outturn.Run](b.t)(b.store.CreateRun(ctx, ask, nil, entry))
	ok(b.t, b.store.CreateLink(ctx, outturn.Link{ID: h.link, File: h.file.ID, Tenant: h.tenant.ID, TokenHash: h.token, CreatedBy: h.subject, ExpiresAt: b.now().Add(time.Hour)}, entry))
	h.view = must[outturn.SavedView](b.t)(b.store.CreateView(ctx, outturn.SavedView{
		Tenant: h.tenant.ID, CreatedBy: h.subject, View: outturn.View{Dataset: "orders", Name: "mine", Description: h.marker},
	}, entry))
	h.generator = must[outturn.Generator](b.t)(b.store.CreateGenerator(ctx, outturn.Generator{
		Tenant: h.tenant.ID, State: outturn.GeneratorActive, NextAt: b.now(), Origin: "api", CreatedBy: h.subject,
		GeneratorSpec: outturn.GeneratorSpec{
			Name: "mine", Request: outturn.RunRequest{Dataset: "orders", Columns: []string{h.marker}}, Trigger: outturn.Trigger{Kind: outturn.TriggerSchedule},
		},
	}, entry))
	must[[]outturn.Run](b.t)(b.store.Fire(ctx, outturn.FireInput{Generator: h.generator, Firings: []outturn.Firing{{
		Generator: h.generator.ID, Revision: 1, Cause: outturn.CauseManual, ScheduledFor: b.now(), Skipped: outturn.SkippedInvalid, Message: h.marker,
	}}, Entry: entry}))
	return h
}

// idle cancels the run of h that waits.
func (b *bench) idle(h holding) {
	b.t.Helper()
	must[outturn.Run](b.t)(b.store.CancelRun(ctx, h.tenant.ID, h.waits.ID, h.subject, none))
}

// withoutGenerator deletes the generator of h.
func (b *bench) withoutGenerator(h holding) {
	b.t.Helper()
	ok(b.t, b.store.DeleteGenerator(ctx, h.tenant.ID, h.generator.ID, 1, none))
}

// deleted deletes the tenant of h.
func (b *bench) deleted(h holding) {
	b.t.Helper()
	b.idle(h)
	ok(b.t, b.store.DeleteTenant(ctx, b.root.ID, h.tenant.ID, none))
}

// An access is one way to call a method about what is somebody's. Exactly one of
// call and spans is set.
type access struct {
	call func(s *store.Store, viewer, of holding) (any, error)
	// list: it answers with what viewer sees instead of refusing the rest.
	list bool
	// given: it has no answer but what the caller gave.
	given bool
	// own: what is below viewer counts as another's too.
	own bool
	// above: only those above may, not the tenant itself.
	above bool
	// before is what must have been done to of where it may be called.
	before func(b *bench, of holding)

	// spans says why a method asks for no viewer.
	spans string
}

var (
	everything = outturn.ListQuery{Page: outturn.Page{Limit: outturn.MaxPage}}
	none       = outturn.AuditEntry{}
)

const (
	ofWorkers   = "a worker's: it works for all tenants, and claims name one run"
	ofSweeps    = "a sweep's: it cleans up for all tenants"
	ofOperators = "the installation's, with nothing of a tenant in the answer"
	ofSignIn    = "of those who check a credential, before anybody is known"
	ofTheTree   = "the operator's, who takes the whole tree from the source; package reporting lets nobody else"
	ofCreators  = "whose it makes is a field of what it makes; package reporting sets it from who asks"
)

// accesses has every method of a Store.
var accesses = map[string][]access{
	"Tenant": {{call: func(s *store.Store, v, of holding) (any, error) { return s.Tenant(ctx, v.tenant.ID, of.tenant.ID) }}},
	"Tenants": {
		{list: true, call: func(s *store.Store, v, _ holding) (any, error) { return s.Tenants(ctx, v.tenant.ID, everything) }},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.Tenants(ctx, v.tenant.ID, where("id", of.tenant.ID))
		}},
	},
	"UpdateTenant": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.UpdateTenant(ctx, v.tenant.ID, of.tenant.ID, func(n *outturn.Tenant) error { n.Zone = "Europe/Berlin"; return nil }, none)
	}}},
	"MoveTenant": {
		{above: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.MoveTenant(ctx, v.tenant.ID, of.tenant.ID, v.tenant.ID, none)
		}},
	},
	"SuspendTenant": {{above: true, call: func(s *store.Store, v, of holding) (any, error) {
		return s.SuspendTenant(ctx, v.tenant.ID, of.tenant.ID, none)
	}}},
	"ResumeTenant": {{above: true, call: func(s *store.Store, v, of holding) (any, error) {
		return s.ResumeTenant(ctx, v.tenant.ID, of.tenant.ID, none)
	}}},
	"DeleteTenant": {{above: true, given: true, before: (*bench).idle, call: func(s *store.Store, v, of holding) (any, error) {
		return of.tenant, s.DeleteTenant(ctx, v.tenant.ID, of.tenant.ID, none)
	}}},
	"RestoreTenant": {{above: true, before: (*bench).deleted, call: func(s *store.Store, v, of holding) (any, error) {
		return s.RestoreTenant(ctx, v.tenant.ID, of.tenant.ID, none)
	}}},
	"UpdateClient": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.UpdateClient(ctx, v.tenant.ID, of.client, func(c *outturn.Client) error { c.RevokedAt = c.CreatedAt; return nil }, none)
	}}},
	"ClientOf": {{call: func(s *store.Store, v, of holding) (any, error) { return s.ClientOf(ctx, v.tenant.ID, of.client) }}},
	"Clients":  {{list: true, call: func(s *store.Store, v, _ holding) (any, error) { return s.Clients(ctx, v.tenant.ID, everything) }}},

	"Run": {{call: func(s *store.Store, v, of holding) (any, error) { return s.Run(ctx, v.tenant.ID, of.run.ID) }}},
	"Runs": {
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			q := where("name", of.marker)
			q.Where = &outturn.Expr{Op: outturn.OpOr, Args: []*outturn.Expr{q.Where, {Op: outturn.OpNull, Field: "reason"}}}
			q.Page.Total = true
			return s.Runs(ctx, v.tenant.ID, "*", q)
		}},
		{list: true, call: func(s *store.Store, v, _ holding) (any, error) {
			return s.Runs(ctx, v.tenant.ID, "*", everything)
		}},
		{list: true, own: true, call: func(s *store.Store, v, _ holding) (any, error) {
			return s.Runs(ctx, v.tenant.ID, "", everything)
		}},
		{call: func(s *store.Store, v, of holding) (any, error) {
			return s.Runs(ctx, v.tenant.ID, of.tenant.ID, everything)
		}},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.Runs(ctx, v.tenant.ID, "*", where("id", of.run.ID))
		}},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.Runs(ctx, v.tenant.ID, "*", where("tenant", of.tenant.ID))
		}},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			q := where("name", of.marker)
			q.Where = &outturn.Expr{Op: outturn.OpOr, Args: []*outturn.Expr{q.Where, {Op: outturn.OpNull, Field: "reason"}}}
			return s.Runs(ctx, v.tenant.ID, "*", q)
		}},
	},
	"RunReports": {
		{list: true, call: func(s *store.Store, v, _ holding) (any, error) {
			return s.RunReports(ctx, v.tenant.ID, "*", everything)
		}},
		{list: true, own: true, call: func(s *store.Store, v, _ holding) (any, error) {
			return s.RunReports(ctx, v.tenant.ID, "", everything)
		}},
		{call: func(s *store.Store, v, of holding) (any, error) {
			return s.RunReports(ctx, v.tenant.ID, of.tenant.ID, everything)
		}},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.RunReports(ctx, v.tenant.ID, "*", where("tenant", of.tenant.ID))
		}},
	},
	"CancelRun": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.CancelRun(ctx, v.tenant.ID, of.waits.ID, v.subject, none)
	}}},
	"DeleteRun": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.DeleteRun(ctx, v.tenant.ID, of.run.ID, none)
	}}},
	"Manifest": {{call: func(s *store.Store, v, of holding) (any, error) { return s.Manifest(ctx, v.tenant.ID, of.run.ID) }}},
	"RunByKey": {{own: true, call: func(s *store.Store, v, of holding) (any, error) {
		return s.RunByKey(ctx, outturn.IdempotencyKey{Subject: v.subject, Key: of.key, Fingerprint: "f"})
	}}},

	"File": {{call: func(s *store.Store, v, of holding) (any, error) { return s.File(ctx, v.tenant.ID, of.file.ID) }}},
	"CreateLink": {{given: true, call: func(s *store.Store, v, of holding) (any, error) {
		return of.file, s.CreateLink(ctx, outturn.Link{File: of.file.ID, Tenant: v.tenant.ID, TokenHash: "hash of " + v.subject + of.subject}, none)
	}}},
	"Link": {{call: func(s *store.Store, v, of holding) (any, error) { return s.Link(ctx, v.tenant.ID, of.link) }}},
	"RevokeLink": {{given: true, call: func(s *store.Store, v, of holding) (any, error) {
		return of.file, s.RevokeLink(ctx, v.tenant.ID, of.link, none)
	}}},
	"EndLinks": {{given: true, call: func(s *store.Store, v, of holding) (any, error) {
		return of.file, s.EndLinks(ctx, v.tenant.ID, of.file.ID, none)
	}}},
	"LinkGrounds": {{list: true, call: func(s *store.Store, v, of holding) (any, error) {
		g, err := s.LinkGrounds(ctx, v.tenant.ID, []string{of.tenant.ID}, []string{"orders"})
		if len(g.Tenants)+len(g.Barred)+len(g.Ended) > 0 {
			return []any{g, of.marker}, err
		}
		return g, err
	}}},

	"View": {{call: func(s *store.Store, v, of holding) (any, error) { return s.View(ctx, v.tenant.ID, of.view.ID) }}},
	"ViewByName": {{own: true, list: true, call: func(s *store.Store, v, _ holding) (any, error) {
		return s.ViewByName(ctx, v.tenant.ID, "orders", "mine")
	}}},
	"Views": {{list: true, call: func(s *store.Store, v, _ holding) (any, error) { return s.Views(ctx, v.tenant.ID, everything) }}},
	"UpdateView": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.UpdateView(ctx, v.tenant.ID, of.view.ID, 1, of.view.View, none)
	}}},
	"DeleteView": {{given: true, call: func(s *store.Store, v, of holding) (any, error) {
		return of.view, s.DeleteView(ctx, v.tenant.ID, of.view.ID, 1, none)
	}}},
	"Generator": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.Generator(ctx, v.tenant.ID, of.generator.ID)
	}}},
	"GeneratorByName": {{own: true, list: true, call: func(s *store.Store, v, _ holding) (any, error) {
		return s.GeneratorByName(ctx, v.tenant.ID, "mine")
	}}},
	"Generators": {
		{list: true, call: func(s *store.Store, v, _ holding) (any, error) {
			return s.Generators(ctx, v.tenant.ID, "*", outturn.ListQuery{Page: outturn.Page{Limit: outturn.MaxPage, Total: true}})
		}},
		{list: true, call: func(s *store.Store, v, _ holding) (any, error) {
			return s.Generators(ctx, v.tenant.ID, "*", everything)
		}},
		{call: func(s *store.Store, v, of holding) (any, error) {
			return s.Generators(ctx, v.tenant.ID, of.tenant.ID, everything)
		}},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.Generators(ctx, v.tenant.ID, "*", where("id", of.generator.ID))
		}},
	},
	"UpdateGenerator": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.UpdateGenerator(ctx, v.tenant.ID, of.generator.ID, 1, of.generator, none)
	}}},
	"SwitchGenerator": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.SwitchGenerator(ctx, v.tenant.ID, of.generator.ID, outturn.GeneratorDisabled, time.Time{}, none)
	}}},
	"DeleteGenerator": {{given: true, call: func(s *store.Store, v, of holding) (any, error) {
		return of.generator, s.DeleteGenerator(ctx, v.tenant.ID, of.generator.ID, 1, none)
	}}},
	"Firings": {
		{call: func(s *store.Store, v, of holding) (any, error) {
			return s.Firings(ctx, v.tenant.ID, of.generator.ID, everything)
		}},
		{before: (*bench).withoutGenerator, call: func(s *store.Store, v, of holding) (any, error) {
			return s.Firings(ctx, v.tenant.ID, of.generator.ID, everything)
		}},
	},
	"Webhook": {{call: func(s *store.Store, v, of holding) (any, error) { return s.Webhook(ctx, v.tenant.ID, of.webhook.ID) }}},
	"Webhooks": {
		{list: true, call: func(s *store.Store, v, _ holding) (any, error) { return s.Webhooks(ctx, v.tenant.ID, everything) }},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.Webhooks(ctx, v.tenant.ID, where("id", of.webhook.ID))
		}},
	},
	"UpdateWebhook": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.UpdateWebhook(ctx, v.tenant.ID, of.webhook.ID, 1, func(w *outturn.Webhook, _ *outturn.WebhookKeys) error { w.Enabled = false; return nil }, none)
	}}},
	"DeleteWebhook": {{given: true, call: func(s *store.Store, v, of holding) (any, error) {
		return of.webhook, s.DeleteWebhook(ctx, v.tenant.ID, of.webhook.ID, 1, none)
	}}},
	"TestWebhook": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.TestWebhook(ctx, v.tenant.ID, of.webhook.ID, none)
	}}},
	"Delivery": {{call: func(s *store.Store, v, of holding) (any, error) { return s.Delivery(ctx, v.tenant.ID, of.delivery.ID) }}},
	"Deliveries": {
		{list: true, call: func(s *store.Store, v, _ holding) (any, error) { return s.Deliveries(ctx, v.tenant.ID, everything) }},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.Deliveries(ctx, v.tenant.ID, where("run", of.run.ID))
		}},
	},
	"ResendDelivery": {{call: func(s *store.Store, v, of holding) (any, error) {
		return s.ResendDelivery(ctx, v.tenant.ID, of.delivery.ID, none)
	}}},
	"AuditEntries": {
		{list: true, call: func(s *store.Store, v, _ holding) (any, error) {
			return s.AuditEntries(ctx, v.tenant.ID, everything)
		}},
		{list: true, call: func(s *store.Store, v, of holding) (any, error) {
			return s.AuditEntries(ctx, v.tenant.ID, where("object", of.run.ID))
		}},
	},
	"AuditEntriesUpTo": {{list: true, call: func(s *store.Store, v, _ holding) (any, error) {
		end, err := s.AuditEnd(ctx)
		if err != nil {
			return nil, err
		}
		return s.AuditEntriesUpTo(ctx, v.tenant.ID, end, everything)
	}}},

	"CreateTenant": {{spans: ofCreators}}, "CreateClient": {{spans: ofCreators}}, "CreateRun": {{spans: ofCreators}},
	"CreateView": {{spans: ofCreators}}, "CreateGenerator": {{spans: ofCreators}}, "Fire": {{spans: "who asks has read the generator before, or is the scheduler, which fires for all tenants"}}, "Audit": {{spans: ofCreators}}, "AuditDownload": {{spans: "who asks has read the file before"}},
	"Usage": {{call: func(s *store.Store, v, of holding) (any, error) {
		u, err := s.Usage(ctx, v.tenant.ID, of.tenant.ID)
		if err == nil && u.Queued > 0 {
			return []any{u, of.marker}, nil
		}
		return u, err
	}}},
	"LimitsAbove":          {{spans: "whose limits there are is not told, nor how much others have; Usage is asked before"}},
	"Standing":             {{spans: ofSignIn}},
	"Backlog":              {{spans: "it counts the runs of the one tenant that it is given, which is who asks"}},
	"RunProgresses":        {{spans: "of the one poller of a process: who watches has read the run before"}},
	"LinkByHash":           {{spans: "who has the token of a link has the file: that is what it is for"}},
	"SignedLink":           {{spans: "who has the token of a link has the file: that is what it is for; that its client sees the file is looked at"}},
	"Client":               {{spans: ofSignIn}},
	"ClientBySubscription": {{spans: ofSignIn}},
	"TouchClient":          {{spans: ofSignIn}},
	"Root":                 {{spans: ofOperators}},
	"ClaimRun":             {{spans: ofWorkers}}, "ExtendLease": {{spans: ofWorkers}}, "CancelRequests": {{spans: ofWorkers}}, "SucceedRun": {{spans: ofWorkers}},
	"FailRun": {{spans: ofWorkers}}, "FinishCancelled": {{spans: ofWorkers}}, "ReleaseRun": {{spans: ofWorkers}}, "DueRuns": {{spans: ofWorkers}}, "NextRuns": {{spans: ofWorkers}}, "NextInTurn": {{spans: ofWorkers}}, "Waiting": {{spans: ofWorkers}},
	"CreateWebhook": {{spans: ofCreators}}, "WebhookKeys": {{spans: ofWorkers}}, "DueDeliveries": {{spans: ofWorkers}}, "ClaimDelivery": {{spans: ofWorkers}},
	"EndDelivery": {{spans: ofWorkers}}, "ReleaseDelivery": {{spans: ofWorkers}}, "PostponeDelivery": {{spans: ofWorkers}}, "GeneratorName": {{spans: ofWorkers}}, "GeneratorMaker": {{spans: ofWorkers}}, "SkippedAt": {{spans: ofWorkers}},
	"KeepLink": {{spans: ofWorkers}}, "SweepDeliveries": {{spans: ofSweeps}}, "DeliveryStats": {{spans: ofOperators}},
	"SweepLeases": {{spans: ofSweeps}}, "EndLeases": {{spans: ofSweeps}}, "ExpiredFiles": {{spans: ofSweeps}}, "ForgetFiles": {{spans: ofSweeps}}, "PurgeTenants": {{spans: ofSweeps}}, "RunKeys": {{spans: ofSweeps}},
	"DueGenerators": {{spans: ofWorkers}}, "NextDue": {{spans: ofWorkers}},
	"AuditEnd": {{spans: ofOperators}}, "OpenAuditKey": {{spans: ofOperators}}, "SealAudit": {{spans: ofSweeps}},
	"Secret": {{spans: ofOperators}}, "PutSecret": {{spans: ofOperators}}, "SwapSecret": {{spans: ofOperators}}, "NextNumber": {{spans: ofOperators}},
	"AllTenants": {{spans: ofTheTree}}, "MakeTenants": {{spans: ofTheTree}}, "ChangeTenants": {{spans: ofTheTree}},
	"KeepEvents": {{spans: ofCreators}}, "WaitingEvents": {{spans: ofWorkers}}, "EventBacklog": {{spans: ofOperators}}, "Awaited": {{spans: ofWorkers}},
	"WaitingGenerators": {{spans: ofWorkers}}, "HandleEvent": {{spans: ofWorkers}}, "SweepEvents": {{spans: ofSweeps}}, "SweepHistory": {{spans: ofSweeps}},
	"EventCursor": {{spans: ofWorkers}}, "KeepEventCursor": {{spans: ofWorkers}},
	"Stats": {{spans: ofOperators}}, "Waited": {{spans: ofOperators}}, "Ping": {{spans: ofOperators}}, "Settle": {{spans: ofOperators}}, "Backup": {{spans: ofOperators}}, "Close": {{spans: ofOperators}},
}

func where(field, value string) outturn.ListQuery {
	return outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpEQ, Field: field, Values: []string{value}}, Page: everything.Page}
}

// A family is the provider's resellers, each with customers.
//
//	provider ─┬─ reseller ─┬─ customer
//	          │            └─ sister
//	          └─ rival ────── stranger
type family struct{ reseller, customer, sister, rival, stranger holding }

func (b *bench) family() family {
	b.t.Helper()
	f := family{reseller: b.holding(b.root.ID, outturn.KindReseller), rival: b.holding(b.root.ID, outturn.KindReseller)}
	f.customer = b.holding(f.reseller.tenant.ID, outturn.KindCustomer)
	f.sister = b.holding(f.reseller.tenant.ID, outturn.KindCustomer)
	f.stranger = b.holding(f.rival.tenant.ID, outturn.KindCustomer)
	return f
}

func testOthersSeeNothing(t *testing.T, b *bench) {
	methods := reflect.TypeFor[*store.Store]()
	for i := range methods.NumMethod() {
		if name := methods.Method(i).Name; len(accesses[name]) == 0 {
			t.Errorf("%s is not in the table: say how another tenant calls it, or why it spans tenants", name)
		}
	}
	for name := range accesses {
		if _, is := methods.MethodByName(name); !is {
			t.Errorf("%s is in the table, and is no method", name)
		}
	}

	f := b.family()
	others := []struct {
		name       string
		viewer, of holding
	}{
		{"the parent's", f.customer, f.reseller}, {"a sister's", f.customer, f.sister}, {"a rival's", f.reseller, f.rival},
		{"a stranger's", f.reseller, f.stranger}, {"a stranger's, for a customer", f.customer, f.stranger}, {"the rival's reseller's", f.stranger, f.reseller},
	}
	before := b.dump()
	each(func(name string, a access) {
		of := others
		if a.own {
			of = append(slices.Clone(of), struct {
				name       string
				viewer, of holding
			}{"what is below's", f.reseller, f.customer})
		}
		for _, o := range of {
			got, err := a.call(b.store, o.viewer, o.of)
			if !a.list {
				refused(t, name+", "+o.name, err, outturn.CodeNotFound)
			} else if err != nil {
				t.Errorf("%s, %s: %v", name, o.name, err)
			}
			if told := fmt.Sprintf("%+v %+v", got, err); !a.given && strings.Contains(told, o.of.marker) {
				t.Errorf("%s, %s: tells %s", name, o.name, told)
			}
		}
	})
	if after := b.dump(); after != before {
		t.Error("what was refused changed the ledger")
	}

	// The same calls about what the viewer may see, each about something new.
	each(func(name string, a access) {
		for _, asks := range []string{"itself", "the parent"} {
			mine := b.holding(f.reseller.tenant.ID, outturn.KindCustomer)
			viewer := map[string]holding{"itself": mine, "the parent": f.reseller}[asks]
			if a.own && asks == "the parent" {
				continue
			}
			if a.before != nil {
				a.before(b, mine)
			}
			got, err := a.call(b.store, viewer, mine)
			if a.above && asks == "itself" {
				refused(t, name+", for itself", err, outturn.CodeForbidden)
				continue
			}
			if err != nil || !strings.Contains(fmt.Sprintf("%+v", got), mine.marker) {
				t.Errorf("%s, for %s: got %+v, %v", name, asks, got, err)
			}
		}
	})
}

// each goes through the accesses that name a viewer.
func each(do func(name string, a access)) {
	for name, list := range accesses {
		for _, a := range list {
			if a.call != nil {
				do(name, a)
			}
		}
	}
}
