package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/client"
)

const absent = "0199a000-0000-7000-8000-000000000000"

// What cannot be met is refused with every fault and the field each is about, and
// leaves nothing behind.
func TestRefused(t *testing.T) {
	manager, viewer := callerOf(t, "Northwind", outturn.RoleManager), callerOf(t, "Northwind", outturn.RoleViewer)
	mine := manager.run(t, accounts)
	var view outturn.SavedView
	manager.do(t, "POST", "/v1/views", `{"name":"short","dataset":"accounts","columns":[{"field":"ACCOUNT_ID"}]}`).decode(t, 201, &view)

	var standing, daily client.Generator
	manager.do(t, "POST", "/v1/generators", `{"name":"refused","dataset":"accounts","formats":["csv"],"trigger":{"kind":"manual"}}`).decode(t, 201, &standing)
	manager.do(t, "POST", "/v1/generators", `{"name":"daily","dataset":"payments","formats":["csv"],"window":{"kind":"previous","unit":"day"},"trigger":{"kind":"schedule","schedule":{"every":"day"}}}`).decode(t, 201, &daily)

	tests := []struct {
		name         string
		method, path string
		body         string
		header       []string
		status       int
		code         string
		fields       string // of the faults, sorted
		says         string // in the detail or in a fault
	}{
		{name: "NoToken", method: "GET", path: "/v1/runs", header: []string{"Authorization", "none"}, status: 401, code: "unauthenticated", says: "token"},
		{name: "RoleTooSmall", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv"]}`, header: []string{"Authorization", "Bearer " + viewer.token}, status: 403, code: "forbidden"},
		{name: "NoSuchPath", method: "GET", path: "/v1/rnus", status: 404, code: "not_found", says: "/docs"},
		{name: "WrongMethod", method: "PUT", path: "/v1/runs", status: 405, code: "method_not_allowed", says: "GET, HEAD, POST is"},
		{name: "NotAcceptable", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv"]}`, header: []string{"Accept", "application/xml, text/*;q=0.5"}, status: 406, code: "not_acceptable", says: "application/json"},
		{name: "UnsupportedMediaType", method: "POST", path: "/v1/runs", body: `dataset: accounts`, header: []string{"Content-Type", "application/yaml"}, status: 415, code: "unsupported_media_type", says: "application/json"},

		{name: "NoBody", method: "POST", path: "/v1/runs", status: 400, code: "malformed_request", says: "body"},
		{name: "BrokenJSON", method: "POST", path: "/v1/runs", body: "{\n  \"dataset\": \"accounts\",,\n}", status: 400, code: "malformed_request", says: "line 2, column 25"},
		{name: "CutJSON", method: "POST", path: "/v1/runs", body: `{"dataset": "acc`, status: 400, code: "malformed_request", says: "line 1, column 16"},
		{name: "TwoJSON", method: "POST", path: "/v1/runs", body: `{"dataset": "accounts", "formats": ["csv"]} {}`, status: 400, code: "malformed_request"},
		{name: "TooLarge", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv"],"name":"` + strings.Repeat("a", 1<<20) + `"}`, status: 413, code: "too_large", says: "1 MiB"},

		{name: "UnknownKey", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv"],"colums":["A"]}`, status: 422, code: "invalid_parameters", fields: "colums", says: "Did you mean columns?"},
		{name: "UnknownKeyByCase", method: "POST", path: "/v1/runs", body: `{"Dataset":"accounts","formats":["csv"]}`, status: 422, code: "invalid_parameters", fields: "Dataset dataset", says: "Did you mean dataset?"},
		{name: "UnknownKeyWithin", method: "POST", path: "/v1/runs", body: `{"dataset":"payments","formats":["csv"],"window":{"form":"2026-09-01","from":"2026-09-01","to":"2026-10-01"}}`, status: 422, code: "invalid_parameters", fields: "window.form", says: "Did you mean from"},
		{name: "UnknownKeyOfAFormat", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv",{"format":"csv","compressed":"gzip"}]}`, status: 422, code: "invalid_parameters", fields: "formats[1].compressed", says: "Did you mean compression?"},
		{name: "UnknownKeyOfACondition", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv"],"filter":{"op":"and","args":[{"op":"eq","feild":"A","values":["1"]}]}}`, status: 422, code: "invalid_parameters", fields: "filter.args[0].feild", says: "Did you mean field"},
		{name: "UnknownKeyWithADot", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv"],"window.from":"2026-09-01"}`, status: 422, code: "invalid_parameters", fields: "window.from", says: `no member \"window.from\"`},
		{name: "UnknownKeyFarAway", method: "POST", path: "/v1/views", body: `{"name":"a","dataset":"accounts","columns":[],"zzzzzzzzzz":1}`, status: 422, code: "invalid_parameters", fields: "zzzzzzzzzz", says: "Allowed: "},
		{name: "UnknownParameter", method: "GET", path: "/v1/runs?limt=3", status: 422, code: "invalid_parameters", fields: "limt", says: "Did you mean limit?"},
		{name: "UnknownParameterOfADownload", method: "GET", path: "/v1/files/" + mine.Files[0].ID + "/content?part=1", status: 422, code: "invalid_parameters", fields: "part"},
		{name: "WrongTypes", method: "POST", path: "/v1/runs", body: `{"dataset":7,"formats":"csv","window":"september","filter":true,"name":["a"]}`, status: 422, code: "invalid_parameters", fields: "dataset filter formats name window", says: "string or object"},
		{name: "NotAnObject", method: "POST", path: "/v1/runs", body: `["accounts"]`, status: 422, code: "invalid_parameters", fields: "body", says: "object"},
		{name: "Missing", method: "POST", path: "/v1/runs", body: `{}`, status: 422, code: "invalid_parameters", fields: "dataset formats", says: "required"},
		{name: "ManyFaultsOfShape", method: "POST", path: "/v1/runs?dry=1", body: `{"dataset":"accounts","formats":[{"format":1}],"zona":"UTC","tenant":5}`, status: 422, code: "invalid_parameters", fields: "dry formats[0].format tenant zona"},
		{name: "NumberTooLarge", method: "POST", path: "/v1/files/" + mine.Files[0].ID + "/links", body: `{"expires_in":1e30}`, status: 422, code: "invalid_parameters", fields: "expires_in", says: "<= 7776000"},

		{name: "UnknownDataset", method: "POST", path: "/v1/runs", body: `{"dataset":"acounts","formats":["csv"]}`, status: 422, code: "invalid_parameters", fields: "dataset", says: "Did you mean accounts?"},
		{name: "UnknownDatasetShown", method: "GET", path: "/v1/datasets/acounts", status: 404, code: "not_found", says: "Did you mean accounts?"},
		{name: "UnknownFormat", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["cvs"]}`, status: 422, code: "invalid_parameters", fields: "formats[0].format", says: "csv"},
		{name: "UnknownColumn", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv"],"columns":["ACOUNT_ID"]}`, status: 422, code: "invalid_parameters", fields: "columns", says: "ACCOUNT_ID"},
		{name: "ManyFaultsOfMeaning", method: "POST", path: "/v1/runs", body: `{"dataset":"payments","formats":["cvs","csv"],"columns":["NOPE"],"filter":"a b","order":"x y z","window":{"from":"2026-13-01","to":""},"zone":"Mars/Base"}`, status: 422, code: "invalid_parameters", fields: "columns filter formats[0].format order window.to zone"},
		{name: "UnknownZoneOfAWindow", method: "POST", path: "/v1/runs", body: `{"dataset":"payments","formats":["csv"],"window":{"from":"2026-09-01","to":"2026-10-01","zone":"Mars/Base"}}`, status: 422, code: "invalid_parameters", fields: "window.zone", says: "IANA"},
		{name: "FileTwice", method: "POST", path: "/v1/runs", body: `{"dataset":"payments","formats":["csv","xml","csv"]}`, status: 422, code: "invalid_parameters", fields: "formats[2]", says: "number 1"},
		{name: "FaultsOfAPreview", method: "POST", path: "/v1/datasets/payments/preview", body: `{"filter":"a b","view":"ful"}`, status: 422, code: "invalid_parameters", fields: "filter view", says: "full"},
		{name: "FiltersThatAreNone", method: "GET", path: "/v1/runs?filter=state+is+failed&order=created_at+up&limit=many", status: 422, code: "invalid_parameters", fields: "filter limit order"},
		{name: "UnknownListField", method: "GET", path: "/v1/runs?filter=stat+eq+failed", status: 422, code: "invalid_parameters", fields: "filter", says: "state"},
		{name: "CursorFromElsewhere", method: "GET", path: "/v1/runs?cursor=bm9uZQ", status: 422, code: "invalid_parameters", fields: "cursor"},
		{name: "KeyTooLong", method: "POST", path: "/v1/runs", body: `{"dataset":"accounts","formats":["csv"]}`, header: []string{"Idempotency-Key", strings.Repeat("k", 256)}, status: 422, code: "invalid_parameters", fields: "Idempotency-Key"},

		{name: "GeneratorFaultsOfShape", method: "POST", path: "/v1/generators?dry=1", body: `{"name":"a","dataset":"payments","formats":["csv"],"trigger":{"kind":"schedule","schedule":{"every":"day","hour":6}},"deliveries":[{"kind":"email","To":["a@example.com"]}]}`, status: 422, code: "invalid_parameters", fields: "deliveries[0].To dry trigger.schedule.hour", says: "Did you mean to?"},
		{name: "GeneratorFaultsOfMeaning", method: "POST", path: "/v1/generators", body: `{"name":"a","dataset":"payments","formats":["cvs"],"zone":"Mars/Base","window":{"kind":"previous","unit":"year"},"trigger":{"kind":"schedule","schedule":{"every":"cron","cron":"61 * * * *"}},"deliveries":[{"kind":"email","to":["a@example.com","nobody"]}]}`, status: 422, code: "invalid_parameters", fields: "deliveries[0].to[1] formats[0].format trigger.schedule.cron window.unit zone"},
		{name: "GeneratorNeverFires", method: "POST", path: "/v1/generators?dry_run=true", body: `{"name":"a","dataset":"payments","formats":["csv"],"trigger":{"kind":"schedule","schedule":{"every":"cron","cron":"0 0 30 2 *"}}}`, status: 422, code: "invalid_parameters", fields: "trigger.schedule.cron", says: "never fires"},
		{name: "GeneratorTooOften", method: "PUT", path: "/v1/generators", body: `{"name":"a","dataset":"payments","formats":["csv"],"trigger":{"kind":"schedule","schedule":{"every":"cron","cron":"* * * * *"}}}`, status: 422, code: "invalid_parameters", fields: "trigger.schedule.cron", says: "15m"},
		{name: "GeneratorPatchUnknown", method: "PATCH", path: "/v1/generators/" + standing.ID, header: []string{"If-Match", "*"}, body: `{"trigger":{"overlapp":"skip"},"window":{"units":"day"}}`, status: 422, code: "invalid_parameters", fields: "trigger.overlapp window.units", says: "Did you mean overlap?"},
		{name: "GeneratorPatchNoName", method: "PATCH", path: "/v1/generators/" + standing.ID, header: []string{"If-Match", "*"}, body: `{"name":null,"formats":null}`, status: 422, code: "invalid_parameters", fields: "formats name"},
		{name: "GeneratorOldIfMatch", method: "PATCH", path: "/v1/generators/" + standing.ID, header: []string{"If-Match", `"7"`}, body: `{"name":"b"}`, status: 412, code: "version_changed"},
		{name: "GeneratorNoIfMatch", method: "DELETE", path: "/v1/generators/" + standing.ID, status: 428, code: "precondition_required", says: "If-Match"},
		{name: "BackfillTooMuch", method: "POST", path: "/v1/generators/" + daily.ID + "/backfill", body: `{"from":"2026-01-01","to":"2026-06-01"}`, status: 422, code: "invalid_parameters", fields: "to", says: "120"},
		{name: "BackfillNotOver", method: "POST", path: "/v1/generators/" + daily.ID + "/backfill", body: `{"from":"2026-01-01","to":"2999-06-01"}`, status: 422, code: "invalid_parameters", fields: "to", says: "not over"},
		{name: "BackfillOfNothing", method: "POST", path: "/v1/generators/" + standing.ID + "/backfill?dry_run=true", body: `{"from":"2026-01-01","to":"2026-06-01"}`, status: 422, code: "invalid_parameters", fields: "window", says: "same window"},
		{name: "UpcomingTooMany", method: "GET", path: "/v1/generators/" + standing.ID + "/upcoming?n=101", status: 422, code: "invalid_parameters", fields: "n", says: "100"},

		{name: "AbsentTenant", method: "GET", path: "/v1/runs?tenant=" + absent, status: 404, code: "not_found", fields: "tenant"},
		{name: "AbsentRun", method: "GET", path: "/v1/runs/" + absent, status: 404, code: "not_found"},
		{name: "AbsentLink", method: "GET", path: "/f/otl_none", header: []string{"Authorization", "none"}, status: 404, code: "not_found", says: "all of it was copied"},
		{name: "NoIfMatch", method: "DELETE", path: "/v1/views/" + view.ID, status: 428, code: "precondition_required", says: "If-Match"},
		{name: "PreviewOfNone", method: "POST", path: "/v1/datasets/paymnts/preview", body: `{}`, status: 404, code: "not_found", says: "Did you mean payments?"},
		{name: "OldIfMatch", method: "PATCH", path: "/v1/views/" + view.ID, body: `{"name":"other"}`, header: []string{"If-Match", `"7"`}, status: 412, code: "version_changed"},
		{name: "BadRange", method: "GET", path: "/v1/files/" + mine.Files[0].ID + "/content", header: []string{"Range", "bytes=99999999-"}, status: 416, code: "invalid_range", says: "Content-Range"},
		{name: "RangeBackwards", method: "GET", path: "/v1/files/" + mine.Files[0].ID + "/content", header: []string{"Range", "bytes=9-1"}, status: 416, code: "invalid_range", says: "Content-Range"},
		{name: "NoSuchDocument", method: "GET", path: "/docs/none.js", status: 404, code: "not_found"},
	}
	rest(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, logged := rows(t), len(shop.log.String())
			a := manager.do(t, tt.method, tt.path, tt.body, tt.header...)
			var p problem
			a.decode(t, tt.status, &p)
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
			}
			slices.Sort(fields)
			if p.Code != tt.code || p.Status != tt.status || strings.Join(fields, " ") != tt.fields || !strings.Contains(string(a.body), tt.says) {
				t.Errorf("got %s, want code %s, faults in %q, and to hear of %q", a.body, tt.code, tt.fields, tt.says)
			}
			if got := a.header.Get("Content-Type"); got != "application/problem+json" || p.Type != "about:blank" || p.Title != http.StatusText(tt.status) || p.Detail == "" {
				t.Errorf("%s is no problem details: %s", got, a.body)
			}
			if p.Request == "" || p.Request != a.header.Get("X-Request-Id") {
				t.Errorf("the request is %q, and the header says %q", p.Request, a.header.Get("X-Request-Id"))
			}
			if after := rows(t); !maps.Equal(before, after) {
				t.Errorf("it left something: %v before, %v after", before, after)
			}
			if log := shop.log.String()[logged:]; strings.Contains(log, `"level":"ERROR"`) {
				t.Errorf("the log has %s", log)
			}
		})
	}
	if allow := manager.do(t, "PUT", "/v1/runs", "").header.Get("Allow"); allow != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", allow)
	}
}

// A key stands for one request: again it is answered byte for byte as it was, with
// another body or path it is refused.
func TestIdempotencyKey(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	const body, other = `{"dataset":"accounts","formats":["csv"]}`, `{"dataset":"accounts", "formats":["csv"]}`
	first := who.do(t, "POST", "/v1/runs", body, "Idempotency-Key", "a key")
	askAgain := func() { // whatever has become of it
		t.Helper()
		again := who.do(t, "POST", "/v1/runs", body, "Idempotency-Key", "a key")
		if first.status != 202 || again.status != 202 || !bytes.Equal(first.body, again.body) || first.header.Get("Location") != again.header.Get("Location") {
			t.Errorf("first %d %s, again %d %s", first.status, first.body, again.status, again.body)
		}
	}
	askAgain()
	rest(t)
	before := rows(t)
	askAgain()
	var run struct{ ID string }
	first.decode(t, 202, &run)
	for _, path := range []string{"/v1/runs", "/v1/runs/" + run.ID + "/retry"} {
		var p problem
		who.do(t, "POST", path, other, "Idempotency-Key", "a key").decode(t, 422, &p)
		if p.Code != "idempotency_key_reused" || len(p.Errors) != 1 || p.Errors[0].Field != "Idempotency-Key" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if after := rows(t); !maps.Equal(before, after) {
		t.Errorf("it left something: %v before, %v after", before, after)
	}
	// Somebody else's key is another, and a refused request uses none up.
	if a := callerOf(t, "Northwind", outturn.RoleManager).do(t, "POST", "/v1/runs", other, "Idempotency-Key", "a key"); a.status != 202 {
		t.Errorf("another client's: %d %s", a.status, a.body)
	}
	if a := who.do(t, "POST", "/v1/runs", `{"dataset":"none","formats":["csv"]}`, "Idempotency-Key", "b"); a.status != 422 {
		t.Errorf("a refused one: %d %s", a.status, a.body)
	}
	if a := who.do(t, "POST", "/v1/runs", body, "Idempotency-Key", "b"); a.status != 202 {
		t.Errorf("after a refused one: %d %s", a.status, a.body)
	}
}

// Of many requests with one key at once, one run comes, and nobody hears anything
// but of it or that it is under way.
func TestIdempotencyKeyInFlight(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	answers := make(chan answer)
	for range 16 {
		go func() {
			answers <- who.do(t, "POST", "/v1/runs", `{"dataset":"accounts","formats":["csv"]}`, "Idempotency-Key", "at once")
		}()
	}
	seen := map[string]bool{}
	for range 16 {
		a := <-answers
		if a.status == http.StatusConflict {
			var p problem
			a.decode(t, 409, &p)
			if p.Code != "idempotency_key_in_flight" || len(p.Errors) != 1 || p.Errors[0].Field != "Idempotency-Key" {
				t.Errorf("%+v", p)
			}
			continue
		}
		seen[string(a.body)] = true
		if a.status != 202 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d answers: %v", len(seen), seen)
	}
}

// Another tenant's ids are like those that never were, from every route and byte
// for byte.
func TestForeignIsAbsent(t *testing.T) {
	mine, other := callerOf(t, "Northwind", outturn.RoleManager), callerOf(t, "Contoso", outturn.RoleAdmin)
	run := mine.run(t, accounts)
	var view outturn.SavedView
	mine.do(t, "POST", "/v1/views", `{"name":"theirs","dataset":"accounts","columns":[{"field":"ACCOUNT_ID"}]}`).decode(t, 201, &view)
	var link struct{ ID string }
	mine.do(t, "POST", "/v1/files/"+run.Files[0].ID+"/links", `{}`).decode(t, 201, &link)
	var standing client.Generator
	mine.do(t, "POST", "/v1/generators", `{"name":"theirs","dataset":"accounts","formats":["csv"],"trigger":{"kind":"manual"}}`).decode(t, 201, &standing)
	rest(t)
	for _, tt := range []struct{ method, path, id, body string }{
		{"GET", "/v1/generators/ID", standing.ID, ""},
		{"PATCH", "/v1/generators/ID", standing.ID, `{"name":"mine"}`},
		{"DELETE", "/v1/generators/ID", standing.ID, ""},
		{"POST", "/v1/generators/ID/enable", standing.ID, ""},
		{"POST", "/v1/generators/ID/disable", standing.ID, ""},
		{"POST", "/v1/generators/ID/run", standing.ID, ""},
		{"POST", "/v1/generators/ID/backfill", standing.ID, `{"from":"2026-01-01","to":"2026-02-01"}`},
		{"GET", "/v1/generators/ID/upcoming", standing.ID, ""},
		{"GET", "/v1/generators/ID/runs", standing.ID, ""},
		{"GET", "/v1/generators/ID/firings", standing.ID, ""},
		{"GET", "/v1/runs/ID", run.ID, ""},
		{"POST", "/v1/runs/ID/cancel", run.ID, ""},
		{"POST", "/v1/runs/ID/retry", run.ID, ""},
		{"DELETE", "/v1/runs/ID", run.ID, ""},
		{"GET", "/v1/runs/ID/events", run.ID, ""},
		{"GET", "/v1/runs/ID/manifest", run.ID, ""},
		{"GET", "/v1/files/ID/content", run.Files[0].ID, ""},
		{"POST", "/v1/files/ID/links", run.Files[0].ID, "{}"},
		{"DELETE", "/v1/links/ID", link.ID, ""},
		{"GET", "/v1/views/ID", view.ID, ""},
		{"PATCH", "/v1/views/ID", view.ID, `{"name":"mine"}`},
		{"DELETE", "/v1/views/ID", view.ID, ""},
		{"GET", "/v1/runs?tenant=ID", shop.tenants["Northwind"].ID, ""},
		{"POST", "/v1/runs", shop.tenants["Northwind"].ID, `{"dataset":"accounts","formats":["csv"],"tenant":"ID"}`},
		{"POST", "/v1/runs", view.ID, `{"dataset":"accounts","formats":["csv"],"view":"ID"}`},
	} {
		before := rows(t)
		ask := func(id string) (int, string) {
			with := func(text string) string { return strings.ReplaceAll(text, "ID", id) }
			a := other.do(t, tt.method, with(tt.path), with(tt.body), "X-Request-Id", "same", "If-Match", `"1"`, "Accept", "*/*")
			return a.status, strings.ReplaceAll(string(a.body), id, "ID")
		}
		foreignStatus, foreign := ask(tt.id)
		absentStatus, none := ask(absent)
		if foreignStatus != absentStatus || foreign != none || foreignStatus/100 != 4 {
			t.Errorf("%s %s: foreign %d %s, absent %d %s", tt.method, tt.path, foreignStatus, foreign, absentStatus, none)
		}
		if after := rows(t); !maps.Equal(before, after) {
			t.Errorf("%s %s: %v before, %v after", tt.method, tt.path, before, after)
		}
	}
	// All of it is there for its own.
	if a := mine.do(t, "GET", "/v1/runs/"+run.ID, ""); a.status != 200 {
		t.Errorf("its own: %d", a.status)
	}
}

// A link ends when its time is over, and says what to do then.
func TestLinkEnds(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	run := who.run(t, accounts)
	path := func(body string) (id, path string) {
		var l struct{ ID, URL string }
		who.do(t, "POST", "/v1/files/"+run.Files[0].ID+"/links", body).decode(t, 201, &l)
		return l.ID, strings.TrimPrefix(l.URL, shop.URL())
	}
	_, short := path(`{"expires_in":60}`)
	id, revoked := path(`{}`)
	gone := func(path, name string) {
		t.Helper()
		var p problem
		request := caller{}.do(t, "GET", path, "")
		request.decode(t, 410, &p)
		if p.Code != "gone" || !strings.Contains(p.Detail, "Ask whoever sent it") {
			t.Errorf("%s: %s", name, request.body)
		}
	}
	for _, path := range []string{short, revoked} {
		if a := (caller{}).do(t, "GET", path, ""); a.status != 200 || int64(len(a.body)) != run.Files[0].Bytes {
			t.Errorf("%d, %d bytes", a.status, len(a.body))
		}
	}
	if a := who.do(t, "DELETE", "/v1/links/"+id, ""); a.status != 204 {
		t.Errorf("revoke: %d %s", a.status, a.body)
	}
	gone(revoked, "revoked")
	shop.Ahead(61 * time.Second)
	defer shop.Ahead(0)
	gone(short, "expired")
	if a := (caller{}).do(t, "GET", short+"x", ""); a.status != 404 {
		t.Errorf("one that never was: %d %s", a.status, a.body)
	}
}

// A request that is cut off is its client's fault, and is no error of the server.
func TestCutBody(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	logged := len(shop.log.String())
	conn := dial(t)
	defer conn.Close()
	_, err := conn.Write([]byte("POST /v1/runs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + who.token +
		"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	resp := readResponse(t, conn)
	var p problem
	if err := json.Unmarshal(resp.body, &p); err != nil || resp.status != 400 || p.Code != "malformed_request" {
		t.Errorf("%d %s", resp.status, resp.body)
	}
	if log := shop.log.String()[logged:]; strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log has %s", log)
	}
}
