package outturn

import "time"

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
