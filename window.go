package outturn

import (
	"strings"
	"time"
)

// A Window is the half-open interval of instants [From, To), with the zone it
// was cut in. The zone tells which calendar days it covers and how instants are
// written in the file.
type Window struct {
	From, To time.Time
	Zone     *time.Location
}

// NewWindow makes the window from two texts, each a day (2026-09-01: its first
// instant in zone), a wall-clock time in zone (2026-09-01T08:00:00) or an
// instant with its offset (RFC 3339).
func NewWindow(from, to string, zone *time.Location) (Window, error) {
	w := Window{Zone: zone}
	var err error
	if w.From, err = parseInstant("from", from, zone); err != nil {
		return w, err
	}
	if w.To, err = parseInstant("to", to, zone); err != nil {
		return w, err
	}
	if !w.From.Before(w.To) {
		return w, Errorf(CodeInvalid, "The window is empty: from %s is not before to %s. The end is exclusive, so one day is from %s to the next.",
			from, to, w.From.In(zone).Format(time.DateOnly))
	}
	return w, nil
}

// Dates returns the window's calendar days in its zone: the first, and the one
// after the last. A window that is not cut at midnights has none.
func (w Window) Dates() (from, to string, err error) {
	for _, edge := range []struct {
		name string
		at   time.Time
		day  *string
	}{{"from", w.From, &from}, {"to", w.To, &to}} {
		local := edge.at.In(w.Zone)
		if !StartOfDay(local.Year(), local.Month(), local.Day(), w.Zone).Equal(edge.at) {
			return "", "", Errorf(CodeInvalid, "This data set is selected by whole days, but %s %s is not the start of a day in %s. Give dates, or the zone the window was cut in.",
				edge.name, edge.at.In(w.Zone).Format(time.RFC3339), w.Zone)
		}
		*edge.day = local.Format(time.DateOnly)
	}
	return from, to, nil
}

// LoadZone returns the IANA time zone of that name; "" is UTC. "Local" is
// refused: which zone a server stands in must change no report.
func LoadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, Errorf(CodeInvalid, "There is no time zone %q. Use an IANA name such as Europe/Berlin, America/New_York or UTC.", name)
	}
	return loc, nil
}

func parseInstant(edge, text string, zone *time.Location) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return StartOfDay(day.Year(), day.Month(), day.Day(), zone), nil
	}
	text = strings.Replace(text, " ", "T", 1)
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, Errorf(CodeInvalid, "%s %q is not a date. Write a day (2026-09-01), a time in the zone (2026-09-01T08:00) or an instant (2026-09-01T08:00:00Z).", edge, text)
}

// StartOfDay returns the first instant of a calendar day in a zone. Where clocks
// skip midnight it is the first instant after the gap; where midnight comes
// twice it is the first of the two.
func StartOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	utc := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	var first time.Time
	for _, near := range []time.Time{utc.Add(-24 * time.Hour), utc.Add(24 * time.Hour)} {
		_, offset := near.In(zone).Zone()
		t := utc.Add(-time.Duration(offset) * time.Second).In(zone)
		y, m, d := t.Date()
		isMidnight := y == utc.Year() && m == utc.Month() && d == utc.Day() && t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0
		if isMidnight && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !first.IsZero() {
		return first
	}
	// Midnight was skipped: the day starts where the clocks jumped.
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	start, end := t.ZoneBounds()
	if t.Day() == utc.Day() {
		return start
	}
	return end
}
