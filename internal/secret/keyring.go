package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// A Sealer seals values so that they can be kept where others may read.
type Sealer interface {
	// Seal encrypts plain for a purpose, such as the name that it is kept under.
	Seal(purpose string, plain []byte) ([]byte, error)
	// Open returns what was sealed for the same purpose. Anything else, and
	// anything that was changed on the way, is ErrSealed.
	Open(purpose string, sealed []byte) ([]byte, error)
}

// ErrSealed says that a value was not sealed with these keys for this purpose, or
// was changed since.
var ErrSealed = errors.New("the value cannot be opened: it was sealed under another key or for another purpose, or it was changed")

// KeyBytes is the length of a master key: AES-256.
const KeyBytes = 32

// A sealed value is a version, which key it was sealed with, a random nonce, and
// the ciphertext with its tag. The first two and the purpose are the additional
// data of the seal, so that a value sealed for one purpose opens for no other.
const (
	version    = 1
	keyIDBytes = 4
	headBytes  = 1 + keyIDBytes
)

// A Keyring is a Sealer with one or more master keys. The first one seals; all of
// them open, so that a new key can be put in front of an old one.
type Keyring struct {
	keys []masterKey
}

type masterKey struct {
	id   [keyIDBytes]byte
	aead cipher.AEAD
}

// NewKeyring makes a keyring of master keys, the newest first.
func NewKeyring(keys ...[]byte) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("a keyring needs a key")
	}
	k := &Keyring{}
	for _, key := range keys {
		if len(key) != KeyBytes {
			return nil, fmt.Errorf("a master key has %d bytes, not %d", KeyBytes, len(key))
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("outturn master key "), key...))
		k.keys = append(k.keys, masterKey{id: [keyIDBytes]byte(sum[:]), aead: aead})
	}
	return k, nil
}

// NewKey returns a new random master key.
func NewKey() []byte {
	key := make([]byte, KeyBytes)
	_, _ = rand.Read(key) // never fails
	return key
}

// Seal encrypts plain for a purpose.
func (k *Keyring) Seal(purpose string, plain []byte) ([]byte, error) {
	key := k.keys[0]
	head := append([]byte{version}, key.id[:]...)
	return key.aead.Seal(head, nil, plain, additional(head, purpose)), nil
}

// Open returns what was sealed for the same purpose.
func (k *Keyring) Open(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < headBytes || sealed[0] != version {
		return nil, ErrSealed
	}
	head, body := sealed[:headBytes], sealed[headBytes:]
	for _, key := range k.keys {
		if [keyIDBytes]byte(head[1:]) != key.id {
			continue
		}
		if plain, err := key.aead.Open(nil, nil, body, additional(head, purpose)); err == nil {
			return plain, nil
		}
	}
	return nil, ErrSealed
}

func additional(head []byte, purpose string) []byte {
	return append(append([]byte{}, head...), purpose...)
}
