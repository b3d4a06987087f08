package reporting

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"outturn"
)

// FindView finds a view by its name or title alone, in any case: one of the principal's tenant's
// own, or a shipped one. Of several of one name, that of the data set first is meant, or
// else it is not clear which; DATASET/NAME says it. What is wrong with the name is
// CodeInvalid.
func (s *Service) FindView(ctx context.Context, p outturn.Principal, name, first string) (outturn.View, error) {
	if err := s.permit(ctx, p, viewRead, ""); err != nil {
		return outturn.View{}, err
	}
	views, err := s.offeredViews(ctx, p.Tenant)
	if err != nil {
		return outturn.View{}, err
	}
	var found []outturn.View
	for _, v := range views {
		if isCalled(v, name) {
			found = append(found, v)
		}
	}
	if i := slices.IndexFunc(found, func(v outturn.View) bool { return v.Dataset == first }); i >= 0 {
		return found[i], nil
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		var names []string
		for _, v := range views {
			names = append(names, cmp.Or(v.Title, v.Name))
		}
		slices.Sort(names)
		unknown := outturn.Unknown("view", name, slices.Compact(names))
		unknown.Code = outturn.CodeInvalid
		return outturn.View{}, unknown
	}
	var names []string
	for _, v := range found {
		names = append(names, v.Dataset+"/"+v.Name)
	}
	slices.Sort(names)
	return outturn.View{}, outturn.Errorf(outturn.CodeInvalid, "Several data sets have a view %s. Say which: %s.", outturn.Shown(name), strings.Join(names, ", "))
}

func isCalled(v outturn.View, name string) bool {
	dataset, own, qualified := strings.Cut(name, "/")
	return slices.ContainsFunc([]string{v.Name, v.Title}, func(called string) bool {
		return called != "" && (strings.EqualFold(called, name) || qualified && strings.EqualFold(v.Dataset, dataset) && strings.EqualFold(called, own))
	})
}

// offeredViews are all that a tenant may name: its own, and those of the catalogue.
func (s *Service) offeredViews(ctx context.Context, tenant string) (views []outturn.View, err error) {
	for _, d := range s.config.Catalog.Datasets() {
		for _, v := range s.config.Catalog.Views(d) {
			views = append(views, *v)
		}
	}
	q := outturn.ListQuery{
		Where: &outturn.Expr{Op: outturn.OpEQ, Field: "tenant", Values: []string{tenant}},
		Order: []outturn.Order{{Field: "name"}},
		Page:  outturn.Page{Limit: outturn.MaxPage},
	}
	for more := true; more; more = q.Page.After != "" {
		list, err := s.ledger.Views(ctx, tenant, q)
		if err != nil {
			return nil, err
		}
		for _, v := range list.Items {
			views = append(views, v.View)
		}
		q.Page.After = list.Next
	}
	return views, nil
}
