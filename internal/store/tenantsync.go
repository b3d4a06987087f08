package store

import (
	"context"
	"fmt"
	"strings"

	"outturn"
)

// AllTenants returns all tenants, deleted ones too, without their limits, for those who
// compare them with a source. There may be very many.
func (s *Store) AllTenants(ctx context.Context) ([]outturn.Tenant, error) {
	rows, err := s.look(ctx).rows(`SELECT id, parent, kind, name, external_id, zone, currency, state FROM tenants`)
	list, err := all(rows, err, func(scan func(...any) error) (n outturn.Tenant, err error) {
		return n, scan(&n.ID, textTo{&n.Parent}, &n.Kind, &n.Name, textTo{&n.ExternalID}, &n.Zone, &n.Currency, &n.State)
	})
	return list, fault("read all tenants", err)
}

// MakeTenants adds tenants that have their ids, each with an entry like a, in one
// change: all of them or none. Their parents are there already, so none of them is
// the parent of another. They are nobody's whose limits would go with their account:
// whoever asks leaves out accounts of deleted tenants.
func (s *Store) MakeTenants(ctx context.Context, list []outturn.Tenant, a outturn.AuditEntry) error {
	return s.work(ctx, "make tenants", func(t *tx) error {
		for left := list; len(left) > 0; {
			n := mostMade
			if len(left) < n {
				n = 1 // two lengths of the statements stay prepared
			}
			if err := t.makeTenants(left[:n]); err != nil {
				return err
			}
			left = left[n:]
		}
		for _, n := range list {
			entry := a
			entry.ID, entry.Detail = "", map[string]string{"parent": n.Parent, "kind": string(n.Kind), "name": n.Name, "external_id": n.ExternalID}
			if err := t.audit(entry, n.ID, n.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// mostMade is how many tenants one statement makes.
const mostMade = 64

func (t *tx) makeTenants(list []outturn.Tenant) error {
	const columns = 7
	args, ids := []any{micros(t.now)}, []string{}
	for _, n := range list {
		args = append(args, n.ID, n.Parent, n.Kind, n.Name, n.ExternalID, n.Zone, n.Currency)
		ids = append(ids, n.ID)
	}
	var values strings.Builder
	for i := range list {
		if i > 0 {
			values.WriteString(", ")
		}
		for c := range columns {
			fmt.Fprintf(&values, "%s?%d", map[bool]string{true: "(", false: ", "}[c == 0], 2+i*columns+c)
		}
		values.WriteString(")")
	}
	made, err := t.exec(`INSERT INTO tenants (id, parent, kind, name, external_id, zone, report_type, created_at, currency, state, held_by)
		SELECT v.column1, v.column2, v.column3, v.column4, v.column5, v.column6, '', ?1, v.column7, 'active', p.held_by
		FROM (VALUES `+values.String()+`) AS v JOIN tenants AS p ON p.id = v.column2 AND p.state <> 'deleted' AND p.kind <> 'customer'`, args...)
	switch {
	case isUnique(err):
		return t.tenantClash(list[0]) // of several, whoever asked tries them one by one
	case err != nil:
		return err
	case made != int64(len(list)):
		return outturn.InField("parent", outturn.Errorf(outturn.CodeConflict, "The tenant above it is deleted by now, or is a customer."))
	}
	named := in(1, len(ids))
	if _, err := t.exec(`INSERT INTO tenant_closure (ancestor, descendant)
		SELECT c.ancestor, n.id FROM tenants AS n JOIN tenant_closure AS c ON c.descendant = n.parent WHERE n.id IN `+named+`
		UNION ALL SELECT id, id FROM tenants WHERE id IN `+named, padded(ids)...); err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO tenant_usage (tenant) SELECT id FROM tenants WHERE id IN `+named, padded(ids)...)
	return err
}

// ChangeTenants gives tenants the parent, name, zone and currency of list, each with
// entries like a, in one change: all of them or none. Nothing else of them changes.
func (s *Store) ChangeTenants(ctx context.Context, list []outturn.Tenant, a outturn.AuditEntry) error {
	return s.work(ctx, "change tenants", func(t *tx) error {
		for _, n := range list {
			if err := t.changeTenant(n, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) changeTenant(n outturn.Tenant, a outturn.AuditEntry) error {
	was, err := scanTenant(t.row(`SELECT `+tenantColumns+` FROM tenants WHERE id = ?1 AND state <> 'deleted'`, n.ID).scan)
	if err != nil {
		return found("tenant", n.ID, err)
	}
	if was.Parent != n.Parent && was.Parent != "" {
		entry := a
		entry.ID, entry.Action, entry.Detail = "", "tenant.move", map[string]string{"from": was.Parent, "parent": n.Parent}
		if _, err := t.moveTenant(was, n.Parent, entry); err != nil {
			return err
		}
		if err := t.audit(entry, n.ID, n.ID); err != nil {
			return err
		}
	}
	if was.Name == n.Name && was.Zone == n.Zone && was.Currency == n.Currency {
		return nil
	}
	if _, err := t.exec(`UPDATE tenants SET name = ?2, zone = ?3, currency = ?4 WHERE id = ?1`, n.ID, n.Name, n.Zone, n.Currency); err != nil {
		return err
	}
	a.ID, a.Action, a.Detail = "", "tenant.update", map[string]string{"name": n.Name, "zone": n.Zone, "currency": n.Currency}
	return t.audit(a, n.ID, n.ID)
}
