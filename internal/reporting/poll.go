package reporting

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"outturn"
	"outturn/internal/source"
)

// A data set is asked for invoices by when its rows changed, and each row that it has not
// told of before is an event. What matters is that no row is passed over: one that is
// committed late has a time before that of rows which were seen already.
//
// So the position is no time up to which all is known. It is a time before which nothing
// new can be stamped, and for each transaction that was open the one before which it
// can have stamped nothing:
//
//	poll 1        open: T            rows from ……
//	poll 2   T commits after it      rows from poll 1's time on   T still: its floor is kept
//	poll 3   T is not open any more  rows from T's floor on       T's row is among them
//
// What is read again is known by its key. A source that cannot tell which transactions
// are open is read again from a day before the newest row that it had.

// pollBack is how old an invoice may be, by the data set's period, that is told of as
// new: older rows that change are not looked at. It is less than eventLife, for which
// what was told is known.
const pollBack = 60 * 24 * time.Hour

// pollOverlap is how far before the newest row that it had a source is read again that
// cannot tell which transactions are open.
const pollOverlap = 24 * time.Hour

// A pollPosition is how far a data set was asked for events.
type pollPosition struct {
	// Began is when it was asked for the first time. What had changed until then is
	// known and no event, once Based tells that all of it was read.
	Began time.Time `json:"began"`
	Based bool      `json:"based"`
	// Floor: transactions that are not in Open stamp nothing before it.
	Floor time.Time `json:"floor"`
	// Open has those that were open, and before when each stamps nothing.
	Open map[string]time.Time `json:"open,omitempty"`
}

// from is from when on rows must be read that may be stamped by so much too early.
func (p pollPosition) from(skew time.Duration) time.Time {
	from := p.Floor
	for _, floor := range p.Open {
		if floor.Before(from) {
			from = floor
		}
	}
	if from = from.Add(-skew); from.Before(time.Unix(0, 0)) {
		return time.Unix(0, 0).UTC() // earlier is no time to some databases
	}
	return from
}

// next is the position after rows were read from p on, the newest of which is of newest.
// at and open are from before that.
func (p pollPosition) next(at time.Time, open []string, newest time.Time) pollPosition {
	n := pollPosition{Began: p.Began, Based: true, Floor: at}
	if newest.Before(at) { // the times in the rows are behind the clock, such as in a copy
		n.Floor = newest
	}
	if n.Floor.Before(p.Floor) {
		n.Floor = p.Floor
	}
	for _, name := range open {
		floor, known := p.Open[name]
		switch {
		case known:
		case p.Based:
			floor = p.Floor
		default: // who knows since when
			floor = at.Add(-pollOverlap)
		}
		if n.Open == nil {
			n.Open = make(map[string]time.Time, len(open))
		}
		n.Open[name] = floor
	}
	return n
}

// pollBatch is how many events are kept in one transaction.
const pollBatch = 500

// PollEvents asks a data set for invoices that it has not told of, makes an event of each
// and says how many these are. The first time it only notes what there is. Any number of
// processes may ask, and any may die at any time.
func (s *Service) PollEvents(ctx context.Context, dataset string) (fresh int, err error) {
	d, err := s.config.Catalog.Dataset(dataset)
	if err != nil {
		return 0, err
	}
	if err := source.TellsChanges(d); err != nil {
		return 0, err
	}
	root, err := s.ledger.Root(ctx)
	if err != nil {
		return 0, err
	}
	at, open, skew, err := s.unfinished(ctx)
	if err != nil {
		return 0, err
	}
	p, err := s.pollPosition(ctx, dataset, at)
	if err != nil {
		return 0, err
	}
	poll := polling{Service: s, root: root, source: "poll/" + dataset, position: p}
	if err := s.begin(ctx, "events", d, func(snapshot source.Snapshot) error {
		return source.Changes(ctx, snapshot, s.pollQuery(d), p.from(skew), func(c source.Change) error { return poll.see(ctx, c) })
	}); err != nil {
		return poll.fresh, err
	}
	if err := poll.keep(ctx); err != nil {
		return poll.fresh, err
	}
	if poll.newest.After(at) { // a time that is to come says nothing of what will
		poll.newest = at
	}
	return poll.fresh, s.keepPosition(ctx, dataset, p.next(at, open, poll.newest))
}

// unfinished is what the source knows of its transactions, and by how much before their
// floors rows may be stamped.
func (s *Service) unfinished(ctx context.Context) (at time.Time, open []string, skew time.Duration, err error) {
	if fenced, ok := s.config.Source.(source.Fenced); ok {
		at, open, err = fenced.Unfinished(ctx)
	}
	if err != nil || !at.IsZero() {
		return at, open, max(s.config.Limits.PollSkew, 0), err
	}
	return s.now(), nil, pollOverlap, nil
}

// pollPosition returns the position of a data set. Where it has none it is noted that it
// is asked for the first time, so that what is issued while all is read counts as new
// should this process die.
func (s *Service) pollPosition(ctx context.Context, dataset string, at time.Time) (p pollPosition, err error) {
	text, err := s.ledger.EventCursor(ctx, dataset)
	if err != nil {
		return p, err
	}
	if text == nil {
		p.Began = at
		return p, s.keepPosition(ctx, dataset, p)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("position of %s: %w", dataset, err)
	}
	return p, nil
}

func (s *Service) keepPosition(ctx context.Context, dataset string, p pollPosition) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return s.ledger.KeepEventCursor(ctx, dataset, text)
}

// pollQuery is for all rows that may be of new invoices.
func (s *Service) pollQuery(d *outturn.Dataset) source.Query {
	q := source.Query{Dataset: d, Everything: true, Vars: source.Vars{Zone: "UTC"}}
	if d.Period != nil {
		from := s.now().Add(-pollBack).Truncate(24 * time.Hour)
		q.Window = &outturn.Window{From: from, To: from.AddDate(100, 0, 0), Zone: time.UTC}
	}
	return q
}

// A polling is one look at a data set.
type polling struct {
	*Service
	root     outturn.Tenant
	source   string
	position pollPosition

	newest time.Time
	known  []outturn.Event // were there before the data set was asked at all
	events []outturn.Event
	fresh  int
}

func (p *polling) see(ctx context.Context, c source.Change) error {
	if c.At.After(p.newest) {
		p.newest = c.At
	}
	e := outturn.Event{Source: p.source, EventID: c.Key, Type: outturn.EventInvoiceIssued, Subject: c.Invoice, Account: c.Account, Time: c.At, Way: outturn.EventPolled}
	if p.seen.has(e.Source, e.EventID) {
		return nil
	}
	if !p.position.Based && !c.At.After(p.position.Began) {
		e.HandledAt = p.now()
		p.known = append(p.known, e)
	} else {
		p.events = append(p.events, e)
	}
	if len(p.known)+len(p.events) < pollBatch {
		return nil
	}
	return p.keep(ctx)
}

// keep keeps what was seen. What has no place in an event is passed over, and told.
func (p *polling) keep(ctx context.Context) error {
	for _, list := range []*[]outturn.Event{&p.known, &p.events} {
		sound := (*list)[:0]
		for _, e := range *list {
			if err := checkEvents([]outturn.Event{e}); err != nil {
				p.config.Log.WarnContext(ctx, "a row that was asked for is no event", "source", e.Source, "key", e.EventID, "error", err)
				continue
			}
			sound = append(sound, e)
		}
		if *list = nil; len(sound) == 0 {
			continue
		}
		n, err := p.keepOwn(ctx, p.root, sound)
		if err != nil {
			return err
		}
		if sound[0].HandledAt.IsZero() {
			p.fresh += n
		}
		for _, e := range sound {
			p.seen.add(e.Source, e.EventID)
		}
	}
	return nil
}

// CheckPoll reports why a data set cannot be asked for events.
func (s *Service) CheckPoll(dataset string) error {
	d, err := s.config.Catalog.Dataset(dataset)
	if err != nil {
		return err
	}
	return source.TellsChanges(d)
}
