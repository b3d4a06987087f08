package reporting

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"outturn"
	"outturn/internal/format"
	"outturn/internal/pipeline"
	"outturn/internal/queue"
)

type runLedger interface {
	// CreateRun keeps a new run. Where its key has been used with the same
	// fingerprint it returns the run of that time and keeps nothing; with another
	// fingerprint, CodeKeyReused.
	CreateRun(ctx context.Context, r outturn.Run, key *outturn.IdempotencyKey, entry outturn.AuditEntry) (outturn.Run, error)
	// RunByKey returns the run that was made with a key; CodeNotFound where there is
	// none, CodeKeyReused where it had another fingerprint.
	RunByKey(ctx context.Context, key outturn.IdempotencyKey) (outturn.Run, error)
	Run(ctx context.Context, viewer, id string) (outturn.Run, error)
	Runs(ctx context.Context, viewer, tenant string, q outturn.ListQuery) (outturn.List[outturn.Run], error)
	// RunReports lists runs with what a list of reports shows of them.
	RunReports(ctx context.Context, viewer, tenant string, q outturn.ListQuery) (outturn.List[outturn.Run], error)
	RunProgresses(ctx context.Context, ids []string) ([]outturn.Run, error)
	CancelRun(ctx context.Context, viewer, id, by string, entry outturn.AuditEntry) (outturn.Run, error)
	DeleteRun(ctx context.Context, viewer, id string, entry outturn.AuditEntry) ([]outturn.File, error)
	Backlog(ctx context.Context, tenant string) (queued, running int, err error)
	Manifest(ctx context.Context, viewer, run string) (outturn.Manifest, error)
}

// A CreateRunInput is what an edge asks for in a client's name.
type CreateRunInput struct {
	Tenant string // id of whose run; "" is the principal's own
	Name   string // "" is the data set's name
	// Request names the data set, view or columns, filter, order, report type and
	// outputs. Its window, zone, account and scope are filled in here.
	Request outturn.RunRequest
	Window  *WindowText // nil: all there is
	Zone    string      // IANA name; "" is the window's, the tenant's, or the installation's
	// Faults are what the edge could not understand of the request. They are told
	// with all else that is wrong with it.
	Faults error

	// Key is the client's idempotency key, if it sent one, and Fingerprint the
	// SHA-256 of what it sent.
	Key, Fingerprint string

	Origin  string          // the edge
	Foreign json.RawMessage // what it wants back
}

// A WindowText is a window as a client writes it; see outturn.NewWindow.
type WindowText struct {
	From, To string
	Zone     string // IANA name; "" is that of the input
}

// mostOutputs is how many files one run may make.
const mostOutputs = 8

// CreateRun makes a run, which waits in the ledger from then on. A fault of the
// request leaves nothing behind.
func (s *Service) CreateRun(ctx context.Context, p outturn.Principal, in CreateRunInput) (outturn.Run, error) {
	if err := s.permit(ctx, p, runCreate, in.Tenant); err != nil {
		return outturn.Run{}, err
	}
	key, done, err := s.useKey(p, in.Key, in.Fingerprint)
	if err != nil {
		return outturn.Run{}, err
	}
	defer done()
	if r, found, err := s.madeBefore(ctx, p, key); found || err != nil {
		return r, err
	}
	tenant, err := s.tenantOf(ctx, p, in.Tenant)
	if err != nil {
		return outturn.Run{}, err
	}
	if err := s.permitDataset(ctx, p, in.Request.Dataset, tenant.ID); err != nil {
		return outturn.Run{}, err
	}
	var f faults
	req, plan := s.understand(ctx, p, tenant, in, &f)
	checkOutputs(req, plan, &f)
	if in.Name != "" {
		f.name("name", in.Name)
	}
	if err := f.err(); err != nil {
		return outturn.Run{}, err
	}
	r := outturn.Run{
		Tenant: tenant.ID, Name: in.Name, Request: req, Origin: in.Origin, Foreign: in.Foreign,
	}
	if r.Name == "" {
		r.Name = req.Dataset
	}
	return s.enqueue(ctx, p, tenant, r, key, runCreate)
}

// understand makes the request complete and plans it. The plan is of worth only
// where there are no faults.
func (s *Service) understand(ctx context.Context, p outturn.Principal, tenant outturn.Tenant, in CreateRunInput, f *faults) (outturn.RunRequest, pipeline.Plan) {
	f.add("", in.Faults)
	req := in.Request
	req.Zone = s.zone(tenant, in, f)
	req.Window = window(in, req.Zone, f)
	return s.complete(ctx, p, tenant, req, f)
}

// complete fills in whose rows a request with a zone and a window is for, and plans it.
func (s *Service) complete(ctx context.Context, p outturn.Principal, tenant outturn.Tenant, req outturn.RunRequest, f *faults) (outturn.RunRequest, pipeline.Plan) {
	req.SQL = ""
	req.Tenant, req.Everything = s.accountIn(tenant, req.Dataset, f)
	req.ReportType = reportType(tenant, req.ReportType, f)
	if req.Dataset == "" {
		f.addf("dataset", "Name the data set.")
		return req, pipeline.Plan{}
	}
	f.add("view", s.ownView(ctx, p, tenant, &req))
	plan := s.plan(req, f)
	if d, err := s.config.Catalog.Dataset(req.Dataset); err == nil && d.Tenant == "" && !req.Everything {
		f.addf("dataset", "The data set %s does not say whose its rows are. Only the provider can have it.", d.Name)
	}
	return req, plan
}

// plan notes all that is wrong with a complete request, and plans it.
func (s *Service) plan(req outturn.RunRequest, f *faults) pipeline.Plan {
	plan, err := pipeline.Prepare(s.config.Catalog, req)
	if err == nil && plan.Query.Dataset.Own() && s.config.Own != nil {
		err = s.config.Own.Check(plan.Query)
	}
	f.add("", err)
	return plan
}

// accountIn is account for a data set. What Outturn has of itself knows tenants by the
// ledger's ids, whether or not they have an account.
func (s *Service) accountIn(t outturn.Tenant, dataset string, f *faults) (account string, everything bool) {
	if s.isAudit(dataset) {
		return t.ID, false
	}
	return s.account(t, f)
}

// account returns the account of the source that a tenant's reports are made for,
// or that they hold everything.
func (s *Service) account(t outturn.Tenant, f *faults) (account string, everything bool) {
	switch {
	case t.ExternalID != "":
		return t.ExternalID, false
	case t.Kind == outturn.KindProvider && t.Parent == "":
		return "", true
	}
	f.addf("tenant", "The tenant %s is not joined to an account of the source, so there is nothing to report on. Whoever made it must give it an external_id.", outturn.Shown(t.Name))
	return "", false
}

func (s *Service) zone(t outturn.Tenant, in CreateRunInput, f *faults) string {
	name := in.Zone
	ofWindow := name == "" && in.Window != nil && in.Window.Zone != ""
	switch {
	case ofWindow:
		name = in.Window.Zone
	case name == "":
		name = s.Zone(t)
	}
	zone, err := outturn.LoadZone(name)
	if err != nil {
		if !ofWindow { // else it is told of the window
			f.add("zone", err)
		}
		return "UTC"
	}
	return zone.String()
}

// Zone is where a tenant's days begin: its own zone, or the installation's.
func (s *Service) Zone(t outturn.Tenant) string { return cmp.Or(t.Zone, s.config.Zone, "UTC") }

func window(in CreateRunInput, zoneName string, f *faults) *outturn.Window {
	if in.Window == nil {
		return nil
	}
	if in.Window.Zone != "" {
		zoneName = in.Window.Zone
	}
	zone, err := outturn.LoadZone(zoneName)
	if err != nil {
		f.add("window.zone", err)
		zone = time.UTC // the rest can be looked at all the same
	}
	missing := false
	for _, edge := range []struct{ name, text string }{{"from", in.Window.From}, {"to", in.Window.To}} {
		if edge.text == "" {
			f.addf("window."+edge.name, "A window has two ends: give both from and to.")
			missing = true
		}
	}
	if missing {
		return nil
	}
	w, errWindow := outturn.NewWindow(in.Window.From, in.Window.To, zone)
	f.add("window", errWindow)
	if err != nil || errWindow != nil {
		return nil
	}
	return &w
}

func reportType(t outturn.Tenant, name string, f *faults) string {
	if name == "" {
		name = t.ReportType
	}
	if name == "" {
		return ""
	}
	found, err := outturn.ParseReportType(name)
	f.add("report_type", err)
	return found
}

// checkOutputs notes what is wrong with the files that are asked for.
func checkOutputs(req outturn.RunRequest, plan pipeline.Plan, f *faults) {
	switch n := len(req.Outputs); {
	case n == 0:
		f.addf("outputs", "Ask for at least one file: name a format, such as csv.")
	case n > mostOutputs:
		f.addf("outputs", "A run makes at most %d files, and %d were asked for.", mostOutputs, n)
		return
	}
	seen := map[outturn.Output]int{}
	for i, o := range req.Outputs {
		field := fmt.Sprintf("outputs[%d]", i)
		out, err := pipeline.PrepareOutput(o, nil)
		if err != nil {
			f.add(field, err)
			continue
		}
		if plan.Query.Dataset != nil {
			f.add(field+".format", plan.CheckOutput(out))
		}
		if j, twice := seen[alike(o)]; twice {
			f.addf(field, "It is the same file as number %d of them. Leave one of the two out.", j+1)
			continue
		}
		seen[alike(o)] = i
	}
}

// alike returns the same for outputs that would make the same file.
func alike(o outturn.Output) outturn.Output {
	o.Level = ""
	if o.Compression == "" {
		o.Compression = "none"
	}
	if f, err := format.Find(o.Format); err == nil && o.Dialect == "" && len(f.Dialects()) > 0 {
		o.Dialect = f.Dialects()[0]
	}
	return o
}

// isName says whether a text can be the name of something.
func isName(text string) bool {
	return outturn.IsLine(text) && utf8.RuneCountInString(text) <= mostName && strings.TrimSpace(text) != ""
}

// enqueue keeps a new run and then tells the workers. That they could not be told
// does not undo the run: the sweeper tells them again.
func (s *Service) enqueue(ctx context.Context, p outturn.Principal, tenant outturn.Tenant, r outturn.Run, key *outturn.IdempotencyKey, a action) (outturn.Run, error) {
	queued, running, err := s.ledger.Backlog(ctx, r.Tenant)
	if err != nil {
		return outturn.Run{}, fmt.Errorf("backlog: %w", err)
	}
	if tenant.Limits.Queued == nil && queued >= s.config.Limits.Queued { // limits of the tree are the ledger's to keep
		return outturn.Run{}, outturn.Errorf(outturn.CodeLimit, "%d runs wait already, and that is the most a tenant may have. Wait until some are done, or cancel some.", queued)
	}
	now := s.now()
	r.ID, r.State, r.CreatedBy, r.CreatedAt, r.UpdatedAt = outturn.NewID(now), outturn.RunQueued, p.Subject, now, now
	detail := map[string]string{"dataset": r.Request.Dataset}
	if r.RetryOf != "" {
		detail["retry_of"] = r.RetryOf
	}
	kept, err := s.ledger.CreateRun(ctx, r, key, s.entry(p, a, r.Tenant, r.ID, detail))
	if err != nil {
		return kept, s.tellLimit(ctx, p, err)
	}
	if kept.ID != r.ID { // it was made before
		return kept, err
	}
	job := queue.Job{Run: kept.ID, Tenant: kept.Tenant, Class: class(queued + running)}
	if err := s.config.Queue.Ring(context.WithoutCancel(ctx), job); err != nil {
		s.config.Log.WarnContext(ctx, "The workers could not be told of a run; the sweeper will.", "run", kept.ID, "error", err)
	}
	return kept, nil
}

// class says who comes first: the first few runs of every tenant, so that one who
// has asked for thousands does not hold up another's one.
func class(backlog int) int {
	switch {
	case backlog < 3:
		return 0
	case backlog < 20:
		return 1
	}
	return 2
}

// Run returns a run as it is now.
func (s *Service) Run(ctx context.Context, p outturn.Principal, id string) (outturn.Run, error) {
	if err := s.permit(ctx, p, runRead, id); err != nil {
		return outturn.Run{}, err
	}
	return s.ledger.Run(ctx, p.Tenant, id)
}

// Runs lists the runs of a tenant: "" is the principal's own, "*" also all below it.
func (s *Service) Runs(ctx context.Context, p outturn.Principal, tenant string, q outturn.ListQuery) (outturn.List[outturn.Run], error) {
	whose := tenant
	if whose == "*" {
		whose = ""
	}
	if err := s.permit(ctx, p, runList, whose); err != nil {
		return outturn.List[outturn.Run]{}, err
	}
	return s.ledger.Runs(ctx, p.Tenant, tenant, q)
}

// RunReports is Runs for who lists very many: each has its id, tenant, name, state,
// furthest, format, rhythm, generator, when it was made and ended, when its files went, and
// of the request the window, in UTC, and the name of the view. Its first file has id, name
// and end. A page is never short.
func (s *Service) RunReports(ctx context.Context, p outturn.Principal, tenant string, q outturn.ListQuery) (outturn.List[outturn.Run], error) {
	whose := tenant
	if whose == "*" {
		whose = ""
	}
	if err := s.permit(ctx, p, runList, whose); err != nil {
		return outturn.List[outturn.Run]{}, err
	}
	return s.ledger.RunReports(ctx, p.Tenant, tenant, q)
}

// CancelRun asks for a run to stop. A queued one is cancelled at once, a running one
// within about a second.
func (s *Service) CancelRun(ctx context.Context, p outturn.Principal, id string) (outturn.Run, error) {
	if err := s.permit(ctx, p, runCancel, id); err != nil {
		return outturn.Run{}, err
	}
	before, err := s.ledger.Run(ctx, p.Tenant, id)
	if err != nil {
		return outturn.Run{}, err
	}
	r, err := s.ledger.CancelRun(ctx, p.Tenant, id, p.Subject, s.entry(p, runCancel, before.Tenant, id, nil))
	if err != nil {
		return outturn.Run{}, err
	}
	s.config.Cancel(r.ID)
	if r.State.Final() && r.Generator != "" {
		s.config.Wake() // another of its generator may have waited for it
	}
	return r, nil
}

// RetryRun makes a new run of one that has ended, with the same request: the same
// window too.
func (s *Service) RetryRun(ctx context.Context, p outturn.Principal, id, key, fingerprint string) (outturn.Run, error) {
	if err := s.permit(ctx, p, runRetry, id); err != nil {
		return outturn.Run{}, err
	}
	k, done, err := s.useKey(p, key, fingerprint)
	if err != nil {
		return outturn.Run{}, err
	}
	defer done()
	if r, found, err := s.madeBefore(ctx, p, k); found || err != nil {
		return r, err
	}
	old, err := s.ledger.Run(ctx, p.Tenant, id)
	if err != nil {
		return outturn.Run{}, err
	}
	if err := s.permitDataset(ctx, p, old.Request.Dataset, id); err != nil {
		return outturn.Run{}, err
	}
	if !old.State.Final() {
		return outturn.Run{}, outturn.Errorf(outturn.CodeConflict, "The run is %s. Only one that has ended can be repeated; cancel it first.", old.State)
	}
	tenant, err := s.ledger.Tenant(ctx, p.Tenant, old.Tenant)
	if err != nil {
		return outturn.Run{}, err
	}
	// Whose rows it may hold is what the tenant is now, not what it was.
	var f faults
	req := old.Request
	req.Tenant, req.Everything = s.accountIn(tenant, req.Dataset, &f)
	checkOutputs(req, s.plan(req, &f), &f)
	if err := f.err(); err != nil {
		return outturn.Run{}, err
	}
	r := outturn.Run{
		Tenant: old.Tenant, Name: old.Name, Request: req, RetryOf: old.ID,
		Generator: old.Generator, Revision: old.Revision, Rhythm: old.Rhythm, Cause: old.Cause, ScheduledFor: old.ScheduledFor, Event: old.Event,
		InTurn: old.InTurn, Deliveries: old.Deliveries,
		Origin: old.Origin, Foreign: old.Foreign,
	}
	return s.enqueue(ctx, p, tenant, r, k, runRetry)
}

// DeleteRun takes away the files of a run that has ended, and the links to them; one that
// failed or was cancelled is in no list of reports any more. The run itself and what the
// audit has of it stay.
func (s *Service) DeleteRun(ctx context.Context, p outturn.Principal, id string) error {
	if err := s.permit(ctx, p, runDelete, id); err != nil {
		return err
	}
	r, err := s.ledger.Run(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	files, err := s.ledger.DeleteRun(ctx, p.Tenant, id, s.entry(p, runDelete, r.Tenant, id, nil))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := s.config.Blobs.Delete(context.WithoutCancel(ctx), f.Key); err != nil {
			s.config.Log.WarnContext(ctx, "A file of a deleted run is still in storage; the sweep will take it.", "run", id, "file", f.ID, "error", err)
		}
	}
	return nil
}

// Manifest returns what a succeeded run produced.
func (s *Service) Manifest(ctx context.Context, p outturn.Principal, run string) (outturn.Manifest, error) {
	if err := s.permit(ctx, p, runRead, run); err != nil {
		return outturn.Manifest{}, err
	}
	return s.ledger.Manifest(ctx, p.Tenant, run)
}
