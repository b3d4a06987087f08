package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"outturn"
)

const deliveryColumns = `id, tenant, event, kind, target, run, generator, webhook, destination, state, attempt, next_at, lease_owner, lease_until, log, created_at, ended_at`

func scanDelivery(scan func(...any) error) (d outturn.Delivery, err error) {
	var destination, log string
	if err := scan(&d.ID, &d.Tenant, &d.Event, &d.Kind, &d.Target, textTo{&d.Run}, textTo{&d.Generator}, textTo{&d.Webhook}, &destination,
		&d.State, &d.Attempt, instantTo{&d.NextAt}, textTo{&d.LeaseOwner}, instantTo{&d.LeaseUntil}, &log, instantTo{&d.CreatedAt}, instantTo{&d.EndedAt}); err != nil {
		return d, err
	}
	return d, errors.Join(json.Unmarshal([]byte(destination), &d.Destination), json.Unmarshal([]byte(log), &d.Log))
}

// An announcement is something that happened and that somebody may want to be told.
type announcement struct {
	event     string // one of outturn.DeliveryEvents
	tenant    string // whose it is
	run       *outturn.Run
	generator string
}

// announce queues a message to each destination that asked for an announcement, in the
// transaction that makes it true: what is not told is not true, and the other way
// round. However often it is said of a run, each destination gets one message (P26).
func (t *tx) announce(a announcement) error {
	destinations, err := t.destinations(a)
	if err != nil {
		return err
	}
	for _, d := range destinations {
		if !d.Wants(a.event) {
			continue
		}
		if d.Kind == outturn.DestinationEmail {
			for _, to := range d.To {
				one := d
				one.To = []string{to}
				if err := t.addDelivery(a, a.tenant, one, to, ""); err != nil {
					return err
				}
			}
			continue
		}
		w, err := scanWebhook(t.row(`SELECT `+webhookColumns+` FROM webhooks WHERE id = ?1 AND tenant = ?2`, d.Webhook, a.tenant).scan)
		if errors.Is(err, sql.ErrNoRows) {
			continue // it was deleted: there is no target that could be named
		}
		if err != nil {
			return err
		}
		without := ""
		if !w.Enabled {
			without = outturn.DeliveryDisabled
		}
		if err := t.addDelivery(a, a.tenant, d, w.URL, without); err != nil {
			return err
		}
	}
	return t.announceToAll(a)
}

// destinations are those that a run names, or a generator of the tenant: what is told to
// those above it goes to their webhooks alone.
func (t *tx) destinations(a announcement) ([]outturn.Destination, error) {
	if a.run != nil {
		return a.run.Deliveries, nil
	}
	var body string
	err := t.row(`SELECT spec FROM generators WHERE id = ?1 AND tenant = ?2`, a.generator, a.tenant).scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	var spec outturn.GeneratorSpec
	if err == nil {
		err = json.Unmarshal([]byte(body), &spec)
	}
	return spec.Deliveries, err
}

// announceToAll tells the tenant's webhooks that asked for all events of a kind.
func (t *tx) announceToAll(a announcement) error {
	rows, err := t.rows(`SELECT `+webhookColumns+` FROM webhooks WHERE tenant = ?1 AND enabled = 1`, a.tenant)
	subscribed, err := all(rows, err, scanPlainWebhook)
	if err != nil {
		return err
	}
	for _, w := range subscribed {
		if !slices.Contains(w.Events, a.event) {
			continue
		}
		d := outturn.Destination{Kind: outturn.DestinationWebhook, Webhook: w.ID, On: []string{a.event}}
		if err := t.addDelivery(a, w.Tenant, d, w.URL, ""); err != nil {
			return err
		}
	}
	return nil
}

// addDelivery adds a message that waits, or one that is given up at once for a reason.
func (t *tx) addDelivery(a announcement, tenant string, d outturn.Destination, target, without string) error {
	made := outturn.Delivery{
		ID: outturn.NewID(t.now), Tenant: tenant, Event: a.event, Kind: d.Kind, Target: target, Generator: a.generator, Webhook: d.Webhook,
		Destination: d, State: outturn.DeliveryPending, NextAt: t.now, CreatedAt: t.now, Log: []outturn.DeliveryAttempt{},
	}
	if a.run != nil {
		made.Run, made.Generator = a.run.ID, a.run.Generator
	}
	if without != "" {
		made.State, made.NextAt, made.EndedAt = outturn.DeliveryFailed, time.Time{}, t.now
		made.Log = []outturn.DeliveryAttempt{{At: t.now, Class: without}}
	}
	return t.insertDelivery(made)
}

func (t *tx) insertDelivery(d outturn.Delivery) error {
	destination, err := json.Marshal(d.Destination)
	if err != nil {
		return err
	}
	log, err := json.Marshal(d.Log)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO deliveries (`+deliveryColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, NULL, NULL, ?12, ?13, ?14)
		ON CONFLICT (run, event, kind, target, COALESCE(webhook, '')) WHERE run IS NOT NULL DO NOTHING`,
		d.ID, d.Tenant, d.Event, d.Kind, d.Target, text(d.Run), text(d.Generator), text(d.Webhook), string(destination),
		d.State, micros(d.NextAt), string(log), micros(d.CreatedAt), micros(d.EndedAt))
	return err
}

// TestWebhook queues a message of the event webhook.test to a webhook that viewer sees,
// also to one that is disabled.
func (s *Store) TestWebhook(ctx context.Context, viewer, id string, a outturn.AuditEntry) (d outturn.Delivery, err error) {
	err = s.write(ctx, "test webhook", func(t *tx) error {
		w, err := t.webhook(viewer, id)
		if err != nil {
			return err
		}
		made := outturn.Delivery{
			ID: outturn.NewID(t.now), Tenant: w.Tenant, Event: outturn.WebhookTestEvent, Kind: outturn.DestinationWebhook, Target: w.URL, Webhook: w.ID,
			Destination: outturn.Destination{Kind: outturn.DestinationWebhook, Webhook: w.ID},
			State:       outturn.DeliveryPending, NextAt: t.now, CreatedAt: t.now, Log: []outturn.DeliveryAttempt{},
		}
		if err := t.insertDelivery(made); err != nil {
			return err
		}
		d = made
		return t.audit(a, w.Tenant, id)
	})
	return d, err
}

// Delivery returns a delivery that viewer sees.
func (s *Store) Delivery(ctx context.Context, viewer, id string) (outturn.Delivery, error) {
	return s.look(ctx).delivery(viewer, id)
}

func (t *tx) delivery(viewer, id string) (outturn.Delivery, error) {
	d, err := scanDelivery(t.row(`SELECT `+deliveryColumns+` FROM deliveries WHERE id = ?2 AND `+seen("deliveries.tenant"), viewer, id).scan)
	return d, found("delivery", id, err)
}

var deliveryList = listing{
	name: "deliveries", table: "deliveries", tenant: "tenant",
	fields: []listField{
		{name: "id", column: "id"},
		{name: "tenant", column: "tenant"},
		{name: "event", column: "event"},
		{name: "kind", column: "kind", words: words(outturn.DestinationKinds...)},
		{name: "target", column: "target"},
		{name: "run", column: "run", null: true},
		{name: "generator", column: "generator", null: true},
		{name: "webhook", column: "webhook", null: true},
		{name: "state", column: "state", words: words(outturn.DeliveryStates...)},
		{name: "created_at", column: "created_at", kind: instantField, order: true},
		{name: "ended_at", column: "ended_at", kind: instantField, null: true},
	},
	first: outturn.Order{Field: "created_at", Desc: true},
	indexes: []listIndex{
		{name: "deliveries_tenant_created", tenant: true, order: "created_at"},
		{name: "deliveries_created", order: "created_at"},
		{equal: "id"},
		{name: "deliveries_once", equal: "run"},
	},
}

// Deliveries lists the deliveries of viewer and of all below it.
func (s *Store) Deliveries(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.Delivery], error) {
	return list(s, ctx, &deliveryList, viewer, "*", q, deliveryColumns, scanDelivery, func(d *outturn.Delivery) string { return d.ID })
}

// ResendDelivery makes a message due now, with the id it has. One that is being sent is
// CodeConflict.
func (s *Store) ResendDelivery(ctx context.Context, viewer, id string, a outturn.AuditEntry) (d outturn.Delivery, err error) {
	err = s.write(ctx, "resend delivery", func(t *tx) error {
		was, err := t.delivery(viewer, id)
		if err != nil {
			return err
		}
		again, err := scanDelivery(t.row(`UPDATE deliveries SET state = 'pending', next_at = ?2, ended_at = NULL
			WHERE id = ?1 AND state <> 'sending' RETURNING `+deliveryColumns, id, micros(t.now)).scan)
		if errors.Is(err, sql.ErrNoRows) {
			return outturn.Errorf(outturn.CodeConflict, "The message is being sent right now. Look at it again in half a minute.")
		}
		if err != nil {
			return err
		}
		d = again
		return t.audit(a, was.Tenant, id)
	})
	return d, err
}

// DueDeliveries lists messages of a kind that may be sent now: each tenant's first, then
// the second of each, and of a tenant each target's oldest first, at most each of one. So
// a backlog to one target hides no other, and that of a tenant no other tenant's.
func (s *Store) DueDeliveries(ctx context.Context, kind outturn.DestinationKind, limit, each int) ([]outturn.Delivery, error) {
	rows, err := s.look(ctx).rows(`WITH turns AS (
			SELECT id AS due, tenant AS whose, next_at AS since, ROW_NUMBER() OVER (PARTITION BY tenant, target ORDER BY next_at, id) AS turn
			FROM deliveries WHERE state = 'pending' AND next_at <= ?1 AND kind = ?4),
		places AS (
			SELECT due, since, ROW_NUMBER() OVER (PARTITION BY whose ORDER BY turn, since, due) AS place FROM turns WHERE turn <= ?3),
		first AS (SELECT due, since, place FROM places ORDER BY place, since, due LIMIT ?2)
		SELECT `+deliveryColumns+` FROM first JOIN deliveries ON deliveries.id = first.due ORDER BY place, since, due`,
		micros(s.instant()), limit, each, kind)
	list, err := all(rows, err, scanDelivery)
	return list, fault("list due deliveries", err)
}

// ClaimDelivery gives a message that is due to owner, for as long as lease, as its next
// attempt. Any other is CodeConflict.
func (s *Store) ClaimDelivery(ctx context.Context, id, owner string, lease time.Duration) (d outturn.Delivery, err error) {
	err = s.work(ctx, "claim delivery", func(t *tx) error {
		claimed, err := scanDelivery(t.row(`UPDATE deliveries SET state = 'sending', attempt = attempt + 1, next_at = NULL, lease_owner = ?3, lease_until = ?4
			WHERE id = ?1 AND state = 'pending' AND next_at <= ?2 RETURNING `+deliveryColumns, id, micros(t.now), owner, micros(t.now.Add(lease))).scan)
		if errors.Is(err, sql.ErrNoRows) {
			return outturn.Errorf(outturn.CodeConflict, "The message does not wait to be sent.")
		}
		d = claimed
		return err
	})
	return d, err
}

// heldDelivery is the condition under which a claim ends its attempt: ?1 is the delivery,
// ?2 the attempt, ?3 the owner.
const heldDelivery = `id = ?1 AND state = 'sending' AND attempt = ?2 AND lease_owner = ?3`

// EndDelivery notes what came of an attempt. CodeLeaseLost says that the claim is gone:
// the message was or will be sent again, under the same id.
func (s *Store) EndDelivery(ctx context.Context, c outturn.DeliveryClaim, o outturn.DeliveryOutcome) (d outturn.Delivery, err error) {
	err = s.work(ctx, "end delivery", func(t *tx) error {
		was, err := scanDelivery(t.row(`SELECT `+deliveryColumns+` FROM deliveries WHERE `+heldDelivery, c.Delivery, c.Attempt, c.Owner).scan)
		if errors.Is(err, sql.ErrNoRows) {
			return outturn.Errorf(outturn.CodeLeaseLost, "The worker no longer holds the message.")
		}
		if err != nil {
			return err
		}
		log, err := longer(was.Log, o.Attempt)
		if err != nil {
			return err
		}
		state, ended := outturn.DeliveryFailed, t.now
		switch {
		case o.Delivered:
			state = outturn.DeliveryDelivered
		case !o.RetryAt.IsZero():
			state, ended = outturn.DeliveryPending, time.Time{}
		}
		done, err := scanDelivery(t.row(`UPDATE deliveries SET state = ?4, next_at = ?5, log = ?6, ended_at = ?7, lease_owner = NULL, lease_until = NULL
			WHERE `+heldDelivery+` RETURNING `+deliveryColumns, c.Delivery, c.Attempt, c.Owner, state, micros(o.RetryAt), log, micros(ended)).scan)
		if err != nil {
			return err
		}
		if err := t.disableWebhook(done, o.Disable); err != nil {
			return err
		}
		d = done
		return nil
	})
	return d, err
}

// disableWebhook ends that a webhook is told anything. For DisabledFailing nothing else
// may have reached it since the message that is given up was made.
func (t *tx) disableWebhook(d outturn.Delivery, why string) error {
	if why == "" || d.Webhook == "" {
		return nil
	}
	if why == outturn.DisabledFailing {
		err := t.row(`SELECT 1 FROM deliveries WHERE tenant = ?1 AND created_at >= ?2 AND webhook = ?3 AND state = 'delivered' LIMIT 1`,
			d.Tenant, micros(d.CreatedAt), d.Webhook).scan(new(int))
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	n, err := t.exec(`UPDATE webhooks SET enabled = 0, disabled_for = ?2, version = version + 1, updated_at = ?3 WHERE id = ?1 AND enabled = 1`,
		d.Webhook, why, micros(t.now))
	if err != nil || n == 0 {
		return err
	}
	return t.audit(outturn.AuditEntry{
		Subject: "system", Via: "local", Action: "webhook.disable", Detail: map[string]string{"for": why, "delivery": d.ID},
	}, d.Tenant, d.Webhook)
}

// ReleaseDelivery gives a message back that was not sent after all; its attempt does not
// count.
func (s *Store) ReleaseDelivery(ctx context.Context, c outturn.DeliveryClaim) error {
	return s.work(ctx, "release delivery", func(t *tx) error {
		_, err := t.exec(`UPDATE deliveries SET state = 'pending', attempt = attempt - 1, next_at = ?4, lease_owner = NULL, lease_until = NULL
			WHERE `+heldDelivery, c.Delivery, c.Attempt, c.Owner, micros(t.now))
		return err
	})
}

// PostponeDelivery makes a message due later that waits; any other stays as it is.
func (s *Store) PostponeDelivery(ctx context.Context, id string, until time.Time) error {
	return s.work(ctx, "postpone delivery", func(t *tx) error {
		_, err := t.exec(`UPDATE deliveries SET next_at = ?2 WHERE id = ?1 AND state = 'pending' AND next_at < ?2`, id, micros(until))
		return err
	})
}

// SweepDeliveries takes back messages whose worker was lost, and returns them as they are
// then. Where others is set, those of all but that owner are: it knows that it is alone.
// The n-th time in a row a message is due again after pauses[n-1]; once more and it has
// failed: it may be what ends its workers.
func (s *Store) SweepDeliveries(ctx context.Context, others string, pauses []time.Duration) (lost []outturn.Delivery, err error) {
	const lapsed = `state = 'sending' AND (lease_until <= ?1 OR ?2 <> '' AND lease_owner <> ?2)`
	var work int
	if err := s.look(ctx).row(`SELECT COUNT(*) FROM deliveries WHERE `+lapsed, micros(s.instant()), others).scan(&work); err != nil || work == 0 {
		return nil, fault("look for lost deliveries", err)
	}
	err = s.work(ctx, "sweep deliveries", func(t *tx) error {
		rows, err := t.rows(`SELECT `+deliveryColumns+` FROM deliveries WHERE `+lapsed+` LIMIT ?3`, micros(t.now), others, mostSwept)
		list, err := all(rows, err, scanDelivery)
		if err != nil {
			return err
		}
		for i, d := range list {
			if list[i], err = t.takeBackDelivery(d, pauses); err != nil {
				return err
			}
		}
		lost = list
		return nil
	})
	return lost, err
}

func (t *tx) takeBackDelivery(d outturn.Delivery, pauses []time.Duration) (outturn.Delivery, error) {
	before := 0
	for _, a := range slices.Backward(d.Log) {
		if a.Class != outturn.DeliveryWorkerLost {
			break
		}
		before++
	}
	log, err := longer(d.Log, outturn.DeliveryAttempt{At: t.now, Class: outturn.DeliveryWorkerLost})
	if err != nil {
		return d, err
	}
	state, next, ended := outturn.DeliveryFailed, time.Time{}, t.now
	if before < len(pauses) {
		state, next, ended = outturn.DeliveryPending, t.now.Add(pauses[before]), time.Time{}
	}
	return scanDelivery(t.row(`UPDATE deliveries SET state = ?4, next_at = ?5, log = ?6, ended_at = ?7, lease_owner = NULL, lease_until = NULL
		WHERE `+heldDelivery+` RETURNING `+deliveryColumns, d.ID, d.Attempt, d.LeaseOwner, state, micros(next), log, micros(ended)).scan)
}

// longer is the text of a log with one attempt more, and without the first of too many.
func longer(log []outturn.DeliveryAttempt, a outturn.DeliveryAttempt) (string, error) {
	log = slices.Concat(log, []outturn.DeliveryAttempt{a})
	kept, err := json.Marshal(log[max(0, len(log)-outturn.MostAttemptsKept):])
	return string(kept), err
}

// KeepLink makes a link with a token that is made anew for each try of a message, or
// lets the one that there is live longer: a message that arrives late has a link that is
// good. One that was revoked stays so. It returns when it ends.
func (s *Store) KeepLink(ctx context.Context, l outturn.Link, a outturn.AuditEntry) (until time.Time, err error) {
	err = s.write(ctx, "keep link", func(t *tx) error {
		f, err := scanFile(t.row(`SELECT `+fileColumns+` FROM files WHERE id = ?2 AND marked_at IS NULL AND `+seen("files.tenant"), l.Tenant, l.File).scan)
		if err != nil {
			return found("file", l.File, err)
		}
		if err := t.isKept(f); err != nil {
			return err
		}
		ends := l.ExpiresAt
		if !f.ExpiresAt.IsZero() && f.ExpiresAt.Before(ends) {
			ends = f.ExpiresAt
		}
		var kept int64
		err = t.row(`UPDATE links SET expires_at = CASE WHEN revoked_at IS NULL AND expires_at < ?2 THEN ?2 ELSE expires_at END
			WHERE token_hash = ?1 RETURNING expires_at`, l.TokenHash, due(ends)).scan(&kept)
		if err == nil {
			until = time.UnixMicro(kept).UTC()
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		id := outturn.NewID(t.now)
		if _, err := t.exec(`INSERT INTO links (`+linkColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)`,
			id, f.ID, f.Tenant, l.TokenHash, l.CreatedBy, micros(t.now), due(ends)); err != nil {
			return err
		}
		until = ends
		return t.audit(a, f.Tenant, id)
	})
	return until, err
}

// GeneratorName returns the name of a generator for a message to viewer, "" where it is
// gone, or is none that viewer sees any more: its tenant may have been moved.
func (s *Store) GeneratorName(ctx context.Context, viewer, id string) (name string, err error) {
	err = s.look(ctx).row(`SELECT name FROM generators WHERE id = ?2 AND `+seen("generators.tenant"), viewer, id).scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return name, fault("read generator", err)
}

// SkippedAt returns why a firing of a generator was skipped that was decided at an
// instant, as a sentence; "" where there is none.
func (s *Store) SkippedAt(ctx context.Context, generator string, at time.Time) (message string, err error) {
	err = s.look(ctx).row(`SELECT message FROM firings WHERE generator = ?1 AND at = ?2 AND skipped IS NOT NULL
		ORDER BY scheduled_for DESC LIMIT 1`, generator, micros(at)).scan(&message)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return message, fault("read firing", err)
}

// DeliveryStats is what the metrics show of deliveries.
type DeliveryStats struct {
	Waiting int64     // pending and sending
	Late    int64     // of those, tried before
	Oldest  time.Time // when the oldest of those was made; zero where there is none
}

// DeliveryStats counts what is not sent yet.
func (s *Store) DeliveryStats(ctx context.Context) (st DeliveryStats, err error) {
	err = s.look(ctx).row(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN attempt > 0 THEN 1 ELSE 0 END), 0), MIN(created_at) FROM (
			SELECT attempt, created_at FROM deliveries WHERE state = 'pending' UNION ALL SELECT attempt, created_at FROM deliveries WHERE state = 'sending')`).
		scan(&st.Waiting, &st.Late, instantTo{&st.Oldest})
	return st, fault("count deliveries", err)
}
