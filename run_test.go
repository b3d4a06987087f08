package outturn_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"outturn"
)

// TestRunStates holds the drawing and the table of docs/states.md against the moves.
func TestRunStates(t *testing.T) {
	body, err := os.ReadFile("docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	ofRuns, ofGenerators, _ := strings.Cut(string(body), "\n# The states of a generator\n")
	ofGenerators, ofDeliveries, _ := strings.Cut(ofGenerators, "\n# The states of a delivery\n")
	for _, state := range outturn.DeliveryStates {
		if !strings.Contains(ofDeliveries, "\n| `"+string(state)+"` |") {
			t.Errorf("the page does not have the state %s of a delivery", state)
		}
	}
	for _, state := range outturn.GeneratorStates {
		if !strings.Contains(ofGenerators, "\n| `"+string(state)+"` |") {
			t.Errorf("the page does not have the state %s of a generator", state)
		}
	}
	drawing, table := movesDrawn(ofRuns), movesListed(ofRuns)
	for _, from := range outturn.RunStates {
		var want []outturn.RunState
		for _, to := range outturn.RunStates {
			if from.CanBecome(to) {
				want = append(want, to)
			}
		}
		if from.Final() != (len(want) == 0) {
			t.Errorf("%s is final: %v, and can become %v", from, from.Final(), want)
		}
		if got := inOrder(drawing[from]); !slices.Equal(got, want) {
			t.Errorf("the drawing moves %s to %v, the code to %v", from, got, want)
		}
		listed, is := table[from]
		if got := inOrder(listed); !is || !slices.Equal(got, want) {
			t.Errorf("the table moves %s to %v, the code to %v", from, got, want)
		}
	}
	for _, m := range []map[outturn.RunState][]outturn.RunState{drawing, table} {
		for state := range maps.Keys(m) {
			if !slices.Contains(outturn.RunStates, state) {
				t.Errorf("the page has %s, which is no state", state)
			}
		}
	}
}

// inOrder sorts states by the life of a run, and takes doubles out.
func inOrder(states []outturn.RunState) []outturn.RunState {
	slices.SortFunc(states, func(a, b outturn.RunState) int {
		return slices.Index(outturn.RunStates, a) - slices.Index(outturn.RunStates, b)
	})
	return slices.Compact(states)
}

var inQuotes = regexp.MustCompile("`([a-z]+)`")

// movesListed reads the rows of the table: | `state` | meaning | `next`, … |.
func movesListed(page string) map[outturn.RunState][]outturn.RunState {
	table := map[outturn.RunState][]outturn.RunState{}
	for line := range strings.Lines(page) {
		if cells := strings.Split(line, "|"); len(cells) == 5 && inQuotes.MatchString(cells[1]) {
			from := outturn.RunState(inQuotes.FindStringSubmatch(cells[1])[1])
			table[from] = nil
			for _, next := range inQuotes.FindAllStringSubmatch(cells[3], -1) {
				table[from] = append(table[from], outturn.RunState(next[1]))
			}
		}
	}
	return table
}

// A place is a column and a line of the drawing.
type place struct{ x, y int }

func (p place) plus(o place) place { return place{p.x + o.x, p.y + o.y} }

var left, right, up, down = place{-1, 0}, place{1, 0}, place{0, -1}, place{0, 1}

// strokes are where the lines of each character lead.
var strokes = map[rune][]place{
	'─': {left, right}, '│': {up, down}, '┘': {left, up}, '└': {right, up}, '├': {right, up, down}, '┴': {left, right, up},
}

// movesDrawn follows every line of the drawing from the state where it begins to
// the states where it has an arrowhead. A state is a word that stands before a line
// or behind an arrowhead.
func movesDrawn(page string) map[outturn.RunState][]outturn.RunState {
	grid, words := map[place]rune{}, map[place]outturn.RunState{} // words by each of their places
	var y int
	for line := range strings.Lines(page) {
		y++
		if !strings.HasPrefix(line, "    ") {
			continue
		}
		runes := []rune(strings.TrimRight(line, "\n"))
		for x, r := range runes {
			grid[place{x, y}] = r
		}
		for x := 0; x < len(runes); x++ {
			end := x
			for end < len(runes) && 'a' <= runes[end] && runes[end] <= 'z' {
				end++
			}
			if word := outturn.RunState(runes[x:end]); slices.Contains(outturn.RunStates, word) {
				for at := x - 1; at <= end; at++ { // with the blanks beside it
					words[place{at, y}] = word
				}
			}
			x = max(x, end)
		}
	}
	moves := map[outturn.RunState][]outturn.RunState{}
	for at, from := range words {
		for _, way := range []place{left, right, up, down} {
			if next := at.plus(way); slices.Contains(strokes[grid[next]], place{-way.x, -way.y}) {
				moves[from] = append(moves[from], follow(grid, words, next, way, map[place]bool{})...)
			}
		}
	}
	return moves
}

// follow returns the states whose arrowheads a line reaches that is entered at a
// place on a way.
func follow(grid map[place]rune, words map[place]outturn.RunState, at, way place, been map[place]bool) (ends []outturn.RunState) {
	switch r := grid[at]; {
	case r == '►' && way == right, r == '▲' && way == up:
		return []outturn.RunState{words[at.plus(way)]}
	case been[at] || !slices.Contains(strokes[r], place{-way.x, -way.y}):
		return nil
	}
	been[at] = true
	for _, next := range strokes[grid[at]] {
		if back := grid[at] == '┴' && next != right; !back && next != (place{-way.x, -way.y}) { // at ┴ lines join
			ends = append(ends, follow(grid, words, at.plus(next), next, been)...)
		}
	}
	return ends
}
