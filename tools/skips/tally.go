package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// An event is one line of `go test -json`, as far as it matters here.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A tally is what the events add up to.
type tally struct {
	passed, failed int
	skipped        []skip
	seen           map[string]bool // "package test", every test that ended
	packages       map[string]bool
	last           map[string]string // the last line that a test printed
}

// A skip is a test that chose not to run, and why.
type skip struct{ pkg, test, reason string }

func newTally() *tally {
	return &tally{seen: map[string]bool{}, packages: map[string]bool{}, last: map[string]string{}}
}

func (t *tally) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.add(f); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (t *tally) add(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var e event
		err := dec.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t.count(e)
	}
}

// count takes one event. Events without a test are about a package: one that
// has no tests is "skipped", which is nobody's decision.
func (t *tally) count(e event) {
	if e.Test == "" {
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		if line := strings.TrimSpace(e.Output); line != "" && !strings.HasPrefix(line, "--- ") {
			t.last[key] = line
		}
		return
	case "pass":
		t.passed++
	case "fail":
		t.failed++
	case "skip":
		t.skipped = append(t.skipped, skip{e.Package, e.Test, place.ReplaceAllString(t.last[key], "")})
	default:
		return
	}
	t.seen[key] = true
	t.packages[e.Package] = true
}

// place is where testing says a line was printed, "pg_test.go:12: ".
var place = regexp.MustCompile(`^\S+\.go:\d+: `)
