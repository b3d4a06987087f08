package outturn

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// A RunRequest is what a client wants, once: a data set through a view, for one
// account, over one window, cut by a filter, as one or more files. Every edge
// fills it, and the ledger keeps it as JSON.
type RunRequest struct {
	Dataset string `json:"dataset,omitempty"`
	// View names a view; OwnView is one that is in no catalogue, and Columns lists
	// fields instead. All empty is the full view.
	View    string   `json:"view,omitempty"`
	OwnView *View    `json:"own_view,omitempty"`
	Columns []string `json:"columns,omitempty"`

	Where  *Expr   `json:"where,omitempty"`
	Order  []Order `json:"order,omitempty"`
	Window *Window `json:"window,omitempty"` // nil: all there is
	Zone   string  `json:"zone,omitempty"`   // IANA name of the zone instants are written in; "" is UTC

	// Invoice selects the rows of one invoice, by the field that the data set names for
	// it; "" is all.
	Invoice string `json:"invoice,omitempty"`

	// Tenant is the account the report is made for: it holds the rows of that
	// account and of all below it. Only an operator may ask for Everything.
	Tenant     string `json:"account,omitempty"`
	Everything bool   `json:"everything,omitempty"`
	ReportType string `json:"report_type,omitempty"` // one of ReportTypes; "" is derived at each run: see DerivedReportType

	// Outputs are the files to make, all from one read.
	Outputs []Output `json:"outputs,omitempty"`

	// SQL is an operator's own SELECT, instead of a data set. It is never kept.
	SQL string `json:"-"`
}

// An Output is one file that is asked for.
type Output struct {
	Format      string `json:"format"`                 // csv, tsv, json, ndjson, xml or xlsx
	Compression string `json:"compression,omitempty"`  // none, gzip or zstd; "" is none
	Level       string `json:"level,omitempty"`        // fast or small; "" is fast
	Dialect     string `json:"dialect,omitempty"`      // of CSV and TSV; "" is machine
	JSONNumbers bool   `json:"json_numbers,omitempty"` // decimals in JSON as numbers instead of strings
}

// ReportTypes are what an account may want to see of its sales: RESELLER its own
// customers, PROVIDER also its sub-resellers and theirs. A data set whose SELECT
// does not ask is the same either way.
var ReportTypes = []string{"RESELLER", "PROVIDER"}

// DerivedReportType is the type of a report for which nobody said one: PROVIDER for an
// account with resellers right below it, RESELLER for every other.
func DerivedReportType(resellers bool) string {
	if resellers {
		return "PROVIDER"
	}
	return "RESELLER"
}

// ParseReportType returns the report type of that name, in any case.
func ParseReportType(name string) (string, error) {
	if upper := strings.ToUpper(name); slices.Contains(ReportTypes, upper) {
		return upper, nil
	}
	return "", Unknown("report type", name, ReportTypes)
}

// A Run is one execution of a RunRequest, as the ledger has it. A client makes it
// and may cancel it; only the worker that holds its lease moves it on, and only a
// succeeded run has files.
type Run struct {
	ID     string `json:"id"`     // UUIDv7
	Tenant string `json:"tenant"` // whose it is: id of a Tenant
	Name   string `json:"name"`   // what its maker calls it; begins the names of its files

	Request RunRequest `json:"request"`
	// Format is that of the first file it makes, so that lists of runs can be asked for it.
	Format string `json:"-"`

	State RunState `json:"state"`
	// Phase is what a running run is at, else empty. Furthest is the last phase it
	// ever reached, in any attempt: what a client was told is never taken back.
	Phase    RunPhase `json:"phase,omitempty"`
	Furthest RunPhase `json:"furthest,omitempty"`

	// Attempt counts claims, from 1 at the first. LeaseOwner may move the run on
	// until LeaseUntil; Lapses counts leases that ran out.
	Attempt    int       `json:"attempt"`
	LeaseOwner string    `json:"-"`
	LeaseUntil time.Time `json:"-"`
	Lapses     int       `json:"-"`
	// NotBefore is when a run that waits for its next attempt may be claimed.
	NotBefore time.Time `json:"-"`
	// MostRows is how many rows the attempt may have by the limits of its tenant and
	// of those above, as they were at the claim; nil is any number.
	MostRows *int64 `json:"-"`

	// CancelledBy is who asked for it to stop, and CancelAt when; running runs hear
	// it within a second.
	CancelledBy string    `json:"cancelled_by,omitempty"`
	CancelAt    time.Time `json:"cancel_requested_at,omitzero"`

	Progress RunProgress `json:"progress"`
	Reason   *Reason     `json:"reason,omitempty"` // of a failed run; of a queued one, why the last attempt failed

	// Generator is what made it, at Revision, because of Cause; "" where somebody asked
	// for this one run. ScheduledFor is when it was due.
	Generator    string    `json:"generator,omitempty"`
	Revision     int       `json:"revision,omitempty"`
	Cause        Cause     `json:"cause,omitempty"`
	ScheduledFor time.Time `json:"scheduled_for,omitzero"`
	Event        string    `json:"event,omitempty"` // id of the Event
	// Rhythm is that of its generator when it made the run, "" where none did. A run that
	// repeats another keeps it.
	Rhythm Rhythm `json:"rhythm,omitempty"`
	// InTurn: it starts only when no older run of its generator is left. Low: it waits
	// until others have had their turn.
	InTurn bool `json:"-"`
	Low    bool `json:"-"`
	// Deliveries are whom to tell when it ends.
	Deliveries []Destination `json:"-"`

	// RetryOf is the run that this one repeats.
	RetryOf string `json:"retry_of,omitempty"`

	// Origin is the edge that made it; Foreign what that edge wants back, opaque
	// to all others.
	Origin  string          `json:"origin"`
	Foreign json.RawMessage `json:"-"`

	CreatedBy  string    `json:"created_by"`
	CreatedAt  time.Time `json:"created_at"`
	StartedAt  time.Time `json:"started_at,omitzero"` // of the first attempt
	FinishedAt time.Time `json:"finished_at,omitzero"`
	UpdatedAt  time.Time `json:"updated_at"`

	// Files are those of a succeeded run; empty again once they were deleted or
	// their time was over, which FilesGoneAt tells.
	Files       []File    `json:"files,omitempty"`
	FilesGoneAt time.Time `json:"files_gone_at,omitzero"`
	// RemovedAt is when somebody deleted a failed or cancelled run: it has no files that
	// could go, and is out of the lists of reports of those who make them.
	RemovedAt time.Time `json:"removed_at,omitzero"`
}

// Listed says that a run is a report to those who list reports: it was not deleted, and
// its files are there or may yet come.
func (r *Run) Listed() bool { return r.FilesGoneAt.IsZero() && r.RemovedAt.IsZero() }

// RunProgress is how far a running attempt has come.
type RunProgress struct {
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
	// Share of the work that the engine believes is done, 0 to 1; nil where it
	// cannot tell.
	Share *float64  `json:"share,omitempty"`
	At    time.Time `json:"at,omitzero"` // last sign of life
}

// A RunState is where a run is in its life. docs/states.md draws it.
type RunState string

const (
	// RunQueued waits for a worker, for the first time or again.
	RunQueued RunState = "queued"
	// RunRunning is held by a worker with a lease.
	RunRunning RunState = "running"
	// RunSucceeded has files and a manifest, and never changes again.
	RunSucceeded RunState = "succeeded"
	// RunFailed has a reason, and no files.
	RunFailed RunState = "failed"
	// RunCancelled was stopped by somebody, and has no files.
	RunCancelled RunState = "cancelled"
)

// RunStates lists every state, in the order of a run's life.
var RunStates = []RunState{RunQueued, RunRunning, RunSucceeded, RunFailed, RunCancelled}

// moves holds every permitted move. A state without moves is final.
var moves = map[RunState][]RunState{
	RunQueued:  {RunRunning, RunCancelled},
	RunRunning: {RunSucceeded, RunFailed, RunCancelled, RunQueued}, // back to queued: retry, lease lost, or given back
}

// CanBecome reports whether a run may move from s to next.
func (s RunState) CanBecome(next RunState) bool { return slices.Contains(moves[s], next) }

// Final reports whether a run in s will never move again.
func (s RunState) Final() bool { return len(moves[s]) == 0 }

// A RunPhase is what a running run is at.
type RunPhase string

const (
	PhaseStarting  RunPhase = "starting"  // claimed
	PhaseQuerying  RunPhase = "querying"  // the statement was sent
	PhaseRendering RunPhase = "rendering" // the first rows are there
	PhaseStoring   RunPhase = "storing"   // the last row was read
)

// RunPhases lists the phases in their order.
var RunPhases = []RunPhase{PhaseStarting, PhaseQuerying, PhaseRendering, PhaseStoring}

// Further returns the later of two phases; "" is before all.
func (p RunPhase) Further(o RunPhase) RunPhase {
	if slices.Index(RunPhases, o) > slices.Index(RunPhases, p) {
		return o
	}
	return p
}

// A RunClaim is a worker's hold of a run. Every change that a worker makes names
// it, and is refused with CodeLeaseLost when the hold is gone.
type RunClaim struct {
	Run     string
	Attempt int
	Owner   string
}

// Claim returns the hold that r's state shows.
func (r *Run) Claim() RunClaim { return RunClaim{Run: r.ID, Attempt: r.Attempt, Owner: r.LeaseOwner} }
