// Package secret keeps what must not be seen: texts that do not print, tokens
// that are kept only as their hash, and values that are sealed under a key which
// lies in a file of its own.
//
//	token := secret.NewToken("ot_")             shown once
//	hash := secret.Hash(token.Reveal())         kept
//
//	keys, err := secret.OpenKeyFile(path, true) once a process
//	sealed, err := keys.Seal("auth.signing", plain)
//	plain, err := keys.Open("auth.signing", sealed)
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"regexp"
)

// mask is what a secret prints as.
const mask = "***"

// A Text is a secret in memory. However it is printed, logged or marshalled, it
// is ***; only Reveal gives it away, so that a search for that word finds every
// place where one gets out.
type Text string

// Reveal returns the secret itself.
func (t Text) Reveal() string { return string(t) }

func (Text) String() string   { return mask }
func (Text) GoString() string { return mask }

// Format prints *** for every verb, also for %x and %q, which would not ask String.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText serves JSON, YAML and XML. (A secret is no key of a map: there
// encoding/json does not ask.)
func (Text) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue serves slog.
func (Text) LogValue() slog.Value { return slog.StringValue(mask) }

// tokenBytes make a token that nobody guesses: 256 bits.
const tokenBytes = 32

// NewToken returns a new random token after a prefix that says what it is for.
func NewToken(prefix string) Text {
	var random [tokenBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	return Text(prefix + base64.RawURLEncoding.EncodeToString(random[:]))
}

// Hash returns the SHA-256 of a token, in hexadecimal: what is kept of it. A token
// has 256 random bits, so that it needs neither salt nor a slow hash.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Equal compares two hashes in a time that does not tell where they differ.
func Equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// password finds user:password@ in a text, with a scheme before it or without.
var password = regexp.MustCompile(`([^\s"'@/:]*):([^\s"'@/]*)@`)

// Masked is a text for people in which passwords of addresses, such as
// https://user:password@host, are ***. People paste such an address anywhere (P39).
func Masked(text string) string { return password.ReplaceAllString(text, "$1:"+mask+"@") }

// ForClient is the purpose that the secret of a client is sealed for, where it must be
// read again to check what the client has signed.
func ForClient(id string) string { return "client." + id }

// ForWebhook is the purpose that a secret of a webhook is sealed for.
func ForWebhook(id string) string { return "webhook." + id }

// Pair makes one secret of two that are only good together, so that one hash is kept
// of them. Neither has a zero byte.
func Pair(a, b Text) Text { return a + "\x00" + b }
