package reporting

import (
	"context"
	"errors"
	"strings"

	"outturn"
	"outturn/internal/source"
)

type tenantLedger interface {
	CreateTenant(ctx context.Context, t outturn.Tenant, entry outturn.AuditEntry) (outturn.Tenant, error)
	Tenant(ctx context.Context, viewer, id string) (outturn.Tenant, error)
	// Tenants lists deleted ones only where the filter speaks of state.
	Tenants(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.Tenant], error)
	// UpdateTenant takes a limit that change points to anew for one that viewer sets,
	// also where the number is the same. One above what somebody above viewer has set is
	// CodeForbidden.
	UpdateTenant(ctx context.Context, viewer, id string, change func(*outturn.Tenant) error, entry outturn.AuditEntry) (outturn.Tenant, error)
	// What nobody does to himself is CodeForbidden.
	MoveTenant(ctx context.Context, viewer, id, parent string, entry outturn.AuditEntry) (outturn.Tenant, error)
	SuspendTenant(ctx context.Context, viewer, id string, entry outturn.AuditEntry) (outturn.Tenant, error)
	ResumeTenant(ctx context.Context, viewer, id string, entry outturn.AuditEntry) (outturn.Tenant, error)
	DeleteTenant(ctx context.Context, viewer, id string, entry outturn.AuditEntry) error
	RestoreTenant(ctx context.Context, viewer, id string, entry outturn.AuditEntry) (outturn.Tenant, error)

	// AllTenants are those of the whole installation, deleted ones too.
	AllTenants(ctx context.Context) ([]outturn.Tenant, error)
	// MakeTenants and ChangeTenants do all or nothing. None of those that are made is
	// the parent of another; of those that are changed, parent, name, zone and currency.
	MakeTenants(ctx context.Context, list []outturn.Tenant, entry outturn.AuditEntry) error
	ChangeTenants(ctx context.Context, list []outturn.Tenant, entry outturn.AuditEntry) error

	// ClientOf returns a client that viewer sees; CodeNotFound.
	ClientOf(ctx context.Context, viewer, id string) (outturn.Client, error)
	CreateClient(ctx context.Context, c outturn.Client, entry outturn.AuditEntry) error
	Clients(ctx context.Context, viewer string, q outturn.ListQuery) (outturn.List[outturn.Client], error)
	UpdateClient(ctx context.Context, viewer, id string, change func(*outturn.Client) error, entry outturn.AuditEntry) (outturn.Client, error)
}

// tenantOf returns the tenant that a request names, or the principal's own.
func (s *Service) tenantOf(ctx context.Context, p outturn.Principal, id string) (outturn.Tenant, error) {
	if id == "" {
		id = p.Tenant
	}
	t, err := s.ledger.Tenant(ctx, p.Tenant, id)
	return t, outturn.InField("tenant", err)
}

// CreateTenant makes a tenant below one of the principal's, or below its own.
func (s *Service) CreateTenant(ctx context.Context, p outturn.Principal, t outturn.Tenant) (outturn.Tenant, error) {
	if err := s.permit(ctx, p, tenantCreate, t.Parent); err != nil {
		return outturn.Tenant{}, err
	}
	if t.Parent == "" {
		t.Parent = p.Tenant
	}
	parent, err := s.ledger.Tenant(ctx, p.Tenant, t.Parent)
	if err != nil {
		return outturn.Tenant{}, outturn.InField("parent", err)
	}
	if err := s.checkTenant(&t, parent); err != nil {
		return outturn.Tenant{}, err
	}
	if err := s.checkAccount(ctx, p, t.ExternalID, parent); err != nil {
		return outturn.Tenant{}, err
	}
	now := s.now()
	t.ID, t.CreatedAt, t.LimitsBy = outturn.NewID(now), now, p.Tenant
	detail := map[string]string{"parent": t.Parent, "kind": string(t.Kind), "name": t.Name, "external_id": t.ExternalID}
	made, err := s.ledger.CreateTenant(ctx, t, s.entry(p, tenantCreate, t.ID, t.ID, detail))
	return made, s.refused(ctx, p, tenantCreate, t.Parent, err)
}

// checkTenant reports every fault of a tenant that is to be made.
func (s *Service) checkTenant(t *outturn.Tenant, parent outturn.Tenant) error {
	var f faults
	switch t.Kind {
	case outturn.KindReseller, outturn.KindCustomer:
	case outturn.KindProvider:
		f.addf("kind", "There is one provider, and it is there already. Use reseller or customer.")
	default:
		f.add("kind", outturn.Unknown("kind of tenant", string(t.Kind), []string{string(outturn.KindReseller), string(outturn.KindCustomer)}))
	}
	if parent.Kind == outturn.KindCustomer {
		f.addf("parent", "A customer has no tenants below it.")
	}
	s.checkFields(t, &f)
	return f.err()
}

// mostLimit is the greatest number that a field of HTTP has (RFC 9651), such as
// RateLimit; sums with it do not overflow.
const mostLimit = 999_999_999_999_999

// checkFields notes every fault of what can be changed of a tenant.
func (s *Service) checkFields(t *outturn.Tenant, f *faults) {
	f.name("name", t.Name)
	if t.ExternalID != "" && !outturn.IsLine(t.ExternalID) {
		f.addf("external_id", "The id of an account is one line of at most 255 characters.")
	}
	if _, err := outturn.LoadZone(t.Zone); err != nil {
		f.add("zone", err)
	}
	if t.Currency != "" && !isCurrency(t.Currency) {
		f.addf("currency", "A currency is the three capital letters of ISO 4217, such as EUR.")
	}
	if t.ReportType != "" {
		found, err := outturn.ParseReportType(t.ReportType)
		f.add("report_type", err)
		t.ReportType = found
	}
	for _, limit := range t.Limits.All() {
		if most := *limit.Most; most != nil && *most < 0 {
			f.addf("limits."+string(limit.Kind), "A limit is 0 or more. Leave it out for none.")
		} else if most != nil && *most > mostLimit {
			f.addf("limits."+string(limit.Kind), "A limit is at most %d. Leave it out for none.", int64(mostLimit))
		}
	}
}

func isCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// checkAccount keeps a tenant from being joined to an account of somebody else,
// whose rows it would then have: for all but operators it must be in the source,
// below the account of its parent.
func (s *Service) checkAccount(ctx context.Context, p outturn.Principal, account string, parent outturn.Tenant) error {
	var f faults
	above, everything := s.account(parent, &f)
	if account == "" || p.Has(outturn.RoleOperator) || everything {
		return nil
	}
	within := false
	tree, err := s.config.Catalog.Tree()
	if err != nil {
		return err
	}
	if tree != nil && len(f) == 0 {
		if err := s.look(ctx, nil, func(snapshot source.Snapshot) error {
			within, err = below(ctx, snapshot, tree, account, above)
			return err
		}); err != nil {
			return err
		}
	}
	if !within { // the same words where there is no such account at all
		return outturn.InField("external_id", outturn.Errorf(outturn.CodeInvalid, "The source has no account %s below that of %s.", outturn.Shown(account), outturn.Shown(parent.Name)))
	}
	return nil
}

// deepest is more levels than a tree of accounts has; a circle ends there.
const deepest = 100

// below says whether an account is below another in the source's tree.
func below(ctx context.Context, snapshot source.Snapshot, tree *outturn.TenantTree, account, above string) (bool, error) {
	for range deepest {
		a, err := source.LookUpAccount(ctx, snapshot, tree, account)
		if outturn.ErrorCode(err) == outturn.CodeNotFound {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if a.Parent == "" {
			return false, nil
		}
		if a.Parent == above {
			return true, nil
		}
		account = a.Parent
	}
	return false, errors.New("the tenant tree goes in a circle")
}

// Tenants lists the principal's tenant and all below it.
func (s *Service) Tenants(ctx context.Context, p outturn.Principal, q outturn.ListQuery) (outturn.List[outturn.Tenant], error) {
	if err := s.permit(ctx, p, tenantRead, ""); err != nil {
		return outturn.List[outturn.Tenant]{}, err
	}
	return s.ledger.Tenants(ctx, p.Tenant, q)
}

// Tenant returns the principal's tenant or one below it.
func (s *Service) Tenant(ctx context.Context, p outturn.Principal, id string) (outturn.Tenant, error) {
	if err := s.permit(ctx, p, tenantRead, id); err != nil {
		return outturn.Tenant{}, err
	}
	return s.ledger.Tenant(ctx, p.Tenant, id)
}

// Level returns how many tenants are above the principal's own tenant or one below it:
// that of the provider is 0.
func (s *Service) Level(ctx context.Context, p outturn.Principal, id string) (level int, err error) {
	t, err := s.Tenant(ctx, p, id)
	for ; err == nil && t.Parent != ""; level++ {
		t, err = s.ledger.Tenant(ctx, t.Parent, t.Parent)
	}
	return level, err
}
