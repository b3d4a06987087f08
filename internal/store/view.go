package store

import (
	"context"
	"encoding/json"

	"outturn"
)

const viewColumns = `id, tenant, dataset, name, body, version, created_by, created_at, updated_at`

func scanView(scan func(...any) error) (v outturn.SavedView, err error) {
	var dataset, name, body string
	if err := scan(&v.ID, &v.Tenant, &dataset, &name, &body, &v.Version, &v.CreatedBy, instantTo{&v.CreatedAt}, instantTo{&v.UpdatedAt}); err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(body), &v.View)
}

// CreateView adds a tenant's view, at version 1, and makes its id where it has
// none.
func (s *Store) CreateView(ctx context.Context, v outturn.SavedView, a outturn.AuditEntry) (outturn.SavedView, error) {
	body, err := json.Marshal(v.View)
	if err != nil {
		return v, err
	}
	err = s.write(ctx, "create view", func(t *tx) error {
		if err := t.takesPart(v.Tenant); err != nil {
			return err
		}
		made := v
		made.Version, made.CreatedAt, made.UpdatedAt = 1, t.now, t.now
		if made.ID == "" {
			made.ID = outturn.NewID(t.now)
		}
		_, err := t.exec(`INSERT INTO views (`+viewColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
			made.ID, made.Tenant, made.Dataset, made.Name, string(body), made.Version, made.CreatedBy, micros(t.now), micros(t.now))
		switch {
		case isForeign(err):
			return outturn.InField("tenant", noSuch("tenant", v.Tenant))
		case err != nil:
			return viewClash(v.View, err)
		}
		if err := t.audit(a, made.Tenant, made.ID); err != nil {
			return err
		}
		v = made
		return nil
	})
	return v, err
}

func viewClash(v outturn.View, err error) error {
	if !isUnique(err) {
		return err
	}
	return outturn.InField("name", outturn.Errorf(outturn.CodeConflict, "There is a view %s of %s already.", outturn.Cut(v.Name), outturn.Cut(v.Dataset)))
}

// View returns a view that viewer sees.
func (s *Store) View(ctx context.Context, viewer, id string) (outturn.SavedView, error) {
	v, err := s.look(ctx).view(viewer, id)
	return v, fault("read view", err)
}

func (t *tx) view(viewer, id string) (outturn.SavedView, error) {
	v, err := scanView(t.row(`SELECT `+viewColumns+` FROM views WHERE id = ?2 AND `+seen("views.tenant"), viewer, id).scan)
	return v, found("view", id, err)
}

// ViewByName returns the view of a data set that is tenant's own.
func (s *Store) ViewByName(ctx context.Context, tenant, dataset, name string) (outturn.SavedView, error) {
	v, err := scanView(s.look(ctx).row(`SELECT `+viewColumns+` FROM views WHERE tenant = ?1 AND dataset = ?2 AND name = ?3`, tenant, dataset, name).scan)
	return v, found("view", name, err)
}

var viewList = listing{
	name: "views", table: "views", tenant: "tenant",
	fields: []listField{
		{name: "id", column: "id"},
		{name: "tenant", column: "tenant"},
		{name: "dataset", column: "dataset"},
		{name: "name", column: "name", order: true},
		{name: "created_by", column: "created_by"},
		{name: "created_at", column: "created_at", kind: instantField, order: true},
		{name: "updated_at", column: "updated_at", kind: instantField},
	},
	first: outturn.Order{Field: "created_at", Desc: true},
	indexes: []listIndex{
		{name: "views_tenant_created", tenant: true, order: "created_at"},
		{name: "views_tenant_name", tenant: true, order: "name"},
		{name: "views_created", order: "created_at"},
		{name: "views_name", order: "name"},
		{equal: "id"},
	},
}

// Views lists the views of viewer and of all below it.
func (s *Store) Views(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.SavedView], error) {
	return list(s, ctx, &viewList, viewer, "*", q, viewColumns, scanView, func(v *outturn.SavedView) string { return v.ID })
}

// UpdateView puts v in the place of version of a view, which is then one version
// further; CodeVersionChanged when it is another by now.
func (s *Store) UpdateView(ctx context.Context, viewer, id string, version int, v outturn.View, a outturn.AuditEntry) (outturn.SavedView, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return outturn.SavedView{}, err
	}
	var changed outturn.SavedView
	err = s.write(ctx, "update view", func(t *tx) error {
		saved, err := t.viewAt(viewer, id, version)
		if err != nil {
			return err
		}
		saved.View, saved.Version, saved.UpdatedAt = v, version+1, later(t.now, saved.UpdatedAt)
		if _, err := t.exec(`UPDATE views SET dataset = ?3, name = ?4, body = ?5, version = ?6, updated_at = ?7 WHERE id = ?1 AND version = ?2`,
			id, version, v.Dataset, v.Name, string(body), saved.Version, micros(saved.UpdatedAt)); err != nil {
			return viewClash(v, err)
		}
		changed = saved
		return t.audit(a, saved.Tenant, id)
	})
	return changed, err
}

// DeleteView takes a version of a view away.
func (s *Store) DeleteView(ctx context.Context, viewer, id string, version int, a outturn.AuditEntry) error {
	return s.write(ctx, "delete view", func(t *tx) error {
		saved, err := t.viewAt(viewer, id, version)
		if err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM views WHERE id = ?1 AND version = ?2`, id, version); err != nil {
			return err
		}
		return t.audit(a, saved.Tenant, id)
	})
}

func (t *tx) viewAt(viewer, id string, version int) (outturn.SavedView, error) {
	v, err := t.view(viewer, id)
	if err == nil && v.Version != version {
		err = outturn.Errorf(outturn.CodeVersionChanged, "The view is at version %d by now, not %d. Read it again, and make your change to that.", v.Version, version)
	}
	return v, err
}
