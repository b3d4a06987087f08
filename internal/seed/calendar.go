package seed

import "time"

// A day counts days, an instant microseconds, from 1970-01-01 UTC on.
type (
	day     int32
	instant int64
)

const (
	second instant = 1_000_000
	minute         = 60 * second
	hour           = 60 * minute
)

func dayOf(t time.Time) day {
	return day(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d day) time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d day) String() string { return d.time().Format(time.DateOnly) }

// at returns the instant so long after d's midnight.
func (d day) at(after instant) instant { return instant(d)*24*hour + after }

func (t instant) day() day { return day(t / (24 * hour)) }

// addMonths returns the same day n months later, or the last one of a month that
// is too short.
func (d day) addMonths(n int) day {
	t := d.time()
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	length := first.AddDate(0, 1, -1).Day()
	return dayOf(first.AddDate(0, 0, min(t.Day(), length)-1))
}

// nextMonthDay returns the first day after d that is the given day of a month
// (at most the 28th).
func (d day) nextMonthDay(n int) day {
	t := d.time()
	next := dayOf(time.Date(t.Year(), t.Month(), n, 0, 0, 0, 0, time.UTC))
	if next <= d {
		next = next.addMonths(1)
	}
	return next
}

// months counts the calendar months up to d's, for things that change monthly.
func (d day) months() int {
	t := d.time()
	return t.Year()*12 + int(t.Month()) - 1
}
