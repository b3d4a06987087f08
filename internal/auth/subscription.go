package auth

import (
	"context"
	"fmt"
	"net/http"

	"outturn"
	"outturn/internal/secret"
)

// SubscriptionHeader is where CMP's clients show their subscription key.
const SubscriptionHeader = "X-Subscription-Key"

// SubscriptionKey is the one that a request shows; "" where there is none, or more than
// one.
func SubscriptionKey(h http.Header) string {
	if values := h.Values(SubscriptionHeader); len(values) == 1 && len(values[0]) <= mostHeader {
		return values[0]
	}
	return ""
}

// checkSubscription says why a client that has a subscription key is not let in with
// what it shows. A key of somebody else is CodeForbidden: whoever has it knows so
// already. The old key is as good as the old password after a rotation. Wrong ones are
// counted and noted as wrong secrets are.
func (s *Service) checkSubscription(ctx context.Context, r Request, c outturn.Client) error {
	key := SubscriptionKey(r.Header)
	if key == "" {
		return refusal("Send the subscription key with each request, once, as %s.", SubscriptionHeader)
	}
	if wait := s.throttle.wait(c.ID, r.From, s.config.Now()); wait > 0 {
		return tooMany(wait)
	}
	hash := secret.Hash(key)
	own, old := secret.Equal(hash, c.SubscriptionHash), secret.Equal(hash, c.OldSubscription)
	if own || old && s.config.Now().Before(c.OldUntil) {
		return nil
	}
	why := refusal("The subscription key is wrong.")
	owner, err := s.config.Ledger.ClientBySubscription(ctx, hash)
	switch {
	case outturn.ErrorCode(err) == outturn.CodeNotFound:
	case err != nil:
		return fmt.Errorf("look up subscription key: %w", err)
	case !owner.RevokedAt.IsZero():
	case owner.ID == c.ID: // it is newer than what is known of c
		return nil
	default:
		why = outturn.Errorf(outturn.CodeForbidden, "The subscription key belongs to another client than the access token.")
	}
	return s.refuse(ctx, r, c.Kind, c.ID, c, "subscription", why)
}
