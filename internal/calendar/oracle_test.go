package calendar_test

import (
	"archive/zip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/calendar"
)

// The oracle knows nothing of the package. It lists the wall clocks of a shape by
// asking of every day and every minute whether it is one, and finds when a zone's
// clocks first show or pass each by walking through the instants with time.In alone.

var (
	oracleFrom  = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	oracleUntil = time.Date(2037, 12, 31, 23, 59, 59, 0, time.UTC)
)

// A shape is a rule, and the same said once more for one day and one minute.
type shape struct {
	name   string
	rule   outturn.Recurrence
	day    func(d time.Time) bool
	minute func(m int) bool
}

func shapes() []shape {
	at := func(minute int) func(int) bool { return func(m int) bool { return m == minute } }
	monthDays := func(d time.Time) int {
		return time.Date(d.Year(), d.Month()+1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1).Day()
	}
	holidays := []string{"2015-12-31", "2020-01-31", "2024-05-30", "2024-05-31", "2026-12-31"}
	business := func(d time.Time) bool {
		return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday && !slices.Contains(holidays, d.Format(time.DateOnly))
	}
	third := time.Date(2016, 2, 28, 0, 0, 0, 0, time.UTC)
	return []shape{
		{"DailyHalfPastTwo", outturn.Recurrence{Every: "day", At: "02:30"},
			func(time.Time) bool { return true }, at(150)},
		{"DailyMidnight", outturn.Recurrence{Every: "day"},
			func(time.Time) bool { return true }, at(0)},
		{"DailyBeforeMidnight", outturn.Recurrence{Every: "day", At: "23:45"},
			func(time.Time) bool { return true }, at(23*60 + 45)},
		{"Weekly", outturn.Recurrence{Every: "week", Weekdays: []string{"sun", "fri"}, At: "00:15"},
			func(d time.Time) bool { return d.Weekday() == time.Sunday || d.Weekday() == time.Friday }, at(15)},
		{"ThirtyFirstOrLast", outturn.Recurrence{Every: "month", Day: 31, At: "01:30"},
			func(d time.Time) bool { return d.Day() == monthDays(d) }, at(90)},
		{"ThirtyFirstOrSkip", outturn.Recurrence{Every: "month", Day: 31, IfMissing: "skip", At: "02:00"},
			func(d time.Time) bool { return d.Day() == 31 }, at(120)},
		{"LastBusinessDay", outturn.Recurrence{Every: "month", Nth: -1, Of: "business_day", At: "00:30", Exclude: &outturn.Exclusion{Dates: holidays}},
			func(d time.Time) bool {
				for later := d.AddDate(0, 0, 1); later.Month() == d.Month(); later = later.AddDate(0, 0, 1) {
					if business(later) {
						return false
					}
				}
				return business(d)
			}, at(30)},
		{"LastSunday", outturn.Recurrence{Every: "month", Nth: -1, Of: "sun", At: "02:15"},
			func(d time.Time) bool { return d.Weekday() == time.Sunday && d.AddDate(0, 0, 7).Month() != d.Month() }, at(135)},
		{"ThirdDays", outturn.Recurrence{Every: "day", Interval: 3, Start: "2016-02-28", End: "2036-03-01", At: "03:00", Exclude: &outturn.Exclusion{Weekends: true}},
			func(d time.Time) bool {
				return !d.Before(third) && d.Format(time.DateOnly) <= "2036-03-01" &&
					d.Weekday() != time.Saturday && d.Weekday() != time.Sunday && int(d.Sub(third).Hours())/24%3 == 0
			}, at(180)},
		{"CronAtNight", outturn.Recurrence{Every: "cron", Cron: "*/30 0-3,23 * MAR-APR,9-11 fri-sun"},
			func(d time.Time) bool {
				return slices.Contains([]time.Month{3, 4, 9, 10, 11}, d.Month()) && (d.Weekday() >= 5 || d.Weekday() == 0)
			}, func(m int) bool { return m%30 == 0 && (m < 240 || m >= 23*60) }},
		{"CronEitherDay", outturn.Recurrence{Every: "cron", Cron: "17 2 29,30 * 1"},
			func(d time.Time) bool { return d.Day() == 29 || d.Day() == 30 || d.Weekday() == time.Monday }, at(137)},
	}
}

// walls lists what clocks show when the shape fires, as UTC.
func (s shape) walls() []time.Time {
	var minutes []int
	for m := range 24 * 60 {
		if s.minute(m) {
			minutes = append(minutes, m)
		}
	}
	var walls []time.Time
	for d := oracleFrom.AddDate(0, 0, -3); d.Before(oracleUntil.AddDate(0, 0, 3)); d = d.AddDate(0, 0, 1) {
		if !s.day(d) {
			continue
		}
		for _, m := range minutes {
			walls = append(walls, d.Add(time.Duration(m)*time.Minute))
		}
	}
	return walls
}

// A stretch is the seconds from an instant on for which clocks are so far from UTC.
type stretch struct{ from, offset int64 }

// walk finds the stretches of a zone by looking every half hour, and every minute of
// one in which clocks changed.
func walk(zone *time.Location) []stretch {
	offset := func(at int64) int64 {
		_, seconds := time.Unix(at, 0).In(zone).Zone()
		return int64(seconds)
	}
	at, end := oracleFrom.AddDate(0, 0, -5).Unix(), oracleUntil.AddDate(0, 0, 5).Unix()
	stretches := []stretch{{at, offset(at)}}
	for ; at < end; at += 1800 {
		if offset(at+1800) == stretches[len(stretches)-1].offset {
			continue
		}
		for minute := at + 60; minute <= at+1800; minute += 60 {
			if now := offset(minute); now != stretches[len(stretches)-1].offset {
				stretches = append(stretches, stretch{minute, now})
			}
		}
	}
	return append(stretches, stretch{from: end})
}

// place gives for each of the walls, which are in order, when clocks first show it or
// something later: they are followed through the stretches, with the latest that they
// ever showed.
func place(walls []time.Time, stretches []stretch) []time.Time {
	var instants []time.Time
	i := 0
	for n, s := range stretches[:len(stretches)-1] {
		ends := stretches[n+1].from
		for ; i < len(walls); i++ {
			at := max(walls[i].Unix()-s.offset, s.from) // s.from: clocks have jumped over it
			if at >= ends {
				break
			}
			instants = append(instants, time.Unix(at, 0).UTC())
		}
	}
	return instants
}

// zones lists the zones of Go's copy of the tz database: all of them, or twenty, of
// which the first ones are those that do what others do not.
func zones(t testing.TB, all bool) []string {
	t.Helper()
	root := os.Getenv("GOROOT") // go test sets it
	if root == "" {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			t.Fatal(err)
		}
		root = strings.TrimSpace(string(out))
	}
	archive, err := zip.OpenReader(filepath.Join(root, "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" { // which is no zone
			names = append(names, f.Name)
		}
	}
	if len(names) < 500 {
		t.Fatalf("there are only %d zones", len(names))
	}
	if all {
		return names
	}
	odd := []string{"Africa/Casablanca", "Australia/Lord_Howe", "Asia/Beirut", "America/Godthab", "Antarctica/Troll", "America/Scoresbysund",
		"America/Sao_Paulo", "America/Havana", "Africa/Cairo", "Asia/Gaza", "Antarctica/Casey"}
	rand.New(rand.NewPCG(2015, 2037)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		if len(odd) < 20 && !slices.Contains(odd, name) {
			odd = append(odd, name)
		}
	}
	return odd
}

func loadZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := outturn.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func newRule(t testing.TB, r outturn.Recurrence) *calendar.Rule {
	t.Helper()
	rule, err := calendar.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

// eachZone runs a test for every zone, or for twenty, on every core.
func eachZone(t *testing.T, test func(t *testing.T, zone *time.Location, stretches []stretch)) {
	t.Helper()
	for _, name := range zones(t, os.Getenv("OUTTURN_TEST_FULL") != "") {
		t.Run(strings.ReplaceAll(name, "/", "."), func(t *testing.T) {
			t.Parallel()
			zone := loadZone(t, name)
			test(t, zone, walk(zone))
		})
	}
}

func TestP21FiringsOfEveryZone(t *testing.T) {
	all := shapes()
	walls := make([][]time.Time, len(all))
	for i, s := range all {
		walls[i] = s.walls()
	}
	eachZone(t, func(t *testing.T, zone *time.Location, stretches []stretch) {
		for i, s := range all {
			s.rule.Zone = zone.String()
			rule := newRule(t, s.rule)
			want := slices.Compact(place(walls[i], stretches)) // of two at one instant, one
			first := sort.Search(len(want), func(i int) bool { return want[i].After(oracleFrom) })
			past := sort.Search(len(want), func(i int) bool { return want[i].After(oracleUntil) })
			compare(t, s.name, rule, want[first:past])
			fromAnywhere(t, s.name, rule, want, stretches)
		}
	})
}

func compare(t *testing.T, name string, rule *calendar.Rule, want []time.Time) {
	t.Helper()
	i := 0
	for got := range rule.Between(oracleFrom, oracleUntil) {
		if i == len(want) || !got.Equal(want[i]) {
			t.Fatalf("%s: got %s, want %s", name, got.In(rule.Zone()), want[min(i, len(want)-1)].In(rule.Zone()))
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%s: got %d firings, want %d", name, i, len(want))
	}
}

// fromAnywhere asks for the next firing around each change of the clocks, where what
// clocks show says least about what has fired.
func fromAnywhere(t *testing.T, name string, rule *calendar.Rule, want []time.Time, stretches []stretch) {
	t.Helper()
	for _, s := range stretches {
		for minutes := -150; minutes <= 150; minutes += 50 {
			after := time.Unix(s.from, 0).Add(time.Duration(minutes) * time.Minute)
			if after.Before(oracleFrom) || after.After(oracleUntil.AddDate(-3, 0, 0)) {
				continue
			}
			i := sort.Search(len(want), func(i int) bool { return want[i].After(after) })
			if got, ok := rule.Next(after); ok != (i < len(want)) || ok && !got.Equal(want[i]) {
				t.Fatalf("%s: after %s: got %s, %t", name, after.In(rule.Zone()), got.In(rule.Zone()), ok)
			}
		}
	}
}

// The windows of firings that come once in a day, week or month join, and begin where
// the oracle finds the day's first instant.
func TestP21WindowsTileInEveryZone(t *testing.T) {
	var midnights []time.Time
	for d := oracleFrom.AddDate(0, 0, -3); d.Before(oracleUntil.AddDate(0, 0, 3)); d = d.AddDate(0, 0, 1) {
		midnights = append(midnights, d)
	}
	tiles := []struct {
		rule outturn.Recurrence
		unit outturn.Unit
	}{
		{outturn.Recurrence{Every: "day", At: "23:45"}, "day"},
		{outturn.Recurrence{Every: "day", At: "00:00"}, "day"},
		{outturn.Recurrence{Every: "week", Weekdays: []string{"sun"}, At: "02:30"}, "week"},
		{outturn.Recurrence{Every: "week", Weekdays: []string{"mon"}}, "week"},
		{outturn.Recurrence{Every: "month", Day: 31, At: "23:59:59"}, "month"},
		{outturn.Recurrence{Every: "month", Nth: 1, Of: "sun", At: "00:05"}, "month"},
	}
	eachZone(t, func(t *testing.T, zone *time.Location, stretches []stretch) {
		starts := map[time.Time]bool{}
		for _, at := range place(midnights, stretches) {
			starts[at] = true
		}
		for _, tile := range tiles {
			tile.rule.Zone = zone.String()
			rule := newRule(t, tile.rule)
			var end time.Time
			for at := range rule.Between(oracleFrom.AddDate(0, 2, 0), oracleUntil) {
				w, err := rule.Window(outturn.WindowRule{Kind: "previous", Unit: tile.unit}, at, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				if !end.IsZero() && !w.From.Equal(end) || !w.From.Before(w.To) || w.To.After(at) || !starts[w.From] {
					t.Fatalf("every %s at %s, at %s: got %s to %s, the last ended %s", tile.rule.Every, tile.rule.At, at.In(zone), w.From.In(zone), w.To.In(zone), end.In(zone))
				}
				end = w.To
			}
		}
	})
}

// The zone of the server changes nothing: three processes that believe to stand
// elsewhere say the same, byte for byte.
func TestP23ServerZoneHasNoEffect(t *testing.T) {
	const inner = "OUTTURN_CALENDAR_SAMPLE"
	if os.Getenv(inner) != "" {
		fmt.Print(sample(t))
		os.Exit(0) // before the test says how it went
	}
	want := sample(t)
	for _, tz := range []string{"UTC", "America/St_Johns", "Pacific/Kiritimati"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestP23ServerZoneHasNoEffect$")
		cmd.Env = append(os.Environ(), "TZ="+tz, inner+"=1")
		got, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		server, text, _ := strings.Cut(string(got), "\n")
		if there := summer.In(loadZone(t, tz)).Format("-0700"); server != there {
			t.Errorf("under TZ=%s the process takes local time for %q, want %q", tz, server, there)
		}
		if _, wantText, _ := strings.Cut(want, "\n"); text != wantText {
			t.Errorf("under TZ=%s the firings are others", tz)
		}
	}
}

var summer = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// sample is how far from UTC the process stands, then the firings of two years.
func sample(t *testing.T) string {
	var b strings.Builder
	fmt.Fprintln(&b, summer.Local().Format("-0700"))
	for _, name := range zones(t, false) {
		for _, s := range shapes() {
			s.rule.Zone = name
			rule := newRule(t, s.rule)
			for at := range rule.Between(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
				w, err := calendar.Window(outturn.WindowRule{Kind: "month_to_date"}, at, rule.Zone(), time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(&b, name, s.name, at, w.From, w.To)
			}
		}
		once, err := calendar.Once("2026-10-25T02:30", name)
		fmt.Fprintln(&b, name, once, err)
	}
	return b.String()
}
