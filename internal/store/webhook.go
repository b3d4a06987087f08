package store

import (
	"context"
	"encoding/json"

	"outturn"
)

const webhookColumns = `id, tenant, name, url, events, enabled, disabled_for, version, sealed, old_sealed, old_until, created_by, created_at, updated_at`

// A keyedWebhook is a webhook with its secrets.
type keyedWebhook struct {
	outturn.Webhook
	keys outturn.WebhookKeys
}

func scanWebhook(scan func(...any) error) (w keyedWebhook, err error) {
	var events string
	if err := scan(&w.ID, &w.Tenant, &w.Name, &w.URL, &events, &w.Enabled, textTo{&w.DisabledFor}, &w.Version,
		bytesTo{&w.keys.Sealed}, bytesTo{&w.keys.Old}, instantTo{&w.keys.OldUntil},
		&w.CreatedBy, instantTo{&w.CreatedAt}, instantTo{&w.UpdatedAt}); err != nil {
		return w, err
	}
	return w, json.Unmarshal([]byte(events), &w.Events)
}

func scanPlainWebhook(scan func(...any) error) (outturn.Webhook, error) {
	w, err := scanWebhook(scan)
	return w.Webhook, err
}

// CreateWebhook adds a webhook, at version 1, and makes its id where it has none. It is
// CodeLimit where its tenant has as many as one may.
func (s *Store) CreateWebhook(ctx context.Context, w outturn.Webhook, keys outturn.WebhookKeys, a outturn.AuditEntry) (outturn.Webhook, error) {
	events, err := json.Marshal(w.Events)
	if err != nil {
		return w, err
	}
	err = s.write(ctx, "create webhook", func(t *tx) error {
		if err := t.takesPart(w.Tenant); err != nil {
			return err
		}
		made := w
		made.Version, made.CreatedAt, made.UpdatedAt = 1, t.now, t.now
		if made.ID == "" {
			made.ID = outturn.NewID(t.now)
		}
		var n int
		if err := t.row(`SELECT COUNT(*) FROM webhooks WHERE tenant = ?1`, made.Tenant).scan(&n); err != nil {
			return err
		}
		if n >= outturn.MostWebhooks {
			return outturn.Errorf(outturn.CodeLimit, "The tenant has %d webhooks, which is the most that one may have. Delete some first.", n)
		}
		_, err := t.exec(`INSERT INTO webhooks (`+webhookColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)`,
			made.ID, made.Tenant, made.Name, made.URL, string(events), flag(made.Enabled), text(made.DisabledFor), made.Version,
			encoded(keys.Sealed), encoded(keys.Old), micros(keys.OldUntil), made.CreatedBy, micros(t.now))
		switch {
		case isForeign(err):
			return outturn.InField("tenant", noSuch("tenant", w.Tenant))
		case err != nil:
			return webhookClash(w, err)
		}
		if err := t.audit(a, made.Tenant, made.ID); err != nil {
			return err
		}
		w = made
		return nil
	})
	return w, err
}

func webhookClash(w outturn.Webhook, err error) error {
	if !isUnique(err) {
		return err
	}
	return outturn.InField("name", outturn.Errorf(outturn.CodeConflict, "There is a webhook %s already.", outturn.Shown(w.Name)))
}

// Webhook returns a webhook that viewer sees.
func (s *Store) Webhook(ctx context.Context, viewer, id string) (outturn.Webhook, error) {
	w, err := s.look(ctx).webhook(viewer, id)
	return w.Webhook, err
}

func (t *tx) webhook(viewer, id string) (keyedWebhook, error) {
	w, err := scanWebhook(t.row(`SELECT `+webhookColumns+` FROM webhooks WHERE id = ?2 AND `+seen("webhooks.tenant"), viewer, id).scan)
	return w, found("webhook", id, err)
}

// WebhookKeys returns a webhook whosever it is, with what its messages are signed with:
// it is for those who send them.
func (s *Store) WebhookKeys(ctx context.Context, id string) (outturn.Webhook, outturn.WebhookKeys, error) {
	w, err := scanWebhook(s.look(ctx).row(`SELECT `+webhookColumns+` FROM webhooks WHERE id = ?1`, id).scan)
	return w.Webhook, w.keys, found("webhook", id, err)
}

var webhookList = listing{
	name: "webhooks", table: "webhooks", tenant: "tenant",
	fields: []listField{
		{name: "id", column: "id"},
		{name: "tenant", column: "tenant"},
		{name: "name", column: "name"},
		{name: "url", column: "url"},
		{name: "created_by", column: "created_by"},
		{name: "created_at", column: "created_at", kind: instantField, order: true},
		{name: "updated_at", column: "updated_at", kind: instantField},
	},
	first: outturn.Order{Field: "created_at", Desc: true},
	indexes: []listIndex{
		{name: "webhooks_tenant_created", tenant: true, order: "created_at"},
		{name: "webhooks_created", order: "created_at"},
		{equal: "id"},
	},
}

// Webhooks lists the webhooks of viewer and of all below it.
func (s *Store) Webhooks(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.Webhook], error) {
	return list(s, ctx, &webhookList, viewer, "*", q, webhookColumns, scanPlainWebhook, func(w *outturn.Webhook) string { return w.ID })
}

// UpdateWebhook changes a webhook by what change does to it; version 0 is any, and
// CodeVersionChanged says that it is another by now. An error of change is returned as
// it is, and nothing is changed.
func (s *Store) UpdateWebhook(ctx context.Context, viewer, id string, version int, change func(*outturn.Webhook, *outturn.WebhookKeys) error, a outturn.AuditEntry) (outturn.Webhook, error) {
	var changed outturn.Webhook
	err := s.write(ctx, "update webhook", func(t *tx) error {
		was, err := t.webhookAt(viewer, id, version)
		if err != nil {
			return err
		}
		w := was
		if err := change(&w.Webhook, &w.keys); err != nil {
			return err
		}
		w.ID, w.Tenant, w.CreatedBy, w.CreatedAt = was.ID, was.Tenant, was.CreatedBy, was.CreatedAt
		w.Version, w.UpdatedAt = was.Version+1, later(t.now, was.UpdatedAt)
		events, err := json.Marshal(w.Events)
		if err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE webhooks SET name = ?2, url = ?3, events = ?4, enabled = ?5, disabled_for = ?6, version = ?7,
				sealed = ?8, old_sealed = ?9, old_until = ?10, updated_at = ?11 WHERE id = ?1`,
			id, w.Name, w.URL, string(events), flag(w.Enabled), text(w.DisabledFor), w.Version,
			encoded(w.keys.Sealed), encoded(w.keys.Old), micros(w.keys.OldUntil), micros(w.UpdatedAt)); err != nil {
			return webhookClash(w.Webhook, err)
		}
		changed = w.Webhook
		return t.audit(a, w.Tenant, id)
	})
	return changed, err
}

// DeleteWebhook takes a webhook away; version 0 is any. Messages to it that wait are
// given up when their turn comes, and those that were sent stay listed.
func (s *Store) DeleteWebhook(ctx context.Context, viewer, id string, version int, a outturn.AuditEntry) error {
	return s.write(ctx, "delete webhook", func(t *tx) error {
		w, err := t.webhookAt(viewer, id, version)
		if err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM webhooks WHERE id = ?1`, id); err != nil {
			return err
		}
		return t.audit(a, w.Tenant, id)
	})
}

func (t *tx) webhookAt(viewer, id string, version int) (keyedWebhook, error) {
	w, err := t.webhook(viewer, id)
	if err == nil && version != 0 && w.Version != version {
		err = outturn.Errorf(outturn.CodeVersionChanged, "The webhook is at version %d by now, not %d. Read it again, and make your change to that.", w.Version, version)
	}
	return w, err
}
