package cmp_test

import (
	"log/slog"
	"testing"
	"time"

	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// Whatever text comes to CMP, the source is asked what a harmless one has it asked.
func TestInjection(t *testing.T) {
	s, seen := servertest.ServeNoted(t, shop, server.Config{Drain: time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	c := newTenant(t, s, "1000002")
	body := func(more string) string {
		return `{"name":"a","startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-01T00:00:01Z"` + more + `}`
	}
	requests := []servertest.Injected{{Method: "GET", Path: "/reports/§"}}
	for _, name := range []string{"name", "status", "type", "format", "startDate", "endDate", "creationDate", "offset", "limit", "§"} {
		requests = append(requests, servertest.Injected{Method: "GET", Path: "/reports?" + name + "=§"}) // while a list is short
	}
	bodies := []string{
		body(`,"§":"a"`),
		`{"name":"§","startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-01T00:00:01Z"}`,
		`{"name":"a","startDate":"§","endDate":"2026-10-01T00:00:01Z"}`,
		`{"name":"a","startDate":"2026-10-01T00:00:00Z","endDate":"§"}`,
	}
	for _, name := range []string{"customizationName", "format", "type"} {
		bodies = append(bodies, body(`,"`+name+`":"§"`))
	}
	for _, body := range bodies {
		requests = append(requests, servertest.Injected{Method: "POST", Path: "/reports", Body: body})
	}
	token := c.token(t)
	asked := 0
	ask := func(method, path, body string) int {
		if asked++; asked%500 == 0 {
			token = c.token(t) // before it has expired
		}
		return c.send(t, method, c.base+path, body, "Authorization", "Bearer "+token, "X-Subscription-Key", c.SubscriptionKey).status
	}
	servertest.Inject(t, s, seen, requests, ask)
}
