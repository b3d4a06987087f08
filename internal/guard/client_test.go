package guard_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"outturn/internal/guard"
)

// TestClient calls servers that behave in every way, with a guard that may reach them.
func TestClient(t *testing.T) {
	stranger := newListener(t, "127.0.0.2:0")
	proxy := newListener(t, "127.0.0.2:0")
	t.Setenv("HTTP_PROXY", "http://"+proxy.addr.String())
	t.Setenv("HTTPS_PROXY", "http://"+proxy.addr.String())
	t.Setenv("ALL_PROXY", "http://"+proxy.addr.String())

	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) })
	hang := func(r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Connection"), r.Header.Get("Cookie"), r.Header.Get("Accept-Encoding"))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://"+stranger.addr.String())
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/limit", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 1000)) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 1001)) })
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 100<<10)) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { hang(r) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "secret")
		_ = http.NewResponseController(w).Flush()
		hang(r)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "secret")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	secured := httptest.NewUnstartedServer(mux)
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	old := httptest.NewUnstartedServer(mux)
	old.Config.ErrorLog = secured.Config.ErrorLog
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secured.Certificate())

	dns := newDNS(t)
	dns.always(netip.MustParseAddr("127.0.0.1"))
	g := newGuard(t, guard.Config{
		Resolver: dns.resolver(),
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowHTTP: true,
		RootCAs: roots, Timeout: time.Second, MaxBytes: 1000,
	})
	stern := newGuard(t, guard.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	closed := newListener(t, "127.0.0.1:0").addr.String()
	tests := []struct {
		g      *guard.Guard
		url    string
		status int
		text   string
		class  guard.Class
	}{
		{g, server.URL + "/ok", 200, "close", ""},
		{g, secured.URL + "/ok", 200, "close", ""},
		{g, strings.Replace(server.URL, "127.0.0.1", "hooks.example.com", 1) + "/ok", 200, "close", ""}, // proxies are not asked for loopback
		{g, server.URL + "/status", 418, "", ""},
		{g, server.URL + "/redirect", 307, "", ""},
		{g, server.URL + "/limit", 200, strings.Repeat("x", 1000), ""},
		{g, server.URL + "/long", 200, strings.Repeat("x", 1000), guard.ClassTooLarge},
		{g, server.URL + "/header", 0, "", guard.ClassProtocol},
		{g, server.URL + "/hang", 0, "", guard.ClassTimeout},
		{g, server.URL + "/slow", 200, "secret", guard.ClassTimeout},
		{g, server.URL + "/cut", 200, "secret", guard.ClassProtocol},
		{g, "http://" + closed, 0, "", guard.ClassProtocol},
		{g, "http://" + unused(t), 0, "", guard.ClassConnect},
		{g, "http://127.0.0.2:" + stranger.port(), 0, "", guard.ClassRefused},
		{g, "http://user:pass@" + closed, 0, "", guard.ClassRefused},
		{g, strings.Replace(server.URL, "http:", "https:", 1), 0, "", guard.ClassTLS},
		{g, old.URL + "/ok", 0, "", guard.ClassTLS},
		{g, silent(t), 0, "", guard.ClassTimeout},
		{stern, secured.URL + "/ok", 0, "", guard.ClassTLS},
		{stern, server.URL + "/ok", 0, "", guard.ClassRefused},
	}
	for _, tt := range tests {
		status, text, begun := 0, "", time.Now()
		res, err := tt.g.Client().Get(tt.url)
		if err == nil {
			var all []byte
			status = res.StatusCode
			all, err = io.ReadAll(res.Body)
			text = string(all)
			res.Body.Close()
		}
		if status != tt.status || text != tt.text || class(err) != tt.class || (err == nil) != (tt.class == "") {
			t.Errorf("%s: %d %.20q %v, want %d %.20q %s", tt.url, status, text, err, tt.status, tt.text, tt.class)
		}
		var failed *guard.Error
		if errors.As(err, &failed) && (strings.Contains(failed.Error(), "127.") || strings.Contains(failed.Error(), "secret") || failed.Error() == "") {
			t.Errorf("%s: %q", tt.url, failed)
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("%s took %s", tt.url, took)
		}
	}
	if n := stranger.taken.Load() + proxy.taken.Load(); n != 0 {
		t.Errorf("%d connections to where nobody was to go", n)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/ok", http.NoBody)
	res, err := g.Client().Do(req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gave up: %v", err)
	}
	if err == nil {
		res.Body.Close()
	}
}

// unused is an address that nobody listens at.
func unused(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ln.Close()
	return ln.Addr().String()
}

// silent is the URL of a server that takes connections and never shakes hands.
func silent(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = bufio.NewReader(conn).WriteTo(io.Discard)
				conn.Close()
			}()
		}
	}()
	return "https://" + ln.Addr().String()
}
