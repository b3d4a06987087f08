package outturn

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits bound what a tenant and all below it may have together. Nil is no bound of
// its own: then only those of the tenants above count. 0 is none at all.
type Limits struct {
	Running    *int64 `json:"running,omitempty"`             // runs at work at once; more wait
	Queued     *int64 `json:"queued,omitempty"`              // runs that wait; more are refused
	Generators *int64 `json:"generators,omitempty"`          // more are refused
	Bytes      *int64 `json:"bytes,omitempty"`               // of files that are kept; more are refused
	Rows       *int64 `json:"rows,omitempty"`                // of one run; one with more fails
	Requests   *int64 `json:"requests_per_minute,omitempty"` // more are refused until there is room again
	Firings    *int64 `json:"firings_per_day,omitempty"`     // of one schedule; one that fires more often is refused
}

// LimitKinds lists what Limits bounds, by the names that it has in JSON.
var LimitKinds = []LimitKind{LimitRunning, LimitQueued, LimitGenerators, LimitBytes, LimitRows, LimitRequests, LimitFirings}

// A LimitKind names one of Limits.
type LimitKind string

const (
	LimitRunning    LimitKind = "running"
	LimitQueued     LimitKind = "queued"
	LimitGenerators LimitKind = "generators"
	LimitBytes      LimitKind = "bytes"
	LimitRows       LimitKind = "rows"
	LimitRequests   LimitKind = "requests_per_minute"
	LimitFirings    LimitKind = "firings_per_day"
)

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
		{LimitFirings, &l.Firings},
	}
}

// Of returns the limit of that kind, nil where there is none.
func (l Limits) Of(kind LimitKind) *int64 {
	for _, limit := range l.All() {
		if limit.Kind == kind {
			return *limit.Most
		}
	}
	return nil
}

// ByKind has every limit, also those that are nil.
func (l Limits) ByKind() map[LimitKind]*int64 {
	limits := map[LimitKind]*int64{}
	for _, limit := range l.All() {
		limits[limit.Kind] = *limit.Most
	}
	return limits
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
	// Most is the least of them, where each run, minute or schedule is bounded by itself.
	Most *int64 `json:"most,omitempty"`
}

// A RequestLimit is how many requests a minute a tenant and all below it may make.
type RequestLimit struct {
	Tenant    string
	PerMinute int64
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
