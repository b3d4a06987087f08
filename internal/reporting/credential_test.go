package reporting_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/secret"
)

// What each kind is given looks as its documentation says, lets in, and after a
// rotation goes on to do so for the overlap.
func TestCredentials(t *testing.T) {
	const token = `[\w-]{43}`
	shapes := map[outturn.ClientKind]map[string]string{
		outturn.ClientOAuth2: {"client_id": `ot_[0-9a-f]{24}`, "client_secret": `ots_` + token},
		outturn.ClientOAuth1: {"consumer_key": `[0-9a-f]{32}`, "consumer_secret": `[0-9a-f]{128}`},
		outturn.ClientAPIKey: {"api_key": `ApiKey SU(-\d{3}){3}:` + token},
		outturn.ClientCMP:    {"username": `cmp_[0-9a-f]{24}`, "password": token, "subscription_key": `[0-9a-f]{32}`},
		outturn.ClientZuora:  {"access_key_id": `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`, "secret_access_key": `[\w-]{40}`},
	}
	s := newStage(t)
	door, admin := s.door(), s.as(outturn.RoleAdmin)
	s.clock.advance(time.Second)
	for _, kind := range outturn.ClientKinds {
		made, first, err := s.CreateClient(t.Context(), admin, outturn.Client{Kind: kind, Name: "n", Role: outturn.RoleViewer, Email: "who@example.com"})
		must(t, err)
		s.clock.advance(time.Minute)
		_, second, err := s.RotateClient(t.Context(), admin, made.ID, time.Hour)
		must(t, err)
		for _, c := range []outturn.Credential{first, second} {
			text, err := json.Marshal(c)
			must(t, err)
			var got map[string]string
			must(t, json.Unmarshal(text, &got))
			if want := shapes[kind]; !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
				t.Errorf("%s has the parts %v", kind, slices.Sorted(maps.Keys(got)))
			}
			for name, value := range got {
				if !regexp.MustCompile("^" + shapes[kind][name] + "$").MatchString(value) {
					t.Errorf("%s: %s is not as %s", kind, name, shapes[kind][name])
				}
			}
			p, err := enter(t, door, s.clock.Now(), c)
			if err != nil || p.Via != string(kind) || p.Subject != "client:"+made.ID || p.Tenant != s.tenants["own"].ID || !p.Has(outturn.RoleViewer) {
				t.Errorf("%s: got %+v, %v", kind, p, err)
			}
		}
		subscribed(t, s, first, made.ID)
		subscribed(t, s, second, made.ID)
		for name, part := range secretParts(t, first) {
			if part == secretParts(t, second)[name] {
				t.Errorf("%s: %s stayed what it was", kind, name)
			}
		}
		s.clock.advance(time.Hour)
		_, err = enter(t, door, s.clock.Now(), first)
		wantCode(t, string(kind)+" after the overlap", err, outturn.CodeUnauthenticated)
		_, err = enter(t, door, s.clock.Now(), second)
		must(t, err)
		subscribed(t, s, first, "")
		subscribed(t, s, second, made.ID)

		shown, err := s.Client(t.Context(), admin, made.ID)
		if err != nil || shown.Kind != kind || shown.Email != "who@example.com" || !shown.UsedAt.Equal(s.clock.Now().Truncate(time.Minute)) {
			t.Errorf("%s: got %+v, %v", kind, shown, err)
		}
		_, err = s.RevokeClient(t.Context(), admin, made.ID)
		must(t, err)
		s.clock.advance(within)
		_, err = enter(t, door, s.clock.Now(), second)
		wantCode(t, string(kind)+" revoked", err, outturn.CodeUnauthenticated)
	}
}

// subscribed checks whose a credential's subscription key is, where it has one.
func subscribed(t testing.TB, s *stage, c outturn.Credential, want string) {
	t.Helper()
	if c.SubscriptionKey == "" {
		return
	}
	got, err := s.ledger.ClientBySubscription(t.Context(), secret.Hash(c.SubscriptionKey))
	if got.ID != want || (want == "") != (outturn.ErrorCode(err) == outturn.CodeNotFound) {
		t.Errorf("the key is of %q, want %q: %v", got.ID, want, err)
	}
}

// enter lets a credential in by the way of its kind.
func enter(t testing.TB, door *auth.Service, now time.Time, c outturn.Credential) (outturn.Principal, error) {
	t.Helper()
	h := http.Header{}
	switch {
	case c.ClientID != "":
		token, err := signIn(t, door, c.ClientID, c.ClientSecret)
		if err != nil {
			return outturn.Principal{}, err
		}
		h.Set("Authorization", "Bearer "+token)
	case c.Username != "":
		r, err := door.BasicToken(t.Context(), auth.BasicRequest{Username: c.Username, Password: secret.Text(c.Password), SubscriptionKey: secret.Text(c.SubscriptionKey)})
		if err != nil {
			return outturn.Principal{}, err
		}
		h.Set("Authorization", "Bearer "+r.AccessToken.Reveal())
	case c.AccessKeyID != "":
		h.Set("apiAccessKeyId", c.AccessKeyID)
		h.Set("apiSecretAccessKey", c.SecretAccessKey)
	case c.APIKey != "":
		h.Set("Authorization", c.APIKey)
	case c.ConsumerKey != "":
		return signed(t, door, now, c)
	}
	return door.Authenticate(t.Context(), auth.Request{Header: h})
}

// signed signs a request as RFC 5849 has it. Nothing in it but the parameters
// themselves needs an escape.
func signed(t testing.TB, door *auth.Service, now time.Time, c outturn.Credential) (outturn.Principal, error) {
	t.Helper()
	params := fmt.Sprintf("oauth_consumer_key=%s&oauth_nonce=%s&oauth_signature_method=HMAC-SHA256&oauth_timestamp=%d",
		c.ConsumerKey, rand.Text(), now.Unix())
	mac := hmac.New(sha256.New, []byte(c.ConsumerSecret+"&"))
	mac.Write([]byte("GET&" + url.QueryEscape("http://h/") + "&" + url.QueryEscape(params)))
	header := "OAuth " + strings.NewReplacer("=", `="`, "&", `", `).Replace(params) + `", oauth_signature="` + url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))) + `"`
	return door.Authenticate(t.Context(), auth.Request{Method: "GET", Scheme: "http", Host: "h", Path: "/", Header: http.Header{"Authorization": {header}}})
}
