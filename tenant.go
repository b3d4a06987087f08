package outturn

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

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

	Zone       string `json:"zone,omitempty"`        // IANA name; where its days begin; "" is UTC
	Currency   string `json:"currency,omitempty"`    // ISO 4217; what it is billed in, for people
	ReportType string `json:"report_type,omitempty"` // what its runs have unless they say otherwise
	Limits     Limits `json:"limits,omitzero"`       // set by whoever is above it

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

// Limits bound what a tenant and all below it may have together. Nil is no bound of
// its own: then only those of the tenants above count. 0 is none at all.
type Limits struct {
	Running    *int64 `json:"running,omitempty"`             // runs at work at once; more wait
	Queued     *int64 `json:"queued,omitempty"`              // runs that wait; more are refused
	Generators *int64 `json:"generators,omitempty"`          // more are refused
	Bytes      *int64 `json:"bytes,omitempty"`               // of files that are kept; more are refused
	Rows       *int64 `json:"rows,omitempty"`                // of one run; one with more fails
	Requests   *int64 `json:"requests_per_minute,omitempty"` // more are refused until there is room again
}

// LimitKinds lists what Limits bounds, by the names that it has in JSON.
var LimitKinds = []LimitKind{LimitRunning, LimitQueued, LimitGenerators, LimitBytes, LimitRows, LimitRequests}

// A LimitKind names one of Limits.
type LimitKind string

const (
	LimitRunning    LimitKind = "running"
	LimitQueued     LimitKind = "queued"
	LimitGenerators LimitKind = "generators"
	LimitBytes      LimitKind = "bytes"
	LimitRows       LimitKind = "rows"
	LimitRequests   LimitKind = "requests_per_minute"
)

// Of returns the limit of that kind, nil where there is none.
func (l Limits) Of(kind LimitKind) *int64 {
	for _, limit := range l.All() {
		if limit.Kind == kind {
			return *limit.Most
		}
	}
	return nil
}

// A LimitReached is what lies beneath an Error that a limit is the reason of: whose
// it is, which only those may be told who see that tenant, and how much it permits.
type LimitReached struct {
	Tenant string
	Kind   LimitKind
	Most   int64
}

func (l *LimitReached) Error() string {
	return fmt.Sprintf("the limit %s of tenant %s is %d", l.Kind, l.Tenant, l.Most)
}

// Told says for those who see the tenant, whom they know by that name, that it has
// as much as it may.
func (l *LimitReached) Told(name string) string {
	switch l.Kind {
	case LimitQueued:
		return fmt.Sprintf("%s has as many runs waiting as it may, %d with all below it. Wait until some are done, or cancel some.", name, l.Most)
	case LimitBytes:
		return fmt.Sprintf("%s may keep %d bytes of files, with all below it, and there is no room left. Delete files that are not needed, or ask whoever is above it for more.", name, l.Most)
	case LimitRequests:
		return fmt.Sprintf("%s may make %d requests a minute, with all below it, and has made them.", name, l.Most)
	}
	return fmt.Sprintf("%s has as many %s as it may, %d with all below it.", name, l.Kind, l.Most)
}

// ToldBelow says it to those below the tenant, who do not see it.
func (l *LimitReached) ToldBelow() string {
	switch l.Kind {
	case LimitQueued:
		return "A tenant above you has as many runs waiting as it may. Wait until some are done, or ask it for more."
	case LimitBytes:
		return "A tenant above you keeps as many bytes of files as it may. Ask it for more room."
	case LimitRequests:
		return "A tenant above you has made as many requests a minute as it may."
	}
	return fmt.Sprintf("A tenant above you has as many %s as it may.", l.Kind)
}

// A LimitAbove is what a tenant is told of the limits that those above it have, for
// all of them and theirs together: never whose, nor how much the others have.
type LimitAbove struct {
	Kind    LimitKind `json:"kind"`
	Reached bool      `json:"reached"`
	// Most is the least of them, where each run or minute is bounded by itself.
	Most *int64 `json:"most,omitempty"`
}

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

// A RequestLimit is how many requests a minute a tenant and all below it may make.
type RequestLimit struct {
	Tenant    string
	PerMinute int64
}

// A NamedLimit is one of Limits.
type NamedLimit struct {
	Kind LimitKind
	Most **int64 // where it is
}

// All lists every limit, also those that are nil.
func (l *Limits) All() []NamedLimit {
	return []NamedLimit{
		{LimitRunning, &l.Running}, {LimitQueued, &l.Queued}, {LimitGenerators, &l.Generators},
		{LimitBytes, &l.Bytes}, {LimitRows, &l.Rows}, {LimitRequests, &l.Requests},
	}
}

// String lists the limits there are, "none" where there is none.
func (l Limits) String() string {
	var set []string
	for _, limit := range l.All() {
		if most := *limit.Most; most != nil {
			set = append(set, string(limit.Kind)+"="+strconv.FormatInt(*most, 10))
		}
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, " ")
}

// Usage is what a tenant and all below it have now.
type Usage struct {
	Tenant     string `json:"tenant"`
	Running    int64  `json:"running"`
	Queued     int64  `json:"queued"`
	Generators int64  `json:"generators"`
	Files      int64  `json:"files"`
	Bytes      int64  `json:"bytes"` // of files that are kept
}

// Of returns how much there is of what a limit sums up; false where it bounds no sum.
func (u Usage) Of(kind LimitKind) (int64, bool) {
	switch kind {
	case LimitRunning:
		return u.Running, true
	case LimitQueued:
		return u.Queued, true
	case LimitGenerators:
		return u.Generators, true
	case LimitBytes:
		return u.Bytes, true
	}
	return 0, false
}

// An Allowance is what a tenant and all below it have, and how much they may have:
// by its own limits, and by those of the tenants above it.
type Allowance struct {
	Usage  Usage        `json:"usage"`
	Limits Limits       `json:"limits"`
	Above  []LimitAbove `json:"above,omitempty"`
}
