package calendar_test

import (
	"testing"
	"time"

	"outturn"
	"outturn/internal/calendar"
)

func instant(t testing.TB, text string, zone *time.Location) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	at, err := outturn.ParseInstant("at", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWindow(t *testing.T) {
	previous := func(unit outturn.Unit, count int) outturn.WindowRule {
		return outturn.WindowRule{Kind: "previous", Unit: unit, Count: count}
	}
	since := outturn.WindowRule{Kind: "since_last_success", From: "2026-11-01"}
	for _, tt := range []struct {
		name, zone string
		rule       outturn.WindowRule
		at, last   string
		want       string // clocks in the zone; a fault if empty
	}{
		{"Day", "Europe/Berlin", previous("day", 0), "2026-03-30T06:00", "", "2026-03-29T00:00:00+01:00/2026-03-30T00:00:00+02:00"},
		{"ThreeDays", "Europe/Berlin", previous("day", 3), "2026-11-27T06:00", "", "2026-11-24T00:00:00+01:00/2026-11-27T00:00:00+01:00"},
		{"WeekFromASunday", "UTC", previous("week", 1), "2026-11-29T06:00", "", "2026-11-16T00:00:00Z/2026-11-23T00:00:00Z"},
		{"WeekFromAMonday", "UTC", previous("week", 1), "2026-11-30T00:00", "", "2026-11-23T00:00:00Z/2026-11-30T00:00:00Z"},
		{"MonthOverNewYear", "Asia/Kathmandu", previous("month", 2), "2027-01-31T06:00", "", "2026-11-01T00:00:00+05:45/2027-01-01T00:00:00+05:45"},
		{"NoMidnight", "Asia/Beirut", previous("day", 1), "2023-03-26T06:00", "", "2023-03-25T00:00:00+02:00/2023-03-26T01:00:00+03:00"},
		{"DayBeforeIsMissing", "Pacific/Apia", previous("day", 1), "2011-12-31T06:00", "", "2011-12-29T00:00:00-10:00/2011-12-31T00:00:00+14:00"},
		{"LastDays", "Europe/Berlin", outturn.WindowRule{Kind: "last_days", Count: 7}, "2026-11-27T00:00", "", "2026-11-20T00:00:00+01:00/2026-11-27T00:00:00+01:00"},
		{"MonthToDate", "Europe/Berlin", outturn.WindowRule{Kind: "month_to_date"}, "2026-11-27T06:00", "", "2026-11-01T00:00:00+01:00/2026-11-27T00:00:00+01:00"},
		{"MonthToDateOnTheFirst", "Europe/Berlin", outturn.WindowRule{Kind: "month_to_date"}, "2026-11-01T06:00", "", "2026-10-01T00:00:00+02:00/2026-11-01T00:00:00+01:00"},
		{"SinceTheFirst", "Europe/Berlin", since, "2026-11-27T06:00:01.9", "", "2026-11-01T00:00:00+01:00/2026-11-27T06:00:01+01:00"},
		{"SinceTheLast", "Europe/Berlin", since, "2026-11-27T06:00", "2026-11-26T06:00:07", "2026-11-26T06:00:07+01:00/2026-11-27T06:00:00+01:00"},
		{"SinceLater", "Europe/Berlin", since, "2026-11-27T06:00", "2026-11-27T06:00", ""},
		{"Fixed", "Europe/Berlin", outturn.WindowRule{Kind: "fixed", From: "2026-03-29", To: "2026-03-30"}, "2030-01-01", "", "2026-03-29T00:00:00+01:00/2026-03-30T00:00:00+02:00"},
		{"FixedInTheZoneOnly", "Europe/Berlin", outturn.WindowRule{Kind: "fixed", From: "2026-11-02", To: "2026-11-01T23:30:00Z"}, "2030-01-01", "", "2026-11-02T00:00:00+01:00/2026-11-02T00:30:00+01:00"},
		{"FixedEmptyInTheZone", "UTC", outturn.WindowRule{Kind: "fixed", From: "2026-11-02", To: "2026-11-01T23:30:00Z"}, "2030-01-01", "", ""},
		{"Fault", "UTC", previous("cron", 1), "2026-01-01", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			zone := loadZone(t, tt.zone)
			w, err := calendar.Window(tt.rule, instant(t, tt.at, zone), zone, instant(t, tt.last, zone))
			if err != nil {
				if tt.want != "" || outturn.ErrorCode(err) != outturn.CodeInvalid {
					t.Fatal(err)
				}
				return
			}
			if got := w.From.In(w.Zone).Format(time.RFC3339) + "/" + w.To.In(w.Zone).Format(time.RFC3339); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if w.Zone.String() != tt.zone {
				t.Errorf("got zone %s, want %s", w.Zone, tt.zone)
			}
		})
	}
	w, err := calendar.Window(outturn.WindowRule{Kind: "all"}, time.Now(), time.UTC, time.Time{})
	if w != nil || err != nil {
		t.Errorf("all: got %v, %v", w, err)
	}
}

// Where a zone leaves out a day, its firing comes at the first instant after it and has
// the day before; the day's own window is empty, and those of the others join.
func TestP21WindowsTileOverAMissingDay(t *testing.T) {
	rule := newRule(t, outturn.Recurrence{Every: "day", At: "06:00", Zone: "Pacific/Apia"})
	var end time.Time
	empty := 0
	for at := range rule.Between(time.Date(2011, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2012, 1, 31, 0, 0, 0, 0, time.UTC)) {
		w, err := rule.Window(outturn.WindowRule{Kind: "previous", Unit: "day"}, at, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if !end.IsZero() && !w.From.Equal(end) || w.To.After(at) {
			t.Errorf("at %s: got %s to %s, the last ended %s", at, w.From, w.To, end)
		}
		if w.From.Equal(w.To) {
			empty++
		}
		end = w.To
	}
	if empty != 1 {
		t.Errorf("got %d empty windows, want that of 30 December", empty)
	}
}

func TestCheckWindow(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rule  outturn.WindowRule
		field string
		part  string
	}{
		{"All", outturn.WindowRule{Kind: "all"}, "", ""},
		{"Previous", outturn.WindowRule{Kind: "previous", Unit: "week", Count: 2}, "", ""},
		{"Since", outturn.WindowRule{Kind: "since_last_success", From: "2026-11-01T06:00"}, "", ""},
		{"Nothing", outturn.WindowRule{}, "kind", "There are all, previous, last_days"},
		{"NoUnit", outturn.WindowRule{Kind: "previous"}, "unit", "day, week or month"},
		{"Count", outturn.WindowRule{Kind: "previous", Unit: "day", Count: -1}, "count", "from 1 to 3660"},
		{"LastNoDays", outturn.WindowRule{Kind: "last_days"}, "count", "from 1 to 3660"},
		{"SinceWhen", outturn.WindowRule{Kind: "since_last_success"}, "from", "needs from"},
		{"SinceNoDate", outturn.WindowRule{Kind: "since_last_success", From: "ever"}, "from", `from "ever" is not a date`},
		{"FixedNoDates", outturn.WindowRule{Kind: "fixed", From: "2026-13-01"}, "from to", "is not a date"},
		{"FixedEmpty", outturn.WindowRule{Kind: "fixed", From: "2026-11-02", To: "2026-11-01"}, "to", "is empty"},
		{"OfOthers", outturn.WindowRule{Kind: "all", Unit: "day", Count: 1, From: "x", To: "y"}, "unit count from to", "A window of all has no unit"},
	} {
		t.Run(tt.name, func(t *testing.T) { wantFaults(t, calendar.CheckWindow(tt.rule), tt.field, tt.part) })
	}
}

func TestOnce(t *testing.T) {
	for _, tt := range []struct{ name, at, zone, want, fields string }{
		{"WallClock", "2026-12-24T06:00", "Europe/Warsaw", "2026-12-24T05:00:00Z", ""},
		{"SkippedIsAfterTheGap", "2026-03-29T02:30", "Europe/Warsaw", "2026-03-29T01:00:00Z", ""},
		{"TwiceIsTheFirst", "2026-10-25 02:30", "Europe/Warsaw", "2026-10-25T00:30:00Z", ""},
		{"Instant", "2026-12-24T06:00:00-05:00", "Europe/Warsaw", "2026-12-24T11:00:00Z", ""},
		{"Both", "soon", "Mars", "", "at zone"},
		{"Zone", "2026-12-24T06:00", "Local", "", "zone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, err := calendar.Once(tt.at, tt.zone)
			wantFaults(t, err, tt.fields, "")
			if err == nil && at.Format(time.RFC3339) != tt.want {
				t.Errorf("got %s, want %s", at.Format(time.RFC3339), tt.want)
			}
		})
	}
}
