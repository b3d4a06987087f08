package secret

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// A SigningKey signs with Ed25519. It is kept as its seed, sealed; Open it before
// it is used.
type SigningKey struct {
	ID        string    `json:"kid"` // its thumbprint (RFC 7638, RFC 8037)
	Seed      []byte    `json:"seed"`
	CreatedAt time.Time `json:"created_at"`

	private ed25519.PrivateKey
}

// NewSigningKey makes a key that nobody has.
func NewSigningKey(now time.Time) (SigningKey, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return SigningKey{}, err
	}
	k := SigningKey{Seed: private.Seed(), CreatedAt: now.UTC(), private: private}
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(k.Public()) + `"}`))
	k.ID = base64.RawURLEncoding.EncodeToString(sum[:])
	return k, nil
}

// Open makes the key's parts from its seed.
func (k *SigningKey) Open() error {
	if len(k.Seed) != ed25519.SeedSize {
		return fmt.Errorf("signing key %s: its seed has %d bytes", k.ID, len(k.Seed))
	}
	k.private = ed25519.NewKeyFromSeed(k.Seed)
	return nil
}

// Private signs.
func (k *SigningKey) Private() ed25519.PrivateKey { return k.private }

// Public is what others verify with.
func (k *SigningKey) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// OpenJSON reads what SealJSON sealed. Where the key is not the one that it was
// sealed with it is ErrSealed.
func OpenJSON(sealer Sealer, name string, sealed []byte, to any) error {
	plain, err := sealer.Open(name, sealed)
	if err != nil {
		return err
	}
	if json.Unmarshal(plain, to) != nil {
		return fmt.Errorf("%s: what was sealed cannot be read", name) // and quotes nothing of it
	}
	return nil
}

// SealJSON seals a value.
func SealJSON(sealer Sealer, name string, value any) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	sealed, err := sealer.Seal(name, plain)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", name, err)
	}
	return sealed, nil
}
