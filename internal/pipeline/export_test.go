package pipeline

import (
	"slices"
	"testing"

	"outturn/internal/batch"
)

// A manifest has headers where a column's title is not its name, and else none.
func TestManifestHeaders(t *testing.T) {
	m := Plan{}.manifest([]batch.Column{{Name: "A"}, {Name: "B", Header: "B"}}, nil, Result{})
	if len(m.Headers) != 0 {
		t.Errorf("got %q, want none", m.Headers)
	}
	m = Plan{}.manifest([]batch.Column{{Name: "A"}, {Name: "B", Header: "Bé"}}, nil, Result{})
	if !slices.Equal(m.Headers, []string{"A", "Bé"}) {
		t.Errorf("got %q", m.Headers)
	}
}
