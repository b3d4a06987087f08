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
	requests := []servertest.Injected{
		{Method: "GET", Path: "/reports/§"},
		{Method: "POST", Path: "/reports", Body: `{"name":"§","startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-01T00:00:01Z"}`},
		{Method: "POST", Path: "/reports", Body: `{"name":"a","startDate":"§","endDate":"2026-10-01T00:00:01Z"}`},
		{Method: "POST", Path: "/reports", Body: `{"name":"a","startDate":"2026-10-01T00:00:00Z","endDate":"§"}`},
		{Method: "POST", Path: "/reports", Body: body(`,"§":"a"`)},
	}
	for _, name := range []string{"customizationName", "format", "type", "callbackUrl"} {
		requests = append(requests, servertest.Injected{Method: "POST", Path: "/reports", Body: body(`,"` + name + `":"§"`)})
	}
	for _, name := range []string{"name", "status", "type", "format", "startDate", "endDate", "creationDate", "offset", "limit", "§"} {
		requests = append(requests, servertest.Injected{Method: "GET", Path: "/reports?" + name + "=§"})
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
