package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"

	"outturn"
)

// checkListen refuses an address that others can reach: what travels there is not
// encrypted, and /metrics asks nobody who they are.
func checkListen(address string, insecure bool) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return outturn.Errorf(outturn.CodeInvalid, "%q is no address to listen at. Write host:port, such as 127.0.0.1:8080.", address)
	}
	if insecure || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return outturn.Errorf(outturn.CodeInvalid, "At %s others could reach the server, and what it says is not encrypted. Name a certificate with --tls-cert and --tls-key (metrics have none), put a proxy with TLS before 127.0.0.1, or say --insecure.", address)
	}
	return nil
}

// checkBaseURL refuses what no link can begin with. The documentation page and the
// paths in answers begin at the root of a host, so the address has no path.
func checkBaseURL(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return outturn.Errorf(outturn.CodeInvalid, "%q is no address where clients reach the server. Write it like https://reports.example.com, without a path.", base)
	}
	return nil
}

// How long a client may take to send its request. What it is sent, such as a file,
// may take as long as it does.
const (
	headerTime  = 10 * time.Second
	requestTime = 30 * time.Second // with its body, also one that nobody reads
)

// mostHeader is how long the header of a request may be.
const mostHeader = 64 << 10

// newHTTPServer holds no connection for those who send slowly, or nothing. A TLS
// handshake may take as long as a header.
func newHTTPServer(h http.Handler, c Config) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true, // h answers all
		ReadHeaderTimeout:            headerTime,
		ReadTimeout:                  requestTime,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               mostHeader,
		ErrorLog:                     slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100,
			SendPingTimeout:      30 * time.Second, // to one that is silent
			PingTimeout:          15 * time.Second,
			WriteByteTimeout:     c.Stall,
		},
	}
}

// mostScrapers is how many connections /metrics has.
const mostScrapers = 32

// atMost is l with no more than n connections at once: who comes then waits until
// one ends.
func atMost(l net.Listener, n int, log *slog.Logger) net.Listener {
	return &limited{Listener: l, log: log, places: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	log    *slog.Logger
	places chan struct{} // one is in it for each connection
	closed chan struct{}
	once   sync.Once
	told   time.Time // when it was said last that all places are taken
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	default:
		if now := time.Now(); now.Sub(l.told) > time.Minute {
			l.told = now
			l.log.Warn("as many clients are connected as may be; others wait", "connections", cap(l.places))
		}
		select {
		case l.places <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// placed is a connection that has one of the places.
type placed struct {
	net.Conn
	leave func()
}

func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// ReadFrom lets the system copy a file to the connection by itself.
func (c *placed) ReadFrom(src io.Reader) (int64, error) {
	return io.Copy(c.Conn, src)
}

// CloseWrite lets net/http say that no more comes, so that a client reads an answer
// before its connection is reset.
func (c *placed) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// listen listens at the address that a flag says.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, outturn.Errorf(outturn.CodeConflict, "Something listens at %s already. Choose another address with %s, such as 127.0.0.1:0 for any free port.", address, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, outturn.Errorf(outturn.CodeConflict, "You may not listen at %s: ports below 1024 are the system's.", address)
	case err != nil:
		return nil, outturn.Errorf(outturn.CodeInvalid, "One cannot listen at %s here: %w.", address, err)
	}
	return l, nil
}
