package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
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
		return outturn.Errorf(outturn.CodeInvalid, "At %s others could reach the server, and what it says is not encrypted. Put a proxy with TLS before 127.0.0.1, or say --insecure.", address)
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

// listen listens at the address that a flag says.
// How long a client may take to send its request. What it is sent, such as a file,
// may take as long as it does.
const (
	headerTime  = 10 * time.Second
	requestTime = 30 * time.Second // with its body, also one that nobody reads
)

// newHTTPServer holds no connection for those who send slowly, or nothing.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

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
