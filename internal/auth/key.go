package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"outturn"
	"outturn/internal/secret"
)

// keysName is what the signing keys are kept under in the ledger.
const keysName = "auth.signing"

// A signingKey signs access tokens. After a rotation it only verifies, until the
// last token that it signed has expired.
type signingKey struct {
	secret.SigningKey
	RetiredAt time.Time `json:"retired_at,omitzero"`
}

// TendKeys reads the keys, makes the first one, and a new one where that which signs
// is older than Config.KeyAge. New calls it; whoever runs for long calls it now and
// then.
func (s *Service) TendKeys(ctx context.Context) error {
	keys, err := s.readKeys(ctx)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		return s.RotateKey(ctx)
	}
	if err != nil {
		return err
	}
	s.setKeys(keys)
	if s.config.Now().Sub(keys[0].CreatedAt) >= s.config.KeyAge {
		return s.RotateKey(ctx)
	}
	return nil
}

// signingKey returns the key that signs. Another process may have made a new one:
// the ledger is asked as often as for a client.
func (s *Service) signingKey(ctx context.Context) (signingKey, error) {
	if err := s.refreshKeys(ctx); err != nil {
		return signingKey{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[0], nil
}

// refreshKeys reads the keys again where what is known of them is too old.
func (s *Service) refreshKeys(ctx context.Context) error {
	s.mu.Lock()
	age := s.config.Now().Sub(s.keysAt)
	s.mu.Unlock()
	if age >= 0 && age < clientAge {
		return nil
	}
	keys, err := s.readKeys(ctx)
	if err == nil {
		s.setKeys(keys)
	}
	return err
}

func (s *Service) setKeys(keys []signingKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.keysAt = keys, s.config.Now()
}

func (s *Service) readKeys(ctx context.Context) ([]signingKey, error) {
	sealed, err := s.config.Ledger.Secret(ctx, keysName)
	if err != nil {
		return nil, err
	}
	var keys []signingKey
	err = secret.OpenJSON(s.config.Sealer, keysName, sealed, &keys)
	if errors.Is(err, secret.ErrSealed) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The keys that sign access tokens are in the ledger, but the key file is not the one that they were sealed with. Put back the key file that belongs to this ledger: %w.", err)
	}
	if err == nil && len(keys) == 0 {
		err = errors.New("signing keys: the ledger holds none")
	}
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if err := keys[i].Open(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// RotateKey makes a new key, which signs from now on, in other processes within
// clientAge. Tokens that the old one signed stay good until they expire.
func (s *Service) RotateKey(ctx context.Context) error {
	switch keys, err := s.readKeys(ctx); { // none that another process has made is lost
	case err == nil:
		s.setKeys(keys)
	case outturn.ErrorCode(err) != outturn.CodeNotFound:
		return err
	}
	now := s.config.Now()
	fresh, err := secret.NewSigningKey(now)
	if err != nil {
		return err
	}
	keys := []signingKey{{SigningKey: fresh}}
	for _, k := range s.liveKeys() {
		if k.RetiredAt.IsZero() {
			k.RetiredAt = now.UTC()
		}
		keys = append(keys, k)
	}
	sealed, err := secret.SealJSON(s.config.Sealer, keysName, keys)
	if err != nil {
		return err
	}
	if err := s.config.Ledger.PutSecret(ctx, keysName, sealed); err != nil {
		return fmt.Errorf("keep signing keys: %w", err)
	}
	s.setKeys(keys)
	if len(keys) > 1 {
		s.config.Log.InfoContext(ctx, "A new key signs access tokens.", "key", fresh.ID)
	}
	return nil
}

// liveKeys returns the keys that a token may be signed with, the one that signs
// first. Other processes sign with an old one until they hear of the new one.
func (s *Service) liveKeys() []signingKey {
	now := s.config.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var live []signingKey
	for _, k := range s.keys {
		if k.RetiredAt.IsZero() || now.Before(k.RetiredAt.Add(max(s.config.Lifetime, basicLifetime)+2*clientAge)) {
			live = append(live, k)
		}
	}
	return live
}

// verifyingKey returns the key of that id. One that is not known may have been
// made by another process: then the ledger is asked, not more often than for a
// client.
func (s *Service) verifyingKey(ctx context.Context, id string) (ed25519.PublicKey, error) {
	for range 2 {
		for _, k := range s.liveKeys() {
			if k.ID == id {
				return k.Public(), nil
			}
		}
		if err := s.refreshKeys(ctx); err != nil {
			return nil, err
		}
	}
	return nil, errUnknownKey
}

// A KeySet is a JSON Web Key Set (RFC 7517): what others need to verify tokens.
type KeySet struct {
	Keys []PublicKey `json:"keys"`
}

// A PublicKey is one key of a set, an Ed25519 one (RFC 8037).
type PublicKey struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	ID    string `json:"kid"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
}

// JWKS returns the public keys of the tokens that are good now.
func (s *Service) JWKS(ctx context.Context) (KeySet, error) {
	set := KeySet{Keys: []PublicKey{}}
	if err := s.refreshKeys(ctx); err != nil {
		return set, err
	}
	for _, k := range s.liveKeys() {
		set.Keys = append(set.Keys, PublicKey{
			Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.Public()),
			ID: k.ID, Use: "sig", Alg: "EdDSA",
		})
	}
	return set, nil
}
