package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"outturn"
	"outturn/internal/secret"
)

// A TokenRequest is the request of RFC 6749 section 4.4.2, wherever in it the edge
// found the client's id and secret.
type TokenRequest struct {
	GrantType string
	ClientID  string
	Secret    secret.Text
	Scope     string // a role not above the client's; "" is the client's own
	// SubscriptionKey is sent by clients that belong to BasicToken.
	SubscriptionKey secret.Text

	From, Request string // the caller's address and the id of its call
}

// A TokenResponse is the response of RFC 6749 section 5.1. Its access token is
// revealed only where it is written to the client.
type TokenResponse struct {
	AccessToken secret.Text
	TokenType   string
	ExpiresIn   int64 // seconds
	Scope       string
}

// A TokenError is the error of RFC 6749 section 5.2.
type TokenError struct {
	Name       string        // what stands in "error"
	RetryAfter time.Duration // where waiting helps
	Err        *outturn.Error
}

func (e *TokenError) Error() string { return e.Err.Error() }

// Unwrap returns the Error that says it in Outturn's words.
func (e *TokenError) Unwrap() error { return e.Err }

// Names of errors.
const (
	InvalidRequest       = "invalid_request"
	InvalidClient        = "invalid_client"
	InvalidScope         = "invalid_scope"
	UnsupportedGrantType = "unsupported_grant_type"
	UnauthorizedClient   = "unauthorized_client"
	// TooMany is of section 4.1.2.1: section 5.2 has none for it.
	TooMany = "temporarily_unavailable"
)

func tokenError(name string, code outturn.Code, format string, args ...any) *TokenError {
	return &TokenError{Name: name, Err: outturn.Errorf(code, format, args...)}
}

// mostID is more than the id of a client has.
const mostID = 255

// Token exchanges a client's id and secret for an access token. Refusals are
// TokenErrors.
func (s *Service) Token(ctx context.Context, r TokenRequest) (TokenResponse, error) {
	switch r.GrantType {
	case "client_credentials":
	case "":
		return TokenResponse{}, tokenError(InvalidRequest, outturn.CodeInvalid, "The parameter grant_type is missing. Send grant_type=client_credentials.")
	default:
		return TokenResponse{}, tokenError(UnsupportedGrantType, outturn.CodeInvalid, "Only grant_type=client_credentials is supported.")
	}
	if r.ClientID == "" || r.Secret == "" || len(r.ClientID) > mostID {
		return TokenResponse{}, tokenError(InvalidClient, outturn.CodeUnauthenticated, "Send the client's id and secret, with HTTP Basic authentication or as client_id and client_secret.")
	}
	if wait := s.throttle.wait(r.ClientID, r.From, s.config.Now()); wait > 0 {
		return TokenResponse{}, &TokenError{Name: TooMany, RetryAfter: wait, Err: tooMany(wait)}
	}
	client, held, err := s.prove(ctx, r.ClientID, s.holds(r.Secret, r.SubscriptionKey), s.freshClient)
	if err != nil {
		return TokenResponse{}, err
	}
	if !held {
		s.throttle.failed(r.ClientID, r.From, s.config.Now())
		return TokenResponse{}, s.refuseToken(ctx, r, client, tokenError(InvalidClient, outturn.CodeUnauthenticated, "The client's id or secret is wrong, or the client was revoked."))
	}
	if client.Kind != outturn.ClientOAuth2 && client.Kind != outturn.ClientZuora {
		return TokenResponse{}, s.refuseToken(ctx, r, client, tokenError(UnauthorizedClient, outturn.CodeInvalid, "%s", wrongKind(client.Kind)))
	}
	role := client.Role
	if scope := strings.TrimSpace(r.Scope); scope != "" {
		role = outturn.Role(scope)
		if weaker(role, client.Role) != role {
			return TokenResponse{}, s.refuseToken(ctx, r, client, tokenError(InvalidScope, outturn.CodeInvalid, "A scope is one role that is not above the client's, which is %s. Leave it out to have all that the client may do.", client.Role))
		}
	}
	if err := s.config.Admit(ctx, principal(Request{From: r.From, ID: r.Request}, client, role)); err != nil {
		return TokenResponse{}, notAdmitted(err)
	}
	response, err := s.issue(ctx, client, role, s.config.Lifetime)
	if err != nil {
		return TokenResponse{}, err
	}
	if err := s.auditToken(ctx, r, client, nil); err != nil {
		return TokenResponse{}, err
	}
	s.touch(ctx, client.ID)
	return response, nil
}

// notAdmitted is the refusal of who may have no token now.
func notAdmitted(err error) error {
	var why *outturn.Error
	if !errors.As(err, &why) {
		return fmt.Errorf("admit: %w", err)
	}
	name := UnauthorizedClient
	if why.Code == outturn.CodeLimit {
		name = TooMany
	}
	return &TokenError{Name: name, RetryAfter: why.RetryAfter, Err: why}
}

// tokenIssue is the action of who gets a token.
const tokenIssue = "token.issue"

func (s *Service) refuseToken(ctx context.Context, r TokenRequest, client outturn.Client, why *TokenError) error {
	if err := s.auditToken(ctx, r, client, why); err != nil {
		return err
	}
	return why
}

func (s *Service) auditToken(ctx context.Context, r TokenRequest, client outturn.Client, why *TokenError) error {
	entry := outturn.AuditEntry{Action: tokenIssue, Via: string(outturn.ClientOAuth2), From: r.From, Request: r.Request}
	if client.Kind != "" {
		entry.Via = string(client.Kind)
	}
	if why != nil {
		entry.Outcome, entry.Detail = string(why.Err.Code), map[string]string{"error": why.Name}
	}
	return s.audit(ctx, entry, client)
}

// issue makes a token.
func (s *Service) issue(ctx context.Context, client outturn.Client, role outturn.Role, lifetime time.Duration) (TokenResponse, error) {
	key, err := s.signingKey(ctx)
	if err != nil {
		return TokenResponse{}, err
	}
	now := s.config.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: s.config.Issuer, Subject: client.ID, Audience: jwt.ClaimStrings{s.config.Audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
			ID: outturn.NewID(now),
		},
		ClientID: client.ID, Scope: string(role),
	})
	token.Header["typ"], token.Header["kid"] = tokenType, key.ID
	signed, err := token.SignedString(key.Private())
	if err != nil {
		return TokenResponse{}, fmt.Errorf("sign token: %w", err)
	}
	return TokenResponse{
		AccessToken: secret.Text(signed), TokenType: "Bearer", ExpiresIn: int64(lifetime / time.Second), Scope: string(role),
	}, nil
}

// weaker returns which of two roles may do less; "" where one is none.
func weaker(a, b outturn.Role) outturn.Role {
	i, j := slices.Index(outturn.Roles, a), slices.Index(outturn.Roles, b)
	if i < 0 || j < 0 {
		return ""
	}
	return outturn.Roles[max(i, j)]
}
