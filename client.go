package outturn

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

// A Client is a program that may call an API: who it is, and by which kind of
// credential it is let in.
type Client struct {
	// ID is its public name, as its kind has it: client_id, consumer_key, the SU-…
	// of an API key, username or access_key_id.
	ID     string     `json:"client_id"`
	Kind   ClientKind `json:"kind"`
	Tenant string     `json:"tenant"`
	Name   string     `json:"name"`
	Role   Role       `json:"role"`
	// Email is where to write to whom it acts for; "" is nowhere.
	Email string `json:"email,omitempty"`

	// SecretHash is the SHA-256 of its secret, in hexadecimal. After a rotation
	// OldHash is good until OldUntil.
	SecretHash string    `json:"-"`
	OldHash    string    `json:"-"`
	OldUntil   time.Time `json:"-"`
	// Sealed is the secret itself, sealed, where it must be read again to check a
	// signature (ClientOAuth1); OldSealed goes with OldHash.
	Sealed    []byte `json:"-"`
	OldSealed []byte `json:"-"`
	// SubscriptionHash is the SHA-256 of the subscription key of a ClientCMP, in
	// hexadecimal: it tells whose a key is. OldSubscription goes with OldHash.
	SubscriptionHash string `json:"-"`
	OldSubscription  string `json:"-"`

	CreatedAt time.Time `json:"created_at"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	UsedAt    time.Time `json:"used_at,omitzero"` // to the minute
}

// A ClientKind is how a client shows who it is.
type ClientKind string

const (
	ClientOAuth2 ClientKind = "oauth2" // client credentials for a token (RFC 6749 section 4.4)
	ClientOAuth1 ClientKind = "oauth1" // a signature on each request (RFC 5849, two-legged; APS)
	ClientAPIKey ClientKind = "apikey" // Authorization: ApiKey SU-…:… (Connect)
	ClientCMP    ClientKind = "cmp"    // user, password and subscription key for a token (CMP)
	ClientZuora  ClientKind = "zuora"  // apiAccessKeyId and apiSecretAccessKey (Zuora)
)

// ClientKinds lists every kind.
var ClientKinds = []ClientKind{ClientOAuth2, ClientOAuth1, ClientAPIKey, ClientCMP, ClientZuora}

// ParseClientKind returns the kind of that name.
func ParseClientKind(name string) (ClientKind, error) {
	if slices.Contains(ClientKinds, ClientKind(name)) {
		return ClientKind(name), nil
	}
	var names []string
	for _, k := range ClientKinds {
		names = append(names, string(k))
	}
	return "", Unknown("kind of client", name, names)
}

// A Credential is what a program shows to be let in, by the names that the
// documentation of its client's kind has for the parts; those of the other kinds are
// empty. It is shown once: what the ledger has of it opens nothing.
type Credential struct {
	ClientID     string `json:"client_id,omitempty"` // ClientOAuth2
	ClientSecret string `json:"client_secret,omitempty"`

	ConsumerKey    string `json:"consumer_key,omitempty"` // ClientOAuth1
	ConsumerSecret string `json:"consumer_secret,omitempty"`

	// APIKey is all of the Authorization header, with the word ApiKey: programs that
	// speak to Connect send it as they were given it (ClientAPIKey).
	APIKey string `json:"api_key,omitempty"`

	Username        string `json:"username,omitempty"` // ClientCMP
	Password        string `json:"password,omitempty"`
	SubscriptionKey string `json:"subscription_key,omitempty"`

	AccessKeyID     string `json:"access_key_id,omitempty"` // ClientZuora
	SecretAccessKey string `json:"secret_access_key,omitempty"`
}

// Format prints no credential, whatever the verb: only JSON has it.
func (Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

// LogValue serves slog.
func (Credential) LogValue() slog.Value { return slog.StringValue("***") }
