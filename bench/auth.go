package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/catalog"
	"outturn/internal/reporting"
	"outturn/internal/secret"
	"outturn/internal/server"
)

// How often each kind of credential is shown. The requests of one client that signs
// are remembered, 100,000 of them: all rounds stay below.
const (
	authRounds = 3
	authCalls  = 20_000
	warmCalls  = 1000
)

// authGoal is what the slowest but 1 % of the authentications may take.
const authGoal = 100 * time.Microsecond

// The request that is authenticated.
const (
	authHost  = "reports.example.com"
	authPath  = "/v1/runs"
	authQuery = "limit=50&tenant=one"
)

// A caller is one client and how it shows what it has.
type caller struct {
	kind   outturn.ClientKind
	client outturn.Client
	show   func() http.Header // another with each request, where the kind asks for that
}

// auth measures what of a request it takes to find out who sent it, and whether its
// tenant may ask now, for each kind of credential: in this process, over a data folder
// of its own, as the server does it between the request's head and its route.
func (b *bench) auth() error {
	ctx := context.Background()
	path := filepath.Join(b.dir, "auth-"+rand.Text())
	defer os.RemoveAll(path)
	folder, err := server.OpenFolder(ctx, path, time.Now)
	if err != nil {
		return err
	}
	defer folder.Close()
	cat, err := catalog.Builtin("duckdb")
	if err != nil {
		return err
	}
	service, err := folder.Reporting(cat, nil)
	if err != nil {
		return err
	}
	gate, err := auth.New(ctx, auth.Config{Ledger: folder.Ledger, Sealer: folder.Sealer})
	if err != nil {
		return err
	}
	tenant, err := deepTenant(ctx, folder)
	if err != nil {
		return err
	}
	for _, kind := range outturn.ClientKinds {
		c, err := newCaller(ctx, folder, service, gate, tenant, kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if err := c.check(ctx, gate); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		var who, whole sample
		for range authRounds {
			w, all, err := c.round(ctx, gate, service, authCalls)
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			fmt.Printf("    %-8s %s\n", kind, inMicros(w))
			who, whole = append(who, w...), append(whole, all...)
		}
		fmt.Printf("  %-8s who it is: %s; with its tenant's standing: %s%s\n", kind, inMicros(who), inMicros(whole), missed(who.at(0.99) > authGoal.Seconds()*1e3))
	}
	fmt.Printf("  (goal: p99 of who it is at most %d µs, over %d calls)\n", authGoal.Microseconds(), authRounds*authCalls)
	return nil
}

// missed is said of what is worse than its goal.
func missed(is bool) string {
	if is {
		return "  MISSED"
	}
	return ""
}

func inMicros(s sample) string {
	return fmt.Sprintf("median %.1f, p99 %.1f, p99.9 %.1f µs", s.at(0.5)*1e3, s.at(0.99)*1e3, s.at(0.999)*1e3)
}

// deepTenant makes a customer with three resellers above it.
func deepTenant(ctx context.Context, folder *server.Folder) (string, error) {
	root, err := folder.Ledger.Root(ctx)
	id := root.ID
	for _, kind := range []outturn.TenantKind{outturn.KindReseller, outturn.KindReseller, outturn.KindReseller, outturn.KindCustomer} {
		if err != nil {
			return "", err
		}
		var t outturn.Tenant
		t, err = folder.Ledger.CreateTenant(ctx, outturn.Tenant{Parent: id, Kind: kind, Name: string(kind)},
			outturn.AuditEntry{Subject: "bench", Via: "local", Action: "tenant.create"})
		id = t.ID
	}
	return id, err
}

// newCaller makes a client and gets it what it shows.
func newCaller(ctx context.Context, folder *server.Folder, service *reporting.Service, gate *auth.Service, tenant string, kind outturn.ClientKind) (*caller, error) {
	operator, err := folder.Operator(ctx)
	if err != nil {
		return nil, err
	}
	made, c, err := service.CreateClient(ctx, operator, outturn.Client{Tenant: tenant, Kind: kind, Name: string(kind), Role: outturn.RoleViewer})
	if err != nil {
		return nil, err
	}
	one := func(name, value string) func() http.Header {
		h := http.Header{}
		h.Set(name, value)
		return func() http.Header { return h }
	}
	caller := &caller{kind: kind, client: made}
	switch kind {
	case outturn.ClientOAuth2:
		token, err := gate.Token(ctx, auth.TokenRequest{GrantType: "client_credentials", ClientID: c.ClientID, Secret: secret.Text(c.ClientSecret)})
		if err != nil {
			return nil, err
		}
		caller.show = one("Authorization", "Bearer "+token.AccessToken.Reveal())
	case outturn.ClientCMP:
		token, err := gate.BasicToken(ctx, auth.BasicRequest{Username: c.Username, Password: secret.Text(c.Password), SubscriptionKey: secret.Text(c.SubscriptionKey)})
		if err != nil {
			return nil, err
		}
		caller.show = one("Authorization", "Bearer "+token.AccessToken.Reveal())
	case outturn.ClientAPIKey:
		caller.show = one("Authorization", c.APIKey)
	case outturn.ClientZuora:
		h := http.Header{}
		h.Set("apiAccessKeyId", c.AccessKeyID)
		h.Set("apiSecretAccessKey", c.SecretAccessKey)
		caller.show = func() http.Header { return h }
	case outturn.ClientOAuth1:
		caller.show = func() http.Header {
			return http.Header{"Authorization": {signature(c.ConsumerKey, c.ConsumerSecret, time.Now().Add(time.Second))}}
		}
	default:
		return nil, fmt.Errorf("nobody knows how it is shown")
	}
	return caller, nil
}

// signature signs the request by OAuth 1.0a (RFC 5849).
func signature(key, secret string, at time.Time) string {
	params := []string{
		"oauth_consumer_key=" + key, "oauth_nonce=" + rand.Text(), "oauth_signature_method=HMAC-SHA256",
		"oauth_timestamp=" + strconv.FormatInt(at.Unix(), 10), "oauth_version=1.0",
	}
	all := slices.Sorted(slices.Values(append(strings.Split(authQuery, "&"), params...)))
	base := "GET&" + url.QueryEscape("https://"+authHost+authPath) + "&" + url.QueryEscape(strings.Join(all, "&"))
	mac := hmac.New(sha256.New, []byte(url.QueryEscape(secret)+"&"))
	mac.Write([]byte(base))
	params = append(params, "oauth_signature="+url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))))
	for i, p := range params {
		name, value, _ := strings.Cut(p, "=")
		params[i] = name + `="` + value + `"`
	}
	return "OAuth " + strings.Join(params, ", ")
}

func (c *caller) request() auth.Request {
	return auth.Request{
		Method: http.MethodGet, Scheme: "https", Host: authHost, Path: authPath, Query: authQuery,
		Header: c.show(), From: "192.0.2.7", ID: "bench",
	}
}

// check sees that the credential is good for its client, and that one that differs in
// its last character is not. The wrong ones are far fewer than would slow it down.
func (c *caller) check(ctx context.Context, gate *auth.Service) error {
	p, err := gate.Authenticate(ctx, c.request())
	if err != nil {
		return err
	}
	if p.Subject != "client:"+c.client.ID || p.Tenant != c.client.Tenant || p.Via != string(c.kind) {
		return fmt.Errorf("%s of tenant %s by %s came in", p.Subject, p.Tenant, p.Via)
	}
	wrong := c.request()
	wrong.Header = wrong.Header.Clone()
	for name, values := range wrong.Header {
		if name == http.CanonicalHeaderKey("apiAccessKeyId") {
			continue
		}
		text := values[0]
		at := len(text) - 3 // before a quotation mark, and not in the last bits of base64
		other := byte('A')
		if text[at] == other {
			other = 'B'
		}
		wrong.Header[name] = []string{text[:at] + string(other) + text[at+1:]}
	}
	if _, err := gate.Authenticate(ctx, wrong); outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
		return fmt.Errorf("a wrong credential: %w", err)
	}
	return nil
}

// round authenticates one request after the other, once what can be remembered is.
func (c *caller) round(ctx context.Context, gate *auth.Service, service *reporting.Service, calls int) (who, whole sample, err error) {
	requests := make([]auth.Request, warmCalls+calls)
	for i := range requests {
		requests[i] = c.request()
	}
	for i, r := range requests {
		began := time.Now()
		p, err := gate.Authenticate(ctx, r)
		known := time.Now()
		if err != nil {
			return nil, nil, err
		}
		if _, err := service.Admit(ctx, p); err != nil {
			return nil, nil, err
		}
		if i >= warmCalls {
			who.add(known.Sub(began))
			whole.add(time.Since(began))
		}
	}
	return who, whole, nil
}
