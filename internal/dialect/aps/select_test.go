package aps_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"outturn"
)

// newTenant makes a tenant of its own for a test, below the provider.
func newTenant(t *testing.T, name, account string) outturn.Tenant {
	t.Helper()
	p, err := shop.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made, err := shop.Reporting().CreateTenant(t.Context(), p, outturn.Tenant{Parent: shop.tenants["provider"].ID, Kind: outturn.KindReseller, Name: name, ExternalID: account})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Section 3.4: links lead in circles, and an answer has an end all the same.
func TestSelectEnds(t *testing.T) {
	t.Parallel()
	tenant := newTenant(t, "round and round", "1000006")
	one := fmt.Sprintf(`{"aps":{"type":"http://www.odin.com/rde/report-template/1.5"},"commonName":"x","format":"JSON","eventType":"DAILY","tenant":{"aps":{"id":%q}}}`, tenant.ID)
	if a := ask(t, "provider manager", http.MethodPost, "/aps/2/resources", "["+one+strings.Repeat(","+one, 29)+"]"); a.status != http.StatusAccepted {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	for turns, want := range map[int]int{1: http.StatusOK, 2: http.StatusOK, 3: http.StatusBadRequest} {
		path := "/aps/2/resources/" + tenant.ID + "?select(" + strings.Repeat("reportTemplates.tenant.", turns) + "account)"
		if a := ask(t, "provider viewer", http.MethodGet, path, ""); a.status != want {
			t.Errorf("%d turns: %d, %d bytes, want %d", turns, a.status, len(a.body), want)
		}
	}
}
