package auth

import (
	"context"
	"strings"

	"outturn"
	"outturn/internal/secret"
)

// apiKeyPrefix begins the id of every API key.
const apiKeyPrefix = "SU-"

// apiKey admits the client of an API key, SU-…:… . The word ApiKey belongs to what
// people are given as the key: some write it twice, some leave it out.
func (s *Service) apiKey(ctx context.Context, r Request, key string) (outturn.Principal, error) {
	if word, rest, ok := strings.Cut(key, " "); ok && strings.EqualFold(word, "ApiKey") {
		key = strings.TrimSpace(rest)
	}
	id, shown, ok := strings.Cut(key, ":")
	if !ok || id == "" || shown == "" || len(id) > mostID {
		return outturn.Principal{}, refusal("The API key is not understood. Send Authorization: ApiKey SU-000-000-000:secret, as it was given to you.")
	}
	client, err := s.known(ctx, r, outturn.ClientAPIKey, id, s.holds(secret.Text(shown), ""))
	if err != nil {
		return outturn.Principal{}, err
	}
	return s.admitKeyed(ctx, r, client)
}
