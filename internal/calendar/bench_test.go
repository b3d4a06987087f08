package calendar_test

import (
	"testing"
	"time"

	"outturn"
)

// What an editor shows while somebody types: twelve firings.
func BenchmarkUpcoming(b *testing.B) {
	exclude := &outturn.Exclusion{Dates: []string{"2026-12-25", "2026-12-31", "2027-01-01"}}
	for _, bench := range []struct {
		name string
		rule outturn.Recurrence
	}{
		{"Monthly", outturn.Recurrence{Every: "month", Day: 31, At: "06:00"}},
		{"BusinessDay", outturn.Recurrence{Every: "month", Nth: 2, Of: "business_day", At: "06:00", Exclude: exclude}},
		{"Weekly", outturn.Recurrence{Every: "week", Weekdays: []string{"mon", "thu"}, At: "06:00"}},
		{"Cron", outturn.Recurrence{Every: "cron", Cron: "*/15 8-18 * * MON-FRI"}},
		{"CronLeapDay", outturn.Recurrence{Every: "cron", Cron: "0 6 29 2 *"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			bench.rule.Zone = "Europe/Warsaw"
			rule := newRule(b, bench.rule)
			now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
			b.ReportAllocs()
			for b.Loop() {
				if n := len(rule.Upcoming(now, 12)); n != 12 {
					b.Fatal(n)
				}
			}
		})
	}
}
