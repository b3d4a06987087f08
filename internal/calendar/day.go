package calendar

import (
	"math/bits"
	"time"

	"outturn"
)

const secondsADay = 24 * 60 * 60

// A wall is what a clock with a calendar shows, in whatever zone it hangs: the
// seconds since it showed 1970-01-01 00:00:00.
type wall int64

// wallOf returns what clocks in zone show at t.
func wallOf(t time.Time, zone *time.Location) wall {
	_, offset := t.In(zone).Zone()
	return wall(t.Unix() + int64(offset))
}

// in returns when clocks in zone first show w or, where they skip it, what is after.
func (w wall) in(zone *time.Location) time.Time {
	return outturn.FirstInstant(time.Unix(int64(w), 0).UTC(), zone).UTC()
}

func (w wall) day() day {
	return day((int64(w) - int64(mod(int(w), secondsADay))) / secondsADay)
}

func (w wall) second() int { return mod(int(w), secondsADay) }

// A day is a date: the days since 1970-01-01.
type day int

// Firings lie between them, so that each can be written in any zone.
var (
	firstDay = dayOf(1, time.January, 2)
	lastDay  = dayOf(9999, time.December, 30)
)

func dayOf(year int, month time.Month, d int) day {
	return day(time.Date(year, month, d, 0, 0, 0, 0, time.UTC).Unix() / secondsADay)
}

func (d day) at(second int) wall { return wall(int(d)*secondsADay + second) }

func (d day) date() (int, time.Month, int) {
	return time.Unix(int64(d)*secondsADay, 0).UTC().Date()
}

// weekday is 0 for Monday to 6, as the names in outturn.Weekdays.
func (d day) weekday() int { return mod(int(d)+3, 7) }

func (d day) week() int { return (int(d) + 3 - d.weekday()) / 7 }

func (d day) month() month {
	year, m, _ := d.date()
	return month(year*12 + int(m) - 1)
}

// A month counts months from the first one of the year 0.
type month int

func (m month) first() day { return dayOf(0, time.Month(m+1), 1) }

func (m month) last() day { return (m + 1).first() - 1 }

// A clock is times of a day: each of its hours with each of its minutes.
type clock struct {
	hours   uint64 // bit 0 to 23
	minutes uint64 // bit 0 to 59
	second  int
}

// from returns the first time that is not before second.
func (c clock) from(second int) (int, bool) {
	hour, minute := second/3600, second/60%60
	if second%60 > c.second {
		minute++
	}
	for ; hour < 24; hour, minute = hour+1, 0 {
		if left := c.minutes >> minute << minute; c.hours>>hour&1 == 1 && left != 0 {
			return hour*3600 + bits.TrailingZeros64(left)*60 + c.second, true
		}
	}
	return 0, false
}

func (c clock) first() int {
	first, _ := c.from(0)
	return first
}

func (c clock) last() int {
	return (bits.Len64(c.hours)-1)*3600 + (bits.Len64(c.minutes)-1)*60 + c.second
}

// mod is the remainder that is never negative.
func mod(a, b int) int { return (a%b + b) % b }
