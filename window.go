package outturn

import (
	"encoding/json"
	"errors"
	"slices"
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
// instant with its offset (RFC 3339). Its Errors name the field, from or to, or none
// where it takes both to be wrong.
func NewWindow(from, to string, zone *time.Location) (Window, error) {
	w := Window{Zone: zone}
	var errFrom, errTo error
	w.From, errFrom = ParseInstant("from", from, zone)
	w.To, errTo = ParseInstant("to", to, zone)
	if err := errors.Join(errFrom, errTo); err != nil {
		return w, err
	}
	if !w.From.Before(w.To) {
		return w, Errorf(CodeInvalid, "The window is empty: from %s is not before to %s. The end is exclusive, so one day is from %s to the next.",
			from, to, w.From.In(zone).Format(time.DateOnly))
	}
	return w, nil
}

// windowText is how a Window travels as JSON.
type windowText struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"` // exclusive
	Zone string    `json:"zone"`
}

// MarshalJSON writes the window's ends in its zone.
func (w Window) MarshalJSON() ([]byte, error) {
	zone := w.Zone
	if zone == nil {
		zone = time.UTC
	}
	return json.Marshal(windowText{w.From.In(zone), w.To.In(zone), zone.String()})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (w *Window) UnmarshalJSON(text []byte) error {
	var t windowText
	if err := json.Unmarshal(text, &t); err != nil {
		return err
	}
	zone, err := LoadZone(t.Zone)
	*w = Window{From: t.From, To: t.To, Zone: zone}
	return err
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
	if err != nil || slices.Contains(noZones, name) || strings.HasPrefix(name, "posix/") || strings.HasPrefix(name, "right/") {
		return nil, Errorf(CodeInvalid, "There is no time zone %q. Use an IANA name such as Europe/Berlin, America/New_York or UTC.", name)
	}
	return loc, nil
}

// noZones are files of a zone database that are no zones. Those below posix and
// right are the zones once more, the latter counting leap seconds.
var noZones = []string{"Local", "localtime", "posixrules", "Factory"}

// ParseInstant reads a day (its first instant in zone), a wall-clock time in zone or
// an instant with its offset, as NewWindow does. Its Error is about field.
func ParseInstant(field, text string, zone *time.Location) (time.Time, error) {
	t, err := parseInstant(field, text, zone)
	if err != nil {
		return t, InField(field, err)
	}
	// With the year 10000 it could not be written, in one zone or the other.
	for _, year := range []int{t.UTC().Year(), t.In(zone).Year()} {
		if year < 1 || year > 9999 {
			return t, InField(field, Errorf(CodeInvalid, "%s %s is not in the years 1 to 9999, also in UTC.", field, Shown(text)))
		}
	}
	return t, nil
}

func parseInstant(field, text string, zone *time.Location) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return StartOfDay(day.Year(), day.Month(), day.Day(), zone), nil
	}
	written := strings.Replace(text, " ", "T", 1)
	if t, err := time.Parse(time.RFC3339Nano, written); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999", "2006-01-02T15:04"} {
		if wall, err := time.Parse(layout, written); err == nil {
			return FirstInstant(wall, zone), nil
		}
		if t, err := time.Parse(layout+"Z07:00", written); err == nil {
			return t, nil
		}
	}
	return time.Time{}, Errorf(CodeInvalid, "%s %s is not a date. Write a day (2026-09-01), a time in the zone (2026-09-01T08:00) or an instant (2026-09-01T08:00:00Z).", field, Shown(text))
}

// StartOfDay returns the first instant of a calendar day in a zone. Where clocks
// skip midnight it is the first instant after the gap; where midnight comes
// twice it is the first of the two.
func StartOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	return FirstInstant(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), zone)
}

// FirstInstant returns when clocks in a zone first show what wall shows in UTC,
// or, where they never do, the first instant after the gap. Every wall-clock time
// of Outturn is placed by it (P21). A later wall never comes out as an earlier
// instant.
func FirstInstant(wall time.Time, zone *time.Location) time.Time {
	var first time.Time
	for _, near := range []time.Time{wall.Add(-24 * time.Hour), wall.Add(24 * time.Hour)} {
		_, offset := near.In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		_, there := t.Zone()
		if there == offset && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !first.IsZero() {
		return first
	}
	// It was skipped: the clocks jumped between the two offsets.
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, end := wall.Add(-time.Duration(before) * time.Second).Add(-24 * time.Hour).In(zone).ZoneBounds()
	return end
}
