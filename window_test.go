package outturn_test

import (
	"strings"
	"testing"
	"time"

	"outturn"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := outturn.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestNewWindow(t *testing.T) {
	for _, tt := range []struct{ name, from, to, zone, wantFrom, wantTo string }{
		{"Days", "2026-09-01", "2026-10-01", "Europe/Berlin", "2026-08-31T22:00:00Z", "2026-09-30T22:00:00Z"},
		{"DayAcrossDST", "2026-10-25", "2026-10-26", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"WallClock", "2026-09-01T08:00", "2026-09-01 09:30:15", "Asia/Kathmandu", "2026-09-01T02:15:00Z", "2026-09-01T03:45:15Z"},
		{"TwiceIsTheFirst", "2026-10-25T02:30", "2026-10-25T03:00", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"},
		{"SkippedIsAfterTheGap", "2026-03-29T02:30", "2026-03-29T04:00", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		{"OffsetWithoutSeconds", "2026-10-26T00:00+02:00", "2026-10-26T01:00Z", "UTC", "2026-10-25T22:00:00Z", "2026-10-26T01:00:00Z"},
		{"Instants", "2026-09-01T00:00:00+02:00", "2026-09-02T00:00:00Z", "UTC", "2026-08-31T22:00:00Z", "2026-09-02T00:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := outturn.NewWindow(tt.from, tt.to, zone(t, tt.zone))
			if err != nil {
				t.Fatal(err)
			}
			if got := w.From.UTC().Format(time.RFC3339); got != tt.wantFrom {
				t.Errorf("from: got %s, want %s", got, tt.wantFrom)
			}
			if got := w.To.UTC().Format(time.RFC3339); got != tt.wantTo {
				t.Errorf("to: got %s, want %s", got, tt.wantTo)
			}
		})
	}
}

func TestNewWindowErrors(t *testing.T) {
	for _, tt := range []struct{ name, from, to, want string }{
		{"EndBeforeStart", "2026-10-01", "2026-09-01", "is not before"},
		{"Empty", "2026-09-01", "2026-09-01", "The end is exclusive"},
		{"NoDate", "yesterday", "2026-09-01", `from "yesterday" is not a date`},
		{"AsItWasWritten", "last month", "2026-09-01", `from "last month" is not a date`},
		{"LongTextIsCut", strings.Repeat("x", 5000), "2026-09-01", `x…" is not a date`},
		{"NoSuchDay", "2026-02-28", "2026-02-30", `to "2026-02-30" is not a date`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := outturn.NewWindow(tt.from, tt.to, time.UTC)
			wantError(t, err, outturn.CodeInvalid, tt.want)
		})
	}
}

func wantError(t *testing.T, err error, code outturn.Code, part string) {
	t.Helper()
	if got := outturn.ErrorCode(err); got != code {
		t.Errorf("code: got %q, want %q (%v)", got, code, err)
	}
	if err != nil && !strings.Contains(err.Error(), part) {
		t.Errorf("message: got %q, want it to say %q", err, part)
	}
}

func TestWindowDates(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	w, err := outturn.NewWindow("2026-09-01", "2026-10-01", berlin)
	if err != nil {
		t.Fatal(err)
	}
	from, to, err := w.Dates()
	if err != nil || from != "2026-09-01" || to != "2026-10-01" {
		t.Errorf("got %s, %s, %v", from, to, err)
	}
	w.Zone = time.UTC // cut in Berlin, asked in UTC
	_, _, err = w.Dates()
	wantError(t, err, outturn.CodeInvalid, "from 2026-08-31T22:00:00Z is not the start of a day in UTC")
}

func TestStartOfDay(t *testing.T) {
	for _, tt := range []struct{ name, zone, day, want string }{
		{"Plain", "UTC", "2026-09-01", "2026-09-01T00:00:00Z"},
		{"MidnightSkipped", "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"},
		{"MidnightSkippedBeirut", "Asia/Beirut", "2021-03-28", "2021-03-27T22:00:00Z"},
		{"MidnightTwice", "America/Havana", "2020-11-01", "2020-11-01T04:00:00Z"},
		{"DaySkipped", "Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},
		{"QuarterHourZone", "Asia/Kathmandu", "2026-09-01", "2026-08-31T18:15:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			day, err := time.Parse(time.DateOnly, tt.day)
			if err != nil {
				t.Fatal(err)
			}
			got := outturn.StartOfDay(day.Year(), day.Month(), day.Day(), zone(t, tt.zone)).UTC().Format(time.RFC3339)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Every day of forty years starts exactly where the day before ends, found by
// looking at every quarter of an hour.
func TestStartOfDayAgainstBruteForce(t *testing.T) {
	for _, name := range []string{"America/Sao_Paulo", "Asia/Beirut", "America/Havana", "Africa/Cairo", "Asia/Amman", "Europe/Berlin", "America/St_Johns"} {
		loc := zone(t, name)
		at := time.Date(1995, 1, 1, 12, 0, 0, 0, time.UTC)
		end := at.AddDate(35, 0, 0)
		last := at.In(loc).YearDay()
		for ; at.Before(end); at = at.Add(15 * time.Minute) {
			local := at.In(loc)
			if local.YearDay() == last {
				continue
			}
			forward := local.YearDay() == last+1 || local.YearDay() == 1
			last = local.YearDay()
			if !forward {
				continue // the clocks went back over midnight
			}
			y, m, d := local.Date()
			if got := outturn.StartOfDay(y, m, d, loc); got.After(at) || at.Sub(got) > 2*time.Hour || got.In(loc).Day() != d {
				t.Fatalf("%s: day %s is seen at %s, StartOfDay says %s", name, local.Format(time.DateOnly), local, got)
			}
		}
	}
}

func TestLoadZone(t *testing.T) {
	for _, bad := range []string{"Europe/Atlantis", "Local", "../etc/passwd", "right/UTC", "posix/Europe/Berlin", "localtime"} {
		_, err := outturn.LoadZone(bad)
		wantError(t, err, outturn.CodeInvalid, "Use an IANA name")
	}
	for _, good := range []string{"", "UTC", "Asia/Kolkata"} {
		if _, err := outturn.LoadZone(good); err != nil {
			t.Error(err)
		}
	}
}
