package reporting

import (
	"context"

	"outturn"
)

type auditLedger interface {
	Audit(ctx context.Context, entry outturn.AuditEntry) error
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
