package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"outturn"
	"outturn/client"
)

// A description is /openapi.json, and what is needed to hold answers against it.
type description struct {
	doc        map[string]any
	operations []operation
	compiler   *jsonschema.Compiler
	mu         sync.Mutex // of compiler and schemas
	schemas    map[string]*jsonschema.Schema
}

type operation struct {
	method, path string
	spec         map[string]any
	pointer      string // to spec, in the document
}

func (o operation) String() string { return o.method + " " + o.path }

func openapi(t testing.TB) *description {
	t.Helper()
	a := caller{}.do(t, "GET", "/openapi.json", "")
	d := &description{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	a.decode(t, http.StatusOK, &d.doc)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("http://outturn/openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range d.doc["paths"].(map[string]any) {
		for method, spec := range methods.(map[string]any) {
			pointer := "#/paths/" + escapePointer(path) + "/" + method
			d.operations = append(d.operations, operation{strings.ToUpper(method), path, spec.(map[string]any), pointer})
		}
	}
	slices.SortFunc(d.operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return d
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// TestExamples sends the bodies that the description shows, which are good as they are.
func TestExamples(t *testing.T) {
	who, shown := callerOf(t, "Northwind", outturn.RoleManager), 0
	for _, o := range openapi(t).operations {
		body, _ := o.spec["requestBody"].(map[string]any)
		content, _ := body["content"].(map[string]any)
		for media, described := range content {
			example, err := json.Marshal(described.(map[string]any)["example"])
			if err != nil || string(example) == "null" {
				continue
			}
			shown++
			path := strings.Replace(o.path, "{id}", outturn.NewID(time.Now()), 1)
			if strings.HasPrefix(path, "/v1/generators") {
				path += "?dry_run=true"
			}
			a := who.do(t, o.method, path, string(example), "Content-Type", media, "If-Match", "*")
			if a.status >= 300 && a.status != http.StatusNotFound { // its id or account is nobody's
				t.Errorf("%s as %s: got %d: %s", o, media, a.status, a.body)
			}
		}
	}
	if shown < 7 {
		t.Errorf("only %d examples are shown", shown)
	}
}

// follow returns what a schema refers to, if it does.
func (d *description) follow(schema map[string]any) map[string]any {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	here := any(d.doc)
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		here = here.(map[string]any)[step]
	}
	return d.follow(here.(map[string]any))
}

// fits says what of an answer is not as the description has it.
func (d *description) fits(o operation, a answer) error {
	if a.status >= 500 {
		return fmt.Errorf("status %d", a.status)
	}
	response, ok := o.spec["responses"].(map[string]any)[fmt.Sprint(a.status)].(map[string]any)
	if !ok {
		return fmt.Errorf("status %d is not documented", a.status)
	}
	content, _ := response["content"].(map[string]any)
	got := a.header.Get("Content-Type")
	if len(a.body) == 0 && (len(content) == 0 || o.method == http.MethodHead || a.status == http.StatusOK && a.header.Get("Content-Length") == "0") {
		return nil
	}
	media, _, err := mime.ParseMediaType(got)
	if err != nil {
		return fmt.Errorf("status %d has the Content-Type %q: %w", a.status, got, err)
	}
	if _, ok := content[media]; !ok {
		if _, any := content["*/*"]; any {
			return nil
		}
		return fmt.Errorf("status %d has the undocumented Content-Type %s", a.status, got)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	schema, err := d.schema(fmt.Sprintf("%s/responses/%d/content/%s/schema", o.pointer, a.status, escapePointer(media)))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	if err != nil {
		return fmt.Errorf("status %d: %w", a.status, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("status %d does not fit its schema: %w", a.status, err)
	}
	if a.status >= 400 && media == "application/problem+json" {
		p := value.(map[string]any)
		if p["code"] == "" || p["detail"] == "" || fmt.Sprint(p["status"]) != fmt.Sprint(a.status) {
			return fmt.Errorf("status %d: an incomplete problem", a.status)
		}
	}
	return nil
}

func (d *description) schema(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile("http://outturn/openapi.json" + strings.ReplaceAll(strings.ReplaceAll(pointer, "{", "%7B"), "}", "%7D"))
	d.schemas[pointer] = s
	return s, err
}

// unlisted are the routes that are for people and for those who read descriptions.
var unlisted = []string{
	"GET /{$}", "GET /docs", "GET /docs/{file...}",
	"GET /openapi.json",
}

// Every route is described, and everything described is there: whatever else the
// package gave to a mux would be in its source.
func TestEveryRouteIsDescribed(t *testing.T) {
	d := openapi(t)
	want := map[string]bool{} // operations that the sources name
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	routes := regexp.MustCompile(`method: http\.Method(\w+), path: "([^"]+)"|http\.Method(\w+), "(/[^"]+)"|HandleFunc\("([^"]+)"`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range routes.FindAllStringSubmatch(string(text), -1) {
			switch {
			case m[5] != "" && !slices.Contains(unlisted, m[5]):
				t.Errorf("%s: %s is served and neither described nor in the list", file, m[5])
			case m[4] == "/v1/runs/", m[4] == "/v1/generators/": // begins what is made of it
			case m[1]+m[3] != "":
				want[strings.ToUpper(m[1]+m[3])+" "+m[2]+m[4]] = true
			}
		}
	}
	if len(want) < 20 {
		t.Errorf("the sources have only the routes %v", want)
	}
	for _, o := range d.operations {
		if !want[o.String()] && o.method != http.MethodHead {
			t.Errorf("%s is described and in no source", o)
		}
		delete(want, o.String())
		path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(o.path, absent)
		a := caller{}.do(t, o.method, path, "")
		if a.status == http.StatusMethodNotAllowed || a.status == http.StatusNotFound && bytes.Contains(a.body, []byte("no such path")) {
			t.Errorf("%s is described and not served: %d %s", o, a.status, a.body)
		}
		for _, member := range []string{"operationId", "summary", "tags"} {
			if v := o.spec[member]; v == nil || v == "" {
				t.Errorf("%s has no %s", o, member)
			}
		}
	}
	for route := range want {
		t.Errorf("%s is served and not described", route)
	}
	for _, route := range unlisted[3:] {
		if a := (caller{}).do(t, "GET", strings.TrimPrefix(route, "GET "), ""); a.status != http.StatusOK {
			t.Errorf("%s: %d", route, a.status)
		}
	}
}

// Every schema of the description is one.
func TestSchemasCompile(t *testing.T) {
	d := openapi(t)
	for name := range d.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := d.schema("#/components/schemas/" + name); err != nil {
			t.Error(err)
		}
	}
}

// Random requests, valid and broken ones, of clients with every role and none: no
// answer is a fault of the server, and each is as the description has it.
func TestRandomRequests(t *testing.T) {
	d := openapi(t)
	manager := callerOf(t, "Northwind", outturn.RoleManager)
	run := manager.run(t, accounts)
	var view outturn.SavedView
	manager.do(t, "POST", "/v1/views", `{"name":"random","dataset":"accounts","columns":[{"field":"ACCOUNT_ID"}]}`).decode(t, 201, &view)
	var link struct{ ID, URL string }
	manager.do(t, "POST", "/v1/files/"+run.Files[0].ID+"/links", `{}`).decode(t, 201, &link)
	victim := manager.run(t, accounts)
	var otherLink, otherView struct{ ID string }
	manager.do(t, "POST", "/v1/files/"+victim.Files[0].ID+"/links", `{}`).decode(t, 201, &otherLink)
	manager.do(t, "POST", "/v1/views", `{"name":"goes","dataset":"accounts","columns":[{"field":"ACCOUNT_ID"}]}`).decode(t, 201, &otherView)
	const generator1 = `{"name":"%s","dataset":"accounts","formats":["csv"],"trigger":{"kind":"manual"}}`
	var standing, otherStanding client.Generator
	manager.do(t, "POST", "/v1/generators", fmt.Sprintf(generator1, "random")).decode(t, 201, &standing)
	manager.do(t, "POST", "/v1/generators", fmt.Sprintf(generator1, "goes")).decode(t, 201, &otherStanding)
	program := callerOf(t, "Northwind", outturn.RoleAdmin).newClient(t, outturn.ClientCMP)
	g := &generator{d: d, known: map[string][]string{
		"DELETE id": {victim.ID, otherView.ID, otherLink.ID, otherStanding.ID, victim.Files[0].ID},
		"id":        {run.ID, run.Files[0].ID, view.ID, link.ID, program.ID, standing.ID},
		"token":     {link.URL[strings.LastIndex(link.URL, "/")+1:]},
		"name":      {"accounts", "payments", "a name", "Ümläut ✓", run.Files[0].Name}, "dataset": {"accounts", "accounts", "payments"},
		"view": {"full", "cmp", view.ID}, "columns": {"ACCOUNT_ID", "NAME"}, "field": {"ACCOUNT_ID", "state", "created_at"},
		"filter": {"state eq failed", "ACCOUNT_ID eq 1000003", "created_at ge 2026-09-01 and not (state eq queued)", "NAME like %a%"},
		"order":  {"created_at", "created_at desc", "ACCOUNT_ID", "NAME desc"}, "values": {"failed", "1000003"},
		"format": {"csv", "json", "ndjson", "tsv", "xml"}, "formats": {"csv", "ndjson"}, "compression": {"gzip", "none"}, "level": {"fast"}, "dialect": {"machine", "spreadsheet"},
		"from": {"2026-12-30"}, "to": {"2026-12-31", "finance@example.com"}, "zone": {"UTC", "Europe/Warsaw"}, "report_type": {"RESELLER", "PROVIDER"},
		"tenant": {shop.tenants["Northwind"].ID, "*"}, "limit": {"1", "3"}, "Range": {"bytes=0-9", "bytes=-5", "bytes=0-1,4-5", "bytes=99999999-"},
		"If-Match": {`"1"`, `"2"`}, "If-Range": {`"` + run.Files[0].SHA256 + `"`}, "Idempotency-Key": {"k1", "k2", "k3"}, "Outturn-Reason": {"month's end"},
		"grant_type": {"client_credentials"}, "client_id": {manager.ClientID}, "client_secret": {manager.ClientSecret}, "scope": {"manager", "viewer"},
		"role": {"viewer", "manager"},
		"kind": {"apikey", "oauth1", "manual", "once", "event", "previous", "all", "email"}, "every": {"day", "week"}, "unit": {"day", "month"}, "at": {"06:00", "2030-01-01T06:00"},
		"weekdays": {"mon", "fri"}, "cron": {"0 6 * * *"}, "n": {"1", "12"}, "dry_run": {"true", "false"}, "event": {"invoice.issued"}, "start": {"2026-12-01"}, "end": {"2030-12-01"},
	}}
	callers := []caller{
		manager, callerOf(t, "", outturn.RoleOperator), callerOf(t, "Northwind", outturn.RoleViewer), callerOf(t, "Contoso", outturn.RoleAdmin),
		{}, {token: "none"}, {token: manager.token + "x"},
	}
	requests, failures := 2000, map[string]bool{}
	if os.Getenv("OUTTURN_TEST_FULL") != "" {
		requests = 50_000
	}
	statuses := map[int]int{}
	for seed := range requests {
		g.seed(uint64(seed))
		o := d.operations[seed%len(d.operations)]
		who := callers[0]
		if g.chance(3) {
			who = callers[g.r.IntN(len(callers))]
		}
		r := g.request(o)
		a := who.do(t, o.method, r.target, r.body, r.header...)
		statuses[a.status]++
		if a.status == http.StatusRequestHeaderFieldsTooLarge {
			continue // net/http's, before any route
		}
		if err := d.fits(o, a); err != nil && !failures[o.String()+err.Error()] && len(failures) < 20 {
			failures[o.String()+err.Error()] = true
			t.Errorf("seed %d: %s: %v\n%s %q %q\n%.600s", seed, o, err, r.target, r.header, r.body, a.body)
		}
	}
	text, _ := json.Marshal(statuses)
	t.Logf("answers by status: %s", text)
	for _, status := range []int{200, 202, 201, 204, 206, 400, 401, 403, 404, 409, 412, 415, 416, 422, 428} {
		if statuses[status] == 0 {
			t.Errorf("no request came to %d: the requests do not go far enough", status)
		}
	}
}

// The description of a list says by what it can be filtered and ordered.
func TestListsSayTheirFields(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleAdmin)
	var standing client.Generator
	who.do(t, "POST", "/v1/generators", `{"name":"listed","dataset":"accounts","formats":["csv"],"trigger":{"kind":"manual"}}`).decode(t, 201, &standing)
	var d struct {
		Paths map[string]struct{ Get struct{ Description string } }
	}
	who.do(t, "GET", "/openapi.json", "").decode(t, 200, &d)
	for _, list := range []string{"/v1/runs", "/v1/views", "/v1/generators", "/v1/generators/" + standing.ID + "/firings", "/v1/clients", "/v1/audit"} {
		for _, query := range []string{"?filter=zzzzzzzzzzzz+eq+1", "?order=zzzzzzzzzzzz"} {
			var p problem
			who.do(t, "GET", list+query, "").decode(t, 422, &p)
			_, allowed, _ := strings.Cut(p.Detail, "Allowed: ")
			if said := d.Paths[strings.Replace(list, standing.ID, "{id}", 1)].Get.Description; allowed == "" || !strings.Contains(said, ": "+allowed) {
				t.Errorf("%s%s: allowed are %q, and the description says %q", list, query, allowed, said)
			}
		}
	}
}
