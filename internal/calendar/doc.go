// Package calendar says when something that recurs happens, and which window of the
// data each time has.
//
// A Recurrence is compiled by New, which tells every fault of it at once; the Rule
// then gives its firings in order:
//
//	rule, err := calendar.New(recurrence)
//	next, ok := rule.Next(now)      // the first one after now
//	twelve := rule.Upcoming(now, 12) // what an editor shows
//
// Everything is computed on wall-clock values and then placed in the rule's zone by
// outturn.FirstInstant, the one way there is: a time that clocks skip fires at the
// first instant after the gap, one that they show twice fires at the first of the two,
// and times that fall on one instant fire once. Nothing here looks at the clock or at
// the zone of the machine.
package calendar
