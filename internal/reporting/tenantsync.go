package reporting

import (
	"context"
	"slices"
	"strconv"

	"outturn"
	"outturn/internal/source"
)

// A SyncInput says what of a source's accounts become tenants.
type SyncInput struct {
	Kinds  []outturn.TenantKind // reseller, customer; none is both
	DryRun bool                 // only say what would be done
}

// A SyncResult is what a synchronization has done, or would do.
type SyncResult struct {
	Accounts  int  `json:"accounts"` // that the source has
	Made      int  `json:"made"`
	Renamed   int  `json:"renamed"` // have another name, zone or currency
	Moved     int  `json:"moved"`
	Unchanged int  `json:"unchanged"`
	DryRun    bool `json:"dry_run,omitempty"`

	// Vanished are tenants whose account the source has no more. They stay as they
	// are: suspend or delete them.
	Vanished []SyncVanished `json:"vanished"`
	// Refused are accounts that were left as they are.
	Refused []SyncRefused `json:"refused"`
}

// A SyncVanished is a tenant without its account.
type SyncVanished struct {
	Tenant     string `json:"tenant"`
	ExternalID string `json:"external_id"`
	Name       string `json:"name"`
}

// A SyncRefused says why an account was left.
type SyncRefused struct {
	Account string `json:"account"`
	Reason  string `json:"reason"`
}

// Changed says whether anything was done.
func (r SyncResult) Changed() bool { return r.Made+r.Renamed+r.Moved > 0 }

// SyncTenants makes tenants of the accounts of the source's tree, and gives those that
// are there the name, the place, the zone and the currency of their accounts. It
// deletes, suspends, resumes and limits nobody. A second time it changes nothing.
//
// The account at the root is the provider itself. A tenant that was made by hand for an
// account is taken as that account's. Accounts of kinds that are not asked for are
// left; what is below them belongs to the nearest account above that has a tenant.
func (s *Service) SyncTenants(ctx context.Context, p outturn.Principal, in SyncInput) (SyncResult, error) {
	if err := s.permit(ctx, p, tenantSync, ""); err != nil {
		return SyncResult{}, err
	}
	kinds, err := syncKinds(in.Kinds)
	if err != nil {
		return SyncResult{}, err
	}
	root, err := s.ledger.Tenant(ctx, p.Tenant, p.Tenant)
	if err != nil {
		return SyncResult{}, err
	}
	if root.Kind != outturn.KindProvider {
		return SyncResult{}, s.refuse(ctx, p, tenantSync, "", outturn.Errorf(outturn.CodeForbidden, "Only the provider's operators take tenants from the source."))
	}
	y := &syncing{kinds: kinds, id: func() string { return outturn.NewID(s.now()) }}
	y.result = SyncResult{DryRun: in.DryRun, Vanished: []SyncVanished{}, Refused: []SyncRefused{}}
	if err := s.readAccounts(ctx, y); err != nil {
		return SyncResult{}, err
	}
	tenants, err := s.ledger.AllTenants(ctx)
	if err != nil {
		return SyncResult{}, err
	}
	y.know(tenants)
	if err := y.plan(); err != nil {
		return SyncResult{}, err
	}
	if !in.DryRun {
		err := s.applySync(ctx, p, y)
		s.tenantsChanged() // also where it broke off: it is done part by part
		if err != nil {
			return SyncResult{}, err
		}
	}
	return y.result, nil
}

func syncKinds(kinds []outturn.TenantKind) (map[outturn.TenantKind]bool, error) {
	allowed := []outturn.TenantKind{outturn.KindReseller, outturn.KindCustomer}
	if len(kinds) == 0 {
		kinds = allowed
	}
	set := map[outturn.TenantKind]bool{}
	for _, kind := range kinds {
		if !slices.Contains(allowed, kind) {
			err := outturn.Unknown("kind of tenant", string(kind), []string{string(outturn.KindReseller), string(outturn.KindCustomer)})
			err.Code, err.Field = outturn.CodeInvalid, "kinds"
			return nil, err
		}
		set[kind] = true
	}
	return set, nil
}

func (s *Service) readAccounts(ctx context.Context, y *syncing) error {
	tree, err := s.config.Catalog.Tree()
	if err != nil {
		return err
	}
	if tree == nil {
		return outturn.Errorf(outturn.CodeInvalid, "The data sets say nothing of accounts: there is no _tenants.sql to take tenants from.")
	}
	return s.look(ctx, nil, func(snapshot source.Snapshot) error {
		return source.EachAccount(ctx, snapshot, tree, func(a outturn.Account) error {
			y.read(a)
			return nil
		})
	})
}

// mostAtOnce is how many tenants are made or changed in one transaction: others wait
// for it to end.
const mostAtOnce = 128

// applySync does what was planned. What the ledger refuses is noted, and the rest goes on.
func (s *Service) applySync(ctx context.Context, p outturn.Principal, y *syncing) error {
	create, change := s.entry(p, tenantCreate, "", "", nil), s.entry(p, tenantUpdate, "", "", nil)
	for _, level := range y.made {
		if err := inBatches(level, func(some []outturn.Tenant) error { return s.ledger.MakeTenants(ctx, some, create) }, func(t outturn.Tenant, reason string) {
			y.result.Made--
			y.refuse(t.ExternalID, reason)
		}); err != nil {
			return err
		}
	}
	if err := inBatches(y.changed, func(some []outturn.Tenant) error { return s.ledger.ChangeTenants(ctx, some, change) }, func(t outturn.Tenant, reason string) {
		y.countChange(t, -1)
		y.refuse(t.ExternalID, reason)
	}); err != nil {
		return err
	}
	if !y.result.Changed() {
		return nil
	}
	return s.ledger.Audit(ctx, s.entry(p, tenantSync, p.Tenant, p.Tenant, map[string]string{
		"made": strconv.Itoa(y.result.Made), "renamed": strconv.Itoa(y.result.Renamed), "moved": strconv.Itoa(y.result.Moved),
	}))
}

// inBatches calls do with some tenants at a time. Of those that are refused together it
// tries each by itself, and tells of each that is refused.
func inBatches(list []outturn.Tenant, do func([]outturn.Tenant) error, refused func(outturn.Tenant, string)) error {
	for some := range slices.Chunk(list, mostAtOnce) {
		err := do(some)
		if err == nil {
			continue
		}
		for _, t := range some {
			if len(some) > 1 {
				err = do([]outturn.Tenant{t})
			}
			switch outturn.ErrorCode(err) {
			case "":
			case outturn.CodeConflict, outturn.CodeNotFound, outturn.CodeInvalid:
				refused(t, err.Error())
			default:
				return err
			}
		}
	}
	return nil
}
