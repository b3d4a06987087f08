package calendar

import (
	"errors"
	"time"

	"outturn"
)

// mostCount is how many days, weeks or months a window may have.
const mostCount = 3660

// Once reads the time of something that happens once: a wall-clock time in a zone, or an
// instant with its offset. Its Errors are about at or zone.
func Once(at, zone string) (time.Time, error) {
	loc, err := outturn.LoadZone(zone)
	if err != nil {
		loc = time.UTC // at may have a fault of its own
	}
	t, atErr := outturn.ParseInstant("at", at, loc)
	if err := errors.Join(atErr, outturn.InField("zone", err)); err != nil {
		return time.Time{}, err
	}
	return t.UTC(), nil
}

// CheckWindow finds the faults of a rule for windows, each about its field.
func CheckWindow(w outturn.WindowRule) error {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, outturn.InField(field, outturn.Errorf(outturn.CodeInvalid, format, args...)))
	}
	var unit, count, from, to bool // which fields its kind has
	switch w.Kind {
	case outturn.WindowAll, outturn.WindowMonthToDate:
	case outturn.WindowPrevious:
		unit, count = true, true
		if w.Unit != outturn.UnitDay && w.Unit != outturn.UnitWeek && w.Unit != outturn.UnitMonth {
			fault("unit", "The unit of the previous window is %s. It can be day, week or month.", outturn.Shown(string(w.Unit)))
		}
		if w.Count < 0 || w.Count > mostCount {
			fault("count", "The count is %d. It can be from 1 to %d.", w.Count, mostCount)
		}
	case outturn.WindowLastDays:
		count = true
		if w.Count < 1 || w.Count > mostCount {
			fault("count", "The count of last days is %d. It can be from 1 to %d.", w.Count, mostCount)
		}
	case outturn.WindowSinceLastSuccess:
		from = true
		if _, err := outturn.ParseInstant("from", w.From, time.UTC); w.From == "" {
			fault("from", "A window since the last success needs from, where the first one begins.")
		} else if err != nil {
			faults = append(faults, err)
		}
	case outturn.WindowFixed:
		from, to = true, true
		// Of a day and an instant the zone decides which is first: here none is known.
		_, west := outturn.NewWindow(w.From, w.To, time.FixedZone("", -12*60*60))
		_, east := outturn.NewWindow(w.From, w.To, time.FixedZone("", 14*60*60))
		if west != nil && east != nil {
			faults = append(faults, outturn.InField("to", west))
		}
	default:
		fault("kind", "There is no kind of window %s. There are %s.", outturn.Shown(string(w.Kind)), kinds())
		return errors.Join(faults...)
	}
	for _, f := range []struct {
		field      string
		given, has bool
	}{
		{"unit", w.Unit != "", unit}, {"count", w.Count != 0, count}, {"from", w.From != "", from}, {"to", w.To != "", to},
	} {
		if f.given && !f.has {
			fault(f.field, "A window of %s has no %s.", w.Kind, f.field)
		}
	}
	return errors.Join(faults...)
}

func kinds() string {
	var list string
	for i, kind := range outturn.WindowKinds {
		if i > 0 {
			list += ", "
		}
		list += string(kind)
	}
	return list
}

// Window returns the window of what happens at an instant that no rule has: of an event,
// or of a run by hand. last is the end of the last window of which there is a file,
// zero if there is none. It is nil for all there is.
func Window(w outturn.WindowRule, scheduled time.Time, zone *time.Location, last time.Time) (*outturn.Window, error) {
	for on := wallOf(scheduled, zone).day(); ; on-- {
		cut, err := window(w, on, scheduled, zone, last)
		if err != nil || cut == nil || cut.From.Before(cut.To) {
			return cut, err
		}
		// The days it is about are missing in the zone: those before.
	}
}

// Window returns the window of a firing of the rule. It is Window's in the rule's zone,
// but where clocks jumped over midnight: what was to fire at 23:45, and did at 00:00,
// is still of the day that it was meant for. So windows tile. That of the day after one
// which a zone left out of its calendar is empty.
func (r *Rule) Window(w outturn.WindowRule, scheduled, last time.Time) (*outturn.Window, error) {
	return window(w, r.cause(scheduled).day(), scheduled, r.zone, last)
}

// window cuts the window of what happens on a day.
func window(w outturn.WindowRule, on day, scheduled time.Time, zone *time.Location, last time.Time) (*outturn.Window, error) {
	if err := CheckWindow(w); err != nil {
		return nil, err
	}
	count := max(w.Count, 1)
	switch w.Kind {
	case outturn.WindowPrevious:
		switch w.Unit {
		case outturn.UnitWeek:
			on -= day(on.weekday())
			return days(on-day(7*count), on, zone), nil
		case outturn.UnitMonth:
			m := on.month()
			return days((m - month(count)).first(), m.first(), zone), nil
		}
		return days(on-day(count), on, zone), nil
	case outturn.WindowLastDays:
		return days(on-day(count), on, zone), nil
	case outturn.WindowMonthToDate:
		return days((on - 1).month().first(), on, zone), nil
	case outturn.WindowSinceLastSuccess:
		return since(w.From, scheduled, zone, last)
	case outturn.WindowFixed:
		fixed, err := outturn.NewWindow(w.From, w.To, zone)
		if err != nil {
			return nil, err
		}
		return &fixed, nil
	}
	return nil, nil
}

// days is the window of the days from one up to another one.
func days(from, to day, zone *time.Location) *outturn.Window {
	return &outturn.Window{From: from.at(0).in(zone), To: to.at(0).in(zone), Zone: zone}
}

// since is the window from the end of the last one, or from where the first begins.
func since(from string, scheduled time.Time, zone *time.Location, last time.Time) (*outturn.Window, error) {
	w := outturn.Window{From: last.UTC(), To: scheduled.UTC().Truncate(time.Second), Zone: zone}
	if last.IsZero() {
		first, err := outturn.ParseInstant("from", from, zone)
		if err != nil {
			return nil, err
		}
		w.From = first.UTC()
	}
	if !w.From.Before(w.To) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The window since the last success is empty: it would be from %s to %s.",
			w.From.In(zone).Format(time.RFC3339), w.To.In(zone).Format(time.RFC3339))
	}
	return &w, nil
}
