package cmp_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/dialect/cmp"
)

// A holding is what one tenant has. Its marker stands in the names of its report and of
// its view, and in nothing of anybody else's.
type holding struct {
	name, above, account string

	marker string
	tenant outturn.Tenant
	report report
	roles  map[outturn.Role]caller
}

// Of six tenants each sees its own reports and views in CMP, and no others: not those of
// tenants below it either, which the native API shows it.
//
//	provider ─┬─ parent ─┬─ own ── child
//	          │          └─ sibling
//	          └─ foreign
func TestTenants(t *testing.T) {
	s := serve(t, cmp.Config{})
	operator, err := s.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := []*holding{
		{name: "provider"}, {name: "parent", above: "provider", account: "1000002"}, {name: "own", above: "parent", account: "1000013"},
		{name: "child", above: "own", account: "1000057"}, {name: "sibling", above: "parent", account: "1000016"}, {name: "foreign", above: "provider", account: "1000001"},
	}
	byName := map[string]*holding{}
	for i, h := range all {
		byName[h.name], h.marker = h, fmt.Sprintf("mark%08x", 0x9e3779b1*(i+1)&0xffffffff)
		h.tenant.ID = operator.Tenant
		if h.above != "" {
			h.tenant, err = s.Reporting().CreateTenant(t.Context(), operator, outturn.Tenant{Parent: byName[h.above].tenant.ID, Kind: outturn.KindReseller, Name: h.marker, ExternalID: h.account})
			if err != nil {
				t.Fatal(err)
			}
		}
		h.roles = map[outturn.Role]caller{}
		for _, role := range []outturn.Role{outturn.RoleAdmin, outturn.RoleViewer} {
			h.roles[role] = newCaller(t, s, h.tenant.ID, role)
		}
		v := outturn.SavedView{Tenant: h.tenant.ID, View: outturn.View{Name: h.marker, Dataset: "provisioned_orders", Columns: []outturn.ViewColumn{{Field: "CUSTOMER_NAME", Header: h.marker}}}}
		if _, err := s.Reporting().CreateView(t.Context(), operator, v); err != nil {
			t.Fatal(err)
		}
		admin := h.roles[outturn.RoleAdmin]
		h.report = admin.completed(t, admin.create(t, fmt.Sprintf(`{"name":"%[1]s","customizationName":"%[1]s","format":"json","startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-01T23:59:59Z"}`, h.marker)).ID)
	}
	nobodys := "3f6b0000-0000-7000-8000-000000000000"
	ahead := time.Duration(0)
	for _, viewer := range all {
		for role, c := range viewer.roles {
			auth := []string{"Authorization", "Bearer " + c.token(t), "X-Subscription-Key", c.SubscriptionKey}
			scan := func(what string, a answer) {
				t.Helper()
				for _, h := range all {
					if h != viewer && strings.Contains(string(a.body)+fmt.Sprint(a.header), h.marker) {
						t.Errorf("%s, %s of %s: something of %s: %s", what, role, viewer.name, h.name, a.body)
					}
				}
			}
			list := c.send(t, "GET", "/reports", "", auth...)
			scan("list", list)
			if !strings.Contains(string(list.body), viewer.report.ID) {
				t.Errorf("%s of %s: %s", role, viewer.name, list.body)
			}
			absent := c.send(t, "GET", "/reports/"+nobodys, "", auth...)
			unknown := c.send(t, "POST", "/reports", viewing("absent00"), auth...)
			for _, of := range all {
				what := fmt.Sprintf("%s of %s, of %s's", role, viewer.name, of.name)
				ahead += 5 * time.Second // so that wrong keys are not too many
				s.Ahead(ahead)
				one := c.send(t, "GET", "/reports/"+of.report.ID, "", auth...)
				made := c.send(t, "POST", "/reports", viewing(of.marker), auth...)
				other := c.send(t, "GET", "/reports", "", "Authorization", auth[1], "X-Subscription-Key", of.roles[role].SubscriptionKey)
				named := c.send(t, "GET", "/reports?name="+of.marker, "", auth...)
				scan(what, one)
				scan(what, named)
				scan(what, other)
				if viewer == of {
					if one.status != http.StatusOK || other.status != http.StatusOK || role != outturn.RoleViewer && made.status != http.StatusOK {
						t.Errorf("%s: %d, %d, %d %s", what, one.status, other.status, made.status, made.body)
					}
					continue
				}
				if other.status != http.StatusForbidden {
					t.Errorf("%s key: %d %s", what, other.status, other.body)
				}
				if same(one, of.report.ID) != same(absent, nobodys) || same(made, of.marker) != same(unknown, "absent00") || len(decoded(t, named).Data) != 0 {
					t.Errorf("%s can be told from what never was: %s, %s, %s", what, one.body, made.body, named.body)
				}
			}
		}
	}
	for _, path := range []string{"/reports", "/reports/" + all[0].report.ID, "/marketplace/reports"} {
		if a := all[0].roles[outturn.RoleAdmin].send(t, "GET", path, ""); a.status != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %d", path, a.status)
		}
	}
}

func viewing(name string) string {
	return fmt.Sprintf(`{"name":"a","customizationName":"%s","startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-01T00:00:01Z"}`, name)
}

var volatile = regexp.MustCompile(`Date:\[[^]]*\]|X-(Correlation|Request)-Id:\[[^]]*\]|RateLimit[^ ]*|Content-Length:\[\d+\]`)

// same is an answer without what it was asked for and what is new in each.
func same(a answer, asked string) string {
	return volatile.ReplaceAllString(fmt.Sprint(a.status, a.header, strings.ReplaceAll(string(a.body), asked, "ASKED")), "")
}

func decoded(t testing.TB, a answer) (l reports) {
	t.Helper()
	a.decode(t, http.StatusOK, &l)
	return l
}
