package store

import (
	"database/sql"
	"errors"
	"strconv"

	"outturn"
)

// What happens to generators with their tenant has an audit entry of the generator's
// tenant, which all above it see. Who is above the tenant that it began with has one of
// its own, about that tenant.
const (
	generatorPaused  = "generator.paused"
	generatorResumed = "generator.resumed"
)

// kept is what keeps the generators of tenant n from firing; NULL is nothing.
const kept = `(CASE WHEN n.state = 'deleted' THEN 'tenant_deleted' WHEN n.held_by IS NOT NULL THEN 'tenant_suspended'
	WHEN n.admin_lost_at IS NOT NULL THEN 'no_admin' END)`

// settle pauses g where it would be active and its tenant keeps it from that, and ends
// a pause whose reason is over.
func (t *tx) settle(g *outturn.Generator) error {
	was := g.PausedFor
	g.PausedFor = ""
	if g.State != "" && g.State != outturn.GeneratorActive && g.State != outturn.GeneratorPaused {
		return nil
	}
	if err := t.row(`SELECT `+kept+` FROM tenants n WHERE n.id = ?1`, g.Tenant).scan(textTo{&g.PausedFor}); err != nil {
		return found("tenant", g.Tenant, err)
	}
	g.State = outturn.GeneratorActive
	switch {
	case g.PausedFor != "":
		g.State = outturn.GeneratorPaused
		if was == "" {
			g.PausedAt = t.now
		}
	case was != "":
		g.ResumedAt = t.now
	}
	return nil
}

// switchTo gives a generator, as it was, the state and NextAt of g, which it settles.
func (t *tx) switchTo(was outturn.Generator, g *outturn.Generator) error {
	if err := t.settle(g); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE generators SET state = ?2, paused_for = ?3, paused_at = ?4, resumed_at = ?5, next_at = ?6 WHERE id = ?1`,
		was.ID, g.State, text(g.PausedFor), micros(g.PausedAt), micros(g.ResumedAt), micros(g.NextAt))
	return err
}

// unsettled lists generators whose state is not what their tenant n gives them now.
const unsettled = `g.state IN ('active', 'paused') AND g.paused_for IS DISTINCT FROM ` + kept

// pauseBelow pauses the generators of a tenant and of all below it that are kept from
// firing now, and lets those go on that no longer are. above is the tenant above that
// is told of it.
func (t *tx) pauseBelow(top, above string, a outturn.AuditEntry) error {
	rows, err := t.rows(`SELECT `+generatorColumns+` FROM generators WHERE id IN (
		SELECT g.id FROM tenant_closure c JOIN tenants n ON n.id = c.descendant JOIN generators g ON g.tenant = n.id
		WHERE c.ancestor = ?1 AND `+unsettled+`) ORDER BY id`, top)
	list, err := all(rows, err, scanGenerator)
	if err != nil {
		return err
	}
	return t.pause(list, top, above, a)
}

// pauseOf is pauseBelow for one tenant alone.
func (t *tx) pauseOf(tenant, above string, a outturn.AuditEntry) error {
	rows, err := t.rows(`SELECT `+generatorColumns+` FROM generators WHERE id IN (
		SELECT g.id FROM generators g JOIN tenants n ON n.id = g.tenant WHERE g.tenant = ?1 AND `+unsettled+`) ORDER BY id`, tenant)
	list, err := all(rows, err, scanGenerator)
	if err != nil {
		return err
	}
	return t.pause(list, tenant, above, a)
}

func (t *tx) pause(list []outturn.Generator, top, above string, a outturn.AuditEntry) error {
	paused, resumed := 0, 0
	for _, was := range list {
		g := was
		if err := t.switchTo(was, &g); err != nil {
			return err
		}
		action := generatorResumed
		switch g.State {
		case was.State:
			continue // it is paused for another reason
		case outturn.GeneratorPaused:
			action = generatorPaused
			paused++
		default:
			resumed++
		}
		if err := t.tellOfPause(a, action, above, g); err != nil {
			return err
		}
	}
	return errors.Join(t.tellAbove(a, generatorPaused, above, top, paused), t.tellAbove(a, generatorResumed, above, top, resumed))
}

// tellAbove tells the tenant above of n generators of top and of those below it.
func (t *tx) tellAbove(a outturn.AuditEntry, action, above, top string, n int) error {
	if above == "" || n == 0 {
		return nil
	}
	a.Detail = map[string]string{"generators": strconv.Itoa(n)}
	return t.tell(a, action, above, top)
}

func (t *tx) tellOfPause(a outturn.AuditEntry, action, above string, g outturn.Generator) error {
	a.Detail = map[string]string{"name": g.Name}
	if action == generatorPaused {
		a.Detail["paused_for"] = g.PausedFor
	}
	if err := t.tell(a, action, g.Tenant, g.ID); err != nil || action != generatorPaused {
		return err
	}
	said := announcement{event: outturn.GeneratorPausedEvent, tenant: g.Tenant, generator: g.ID}
	if err := t.announce(said); err != nil || above == "" {
		return err
	}
	said.tenant = above
	return t.announceToAll(said)
}

// adminsChanged notes whether a tenant has lost its last enabled admin, or has one
// again, since a client of it was was and is c. Of the provider operators count too.
func (t *tx) adminsChanged(was, c outturn.Client, a outturn.AuditEntry) error {
	if leads(was) == leads(c) {
		return nil
	}
	lost := sql.NullInt64{Int64: t.now.UnixMicro(), Valid: !leads(c)}
	var parent string
	err := t.row(`UPDATE tenants SET admin_lost_at = ?2 WHERE id = ?1
		AND (?2 IS NULL OR NOT EXISTS (SELECT 1 FROM clients WHERE tenant = ?1 AND role IN ('admin', 'operator') AND revoked_at IS NULL))
		RETURNING parent`, c.Tenant, lost).scan(textTo{&parent})
	if errors.Is(err, sql.ErrNoRows) {
		return nil // there is another
	}
	if err != nil {
		return err
	}
	return t.pauseOf(c.Tenant, parent, a)
}

// leads says whether a client can see to what its tenant has.
func leads(c outturn.Client) bool {
	return (c.Role == outturn.RoleAdmin || c.Role == outturn.RoleOperator) && c.ID != "" && c.RevokedAt.IsZero()
}
