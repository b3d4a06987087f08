package api_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/server"
)

// limited adds a reseller of that name, and changes it past the ledger.
func limited(t *testing.T, name, assignment string) {
	t.Helper()
	made, err := shop.AddTenant(t.Context(), name, "account of "+name)
	if err != nil {
		t.Fatal(err)
	}
	shop.tenants[name] = made
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(shop.Data, server.LedgerName)+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE tenants SET `+assignment+` WHERE id = ?1`, made.ID); err != nil {
		t.Fatal(err)
	}
}

// TestRateLimit asks more often than a tenant may.
func TestRateLimit(t *testing.T) {
	limited(t, "Often", "most_requests = 3, most_bytes = 1000") // its token is the first
	who := callerOf(t, "Often", outturn.RoleManager)
	for i, want := range []int{1, 0, 0} {
		got := who.do(t, http.MethodGet, "/v1/usage", "")
		var left, reset int
		_, err := fmt.Sscanf(got.header.Get("RateLimit"), `"tenant";r=%d;t=%d`, &left, &reset)
		if got.header.Get("RateLimit-Policy") != `"tenant";q=3;w=60` || err != nil || left != want || reset < 15 || reset > 60 {
			t.Errorf("request %d is told %q of %q, want r=%d", i+1, got.header.Get("RateLimit"), got.header.Get("RateLimit-Policy"), want)
		}
		if i < 2 {
			var a outturn.Allowance
			if got.decode(t, http.StatusOK, &a); a.Limits.Bytes == nil || *a.Limits.Bytes != 1000 || a.Usage.Tenant != shop.tenants["Often"].ID || len(a.Above) != 0 {
				t.Errorf("it has %s", got.body)
			}
			continue
		}
		var p problem
		got.decode(t, http.StatusTooManyRequests, &p)
		wait := got.header.Get("Retry-After")
		if n, _ := strconv.Atoi(wait); n < 15 || n > 20 || p.Code != "limit_reached" || !strings.HasSuffix(p.Detail, "Ask again in "+wait+" s.") {
			t.Errorf("refused, it is to wait %s s: %s", wait, got.body)
		}
	}
	free := callerOf(t, "Northwind", outturn.RoleViewer).do(t, http.MethodGet, "/v1/usage", "")
	if free.status != http.StatusOK || free.header.Get("RateLimit") != "" {
		t.Errorf("another tenant gets %d and %q", free.status, free.header.Get("RateLimit"))
	}
}

// TestSuspended has a tenant that is suspended ask for something, and for a token.
func TestSuspended(t *testing.T) {
	limited(t, "Late", "name = name")
	late := callerOf(t, "Late", outturn.RoleAdmin)
	callerOf(t, "", outturn.RoleOperator).do(t, http.MethodPost, "/v1/tenants/"+shop.tenants["Late"].ID+"/suspend", "").decode(t, http.StatusOK, &struct{}{})
	var p problem
	late.do(t, http.MethodGet, "/v1/runs", "").decode(t, http.StatusForbidden, &p)
	if p.Code != "forbidden" || p.Detail == "" {
		t.Errorf("it is told %+v", p)
	}
	req := request(t, http.MethodPost, late.URL+"/oauth2/token", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(late.ClientID, late.ClientSecret)
	var refused struct{ Error string }
	send(t, req).decode(t, http.StatusBadRequest, &refused)
	if refused.Error != "unauthorized_client" {
		t.Errorf("for a token it is told %+v", refused)
	}
}

// TestTokensCount asks for more tokens than a tenant may ask of all.
func TestTokensCount(t *testing.T) {
	limited(t, "Eager", "most_requests = 2")
	eager := callerOf(t, "Eager", outturn.RoleViewer) // the first
	eager.newToken(t)
	req := request(t, http.MethodPost, eager.URL+"/oauth2/token", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(eager.ClientID, eager.ClientSecret)
	var refused struct{ Error string }
	got := send(t, req)
	got.decode(t, http.StatusTooManyRequests, &refused)
	if wait, _ := strconv.Atoi(got.header.Get("Retry-After")); refused.Error != "temporarily_unavailable" || wait < 20 || wait > 30 {
		t.Errorf("the third is told %s, Retry-After %s", got.body, got.header.Get("Retry-After"))
	}
}
