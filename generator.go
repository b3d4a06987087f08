package outturn

import (
	"encoding/json"
	"time"
)

// A Generator is a standing order: it makes a run of its request each time it fires.
// It belongs to its tenant, not to who made it, and goes on when that one leaves (P35).
type Generator struct {
	ID     string `json:"id"`     // UUIDv7
	Tenant string `json:"tenant"` // whose it is: id of a Tenant
	GeneratorSpec

	// Revision is 1 at first and one more with each change of the spec. A run keeps the
	// revision it was made by.
	Revision int            `json:"revision"`
	State    GeneratorState `json:"state"`
	// PausedFor says why a paused one is: one of the PausedFor… words.
	PausedFor string `json:"paused_for,omitempty"`
	// PausedAt is when its last pause began, and ResumedAt when that was over: what was
	// due in between was paused and not missed.
	PausedAt  time.Time `json:"paused_at,omitzero"`
	ResumedAt time.Time `json:"-"`

	// NextAt is when it fires next; zero where it does not by itself. It lives in the
	// ledger, so that no restart loses it (P24).
	NextAt      time.Time `json:"next_at,omitzero"`
	LastFiredAt time.Time `json:"last_fired_at,omitzero"` // what the last firing was scheduled for
	// CoveredTo is the latest end of a window of which there is a file: of runs that the
	// schedule made, and where windows are since_last_success also of those that
	// somebody asked for. Backfills do not count.
	CoveredTo time.Time `json:"covered_to,omitzero"`

	// Origin is the edge that made it; Foreign what that edge wants back, opaque to all
	// others.
	Origin  string          `json:"origin"`
	Foreign json.RawMessage `json:"-"`

	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// A GeneratorSpec is what a client says of a generator. The ledger keeps each revision
// as JSON.
type GeneratorSpec struct {
	Name string `json:"name"` // no two of a tenant's have the same
	// RunName is what its runs are called, and so what the names of their files begin
	// with; "" is Name.
	RunName string `json:"run_name,omitempty"`
	// Request is what each run has. Its window comes from Window, its account from the
	// tenant at each firing; Zone is set.
	Request    RunRequest    `json:"request"`
	Window     WindowRule    `json:"window"`
	Trigger    Trigger       `json:"trigger"`
	Deliveries []Destination `json:"deliveries,omitempty"`
}

// A GeneratorState says whether a generator fires.
type GeneratorState string

const (
	GeneratorActive   GeneratorState = "active"
	GeneratorDisabled GeneratorState = "disabled" // somebody switched it off
	// GeneratorPaused: it would fire and may not now; it goes on by itself when what
	// PausedFor names is over. Who is above its tenant was told.
	GeneratorPaused GeneratorState = "paused"
	// GeneratorDone: it fired for the last time.
	GeneratorDone GeneratorState = "done"
)

// GeneratorStates lists every state.
var GeneratorStates = []GeneratorState{GeneratorActive, GeneratorDisabled, GeneratorPaused, GeneratorDone}

// What a generator can be paused for.
const (
	PausedForSuspension = "tenant_suspended"
	PausedForAdmin      = "no_admin"       // its tenant's last admin client was revoked; one that never had any is not paused
	PausedForDeletion   = "tenant_deleted" // it goes on when the tenant is restored
)

// A Trigger says what makes a generator fire.
type Trigger struct {
	Kind TriggerKind `json:"kind"`

	// At is of once: a wall-clock time in Zone (2026-12-01T06:00), or an instant; "" is
	// now.
	At   string `json:"at,omitempty"`
	Zone string `json:"zone,omitempty"` // of At

	Schedule *Recurrence `json:"schedule,omitempty"` // of schedule
	// CatchUp says what becomes of firings that were missed, such as while no server ran,
	// and CatchUpHours how far back it looks; 0 is DefaultCatchUpHours. What is not made up
	// for is recorded as skipped (P25).
	CatchUp      CatchUp `json:"catch_up,omitempty"`
	CatchUpHours int     `json:"catch_up_hours,omitempty"`
	// Overlap says what becomes of a firing while a run of the one before goes on.
	Overlap Overlap `json:"overlap,omitempty"`

	Event string `json:"event,omitempty"` // of event: the type of those it waits for, such as EventInvoiceIssued
	// Scope is whose events count: ScopeSelf those of the tenant's own account, ScopeSubtree
	// also those of all accounts below it, which is the default.
	Scope string `json:"scope,omitempty"`
}

// A TriggerKind is a way to fire.
type TriggerKind string

const (
	TriggerOnce     TriggerKind = "once"
	TriggerSchedule TriggerKind = "schedule"
	TriggerEvent    TriggerKind = "event"
	TriggerManual   TriggerKind = "manual" // only when somebody says so
)

// TriggerKinds lists every kind.
var TriggerKinds = []TriggerKind{TriggerOnce, TriggerSchedule, TriggerEvent, TriggerManual}

// A Rhythm says in one word how often a generator fires, so that lists can be asked for
// it.
type Rhythm string

const (
	RhythmOnce   Rhythm = "once"
	RhythmDay    Rhythm = "day" // also every so many days; so with weeks and months
	RhythmWeek   Rhythm = "week"
	RhythmMonth  Rhythm = "month"
	RhythmCron   Rhythm = "cron"
	RhythmEvent  Rhythm = "event"
	RhythmManual Rhythm = "manual"
)

// Rhythms lists every rhythm.
var Rhythms = []Rhythm{RhythmOnce, RhythmDay, RhythmWeek, RhythmMonth, RhythmCron, RhythmEvent, RhythmManual}

// Rhythm returns t's: its kind, and of a schedule its unit.
func (t Trigger) Rhythm() Rhythm {
	if t.Kind != TriggerSchedule {
		return Rhythm(t.Kind)
	}
	if t.Schedule == nil {
		return ""
	}
	return Rhythm(t.Schedule.Every)
}

// A CatchUp is a policy for firings that were missed.
type CatchUp string

const (
	CatchUpLatest CatchUp = "latest" // the last of them takes place; the default
	CatchUpAll    CatchUp = "all"    // each takes place, the oldest first
	CatchUpNone   CatchUp = "none"
)

// CatchUps lists every policy, the default first.
var CatchUps = []CatchUp{CatchUpLatest, CatchUpAll, CatchUpNone}

// DefaultCatchUpHours is a week.
const DefaultCatchUpHours = 7 * 24

// MostCatchUp is how many missed firings take place at once under CatchUpAll; older ones
// are skipped.
const MostCatchUp = 100

// OnTime is how late a firing may be and not count as missed.
const OnTime = 2 * time.Minute

// An Overlap is a policy for firings that meet a run that goes on.
type Overlap string

const (
	OverlapQueue  Overlap = "queue"          // it starts when the one before has ended; the default
	OverlapSkip   Overlap = "skip"           // it does not take place
	OverlapCancel Overlap = "cancel_running" // the one before is cancelled
)

// Overlaps lists every policy, the default first.
var Overlaps = []Overlap{OverlapQueue, OverlapSkip, OverlapCancel}

// Scopes of the events that a generator waits for.
const (
	ScopeSubtree = "subtree"
	ScopeSelf    = "self"
)

// Scopes lists every scope, the default first.
var Scopes = []string{ScopeSubtree, ScopeSelf}

// A Firing is one time that a generator fired, or should have.
type Firing struct {
	ID        string `json:"id"`
	Generator string `json:"generator"`
	Revision  int    `json:"revision"`
	Cause     Cause  `json:"cause"`
	// ScheduledFor is when it was due; of other causes, when it was asked for. Of one
	// cause "schedule" there is one for each generator and instant (P26).
	ScheduledFor time.Time `json:"scheduled_for"`
	Window       *Window   `json:"window,omitempty"`
	// EventKey is of cause "event": there is one firing for each generator and key.
	EventKey string `json:"-"`
	Event    string `json:"event,omitempty"` // id of the Event
	// Invoice is what the event was about, of EventInvoiceIssued.
	Invoice string `json:"invoice,omitempty"`

	// Run is what it made; "" where it was skipped, and Skipped says why: one of the
	// Skipped… words.
	Run     string    `json:"run,omitempty"`
	Skipped string    `json:"skipped,omitempty"`
	Message string    `json:"message,omitempty"` // why, as a sentence
	At      time.Time `json:"at"`                // when it was decided
}

// A Cause is why a generator made a run.
type Cause string

const (
	CauseSchedule Cause = "schedule" // also of one-time generators
	CauseManual   Cause = "manual"
	CauseBackfill Cause = "backfill"
	CauseEvent    Cause = "event"
)

// Causes lists every cause.
var Causes = []Cause{CauseSchedule, CauseManual, CauseBackfill, CauseEvent}

// Why a firing was skipped.
const (
	SkippedMissed  = "missed"  // nobody was there to fire, and catch-up does not make up for it
	SkippedOverlap = "overlap" // the run before went on
	SkippedLimit   = "limit"   // a limit of the tenant was reached
	SkippedInvalid = "invalid" // what it asks for is not there any more: a data set, a view, an account
	SkippedPaused  = "paused"  // the generator was paused when it was due
	// SkippedDisabled is that the generator was switched off while an event was handled.
	SkippedDisabled = "disabled"
)

// SkipReasons lists why a firing can have been skipped.
var SkipReasons = []string{SkippedMissed, SkippedOverlap, SkippedLimit, SkippedInvalid, SkippedPaused, SkippedDisabled}

// A FireInput is what a generator fires at once. It is kept as a whole, or not at all.
type FireInput struct {
	// Generator is as it was read. Where it is due, somebody may have been faster: the
	// ledger compares its Revision and NextAt, and Next takes the place of NextAt; with
	// none it is done.
	Generator Generator
	Due       bool
	Next      time.Time

	// Firings are in the order in which their runs start. Runs has the run of each that
	// names one.
	Firings []Firing
	Runs    []Run

	Key   *IdempotencyKey // of one run that somebody asked for; may be nil
	Entry AuditEntry      // of each run
}

// MostBackfill is how many runs one backfill may make.
const MostBackfill = 120
