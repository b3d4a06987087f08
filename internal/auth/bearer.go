package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"

	"outturn"
)

const tokenType = "at+jwt" // RFC 9068

// claims are those of RFC 9068.
type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

var errUnknownKey = errors.New("signed with a key that is not known")

// bearer admits the client of an access token.
func (s *Service) bearer(ctx context.Context, r Request, token string) (outturn.Principal, error) {
	if token == "" {
		return outturn.Principal{}, refusal("The Authorization header has no access token. Send Bearer and one from /oauth2/token.")
	}
	c, err := s.verify(ctx, token)
	if err != nil {
		return outturn.Principal{}, err
	}
	client, err := s.client(ctx, c.ClientID)
	switch {
	case outturn.ErrorCode(err) == outturn.CodeNotFound, err == nil && !client.RevokedAt.IsZero():
		return outturn.Principal{}, refusal("The client of this access token was revoked.")
	case err != nil:
		return outturn.Principal{}, fmt.Errorf("look up client: %w", err)
	}
	if r.Subscribed && client.Kind == outturn.ClientCMP {
		if err := s.checkSubscription(ctx, r, client); err != nil {
			return outturn.Principal{}, err
		}
	}
	role := weaker(client.Role, outturn.Role(c.Scope))
	if role == "" {
		return outturn.Principal{}, refusal("The access token names no role.")
	}
	return s.admit(ctx, r, client, role), nil
}

// A verified token is one whose signature and claims were found good. It stays so
// until it expires, or its key is gone.
type verified struct {
	claims
	key string
}

// mostTokens bounds what is remembered of them; beyond it, it starts anew.
const mostTokens = 10_000

// verify reads a token that we signed and that is good now. To check a signature costs
// more than all else that a call needs, so each token is checked once.
func (s *Service) verify(ctx context.Context, text string) (claims, error) {
	sum := sha256.Sum256([]byte(text))
	s.mu.Lock()
	v, ok := s.tokens[sum]
	s.mu.Unlock()
	if ok && s.config.Now().Before(v.ExpiresAt.Time) {
		if _, err := s.verifyingKey(ctx, v.key); err == nil {
			return v.claims, nil
		}
	}
	v, err := s.checkToken(ctx, text)
	if err != nil {
		return claims{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tokens) >= mostTokens {
		clear(s.tokens)
	}
	s.tokens[sum] = v
	return v.claims, nil
}

// checkToken reads a token and all that it says. Which algorithm it is signed with is
// not the token's to say.
func (s *Service) checkToken(ctx context.Context, text string) (verified, error) {
	var v verified
	c := &v.claims
	var fault error // ours, not the token's
	token, err := jwt.ParseWithClaims(text, c, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		if t.Header["typ"] != tokenType || t.Header["crit"] != nil || id == "" {
			return nil, errUnknownKey
		}
		v.key = id
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
		return v, fmt.Errorf("look up signing key: %w", fault)
	case errors.Is(err, jwt.ErrTokenExpired):
		return v, refusal("The access token has expired. Get a new one where it came from.")
	case err != nil || !token.Valid || c.ClientID == "" || c.Subject != c.ClientID:
		return v, refusal("The access token is not valid. Get a new one from /oauth2/token.")
	}
	return v, nil
}
