package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"outturn"
	"outturn/internal/server/servertest"
)

// What CMP's clients have and ask for.
const (
	cmpReports = 10_000 // within 90 days
	cmpPolls   = 4000
	cmpRate    = 200 // polls a second
)

// What the slowest but 1 % of the answers may take.
const (
	cmpListGoal = 150 * time.Millisecond
	cmpPollGoal = 20 * time.Millisecond
)

// A cmpClient asks as CMP's clients do.
type cmpClient struct {
	url, token         string
	Username, Password string
	Subscription       string `json:"subscription_key"`
}

// cmp lists very many reports, and polls one report after the other at a steady rate.
func (b *bench) cmp() error {
	s, err := b.startService()
	if err != nil {
		return err
	}
	defer s.stop()
	ctx := context.Background()
	t := s.tenants[0]
	run, err := s.report(ctx, t)
	if err == nil {
		run, err = s.WaitRun(ctx, run.ID)
	}
	if err == nil {
		err = servertest.Multiply(ctx, s.data, run.ID, cmpReports-1, 89*24*time.Hour/cmpReports)
	}
	if err != nil {
		return err
	}
	c, err := b.cmpClient(ctx, s, t.id)
	if err != nil {
		return err
	}
	began, bytes := time.Now(), 0
	before, err := cpuOf(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	var lists sample
	var ids []string
	for range 3 * b.calls { // so that the slowest but 1 % are more than one
		asked := time.Now()
		text, err := c.get(ctx, "/reports?from="+began.Add(-90*24*time.Hour).UTC().Format(time.DateOnly))
		if err != nil {
			return err
		}
		lists.add(time.Since(asked))
		bytes = len(text)
		if ids == nil {
			if ids, err = idsIn(text); err != nil {
				return err
			}
		}
	}
	between, err := cpuOf(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	tell("GET /reports", lists, cmpListGoal, fmt.Sprintf("%d reports, %.1f MB", len(ids), float64(bytes)/1e6))
	polls, err := c.poll(ctx, ids)
	if err != nil {
		return err
	}
	after, err := cpuOf(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	tell("GET /reports/{id}", polls, cmpPollGoal, fmt.Sprintf("%d a second", cmpRate))
	fmt.Printf("CPU of the server: %.0f ms a list, %.2f ms a poll\n", (between-before)*1e3/float64(len(lists)), (after-between)*1e3/float64(len(polls)))
	return nil
}

func tell(what string, took sample, goal time.Duration, of string) {
	met := "met"
	if took.at(0.99) > float64(goal.Milliseconds()) {
		met = "MISSED"
	}
	fmt.Printf("%s, %s: %s; goal %v %s\n", what, of, took, goal, met)
}

// cmpClient makes a client of a tenant and gets its token.
func (b *bench) cmpClient(ctx context.Context, s *service, tenant string) (*cmpClient, error) {
	out, err := exec.Command(b.binary, "client", "add", "--data", s.data, "--tenant", tenant, "--kind", "cmp", "--role", string(outturn.RoleManager), "--json").Output()
	if err != nil {
		return nil, fmt.Errorf("client add: %w", err)
	}
	c := &cmpClient{url: s.url + "/marketplace"}
	if err := json.Unmarshal(out, c); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/token", http.NoBody)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.Username, c.Password)
	text, err := c.send(req)
	if err != nil {
		return nil, err
	}
	var token struct{ Token string }
	err = json.Unmarshal(text, &token)
	c.token = token.Token
	return c, err
}

func (c *cmpClient) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	return c.send(req)
}

func (c *cmpClient) send(req *http.Request) ([]byte, error) {
	req.Header.Set("X-Subscription-Key", c.Subscription)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", req.URL.Path, resp.Status, text)
	}
	return text, nil
}

func idsIn(text []byte) (ids []string, err error) {
	var list struct {
		Data []struct{ ID, DownloadURL string }
	}
	err = json.Unmarshal(text, &list)
	for _, r := range list.Data {
		if r.DownloadURL == "" {
			return nil, fmt.Errorf("report %s has no file", r.ID)
		}
		ids = append(ids, r.ID)
	}
	return ids, err
}

// poll asks for one report after the other. What an answer took counts from when it was
// due to be asked for, as with askSteadily.
func (c *cmpClient) poll(ctx context.Context, ids []string) (sample, error) {
	took, errs := make([]time.Duration, cmpPolls), make([]error, cmpPolls)
	var all sync.WaitGroup
	began := time.Now()
	for i := range cmpPolls {
		due := began.Add(time.Duration(i) * time.Second / cmpRate)
		time.Sleep(time.Until(due))
		all.Go(func() {
			_, errs[i] = c.get(ctx, "/reports/"+ids[i*7919%len(ids)])
			took[i] = time.Since(due)
		})
	}
	all.Wait()
	var polls sample
	for _, d := range took {
		polls.add(d)
	}
	return polls, firstOf(errs)
}
