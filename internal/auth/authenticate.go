package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"outturn"
)

const (
	tokenType = "at+jwt" // RFC 9068
	via       = "oauth2"
)

// mostHeader is more than a token of ours has.
const mostHeader = 4 << 10

// claims are those of RFC 9068.
type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

var errUnknownKey = errors.New("signed with a key that is not known")

// Authenticate returns who sent an Authorization header. Refusals have
// CodeUnauthenticated; other errors are faults of ours.
func (s *Service) Authenticate(ctx context.Context, header string) (outturn.Principal, error) {
	if header == "" {
		return outturn.Principal{}, outturn.Errorf(outturn.CodeUnauthenticated, "This needs an access token. Get one from /oauth2/token and send it as Authorization: Bearer.")
	}
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(header) > mostHeader {
		return outturn.Principal{}, outturn.Errorf(outturn.CodeUnauthenticated, "The Authorization header is not understood. Send Bearer and an access token.")
	}
	c, err := s.verify(ctx, token)
	if err != nil {
		return outturn.Principal{}, err
	}
	client, err := s.client(ctx, c.ClientID)
	switch {
	case outturn.ErrorCode(err) == outturn.CodeNotFound, err == nil && !client.RevokedAt.IsZero():
		return outturn.Principal{}, outturn.Errorf(outturn.CodeUnauthenticated, "The client of this access token was revoked.")
	case err != nil:
		return outturn.Principal{}, fmt.Errorf("look up client: %w", err)
	}
	role := weaker(client.Role, outturn.Role(c.Scope))
	if role == "" {
		return outturn.Principal{}, outturn.Errorf(outturn.CodeUnauthenticated, "The access token names no role.")
	}
	s.touch(ctx, client.ID)
	return outturn.Principal{
		Subject: subjectOf(client.ID), Kind: "client", Name: client.Name, Tenant: client.Tenant,
		Roles: []outturn.Role{role}, Via: via,
	}, nil
}

func subjectOf(client string) string { return "client:" + client }

// verify reads a token that we signed and that is good now. Which algorithm it is
// signed with is not the token's to say.
func (s *Service) verify(ctx context.Context, text string) (claims, error) {
	var c claims
	var fault error // ours, not the token's
	token, err := jwt.ParseWithClaims(text, &c, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		if t.Header["typ"] != tokenType || t.Header["crit"] != nil || id == "" {
			return nil, errUnknownKey
		}
		key, err := s.verifyingKey(ctx, id)
		if err != nil && !errors.Is(err, errUnknownKey) {
			fault = err
		}
		return key, err
	},
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(s.config.Issuer), jwt.WithAudience(s.config.Audience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.config.Now),
		jwt.WithStrictDecoding(),
	)
	switch {
	case fault != nil:
		return c, fmt.Errorf("look up signing key: %w", fault)
	case errors.Is(err, jwt.ErrTokenExpired):
		return c, outturn.Errorf(outturn.CodeUnauthenticated, "The access token has expired. Get a new one from /oauth2/token.")
	case err != nil || !token.Valid || c.ClientID == "" || c.Subject != c.ClientID:
		return c, outturn.Errorf(outturn.CodeUnauthenticated, "The access token is not valid. Get a new one from /oauth2/token.")
	}
	return c, nil
}
