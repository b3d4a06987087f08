package outturn

import "time"

// A Tenant is an account of the commerce tree that logs in or owns runs. The
// provider is the root; everybody else has a parent, and sees itself and all below.
type Tenant struct {
	ID     string     `json:"id"`
	Parent string     `json:"parent,omitempty"`
	Kind   TenantKind `json:"kind"`
	Name   string     `json:"name"`
	// ExternalID is its account in the source. The provider's may be empty: then its
	// reports hold everything. No two tenants that are not deleted have the same.
	ExternalID string `json:"external_id,omitempty"`

	Zone       string `json:"zone,omitempty"`        // IANA name; where its days begin; "" is the installation's
	Currency   string `json:"currency,omitempty"`    // ISO 4217; what it is billed in, for people
	ReportType string `json:"report_type,omitempty"` // what its runs have unless they say otherwise; "" is derived at each run
	Limits     Limits `json:"limits,omitzero"`       // set by whoever is above it
	LimitsBy   string `json:"-"`                     // who sets the limits of one that is to be made; "" is its parent

	State TenantState `json:"state"`
	// HeldBy is the tenant whose suspension holds this one: itself, or the nearest
	// above it that is suspended. "" where nothing does.
	HeldBy string `json:"held_by,omitempty"`

	CreatedAt   time.Time `json:"created_at"`
	SuspendedAt time.Time `json:"suspended_at,omitzero"`
	DeletedAt   time.Time `json:"deleted_at,omitzero"`
	// PurgedAt is when its files, links, views and clients went for good, the grace
	// period after DeletedAt.
	PurgedAt time.Time `json:"purged_at,omitzero"`
}

// A TenantKind is a tenant's place in the tree.
type TenantKind string

const (
	KindProvider TenantKind = "provider"
	KindReseller TenantKind = "reseller"
	KindCustomer TenantKind = "customer"
)

// TenantKinds lists every kind.
var TenantKinds = []TenantKind{KindProvider, KindReseller, KindCustomer}

// A TenantState says whether a tenant takes part.
type TenantState string

const (
	// TenantActive: it takes part, unless one above it is suspended.
	TenantActive TenantState = "active"
	// TenantSuspended: neither it nor any tenant below it is let in, and none of
	// their runs start, until somebody above resumes it. Nothing of it is lost.
	TenantSuspended TenantState = "suspended"
	// TenantDeleted: it is in no list and nobody is let in. For a grace period it can
	// be restored; then its files go. Its runs and its audit stay.
	TenantDeleted TenantState = "deleted"
)

// TenantStates lists every state.
var TenantStates = []TenantState{TenantActive, TenantSuspended, TenantDeleted}

// A Standing is what of a tenant, and of those above it, decides whether somebody is
// let in, and how often.
type Standing struct {
	Tenant string
	State  TenantState
	HeldBy string // the tenant whose suspension holds it; "" where nothing does
	// Requests are the limits of requests that count for it: its own first, then
	// those above, the nearest first.
	Requests []RequestLimit
}
