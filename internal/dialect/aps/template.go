package aps

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/dialect/rde"
	"outturn/internal/reporting"
)

func (d *Dialect) templates() *kind {
	return &kind{
		name: "RDEReportTemplate", types: []typeID{templateType}, implements: []typeID{unlimitedType, resourceType},
		collection: "rde-report-templates", named: "commonName",
		fields: map[string]field{
			"aps.id": plain("id"), "aps.modified": moment("updated_at"), "aps.status": always(statusReady),
			"commonName": commonName, "format": lower("format"), "eventType": oneOf(eventTypes),
			"nextReportDate": moment("next_at"), "tenant.aps.id": plain("tenant"), "dataSet.aps.id": d.dataSetField,
		},
		orders: map[string]string{"commonName": "name", "aps.modified": "updated_at"},
		list:   listTemplates, get: getTemplate, create: createTemplate, check: checkTemplate, update: updateTemplate, remove: removeTemplate,
		relations: []relation{
			{name: "reportFiles", to: "RDEReportFile", scope: func(r *resource) (*outturn.Expr, string) {
				g := generatorOf(r)
				return equal("generator", g.ID), g.Tenant
			}},
			{name: "tenant", to: "RDETenant", end: func(_ context.Context, _ *call, r *resource) (string, error) { return generatorOf(r).Tenant, nil }},
			{
				name: "dataSet", to: "data-set",
				end: func(_ context.Context, _ *call, r *resource) (string, error) {
					return dataSetID(generatorOf(r).Request.Dataset), nil
				},
				set: func(ctx context.Context, c *call, r *resource, id string) error {
					return relink(ctx, c, r, "dataSet", id)
				},
			},
			{
				name: "customization", to: "RDEReportCustomization",
				end: func(ctx context.Context, c *call, r *resource) (string, error) {
					g := generatorOf(r)
					return c.customizationID(ctx, g.Tenant, g.Request)
				},
				set: func(ctx context.Context, c *call, r *resource, id string) error {
					return relink(ctx, c, r, "customization", id)
				},
				unset: func(ctx context.Context, c *call, r *resource) error { return relink(ctx, c, r, "customization", "") },
			},
		},
	}
}

func generatorOf(r *resource) *outturn.Generator { return r.of.(*outturn.Generator) }

// A record is what is kept of a template beside its generator, to be given back.
type record struct {
	Type string `json:"type"` // as it was sent
	// EventType and Parameters are as they were sent, as long as the generator is at
	// Revision: it may have been changed elsewhere since.
	EventType  string     `json:"eventType"`
	Parameters parameters `json:"parameters"`
	Revision   int        `json:"revision"`
}

// recordOf returns what is kept of a template, whether what was sent holds still, and
// its type: the newest, of one that no client of APS has made.
func recordOf(origin string, foreign json.RawMessage, revision int) (kept record, holds bool, t typeID) {
	if origin != Origin || json.Unmarshal(foreign, &kept) != nil {
		return record{}, false, templateType
	}
	t, ok := parseType(kept.Type)
	if !ok {
		return record{}, false, templateType
	}
	return kept, kept.Revision == revision, t
}

// eventTypes are the words for what makes reports (section 1.1) as conditions. PERIODIC
// is an older word for all that has a rhythm.
var eventTypes = map[string]*outturn.Expr{
	"ONETIME":    among("rhythm", outturn.RhythmOnce, outturn.RhythmManual),
	"DAILY":      among("rhythm", outturn.RhythmDay),
	"MONTHLY":    among("rhythm", outturn.RhythmMonth),
	"PERIODIC":   among("rhythm", outturn.RhythmDay, outturn.RhythmMonth, outturn.RhythmWeek, outturn.RhythmCron),
	"ON_INVOICE": among("rhythm", outturn.RhythmEvent),
}

var eventTypeWords = []string{"ONETIME", "PERIODIC", "DAILY", "MONTHLY", "ON_INVOICE"}

// periods are the words for rhythms (section 1.1).
var periods = map[outturn.Rhythm]string{outturn.RhythmDay: "P1D", outturn.RhythmMonth: "P1M"}

// toTemplate is a generator as its clients see it.
func (d *Dialect) toTemplate(g outturn.Generator, status string) *resource {
	_, _, t := recordOf(g.Origin, g.Foreign, g.Revision)
	w := wishOf(g)
	wire := templateWire{
		APS:        d.envelope(g.ID, t, status, g.Revision+2, g.UpdatedAt),
		CommonName: w.commonName, EventType: w.eventType, Format: strings.ToUpper(w.format), NotifyByEmail: w.notify, Parameters: w.parameters,
		NextReportDate: instant(g.NextAt), Actor: rde.ID("actor", g.CreatedBy), Identity: rde.ID("identity", g.CreatedBy),
	}
	if g.Trigger.Kind == outturn.TriggerOnce {
		wire.NextReportDate = ""
	}
	if t.minor >= 2 {
		wire.LastReportDate = instant(g.LastFiredAt)
		if g.Trigger.Kind == outturn.TriggerSchedule {
			wire.PeriodicTask = rde.ID("task", g.ID)
		}
	}
	if t.minor >= 5 {
		wire.SourceType = "API"
	}
	return &resource{kind: d.kind("RDEReportTemplate"), id: g.ID, wire: wire, of: &g}
}

// parametersOf are those of a generator that no record tells of.
func parametersOf(g outturn.Generator) (p parameters) {
	p.Period = periods[g.Trigger.Rhythm()]
	if s := g.Trigger.Schedule; s != nil && p.Period == "P1M" {
		p.StartDay = s.Day
	}
	if g.Window.Kind != outturn.WindowFixed {
		return p
	}
	zone, err := outturn.LoadZone(g.Request.Zone)
	if err != nil {
		return p
	}
	if w, err := outturn.NewWindow(g.Window.From, g.Window.To, zone); err == nil {
		p.StartDate, p.EndDate = endsOf(w)
	}
	return p
}

// endsOf are the first and the last second of a window.
func endsOf(w outturn.Window) (start, end string) {
	first, last := rde.Ends(w)
	return instant(first), instant(last)
}

func listTemplates(ctx context.Context, c *call, q listing) (found, error) {
	page, err := c.Gate.Service.Generators(ctx, c.p, q.tenant, q.ListQuery)
	all := found{total: page.Total}
	for _, g := range page.Items {
		all.list = append(all.list, c.toTemplate(g, statusReady))
	}
	return all, err
}

func getTemplate(ctx context.Context, c *call, id string) (*resource, error) {
	if version(id) != '7' {
		return nil, notFound(id)
	}
	g, err := c.Gate.Service.Generator(ctx, c.p, id)
	if err != nil {
		return nil, err
	}
	return c.toTemplate(g, statusReady), nil
}

// A wish is a template as its client wants it.
type wish struct {
	commonName, format, eventType string
	parameters                    parameters
	notify                        bool
	dataSet, view                 string // names
	tenant                        string // id; "" the caller's own
}

// wishOf is what a generator could have been made of.
func wishOf(g outturn.Generator) wish {
	w := wish{
		commonName: cmp.Or(g.RunName, g.Name), eventType: rde.EventType(g.Trigger.Rhythm()), parameters: parametersOf(g),
		notify:  slices.ContainsFunc(g.Deliveries, isMail),
		dataSet: g.Request.Dataset, view: g.Request.View, tenant: g.Tenant,
	}
	if len(g.Request.Outputs) > 0 {
		w.format = g.Request.Outputs[0].Format
	}
	if kept, holds, _ := recordOf(g.Origin, g.Foreign, g.Revision); holds {
		w.eventType, w.parameters = kept.EventType, kept.Parameters
	}
	return w
}

func isMail(d outturn.Destination) bool { return d.Kind == outturn.DestinationEmail }

// read puts what a client sent into w, which is empty or as it was.
func (w *wish) read(ctx context.Context, c *call, in members) error {
	was := w.format
	in.read("commonName", "a text", &w.commonName)
	in.read("notifyByEmail", "true or false", &w.notify)
	if in.read("format", "one of CSV, XML, XLSX and JSON", &w.format) || !in.has("format") && w.format == "" {
		format, err := rde.Format(w.format)
		if strings.EqualFold(w.format, was) && was != "" {
			format, err = was, nil // made elsewhere, of a format that APS does not have
		}
		if err != nil {
			in.fault("format", "format is one of CSV, XML, XLSX and JSON.")
			format = "json" // the rest can be looked at all the same
		}
		w.format = format
	}
	in.read("eventType", "one of "+strings.Join(eventTypeWords, ", "), &w.eventType)
	if in.has("parameters") {
		var p parameters
		in.read("parameters", "an object with startDate and endDate, or period and startDay", &p)
		w.parameters = p
	}
	var err error
	var found *resource
	id, dataSetGiven := in.reference("dataSet")
	if dataSetGiven = dataSetGiven && id != ""; dataSetGiven {
		if found, err = c.linked(ctx, "dataSet", id, "data-set"); err != nil {
			return err
		}
		if dataset := found.of.(*outturn.Dataset).Name; dataset != w.dataSet {
			w.dataSet, w.view = dataset, ""
		}
	}
	var view *outturn.SavedView
	if id, given := in.reference("customization"); given && id == "" {
		w.view = ""
	} else if given {
		if found, err = c.linked(ctx, "customization", id, "RDEReportCustomization"); err != nil {
			return err
		}
		view = found.of.(*outturn.SavedView)
		if dataSetGiven && view.Dataset != w.dataSet {
			in.fault("customization", "The customization is of another data set than dataSet.")
		}
		w.dataSet, w.view = view.Dataset, view.Name
	}
	if id, given := in.reference("tenant"); given && id != "" {
		if found, err = c.linked(ctx, "tenant", id, "RDETenant"); err != nil {
			return err
		}
		w.tenant = found.id
	}
	if w.dataSet == "" {
		w.dataSet = rde.DefaultDataset
	}
	if view == nil {
		return nil
	}
	// The ledger knows it by its name, which may be that of another one.
	id, err = c.customizationID(ctx, cmp.Or(w.tenant, c.p.Tenant), outturn.RunRequest{Dataset: w.dataSet, View: w.view})
	if err == nil && id != view.ID {
		in.fault("customization", "The customization is not for this report template: it is another tenant's, or the template's tenant has one of the same name.")
	}
	return err
}

// linked returns what a link leads to, which is to be of a kind.
func (c *call) linked(ctx context.Context, field, id, kind string) (*resource, error) {
	if isUUID(id) {
		r, err := c.kind(kind).get(ctx, c, id)
		if code := outturn.ErrorCode(err); code != outturn.CodeNotFound && code != outturn.CodeGone {
			return r, err
		}
	}
	return nil, outturn.InField(field, notFound(id))
}

// spec is what is to be made of w, in place of what was. Faults are noted in in.
func (w *wish) spec(ctx context.Context, c *call, in members, was outturn.GeneratorSpec, old wish) (outturn.GeneratorSpec, error) {
	spec := was
	if w.commonName != old.commonName || was.Name == "" {
		spec.Name, spec.RunName = w.commonName, ""
	}
	if w.format != old.format {
		spec.Request.Outputs = rde.Outputs(w.format)
	}
	if w.dataSet != old.dataSet {
		spec.Request.Where, spec.Request.Order = nil, nil
	}
	if w.dataSet != old.dataSet || w.view != old.view {
		spec.Request.Columns, spec.Request.OwnView = nil, nil
	}
	spec.Request.Dataset, spec.Request.View = w.dataSet, w.view
	if w.eventType != old.eventType || w.parameters != old.parameters || w.dataSet != old.dataSet {
		if err := w.schedule(ctx, c, in, &spec); err != nil {
			return spec, err
		}
	}
	if w.notify != old.notify {
		if err := w.mail(ctx, c, in, &spec); err != nil {
			return spec, err
		}
	}
	return spec, nil
}

// mail makes a spec tell its client of reports by mail, or not any more (section 6).
func (w *wish) mail(ctx context.Context, c *call, in members, spec *outturn.GeneratorSpec) error {
	spec.Deliveries = slices.DeleteFunc(slices.Clone(spec.Deliveries), isMail)
	if !w.notify {
		return nil
	}
	address, err := c.Gate.Service.Address(ctx, c.p)
	if err != nil {
		return err
	}
	if address == "" {
		in.fault("notifyByEmail", "The client that signs has no e-mail address. Whoever makes clients has to make one that has (outturn client add --email).")
		return nil
	}
	spec.Deliveries = append(spec.Deliveries, outturn.Destination{
		Kind: outturn.DestinationEmail, To: []string{address}, On: []string{outturn.RunSucceededEvent},
	})
	return nil
}

// schedule says when a spec fires and over which window. What an event type needs has
// to be there, and what contradicts it is refused; what it has no use for is passed over.
func (w *wish) schedule(ctx context.Context, c *call, in members, spec *outturn.GeneratorSpec) error {
	p := w.parameters
	w.parameters = parameters{}
	spec.Trigger, spec.Window, spec.Request.Zone = outturn.Trigger{Kind: outturn.TriggerManual}, outturn.WindowRule{}, ""
	switch w.eventType {
	case "ONETIME":
		return w.once(ctx, c, in, spec, p)
	case "ON_INVOICE":
		spec.Trigger = outturn.Trigger{Kind: outturn.TriggerEvent, Event: outturn.EventInvoiceIssued}
		return nil
	case "PERIODIC", "DAILY", "MONTHLY":
		return w.periodic(ctx, c, in, spec, p)
	}
	in.fault("eventType", "eventType is one of %s.", strings.Join(eventTypeWords, ", "))
	return nil
}

func (w *wish) once(ctx context.Context, c *call, in members, spec *outturn.GeneratorSpec, p parameters) error {
	d, err := c.dataSet(ctx, w.dataSet)
	if err != nil {
		return err
	}
	t, err := c.tenant(ctx, w.tenant)
	if err != nil {
		return outturn.InField("tenant", err)
	}
	zone, err := outturn.LoadZone(c.Gate.Service.Zone(t.Tenant))
	if err != nil {
		return err
	}
	spec.Trigger = outturn.Trigger{Kind: outturn.TriggerOnce}
	if d.Period == nil && p.StartDate == "" && p.EndDate == "" {
		return nil
	}
	start, ok := in.date("parameters.startDate", p.StartDate, false)
	end, okEnd := in.date("parameters.endDate", p.EndDate, true)
	if !ok || !okEnd {
		return nil
	}
	if end.Before(start) {
		in.fault("parameters.endDate", "parameters.endDate is before parameters.startDate.")
		return nil
	}
	w.parameters = parameters{StartDate: instant(start), EndDate: instant(end)}
	if d.Period != nil { // else it is a snapshot of what there is
		cut := rde.Window(d, start, end, zone)
		spec.Window = outturn.WindowRule{Kind: outturn.WindowFixed, From: cut.From, To: cut.To}
		spec.Request.Zone = cut.Zone
	}
	return nil
}

// date reads an instant; a day alone is its first second in UTC, or its last.
func (m members) date(field, text string, last bool) (time.Time, bool) {
	if text == "" {
		m.fault(field, "%s is missing: a report that is made once is of a time.", field)
		return time.Time{}, false
	}
	t, err := outturn.ParseInstant(field, rde.Instant(text), time.UTC)
	switch year := t.UTC().Year(); {
	case err != nil:
		m.fault(field, "%s is no date and time, such as 2025-09-30T23:59:59Z.", field)
		return t, false
	case year == 1 || year == 9999: // the zero time, and what ends in the year 10000
		m.fault(field, "%s is of a year from 2 to 9998.", field)
		return t, false
	}
	if _, err := time.Parse(time.DateOnly, text); err == nil && last {
		t = t.AddDate(0, 0, 1).Add(-time.Second)
	}
	return t, true
}

func (w *wish) periodic(ctx context.Context, c *call, in members, spec *outturn.GeneratorSpec, p parameters) error {
	implied := map[string]string{"DAILY": "P1D", "MONTHLY": "P1M"}[w.eventType]
	period := cmp.Or(p.Period, implied)
	switch {
	case period == "":
		in.fault("parameters.period", "parameters.period is missing: P1D or P1M.")
		return nil
	case period != "P1D" && period != "P1M":
		in.fault("parameters.period", "parameters.period is P1D or P1M.")
		return nil
	case implied != "" && period != implied:
		in.fault("parameters.period", "parameters.period of %s is %s, or left out.", w.eventType, implied)
		return nil
	}
	d, err := c.dataSet(ctx, w.dataSet)
	if err != nil {
		return err
	}
	w.parameters.Period = p.Period
	schedule := outturn.Recurrence{Every: outturn.UnitDay}
	if period == "P1M" {
		w.parameters.StartDay = p.StartDay
		if p.StartDay < 0 || p.StartDay > 31 {
			in.fault("parameters.startDay", "parameters.startDay is a day of the month, 1 to 31.")
			return nil
		}
		schedule = outturn.Recurrence{Every: outturn.UnitMonth, Day: max(p.StartDay, 1), IfMissing: "last"}
	}
	spec.Trigger = outturn.Trigger{Kind: outturn.TriggerSchedule, Schedule: &schedule, CatchUp: outturn.CatchUpAll}
	if d.Period != nil {
		spec.Window = outturn.WindowRule{Kind: outturn.WindowPrevious, Unit: schedule.Every}
	}
	return nil
}

// prepare is a new template as it is to be made.
func (c *call) prepare(ctx context.Context, t typeID, in members) (reporting.GeneratorInput, error) {
	w := wish{}
	if err := w.read(ctx, c, in); err != nil {
		return reporting.GeneratorInput{}, err
	}
	spec, err := w.spec(ctx, c, in, outturn.GeneratorSpec{}, wish{})
	if err != nil {
		return reporting.GeneratorInput{}, err
	}
	kept, err := json.Marshal(record{t.String(), w.eventType, w.parameters, 1})
	return reporting.GeneratorInput{Tenant: w.tenant, Spec: spec, Faults: in.err(), Origin: Origin, Foreign: kept}, err
}

func createTemplate(ctx context.Context, c *call, t typeID, in members) (*resource, error) {
	wanted, err := c.prepare(ctx, t, in)
	if err != nil {
		return nil, err
	}
	g, err := named(wanted, func(in reporting.GeneratorInput) (outturn.Generator, error) {
		return c.Gate.Service.CreateGenerator(ctx, c.p, in)
	})
	if err != nil {
		return nil, err
	}
	return c.toTemplate(g, statusProvisioning), nil
}

func checkTemplate(ctx context.Context, c *call, t typeID, in members) error {
	wanted, err := c.prepare(ctx, t, in)
	if err != nil {
		return err
	}
	_, err = named(wanted, func(in reporting.GeneratorInput) (reporting.GeneratorDraft, error) {
		return c.Gate.Service.DraftGenerator(ctx, c.p, in)
	})
	return err
}

// named makes something of an input, under another name where the one that was asked
// for is taken: APS knows templates by their ids and permits any number of one name. Its
// reports have the name that was asked for.
func named[T any](in reporting.GeneratorInput, make func(reporting.GeneratorInput) (T, error)) (T, error) {
	made, err := make(in)
	if !hasFault(err, "name") || strings.TrimSpace(in.Spec.Name) == "" {
		return made, err
	}
	in.Spec.RunName, in.Spec.Name = in.Spec.Name, another(in.Spec.Name)
	again, errAgain := make(in)
	if hasFault(errAgain, "run_name") { // it is not taken, it is no name at all
		return made, err
	}
	return again, errAgain
}

func hasFault(err error, field string) bool {
	return slices.ContainsFunc(outturn.Faults(err), func(f *outturn.Error) bool { return f.Field == field })
}

// another is a name that nobody has.
func another(name string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	suffix := " (" + hex.EncodeToString(b[:]) + ")"
	runes := []rune(name)
	return string(runes[:min(len(runes), mostName-len(suffix))]) + suffix
}

// mostName is how many characters the name of a generator has at most.
const mostName = 120

func updateTemplate(ctx context.Context, c *call, r *resource, in members) (*resource, error) {
	g := *generatorOf(r)
	old := wishOf(g)
	w := old
	if err := w.read(ctx, c, in); err != nil {
		return nil, err
	}
	if w.tenant != old.tenant {
		in.fault("tenant", "A report template stays with its tenant. Make another one.")
	}
	spec, err := w.spec(ctx, c, in, g.GeneratorSpec, old)
	if err != nil {
		return nil, err
	}
	wanted := reporting.GeneratorInput{Spec: spec, Faults: in.err(), Origin: g.Origin}
	if g.Origin == Origin && (w != old || !same(spec, g.GeneratorSpec)) {
		_, _, t := recordOf(g.Origin, g.Foreign, g.Revision)
		if wanted.Foreign, err = json.Marshal(record{t.String(), w.eventType, w.parameters, g.Revision + 1}); err != nil {
			return nil, err
		}
	}
	changed, err := named(wanted, func(in reporting.GeneratorInput) (outturn.Generator, error) {
		return c.Gate.Service.UpdateGenerator(ctx, c.p, g.ID, g.Revision, in)
	})
	if err != nil {
		return nil, err
	}
	// A report that was made once is made again where it is to be of another time.
	if w.eventType == "ONETIME" && g.State == outturn.GeneratorDone && changed.State == outturn.GeneratorDone && changed.Window != g.Window {
		if _, err := c.Gate.Service.RunGenerator(ctx, c.p, g.ID, "", ""); err != nil {
			return nil, err
		}
	}
	return c.toTemplate(changed, statusReady), nil
}

// same says of two specs that they are kept alike.
func same(a, b outturn.GeneratorSpec) bool {
	textA, _ := json.Marshal(a) // of texts and numbers
	textB, _ := json.Marshal(b)
	return bytes.Equal(textA, textB)
}

// relink makes one relation of a template lead somewhere else; "" is nowhere.
func relink(ctx context.Context, c *call, r *resource, name, id string) error {
	link := json.RawMessage("null")
	if id != "" {
		link, _ = json.Marshal(map[string]any{"aps": map[string]string{"id": id}}) // of texts
	}
	_, err := updateTemplate(ctx, c, r, members{map[string]json.RawMessage{name: link}, new([]error)})
	return err
}

func removeTemplate(ctx context.Context, c *call, r *resource) error {
	g := generatorOf(r)
	return c.Gate.Service.DeleteGenerator(ctx, c.p, g.ID, g.Revision)
}
