package store

import (
	"database/sql"
	"errors"

	"outturn"
)

// setLimits makes the limits of n those that by sets, and notes whose they are. Only
// limits that are elsewhere in memory than in was are set: who gives a limit the number
// that it has already makes it his own, and who changes nothing does not.
//
// A tenant strictly above by that has set a limit is its ceiling. What by sets takes
// the place of what those below by had set. One that set a limit and is not above by
// any more, since the tenant or by was moved, has no say.
func (t *tx) setLimits(by string, was outturn.Limits, n outturn.Tenant) error {
	for _, limit := range n.Limits.All() {
		most := *limit.Most
		if most == was.Of(limit.Kind) {
			continue
		}
		var ceiling *int64
		if err := t.row(`SELECT min(most) FROM tenant_limits WHERE tenant = ?1 AND kind = ?2 AND `+setAbove("?3"), n.ID, limit.Kind, by).scan(&ceiling); err != nil {
			return err
		}
		if ceiling != nil && (most == nil || *most > *ceiling) {
			return outturn.InField("limits."+string(limit.Kind), outturn.Errorf(outturn.CodeForbidden,
				"A tenant above yours has set this limit to %d. Set it to no more, or ask above.", *ceiling))
		}
		if _, err := t.exec(`DELETE FROM tenant_limits WHERE tenant = ?1 AND kind = ?2 AND NOT `+setAbove("?3"), n.ID, limit.Kind, by); err != nil {
			return err
		}
		if most == nil {
			continue
		}
		if _, err := t.exec(`INSERT INTO tenant_limits (tenant, kind, set_by, most) VALUES (?1, ?2, ?3, ?4)`, n.ID, limit.Kind, by, *most); err != nil {
			return err
		}
	}
	return nil
}

// inheritLimits gives n the limits that tenants strictly above by have set for its account:
// those of the deleted tenant that stood for it last. So nobody gets rid of one by a tenant
// that is made again, or by an older one that is restored. Limits of n that are was, and
// not asked for, are lowered to them; was is then what n has by that.
func (t *tx) inheritLimits(by string, was *outturn.Limits, n *outturn.Tenant) error {
	if n.ExternalID == "" {
		return nil
	}
	made, err := t.exec(`INSERT INTO tenant_limits (tenant, kind, set_by, most)
		SELECT ?1, kind, set_by, most FROM tenant_limits
		WHERE tenant = (SELECT id FROM tenants WHERE external_id = ?2 AND state = 'deleted' ORDER BY deleted_at DESC LIMIT 1)
			AND tenant <> ?1 AND `+setAbove("?3")+`
		ON CONFLICT (tenant, kind, set_by) DO UPDATE SET most = CASE WHEN excluded.most < tenant_limits.most THEN excluded.most ELSE tenant_limits.most END`, n.ID, n.ExternalID, by)
	if err != nil || made == 0 {
		return err
	}
	had := was.All()
	for i, limit := range n.Limits.All() {
		if *limit.Most != *had[i].Most {
			continue // what is asked for is held against them
		}
		if err := t.row(`SELECT min(most) FROM tenant_limits WHERE tenant = ?1 AND kind = ?2`, n.ID, limit.Kind).scan(limit.Most); err != nil {
			return err
		}
		*had[i].Most = *limit.Most
	}
	return nil
}

// limitsStay refuses to have a tenant stand for another account while somebody strictly
// above by has limits on it, which are meant for the account that it stands for.
func (t *tx) limitsStay(by, id string) error {
	err := t.row(`SELECT 1 FROM tenant_limits WHERE tenant = ?1 AND `+setAbove("?2")+` LIMIT 1`, id, by).scan(new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return outturn.InField("external_id", outturn.Errorf(outturn.CodeForbidden,
		"A tenant above yours has set limits for this one, which are for the account that it stands for. Ask above for another account."))
}

// setAbove is the condition that a limit was set by a tenant strictly above by.
func setAbove(by string) string {
	return `(set_by <> ` + by + ` AND EXISTS (SELECT 1 FROM tenant_closure WHERE ancestor = set_by AND descendant = ` + by + `))`
}
