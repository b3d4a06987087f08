package outturn

import "time"

// A File is what a succeeded run produced. It is complete from the moment it is
// listed, never changes but in Downloads, and goes when its time is over or its run is deleted.
type File struct {
	ID     string `json:"id"` // UUIDv7; part of the name
	Run    string `json:"run"`
	Tenant string `json:"tenant"`
	ManifestFile
	// Key is where its bytes lie: tenant/run.attempt.name.
	Key       string    `json:"-"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// Downloads is how often it was asked for, by a link or without: a part of it, as who
	// goes on where it broke off asks for, counts as the whole does.
	Downloads int64 `json:"-"`
}

// A Link lets whoever has it download one file, without any other credential,
// until it expires or is revoked. The token itself is shown once and not kept.
type Link struct {
	ID        string    `json:"id"`
	File      string    `json:"file"`
	Tenant    string    `json:"tenant"`
	TokenHash string    `json:"-"` // SHA-256, in hexadecimal
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// LinkGrounds are what decides whether links to files are signed, and how.
type LinkGrounds struct {
	Tenants map[string]bool      // whose files may be linked to
	Barred  map[string]bool      // runs whose files may not
	Ended   map[string]time.Time // files whose links were ended, and when last
}
