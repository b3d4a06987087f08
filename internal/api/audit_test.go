package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"outturn"
)

// The audit is for admins and operators. An admin's is of its tenant alone; a page
// leads to the next until all was seen once.
func TestAuditOverHTTP(t *testing.T) {
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	run := admin.run(t, accounts)
	content := "/v1/files/" + run.Files[0].ID + "/content"
	admin.do(t, http.MethodGet, content, "", "Outturn-Reason", "the month's end", "X-Request-Id", "mine-1")
	for _, reason := range []string{"\xff", "\u202e"} {
		if a := admin.do(t, http.MethodGet, content, "", "Outturn-Reason", reason); a.status != http.StatusUnprocessableEntity {
			t.Errorf("the reason %q: got %d", reason, a.status)
		}
	}
	foreign := callerOf(t, "Contoso", outturn.RoleAdmin)
	foreign.run(t, accounts)

	list := func(who caller, query url.Values) (entries []outturn.AuditEntry) {
		for {
			var page struct {
				Items []outturn.AuditEntry
				Next  string
			}
			who.do(t, http.MethodGet, "/v1/audit?"+query.Encode(), "").decode(t, http.StatusOK, &page)
			entries = append(entries, page.Items...)
			if page.Next == "" {
				return entries
			}
			query.Set("cursor", page.Next)
		}
	}
	for action, object := range map[string]string{"run.create": run.ID, "file.download": run.Files[0].ID} {
		got := list(admin, url.Values{"filter": {"action eq '" + action + "' and object eq '" + object + "'"}})
		if len(got) != 1 || got[0].Subject != "client:"+admin.ClientID || got[0].Outcome != "ok" || got[0].From == "" || got[0].Request == "" {
			t.Errorf("%s: got %+v", action, got)
			continue
		}
		if e := got[0]; action == "file.download" && (e.Detail["reason"] != "the month's end" || e.Request != "mine-1") {
			t.Errorf("got %+v", e)
		}
	}
	seen := map[string]bool{}
	for _, e := range list(admin, url.Values{"limit": {"3"}, "order": {"at"}, "filter": {"subject eq 'client:" + admin.ClientID + "'"}}) {
		if seen[e.ID] {
			t.Errorf("%s came twice", e.ID)
		}
		seen[e.ID] = true
	}
	if len(seen) < 3 {
		t.Errorf("its own doings are %d", len(seen))
	}
	for _, e := range list(admin, url.Values{"limit": {"1000"}}) {
		if e.Tenant != shop.tenants["Northwind"].ID {
			t.Errorf("it is told of another's: %+v", e)
		}
	}
	if got := list(callerOf(t, "", outturn.RoleOperator), url.Values{"filter": {"tenant eq '" + shop.tenants["Contoso"].ID + "'"}}); len(got) == 0 {
		t.Error("the operator is not told of Contoso")
	}
	for _, role := range []outturn.Role{outturn.RoleManager, outturn.RoleViewer} {
		who := callerOf(t, "Northwind", role)
		if a := who.do(t, http.MethodGet, "/v1/audit", ""); a.status != http.StatusForbidden {
			t.Errorf("%s: got %d", role, a.status)
		}
		if got := list(admin, url.Values{"filter": {"subject eq 'client:" + who.ClientID + "' and outcome eq forbidden"}}); len(got) != 1 || got[0].Action != "audit.read" {
			t.Errorf("the refusal of %s: got %+v", role, got)
		}
	}
}
