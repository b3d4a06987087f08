package outturn

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Unknown makes the error for a name that is not one of allowed: it offers the
// nearest names, or says what is allowed when none is near. kind is the noun,
// such as "data set" or "column".
func Unknown(kind, name string, allowed []string) *Error {
	if near := nearest(name, allowed); len(near) > 0 {
		return Errorf(CodeNotFound, "There is no %s %q. Did you mean %s?", kind, Cut(name), orList(near))
	}
	if len(allowed) == 0 {
		return Errorf(CodeNotFound, "There is no %s %q, and none is defined here.", kind, Cut(name))
	}
	if len(allowed) > mostListed {
		return Errorf(CodeNotFound, "There is no %s %q. There are %d, among them %s.", kind, Cut(name), len(allowed), orList(allowed[:mostListed]))
	}
	return Errorf(CodeNotFound, "There is no %s %q. Allowed: %s.", kind, Cut(name), strings.Join(allowed, ", "))
}

// mostListed is how many names a sentence lists.
const mostListed = 20

// shortList lists names, and of many says how many more there are.
func shortList(names []string) string {
	if len(names) > mostListed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostListed], ", "), len(names)-mostListed)
	}
	return strings.Join(names, ", ")
}

// nearest returns up to three names of allowed that are a slip away from name,
// the nearest first.
func nearest(name string, allowed []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	folded := strings.ToLower(name)
	for _, a := range allowed {
		if len(name) > len(a)+3 {
			continue // far away, and maybe very long
		}
		d := distance(folded, strings.ToLower(a))
		if limit := min(3, (max(len(name), len(a))+1)/2); d <= limit {
			near = append(near, candidate{a, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range near[:min(3, len(near))] {
		names = append(names, c.name)
	}
	return names
}

// distance is the Levenshtein distance between a and b, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// orList joins names for a sentence: "a", "a or b", "a, b or c".
func orList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// mostShown is how many characters of a text a message repeats.
const mostShown = 100

// Cut shortens a text that somebody sent to what a message may repeat of it.
func Cut(text string) string {
	n := 0
	for i := range text {
		if n == mostShown {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

// Shown quotes a text that somebody sent for a message, a long one cut.
func Shown(text string) string { return strconv.Quote(Cut(text)) }

// mostFaults is how many faults are told at once.
const mostFaults = 20

// JoinFaults makes one error of faults, and of very many says how many more there
// are.
func JoinFaults(faults []error) error {
	if more := len(faults) - mostFaults; more > 0 {
		faults = append(faults[:mostFaults:mostFaults], Errorf(CodeInvalid, "and %d faults more", more))
	}
	return errors.Join(faults...)
}
