package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"outturn"
	"outturn/internal/secret"
)

// ledger is a Ledger in memory.
type ledger struct {
	mu      sync.Mutex
	clients map[string]outturn.Client
	secrets map[string][]byte
	audit   []outturn.AuditEntry
	touched []time.Time
	asked   int // for clients
	down    error

	auditDown error
}

func (l *ledger) Client(_ context.Context, id string) (outturn.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	c, ok := l.clients[id]
	if l.down != nil {
		return c, l.down
	}
	if !ok {
		return c, outturn.Errorf(outturn.CodeNotFound, "No client %s.", id)
	}
	return c, nil
}

func (l *ledger) TouchClient(_ context.Context, _ string, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched = append(l.touched, at)
	return nil
}

func (l *ledger) Root(context.Context) (outturn.Tenant, error) {
	return outturn.Tenant{ID: "root"}, nil
}

func (l *ledger) ClientBySubscription(_ context.Context, hash string) (outturn.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.clients {
		if c.SubscriptionHash == hash {
			return c, nil
		}
	}
	return outturn.Client{}, outturn.Errorf(outturn.CodeNotFound, "No subscription key.")
}

func (l *ledger) Audit(_ context.Context, e outturn.AuditEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.audit = append(l.audit, e)
	return l.auditDown
}

func (l *ledger) Secret(_ context.Context, name string) ([]byte, error) {
	if s, ok := l.secrets[name]; ok {
		return s, nil
	}
	return nil, outturn.Errorf(outturn.CodeNotFound, "No secret %s.", name)
}

func (l *ledger) PutSecret(_ context.Context, name string, sealed []byte) error {
	l.secrets[name] = sealed
	return nil
}

func (l *ledger) change(id string, change func(*outturn.Client)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[id]
	change(&c)
	l.clients[id] = c
}

const (
	clientID     = "ot_client"
	clientSecret = "ots_canary-secret-1"
	oldSecret    = "ots_canary-secret-0"
)

// A stage is a service with a clock that a test sets.
type stage struct {
	*Service
	ledger *ledger
	sealer *sealer
	now    time.Time
	nonce  int // the last that was used
}

// A sealer counts what it opens.
type sealer struct {
	*secret.Keyring
	opened atomic.Int64
}

func (s *sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	s.opened.Add(1)
	return s.Keyring.Open(purpose, sealed)
}

func newStage(t testing.TB) *stage {
	t.Helper()
	keys, err := secret.NewKeyring(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{sealer: &sealer{Keyring: keys}, now: start.Add(-time.Hour), ledger: &ledger{
		secrets: map[string][]byte{},
		clients: map[string]outturn.Client{
			clientID: {ID: clientID, Tenant: "t1", Name: "ERP", Role: outturn.RoleManager, SecretHash: secret.Hash(clientSecret)},
		},
	}}
	s.Service = s.start(t)
	s.now = start
	return s
}

// start is when the tests begin; the service began an hour before.
var start = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// start opens the service, as after a restart.
func (s *stage) start(t testing.TB) *Service {
	t.Helper()
	service, err := New(t.Context(), Config{Ledger: s.ledger, Sealer: s.sealer, Issuer: "https://outturn.example", Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// with is a request with an Authorization header and no more.
func with(header string) Request {
	return Request{Method: "GET", Scheme: "http", Host: "outturn.example", Path: "/v1/runs", Header: http.Header{"Authorization": {header}}, From: "192.0.2.1", ID: "req-1"}
}

func (s *stage) request() TokenRequest {
	return TokenRequest{GrantType: "client_credentials", ClientID: clientID, Secret: clientSecret, From: "192.0.2.1", Request: "req-1"}
}

func (s *stage) token(t testing.TB) string {
	t.Helper()
	r, err := s.Token(t.Context(), s.request())
	if err != nil {
		t.Fatal(err)
	}
	return r.AccessToken.Reveal()
}

func (s *stage) refused(t testing.TB, token, why string) {
	t.Helper()
	p, err := s.Authenticate(t.Context(), with("Bearer "+token))
	if outturn.ErrorCode(err) != outturn.CodeUnauthenticated || p.Subject != "" || len(p.Roles) > 0 {
		t.Errorf("%s: got %+v, %v", why, p, err)
	}
}

func (s *stage) accepted(t testing.TB, token, why string) outturn.Principal {
	t.Helper()
	p, err := s.Authenticate(t.Context(), with("Bearer "+token))
	if err != nil {
		t.Errorf("%s: %v", why, err)
	}
	return p
}

func (s *stage) published(t testing.TB) []PublicKey {
	t.Helper()
	set, err := s.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return set.Keys
}

func TestToken(t *testing.T) {
	s := newStage(t)
	r, err := s.Token(t.Context(), s.request())
	if err != nil {
		t.Fatal(err)
	}
	if r.TokenType != "Bearer" || r.ExpiresIn != 900 || r.Scope != "manager" {
		t.Errorf("got %+v", r)
	}
	var c claims
	token, _, err := jwt.NewParser().ParseUnverified(r.AccessToken.Reveal(), &c)
	if err != nil {
		t.Fatal(err)
	}
	if token.Header["typ"] != "at+jwt" || token.Header["alg"] != "EdDSA" || token.Header["kid"] != s.keys[0].ID {
		t.Errorf("got header %v", token.Header)
	}
	if c.Issuer != "https://outturn.example" || c.Subject != clientID || c.ClientID != clientID || len(c.Audience) != 1 || c.Audience[0] != "outturn" ||
		!c.IssuedAt.Equal(s.now) || !c.ExpiresAt.Equal(s.now.Add(15*time.Minute)) || c.ID == "" {
		t.Errorf("got claims %+v", c)
	}
	got := s.accepted(t, r.AccessToken.Reveal(), "fresh")
	want := outturn.Principal{Subject: "client:" + clientID, Kind: "client", Name: "ERP", Tenant: "t1", Roles: []outturn.Role{outturn.RoleManager}, Via: "oauth2", From: "192.0.2.1", Request: "req-1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if e := s.ledger.audit[0]; e.Action != "token.issue" || e.Outcome != "ok" || e.Tenant != "t1" || e.Subject != "client:"+clientID || e.From != "192.0.2.1" || e.Request != "req-1" {
		t.Errorf("got audit %+v", e)
	}
}

func TestTokenRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*TokenRequest)
		want   string
		code   outturn.Code
	}{
		{"NoGrant", func(r *TokenRequest) { r.GrantType = "" }, InvalidRequest, outturn.CodeInvalid},
		{"OtherGrant", func(r *TokenRequest) { r.GrantType = "password" }, UnsupportedGrantType, outturn.CodeInvalid},
		{"NoClient", func(r *TokenRequest) { r.ClientID = "" }, InvalidClient, outturn.CodeUnauthenticated},
		{"NoSecret", func(r *TokenRequest) { r.Secret = "" }, InvalidClient, outturn.CodeUnauthenticated},
		{"LongClient", func(r *TokenRequest) { r.ClientID = strings.Repeat("x", 1<<20) }, InvalidClient, outturn.CodeUnauthenticated},
		{"WrongClient", func(r *TokenRequest) { r.ClientID = "canary-unknown" }, InvalidClient, outturn.CodeUnauthenticated},
		{"WrongSecret", func(r *TokenRequest) { r.Secret = "canary-wrong" }, InvalidClient, outturn.CodeUnauthenticated},
		{"SecretIsHash", func(r *TokenRequest) { r.Secret = secret.Text(secret.Hash(clientSecret)) }, InvalidClient, outturn.CodeUnauthenticated},
		{"ScopeAbove", func(r *TokenRequest) { r.Scope = "admin" }, InvalidScope, outturn.CodeInvalid},
		{"ScopeUnknown", func(r *TokenRequest) { r.Scope = "canary-scope" }, InvalidScope, outturn.CodeInvalid},
		{"TwoScopes", func(r *TokenRequest) { r.Scope = "manager viewer" }, InvalidScope, outturn.CodeInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			r := s.request()
			tt.change(&r)
			response, err := s.Token(t.Context(), r)
			var e *TokenError
			if !errors.As(err, &e) || e.Name != tt.want || outturn.ErrorCode(err) != tt.code || response.AccessToken != "" {
				t.Fatalf("got %+v, %v", response, err)
			}
			if told := fmt.Sprint(err, s.ledger.audit); strings.Contains(told, "canary") {
				t.Errorf("it tells what was sent: %s", told)
			}
		})
	}
}

func TestWrongSecretAndNoClientAreTheSame(t *testing.T) {
	s := newStage(t)
	r := s.request()
	r.Secret = "wrong"
	_, wrong := s.Token(t.Context(), r)
	r.ClientID = "nobody"
	_, unknown := s.Token(t.Context(), r)
	s.ledger.change(clientID, func(c *outturn.Client) { c.RevokedAt = s.now })
	_, revoked := s.Token(t.Context(), s.request())
	if wrong.Error() != unknown.Error() || wrong.Error() != revoked.Error() {
		t.Errorf("got %v, %v, %v", wrong, unknown, revoked)
	}
	if s.ledger.asked != 3 || len(s.ledger.audit) != 3 {
		t.Errorf("the ledger was asked %d times and has %d entries: one of them does less", s.ledger.asked, len(s.ledger.audit))
	}
	if got := s.ledger.audit[1]; got.Tenant != "root" || got.Subject != "unknown" {
		t.Errorf("got %+v", got)
	}
}

func TestScope(t *testing.T) {
	s := newStage(t)
	r := s.request()
	r.Scope = "viewer"
	response, err := s.Token(t.Context(), r)
	if err != nil || response.Scope != "viewer" {
		t.Fatalf("got %+v, %v", response, err)
	}
	if p := s.accepted(t, response.AccessToken.Reveal(), "viewer"); !p.Has(outturn.RoleViewer) || p.Has(outturn.RoleManager) {
		t.Errorf("got %v", p.Roles)
	}
	token := s.token(t)
	s.ledger.change(clientID, func(c *outturn.Client) { c.Role = outturn.RoleViewer })
	s.now = s.now.Add(clientAge)
	if p := s.accepted(t, token, "demoted"); !p.Has(outturn.RoleViewer) || p.Has(outturn.RoleManager) {
		t.Errorf("a client that may do less now: got %v", p.Roles)
	}
}

func TestExpiry(t *testing.T) {
	s := newStage(t)
	token := s.token(t)
	s.now = s.now.Add(15*time.Minute - time.Second)
	s.accepted(t, token, "a second before its end")
	s.now = s.now.Add(time.Second)
	s.refused(t, token, "at its end")
}

func TestRevoked(t *testing.T) {
	s := newStage(t)
	token := s.token(t)
	s.accepted(t, token, "before")
	s.ledger.change(clientID, func(c *outturn.Client) { c.RevokedAt = s.now })
	s.now = s.now.Add(10 * time.Second)
	s.refused(t, token, "10 s after")
	asked := s.ledger.asked
	s.ledger.change(clientID, func(c *outturn.Client) { c.RevokedAt = time.Time{} })
	s.now = s.now.Add(clientAge)
	for range 100 {
		s.accepted(t, token, "twin")
	}
	if s.ledger.asked != asked+1 {
		t.Errorf("the ledger was asked %d times for 100 calls", s.ledger.asked-asked)
	}
	s.ledger.down = errors.New("disk")
	s.now = s.now.Add(clientAge)
	if _, err := s.Authenticate(t.Context(), with("Bearer "+token)); outturn.ErrorCode(err) != outturn.CodeInternal {
		t.Errorf("ledger down: got %v", err)
	}
}

func TestRotatedSecret(t *testing.T) {
	s := newStage(t)
	s.ledger.change(clientID, func(c *outturn.Client) {
		c.OldHash, c.OldUntil = secret.Hash(oldSecret), s.now.Add(time.Hour)
	})
	r := s.request()
	r.Secret = oldSecret
	s.now = s.now.Add(time.Hour - time.Second)
	if _, err := s.Token(t.Context(), r); err != nil {
		t.Errorf("within the overlap: %v", err)
	}
	s.now = s.now.Add(time.Second)
	if _, err := s.Token(t.Context(), r); outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
		t.Errorf("after the overlap: %v", err)
	}
	s.token(t)
}

func TestRotatedKey(t *testing.T) {
	s := newStage(t)
	other := s.start(t)
	before := s.token(t)
	s.now = s.now.Add(time.Minute)
	if err := s.RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := s.token(t)
	if keys := s.published(t); len(keys) != 2 || keys[0].ID == keys[1].ID {
		t.Errorf("got keys %v", keys)
	}
	s.accepted(t, before, "signed before the rotation")
	s.accepted(t, after, "signed after it")
	if _, err := other.Authenticate(t.Context(), with("Bearer "+after)); err != nil {
		t.Errorf("in another process: %v", err)
	}
	s.Service = s.start(t)
	s.accepted(t, before, "after a restart")
	s.accepted(t, after, "after a restart")
	s.now = s.now.Add(basicLifetime + 2*clientAge)
	if keys := s.published(t); len(keys) != 1 {
		t.Errorf("the retired key is still published: %v", keys)
	}
}

func TestKeyIsSealed(t *testing.T) {
	s := newStage(t)
	seed := s.keys[0].Seed
	kept := s.ledger.secrets[keysName]
	if strings.Contains(string(kept), string(seed)) || strings.Contains(string(kept), base64.StdEncoding.EncodeToString(seed)) {
		t.Error("the signing key lies open in the ledger")
	}
	other, err := secret.NewKeyring(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), Config{Ledger: s.ledger, Sealer: other}); outturn.ErrorCode(err) != outturn.CodeInvalid {
		t.Errorf("another key file: got %v", err)
	}
	set, err := json.Marshal(s.published(t))
	if err != nil || strings.Contains(string(set), `"d"`) {
		t.Errorf("got %s, %v", set, err)
	}
}

func TestForged(t *testing.T) {
	s := newStage(t)
	key := s.keys[0]
	_, stranger, _ := ed25519.GenerateKey(nil)
	type forgery struct {
		method jwt.SigningMethod
		key    any
		header map[string]any
		claims func(*claims)
	}
	forge := func(f forgery) string {
		c := claims{
			RegisteredClaims: jwt.RegisteredClaims{
				Issuer: "https://outturn.example", Subject: clientID, Audience: jwt.ClaimStrings{"outturn"}, ID: "x",
				IssuedAt: jwt.NewNumericDate(s.now), ExpiresAt: jwt.NewNumericDate(s.now.Add(time.Minute)),
			},
			ClientID: clientID, Scope: "manager",
		}
		if f.claims != nil {
			f.claims(&c)
		}
		if f.method == nil {
			f.method = jwt.SigningMethodEdDSA
		}
		if f.key == nil {
			f.key = key.Private()
		}
		token := jwt.NewWithClaims(f.method, c)
		token.Header["typ"], token.Header["kid"] = "at+jwt", key.ID
		for name, value := range f.header {
			token.Header[name] = value
		}
		signed, err := token.SignedString(f.key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	s.accepted(t, forge(forgery{}), "twin")
	x509 := []byte(base64.RawURLEncoding.EncodeToString(key.Public()))
	for name, f := range map[string]forgery{
		"AlgNone":          {method: jwt.SigningMethodNone, key: jwt.UnsafeAllowNoneSignatureType},
		"HMACOfPublicKey":  {method: jwt.SigningMethodHS256, key: []byte(key.Public())},
		"HMACOfItsText":    {method: jwt.SigningMethodHS256, key: x509},
		"OtherKey":         {key: stranger},
		"UnknownKeyID":     {key: stranger, header: map[string]any{"kid": "other"}},
		"NoKeyID":          {header: map[string]any{"kid": nil}},
		"KeyIDNoText":      {header: map[string]any{"kid": []string{key.ID}}},
		"OtherType":        {header: map[string]any{"typ": "JWT"}},
		"Critical":         {header: map[string]any{"crit": []string{"exp"}}},
		"OtherAudience":    {claims: func(c *claims) { c.Audience = jwt.ClaimStrings{"other"} }},
		"NoAudience":       {claims: func(c *claims) { c.Audience = nil }},
		"OtherIssuer":      {claims: func(c *claims) { c.Issuer = "https://other.example" }},
		"NoExpiry":         {claims: func(c *claims) { c.ExpiresAt = nil }},
		"Expired":          {claims: func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(s.now) }},
		"NotYet":           {claims: func(c *claims) { c.NotBefore = jwt.NewNumericDate(s.now.Add(time.Minute)) }},
		"NoClient":         {claims: func(c *claims) { c.ClientID = "" }},
		"OtherClient":      {claims: func(c *claims) { c.ClientID = "nobody"; c.Subject = "nobody" }},
		"SubjectDiffers":   {claims: func(c *claims) { c.Subject = "nobody" }},
		"NoRole":           {claims: func(c *claims) { c.Scope = "" }},
		"RoleOfOurFantasy": {claims: func(c *claims) { c.Scope = "root" }},
	} {
		s.refused(t, forge(f), name)
	}
	if p := s.accepted(t, forge(forgery{claims: func(c *claims) { c.Scope = "operator" }}), "a scope above the client's"); p.Has(outturn.RoleOperator) {
		t.Error("a scope raised the client's role")
	}
}

func TestGarbage(t *testing.T) {
	s := newStage(t)
	token := s.token(t)
	for _, header := range []string{
		"", "Bearer", "Bearer ", "Basic " + token, token, "Bearer .", "Bearer ..", "Bearer a.b.c", "Bearer " + token + ".", "Bearer " + token + " x",
		"Bearer " + token[:len(token)-1], "Bearer " + strings.Repeat("a", 1<<20), "Bearer \x00", "Bearer " + strings.Replace(token, ".", "..", 1),
	} {
		if p, err := s.Authenticate(t.Context(), with(header)); outturn.ErrorCode(err) != outturn.CodeUnauthenticated || p.Subject != "" {
			t.Errorf("%.60q: got %+v, %v", header, p, err)
		}
	}
	if _, err := s.Authenticate(t.Context(), with("bearer "+token)); err != nil {
		t.Errorf("the scheme's case matters: %v", err)
	}
}

// FuzzAuthenticate changes good tokens: what is not byte for byte one that was
// issued lets nobody in, and nothing panics.
func FuzzAuthenticate(f *testing.F) {
	s := newStage(f)
	token := s.token(f)
	for _, seed := range []string{token, "", "..", "eyJhbGciOiJub25lIn0.e30.", strings.ToUpper(token), token + "=", token[:len(token)-1] + "A"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := s.Authenticate(t.Context(), with("Bearer "+text))
		if err == nil && strings.TrimSpace(text) != token {
			t.Errorf("%q let in %+v", text, p)
		}
		if code := outturn.ErrorCode(err); err != nil && code != outturn.CodeUnauthenticated {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestBruteForce(t *testing.T) {
	s := newStage(t)
	guess := func(from, id, text string) error {
		r := s.request()
		r.From, r.ClientID, r.Secret = from, id, secret.Text(text)
		_, err := s.Token(t.Context(), r)
		return err
	}
	for i := range pairBurst {
		if err := guess("192.0.2.1", clientID, "wrong"); outturn.ErrorCode(err) != outturn.CodeUnauthenticated {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	err := guess("192.0.2.1", clientID, clientSecret)
	var e *TokenError
	if !errors.As(err, &e) || outturn.ErrorCode(err) != outturn.CodeLimit || e.RetryAfter <= 0 || e.RetryAfter > pairEvery {
		t.Errorf("too many: got %v", err)
	}
	if err := guess("192.0.2.2", clientID, clientSecret); err != nil {
		t.Errorf("from elsewhere the same client is locked out: %v", err)
	}
	s.now = s.now.Add(e.RetryAfter)
	if err := guess("192.0.2.1", clientID, clientSecret); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	// Many ids from one address.
	for i := range 2 * sourceBurst {
		err = guess("192.0.2.3", fmt.Sprint("nobody", i), "wrong")
	}
	if outturn.ErrorCode(err) != outturn.CodeLimit {
		t.Errorf("many ids from one address: got %v", err)
	}
	// As many addresses as an IPv6 line has are one, and those of another line are not.
	for i := range pairBurst + 1 {
		err = guess(fmt.Sprintf("2001:db8:0:1::%x", i), clientID, "wrong")
	}
	if outturn.ErrorCode(err) != outturn.CodeLimit {
		t.Errorf("from all over a /64: got %v", err)
	}
	if err := guess("2001:db8:0:2::1", clientID, clientSecret); err != nil {
		t.Errorf("from another /64: %v", err)
	}
	// Who has the right secret is never slowed.
	for range 1000 {
		s.token(t)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	var th throttle
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for i := range 3 * mostAttempts {
		th.failed(fmt.Sprint("c", i), fmt.Sprint("a", i), now)
	}
	if len(th.pairs) > mostAttempts || len(th.sources) > mostAttempts {
		t.Errorf("%d pairs and %d addresses are remembered", len(th.pairs), len(th.sources))
	}
}

func TestTouch(t *testing.T) {
	s := newStage(t)
	token := s.token(t)
	for range 10 {
		s.accepted(t, token, "again")
		s.now = s.now.Add(10 * time.Second)
	}
	if len(s.ledger.touched) != 2 || !s.ledger.touched[1].Equal(time.Date(2026, 9, 1, 12, 1, 0, 0, time.UTC)) {
		t.Errorf("touched at %v", s.ledger.touched)
	}
}
