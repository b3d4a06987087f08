package reporting

import (
	"context"
	"time"

	"outturn"
	"outturn/internal/calendar"
)

// A BackfillInput asks for the runs of a generator over a time that is over.
type BackfillInput struct {
	Generator string // id
	From, To  string // as of a window, in the generator's zone
	DryRun    bool   // make nothing, and tell what would be

	Key, Fingerprint string // see CreateRunInput
}

// Backfill makes a run for each window that a generator's schedule has in a time that is
// over, the oldest first. They are cut as those of the schedule are (P31), also where
// they are of before it began, and they wait until others have had their turn. It returns
// the windows, each with when it would have fired, and the runs.
func (s *Service) Backfill(ctx context.Context, p outturn.Principal, in BackfillInput) ([]Forecast, []outturn.Run, error) {
	if err := s.permit(ctx, p, generatorBackfill, in.Generator); err != nil {
		return nil, nil, err
	}
	key, done, err := s.useKey(p, in.Key, in.Fingerprint)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	if r, found, err := s.madeBefore(ctx, p, key); found || err != nil {
		return s.backfillOf(ctx, p, r, err)
	}
	g, err := s.ledger.Generator(ctx, p.Tenant, in.Generator)
	if err != nil {
		return nil, nil, err
	}
	windows, err := s.backfillWindows(g, in.From, in.To)
	if err != nil || in.DryRun {
		return windows, nil, err
	}
	firings := make([]outturn.Firing, len(windows))
	for i, w := range windows {
		firings[i] = firingOf(g, outturn.CauseBackfill, s.now())
		firings[i].Window = w.Window
	}
	runs, err := s.fireAsked(ctx, p, g, firings, key, generatorBackfill)
	return windows, runs, err
}

// backfillOf returns the backfill that a run was made by, which is all runs of its
// generator that were made with it.
func (s *Service) backfillOf(ctx context.Context, p outturn.Principal, r outturn.Run, err error) ([]Forecast, []outturn.Run, error) {
	if err != nil {
		return nil, nil, err
	}
	list, err := s.ledger.Runs(ctx, p.Tenant, r.Tenant, outturn.ListQuery{
		Where: &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{
			{Op: outturn.OpEQ, Field: "generator", Values: []string{r.Generator}},
			{Op: outturn.OpEQ, Field: "cause", Values: []string{string(outturn.CauseBackfill)}},
			{Op: outturn.OpEQ, Field: "created_at", Values: []string{r.CreatedAt.Format(time.RFC3339Nano)}},
		}},
		Order: []outturn.Order{{Field: "created_at"}}, Page: outturn.Page{Limit: outturn.MaxPage},
	})
	var windows []Forecast
	for _, r := range list.Items {
		windows = append(windows, Forecast{At: r.ScheduledFor, Window: r.Request.Window})
	}
	return windows, list.Items, err
}

// backfillWindows are the windows of g that lie in a time.
func (s *Service) backfillWindows(g outturn.Generator, from, to string) ([]Forecast, error) {
	zone, err := zoneOf(g)
	if err != nil {
		return nil, err
	}
	span, err := outturn.NewWindow(from, to, zone)
	if err != nil {
		return nil, outturn.InField("to", err)
	}
	now := s.now()
	if span.To.After(now) {
		return nil, outturn.InField("to", outturn.Errorf(outturn.CodeInvalid, "%s is not over yet. A backfill is of windows that are.", span.To.In(zone).Format(time.RFC3339)))
	}
	rule, err := backfillRule(g, span)
	if err != nil {
		return nil, err
	}
	var list []Forecast
	if g.Window.Kind == outturn.WindowSinceLastSuccess {
		list, err = windowsBetween(rule, span)
	} else {
		list, err = windowsWithin(rule, g.Window, span, now)
	}
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, outturn.InField("to", outturn.Errorf(outturn.CodeInvalid, "No window of the generator lies whole between %s and %s.", span.From.In(zone).Format(time.RFC3339), span.To.In(zone).Format(time.RFC3339)))
	case len(list) > outturn.MostBackfill:
		return nil, outturn.InField("to", outturn.Errorf(outturn.CodeInvalid, "That is more than %d windows, which is the most that one backfill may have. Ask for a shorter time, and for the rest when these are done.", outturn.MostBackfill))
	}
	return list, nil
}

// backfillRule is when windows of g begin and end: by its schedule, as if it had always
// been and would always be, or, where it has none, by the windows themselves.
func backfillRule(g outturn.Generator, span outturn.Window) (*calendar.Rule, error) {
	none := func(why string) error {
		return outturn.InField("window", outturn.Errorf(outturn.CodeInvalid, "%s, so there is nothing to backfill. Make a run of the data set with the window that you want instead.", why))
	}
	switch kind := g.Window.Kind; {
	case g.Trigger.Kind == outturn.TriggerEvent:
		return nil, none("Runs of this generator are about events")
	case kind == outturn.WindowAll || kind == outturn.WindowFixed:
		return nil, none("All runs of this generator have the same window")
	case g.Trigger.Kind == outturn.TriggerSchedule && g.Trigger.Schedule != nil:
		r := *g.Trigger.Schedule
		r.End, r.Start = "", startBefore(r, span.From.In(span.Zone))
		return calendar.New(r)
	case kind != outturn.WindowPrevious:
		return nil, none("Without a schedule nothing says where one window of this generator ends and the next begins")
	}
	r := outturn.Recurrence{Every: g.Window.Unit, Interval: g.Window.Count, Zone: span.Zone.String()}
	switch r.Every {
	case outturn.UnitWeek:
		r.Weekdays = outturn.Weekdays[:1]
	case outturn.UnitMonth:
		r.Day = 1
	}
	if r.Interval > 1 {
		r.Start = span.From.In(span.Zone).Format(time.DateOnly)
	}
	return calendar.New(r)
}

// startBefore is a day, not after from, from which r has the same rhythm as from its
// start: so many intervals before. "" where any has.
func startBefore(r outturn.Recurrence, from time.Time) string {
	start, err := time.Parse(time.DateOnly, r.Start)
	if r.Interval <= 1 || err != nil {
		return ""
	}
	if r.Every == outturn.UnitMonth {
		start = start.AddDate(0, 0, 1-start.Day())
	}
	for start.After(from) || start.Format(time.DateOnly) > from.Format(time.DateOnly) {
		switch r.Every {
		case outturn.UnitMonth:
			start = start.AddDate(0, -r.Interval, 0)
		case outturn.UnitWeek:
			start = start.AddDate(0, 0, -7*r.Interval)
		default:
			start = start.AddDate(0, 0, -r.Interval)
		}
	}
	return start.Format(time.DateOnly)
}

// windowsWithin lists the windows that lie whole in span, each once, up to one more than
// a backfill may have.
func windowsWithin(rule *calendar.Rule, w outturn.WindowRule, span outturn.Window, now time.Time) (list []Forecast, err error) {
	for at := range rule.Between(span.From.Add(-time.Microsecond), now) {
		cut, err := rule.Window(w, at, time.Time{})
		if err != nil {
			return nil, err
		}
		if !cut.From.Before(span.To) || len(list) > outturn.MostBackfill {
			break
		}
		again := len(list) > 0 && list[len(list)-1].Window.From.Equal(cut.From) && list[len(list)-1].Window.To.Equal(cut.To)
		if again || cut.From.Before(span.From) || cut.To.After(span.To) || !cut.From.Before(cut.To) {
			continue
		}
		list = append(list, Forecast{At: at, Window: cut})
	}
	return list, nil
}

// windowsBetween lists the windows from each firing in span to the next, and what is left
// of it before the first and after the last.
func windowsBetween(rule *calendar.Rule, span outturn.Window) (list []Forecast, err error) {
	last := span.From
	add := func(to time.Time) {
		if last.Before(to) {
			list = append(list, Forecast{At: to, Window: &outturn.Window{From: last.UTC(), To: to.UTC(), Zone: span.Zone}})
		}
		last = to
	}
	for at := range rule.Between(span.From, span.To) {
		if len(list) > outturn.MostBackfill {
			break
		}
		add(at)
	}
	add(span.To)
	return list, nil
}
