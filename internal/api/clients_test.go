package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2/clientcredentials"

	"outturn"
)

// made is a client and what it shows.
type made struct {
	outturn.Client
	Credential outturn.Credential `json:"credential"`
}

func (c caller) newClient(t testing.TB, kind outturn.ClientKind) (m made) {
	t.Helper()
	body := fmt.Sprintf(`{"name":"a %s","role":"viewer","kind":"%s"}`, kind, kind)
	a := c.do(t, "POST", "/v1/clients", body)
	a.decode(t, http.StatusCreated, &m)
	if at := a.header.Get("Location"); at != "/v1/clients/"+m.ID {
		t.Errorf("Location: %q", at)
	}
	return m
}

// Programs of every kind come in, are renewed, are seen to have been used, and are out
// within 10 seconds when they are revoked.
func TestClients(t *testing.T) {
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	for _, kind := range outturn.ClientKinds {
		if kind == outturn.ClientOAuth1 {
			continue // signs; see TestOAuthlib
		}
		t.Run(string(kind), func(t *testing.T) {
			m := admin.newClient(t, kind)
			first := show(t, m.Credential)
			if a := first(); a.status != http.StatusOK {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			var renewed made
			admin.do(t, "POST", "/v1/clients/"+m.ID+"/rotate", "").decode(t, http.StatusOK, &renewed)
			second := show(t, renewed.Credential)
			for name, request := range map[string]func() answer{"the old": first, "the new": second} {
				if a := request(); a.status != http.StatusOK {
					t.Errorf("%s: %d %s", name, a.status, a.body)
				}
			}
			var seen outturn.Client
			admin.do(t, "GET", "/v1/clients/"+m.ID, "").decode(t, http.StatusOK, &seen)
			if seen.UsedAt.IsZero() || seen.Kind != kind || seen.Role != outturn.RoleViewer || seen.Tenant != shop.tenants["Northwind"].ID {
				t.Errorf("got %+v", seen)
			}
			if a := admin.do(t, "DELETE", "/v1/clients/"+m.ID, ""); a.status != http.StatusNoContent {
				t.Errorf("revoke: %d %s", a.status, a.body)
			}
			if a := admin.do(t, "POST", "/v1/clients/"+m.ID+"/rotate", ""); a.status != http.StatusConflict {
				t.Errorf("renew what was revoked: %d %s", a.status, a.body)
			}
			shop.Ahead(10 * time.Second)
			defer shop.Ahead(0)
			if a := second(); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("revoked: %d %s", a.status, a.body)
			}
		})
	}
}

// show returns how a program asks for its runs with what it was given.
func show(t testing.TB, c outturn.Credential) func() answer {
	list := func(header ...string) answer { return send(t, request(t, "GET", "/v1/runs?limit=1", "", header...)) }
	return func() answer {
		switch {
		case c.APIKey != "":
			return list("Authorization", c.APIKey)
		case c.AccessKeyID != "":
			return list("apiAccessKeyId", c.AccessKeyID, "apiSecretAccessKey", c.SecretAccessKey)
		}
		var token struct {
			Token       string
			AccessToken string `json:"access_token"`
			Expires     int64  `json:"expiresInSeconds"`
		}
		r := request(t, "POST", "/token", `{"marketplace":"us"}`, "X-Subscription-Key", c.SubscriptionKey)
		r.SetBasicAuth(c.Username, c.Password)
		if c.ClientID != "" {
			r = request(t, "POST", "/oauth2/token", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(c.ClientID, c.ClientSecret)
		}
		a := send(t, r)
		if a.status != http.StatusOK {
			return a
		}
		a.decode(t, http.StatusOK, &token)
		if c.Username != "" && token.Expires != 1500 {
			t.Errorf("got %s", a.body)
		}
		return list("Authorization", "Bearer "+token.Token+token.AccessToken)
	}
}

// What cannot be made, found or let in, and what is said of it.
func TestClientRefusals(t *testing.T) {
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	key := admin.newClient(t, outturn.ClientAPIKey)
	cmp := admin.newClient(t, outturn.ClientCMP)
	zuora := admin.newClient(t, outturn.ClientZuora)
	none := []string{"Authorization", "none"}
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		says                     string
	}{
		{"Kind", "POST", "/v1/clients", `{"name":"a","role":"viewer","kind":"basic"}`, nil, 422, `"kind"`},
		{"Role", "POST", "/v1/clients", `{"name":"a","role":"root"}`, nil, 422, `"role"`},
		{"RoleAbove", "POST", "/v1/clients", `{"name":"a","role":"operator"}`, nil, 422, `"role"`},
		{"Name", "POST", "/v1/clients", `{"name":" ","role":"viewer"}`, nil, 422, `"name"`},
		{"Tenant", "POST", "/v1/clients", `{"name":"a","role":"viewer","tenant":"` + absent + `"}`, nil, 404, `"tenant"`},
		{"Overlap", "POST", "/v1/clients/" + key.ID + "/rotate", `{"overlap":2592001}`, nil, 422, "overlap"},
		{"Absent", "GET", "/v1/clients/SU-000-000-000", "", nil, 404, "There is no client"},
		{"Nobody", "GET", "/v1/runs", "", none, 401, "Authorization"},
		{"Two", "GET", "/v1/runs", "", []string{"apiAccessKeyId", "a", "apiSecretAccessKey", "b"}, 401, "More than one"},
		{"WrongKey", "GET", "/v1/runs", "", []string{"Authorization", key.Credential.APIKey + "x"}, 401, "wrong"},
		{"UnknownKey", "GET", "/v1/runs", "", []string{"Authorization", "ApiKey SU-000-000-000:x"}, 401, "wrong"},
		{"KeyOfZuora", "GET", "/v1/runs", "", []string{"Authorization", "ApiKey " + zuora.ID + ":" + zuora.Credential.SecretAccessKey}, 401, "wrong kind: one of kind zuora"},
		{"LongHeader", "GET", "/v1/runs", "", []string{"Authorization", "ApiKey SU-000-000-000:" + strings.Repeat("x", 5000)}, 401, "longer"},
		{"KeyAtTheTokenEndpoint", "POST", "/oauth2/token", "grant_type=client_credentials&client_id=" + key.ID + "&client_secret=" + strings.Split(key.Credential.APIKey, ":")[1],
			[]string{"Content-Type", form}, 400, `"unauthorized_client"`},
		{"CMPAtTheTokenEndpoint", "POST", "/oauth2/token", "grant_type=client_credentials&client_id=" + cmp.ID + "&client_secret=" + cmp.Credential.Password,
			[]string{"Content-Type", form, "X-Subscription-Key", cmp.Credential.SubscriptionKey}, 400, "wrong kind"},
		{"CMPWithHalf", "POST", "/oauth2/token", "grant_type=client_credentials&client_id=" + cmp.ID + "&client_secret=" + cmp.Credential.Password,
			[]string{"Content-Type", form}, 401, `"invalid_client"`},
		{"TokenByBearer", "POST", "/token", "", nil, 401, "HTTP Basic"},
		{"FormWhereJSONIs", "POST", "/v1/runs", "a=b", []string{"Content-Type", form}, 415, "application/json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			who := admin
			if tt.path == "/oauth2/token" {
				who = caller{}
			}
			a := who.do(t, tt.method, tt.path, tt.body, tt.header...)
			if a.status != tt.status || !strings.Contains(string(a.body), tt.says) {
				t.Errorf("got %d %s", a.status, a.body)
			}
			offered := a.header.Get("WWW-Authenticate")
			if tt.status == 401 && !strings.HasSuffix(tt.path, "token") && (!strings.Contains(offered, "Bearer ") || !strings.Contains(offered, "OAuth ") || !strings.Contains(offered, "ApiKey ")) {
				t.Errorf("WWW-Authenticate: %q", offered)
			}
			if tt.status == 401 && strings.HasSuffix(tt.path, "token") && !strings.HasPrefix(offered, "Basic ") {
				t.Errorf("WWW-Authenticate: %q", offered)
			}
		})
	}
	log := shop.log.String()
	for _, m := range []made{key, cmp, zuora} {
		for _, part := range []string{m.Credential.APIKey, m.Credential.Password, m.Credential.SubscriptionKey, m.Credential.SecretAccessKey} {
			if _, canary, _ := strings.Cut(":"+part, ":"); canary != "" && strings.Contains(log, canary) {
				t.Errorf("the log has a secret of %s", m.ID)
			}
		}
	}
}

// golang.org/x/oauth2 fetches a token by itself, and another when that has expired.
func TestGoOAuth2(t *testing.T) {
	for _, kind := range []outturn.ClientKind{outturn.ClientOAuth2, outturn.ClientZuora} {
		c := callerOf(t, "Northwind", outturn.RoleAdmin).newClient(t, kind).Credential
		config := clientcredentials.Config{
			ClientID: c.ClientID + c.AccessKeyID, ClientSecret: c.ClientSecret + c.SecretAccessKey, TokenURL: shop.URL() + "/oauth2/token", Scopes: []string{"viewer"},
		}
		resp, err := config.Client(t.Context()).Get(shop.URL() + "/v1/runs?limit=1")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", kind, resp.Status)
		}
		config.ClientSecret += "x"
		if _, err := config.Token(context.Background()); err == nil || !strings.Contains(err.Error(), "invalid_client") {
			t.Errorf("%s with a wrong secret: %v", kind, err)
		}
	}
}

// signer signs requests with python3-oauthlib, which is Debian's: requests on standard
// input, a line of JSON each; an Authorization header for each.
const signer = `
import json, sys
from oauthlib.oauth1 import Client
for line in sys.stdin:
    r = json.loads(line)
    client = Client(r['key'], client_secret=r['secret'], signature_method=r['how'], realm=r.get('realm'), timestamp=r['at'])
    headers = {'Content-Type': r['media']} if r.get('media') else {}
    _, headers, _ = client.sign(r['url'], http_method=r['method'], body=r.get('body') or None, headers=headers)
    print(headers['Authorization'], flush=True)
`

// python3-oauthlib, written by others, signs requests of every shape: a server lets
// them in once, and nobody who changes one.
func TestOAuthlib(t *testing.T) {
	python := "/usr/bin/python3" // Debian's packages are for it
	if out, err := exec.Command(python, "-c", "import oauthlib").CombinedOutput(); err != nil {
		t.Skipf("%s has no oauthlib (Debian: python3-oauthlib): %s", python, out)
	}
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	m := admin.newClient(t, outturn.ClientOAuth1)
	requests := []map[string]string{
		{"method": "GET", "path": "/v1/runs?limit=1"},
		{"method": "GET", "path": "/v1/runs?limit=1", "how": "HMAC-SHA1", "realm": "outturn, or so"},
		{"method": "GET", "path": "/v1/runs?filter=state+eq+failed&limit=2"},
		{"method": "GET", "path": "/v1/runs?filter=state%20eq%20failed%20and%20name%20like%20%25%C3%A9%2B%25&limit=2"},
		{"method": "GET", "path": "/v1/runs?implementing(http://www.odin.com/rde/report-template/1.5),limit(0,10)", "status": "422"},
		{"method": "GET", "path": "/v1/runs?and(eq(state,failed),like(name,*a%20b*))&sort(-created_at,+name)&limit=1", "status": "422"},
		{"method": "GET", "path": "/v1/runs?state=eq=failed&a=&a=2&a=1", "status": "422"},
		{"method": "POST", "path": "/v1/datasets/accounts/preview", "body": `{"columns":["ACCOUNT_ID"]}`, "media": "application/json"},
		{"method": "POST", "path": "/v1/datasets/accounts/preview", "body": "a=b+c&d=%C3%A9&d=", "media": "application/x-www-form-urlencoded", "status": "415"},
		{"method": "DELETE", "path": "/v1/runs/" + absent, "status": "404"},
	}
	var lines strings.Builder
	for _, r := range requests {
		r["key"], r["secret"], r["url"] = m.Credential.ConsumerKey, m.Credential.ConsumerSecret, shop.URL()+r["path"]
		r["at"] = strconv.FormatInt(shop.Now().Add(time.Second).Unix(), 10) // after the second in which the server began
		if r["how"] == "" {
			r["how"] = "HMAC-SHA256"
		}
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", signer)
	cmd.Stdin = strings.NewReader(lines.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	headers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(headers) != len(requests) {
		t.Fatalf("got %d signatures", len(headers))
	}
	for i, r := range requests {
		want := http.StatusOK
		if r["status"] != "" {
			want, _ = strconv.Atoi(r["status"])
		}
		try := func(path, body string) answer {
			header := []string{"Authorization", headers[i]}
			if body != "" {
				header = append(header, "Content-Type", r["media"])
			}
			req := request(t, r["method"], "", body, header...)
			req.URL, err = url.Parse(shop.URL() + path)
			if err != nil {
				t.Fatal(err)
			}
			return send(t, req)
		}
		separator := "?"
		if strings.Contains(r["path"], "?") {
			separator = "&"
		}
		if a := try(r["path"]+separator+"tenant=x", r["body"]); a.status != http.StatusUnauthorized {
			t.Errorf("%s %s: more in the query: %d", r["method"], r["path"], a.status)
		}
		if a := try(r["path"], r["body"]); a.status != want {
			t.Errorf("%s %s: %d %s", r["method"], r["path"], a.status, a.body)
		}
		if a := try(r["path"], r["body"]); a.status != http.StatusUnauthorized || !strings.Contains(string(a.body), "came before") {
			t.Errorf("%s %s again: %d %s", r["method"], r["path"], a.status, a.body)
		}
		shop.Ahead(time.Duration(i+1) * 20 * time.Second) // who tries other queries is slowed down
	}
	shop.Ahead(0)
}
