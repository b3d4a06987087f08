// Package edge is what every HTTP edge shares, whatever words it speaks: who calls and
// from where, an id for each request, headers that protect, a bound on its time, one line
// in the log, and an answer whatever happens.
//
//	gate, err := edge.New(edge.Config{Service: reporting, Auth: tokens, Proxies: proxies})
//	handler := gate.Wrap(mux, refuse, nil)   // refuse answers in the edge's own words
//
//	p, err := gate.Caller(w, r)              // in a handler: who asks, or why not
package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/reporting"
)

// Config says what a Gate stands on. Service and Auth must be set.
type Config struct {
	Service *reporting.Service
	Auth    *auth.Service
	// BaseURL is how clients reach the server, for links; "" is what each has called.
	BaseURL string
	// Proxies are who may say whom a request comes from and what it called.
	Proxies Proxies
	// Stall is how long a client may read nothing of an answer; 0 is two minutes.
	Stall time.Duration
	Log   *slog.Logger
}

// A Gate is what all edges of a server come through.
type Gate struct{ Config }

// New makes a Gate.
func New(c Config) (*Gate, error) {
	if c.Service == nil || c.Auth == nil {
		return nil, errors.New("edge: the use cases and the credentials are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Stall <= 0 {
		c.Stall = 2 * time.Minute
	}
	return &Gate{c}, nil
}

// A Request is what is known of one from outside its handler.
type Request struct {
	ID        string
	Origin    Origin
	Principal string // the subject of who asks, once that is known
	Run       string // which run it made or was about, for the log
	Route     string // the pattern that it fits
	// Transaction is what the client calls all that it is doing at the time, for the log;
	// Note sets it.
	Transaction string
}

// Note keeps a client's name for what it is doing, where that may stand in our log.
func (r *Request) Note(transaction string) {
	if saneID(transaction) {
		r.Transaction = transaction
	}
}

type contextKey struct{}

// RequestOf returns what is known of the request of a context that comes from Wrap.
func RequestOf(ctx context.Context) *Request {
	if r, ok := ctx.Value(contextKey{}).(*Request); ok {
		return r
	}
	return &Request{}
}

// A Refuser answers a request that is refused before its handler is reached, in the
// words of its edge. The message is a whole sentence.
type Refuser func(w http.ResponseWriter, r *http.Request, status int, message string)

// mostTime is how long a request may take that is no download and no watch.
const mostTime = time.Minute

// Wrap is around all routes of an edge. isLong says of a path that what is there may
// take as long as it does; nil is none.
func (g *Gate) Wrap(next http.Handler, refuse Refuser, isLong func(path string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &Request{ID: r.Header.Get("X-Request-Id"), Origin: g.Proxies.origin(r)}
		if !saneID(req.ID) {
			req.ID = outturn.NewID(time.Now())
		}
		rec := &recorder{ResponseWriter: w, stall: g.Stall}
		h := w.Header()
		h.Set("X-Request-Id", req.ID)
		Protect(h)
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		ctx := context.WithValue(r.Context(), contextKey{}, req)
		if isLong == nil || !isLong(r.URL.Path) {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, mostTime)
			defer cancel()
		}
		r = r.WithContext(ctx)
		started := time.Now()
		defer func() {
			if fault := recover(); fault != nil {
				if fault == http.ErrAbortHandler {
					panic(fault)
				}
				g.Log.Error("request panicked", "request", req.ID, "fault", fault, "stack", string(debug.Stack()))
				if rec.status == 0 {
					refuse(rec, r, http.StatusInternalServerError, "Internal error.")
				}
			}
			log := g.Log.With("request", req.ID)
			if req.Run != "" {
				log = log.With("run", req.Run)
			}
			if req.Transaction != "" {
				log = log.With("transaction", req.Transaction)
			}
			log.Info("request", "method", r.Method, "route", req.Route, "status", rec.status,
				"bytes", rec.bytes, "took", time.Since(started).Round(time.Microsecond).String(), "who", req.Principal, "from", req.Origin.Address)
		}()
		if !saneHost(req.Origin.Host) { // it would stand in links
			refuse(rec, r, http.StatusBadRequest, "The Host of the request is the name of no host.")
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// Route serves r by mux. What no route is for is refused like all else.
func Route(mux *http.ServeMux, w http.ResponseWriter, r *http.Request, refuse Refuser) {
	if _, pattern := mux.Handler(r); pattern != "" {
		defer func() { RequestOf(r.Context()).Route = r.Pattern }() // also where it panics
		mux.ServeHTTP(w, r)
		return
	}
	unserved := &headerOnly{header: http.Header{}}
	mux.ServeHTTP(unserved, r)
	if unserved.status == http.StatusMethodNotAllowed {
		allow := unserved.header.Get("Allow")
		w.Header().Set("Allow", allow)
		refuse(w, r, unserved.status, r.Method+" is not for this path; "+allow+" is.")
		return
	}
	refuse(w, r, http.StatusNotFound, "There is no such path.")
}

// headerOnly takes an answer for its head.
type headerOnly struct {
	header http.Header
	status int
}

func (w *headerOnly) Header() http.Header         { return w.header }
func (w *headerOnly) WriteHeader(status int)      { w.status = status }
func (w *headerOnly) Write(p []byte) (int, error) { return len(p), nil }

// Protect sets what every answer tells browsers: to take it for what it says it is,
// to show it in no frame, to run nothing in it, to keep it nowhere, and to tell nobody
// where a link was found. A script of another site may read none of it, as nothing
// permits that.
func Protect(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
}

// saneID says whether a client's id of a request may stand in our log.
func saneID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Base is what links begin with for whoever made a request: no slash at the end.
func (g *Gate) Base(ctx context.Context) string {
	if g.BaseURL != "" {
		return g.BaseURL
	}
	o := RequestOf(ctx).Origin
	return o.Scheme + "://" + o.Host
}

// calledAs returns scheme and host as a client has to call them.
func (g *Gate) calledAs(o Origin) (scheme, host string) {
	if u, err := url.Parse(g.BaseURL); err == nil && u.Host != "" {
		return u.Scheme, u.Host
	}
	return o.Scheme, o.Host
}
