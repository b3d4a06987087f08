// Package auth turns what a caller brings into the Principal it is.
//
// A program has an id and a secret. It exchanges them for an access token (OAuth
// 2.0 client credentials, RFC 6749 section 4.4), a JWT of 15 minutes that Outturn
// signs itself (RFC 9068, EdDSA), and sends that with every call:
//
//	id, secret ──Token──► access token ──Authenticate──► outturn.Principal
//
// The token says which client it is and no more than that it may not do all of it;
// the client itself is looked up in the ledger at each call, from a cache of
// seconds, so that a revoked one is out at once and a new role counts.
package auth

import (
	"context"
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
	Now      func() time.Time
	Log      *slog.Logger
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

	mu      sync.Mutex
	keys    []signingKey // the one that signs first
	keysAt  time.Time    // when they were read
	clients map[string]cachedClient
	root    string // id of the provider, once known
}

// New reads the keys that sign tokens from the ledger, and makes one at first
// start.
func New(ctx context.Context, config Config) (*Service, error) {
	s := &Service{config: config.withDefaults(), clients: map[string]cachedClient{}}
	if err := s.openKeys(ctx); err != nil {
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
}

// client returns a client as the ledger had it at most clientAge ago.
func (s *Service) client(ctx context.Context, id string) (outturn.Client, error) {
	now := s.config.Now()
	s.mu.Lock()
	cached, ok := s.clients[id]
	s.mu.Unlock()
	if age := now.Sub(cached.at); ok && age >= 0 && age < clientAge {
		return cached.Client, nil
	}
	return s.freshClient(ctx, id)
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
	touched := s.clients[id].touched
	if c.UsedAt.After(touched) {
		touched = c.UsedAt
	}
	s.clients[id] = cachedClient{Client: c, at: now, touched: touched}
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
