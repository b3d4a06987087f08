package reporting

import (
	"context"
	"slices"

	"outturn"
)

type auditLedger interface {
	Audit(ctx context.Context, entry outturn.AuditEntry) error
	// AuditDownload adds the entry of a download of a file, and counts it.
	AuditDownload(ctx context.Context, file string, entry outturn.AuditEntry) error
	// AuditEntries lists what concerns viewer and all below it, and what concerns no
	// tenant only for the provider.
	AuditEntries(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.AuditEntry], error)
}

// AuditEntries lists who did what to the principal's tenant and to those below it.
func (s *Service) AuditEntries(ctx context.Context, p outturn.Principal, q outturn.ListQuery) (outturn.List[outturn.AuditEntry], error) {
	if err := s.permit(ctx, p, auditRead, ""); err != nil {
		return outturn.List[outturn.AuditEntry]{}, err
	}
	return s.ledger.AuditEntries(ctx, p.Tenant, q)
}

// isAudit says whether reports of a data set tell what the audit has.
func (s *Service) isAudit(dataset string) bool {
	d, err := s.config.Catalog.Dataset(dataset)
	return err == nil && d.Own()
}

// permitDataset is permit for the rows of a data set, after p is known to see object:
// those of the audit are for those alone who may read it.
func (s *Service) permitDataset(ctx context.Context, p outturn.Principal, dataset, object string) error {
	if !s.isAudit(dataset) {
		return nil
	}
	return s.permit(ctx, p, auditExport, object)
}

// permitFile is permitDataset for a file that somebody's run made. That a tenant's
// manager sees the run does not open what it holds of the audit.
func (s *Service) permitFile(ctx context.Context, p outturn.Principal, f outturn.File) error {
	if slices.ContainsFunc(p.Roles, auditExport.may) {
		return nil
	}
	r, err := s.ledger.Run(ctx, p.Tenant, f.Run)
	if err != nil {
		return err
	}
	return s.permitDataset(ctx, p, r.Request.Dataset, f.ID)
}
