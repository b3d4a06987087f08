package pipeline

import (
	"context"
	"time"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/source"
)

// A Plan is a request that has been checked against a catalogue and a source: the
// query to run and what to do with its columns.
type Plan struct {
	Query     source.Query
	Published int
	Totals    []Total
	Key       []int            // see Job
	MaxRows   int64            // see Job
	Manifest  outturn.Manifest // all that is known before the first row
	// Account is the one the report is made for, where it has been looked up: then
	// Bind does not do so again.
	Account *outturn.Account
	// Private keeps what is said of an account that is not there from naming others,
	// which are no business of the one who asks.
	Private bool
}

// mostOrders is by how many fields rows can be sorted.
const mostOrders = 100

// Prepare checks everything of a request that needs no source: the data set, its
// view, columns, filter and order, and the window. It reports every fault at once,
// and each Error names the field of the request that it is about.
func Prepare(cat *catalog.Catalog, req outturn.RunRequest) (Plan, error) {
	if req.SQL != "" {
		return prepareRaw(req)
	}
	var faults []error
	fault := func(field string, err error) {
		if err != nil {
			faults = append(faults, outturn.InField(field, err))
		}
	}
	zone, err := outturn.LoadZone(req.Zone)
	if err != nil {
		fault("zone", err)
		zone = time.UTC
	}
	d, err := cat.Dataset(req.Dataset)
	if err != nil {
		fault("dataset", err)
		return Plan{}, outturn.JoinFaults(faults)
	}
	view, err := chooseView(cat, d, req)
	fault(viewField(req), err)
	fault("filter", req.Where.Check(d, zone))
	if n := len(req.Order); n > mostOrders {
		fault("order", outturn.Errorf(outturn.CodeInvalid, "The order has %d fields. At most %d are allowed.", n, mostOrders))
		req.Order = nil
	}
	for _, o := range req.Order {
		fault("order", outturn.CheckOrder([]outturn.Order{o}, d))
	}
	selection, err := selectionOf(d, req.Window)
	fault("window", err)
	if req.Invoice != "" {
		_, err := d.OfInvoice(req.Invoice)
		fault("invoice", err)
		if req.Window == nil {
			selection = "invoice"
		}
	}
	if len(faults) > 0 {
		return Plan{}, outturn.JoinFaults(faults)
	}
	tree, err := treeOf(cat, d)
	if err != nil {
		return Plan{}, err
	}
	totals, hidden := PlanTotals(d, view)
	key, hidden := PlanKey(d, view, hidden)
	p := Plan{
		Query: source.Query{
			Dataset: d, View: view, Hidden: hidden,
			Where: req.Where, Invoice: req.Invoice, Order: req.Order, Window: req.Window, Tree: tree,
			Tenant: req.Tenant, Everything: req.Everything,
			Vars: source.Vars{Tenant: req.Tenant, ReportType: req.ReportType, Zone: zone.String()},
		},
		Published: len(view.Columns),
		Totals:    totals,
		Key:       key,
		Manifest: outturn.Manifest{
			Dataset: d.Name, Version: d.Version, View: view.Name, Order: req.Order,
			ReportType: req.ReportType, Invoice: req.Invoice, Selection: selection, Zone: zone.String(), Currencies: currenciesOf(totals),
		},
	}
	if req.Where != nil {
		p.Manifest.Filter = req.Where.String()
	}
	if w := req.Window; w != nil {
		p.Manifest.Window = &outturn.ManifestWindow{From: w.From.In(w.Zone), To: w.To.In(w.Zone), Zone: w.Zone.String()}
	}
	return p, nil
}

// treeOf returns the tree that the accounts of d are in; nil where there is none, and
// for what is Outturn's own, whose tenants the ledger knows.
func treeOf(cat *catalog.Catalog, d *outturn.Dataset) (*outturn.TenantTree, error) {
	if d.Own() {
		return nil, nil
	}
	return cat.Tree()
}

func prepareRaw(req outturn.RunRequest) (Plan, error) {
	if !req.Everything {
		return Plan{}, outturn.Errorf(outturn.CodeInvalid, "Only an operator may write the query.")
	}
	zone, err := outturn.LoadZone(req.Zone)
	if err != nil {
		return Plan{}, err
	}
	return Plan{
		Query:    source.Query{SQL: req.SQL},
		Manifest: outturn.Manifest{Query: req.SQL, Selection: "everything", Zone: zone.String()},
	}, nil
}

// chooseView returns the named view, the client's own, or one of the columns asked
// for.
func chooseView(cat *catalog.Catalog, d *outturn.Dataset, req outturn.RunRequest) (*outturn.View, error) {
	v := req.OwnView
	if len(req.Columns) == 0 && v == nil {
		return cat.View(d, req.View)
	}
	if req.View != "" || len(req.Columns) > 0 && v != nil {
		return nil, outturn.Errorf(outturn.CodeInvalid, "Ask for a view or for columns, not for both.")
	}
	if v == nil {
		v = outturn.Columns(d, req.Columns)
	}
	v = v.Of(d)
	return v, v.Validate(d)
}

// viewField is the field of the request that says what chooseView chooses.
func viewField(req outturn.RunRequest) string {
	if len(req.Columns) > 0 {
		return "columns"
	}
	return "view"
}

// selectionOf says in a word which rows were meant.
func selectionOf(d *outturn.Dataset, w *outturn.Window) (string, error) {
	switch {
	case d.Period == nil && w != nil:
		return "", outturn.Errorf(outturn.CodeInvalid, "The data set %s is a snapshot of what there is now and has no period. Leave the window out.", d.Name)
	case d.Period == nil:
		return "snapshot", nil
	case w == nil:
		return "everything", nil
	case d.Period.Kind == outturn.PeriodDate:
		_, _, err := w.Dates()
		return "window", err
	}
	return "window", nil
}

// Bind fixes what only the source knows: the account the report is made for, and of
// which type it is where nobody said. Where an operator names no account it is the root
// of the tree.
func (p *Plan) Bind(ctx context.Context, s source.Snapshot) error {
	p.Manifest.Snapshot = outturn.ManifestSnapshot{Instant: s.Instant(), Kind: "none"}
	if s.Consistent() {
		p.Manifest.Snapshot.Kind = "consistent"
	}
	p.Manifest.Tenant = p.Query.Tenant
	if p.Query.Tree == nil {
		return nil
	}
	if err := p.bindAccount(ctx, s); err != nil {
		return err
	}
	return p.bindReportType(ctx, s)
}

func (p *Plan) bindAccount(ctx context.Context, s source.Snapshot) error {
	q := &p.Query
	if q.Tenant != "" && p.Account != nil && p.Account.ID == q.Tenant {
		return nil
	}
	if q.Tenant != "" {
		_, err := source.LookUpAccount(ctx, s, q.Tree, q.Tenant)
		if p.Private && outturn.ErrorCode(err) == outturn.CodeNotFound {
			return outturn.Errorf(outturn.CodeNotFound, "The source has no account %s, which the report is to be made for. Whoever runs Outturn can mend that: the tenant's external_id must be the id of its account.", outturn.Shown(q.Tenant))
		}
		return err
	}
	roots, err := source.RootAccounts(ctx, s, q.Tree)
	if err != nil {
		return err
	}
	if len(roots) == 1 {
		q.Vars.Tenant = roots[0].ID
		p.Manifest.Tenant = roots[0].ID
	}
	return nil
}

// bindReportType derives the report type where none was said and it matters. It is found
// anew for each report, in the snapshot that the rows come from: an account that gets
// its first sub-reseller tomorrow has the levels below in tomorrow's report.
func (p *Plan) bindReportType(ctx context.Context, s source.Snapshot) error {
	q := &p.Query
	if q.Vars.ReportType != "" || q.Vars.Tenant == "" || !source.AsksReportType(q.Dataset) {
		return nil
	}
	sells, err := source.HasResellers(ctx, s, q.Tree, q.Vars.Tenant)
	if err != nil {
		return err
	}
	q.Vars.ReportType = outturn.DerivedReportType(sells)
	p.Manifest.ReportType = q.Vars.ReportType
	return nil
}
