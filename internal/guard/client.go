package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// Client returns the HTTP client that calls by way of the Guard. It follows no
// redirect, asks no proxy, keeps no cookie, and makes a connection for each call, since
// a connection that was kept would be one that is not checked again. Answers are not
// unpacked. All errors, also those of reading an answer's body, hold an *Error, but
// for the end of the caller's own context.
func (g *Guard) Client() *http.Client { return g.client }

func (g *Guard) newClient() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &transport{g: g, next: &http.Transport{
			DialContext:            g.DialContext,
			DialTLSContext:         g.dialTLS,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: mostHeader,
		}},
	}
}

func (g *Guard) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := g.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(addr) // DialContext has split it
	secured := tls.Client(conn, &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: strings.TrimSuffix(host, "."),
		RootCAs:    g.RootCAs,
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, failed(ctx, err, ClassTLS)
	}
	return secured, nil
}

// transport puts a call under its deadline and its errors into our words.
type transport struct {
	g    *Guard
	next http.RoundTripper
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	// A URL may have been saved under other settings.
	if err := t.g.check(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, fail(ClassRefused)
	}
	ctx, cancel := context.WithTimeout(req.Context(), t.g.Timeout)
	res, err := t.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		err = failed(ctx, err, ClassProtocol)
		cancel()
		return nil, err
	}
	res.Body = &body{ctx: ctx, cancel: cancel, from: res.Body, left: t.g.MaxBytes}
	return res, nil
}

// body reads an answer up to the limit.
type body struct {
	ctx    context.Context
	cancel context.CancelFunc
	from   io.ReadCloser
	left   int64
}

func (b *body) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than may be, to see that there is more
	}
	n, err := b.from.Read(p)
	if int64(n) > b.left {
		n, b.left = int(b.left), 0
		return n, fail(ClassTooLarge)
	}
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		err = failed(b.ctx, err, ClassProtocol)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel()
	return b.from.Close()
}

// failed is an error of a step as an *Error: of the step's class unless it is one
// already, or the time is over. That the caller has given up stays what it is.
func failed(ctx context.Context, err error, step Class) error {
	var known *Error
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fail(ClassTimeout)
	}
	return fail(step)
}
