package main

import (
	"strings"
	"testing"
)

// TestOnce keeps the program from rotting; its figures mean nothing.
func TestOnce(t *testing.T) {
	var out strings.Builder
	if err := run(&out, 2000, 1, "", false); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "ratio") != len(contests) || strings.Count(out.String(), "MB of file") != len(solos) {
		t.Errorf("got %s", &out)
	}
}
