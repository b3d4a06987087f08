// Package auth turns what a caller brings into the Principal it is, whichever kind of
// credential it has (outturn.ClientKind):
//
//	id, secret ──────────────────Token──────┐
//	user, password, subscription─BasicToken─┴► access token ─┐
//	a signature (OAuth 1.0a) ────────────────────────────────┤
//	SU-…:… (ApiKey) ─────────────────────────────────────────┼─Authenticate──► outturn.Principal
//	apiAccessKeyId, apiSecretAccessKey ──────────────────────┘
//
// An access token is a JWT of minutes that Outturn signs itself (RFC 9068, EdDSA). It
// says which client it is and no more than that it may not do all of it; the client
// itself is looked up in the ledger at each call, from a cache of seconds, so that a
// revoked one is out at once and a new role counts. Each kind has a file of its own.
package auth

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"outturn"
	"outturn/internal/secret"
)

// A Ledger is what auth keeps and looks up.
type Ledger interface {
	// Client returns a client by its id, whosever it is; CodeNotFound.
	Client(ctx context.Context, id string) (outturn.Client, error)
	// ClientBySubscription returns the client whose subscription key has that SHA-256,
	// whosever it is; CodeNotFound.
	ClientBySubscription(ctx context.Context, hash string) (outturn.Client, error)
	// TouchClient notes that a client was used, to the minute.
	TouchClient(ctx context.Context, id string, at time.Time) error
	// Root returns the provider; CodeNotFound before there is one.
	Root(ctx context.Context) (outturn.Tenant, error)
	Audit(ctx context.Context, entry outturn.AuditEntry) error
	// Secret returns sealed bytes; CodeNotFound.
	Secret(ctx context.Context, name string) ([]byte, error)
	PutSecret(ctx context.Context, name string, sealed []byte) error
}

// A Config says how a Service works. Ledger and Sealer must be set.
type Config struct {
	Ledger Ledger
	Sealer secret.Sealer

	// Issuer and Audience stand in every token and must stand in those that come
	// back; "outturn" unless set.
	Issuer, Audience string
	// Lifetime is how long a token is good; 15 minutes.
	Lifetime time.Duration
	// KeyAge is how old the key may be that signs tokens; 30 days.
	KeyAge time.Duration
	// WholeQuery refuses signatures (OAuth 1.0a) of clients that leave out parameters
	// without a value, which some do, and whole RQL expressions are such.
	WholeQuery bool
	// Admit counts a request for a token of one who has proved who it is, and says why
	// there is none: CodeLimit, or CodeForbidden where its tenant is suspended, which it
	// notes in the audit. nil admits all.
	Admit func(ctx context.Context, p outturn.Principal) error
	Now   func() time.Time
	Log   *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Issuer == "" {
		c.Issuer = "outturn"
	}
	if c.Audience == "" {
		c.Audience = "outturn"
	}
	if c.Lifetime <= 0 {
		c.Lifetime = 15 * time.Minute
	}
	if c.KeyAge <= 0 {
		c.KeyAge = 30 * 24 * time.Hour
	}
	if c.Admit == nil {
		c.Admit = func(context.Context, outturn.Principal) error { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// A Service knows the callers. It may be used by any number of goroutines.
type Service struct {
	config   Config
	throttle throttle
	replays  throttle // of what the audit has of them
	nonces   nonces
	started  time.Time
	decoy    []byte // a sealed secret that nobody has

	mu      sync.Mutex
	keys    []signingKey // the one that signs first
	keysAt  time.Time    // when they were read
	clients map[string]cachedClient
	tokens  map[[32]byte]verified // by their SHA-256
	root    string                // id of the provider, once known
}

// New reads the keys that sign tokens from the ledger, and makes one at first
// start.
func New(ctx context.Context, config Config) (*Service, error) {
	s := &Service{config: config.withDefaults(), clients: map[string]cachedClient{}, tokens: map[[32]byte]verified{}}
	s.started = s.config.Now()
	var err error
	if s.decoy, err = s.config.Sealer.Seal(decoyPurpose, []byte(secret.NewToken("").Reveal())); err != nil {
		return nil, fmt.Errorf("seal a decoy: %w", err)
	}
	if err := s.TendKeys(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// clientAge is how old what is known of a client may be. A revoked client is
// refused everywhere within 10 s.
const clientAge = 5 * time.Second

// mostClients bounds the cache; beyond it, it starts anew.
const mostClients = 10_000

type cachedClient struct {
	outturn.Client
	at      time.Time
	touched time.Time // the last minute that was noted

	signedIn time.Time // the hour that the audit has it in
}

// client returns a client as the ledger had it at most clientAge ago.
func (s *Service) client(ctx context.Context, id string) (outturn.Client, error) {
	if c, err := s.remembered(ctx, id); err == nil {
		return c, nil
	}
	return s.freshClient(ctx, id)
}

// remembered is client without the ledger: CodeNotFound where it would be asked.
func (s *Service) remembered(_ context.Context, id string) (outturn.Client, error) {
	now := s.config.Now()
	s.mu.Lock()
	cached, ok := s.clients[id]
	s.mu.Unlock()
	if age := now.Sub(cached.at); ok && age >= 0 && age < clientAge {
		return cached.Client, nil
	}
	return outturn.Client{}, errNotCached
}

func (s *Service) freshClient(ctx context.Context, id string) (outturn.Client, error) {
	now := s.config.Now()
	c, err := s.config.Ledger.Client(ctx, id)
	if err != nil {
		return outturn.Client{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= mostClients {
		clear(s.clients)
	}
	if c.Kind == "" {
		c.Kind = outturn.ClientOAuth2
	}
	touched := s.clients[id].touched
	if c.UsedAt.After(touched) {
		touched = c.UsedAt
	}
	s.clients[id] = cachedClient{Client: c, at: now, touched: touched, signedIn: s.clients[id].signedIn}
	return c, nil
}

// touch notes that a client was used, once a minute. That it could not be noted
// refuses nobody.
func (s *Service) touch(ctx context.Context, id string) {
	minute := s.config.Now().UTC().Truncate(time.Minute)
	s.mu.Lock()
	cached, ok := s.clients[id]
	due := ok && cached.touched.Before(minute)
	if due {
		cached.touched = minute
		s.clients[id] = cached
	}
	s.mu.Unlock()
	if !due {
		return
	}
	if err := s.config.Ledger.TouchClient(ctx, id, minute); err != nil {
		s.config.Log.WarnContext(ctx, "The use of a client was not noted.", "client", id, "error", err)
	}
}
