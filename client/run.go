package client

import (
	"context"
	"crypto/rand"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"outturn"
)

// A RunInput is a run that is asked for.
type RunInput struct {
	Dataset string `json:"dataset,omitempty"`
	// View names a view of the data set; Columns lists fields instead. Both empty is
	// the full view.
	View    string   `json:"view,omitempty"`
	Columns []string `json:"columns,omitempty"`
	// Filter says which rows: CURRENCY eq EUR and not (TOTAL lt 10).
	Filter  string          `json:"filter,omitempty"`
	Invoice string          `json:"invoice,omitempty"` // only the rows of this one; "" is all
	Order   []outturn.Order `json:"order,omitempty"`
	Window  *Window         `json:"window,omitempty"` // nil: all there is
	// Zone is the IANA zone instants are written in; "" is the window's, else the
	// tenant's.
	Zone       string           `json:"zone,omitempty"`
	Formats    []outturn.Output `json:"formats,omitempty"`
	Name       string           `json:"name,omitempty"` // begins the files' names; "" is the data set's
	ReportType string           `json:"report_type,omitempty"`
	// Tenant is the id of the tenant the run is for; "" is the client's own.
	Tenant string `json:"tenant,omitempty"`

	// IdempotencyKey makes of the same input sent again the same run, for a day; ""
	// is a key of this call, which covers its own retries.
	IdempotencyKey string `json:"-"`
}

// A Window is the time a run covers: days (2026-09-01), times in the zone
// (2026-09-01T08:00) or instants (2026-09-01T08:00:00Z). To is exclusive.
type Window struct {
	From string `json:"from"`
	To   string `json:"to"`
	Zone string `json:"zone,omitempty"` // IANA name; "" is the tenant's
}

// CreateRun asks for a run. It is queued when CreateRun returns.
func (c *Client) CreateRun(ctx context.Context, in RunInput) (run outturn.Run, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/v1/runs", body: in, header: idempotent(in.IdempotencyKey), again: true}, &run)
	return run, err
}

func idempotent(key string) http.Header {
	if key == "" {
		key = rand.Text()
	}
	return http.Header{"Idempotency-Key": {key}}
}

// Run returns a run as it is now.
func (c *Client) Run(ctx context.Context, id string) (run outturn.Run, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: runPath(id), again: true}, &run)
	return run, err
}

func runPath(id string) string { return "/v1/runs/" + url.PathEscape(id) }

// A ListInput says which runs or views to list. All of it may be empty.
type ListInput struct {
	Filter string // state eq failed and created_at ge 2026-09-01
	Order  string // created_at desc
	Limit  int    // at most outturn.MaxPage; 0 is outturn.DefaultPage
	Cursor string // Next of the page before
	Tenant string // id of a tenant below; "*" is all that the client may see
}

func (in ListInput) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"filter": in.Filter, "order": in.Order, "cursor": in.Cursor, "tenant": in.Tenant} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if in.Limit > 0 {
		q.Set("limit", strconv.Itoa(in.Limit))
	}
	return q
}

// Runs lists a page of runs.
func (c *Client) Runs(ctx context.Context, in ListInput) (list outturn.List[outturn.Run], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/runs", query: in.query(), again: true}, &list)
	return list, err
}

// CancelRun asks for a run to stop. One that runs is cancelled within a second or
// so; one that has ended otherwise is a conflict.
func (c *Client) CancelRun(ctx context.Context, id string) (run outturn.Run, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: runPath(id) + "/cancel", again: true}, &run)
	return run, err
}

// RetryRun makes a new run of one that has ended, over the same window.
func (c *Client) RetryRun(ctx context.Context, id string) (run outturn.Run, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: runPath(id) + "/retry", header: idempotent(""), again: true}, &run)
	return run, err
}

// DeleteRun removes the files of a run that has ended. The run and what was done
// with it stay on record.
func (c *Client) DeleteRun(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: runPath(id), again: true}, nil)
	return err
}

// Manifest says what a succeeded run produced.
func (c *Client) Manifest(ctx context.Context, id string) (m outturn.Manifest, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: runPath(id) + "/manifest", again: true}, &m)
	return m, err
}

// WaitRun waits until a run has ended, and returns it.
func (c *Client) WaitRun(ctx context.Context, id string) (last outturn.Run, err error) {
	for run, err := range c.WatchRun(ctx, id) {
		if err != nil {
			return last, err
		}
		last = run
	}
	return last, nil
}

// pollEvery is how often a run is looked at where its events cannot be had.
const pollEvery = 2 * time.Second

// WatchRun yields a run as it is, then each change, and ends after its last. It
// goes on when the connection breaks, and where a proxy lets no events through it
// asks again and again.
func (c *Client) WatchRun(ctx context.Context, id string) iter.Seq2[outturn.Run, error] {
	return func(yield func(outturn.Run, error) bool) {
		var seen time.Time
		show := func(run outturn.Run) (more bool) {
			if !run.UpdatedAt.After(seen) && !run.State.Final() {
				return true
			}
			seen = run.UpdatedAt
			return yield(run, nil) && !run.State.Final()
		}
		for {
			if more := c.events(ctx, id, show); !more {
				return
			}
			run, err := c.Run(ctx, id)
			if err != nil {
				yield(run, err)
				return
			}
			if !show(run) {
				return
			}
			if err := sleep(ctx, pollEvery); err != nil {
				yield(run, err)
				return
			}
		}
	}
}
