package reporting

import (
	"context"

	"outturn"
)

type deliveryLedger interface {
	Delivery(ctx context.Context, viewer, id string) (outturn.Delivery, error)
	Deliveries(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.Delivery], error)
	// ResendDelivery makes a message due now; CodeConflict while it is being sent.
	ResendDelivery(ctx context.Context, viewer, id string, entry outturn.AuditEntry) (outturn.Delivery, error)
}

// Delivery returns a message of the principal's tenant or of one below it, with what came
// of its attempts.
func (s *Service) Delivery(ctx context.Context, p outturn.Principal, id string) (outturn.Delivery, error) {
	if err := s.permit(ctx, p, deliveryRead, id); err != nil {
		return outturn.Delivery{}, err
	}
	return s.ledger.Delivery(ctx, p.Tenant, id)
}

// Deliveries lists the messages of the principal's tenant and of those below it.
func (s *Service) Deliveries(ctx context.Context, p outturn.Principal, q outturn.ListQuery) (outturn.List[outturn.Delivery], error) {
	if err := s.permit(ctx, p, deliveryRead, ""); err != nil {
		return outturn.List[outturn.Delivery]{}, err
	}
	return s.ledger.Deliveries(ctx, p.Tenant, q)
}

// ResendDelivery sends a message again now, under the id that it has, whether it arrived
// or not.
func (s *Service) ResendDelivery(ctx context.Context, p outturn.Principal, id string) (outturn.Delivery, error) {
	if err := s.permit(ctx, p, deliveryResend, id); err != nil {
		return outturn.Delivery{}, err
	}
	d, err := s.ledger.ResendDelivery(ctx, p.Tenant, id, s.entry(p, deliveryResend, "", id, nil))
	if err == nil {
		s.config.Deliver()
	}
	return d, err
}
