package outturn

import (
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WebhookKeys are the secrets that a Webhook's messages are signed with, sealed. The
// old one counts until OldUntil, so that a receiver has time to learn the new one.
type WebhookKeys struct {
	Sealed   []byte
	Old      []byte
	OldUntil time.Time
}

// What a webhook can be disabled for.
const (
	DisabledGone    = "gone"    // it answered 410
	DisabledFailing = "failing" // nothing reached it for as long as is tried
	DisabledMoved   = "moved"   // its tenant was moved away from whose client made it
)

// WebhookSecretPrefix opens the secrets of webhooks, as Standard Webhooks says.
const WebhookSecretPrefix = "whsec_"

// LinkPrefix opens the tokens of links that the ledger keeps, and SignedLinkPrefix those
// of links that it need not keep, as they are signed.
const (
	LinkPrefix       = "otl_"
	SignedLinkPrefix = "otf_"
)

// DeliveryDisabled is the class of a message to a webhook that is told nothing, or that
// is gone: it was not sent.
const DeliveryDisabled = "disabled"

// MostWebhooks is how many webhooks a tenant may have: each end of a run may tell all of
// them, in its transaction.
const MostWebhooks = 100

// MostAddresses is how many addresses one destination may have.
const MostAddresses = 20

// MostLinkHours is how long a link in a message may live: as long as files are kept.
const MostLinkHours = 90 * 24

// Validate reports every fault of a destination, as text alone tells it: whether its
// webhook is there the ledger knows.
func (d Destination) Validate() error {
	var faults []error
	add := func(field, format string, args ...any) {
		faults = append(faults, InField(field, Errorf(CodeInvalid, format, args...)))
	}
	switch d.Kind {
	case DestinationEmail:
		if len(d.To) == 0 || len(d.To) > MostAddresses {
			add("to", "Name one to %d addresses.", MostAddresses)
		}
		for i, to := range d.To {
			if err := CheckAddress(to); err != nil {
				faults = append(faults, InField("to["+strconv.Itoa(i)+"]", err))
			}
		}
		if d.Webhook != "" {
			add("webhook", "A webhook belongs to a destination of the kind webhook.")
		}
	case DestinationWebhook:
		if d.Webhook == "" || len(d.Webhook) > IDLength {
			add("webhook", "Name the webhook by its id.")
		}
		if len(d.To) > 0 {
			add("to", "Addresses belong to a destination of the kind email.")
		}
		if d.Attach {
			add("attach", "Only an e-mail can have a file attached. A webhook gets links.")
		}
	default:
		faults = append(faults, InField("kind", Unknown("kind of destination", string(d.Kind), []string{string(DestinationEmail), string(DestinationWebhook)})))
	}
	if d.LinkHours < 0 || d.LinkHours > MostLinkHours {
		add("link_hours", "A link lives for 1 to %d hours; 0 is %d.", MostLinkHours, DefaultLinkHours)
	}
	for i, on := range d.On {
		if !slices.Contains(DeliveryEvents, on) {
			faults = append(faults, InField("on["+strconv.Itoa(i)+"]", Unknown("event", on, DeliveryEvents)))
		}
	}
	return JoinFaults(faults)
}

// Wants says whether the destination asked to be told of an event.
func (d Destination) Wants(event string) bool {
	if len(d.On) == 0 {
		return event == RunSucceededEvent || event == RunFailedEvent
	}
	return slices.Contains(d.On, event)
}

// mostAddress is how long an e-mail address can be (RFC 5321).
const mostAddress = 254

// CheckAddress says what is wrong with an e-mail address: it is one plain address, in
// ASCII, without a name, comment or quotes.
func CheckAddress(text string) error {
	parsed, err := mail.ParseAddress(text)
	local, domain, _ := strings.Cut(text, "@")
	plain := err == nil && parsed.Name == "" && parsed.Address == text && len(text) <= mostAddress && len(local) <= 64 &&
		strings.Trim(domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == "" && strings.Contains(domain, ".") &&
		!strings.HasPrefix(domain, "-") && !strings.HasSuffix(domain, "-") && !strings.ContainsAny(local, "\"()<>,;:\\[] ")
	for _, c := range []byte(text) {
		plain = plain && c > ' ' && c < 0x7f
	}
	if !plain {
		return Errorf(CodeInvalid, "%s is no e-mail address. Write one plain address such as finance@example.com, without a name.", Shown(text))
	}
	return nil
}

// A DeliveryClaim names one attempt of a delivery, by whoever holds it.
type DeliveryClaim struct {
	Delivery string
	Attempt  int
	Owner    string
}

// Claim is the claim under which a delivery is being sent.
func (d *Delivery) Claim() DeliveryClaim { return DeliveryClaim{d.ID, d.Attempt, d.LeaseOwner} }

// A DeliveryOutcome is what came of an attempt.
type DeliveryOutcome struct {
	Attempt   DeliveryAttempt
	Delivered bool
	// RetryAt is when it is tried again; zero gives it up.
	RetryAt time.Time
	// Disable says why its webhook is told nothing any more; "" leaves it.
	Disable string
}

// MostAttemptsKept is how many attempts a delivery's log has; older ones are dropped.
const MostAttemptsKept = 50
