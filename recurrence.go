package outturn

// A Recurrence says on which days something happens again and again, and when on those
// days. All of it is wall-clock: package calendar places it in the zone. A time that
// clocks skip is the first instant after the gap, one that they show twice is the first
// of the two (P21).
type Recurrence struct {
	Every Unit `json:"every"` // day, week, month, or cron
	// Interval is every how many of them, at most 1,000; 0 is 1. More than 1 needs Start:
	// they are counted from the day, the week or the month that Start is in. Weeks begin
	// on Monday. Cron has none.
	Interval int `json:"interval,omitempty"`

	Weekdays []string `json:"weekdays,omitempty"` // of a week: mon … sun, at least one

	// Day is the day of the month, 1 to 31, and IfMissing what happens in a month that
	// has no such day: "last" (the default) takes its last one, "skip" none (P22).
	Day       int    `json:"day,omitempty"`
	IfMissing string `json:"if_missing,omitempty"`
	// Nth and Of are instead of Day: the Nth (of mon … sun 1 to 5, of business_day to 23,
	// of day to 31), or with -1 the last, of the month. A business day is one from
	// Monday to Friday that is not in Exclude.Dates. A month without one is skipped.
	Nth int    `json:"nth,omitempty"`
	Of  string `json:"of,omitempty"`

	// Cron is an expression of five fields (minute, hour, day of month, month, day of
	// week), or one of @hourly, @daily, @weekly, @monthly and @yearly, for those who know
	// it. It has its own times, so there is no At.
	Cron string `json:"cron,omitempty"`

	At   string `json:"at,omitempty"`   // 06:00 or 06:00:30; "" is 00:00
	Zone string `json:"zone,omitempty"` // IANA name; the edges fill in the tenant's (P23)

	Start   string     `json:"start,omitempty"` // first day, 2026-12-01
	End     string     `json:"end,omitempty"`   // last day
	Exclude *Exclusion `json:"exclude,omitempty"`
}

// An Exclusion is days on which nothing happens.
type Exclusion struct {
	Dates    []string `json:"dates,omitempty"` // 2026-12-25
	Weekends bool     `json:"weekends,omitempty"`
}

// A Unit is a stretch of the calendar.
type Unit string

const (
	UnitDay   Unit = "day"
	UnitWeek  Unit = "week" // from Monday
	UnitMonth Unit = "month"
	UnitCron  Unit = "cron" // of a Recurrence only
)

// Units lists those that a Recurrence has.
var Units = []Unit{UnitDay, UnitWeek, UnitMonth, UnitCron}

// Weekdays are the names of days, Monday first.
var Weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// A WindowRule says which window a firing has. Windows are cut at midnights of the
// generator's zone, from what the firing was scheduled for and never from when it took
// place; but for since_last_success and fixed.
type WindowRule struct {
	Kind WindowKind `json:"kind"`
	// Unit and Count are of previous: the Count (0 is 1) complete days, weeks or months
	// before the one in which it fires. Count is also the days of last_days, 1 at least.
	Unit  Unit `json:"unit,omitempty"`
	Count int  `json:"count,omitempty"`
	// From and To are of fixed, as NewWindow takes them; From alone is where the first
	// window of since_last_success begins, which needs it.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// A WindowKind is a way to cut windows.
type WindowKind string

const (
	// WindowAll is all there is: no window.
	WindowAll WindowKind = "all"
	// WindowPrevious is complete days, weeks or months. Those of firings that come
	// once in each tile: they leave nothing out and hold nothing twice.
	WindowPrevious WindowKind = "previous"
	// WindowLastDays is the Count days before the day on which it fires.
	WindowLastDays WindowKind = "last_days"
	// WindowMonthToDate is from the first of the month to the day on which it fires,
	// which is not in it; on the first it is the month before.
	WindowMonthToDate WindowKind = "month_to_date"
	// WindowSinceLastSuccess is from the end of the last window of which there is a
	// file to what the firing was scheduled for, to the second.
	WindowSinceLastSuccess WindowKind = "since_last_success"
	// WindowFixed is the same each time.
	WindowFixed WindowKind = "fixed"
)

// WindowKinds lists every kind.
var WindowKinds = []WindowKind{WindowAll, WindowPrevious, WindowLastDays, WindowMonthToDate, WindowSinceLastSuccess, WindowFixed}
