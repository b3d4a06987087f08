package clickhouse

import (
	"strings"
	"testing"
)

// FuzzQuote holds that a quoted text is one string to the end, by our rules and by
// those of engines without a backslash, and means the text.
func FuzzQuote(f *testing.F) {
	for _, text := range []string{"", "'", "\\", "\\'", "''", "a\\", "\x00", "--", "/*", "`", "\"", "$1", "\xff'", "it's \\' OR 1=1 -- "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := quoteText(text)
		if end, shut := skipOpaque(quoted, 0); end != len(quoted) || !shut {
			t.Fatalf("%q is written as %q, which ends at %d", text, quoted, end)
		}
		if body := quoted[1 : len(quoted)-1]; strings.Contains(strings.ReplaceAll(body, "''", ""), "'") {
			t.Fatalf("%q is written as %q, which others end sooner", text, quoted)
		}
		var meant []byte
		for i := 1; i < len(quoted)-1; i++ {
			c := quoted[i]
			if c == '\\' || c == '\'' { // the next one is meant
				i++
				if c = quoted[i]; c == '0' {
					c = 0
				}
			}
			meant = append(meant, c)
		}
		if string(meant) != text {
			t.Fatalf("%q is written as %q, which means %q", text, quoted, meant)
		}
		const around = "SELECT '$1', $1 -- $1\n, \"$1\", $2"
		sql, err := fill(around, []string{text, "x"})
		if want := "SELECT '$1', " + quoted + " -- $1\n, \"$1\", 'x'"; err != nil || sql != want {
			t.Fatalf("got %q and %v, want %q", sql, err, want)
		}
	})
}

func TestClosed(t *testing.T) {
	for _, test := range []struct {
		parts []string
		ok    bool
	}{
		{[]string{"SELECT 1"}, true},
		{[]string{"SELECT '(', \"(\", `(`, (1) -- (\n/* ( */"}, true},
		{[]string{"SELECT 'it\\'s', 'it''s' -- end"}, true},
		{[]string{"SELECT ", " AS x, ", ""}, true},
		{[]string{"SELECT '", "'"}, false}, // a value in a string
		{[]string{"SELECT 1 -- ", "\n"}, false},
		{[]string{"SELECT /* ", " */ 1"}, false},
		{[]string{"SELECT 'it\\'"}, false},
		{[]string{"SELECT `x"}, false},
		{[]string{"SELECT 1) UNION ALL (SELECT 2"}, false},
		{[]string{"SELECT (1"}, false},
		{[]string{"SELECT 1; SELECT 2"}, false},
		{[]string{"SELECT $$ ) $$"}, false},
		{[]string{"SELECT 1 # )"}, false},
		{[]string{"SELECT \u2018x\u2019"}, false},
		{[]string{"SELECT '\u2018#$;'"}, true},
	} {
		if err := closed(test.parts...); (err == nil) != test.ok {
			t.Errorf("%q: got %v", test.parts, err)
		}
	}
}
