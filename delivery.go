package outturn

import "time"

// A Destination is whom a generator tells of its runs.
type Destination struct {
	Kind DestinationKind `json:"kind"`
	To   []string        `json:"to,omitempty"` // of email: addresses
	// Attach asks for the file itself, where it is small enough; else there is a link,
	// and the mail says so (P34).
	Attach bool `json:"attach,omitempty"`
	// LinkHours is how long the links in it live; 0 is DefaultLinkHours.
	LinkHours int    `json:"link_hours,omitempty"`
	Webhook   string `json:"webhook,omitempty"` // of webhook: id of a Webhook
	// On is which of DeliveryEvents to tell; empty is run.succeeded and run.failed.
	On []string `json:"on,omitempty"`
}

// DefaultLinkHours is two days.
const DefaultLinkHours = 48

// A DestinationKind is a way to tell somebody.
type DestinationKind string

const (
	DestinationEmail   DestinationKind = "email"
	DestinationWebhook DestinationKind = "webhook"
)

// DestinationKinds lists every kind.
var DestinationKinds = []DestinationKind{DestinationEmail, DestinationWebhook}

// What deliveries tell of.
const (
	RunSucceededEvent    = "run.succeeded"
	RunFailedEvent       = "run.failed"
	RunCancelledEvent    = "run.cancelled"
	GeneratorPausedEvent = "generator.paused"
	WebhookTestEvent     = "webhook.test"
)

// DeliveryEvents lists what a destination can ask for.
var DeliveryEvents = []string{RunSucceededEvent, RunFailedEvent, RunCancelledEvent, GeneratorPausedEvent}

// A Webhook is a URL of a tenant that is told of events, signed as Standard Webhooks
// says. Its secrets are in the ledger, sealed.
type Webhook struct {
	ID     string `json:"id"`
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	URL    string `json:"url"`
	// Events are those of all runs and generators of the tenant that it is told;
	// none: only what generators that name it tell.
	Events  []string `json:"events,omitempty"`
	Enabled bool     `json:"enabled"`
	// DisabledFor says why it is not enabled, where nobody switched it off: gone (it
	// answered 410), failing, or moved.
	DisabledFor string    `json:"disabled_for,omitempty"`
	Version     int       `json:"version"`
	CreatedBy   string    `json:"created_by"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// A Delivery is one message to one destination. Its id stays the same over all tries.
type Delivery struct {
	ID     string          `json:"id"` // UUIDv7; webhook-id and Message-ID are made of it
	Tenant string          `json:"tenant"`
	Event  string          `json:"event"` // one of DeliveryEvents, or WebhookTestEvent
	Kind   DestinationKind `json:"kind"`
	// Target is where it goes, as people may see it: an address, or the webhook's URL.
	Target    string        `json:"target"`
	Run       string        `json:"run,omitempty"`
	Generator string        `json:"generator,omitempty"`
	Webhook   string        `json:"webhook,omitempty"`
	State     DeliveryState `json:"state"`

	Attempt   int               `json:"attempt"`
	NextAt    time.Time         `json:"next_at,omitzero"`
	Log       []DeliveryAttempt `json:"log,omitempty"` // the newest last; of many, the last ones
	CreatedAt time.Time         `json:"created_at"`
	EndedAt   time.Time         `json:"ended_at,omitzero"`

	Destination Destination `json:"-"`
	LeaseOwner  string      `json:"-"`
	LeaseUntil  time.Time   `json:"-"`
}

// A DeliveryState is where a delivery is in its life.
type DeliveryState string

const (
	DeliveryPending   DeliveryState = "pending"
	DeliverySending   DeliveryState = "sending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed" // given up; it can be sent again by hand
)

// DeliveryStates lists every state.
var DeliveryStates = []DeliveryState{DeliveryPending, DeliverySending, DeliveryDelivered, DeliveryFailed}

// A DeliveryAttempt is one try.
type DeliveryAttempt struct {
	At     time.Time `json:"at"`
	Took   int64     `json:"took_ms"`
	Status int       `json:"status,omitempty"` // of HTTP or SMTP
	// Class says what went wrong, in a word: refused_address, dns, connect, tls,
	// timeout, status, protocol, worker_lost. Never what the other side answered.
	Class string `json:"class,omitempty"`
}

// DeliveryWorkerLost is the class of an attempt whose process died: whether the message
// arrived nobody knows.
const DeliveryWorkerLost = string(CodeWorkerLost)
