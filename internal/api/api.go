// Package api is the native HTTP API: REST over JSON, described by OpenAPI 3.1 at
// /openapi.json and shown at /docs.
//
//	handler, err := api.New(api.Config{Service: reporting, Auth: tokens, Ready: check})
//
// Each file holds a resource and begins with its routes. A handler decodes, calls
// the use case of the same name in package reporting, and encodes; which HTTP status
// tells which error is one table in errors.go. docs/api.md is for those who call it.
package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"outturn"
	"outturn/internal/edge"
)

// Config says what the API stands on. Gate must be set.
type Config struct {
	Gate *edge.Gate
	// Ready reports why no requests should come now; nil: never.
	Ready   func(context.Context) error
	Version string
}

// An API serves the routes.
type API struct {
	*edge.Gate
	ready func(context.Context) error
	built string // the version of Outturn
	huma  huma.API
}

const description = `Every reseller and customer gets their own numbers as files. A program makes a **run** of a **data set** over a
window of time, watches it, and downloads its **files**; what it may see is its tenant and all below.

Get a token with OAuth 2 client credentials at ` + "`POST /oauth2/token`" + `, and send it as ` + "`Authorization: Bearer …`" + `. Programs that speak to
CMP get theirs at ` + "`POST /token`" + `; others sign each request (OAuth 1.0a), or send an API key or the two keys of Zuora with it.
Whatever is refused is answered with problem details (RFC 9457): ` + "`code`" + ` is stable, and ` + "`errors`" + ` names every field that is wrong.`

// New returns the handler of all routes.
func New(c Config) (http.Handler, error) {
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	mux := http.NewServeMux()
	a := &API{Gate: c.Gate, ready: c.Ready, built: c.Version, huma: humago.New(mux, config(c.Version))}
	a.huma.UseMiddleware(a.authenticate)
	a.registerTokens()
	a.registerDatasets()
	a.registerViews()
	a.registerRuns()
	a.registerGenerators()
	a.registerWebhooks()
	a.registerDeliveries()
	a.registerFiles()
	a.registerPostEvents()
	a.registerTenants()
	a.registerClients()
	a.registerAudit()
	a.registerUsage()
	a.registerHealth()
	if err := a.registerDocs(mux); err != nil {
		return nil, err
	}
	return a.middleware(mux), nil
}

func config(version string) huma.Config {
	c := huma.DefaultConfig("Outturn", version)
	c.Info.Description = description
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", "" // see registerDocs
	c.CreateHooks = nil                                   // no $schema in answers
	c.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	c.Components.SecuritySchemes = schemes
	return c
}

// schemes are the ways to say who one is. HTTP Basic is for the token
// endpoint.
var schemes = map[string]*huma.SecurityScheme{
	"oauth2": {Type: "oauth2", Flows: &huma.OAuthFlows{
		ClientCredentials: &huma.OAuthFlow{TokenURL: "/oauth2/token", Scopes: map[string]string{}},
	}},
	"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A token of /oauth2/token, or of CMP's /token."},
	"oauth1": {Type: "http", Scheme: "OAuth", Description: "A signature of the request by OAuth 1.0a (RFC 5849) without a token: HMAC-SHA1 or HMAC-SHA256."},
	"apiKey": {Type: "apiKey", In: "header", Name: "Authorization", Description: "ApiKey SU-000-000-000:secret, as it was given out."},
	"zuoraKeyId": {
		Type: "apiKey", In: "header", Name: "apiAccessKeyId", Description: "Together with zuoraSecretKey.",
	},
	"zuoraSecretKey": {Type: "apiKey", In: "header", Name: "apiSecretAccessKey", Description: "Together with zuoraKeyId."},
	"basic":          {Type: "http", Scheme: "basic", Description: "For /oauth2/token."},
}

// anyScheme is what an operation asks for: one of these.
var anyScheme = []map[string][]string{{"oauth2": {}}, {"bearer": {}}, {"oauth1": {}}, {"apiKey": {}}, {"zuoraKeyId": {}, "zuoraSecretKey": {}}}

// A route is what an operation is registered with, in each file's table.
type route struct {
	id, method, path string
	summary          string
	about            string   // more than the summary, where there is more
	status           int      // of success; 0 is 200
	errors           []int    // beside those that all have
	tags             []string // one
	open             bool     // nobody needs to say who they are
}

func (r route) operation() huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, Summary: r.summary, Description: r.about, DefaultStatus: r.status, Tags: r.tags,
		MaxBodyBytes: edge.MostBody + 1, // huma refuses a body that is as long as this
		Errors:       append([]int{http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}, r.errors...),
	}
	if !r.open {
		op.Security = anyScheme
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	return op
}

// handle registers a route.
func handle[I, O any](a *API, r route, handler func(context.Context, outturn.Principal, *I) (*O, error)) {
	op := r.operation()
	if _, answers := reflect.TypeFor[O]().FieldByName("Body"); answers {
		op.Errors = append(op.Errors, http.StatusNotAcceptable)
	}
	register(a, op, func(ctx context.Context, in *I) (*O, error) { return handler(ctx, principalOf(ctx), in) })
}

// register registers an operation. What its handler refuses becomes a problem, or
// stays what else it is that has a status.
func register[I, O any](a *API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	if _, reads := reflect.TypeFor[I]().FieldByName("Body"); reads {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		err := unfit(ctx)
		if err == nil {
			var out *O
			if out, err = handler(ctx, in); err == nil {
				return out, nil
			}
		}
		var dressed huma.StatusError
		if errors.As(err, &dressed) && !errors.As(err, new(*problem)) {
			return nil, err
		}
		return nil, a.problem(ctx, err)
	})
}

// A body is an answer that is JSON and no more.
type body[T any] struct{ Body T }
