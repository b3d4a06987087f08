package api_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
	"outturn/internal/source/sourcetest"
)

// A place is where in a request a text of the client's goes.
type place struct {
	operation
	in, name string
	body     func(text string) any // of a place in a body
	media    string
}

// places lists them all, from the description.
func (d *description) places() (list []place) {
	for _, o := range d.operations {
		parameters, _ := o.spec["parameters"].([]any)
		for _, p := range parameters {
			p := p.(map[string]any)
			list = append(list, place{operation: o, in: p["in"].(string), name: p["name"].(string)})
		}
		body, _ := o.spec["requestBody"].(map[string]any)
		content, _ := body["content"].(map[string]any)
		for media, c := range content {
			for name, put := range d.inside(c.(map[string]any)["schema"].(map[string]any), "", 0) {
				list = append(list, place{o, "body", name, put, media})
			}
		}
	}
	slices.SortFunc(list, func(a, b place) int { return strings.Compare(a.String(), b.String()) })
	return list
}

func (p place) String() string { return p.operation.String() + " " + p.in + " " + p.name }

// inside lists the strings in a value of a schema, by path, with what puts a text
// there into a value that is otherwise sound.
func (d *description) inside(schema map[string]any, name string, depth int) map[string]func(string) any {
	list := map[string]func(string) any{}
	if depth > 6 {
		return list
	}
	schema = d.follow(schema)
	if of, ok := schema["oneOf"].([]any); ok {
		for _, one := range of {
			maps.Copy(list, d.inside(one.(map[string]any), name, depth+1))
		}
		return list
	}
	switch kind(schema["type"]) {
	case "string":
		list[name] = func(text string) any { return text }
	case "array":
		for path, put := range d.inside(schema["items"].(map[string]any), name, depth+1) {
			list[path+"[]"] = func(text string) any { return []any{put(text)} }
		}
	case "object":
		properties, _ := schema["properties"].(map[string]any)
		for member, of := range properties {
			for path, put := range d.inside(of.(map[string]any), member, depth+1) {
				list[name+"."+path] = func(text string) any {
					object := d.sound(schema)
					object[member] = put(text)
					return object
				}
			}
		}
		if of, ok := schema["additionalProperties"].(map[string]any); ok {
			list[name+".key"] = func(text string) any { return map[string]any{text: "a"} }
			for path, put := range d.inside(of, "value", depth+1) {
				list[name+"."+path] = func(text string) any { return map[string]any{"a": put(text)} }
			}
		}
	}
	return list
}

// sound is an object with what a schema requires.
func (d *description) sound(schema map[string]any) map[string]any {
	known := map[string]any{
		"dataset": "accounts", "formats": []any{"csv"}, "columns": []any{map[string]any{"field": "ACCOUNT_ID"}}, "field": "ACCOUNT_ID", "format": "csv",
		"from": "2026-09-01", "to": "2026-10-01", "op": "eq", "kind": "reseller", "trigger": map[string]any{"kind": "manual"}, "every": "day",
	}
	object := map[string]any{}
	required, _ := schema["required"].([]any)
	for _, name := range required {
		name := name.(string)
		if object[name] = known[name]; object[name] == nil {
			object[name] = "harmless"
		}
	}
	return object
}

var braces = regexp.MustCompile(`\{\w+\}`)

// put is the request with a text in its place.
func (p place) put(who caller, t testing.TB, text string) answer {
	target, body, header := p.path, "", []string(nil)
	for _, other := range braces.FindAllString(p.path, -1) {
		value := absent
		if p.in == "path" && other == "{"+p.name+"}" {
			value = url.PathEscape(text)
		}
		target = strings.Replace(target, other, value, 1)
	}
	switch p.in {
	case "query":
		target += "?" + url.Values{p.name: {text}}.Encode()
	case "header":
		header = append(header, p.name, headerText(text))
	case "body":
		value := p.body(text)
		encoded, _ := json.Marshal(value)
		body = string(encoded)
		if form, ok := value.(map[string]any); ok && strings.Contains(p.media, "form") {
			values := url.Values{}
			for name, v := range form {
				if v, ok := v.(string); ok {
					values.Set(name, v)
				}
			}
			body = values.Encode()
		}
		header = append(header, "Content-Type", p.media)
	}
	return who.do(t, p.method, target, body, header...)
}

// Hundreds of texts that would change a statement come to every place that a text
// can come to. None is a fault of the server, none makes or changes anything but
// what an answer says it made, and what the ledger is made of stays.
func TestInjection(t *testing.T) {
	d := openapi(t)
	canary := filepath.Join(t.TempDir(), "canary")
	texts := sourcetest.Injections(canary)
	step := 67
	if os.Getenv("OUTTURN_TEST_FULL") != "" {
		step = 1
	}
	callers := []caller{callerOf(t, "", outturn.RoleOperator), callerOf(t, "Northwind", outturn.RoleViewer)}
	places := d.places()
	if len(places) < 60 {
		t.Fatalf("there are only %d places", len(places))
	}
	schema, before := servertest.LedgerSchema(t, shop.Data), rows(t)
	var mu sync.Mutex
	made, sent, failures := map[string]int{}, 0, 0
	try := func(p place, who caller, text string) {
		a := p.put(who, t, text)
		err := d.fits(p.operation, a)
		mu.Lock()
		defer mu.Unlock()
		sent++
		if a.status == http.StatusCreated || a.status == http.StatusAccepted {
			made[p.path]++
		}
		if err != nil && a.status != http.StatusRequestHeaderFieldsTooLarge && failures < 20 {
			failures++
			t.Errorf("%s: %q: %v\n%.400s", p, text, err, a.body)
		}
	}
	inParallel(len(places), func(n int) {
		for _, who := range callers {
			for i := n % step; i < len(texts); i += step { // all texts come to every few places
				try(places[n], who, texts[i])
			}
		}
	})
	after := rows(t)
	for table, path := range map[string]string{"runs": "/v1/runs", "views": "/v1/views", "generators": "/v1/generators"} {
		if n := after[table] - before[table]; n != made[path] {
			t.Errorf("%s: %d are new, and answers tell of %d", table, n, made[path])
		}
	}
	for _, table := range []string{"tenants", "clients", "links"} {
		if n := after[table] - before[table]; n != made["/v1/"+table] {
			t.Errorf("%s: there were %d, and there are %d", table, before[table], after[table])
		}
	}
	if got := servertest.LedgerSchema(t, shop.Data); got != schema {
		t.Errorf("the ledger is another:\n%s", got)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a file was made")
	}
	t.Logf("every %dth of %d texts in %d places: %d requests; made %v", step, len(texts), len(places), sent, made)
}

// inParallel calls do with 0 to n-1, a few at a time.
func inParallel(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// What comes by the API into a preview, a run or a tenant's account becomes the
// statement to the source that a harmless text becomes, or none.
func TestInjectedSource(t *testing.T) {
	folder := t.TempDir()
	local, seen := servertest.ServeNoted(t, shop.Local, server.Config{Drain: time.Millisecond})
	credential, err := local.AddClient(t.Context(), "", outturn.RoleOperator)
	if err != nil {
		t.Fatal(err)
	}
	who := caller{Config: client.Config{URL: local.URL(), ClientID: credential.ID, ClientSecret: credential.Secret}}
	who.token = who.newToken(t)
	northwind, err := local.AddTenant(t.Context(), "Northwind", "1000003")
	if err != nil {
		t.Fatal(err)
	}
	post := func(path string, body map[string]any) answer {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return who.do(t, "POST", path, string(text))
	}
	preview := func(dataset string, put func(body map[string]any, text string)) func(string) answer {
		return func(text string) answer {
			body := map[string]any{"tenant": northwind.ID}
			put(body, text)
			return post("/v1/datasets/"+dataset+"/preview", body)
		}
	}
	filter := func(dataset, condition string) func(string) answer {
		return preview(dataset, func(body map[string]any, text string) {
			body["filter"] = fmt.Sprintf(condition, "'"+strings.ReplaceAll(text, "'", "''")+"'")
		})
	}
	views := 0
	column := func(c func(text string) map[string]any) func(string) answer {
		return func(text string) answer {
			views++
			name := fmt.Sprintf("view%d", views)
			a := post("/v1/views", map[string]any{"dataset": "accounts", "name": name, "columns": []any{c(text)}})
			if a.status != http.StatusCreated {
				return a
			}
			var made struct{ ID string }
			a.decode(t, a.status, &made)
			a = post("/v1/datasets/accounts/preview", map[string]any{"tenant": northwind.ID, "view": name})
			if gone := who.do(t, "DELETE", "/v1/views/"+made.ID, "", "If-Match", "*"); gone.status != http.StatusNoContent {
				t.Fatalf("the view is not removed: %d %s", gone.status, gone.body)
			}
			return a
		}
	}
	places := map[string]func(text string) answer{
		"Header": column(func(text string) map[string]any { return map[string]any{"field": "ACCOUNT_ID", "header": text} }),
		"Code": column(func(text string) map[string]any {
			return map[string]any{"field": "ACCOUNT_ID", "map": map[string]string{text: "a"}}
		}),
		"Word": column(func(text string) map[string]any {
			return map[string]any{"field": "ACCOUNT_ID", "map": map[string]string{"a": text}}
		}),
		"Attribute": column(func(text string) map[string]any {
			return map[string]any{"field": "ACCOUNT_ATTRIBUTES", "alias": "A", "attribute": text}
		}),
		"Equal":      filter("accounts", "ACCOUNT_NAME eq %s"),
		"Among":      filter("accounts", "ACCOUNT_NAME in ('a', %s)"),
		"Like":       filter("accounts", "ACCOUNT_NAME like %s"),
		"Amount":     filter("payments", "CUSTOMER_PAYMENT_TOTAL ge %s and CUSTOMER_NAME eq a"),
		"Filter":     preview("accounts", func(body map[string]any, text string) { body["filter"] = text }),
		"Order":      preview("accounts", func(body map[string]any, text string) { body["order"] = text }),
		"Column":     preview("accounts", func(body map[string]any, text string) { body["columns"] = []string{text} }),
		"View":       preview("accounts", func(body map[string]any, text string) { body["view"] = text }),
		"ReportType": preview("accounts", func(body map[string]any, text string) { body["report_type"] = text }),
		"Zone":       preview("accounts", func(body map[string]any, text string) { body["zone"] = text }),
		"From": preview("payments", func(body map[string]any, text string) {
			body["window"] = map[string]string{"from": text, "to": "2026-10-01"}
		}),
		"Tenant": preview("accounts", func(body map[string]any, text string) { body["tenant"] = text }),
		"Account": func(text string) answer {
			var made outturn.Tenant
			a := post("/v1/tenants", map[string]any{"kind": "reseller", "name": "a", "external_id": text})
			if a.status != http.StatusCreated {
				return a
			}
			a.decode(t, a.status, &made)
			return post("/v1/datasets/accounts/preview", map[string]any{"tenant": made.ID})
		},
		"Run": func(text string) answer {
			a := post("/v1/runs", map[string]any{"dataset": "accounts", "tenant": northwind.ID, "formats": []any{map[string]string{"format": "csv"}}, "filter": "ACCOUNT_NAME ne '" + strings.ReplaceAll(text, "'", "''") + "'"})
			var run outturn.Run
			if a.status == http.StatusAccepted {
				a.decode(t, a.status, &run)
				_ = who.ended(t, run.ID)
			}
			return a
		},
	}
	harmless := map[string]string{"Like": "%", "Amount": "1", "Filter": "ACCOUNT_NAME eq a", "Order": "ACCOUNT_NAME", "Column": "ACCOUNT_NAME", "View": "full", "ReportType": "RESELLER", "Zone": "UTC", "From": "2026-09-01", "Tenant": northwind.ID, "Account": "1000004"}
	texts := sourcetest.Injections(filepath.Join(folder, "canary"))
	step := 137
	if os.Getenv("OUTTURN_TEST_FULL") != "" {
		step = 1
	}
	// What takes any text for a value: where all were refused, nothing was shown.
	values := []string{"Header", "Code", "Word", "Attribute", "Equal", "Among", "Like", "Account", "Run"}
	for name, put := range places {
		who.token = who.newToken(t) // one for all places would expire
		asked, shown := 0, 0
		taken := func(text string) (answer, map[string]bool) {
			_ = seen.Take()
			a := put(text)
			return a, seen.Take()
		}
		a, want := taken(cmp.Or(harmless[name], "harmless"))
		if a.status >= 400 || len(want) == 0 {
			t.Fatalf("%s: the harmless one is refused, or asks nothing: %d %s", name, a.status, a.body)
		}
		_, none := taken("harmless") // which there may not be: then others are looked for to offer
		maps.Copy(want, none)
		want = widths(want)
		refusals := []int{http.StatusBadRequest, http.StatusUnprocessableEntity}
		if name == "Account" || !slices.Contains(values, name) { // of which the source may have none
			refusals = append(refusals, http.StatusNotFound)
		}
		for i := len(texts) - 1; i >= 0; i -= step {
			a, got := taken(texts[i])
			asked++
			if len(got) > 0 {
				shown++
			}
			switch {
			case a.status < 300 && len(got) == 0:
				t.Errorf("%s: %q is answered with %d, and asked nothing", name, texts[i], a.status)
			case a.status >= 300 && !slices.Contains(refusals, a.status):
				t.Errorf("%s: %q: %d %s", name, texts[i], a.status, a.body)
			}
			for text := range widths(got) {
				if !want[text] {
					t.Fatalf("%s: %q made the statement\n%s", name, texts[i], text)
				}
			}
		}
		t.Logf("%s: %d texts, of which %d came to a statement", name, asked, shown)
		if shown == 0 && slices.Contains(values, name) {
			t.Errorf("%s: no text came to a statement", name)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "canary")); err == nil {
		t.Error("a file was made")
	}
}

// widths takes from statements how wide a number is that digits are read as.
func widths(statements map[string]bool) map[string]bool {
	list := map[string]bool{}
	for text := range statements {
		list[decimals.ReplaceAllString(text, "DECIMAL")] = true
	}
	return list
}

var decimals = regexp.MustCompile(`DECIMAL\([0-9]+, ?[0-9]+\)`)

// A filter takes what is in quotes for a value: such a text matches nothing, where one
// that is there matches.
func TestInjectedFilters(t *testing.T) {
	who := callerOf(t, "Contoso", outturn.RoleManager)
	_ = who.run(t, accounts)
	count := func(value string) int {
		var list struct {
			Items []json.RawMessage `json:"items"`
		}
		quoted := "'" + strings.ReplaceAll(value, "'", "''") + "'"
		a := who.do(t, "GET", "/v1/runs?"+url.Values{"filter": {"dataset eq " + quoted}}.Encode(), "")
		if a.status == http.StatusUnprocessableEntity {
			return 0
		}
		a.decode(t, http.StatusOK, &list)
		return len(list.Items)
	}
	if count("accounts") == 0 {
		t.Fatal("what is there does not match")
	}
	for i, text := range sourcetest.Injections("canary") {
		if n := count(text); (os.Getenv("OUTTURN_TEST_FULL") != "" || i%7 == 0) && n != 0 {
			t.Errorf("%q matches %d runs", text, n)
		}
	}
}
