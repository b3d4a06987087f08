package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

func (a *API) registerRuns() {
	r := func(id, method, path, summary string, status int, errors ...int) route {
		return route{id: id, method: method, path: path, summary: summary, status: status, errors: errors, tags: []string{"Runs"}}
	}
	handle(a, r("createRun", http.MethodPost, "/v1/runs", "Ask for a run", http.StatusAccepted, 404, 409), a.createRun)
	list := r("listRuns", http.MethodGet, "/v1/runs", "List runs", 0, 404)
	list.about = "The filter may name: id, tenant, name, dataset, state, origin, created_by, retry_of, reason, generator, cause, format, rhythm, furthest, created_at, updated_at, files_gone_at, removed_at, started_at, finished_at. " +
		"The order is one of: name, created_at, finished_at."
	handle(a, list, a.listRuns)
	handle(a, r("getRun", http.MethodGet, "/v1/runs/{id}", "Show a run", 0, 404), a.getRun)
	handle(a, r("cancelRun", http.MethodPost, "/v1/runs/{id}/cancel", "Stop a run", 0, 404, 409), a.cancelRun)
	handle(a, r("retryRun", http.MethodPost, "/v1/runs/{id}/retry", "Make a new run of one that has ended", http.StatusAccepted, 404, 409), a.retryRun)
	handle(a, r("deleteRun", http.MethodDelete, "/v1/runs/{id}", "Remove the files of a run that has ended, or take a failed one out of the lists of reports; its history stays", http.StatusNoContent, 404, 409), a.deleteRun)
	handle(a, r("getManifest", http.MethodGet, "/v1/runs/{id}/manifest", "What a succeeded run produced", 0, 404, 409), a.getManifest)
	// That the body is read as it came, for its fingerprint, is nothing to describe.
	delete(a.huma.OpenAPI().Paths["/v1/runs"].Post.RequestBody.Content, "application/octet-stream")
	a.registerEvents()
}

// A runBody is what a client asks for.
type runBody struct {
	Dataset string `json:"dataset" minLength:"1" maxLength:"63" example:"payments" doc:"See /v1/datasets."`
	Selection
	Formats []formatText `json:"formats" minItems:"1" maxItems:"8" doc:"The files to make, all from one read: names, or objects with compression, level, dialect, json_numbers."`
	Name    string       `json:"name,omitempty" maxLength:"120" doc:"Begins the files' names. Default: the data set's."`
}

// A Selection is which rows of a data set a client wants, and which of their
// columns.
type Selection struct {
	View       string      `json:"view,omitempty" doc:"A view of the data set. Default: full."`
	Columns    []string    `json:"columns,omitempty" doc:"Fields, instead of a view."`
	Filter     *filterText `json:"filter,omitempty" doc:"Which rows: as text (CURRENCY eq EUR and not (TOTAL lt 10)), or as a tree."`
	Invoice    string      `json:"invoice,omitempty" maxLength:"255" doc:"Only the rows of one invoice, in data sets that say which a row is of."`
	Order      *orderText  `json:"order,omitempty" doc:"Fields to sort by: A, B desc as text, or a list of {field, desc}."`
	Window     *windowBody `json:"window,omitempty" doc:"Default: all there is."`
	Zone       string      `json:"zone,omitempty" example:"Europe/Warsaw" doc:"IANA time zone of days and of the instants written. Default: the window's, then the tenant's."`
	ReportType string      `json:"report_type,omitempty" doc:"RESELLER or PROVIDER. Default: the tenant's; without one, PROVIDER where the tenant's account has resellers right below it, else RESELLER."`
	Tenant     string      `json:"tenant,omitempty" doc:"Id of the tenant it is for: the client's own, or one below. Default: its own."`
}

type windowBody struct {
	From string `json:"from" example:"2026-09-01" doc:"A day, a time in the zone (2026-09-01T08:00) or an instant (2026-09-01T08:00:00Z)."`
	To   string `json:"to" example:"2026-10-01" doc:"Exclusive."`
	Zone string `json:"zone,omitempty" doc:"IANA time zone that it is cut in."`
}

// input understands a selection as far as no data set is needed.
func (s Selection) input() reporting.CreateRunInput {
	in := reporting.CreateRunInput{Tenant: s.Tenant, Zone: s.Zone, Origin: "api"}
	in.Request = outturn.RunRequest{View: s.View, Columns: s.Columns, Invoice: s.Invoice, ReportType: s.ReportType}
	var faults []error
	var err error
	if s.Filter != nil {
		if in.Request.Where, err = s.Filter.expr(); err != nil {
			faults = append(faults, outturn.InField("filter", err))
		}
	}
	if s.Order != nil {
		if in.Request.Order, err = s.Order.order(); err != nil {
			faults = append(faults, outturn.InField("order", err))
		}
	}
	if s.Window != nil {
		in.Window = &reporting.WindowText{From: s.Window.From, To: s.Window.To, Zone: s.Window.Zone}
	}
	in.Faults = outturn.JoinFaults(faults)
	return in
}

type createRunInput struct {
	Key     string `header:"Idempotency-Key" maxLength:"255" doc:"The same key and body again, within a day, are the same run."`
	Body    runBody
	RawBody []byte
}

// A createdRun is the answer to a create: the run as it was made, whatever has
// become of it since, so that the same request gets the same answer, byte for byte.
type createdRun struct {
	Location string `header:"Location"`
	Body     runJSON
}

func created(r outturn.Run) *createdRun {
	return &createdRun{"/v1/runs/" + r.ID, toRun(outturn.Run{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, Request: r.Request, State: outturn.RunQueued, RetryOf: r.RetryOf,
		Origin: r.Origin, CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, UpdatedAt: r.CreatedAt,
		Generator: r.Generator, Revision: r.Revision, Cause: r.Cause, Rhythm: r.Rhythm, ScheduledFor: r.ScheduledFor, Event: r.Event,
	})}
}

// fingerprint tells requests with one Idempotency-Key apart.
func fingerprint(method, path string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(method + " " + path + "\n"))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// POST /v1/runs
func (a *API) createRun(ctx context.Context, p outturn.Principal, in *createRunInput) (*createdRun, error) {
	input := in.Body.input()
	input.Name, input.Request.Dataset = in.Body.Name, in.Body.Dataset
	for _, f := range in.Body.Formats {
		input.Request.Outputs = append(input.Request.Outputs, f.Output)
	}
	if in.Key != "" {
		input.Key, input.Fingerprint = in.Key, fingerprint(http.MethodPost, "/v1/runs", in.RawBody)
	}
	r, err := a.Service.CreateRun(ctx, p, input)
	if err != nil {
		return nil, err
	}
	return created(r), nil
}

type listRunsInput struct {
	ListInput
	Tenant string `query:"tenant" doc:"Id of the tenant whose runs to list; * is all that the client may see. Default: its own."`
}

// GET /v1/runs
func (a *API) listRuns(ctx context.Context, p outturn.Principal, in *listRunsInput) (*page[runJSON], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.Runs(ctx, p, in.Tenant, q)
	if err != nil {
		return nil, listFault(err)
	}
	extra := url.Values{}
	if in.Tenant != "" {
		extra.Set("tenant", in.Tenant)
	}
	return pageOf(list, "/v1/runs", in.ListInput, extra, toRun), nil
}

type IDInput struct {
	ID string `path:"id" maxLength:"64"`
}

// GET /v1/runs/{id}
func (a *API) getRun(ctx context.Context, p outturn.Principal, in *IDInput) (*body[runJSON], error) {
	r, err := a.Service.Run(ctx, p, in.ID)
	return &body[runJSON]{toRun(r)}, err
}

// POST /v1/runs/{id}/cancel
func (a *API) cancelRun(ctx context.Context, p outturn.Principal, in *IDInput) (*body[runJSON], error) {
	r, err := a.Service.CancelRun(ctx, p, in.ID)
	return &body[runJSON]{toRun(r)}, err
}

type retryRunInput struct {
	IDInput
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again, within a day, is the same run."`
}

// POST /v1/runs/{id}/retry
func (a *API) retryRun(ctx context.Context, p outturn.Principal, in *retryRunInput) (*createdRun, error) {
	sum := ""
	if in.Key != "" {
		sum = fingerprint(http.MethodPost, "/v1/runs/"+in.ID+"/retry", nil)
	}
	r, err := a.Service.RetryRun(ctx, p, in.ID, in.Key, sum)
	if err != nil {
		return nil, err
	}
	return created(r), nil
}

// DELETE /v1/runs/{id}
func (a *API) deleteRun(ctx context.Context, p outturn.Principal, in *IDInput) (*struct{}, error) {
	return nil, a.Service.DeleteRun(ctx, p, in.ID)
}

// GET /v1/runs/{id}/manifest
func (a *API) getManifest(ctx context.Context, p outturn.Principal, in *IDInput) (*body[outturn.Manifest], error) {
	m, err := a.Service.Manifest(ctx, p, in.ID)
	return &body[outturn.Manifest]{m}, err
}

// A ListInput is what every list takes.
type ListInput struct {
	Limit  string `query:"limit" doc:"Most items of the page, 1 to 1000. Default: 50."`
	Cursor string `query:"cursor" maxLength:"2000" doc:"What next of the page before said."`
	Filter string `query:"filter" maxLength:"10000" doc:"Which: state eq failed and created_at ge 2026-09-01."`
	Order  string `query:"order" maxLength:"200" doc:"One field, with desc for the other way: created_at desc."`
}

func (in ListInput) query() (q outturn.ListQuery, err error) {
	q.Page = outturn.Page{After: in.Cursor}
	var faults []error
	if in.Limit != "" {
		if q.Page.Limit, err = strconv.Atoi(in.Limit); err != nil || q.Page.Limit < 1 || q.Page.Limit > outturn.MaxPage {
			faults = append(faults, outturn.InField("limit", outturn.Errorf(outturn.CodeInvalid, "The limit %s is not a number from 1 to %d.", outturn.Shown(in.Limit), outturn.MaxPage)))
		}
	}
	if in.Filter != "" {
		if q.Where, err = outturn.ParseExpr(in.Filter); err != nil {
			faults = append(faults, outturn.InField("filter", err))
		}
	}
	if in.Order != "" {
		if q.Order, err = outturn.ParseOrder(in.Order); err != nil {
			faults = append(faults, outturn.InField("order", err))
		}
	}
	return q, outturn.JoinFaults(faults)
}

// listFault is err as a request for a list has it: what is not there is a field of
// the list, and not the list. Only a tenant is not found as everywhere.
func listFault(err error) error {
	var e *outturn.Error
	if errors.As(err, &e) && e.Code == outturn.CodeNotFound && e.Field != "" && e.Field != "tenant" {
		return &outturn.Error{Code: outturn.CodeInvalid, Message: e.Message, Field: e.Field}
	}
	return err
}

// A page is a stretch of a list.
type page[T any] struct {
	Link string `header:"Link" doc:"The page after, with rel=\"next\" (RFC 8288)."`
	Body struct {
		Items []T    `json:"items" nullable:"false"`
		Next  string `json:"next,omitempty" doc:"Cursor of the page after; absent where this is the last."`
	}
}

func pageOf[T, W any](list outturn.List[T], path string, in ListInput, extra url.Values, to func(T) W) *page[W] {
	p := &page[W]{}
	p.Body.Items = make([]W, len(list.Items))
	for i, item := range list.Items {
		p.Body.Items[i] = to(item)
	}
	if p.Body.Next = list.Next; list.Next == "" {
		return p
	}
	extra.Set("cursor", list.Next)
	for name, value := range map[string]string{"limit": in.Limit, "filter": in.Filter, "order": in.Order} {
		if value != "" {
			extra.Set(name, value)
		}
	}
	p.Link = "<" + path + "?" + extra.Encode() + `>; rel="next"`
	return p
}

// A runJSON is a run as the API shows it.
type runJSON struct {
	ID          string              `json:"id"`
	Tenant      string              `json:"tenant"`
	Name        string              `json:"name"`
	Request     requestJSON         `json:"request"`
	State       outturn.RunState    `json:"state" enum:"queued,running,succeeded,failed,cancelled"`
	Phase       outturn.RunPhase    `json:"phase,omitempty" doc:"What a running run is at: starting, querying, rendering, storing."`
	Furthest    outturn.RunPhase    `json:"furthest,omitempty" doc:"The last phase it ever reached."`
	Attempt     int                 `json:"attempt"`
	Progress    outturn.RunProgress `json:"progress"`
	Reason      *outturn.Reason     `json:"reason,omitempty" doc:"Why it failed; of a queued run, why its last attempt did."`
	RetryOf     string              `json:"retry_of,omitempty"`
	CancelledBy string              `json:"cancelled_by,omitempty"`
	CancelAt    time.Time           `json:"cancel_requested_at,omitzero"`
	Origin      string              `json:"origin"`
	CreatedBy   string              `json:"created_by"`
	CreatedAt   time.Time           `json:"created_at"`
	StartedAt   time.Time           `json:"started_at,omitzero"`
	FinishedAt  time.Time           `json:"finished_at,omitzero"`
	UpdatedAt   time.Time           `json:"updated_at"`
	Files       []outturn.File      `json:"files,omitempty"`
	FilesGoneAt time.Time           `json:"files_gone_at,omitzero"`
	RemovedAt   time.Time           `json:"removed_at,omitzero" doc:"When a failed or cancelled run was deleted."`

	Generator    string         `json:"generator,omitempty" doc:"What made it; absent where somebody asked for this one run."`
	Revision     int            `json:"revision,omitempty" doc:"Of the generator, that it was made by."`
	Cause        outturn.Cause  `json:"cause,omitempty" doc:"Why the generator made it: schedule, manual, backfill or event."`
	Rhythm       outturn.Rhythm `json:"rhythm,omitempty" doc:"How often the generator fired then: once, day, week, month, cron, event or manual."`
	ScheduledFor time.Time      `json:"scheduled_for,omitzero" doc:"When it was due."`
	Event        string         `json:"event,omitempty" doc:"Id of the event that it is for."`
}

// A requestJSON is what a run was asked for, with all that was filled in.
type requestJSON struct {
	Dataset    string                  `json:"dataset"`
	View       string                  `json:"view,omitempty"`
	OwnView    *outturn.View           `json:"own_view,omitempty"`
	Columns    []string                `json:"columns,omitempty"`
	Where      *exprJSON               `json:"where,omitempty"`
	Invoice    string                  `json:"invoice,omitempty"`
	Order      []outturn.Order         `json:"order,omitempty"`
	Window     *outturn.ManifestWindow `json:"window,omitempty"`
	Zone       string                  `json:"zone,omitempty"`
	Account    string                  `json:"account,omitempty" doc:"The account of the source that it is made for."`
	Everything bool                    `json:"everything,omitempty"`
	ReportType string                  `json:"report_type,omitempty"`
	Outputs    []outturn.Output        `json:"outputs,omitempty"`
}

func toRun(r outturn.Run) runJSON {
	q := r.Request
	request := requestJSON{
		Dataset: q.Dataset, View: q.View, OwnView: q.OwnView, Columns: q.Columns, Invoice: q.Invoice, Order: q.Order,
		Zone: q.Zone, Account: q.Tenant, Everything: q.Everything, ReportType: q.ReportType, Outputs: q.Outputs,
	}
	if q.Where != nil {
		request.Where = &exprJSON{q.Where}
	}
	if w := q.Window; w != nil {
		request.Window = &outturn.ManifestWindow{From: w.From.In(w.Zone), To: w.To.In(w.Zone), Zone: w.Zone.String()}
	}
	return runJSON{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, Request: request, State: r.State, Phase: r.Phase, Furthest: r.Furthest,
		Attempt: r.Attempt, Progress: r.Progress, Reason: r.Reason, RetryOf: r.RetryOf, CancelledBy: r.CancelledBy, CancelAt: r.CancelAt,
		Origin: r.Origin, CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, UpdatedAt: r.UpdatedAt,
		Files: r.Files, FilesGoneAt: r.FilesGoneAt, RemovedAt: r.RemovedAt,
		Generator: r.Generator, Revision: r.Revision, Cause: r.Cause, Rhythm: r.Rhythm, ScheduledFor: r.ScheduledFor, Event: r.Event,
	}
}

// marshalRun writes a run as the routes do, for streams.
func marshalRun(r outturn.Run) ([]byte, error) { return json.Marshal(toRun(r)) }
