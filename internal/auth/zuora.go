package auth

import (
	"context"

	"outturn"
	"outturn/internal/secret"
)

// The headers of Zuora's older API. HTTP does not look at their case.
const (
	zuoraKeyID  = "apiAccessKeyId"
	zuoraSecret = "apiSecretAccessKey"
)

// zuora admits the client of the two headers.
func (s *Service) zuora(ctx context.Context, r Request) (outturn.Principal, error) {
	id, shown := r.Header.Get(zuoraKeyID), r.Header.Get(zuoraSecret)
	if id == "" || shown == "" || len(id) > mostID {
		return outturn.Principal{}, refusal("Send both headers, %s and %s.", zuoraKeyID, zuoraSecret)
	}
	client, err := s.known(ctx, r, outturn.ClientZuora, id, s.holds(secret.Text(shown), ""))
	if err != nil {
		return outturn.Principal{}, err
	}
	return s.admitKeyed(ctx, r, client)
}
