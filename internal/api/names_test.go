package api_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"outturn"
	"outturn/internal/format/formattest"
)

// hostileNames are 500 that break what takes a name for something else: a path, a
// header, a formula, markup, a device, a log line.
func hostileNames() (list []string) {
	parts := []string{
		`"`, `'`, `\`, "/", "../", `..\`, "\r\nX-Injected: yes", "\n", "\t", "\x00", "\x7f", "\u202e", "\u2028", "\ufeff", "\u00a0", "e\u0301", "日本語", "🧾", "👩‍👩‍👧", "%0d%0a", "%00",
		"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "<script>alert(1)</script>", "]]>", "&amp;", "<!--", "CON", "NUL.txt", "COM1", "a:b", "|", "?", "*", ";", "; filename=x", "{{.}}", "${x}", "%s%n", "~", ".", "..", " ",
		"a.csv.exe", "filename*=UTF-8''x", "level=error msg=forged", `{"msg":"forged"}`,
	}
	for _, p := range parts {
		list = append(list, p, "a"+p, p+"a", "a"+p+"b", p+p, "Report "+p+" 2026", strings.ToUpper(p)+"\u0130", p+".csv", "("+p+")", strings.Repeat(p+"x", 40), " "+p+" ")
	}
	return append(list, "", strings.Repeat("a", 255), strings.Repeat("é", 4096), strings.Repeat("a", 64<<10))
}

// A writable is a name that a client gives to something.
type writable struct {
	name, path, field string
	body              func(name string) map[string]any
	operator          bool // only the provider's may
}

var writables = []writable{
	{name: "Run", path: "/v1/runs", field: "name", body: func(name string) map[string]any {
		return map[string]any{"dataset": "accounts", "formats": []any{map[string]string{"format": "csv"}}, "name": name}
	}},
	{name: "View", path: "/v1/views", field: "name", body: func(name string) map[string]any {
		return map[string]any{"dataset": "accounts", "columns": []any{map[string]string{"field": "ACCOUNT_ID"}}, "name": name}
	}},
	{name: "Description", path: "/v1/views", field: "description", body: func(name string) map[string]any {
		return map[string]any{"dataset": "accounts", "columns": []any{map[string]string{"field": "ACCOUNT_ID"}}, "name": unique("described"), "description": name}
	}},
	{name: "Header", path: "/v1/views", field: "header", body: func(name string) map[string]any {
		return map[string]any{"dataset": "accounts", "columns": []any{map[string]string{"field": "ACCOUNT_ID", "header": name}}, "name": unique("headed")}
	}},
	{name: "Alias", path: "/v1/views", field: "alias", body: func(name string) map[string]any {
		return map[string]any{"dataset": "accounts", "columns": []any{map[string]string{"field": "ACCOUNT_ID", "alias": name}}, "name": unique("aliased")}
	}},
	{name: "Generator", path: "/v1/generators", field: "name", body: func(name string) map[string]any {
		return map[string]any{"dataset": "accounts", "formats": []any{"csv"}, "trigger": map[string]string{"kind": "manual"}, "name": name}
	}},
	{name: "Tenant", path: "/v1/tenants", field: "name", operator: true, body: func(name string) map[string]any {
		return map[string]any{"kind": "reseller", "name": name}
	}},
	{name: "Account", path: "/v1/tenants", field: "external_id", operator: true, body: func(name string) map[string]any {
		return map[string]any{"kind": "reseller", "name": "a", "external_id": name}
	}},
	{name: "Client", path: "/v1/clients", field: "name", operator: true, body: func(name string) map[string]any {
		return map[string]any{"role": "viewer", "name": name}
	}},
}

var uniques atomic.Int64

func unique(begin string) string { return fmt.Sprint(begin, uniques.Add(1)) }

// value is what stands in a field of an answer, wherever it is.
func value(v any, field string) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v[field].(string); ok {
			return text, true
		}
		return value(v["columns"], field)
	case []any:
		return value(v[0], field)
	}
	return "", false
}

// A name comes back as it was, or is refused by its field; and what is made of it is
// a sound header, file, row of the audit and line of the log.
func TestHostileNames(t *testing.T) {
	manager, operator := callerOf(t, "Northwind", outturn.RoleManager), callerOf(t, "", outturn.RoleOperator)
	names := hostileNames()
	if len(names) < 500 {
		t.Fatalf("there are only %d", len(names))
	}
	if os.Getenv("OUTTURN_TEST_FULL") == "" {
		names = append(slices.Collect(func(yield func(string) bool) {
			for i := 0; i < len(names) && yield(names[i]); i += 31 {
			}
		}), names[len(names)-4:]...)
	}
	var mu sync.Mutex
	runs, headed, kept, refused := map[string]bool{}, map[string]string{}, map[string]int{}, map[string]int{}
	inParallel(len(names)*len(writables), func(i int) {
		name, w := names[i%len(names)], writables[i/len(names)]
		who := manager
		if w.operator {
			who = operator
		}
		text, err := json.Marshal(w.body(name))
		if err != nil {
			t.Error(err)
			return
		}
		a := who.do(t, "POST", w.path, string(text))
		if a.status == http.StatusUnprocessableEntity {
			var p problem
			a.decode(t, a.status, &p)
			if len(p.Errors) == 0 || !strings.Contains(p.Errors[0].Field+p.Errors[0].Message, w.field) {
				t.Errorf("%s %q is refused with %s", w.name, name, a.body)
			}
			mu.Lock()
			refused[w.name]++
			mu.Unlock()
			return
		}
		if a.status == http.StatusConflict && (w.name == "View" || w.name == "Account" || w.name == "Generator") {
			return // two names that are one
		}
		if a.status != http.StatusCreated && a.status != http.StatusAccepted {
			t.Errorf("%s %q: %d %.400s", w.name, name, a.status, a.body)
			return
		}
		again := a
		if w.name != "Client" { // of which only lists tell
			again = who.do(t, "GET", a.header.Get("Location"), "")
		}
		for _, a := range []answer{a, again} {
			var made any
			if err := json.Unmarshal(a.body, &made); err != nil {
				t.Error(err)
				return
			}
			if got, _ := value(made, w.field); got != name && name != "" {
				t.Errorf("%s %q came back as %q", w.name, name, got)
			}
			id, _ := value(made, "id")
			view, _ := value(made, "name")
			mu.Lock()
			switch w.name {
			case "Run":
				runs[id] = true
			case "Header":
				headed[view] = name
			}
			mu.Unlock()
		}
		mu.Lock()
		kept[w.name]++
		mu.Unlock()
	})
	for _, w := range writables {
		if kept[w.name] == 0 || refused[w.name] == 0 {
			t.Errorf("%s: %d were kept and %d refused", w.name, kept[w.name], refused[w.name])
		}
	}
	ids := slices.Collect(maps.Keys(runs))
	inParallel(len(ids), func(i int) { wantSoundFile(t, manager, ids[i]) })
	wantHeaders(t, manager, headed)
	wantReasons(t, manager, ids[0], names)
	wantSoundTraces(t)
	t.Logf("kept %v, refused %v", kept, refused)
}

// wantSoundFile holds the file of a run against what a system takes for a name.
func wantSoundFile(t testing.TB, who caller, id string) {
	t.Helper()
	run := who.ended(t, id)
	a := who.do(t, "HEAD", "/v1/files/"+url.PathEscape(run.Files[0].ID)+"/content", "")
	_, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
	name := params["filename"]
	if err != nil || name != run.Files[0].Name || a.header.Get("X-Injected") != "" {
		t.Errorf("%q is sent as %q: %v", run.Files[0].Name, a.header.Get("Content-Disposition"), err)
	}
	if !isFileName(name) {
		t.Errorf("%q is no name of a file everywhere", name)
	}
}

func isFileName(name string) bool {
	return utf8.ValidString(name) && len(name) <= 255 && !strings.ContainsAny(name, "/\\:*?\"<>|") && !strings.ContainsFunc(name, unicode.IsControl) && !strings.HasPrefix(name, ".")
}

// wantHeaders has a file of each format made by each view, and wants its header to be
// the title of the column there and in the manifest.
func wantHeaders(t testing.TB, who caller, headed map[string]string) {
	t.Helper()
	python := formattest.StartPythonWith(t, "openpyxl", "../format/testdata/read_xlsx.py")
	book := filepath.Join(t.TempDir(), "book.xlsx")
	views := slices.Collect(maps.Keys(headed))
	runs := make([]outturn.Run, len(views))
	inParallel(len(views), func(i int) {
		a := who.do(t, "POST", "/v1/runs", fmt.Sprintf(`{"dataset":"accounts","view":%q,"filter":"ACCOUNT_ID eq 1000003","formats":[{"format":"csv","dialect":"spreadsheet"},{"format":"xlsx"},{"format":"json"},{"format":"xml"}]}`, views[i]))
		a.decode(t, http.StatusAccepted, &runs[i])
		runs[i] = who.ended(t, runs[i].ID)
	})
	for i, view := range views {
		want := headed[view]
		var m outturn.Manifest
		who.do(t, "GET", "/v1/runs/"+runs[i].ID+"/manifest", "").decode(t, http.StatusOK, &m)
		if want != "" && !slices.Equal(m.Headers, []string{want}) {
			t.Errorf("%q is %q in the manifest", want, m.Headers)
		}
		for _, f := range runs[i].Files {
			body := who.do(t, "GET", "/v1/files/"+f.ID+"/content", "").body
			got := ""
			switch f.Format {
			case "csv":
				list, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff")))).ReadAll()
				if err != nil || len(list) != 2 {
					t.Errorf("%q: %q, %v", want, list, err)
					continue
				}
				got = strings.TrimPrefix(list[0][0], "'") // before a formula
			case "xlsx":
				if err := os.WriteFile(book, body, 0o600); err != nil {
					t.Fatal(err)
				}
				var read struct {
					Sheets []struct {
						Rows [][]*struct {
							Value string `json:"v"`
						}
					}
				}
				python.Ask(t, map[string]string{"path": book}, &read)
				got = read.Sheets[0].Rows[0][0].Value
			case "json":
				if !json.Valid(body) {
					t.Errorf("%q: %s", want, body)
				}
				continue
			case "xml":
				if err := xml.Unmarshal(body, new(struct{})); err != nil {
					t.Errorf("%q: %v in %s", want, err, body)
				}
				continue
			}
			if want != "" && got != want && got != strings.TrimPrefix(want, "'") {
				t.Errorf("%q is %q in %s", want, got, f.Format)
			}
		}
	}
}

// wantReasons downloads a file for each reason that a header can carry; the audit has
// it, or it is refused.
func wantReasons(t testing.TB, who caller, run string, names []string) {
	t.Helper()
	file := who.ended(t, run).Files[0].ID
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	kept := 0
	for _, name := range names {
		if strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name || len(name) > 4096 || name == "" {
			continue // no client sends it
		}
		a := who.do(t, "GET", "/v1/files/"+file+"/content", "", "Outturn-Reason", name)
		if a.status == http.StatusUnprocessableEntity && bytes.Contains(a.body, []byte("Outturn-Reason")) {
			continue
		}
		if a.status != http.StatusOK {
			t.Errorf("the reason %q: %d %s", name, a.status, a.body)
			continue
		}
		var list struct{ Items []outturn.AuditEntry }
		admin.do(t, "GET", "/v1/audit?limit=1&filter="+url.QueryEscape("action eq file.download and object eq "+file), "").decode(t, http.StatusOK, &list)
		if len(list.Items) != 1 || list.Items[0].Detail["reason"] != name {
			t.Errorf("the reason %q is %+v", name, list.Items)
		}
		kept++
	}
	if kept == 0 {
		t.Error("no reason was kept")
	}
}

// wantSoundTraces wants each line of the log to be an object, and no file to have a
// name that a system takes for more than text.
func wantSoundTraces(t testing.TB) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(shop.log.String()) {
		if lines++; !json.Valid([]byte(line)) || line[0] != '{' {
			t.Fatalf("a line of the log is no object: %.200q", line)
		}
	}
	if lines == 0 {
		t.Error("there is no log")
	}
	err := filepath.WalkDir(shop.Data, func(path string, _ fs.DirEntry, err error) error {
		if name := filepath.Base(path); !isFileName(name) && name != ".lock" {
			t.Errorf("there is a file %q", name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a run cleans up meanwhile
		t.Error(err)
	}
}
