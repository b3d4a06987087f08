package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"outturn"
)

const clientColumns = `id, tenant, name, role, secret_hash, old_hash, old_until, created_at, revoked_at, used_at, kind, sealed, old_sealed,
	email, subscription_hash, old_subscription`

func scanClient(scan func(...any) error) (c outturn.Client, err error) {
	err = scan(&c.ID, &c.Tenant, &c.Name, &c.Role, &c.SecretHash, &c.OldHash, instantTo{&c.OldUntil},
		instantTo{&c.CreatedAt}, instantTo{&c.RevokedAt}, instantTo{&c.UsedAt}, &c.Kind, bytesTo{&c.Sealed}, bytesTo{&c.OldSealed},
		textTo{&c.Email}, textTo{&c.SubscriptionHash}, textTo{&c.OldSubscription})
	return c, err
}

// CreateClient adds a client with the id it has; its kind is ClientOAuth2 where it has
// none.
func (s *Store) CreateClient(ctx context.Context, c outturn.Client, a outturn.AuditEntry) error {
	if c.Kind == "" {
		c.Kind = outturn.ClientOAuth2
	}
	return s.write(ctx, "create client", func(t *tx) error {
		if err := t.takesPart(c.Tenant); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO clients (`+clientColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)`,
			c.ID, c.Tenant, c.Name, c.Role, c.SecretHash, c.OldHash, micros(c.OldUntil), micros(t.now), micros(c.RevokedAt), micros(c.UsedAt),
			c.Kind, encoded(c.Sealed), encoded(c.OldSealed), text(c.Email), text(c.SubscriptionHash), text(c.OldSubscription))
		switch {
		case isForeign(err):
			return outturn.InField("tenant", noSuch("tenant", c.Tenant))
		case isUnique(err):
			return outturn.Errorf(outturn.CodeConflict, "There is a client %s already.", outturn.Shown(c.ID))
		case err != nil:
			return err
		}
		if err := t.adminsChanged(outturn.Client{}, c, a); err != nil {
			return err
		}
		return t.audit(a, c.Tenant, c.ID)
	})
}

// Client returns a client whosever it is: it is for those who check credentials.
func (s *Store) Client(ctx context.Context, id string) (outturn.Client, error) {
	c, err := scanClient(s.look(ctx).row(`SELECT `+clientColumns+` FROM clients WHERE id = ?1`, id).scan)
	return c, found("client", id, err)
}

// ClientBySubscription returns the client whose subscription key has that hash, whosever
// it is; CodeNotFound where none has. An old key is good as long as the rest of the old
// secret is.
func (s *Store) ClientBySubscription(ctx context.Context, hash string) (outturn.Client, error) {
	t := s.look(ctx)
	c, err := scanClient(t.row(`SELECT `+clientColumns+` FROM clients WHERE subscription_hash = ?1
		UNION ALL SELECT `+clientColumns+` FROM clients WHERE old_subscription = ?1 AND old_until > ?2 LIMIT 1`, hash, micros(t.now)).scan)
	if errors.Is(err, sql.ErrNoRows) {
		return c, outturn.Errorf(outturn.CodeNotFound, "There is no such subscription key.")
	}
	return c, fault("read client", err)
}

// ClientOf returns a client that viewer sees.
func (s *Store) ClientOf(ctx context.Context, viewer, id string) (outturn.Client, error) {
	c, err := scanClient(s.look(ctx).row(`SELECT `+clientColumns+` FROM clients WHERE id = ?2 AND `+seen("clients.tenant"), viewer, id).scan)
	return c, found("client", id, err)
}

var clientList = listing{
	name: "clients", table: "clients", tenant: "tenant",
	fields: []listField{
		{name: "client_id", column: "id"},
		{name: "tenant", column: "tenant"},
		{name: "name", column: "name"},
		{name: "kind", column: "kind", words: words(outturn.ClientKinds...)},
		{name: "role", column: "role", words: words(outturn.Roles...)},
		{name: "email", column: "email", null: true},
		{name: "created_at", column: "created_at", kind: instantField, order: true},
		{name: "revoked_at", column: "revoked_at", kind: instantField, null: true},
		{name: "used_at", column: "used_at", kind: instantField, null: true},
	},
	first: outturn.Order{Field: "created_at", Desc: true},
	indexes: []listIndex{
		{name: "clients_tenant_created", tenant: true, order: "created_at"},
		{name: "clients_created", order: "created_at"},
		{equal: "client_id"},
	},
}

// Clients lists the clients of viewer and of all below it.
func (s *Store) Clients(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.Client], error) {
	return list(s, ctx, &clientList, viewer, "*", q, clientColumns, scanClient, func(c *outturn.Client) string { return c.ID })
}

// UpdateClient changes a client that viewer sees by what change does to it. Its id,
// kind and tenant stay. An error of change is returned as it is, and nothing is
// changed.
func (s *Store) UpdateClient(ctx context.Context, viewer, id string, change func(*outturn.Client) error, a outturn.AuditEntry) (outturn.Client, error) {
	var changed outturn.Client
	err := s.write(ctx, "update client", func(t *tx) error {
		was, err := scanClient(t.row(`SELECT `+clientColumns+` FROM clients WHERE id = ?2 AND `+seen("clients.tenant"), viewer, id).scan)
		if err != nil {
			return found("client", id, err)
		}
		c := was
		if err := change(&c); err != nil {
			return err
		}
		c.ID, c.Kind, c.Tenant, c.CreatedAt = was.ID, was.Kind, was.Tenant, was.CreatedAt
		if _, err := t.exec(`UPDATE clients SET name = ?2, role = ?3, secret_hash = ?4, old_hash = ?5, old_until = ?6, revoked_at = ?7,
				sealed = ?8, old_sealed = ?9, email = ?10, subscription_hash = ?11, old_subscription = ?12 WHERE id = ?1`,
			id, c.Name, c.Role, c.SecretHash, c.OldHash, micros(c.OldUntil), micros(c.RevokedAt), encoded(c.Sealed), encoded(c.OldSealed),
			text(c.Email), text(c.SubscriptionHash), text(c.OldSubscription)); err != nil {
			return err
		}
		if was.RevokedAt.IsZero() && !c.RevokedAt.IsZero() {
			if err := t.endLinks("client:" + id); err != nil {
				return err
			}
		}
		changed = c
		if err := t.tellWithoutAdmin(was, c, a); err != nil {
			return err
		}
		if err := t.adminsChanged(was, c, a); err != nil {
			return err
		}
		return t.audit(a, c.Tenant, id)
	})
	return changed, err
}

// TouchClient notes that a client was used, to the minute; of one that is not there
// nothing.
func (s *Store) TouchClient(ctx context.Context, id string, at time.Time) error {
	minute := at.UTC().Truncate(time.Minute)
	c, err := s.Client(ctx, id)
	if outturn.ErrorCode(err) == outturn.CodeNotFound || err == nil && !c.UsedAt.Before(minute) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.write(ctx, "touch client", func(t *tx) error {
		_, err := t.exec(`UPDATE clients SET used_at = ?2 WHERE id = ?1 AND (used_at IS NULL OR used_at < ?2)`, id, micros(minute))
		return err
	})
}
