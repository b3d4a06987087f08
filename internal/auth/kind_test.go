package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"outturn"
	"outturn/internal/secret"
)

// keyed are the kinds that show their credential with each request.
var keyed = []outturn.ClientKind{outturn.ClientOAuth1, outturn.ClientAPIKey, outturn.ClientZuora}

// idOf and the secrets are what the stage's client of a kind has.
func idOf(kind outturn.ClientKind) string {
	switch kind {
	case outturn.ClientOAuth2:
		return clientID
	case outturn.ClientAPIKey:
		return "SU-111-222-333"
	}
	return "id-of-" + string(kind)
}

const subscriptionKey = "canary-subscription"

// addKinds makes a client of every kind, all with the same secrets.
func (s *stage) addKinds(t testing.TB) {
	t.Helper()
	for _, kind := range outturn.ClientKinds {
		id := idOf(kind)
		c := outturn.Client{ID: id, Kind: kind, Tenant: "t1", Name: "ERP", Role: outturn.RoleManager, SecretHash: secret.Hash(clientSecret)}
		switch kind {
		case outturn.ClientCMP:
			c.SecretHash = secret.Hash(secret.Pair(clientSecret, subscriptionKey).Reveal())
		case outturn.ClientOAuth1:
			c.SecretHash, c.Sealed = "", s.seal(t, id, clientSecret)
		}
		s.ledger.clients[id] = c
	}
}

func (s *stage) seal(t testing.TB, id, text string) []byte {
	t.Helper()
	sealed, err := s.sealer.Seal(secret.ForClient(id), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// shows makes a request that a client of a kind sends, with a secret.
func (s *stage) shows(kind outturn.ClientKind, id, shown string) Request {
	r := with("")
	r.Query = "limit(0,10)&a=b+c"
	switch kind {
	case outturn.ClientOAuth1:
		s.nonce++
		r.sign(shown, params{"oauth_consumer_key": id, "oauth_timestamp": fmt.Sprint(s.now.Unix()), "oauth_nonce": fmt.Sprint(s.nonce), "oauth_signature_method": "HMAC-SHA256"})
	case outturn.ClientAPIKey:
		r.Header.Set("Authorization", "ApiKey "+id+":"+shown)
	case outturn.ClientZuora:
		r.Header = http.Header{}
		r.Header.Set(zuoraKeyID, id)
		r.Header.Set(zuoraSecret, shown)
	}
	return r
}

// enter lets a client of any kind in, by a token where its kind gets one.
func (s *stage) enter(t testing.TB, kind outturn.ClientKind, id, shown string) (outturn.Principal, error) {
	t.Helper()
	switch kind {
	case outturn.ClientOAuth2:
		r := s.request()
		r.ClientID, r.Secret = id, secret.Text(shown)
		return s.byToken(t)(s.Token(t.Context(), r))
	case outturn.ClientCMP:
		return s.byToken(t)(s.BasicToken(t.Context(), BasicRequest{Username: id, Password: secret.Text(shown), SubscriptionKey: subscriptionKey, From: "192.0.2.1", ID: "req-1"}))
	}
	return s.Authenticate(t.Context(), s.shows(kind, id, shown))
}

func (s *stage) byToken(t testing.TB) func(TokenResponse, error) (outturn.Principal, error) {
	return func(r TokenResponse, err error) (outturn.Principal, error) {
		if err != nil {
			return outturn.Principal{}, err
		}
		return s.Authenticate(t.Context(), with("Bearer "+r.AccessToken.Reveal()))
	}
}

// Every kind is let in as what it is; a wrong secret, one that was rotated away, a
// revoked client and one that never was are the same to whoever asks, in what is
// answered and in what is done.
func TestKinds(t *testing.T) {
	for _, kind := range outturn.ClientKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := newStage(t)
			s.addKinds(t)
			id := idOf(kind)
			p, err := s.enter(t, kind, id, clientSecret)
			want := outturn.Principal{Subject: "client:" + id, Kind: "client", Name: "ERP", Tenant: "t1", Roles: []outturn.Role{outturn.RoleManager}, Via: string(kind), From: "192.0.2.1", Request: "req-1"}
			if err != nil || fmt.Sprint(p) != fmt.Sprint(want) {
				t.Fatalf("got %+v, %v", p, err)
			}
			if e := s.ledger.audit[0]; len(s.ledger.audit) != 1 || e.Outcome != "ok" || e.Tenant != "t1" || e.Subject != "client:"+id || e.Object != id || e.Via != string(kind) || e.From != "192.0.2.1" {
				t.Errorf("got audit %+v", s.ledger.audit)
			}
			if len(s.ledger.touched) != 1 {
				t.Errorf("its use was noted %d times", len(s.ledger.touched))
			}

			s.now = s.now.Add(clientAge) // out of the cache
			var answers []string
			work := map[string]int{}
			refused := func(what, id, shown string) {
				t.Helper()
				asked, noted := s.ledger.asked, len(s.ledger.audit)
				s.sealer.opened.Store(0)
				p, err := s.enter(t, kind, id, shown)
				if code := outturn.ErrorCode(err); code != outturn.CodeUnauthenticated || p.Subject != "" || len(p.Roles) > 0 {
					t.Errorf("%s: got %+v, %v", what, p, err)
				}
				answers = append(answers, fmt.Sprint(err))
				work[fmt.Sprint(s.ledger.asked-asked, " look-ups, ", len(s.ledger.audit)-noted, " audit rows, ", s.sealer.opened.Load(), " secrets opened")]++
				if e := s.ledger.audit[len(s.ledger.audit)-1]; e.Outcome != "unauthenticated" || strings.Contains(fmt.Sprint(e), "canary-wrong") || strings.Contains(fmt.Sprint(e), "nobody") {
					t.Errorf("%s: got audit %+v", what, e)
				}
			}
			refused("a wrong secret", id, "canary-wrong")
			s.now = s.now.Add(time.Minute)
			refused("nobody", "SU-nobody", "canary-wrong")
			s.now = s.now.Add(time.Minute)
			refused("its hash", id, secret.Hash(clientSecret))
			s.ledger.change(id, func(c *outturn.Client) { c.RevokedAt = s.now })
			s.now = s.now.Add(10 * time.Second)
			refused("revoked", id, clientSecret)
			slices.Sort(answers)
			if answers = slices.Compact(answers); len(answers) != 1 || len(work) != 1 {
				t.Errorf("they differ: %q, %v", answers, work)
			}
		})
	}
}

// A new secret is good at once, although the old one is in the cache; the old one for
// as long as it was said.
func TestRotatedKinds(t *testing.T) {
	for _, kind := range outturn.ClientKinds {
		s := newStage(t)
		s.addKinds(t)
		id := idOf(kind)
		try := func(what, shown string, want outturn.Code) {
			t.Helper()
			if _, err := s.enter(t, kind, id, shown); outturn.ErrorCode(err) != want {
				t.Errorf("%s: %s: got %v", kind, what, err)
			}
		}
		try("before", clientSecret, "")
		const fresh = "canary-fresh"
		s.ledger.change(id, func(c *outturn.Client) {
			c.OldHash, c.OldSealed, c.OldUntil = c.SecretHash, c.Sealed, s.now.Add(time.Hour)
			switch kind {
			case outturn.ClientOAuth1:
				c.Sealed = s.seal(t, id, fresh)
			case outturn.ClientCMP:
				c.SecretHash = secret.Hash(secret.Pair(fresh, subscriptionKey).Reveal())
			default:
				c.SecretHash = secret.Hash(fresh)
			}
		})
		try("the new one at once", fresh, "")
		s.now = s.now.Add(time.Hour - time.Second)
		try("the old one within the overlap", clientSecret, "")
		s.now = s.now.Add(time.Second)
		try("the old one after it", clientSecret, outturn.CodeUnauthenticated)
		try("the new one after it", fresh, "")
	}
}

func TestBruteForceOfKinds(t *testing.T) {
	for _, kind := range keyed {
		s := newStage(t)
		s.addKinds(t)
		for i := range pairBurst {
			if _, err := s.enter(t, kind, idOf(kind), "wrong"); outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
				t.Fatalf("%s: guess %d: %v", kind, i, err)
			}
		}
		noted := len(s.ledger.audit)
		_, err := s.enter(t, kind, idOf(kind), clientSecret)
		var e *outturn.Error
		if !errors.As(err, &e) || e.Code != outturn.CodeLimit || e.RetryAfter <= 0 || e.RetryAfter > pairEvery || len(s.ledger.audit) != noted {
			t.Fatalf("%s: too many: got %v", kind, err)
		}
		elsewhere := s.shows(kind, idOf(kind), clientSecret)
		elsewhere.From = "192.0.2.2"
		if _, err := s.Authenticate(t.Context(), elsewhere); err != nil {
			t.Errorf("%s: from elsewhere the same client is locked out: %v", kind, err)
		}
		s.now = s.now.Add(e.RetryAfter)
		if _, err := s.enter(t, kind, idOf(kind), clientSecret); err != nil {
			t.Errorf("%s: after the wait: %v", kind, err)
		}
	}
}

// Who has the right secret and brings it to the wrong door hears where it belongs; who
// has a wrong one hears what everybody hears.
func TestWrongKind(t *testing.T) {
	s := newStage(t)
	s.addKinds(t)
	doors := map[string]struct {
		kinds []outturn.ClientKind // that may enter
		enter func(id, shown string) error
	}{
		"/oauth2/token": {[]outturn.ClientKind{outturn.ClientOAuth2, outturn.ClientZuora}, func(id, shown string) error {
			r := s.request()
			r.ClientID, r.Secret, r.SubscriptionKey = id, secret.Text(shown), subscriptionKey
			_, err := s.Token(t.Context(), r)
			return err
		}},
		"/token": {[]outturn.ClientKind{outturn.ClientCMP}, func(id, shown string) error {
			_, err := s.enter(t, outturn.ClientCMP, id, shown)
			return err
		}},
		"ApiKey": {[]outturn.ClientKind{outturn.ClientAPIKey}, func(id, shown string) error {
			_, err := s.enter(t, outturn.ClientAPIKey, id, shown)
			return err
		}},
		"Zuora": {[]outturn.ClientKind{outturn.ClientZuora}, func(id, shown string) error {
			_, err := s.enter(t, outturn.ClientZuora, id, shown)
			return err
		}},
	}
	for door, d := range doors {
		for _, kind := range outturn.ClientKinds {
			if kind == outturn.ClientCMP && d.kinds[0] != outturn.ClientCMP && door != "/oauth2/token" {
				continue // its secret has two parts, which go through no other door
			}
			s.now = s.now.Add(time.Minute)
			err := d.enter(idOf(kind), clientSecret)
			right := err == nil
			if !right {
				right = strings.Contains(err.Error(), "wrong kind") && strings.Contains(err.Error(), string(kind))
			}
			if may := slices.Contains(d.kinds, kind); !right || may != (err == nil) {
				t.Errorf("%s at %s: got %v", kind, door, err)
			}
			wrong, nobody := d.enter(idOf(kind), "wrong"), d.enter("SU-nobody", "wrong")
			if outturn.ErrorCode(wrong) != outturn.CodeUnauthenticated || wrong.Error() != nobody.Error() {
				t.Errorf("%s at %s with a wrong secret: got %v, and of nobody %v", kind, door, wrong, nobody)
			}
		}
	}
}

// What is no credential, is more than one, or is too large lets nobody in.
func TestMalformed(t *testing.T) {
	s := newStage(t)
	s.addKinds(t)
	token := s.token(t)
	key := idOf(outturn.ClientAPIKey) + ":" + clientSecret
	zuora := s.shows(outturn.ClientZuora, idOf(outturn.ClientZuora), clientSecret).Header
	headers := func(h http.Header, more ...string) http.Header {
		if h = h.Clone(); h == nil {
			h = http.Header{}
		}
		for i := 0; i < len(more); i += 2 {
			h.Add(more[i], more[i+1])
		}
		return h
	}
	for name, tt := range map[string]struct {
		header http.Header
		in     bool
	}{
		"Key":              {headers(nil, "Authorization", "ApiKey "+key), true},
		"KeyByCase":        {headers(nil, "Authorization", "apikey "+key), true},
		"KeyWithItsWord":   {headers(nil, "Authorization", "ApiKey ApiKey "+key), true},
		"KeyWithoutAWord":  {headers(nil, "Authorization", key), true},
		"KeyWithoutSecret": {headers(nil, "Authorization", "ApiKey "+idOf(outturn.ClientAPIKey)), false},
		"KeyEmptySecret":   {headers(nil, "Authorization", "ApiKey "+idOf(outturn.ClientAPIKey)+":"), false},
		"KeyEmpty":         {headers(nil, "Authorization", "ApiKey :"), false},
		"KeyAndMore":       {headers(nil, "Authorization", "ApiKey "+key+" x"), false},
		"LongKey":          {headers(nil, "Authorization", "ApiKey "+strings.Repeat("x", mostID+1)+":x"), false},
		"HugeKey":          {headers(nil, "Authorization", "ApiKey "+key+strings.Repeat("x", 1<<20)), false},
		"Basic":            {headers(nil, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret))), false},
		"Zuora":            {zuora, true},
		"ZuoraIDAlone":     {headers(nil, zuoraKeyID, idOf(outturn.ClientZuora)), false},
		"ZuoraSecretAlone": {headers(nil, zuoraSecret, clientSecret), false},
		"ZuoraTwice":       {headers(zuora, zuoraSecret, "x"), false},
		"ZuoraHuge":        {headers(nil, zuoraKeyID, idOf(outturn.ClientZuora), zuoraSecret, strings.Repeat("x", 1<<20)), false},
		"TwoHeaders":       {headers(nil, "Authorization", "ApiKey "+key, "Authorization", "Bearer "+token), false},
		"KeyAndZuora":      {headers(zuora, "Authorization", "ApiKey "+key), false},
		"TokenAndZuora":    {headers(zuora, "Authorization", "Bearer "+token), false},
		"TokenAndHalf":     {headers(nil, "Authorization", "Bearer "+token, zuoraKeyID, "x"), false},
		"OAuthOfNothing":   {headers(nil, "Authorization", "OAuth"), false},
		"OAuthHuge":        {headers(nil, "Authorization", `OAuth oauth_nonce="`+strings.Repeat("x", 1<<20)+`"`), false},
		"None":             {http.Header{}, false},
	} {
		r := with("")
		r.Header = tt.header
		p, err := s.Authenticate(t.Context(), r)
		if (err == nil) != tt.in || (p.Subject != "") != tt.in || err != nil && outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: it tells what was sent: %v", name, err)
		}
	}
	for name, r := range map[string]BasicRequest{
		"NoUser":         {Password: clientSecret, SubscriptionKey: subscriptionKey},
		"NoPassword":     {Username: idOf(outturn.ClientCMP), SubscriptionKey: subscriptionKey},
		"NoSubscription": {Username: idOf(outturn.ClientCMP), Password: clientSecret},
		"OtherOne":       {Username: idOf(outturn.ClientCMP), Password: clientSecret, SubscriptionKey: "x"},
		"Swapped":        {Username: idOf(outturn.ClientCMP), Password: subscriptionKey, SubscriptionKey: clientSecret},
		"LongUser":       {Username: strings.Repeat("x", 1<<20), Password: clientSecret, SubscriptionKey: subscriptionKey},
	} {
		if answer, err := s.BasicToken(t.Context(), r); outturn.ErrorCode(err) != outturn.CodeUnauthenticated || answer.AccessToken != "" {
			t.Errorf("%s: got %+v, %v", name, answer, err)
		}
	}
}

// A token of /token is good for 1500 s, after a rotation of the signing key too.
func TestBasicToken(t *testing.T) {
	s := newStage(t)
	s.addKinds(t)
	r, err := s.BasicToken(t.Context(), BasicRequest{Username: idOf(outturn.ClientCMP), Password: clientSecret, SubscriptionKey: subscriptionKey})
	if err != nil || r.ExpiresIn != 1500 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if err := s.RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := r.AccessToken.Reveal()
	s.now = s.now.Add(1499 * time.Second)
	if p := s.accepted(t, token, "a second before its end"); p.Via != "cmp" {
		t.Errorf("got %+v", p)
	}
	s.now = s.now.Add(time.Second)
	s.refused(t, token, "at its end")
}

// The audit has one sign-in of a client an hour, however often it calls, and every
// refusal.
func TestSignInsAreNoted(t *testing.T) {
	for _, kind := range keyed {
		s := newStage(t)
		s.addKinds(t)
		for range 130 {
			if _, err := s.enter(t, kind, idOf(kind), clientSecret); err != nil {
				t.Fatal(err)
			}
			s.now = s.now.Add(time.Minute)
		}
		if n := len(s.ledger.audit); n != 3 {
			t.Errorf("%s: %d rows of calls in 3 hours", kind, n)
		}
		s.ledger.auditDown = errors.New("disk")
		s.now = s.now.Add(time.Hour)
		for range 2 {
			if _, err := s.enter(t, kind, idOf(kind), clientSecret); outturn.ErrorCode(err) != outturn.CodeInternal {
				t.Errorf("%s: what cannot be noted is let in: %v", kind, err)
			}
		}
	}
}

// The signing key is replaced by age; what it signed stays good.
func TestKeysAge(t *testing.T) {
	s := newStage(t)
	first := s.keys[0].ID
	s.now = s.keys[0].CreatedAt.Add(30*24*time.Hour - time.Second)
	token := s.token(t)
	for _, want := range []int{1, 2} {
		if err := s.TendKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		if keys := s.published(t); len(keys) != want || (keys[0].ID == first) != (want == 1) {
			t.Errorf("got %v", keys)
		}
		s.accepted(t, token, "signed by the first key")
		s.now = s.now.Add(time.Second)
	}
	// Another process made a new one: this one signs with it within seconds.
	if err := s.start(t).RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(clientAge)
	newest, _, err := jwt.NewParser().ParseUnverified(s.token(t), &claims{})
	if err != nil {
		t.Fatal(err)
	}
	if keys := s.published(t); len(keys) != 3 || newest.Header["kid"] != keys[0].ID {
		t.Errorf("signed with %v of %v", newest.Header["kid"], keys)
	}
	s.accepted(t, token, "after a rotation elsewhere")
	// The ledger has other keys altogether, as after a restore: a token that was
	// verified before is none any more.
	delete(s.ledger.secrets, keysName)
	s.start(t)
	s.now = s.now.Add(clientAge)
	s.published(t)
	s.refused(t, token, "signed by a key that is gone")
}

// What of a request costs an authentication with a warm cache; the issue allows
// 100 µs for the slowest hundredth.
func BenchmarkAuthenticate(b *testing.B) {
	for _, kind := range append([]outturn.ClientKind{outturn.ClientOAuth2}, keyed...) {
		b.Run(string(kind), func(b *testing.B) {
			s := newStage(b)
			s.addKinds(b)
			requests := make([]Request, 0, 10_000)
			for range cap(requests) {
				r := with("Bearer x")
				if kind != outturn.ClientOAuth2 {
					r = s.shows(kind, idOf(kind), clientSecret)
				}
				requests = append(requests, r)
			}
			token := "Bearer " + s.token(b)
			if kind == outturn.ClientOAuth2 {
				for i := range requests {
					requests[i].Header = http.Header{"Authorization": {token}}
				}
			}
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				if i%len(requests) == 0 {
					s.nonces = nonces{}
				}
				began := time.Now()
				if _, err := s.Authenticate(b.Context(), requests[i%len(requests)]); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "p99-µs")
		})
	}
}
