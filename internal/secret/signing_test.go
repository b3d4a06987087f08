package secret_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"outturn/internal/secret"
)

// A signing key that was sealed signs as before; under another key, for another
// purpose, or where it is none, it is refused and nothing of it told.
func TestSigningKey(t *testing.T) {
	keys, others := newKeyring(t), newKeyring(t)
	made, err := secret.NewSigningKey(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := secret.SealJSON(keys, "signing", made)
	if err != nil {
		t.Fatal(err)
	}
	var kept secret.SigningKey
	if err := errors.Join(secret.OpenJSON(keys, "signing", sealed, &kept), kept.Open()); err != nil {
		t.Fatal(err)
	}
	if text := []byte("text"); kept.ID != made.ID || !ed25519.Verify(made.Public(), text, ed25519.Sign(kept.Private(), text)) {
		t.Errorf("got %s, want %s", kept.ID, made.ID)
	}
	if err := secret.OpenJSON(others, "signing", sealed, &kept); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("under another key: %v", err)
	}
	if err := secret.OpenJSON(keys, "another", sealed, &kept); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("for another purpose: %v", err)
	}
	broken, err := keys.Seal("signing", []byte(`"canary`))
	if err != nil {
		t.Fatal(err)
	}
	if err := secret.OpenJSON(keys, "signing", broken, &kept); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("of what is no key: %v", err)
	}
	if kept.Seed = kept.Seed[1:]; kept.Open() == nil {
		t.Error("a seed that is too short was opened")
	}
}

func newKeyring(t *testing.T) *secret.Keyring {
	t.Helper()
	k, err := secret.NewKeyring(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return k
}
