package main

import (
	"fmt"
	"os"
	"strings"
)

// A list holds the skips that are agreed on, one a line:
//
//	short   outturn/internal/format  TestHuge     a gigabyte of disk: make test-full
//	always  outturn/internal/seed    TestAgainst  needs a folder that not everyone has
//
// "short" may be skipped by `make test` alone, "always" by both. A name stands
// for its subtests too. Empty lines and lines that begin with # mean nothing.
type list []exception

type exception struct {
	always    bool
	pkg, test string
}

func readList(file string) (list, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	l, err := parseList(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	return l, nil
}

func parseList(text string) (list, error) {
	var l list
	n := 0
	for line := range strings.Lines(text) {
		n++
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || strings.HasPrefix(f[0], "#"):
			continue
		case f[0] != "short" && f[0] != "always":
			return nil, fmt.Errorf("%d: begin with short or always, not %s", n, f[0])
		case len(f) < 4:
			return nil, fmt.Errorf("%d: want when, package, test and a reason", n)
		}
		l = append(l, exception{always: f[0] == "always", pkg: f[1], test: f[2]})
	}
	return l, nil
}

// verdict says what is wrong with a skip, or nothing.
func (l list) verdict(s skip, full bool) string {
	for _, e := range l {
		if e.pkg != s.pkg || e.test != s.test && !strings.HasPrefix(s.test, e.test+"/") {
			continue
		}
		if full && !e.always {
			return "listed as short, so it must run here"
		}
		return ""
	}
	return "not on the list"
}

// unknown returns the exceptions for tests that do not exist, judged only where
// the package ran. A subtest is not judged: it exists only when its parent ran.
func (l list) unknown(t *tally) []string {
	var names []string
	for _, e := range l {
		key := e.pkg + " " + e.test
		if t.packages[e.pkg] && !strings.Contains(e.test, "/") && !t.seen[key] {
			names = append(names, key)
		}
	}
	return names
}
