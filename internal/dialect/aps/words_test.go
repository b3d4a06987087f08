package aps

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"outturn"
)

// Section 1: a type is implemented by the same one and by later versions of it.
func TestTypes(t *testing.T) {
	for text, want := range map[string]bool{
		"http://www.odin.com/rde/report-template/1.1": true, "http://www.odin.com/rde/report-template/1.5": true,
		"https://www.odin.com/rde/report-template/1.0": true,
		"http://www.odin.com/rde/report-template/1.6":  false, "http://www.odin.com/rde/report-template/2.0": false,
		"http://www.odin.com/rde/report-file/1.1": false, "http://www.odin.com/rde/report-template": false, "report-template/1.1": false,
		"http://www.odin.com/rde/report-template/1.99999999999999999999": false, "": false,
	} {
		asked, ok := parseType(text)
		if got := ok && templateType.implements(asked); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
	for template, want := range map[int]int{0: 1, 1: 1, 2: 2, 3: 6, 5: 6} {
		if got := fileTypeOf(typeID{templateType.path, 1, template}); got.minor != want {
			t.Errorf("the files of 1.%d are of %s, want 1.%d", template, got, want)
		}
	}
}

// Lists that are no tables decide conditions as the ledger does.
func TestHolds(t *testing.T) {
	fields := map[string]string{"name": "a_b/c*d", "n": "5"}
	is := func(op outturn.Op, field string, values ...string) *outturn.Expr {
		return &outturn.Expr{Op: op, Field: field, Values: values}
	}
	for _, tt := range []struct {
		e    *outturn.Expr
		want bool
	}{
		{is(outturn.OpEQ, "n", "5"), true}, {is(outturn.OpEQ, "n", "6"), false}, {is(outturn.OpEQ, "none", "5"), false},
		{is(outturn.OpNE, "n", "5"), false}, {is(outturn.OpNE, "none", "5"), true},
		{is(outturn.OpLT, "n", "6"), true}, {is(outturn.OpLE, "n", "5"), true}, {is(outturn.OpGT, "n", "5"), false}, {is(outturn.OpGE, "n", "5"), true},
		{is(outturn.OpLT, "none", "6"), false}, {is(outturn.OpIn, "n", "4", "5"), true}, {is(outturn.OpIn, "n", "4"), false},
		{is(outturn.OpNull, "none"), true}, {is(outturn.OpNull, "n"), false},
		{is(outturn.OpLike, "name", "a%"), true}, {is(outturn.OpLike, "name", "%d"), true}, {is(outturn.OpLike, "name", "A%"), false},
		{is(outturn.OpLike, "name", `a\_b/c*_`), true}, {is(outturn.OpLike, "name", `a\_c%`), false}, {is(outturn.OpLike, "name", `%\*d`), true},
		{is(outturn.OpLike, "name", `a_b_c_d`), true}, {is(outturn.OpLike, "name", `[a]%`), false}, {is(outturn.OpLike, "name", "%"), true},
		{not(is(outturn.OpEQ, "n", "5")), false}, {all(is(outturn.OpEQ, "n", "5"), is(outturn.OpNull, "n")), false}, {anyOf(is(outturn.OpEQ, "n", "5"), is(outturn.OpNull, "n")), true},
		{never, true /* there is no id */},
	} {
		if got := holds(tt.e, fields); got != tt.want {
			t.Errorf("%+v is %t", tt.e, got)
		}
	}
}

// What a fault of ours is about is told by APS's names.
func TestTheirs(t *testing.T) {
	template := &kind{named: "commonName"}
	for ours, want := range map[string]string{
		"window.from": "parameters.startDate", "window.to": "parameters.endDate", "window": "parameters", "window.kind": "parameters",
		"outputs[0].format": "format", "deliveries[1].to": "notifyByEmail", "name": "commonName", "run_name": "commonName", "dataset": "dataSet", "view": "customization",
		"trigger.schedule.day": "parameters.startDay", "trigger.schedule.every": "parameters.period", "trigger.event": "eventType", "report_type": "reportType",
		"viewpoint": "viewpoint", "": "", "parameters.startDate": "parameters.startDate",
	} {
		if got := theirs(ours, template); got != want {
			t.Errorf("%s is %s, want %s", ours, got, want)
		}
	}
	if got := theirs("name", nil); got != "name" {
		t.Errorf("of no kind a name is %s", got)
	}
}

// Section 3.6: who is to come again is told when, and the front end shows itself where
// that is wanted.
func TestAnswerHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	writeError(w, errorWire{Code: http.StatusServiceUnavailable}, 7)
	if w.Code != 503 || w.Header().Get("Retry-After") != "7" || w.Header().Get("APS-Retry-Timeout") != "7" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, booster := range []bool{false, true} {
		w := httptest.NewRecorder()
		d := &Dialect{Config: Config{Booster: booster}, handler: http.NotFoundHandler()}
		d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/aps/2/resources", http.NoBody))
		if got := w.Header().Get("X-APSBooster-Response") == "true"; got != booster {
			t.Errorf("%t: %v", booster, w.Header())
		}
	}
}

// A view is called whatever people like, and has a name that files can have.
func TestRename(t *testing.T) {
	for name, want := range map[string]string{"Lean": "Lean", "My view": "My_view", "Läng & breit": "L_ng_breit", "2025": "view_2025", "日本": "view_", "_x": "x"} {
		var v outturn.View
		rename(&v, name)
		if v.Name != want || !outturn.ValidName.MatchString(v.Name) || title(v) != name {
			t.Errorf("%s is %+v, want %s", name, v, want)
		}
	}
}

// One answer asks the source for a few report types, however many tenants it has: here
// there is no source that could be asked.
func TestDerived(t *testing.T) {
	c := call{derived: map[string]string{"known": "PROVIDER"}}
	for n := range mostDerived {
		c.derived[strconv.Itoa(n)] = "RESELLER"
	}
	for id, want := range map[string]string{"known": "PROVIDER", "0": "RESELLER", "one more": ""} {
		if got := c.typed(t.Context(), outturn.Tenant{ID: id}); got.ReportType != want {
			t.Errorf("%s is %q, want %q", id, got.ReportType, want)
		}
	}
}
