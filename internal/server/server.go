// Package server puts Outturn together as a service: the ledger, the queue, the
// runner, the use cases and the API over one data folder. It is where the parts
// of an installation are chosen; nothing else knows which they are.
//
//	folder, err := server.OpenFolder(ctx, "outturn-data", time.Now)
//	s, err := server.New(ctx, folder, server.Config{Source: src, Catalog: cat})
//	err = s.Start(ctx)   // returns when it answers at s.URL()
//	…
//	err = s.Stop(ctx)    // not ready, drain, give the rest back
package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/catalog"
	"outturn/internal/delivery"
	"outturn/internal/dialect/cmp"
	"outturn/internal/edge"
	"outturn/internal/queue/local"
	"outturn/internal/reporting"
	"outturn/internal/runner"
	"outturn/internal/scheduler"
	"outturn/internal/source"
	"outturn/internal/source/ledger"
)

// Config says how to serve. The zero value of each but the first two is the
// default.
type Config struct {
	Source  source.Source
	Catalog *catalog.Catalog

	Listen  string // host:port of the API; 127.0.0.1:8080
	Metrics string // host:port of /metrics; "" is nowhere
	// BaseURL is where clients reach the API, for the links that it makes; "" is what
	// each client has called it.
	BaseURL string
	// TrustedProxies are the networks of proxies whose X-Forwarded-… headers count.
	TrustedProxies []string
	// TLSCert and TLSKey name the files of a certificate and its key; both or none.
	TLSCert, TLSKey string
	// Insecure permits an address that others can reach, though requests and
	// credentials travel unencrypted.
	Insecure bool

	MaxConnections int           // of clients at once; 0 is 4096. More wait until one ends
	Stall          time.Duration // how long a client may read nothing of an answer; 2 minutes

	Workers   int           // runs at once; 0 is DefaultWorkers
	Share     int           // of those, most of one tenant while others wait; 0 is Workers - 1
	Drain     time.Duration // how long Stop lets runs go on; 20 s
	Retention time.Duration // how long files are kept; 90 days
	// History is how long messages that ended, firings and revisions of generators are
	// kept at least, and never shorter than files are; 400 days.
	History time.Duration
	Timeout time.Duration // how long a run may take; 0 is any time
	MaxRows int64         // rows that a run may have; 0 is any number
	// SMTP is by which server mail goes; nil: none goes, and what is to go waits.
	SMTP *delivery.SMTP
	// MaxAttachment is how many bytes files may have in a mail, as they are encoded there;
	// 10 MiB. Larger ones go as a link.
	MaxAttachment int64
	// WebhookAllow are networks that webhooks may be in beside the public internet.
	WebhookAllow []string
	// WebhookHTTP lets webhooks be called without TLS.
	WebhookHTTP bool
	// SyncTenants is how often tenants are taken from the source's accounts; 0 is never.
	SyncTenants time.Duration
	// TenantGrace is for how long a deleted tenant can be restored; 30 days.
	TenantGrace time.Duration
	// Zone is where the days of tenants begin that name none; UTC.
	Zone string
	// ReportLinkLife is how long the links to files are good at least that lists of reports
	// have, from an hour to 90 days; 12 h.
	ReportLinkLife time.Duration
	// APSBooster says to answer by APS with X-APSBooster-Response, for clients that look
	// for it.
	APSBooster bool
	// MinInterval is the least time between two firings of a schedule; 15 minutes.
	MinInterval time.Duration
	// Polls are data sets that are asked for events.
	Polls []scheduler.Poll
	// Channel is what a source that sends notifications is listened to on; "" is not.
	Channel string
	// CMP says how the API of that name is spoken; its Gate, Retention and Now are set here.
	CMP   cmp.Config
	Lease time.Duration // after how long without a sign of life a run is taken back; 30 s

	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// DefaultWorkers is more than one a core: a run of few rows waits for the disk some
// of the time. It is not twice as many: what creates need of the cores comes late then.
// All runs over a DuckDB file share the engine's threads and memory; over a folder each
// has its own, and there should be no more than cores.
func DefaultWorkers() int { return max(3, 3*runtime.GOMAXPROCS(0)/2) }

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.Workers <= 0 {
		c.Workers = DefaultWorkers()
	}
	if c.Share <= 0 {
		c.Share = max(1, c.Workers-1)
	}
	if c.Drain == 0 {
		c.Drain = 20 * time.Second
	}
	if c.MaxConnections <= 0 {
		c.MaxConnections = 4096
	}
	if c.Stall <= 0 {
		c.Stall = 2 * time.Minute
	}
	if c.History == 0 {
		c.History = 400 * 24 * time.Hour
	}
	c.History = max(c.History, c.Retention)
	if c.TenantGrace == 0 {
		c.TenantGrace = 30 * 24 * time.Hour
	}
	if c.Lease == 0 {
		c.Lease = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// A Server is one process that answers requests and works on runs.
type Server struct {
	config    Config
	folder    *Folder
	base      context.Context // ends with watching
	runner    *runner.Runner
	reporting *reporting.Service
	scheduler *scheduler.Scheduler
	events    *scheduler.Events
	auth      *auth.Service
	sealer    *sealer
	delivery  *delivery.Worker

	api         *http.Server
	watching    context.CancelFunc // ends what clients hold open
	listener    net.Listener
	certificate *certificate // nil without TLS
	scrape      *http.Server // of metrics; nil where there are none
	ready       atomic.Bool
	unwell      atomic.Bool // the ledger or the storage did not answer when last asked
	serving     sync.WaitGroup
	stopOnce    sync.Once
	stopErr     error
}

// New puts a server over an open folder together. The folder stays its owner's.
func New(ctx context.Context, folder *Folder, c Config) (*Server, error) {
	if c.History != 0 && c.History < leastHistory {
		return nil, outturn.Errorf(outturn.CodeInvalid, "--history %s is too short: what was sent and fired is kept for at least %s, 30 days.", c.History, leastHistory)
	}
	c = c.withDefaults()
	certificate, err := openCertificate(c)
	if err != nil {
		return nil, err
	}
	if err := checkListen(c.Listen, c.Insecure || certificate != nil); err != nil {
		return nil, err
	}
	if c.Metrics != "" {
		if err := checkListen(c.Metrics, c.Insecure); err != nil {
			return nil, err
		}
	}
	if err := checkBaseURL(c.BaseURL); err != nil {
		return nil, err
	}
	proxies, err := edge.ParseProxies(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	cat, err := c.Catalog.With(ledger.AuditDataset)
	if err != nil {
		return nil, err
	}
	own := ledger.New(folder.Ledger, c.Now)
	s := &Server{config: c, folder: folder, certificate: certificate}
	q := local.New(local.Config{Workers: c.Workers, Share: c.Share})
	host, _ := os.Hostname()
	owner := host + "/" + outturn.NewID(c.Now())
	urls, err := openGuard(c)
	if err != nil {
		return nil, err
	}
	if s.delivery, err = s.newDeliveries(ctx, urls, owner); err != nil {
		return nil, err
	}
	s.runner, err = runner.New(runner.Config{
		Ledger: folder.Ledger, Queue: q, Source: c.Source, Own: own, Catalog: cat, Blobs: folder.Files,
		Owner: owner, Alone: folder.lock != nil, Lease: c.Lease, Heartbeat: c.Lease / 6, Sweep: c.Lease / 3,
		Timeout: c.Timeout, MaxRows: c.MaxRows, Retention: c.Retention,
		Ended:   func(run string) { s.reporting.RunEnded(run) },
		Version: c.Version, Log: c.Log, Now: c.Now,
	})
	if err != nil {
		return nil, err
	}
	s.reporting, err = reporting.New(reporting.Config{
		Ledger: folder.Ledger, Sealer: folder.Sealer, Queue: q, Source: c.Source, Own: own, Catalog: cat, Blobs: folder.Files,
		Cancel: s.runner.Cancel, Wake: s.runner.Wake, Due: func() { s.scheduler.Wake() }, URLs: urls, Deliver: s.delivery.Wake, WakeEvents: func() { s.events.Wake() }, Version: c.Version, Log: c.Log, Now: c.Now,
		Zone: c.Zone, Limits: reporting.Limits{Interval: c.MinInterval, SignedLife: c.ReportLinkLife},
	})
	if err != nil {
		return nil, err
	}
	s.scheduler, err = scheduler.New(scheduler.Config{Reporting: s.reporting, Log: c.Log, Now: c.Now})
	if err != nil {
		return nil, err
	}
	if s.events, err = newEvents(s.reporting, c); err != nil {
		return nil, err
	}
	s.auth, err = auth.New(ctx, auth.Config{Ledger: folder.Ledger, Sealer: folder.Sealer, Admit: s.reporting.AdmitToken, Log: c.Log, Now: c.Now})
	if err != nil {
		return nil, err
	}
	if s.sealer, err = newSealer(ctx, folder.Ledger, folder.Sealer, c.Log, c.Now); err != nil {
		return nil, err
	}
	gate, err := edge.New(edge.Config{
		Service: s.reporting, Auth: s.auth, BaseURL: strings.TrimSuffix(c.BaseURL, "/"), Proxies: proxies, Stall: c.Stall, Log: c.Log,
	})
	if err != nil {
		return nil, err
	}
	handler, err := s.edges(gate, cat)
	if err != nil {
		return nil, err
	}
	base, cancel := context.WithCancel(context.Background())
	s.base, s.watching = base, cancel
	s.api = newHTTPServer(handler, c)
	s.api.BaseContext = func(net.Listener) context.Context { return base }
	if certificate != nil {
		s.api.TLSConfig = certificate.config()
	}
	if c.Metrics != "" {
		m := &metrics{folder: folder, runner: s.runner, delivery: s.delivery, certificate: certificate, now: c.Now}
		s.scrape = newHTTPServer(m.handler(), c)
		s.scrape.WriteTimeout = mostScrape + c.Stall
	}
	return s, nil
}

// Start answers requests and works on runs when it returns.
func (s *Server) Start(ctx context.Context) error {
	var err error
	if s.listener, err = listen(ctx, "--listen", s.config.Listen); err != nil {
		return err
	}
	var scrape net.Listener
	if s.scrape != nil {
		if scrape, err = listen(ctx, "--metrics-listen", s.config.Metrics); err != nil {
			return errors.Join(err, s.listener.Close())
		}
	}
	if err := s.runner.Start(ctx); err != nil {
		err = errors.Join(err, s.listener.Close())
		if scrape != nil {
			err = errors.Join(err, scrape.Close())
		}
		return err
	}
	s.scheduler.Start(ctx)
	s.events.Start(ctx)
	if err := s.delivery.Start(ctx); err != nil {
		s.config.Log.ErrorContext(ctx, "no messages are sent until the server is started again", "error", err)
	}
	s.sealer.start()
	s.serve(s.api, atMost(s.listener, s.config.MaxConnections, s.config.Log))
	if scrape != nil {
		s.serve(s.scrape, atMost(scrape, mostScrapers, s.config.Log))
	}
	if s.certificate != nil {
		s.certificate.tell()
		s.serving.Go(func() { s.certificate.watch(s.base) })
	}
	s.serving.Go(func() { s.tendKeys(s.base) })
	s.ready.Store(true)
	s.lookAtSource(ctx)
	s.serving.Go(func() { s.tendTenants(s.base) })
	s.serving.Go(func() { s.tendHistory(s.base) })
	return nil
}

// lookAtSource tells the operator of a source that cannot be read. That is no reason
// not to start: it may be on its way, and runs wait for it some minutes.
func (s *Server) lookAtSource(ctx context.Context) {
	snapshot, err := s.config.Source.Begin(ctx)
	if err == nil {
		err = snapshot.Close()
	}
	if err != nil {
		s.config.Log.WarnContext(ctx, "the source cannot be read; runs will be tried again for some minutes", "error", err)
	}
}

// keysEvery is how often it is looked whether the keys that sign tokens and links are to
// be replaced. That for tokens was looked at when the server was put together, too.
const keysEvery = time.Hour

func (s *Server) tendKeys(ctx context.Context) {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.auth.TendKeys(ctx); err != nil && ctx.Err() == nil {
			s.config.Log.ErrorContext(ctx, "the keys that sign tokens were not looked after; it is tried again in an hour", "error", err)
		}
		if err := s.reporting.TendLinkKeys(ctx); err != nil && ctx.Err() == nil {
			s.config.Log.ErrorContext(ctx, "the keys that sign links were not looked after; it is tried again in an hour", "error", err)
		}
	}
}

func (s *Server) serve(h *http.Server, l net.Listener) {
	s.serving.Go(func() {
		serve := h.Serve
		if h.TLSConfig != nil {
			serve = func(l net.Listener) error { return h.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.config.Log.Error("the listener ended", "address", l.Addr().String(), "error", err)
		}
	})
}

// URL is where the API answers.
func (s *Server) URL() string {
	scheme := "http://"
	if s.certificate != nil {
		scheme = "https://"
	}
	return scheme + s.listener.Addr().String()
}

// Reload reads the certificate and its key again. A pair that is no good leaves the
// one before in force. Connections go on; those that come get the new one.
func (s *Server) Reload() error {
	if s.certificate == nil {
		s.config.Log.Info("there is nothing to reload: the server has no certificate")
		return nil
	}
	if err := s.certificate.load(); err != nil {
		s.config.Log.Error("the certificate was not reloaded; the one before stays in force", "error", err)
		return err
	}
	s.certificate.tell()
	return nil
}

// Reporting gives the use cases, for commands in the same process.
func (s *Server) Reporting() *reporting.Service { return s.reporting }

// check reports why the server should get no requests now.
func (s *Server) check(ctx context.Context) error {
	if !s.ready.Load() {
		return outturn.Errorf(outturn.CodeUnavailable, "The server is starting or stopping.")
	}
	err := s.folder.Ledger.Ping(ctx)
	if err == nil {
		err = s.folder.Files.Check(ctx)
	}
	if was := s.unwell.Swap(err != nil); err != nil && !was {
		s.config.Log.Error("not ready", "error", err)
	}
	if err != nil { // whoever asks need not know what lies where
		return outturn.Errorf(outturn.CodeUnavailable, "The ledger cannot be reached, or files cannot be written. The log says which.")
	}
	return nil
}

// Stop tells the world that the server is going, lets runs go on for Config.Drain
// or until ctx ends, gives the rest back to the queue, and ends what is open. It
// may be called twice, and before Start.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() { s.stopErr = s.stop(ctx) })
	return s.stopErr
}

// lastAnswers is how long requests may go on when the runs have ended.
const lastAnswers = 5 * time.Second

func (s *Server) stop(ctx context.Context) error {
	s.ready.Store(false)
	drain, cancel := context.WithTimeout(ctx, s.config.Drain)
	defer cancel()
	s.scheduler.Stop()
	s.events.Stop()
	errs := []error{s.runner.Stop(drain), s.delivery.Stop(drain)}

	s.watching() // before Shutdown, which waits for them
	s.reporting.Close()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancel()
	for _, h := range []*http.Server{s.api, s.scrape} {
		if h == nil {
			continue
		}
		if err := h.Shutdown(last); err != nil {
			errs = append(errs, h.Close())
		}
	}
	if s.listener != nil {
		s.serving.Wait()
	}
	s.sealer.stop(last)
	if closer, ok := s.config.Source.(io.Closer); ok {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}
