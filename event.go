package outturn

import (
	"encoding/json"
	"strings"
	"time"
)

// An Event is something that happened in the source, told by a client (CloudEvents 1.0),
// by a NOTIFY of PostgreSQL, or found by asking a data set. However it comes, and however
// often, it makes one run for each generator that waits for it.
type Event struct {
	ID string `json:"id"` // UUIDv7, ours
	// Source and EventID are those of CloudEvents, and together tell the events apart
	// that one tenant tells.
	Source  string `json:"source"`
	EventID string `json:"event_id"`
	Type    string `json:"type"`    // such as EventInvoiceIssued
	Subject string `json:"subject"` // what it is about: the number of an invoice
	// Account is whose it is, in the source. A generator of that account's tenant, or of
	// one above, may wait for it, also where the account has no tenant.
	Account string `json:"account"`
	// Tenant is the tenant whose client told it; nobody can tell of accounts beside or
	// above its own.
	Tenant string          `json:"tenant"`
	Time   time.Time       `json:"time"` // when it happened
	Data   json.RawMessage `json:"data,omitempty"`
	Way    EventWay        `json:"way"`

	ReceivedAt time.Time `json:"received_at"`
	// HandledAt is when all generators that wait for it had their run; until then a
	// restart goes on with it.
	HandledAt time.Time `json:"handled_at,omitzero"`
}

// A KeptEvent is what became of an event that was told.
type KeptEvent struct {
	ID        string `json:"id"`        // of the Event
	Duplicate bool   `json:"duplicate"` // it was told before, and nothing more was done
}

// EventInvoiceIssued is the type of an event that a run selects an invoice by.
const EventInvoiceIssued = "invoice.issued"

// An EventWay is how an event came.
type EventWay string

const (
	EventPosted   EventWay = "api"
	EventNotified EventWay = "notify"
	EventPolled   EventWay = "poll"
)

// Key tells what happened apart, however it was told: generators fire once for each.
func (e *Event) Key() string { return e.Type + "\n" + e.Subject }

// InvoiceOf is what an event was about whose Key it is; "" where that is no invoice.
func InvoiceOf(key string) string {
	invoice, is := strings.CutPrefix(key, EventInvoiceIssued+"\n")
	if !is {
		return ""
	}
	return invoice
}
