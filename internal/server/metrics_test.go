package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// scrape returns the metrics that are ours, by name and labels as they are written.
func scrape(t testing.TB, address string) (values map[string]float64, text string) {
	t.Helper()
	status, text := get(t, "http://"+address+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("got %d %s", status, text)
	}
	values = map[string]float64{}
	for _, m := range regexp.MustCompile(`(?m)^(outturn_[a-z_]+)(\{.*\})? (\S+)$`).FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(m[3], 64)
		must(t, err)
		values[m[1]+m[2]] = value
		if !strings.Contains(text, "# HELP "+m[1]+" ") {
			t.Errorf("%s says nothing about itself", m[1])
		}
	}
	return values, text
}

// The metrics move with what happens, and name nobody.
func TestMetrics(t *testing.T) {
	address := servertest.FreeAddress(t)
	s := open(t, filepath.Join(t.TempDir(), "data"), func(c *server.Config) { c.Metrics, c.Workers = address, 1 })
	defer s.stop()
	before, _ := scrape(t, address)
	good, bad := s.run("sales"), s.run("misfit")
	if good.State != outturn.RunSucceeded || bad.State != outturn.RunFailed {
		t.Fatalf("got %s, and %s", good.State, bad.State)
	}
	busy := s.busy()
	waiting, err := s.client.CreateRun(t.Context(), client.RunInput{Dataset: "sales", Formats: []outturn.Output{{Format: "csv"}}})
	must(t, err)
	var during map[string]float64
	until(t, "a file is open and the queue has an age", func() bool {
		during, _ = scrape(t, address)
		return during["outturn_uploads_open"] == 1 && during["outturn_queue_oldest_seconds"] > 0
	})
	_, err = s.folder.Ledger.ClaimRun(t.Context(), waiting.ID, "a worker that dies", time.Microsecond)
	must(t, err)
	until(t, "its lease is found to be over", func() bool {
		values, _ := scrape(t, address)
		return values["outturn_lease_expiries_total"] == 1
	})
	until(t, "somebody has waited for a connection to the ledger", func() bool {
		var crowd sync.WaitGroup
		for range 100 {
			crowd.Go(func() {
				for range 20 {
					_, _ = s.folder.Ledger.Stats(t.Context())
				}
			})
		}
		crowd.Wait()
		values, _ := scrape(t, address)
		return values["outturn_ledger_wait_seconds_total"] > before["outturn_ledger_wait_seconds_total"]
	})
	for _, id := range []string{waiting.ID, busy.ID} {
		_, err := s.client.CancelRun(t.Context(), id)
		must(t, err)
		_, err = s.client.WaitRun(t.Context(), id)
		must(t, err)
	}
	after, text := scrape(t, address)
	reason := `outturn_runs_failed{reason="` + string(bad.Reason.Code) + `"}`
	for key, want := range map[string][3]float64{
		`outturn_runs{state="queued"}`:    {0, 1, 0},
		`outturn_runs{state="running"}`:   {0, 1, 0},
		`outturn_runs{state="succeeded"}`: {0, 1, 1},
		`outturn_runs{state="failed"}`:    {0, 1, 1},
		`outturn_runs{state="cancelled"}`: {0, 0, 2},
		reason:                            {0, 1, 1},
		"outturn_uploads_open":            {0, 1, 0},
		"outturn_lease_expiries_total":    {0, 0, 1},
	} {
		if got := [3]float64{before[key], during[key], after[key]}; got != want {
			t.Errorf("%s: got %v before, during and after, want %v", key, got, want)
		}
		if _, ok := after[key]; !ok {
			t.Errorf("there is no %s", key)
		}
	}
	if after["outturn_queue_oldest_seconds"] != 0 {
		t.Errorf("nothing waits, for %v s", after["outturn_queue_oldest_seconds"])
	}
	p, err := s.folder.Operator(t.Context())
	must(t, err)
	for what, canary := range map[string]string{
		"the tenant's name": "Northwind", "its id": good.Tenant, "the provider's": p.Tenant, "a run": good.ID, "a client": s.id, "a secret": s.secret, "a data set": "misfit",
	} {
		if strings.Contains(text, canary) {
			t.Errorf("they tell of %s", what)
		}
	}
	if status, _ := get(t, s.URL()+"/metrics"); status != http.StatusNotFound {
		t.Errorf("the API's own address has /metrics: %d", status)
	}
	if status, _ := get(t, "http://"+address+"/v1/runs"); status != http.StatusNotFound {
		t.Errorf("the metrics' address has the API: %d", status)
	}

	// docs/operations.md has each of them, and no other.
	page, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	var told, have []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(outturn_[a-z_]+)").FindAllStringSubmatch(string(page), -1) {
		if m[1] != "outturn_tls_expiry_timestamp_seconds" { // is there with a certificate: TestTLS
			told = append(told, m[1])
		}
	}
	for key := range after {
		name, _, _ := strings.Cut(key, "{")
		have = append(have, name)
	}
	slices.Sort(told)
	slices.Sort(have)
	if have = slices.Compact(have); !slices.Equal(told, have) {
		t.Errorf("the page tells of %v, and there are %v", told, have)
	}
}

// What /metrics and what is beside it answer protects as the API's answers do.
func TestMetricsProtect(t *testing.T) {
	metrics := ""
	s := start(t, filepath.Join(t.TempDir(), "data"), func(c *server.Config) { metrics = c.Metrics })
	defer s.stop()
	for _, path := range []string{"/metrics", "/nowhere"} {
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+metrics+path, http.NoBody)
		must(t, err)
		req.Header.Set("Origin", "https://evil.example")
		resp, err := c.Do(req)
		must(t, err)
		must(t, resp.Body.Close())
		h := resp.Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Content-Security-Policy") == "" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, h)
		}
	}
}
