package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"outturn"
	"outturn/internal/delivery"
	"outturn/internal/dialect/cmp"
	"outturn/internal/scheduler"
	"outturn/internal/secret"
	"outturn/internal/server"
)

// serveCmd is the service: API, runner and sweeper in one process.
type serveCmd struct {
	Listen   string `name:"listen" env:"OUTTURN_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Where the API answers (${default})."`
	Metrics  string `name:"metrics-listen" env:"OUTTURN_METRICS_LISTEN" placeholder:"ADDR" help:"Where /metrics answers, for Prometheus. Default: nowhere."`
	Insecure bool   `name:"insecure" env:"OUTTURN_INSECURE" help:"Permit an address that others can reach, though nothing is encrypted."`

	BaseURL string `name:"base-url" env:"OUTTURN_BASE_URL" placeholder:"URL" help:"Where clients reach the API, such as https://reports.example.com behind a proxy: what links to files begin with. Default: what each client has called."`

	TrustedProxies []string `name:"trusted-proxy" env:"OUTTURN_TRUSTED_PROXY" placeholder:"CIDR" help:"Network of proxies, such as 10.0.0.0/8, or loopback, whose X-Forwarded-For, -Proto and -Host tell who calls and what. May be repeated; in the environment with commas between. Default: nobody's."`

	tlsFlags

	MaxConnections int `name:"max-connections" env:"OUTTURN_MAX_CONNECTIONS" default:"4096" placeholder:"N" help:"Clients connected at once; more wait (${default})."`

	Workers   int           `name:"workers" env:"OUTTURN_WORKERS" placeholder:"N" help:"Runs at once; 0 is three for two cores and at least 3, or over a folder of files, where each has memory of its own, one a core."`
	Share     int           `name:"share" env:"OUTTURN_SHARE" placeholder:"N" help:"Of those, the most of one tenant while others wait; 0 is all but one."`
	Drain     time.Duration `name:"drain" env:"OUTTURN_DRAIN" default:"20s" placeholder:"TIME" help:"How long runs may go on after a first SIGTERM or Ctrl-C; then they go back to the queue (${default}); with 0s at once. A second one stops at once."`
	Retention time.Duration `name:"retention" env:"OUTTURN_RETENTION" default:"2160h" placeholder:"TIME" help:"How long files are kept (${default}: 90 days)."`
	History   time.Duration `name:"history" env:"OUTTURN_HISTORY" default:"9600h" placeholder:"TIME" help:"How long messages that were sent or given up, firings, and old revisions of generators are kept, at least 720h and as long as files (${default}: 400 days)."`
	Timeout   time.Duration `name:"run-timeout" env:"OUTTURN_RUN_TIMEOUT" placeholder:"TIME" help:"How long a run may take, such as 1h; 0s is any time (default)."`
	MaxRows   int64         `name:"max-rows" env:"OUTTURN_MAX_ROWS" placeholder:"N" help:"Rows that a run may have; with more it fails, for nothing is cut off. 0 is any number (default)."`

	SyncTenants time.Duration `name:"sync-tenants" env:"OUTTURN_SYNC_TENANTS" placeholder:"TIME" help:"How often tenants are made, renamed and moved as the source's accounts are, such as 1h; 0s is never (default)."`
	TenantGrace time.Duration `name:"tenant-grace" env:"OUTTURN_TENANT_GRACE" default:"720h" placeholder:"TIME" help:"For how long a deleted tenant can be restored, before its files, links, views and clients go (${default}: 30 days)."`

	ReportLinkLife time.Duration `name:"report-link-life" env:"OUTTURN_REPORT_LINK_LIFE" default:"12h" placeholder:"TIME" help:"How long at least the links to files are good that are in lists of reports, from 1h to 2160h; they are made anew each time (${default})."`

	MinInterval time.Duration `name:"min-interval" env:"OUTTURN_MIN_INTERVAL" default:"15m" placeholder:"TIME" help:"Least time between two firings of a schedule (${default})."`

	PollEvents    []string `name:"poll-events" env:"OUTTURN_POLL_EVENTS" placeholder:"DATASET:TIME" help:"Ask a data set for new invoices as often as that, such as invoices:1m, for generators that wait for them. May be repeated; in the environment with commas between. Default: none."`
	ListenChannel string   `name:"listen-channel" env:"OUTTURN_LISTEN_CHANNEL" placeholder:"NAME" help:"Channel of a source in PostgreSQL on which triggers tell of invoices (NOTIFY), such as outturn. Default: none."`

	APSBooster bool `name:"aps-booster-header" env:"OUTTURN_APS_BOOSTER_HEADER" help:"Answer below /aps with X-APSBooster-Response: true, for clients that look for it."`

	mailFlags

	WebhookAllow []string `name:"webhook-allow" env:"OUTTURN_WEBHOOK_ALLOW" placeholder:"CIDR" help:"Network that webhooks may be in beside the public internet, such as 10.1.2.0/24. May be repeated. Link-local addresses and the metadata services of clouds are never called."`
	WebhookHTTP  bool     `name:"webhook-http" env:"OUTTURN_WEBHOOK_HTTP" help:"Let webhooks be called without TLS: whoever is on the way reads along."`

	cmpFlags

	// Lease is for tests that wait for one to end.
	Lease time.Duration `name:"lease" env:"OUTTURN_LEASE" hidden:"" default:"30s"`

	LogFormat string   `name:"log-format" env:"OUTTURN_LOG_FORMAT" enum:"auto,text,json" default:"auto" placeholder:"NAME" help:"text, json, or auto: text on a terminal, else json."`
	LogLevel  logLevel `name:"log-level" env:"OUTTURN_LOG_LEVEL" default:"info" placeholder:"NAME" help:"debug, info, warn or error (${default})."`
}

// mailFlags say how mail goes out.
type mailFlags struct {
	SMTP             string `name:"smtp" env:"OUTTURN_SMTP" placeholder:"HOST:PORT" help:"Server that mail goes by; the port may be left out. Default: no mail goes, and what is to go waits up to three days."`
	SMTPSecurity     string `name:"smtp-security" env:"OUTTURN_SMTP_SECURITY" enum:"starttls,tls,none" default:"starttls" placeholder:"NAME" help:"starttls, tls (from the first byte, as at port 465), or none: only to this machine, or with --insecure (${default})."`
	SMTPUser         string `name:"smtp-user" env:"OUTTURN_SMTP_USER" placeholder:"NAME" help:"Whom the mail server lets in. Default: nobody is asked for."`
	SMTPPasswordFile string `name:"smtp-password-file" env:"OUTTURN_SMTP_PASSWORD_FILE" placeholder:"FILE" help:"File with the password of that user."`
	SMTPFrom         string `name:"smtp-from" env:"OUTTURN_SMTP_FROM" placeholder:"ADDRESS" help:"Address that mail comes from. Its name is that of the tenant."`
	MaxAttachment    int64  `name:"max-attachment" env:"OUTTURN_MAX_ATTACHMENT" default:"10485760" placeholder:"BYTES" help:"Bytes of files in one mail, as they are encoded there; larger ones go as a link (${default})."`
}

// settings are nil where no server is named.
func (f mailFlags) settings(insecure bool) (*delivery.SMTP, error) {
	if f.SMTP == "" {
		return nil, nil //nolint:nilnil // there is no mail then
	}
	if f.SMTPFrom == "" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "--smtp needs --smtp-from, the address that mail comes from.")
	}
	smtp := &delivery.SMTP{Host: f.SMTP, Security: f.SMTPSecurity, Insecure: insecure, User: f.SMTPUser, From: f.SMTPFrom}
	if host, port, err := net.SplitHostPort(f.SMTP); err == nil {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 {
			return nil, outturn.InField("smtp", outturn.Errorf(outturn.CodeInvalid, "%s is no port of a mail server.", outturn.Shown(port)))
		}
		smtp.Host, smtp.Port = host, n
	}
	if f.SMTPPasswordFile != "" {
		text, err := os.ReadFile(f.SMTPPasswordFile)
		if err != nil {
			return nil, outturn.InField("smtp-password-file", outturn.Errorf(outturn.CodeInvalid, "The file with the mail server's password cannot be read: %w.", err))
		}
		smtp.Password = secret.Text(strings.TrimRight(string(text), "\r\n"))
	}
	return smtp, nil
}

// cmpFlags say how the CMP API is spoken.
type cmpFlags struct {
	CMPBasePath  string        `name:"cmp-base-path" env:"OUTTURN_CMP_BASE_PATH" default:"/marketplace" placeholder:"PATH" help:"What the paths of the CMP API begin with (${default}); / is nothing."`
	CMPRoot      bool          `name:"cmp-root" env:"OUTTURN_CMP_ROOT" negatable:"" default:"true" help:"Answer to CMP's paths without that beginning, too: /token, /auth/token, /reports, and Keycloak's. Default: yes."`
	CMPPaging    string        `name:"cmp-paging" env:"OUTTURN_CMP_PAGING" enum:"how-to,spec" default:"how-to" placeholder:"NAME" help:"how-to: GET /reports of CMP gives all reports, whatever offset and limit say, as its how-to pages have it; spec: it gives pages, as its specification has it (${default})."`
	CMPUpperCase bool          `name:"cmp-upper-case" env:"OUTTURN_CMP_UPPER_CASE" help:"Write formats in answers of CMP in upper case, such as JSON."`
	CMPMaxPeriod time.Duration `name:"cmp-max-period" env:"OUTTURN_CMP_MAX_PERIOD" default:"8784h" placeholder:"TIME" help:"How long the period of a report may be that CMP asks for (${default}: 366 days)."`
}

func (f cmpFlags) config() cmp.Config {
	return cmp.Config{BasePath: f.CMPBasePath, NoRoot: !f.CMPRoot, Paging: f.CMPPaging == "spec", UpperCase: f.CMPUpperCase, MaxPeriod: f.CMPMaxPeriod}
}

// tlsFlags name what the server is known by.
type tlsFlags struct {
	TLSCert string `name:"tls-cert" env:"OUTTURN_TLS_CERT" placeholder:"FILE" help:"Certificate in PEM, with what leads to its root: the API answers by TLS. SIGHUP reads it again."`
	TLSKey  string `name:"tls-key" env:"OUTTURN_TLS_KEY" placeholder:"FILE" help:"The certificate's key in PEM."`
}

func (c *serveCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	if err := c.validate(); err != nil {
		return err
	}
	if err := server.CheckFolder(settings.DataDir); err != nil { // the source has temporary files there
		return err
	}
	return c.serve(ctx, streams, settings, nil)
}

// validate names every flag whose number or time cannot be. What the parts of a server
// check themselves is left to them.
func (c *serveCmd) validate() error {
	var faults []error
	fault := func(flag string, value any, want string) {
		faults = append(faults, fmt.Errorf("--%s: %v is not %s", flag, value, want))
	}
	for _, f := range []struct {
		flag         string
		value, least int64
	}{
		{"max-connections", int64(c.MaxConnections), 1},
		{"workers", int64(c.Workers), 0},
		{"share", int64(c.Share), 0},
		{"max-rows", c.MaxRows, 0},
		{"max-attachment", c.MaxAttachment, 1},
	} {
		if f.value < f.least {
			fault(f.flag, f.value, fmt.Sprintf("a number from %d", f.least))
		}
	}
	for _, f := range []struct {
		flag  string
		value time.Duration
		zero  bool // is one that may be
	}{
		{"drain", c.Drain, true},
		{"retention", c.Retention, false},
		{"history", c.History, false},
		{"run-timeout", c.Timeout, true},
		{"sync-tenants", c.SyncTenants, true},
		{"tenant-grace", c.TenantGrace, false},
		{"report-link-life", c.ReportLinkLife, false},
		{"min-interval", c.MinInterval, false},
		{"cmp-max-period", c.CMPMaxPeriod, false},
	} {
		switch {
		case f.value < 0 && f.zero:
			fault(f.flag, f.value, "0s or a time such as 30s or 1h")
		case f.value <= 0 && !f.zero:
			fault(f.flag, f.value, "a time such as 15m or 720h")
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return outturn.Errorf(outturn.CodeInvalid, "The flags have faults:\n  %s", strings.ReplaceAll(errors.Join(faults...).Error(), "\n", "\n  "))
}

// linger is how long a server leaves a DuckDB file open between reports.
const linger = time.Second

// serve runs a server whose flags are valid until ctx ends. begun, if it is not nil, is called when it
// answers.
func (c *serveCmd) serve(ctx context.Context, streams IO, settings *Settings, begun func(*server.Server) error) error {
	setGC(gcUsual) // a server is not done soon
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	log := newLog(streams.Err, c.LogFormat, c.LogLevel.Level)
	polls, err := parsePolls(c.PollEvents)
	if err != nil {
		return err
	}
	smtp, err := c.settings(c.Insecure)
	if err != nil {
		return inFlags(err)
	}
	src, err := settings.openSource(sourceUse{linger: linger, progress: true, note: func(ctx context.Context, note string) { log.InfoContext(ctx, note) }})
	if err != nil {
		return err
	}
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	folder, err := server.OpenFolder(ctx, settings.DataDir, time.Now)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Lock(); err != nil {
		return err
	}
	if kind, _, err := settings.sourcePath(); err == nil && kind == "folder" && c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0) // see server.DefaultWorkers
	}
	drain := max(c.Drain, 1) // to a Config 0 is not at once
	s, err := server.New(ctx, folder, server.Config{
		SMTP: smtp, MaxAttachment: c.MaxAttachment, WebhookAllow: c.WebhookAllow, WebhookHTTP: c.WebhookHTTP,
		Source: src, Catalog: cat, Listen: c.Listen, Metrics: c.Metrics, Insecure: c.Insecure, BaseURL: c.BaseURL, TrustedProxies: c.TrustedProxies,
		TLSCert: c.TLSCert, TLSKey: c.TLSKey, MaxConnections: c.MaxConnections,
		Workers: c.Workers, Share: c.Share, Drain: drain, Retention: c.Retention, History: c.History, Timeout: c.Timeout, MaxRows: c.MaxRows, Lease: c.Lease,
		CMP:         c.cmpFlags.config(),
		SyncTenants: c.SyncTenants, TenantGrace: c.TenantGrace, Zone: settings.Zone, MinInterval: c.MinInterval, ReportLinkLife: c.ReportLinkLife, Polls: polls, Channel: c.ListenChannel,
		Version: version, Log: log,
	})
	if err != nil {
		return inFlags(err)
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	if begun == nil {
		begun = func(s *server.Server) error {
			_, err := fmt.Fprintf(streams.Out, "Outturn answers at %s, documentation at %s/docs\n", s.URL(), s.URL())
			return err
		}
	}
	if err := begun(s); err != nil {
		return stopServer(s, err)
	}
	setGC(gcServing)
	for ctx.Err() == nil {
		select {
		case <-again:
			_ = s.Reload() // the log has what is wrong, and the server goes on
		case <-ctx.Done():
		}
	}
	log.Info("stopping", "drain", c.Drain.String())
	return stopServer(s, nil)
}

// parsePolls understands data sets that are asked for events, each with how often.
func parsePolls(texts []string) (list []scheduler.Poll, err error) {
	for _, text := range texts {
		dataset, every, found := strings.Cut(text, ":")
		p := scheduler.Poll{Dataset: dataset}
		if p.Every, err = time.ParseDuration(every); !found || err != nil {
			return nil, outturn.Errorf(outturn.CodeInvalid, "--poll-events: %s is no data set with a time, such as invoices:1m.", outturn.Shown(text))
		}
		list = append(list, p)
	}
	return list, nil
}

// stopServer stops s, which has been started, and returns why.
func stopServer(s *server.Server, why error) error {
	err := s.Stop(context.Background())
	if why != nil {
		return why
	}
	return err
}

// newLog writes for people on a terminal, for programs elsewhere.
func newLog(w io.Writer, format string, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" || format == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// needFolder refuses settings whose data folder is not there.
func (s *Settings) needFolder() error {
	if _, err := os.Stat(s.DataDir); err != nil {
		return outturn.Errorf(outturn.CodeNotFound, "There is no data folder %s. `outturn serve` makes one; --data names another.", s.DataDir)
	}
	return nil
}

// needLedger refuses settings whose data folder is not there or holds no ledger: where a
// disk is not mounted, a command that made one would look after nothing and call it well.
func (s *Settings) needLedger() error {
	if err := s.needFolder(); err != nil {
		return err
	}
	ledger := filepath.Join(s.DataDir, server.LedgerName)
	_, err := os.Stat(ledger)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return outturn.Errorf(outturn.CodeNotFound, "There is no ledger %s. If there was one, see whether its disk is mounted; `outturn serve` makes one, --data names another folder.", ledger)
	case err != nil:
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The ledger cannot be read: %w.", err)
	}
	return nil
}

// withFolder calls work with the data folder that the settings name, which must
// hold a ledger, and with who uses it from this machine.
func (s *Settings) withFolder(ctx context.Context, work func(*server.Folder, outturn.Principal) error) error {
	if err := s.needLedger(); err != nil {
		return err
	}
	folder, err := server.OpenFolder(ctx, s.DataDir, time.Now)
	if err != nil {
		return err
	}
	defer folder.Close()
	p, err := folder.Operator(ctx)
	if err != nil {
		return err
	}
	return work(folder, p)
}
