package outturn

import (
	"slices"
	"time"
)

// A Principal is who asks. Credentials of every kind become one, and what it may
// do is decided from it alone.
type Principal struct {
	Subject string // stable id, such as client:ot_4f…
	Kind    string // client, or system for Outturn itself
	Name    string // for people
	Tenant  string // id of the Tenant it belongs to; it sees that one and all below
	Roles   []Role
	Via     string // which credential: oauth2, local

	// From is the address of the caller and Request the id of its call, for the
	// audit and the log.
	From    string
	Request string
}

// Has reports whether p has a role.
func (p Principal) Has(role Role) bool { return slices.Contains(p.Roles, role) }

// A Role is what a principal may do, within its tenant.
type Role string

const (
	RoleOperator Role = "operator" // the installation: all tenants, every setting
	RoleAdmin    Role = "admin"    // its tenant's clients and tenants below it
	RoleManager  Role = "manager"  // makes, cancels and deletes runs and views
	RoleViewer   Role = "viewer"   // reads
)

// Roles lists every role.
var Roles = []Role{RoleOperator, RoleAdmin, RoleManager, RoleViewer}

// ParseRole returns the role of that name.
func ParseRole(name string) (Role, error) {
	if slices.Contains(Roles, Role(name)) {
		return Role(name), nil
	}
	var names []string
	for _, r := range Roles {
		names = append(names, string(r))
	}
	return "", Unknown("role", name, names)
}

// A Tenant is an account of the commerce tree that logs in or owns runs. The
// provider is the root; everybody else has a parent.
type Tenant struct {
	ID     string     `json:"id"`
	Parent string     `json:"parent,omitempty"`
	Kind   TenantKind `json:"kind"`
	Name   string     `json:"name"`
	// ExternalID is its account in the source. The provider's may be empty: then its
	// reports hold everything.
	ExternalID string    `json:"external_id,omitempty"`
	Zone       string    `json:"zone,omitempty"`        // IANA name; where its days begin; "" is UTC
	ReportType string    `json:"report_type,omitempty"` // what its runs have unless they say otherwise
	CreatedAt  time.Time `json:"created_at"`
}

// A TenantKind is a tenant's place in the tree.
type TenantKind string

const (
	KindProvider TenantKind = "provider"
	KindReseller TenantKind = "reseller"
	KindCustomer TenantKind = "customer"
)

// A Client is a program that may call the API: OAuth 2 client credentials.
type Client struct {
	ID     string `json:"client_id"`
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	// SecretHash is the SHA-256 of its secret, in hexadecimal. After a rotation
	// OldHash is good until OldUntil.
	SecretHash string    `json:"-"`
	OldHash    string    `json:"-"`
	OldUntil   time.Time `json:"-"`
	CreatedAt  time.Time `json:"created_at"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	UsedAt     time.Time `json:"used_at,omitzero"` // to the minute
}

// An AuditEntry says who did what, when, and what came of it. Entries are only
// ever added.
type AuditEntry struct {
	ID      string            `json:"id"`
	At      time.Time         `json:"at"`
	Tenant  string            `json:"tenant"`  // whose it concerns
	Subject string            `json:"subject"` // who
	Via     string            `json:"via"`
	Action  string            `json:"action"`           // such as run.create
	Object  string            `json:"object,omitempty"` // id of what it was done to
	Outcome string            `json:"outcome"`          // ok, or the code of the refusal
	From    string            `json:"from,omitempty"`   // address of the caller
	Request string            `json:"request,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
}

// An IdempotencyKey lets a client send the same request again without doing it
// twice (draft-ietf-httpapi-idempotency-key-header).
type IdempotencyKey struct {
	Subject     string // who sent it; keys of others are other keys
	Key         string // at most 255 characters
	Fingerprint string // SHA-256 of the request, in hexadecimal
	ExpiresAt   time.Time
}
