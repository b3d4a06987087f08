package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"outturn"
)

const tenantColumns = `id, parent, kind, name, external_id, zone, report_type, created_at, currency, state, held_by,
	suspended_at, deleted_at, purged_at, most_running, most_queued, most_generators, most_bytes, most_rows, most_requests, most_firings`

func scanTenant(scan func(...any) error) (t outturn.Tenant, err error) {
	l := &t.Limits
	err = scan(&t.ID, textTo{&t.Parent}, &t.Kind, &t.Name, textTo{&t.ExternalID}, &t.Zone, &t.ReportType, instantTo{&t.CreatedAt},
		&t.Currency, &t.State, textTo{&t.HeldBy}, instantTo{&t.SuspendedAt}, instantTo{&t.DeletedAt}, instantTo{&t.PurgedAt},
		&l.Running, &l.Queued, &l.Generators, &l.Bytes, &l.Rows, &l.Requests, &l.Firings)
	return t, err
}

// CreateTenant adds a tenant below its parent, and makes its id where it has none.
// The provider comes first and has no parent; there is one. Its limits are set by
// LimitsBy, or its parent. It takes on those of the deleted tenant that stood for
// its account last, where who is above that one had set them.
func (s *Store) CreateTenant(ctx context.Context, n outturn.Tenant, a outturn.AuditEntry) (outturn.Tenant, error) {
	err := s.write(ctx, "create tenant", func(t *tx) error {
		made := n
		made.CreatedAt, made.State = t.now, outturn.TenantActive
		if made.ID == "" {
			made.ID = outturn.NewID(t.now)
		}
		if err := t.createTenant(&made); err != nil {
			return err
		}
		if err := t.audit(a, made.ID, made.ID); err != nil {
			return err
		}
		n = made
		return nil
	})
	return n, err
}

func (t *tx) createTenant(n *outturn.Tenant) error {
	if (n.Parent == "") != (n.Kind == outturn.KindProvider) {
		return outturn.InField("parent", outturn.Errorf(outturn.CodeInvalid, "Every tenant but the provider has a parent."))
	}
	if n.Parent != "" {
		if err := t.mayHaveBelow(n.Parent); err != nil {
			return outturn.InField("parent", err)
		}
	}
	l := &n.Limits
	_, err := t.exec(`INSERT INTO tenants (id, parent, kind, name, external_id, zone, report_type, created_at, currency, state, held_by,
			most_running, most_queued, most_generators, most_bytes, most_rows, most_requests, most_firings)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'active', (SELECT held_by FROM tenants WHERE id = ?2), ?10, ?11, ?12, ?13, ?14, ?15, ?16)`,
		n.ID, text(n.Parent), n.Kind, n.Name, text(n.ExternalID), n.Zone, n.ReportType, micros(n.CreatedAt), n.Currency,
		l.Running, l.Queued, l.Generators, l.Bytes, l.Rows, l.Requests, l.Firings)
	switch {
	case isForeign(err):
		return outturn.InField("parent", noSuch("tenant", n.Parent))
	case isUnique(err):
		return t.tenantClash(*n)
	case err != nil:
		return err
	}
	_, err = t.exec(`INSERT INTO tenant_closure (ancestor, descendant)
		SELECT ancestor, ?1 FROM tenant_closure WHERE descendant = ?2
		UNION ALL SELECT ?1, ?1`, n.ID, n.Parent)
	if err != nil {
		return err
	}
	if _, err = t.exec(`INSERT INTO tenant_usage (tenant) VALUES (?1)`, n.ID); err != nil {
		return err
	}
	by := cmp.Or(n.LimitsBy, n.Parent, n.ID)
	var inherited outturn.Limits
	if err := t.inheritLimits(by, &inherited, n); err != nil {
		return err
	}
	if err := t.setLimits(by, inherited, *n); err != nil || inherited == (outturn.Limits{}) {
		return err
	}
	return t.updateTenant(*n)
}

// tenantClash says what of n there is already.
func (t *tx) tenantClash(n outturn.Tenant) error {
	var found int
	switch err := t.row(`SELECT 1 FROM tenants WHERE id = ?1`, n.ID).scan(&found); {
	case err == nil:
		return outturn.InField("id", outturn.Errorf(outturn.CodeConflict, "There is a tenant %s already.", n.ID))
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if n.Parent == "" {
		switch err := t.row(`SELECT 1 FROM tenants WHERE parent IS NULL`).scan(&found); {
		case err == nil:
			return outturn.Errorf(outturn.CodeConflict, "There is a provider already, and there can be only one.")
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
	}
	return accountTaken(n.ExternalID)
}

// mayHaveBelow says why a tenant can have none below it; nil when it can.
func (t *tx) mayHaveBelow(parent string) error {
	var kind outturn.TenantKind
	err := t.row(`SELECT kind FROM tenants WHERE id = ?1 AND state <> 'deleted'`, parent).scan(&kind)
	if err == nil && kind == outturn.KindCustomer {
		return outturn.Errorf(outturn.CodeInvalid, "A customer has no tenants below it.")
	}
	return found("tenant", parent, err)
}

// takesPart refuses what would be made of a tenant that was deleted since it was looked
// up: nobody would see it, and a run of it would wait for ever.
func (t *tx) takesPart(tenant string) error {
	err := t.row(`SELECT 1 FROM tenants WHERE id = ?1 AND state <> 'deleted'`, tenant).scan(new(int))
	return outturn.InField("tenant", found("tenant", tenant, err))
}

// Tenant returns a tenant that viewer sees and that is not deleted.
func (s *Store) Tenant(ctx context.Context, viewer, id string) (outturn.Tenant, error) {
	n, err := s.look(ctx).tenant(viewer, id)
	return n, fault("read tenant", err)
}

func (t *tx) tenant(viewer, id string) (outturn.Tenant, error) {
	n, err := t.tenantEver(viewer, id)
	if err == nil && n.State == outturn.TenantDeleted {
		return outturn.Tenant{}, noSuch("tenant", id)
	}
	return n, err
}

// tenantEver returns a tenant that viewer sees, also a deleted one.
func (t *tx) tenantEver(viewer, id string) (outturn.Tenant, error) {
	n, err := scanTenant(t.row(`SELECT `+tenantColumns+` FROM tenants WHERE id = ?2 AND `+seen("tenants.id"), viewer, id).scan)
	return n, found("tenant", id, err)
}

// Root returns the provider, CodeNotFound before it was made.
func (s *Store) Root(ctx context.Context) (outturn.Tenant, error) {
	n, err := scanTenant(s.look(ctx).row(`SELECT ` + tenantColumns + ` FROM tenants WHERE parent IS NULL`).scan)
	if errors.Is(err, sql.ErrNoRows) {
		return n, outturn.Errorf(outturn.CodeNotFound, "There is no provider yet.")
	}
	return n, fault("read the provider", err)
}

var tenantList = listing{
	name: "tenants", table: "tenants", tenant: "id",
	fields: []listField{
		{name: "id", column: "id"},
		{name: "parent", column: "parent", null: true},
		{name: "kind", column: "kind", words: words(outturn.TenantKinds...)},
		{name: "name", column: "name", order: true},
		{name: "external_id", column: "external_id", null: true},
		{name: "state", column: "state", words: words(outturn.TenantStates...)},
		{name: "held_by", column: "held_by", null: true},
		{name: "created_at", column: "created_at", kind: instantField, order: true},
		{name: "suspended_at", column: "suspended_at", kind: instantField, null: true},
		{name: "deleted_at", column: "deleted_at", kind: instantField, null: true},
	},
	first: outturn.Order{Field: "created_at", Desc: true},
	indexes: []listIndex{
		{name: "tenants_created", order: "created_at"},
		{name: "tenants_state_created", equal: "state", order: "created_at"},
		{name: "tenants_name", order: "name"},
		{equal: "id"},
		{name: "tenants_account", equal: "external_id"},
	},
}

// notDeleted is what a list of tenants is cut to that does not filter by state.
var notDeleted = &outturn.Expr{Op: outturn.OpNE, Field: "state", Values: []string{string(outturn.TenantDeleted)}}

// Tenants lists viewer and all below it; deleted ones only where the filter speaks
// of state.
func (s *Store) Tenants(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.Tenant], error) {
	q.Where = withoutAbove(q.Where, viewer)
	switch {
	case q.Where == nil:
		q.Where = notDeleted
	case !names(q.Where, "state"):
		q.Where = &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{q.Where, notDeleted}}
	}
	return list(s, ctx, &tenantList, viewer, "*", q, tenantColumns, scanTenant, func(n *outturn.Tenant) string { return n.ID })
}

// withoutAbove is a filter to which viewer itself has no parent: what is above it is
// not to be found out by asking for it.
func withoutAbove(e *outturn.Expr, viewer string) *outturn.Expr {
	switch {
	case e == nil:
		return nil
	case e.Field == "parent" && (e.Op == outturn.OpNull || e.Op == outturn.OpNE):
		return &outturn.Expr{Op: outturn.OpOr, Args: []*outturn.Expr{e, {Op: outturn.OpEQ, Field: "id", Values: []string{viewer}}}}
	case e.Field == "parent":
		return &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{e, {Op: outturn.OpNE, Field: "id", Values: []string{viewer}}}}
	}
	hidden := *e
	hidden.Args = make([]*outturn.Expr, len(e.Args))
	for i, arg := range e.Args {
		hidden.Args[i] = withoutAbove(arg, viewer)
	}
	return &hidden
}

// names says whether a filter speaks of a field.
func names(e *outturn.Expr, field string) bool {
	return e != nil && (e.Field == field || slices.ContainsFunc(e.Args, func(arg *outturn.Expr) bool { return names(arg, field) }))
}

// seen is the condition that the tenant in column is ?1 or below it.
func seen(column string) string {
	return `EXISTS (SELECT 1 FROM tenant_closure WHERE ancestor = ?1 AND descendant = ` + column + `)`
}

// noSuch is the error for what is not there, or is another's: nobody can tell.
func noSuch(kind, id string) error {
	return outturn.Errorf(outturn.CodeNotFound, "There is no %s %s.", kind, outturn.Shown(id))
}

// found makes of sql.ErrNoRows that there is no such thing.
func found(kind, id string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return noSuch(kind, id)
	}
	return fault("read "+kind, err)
}
