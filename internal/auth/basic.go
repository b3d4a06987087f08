package auth

import (
	"context"
	"time"

	"outturn"
	"outturn/internal/secret"
)

// A BasicRequest asks for a token as CMP's API has it: user and password by HTTP
// Basic, and a subscription key in a header.
type BasicRequest struct {
	Username        string
	Password        secret.Text
	SubscriptionKey secret.Text

	From, ID string // the caller's address and the id of its call
}

// basicLifetime is how long such a token is good. Its clients take a new one five
// minutes before.
const basicLifetime = 1500 * time.Second

// BasicToken exchanges user, password and subscription key for an access token.
// Refusals have CodeUnauthenticated, CodeLimit after too many, or CodeForbidden where the
// tenant is suspended.
func (s *Service) BasicToken(ctx context.Context, r BasicRequest) (TokenResponse, error) {
	if r.Username == "" || r.Password == "" || r.SubscriptionKey == "" || len(r.Username) > mostID {
		return TokenResponse{}, refusal("Send user and password by HTTP Basic, and the subscription key as X-Subscription-Key.")
	}
	if wait := s.throttle.wait(r.Username, r.From, s.config.Now()); wait > 0 {
		return TokenResponse{}, tooMany(wait)
	}
	of := Request{From: r.From, ID: r.ID}
	client, held, err := s.prove(ctx, r.Username, s.holds(r.Password, r.SubscriptionKey), s.freshClient)
	switch {
	case err != nil:
		return TokenResponse{}, err
	case !held:
		return TokenResponse{}, s.refuse(ctx, of, outturn.ClientCMP, r.Username, client, "credential", errWrong)
	case client.Kind != outturn.ClientCMP:
		return TokenResponse{}, s.refuse(ctx, of, outturn.ClientCMP, r.Username, client, "kind", refusal("%s", wrongKind(client.Kind)))
	}
	if err := s.config.Admit(ctx, principal(of, client, client.Role)); err != nil {
		return TokenResponse{}, err
	}
	response, err := s.issue(ctx, client, client.Role, basicLifetime)
	if err != nil {
		return TokenResponse{}, err
	}
	if err := s.audit(ctx, outturn.AuditEntry{Action: tokenIssue, Via: string(client.Kind), From: r.From, Request: r.ID}, client); err != nil {
		return TokenResponse{}, err
	}
	s.touch(ctx, client.ID)
	return response, nil
}
