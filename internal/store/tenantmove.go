package store

import (
	"context"
	"maps"
	"slices"

	"outturn"
)

// MoveTenant puts a tenant below viewer, with all below it, under another parent that
// viewer sees. What they use counts for the new parent and those above it from then
// on; limits of theirs that are exceeded by it refuse and hold only what comes later.
func (s *Store) MoveTenant(ctx context.Context, viewer, id, parent string, a outturn.AuditEntry) (n outturn.Tenant, err error) {
	err = s.write(ctx, "move tenant", func(t *tx) error {
		if n, err = t.below(viewer, id, "moved"); err != nil || n.Parent == parent {
			return err
		}
		if _, err := t.tenant(viewer, parent); err != nil {
			return outturn.InField("parent", err)
		}
		// Whoever asks has looked before, and it may have been moved since.
		a.Detail = maps.Clone(a.Detail)
		if a.Detail != nil {
			a.Detail["from"] = n.Parent
		}
		if n, err = t.moveTenant(n, parent, a); err != nil {
			return err
		}
		return t.audit(a, id, id)
	})
	return n, err
}

func (t *tx) moveTenant(n outturn.Tenant, parent string, a outturn.AuditEntry) (outturn.Tenant, error) {
	if err := t.mayHaveBelow(parent); err != nil {
		return n, outturn.InField("parent", err)
	}
	var circle int
	if err := t.row(`SELECT COUNT(*) FROM tenant_closure WHERE ancestor = ?1 AND descendant = ?2`, n.ID, parent).scan(&circle); err != nil {
		return n, err
	}
	if circle > 0 {
		return n, outturn.InField("parent", outturn.Errorf(outturn.CodeInvalid, "A tenant cannot be moved under itself or under one below it."))
	}
	by, err := t.heldBy(parent)
	if err != nil {
		return n, err
	}
	was, old := n.HeldBy, n.Parent
	if was != n.ID { // else it is its own suspension that holds it, wherever it is
		if err := t.hold(n.ID, was, by); err != nil {
			return n, err
		}
		n.HeldBy = by
	}
	if err := t.moveUsage(n.ID, old, parent); err != nil {
		return n, err
	}
	if err := t.endLinksOfFormer(n.ID, old, parent); err != nil {
		return n, err
	}
	if err := t.endToldOfFormer(n.ID, old, parent, a); err != nil {
		return n, err
	}
	if err := t.moveClosure(n.ID, old, parent); err != nil {
		return n, err
	}
	if _, err := t.exec(`UPDATE tenants SET parent = ?2 WHERE id = ?1`, n.ID, parent); err != nil {
		return n, err
	}
	n.Parent = parent
	left := a
	left.Detail = nil // where to is not for it to know
	if err := t.tell(left, tenantLeft, old, n.ID); err != nil {
		return n, err
	}
	if err := t.pauseBelow(n.ID, parent, a); err != nil {
		return n, err
	}
	if was == "" && by != "" {
		return n, t.tell(a, tenantHeld, parent, n.ID)
	}
	return n, nil
}

// alone lists those at or above one tenant that are not at or above another.
func alone(of, not string) string {
	return `(SELECT ancestor FROM tenant_closure WHERE descendant = ` + of + `
		AND ancestor NOT IN (SELECT ancestor FROM tenant_closure WHERE descendant = ` + not + `))`
}

// moveUsage takes what the subtree of id uses from those that are no longer above it
// and gives it to those that are new there.
func (t *tx) moveUsage(id, old, parent string) error {
	for _, side := range []struct {
		sign    int
		of, not string
	}{{-1, old, parent}, {1, parent, old}} {
		if _, err := t.exec(`UPDATE tenant_usage SET running = tenant_usage.running + ?4 * u.running, queued = tenant_usage.queued + ?4 * u.queued,
				generators = tenant_usage.generators + ?4 * u.generators, files_n = tenant_usage.files_n + ?4 * u.files_n,
				bytes_n = tenant_usage.bytes_n + ?4 * u.bytes_n
			FROM tenant_usage AS u WHERE u.tenant = ?1 AND tenant_usage.tenant IN `+alone("?2", "?3"), id, side.of, side.not, side.sign); err != nil {
			return err
		}
	}
	return nil
}

// endLinksOfFormer ends the links into the subtree of id that were made by clients of
// those who do not see it any more.
func (t *tx) endLinksOfFormer(id, old, parent string) error {
	_, err := t.exec(`UPDATE links SET revoked_at = ?4 WHERE revoked_at IS NULL
		AND created_by IN (SELECT 'client:' || id FROM clients WHERE tenant IN `+alone("?2", "?3")+`)
		AND EXISTS (SELECT 1 FROM tenant_closure WHERE ancestor = ?1 AND descendant = links.tenant)`, id, old, parent, micros(t.now))
	return err
}

// endToldOfFormer ends what clients of those who do not see the subtree of id any more
// have set up to be told of it: their webhooks are disabled, and so are generators to
// which they gave their latest revision and that send mail, until somebody has looked at
// whom. Runs of these that have not ended are told to nobody.
func (t *tx) endToldOfFormer(id, old, parent string, a outturn.AuditEntry) error {
	former := `IN (SELECT 'client:' || id FROM clients WHERE tenant IN ` + alone("?2", "?3") + `)`
	below := func(table string) string {
		return `EXISTS (SELECT 1 FROM tenant_closure WHERE ancestor = ?1 AND descendant = ` + table + `.tenant)`
	}
	a.Detail = map[string]string{"for": outturn.DisabledMoved}
	rows, err := t.rows(`UPDATE webhooks SET enabled = 0, disabled_for = ?4, version = version + 1, updated_at = ?5
		WHERE enabled = 1 AND created_by `+former+` AND `+below("webhooks")+` RETURNING `+webhookColumns,
		id, old, parent, outturn.DisabledMoved, micros(t.now))
	hooks, err := all(rows, err, scanPlainWebhook)
	if err != nil {
		return err
	}
	for _, w := range hooks {
		if err := t.tell(a, "webhook.disable", w.Tenant, w.ID); err != nil {
			return err
		}
	}
	rows, err = t.rows(`SELECT `+generatorColumns+` FROM generators WHERE state <> 'disabled' AND `+below("generators")+`
		AND (SELECT changed_by FROM generator_revisions v WHERE v.generator = generators.id AND v.revision = generators.revision) `+former, id, old, parent)
	generators, err := all(rows, err, scanGenerator)
	if err != nil {
		return err
	}
	for _, g := range generators {
		mails := func(d outturn.Destination) bool { return d.Kind == outturn.DestinationEmail }
		if !slices.ContainsFunc(g.Deliveries, mails) {
			continue
		}
		if _, err := t.exec(`UPDATE generators SET state = 'disabled', paused_for = NULL, next_at = NULL WHERE id = ?1`, g.ID); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE runs SET deliveries = NULL WHERE generator = ?1 AND finished_at IS NULL`, g.ID); err != nil {
			return err
		}
		if err := t.tell(a, "generator.disable", g.Tenant, g.ID); err != nil {
			return err
		}
	}
	return nil
}

// moveClosure changes who sees the subtree of id. Those that are above it before and
// after, the provider for one, keep their rows: there may be many.
func (t *tx) moveClosure(id, old, parent string) error {
	if _, err := t.exec(`DELETE FROM tenant_closure WHERE ancestor IN `+alone("?2", "?3")+`
		AND descendant IN (SELECT descendant FROM tenant_closure WHERE ancestor = ?1)`, id, old, parent); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO tenant_closure (ancestor, descendant)
		SELECT up.ancestor, down.descendant FROM `+alone("?2", "?3")+` AS up CROSS JOIN tenant_closure AS down
		WHERE down.ancestor = ?1`, id, parent, old)
	return err
}
