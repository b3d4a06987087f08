package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/source/duckdb/duckdbtest"
)

// audit lists all entries that a query has, page by page.
func (c caller) audit(t testing.TB, query url.Values) (entries []outturn.AuditEntry) {
	t.Helper()
	for {
		var page struct {
			Items []outturn.AuditEntry
			Next  string
		}
		c.do(t, http.MethodGet, "/v1/audit?"+query.Encode(), "").decode(t, http.StatusOK, &page)
		entries = append(entries, page.Items...)
		if page.Next == "" {
			return entries
		}
		query.Set("cursor", page.Next)
	}
}

// The audit is for admins and operators. An admin's is of its tenant alone; a page
// leads to the next until all was seen once.
func TestAuditOverHTTP(t *testing.T) {
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	run := admin.run(t, accounts)
	content := "/v1/files/" + run.Files[0].ID + "/content"
	admin.do(t, http.MethodGet, content, "", "Outturn-Reason", "the month's end", "X-Request-Id", "mine-1")
	for _, reason := range []string{"\xff", "\u202e"} {
		if a := admin.do(t, http.MethodGet, content, "", "Outturn-Reason", reason); a.status != http.StatusUnprocessableEntity {
			t.Errorf("the reason %q: got %d", reason, a.status)
		}
	}
	foreign := callerOf(t, "Contoso", outturn.RoleAdmin)
	foreign.run(t, accounts)

	list := func(who caller, query url.Values) []outturn.AuditEntry { return who.audit(t, query) }
	for action, object := range map[string]string{"run.create": run.ID, "file.download": run.Files[0].ID} {
		got := list(admin, url.Values{"filter": {"action eq '" + action + "' and object eq '" + object + "'"}})
		if len(got) != 1 || got[0].Subject != "client:"+admin.ClientID || got[0].Outcome != "ok" || got[0].From == "" || got[0].Request == "" {
			t.Errorf("%s: got %+v", action, got)
			continue
		}
		if e := got[0]; action == "file.download" && (e.Detail["reason"] != "the month's end" || e.Request != "mine-1") {
			t.Errorf("got %+v", e)
		}
	}
	seen := map[string]bool{}
	for _, e := range list(admin, url.Values{"limit": {"3"}, "order": {"at"}, "filter": {"subject eq 'client:" + admin.ClientID + "'"}}) {
		if seen[e.ID] {
			t.Errorf("%s came twice", e.ID)
		}
		seen[e.ID] = true
	}
	if len(seen) < 3 {
		t.Errorf("its own doings are %d", len(seen))
	}
	for _, e := range list(admin, url.Values{"limit": {"1000"}}) {
		if e.Tenant != shop.tenants["Northwind"].ID {
			t.Errorf("it is told of another's: %+v", e)
		}
	}
	if got := list(callerOf(t, "", outturn.RoleOperator), url.Values{"filter": {"tenant eq '" + shop.tenants["Contoso"].ID + "'"}}); len(got) == 0 {
		t.Error("the operator is not told of Contoso")
	}
	for _, role := range []outturn.Role{outturn.RoleManager, outturn.RoleViewer} {
		who := callerOf(t, "Northwind", role)
		if a := who.do(t, http.MethodGet, "/v1/audit", ""); a.status != http.StatusForbidden {
			t.Errorf("%s: got %d", role, a.status)
		}
		if got := list(admin, url.Values{"filter": {"subject eq 'client:" + who.ClientID + "' and outcome eq forbidden"}}); len(got) != 1 || got[0].Action != "audit.read" {
			t.Errorf("the refusal of %s: got %+v", role, got)
		}
	}
}

// The audit as a report has the rows of the list, whatever texts are in them, and as
// every report its formats, views and windows.
func TestAuditAsReport(t *testing.T) {
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	hostile := []string{`=HYPERLINK("http://x.example","y")`, "+1+1", "-2", "@SUM(A1)", `a "quoted", text;`, "\u00e9\u4e2d \U0001F600", "<b>&amp;</b>", "NULL", "'; DROP TABLE audit; --"}
	content := "/v1/files/" + admin.run(t, accounts).Files[0].ID + "/content"
	for _, reason := range hostile {
		if a := admin.do(t, http.MethodGet, content, "", "Outturn-Reason", reason); a.status != http.StatusOK {
			t.Fatalf("the reason %q: got %d", reason, a.status)
		}
	}
	mine := "client:" + admin.ClientID
	today := time.Now().UTC().Truncate(24 * time.Hour)
	in := client.RunInput{
		Dataset: "audit", Filter: "SUBJECT eq '" + mine + "'", Zone: "UTC",
		Window:  &client.Window{From: today.AddDate(0, 0, -1).Format(time.DateOnly), To: today.AddDate(0, 0, 2).Format(time.DateOnly)},
		Formats: []outturn.Output{{Format: "csv"}, {Format: "ndjson"}, {Format: "json"}, {Format: "xml"}, {Format: "tsv"}, {Format: "xlsx"}},
	}
	run := admin.run(t, in)
	entries := admin.audit(t, url.Values{"filter": {"subject eq '" + mine + "'"}, "order": {"at"}, "limit": {"1000"}})
	if len(entries) < len(hostile)+2 {
		t.Fatalf("the list has only %d entries", len(entries))
	}
	files := map[string][]byte{}
	for _, f := range run.Files {
		a := admin.do(t, http.MethodGet, "/v1/files/"+f.ID+"/content", "")
		if files[f.Format] = a.body; a.status != http.StatusOK || f.Rows != int64(len(entries)) {
			t.Errorf("%s: got %d with %d rows, want %d rows", f.Format, a.status, f.Rows, len(entries))
		}
	}
	for i, line := range bytes.Split(bytes.TrimSpace(files["ndjson"]), []byte("\n")) {
		var row struct {
			ID, TENANT, SUBJECT, VIA, ACTION, OBJECT, OUTCOME, FROM_ADDRESS, REQUEST string
			AT                                                                       time.Time
			DETAIL                                                                   map[string]string
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		got := outturn.AuditEntry{ID: row.ID, At: row.AT, Tenant: row.TENANT, Subject: row.SUBJECT, Via: row.VIA, Action: row.ACTION, Object: row.OBJECT,
			Outcome: row.OUTCOME, From: row.FROM_ADDRESS, Request: row.REQUEST, Detail: row.DETAIL}
		if i >= len(entries) || fmt.Sprint(got) != fmt.Sprint(entries[i]) {
			t.Fatalf("row %d is\n%+v, want\n%+v", i, got, entries[i])
		}
	}
	sameInDuckDB(t, files["csv"], entries)

	empty := in
	empty.Window, empty.Formats = &client.Window{From: "2020-01-01", To: "2020-02-01"}, []outturn.Output{{Format: "csv"}}
	none := admin.do(t, http.MethodGet, "/v1/files/"+admin.run(t, empty).Files[0].ID+"/content", "")
	if want := "ID,AT,TENANT,SUBJECT,VIA,ACTION,OBJECT,OUTCOME,FROM_ADDRESS,REQUEST,DETAIL\r\n"; string(none.body) != want {
		t.Errorf("of a window without entries there is %q, want %q", none.body, want)
	}

	// What a text would be to a spreadsheet, it stays a text.
	admin.do(t, http.MethodPost, "/v1/views", `{"name":"reasons","dataset":"audit","columns":[{"field":"DETAIL","attribute":"reason","alias":"REASON"},{"field":"ID"}]}`).
		decode(t, http.StatusCreated, &struct{}{})
	reasons := in
	reasons.View, reasons.Filter = "reasons", in.Filter+" and ACTION eq file.download and OUTCOME eq ok"
	reasons.Order = []outturn.Order{{Field: "AT"}}
	reasons.Formats = []outturn.Output{{Format: "xlsx"}, {Format: "csv", Dialect: "spreadsheet"}}
	for _, f := range admin.run(t, reasons).Files {
		text := admin.do(t, http.MethodGet, "/v1/files/"+f.ID+"/content", "").body
		if f.Format == "xlsx" {
			if text = unzip(t, text); bytes.Contains(text, []byte("<f>")) || bytes.Contains(text, []byte("<f ")) || !bytes.Contains(text, []byte("HYPERLINK(")) {
				t.Error("the workbook has a formula, or not the text that looks like one")
			}
			continue
		}
		for _, start := range []string{"=", "+", "-", "@"} {
			if bytes.Contains(text, []byte("\n"+start)) || bytes.Contains(text, []byte("\n\""+start)) {
				t.Errorf("a cell begins with %s: %s", start, text)
			}
		}
	}
}

// sameInDuckDB lets another program read the CSV.
func sameInDuckDB(t *testing.T, csv []byte, entries []outturn.AuditEntry) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit.csv")
	if err := os.WriteFile(file, csv, 0o600); err != nil {
		t.Fatal(err)
	}
	db, done := duckdbtest.Open(t, filepath.Join(t.TempDir(), "empty.duckdb"))
	defer done()
	rows := db.Rows(`SELECT ID, "AT", OBJECT, REQUEST, DETAIL FROM read_csv('` + file + `', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"', allow_quoted_nulls = false)`)
	if len(rows) != len(entries) {
		t.Fatalf("DuckDB reads %d rows, want %d", len(rows), len(entries))
	}
	orNull := func(text string) string {
		if text == "" {
			return duckdbtest.Null
		}
		return text
	}
	for i, e := range entries {
		var detail map[string]string
		if rows[i][4] != duckdbtest.Null {
			if err := json.Unmarshal([]byte(rows[i][4]), &detail); err != nil {
				t.Fatalf("%v in %s", err, rows[i][4])
			}
		}
		got, want := fmt.Sprint(rows[i][:4], detail), fmt.Sprint([]string{e.ID, e.At.Format("2006-01-02T15:04:05.000000Z"), orNull(e.Object), orNull(e.Request)}, e.Detail)
		if got != want {
			t.Fatalf("row %d is\n%s, want\n%s", i, got, want)
		}
	}
}

// Whoever may not read the audit may not have it as a report either, nor the file of
// one that somebody else made; a link is good for whoever has it.
func TestAuditReportByRole(t *testing.T) {
	admin := callerOf(t, "Northwind", outturn.RoleAdmin)
	run := admin.run(t, client.RunInput{Dataset: "audit", Formats: []outturn.Output{{Format: "csv"}}})
	content := "/v1/files/" + run.Files[0].ID + "/content"
	for _, role := range []outturn.Role{outturn.RoleManager, outturn.RoleViewer} {
		who := callerOf(t, "Northwind", role)
		for _, ask := range [][2]string{
			{"POST /v1/runs", `{"dataset":"audit","formats":["csv"]}`}, {"POST /v1/datasets/audit/preview", "{}"},
			{"POST /v1/runs/" + run.ID + "/retry", ""}, {"GET " + content, ""}, {"POST /v1/files/" + run.Files[0].ID + "/links", "{}"},
		} {
			method, path, _ := strings.Cut(ask[0], " ")
			if a := who.do(t, method, path, ask[1]); a.status != http.StatusForbidden || !bytes.Contains(a.body, []byte("admin")) && role == outturn.RoleManager {
				t.Errorf("%s by a %s: got %d %s", ask[0], role, a.status, a.body)
			}
		}
	}
	foreign := callerOf(t, "Contoso", outturn.RoleAdmin)
	if a := foreign.do(t, http.MethodGet, content, ""); a.status != http.StatusNotFound {
		t.Errorf("another tenant's admin: got %d", a.status)
	}
	var link struct{ URL string }
	admin.do(t, http.MethodPost, "/v1/files/"+run.Files[0].ID+"/links", "{}").decode(t, http.StatusCreated, &link)
	if a := send(t, request(t, http.MethodGet, link.URL, "")); a.status != http.StatusOK || !bytes.HasPrefix(a.body, []byte("ID,AT,")) {
		t.Errorf("by the link: got %d %.100s", a.status, a.body)
	}
}
