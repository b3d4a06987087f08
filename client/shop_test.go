package client_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// shop is a server over sample data, and a client's credentials there; for all tests
// of this package.
var shop struct {
	*servertest.Local
	tenant outturn.Tenant
	cred   servertest.Credential
	admin  servertest.Credential // of the same tenant
}

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "50") // what the tests do most is wait, as the client does between two tries
	status, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func testMain(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "outturn-client-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	ctx := context.Background()
	if shop.Local, err = servertest.Serve(ctx, folder, server.Config{Drain: time.Millisecond}); err != nil {
		return 1, err
	}
	if shop.tenant, err = shop.AddTenant(ctx, "Northwind", "1000003"); err != nil {
		return 1, err
	}
	if shop.cred, err = shop.AddClient(ctx, shop.tenant.ID, outturn.RoleManager); err != nil {
		return 1, err
	}
	if shop.admin, err = shop.AddClient(ctx, shop.tenant.ID, outturn.RoleAdmin); err != nil {
		return 1, err
	}
	status := m.Run()
	return status, shop.Close()
}

// newClient returns the shop's client at an address.
func newClient(t testing.TB, address string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{
		URL: address, ClientID: shop.cred.ID, ClientSecret: shop.cred.Secret,
		HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A proxy stands between a client and the shop, and spoils what it is told to.
type proxy struct {
	*httptest.Server
	// spoil sees each request before the shop does, and how many like it came before
	// (from 0). It answers itself, or returns a way to deliver the shop's answer; nil
	// delivers it as it is.
	spoil func(w http.ResponseWriter, r *http.Request, before int) (done bool, through http.ResponseWriter)

	mu   sync.Mutex
	seen map[string][]http.Header // of requests, by method and path
}

// through starts a proxy that spoils the requests of a method to paths that have a
// suffix.
func through(t testing.TB, spoil func(w http.ResponseWriter, r *http.Request, before int) (bool, http.ResponseWriter)) *proxy {
	t.Helper()
	target, err := url.Parse(shop.URL())
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{spoil: spoil, seen: map[string][]http.Header{}}
	to := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		key := r.Method + " " + r.URL.Path
		before := len(p.seen[key])
		p.seen[key] = append(p.seen[key], r.Header.Clone())
		p.mu.Unlock()
		done, spoilt := p.spoil(w, r, before)
		if spoilt != nil {
			w = spoilt
		}
		if !done {
			to.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// requests returns the headers of the requests of a method to a path.
func (p *proxy) requests(method, path string) []http.Header {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[method+" "+path]
}

// reset ends the connection as a host that crashes does.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// A lost answer is one that its server gave and nobody heard: the connection ends
// after some of its bytes.
type lost struct {
	http.ResponseWriter
	after int
}

// WriteHeader loses even that when no byte is to come.
func (w *lost) WriteHeader(status int) {
	if w.after == 0 || status == http.StatusNoContent {
		panic(http.ErrAbortHandler)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *lost) Write(p []byte) (int, error) {
	if len(p) < w.after {
		w.after -= len(p)
		return w.ResponseWriter.Write(p)
	}
	_, _ = w.ResponseWriter.Write(p[:w.after])
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// Unwrap is for http.ResponseController.
func (w *lost) Unwrap() http.ResponseWriter { return w.ResponseWriter }
