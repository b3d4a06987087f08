package reporting

import (
	"context"
	"errors"
	"strconv"

	"outturn"
)

// A TenantUpdate is what is to change of a tenant; nil stays as it is.
type TenantUpdate struct {
	Name       *string
	ExternalID *string
	Zone       *string
	Currency   *string
	ReportType *string
	// Limits are those that change; the others stay as they are when it is written. Nil
	// takes one away.
	Limits map[outturn.LimitKind]*int64
}

func (u TenantUpdate) apply(t *outturn.Tenant) {
	for _, field := range []struct{ to, from *string }{
		{&t.Name, u.Name}, {&t.ExternalID, u.ExternalID}, {&t.Zone, u.Zone}, {&t.Currency, u.Currency}, {&t.ReportType, u.ReportType},
	} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	for _, limit := range t.Limits.All() {
		if most, given := u.Limits[limit.Kind]; given {
			*limit.Most = most
		}
	}
}

// UpdateTenant changes the principal's tenant or one below it. Its limits and its
// account are the business of those above it.
func (s *Service) UpdateTenant(ctx context.Context, p outturn.Principal, id string, u TenantUpdate) (outturn.Tenant, error) {
	if err := s.permit(ctx, p, tenantUpdate, id); err != nil {
		return outturn.Tenant{}, err
	}
	was, err := s.ledger.Tenant(ctx, p.Tenant, id)
	if err != nil {
		return outturn.Tenant{}, err
	}
	t := was
	u.apply(&t)
	var f faults
	s.checkFields(&t, &f)
	if err := f.err(); err != nil {
		return outturn.Tenant{}, err
	}
	if t.ExternalID != was.ExternalID {
		if err := s.mayJoin(ctx, p, t); err != nil {
			return outturn.Tenant{}, err
		}
	}
	changed, err := s.ledger.UpdateTenant(ctx, p.Tenant, id, func(now *outturn.Tenant) error {
		u.apply(now)
		now.ReportType = t.ReportType // as it is spelt
		return nil
	}, s.entry(p, tenantUpdate, id, id, u.detail()))
	return changed, s.changed(ctx, p, tenantUpdate, id, err)
}

// detail is what the audit has of a change.
func (u TenantUpdate) detail() map[string]string {
	detail := map[string]string{}
	for name, value := range map[string]*string{
		"name": u.Name, "external_id": u.ExternalID, "zone": u.Zone, "currency": u.Currency, "report_type": u.ReportType,
	} {
		if value != nil {
			detail[name] = *value
		}
	}
	for kind, most := range u.Limits {
		detail["limits."+string(kind)] = "none"
		if most != nil {
			detail["limits."+string(kind)] = strconv.FormatInt(*most, 10)
		}
	}
	return detail
}

// mayJoin says whether p may join a tenant to an account, as it has it now.
func (s *Service) mayJoin(ctx context.Context, p outturn.Principal, t outturn.Tenant) error {
	if p.Has(outturn.RoleOperator) {
		return nil
	}
	if t.ID == p.Tenant {
		return s.refuse(ctx, p, tenantUpdate, t.ID, &outturn.Error{
			Code: outturn.CodeForbidden, Field: "external_id",
			Message: "Nobody changes which account his own tenant stands for. Ask a tenant above.",
		})
	}
	parent, err := s.ledger.Tenant(ctx, p.Tenant, t.Parent)
	if err != nil {
		return err
	}
	return s.checkAccount(ctx, p, t.ExternalID, parent)
}

// changed makes a change of a tenant count at once, and notes a refusal of the ledger
// that nobody does something to himself.
func (s *Service) changed(ctx context.Context, p outturn.Principal, a action, id string, err error) error {
	if err == nil {
		s.tenantsChanged()
		return nil
	}
	return s.refused(ctx, p, a, id, err)
}

// refused notes that the ledger has forbidden something. Any other error is as it was.
func (s *Service) refused(ctx context.Context, p outturn.Principal, a action, id string, err error) error {
	var why *outturn.Error
	if outturn.ErrorCode(err) == outturn.CodeForbidden && errors.As(err, &why) {
		return s.refuse(ctx, p, a, id, why)
	}
	return err
}

// MoveTenant puts a tenant below the principal's, with all below it, under another
// parent.
func (s *Service) MoveTenant(ctx context.Context, p outturn.Principal, id, parent string) (outturn.Tenant, error) {
	if err := s.permit(ctx, p, tenantMove, id); err != nil {
		return outturn.Tenant{}, err
	}
	t, err := s.ledger.Tenant(ctx, p.Tenant, id)
	if err != nil {
		return outturn.Tenant{}, err
	}
	if id != p.Tenant {
		if parent == "" {
			return outturn.Tenant{}, outturn.InField("parent", outturn.Errorf(outturn.CodeInvalid, "Say which tenant is the new parent."))
		}
		above, err := s.ledger.Tenant(ctx, p.Tenant, parent)
		if err != nil {
			return outturn.Tenant{}, outturn.InField("parent", err)
		}
		if err := s.mayTake(ctx, above, id); err != nil {
			return outturn.Tenant{}, outturn.InField("parent", err)
		}
		if err := s.checkAccount(ctx, p, t.ExternalID, above); err != nil {
			return outturn.Tenant{}, err
		}
	}
	t, err = s.ledger.MoveTenant(ctx, p.Tenant, id, parent, s.entry(p, tenantMove, id, id, map[string]string{"from": t.Parent, "parent": parent}))
	return t, s.changed(ctx, p, tenantMove, id, err)
}

// mayTake says why parent can never have a tenant below it. The ledger refuses it
// too; here it comes before what the source says of accounts, which knows none that is
// below itself either and would be given as the reason.
func (s *Service) mayTake(ctx context.Context, parent outturn.Tenant, id string) error {
	_, err := s.ledger.Tenant(ctx, id, parent.ID) // a tenant sees itself and all below
	switch {
	case err == nil:
		return outturn.Errorf(outturn.CodeInvalid, "A tenant cannot be moved under itself or under one below it.")
	case outturn.ErrorCode(err) != outturn.CodeNotFound:
		return err
	case parent.Kind == outturn.KindCustomer:
		return outturn.Errorf(outturn.CodeInvalid, "A customer has no tenants below it.")
	}
	return nil
}

// SuspendTenant keeps a tenant below the principal's, and all below that, from being
// let in, and their runs from starting.
func (s *Service) SuspendTenant(ctx context.Context, p outturn.Principal, id string) (outturn.Tenant, error) {
	return s.switchTenant(ctx, p, tenantSuspend, id, s.ledger.SuspendTenant)
}

// ResumeTenant ends the suspension of a tenant below the principal's.
func (s *Service) ResumeTenant(ctx context.Context, p outturn.Principal, id string) (outturn.Tenant, error) {
	return s.switchTenant(ctx, p, tenantResume, id, s.ledger.ResumeTenant)
}

// RestoreTenant brings a deleted tenant below the principal's back, while its grace
// period lasts.
func (s *Service) RestoreTenant(ctx context.Context, p outturn.Principal, id string) (outturn.Tenant, error) {
	return s.switchTenant(ctx, p, tenantRestore, id, s.ledger.RestoreTenant)
}

// DeleteTenant takes a tenant below the principal's away. It can be restored while its
// grace period lasts.
func (s *Service) DeleteTenant(ctx context.Context, p outturn.Principal, id string) error {
	_, err := s.switchTenant(ctx, p, tenantDelete, id, func(ctx context.Context, viewer, id string, entry outturn.AuditEntry) (outturn.Tenant, error) {
		return outturn.Tenant{}, s.ledger.DeleteTenant(ctx, viewer, id, entry)
	})
	return err
}

func (s *Service) switchTenant(ctx context.Context, p outturn.Principal, a action, id string,
	do func(ctx context.Context, viewer, id string, entry outturn.AuditEntry) (outturn.Tenant, error),
) (outturn.Tenant, error) {
	if err := s.permit(ctx, p, a, id); err != nil {
		return outturn.Tenant{}, err
	}
	t, err := do(ctx, p.Tenant, id, s.entry(p, a, id, id, nil))
	return t, s.changed(ctx, p, a, id, err)
}

// deletedTenant looks a tenant up that may be deleted.
func (s *Service) deletedTenant(ctx context.Context, p outturn.Principal, id string) (outturn.Tenant, error) {
	states := &outturn.Expr{Op: outturn.OpIn, Field: "state"}
	for _, state := range outturn.TenantStates {
		states.Values = append(states.Values, string(state))
	}
	list, err := s.ledger.Tenants(ctx, p.Tenant, outturn.ListQuery{Where: &outturn.Expr{
		Op: outturn.OpAnd, Args: []*outturn.Expr{{Op: outturn.OpEQ, Field: "id", Values: []string{id}}, states},
	}})
	if err != nil {
		return outturn.Tenant{}, err
	}
	if len(list.Items) == 0 {
		return outturn.Tenant{}, outturn.Errorf(outturn.CodeNotFound, "There is no tenant %s.", outturn.Shown(id))
	}
	return list.Items[0], nil
}
