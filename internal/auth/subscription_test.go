package auth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/secret"
)

// Who has a subscription key shows it with each request where that is asked for, and no
// other's; who has none is let in without.
func TestSubscription(t *testing.T) {
	s := newStage(t)
	s.addKinds(t)
	for id, key := range map[string]string{"another": "key-of-another", "revoked": "key-of-revoked"} {
		s.ledger.clients[id] = outturn.Client{ID: id, Kind: outturn.ClientCMP, Tenant: "t2", Role: outturn.RoleAdmin, SubscriptionHash: secret.Hash(key)}
	}
	s.ledger.change("revoked", func(c *outturn.Client) { c.RevokedAt = s.now })
	s.ledger.change(idOf(outturn.ClientCMP), func(c *outturn.Client) {
		c.SubscriptionHash, c.OldSubscription, c.OldUntil = secret.Hash(subscriptionKey), secret.Hash("old-key"), s.now.Add(time.Minute)
	})
	r, err := s.BasicToken(t.Context(), BasicRequest{Username: idOf(outturn.ClientCMP), Password: clientSecret, SubscriptionKey: subscriptionKey})
	if err != nil {
		t.Fatal(err)
	}
	native := s.request()
	n, err := s.Token(t.Context(), native)
	if err != nil {
		t.Fatal(err)
	}
	ofCMP, ofOther := "Bearer "+r.AccessToken.Reveal(), "Bearer "+n.AccessToken.Reveal()
	for _, c := range []struct {
		name, token string
		asked       bool
		keys        []string
		later       time.Duration
		want        outturn.Code
		says        string
	}{
		{"Own", ofCMP, true, []string{subscriptionKey}, 0, "", ""},
		{"Old", ofCMP, true, []string{"old-key"}, 0, "", ""},
		{"OldTooLate", ofCMP, true, []string{"old-key"}, time.Minute, outturn.CodeUnauthenticated, "wrong"},
		{"None", ofCMP, true, nil, 0, outturn.CodeUnauthenticated, "Send the subscription key"},
		{"Empty", ofCMP, true, []string{""}, 0, outturn.CodeUnauthenticated, "Send the subscription key"},
		{"Twice", ofCMP, true, []string{subscriptionKey, subscriptionKey}, 0, outturn.CodeUnauthenticated, "once"},
		{"Long", ofCMP, true, []string{strings.Repeat("x", 5000)}, 0, outturn.CodeUnauthenticated, "Send the subscription key"},
		{"Nobodys", ofCMP, true, []string{subscriptionKey + "x"}, 0, outturn.CodeUnauthenticated, "wrong"},
		{"Anothers", ofCMP, true, []string{"key-of-another"}, 0, outturn.CodeForbidden, "another client"},
		{"Revoked", ofCMP, true, []string{"key-of-revoked"}, 0, outturn.CodeUnauthenticated, "wrong"},
		{"NotAsked", ofCMP, false, nil, 0, "", ""},
		{"NotAskedAndWrong", ofCMP, false, []string{"x"}, 0, "", ""},
		{"HasNone", ofOther, true, nil, 0, "", ""},
		{"HasNoneAndShowsOne", ofOther, true, []string{"key-of-another"}, 0, "", ""},
		{"WrongToken", ofCMP + "x", true, []string{subscriptionKey}, 0, outturn.CodeUnauthenticated, "access token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, was := len(s.ledger.audit), s.now
			defer func() { s.now = was }()
			s.now = s.now.Add(c.later)
			r := with(c.token)
			r.Subscribed = c.asked
			r.Header[http.CanonicalHeaderKey(SubscriptionHeader)] = c.keys
			p, err := s.Authenticate(t.Context(), r)
			if outturn.ErrorCode(err) != c.want || err != nil && !strings.Contains(err.Error(), c.says) || err == nil && p.Subject == "" {
				t.Errorf("got %+v, %v; want %q with %q", p, err, c.want, c.says)
			}
			wrong := c.says == "wrong" || c.want == outturn.CodeForbidden
			if noted := len(s.ledger.audit) - before; noted != 0 && !wrong || noted != 1 && wrong {
				t.Errorf("%d rows in the audit", noted)
			}
		})
	}

	// A new one is good at once, though what is known of its client is a moment old.
	s.ledger.change(idOf(outturn.ClientCMP), func(c *outturn.Client) {
		c.SubscriptionHash, c.OldSubscription, c.OldUntil = secret.Hash("new-key"), c.SubscriptionHash, s.now.Add(time.Hour)
	})
	show := func(key string) outturn.Code {
		r := with(ofCMP)
		r.Subscribed = true
		r.Header.Set(SubscriptionHeader, key)
		_, err := s.Authenticate(t.Context(), r)
		return outturn.ErrorCode(err)
	}
	for _, key := range []string{"new-key", subscriptionKey} {
		if code := show(key); code != "" {
			t.Errorf("%s after a rotation: %q", key, code)
		}
	}

	// Wrong ones are slowed down, whoever's they are, and write no more audit than that.
	s.now = s.now.Add(pairBurst * pairEvery)
	before := len(s.ledger.audit)
	codes := map[outturn.Code]int{}
	for range 20 {
		codes[show("key-of-another")]++
		codes[show("nobody's")]++
	}
	if codes[outturn.CodeForbidden] != 3 || codes[outturn.CodeUnauthenticated] != 2 || codes[outturn.CodeLimit] != 35 || len(s.ledger.audit)-before != pairBurst {
		t.Errorf("got %v, %d rows in the audit", codes, len(s.ledger.audit)-before)
	}
	s.now = s.now.Add(pairEvery)
	if code := show(subscriptionKey); code != "" {
		t.Errorf("then the right one: %q", code)
	}
}
