package sourcetest

import (
	"slices"
	"strings"
	"testing"
)

// Each place gets every way to end, to act and to hide, and five in a row all texts.
func TestInjectionsAt(t *testing.T) {
	all := Injections("canary")
	var seen []string
	for n := range 5 {
		some := InjectionsAt(n, "canary")
		seen = append(seen, some...)
		said := slices.DeleteFunc(slices.Clone(some), func(text string) bool { return strings.Contains(text, "\x00") })
		if len(said) < 300 {
			t.Errorf("place %d: %d of %d texts, %d without NUL", n, len(some), len(all), len(said))
		}
		for _, part := range []string{"\u2019", "*/", "$$", "%2527", " DROP TABLE", " VACUUM INTO", " LIMIT 0", "pg_sleep", ";--", "/*", "\n--", "#", "1e309", "q'["} {
			if !slices.ContainsFunc(said, func(text string) bool { return strings.Contains(text, part) }) {
				t.Errorf("place %d has nothing with %q", n, part)
			}
		}
	}
	for _, text := range all {
		if !slices.Contains(seen, text) {
			t.Errorf("no place has %q", text)
		}
	}
}
