package aps_test

import (
	"net/http"
	"strings"
	"testing"
)

// Section 3.4: links lead in circles, and an answer has an end all the same.
func TestSelectEnds(t *testing.T) {
	begin(t)
	t.Parallel()
	const one = `{"aps":{"type":"http://www.odin.com/rde/report-template/1.5"},"commonName":"round","format":"JSON","eventType":"DAILY"}`
	if a := ask(t, "wingtip manager", http.MethodPost, "/aps/2/resources", "["+one+strings.Repeat(","+one, 29)+"]"); a.status != http.StatusAccepted {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	for turns, want := range map[int]int{1: http.StatusOK, 2: http.StatusOK, 3: http.StatusBadRequest} {
		path := "/aps/2/collections/rde-tenants?select(" + strings.Repeat("reportTemplates.tenant.", turns) + "account)"
		if a := ask(t, "wingtip viewer", http.MethodGet, path, ""); a.status != want {
			t.Errorf("%d turns: %d, %d bytes, want %d", turns, a.status, len(a.body), want)
		}
	}
}
