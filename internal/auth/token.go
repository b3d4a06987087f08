package auth

import (
	"context"
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
		e := tokenError(TooMany, outturn.CodeLimit, "Too many wrong secrets came for this client or from this address. Wait %d seconds.", int(wait.Seconds()+0.999))
		e.RetryAfter = wait
		return TokenResponse{}, e
	}
	client, err := s.checkSecret(ctx, r)
	if err != nil {
		return TokenResponse{}, err
	}
	response, refusal, err := s.issue(client, r.Scope)
	if err != nil {
		return TokenResponse{}, err
	}
	if err := s.audit(ctx, r, client, refusal); err != nil {
		return TokenResponse{}, err
	}
	if refusal != nil {
		return TokenResponse{}, refusal
	}
	s.touch(ctx, client.ID)
	return response, nil
}

// noHash is compared with where there is no client, so that it takes as long.
var noHash = secret.Hash(secret.NewToken("").Reveal())

// checkSecret returns the client whose secret it is. What it does, and says, is the
// same for a wrong secret, a revoked client and one that never was.
func (s *Service) checkSecret(ctx context.Context, r TokenRequest) (outturn.Client, error) {
	client, err := s.freshClient(ctx, r.ClientID)
	known := err == nil
	if !known {
		if outturn.ErrorCode(err) != outturn.CodeNotFound {
			return client, fmt.Errorf("look up client: %w", err)
		}
		client = outturn.Client{SecretHash: noHash, OldHash: noHash}
	}
	now := s.config.Now()
	hash := secret.Hash(r.Secret.Reveal())
	current := secret.Equal(hash, client.SecretHash)
	old := secret.Equal(hash, client.OldHash) && now.Before(client.OldUntil)
	if known && client.RevokedAt.IsZero() && (current || old) {
		return client, nil
	}
	s.throttle.failed(r.ClientID, r.From, now)
	refusal := tokenError(InvalidClient, outturn.CodeUnauthenticated, "The client's id or secret is wrong, or the client was revoked.")
	if err := s.audit(ctx, r, client, refusal); err != nil {
		return client, err
	}
	return client, refusal
}

// issue makes the token, or says why not this one.
func (s *Service) issue(client outturn.Client, scope string) (TokenResponse, *TokenError, error) {
	role := client.Role
	if scope = strings.TrimSpace(scope); scope != "" {
		asked := outturn.Role(scope)
		if weaker(asked, client.Role) != asked {
			return TokenResponse{}, tokenError(InvalidScope, outturn.CodeInvalid, "A scope is one role that is not above the client's, which is %s. Leave it out to have all that the client may do.", client.Role), nil
		}
		role = asked
	}
	now := s.config.Now()
	key := s.liveKeys()[0]
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: s.config.Issuer, Subject: client.ID, Audience: jwt.ClaimStrings{s.config.Audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(s.config.Lifetime)),
			ID: outturn.NewID(now),
		},
		ClientID: client.ID, Scope: string(role),
	})
	token.Header["typ"], token.Header["kid"] = tokenType, key.ID
	signed, err := token.SignedString(key.private)
	if err != nil {
		return TokenResponse{}, nil, fmt.Errorf("sign token: %w", err)
	}
	return TokenResponse{
		AccessToken: secret.Text(signed), TokenType: "Bearer",
		ExpiresIn: int64(s.config.Lifetime / time.Second), Scope: string(role),
	}, nil, nil
}

// weaker returns which of two roles may do less; "" where one is none.
func weaker(a, b outturn.Role) outturn.Role {
	i, j := slices.Index(outturn.Roles, a), slices.Index(outturn.Roles, b)
	if i < 0 || j < 0 {
		return ""
	}
	return outturn.Roles[max(i, j)]
}

// audit notes who came in, and who was not let in. The id of a client that never
// was is not noted: it may be a secret, sent in the wrong place.
func (s *Service) audit(ctx context.Context, r TokenRequest, client outturn.Client, refusal *TokenError) error {
	now := s.config.Now()
	entry := outturn.AuditEntry{
		ID: outturn.NewID(now), At: now.UTC(), Tenant: client.Tenant, Subject: subjectOf(client.ID), Via: via,
		Action: "token.issue", Object: client.ID, Outcome: "ok", From: r.From, Request: r.Request,
	}
	if refusal != nil {
		entry.Outcome = string(refusal.Err.Code)
		entry.Detail = map[string]string{"error": refusal.Name}
	}
	if client.ID == "" {
		entry.Subject = "unknown"
	}
	if entry.Tenant == "" {
		root, err := s.rootTenant(ctx)
		if outturn.ErrorCode(err) == outturn.CodeNotFound {
			return nil // nobody whom it could concern
		}
		if err != nil {
			return err
		}
		entry.Tenant = root
	}
	if err := s.config.Ledger.Audit(ctx, entry); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

func (s *Service) rootTenant(ctx context.Context) (string, error) {
	s.mu.Lock()
	root := s.root
	s.mu.Unlock()
	if root != "" {
		return root, nil
	}
	t, err := s.config.Ledger.Root(ctx)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root = t.ID
	return t.ID, nil
}
