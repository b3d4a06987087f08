package store

import "outturn"

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
		if err := t.row(`SELECT min(most) FROM tenant_limits WHERE tenant = ?1 AND kind = ?2 AND `+setAbove, n.ID, limit.Kind, by).scan(&ceiling); err != nil {
			return err
		}
		if ceiling != nil && (most == nil || *most > *ceiling) {
			return outturn.InField("limits."+string(limit.Kind), outturn.Errorf(outturn.CodeForbidden,
				"A tenant above yours has set this limit to %d. Set it to no more, or ask above.", *ceiling))
		}
		if _, err := t.exec(`DELETE FROM tenant_limits WHERE tenant = ?1 AND kind = ?2 AND NOT `+setAbove, n.ID, limit.Kind, by); err != nil {
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

// setAbove is the condition that a limit was set by a tenant strictly above ?3.
const setAbove = `(set_by <> ?3 AND EXISTS (SELECT 1 FROM tenant_closure WHERE ancestor = set_by AND descendant = ?3))`
