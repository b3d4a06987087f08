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

// What is made is of a version that is known here: of a later one it could be asked for
// again by none.
func TestLaterVersion(t *testing.T) {
	begin(t)
	for version, want := range map[string]int{"1.5": http.StatusAccepted, "1.6": http.StatusBadRequest, "1.99": http.StatusBadRequest, "2.0": http.StatusBadRequest} {
		a := ask(t, "wingtip manager", http.MethodPost, "/aps/2/resources",
			`{"aps":{"type":"http://www.odin.com/rde/report-template/`+version+`"},"commonName":"later","format":"JSON","eventType":"DAILY"}`)
		if a.status != want {
			t.Errorf("%s: %d %s, want %d", version, a.status, a.body, want)
		}
	}
}
