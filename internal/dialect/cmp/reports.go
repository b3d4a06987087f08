package cmp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"outturn"
	"outturn/internal/dialect/rde"
	"outturn/internal/edge"
	"outturn/internal/reporting"
)

// GET /reports (section 3.1)
func (a *API) listReports(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Gate.Subscriber(w, r)
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return outturn.Errorf(outturn.CodeInvalid, "The query cannot be read: write %% as %%25 and ; as %%3B in it.")
	}
	wanted, err := a.fromQuery(values)
	if err != nil {
		return err
	}
	l := &list{api: a, ctx: r.Context(), p: p, wanted: wanted}
	if a.Paging {
		return l.page(w)
	}
	if wanted.offset > 0 {
		if total, more, err := l.count(); err != nil || !more && wanted.offset >= total {
			// A client that pages until nothing comes would never end.
			return l.answer(w, nil, pagination{0, total, total}, err)
		}
	}
	return l.all(w)
}

// POST /reports (section 3.3)
func (a *API) createReport(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Gate.Subscriber(w, r)
	if err != nil {
		return err
	}
	text, err := edge.ReadBody(r)
	if err != nil {
		return err
	}
	var body reportBody
	if err := edge.ReadJSON(text, &body); err != nil {
		return outturn.Errorf(outturn.CodeInvalid, "The body is no JSON object: %w.", err)
	}
	in, err := a.fromReport(r.Context(), p, body)
	if err != nil {
		return err
	}
	run, err := a.Gate.Service.CreateRun(r.Context(), p, in)
	if err != nil {
		return badRequest{err, body.sent()}
	}
	edge.RequestOf(r.Context()).Run = run.ID
	answer(w, http.StatusOK, a.toReport(&run))
	return nil
}

// GET /reports/{reportId} (section 3)
func (a *API) getReport(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Gate.Subscriber(w, r)
	if err != nil {
		return err
	}
	id := strings.ToLower(r.PathValue("id"))
	if len(id) > outturn.IDLength {
		return noReport(id)
	}
	edge.RequestOf(r.Context()).Run = id
	run, err := a.Gate.Service.Run(r.Context(), p, id)
	switch {
	case outturn.ErrorCode(err) == outturn.CodeNotFound, err == nil && (run.Tenant != p.Tenant || !run.Listed()):
		return noReport(id)
	case err != nil:
		return err
	}
	reports, err := a.toReports(r.Context(), p, []outturn.Run{run})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, reports[0])
	return nil
}

func noReport(id string) error {
	return outturn.Errorf(outturn.CodeNotFound, "There is no report %s.", outturn.Shown(id))
}

// toReports are runs as CMP has them, with links to the files of those that are done.
// Who may not make links gets none.
func (a *API) toReports(ctx context.Context, p outturn.Principal, runs []outturn.Run) ([]report, error) {
	reports := make([]report, len(runs))
	files, whose := make([]outturn.File, 0, len(runs)), make([]*report, 0, len(runs))
	for i := range runs {
		reports[i] = a.toReport(&runs[i])
		if f := fileOf(&runs[i]); f != nil {
			files, whose = append(files, *f), append(whose, &reports[i])
		}
	}
	if len(files) == 0 || !reporting.MayLink(p) {
		return reports, nil
	}
	paths, _, err := a.Gate.Service.SignLinks(ctx, p, files)
	if err != nil {
		return nil, err
	}
	base := a.Gate.Base(ctx)
	for i, path := range paths {
		if path != "" {
			whose[i].DownloadURL = base + path
		}
	}
	return reports, nil
}

// fromReport is what asks for a run, with all that is wrong with it.
func (a *API) fromReport(ctx context.Context, p outturn.Principal, body reportBody) (reporting.CreateRunInput, error) {
	in := reporting.CreateRunInput{Origin: "cmp", Request: outturn.RunRequest{Dataset: rde.DefaultDataset}}
	b := &reader{body: body}
	if in.Name = b.text("name"); in.Name == "" && b.sound("name") { // a blank one is refused with all others
		b.faultf("name", "Give the report a name.")
	}
	in.Request.Outputs = rde.Outputs("json")
	if format := b.text("format"); format != "" {
		known, err := rde.Format(format)
		if b.fault("format", err); err == nil {
			in.Request.Outputs = rde.Outputs(known)
		}
	}
	start, end, sound := a.ends(b)
	if err := a.chooseView(ctx, p, b, &in.Request); err != nil {
		return in, err
	}
	if !sound {
		in.Faults = errors.Join(b.faults...)
		return in, nil
	}
	dataset, err := a.dataset(ctx, p, in.Request.Dataset)
	if err != nil {
		return in, err
	}
	zone, err := a.zone(ctx, p)
	if err != nil {
		return in, err
	}
	if dataset.Period != nil {
		window := rde.Window(dataset, start, end, zone)
		in.Window = &window
	}
	in.Faults = errors.Join(b.faults...)
	return in, nil
}

// ends are the first and last second of the period that is asked for; not sound where
// they are none.
func (a *API) ends(b *reader) (start, end time.Time, sound bool) {
	now := a.Now().UTC().Truncate(time.Second)
	start, started := b.instant("startDate")
	end, ended := b.instant("endDate")
	if !started {
		if b.sound("startDate") {
			b.faultf("startDate", "Say when the period starts, as 2025-10-01T00:00:00Z.")
		}
		return start, end, false
	}
	if !ended && b.sound("endDate") {
		end, ended = now, true
	}
	switch {
	case start.After(now):
		b.faultf("startDate", "startDate is in the future.")
	case !ended:
	case end.Before(start):
		b.faultf("endDate", "endDate is before startDate.")
	case end.Sub(start) > a.MaxPeriod-time.Second: // both ends are in it
		b.faultf("endDate", "The period is longer than %d days, which is the most.", a.MaxPeriod/day)
	}
	return start, end, ended && b.sound("startDate") && b.sound("endDate")
}

// chooseView finds the data set and the view that a report has. Without a name that is
// the view for CMP's clients of the data set of those who name none, or all of it.
func (a *API) chooseView(ctx context.Context, p outturn.Principal, b *reader, q *outturn.RunRequest) error {
	sent := b.text("customizationName")
	v, err := a.Gate.Service.FindView(ctx, p, cmp.Or(sent, rde.DefaultDataset+"/"+cmpView), rde.DefaultDataset)
	switch {
	case err == nil:
		q.Dataset, q.View = v.Dataset, v.Name
	case outturn.ErrorCode(err) != outturn.CodeInvalid:
		return err
	case sent != "":
		b.fault("customizationName", err)
	default:
		q.View = outturn.FullView
	}
	return nil
}

func (a *API) dataset(ctx context.Context, p outturn.Principal, name string) (*outturn.Dataset, error) {
	sets, err := a.Gate.Service.Datasets(ctx, p)
	for i := range sets {
		if sets[i].Name == name {
			return &sets[i], nil
		}
	}
	return &outturn.Dataset{}, err // whoever makes the run says that there is none
}

// zone is where the days of the caller's tenant begin.
func (a *API) zone(ctx context.Context, p outturn.Principal) (*time.Location, error) {
	t, err := a.Gate.Service.Tenant(ctx, p, p.Tenant)
	if err != nil {
		return nil, err
	}
	return outturn.LoadZone(a.Gate.Service.Zone(t))
}

// A reader reads a body member by member, and notes each fault.
type reader struct {
	body   reportBody
	faults []error
	broken map[string]bool
}

func (b *reader) fault(name string, err error) {
	if err == nil {
		return
	}
	if b.broken == nil {
		b.broken = map[string]bool{}
	}
	b.broken[name] = true
	b.faults = append(b.faults, outturn.InField(name, err))
}

func (b *reader) faultf(name, format string, args ...any) {
	b.fault(name, outturn.Errorf(outturn.CodeInvalid, format, args...))
}

// sound says whether nothing is wrong with a member so far.
func (b *reader) sound(name string) bool { return !b.broken[name] }

// text is a member that is text; "" where it is missing or null.
func (b *reader) text(name string) (text string) {
	raw, ok := b.body[name]
	if !ok {
		return ""
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		b.faultf(name, "It must be text.")
	}
	return text
}

// instant is a member that is one; not given where it is missing, null or none.
func (b *reader) instant(name string) (at time.Time, given bool) {
	text := b.text(name)
	if text == "" {
		return at, false
	}
	at, err := time.Parse(time.RFC3339Nano, rde.Instant(text))
	if err != nil || at.Year() < 1 || at.Year() > 9999 {
		b.faultf(name, "Write an instant with Z or an offset, as 2025-10-31T23:59:59Z.")
		return at, false
	}
	return at.UTC().Truncate(time.Second), true
}
