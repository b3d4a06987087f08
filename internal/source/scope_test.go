package source

import (
	"slices"
	"strings"
	"testing"
)

// Nobody is the scope that nobody gave, everything is never had by leaving something
// out, and what is bound is what was given, whatever is in it.
func TestScope(t *testing.T) {
	hostile := `1', true); SET row_security = off; --`
	for _, c := range []struct {
		scope Scope
		want  []string
	}{
		{Scope{}, []string{"", "off"}},
		{Scope{Account: "1000003"}, []string{"1000003", "off"}},
		{Scope{Account: hostile}, []string{hostile, "off"}},
		{Scope{Account: "on"}, []string{"on", "off"}},
		{Scope{Everything: true}, []string{"", "on"}},
		{Scope{Account: "1000003", Everything: true}, []string{"", "on"}},
	} {
		if got := c.scope.Args(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.scope, got, c.want)
		}
	}
	if n := strings.Count(SetScope, ", true)"); n != 2 || strings.Count(SetScope, "$") != 2 {
		t.Errorf("each setting is bound, and ends with its transaction: %s", SetScope)
	}
}
