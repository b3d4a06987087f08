package servertest

import (
	"slices"
	"sync"
	"time"

	"outturn"
)

// A History is what every client asked and was answered, and what was done to the
// server meanwhile. Any number of goroutines may add to it.
type History struct {
	mu    sync.Mutex
	calls []Call
	marks []Mark
}

// NewHistory returns an empty one.
func NewHistory() *History { return &History{} }

// A Call is one request and its answer.
type Call struct {
	At, Done time.Time // when it was sent, and when the answer was there or was given up
	Who      string
	Op       Op
	Key      string // of a create or a retry: its Idempotency-Key
	Run      string // which run it asks about or, of a create, made
	File     string // which file it asks for

	Status int    // 0: no whole answer came
	Err    string // why none came
	Code   string // of an answer that is a problem

	Answer   string            // to a create or a retry, byte for byte
	Runs     []Run             // the runs that the answer shows, as they were at some moment between At and Done or, of a create or a retry, when they were made
	Manifest *outturn.Manifest // that the answer is
	Content  *Content          // that the answer was
}

// OK reports whether the call was answered with what it asked for.
func (c *Call) OK() bool { return c.Status >= 200 && c.Status < 300 }

// makes reports whether the call asks for a run to be made.
func (c *Call) makes() bool { return c.Op == OpCreate || c.Op == OpRetry }

// An Op is what a call does.
type Op string

// The calls of the API that a history holds.
const (
	OpToken    Op = "token"
	OpCreate   Op = "create"
	OpRetry    Op = "retry"
	OpShow     Op = "show"
	OpList     Op = "list"
	OpCancel   Op = "cancel"
	OpDelete   Op = "delete"
	OpManifest Op = "manifest"
	OpDownload Op = "download"
)

// A Run is what the server says of a run.
type Run struct {
	ID       string           `json:"id"`
	Tenant   string           `json:"tenant"`
	Name     string           `json:"name"`
	State    outturn.RunState `json:"state"`
	Phase    outturn.RunPhase `json:"phase"`
	Furthest outturn.RunPhase `json:"furthest"`
	Attempt  int              `json:"attempt"`
	RetryOf  string           `json:"retry_of"`
	Progress struct {
		Rows  int64     `json:"rows"`
		Bytes int64     `json:"bytes"`
		At    time.Time `json:"at"`
	} `json:"progress"`
	Reason *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"reason"`
	Files []File `json:"files"`
}

// A File is what the server says of a file.
type File struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Format      string `json:"format"`
	Compression string `json:"compression"`
	Dialect     string `json:"dialect"`
	Rows        int64  `json:"rows"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
}

// Content is what a download brought.
type Content struct {
	From, To int64 // the stretch that was asked for; To 0 is all
	Bytes    int64
	SHA256   string
	// Whole is the SHA-256 of the same stretch of the whole file; "" where nobody
	// had that.
	Whole string

	// Rows and Totals are what a reader of the format finds in it, nil where nobody
	// read it; Faults is what that reader has against it.
	Rows   *int64
	Totals map[string]map[string]string
	Faults []string
}

// A Mark is something done to the server.
type Mark struct {
	At   time.Time
	What string
}

// Mark notes that something was done to the server.
func (h *History) Mark(what string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.marks = append(h.marks, Mark{time.Now(), what})
}

func (h *History) add(c Call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
}

// Calls returns the calls so far, in the order in which they were answered.
func (h *History) Calls() []Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := slices.Clone(h.calls)
	slices.SortStableFunc(calls, func(a, b Call) int { return a.Done.Compare(b.Done) })
	return calls
}

// Marks returns what was done to the server so far.
func (h *History) Marks() []Mark {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.marks)
}

// Accepted lists the runs that were promised: created or retried with a 2xx answer.
func (h *History) Accepted() []string {
	var ids []string
	for _, c := range h.Calls() {
		if c.makes() && c.OK() && c.Run != "" && !slices.Contains(ids, c.Run) {
			ids = append(ids, c.Run)
		}
	}
	return ids
}

// Last returns each run as it was last shown.
func (h *History) Last() map[string]Run {
	last := map[string]Run{}
	for _, c := range h.Calls() {
		if c.makes() {
			continue // it tells how the run was made, not how it is
		}
		for _, r := range c.Runs {
			last[r.ID] = r
		}
	}
	return last
}
