package rde

import (
	"testing"
	"time"

	"outturn"
)

func TestWindow(t *testing.T) {
	instants := &outturn.Dataset{Period: &outturn.Period{Kind: outturn.PeriodInstant}}
	days := &outturn.Dataset{Period: &outturn.Period{Kind: outturn.PeriodDate}}
	for _, c := range []struct {
		name       string
		d          *outturn.Dataset
		start, end string
		zone       string
		from, to   string
		in         string
	}{
		{"Month", instants, "2025-10-01T00:00:00Z", "2025-10-31T23:59:59Z", "UTC", "2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z", "UTC"},
		{"Fractions", instants, "2025-10-01T00:00:00.000Z", "2025-10-31T23:59:59.999Z", "UTC", "2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z", "UTC"},
		{"MonthOfUTCElsewhere", days, "2025-10-01T00:00:00Z", "2025-10-31T23:59:59Z", "Europe/Berlin", "2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z", "UTC"},
		{"MonthOfTheTenant", days, "2025-10-01T00:00:00+02:00", "2025-10-31T23:59:59+01:00", "Europe/Berlin", "2025-09-30T22:00:00Z", "2025-10-31T23:00:00Z", "Europe/Berlin"},
		{"DaysThatItTouches", days, "2025-10-01T08:00:00Z", "2025-10-02T09:00:00Z", "Europe/Berlin", "2025-09-30T22:00:00Z", "2025-10-02T22:00:00Z", "Europe/Berlin"},
		{"Instants", instants, "2025-10-01T08:00:00Z", "2025-10-02T09:00:00Z", "Europe/Berlin", "2025-10-01T08:00:00Z", "2025-10-02T09:00:01Z", "Europe/Berlin"},
		{"NoPeriod", &outturn.Dataset{}, "2025-10-01T08:00:00Z", "2025-10-02T09:00:00Z", "UTC", "2025-10-01T08:00:00Z", "2025-10-02T09:00:01Z", "UTC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			got := Window(c.d, at(t, c.start), at(t, c.end), zone)
			if got.From != c.from || got.To != c.to || got.Zone != c.in {
				t.Errorf("got %+v, want %s to %s in %s", got, c.from, c.to, c.in)
			}
			if c.name != "Month" {
				return
			}
			start, end := Ends(outturn.Window{From: at(t, got.From), To: at(t, got.To)})
			if !start.Equal(at(t, c.start)) || !end.Equal(at(t, c.end)) {
				t.Errorf("the way back: %s, %s", start, end)
			}
		})
	}
}

func TestInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2025-10-01T00:00:00+0000": "2025-10-01T00:00:00+00:00", "2025-10-01T00:00:00.999-0530": "2025-10-01T00:00:00.999-05:30",
		"2025-10-01T00:00:00+02:00": "2025-10-01T00:00:00+02:00", "2025-10-01T00:00:00Z": "2025-10-01T00:00:00Z",
		"2025-10-01": "2025-10-01", "2025-10-01T00:00:00": "2025-10-01T00:00:00", "0000": "0000", "": "",
	} {
		if got := Instant(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return instant
}

// What a client was told is never taken back.
func TestStage(t *testing.T) {
	for _, c := range []struct {
		run  outturn.Run
		want Stage
	}{
		{outturn.Run{State: outturn.RunQueued}, Pending},
		{outturn.Run{State: outturn.RunRunning, Phase: "starting", Furthest: "starting"}, InProgress},
		{outturn.Run{State: outturn.RunQueued, Furthest: "starting"}, InProgress},
		{outturn.Run{State: outturn.RunSucceeded}, Ready},
		{outturn.Run{State: outturn.RunFailed}, Failed},
		{outturn.Run{State: outturn.RunCancelled}, Failed},
	} {
		if got := StageOf(c.run); got != c.want {
			t.Errorf("%+v is %d, want %d", c.run, got, c.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for name, want := range map[string]string{"JSON": "json", "xslx": "xlsx", "XSLX": "xlsx", "Csv": "csv", "parquet": "", "": ""} {
		if got, err := Format(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", name, got, err, want)
		}
	}
}
