// Package reporting holds the use cases: what a principal may ask of Outturn, and
// what then happens. Every edge calls it, and none decides anything itself.
//
// It is the one place for permission (roles.go), tenancy and idempotency. Each
// method first asks whether the principal's role allows it; a refusal is
// CodeForbidden and leaves an audit row. What belongs to a tenant that is neither
// the principal's nor below it is CodeNotFound, like what there is not.
//
//	edge ──input──► reporting ──► ledger: the run is queued
//	                    └──ring──► queue ──► runner
//
// Faults of a request come all at once: outturn.Faults lists them, each with the
// Field it is about.
package reporting

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/catalog"
	"outturn/internal/guard"
	"outturn/internal/queue"
	"outturn/internal/secret"
	"outturn/internal/source"
)

// A Ledger keeps what there is. viewer is the tenant of the principal: the ledger
// shows what belongs to it and to all below it, and CodeNotFound for the rest. The
// audit entry of a change is kept with the change or not at all.
type Ledger interface {
	runLedger
	viewLedger
	generatorLedger
	webhookLedger
	deliveryLedger
	fileLedger
	tenantLedger
	standingLedger
	firingLedger
	eventLedger

	auditLedger
}

// A ringer tells workers that a run waits. A ring that is lost is rung again by the
// sweeper.
type ringer interface {
	Ring(ctx context.Context, j queue.Job) error
}

// A Config says what a Service works with. Ledger, Catalog, Source, Queue and Blobs
// must be set.
type Config struct {
	Ledger  Ledger
	Catalog *catalog.Catalog
	Source  source.Source
	Own     source.Own // has the data sets of Outturn itself; nil where the catalogue has none
	Queue   ringer
	Blobs   blob.Store
	// Sealer seals the secrets of clients that sign their requests, and the keys that sign
	// links; nil makes none of either.
	Sealer secret.Sealer
	// Cancel tells the runner at once that a run is to stop, which it would hear a
	// second later; may be nil.
	Cancel func(run string)
	// Wake tells the runner that runs which were held back by limits or a suspension
	// may be startable; may be nil.
	Wake func()
	// URLs says which may be called; nil is any https URL on the public internet.
	URLs urlChecker
	// Deliver tells the worker that a message is due now, which it would see a second
	// later; may be nil.
	Deliver func()
	// Due tells the scheduler that a generator may be due earlier than it knew; may be nil.
	Due func()
	// WakeEvents tells who calls HandleEvents that events wait, which would be seen some
	// seconds later; may be nil.
	WakeEvents func()
	// Zone is where the days of tenants begin that name no zone: an IANA name; "" is UTC.
	Zone    string
	Now     func() time.Time
	Limits  Limits
	Version string
	Log     *slog.Logger
}

// Limits bound what may be asked. The zero value of each is its default.
type Limits struct {
	LinkLife   time.Duration // of a link that names none: 48 h
	SignedLife time.Duration // least life of signed links, from an hour to 90 days: 12 h
	KeyLife    time.Duration // of an idempotency key: 24 h
	Queued     int           // most queued runs of a tenant that has no limit of its own: 10,000
	Preview    time.Duration // how long a preview may take: 30 s
	// PollSkew is by how much a row of a polled data set may say that it changed before
	// its transaction began, as where clocks of applications say so: 10 min. Below 0 is
	// by nothing.
	PollSkew time.Duration
	Interval time.Duration // least time between two firings of a schedule: 15 min
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Cancel == nil {
		c.Cancel = func(string) {}
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.Due == nil {
		c.Due = func() {}
	}
	if c.WakeEvents == nil {
		c.WakeEvents = func() {}
	}
	if c.Limits.PollSkew == 0 {
		c.Limits.PollSkew = 10 * time.Minute
	}
	if c.Deliver == nil {
		c.Deliver = func() {}
	}
	if c.Limits.LinkLife <= 0 {
		c.Limits.LinkLife = 48 * time.Hour
	}
	if c.Limits.SignedLife == 0 {
		c.Limits.SignedLife = 12 * time.Hour
	}
	if c.Limits.KeyLife <= 0 {
		c.Limits.KeyLife = 24 * time.Hour
	}
	if c.Limits.Queued <= 0 {
		c.Limits.Queued = 10_000
	}
	if c.Limits.Interval <= 0 {
		c.Limits.Interval = 15 * time.Minute
	}
	if c.Limits.Preview <= 0 {
		c.Limits.Preview = 30 * time.Second
	}
	return c
}

// A Service is the use cases. It may be used by any number of goroutines.
type Service struct {
	config    Config
	ledger    Ledger
	watches   watches
	standings standings
	meters    meters
	seen      seen
	linkKeys  knownLinkKeys
	previews  chan struct{} // has room for each that may run now

	mu       sync.Mutex
	inFlight map[inFlight]bool
}

// mostPreviews is how many previews read the source at once; others wait.
const mostPreviews = 4

// New makes a Service. Close ends what it started.
func New(config Config) (*Service, error) {
	if config.Ledger == nil || config.Catalog == nil || config.Source == nil || config.Queue == nil || config.Blobs == nil {
		return nil, errors.New("reporting: a ledger, catalogue, source, queue and storage are needed")
	}
	if _, err := outturn.LoadZone(config.Zone); err != nil {
		return nil, outturn.InField("zone", err)
	}
	if life := config.Limits.SignedLife; life != 0 && (life < leastSignedLife || life > mostLinkLife) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "Links to reports are good for at least an hour and at most 90 days (2160h), not for %s.", life)
	}
	if config.URLs == nil {
		g, err := guard.New(guard.Config{})
		if err != nil {
			return nil, err
		}
		config.URLs = g
	}
	s := &Service{
		config: config.withDefaults(), ledger: config.Ledger,
		previews: make(chan struct{}, mostPreviews), inFlight: map[inFlight]bool{},
	}
	s.watches.start(config.Ledger, s.config.Log)
	return s, nil
}

// Close ends all watches and waits for their poller.
func (s *Service) Close() { s.watches.close() }

// now is the time as it is kept: UTC, microseconds.
func (s *Service) now() time.Time { return s.config.Now().UTC().Truncate(time.Microsecond) }

// entry makes the audit entry of something that p did.
func (s *Service) entry(p outturn.Principal, a action, tenant, object string, detail map[string]string) outturn.AuditEntry {
	now := s.now()
	return outturn.AuditEntry{
		ID: outturn.NewID(now), At: now, Tenant: tenant, Subject: p.Subject, Via: p.Via,
		Action: string(a), Object: object, Outcome: "ok", From: p.From, Request: p.Request, Detail: detail,
	}
}
