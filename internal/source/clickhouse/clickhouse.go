// Package clickhouse reads commerce data from a ClickHouse server, by its native
// protocol. Where the data lies on several servers, it is the one whose Distributed
// tables stand for all.
//
//	src := clickhouse.New(clickhouse.Config{URL: "clickhouse://reader:…@host:9000/billing"})
//	snap, err := src.Begin(ctx)       // asks the server how it is set up
//	r, err := snap.Query(ctx, q)      // streams: nothing is collected
//	for { err := r.Next(&b) … }
//	r.Close(); snap.Close(); src.Close()
//
// # What is promised
//
// Detail rows, with scope, window, filter, order and limit, and the newest change.
// Attributes of a JSON column are not: ClickHouse reads them in other ways in each
// version. There is no snapshot: rows that are written while a report is read may be
// in it or not. The tenant tree is read level by level before the statement, and its
// ids go along with it as a temporary table.
//
// # What the server is told
//
// Every statement is read-only, and skips no server that is down: half the rows are
// no report. A server that is set up to cut results off instead of failing is
// refused. LEFT JOIN gives NULL for what is missing, as in other engines.
package clickhouse

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"outturn"
	"outturn/internal/source"
)

// Config says where the data is.
type Config struct {
	// URL is clickhouse://user:password@host:port/database, with ?secure=true for
	// TLS. The port is 9000 where none is named, or 9440 with TLS; the user and the
	// database are "default".
	URL string
	// StatementTimeout is how long the server may work on a statement, in whole
	// seconds; 0 is as long as the server itself permits.
	StatementTimeout time.Duration
	// MostAccounts bounds a tenant's subtree, which has to be sent along; 0 is a
	// million.
	MostAccounts int
}

func (c Config) withDefaults() Config {
	if c.MostAccounts == 0 {
		c.MostAccounts = 1_000_000
	}
	return c
}

// A Source is one server.
type Source struct {
	config Config
	opened func() (ch.Conn, error)
	host   string
}

var _ source.Source = (*Source)(nil)

// New returns the source that c describes. Nothing is opened before Begin, which
// also is what refuses a URL that is none: see Check.
func New(c Config) *Source {
	s := &Source{config: c.withDefaults()}
	options, err := parse(c.URL)
	if err != nil {
		s.opened = func() (ch.Conn, error) { return nil, err }
		return s
	}
	s.host = options.Addr[0]
	s.opened = sync.OnceValues(func() (ch.Conn, error) { return ch.Open(options) })
	return s
}

// Check says what is wrong with a URL, and does not repeat it: there is a password
// in it.
func Check(url string) error {
	_, err := parse(url)
	return err
}

func parse(text string) (*ch.Options, error) {
	refuse := func(why string) (*ch.Options, error) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The source's URL %s. It is written clickhouse://user:password@host:9000/database; characters of the password that a URL cannot hold are written as %%40 for @.", why)
	}
	u, err := url.Parse(text)
	if err != nil { // which repeats the URL
		return refuse("cannot be read")
	}
	switch {
	case u.Scheme != "clickhouse":
		return refuse("does not begin with clickhouse://")
	case u.Hostname() == "":
		return refuse("names no host")
	case u.Fragment != "" || u.Opaque != "":
		return refuse("has a part that means nothing")
	}
	secure := false
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return refuse("cannot be read after the question mark")
	}
	for key, values := range query {
		if key != "secure" || len(values) != 1 || values[0] != "true" && values[0] != "false" {
			return refuse("may have secure=true or secure=false after a question mark, and nothing else")
		}
		secure = values[0] == "true"
	}
	o := &ch.Options{
		Auth:        ch.Auth{Username: "default", Database: "default"},
		DialTimeout: dialTimeout,
		// The driver counts it from the start of a statement. How long a silence may
		// last is the connection's to know.
		ReadTimeout:     10_000 * time.Hour,
		MaxOpenConns:    1000, // the runner bounds what runs at once
		MaxIdleConns:    4,
		ConnMaxLifetime: time.Hour,
	}
	if name := u.User.Username(); name != "" {
		o.Auth.Username = name
	}
	o.Auth.Password, _ = u.User.Password()
	if len(u.Path) > 1 {
		o.Auth.Database = u.Path[1:]
	}
	port := u.Port()
	if port == "" {
		port = "9000"
		if secure {
			port = "9440"
		}
	}
	o.Addr = []string{net.JoinHostPort(u.Hostname(), port)}
	o.DialContext = dialer(u.Hostname(), secure)
	o.ClientInfo.Products = append(o.ClientInfo.Products, struct{ Name, Version string }{"outturn", "1"})
	return o, nil
}

const (
	dialTimeout = 10 * time.Second
	// silence is how long nothing may come while an answer is waited for. A server
	// that works tells its progress ten times a second.
	silence = 5 * time.Minute
)

func dialer(host string, secure bool) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout}
		var conn net.Conn
		var err error
		if secure {
			conn, err = (&tls.Dialer{NetDialer: &d, Config: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", addr)
		} else {
			conn, err = d.DialContext(ctx, "tcp", addr)
		}
		if err != nil {
			return nil, err
		}
		return &quietConn{Conn: conn}, nil
	}
}

// A quietConn gives up on a server that says nothing for too long.
type quietConn struct {
	net.Conn
	until atomic.Pointer[time.Time] // the driver's own deadline
}

func (c *quietConn) SetDeadline(t time.Time) error {
	c.until.Store(&t)
	return c.Conn.SetDeadline(t)
}

func (c *quietConn) SetReadDeadline(t time.Time) error {
	c.until.Store(&t)
	return c.Conn.SetReadDeadline(t)
}

func (c *quietConn) Read(p []byte) (int, error) {
	until := time.Now().Add(silence)
	if own := c.until.Load(); own != nil && !own.IsZero() && own.Before(until) {
		until = *own
	}
	if err := c.Conn.SetReadDeadline(until); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Begin looks whether the server is there and set up so that it can be read.
func (s *Source) Begin(ctx context.Context) (source.Database, error) {
	if ctx.Err() != nil {
		return nil, source.Stopped(ctx)
	}
	conn, err := s.opened()
	if err != nil {
		return nil, err
	}
	snap := &snapshot{source: s, conn: conn, purpose: source.Purpose(ctx), instant: time.Now().UTC().Truncate(time.Microsecond)}
	if err := snap.lookAtSettings(ctx); err != nil {
		return nil, err
	}
	return snap, nil
}

// Close ends the connections that are idle.
func (s *Source) Close() error {
	if s.host == "" {
		return nil
	}
	conn, err := s.opened()
	if err != nil {
		return nil // then there are none
	}
	return conn.Close()
}
