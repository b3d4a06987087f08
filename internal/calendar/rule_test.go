package calendar_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/calendar"
)

// A firing is written as the clock in the rule's zone shows it.
const shown = "2006-01-02 15:04"

func upcoming(rule *calendar.Rule, after time.Time, n int) string {
	var texts []string
	for _, at := range rule.Upcoming(after, n) {
		texts = append(texts, at.In(rule.Zone()).Format(shown))
	}
	return strings.Join(texts, ", ")
}

func TestP22Upcoming(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule outturn.Recurrence
		n    int
		want string // after 2026-11-27 10:00 UTC
	}{
		{"Daily", outturn.Recurrence{Every: "day", At: "11:00"}, 2, "2026-11-27 11:00, 2026-11-28 11:00"},
		{"JustMissed", outturn.Recurrence{Every: "day", At: "10:00"}, 1, "2026-11-28 10:00"},
		{"Weekdays", outturn.Recurrence{Every: "week", Weekdays: []string{"tue", "mon"}}, 3, "2026-11-30 00:00, 2026-12-01 00:00, 2026-12-07 00:00"},
		{"ThirtyFirstOrLast", outturn.Recurrence{Every: "month", Day: 31}, 5, "2026-11-30 00:00, 2026-12-31 00:00, 2027-01-31 00:00, 2027-02-28 00:00, 2027-03-31 00:00"},
		{"ThirtyFirstOrLastByName", outturn.Recurrence{Every: "month", Day: 30, IfMissing: "last"}, 4, "2026-11-30 00:00, 2026-12-30 00:00, 2027-01-30 00:00, 2027-02-28 00:00"},
		{"ThirtyFirstOrSkip", outturn.Recurrence{Every: "month", Day: 31, IfMissing: "skip"}, 3, "2026-12-31 00:00, 2027-01-31 00:00, 2027-03-31 00:00"},
		{"LastDay", outturn.Recurrence{Every: "month", Nth: -1, Of: "day", Start: "2028-01-31"}, 2, "2028-01-31 00:00, 2028-02-29 00:00"},
		{"TenthDay", outturn.Recurrence{Every: "month", Nth: 10, Of: "day"}, 1, "2026-12-10 00:00"},
		{"SecondTuesday", outturn.Recurrence{Every: "month", Nth: 2, Of: "tue"}, 2, "2026-12-08 00:00, 2027-01-12 00:00"},
		{"FifthSundayIsRare", outturn.Recurrence{Every: "month", Nth: 5, Of: "sun"}, 3, "2026-11-29 00:00, 2027-01-31 00:00, 2027-05-30 00:00"},
		{"LastFriday", outturn.Recurrence{Every: "month", Nth: -1, Of: "fri", At: "09:30"}, 2, "2026-12-25 09:30, 2027-01-29 09:30"},
		{"SecondBusinessDay", outturn.Recurrence{Every: "month", Nth: 2, Of: "business_day"}, 3, "2026-12-02 00:00, 2027-01-04 00:00, 2027-02-02 00:00"},
		{"SecondBusinessDayWithHolidays", outturn.Recurrence{Every: "month", Nth: 2, Of: "business_day", Exclude: &outturn.Exclusion{Dates: []string{"2027-01-01", "2026-12-01", "2027-01-05"}}}, 2, "2026-12-03 00:00, 2027-01-06 00:00"},
		{"LastBusinessDayWithHolidays", outturn.Recurrence{Every: "month", Nth: -1, Of: "business_day", Exclude: &outturn.Exclusion{Dates: []string{"2026-12-31"}}}, 3, "2026-11-30 00:00, 2026-12-30 00:00, 2027-01-29 00:00"},

		{"EverySecondDay", outturn.Recurrence{Every: "day", Interval: 2, Start: "2026-11-01"}, 2, "2026-11-29 00:00, 2026-12-01 00:00"},
		{"EverySecondWeekFromAWednesday", outturn.Recurrence{Every: "week", Interval: 2, Start: "2026-12-02", Weekdays: []string{"mon", "fri"}}, 3, "2026-12-04 00:00, 2026-12-14 00:00, 2026-12-18 00:00"},
		{"EveryThirdWeek", outturn.Recurrence{Every: "week", Interval: 3, Start: "2026-11-11", Weekdays: []string{"mon"}}, 2, "2026-11-30 00:00, 2026-12-21 00:00"},
		{"EveryThirdMonth", outturn.Recurrence{Every: "month", Interval: 3, Start: "2026-11-15", Day: 10}, 2, "2027-02-10 00:00, 2027-05-10 00:00"},
		{"StartIsADayOfIt", outturn.Recurrence{Every: "day", Start: "2026-12-24", At: "06:00"}, 1, "2026-12-24 06:00"},
		{"EndIsADayOfIt", outturn.Recurrence{Every: "day", End: "2026-11-28", At: "06:00"}, 3, "2026-11-28 06:00"},
		{"Ended", outturn.Recurrence{Every: "day", End: "2026-11-26"}, 3, ""},
		{"Excluded", outturn.Recurrence{Every: "day", At: "06:00", Exclude: &outturn.Exclusion{Dates: []string{"2026-12-01"}, Weekends: true}}, 3, "2026-11-30 06:00, 2026-12-02 06:00, 2026-12-03 06:00"},
		{"ExcludedIsSkipped", outturn.Recurrence{Every: "month", Day: 25, Exclude: &outturn.Exclusion{Dates: []string{"2026-12-25"}}}, 1, "2027-01-25 00:00"},

		{"Cron", outturn.Recurrence{Every: "cron", Cron: "30 6,18 * jan-mar MON"}, 3, "2027-01-04 06:30, 2027-01-04 18:30, 2027-01-11 06:30"},
		{"CronSteps", outturn.Recurrence{Every: "cron", Cron: "*/20 10-14/2 * * *"}, 4, "2026-11-27 10:20, 2026-11-27 10:40, 2026-11-27 12:00, 2026-11-27 12:20"},
		{"CronSundayIsSeven", outturn.Recurrence{Every: "cron", Cron: "0 0 * * 7"}, 1, "2026-11-29 00:00"},
		{"CronOverTheWeekend", outturn.Recurrence{Every: "cron", Cron: "0 0 * * Fri-Sun"}, 3, "2026-11-28 00:00, 2026-11-29 00:00, 2026-12-04 00:00"},
		{"CronEitherDay", outturn.Recurrence{Every: "cron", Cron: "0 0 1 * fri"}, 3, "2026-12-01 00:00, 2026-12-04 00:00, 2026-12-11 00:00"},
		{"CronBothAfterAStar", outturn.Recurrence{Every: "cron", Cron: "0 0 */2 * fri"}, 3, "2026-12-11 00:00, 2026-12-25 00:00, 2027-01-01 00:00"},
		{"CronLeapDay", outturn.Recurrence{Every: "cron", Cron: "0 0 29 2 *"}, 2, "2028-02-29 00:00, 2032-02-29 00:00"},
		{"CronMacro", outturn.Recurrence{Every: "cron", Cron: " @Weekly "}, 1, "2026-11-29 00:00"},
		{"CronWithAnEnd", outturn.Recurrence{Every: "cron", Cron: "@daily", End: "2026-11-28"}, 2, "2026-11-28 00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
			if got := upcoming(newRule(t, tt.rule), now, tt.n); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestP21ClocksChange(t *testing.T) {
	for _, tt := range []struct {
		name, zone string
		rule       outturn.Recurrence
		after      string
		n          int
		want       string // in UTC
	}{
		{"SkippedIsAfterTheGap", "Europe/Berlin", outturn.Recurrence{Every: "day", At: "02:30"}, "2026-03-28T12:00:00Z", 2, "2026-03-29 01:00, 2026-03-30 00:30"},
		{"TwiceIsTheFirst", "Europe/Berlin", outturn.Recurrence{Every: "day", At: "02:30"}, "2026-10-24T12:00:00Z", 2, "2026-10-25 00:30, 2026-10-26 01:30"},
		{"NotAgainInTheRepeatedHour", "Europe/Berlin", outturn.Recurrence{Every: "day", At: "02:30"}, "2026-10-25T01:15:00Z", 1, "2026-10-26 01:30"},
		{"OneInstantOneFiring", "Europe/Berlin", outturn.Recurrence{Every: "cron", Cron: "*/30 2,3 * * *"}, "2026-03-28T22:00:00Z", 3, "2026-03-29 01:00, 2026-03-29 01:30, 2026-03-30 00:00"},
		{"CronInTheRepeatedHour", "Europe/Berlin", outturn.Recurrence{Every: "cron", Cron: "*/30 * * * *"}, "2026-10-24T23:30:00Z", 4, "2026-10-25 00:00, 2026-10-25 00:30, 2026-10-25 02:00, 2026-10-25 02:30"},
		{"HalfAnHour", "Australia/Lord_Howe", outturn.Recurrence{Every: "day", At: "02:15"}, "2026-10-03T00:00:00Z", 2, "2026-10-03 15:30, 2026-10-04 15:15"},
		{"NoMidnight", "Asia/Beirut", outturn.Recurrence{Every: "day"}, "2023-03-25T12:00:00Z", 1, "2023-03-25 22:00"},
		{"GapEndsAtMidnight", "America/Scoresbysund", outturn.Recurrence{Every: "day", At: "23:45"}, "2025-03-29T12:00:00Z", 2, "2025-03-30 01:00, 2025-03-31 00:45"},
		{"TwoHours", "Antarctica/Troll", outturn.Recurrence{Every: "day", At: "01:30"}, "2026-03-28T12:00:00Z", 2, "2026-03-29 01:00, 2026-03-29 23:30"},
		{"ADayIsMissing", "Pacific/Apia", outturn.Recurrence{Every: "day", At: "06:00"}, "2011-12-29T00:00:00Z", 3, "2011-12-29 16:00, 2011-12-30 10:00, 2011-12-30 16:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.rule.Zone = tt.zone
			after, err := time.Parse(time.RFC3339, tt.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range newRule(t, tt.rule).Upcoming(after, tt.n) {
				got = append(got, at.Format(shown))
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), tt.want)
			}
		})
	}
}

func TestNewFaults(t *testing.T) {
	long := strings.Repeat("x", 5000)
	cron := func(text string) outturn.Recurrence { return outturn.Recurrence{Every: "cron", Cron: text} }
	for _, tt := range []struct {
		name  string
		rule  outturn.Recurrence
		field string // of each fault
		part  string // of the first message
	}{
		{"Nothing", outturn.Recurrence{}, "every", `every "" is not day`},
		{"UnknownUnit", outturn.Recurrence{Every: "year"}, "every", "week, month or cron"},
		{"UnknownZone", outturn.Recurrence{Every: "day", Zone: "Europe/Atlantis"}, "zone", "no time zone"},
		{"ZoneOfTheServer", outturn.Recurrence{Every: "day", Zone: "Local"}, "zone", "no time zone"},
		{"Interval", outturn.Recurrence{Every: "day", Interval: -1}, "interval", "from 1 to 1000"},
		{"HugeInterval", outturn.Recurrence{Every: "day", Interval: math.MaxInt}, "interval", "from 1 to 1000"},
		{"IntervalNeedsStart", outturn.Recurrence{Every: "week", Interval: 2, Weekdays: []string{"mon"}}, "start", "Every 2 weeks needs a start"},
		{"NoWeekdays", outturn.Recurrence{Every: "week"}, "weekdays", "needs weekdays"},
		{"Weekdays", outturn.Recurrence{Every: "week", Weekdays: []string{"mon", "Tue", long}}, "weekdays[1] weekdays[2]", `no weekday "Tue"`},
		{"NoDay", outturn.Recurrence{Every: "month"}, "day", "needs a day, or nth and of"},
		{"Day", outturn.Recurrence{Every: "month", Day: 32}, "day", "from 1 to 31"},
		{"DayAndNth", outturn.Recurrence{Every: "month", Day: 1, Nth: 2, Of: "mon"}, "day", "either"},
		{"IfMissing", outturn.Recurrence{Every: "month", Day: 31, IfMissing: "first"}, "if_missing", "last or skip"},
		{"IfMissingOfNth", outturn.Recurrence{Every: "month", Nth: 5, Of: "mon", IfMissing: "skip"}, "if_missing", "of a rule with a day"},
		{"Nth", outturn.Recurrence{Every: "month", Nth: 6, Of: "mon"}, "nth", "from 1 to 5, or -1"},
		{"NthBusinessDay", outturn.Recurrence{Every: "month", Nth: -2, Of: "business_day"}, "nth", "from 1 to 23, or -1"},
		{"NthOfNothing", outturn.Recurrence{Every: "month", Nth: 1}, "of", "nth needs of"},
		{"NoNth", outturn.Recurrence{Every: "month", Of: "day"}, "nth", "nth is 0"},
		{"Of", outturn.Recurrence{Every: "month", Nth: 1, Of: "holiday"}, "of", `of "holiday" is not`},
		{"At", outturn.Recurrence{Every: "day", At: "6:00"}, "at", "06:00"},
		{"AtMidnight", outturn.Recurrence{Every: "day", At: "24:00"}, "at", "time of day"},
		{"AtAFraction", outturn.Recurrence{Every: "day", At: "06:00:00.5"}, "at", "time of day"},
		{"Start", outturn.Recurrence{Every: "day", Start: "2026-02-30"}, "start", "is not a day"},
		{"StartYearNought", outturn.Recurrence{Every: "day", Start: "0000-01-01"}, "start", "is not a day"},
		{"EndBeforeStart", outturn.Recurrence{Every: "day", Start: "2026-12-02", End: "2026-12-01"}, "end", "before the start"},
		{"ExcludedDate", outturn.Recurrence{Every: "day", Exclude: &outturn.Exclusion{Dates: []string{"2026-12-24", "2026-12-25", "Boxing Day"}}}, "exclude.dates[2]", `"Boxing Day" is not a day`},
		{"TooManyExcluded", outturn.Recurrence{Every: "day", Exclude: &outturn.Exclusion{Dates: make([]string, 1001)}}, "exclude.dates", "at most 1000"},
		{"OfOthers", outturn.Recurrence{Every: "day", Weekdays: []string{"mon"}, Day: 1, Nth: 1, Of: "mon", Cron: "@daily"}, "weekdays day nth of cron", "every day has no weekdays"},
		{"AllAtOnce", outturn.Recurrence{Every: "week", Zone: "Mars", At: "dawn", Start: long}, "zone start at weekdays", "no time zone"},

		{"NoCron", outturn.Recurrence{Every: "cron"}, "cron", "needs the expression"},
		{"CronAtAndInterval", outturn.Recurrence{Every: "cron", Cron: "@daily", At: "06:00", Interval: 2}, "interval at", "no interval"},
		{"CronSixFields", cron("0 0 6 * * *"), "cron", "has 6 fields"},
		{"CronLong", cron(long), "cron", "5000 bytes"},
		{"CronReboot", cron("@reboot"), "cron", "no \"@reboot\" in cron"},
		{"CronMinute", cron("60 * * * *"), "cron", `field minute is "60": "60" is not a number from 0 to 59`},
		{"CronHour", cron("0 24 * * *"), "cron", "field hour"},
		{"CronDay", cron("0 0 0 * *"), "cron", "field day of month"},
		{"CronMonth", cron("0 0 1 janu *"), "cron", `field month is "janu": "janu" is not a number from 1 to 12 or a name such as FEB`},
		{"CronWeekday", cron("0 0 * * 1-8"), "cron", `field day of week is "1-8": "8" is not a number from 0 to 7 or a name such as MON`},
		{"CronEveryField", cron("a b c d e"), "cron cron cron cron cron", "field minute"},
		{"CronStepNought", cron("*/0 * * * *"), "cron", `the step "0"`},
		{"CronStepTooLong", cron("*/90 * * * *"), "cron", `the step "90" is not a number from 1 to 59`},
		{"CronStepOfOne", cron("5/15 * * * *"), "cron", "needs a range or a star before it, such as 0-59/15"},
		{"CronBackwards", cron("0 18-8 * * *"), "cron", "runs backwards"},
		{"CronEmptyItem", cron("0, * * * *"), "cron", `"" is not a number`},
		{"CronSign", cron("+5 * * * *"), "cron", `"+5" is not a number`},
		{"CronLast", cron("0 0 L * *"), "cron", `"L" is not a number`},

		{"NeverThirtiethOfFebruary", cron("0 0 30 2 *"), "cron", "never fires"},
		{"NeverForExclusion", outturn.Recurrence{Every: "week", Weekdays: []string{"sat", "sun"}, Exclude: &outturn.Exclusion{Weekends: true}}, "exclude", "never fires"},
		{"NeverForDates", outturn.Recurrence{Every: "day", Start: "2026-12-24", End: "2026-12-25", Exclude: &outturn.Exclusion{Dates: []string{"2026-12-24", "2026-12-25"}}}, "exclude", "never fires"},
		{"NeverForEnd", outturn.Recurrence{Every: "month", Day: 15, Start: "2026-12-16", End: "2027-01-14"}, "end", "never fires"},
		{"NeverForInterval", outturn.Recurrence{Every: "month", Day: 30, IfMissing: "skip", Interval: 12, Start: "2026-02-01"}, "day", "never fires"},
		{"NeverForNth", outturn.Recurrence{Every: "month", Nth: 31, Of: "day", Interval: 12, Start: "2026-02-01"}, "nth", "never fires"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rule, err := calendar.New(tt.rule)
			if rule != nil || err == nil {
				t.Fatalf("got a rule, and %v", err)
			}
			wantFaults(t, err, tt.field, tt.part)
		})
	}
}

func wantFaults(t *testing.T, err error, fields, part string) {
	t.Helper()
	var got []string
	for _, fault := range outturn.Faults(err) {
		got = append(got, fault.Field)
		if fault.Code != outturn.CodeInvalid || len(fault.Message) > 500 {
			t.Errorf("got code %s, %d bytes: %s", fault.Code, len(fault.Message), fault)
		}
	}
	if strings.Join(got, " ") != fields {
		t.Errorf("got faults of %v, want %s: %v", got, fields, err)
	}
	if err != nil && !strings.Contains(err.Error(), part) {
		t.Errorf("got %q, want it to say %q", err, part)
	}
}

// A rule whose years are far is in order, and so is one that has ended.
func TestNewTakes(t *testing.T) {
	for _, rule := range []outturn.Recurrence{
		{Every: "day", Start: "0001-01-02", End: "0001-01-02"},
		{Every: "month", Day: 1, Start: "9999-01-01"},
		{Every: "day", End: "2001-01-01"},
		{Every: "cron", Cron: "0 0 29 2 *", Exclude: &outturn.Exclusion{Weekends: true}},
		{Every: "cron", Cron: "0 0 */29 2 sun", Start: "2097-01-01"}, // next in 2104 or later
	} {
		if first, ok := newRule(t, rule).Next(time.Time{}); !ok {
			t.Errorf("%+v: got %s", rule, first)
		}
	}
	if _, ok := newRule(t, outturn.Recurrence{Every: "day"}).Next(time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)); ok {
		t.Error("got a firing that cannot be written in every zone")
	}
}

func TestGap(t *testing.T) {
	day := 24 * time.Hour
	for _, tt := range []struct {
		name string
		rule outturn.Recurrence
		want time.Duration
	}{
		{"Daily", outturn.Recurrence{Every: "day", At: "02:30", Zone: "Europe/Berlin"}, day},
		{"Weekly", outturn.Recurrence{Every: "week", Weekdays: []string{"mon", "thu"}}, 3 * day},
		{"EverySecondWeek", outturn.Recurrence{Every: "week", Weekdays: []string{"mon"}, Interval: 2, Start: "2026-01-01"}, 14 * day},
		{"Monthly", outturn.Recurrence{Every: "month", Day: 31}, 28 * day},
		{"MonthlySkip", outturn.Recurrence{Every: "month", Day: 31, IfMissing: "skip"}, 31 * day},
		{"NearestOnlyAfterAYear", outturn.Recurrence{Every: "month", Nth: 1, Of: "mon", Interval: 12, Start: "2029-01-01"}, 364 * day}, // the first two are 371 apart
		{"Hourly", outturn.Recurrence{Every: "cron", Cron: "30 * * * *", Zone: "Europe/Berlin"}, time.Hour},
		{"OverMidnight", outturn.Recurrence{Every: "cron", Cron: "50,10 23,0 * * *"}, 20 * time.Minute},
		{"NotOverMidnight", outturn.Recurrence{Every: "cron", Cron: "0 0,23 * * mon"}, 23 * time.Hour},
		{"EveryMinute", outturn.Recurrence{Every: "cron", Cron: "* * * * *"}, time.Minute},
		{"LeapDay", outturn.Recurrence{Every: "cron", Cron: "0 0 29 2 *"}, 1461 * day},
		{"Once", outturn.Recurrence{Every: "day", Start: "2026-12-01", End: "2026-12-01"}, math.MaxInt64},
	} {
		if got := newRule(t, tt.rule).Gap(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// What is taken fires; what is refused says why; both at once, whatever is written.
func FuzzCron(f *testing.F) {
	for _, text := range []string{"30 6 * * MON-FRI", "*/15 8-18/2 1,15 jan-mar,12 fri-sun", "0 0 29 2 *", "0 0 30 2 *", "0 0 31 2,4 */7", "@daily", "* * * * 0,7", "a b", "1-", "*/*/2 * * * *", "\x00 * * * *"} {
		f.Add(text, false)
	}
	f.Add("0 0 29 2 */7", true)
	f.Fuzz(func(t *testing.T, text string, weekdaysOnly bool) {
		rule, err := calendar.New(outturn.Recurrence{Every: "cron", Cron: text, Exclude: &outturn.Exclusion{Weekends: weekdaysOnly}})
		if err != nil {
			for _, fault := range outturn.Faults(err) {
				if fault.Field != "cron" && fault.Field != "exclude" || len(fault.Message) > 3000 {
					t.Errorf("got a fault of %s: %s", fault.Field, fault)
				}
			}
			return
		}
		last := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		times := rule.Upcoming(last, 20)
		if len(times) == 0 || !slices.IsSortedFunc(times, time.Time.Compare) {
			t.Fatalf("%q fires at %v", text, times)
		}
		for i, at := range times {
			if at.Second() != 0 || weekdaysOnly && (at.Weekday() == time.Saturday || at.Weekday() == time.Sunday) {
				t.Errorf("%q fires at %s", text, at)
			}
			if i > 0 && at.Sub(times[i-1]) < rule.Gap() {
				t.Errorf("%q fires %s after %s, and its gap is %s", text, at.Sub(times[i-1]), times[i-1], rule.Gap())
			}
		}
	})
}
