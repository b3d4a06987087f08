package reporting

import (
	"context"

	"outturn"
	"outturn/internal/source"
)

// ReportType returns the report type that a run for a tenant has which names none: the
// tenant's own, or what its account in the source makes of it now.
func (s *Service) ReportType(ctx context.Context, p outturn.Principal, tenant string) (string, error) {
	if err := s.permit(ctx, p, tenantRead, tenant); err != nil {
		return "", err
	}
	t, err := s.tenantOf(ctx, p, tenant)
	if err != nil || t.ReportType != "" {
		return t.ReportType, err
	}
	var f faults
	account, everything := s.account(t, &f)
	if len(f) > 0 {
		return outturn.DerivedReportType(false), nil // nobody is below an account that there is not
	}
	tree, err := s.config.Catalog.Tree()
	if err != nil {
		return "", err
	}
	sells := everything // who sees everything sells through everybody
	if tree == nil {
		return outturn.DerivedReportType(sells), nil
	}
	err = s.look(ctx, nil, func(snapshot source.Snapshot) error {
		if everything {
			roots, err := source.RootAccounts(ctx, snapshot, tree)
			if err != nil || len(roots) != 1 {
				return err
			}
			account = roots[0].ID
		}
		sells, err = source.HasResellers(ctx, snapshot, tree, account)
		return err
	})
	return outturn.DerivedReportType(sells), err
}
