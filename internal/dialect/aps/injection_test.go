package aps_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/server/servertest"
)

// Whatever text comes to APS, the source is asked what a harmless one has it asked.
func TestInjection(t *testing.T) {
	s, seen := servertest.ServeNoted(t, shop.Local, config())
	p, err := s.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := s.AddTenant(t.Context(), "Northwind", "1000002")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, err := s.Reporting().CreateClient(t.Context(), p, outturn.Client{Tenant: tenant.ID, Role: outturn.RoleAdmin, Name: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	token, asked := "", 0
	send := func(method, path, body string) answer {
		if asked++; asked%500 == 1 { // before it has expired
			if token, err = newToken(t.Context(), s.URL(), shown); err != nil {
				t.Fatal(err)
			}
		}
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		return send(t, req)
	}
	template := func(more string) string {
		return `{"aps":{"type":"http://www.odin.com/rde/report-template/1.1"},"commonName":"a","format":"CSV","eventType":"ONETIME","parameters":{"startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-01T23:59:59Z"}` + more + `}`
	}
	customization := func(name, column, alias string) string {
		return `{"aps":{"type":"http://www.odin.com/rde/report-customization/2.0"},"name":{"en":"` + name + `"},"columns":[{"name":"` + column + `","alias":"` + alias + `"}]}`
	}
	made := func(body string) string {
		var r struct{ APS struct{ ID string } }
		if a := send("POST", "/aps/2/resources", body); json.Unmarshal(a.body, &r) != nil || r.APS.ID == "" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return r.APS.ID
	}
	one, view := made(template("")), made(customization("seen", "SUBSCRIPTION_ID", "sub"))
	var requests []servertest.Injected
	for _, path := range []string{
		"/resources/§", "/resources/§/aps/links", "/resources/§/reportFiles", "/resources/" + one + "/§", "/resources/" + one + "/reportFiles/§",
		"/resources/" + one + "/run-scheduled-task/§", "/collections/§", "/types/§", "/packages/§", "/applications/§",
		"/resources?§", "/resources?eq(commonName,§)", "/resources?like(name,§)", "/resources?in(format,(CSV,§))", "/resources?implementing(§)",
		"/resources?sort(+§)", "/resources?select(§)", "/resources?limit(§,1)", "/collections/rde-report-files?eq(status,§)", "/collections/rde-report-customizations?eq(name.en,§)",
	} {
		requests = append(requests, servertest.Injected{Method: "GET", Path: "/aps/2" + path})
	}
	bodies := []string{
		strings.Replace(template(""), `"a"`, `"§"`, 1), // taken: its report is what the source is asked for
		template(`,"periodicTask":"§"`), template(`,"§":"a"`),
		customization("§", "SUBSCRIPTION_ID", "a"), customization("b", "§", "a"), customization("c", "SUBSCRIPTION_ID", "§"),
	}
	for _, have := range []string{"http://www.odin.com/rde/report-template/1.1", "CSV", "ONETIME", "2026-10-01T00:00:00Z", "2026-10-01T23:59:59Z"} {
		bodies = append(bodies, strings.Replace(template(""), `"`+have+`"`, `"§"`, 1))
	}
	for _, body := range bodies {
		requests = append(requests, servertest.Injected{Method: "POST", Path: "/aps/2/resources", Body: body})
	}
	requests = append(requests,
		servertest.Injected{Method: "PUT", Path: "/aps/2/resources", Body: `{"aps":{"id":"§"},"commonName":"a"}`},
		servertest.Injected{Method: "PUT", Path: "/aps/2/resources/§", Body: `{"commonName":"a"}`},
		servertest.Injected{Method: "PUT", Path: "/aps/2/resources/" + view, Body: `{"columns":[{"name":"SUBSCRIPTION_ID","alias":"§"}]}`},
		servertest.Injected{Method: "DELETE", Path: "/aps/2/resources/§"},
		servertest.Injected{Method: "POST", Path: "/aps/2/resources/" + one + "/§", Body: `{"aps":{"id":"` + view + `"}}`},
		servertest.Injected{Method: "POST", Path: "/aps/2/resources/" + one + "/customization", Body: `{"aps":{"id":"§"}}`},
		servertest.Injected{Method: "DELETE", Path: "/aps/2/resources/" + one + "/customization/§"},
	)
	servertest.Inject(t, s, seen, requests, func(method, path, body string) int { return send(method, path, body).status })
}
