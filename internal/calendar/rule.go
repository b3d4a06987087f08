package calendar

import (
	"iter"
	"math"
	"slices"
	"time"

	"outturn"
)

// cycle is the days of 400 years, after which dates and weekdays come again. What has
// not fired for so long is said to fire no more.
const cycle day = 146097

// A Rule is a Recurrence that was found to be in order. It may be used by any number
// of goroutines.
type Rule struct {
	zone       *time.Location
	start, end day // the first and the last day that it may fire on
	clock      clock
	days       pattern
	excluded   map[day]bool
	weekends   bool // are excluded
}

// A pattern finds the first of its days that is not before d; the second result is
// false when there is none up to limit.
type pattern func(d, limit day) (day, bool)

// Zone returns where the rule's clock hangs.
func (r *Rule) Zone() *time.Location { return r.zone }

// Next returns the first firing after a time, in UTC, and false when there is none
// any more: the rule has ended, or it does not fire for 400 years.
func (r *Rule) Next(after time.Time) (time.Time, bool) {
	for t := range r.firings(after) {
		return t, true
	}
	return time.Time{}, false
}

// Upcoming returns the next n firings after a time, or as many as there are.
func (r *Rule) Upcoming(after time.Time, n int) []time.Time {
	if n <= 0 {
		return nil
	}
	var times []time.Time
	for t := range r.firings(after) {
		if times = append(times, t); len(times) == n {
			break
		}
	}
	return times
}

// Between gives the firings after one time that are not after another one.
func (r *Rule) Between(after, until time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		for t := range r.firings(after) {
			if t.After(until) || !yield(t) {
				return
			}
		}
	}
}

// Gap returns the shortest time between two firings as the clock on the wall shows it,
// so that a rule which fires daily has a day, although in the night in which clocks
// go forward two firings are nearer to each other. For a rule that fires once it is
// the longest Duration.
func (r *Rule) Gap() time.Duration {
	nearest := day(math.MaxInt32)
	last, ok := r.dayFrom(r.origin())
	// In 28 years every date meets every weekday, but for 1900, 2100 and the like.
	for until := last + 28*366; ok && nearest > 1 && last < until; {
		var next day
		if next, ok = r.dayFrom(last + 1); ok {
			nearest = min(nearest, next-last)
			last = next
		}
	}
	gap := time.Duration(math.MaxInt64)
	if nearest < cycle/2 { // more does not fit into a Duration
		gap = time.Duration(nearest.at(r.clock.first()-r.clock.last())) * time.Second
	}
	for at := r.clock.first(); at < r.clock.last(); {
		next, _ := r.clock.from(at + 1)
		gap = min(gap, time.Duration(next-at)*time.Second)
		at = next
	}
	return gap
}

// firings gives all that come after a time, in order. It stands on FirstInstant never
// putting a later wall clock before an earlier one: what clocks showed until then has
// fired, and of the rest only what they show again has.
func (r *Rule) firings(after time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		last := after
		w, ok := r.from(wallOf(after, r.zone) + 1)
		for ; ok; w, ok = r.from(w + 1) {
			t := w.in(r.zone)
			if !t.After(last) {
				continue // shown before, or in the gap with the one before
			}
			if !yield(t) {
				return
			}
			last = t
		}
	}
}

// cause returns what the clock on the wall would have shown for a firing to come at t:
// what it does show or, at the end of a gap, what it skipped.
func (r *Rule) cause(t time.Time) wall {
	shown, before := wallOf(t, r.zone), wallOf(t.Add(-1), r.zone)
	if shown > before+1 {
		if w, ok := r.from(before + 1); ok && w <= shown {
			return w
		}
	}
	return shown
}

// from returns the rule's first wall clock that is not before w.
func (r *Rule) from(w wall) (wall, bool) {
	d, ok := r.dayFrom(w.day())
	if ok && d == w.day() {
		if second, later := r.clock.from(w.second()); later {
			return d.at(second), true
		}
		d, ok = r.dayFrom(d + 1)
	}
	return d.at(r.clock.first()), ok
}

// dayFrom returns the first day on which the rule fires that is not before d.
func (r *Rule) dayFrom(d day) (day, bool) {
	d = max(d, r.start)
	limit := min(r.end, d+cycle)
	for ; d <= limit; d++ {
		var ok bool
		if d, ok = r.days(d, limit); !ok {
			return 0, false
		}
		if !r.excluded[d] && (!r.weekends || d.weekday() < 5) {
			return d, true
		}
	}
	return 0, false
}

// origin is where the rule's first day is looked for: from its start or, without one,
// from some day that leaves it 400 years.
func (r *Rule) origin() day {
	if r.end < lastDay {
		return max(firstDay, r.start, r.end-cycle+1)
	}
	return max(r.start, dayOf(2000, time.January, 1))
}

// daily is every interval-th day, counted from start.
func daily(start day, interval int) pattern {
	return func(d, limit day) (day, bool) {
		d += day(mod(int(start-d), interval))
		return d, d <= limit
	}
}

// weekly is the weekdays (bit 0 is Monday) of every interval-th week, counted from the
// one of start.
func weekly(weekdays uint64, start day, interval int) pattern {
	return func(d, limit day) (day, bool) {
		for ; d <= limit; d++ {
			if off := mod(start.week()-d.week(), interval); off != 0 {
				d += day(7*off - d.weekday())
			}
			if weekdays>>d.weekday()&1 == 1 {
				return d, d <= limit
			}
		}
		return 0, false
	}
}

// monthly is one day of every interval-th month, counted from the one of start. Of a
// month in which there is none pick returns false.
func monthly(pick func(month) (day, bool), start day, interval int) pattern {
	return func(d, limit day) (day, bool) {
		m := d.month()
		m += month(mod(int(start.month()-m), interval))
		for ; m.first() <= limit; m += month(interval) {
			if on, ok := pick(m); ok && on >= d {
				return on, on <= limit
			}
		}
		return 0, false
	}
}

// dayN picks the n-th day or, in a shorter month, its last one or none.
func dayN(n int, skip bool) func(month) (day, bool) {
	return func(m month) (day, bool) {
		d := m.first() + day(n-1)
		if last := m.last(); d > last {
			return last, !skip
		}
		return d, true
	}
}

// nth picks the n-th day of a month that is one, or with -1 the last.
func nth(n int, is func(day) bool) func(month) (day, bool) {
	return func(m month) (day, bool) {
		first, last := m.first(), m.last()
		if n < 0 {
			for d := last; d >= first; d-- {
				if is(d) {
					return d, true
				}
			}
			return 0, false
		}
		left := n
		for d := first; d <= last; d++ {
			if is(d) {
				if left--; left == 0 {
					return d, true
				}
			}
		}
		return 0, false
	}
}

// kind returns what a name in Recurrence.Of stands for, and nil if for nothing.
func kind(of string, holidays map[day]bool) func(day) bool {
	switch weekday := slices.Index(outturn.Weekdays, of); {
	case of == "day":
		return func(day) bool { return true }
	case of == "business_day":
		return func(d day) bool { return d.weekday() < 5 && !holidays[d] }
	case weekday >= 0:
		return func(d day) bool { return d.weekday() == weekday }
	}
	return nil
}
