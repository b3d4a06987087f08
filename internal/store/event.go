package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"outturn"
)

const eventColumns = `id, source, event_id, type, subject, account, tenant, time, data, way, received_at, handled_at`

func scanEvent(scan func(...any) error) (e outturn.Event, err error) {
	var data string
	err = scan(&e.ID, &e.Source, &e.EventID, &e.Type, &e.Subject, &e.Account, &e.Tenant, instantTo{&e.Time}, textTo{&data}, &e.Way,
		instantTo{&e.ReceivedAt}, instantTo{&e.HandledAt})
	if data != "" {
		e.Data = json.RawMessage(data)
	}
	return e, err
}

// KeepEvents keeps events that were told, all of them or none, and says of each what
// became of it. What its tenant has told before, with the same source and id, stays as it
// was, whatever the event says now. One that has a HandledAt is kept to be known, and
// nobody waits for it. a, where it has an action, is the entry of each that is new.
func (s *Store) KeepEvents(ctx context.Context, events []outturn.Event, a outturn.AuditEntry) (kept []outturn.KeptEvent, err error) {
	err = s.write(ctx, "keep events", func(t *tx) error {
		list := make([]outturn.KeptEvent, len(events))
		for i, e := range events {
			if list[i], err = t.keepEvent(e, a); err != nil {
				return err
			}
		}
		kept = list
		return nil
	})
	return kept, err
}

func (t *tx) keepEvent(e outturn.Event, a outturn.AuditEntry) (kept outturn.KeptEvent, err error) {
	kept.ID = e.ID
	if kept.ID == "" {
		kept.ID = outturn.NewID(t.now)
	}
	if err := t.takesPart(e.Tenant); err != nil {
		return kept, err
	}
	n, err := t.exec(`INSERT INTO events (`+eventColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
		ON CONFLICT (tenant, source, event_id) DO NOTHING`,
		kept.ID, e.Source, e.EventID, e.Type, e.Subject, e.Account, e.Tenant, micros(e.Time), text(string(e.Data)), e.Way, micros(t.now), micros(e.HandledAt))
	switch {
	case err != nil:
		return kept, err
	case n == 0:
		kept.Duplicate = true
		err := t.row(`SELECT id FROM events WHERE tenant = ?1 AND source = ?2 AND event_id = ?3`, e.Tenant, e.Source, e.EventID).scan(&kept.ID)
		return kept, err
	case a.Action == "":
		return kept, nil
	}
	a.ID, a.Detail = "", map[string]string{"source": e.Source, "event_id": e.EventID, "type": e.Type, "subject": e.Subject, "account": e.Account}
	return kept, t.audit(a, e.Tenant, kept.ID)
}

// WaitingEvents lists events that have not been handled, whosever they are, the oldest
// first, from behind one: the zero Event is before all.
func (s *Store) WaitingEvents(ctx context.Context, after outturn.Event, most int) ([]outturn.Event, error) {
	received := int64(0)
	if !after.ReceivedAt.IsZero() {
		received = after.ReceivedAt.UnixMicro()
	}
	rows, err := s.look(ctx).rows(`SELECT `+eventColumns+` FROM events WHERE handled_at IS NULL AND received_at >= ?1
		AND (received_at > ?1 OR id > ?2) ORDER BY received_at, id LIMIT ?3`, received, after.ID, most)
	list, err := all(rows, err, scanEvent)
	return list, fault("list waiting events", err)
}

// EventBacklog tells how many events wait, and since when the oldest does.
func (s *Store) EventBacklog(ctx context.Context) (n int, oldest time.Time, err error) {
	err = s.look(ctx).row(`SELECT COUNT(*), MIN(received_at) FROM events WHERE handled_at IS NULL`).scan(&n, instantTo{&oldest})
	return n, oldest, fault("count waiting events", err)
}

// Awaited says whether there is a generator that waits for events of a type.
func (s *Store) Awaited(ctx context.Context, eventType string) (bool, error) {
	err := s.look(ctx).row(`SELECT 1 FROM generators WHERE event = ?1 AND state IN ('active', 'paused') LIMIT 1`, eventType).scan(new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, fault("look for generators", err)
}

// WaitingGenerators lists the generators that e is for, active or paused, where the
// accounts from e's own upwards are those of chain. They were there before e came, and
// are those of the tenant that told of it or of tenants below that one: nobody makes one
// above it work. A provider without an account of its own is above all.
func (s *Store) WaitingGenerators(ctx context.Context, e outturn.Event, chain []string) ([]outturn.Generator, error) {
	args := append([]any{e.Type, e.Tenant, micros(e.ReceivedAt)}, padded(chain)...)
	rows, err := s.look(ctx).rows(`SELECT `+ofGenerator+`, n.external_id FROM tenants n
		JOIN tenant_closure c ON c.ancestor = ?2 AND c.descendant = n.id
		JOIN generators g ON g.tenant = n.id
		WHERE (n.external_id IN `+in(4, len(chain))+` OR n.external_id IS NULL AND n.parent IS NULL) AND n.state <> 'deleted'
			AND g.event = ?1 AND g.state IN ('active', 'paused') AND g.created_at <= ?3 ORDER BY g.id`, args...)
	type found struct {
		outturn.Generator
		account string
	}
	list, err := all(rows, err, func(scan func(...any) error) (f found, err error) {
		f.Generator, err = scanGenerator(func(to ...any) error { return scan(append(to, textTo{&f.account})...) })
		return f, err
	})
	var waiting []outturn.Generator
	for _, f := range list {
		if f.Trigger.Scope != outturn.ScopeSelf || f.account == e.Account {
			waiting = append(waiting, f.Generator)
		}
	}
	return waiting, fault("list waiting generators", err)
}

// ofGenerator is generatorColumns of the table g.
var ofGenerator = "g." + strings.ReplaceAll(strings.Join(strings.Fields(generatorColumns), " "), ", ", ", g.")

// HandleEvent notes that all generators which wait for an event have fired for it.
func (s *Store) HandleEvent(ctx context.Context, id string) error {
	return s.work(ctx, "handle event", func(t *tx) error {
		_, err := t.exec(`UPDATE events SET handled_at = ?2 WHERE id = ?1 AND handled_at IS NULL`, id, micros(t.now))
		return err
	})
}

// SweepEvents forgets up to most events that came before an instant and were handled, and
// says how many.
func (s *Store) SweepEvents(ctx context.Context, before time.Time, most int) (n int64, err error) {
	err = s.work(ctx, "sweep events", func(t *tx) error {
		n, err = t.exec(`DELETE FROM events WHERE id IN (SELECT id FROM events WHERE received_at < ?1 AND handled_at IS NOT NULL
			ORDER BY received_at LIMIT ?2)`, micros(before), most)
		return err
	})
	return n, err
}

// EventCursor returns how far a data set was asked for events, as KeepEventCursor was
// told; nil where it was not.
func (s *Store) EventCursor(ctx context.Context, dataset string) (json.RawMessage, error) {
	var position string
	err := s.look(ctx).row(`SELECT position FROM event_cursors WHERE dataset = ?1`, dataset).scan(&position)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return json.RawMessage(position), fault("read event cursor", err)
}

// KeepEventCursor notes how far a data set was asked for events.
func (s *Store) KeepEventCursor(ctx context.Context, dataset string, position json.RawMessage) error {
	return s.work(ctx, "keep event cursor", func(t *tx) error {
		_, err := t.exec(`INSERT INTO event_cursors (dataset, position, updated_at) VALUES (?1, ?2, ?3)
			ON CONFLICT (dataset) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at`, dataset, string(position), micros(t.now))
		return err
	})
}
