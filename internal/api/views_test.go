package api_test

import (
	"testing"

	"outturn"
)

// A view is changed by who names the version that they read, or says that any will do.
func TestViewVersions(t *testing.T) {
	who := callerOf(t, "Northwind", outturn.RoleManager)
	made := who.do(t, "POST", "/v1/views", `{"name":"versions","dataset":"accounts","columns":[{"field":"ACCOUNT_ID"}]}`)
	var view outturn.SavedView
	made.decode(t, 201, &view)
	path := "/v1/views/" + view.ID
	for _, step := range []struct {
		match, method, body string
		status              int
		etag                string
	}{
		{"", "GET", "", 200, `"1"`},
		{`"1"`, "PATCH", `{"description":"first"}`, 200, `"2"`},
		{`"1"`, "PATCH", `{"description":"late"}`, 412, ""},
		{"*", "PATCH", `{"description":"whatever it was"}`, 200, `"3"`},
		{`"1"`, "DELETE", "", 412, ""},
		{"*", "DELETE", "", 204, ""},
		{"*", "DELETE", "", 404, ""},
	} {
		var header []string
		if step.match != "" {
			header = []string{"If-Match", step.match}
		}
		a := who.do(t, step.method, path, step.body, header...)
		if a.status != step.status || a.header.Get("ETag") != step.etag {
			t.Errorf("%s with If-Match %s: %d, ETag %s; want %d, %s", step.method, step.match, a.status, a.header.Get("ETag"), step.status, step.etag)
		}
	}
}
