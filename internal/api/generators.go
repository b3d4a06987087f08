package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"outturn"
	"outturn/internal/reporting"
)

func (a *API) registerGenerators() {
	r := func(id, method, path, summary string, status int, errors ...int) route {
		return route{id: id, method: method, path: path, summary: summary, status: status, errors: errors, tags: []string{"Generators"}}
	}
	create := r("createGenerator", http.MethodPost, "/v1/generators", "Make a generator", http.StatusCreated, 404, 409)
	create.about = "It makes a run each time it fires: once, on a schedule, for each event, or when somebody says so. With `dry_run` nothing is kept: the answer is 200, " +
		"with the generator as it would be, and the next 12 times at which it would fire, each with its window."
	handle(a, create, a.createGenerator)
	list := r("listGenerators", http.MethodGet, "/v1/generators", "List generators", 0, 404)
	list.about = "The filter may name: id, tenant, name, dataset, kind, event, state, format, rhythm, origin, created_by, created_at, updated_at, next_at. The order is one of: name, created_at, updated_at."
	handle(a, list, a.listGenerators)
	apply := r("applyGenerator", http.MethodPut, "/v1/generators", "Make the generator of that name what the body says", 0, 404, 409)
	apply.about = "It can be repeated: where there is none of the name it is made (201), where it is another it gets a new revision, and where it is so already nothing is done; " +
		"`applied` says which. With `dry_run` nothing is kept."
	handle(a, apply, a.applyGenerator)
	handle(a, r("getGenerator", http.MethodGet, "/v1/generators/{id}", "Show a generator", 0, 404), a.getGenerator)
	update := r("updateGenerator", http.MethodPatch, "/v1/generators/{id}", "Change a generator that is still as If-Match says", 0, 404, 409, 412, 428)
	update.about = "The body is merged (RFC 7396): what is left out stays, null takes away, and a list is replaced. A trigger or window of another kind, and a schedule of another unit, " +
		"take the place of the one before. Each change makes a new revision; runs keep the one they were made by. With `dry_run` nothing is kept."
	handle(a, update, a.updateGenerator)
	handle(a, r("deleteGenerator", http.MethodDelete, "/v1/generators/{id}", "Remove a generator that is still as If-Match says; its runs stay", http.StatusNoContent, 404, 412, 428), a.deleteGenerator)
	handle(a, r("enableGenerator", http.MethodPost, "/v1/generators/{id}/enable", "Let a generator fire again, from now on", 0, 404, 409), a.enableGenerator)
	handle(a, r("disableGenerator", http.MethodPost, "/v1/generators/{id}/disable", "Keep a generator from firing", 0, 404), a.disableGenerator)
	handle(a, r("listUpcoming", http.MethodGet, "/v1/generators/{id}/upcoming", "When a generator fires next, and for which windows", 0, 404), a.listUpcoming)
	runs := r("listGeneratorRuns", http.MethodGet, "/v1/generators/{id}/runs", "List the runs that a generator has made", 0, 404)
	runs.about = "Filter and order are those of /v1/runs."
	handle(a, runs, a.listGeneratorRuns)
	firings := r("listFirings", http.MethodGet, "/v1/generators/{id}/firings", "List each time that a generator fired, or was to", 0, 404)
	firings.about = "The filter may name: id, generator, tenant, cause, scheduled_for, event, run, skipped, at. The order is one of: scheduled_for."
	handle(a, firings, a.listFirings)
	a.registerGeneratorRuns()
	// The other status that two of them have.
	paths := a.huma.OpenAPI().Paths
	alsoAnswers(paths["/v1/generators"].Post, http.StatusCreated, http.StatusOK, "Nothing was kept.")
	alsoAnswers(paths["/v1/generators"].Put, http.StatusOK, http.StatusCreated, "It was made.")
	const body = `{"name": "Provisioned orders", "dataset": "provisioned_orders", "formats": ["xlsx"], "window": {"kind": "previous", "unit": "month"},
		"trigger": {"kind": "schedule", "schedule": {"every": "month", "nth": 2, "of": "business_day", "at": "06:00", "zone": "Europe/Warsaw"}},
		"deliveries": [{"kind": "email", "to": ["finance@example.com"]}]}`
	showExample(paths["/v1/generators"].Post, body)
	showExample(paths["/v1/generators"].Put, body)
	showExample(paths["/v1/generators/{id}"].Patch, `{"trigger": {"schedule": {"at": "07:00"}}}`)
}

// alsoAnswers describes that an operation answers another status in the same way.
func alsoAnswers(op *huma.Operation, status, other int, description string) {
	same := *op.Responses[strconv.Itoa(status)]
	same.Description = description
	op.Responses[strconv.Itoa(other)] = &same
}

// showExample describes a body that can be sent as it is. What readers of the description
// make up by themselves has every member at once, also those that exclude one another.
func showExample(op *huma.Operation, body string) {
	for _, media := range op.RequestBody.Content {
		media.Example = json.RawMessage(body)
	}
}

// A GeneratorBody is a generator as a client writes it.
type GeneratorBody struct {
	Name       string            `json:"name" example:"Provisioned orders" doc:"No two generators of a tenant have the same."`
	RunName    string            `json:"run_name,omitempty" doc:"What its runs are called, so that the names of their files begin with it. Default: name."`
	Dataset    string            `json:"dataset" example:"provisioned_orders" doc:"See /v1/datasets."`
	View       string            `json:"view,omitempty" doc:"A view of the data set, looked up each time it fires. Default: full."`
	Columns    []string          `json:"columns,omitempty" doc:"Fields, instead of a view."`
	Filter     *filterText       `json:"filter,omitempty" doc:"Which rows: as text (CURRENCY eq EUR and not (TOTAL lt 10)), or as a tree."`
	Order      *orderText        `json:"order,omitempty" doc:"Fields to sort by: A, B desc as text, or a list of {field, desc}."`
	ReportType string            `json:"report_type,omitempty" doc:"RESELLER or PROVIDER. Default: the tenant's; without one, PROVIDER where the tenant's account has resellers right below it, else RESELLER."`
	Zone       string            `json:"zone,omitempty" example:"Europe/Warsaw" doc:"IANA time zone of days and of the instants written. Default: the trigger's, then the tenant's."`
	Tenant     string            `json:"tenant,omitempty" doc:"Id of the tenant it is for: the client's own, or one below. Default: its own."`
	Window     *windowRuleJSON   `json:"window,omitempty" doc:"Which window each run has. Default: all there is."`
	Formats    []formatText      `json:"formats" doc:"The files of each run, all from one read: names, or objects with compression, level, dialect, json_numbers."`
	Trigger    triggerJSON       `json:"trigger"`
	Deliveries []destinationJSON `json:"deliveries,omitempty" doc:"Whom to tell of each run."`
}

type windowRuleJSON struct {
	Kind  outturn.WindowKind `json:"kind" example:"previous" doc:"all, previous, last_days, month_to_date, since_last_success or fixed."`
	Unit  outturn.Unit       `json:"unit,omitempty" example:"month" doc:"Of previous: complete days, weeks (from Monday) or months before the one in which it fires: day, week or month."`
	Count int                `json:"count,omitempty" doc:"Of previous: how many; default 1. Of last_days: how many days."`
	From  string             `json:"from,omitempty" doc:"Of fixed: a day, a time in the zone or an instant. Of since_last_success: where the first window begins."`
	To    string             `json:"to,omitempty" doc:"Of fixed; exclusive."`
}

type triggerJSON struct {
	Kind         outturn.TriggerKind `json:"kind" example:"schedule" doc:"once, schedule, event or manual."`
	At           string              `json:"at,omitempty" doc:"Of once: a time in the zone (2026-12-01T06:00) or an instant. Default: now."`
	Zone         string              `json:"zone,omitempty" doc:"Of at: IANA time zone. Default: the generator's."`
	Schedule     *scheduleJSON       `json:"schedule,omitempty" doc:"Of schedule: when it fires."`
	CatchUp      outturn.CatchUp     `json:"catch_up,omitempty" doc:"Of schedule: which missed firings take place after all: latest (the default), all or none."`
	CatchUpHours int                 `json:"catch_up_hours,omitempty" doc:"How far back that looks. Default: 168, a week."`
	Overlap      outturn.Overlap     `json:"overlap,omitempty" doc:"Of schedule: what becomes of a firing while the run before goes on: queue (the default), skip or cancel_running."`
	Event        string              `json:"event,omitempty" doc:"Of event: the type of those it waits for: invoice.issued."`
	Scope        string              `json:"scope,omitempty" doc:"Of event: those of the tenant's own account (self), or also of all below (subtree, the default)."`
}

type scheduleJSON struct {
	Every     outturn.Unit       `json:"every" example:"month" doc:"day, week, month or cron."`
	Interval  int                `json:"interval,omitempty" doc:"Every how many of them, from start on. Default: 1."`
	Weekdays  []string           `json:"weekdays,omitempty" doc:"Of a week: mon, tue, wed, thu, fri, sat, sun."`
	Day       int                `json:"day,omitempty" doc:"Of a month: 1 to 31."`
	IfMissing string             `json:"if_missing,omitempty" doc:"What happens in a month without that day: last (the default) takes its last one, skip none."`
	Nth       int                `json:"nth,omitempty" example:"2" doc:"Instead of day: which one of the month, with -1 the last."`
	Of        string             `json:"of,omitempty" example:"business_day" doc:"Of nth: day, business_day, or mon to sun."`
	Cron      string             `json:"cron,omitempty" doc:"Of cron: minute, hour, day of month, month, day of week."`
	At        string             `json:"at,omitempty" example:"06:00" doc:"Time of the day. Default: 00:00."`
	Zone      string             `json:"zone,omitempty" example:"Europe/Warsaw" doc:"IANA time zone. Default: the generator's."`
	Start     string             `json:"start,omitempty" doc:"First day: 2026-12-01."`
	End       string             `json:"end,omitempty" doc:"Last day."`
	Exclude   *outturn.Exclusion `json:"exclude,omitempty" doc:"Days on which it does not fire: dates, and whether weekends."`
}

type destinationJSON struct {
	Kind      outturn.DestinationKind `json:"kind" example:"email" doc:"email or webhook."`
	To        []string                `json:"to,omitempty" example:"[\"finance@example.com\"]" doc:"Of email: addresses."`
	Attach    bool                    `json:"attach,omitempty" doc:"Of email: with the file itself, where it is small enough; else there is a link."`
	LinkHours int                     `json:"link_hours,omitempty" doc:"How long the links live. Default: 48."`
	Webhook   string                  `json:"webhook,omitempty" doc:"Of webhook: its id."`
	On        []string                `json:"on,omitempty" doc:"What to tell: run.succeeded, run.failed, run.cancelled, generator.paused. Default: the first two."`
}

// input understands a generator as far as no data set is needed.
func (b GeneratorBody) input() reporting.GeneratorInput {
	chosen := Selection{View: b.View, Columns: b.Columns, Filter: b.Filter, Order: b.Order, Zone: b.Zone, ReportType: b.ReportType, Tenant: b.Tenant}.input()
	in := reporting.GeneratorInput{Tenant: chosen.Tenant, Faults: chosen.Faults, Origin: chosen.Origin}
	in.Spec = outturn.GeneratorSpec{Name: b.Name, RunName: b.RunName, Request: chosen.Request, Trigger: b.Trigger.trigger()}
	in.Spec.Request.Dataset, in.Spec.Request.Zone = b.Dataset, b.Zone
	for _, f := range b.Formats {
		in.Spec.Request.Outputs = append(in.Spec.Request.Outputs, f.Output)
	}
	if b.Window != nil {
		in.Spec.Window = outturn.WindowRule(*b.Window)
	}
	for _, d := range b.Deliveries {
		in.Spec.Deliveries = append(in.Spec.Deliveries, outturn.Destination(d))
	}
	return in
}

func (t triggerJSON) trigger() outturn.Trigger {
	return outturn.Trigger{
		Kind: t.Kind, At: t.At, Zone: t.Zone, Schedule: (*outturn.Recurrence)(t.Schedule),
		CatchUp: t.CatchUp, CatchUpHours: t.CatchUpHours, Overlap: t.Overlap, Event: t.Event, Scope: t.Scope,
	}
}

func toTrigger(t outturn.Trigger) triggerJSON {
	return triggerJSON{
		Kind: t.Kind, At: t.At, Zone: t.Zone, Schedule: (*scheduleJSON)(t.Schedule),
		CatchUp: t.CatchUp, CatchUpHours: t.CatchUpHours, Overlap: t.Overlap, Event: t.Event, Scope: t.Scope,
	}
}

// toGeneratorBody is what a client could have written for a generator to be as it is.
func toGeneratorBody(g outturn.Generator) GeneratorBody {
	q := g.Request
	window := windowRuleJSON(g.Window)
	b := GeneratorBody{
		Name: g.Name, RunName: g.RunName, Dataset: q.Dataset, View: q.View, Columns: q.Columns, Filter: newFilterText(q.Where), Order: newOrderText(q.Order),
		ReportType: q.ReportType, Zone: q.Zone, Tenant: g.Tenant, Window: &window, Formats: []formatText{}, Trigger: toTrigger(g.Trigger),
	}
	for _, o := range q.Outputs {
		b.Formats = append(b.Formats, formatText{o})
	}
	for _, d := range g.Deliveries {
		b.Deliveries = append(b.Deliveries, destinationJSON(d))
	}
	return b
}

// A generatorJSON is a generator as the API shows it.
type generatorJSON struct {
	ID string `json:"id,omitempty" doc:"Absent where nothing was kept."`
	GeneratorBody
	Rhythm      outturn.Rhythm         `json:"rhythm,omitempty" doc:"How often it fires, by its trigger: once, day, week, month, cron, event or manual."`
	Revision    int                    `json:"revision" doc:"One more with each change; runs keep the one they were made by."`
	State       outturn.GeneratorState `json:"state" enum:"active,disabled,paused,done"`
	PausedFor   string                 `json:"paused_for,omitempty" doc:"Why it is paused: tenant_suspended or no_admin."`
	NextAt      time.Time              `json:"next_at,omitzero" doc:"When it fires next."`
	LastFiredAt time.Time              `json:"last_fired_at,omitzero" doc:"What the last firing was scheduled for."`
	CoveredTo   time.Time              `json:"covered_to,omitzero" doc:"End of the window of the last run that succeeded."`
	Origin      string                 `json:"origin"`
	CreatedBy   string                 `json:"created_by"`
	CreatedAt   time.Time              `json:"created_at"`
	UpdatedAt   time.Time              `json:"updated_at"`

	Applied  reporting.Applied `json:"applied,omitempty" doc:"What an apply did: created, changed or unchanged."`
	Upcoming []forecastJSON    `json:"upcoming,omitempty" doc:"Of a dry run: when it would fire next, and for which windows."`
}

// A forecastJSON is a firing to come.
type forecastJSON struct {
	At     time.Time               `json:"at" doc:"The instant, in UTC."`
	Local  time.Time               `json:"local" doc:"The same as clocks show it in the zone."`
	Zone   string                  `json:"zone"`
	Window *outturn.ManifestWindow `json:"window,omitempty" doc:"Absent where it is all there is, or where it would be skipped."`
	// Skipped is one sentence, and rare.
	Skipped string `json:"skipped,omitempty" doc:"Why it would be skipped, as a sentence."`
}

func toGenerator(g outturn.Generator) generatorJSON {
	return generatorJSON{
		ID: g.ID, GeneratorBody: toGeneratorBody(g), Rhythm: g.Trigger.Rhythm(), Revision: g.Revision, State: g.State, PausedFor: g.PausedFor,
		NextAt: g.NextAt, LastFiredAt: g.LastFiredAt, CoveredTo: g.CoveredTo,
		Origin: g.Origin, CreatedBy: g.CreatedBy, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt,
	}
}

func toWindow(w *outturn.Window) *outturn.ManifestWindow {
	if w == nil {
		return nil
	}
	return &outturn.ManifestWindow{From: w.From.In(w.Zone), To: w.To.In(w.Zone), Zone: w.Zone.String()}
}

// forecasts writes firings to come in the zone of the schedule.
func forecasts(g outturn.Generator, list []reporting.Forecast) []forecastJSON {
	name := g.Request.Zone
	if g.Trigger.Schedule != nil {
		name = g.Trigger.Schedule.Zone
	}
	zone, err := outturn.LoadZone(name)
	if err != nil {
		zone = time.UTC // the machine has it no more
	}
	out := []forecastJSON{}
	for _, f := range list {
		out = append(out, forecastJSON{At: f.At.UTC(), Local: f.At.In(zone), Zone: zone.String(), Window: toWindow(f.Window), Skipped: f.Skipped})
	}
	return out
}

type generatorAnswer struct {
	Status   int
	ETag     string `header:"ETag" doc:"The revision, for If-Match."`
	Location string `header:"Location"`
	Body     generatorJSON
}

func answerGenerator(g outturn.Generator, err error) (*generatorAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &generatorAnswer{Status: http.StatusOK, ETag: `"` + strconv.Itoa(g.Revision) + `"`, Body: toGenerator(g)}, nil
}

// answerDraft answers with what was not kept.
func answerDraft(d reporting.GeneratorDraft, err error) (*generatorAnswer, error) {
	answer, err := answerGenerator(d.Generator, err)
	if err != nil {
		return nil, err
	}
	answer.ETag, answer.Body.Upcoming = "", forecasts(d.Generator, d.Upcoming)
	return answer, nil
}

type DryRun struct {
	DryRun bool `query:"dry_run" doc:"Say what would be, and keep nothing."`
}

type createGeneratorInput struct {
	DryRun
	Body GeneratorBody
}

// POST /v1/generators
func (a *API) createGenerator(ctx context.Context, p outturn.Principal, in *createGeneratorInput) (*generatorAnswer, error) {
	if in.DryRun.DryRun {
		return answerDraft(a.Service.DraftGenerator(ctx, p, in.Body.input()))
	}
	answer, err := answerGenerator(a.Service.CreateGenerator(ctx, p, in.Body.input()))
	if err == nil {
		answer.Status, answer.Location = http.StatusCreated, "/v1/generators/"+answer.Body.ID
	}
	return answer, err
}

type listGeneratorsInput struct {
	ListInput
	Tenant string `query:"tenant" doc:"Id of the tenant whose generators to list; * is all that the client may see. Default: its own."`
}

// GET /v1/generators
func (a *API) listGenerators(ctx context.Context, p outturn.Principal, in *listGeneratorsInput) (*page[generatorJSON], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.Generators(ctx, p, in.Tenant, q)
	if err != nil {
		return nil, listFault(err)
	}
	extra := url.Values{}
	if in.Tenant != "" {
		extra.Set("tenant", in.Tenant)
	}
	return pageOf(list, "/v1/generators", in.ListInput, extra, toGenerator), nil
}

// PUT /v1/generators
func (a *API) applyGenerator(ctx context.Context, p outturn.Principal, in *createGeneratorInput) (*generatorAnswer, error) {
	if in.DryRun.DryRun {
		d, applied, err := a.Service.DraftApply(ctx, p, in.Body.input())
		answer, err := answerDraft(d, err)
		if err == nil {
			answer.Body.Applied = applied
		}
		return answer, err
	}
	g, applied, err := a.Service.ApplyGenerator(ctx, p, in.Body.input())
	answer, err := answerGenerator(g, err)
	if err != nil {
		return nil, err
	}
	answer.Body.Applied = applied
	if applied == reporting.AppliedCreated {
		answer.Status, answer.Location = http.StatusCreated, "/v1/generators/"+g.ID
	}
	return answer, nil
}

// GET /v1/generators/{id}
func (a *API) getGenerator(ctx context.Context, p outturn.Principal, in *IDInput) (*generatorAnswer, error) {
	return answerGenerator(a.Service.Generator(ctx, p, in.ID))
}

func (a *API) revision(ctx context.Context, p outturn.Principal, in Versioned) (int, error) {
	return in.version(func() (int, error) {
		g, err := a.Service.Generator(ctx, p, in.ID)
		return g.Revision, err
	})
}

type updateGeneratorInput struct {
	Versioned
	DryRun
	Body generatorPatch
}

// PATCH /v1/generators/{id}
func (a *API) updateGenerator(ctx context.Context, p outturn.Principal, in *updateGeneratorInput) (*generatorAnswer, error) {
	revision, err := a.revision(ctx, p, in.Versioned)
	if err != nil {
		return nil, err
	}
	g, err := a.Service.Generator(ctx, p, in.ID)
	if err != nil {
		return nil, err
	}
	body, err := in.Body.apply(toGeneratorBody(g))
	if err != nil {
		return nil, err
	}
	if in.DryRun.DryRun {
		return answerDraft(a.Service.DraftUpdate(ctx, p, in.ID, revision, body.input()))
	}
	return answerGenerator(a.Service.UpdateGenerator(ctx, p, in.ID, revision, body.input()))
}

// A generatorPatch is what is to change of a GeneratorBody.
type generatorPatch struct{ text json.RawMessage }

// UnmarshalJSON keeps the text; apply understands it.
func (g *generatorPatch) UnmarshalJSON(text []byte) error {
	g.text = append(g.text[:0], text...)
	return nil
}

// Schema is of huma.SchemaProvider: all that a generator may have, and of it nothing
// that must be there.
func (generatorPatch) Schema(r huma.Registry) *huma.Schema {
	return optional(r, r.Schema(typeOf[GeneratorBody](), true, ""))
}

func (g *generatorPatch) apply(to GeneratorBody) (GeneratorBody, error) {
	text, err := mergePatch(to, g.text)
	if err != nil {
		return to, err
	}
	var merged GeneratorBody
	err = json.Unmarshal(text, &merged)
	return merged, err
}

// DELETE /v1/generators/{id}
func (a *API) deleteGenerator(ctx context.Context, p outturn.Principal, in *Versioned) (*struct{}, error) {
	revision, err := a.revision(ctx, p, *in)
	if err != nil {
		return nil, err
	}
	return nil, a.Service.DeleteGenerator(ctx, p, in.ID, revision)
}

// POST /v1/generators/{id}/enable
func (a *API) enableGenerator(ctx context.Context, p outturn.Principal, in *IDInput) (*generatorAnswer, error) {
	return answerGenerator(a.Service.EnableGenerator(ctx, p, in.ID))
}

// POST /v1/generators/{id}/disable
func (a *API) disableGenerator(ctx context.Context, p outturn.Principal, in *IDInput) (*generatorAnswer, error) {
	return answerGenerator(a.Service.DisableGenerator(ctx, p, in.ID))
}

type upcomingInput struct {
	IDInput
	N int `query:"n" default:"12" minimum:"1" maximum:"100" doc:"How many."`
}

type upcomingAnswer struct {
	Items []forecastJSON `json:"items" nullable:"false"`
}

// GET /v1/generators/{id}/upcoming
func (a *API) listUpcoming(ctx context.Context, p outturn.Principal, in *upcomingInput) (*body[upcomingAnswer], error) {
	g, list, err := a.Service.Upcoming(ctx, p, in.ID, in.N)
	if err != nil {
		return nil, err
	}
	return &body[upcomingAnswer]{upcomingAnswer{forecasts(g, list)}}, nil
}

type generatorListInput struct {
	IDInput
	ListInput
}

// GET /v1/generators/{id}/runs
func (a *API) listGeneratorRuns(ctx context.Context, p outturn.Principal, in *generatorListInput) (*page[runJSON], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.GeneratorRuns(ctx, p, in.ID, q)
	if err != nil {
		return nil, listFault(err)
	}
	return pageOf(list, "/v1/generators/"+url.PathEscape(in.ID)+"/runs", in.ListInput, url.Values{}, toRun), nil
}

// A firingJSON is one time that a generator fired, or was to.
type firingJSON struct {
	ID           string                  `json:"id"`
	Generator    string                  `json:"generator"`
	Revision     int                     `json:"revision"`
	Cause        outturn.Cause           `json:"cause" enum:"schedule,manual,backfill,event"`
	ScheduledFor time.Time               `json:"scheduled_for" doc:"When it was due; of other causes than schedule, when it was asked for."`
	Window       *outturn.ManifestWindow `json:"window,omitempty"`
	Event        string                  `json:"event,omitempty" doc:"Id of the event that it is for."`
	Invoice      string                  `json:"invoice,omitempty" doc:"What that event was about."`
	Run          string                  `json:"run,omitempty" doc:"What it made; absent where it was skipped."`
	Skipped      string                  `json:"skipped,omitempty" doc:"Why it made none: missed, overlap, limit, invalid, paused or disabled."`
	Message      string                  `json:"message,omitempty" doc:"The same as a sentence."`
	At           time.Time               `json:"at" doc:"When it was decided."`
}

func toFiring(f outturn.Firing) firingJSON {
	return firingJSON{
		ID: f.ID, Generator: f.Generator, Revision: f.Revision, Cause: f.Cause, ScheduledFor: f.ScheduledFor, Window: toWindow(f.Window),
		Event: f.Event, Invoice: f.Invoice, Run: f.Run, Skipped: f.Skipped, Message: f.Message, At: f.At,
	}
}

// GET /v1/generators/{id}/firings
func (a *API) listFirings(ctx context.Context, p outturn.Principal, in *generatorListInput) (*page[firingJSON], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.Firings(ctx, p, in.ID, q)
	if err != nil {
		return nil, listFault(err)
	}
	return pageOf(list, "/v1/generators/"+url.PathEscape(in.ID)+"/firings", in.ListInput, url.Values{}, toFiring), nil
}
