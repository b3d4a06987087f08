package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"outturn"
)

const generatorColumns = `id, tenant, spec, state, paused_for, paused_at, resumed_at, revision, next_at, last_fired_at, covered_to,
	origin, foreign_text, created_by, created_at, updated_at`

func scanGenerator(scan func(...any) error) (g outturn.Generator, err error) {
	var spec, foreign string
	if err := scan(&g.ID, &g.Tenant, &spec, &g.State, textTo{&g.PausedFor}, instantTo{&g.PausedAt}, instantTo{&g.ResumedAt}, &g.Revision,
		instantTo{&g.NextAt}, instantTo{&g.LastFiredAt}, instantTo{&g.CoveredTo},
		&g.Origin, textTo{&foreign}, &g.CreatedBy, instantTo{&g.CreatedAt}, instantTo{&g.UpdatedAt}); err != nil {
		return g, err
	}
	if foreign != "" {
		g.Foreign = json.RawMessage(foreign)
	}
	return g, json.Unmarshal([]byte(spec), &g.GeneratorSpec)
}

// CreateGenerator adds a generator, at revision 1, and makes its id where it has none.
// It is CodeLimit where its tenant, or one above it, has as many as it may. One that
// would be active is paused where its tenant may not fire now.
func (s *Store) CreateGenerator(ctx context.Context, g outturn.Generator, a outturn.AuditEntry) (outturn.Generator, error) {
	spec, err := json.Marshal(g.GeneratorSpec)
	if err != nil {
		return g, err
	}
	err = s.write(ctx, "create generator", func(t *tx) error {
		if err := t.takesPart(g.Tenant); err != nil {
			return err
		}
		made := g
		made.Revision, made.CreatedAt, made.UpdatedAt = 1, t.now, t.now
		if made.ID == "" {
			made.ID = outturn.NewID(t.now)
		}
		if err := t.settle(&made); err != nil {
			return err
		}
		if err := t.mayAdd(made.Tenant, use{generators: 1}); err != nil {
			return err
		}
		if err := t.createGenerator(made, string(spec)); err != nil {
			return err
		}
		if err := t.use(made.Tenant, use{generators: 1}); err != nil {
			return err
		}
		if err := t.keepRevision(made, string(spec), made.CreatedBy); err != nil {
			return err
		}
		if err := t.audit(a, made.Tenant, made.ID); err != nil {
			return err
		}
		g = made
		return nil
	})
	return g, err
}

func (t *tx) createGenerator(g outturn.Generator, spec string) error {
	_, err := t.exec(`INSERT INTO generators (id, tenant, name, dataset, kind, event, state, paused_for, paused_at, revision, next_at,
			origin, created_by, created_at, updated_at, spec, foreign_text, format, rhythm)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11, ?12, ?13, ?13, ?14, ?15, ?16, ?17)`,
		g.ID, g.Tenant, g.Name, g.Request.Dataset, g.Trigger.Kind, text(awaited(&g)), g.State, text(g.PausedFor), micros(g.PausedAt), micros(g.NextAt),
		g.Origin, g.CreatedBy, micros(g.CreatedAt), spec, text(string(g.Foreign)), text(formatOf(g.Request)), text(string(g.Trigger.Rhythm())))
	if isForeign(err) {
		return outturn.InField("tenant", noSuch("tenant", g.Tenant))
	}
	return generatorClash(g.Name, err)
}

func generatorClash(name string, err error) error {
	if !isUnique(err) {
		return err
	}
	return outturn.InField("name", outturn.Errorf(outturn.CodeConflict, "There is a generator %s already.", outturn.Shown(name)))
}

func (t *tx) keepRevision(g outturn.Generator, spec, by string) error {
	_, err := t.exec(`INSERT INTO generator_revisions (generator, revision, spec, changed_by, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)`,
		g.ID, g.Revision, spec, by, micros(g.UpdatedAt))
	return err
}

// Generator returns a generator that viewer sees.
func (s *Store) Generator(ctx context.Context, viewer, id string) (outturn.Generator, error) {
	g, err := s.look(ctx).generator(viewer, id)
	return g, fault("read generator", err)
}

func (t *tx) generator(viewer, id string) (outturn.Generator, error) {
	g, err := scanGenerator(t.row(`SELECT `+generatorColumns+` FROM generators WHERE id = ?2 AND `+seen("generators.tenant"), viewer, id).scan)
	return g, found("generator", id, err)
}

// GeneratorMaker returns the tenant whose client made a revision of a generator; of what
// was made on the server itself it is the provider, and "" where the client is unknown.
func (s *Store) GeneratorMaker(ctx context.Context, id string, revision int) (tenant string, err error) {
	err = s.look(ctx).row(`SELECT CASE WHEN v.changed_by LIKE 'client:%' THEN c.tenant ELSE (SELECT id FROM tenants WHERE parent IS NULL) END
		FROM generator_revisions v LEFT JOIN clients c ON c.id = SUBSTR(v.changed_by, 8)
		WHERE v.generator = ?1 AND v.revision = ?2`, id, revision).scan(textTo{&tenant})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return tenant, fault("read generator", err)
}

// GeneratorByName returns the generator of that name that is tenant's own.
func (s *Store) GeneratorByName(ctx context.Context, tenant, name string) (outturn.Generator, error) {
	g, err := scanGenerator(s.look(ctx).row(`SELECT `+generatorColumns+` FROM generators WHERE tenant = ?1 AND name = ?2`, tenant, name).scan)
	return g, found("generator", name, err)
}

var generatorList = listing{
	name: "generators", table: "generators", tenant: "tenant",
	fields: []listField{
		{name: "id", column: "id"},
		{name: "tenant", column: "tenant"},
		{name: "name", column: "name", order: true},
		{name: "dataset", column: "dataset"},
		{name: "kind", column: "kind", words: words(outturn.TriggerKinds...)},
		{name: "event", column: "event", null: true},
		{name: "state", column: "state", words: words(outturn.GeneratorStates...)},
		{name: "format", column: "format", null: true},
		{name: "rhythm", column: "rhythm", null: true, words: words(outturn.Rhythms...)},
		{name: "origin", column: "origin"},
		{name: "created_by", column: "created_by"},
		{name: "created_at", column: "created_at", kind: instantField, order: true},
		{name: "updated_at", column: "updated_at", kind: instantField, order: true},
		{name: "next_at", column: "next_at", kind: instantField, null: true},
	},
	first: outturn.Order{Field: "created_at", Desc: true},
	indexes: []listIndex{
		{name: "generators_tenant_created", tenant: true, order: "created_at"},
		{name: "generators_tenant_name", tenant: true, order: "name"},
		{name: "generators_tenant_updated", tenant: true, order: "updated_at"},
		{name: "generators_updated", order: "updated_at"},
		{name: "generators_tenant_rhythm_created", tenant: true, equal: "rhythm", order: "created_at"},
		{name: "generators_tenant_format_created", tenant: true, equal: "format", order: "created_at"},
		{name: "generators_created", order: "created_at"},
		{name: "generators_name", order: "name"},
		{equal: "id"},
	},
}

// Generators lists the generators of a tenant that is viewer or below it: "" is
// viewer's own, and "*" those of all it sees.
func (s *Store) Generators(ctx context.Context, viewer, tenant string, q outturn.ListQuery) (outturn.List[outturn.Generator], error) {
	return list(s, ctx, &generatorList, viewer, tenant, q, generatorColumns, scanGenerator, func(g *outturn.Generator) string { return g.ID })
}

// UpdateGenerator gives a generator the spec, state, NextAt and Foreign of g in the place
// of a revision, and is then one further; CodeVersionChanged when it is another by now, or was
// switched on or off, which g does not know of. Runs that it has made stay as they are.
func (s *Store) UpdateGenerator(ctx context.Context, viewer, id string, revision int, g outturn.Generator, a outturn.AuditEntry) (outturn.Generator, error) {
	spec, err := json.Marshal(g.GeneratorSpec)
	if err != nil {
		return g, err
	}
	var changed outturn.Generator
	err = s.write(ctx, "update generator", func(t *tx) error {
		saved, err := t.generatorAt(viewer, id, revision)
		if err != nil {
			return err
		}
		if (saved.State == outturn.GeneratorDisabled) != (g.State == outturn.GeneratorDisabled) {
			return outturn.Errorf(outturn.CodeVersionChanged, "The generator was switched on or off meanwhile. Read it again, and make your change to that.")
		}
		was := saved
		saved.GeneratorSpec, saved.State, saved.NextAt, saved.Foreign = g.GeneratorSpec, g.State, g.NextAt, g.Foreign
		saved.Revision, saved.UpdatedAt = revision+1, later(t.now, saved.UpdatedAt)
		if err := t.switchTo(was, &saved); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE generators SET name = ?2, dataset = ?3, kind = ?4, event = ?5, revision = ?6, spec = ?7, updated_at = ?8,
				format = ?9, rhythm = ?10, foreign_text = ?11 WHERE id = ?1`,
			id, saved.Name, saved.Request.Dataset, saved.Trigger.Kind, text(awaited(&saved)), saved.Revision, string(spec), micros(saved.UpdatedAt),
			text(formatOf(saved.Request)), text(string(saved.Trigger.Rhythm())), text(string(saved.Foreign))); err != nil {
			return generatorClash(saved.Name, err)
		}
		if err := t.keepRevision(saved, string(spec), a.Subject); err != nil {
			return err
		}
		changed = saved
		return t.audit(a, saved.Tenant, id)
	})
	return changed, err
}

// SwitchGenerator puts a generator into a state, to fire next at an instant. Its
// revision stays.
func (s *Store) SwitchGenerator(ctx context.Context, viewer, id string, state outturn.GeneratorState, next time.Time, a outturn.AuditEntry) (outturn.Generator, error) {
	var changed outturn.Generator
	err := s.write(ctx, "switch generator", func(t *tx) error {
		was, err := t.generator(viewer, id)
		if err != nil {
			return err
		}
		g := was
		g.State, g.NextAt = state, next
		if err := t.switchTo(was, &g); err != nil {
			return err
		}
		changed = g
		return t.audit(a, g.Tenant, id)
	})
	return changed, err
}

// DeleteGenerator takes a revision of a generator away. Runs that it has made go on,
// and its firings stay.
func (s *Store) DeleteGenerator(ctx context.Context, viewer, id string, revision int, a outturn.AuditEntry) error {
	return s.write(ctx, "delete generator", func(t *tx) error {
		g, err := t.generatorAt(viewer, id, revision)
		if err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM generators WHERE id = ?1`, id); err != nil {
			return err
		}
		if err := t.use(g.Tenant, use{generators: -1}); err != nil {
			return err
		}
		return t.audit(a, g.Tenant, id)
	})
}

func (t *tx) generatorAt(viewer, id string, revision int) (outturn.Generator, error) {
	g, err := t.generator(viewer, id)
	if err == nil && g.Revision != revision {
		err = outturn.Errorf(outturn.CodeVersionChanged, "The generator is at revision %d by now, not %d. Read it again, and make your change to that.", g.Revision, revision)
	}
	return g, err
}

// awaited is the type of the events that a generator waits for.
func awaited(g *outturn.Generator) string {
	if g.Trigger.Kind != outturn.TriggerEvent {
		return ""
	}
	return g.Trigger.Event
}

// DueGenerators lists active generators that are to fire now, whosever they are, those
// first that have been due for the longest time.
func (s *Store) DueGenerators(ctx context.Context, most int) ([]outturn.Generator, error) {
	t := s.look(ctx)
	rows, err := t.rows(`SELECT `+generatorColumns+` FROM generators`+useIndex("generators_due")+`
		WHERE state = 'active' AND next_at IS NOT NULL AND next_at <= ?1 ORDER BY next_at, id LIMIT ?2`, micros(t.now), most)
	due, err := all(rows, err, scanGenerator)
	return due, fault("list due generators", err)
}

// NextDue returns when the next generator is due, or was; zero when none will be.
func (s *Store) NextDue(ctx context.Context) (next time.Time, err error) {
	next, err = s.look(ctx).nextDue()
	return next, fault("look for the next due generator", err)
}

func (t *tx) nextDue() (next time.Time, err error) {
	err = t.row(`SELECT next_at FROM generators` + useIndex("generators_due") + `
		WHERE state = 'active' AND next_at IS NOT NULL ORDER BY next_at LIMIT 1`).scan(instantTo{&next})
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return next, err
}
