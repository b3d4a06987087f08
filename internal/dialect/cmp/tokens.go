package cmp

import (
	"bytes"
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/edge"
	"outturn/internal/secret"
)

// POST /token and POST /auth/token (section 2.1)
func (a *API) createToken(w http.ResponseWriter, r *http.Request) error {
	text, err := edge.ReadBody(r)
	if err != nil {
		return err
	}
	var body tokenBody
	if text = bytes.TrimSpace(text); len(text) > 0 {
		if err := edge.ReadJSON(text, &body); err != nil {
			return outturn.Errorf(outturn.CodeInvalid, `The body cannot be read: %w. Leave it out, or send {"marketplace": "us"}.`, err)
		}
	}
	user, password, _ := r.BasicAuth()
	t, err := a.Gate.Auth.BasicToken(r.Context(), a.asks(r, user, password))
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, tokenAnswer{t.AccessToken.Reveal(), t.ExpiresIn})
	return nil
}

// asks is a request for a token by who calls.
func (a *API) asks(r *http.Request, user, password string) auth.BasicRequest {
	known := edge.RequestOf(r.Context())
	return auth.BasicRequest{
		Username: user, Password: secret.Text(password), SubscriptionKey: secret.Text(auth.SubscriptionKey(r.Header)),
		From: known.Origin.Address, ID: known.ID,
	}
}

// POST /auth/realms/{realm}/protocol/openid-connect/token (section 2.2). It is refused
// in the words of RFC 6749 section 5.2, with Keycloak's statuses.
func (a *API) grantToken(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, name, description string) {
		answer(w, status, grantRefusal{name, description})
	}
	form, err := formOf(r)
	if err != nil {
		refuse(http.StatusBadRequest, auth.InvalidRequest, err.Error())
		return
	}
	switch grant := form.Get("grant_type"); {
	case grant == "":
		refuse(http.StatusBadRequest, auth.InvalidRequest, "The parameter grant_type is missing. Send grant_type=password.")
		return
	case grant != "password":
		refuse(http.StatusBadRequest, auth.UnsupportedGrantType, "Only grant_type=password is supported here.")
		return
	case form.Get("username") == "" || form.Get("password") == "":
		refuse(http.StatusBadRequest, auth.InvalidRequest, "Send username and password.")
		return
	}
	asked := a.asks(r, form.Get("username"), form.Get("password"))
	if len(r.Header.Values(auth.SubscriptionHeader)) == 0 { // nobody has told Keycloak's clients of it
		_, password, _ := r.BasicAuth()
		asked.SubscriptionKey = secret.Text(cmp.Or(form.Get("client_secret"), password))
	}
	if asked.SubscriptionKey == "" {
		refuse(http.StatusUnauthorized, auth.InvalidClient, "Send the subscription key as X-Subscription-Key, once, or as client_secret.")
		return
	}
	t, err := a.Gate.Auth.BasicToken(r.Context(), asked)
	if err != nil {
		err = a.Gate.Tellable(r.Context(), err)
		switch outturn.ErrorCode(err) {
		case outturn.CodeUnauthenticated:
			refuse(http.StatusUnauthorized, invalidGrant, err.Error())
		case outturn.CodeForbidden:
			refuse(http.StatusBadRequest, auth.UnauthorizedClient, err.Error())
		case outturn.CodeLimit:
			w.Header().Set("Retry-After", strconv.FormatInt(retryAfter(err), 10))
			refuse(http.StatusTooManyRequests, auth.TooMany, err.Error())
		default:
			refuse(edge.Statuses[outturn.ErrorCode(err)], "server_error", err.Error())
		}
		return
	}
	w.Header().Set("Pragma", "no-cache") // RFC 6749 section 5.1
	granted := grantAnswer{AccessToken: t.AccessToken.Reveal(), ExpiresIn: t.ExpiresIn, TokenType: t.TokenType}
	if slices.Contains(strings.Fields(form.Get("scope")), "openid") {
		granted.Scope = "openid"
	}
	answer(w, http.StatusOK, granted)
}

// invalidGrant is of RFC 6749 section 5.2.
const invalidGrant = "invalid_grant"

var errNoForm = outturn.Errorf(outturn.CodeInvalid, "The body must be a form (application/x-www-form-urlencoded), with each parameter once.")

func formOf(r *http.Request) (url.Values, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	text, err := edge.ReadBody(r)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, errNoForm
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, errNoForm
		}
	}
	return form, nil
}
