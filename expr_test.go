package outturn_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"outturn"
)

var sample = &outturn.Dataset{
	Name: "sample", Version: 1, Description: "d", SQL: "SELECT 1",
	Fields: []outturn.Field{
		{Name: "NAME", Type: outturn.Text}, {Name: "CURRENCY", Type: outturn.Text}, {Name: "COUNT", Type: outturn.Int},
		{Name: "TOTAL", Type: outturn.Decimal, Scale: 2, Currency: "CURRENCY", Additive: true},
		{Name: "PAID", Type: outturn.Bool}, {Name: "DAY", Type: outturn.Date}, {Name: "AT", Type: outturn.Time},
		{Name: "RATE", Type: outturn.Float}, {Name: "EXTRA", Type: outturn.JSON},
	},
}

func TestParseExpr(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"NAME eq Ann", "NAME eq 'Ann'"},
		{"name EQ 'O''Brien'", "name eq 'O''Brien'"},
		{`NAME eq "say ""hi"""`, `NAME eq 'say "hi"'`},
		{"A eq 1 or B eq 2 and C eq 3", "(A eq '1') or ((B eq '2') and (C eq '3'))"},
		{"(A eq 1 or B eq 2) and not C eq 3", "((A eq '1') or (B eq '2')) and (not (C eq '3'))"},
		{"A in (1, 'two words',3)", "A in ('1', 'two words', '3')"},
		{"A not in (1)", "not (A in ('1'))"},
		{"A not like 'x%'", "not (A like 'x%')"},
		{"A is null and B is not null", "(A is null) and (not (B is null))"},
		{"AT ge 2026-09-01T08:00:00+02:00", "AT ge '2026-09-01T08:00:00+02:00'"},
		{"A eq ''", "A eq ''"},
		{"A eq and", "A eq 'and'"},
	} {
		e, err := outturn.ParseExpr(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := e.String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestParseExprErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"Empty", "", `position 1: expected a field, found the end`},
		{"Symbol", "TOTAL > 5", `position 7: expected eq, ne`},
		{"NoValue", "TOTAL gt", `position 9: expected a value`},
		{"OpenQuote", "NAME eq 'Ann", `position 9: the quote that opens here is not closed`},
		{"OpenParen", "(A eq 1", `position 8: expected ), found the end`},
		{"Rest", "A eq 1 B eq 2", `position 8: expected and, or, or the end, found "B"`},
		{"InWithoutList", "A in 1", `position 6: expected ( after in`},
		{"IsWhat", "A is 5", `position 6: expected null after is`},
		{"NotEq", "A not eq 5", `position 7: expected eq`},
		{"Deep", strings.Repeat("(", 100) + "A eq 1" + strings.Repeat(")", 100), `more than 64 levels`},
		{"Long", "A eq " + strings.Repeat("x", outturn.MaxFilterLength), "At most 65536 are allowed"},
		{"Position counts characters", "NAME eq 'äöü' and", `position 18`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := outturn.ParseExpr(tt.text)
			wantError(t, err, outturn.CodeInvalid, tt.want)
		})
	}
}

func TestExprCheck(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"NAME eq x and TOTAL gt 1.5 and COUNT lt 3 and PAID eq true and DAY ge 2026-09-01 and AT lt 2026-09-01 and RATE gt 1e3 and EXTRA is null", ""},
		{"TOTAL gt -12345678901234567890.12345678", ""},
		{"TOTAL gt 99999999999999999999999999999999999999", "at most 36 digits before the point"},
		{`NAME like 'a\'`, "ends in"},
		{`NAME like 'a\\'`, ""},
		{"NMAE eq x", `Position 1 of the filter: There is no field "NMAE". Did you mean NAME?`},
		{"NAME eq x or COUNT eq 1.5", `Position 14 of the filter: Field COUNT: "1.5" is not a whole number`},
		{"NMAE eq x or COUNT eq 1.5", "Did you mean NAME?\nPosition 14 of the filter: Field COUNT"},
		{"TOTAL gt 1,000", `position`},
		{"TOTAL gt 1e3", `Field TOTAL: "1e3" is not a decimal number`},
		{"TOTAL gt '+1.5'", ""},
		{"TOTAL gt '+-1.5'", "is not a decimal number"},
		{"TOTAL gt '++1.5'", "is not a decimal number"},
		{"DAY eq 0000-01-01", `Field DAY: "0000-01-01" is not a day`},
		{"AT gt '9999-12-31T23:59:59.5Z' or AT lt '0001-01-01T00:00:00Z'", ""},
		{"AT gt '9999-12-31T23:59:59-01:00'", "outside of the years 0001 to 9999"},
		{"AT lt '0000-12-31T00:00:00Z'", "outside of the years 0001 to 9999"},
		{"PAID eq yes", `Field PAID: "yes" is neither true nor false`},
		{"DAY eq 2026-13-01", `Field DAY: "2026-13-01" is not a day`},
		{"AT eq noon", `Field AT: value "noon" is not a date`},
		{"COUNT like 1%", "Field COUNT is an int; like is for text"},
		{"EXTRA eq {}", "Field EXTRA holds JSON"},
		{"RATE eq NaN", `Field RATE: "NaN" is not a number`},
	} {
		e, err := outturn.ParseExpr(tt.text)
		if err == nil {
			err = e.Check(sample, time.UTC)
		}
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.text, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: got %v, want it to say %q", tt.text, err, tt.want)
		}
	}
}

func TestExprCheckShape(t *testing.T) {
	ok := &outturn.Expr{Op: outturn.OpEQ, Field: "NAME", Values: []string{"x"}}
	for _, e := range []*outturn.Expr{
		{Op: outturn.OpEQ, Field: "NAME"},
		{Op: "drop", Field: "NAME", Values: []string{"x"}},
		{Op: outturn.OpNot, Args: []*outturn.Expr{ok, ok}},
		{Op: outturn.OpAnd},
		{Op: outturn.OpIn, Field: "NAME"},
		{Op: outturn.OpNull, Field: "NAME", Values: []string{"x"}},
	} {
		wantError(t, e.Check(sample, time.UTC), outturn.CodeInvalid, "parts. and and or take parts")
	}
	if err := (&outturn.Expr{Op: outturn.OpNot, Args: []*outturn.Expr{ok}}).Check(sample, time.UTC); err != nil {
		t.Error(err)
	}
}

// What a filter prints reads back as the same tree.
func FuzzParseExpr(f *testing.F) {
	for _, seed := range []string{"A eq 1", "not (A in ('x', \"y\"\"\") or B is not null)", "A like 'ä%' and B ne '' or C ge -1.5", "((((", "A eq 'x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := outturn.ParseExpr(text)
		if err != nil {
			if outturn.ErrorCode(err) != outturn.CodeInvalid {
				t.Fatalf("%q: %v is no error of the user", text, err)
			}
			return
		}
		again, err := outturn.ParseExpr(e.String())
		if err != nil {
			if strings.Contains(err.Error(), "levels are nested") || strings.Contains(err.Error(), "bytes long") {
				return // printing adds parentheses and quotes
			}
			t.Fatalf("%q prints as %q: %v", text, e, err)
		}
		clearPositions(e)
		clearPositions(again)
		if !reflect.DeepEqual(e, again) {
			t.Fatalf("%q prints as %q, which reads as %q", text, e, again)
		}
		_ = e.Check(sample, time.UTC) // must not panic
	})
}

func clearPositions(e *outturn.Expr) {
	e.Pos = 0
	for _, arg := range e.Args {
		clearPositions(arg)
	}
}

func TestParseOrder(t *testing.T) {
	got, err := outturn.ParseOrder("A, B desc,C ASC")
	want := []outturn.Order{{Field: "A"}, {Field: "B", Desc: true}, {Field: "C"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "A,", "A up", "A desc now"} {
		if _, err := outturn.ParseOrder(bad); outturn.ErrorCode(err) != outturn.CodeInvalid {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}
