package reporting_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// A target is what a method is called about: something of the tenant of that name,
// or of none where it is absent.
type target struct {
	*stage
	whose string
	made  map[string]string // by kind and tenant
	key   string            // what was asked for last, in made
	id    string
}

// get returns the id of something of a kind, which it makes where there is none yet.
func (g *target) get(kind string, newID func(whose string) string) string {
	g.key = kind + g.whose
	if g.whose == "absent" {
		g.made[g.key] = outturn.NewID(day)
	} else if g.made[g.key] == "" {
		g.made[g.key] = newID(g.whose)
	}
	g.id = g.made[g.key]
	return g.id
}

func (g *target) tenant() string {
	return g.get("tenant", func(whose string) string { return g.tenants[whose].ID })
}

// leaf is a tenant right below the one that it is about, to which something has been
// done: what nobody does to himself is done to it.
func (g *target) leaf(done ...func(context.Context, outturn.Principal, string) (outturn.Tenant, error)) string {
	return g.get("leaf", func(whose string) string {
		t, err := g.ledger.CreateTenant(g.t.Context(), outturn.Tenant{Parent: g.tenants[whose].ID, Kind: outturn.KindReseller, Name: markers[whose]}, outturn.AuditEntry{})
		must(g.t, err)
		for _, do := range done {
			_, err := do(g.t.Context(), g.operator(), t.ID)
			must(g.t, err)
		}
		return t.ID
	})
}

// elsewhere is where a leaf can be moved to by who sees it.
func (g *target) elsewhere() string {
	if g.whose == "own" {
		return g.tenants["child"].ID
	}
	return g.tenants["own"].ID
}

func (g *target) queuedRun() string {
	return g.get("queued", func(whose string) string { return g.queued(whose).ID })
}

func (g *target) succeededRun() string {
	return g.get("succeeded", func(whose string) string { return g.succeeded(whose).ID })
}

func (g *target) file() string {
	return g.get("file", func(whose string) string { return g.succeeded(whose).Files[0].ID })
}

// auditRun is a run of the audit, with a file.
func (g *target) auditRun() string {
	return g.get("audit", func(whose string) string { return g.auditRunOf(whose).ID })
}

func (g *target) auditFile() string {
	return g.get("auditfile", func(whose string) string { return g.auditRunOf(whose).Files[0].ID })
}

func (g *target) viewID() string {
	return g.get("view", func(whose string) string {
		return g.view(whose, "v"+strings.ReplaceAll(outturn.NewID(day), "-", "")).ID
	})
}

func (g *target) generatorID() string {
	return g.get("generator", func(whose string) string { return g.generator(whose).ID })
}

func (g *target) webhookID() string {
	return g.get("webhook", func(whose string) string { return g.webhook(whose).ID })
}

func (g *target) deliveryID() string {
	return g.get("delivery", func(whose string) string {
		d, err := g.Service.TestWebhook(g.t.Context(), g.operator(), g.webhook(whose).ID)
		must(g.t, err)
		return d.ID
	})
}

// generatorInput is a generator that there is not yet.
func (g *target) generatorInput() reporting.GeneratorInput {
	in := monthly("new " + outturn.NewID(day))
	in.Tenant = g.tenant()
	return in
}

func (g *target) clientID() string {
	return g.get("client", func(whose string) string { c, _ := g.client(whose, outturn.RoleViewer); return c.ID })
}

func (g *target) link() string {
	return g.get("link", func(whose string) string {
		l, _, err := g.CreateLink(g.t.Context(), g.operator(), g.succeeded(whose).Files[0].ID, 0)
		must(g.t, err)
		return l.ID
	})
}

const (
	everyRole = "operator admin manager viewer"
	makers    = "operator admin manager"
	admins    = "operator admin"
)

// methods has every exported method, and what it is about where that makes a
// difference: who may, what it is about, and what the audit
// then has. "" is no entry: nobody wants to know who looked how often.
var methods = map[string]struct {
	roles  string
	global bool // it is about nothing that belongs to a tenant
	audit  string
	call   func(g *target, p outturn.Principal) (any, error)
}{
	"CreateRun": {makers, false, "run.create", func(g *target, p outturn.Principal) (any, error) {
		in := input()
		in.Tenant = g.tenant()
		return g.CreateRun(g.t.Context(), p, in)
	}},
	"Run": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Run(g.t.Context(), p, g.succeededRun())
	}},
	"Runs": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		g.succeededRun()
		return g.Runs(g.t.Context(), p, g.tenant(), outturn.ListQuery{})
	}},
	"RunReports": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		g.succeededRun()
		return g.RunReports(g.t.Context(), p, g.tenant(), outturn.ListQuery{})
	}},
	"CancelRun": {makers, false, "run.cancel", func(g *target, p outturn.Principal) (any, error) {
		return g.CancelRun(g.t.Context(), p, g.queuedRun())
	}},
	"RetryRun": {makers, false, "run.retry", func(g *target, p outturn.Principal) (any, error) {
		return g.RetryRun(g.t.Context(), p, g.succeededRun(), "", "")
	}},
	"DeleteRun": {makers, false, "run.delete", func(g *target, p outturn.Principal) (any, error) {
		return nil, g.DeleteRun(g.t.Context(), p, g.succeededRun())
	}},
	"Manifest": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Manifest(g.t.Context(), p, g.succeededRun())
	}},
	"WatchRun": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		changes, err := g.WatchRun(g.t.Context(), p, g.queuedRun())
		if err != nil {
			return nil, err
		}
		for run, err := range changes {
			return run, err
		}
		return nil, nil
	}},
	"Preview": {everyRole, false, "run.preview", func(g *target, p outturn.Principal) (any, error) {
		in := input()
		in.Tenant = g.tenant()
		return g.Preview(g.t.Context(), p, in)
	}},
	"Datasets": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) { return g.Datasets(g.t.Context(), p) }},
	"Dataset": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Dataset(g.t.Context(), p, "payments")
	}},
	"Usage": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Usage(g.t.Context(), p, g.tenant())
	}},
	"CreateView": {makers, false, "view.create", func(g *target, p outturn.Principal) (any, error) {
		return g.CreateView(g.t.Context(), p, outturn.SavedView{Tenant: g.tenant(), View: outturn.View{
			Name: "x" + strings.ReplaceAll(outturn.NewID(day), "-", ""), Dataset: "payments", Columns: []outturn.ViewColumn{{Field: "CUSTOMER_NAME"}},
		}})
	}},
	"View": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.View(g.t.Context(), p, g.viewID())
	}},
	"Views": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) {
		g.viewID()
		return g.Views(g.t.Context(), p, outturn.ListQuery{})
	}},
	"FindView": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) {
		g.viewID()
		return g.FindView(g.t.Context(), p, "payments/cmp", "")
	}},
	"UpdateView": {makers, false, "view.update", func(g *target, p outturn.Principal) (any, error) {
		return g.UpdateView(g.t.Context(), p, g.viewID(), 1, outturn.SavedView{View: outturn.View{
			Name: "y" + strings.ReplaceAll(outturn.NewID(day), "-", ""), Columns: []outturn.ViewColumn{{Field: "CUSTOMER_NAME"}},
		}})
	}},
	"DeleteView": {makers, false, "view.delete", func(g *target, p outturn.Principal) (any, error) {
		return nil, g.DeleteView(g.t.Context(), p, g.viewID(), 1)
	}},
	"CreateWebhook": {makers, false, "webhook.create", func(g *target, p outturn.Principal) (any, error) {
		w, _, err := g.CreateWebhook(g.t.Context(), p, webhookOf(g.tenant()))
		return w, err
	}},
	"Webhook": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Service.Webhook(g.t.Context(), p, g.webhookID())
	}},
	"Webhooks": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) {
		g.webhookID()
		return g.Webhooks(g.t.Context(), p, outturn.ListQuery{})
	}},
	"UpdateWebhook": {makers, false, "webhook.update", func(g *target, p outturn.Principal) (any, error) {
		return g.UpdateWebhook(g.t.Context(), p, g.webhookID(), 0, reporting.WebhookUpdate{Enabled: new(bool)})
	}},
	"RotateWebhook": {makers, false, "webhook.rotate", func(g *target, p outturn.Principal) (any, error) {
		w, _, err := g.RotateWebhook(g.t.Context(), p, g.webhookID(), time.Hour)
		return w, err
	}},
	"TestWebhook": {makers, false, "webhook.test", func(g *target, p outturn.Principal) (any, error) {
		return g.TestWebhook(g.t.Context(), p, g.webhookID())
	}},
	"DeleteWebhook": {makers, false, "webhook.delete", func(g *target, p outturn.Principal) (any, error) {
		return nil, g.DeleteWebhook(g.t.Context(), p, g.webhookID(), 0)
	}},
	"Delivery": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Delivery(g.t.Context(), p, g.deliveryID())
	}},
	"Deliveries": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) {
		g.deliveryID()
		return g.Deliveries(g.t.Context(), p, outturn.ListQuery{})
	}},
	"ResendDelivery": {makers, false, "delivery.resend", func(g *target, p outturn.Principal) (any, error) {
		return g.ResendDelivery(g.t.Context(), p, g.deliveryID())
	}},
	"CreateGenerator": {makers, false, "generator.create", func(g *target, p outturn.Principal) (any, error) {
		return g.CreateGenerator(g.t.Context(), p, g.generatorInput())
	}},
	"DraftGenerator": {makers, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.DraftGenerator(g.t.Context(), p, g.generatorInput())
	}},
	"ApplyGenerator": {makers, false, "generator.create", func(g *target, p outturn.Principal) (any, error) {
		made, _, err := g.ApplyGenerator(g.t.Context(), p, g.generatorInput())
		return made, err
	}},
	"DraftApply": {makers, false, "", func(g *target, p outturn.Principal) (any, error) {
		draft, _, err := g.DraftApply(g.t.Context(), p, g.generatorInput())
		return draft, err
	}},
	"Generator": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Service.Generator(g.t.Context(), p, g.generatorID())
	}},
	"Generators": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		g.generatorID()
		return g.Generators(g.t.Context(), p, g.tenant(), outturn.ListQuery{})
	}},
	"UpdateGenerator": {makers, false, "generator.update", func(g *target, p outturn.Principal) (any, error) {
		return g.UpdateGenerator(g.t.Context(), p, g.generatorID(), 1, monthly("changed "+outturn.NewID(day)))
	}},
	"DraftUpdate": {makers, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.DraftUpdate(g.t.Context(), p, g.generatorID(), 1, monthly("changed"))
	}},
	"DeleteGenerator": {makers, false, "generator.delete", func(g *target, p outturn.Principal) (any, error) {
		return nil, g.DeleteGenerator(g.t.Context(), p, g.generatorID(), 1)
	}},
	"EnableGenerator": {makers, false, "generator.enable", func(g *target, p outturn.Principal) (any, error) {
		id := g.generatorID()
		if g.whose != "absent" {
			_, err := g.DisableGenerator(g.t.Context(), g.operator(), id)
			must(g.t, err)
		}
		return g.EnableGenerator(g.t.Context(), p, id)
	}},
	"DisableGenerator": {makers, false, "generator.disable", func(g *target, p outturn.Principal) (any, error) {
		return g.DisableGenerator(g.t.Context(), p, g.generatorID())
	}},
	"Upcoming": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		made, list, err := g.Upcoming(g.t.Context(), p, g.generatorID(), 1)
		return []any{made, list}, err
	}},
	"GeneratorRuns": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.GeneratorRuns(g.t.Context(), p, g.generatorID(), outturn.ListQuery{})
	}},
	"RunGenerator": {makers, false, "generator.run", func(g *target, p outturn.Principal) (any, error) {
		return g.RunGenerator(g.t.Context(), p, g.generatorID(), "", "")
	}},
	"Backfill": {makers, false, "generator.backfill", func(g *target, p outturn.Principal) (any, error) {
		windows, runs, err := g.Backfill(g.t.Context(), p, reporting.BackfillInput{Generator: g.generatorID(), From: "2026-06-01", To: "2026-07-01"})
		return []any{windows, runs}, err
	}},
	"Firings": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Firings(g.t.Context(), p, g.generatorID(), outturn.ListQuery{})
	}},
	"File": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) { return g.File(g.t.Context(), p, g.file()) }},
	"OpenFile": {everyRole, false, "file.download", func(g *target, p outturn.Principal) (any, error) {
		f, content, err := g.OpenFile(g.t.Context(), p, g.file(), "")
		if err != nil {
			return f, err
		}
		text, err := io.ReadAll(content)
		must(g.t, content.Close())
		return []any{f, string(text)}, err
	}},
	"CreateLink": {makers, false, "link.create", func(g *target, p outturn.Principal) (any, error) {
		l, _, err := g.CreateLink(g.t.Context(), p, g.file(), 0)
		return l, err
	}},
	"RevokeLink": {makers, false, "link.revoke", func(g *target, p outturn.Principal) (any, error) {
		return nil, g.RevokeLink(g.t.Context(), p, g.link())
	}},
	"EndLinks": {makers, false, "link.revoke_all", func(g *target, p outturn.Principal) (any, error) {
		return nil, g.EndLinks(g.t.Context(), p, g.file())
	}},
	"SignLinks": {makers, false, "", func(g *target, p outturn.Principal) (any, error) {
		f := outturn.File{ID: g.file(), Tenant: outturn.NewID(day)} // as if there were one, where it is absent
		if whose, there := g.tenants[g.whose]; there {
			f.Tenant = whose.ID
		}
		paths, _, err := g.SignLinks(g.t.Context(), p, []outturn.File{f})
		return paths, err
	}},
	"CreateTenant": {admins, false, "tenant.create", func(g *target, p outturn.Principal) (any, error) {
		return g.CreateTenant(g.t.Context(), p, outturn.Tenant{Parent: g.tenant(), Kind: outturn.KindCustomer, Name: "new"})
	}},
	"Tenant": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Tenant(g.t.Context(), p, g.tenant())
	}},
	"ReportType": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.ReportType(g.t.Context(), p, g.tenant())
	}},
	"Level": {everyRole, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Level(g.t.Context(), p, g.tenant())
	}},
	"Address": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Address(g.t.Context(), p)
	}},
	"ShippedViews": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) {
		return g.ShippedViews(g.t.Context(), p)
	}},
	"Tenants": {everyRole, true, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Tenants(g.t.Context(), p, outturn.ListQuery{})
	}},
	"UpdateTenant": {admins, false, "tenant.update", func(g *target, p outturn.Principal) (any, error) {
		name := markers[g.whose]
		return g.UpdateTenant(g.t.Context(), p, g.tenant(), reporting.TenantUpdate{Name: &name})
	}},
	"MoveTenant": {admins, false, "tenant.move", func(g *target, p outturn.Principal) (any, error) {
		return g.MoveTenant(g.t.Context(), p, g.leaf(), g.elsewhere())
	}},
	"SuspendTenant": {admins, false, "tenant.suspend", func(g *target, p outturn.Principal) (any, error) {
		return g.SuspendTenant(g.t.Context(), p, g.leaf())
	}},
	"ResumeTenant": {admins, false, "tenant.resume", func(g *target, p outturn.Principal) (any, error) {
		return g.ResumeTenant(g.t.Context(), p, g.leaf(g.Service.SuspendTenant))
	}},
	"DeleteTenant": {admins, false, "tenant.delete", func(g *target, p outturn.Principal) (any, error) {
		return nil, g.DeleteTenant(g.t.Context(), p, g.leaf())
	}},
	"RestoreTenant": {admins, false, "tenant.restore", func(g *target, p outturn.Principal) (any, error) {
		return g.RestoreTenant(g.t.Context(), p, g.leaf(func(ctx context.Context, p outturn.Principal, id string) (outturn.Tenant, error) {
			return outturn.Tenant{}, g.Service.DeleteTenant(ctx, p, id)
		}))
	}},
	"CreateClient": {admins, false, "client.create", func(g *target, p outturn.Principal) (any, error) {
		c, _, err := g.CreateClient(g.t.Context(), p, outturn.Client{Tenant: g.tenant(), Name: "new", Role: outturn.RoleViewer})
		return c, err
	}},
	"Clients": {admins, true, "", func(g *target, p outturn.Principal) (any, error) {
		g.clientID()
		return g.Clients(g.t.Context(), p, outturn.ListQuery{})
	}},
	"Client": {admins, false, "", func(g *target, p outturn.Principal) (any, error) {
		return g.Client(g.t.Context(), p, g.clientID())
	}},
	"AcceptEvents": {makers, true, "event.create", func(g *target, p outturn.Principal) (any, error) { // whose accounts: see TestAcceptEvents
		return g.AcceptEvents(g.t.Context(), p, []outturn.Event{told(outturn.NewID(time.Now()), accounts["own"].id)}, nil)
	}},
	"AuditEntries": {admins, true, "", func(g *target, p outturn.Principal) (any, error) {
		g.queuedRun()
		return g.AuditEntries(g.t.Context(), p, outturn.ListQuery{Page: outturn.Page{Limit: outturn.MaxPage}})
	}},
	"CreateRun of the audit": {admins, false, "run.create", func(g *target, p outturn.Principal) (any, error) {
		return g.CreateRun(g.t.Context(), p, auditInput(g.tenant()))
	}},
	"RetryRun of the audit": {admins, false, "run.retry", func(g *target, p outturn.Principal) (any, error) {
		return g.RetryRun(g.t.Context(), p, g.auditRun(), "", "")
	}},
	"Preview of the audit": {admins, false, "run.preview", func(g *target, p outturn.Principal) (any, error) {
		return g.Preview(g.t.Context(), p, auditInput(g.tenant()))
	}},
	"OpenFile of the audit": {admins, false, "file.download", func(g *target, p outturn.Principal) (any, error) {
		f, content, err := g.OpenFile(g.t.Context(), p, g.auditFile(), "")
		if err == nil {
			must(g.t, content.Close())
		}
		return f, err
	}},
	"CreateLink of the audit": {admins, false, "link.create", func(g *target, p outturn.Principal) (any, error) {
		l, _, err := g.CreateLink(g.t.Context(), p, g.auditFile(), 0)
		return l, err
	}},
	"RevokeClient": {admins, false, "client.revoke", func(g *target, p outturn.Principal) (any, error) {
		return g.RevokeClient(g.t.Context(), p, g.clientID())
	}},
	"RotateClient": {admins, false, "client.rotate", func(g *target, p outturn.Principal) (any, error) {
		c, _, err := g.RotateClient(g.t.Context(), p, g.clientID(), time.Hour)
		return c, err
	}},
}

// withoutPrincipal are the methods that nobody in particular calls, or everybody
// before anything else. Whoever has the token of a link may have its file; see TestP33Links.
// SyncTenants is about the whole tree: see TestSyncTenants. What is called of events but
// AcceptEvents, and FireDue, the scheduler calls; whoever runs for long tends the keys of
// links. Zone is of a tenant that the caller has. The runner calls RunEnded.
var withoutPrincipal = []string{
	"Close", "OpenLink", "TendLinkKeys", "RotateLinkKey", "Zone", "SyncTenants", "Admit", "AdmitToken",
	"FireDue", "NotifyEvent", "PollEvents", "CheckPoll", "HandleEvents", "SweepEvents", "RunEnded",
}

// Every method for every role, about something of its own tenant, of one above,
// below and beside it, and about what is not there. What is foreign is answered word
// for word like what is not there.
func TestMethodsByRole(t *testing.T) {
	for m := range reflect.TypeFor[*reporting.Service]().Methods() {
		if _, ok := methods[m.Name]; !ok && !slices.Contains(withoutPrincipal, m.Name) {
			t.Errorf("%s is not in the table", m.Name)
		}
	}
	s := newStage(t)
	for name, m := range methods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, made := s.in(t), map[string]string{}
			for _, role := range append(slices.Clone(outturn.Roles), "none") {
				absent := ""
				for _, whose := range []string{"absent", "own", "child", "parent", "sibling"} {
					g := &target{stage: s, whose: whose, made: made}
					what := fmt.Sprintf("by %s about %s", role, whose)
					p := s.as(role)
					p.Subject += " of " + name
					_, _ = m.call(g, outturn.Principal{}) // makes what it is about
					before := s.audited()
					answer, err := m.call(g, p)

					want := outturn.Code("")
					switch {
					case !m.global && whose != "own" && whose != "child":
						want = outturn.CodeNotFound
					case !slices.Contains(strings.Fields(m.roles), string(role)):
						want = outturn.CodeForbidden
					}
					wantCode(t, what, err, want)
					noMarkers(t, what, answer, err)
					checkAudit(t, what, g, p, s.audit(before, p.Subject), m.audit, want)
					if want == outturn.CodeNotFound {
						text := strings.ReplaceAll(err.Error(), g.id, "ID")
						if whose == "absent" {
							absent = text
						} else if text != absent {
							t.Errorf("%s: got %q, and of what is not there %q", what, text, absent)
						}
					}
					if want == "" && m.audit != "" {
						delete(made, g.key) // it may be another now
					}
				}
			}
			_, err := m.call(&target{stage: s, whose: "own", made: made}, outturn.Principal{})
			wantCode(t, "by nobody", err, outturn.CodeUnauthenticated)
		})
	}
}

// noMarkers reports what an answer or an error tells of tenants that are no business
// of own.
func noMarkers(t testing.TB, what string, answer any, err error) {
	t.Helper()
	body, fault := json.Marshal(answer)
	must(t, fault)
	told := fmt.Sprintf("%s %+v %v", body, answer, err)
	for _, whose := range []string{"parent", "provider", "sibling"} {
		if strings.Contains(told, markers[whose]) {
			t.Errorf("%s tells of %s: %s", what, whose, told)
		}
	}
}

// checkAudit wants one entry for a change and for a refusal by role, and none
// otherwise.
func checkAudit(t testing.TB, what string, g *target, p outturn.Principal, entries []outturn.AuditEntry, action string, code outturn.Code) {
	t.Helper()
	entries = slices.DeleteFunc(entries, func(e outturn.AuditEntry) bool { return e.Action == "tenant.held" || e.Action == "tenant.left" }) // the parent's own
	if code == outturn.CodeNotFound || code == "" && action == "" {
		if len(entries) > 0 {
			t.Errorf("%s: the audit got %+v", what, entries)
		}
		return
	}
	if len(entries) != 1 {
		t.Errorf("%s: the audit got %+v, want one entry", what, entries)
		return
	}
	e := entries[0]
	wantTenant, wantOutcome := g.tenants["own"].ID, string(code)
	if code == "" {
		wantTenant, wantOutcome = g.tenants[g.whose].ID, "ok"
		if e.Action != action {
			t.Errorf("%s: the audit says %s, want %s", what, e.Action, action)
		}
		if strings.HasPrefix(action, "tenant.") {
			wantTenant = e.Object // it concerns the tenant itself
		}
		if action == "event.create" {
			wantTenant = g.tenants["own"].ID // of whoever tells
		}
	}
	if e.Tenant != wantTenant || e.Outcome != wantOutcome || code == "" && e.Object == "" || e.From != p.From || e.Request != p.Request || e.Via != p.Via {
		t.Errorf("%s: the audit got %+v, want tenant %s, outcome %s, an object and who it was", what, e, wantTenant, wantOutcome)
	}
}

// A list has what is of the tenant and of those below it, so that what it must not
// have is not absent for want of anything.
func TestListsHaveWhatIsTheirs(t *testing.T) {
	s := newStage(t)
	for whose := range s.tenants {
		s.succeeded(whose)
		s.view(whose, "v")
		s.generator(whose)
		s.client(whose, outturn.RoleViewer)
	}
	ctx, p := t.Context(), s.as(outturn.RoleAdmin)
	for name, list := range map[string]func() (any, error){
		"Runs":         func() (any, error) { return s.Runs(ctx, p, "*", outturn.ListQuery{}) },
		"RunReports":   func() (any, error) { return s.RunReports(ctx, p, "*", outturn.ListQuery{}) },
		"Views":        func() (any, error) { return s.Views(ctx, p, outturn.ListQuery{}) },
		"Generators":   func() (any, error) { return s.Generators(ctx, p, "*", outturn.ListQuery{}) },
		"Clients":      func() (any, error) { return s.Clients(ctx, p, outturn.ListQuery{}) },
		"Tenants":      func() (any, error) { return s.Tenants(ctx, p, outturn.ListQuery{}) },
		"AuditEntries": func() (any, error) { return s.AuditEntries(ctx, p, outturn.ListQuery{}) },
	} {
		answer, err := list()
		must(t, err)
		noMarkers(t, name, answer, nil)
		body, err := json.Marshal(answer)
		must(t, err)
		for _, whose := range []string{"own", "child"} {
			if !strings.Contains(string(body), markers[whose]) {
				t.Errorf("%s does not list what is of %s: %s", name, whose, body)
			}
		}
	}
	list, err := s.Runs(ctx, p, "", outturn.ListQuery{})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].Tenant != s.tenants["own"].ID {
		t.Errorf("its own runs alone: got %+v", list.Items)
	}
}
