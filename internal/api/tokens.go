package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/edge"
	"outturn/internal/secret"
)

func (a *API) registerTokens() {
	op := route{id: createToken, method: http.MethodPost, path: "/oauth2/token", tags: []string{"Tokens"}, open: true,
		summary: "Exchange client credentials for an access token"}.operation()
	op.Description = "OAuth 2 client credentials (RFC 6749 section 4.4): a form with `grant_type=client_credentials`, and the client's id and " +
		"secret by HTTP Basic or as `client_id` and `client_secret` in the form. Refusals are those of RFC 6749 section 5.2."
	op.Errors = []int{http.StatusNotAcceptable, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
	op.Responses = map[string]*huma.Response{}
	refusal := a.huma.OpenAPI().Components.Schemas.Schema(typeOf[tokenRefusal](), true, "")
	for _, status := range []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests,
	} {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{"application/json": {Schema: refusal}}}
	}
	register(a, op, a.createToken)
	// The handler reads the form itself; huma describes it as bytes.
	a.huma.OpenAPI().Paths["/oauth2/token"].Post.RequestBody.Content["application/x-www-form-urlencoded"].Schema = &huma.Schema{
		Type: huma.TypeObject, Required: []string{"grant_type"}, Properties: map[string]*huma.Schema{
			"grant_type":    {Type: huma.TypeString, Enum: []any{"client_credentials"}},
			"client_id":     {Type: huma.TypeString},
			"client_secret": {Type: huma.TypeString},
			"scope":         {Type: huma.TypeString, Description: "One role, no higher than the client's."},
		},
	}

	handle(a, route{id: "listTokenKeys", method: http.MethodGet, path: "/.well-known/jwks.json", tags: []string{"Tokens"}, open: true,
		summary: "The public keys that access tokens can be checked with (RFC 7517)"}, a.listTokenKeys)
}

// createToken is the operation that speaks as RFC 6749 has it.
const createToken = "createToken"

type tokenInput struct {
	Authorization string `header:"Authorization" hidden:"true"`
	Subscription  string `header:"X-Subscription-Key" hidden:"true"`
	ContentType   string `header:"Content-Type" hidden:"true"`
	RawBody       []byte `contentType:"application/x-www-form-urlencoded"`
}

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in" doc:"Seconds."`
	Scope       string `json:"scope,omitempty"`
}

// A tokenRefusal is the error of RFC 6749 section 5.2.
type tokenRefusal struct {
	Name        string `json:"error"`
	Description string `json:"error_description"`

	status int
	header http.Header
}

func (r *tokenRefusal) Error() string           { return r.Description }
func (r *tokenRefusal) GetStatus() int          { return r.status }
func (r *tokenRefusal) GetHeaders() http.Header { return r.header }

// POST /oauth2/token
func (a *API) createToken(ctx context.Context, in *tokenInput) (*body[tokenAnswer], error) {
	form, err := url.ParseQuery(string(in.RawBody))
	if err != nil || !strings.HasPrefix(in.ContentType, "application/x-www-form-urlencoded") {
		return nil, &tokenRefusal{Name: auth.InvalidRequest, Description: "The body must be a form (application/x-www-form-urlencoded).", status: http.StatusBadRequest}
	}
	r := auth.TokenRequest{
		GrantType: form.Get("grant_type"), Scope: form.Get("scope"), SubscriptionKey: secret.Text(in.Subscription),
		ClientID: form.Get("client_id"), Secret: secret.Text(form.Get("client_secret")),
		From: requestOf(ctx).Origin.Address, Request: requestID(ctx),
	}
	if in.Authorization != "" {
		basic := http.Request{Header: http.Header{"Authorization": {in.Authorization}}}
		id, password, ok := basic.BasicAuth()
		if !ok || r.ClientID != "" && r.ClientID != id || r.Secret != "" {
			return nil, &tokenRefusal{Name: auth.InvalidRequest, Description: "Send the client's id and secret once: by HTTP Basic, or in the form.", status: http.StatusBadRequest}
		}
		r.ClientID, r.Secret = formDecoded(id), secret.Text(formDecoded(password))
	}
	t, err := a.Auth.Token(ctx, r)
	if err != nil {
		return nil, refuseToken(err)
	}
	return &body[tokenAnswer]{tokenAnswer{t.AccessToken.Reveal(), t.TokenType, t.ExpiresIn, t.Scope}}, nil
}

// formDecoded undoes what RFC 6749 section 2.3.1 has clients do to the parts of
// HTTP Basic, and many do not.
func formDecoded(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

func refuseToken(err error) error {
	var refused *auth.TokenError
	if !errors.As(err, &refused) {
		return err
	}
	r := &tokenRefusal{Name: refused.Name, Description: refused.Err.Message, status: http.StatusBadRequest, header: http.Header{}}
	switch refused.Err.Code {
	case outturn.CodeUnauthenticated:
		r.status = http.StatusUnauthorized
		r.header.Set("WWW-Authenticate", `Basic realm="outturn"`)
	case outturn.CodeLimit:
		r.status = http.StatusTooManyRequests
		r.header.Set("Retry-After", strconv.FormatInt(max(edge.Seconds(refused.RetryAfter), 1), 10))
	}
	return r
}

// GET /.well-known/jwks.json
func (a *API) listTokenKeys(ctx context.Context, _ outturn.Principal, _ *struct{}) (*body[json.RawMessage], error) {
	keys, err := a.Auth.JWKS(ctx)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(keys)
	return &body[json.RawMessage]{text}, err
}
