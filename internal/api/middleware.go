package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"outturn"
	"outturn/internal/edge"
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
	*edge.Request

	schemas huma.Registry  // of the API that it came to
	misfits []problemFault // what its operation has no parameters for
}

func requestOf(ctx context.Context) *request {
	if r, ok := ctx.Value(keyRequest).(*request); ok {
		return r
	}
	return &request{Request: edge.RequestOf(ctx)}
}

func requestID(ctx context.Context) string { return requestOf(ctx).ID }

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
	from, w := humago.Unwrap(ctx)
	p, err := a.Gate.Caller(w, from)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(huma.WithValue(ctx, keyPrincipal, p))
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

// middleware is around all routes.
func (a *API) middleware(mux *http.ServeMux) http.Handler {
	return a.Gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &request{Request: edge.RequestOf(r.Context()), schemas: a.huma.OpenAPI().Components.Schemas}
		r = r.WithContext(context.WithValue(r.Context(), keyRequest, req))
		defer func() { noteRun(req, r, w.Header()) }()
		edge.Route(mux, w, r, writeProblem)
	}), writeProblem, isLong)
}

// isLong says of a path that what is there may take as long as it does.
func isLong(path string) bool {
	return strings.HasPrefix(path, "/f/") || strings.HasPrefix(path, "/v1/") && (strings.HasSuffix(path, "/content") || strings.HasSuffix(path, "/events") && path != "/v1/events")
}

// noteRun notes for the log which run a request made or was about.
func noteRun(req *request, r *http.Request, answer http.Header) {
	if made, ok := strings.CutPrefix(answer.Get("Location"), "/v1/runs/"); ok {
		req.Run = made
	} else if id := r.PathValue("id"); strings.HasPrefix(r.URL.Path, "/v1/runs/") && len(id) <= outturn.IDLength {
		req.Run = id
	}
}
