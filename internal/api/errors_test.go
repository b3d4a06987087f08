package api

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"testing"

	"outturn"
	"outturn/internal/edge"
)

// docs/api.md has every code with its status, and no other.
func TestCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for code, status := range edge.Statuses {
		want = append(want, fmt.Sprint(status, " ", code))
	}
	for status, code := range codes {
		want = append(want, fmt.Sprint(status, " ", code))
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (\\d+) \\| `([a-z_]+)` \\| .+ \\|$").FindAllStringSubmatch(string(text), -1) {
		got = append(got, row[1]+" "+row[2])
	}
	slices.Sort(want)
	slices.Sort(got)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("docs/api.md has\n%q, want\n%q", got, want)
	}
}

// A refusal that comes from no request of its own has a code all the same.
func TestEveryStatusHasACode(t *testing.T) {
	for status := range codes {
		if p := newProblem(status, codes[status], ""); p.Code == "" || p.Title == "" {
			t.Errorf("%d: %+v", status, p)
		}
	}
	for code, status := range edge.Statuses {
		if status < 400 || (status == http.StatusInternalServerError) != (code == outturn.CodeInternal) {
			t.Errorf("%s is told as %d", code, status)
		}
	}
}
