package reporting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"outturn"
	"outturn/internal/source"
)

type eventLedger interface {
	KeepEvents(ctx context.Context, events []outturn.Event, entry outturn.AuditEntry) ([]outturn.KeptEvent, error)
	// WaitingEvents lists those that were not handled, behind one; the zero Event is
	// before all.
	WaitingEvents(ctx context.Context, after outturn.Event, most int) ([]outturn.Event, error)
	Awaited(ctx context.Context, eventType string) (bool, error)
	WaitingGenerators(ctx context.Context, e outturn.Event, chain []string) ([]outturn.Generator, error)
	HandleEvent(ctx context.Context, id string) error
	SweepEvents(ctx context.Context, before time.Time, most int) (int64, error)

	EventCursor(ctx context.Context, dataset string) (json.RawMessage, error)
	KeepEventCursor(ctx context.Context, dataset string, position json.RawMessage) error
	// Root is the provider.
	Root(ctx context.Context) (outturn.Tenant, error)
}

// Limits of what is told at once.
const (
	mostEvents    = 1000
	mostEventData = 64 << 10
)

// An AcceptedEvent is what became of an event that a client told.
type AcceptedEvent struct {
	outturn.KeptEvent
	EventID string
	// Refused is why it was not kept: its account is not one that the client may tell of,
	// whether or not there is such a one.
	Refused error
}

// AcceptEvents keeps events that a client tells, and answers to each in its place. From
// then on none is lost: whoever waits for it gets its run, after a restart too. Each is
// of an account of the source that is the principal's own or below it. What is wrong with
// the form of one refuses all. faults are what the edge could not understand of them.
func (s *Service) AcceptEvents(ctx context.Context, p outturn.Principal, events []outturn.Event, faults error) ([]AcceptedEvent, error) {
	if err := s.permit(ctx, p, eventCreate, ""); err != nil {
		return nil, err
	}
	if err := outturn.JoinFaults([]error{faults, checkEvents(events)}); err != nil {
		return nil, err
	}
	tenant, err := s.tenantOf(ctx, p, "")
	if err != nil {
		return nil, err
	}
	mayTell, err := s.mayTell(ctx, tenant, events)
	if err != nil {
		return nil, err
	}
	answers := make([]AcceptedEvent, len(events))
	var keep []outturn.Event
	var places []int
	now := s.now()
	for i, e := range events {
		answers[i].EventID = e.EventID
		if !mayTell[e.Account] {
			answers[i].Refused = outturn.InField("account", outturn.Errorf(outturn.CodeNotFound, "There is no account %s that you may tell of.", outturn.Shown(e.Account)))
			continue
		}
		e.ID, e.Tenant, e.Way = outturn.NewID(now), tenant.ID, outturn.EventPosted
		if e.Time.IsZero() {
			e.Time = now
		}
		keep, places = append(keep, e), append(places, i)
	}
	if len(keep) == 0 {
		return answers, nil
	}
	kept, err := s.ledger.KeepEvents(ctx, keep, s.entry(p, eventCreate, tenant.ID, "", nil))
	if err != nil {
		return nil, err
	}
	for i, k := range kept {
		answers[places[i]].KeptEvent = k
	}
	s.config.WakeEvents()
	return answers, nil
}

// isEventType is what the types of events look like.
var isEventType = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,99}$`)

// checkEvents reports every fault of events that are told.
func checkEvents(events []outturn.Event) error {
	var f faults
	if len(events) == 0 || len(events) > mostEvents {
		f.addf("", "Tell 1 to %d events at once.", mostEvents)
		return f.err()
	}
	for i := range events {
		e, field := &events[i], fmt.Sprintf("events[%d].", i)
		for _, part := range []struct{ name, is, about string }{
			{"id", e.EventID, "An event has an id, which tells it apart from others of its source"},
			{"source", e.Source, "An event says where it comes from, as source"},
			{"type", e.Type, "An event has a type, such as " + outturn.EventInvoiceIssued},
			{"subject", e.Subject, "An event says what it is about, as subject: of " + outturn.EventInvoiceIssued + " the number of the invoice"},
			{"account", e.Account, "An event says whose it is, as account: the id of an account of the source"},
		} {
			if part.is == "" || !outturn.IsLine(part.is) {
				f.addf(field+part.name, "%s. It is one line of 1 to 255 characters.", part.about)
			}
		}
		if e.Type != "" && !isEventType.MatchString(e.Type) {
			f.addf(field+"type", "The type of an event is small letters, digits, points, dashes and underscores, such as %s.", outturn.EventInvoiceIssued)
		}
		if !e.Time.IsZero() && (e.Time.Year() < 1970 || e.Time.Year() > 9999) {
			f.addf(field+"time", "The time of an event is a year from 1970 to 9999.")
		}
		if len(e.Data) > mostEventData {
			f.addf(field+"data", "The data of an event has at most %d bytes.", mostEventData)
		}
	}
	return f.err()
}

// mayTell says of which accounts of events a tenant may tell: of its own and of those
// below it in the source, also where these have no tenant.
func (s *Service) mayTell(ctx context.Context, tenant outturn.Tenant, events []outturn.Event) (map[string]bool, error) {
	may := map[string]bool{}
	for _, e := range events {
		may[e.Account] = false
	}
	var f faults
	own, everything := s.account(tenant, &f)
	if err := f.err(); err != nil {
		return nil, err
	}
	tree, err := s.config.Catalog.Tree()
	if err != nil {
		return nil, err
	}
	if tree == nil {
		for account := range may {
			may[account] = everything || account == own
		}
		return may, nil
	}
	err = s.look(ctx, nil, func(snapshot source.Snapshot) error {
		above := map[string]string{}
		for _, account := range slices.Sorted(maps.Keys(may)) {
			chain, err := accountsAbove(ctx, snapshot, tree, account, above)
			if err != nil {
				return err
			}
			may[account] = everything && len(chain) > 0 || slices.Contains(chain, own)
		}
		return nil
	})
	return may, err
}

// accountsAbove returns an account of the source and those above it, up to the root; none
// where there is no such account. known are parents that were looked up before.
func accountsAbove(ctx context.Context, snapshot source.Snapshot, tree *outturn.TenantTree, account string, known map[string]string) (chain []string, err error) {
	for range deepest {
		parent, ok := known[account]
		if !ok {
			a, found, err := source.FindAccount(ctx, snapshot, tree, account)
			if err != nil || !found { // where the parent is not there, the tree ends
				return chain, err
			}
			parent = a.Parent
			known[account] = parent
		}
		if chain = append(chain, account); parent == "" {
			return chain, nil
		}
		account = parent
	}
	return nil, outturn.Errorf(outturn.CodeDatasetInvalid, "The tenant tree goes in a circle above the account %s.", outturn.Shown(account))
}

// A Notification is what a database sends to the channel that is listened to.
type Notification struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Invoice string          `json:"invoice"` // the same as subject
	Account string          `json:"account"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"`
}

// NotifyEvent keeps an event that the source sent to a channel. Who may send there is the
// database's to say, so its account is not looked up before.
func (s *Service) NotifyEvent(ctx context.Context, channel, payload string) error {
	var n Notification
	if err := json.Unmarshal([]byte(payload), &n); err != nil {
		return outturn.Errorf(outturn.CodeInvalid, "A notification is an object of JSON with id, type, invoice and account: %w.", err)
	}
	e := outturn.Event{Source: "notify/" + channel, EventID: n.ID, Type: n.Type, Subject: n.Subject, Account: n.Account, Time: n.Time, Data: n.Data, Way: outturn.EventNotified}
	if e.Type == "" {
		e.Type = outturn.EventInvoiceIssued
	}
	if e.Subject == "" {
		e.Subject = n.Invoice
	}
	if e.EventID == "" {
		e.EventID = e.Type + " " + e.Subject
	}
	if err := checkEvents([]outturn.Event{e}); err != nil {
		return err
	}
	root, err := s.ledger.Root(ctx)
	if err != nil {
		return err
	}
	_, err = s.keepOwn(ctx, root, []outturn.Event{e})
	return err
}

// keepOwn keeps events that Outturn found by itself, and says how many are new. They are
// the provider's.
func (s *Service) keepOwn(ctx context.Context, root outturn.Tenant, events []outturn.Event) (fresh int, err error) {
	now := s.now()
	for i := range events {
		e := &events[i]
		e.ID, e.Tenant = outturn.NewID(now), root.ID
		if e.Time.IsZero() {
			e.Time = now
		}
	}
	entry := outturn.AuditEntry{}
	if events[0].HandledAt.IsZero() {
		entry = s.entry(outturn.Principal{Subject: "system", Via: string(events[0].Way)}, eventCreate, root.ID, "", nil)
	}
	kept, err := s.ledger.KeepEvents(ctx, events, entry)
	for _, k := range kept {
		if !k.Duplicate {
			fresh++
		}
	}
	if fresh > 0 && events[0].HandledAt.IsZero() {
		s.config.WakeEvents()
	}
	return fresh, err
}

// eventsAtOnce is how many events are handled in one look at the source.
const eventsAtOnce = 100

// mostEventFaults is how many faults one call of HandleEvents tells of.
const mostEventFaults = 100

// HandleEvents makes the runs of those who wait for events, and says how many events it
// is done with. An event is marked only when all generators have fired for it, and one
// that stopped halfway is done again: each generator fires once all the same, in any
// number of processes. What could not be done waits for the next time, and nothing behind
// it waits for that.
func (s *Service) HandleEvents(ctx context.Context) (handled int, err error) {
	h := handling{Service: s, full: map[string]bool{}}
	var after outturn.Event
	for ctx.Err() == nil {
		events, err := s.ledger.WaitingEvents(ctx, after, eventsAtOnce)
		if err != nil {
			return h.handled, errors.Join(append(h.failed, err)...)
		}
		if len(events) == 0 {
			break
		}
		after = events[len(events)-1]
		if err := h.events(ctx, events); err != nil {
			return h.handled, errors.Join(append(h.failed, err)...)
		}
	}
	return h.handled, errors.Join(append(h.failed, ctx.Err())...)
}

// A handling is one call of HandleEvents.
type handling struct {
	*Service
	handled int
	failed  []error
	// full are the generators that had no room for an event: they are not asked again, and
	// told of once.
	full map[string]bool
}

func (h *handling) fail(err error) {
	if len(h.failed) < mostEventFaults {
		h.failed = append(h.failed, err)
	}
}

// events handles some events. Its error says that others cannot be handled now either.
func (h *handling) events(ctx context.Context, events []outturn.Event) error {
	awaited := map[string]bool{}
	var wait []outturn.Event
	for _, e := range events {
		is, asked := awaited[e.Type]
		if !asked {
			var err error
			if is, err = h.ledger.Awaited(ctx, e.Type); err != nil {
				return err
			}
			awaited[e.Type] = is
		}
		if is {
			wait = append(wait, e)
			continue
		}
		if err := h.ledger.HandleEvent(ctx, e.ID); err != nil {
			return err
		}
		h.handled++
	}
	if len(wait) == 0 {
		return nil
	}
	chains, err := h.chains(ctx, wait)
	if err != nil {
		return fmt.Errorf("look up accounts: %w", err)
	}
	for i, e := range wait {
		switch done, err := h.event(ctx, e, chains[i]); {
		case err != nil:
			h.fail(fmt.Errorf("event %s: %w", e.ID, err))
		case done:
			h.handled++
		}
	}
	return nil
}

// chains are the accounts of events, each with those above it. Of an account that the
// source has no more, or does not have yet, it is that account alone; of one about which
// the tree says what cannot be it is none.
func (s *Service) chains(ctx context.Context, events []outturn.Event) ([][]string, error) {
	chains := make([][]string, len(events))
	for i, e := range events {
		chains[i] = []string{e.Account}
	}
	tree, err := s.config.Catalog.Tree()
	if tree == nil || err != nil {
		return chains, err
	}
	return chains, s.begin(ctx, "events", nil, func(snapshot source.Snapshot) error {
		above := map[string]string{}
		for i, e := range events {
			chain, err := accountsAbove(ctx, snapshot, tree, e.Account, above)
			switch {
			case outturn.ErrorCode(err) == outturn.CodeDatasetInvalid:
				chains[i] = nil
			case err != nil:
				return err
			case len(chain) > 0:
				chains[i] = chain
			default:
				s.config.Log.WarnContext(ctx, "the source has no account of that id; an event is for generators of its own tenant alone", "event", e.ID, "account", e.Account)
			}
		}
		return nil
	})
}

// event fires all generators that wait for an event, and says whether that is done.
func (h *handling) event(ctx context.Context, e outturn.Event, chain []string) (done bool, err error) {
	if len(chain) == 0 {
		return false, outturn.Errorf(outturn.CodeDatasetInvalid, "The tenant tree has the account %s twice, or in a circle. The event waits until that is mended.", outturn.Shown(e.Account))
	}
	generators, err := h.ledger.WaitingGenerators(ctx, e, chain)
	if err != nil {
		return false, err
	}
	done = true
	var failed []error
	for _, g := range generators {
		patient := h.now().Sub(e.ReceivedAt) < eventPatience
		if patient && h.full[g.ID] {
			done = false
			continue
		}
		err := h.fireEvent(ctx, g, e, patient)
		if outturn.ErrorCode(err) == outturn.CodeLimit {
			h.full[g.ID] = true
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("generator %s: %w", g.ID, err))
		}
	}
	if len(failed) > 0 || !done {
		return false, errors.Join(failed...)
	}
	return true, h.ledger.HandleEvent(ctx, e.ID)
}

// eventPatience is for how long an event waits until a tenant has room for its run. Then
// it is skipped: what waits for ever is looked at for ever.
const eventPatience = 7 * 24 * time.Hour

// eventLife is for how long an event is known after it came: as long as one that is told
// again is known to be the same.
const eventLife = 90 * 24 * time.Hour

// mostForgotten is how many events are forgotten in one transaction.
const mostForgotten = 1000

// SweepEvents forgets events whose time is over.
func (s *Service) SweepEvents(ctx context.Context) error {
	for {
		n, err := s.ledger.SweepEvents(ctx, s.now().Add(-eventLife), mostForgotten)
		if n < mostForgotten || err != nil {
			return err
		}
	}
}
