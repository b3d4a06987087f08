package api_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"outturn"
	"outturn/client"
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

// A name comes back as it was, or is refused by its field; and what is made of it is
// a sound header, file name and line of the log.
func TestHostileNames(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	api := who.client(t)
	names := hostileNames()
	if len(names) < 500 {
		t.Fatalf("there are only %d", len(names))
	}
	step := 31
	if os.Getenv("OUTTURN_TEST_FULL") != "" {
		step = 1
	}
	kept, refused := 0, 0
	for i := 0; i < len(names); i += step {
		name := names[i]
		for path, body := range map[string]map[string]any{
			"/v1/runs":  {"dataset": "accounts", "formats": []string{"csv"}, "name": name},
			"/v1/views": {"dataset": "accounts", "columns": []any{map[string]string{"field": "ACCOUNT_ID", "header": name}}, "name": fmt.Sprintf("%s%d", name, i)},
		} {
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			a := who.do(t, "POST", path, string(text))
			if a.status == http.StatusUnprocessableEntity {
				refused++
				var p problem
				a.decode(t, a.status, &p)
				if len(p.Errors) == 0 || !strings.Contains(p.Errors[0].Field, "name") && !strings.Contains(p.Errors[0].Field, "header") {
					t.Errorf("%s %q is refused with %s", path, name, a.body)
				}
				continue
			}
			kept++
			var made struct {
				ID, Name string
				Columns  []outturn.ViewColumn
			}
			if a.status != http.StatusCreated && a.status != http.StatusAccepted {
				t.Errorf("%s %q: %d %s", path, name, a.status, a.body)
				continue
			}
			a.decode(t, a.status, &made)
			if want, _ := body["name"].(string); made.Name != want && !(name == "" && path == "/v1/runs") || len(made.Columns) > 0 && made.Columns[0].Header != name {
				t.Errorf("%s %q came back as %q, %+v", path, name, made.Name, made.Columns)
			}
			if path == "/v1/runs" {
				wantSoundFile(t, who, api, made.ID)
			}
		}
	}
	if kept < 10 || refused < 3 {
		t.Errorf("%d were kept and %d refused", kept, refused)
	}
	for line := range strings.Lines(shop.log.String()) {
		if !strings.HasPrefix(line, "time=") {
			t.Fatalf("a line of the log begins in the middle: %.200q", line)
		}
	}
}

// wantSoundFile holds the file of a run against what a system takes for a name.
func wantSoundFile(t testing.TB, who caller, api *client.Client, id string) {
	t.Helper()
	run, err := api.WaitRun(t.Context(), id)
	if err != nil || run.State != outturn.RunSucceeded || len(run.Files) != 1 {
		t.Fatalf("%s: %v, %+v", run.State, err, run.Reason)
	}
	a := who.do(t, "HEAD", "/v1/files/"+url.PathEscape(run.Files[0].ID)+"/content", "")
	_, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
	name := params["filename"]
	if err != nil || name != run.Files[0].Name || a.header.Get("X-Injected") != "" {
		t.Errorf("%q is sent as %q: %v", run.Files[0].Name, a.header.Get("Content-Disposition"), err)
	}
	if !utf8.ValidString(name) || len(name) > 255 || strings.ContainsAny(name, "/\\\x00\r\n\t:*?\"<>|") || strings.HasPrefix(name, ".") {
		t.Errorf("%q is no name of a file everywhere", name)
	}
}
