package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"outturn"
)

const (
	mostInterval = 1000
	mostExcluded = 1000
)

// New makes the rule of a recurrence. Its error joins every fault, each an
// outturn.Error about the field by its JSON name: every, weekdays[1], exclude.dates[2].
// A rule that would never fire is a fault, too; one that has ended is none here, since
// that depends on the time: Next tells.
func New(r outturn.Recurrence) (*Rule, error) {
	c := compiler{in: r, rule: &Rule{start: firstDay, end: lastDay, excluded: map[day]bool{}}}
	c.zone()
	c.bounds()
	c.exclusion()
	c.interval()
	c.at()
	switch r.Every {
	case outturn.UnitDay:
		c.rule.days = daily(c.rule.start, c.every)
	case outturn.UnitWeek:
		c.week()
	case outturn.UnitMonth:
		c.month()
	case outturn.UnitCron:
		c.cron()
	default:
		c.fault("every", "every %s is not day, week, month or cron.", outturn.Shown(string(r.Every)))
	}
	c.foreign()
	if len(c.faults) == 0 {
		c.never()
	}
	if err := outturn.JoinFaults(c.faults); err != nil {
		return nil, err
	}
	return c.rule, nil
}

// A compiler turns a recurrence into a rule, field by field.
type compiler struct {
	in     outturn.Recurrence
	rule   *Rule
	every  int // the interval
	faults []error
}

func (c *compiler) fault(field, format string, args ...any) {
	c.faults = append(c.faults, outturn.InField(field, outturn.Errorf(outturn.CodeInvalid, format, args...)))
}

func (c *compiler) zone() {
	zone, err := outturn.LoadZone(c.in.Zone)
	if err != nil {
		c.faults = append(c.faults, outturn.InField("zone", err))
	}
	c.rule.zone = zone
}

func (c *compiler) bounds() {
	before := len(c.faults)
	if c.in.Start != "" {
		c.rule.start = c.date("start", c.in.Start)
	}
	if c.in.End != "" {
		c.rule.end = c.date("end", c.in.End)
	}
	if c.rule.end < c.rule.start && len(c.faults) == before {
		c.fault("end", "The end %s is before the start %s.", c.in.End, c.in.Start)
	}
}

func (c *compiler) exclusion() {
	if c.in.Exclude == nil {
		return
	}
	c.rule.weekends = c.in.Exclude.Weekends
	if n := len(c.in.Exclude.Dates); n > mostExcluded {
		c.fault("exclude.dates", "There are %d excluded dates; at most %d are taken.", n, mostExcluded)
		return
	}
	for i, text := range c.in.Exclude.Dates {
		c.rule.excluded[c.date(fmt.Sprintf("exclude.dates[%d]", i), text)] = true
	}
}

// date reads a day.
func (c *compiler) date(field, text string) day {
	t, err := time.Parse(time.DateOnly, text)
	d := dayOf(t.Date())
	if err != nil || d < firstDay || d > lastDay {
		c.fault(field, "%s %s is not a day. Write it so: 2026-12-01.", field, outturn.Shown(text))
	}
	return d
}

func (c *compiler) interval() {
	n := c.in.Interval
	c.every = max(n, 1)
	switch {
	case n < 0 || n > mostInterval:
		c.fault("interval", "The interval is %d. It can be from 1 to %d.", n, mostInterval)
	case n > 1 && c.in.Start == "" && slices.Contains([]outturn.Unit{outturn.UnitDay, outturn.UnitWeek, outturn.UnitMonth}, c.in.Every):
		c.fault("start", "Every %d %ss needs a start, the day from which they are counted.", n, c.in.Every)
	}
}

// at reads the time of day.
func (c *compiler) at() {
	if c.in.At == "" {
		c.rule.clock = clock{hours: 1, minutes: 1}
		return
	}
	layout := "15:04"
	if len(c.in.At) > len(layout) {
		layout = "15:04:05"
	}
	t, err := time.Parse(layout, c.in.At)
	if err != nil || len(c.in.At) != len(layout) { // Parse takes 6:00, and fractions
		c.fault("at", "at %s is not a time of day. Write it so: 06:00 or 06:00:30.", outturn.Shown(c.in.At))
	}
	c.rule.clock = clock{hours: 1 << t.Hour(), minutes: 1 << t.Minute(), second: t.Second()}
}

func (c *compiler) week() {
	var weekdays uint64
	for i, name := range c.in.Weekdays {
		n := slices.Index(outturn.Weekdays, name)
		if n < 0 {
			c.fault(fmt.Sprintf("weekdays[%d]", i), "There is no weekday %s. There are %s.", outturn.Shown(name), strings.Join(outturn.Weekdays, ", "))
			continue
		}
		weekdays |= 1 << n
	}
	if len(c.in.Weekdays) == 0 {
		c.fault("weekdays", "A weekly rule needs weekdays: one or more of %s.", strings.Join(outturn.Weekdays, ", "))
	}
	c.rule.days = weekly(weekdays, c.rule.start, c.every)
}

func (c *compiler) month() {
	switch {
	case c.in.Day != 0 && (c.in.Nth != 0 || c.in.Of != ""):
		c.fault("day", "A monthly rule has either day, or nth and of.")
	case c.in.Nth != 0 || c.in.Of != "":
		c.nth()
	case c.in.Day == 0:
		c.fault("day", "A monthly rule needs a day, or nth and of.")
	case c.in.Day < 1 || c.in.Day > 31:
		c.fault("day", "The day is %d. It can be from 1 to 31; nth -1 of day is the last one.", c.in.Day)
	}
	if !slices.Contains([]string{"", "last", "skip"}, c.in.IfMissing) {
		c.fault("if_missing", "if_missing %s is not last or skip.", outturn.Shown(c.in.IfMissing))
	} else if c.in.IfMissing != "" && c.in.Day == 0 {
		c.fault("if_missing", "if_missing is of a rule with a day.")
	}
	if c.in.Day != 0 {
		c.rule.days = monthly(dayN(c.in.Day, c.in.IfMissing == "skip"), c.rule.start, c.every)
	}
}

func (c *compiler) nth() {
	is, most := kind(c.in.Of, c.rule.excluded), 5
	switch c.in.Of {
	case "day":
		most = 31
	case "business_day":
		most = 23
	case "":
		c.fault("of", "nth needs of: day, business_day or one of %s.", strings.Join(outturn.Weekdays, ", "))
		return
	}
	if is == nil {
		c.fault("of", "of %s is not day, business_day or one of %s.", outturn.Shown(c.in.Of), strings.Join(outturn.Weekdays, ", "))
		return
	}
	if n := c.in.Nth; n != -1 && (n < 1 || n > most) {
		c.fault("nth", "nth is %d. Of %s it can be from 1 to %d, or -1 for the last.", n, c.in.Of, most)
	}
	c.rule.days = monthly(nth(c.in.Nth, is), c.rule.start, c.every)
}

func (c *compiler) cron() {
	if c.in.Cron == "" {
		c.fault("cron", "A cron rule needs the expression, such as 30 6 * * MON-FRI.")
		return
	}
	expression, err := parseCron(c.in.Cron)
	if err != nil {
		c.faults = append(c.faults, outturn.InField("cron", err))
	}
	c.rule.clock = clock{hours: expression.hours, minutes: expression.minutes}
	c.rule.days = expression.on()
}

// foreign finds what another unit has: who writes it believes that it counts.
func (c *compiler) foreign() {
	every := c.in.Every
	for _, f := range []struct {
		field string
		given bool
		of    []outturn.Unit
	}{
		{"interval", c.in.Interval > 1, []outturn.Unit{outturn.UnitDay, outturn.UnitWeek, outturn.UnitMonth}},
		{"weekdays", len(c.in.Weekdays) > 0, []outturn.Unit{outturn.UnitWeek}},
		{"day", c.in.Day != 0, []outturn.Unit{outturn.UnitMonth}},
		{"if_missing", c.in.IfMissing != "", []outturn.Unit{outturn.UnitMonth}},
		{"nth", c.in.Nth != 0, []outturn.Unit{outturn.UnitMonth}},
		{"of", c.in.Of != "", []outturn.Unit{outturn.UnitMonth}},
		{"cron", c.in.Cron != "", []outturn.Unit{outturn.UnitCron}},
		{"at", c.in.At != "", []outturn.Unit{outturn.UnitDay, outturn.UnitWeek, outturn.UnitMonth}},
	} {
		if f.given && slices.Contains(outturn.Units, every) && !slices.Contains(f.of, every) {
			c.fault(f.field, "A rule of every %s has no %s.", every, f.field)
		}
	}
}

// never finds a rule without a firing, and what of it is to blame.
func (c *compiler) never() {
	fires := func(r Rule) bool {
		_, ok := r.dayFrom(r.origin())
		return ok
	}
	if fires(*c.rule) {
		return
	}
	open, unended := *c.rule, *c.rule
	open.excluded, open.weekends = nil, false
	unended.end = lastDay
	field := "every"
	switch {
	case c.in.Exclude != nil && fires(open):
		field = "exclude"
	case c.in.End != "" && fires(unended):
		field = "end"
	case c.in.Cron != "":
		field = "cron"
	case c.in.Day != 0:
		field = "day"
	case c.in.Nth != 0:
		field = "nth"
	}
	c.fault(field, "This rule never fires: not one of the days on which it could, within 400 years, is one on which it may.")
}
