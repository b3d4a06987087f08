package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"outturn"
)

// An Event is something that happened in the source, which generators may wait for.
type Event struct {
	// ID tells it apart from others of Source, which says who tells of it: the same
	// sent again does nothing more.
	ID     string
	Source string
	Type   string // such as outturn.EventInvoiceIssued
	// Subject is what it is about: of outturn.EventInvoiceIssued the invoice, as the data
	// sets have it.
	Subject string
	// Account is the id of the account of the source whose it is: that of the client's
	// tenant, or one below.
	Account string
	Time    time.Time       // zero is now
	Data    json.RawMessage // nil is none
}

// MarshalJSON writes e as CloudEvents 1.0.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		SpecVersion string          `json:"specversion"`
		ID          string          `json:"id"`
		Source      string          `json:"source"`
		Type        string          `json:"type"`
		Subject     string          `json:"subject"`
		Account     string          `json:"account"`
		Time        time.Time       `json:"time,omitzero"`
		Data        json.RawMessage `json:"data,omitempty"`
	}{"1.0", e.ID, e.Source, e.Type, e.Subject, e.Account, e.Time, e.Data})
}

// An EventAnswer is what became of an Event.
type EventAnswer struct {
	EventID   string `json:"event_id"`     // Event.ID
	ID        string `json:"id,omitempty"` // Outturn's own; runs name it
	Duplicate bool   `json:"duplicate"`    // it was told before
	Refused   *struct {
		Code   outturn.Code `json:"code"`
		Detail string       `json:"detail"`
	} `json:"refused,omitempty"` // why it was not kept
}

// PostEvents tells of events, at most 1000, and returns what became of each, in their
// order. A fault in the form of one is an error, and none is kept then.
func (c *Client) PostEvents(ctx context.Context, events ...Event) ([]EventAnswer, error) {
	var answer struct{ Events []EventAnswer }
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: "/v1/events", body: events, again: true,
		header: http.Header{"Content-Type": {"application/cloudevents-batch+json"}},
	}, &answer)
	return answer.Events, err
}
