package reporting

import (
	"context"
	"slices"
	"time"

	"outturn"
	"outturn/internal/source"
)

// A DatasetDetail is all that is told of a data set.
type DatasetDetail struct {
	outturn.Dataset
	Views []string `json:"views"` // shipped ones, full first, then the tenant's own
	// Freshness is nil where the source could not tell in a few seconds.
	Freshness *Freshness `json:"freshness,omitempty"`
}

// Freshness says how new the data are that a principal sees.
type Freshness struct {
	// Changed is when the newest of its rows changed; zero where the data set does
	// not tell, or there are no rows.
	Changed  time.Time                `json:"changed,omitzero"`
	Snapshot outturn.ManifestSnapshot `json:"snapshot"`
}

// Datasets lists the data sets.
func (s *Service) Datasets(ctx context.Context, p outturn.Principal) ([]outturn.Dataset, error) {
	if err := s.permit(ctx, p, datasetRead, ""); err != nil {
		return nil, err
	}
	list := []outturn.Dataset{}
	for _, d := range s.config.Catalog.Datasets() {
		list = append(list, *d)
	}
	return list, nil
}

// Dataset returns what there is to know of a data set.
func (s *Service) Dataset(ctx context.Context, p outturn.Principal, name string) (DatasetDetail, error) {
	if err := s.permit(ctx, p, datasetRead, name); err != nil {
		return DatasetDetail{}, err
	}
	d, err := s.config.Catalog.Dataset(name)
	if err != nil {
		return DatasetDetail{}, err
	}
	detail := DatasetDetail{Dataset: *d}
	for _, v := range s.config.Catalog.Views(d) {
		detail.Views = append(detail.Views, v.Name)
	}
	own, err := s.viewNames(ctx, p.Tenant, d)
	if err != nil {
		return DatasetDetail{}, err
	}
	detail.Views = append(detail.Views, own...)
	if detail.Freshness, err = s.freshness(ctx, p, d); err != nil {
		s.config.Log.WarnContext(ctx, "How new the data are could not be found out.", "dataset", d.Name, "error", err)
	}
	return detail, nil
}

// viewNames names the views of d that are a tenant's own.
func (s *Service) viewNames(ctx context.Context, tenant string, d *outturn.Dataset) ([]string, error) {
	list, err := s.ledger.Views(ctx, tenant, outturn.ListQuery{
		Where: &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{
			{Op: outturn.OpEQ, Field: "tenant", Values: []string{tenant}},
			{Op: outturn.OpEQ, Field: "dataset", Values: []string{d.Name}},
		}},
		Order: []outturn.Order{{Field: "name"}},
		Page:  outturn.Page{Limit: outturn.MaxPage},
	})
	var names []string
	for _, v := range list.Items {
		names = append(names, v.Name)
	}
	return names, err
}

// freshnessTime is how long the source may take to say how new it is.
const freshnessTime = 5 * time.Second

func (s *Service) freshness(ctx context.Context, p outturn.Principal, d *outturn.Dataset) (*Freshness, error) {
	tenant, err := s.ledger.Tenant(ctx, p.Tenant, p.Tenant)
	if err != nil {
		return nil, err
	}
	var f faults
	q := source.Query{Dataset: d}
	q.Tenant, q.Everything = s.accountIn(tenant, d.Name, &f)
	if len(f) > 0 || d.Tenant == "" && !q.Everything || d.Own() && !slices.ContainsFunc(p.Roles, auditExport.may) {
		return nil, nil // none of it is theirs
	}
	if !d.Own() {
		if q.Tree, err = s.config.Catalog.Tree(); err != nil {
			return nil, err
		}
	}
	q.Vars = source.Vars{Tenant: q.Tenant, ReportType: tenant.ReportType, Zone: "UTC"}

	ctx, cancel := context.WithTimeoutCause(ctx, freshnessTime, outturn.Errorf(outturn.CodeQueryTimeout, "The source took too long to say how new it is."))
	defer cancel()
	var fresh Freshness
	err = s.look(ctx, d, func(snapshot source.Snapshot) error {
		if q.Everything && q.Tree != nil { // for data sets that ask for whom they are
			if roots, err := source.RootAccounts(ctx, snapshot, q.Tree); err == nil && len(roots) == 1 {
				q.Vars.Tenant = roots[0].ID
			}
		}
		fresh.Snapshot = outturn.ManifestSnapshot{Instant: snapshot.Instant(), Kind: "none"}
		if snapshot.Consistent() {
			fresh.Snapshot.Kind = "consistent"
		}
		fresh.Changed, err = source.Newest(ctx, snapshot, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &fresh, nil
}
