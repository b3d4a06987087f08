package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/client"
)

// monthly is the body of a generator: the month before, on the second business day.
func monthly(name string) string {
	return fmt.Sprintf(`{"name":%q,"dataset":"payments","view":"cmp","filter":"CUSTOMER_PAYMENT_CURRENCY_ID eq EUR","order":"CUSTOMER_NAME desc",
		"formats":["xlsx",{"format":"csv","compression":"gzip"}],"window":{"kind":"previous","unit":"month"},
		"trigger":{"kind":"schedule","schedule":{"every":"month","nth":2,"of":"business_day","at":"06:00","zone":"Europe/Warsaw"}},
		"deliveries":[{"kind":"email","to":["finance@example.com"]}]}`, name)
}

// Before anything is kept, a draft has what would be, and when: across clocks that
// change, with the instant beside the wall clock (P21, P22, P23).
func TestP21P22P23DryRun(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	rest(t)
	before := rows(t)
	for _, tt := range []struct {
		schedule string
		want     map[string]string // instants by local times
	}{
		{`{"every":"week","weekdays":["sun"],"at":"02:30","zone":"Europe/Warsaw","start":"2027-10-24"}`, map[string]string{
			"2027-10-24T02:30:00+02:00": "2027-10-24T00:30:00Z", "2027-10-31T02:30:00+02:00": "2027-10-31T00:30:00Z", "2027-11-07T02:30:00+01:00": "2027-11-07T01:30:00Z",
		}},
		{`{"every":"month","day":31,"at":"06:00","zone":"Europe/Warsaw","start":"2028-01-01"}`, map[string]string{
			"2028-01-31T06:00:00+01:00": "2028-01-31T05:00:00Z", "2028-02-29T06:00:00+01:00": "2028-02-29T05:00:00Z", "2028-04-30T06:00:00+02:00": "2028-04-30T04:00:00Z",
		}},
		{`{"every":"day","at":"00:15","zone":"Asia/Kolkata","start":"2028-01-01"}`, map[string]string{"2028-01-01T00:15:00+05:30": "2027-12-31T18:45:00Z"}},
	} {
		var g client.Generator
		body := `{"name":"draft","dataset":"payments","formats":["csv"],"trigger":{"kind":"schedule","schedule":` + tt.schedule + `}}`
		who.do(t, "POST", "/v1/generators?dry_run=true", body).decode(t, http.StatusOK, &g)
		got := map[string]string{}
		for _, u := range g.Upcoming {
			got[u.Local.Format(time.RFC3339)] = u.At.Format(time.RFC3339)
			if u.Zone != g.Trigger.Schedule.Zone || u.Zone != g.Zone {
				t.Errorf("the zone is %s, of the report %s", u.Zone, g.Zone)
			}
		}
		for local, instant := range tt.want {
			if got[local] != instant {
				t.Errorf("%s: %s is %q, want %s: %v", tt.schedule, local, got[local], instant, got)
			}
		}
		if len(got) != 12 || g.ID != "" {
			t.Errorf("%s: %d firings, id %q", tt.schedule, len(got), g.ID)
		}
	}
	if after := rows(t); !reflect.DeepEqual(before, after) {
		t.Errorf("it left something: %v before, %v after", before, after)
	}
}

// What a generator is shown as is what it could have been made of: applied again it
// changes nothing (P26).
func TestP26Apply(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	body := monthly("applied")
	for _, want := range []struct {
		status  int
		applied string
	}{{201, "created"}, {200, "unchanged"}} {
		var g client.Generator
		a := who.do(t, "PUT", "/v1/generators", body)
		a.decode(t, want.status, &g)
		if g.Applied != want.applied || g.Revision != 1 || a.header.Get("ETag") != `"1"` || (want.status == 201) != (a.header.Get("Location") == "/v1/generators/"+g.ID) {
			t.Errorf("%s: %+v %v", want.applied, g, a.header)
		}
		text, err := json.Marshal(g.GeneratorInput)
		if err != nil {
			t.Fatal(err)
		}
		body = string(text)
	}
	var g client.Generator
	who.do(t, "PUT", "/v1/generators?dry_run=true", strings.Replace(body, "06:00", "07:00", 1)).decode(t, 200, &g)
	if g.Applied != "changed" || g.Revision != 2 || len(g.Upcoming) != 12 {
		t.Errorf("the draft of a change: %+v", g)
	}
	if a := who.do(t, "POST", "/v1/generators", body); a.status != http.StatusConflict {
		t.Errorf("made again: %d %s", a.status, a.body)
	}
	var list outturn.List[client.Generator]
	who.do(t, "GET", "/v1/generators?filter=name+eq+applied", "").decode(t, 200, &list)
	if len(list.Items) != 1 || list.Items[0].Revision != 1 {
		t.Errorf("there are %+v", list.Items)
	}
}

// A patch is merged, and what is of another kind takes the place of what was there.
func TestPatchGenerator(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	var g client.Generator
	who.do(t, "POST", "/v1/generators", monthly("patched")).decode(t, 201, &g)
	path, revision := "/v1/generators/"+g.ID, 1
	for _, step := range []struct {
		patch string
		same  bool
		check func(client.Generator) bool
	}{
		{`{}`, true, func(g client.Generator) bool { return g.View == "cmp" }},
		{`{"trigger":{"schedule":{"at":"07:00"}}}`, false, func(g client.Generator) bool {
			s := g.Trigger.Schedule
			return s.At == "07:00" && s.Nth == 2 && s.Zone == "Europe/Warsaw" && g.Trigger.Overlap == outturn.OverlapQueue
		}},
		{`{"view":null,"columns":["CUSTOMER_NAME"],"order":null}`, false, func(g client.Generator) bool {
			return g.View == "" && len(g.Columns) == 1 && g.Order == nil && g.Filter == "CUSTOMER_PAYMENT_CURRENCY_ID eq 'EUR'"
		}},
		{`{"filter":{"op":"eq","field":"CUSTOMER_PAYMENT_CURRENCY_ID","values":["USD"]}}`, false, func(g client.Generator) bool {
			return g.Filter == "CUSTOMER_PAYMENT_CURRENCY_ID eq 'USD'"
		}},
		{`{"trigger":{"schedule":{"every":"week","weekdays":["mon"]}}}`, false, func(g client.Generator) bool {
			s := g.Trigger.Schedule
			return s.Nth == 0 && s.At == "" && s.Weekdays[0] == "mon"
		}},
		{`{"window":{"kind":"last_days","count":7}}`, false, func(g client.Generator) bool { return g.Window.Unit == "" && g.Window.Count == 7 }},
		{`{"deliveries":[]}`, false, func(g client.Generator) bool { return len(g.Deliveries) == 0 && !g.NextAt.IsZero() }},
		{`{"trigger":{"kind":"manual"}}`, false, func(g client.Generator) bool { return g.Trigger.Schedule == nil && g.NextAt.IsZero() }},
	} {
		before := who.do(t, "GET", path, "")
		if draft := who.do(t, "PATCH", path+"?dry_run=true", step.patch, "If-Match", fmt.Sprintf(`"%d"`, revision)); draft.status != 200 {
			t.Errorf("%s as a draft: %d %s", step.patch, draft.status, draft.body)
		}
		if after := who.do(t, "GET", path, ""); string(before.body) != string(after.body) {
			t.Errorf("the draft of %s changed it: %s", step.patch, after.body)
		}
		var g client.Generator
		a := who.do(t, "PATCH", path, step.patch, "If-Match", fmt.Sprintf(`"%d"`, revision))
		a.decode(t, 200, &g)
		if !step.same {
			revision++
		}
		if g.Revision != revision || a.header.Get("ETag") != fmt.Sprintf(`"%d"`, revision) || !step.check(g) {
			t.Errorf("%s: %s, want revision %d", step.patch, a.body, revision)
		}
	}
}

// A run by hand is of the window that a firing now would have, and shifts nothing; it
// keeps the revision that it was made by, and a retry of it the window (P45).
func TestP45RunGenerator(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	var g client.Generator
	who.do(t, "POST", "/v1/generators", monthly("by hand")).decode(t, 201, &g)
	path := "/v1/generators/" + g.ID
	upcoming := string(who.do(t, "GET", path+"/upcoming", "").body)
	for _, body := range []string{`{"window": {"kind": "all"}}`, `{"from": "2026-01-01"}`, `[]`, `"now"`} {
		if a := who.do(t, "POST", path+"/run", body); a.status != 422 {
			t.Errorf("/run of %s: %d %s", body, a.status, a.body)
		}
	}
	a := who.do(t, "POST", path+"/run", "", "Idempotency-Key", "now "+g.ID)
	var run outturn.Run
	a.decode(t, 202, &run)
	if again := who.do(t, "POST", path+"/run", "{}", "Idempotency-Key", "now "+g.ID); string(again.body) != string(a.body) || a.header.Get("Location") != "/v1/runs/"+run.ID {
		t.Errorf("asked again: %s, at first %s", again.body, a.body)
	}
	if run.Generator != g.ID || run.Revision != 1 || run.Cause != outturn.CauseManual || run.ScheduledFor.IsZero() || run.CreatedBy != "client:"+who.ClientID || len(run.Request.Outputs) != 2 {
		t.Errorf("the run is %s", a.body)
	}
	now := run.ScheduledFor.In(run.Request.Window.Zone)
	first := outturn.StartOfDay(now.Year(), now.Month(), 1, now.Location())
	if w := run.Request.Window; !w.To.Equal(first) || !w.From.Equal(outturn.StartOfDay(now.Year(), now.Month()-1, 1, now.Location())) {
		t.Errorf("the window is %s to %s", w.From, w.To)
	}
	who.do(t, "PATCH", path, `{"formats":["csv"]}`, "If-Match", "*").decode(t, 200, &g)
	ended := who.ended(t, run.ID)
	if ended.Revision != 1 || len(ended.Files) != 2 {
		t.Errorf("changed meanwhile, it is %+v", ended)
	}
	if after := string(who.do(t, "GET", path+"/upcoming", "").body); after != upcoming {
		t.Errorf("it shifted the schedule: %s, before %s", after, upcoming)
	}
	var retry outturn.Run
	who.do(t, "POST", "/v1/runs/"+run.ID+"/retry", "").decode(t, 202, &retry)
	if !retry.Request.Window.From.Equal(run.Request.Window.From) || !retry.Request.Window.To.Equal(run.Request.Window.To) {
		t.Errorf("the retry is of %+v", retry.Request.Window)
	}
	for _, list := range []string{path + "/runs?filter=cause+eq+manual", "/v1/runs?filter=cause+eq+manual+and+generator+eq+'" + g.ID + "'"} {
		var runs outturn.List[outturn.Run]
		who.do(t, "GET", list, "").decode(t, 200, &runs)
		if !slices.ContainsFunc(runs.Items, func(r outturn.Run) bool { return r.ID == run.ID }) {
			t.Errorf("%s: %+v", list, runs.Items)
		}
	}
	var firings outturn.List[outturn.Firing]
	who.do(t, "GET", path+"/firings?filter=cause+eq+manual", "").decode(t, 200, &firings)
	if len(firings.Items) != 1 || firings.Items[0].Run != run.ID || !firings.Items[0].Window.To.Equal(first) {
		t.Errorf("the firings are %+v", firings.Items)
	}
}

// Who made it leaves, and it goes on: it is its tenant's (P35).
func TestP35MakerLeaves(t *testing.T) {
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	maker := callerOf(t, "Northwind", outturn.RoleManager)
	var g client.Generator
	maker.do(t, "POST", "/v1/generators", `{"name":"left behind","dataset":"accounts","formats":["csv"],"trigger":{"kind":"schedule","schedule":{"every":"day"}}}`).decode(t, 201, &g)
	if a := admin.do(t, "DELETE", "/v1/clients/"+maker.ClientID, ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	before := g.NextAt
	admin.do(t, "GET", "/v1/generators/"+g.ID, "").decode(t, 200, &g)
	if g.State != outturn.GeneratorActive || !g.NextAt.Equal(before) || g.CreatedBy != "client:"+maker.ClientID {
		t.Errorf("it is %+v", g)
	}
	var run outturn.Run
	admin.do(t, "POST", "/v1/generators/"+g.ID+"/run", "").decode(t, 202, &run)
	if ended := admin.ended(t, run.ID); ended.State != outturn.RunSucceeded {
		t.Errorf("its run is %+v", ended)
	}
}

// A backfill is asked for once, however often; a draft of it makes nothing.
func TestBackfillGenerator(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	var g client.Generator
	who.do(t, "POST", "/v1/generators", monthly("past")).decode(t, 201, &g)
	path := "/v1/generators/" + g.ID
	const body = `{"from":"2026-06-01","to":"2026-09-01"}`
	var draft, done client.Backfill
	rest(t)
	before := rows(t)
	who.do(t, "POST", path+"/backfill?dry_run=true", body).decode(t, 200, &draft)
	if after := rows(t); len(draft.Windows) != 3 || len(draft.Runs) != 0 || !maps.Equal(before, after) {
		t.Errorf("the draft: %+v; %v before, %v after", draft, before, after)
	}
	first := who.do(t, "POST", path+"/backfill", body, "Idempotency-Key", "past "+g.ID)
	first.decode(t, 202, &done)
	if again := who.do(t, "POST", path+"/backfill", body, "Idempotency-Key", "past "+g.ID); string(again.body) != string(first.body) {
		t.Errorf("asked again:\n%s\nat first:\n%s", again.body, first.body)
	}
	for i, r := range done.Runs {
		if w := draft.Windows[i].Window; r.Cause != outturn.CauseBackfill || !r.Request.Window.From.Equal(w.From) || i > 0 && !w.From.Equal(draft.Windows[i-1].Window.To) {
			t.Errorf("run %d is %+v, of %+v", i, r, w)
		}
	}
	if len(done.Runs) != 3 {
		t.Errorf("there are %d runs", len(done.Runs))
	}
}
