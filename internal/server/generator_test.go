package server_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// A server fires what is due by itself: what it hears of while it runs, and what was due
// while it did not.
func TestServerFires(t *testing.T) {
	metrics := servertest.FreeAddress(t)
	path := filepath.Join(t.TempDir(), "data")
	change := func(c *server.Config) { c.Metrics = metrics }
	s := open(t, path, change)
	in := client.GeneratorInput{Name: "now", Dataset: "sales", Formats: []client.Format{{Output: outturn.Output{Format: "csv"}}}, Trigger: outturn.Trigger{Kind: outturn.TriggerOnce}}
	now, err := s.client.CreateGenerator(t.Context(), in)
	must(t, err)
	made := func(g string) {
		t.Helper()
		until(t, "its run has succeeded", func() bool {
			list, err := s.client.GeneratorRuns(t.Context(), g, client.ListInput{})
			must(t, err)
			return len(list.Items) == 1 && list.Items[0].State == outturn.RunSucceeded && list.Items[0].Cause == outturn.CauseSchedule
		})
	}
	made(now.ID)
	if g, err := s.client.Generator(t.Context(), now.ID); err != nil || g.State != outturn.GeneratorDone {
		t.Errorf("got %+v, %v", g, err)
	}
	in.Name, in.Trigger.At = "while it was away", time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)
	away, err := s.client.CreateGenerator(t.Context(), in)
	must(t, err)
	s.stop()
	was := s
	s = start(t, path, change)
	s.client, err = client.New(client.Config{URL: s.URL(), ClientID: was.id, ClientSecret: was.secret, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	must(t, err)
	made(away.ID)
	values, _ := scrape(t, metrics)
	if values[`outturn_generators{state="done"}`] != 2 || values[`outturn_firings_total{outcome="run"}`] != 2 || values["outturn_schedule_overdue_seconds"] != 0 {
		t.Errorf("the metrics have %v", values)
	}
	s.stop()

	s = start(t, path, change, func(c *server.Config) {
		c.Now = func() time.Time { return time.Now().Add(401 * 24 * time.Hour) }
	})
	defer s.stop()
	p, err := s.folder.Operator(t.Context())
	must(t, err)
	until(t, "its firings are forgotten", func() bool {
		list, err := s.Reporting().Firings(t.Context(), p, away.ID, outturn.ListQuery{})
		must(t, err)
		return len(list.Items) == 0
	})
}
