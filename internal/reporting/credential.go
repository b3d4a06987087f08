package reporting

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"outturn"
	"outturn/internal/secret"
)

// newClientID makes the public name of a client, as those expect it to look that the
// kind is for.
func newClientID(kind outturn.ClientKind) string {
	switch kind {
	case outturn.ClientOAuth1:
		return randomHex(16) // 32 characters
	case outturn.ClientAPIKey:
		n, _ := rand.Int(rand.Reader, big.NewInt(1_000_000_000)) // never fails
		digits := fmt.Sprintf("%09d", n)
		return "SU-" + digits[:3] + "-" + digits[3:6] + "-" + digits[6:]
	case outturn.ClientCMP:
		return "cmp_" + randomHex(12)
	case outturn.ClientZuora:
		return newUUID()
	}
	return "ot_" + randomHex(12)
}

func randomHex(bytes int) string { return hex.EncodeToString(random(bytes)) }

func random(bytes int) []byte {
	r := make([]byte, bytes)
	_, _ = rand.Read(r) // never fails
	return r
}

// newUUID is random in all its bits (version 4): it does not tell when it was made.
func newUUID() string {
	b := random(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// renew gives a client a new secret and returns what its program shows from now on.
// Of the secret its hash is kept; of one that signs requests itself, sealed, for it
// must be read again.
func (s *Service) renew(c *outturn.Client) (outturn.Credential, error) {
	token := secret.NewToken("")
	var shown outturn.Credential
	switch c.Kind {
	case outturn.ClientOAuth1:
		token = secret.Text(randomHex(64)) // 128 characters
		shown = outturn.Credential{ConsumerKey: c.ID, ConsumerSecret: token.Reveal()}
	case outturn.ClientAPIKey:
		shown = outturn.Credential{APIKey: "ApiKey " + c.ID + ":" + token.Reveal()}
	case outturn.ClientCMP:
		subscription := secret.Text(randomHex(16))
		shown = outturn.Credential{Username: c.ID, Password: token.Reveal(), SubscriptionKey: subscription.Reveal()}
		c.SubscriptionHash = secret.Hash(subscription.Reveal())
		token = secret.Pair(token, subscription)
	case outturn.ClientZuora: // whose clients take at most 42 characters: these are 40, of 240 bits
		token = secret.Text(base64.RawURLEncoding.EncodeToString(random(30)))
		shown = outturn.Credential{AccessKeyID: c.ID, SecretAccessKey: token.Reveal()}
	default:
		token = secret.NewToken("ots_")
		shown = outturn.Credential{ClientID: c.ID, ClientSecret: token.Reveal()}
	}
	if c.Kind != outturn.ClientOAuth1 {
		c.SecretHash, c.Sealed = secret.Hash(token.Reveal()), nil
		return shown, nil
	}
	if s.config.Sealer == nil {
		return outturn.Credential{}, errors.New("reporting: there is no key to seal a secret under")
	}
	sealed, err := s.config.Sealer.Seal(secret.ForClient(c.ID), []byte(token.Reveal()))
	if err != nil {
		return outturn.Credential{}, fmt.Errorf("seal a secret: %w", err)
	}
	c.SecretHash, c.Sealed = "", sealed
	return shown, nil
}
