package reporting

import (
	"context"
	"strings"

	"outturn"
)

type viewLedger interface {
	CreateView(ctx context.Context, v outturn.SavedView, entry outturn.AuditEntry) (outturn.SavedView, error)
	View(ctx context.Context, viewer, id string) (outturn.SavedView, error)
	// ViewByName returns a tenant's own view of a data set; CodeNotFound.
	ViewByName(ctx context.Context, tenant, dataset, name string) (outturn.SavedView, error)
	Views(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.SavedView], error)
	UpdateView(ctx context.Context, viewer, id string, version int, v outturn.View, entry outturn.AuditEntry) (outturn.SavedView, error)
	DeleteView(ctx context.Context, viewer, id string, version int, entry outturn.AuditEntry) error
}

// CreateView keeps a view of a tenant's own; without a tenant, of the principal's.
func (s *Service) CreateView(ctx context.Context, p outturn.Principal, v outturn.SavedView) (outturn.SavedView, error) {
	if err := s.permit(ctx, p, viewCreate, v.Tenant); err != nil {
		return outturn.SavedView{}, err
	}
	tenant, err := s.tenantOf(ctx, p, v.Tenant)
	if err != nil {
		return outturn.SavedView{}, err
	}
	if err := s.checkView(v.View); err != nil {
		return outturn.SavedView{}, err
	}
	now := s.now()
	v.ID, v.Tenant, v.Version = outturn.NewID(now), tenant.ID, 1
	v.CreatedBy, v.CreatedAt, v.UpdatedAt = p.Subject, now, now
	detail := map[string]string{"dataset": v.Dataset, "name": v.Name}
	return s.ledger.CreateView(ctx, v, s.entry(p, viewCreate, v.Tenant, v.ID, detail))
}

// checkView reports every fault of a view that is to be kept. Its name must not be
// that of a shipped one, which would always be taken instead of it.
func (s *Service) checkView(v outturn.View) error {
	var f faults
	if v.Name == "" {
		f.addf("name", "Give the view a name.")
	}
	d, err := s.config.Catalog.Dataset(v.Dataset)
	if v.Dataset == "" {
		err = outturn.Errorf(outturn.CodeInvalid, "Name the data set that it is a view of.")
	}
	if err != nil {
		f.add("dataset", err)
		return f.err()
	}
	for _, shipped := range s.config.Catalog.Views(d) {
		if strings.EqualFold(shipped.Name, v.Name) {
			f.addf("name", "The data set %s has a view %s already. Choose another name.", d.Name, shipped.Name)
		}
	}
	for _, fault := range outturn.Faults(v.Validate(d)) {
		field := "columns"
		if fault.Field != "" {
			field = "" // it names its own
		}
		if strings.HasPrefix(fault.Message, "view name ") {
			field = "name"
		}
		if strings.HasPrefix(fault.Message, "description") {
			field = "description"
		}
		f.add(field, fault)
	}
	return f.err()
}

// View returns a view of a tenant's own.
func (s *Service) View(ctx context.Context, p outturn.Principal, id string) (outturn.SavedView, error) {
	if err := s.permit(ctx, p, viewRead, id); err != nil {
		return outturn.SavedView{}, err
	}
	return s.ledger.View(ctx, p.Tenant, id)
}

// Views lists the views of the principal's tenant and of those below it.
func (s *Service) Views(ctx context.Context, p outturn.Principal, q outturn.ListQuery) (outturn.List[outturn.SavedView], error) {
	if err := s.permit(ctx, p, viewRead, ""); err != nil {
		return outturn.List[outturn.SavedView]{}, err
	}
	return s.ledger.Views(ctx, p.Tenant, q)
}

// ShippedViews lists the views that come with the data sets, but for the full ones.
func (s *Service) ShippedViews(ctx context.Context, p outturn.Principal) ([]outturn.View, error) {
	if err := s.permit(ctx, p, viewRead, ""); err != nil {
		return nil, err
	}
	var list []outturn.View
	for _, d := range s.config.Catalog.Datasets() {
		for _, v := range s.config.Catalog.Views(d)[1:] {
			list = append(list, *v)
		}
	}
	return list, nil
}

// UpdateView replaces a view whose version is still the one that was read, else it
// is CodeVersionChanged. Of which data set it is stays.
func (s *Service) UpdateView(ctx context.Context, p outturn.Principal, id string, version int, v outturn.SavedView) (outturn.SavedView, error) {
	if err := s.permit(ctx, p, viewUpdate, id); err != nil {
		return outturn.SavedView{}, err
	}
	old, err := s.ledger.View(ctx, p.Tenant, id)
	if err != nil {
		return outturn.SavedView{}, err
	}
	if v.Dataset == "" {
		v.Dataset = old.Dataset
	}
	if v.Dataset != old.Dataset {
		return outturn.SavedView{}, outturn.InField("dataset", outturn.Errorf(outturn.CodeInvalid, "It is a view of %s and stays one. Make another view.", old.Dataset))
	}
	if err := s.checkView(v.View); err != nil {
		return outturn.SavedView{}, err
	}
	detail := map[string]string{"dataset": v.Dataset, "name": v.Name}
	return s.ledger.UpdateView(ctx, p.Tenant, id, version, v.View, s.entry(p, viewUpdate, old.Tenant, id, detail))
}

// DeleteView takes a view away whose version is still the one that was read. Runs
// that were made with it keep it.
func (s *Service) DeleteView(ctx context.Context, p outturn.Principal, id string, version int) error {
	if err := s.permit(ctx, p, viewDelete, id); err != nil {
		return err
	}
	old, err := s.ledger.View(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	detail := map[string]string{"dataset": old.Dataset, "name": old.Name}
	return s.ledger.DeleteView(ctx, p.Tenant, id, version, s.entry(p, viewDelete, old.Tenant, id, detail))
}

// ownView puts the tenant's own view of a name into the request, or the
// principal's, where the catalogue has none of that name. From then on the run has
// it, whatever becomes of it. Where there is none at all, the names that are offered
// are those of all three.
func (s *Service) ownView(ctx context.Context, p outturn.Principal, tenant outturn.Tenant, req *outturn.RunRequest) error {
	if req.View == "" || req.OwnView != nil || len(req.Columns) > 0 {
		return nil // nothing to look for, or a fault that is told elsewhere
	}
	d, err := s.config.Catalog.Dataset(req.Dataset)
	if err != nil {
		return nil // as well
	}
	if _, err := s.config.Catalog.View(d, req.View); outturn.ErrorCode(err) != outturn.CodeNotFound {
		return nil
	}
	var names []string
	for _, v := range s.config.Catalog.Views(d) {
		names = append(names, v.Name)
	}
	owners := []string{tenant.ID}
	if p.Tenant != tenant.ID {
		owners = append(owners, p.Tenant)
	}
	for _, owner := range owners {
		v, err := s.ledger.ViewByName(ctx, owner, d.Name, req.View)
		if err == nil {
			req.View, req.OwnView = "", &v.View
			return nil
		}
		if outturn.ErrorCode(err) != outturn.CodeNotFound {
			return err
		}
		own, err := s.viewNames(ctx, owner, d)
		if err != nil {
			return err
		}
		names = append(names, own...)
	}
	unknown := outturn.Unknown("view of "+d.Name, req.View, names)
	req.View = "" // all else is looked at with the full one
	return unknown
}
