package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"outturn"
	"outturn/internal/auth"
)

// A key is under what the context of a request keeps something.
type key int

const (
	keyPrincipal key = iota
	keyRequest
)

func principalOf(ctx context.Context) outturn.Principal {
	p, _ := ctx.Value(keyPrincipal).(outturn.Principal)
	return p
}

// A request is what is known of one from outside its handler.
type request struct {
	id        string
	origin    origin
	principal string
	run       string // which it was about, where its path does not say so

	schemas huma.Registry  // of the API that it came to
	misfits []problemFault // what its operation has no parameters for
}

func requestOf(ctx context.Context) *request {
	if r, ok := ctx.Value(keyRequest).(*request); ok {
		return r
	}
	return &request{}
}

func requestID(ctx context.Context) string { return requestOf(ctx).id }

// authenticate finds out who asks, where the operation wants to know.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	r := requestOf(ctx.Context())
	r.misfits = unknownParameters(ctx)
	if !accepts(ctx) {
		a.refuse(ctx, newProblem(http.StatusNotAcceptable, codes[http.StatusNotAcceptable], "The answer is application/json, which Accept does not permit."))
		return
	}
	if len(ctx.Operation().Security) == 0 {
		next(ctx)
		return
	}
	shown, err := a.credentialOf(ctx)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	p, err := a.Auth.Authenticate(ctx.Context(), shown)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	r.principal = p.Subject
	quota, err := a.Service.Admit(ctx.Context(), p)
	tellQuota(ctx, quota)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(huma.WithValue(ctx, keyPrincipal, p))
}

// credentialOf is what of a request says who sends it. A form is read for it, as a
// signature covers what it has, and is there again for the operation.
func (a *API) credentialOf(ctx huma.Context) (auth.Request, error) {
	known := requestOf(ctx.Context())
	r, _ := humago.Unwrap(ctx)
	scheme, host := a.calledAs(known.origin)
	shown := auth.Request{
		Method: r.Method, Scheme: scheme, Host: host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Header: r.Header, From: known.origin.address, ID: known.id,
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/x-www-form-urlencoded" {
		return shown, nil
	}
	form, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, mostBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return shown, newProblem(http.StatusRequestEntityTooLarge, codes[http.StatusRequestEntityTooLarge], "The body is larger than 1 MiB, which is the most that is taken.")
	}
	if err != nil {
		return shown, newProblem(http.StatusBadRequest, codes[http.StatusBadRequest], "The body could not be read: it was cut off.")
	}
	shown.Form, r.Body = string(form), io.NopCloser(bytes.NewReader(form))
	return shown, nil
}

// calledAs returns scheme and host as a client has to call them.
func (a *API) calledAs(o origin) (scheme, host string) {
	if u, err := url.Parse(a.BaseURL); err == nil && u.Host != "" {
		return u.Scheme, u.Host
	}
	return o.scheme, o.host
}

// refuse answers before the operation is reached.
func (a *API) refuse(ctx huma.Context, err error) {
	p := a.problem(ctx.Context(), err)
	for name := range p.header {
		ctx.SetHeader(name, p.header.Get(name))
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	_ = jsonFormat.Marshal(ctx.BodyWriter(), p) // whoever is gone needs no answer
}

// accepts says whether a client takes the JSON that the operation answers with. What
// else there is, files and events, comes to everybody who asks for it.
func accepts(ctx huma.Context) bool {
	success := ctx.Operation().Responses[strconv.Itoa(ctx.Operation().DefaultStatus)]
	accept := ctx.Header("Accept")
	if accept == "" || success == nil || success.Content["application/json"] == nil {
		return true
	}
	for media := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(media, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "*/*", "application/*", "application/json":
			if q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); !ok || strings.Trim(q, "0.") != "" {
				return true
			}
		}
	}
	return false
}

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

// mostTime is how long a request may take that is no download and no watch.
const mostTime = time.Minute

// middleware is around all routes: an id for each request, headers that protect,
// one line in the log, and an answer whatever happens.
func (a *API) middleware(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &request{id: r.Header.Get("X-Request-Id"), origin: a.Proxies.origin(r), schemas: a.huma.OpenAPI().Components.Schemas}
		if !saneID(req.id) {
			req.id = outturn.NewID(time.Now())
		}
		rec := &recorder{ResponseWriter: w, stall: a.Stall}
		h := w.Header()
		h.Set("X-Request-Id", req.id)
		Protect(h)
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		ctx := context.WithValue(r.Context(), keyRequest, req)
		if !isLong(r.URL.Path) {
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
				a.Log.Error("request panicked", "request", req.id, "fault", fault, "stack", string(debug.Stack()))
				if rec.status == 0 {
					writeProblem(rec, r, http.StatusInternalServerError, "Internal error.")
				}
			}
			log := a.Log.With("request", req.id)
			if run := runOf(req, r, h); run != "" {
				log = log.With("run", run)
			}
			log.Info("request", "method", r.Method, "route", r.Pattern, "status", rec.status,
				"bytes", rec.bytes, "took", time.Since(started).Round(time.Microsecond).String(), "who", req.principal, "from", req.origin.address)
		}()
		if !saneHost(req.origin.host) { // it would stand in links
			writeProblem(rec, r, http.StatusBadRequest, "The Host of the request is the name of no host.")
			return
		}
		a.route(mux, rec, r)
	})
}

// route serves r. What no route is for is answered like all else that is refused.
func (a *API) route(mux *http.ServeMux, w *recorder, r *http.Request) {
	if _, pattern := mux.Handler(r); pattern != "" {
		mux.ServeHTTP(w, r)
		return
	}
	unserved := &headerOnly{header: http.Header{}}
	mux.ServeHTTP(unserved, r)
	if unserved.status == http.StatusMethodNotAllowed {
		allow := unserved.header.Get("Allow")
		w.Header().Set("Allow", allow)
		writeProblem(w, r, unserved.status, r.Method+" is not for this path; "+allow+" is.")
		return
	}
	writeProblem(w, r, http.StatusNotFound, "There is no such path. /docs shows those that there are.")
}

// isLong says of a path that what is there may take as long as it does.
func isLong(path string) bool {
	return strings.HasPrefix(path, "/f/") || strings.HasPrefix(path, "/v1/") && (strings.HasSuffix(path, "/content") || strings.HasSuffix(path, "/events") && path != "/v1/events")
}

// runOf says for the log which run a request made or was about; "" is none.
func runOf(req *request, r *http.Request, answer http.Header) string {
	if made, ok := strings.CutPrefix(answer.Get("Location"), "/v1/runs/"); ok {
		return made
	}
	if id := r.PathValue("id"); strings.HasPrefix(r.URL.Path, "/v1/runs/") && len(id) <= outturn.IDLength {
		return id
	}
	return req.run
}

// saneID says whether a client's id of a request may stand in our log.
func saneID(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// headerOnly takes an answer for its head.
type headerOnly struct {
	header http.Header
	status int
}

func (w *headerOnly) Header() http.Header         { return w.header }
func (w *headerOnly) WriteHeader(status int)      { w.status = status }
func (w *headerOnly) Write(p []byte) (int, error) { return len(p), nil }
