package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"outturn"
)

// What concerns a tenant's parent as well has an audit entry of the parent's own.
const (
	tenantLeft         = "tenant.left"          // it was moved to another parent
	tenantHeld         = "tenant.held"          // it was suspended, or moved to where one above it is
	tenantWithoutAdmin = "tenant.without_admin" // its last admin client was revoked, or is none any more
)

// UpdateTenant changes a tenant that viewer sees by what change does to it: its name,
// external id, zone, currency, report type and limits. All else stays. Its limits are
// set by those above it, within what those above them have set: a limit that change
// points to anew is one that viewer sets. One that those above viewer have limited stands
// for no other account, and one that comes to stand for an account takes on the limits of
// the deleted tenant that did so last, as in CreateTenant. An error of change is returned as it is, and
// nothing is changed.
func (s *Store) UpdateTenant(ctx context.Context, viewer, id string, change func(*outturn.Tenant) error, a outturn.AuditEntry) (outturn.Tenant, error) {
	var changed outturn.Tenant
	err := s.write(ctx, "update tenant", func(t *tx) error {
		was, err := t.tenant(viewer, id)
		if err != nil {
			return err
		}
		n := was
		if err := change(&n); err != nil {
			return err
		}
		if id == viewer && !reflect.DeepEqual(n.Limits, was.Limits) {
			return outturn.InField("limits", outturn.Errorf(outturn.CodeForbidden, "Nobody sets limits of their own. Ask a tenant above."))
		}
		n.ID = id
		if id != viewer {
			if n.ExternalID != was.ExternalID && was.ExternalID != "" {
				if err := t.limitsStay(viewer, id); err != nil {
					return err
				}
			}
			if n.ExternalID != was.ExternalID {
				if err := t.inheritLimits(viewer, &was.Limits, &n); err != nil {
					return err
				}
			}
			if err := t.setLimits(viewer, was.Limits, n); err != nil {
				return err
			}
		}
		if err := t.updateTenant(n); err != nil {
			return err
		}
		if changed, err = t.tenant(viewer, id); err != nil {
			return err
		}
		return t.audit(a, id, id)
	})
	return changed, err
}

func (t *tx) updateTenant(n outturn.Tenant) error {
	l := &n.Limits
	_, err := t.exec(`UPDATE tenants SET name = ?2, external_id = ?3, zone = ?4, currency = ?5, report_type = ?6, most_running = ?7,
			most_queued = ?8, most_generators = ?9, most_bytes = ?10, most_rows = ?11, most_requests = ?12, most_firings = ?13 WHERE id = ?1`,
		n.ID, n.Name, text(n.ExternalID), n.Zone, n.Currency, n.ReportType, l.Running, l.Queued, l.Generators, l.Bytes, l.Rows, l.Requests, l.Firings)
	if isUnique(err) {
		return accountTaken(n.ExternalID)
	}
	return err
}

func accountTaken(account string) error {
	return outturn.InField("external_id", outturn.Errorf(outturn.CodeConflict, "Another tenant stands for the account %s already.", outturn.Shown(account)))
}

// below returns a tenant that viewer is above of, to do something to it that nobody
// does to himself.
func (t *tx) below(viewer, id, done string) (outturn.Tenant, error) {
	n, err := t.tenant(viewer, id)
	switch {
	case err != nil:
		return n, err
	case n.Parent == "":
		return n, outturn.Errorf(outturn.CodeForbidden, "The provider is the root of all tenants and cannot be %s.", done)
	case id == viewer:
		return n, outturn.Errorf(outturn.CodeForbidden, "A tenant is %s by one above it, never by itself.", done)
	}
	return n, nil
}

// SuspendTenant holds a tenant below viewer and all below that. One that is suspended
// already stays as it is.
func (s *Store) SuspendTenant(ctx context.Context, viewer, id string, a outturn.AuditEntry) (n outturn.Tenant, err error) {
	err = s.write(ctx, "suspend tenant", func(t *tx) error {
		if n, err = t.below(viewer, id, "suspended"); err != nil || n.State == outturn.TenantSuspended {
			return err
		}
		if _, err := t.exec(`UPDATE tenants SET state = 'suspended', suspended_at = ?2 WHERE id = ?1`, id, micros(t.now)); err != nil {
			return err
		}
		if err := t.hold(id, n.HeldBy, id); err != nil {
			return err
		}
		if err := t.tell(a, tenantHeld, n.Parent, id); err != nil {
			return err
		}
		if err := t.pauseBelow(id, n.Parent, a); err != nil {
			return err
		}
		n.State, n.SuspendedAt, n.HeldBy = outturn.TenantSuspended, t.now, id
		return t.audit(a, id, id)
	})
	return n, err
}

// ResumeTenant ends the suspension of a tenant below viewer. One above it that is
// suspended holds it still. One that is not suspended stays as it is.
func (s *Store) ResumeTenant(ctx context.Context, viewer, id string, a outturn.AuditEntry) (n outturn.Tenant, err error) {
	err = s.write(ctx, "resume tenant", func(t *tx) error {
		if n, err = t.below(viewer, id, "resumed"); err != nil || n.State != outturn.TenantSuspended {
			return err
		}
		above, err := t.heldBy(n.Parent)
		if err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE tenants SET state = 'active', suspended_at = NULL WHERE id = ?1`, id); err != nil {
			return err
		}
		if err := t.hold(id, id, above); err != nil {
			return err
		}
		if err := t.pauseBelow(id, n.Parent, a); err != nil {
			return err
		}
		n.State, n.SuspendedAt, n.HeldBy = outturn.TenantActive, time.Time{}, above
		return t.audit(a, id, id)
	})
	return n, err
}

// heldBy returns who holds a tenant.
func (t *tx) heldBy(id string) (by string, err error) {
	return by, t.row(`SELECT held_by FROM tenants WHERE id = ?1`, id).scan(textTo{&by})
}

// hold gives those of the subtree of id that one tenant holds to another. Those that
// are held by one nearer to them stay with that one.
func (t *tx) hold(id, from, to string) error {
	if from == to {
		return nil
	}
	_, err := t.exec(`UPDATE tenants SET held_by = ?3 WHERE held_by IS NOT DISTINCT FROM ?2
		AND id IN (SELECT descendant FROM tenant_closure WHERE ancestor = ?1)`, id, text(from), text(to))
	return err
}

// tell adds an entry for another tenant that ought to know of what a is about.
func (t *tx) tell(a outturn.AuditEntry, action, tenant, object string) error {
	a.ID, a.Action, a.Tenant, a.Object = "", action, tenant, object
	return t.audit(a, tenant, object)
}

// tellWithoutAdmin tells the parent of a tenant that has lost its last admin.
func (t *tx) tellWithoutAdmin(was, c outturn.Client, a outturn.AuditEntry) error {
	enabled := func(c outturn.Client) bool { return c.Role == outturn.RoleAdmin && c.RevokedAt.IsZero() }
	if !enabled(was) || enabled(c) {
		return nil
	}
	var parent string
	err := t.row(`SELECT parent FROM tenants WHERE id = ?1 AND state <> 'deleted' AND parent IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM clients WHERE tenant = ?1 AND role = 'admin' AND revoked_at IS NULL)`, c.Tenant).scan(&parent)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.tell(a, tenantWithoutAdmin, parent, c.Tenant)
}

// DeleteTenant takes a tenant below viewer out of all lists. It must have no runs that
// are not final, and no tenants below it. It can be restored until PurgeTenants.
func (s *Store) DeleteTenant(ctx context.Context, viewer, id string, a outturn.AuditEntry) error {
	return s.write(ctx, "delete tenant", func(t *tx) error {
		n, err := t.below(viewer, id, "deleted")
		if err != nil {
			return err
		}
		if err := t.mayDelete(id); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE tenants SET state = 'deleted', deleted_at = ?2 WHERE id = ?1`, id, micros(t.now)); err != nil {
			return err
		}
		if err := t.pauseOf(id, n.Parent, a); err != nil {
			return err
		}
		return t.audit(a, id, id)
	})
}

// mayDelete says what keeps a tenant from being deleted.
func (t *tx) mayDelete(id string) error {
	var queued, running, below int
	if err := t.row(`SELECT COALESCE(SUM(CASE WHEN state = 'queued' THEN 1 END), 0), COALESCE(SUM(CASE WHEN state = 'running' THEN 1 END), 0)
		FROM runs WHERE tenant = ?1 AND finished_at IS NULL`, id).scan(&queued, &running); err != nil {
		return err
	}
	if err := t.row(`SELECT COUNT(*) FROM tenant_closure JOIN tenants ON id = descendant
		WHERE ancestor = ?1 AND descendant <> ?1 AND state <> 'deleted'`, id).scan(&below); err != nil {
		return err
	}
	var has, first []string
	for _, c := range []struct {
		n               int
		one, more, what string
	}{
		{queued, "queued run", "queued runs", "cancel its runs or wait for their end"},
		{running, "running run", "running runs", "cancel its runs or wait for their end"},
		{below, "tenant below it", "tenants below it", "delete or move those below it"},
	} {
		switch c.n {
		case 0:
			continue
		case 1:
			has = append(has, "1 "+c.one)
		default:
			has = append(has, fmt.Sprintf("%d %s", c.n, c.more))
		}
		if !slices.Contains(first, c.what) {
			first = append(first, c.what)
		}
	}
	if len(has) == 0 {
		return nil
	}
	return outturn.Errorf(outturn.CodeConflict, "The tenant has %s, so it cannot be deleted. First %s.", strings.Join(has, ", "), strings.Join(first, ", and "))
}

// RestoreTenant brings a deleted tenant below viewer back as it was, suspended or
// not, but for limits that its account got from above since. After PurgeTenants it is CodeGone.
func (s *Store) RestoreTenant(ctx context.Context, viewer, id string, a outturn.AuditEntry) (n outturn.Tenant, err error) {
	err = s.write(ctx, "restore tenant", func(t *tx) error {
		if n, err = t.tenantEver(viewer, id); err != nil {
			return err
		}
		switch {
		case id == viewer:
			return outturn.Errorf(outturn.CodeForbidden, "A tenant is restored by one above it, never by itself.")
		case n.State != outturn.TenantDeleted:
			return outturn.Errorf(outturn.CodeConflict, "The tenant is not deleted, so there is nothing to restore.")
		case !n.PurgedAt.IsZero():
			return outturn.Errorf(outturn.CodeGone, "The tenant's files and clients went for good on %s, so it cannot be restored. Make a new one.", n.PurgedAt.Format(time.DateOnly))
		}
		if outturn.ErrorCode(t.mayHaveBelow(n.Parent)) == outturn.CodeNotFound {
			return outturn.Errorf(outturn.CodeConflict, "The tenant above it, %s, is deleted. Restore that one first.", n.Parent)
		}
		state := outturn.TenantActive
		if !n.SuspendedAt.IsZero() {
			state = outturn.TenantSuspended
		}
		had := n.Limits
		if err := t.inheritLimits(viewer, &had, &n); err != nil { // of another that stood for its account since
			return err
		}
		if err := t.updateTenant(n); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE tenants SET state = ?2, deleted_at = NULL WHERE id = ?1`, id, state)
		if isUnique(err) {
			return t.accountTakenBy(viewer, n.ExternalID)
		}
		if err != nil {
			return err
		}
		if err := t.pauseOf(id, n.Parent, a); err != nil {
			return err
		}
		n.State, n.DeletedAt = state, time.Time{}
		return t.audit(a, id, id)
	})
	return n, err
}

// accountTakenBy names the tenant that has an account, to those who see it.
func (t *tx) accountTakenBy(viewer, account string) error {
	var id string
	err := t.row(`SELECT id FROM tenants WHERE external_id = ?2 AND state <> 'deleted' AND `+seen("tenants.id"), viewer, account).scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return accountTaken(account)
	}
	if err != nil {
		return err
	}
	return outturn.InField("external_id", outturn.Errorf(outturn.CodeConflict, "The tenant %s stands for the account %s by now.", id, outturn.Shown(account)))
}

// PurgeTenants ends what tenants have that were deleted before an instant, up to limit
// of them, and returns those. Their files are marked, for the sweep of expired files
// to remove; their links end, their views, generators, webhooks and messages go and
// their clients are revoked. Their runs, firings, manifests and audit stay.
func (s *Store) PurgeTenants(ctx context.Context, before time.Time, limit int) (purged []outturn.Tenant, err error) {
	rows, err := s.look(ctx).rows(`SELECT id FROM tenants WHERE state = 'deleted' AND purged_at IS NULL AND deleted_at <= ?1 ORDER BY deleted_at LIMIT ?2`, micros(before), limit)
	ids, err := all(rows, err, scanID)
	if err != nil {
		return nil, fault("look for deleted tenants", err)
	}
	for _, id := range ids {
		err := s.work(ctx, "purge tenant", func(t *tx) error {
			n, err := scanTenant(t.row(`UPDATE tenants SET purged_at = ?2
				WHERE id = ?1 AND state = 'deleted' AND purged_at IS NULL AND deleted_at <= ?3 RETURNING `+tenantColumns, id, micros(t.now), micros(before)).scan)
			if errors.Is(err, sql.ErrNoRows) {
				return nil // restored meanwhile
			}
			if err != nil {
				return err
			}
			if err := t.endAll(id); err != nil {
				return err
			}
			purged = append(purged, n)
			return t.audit(outturn.AuditEntry{Subject: "system", Via: "local", Action: "tenant.purge"}, id, id)
		})
		if err != nil {
			return purged, err
		}
	}
	return purged, nil
}

// endAll ends what a tenant has but its runs and their manifests.
func (t *tx) endAll(tenant string) error {
	for _, statement := range []string{
		`UPDATE links SET revoked_at = ?2 WHERE revoked_at IS NULL AND file IN (SELECT id FROM files WHERE tenant = ?1 AND marked_at IS NULL)`,
		`UPDATE runs SET files_gone_at = ?2, ` + touched("?2") + ` WHERE state = 'succeeded' AND files_gone_at IS NULL
			AND id IN (SELECT run FROM files WHERE tenant = ?1 AND marked_at IS NULL)`,
		`UPDATE files SET marked_at = ?2 WHERE tenant = ?1 AND marked_at IS NULL`,
		`UPDATE clients SET revoked_at = ?2 WHERE tenant = ?1 AND revoked_at IS NULL`,
	} {
		if _, err := t.exec(statement, tenant, micros(t.now)); err != nil {
			return err
		}
	}
	for _, statement := range []string{
		`DELETE FROM views WHERE tenant = ?1`,
		`DELETE FROM webhooks WHERE tenant = ?1`,
		`DELETE FROM deliveries WHERE tenant = ?1`,
		`DELETE FROM firings WHERE generator IN (SELECT id FROM generators WHERE tenant = ?1)`, // nothing would lead to those of events any more
		`DELETE FROM generator_revisions WHERE generator IN (SELECT id FROM generators WHERE tenant = ?1)`,
	} {
		if _, err := t.exec(statement, tenant); err != nil {
			return err
		}
	}
	n, err := t.exec(`DELETE FROM generators WHERE tenant = ?1`, tenant)
	if err != nil {
		return err
	}
	return t.use(tenant, use{generators: -n})
}

// tenantLives says that what a deleted tenant had is gone.
func (t *tx) tenantLives(id string) error {
	var state outturn.TenantState
	if err := t.row(`SELECT state FROM tenants WHERE id = ?1`, id).scan(&state); err != nil {
		return err
	}
	if state == outturn.TenantDeleted {
		return outturn.Errorf(outturn.CodeGone, "The tenant whose file this was is deleted, and its files with it.")
	}
	return nil
}
