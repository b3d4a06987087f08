package outturn

import "time"

// An IdempotencyKey lets a client send the same request again without doing it
// twice (draft-ietf-httpapi-idempotency-key-header).
type IdempotencyKey struct {
	Subject     string // who sent it; keys of others are other keys
	Key         string // at most 255 characters
	Fingerprint string // SHA-256 of the request, in hexadecimal
	ExpiresAt   time.Time
}
