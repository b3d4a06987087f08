package source

import (
	"strings"
	"testing"

	"outturn"
)

func TestTemplate(t *testing.T) {
	for _, tt := range []struct{ name, sql, want string }{
		{"None", "SELECT 1 AS a;", "SELECT 1 AS a"},
		{"Variables", "SELECT @tenant, @zone WHERE x = @tenant", "SELECT <tenant>, <zone> WHERE x = <tenant>"},
		{"AtTheEnd", "SELECT * FROM t WHERE r = @report_type", "SELECT * FROM t WHERE r = <report_type>"},
		{"InString", "SELECT '@tenant', 'it''s @zone'", "SELECT '@tenant', 'it''s @zone'"},
		{"InIdentifier", `SELECT "@tenant"`, `SELECT "@tenant"`},
		{"InLineComment", "SELECT 1 -- @nobody ( ;\n, @zone", "SELECT 1 -- @nobody ( ;\n, <zone>"},
		{"CommentAtTheEnd", "SELECT @zone ; -- done;\n/* really */ ;", "SELECT <zone>"},
		{"OpenCommentAtTheEnd", "SELECT 1 /* abc\n) FROM", "SELECT 1"},
		{"StringAtTheEnd", "SELECT ' -- ;'; ", "SELECT ' -- ;'"},
		{"InBlockComment", "SELECT /* a /* @x */ ) */ @zone", "SELECT /* a /* @x */ ) */ <zone>"},
		{"InDollarQuotes", "SELECT $$@x;($$, $a$@x$$$a$, @zone", "SELECT $$@x;($$, $a$@x$$$a$, <zone>"},
		{"EscapedString", `SELECT E'\'@x(', @zone`, `SELECT E'\'@x(', <zone>`},
		{"PlainStringEndsAtQuote", `SELECT '\', @zone`, `SELECT '\', <zone>`},
		{"AbsoluteValue", "SELECT @ 5", "SELECT @ 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tmpl, err := parseTemplate(tt.sql)
			if err != nil {
				t.Fatal(err)
			}
			if got := tmpl.render(func(name string) string { return "<" + name + ">" }); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTemplateErrors(t *testing.T) {
	for _, tt := range []struct{ name, sql, want string }{
		{"BreaksOut", "SELECT 1) AS d UNION SELECT * FROM secret --", "closes a parenthesis on line 1"},
		{"LeavesOpen", "SELECT (1", "opens 1 parentheses"},
		{"OpenString", "SELECT 1,\n'abc", "opens with ' on line 2"},
		{"OpenIdentifier", `SELECT "abc`, "is not closed"},
		{"OpenDollarQuotes", "SELECT $x$ abc", "opens with $ on line 1"},
		{"TwoStatements", "SELECT 1;\nDROP TABLE t", "semicolon on line 1"},
		{"Parameter", "SELECT\n$1", "parameter 1 on line 2"},
		{"UnknownVariable", "SELECT @tennant", "unknown variable @tennant on line 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseTemplate(tt.sql)
			if outturn.ErrorCode(err) != outturn.CodeDatasetInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

// What is put into a template comes out where its variables stood, and nothing
// else changes.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"SELECT @zone", "SELECT '@zone' || @tenant", "$a$ @zone $a$", "E'\\'", "/* /* */", "-- x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		tmpl, err := parseTemplate(sql)
		if err != nil {
			return
		}
		same := tmpl.render(func(name string) string { return "@" + name })
		if want := TrimStatement(sql); same != want {
			t.Fatalf("%q became %q", sql, same)
		}
	})
}
