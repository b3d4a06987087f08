package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"outturn"
)

// A GeneratorInput is a generator as a client writes it: what each run has, and what
// makes it.
type GeneratorInput struct {
	Name string `json:"name,omitempty"` // no two of a tenant have the same
	// RunName is what its runs are called; "" is Name.
	RunName string `json:"run_name,omitempty"`
	Dataset string `json:"dataset,omitempty"`
	// View names a view, which is looked up each time it fires; Columns lists fields
	// instead. Both empty is the full view.
	View       string          `json:"view,omitempty"`
	Columns    []string        `json:"columns,omitempty"`
	Filter     string          `json:"filter,omitempty"`
	Order      []outturn.Order `json:"order,omitempty"`
	ReportType string          `json:"report_type,omitempty"`
	// Zone is the IANA zone of days and of the instants written; "" is the trigger's,
	// then the tenant's.
	Zone string `json:"zone,omitempty"`
	// Tenant is the id of the tenant it is for; "" is the client's own.
	Tenant     string                `json:"tenant,omitempty"`
	Window     *outturn.WindowRule   `json:"window,omitempty"` // nil: all there is
	Formats    []Format              `json:"formats,omitempty"`
	Trigger    outturn.Trigger       `json:"trigger"`
	Deliveries []outturn.Destination `json:"deliveries,omitempty"`
}

// A Generator is one that a server has.
type Generator struct {
	ID string `json:"id"` // "" where nothing was kept
	GeneratorInput
	Rhythm      outturn.Rhythm         `json:"rhythm"` // of its trigger
	Revision    int                    `json:"revision"`
	State       outturn.GeneratorState `json:"state"`
	PausedFor   string                 `json:"paused_for,omitempty"`
	NextAt      time.Time              `json:"next_at,omitzero"`
	LastFiredAt time.Time              `json:"last_fired_at,omitzero"`
	CoveredTo   time.Time              `json:"covered_to,omitzero"`
	Origin      string                 `json:"origin"`
	CreatedBy   string                 `json:"created_by"`
	CreatedAt   time.Time              `json:"created_at"`
	UpdatedAt   time.Time              `json:"updated_at"`

	Applied  string     `json:"applied,omitempty"`  // of ApplyGenerator: created, changed or unchanged
	Upcoming []Upcoming `json:"upcoming,omitempty"` // of a dry run
}

// An Upcoming is a firing to come.
type Upcoming struct {
	At     time.Time               `json:"at"`
	Local  time.Time               `json:"local"` // the same, as clocks in Zone show it
	Zone   string                  `json:"zone"`
	Window *outturn.ManifestWindow `json:"window,omitempty"` // nil: all there is
	// Skipped says why it would not take place, as a sentence.
	Skipped string `json:"skipped,omitempty"`
}

// CreateGenerator makes a generator. spec is a GeneratorInput, or the API's JSON as a
// json.RawMessage. It is asked for once: where the answer is lost, ApplyGenerator does
// the same and can be repeated.
func (c *Client) CreateGenerator(ctx context.Context, spec any) (g Generator, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/v1/generators", body: spec}, &g)
	return g, err
}

// DraftGenerator returns a generator as it would be made, with when it would fire next.
// Nothing is kept.
func (c *Client) DraftGenerator(ctx context.Context, spec any) (g Generator, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/v1/generators", query: dryRun, body: spec, again: true}, &g)
	return g, err
}

var dryRun = url.Values{"dry_run": {"true"}}

// ApplyGenerator makes the generator of that name what spec says. Applied says whether
// it was made, changed, or so already.
func (c *Client) ApplyGenerator(ctx context.Context, spec any) (g Generator, err error) {
	_, err = c.do(ctx, call{method: http.MethodPut, path: "/v1/generators", body: spec, again: true}, &g)
	return g, err
}

// DraftApply says what ApplyGenerator would do. Nothing is kept.
func (c *Client) DraftApply(ctx context.Context, spec any) (g Generator, err error) {
	_, err = c.do(ctx, call{method: http.MethodPut, path: "/v1/generators", query: dryRun, body: spec, again: true}, &g)
	return g, err
}

// Generators lists a page of generators.
func (c *Client) Generators(ctx context.Context, in ListInput) (list outturn.List[Generator], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/generators", query: in.query(), again: true}, &list)
	return list, err
}

// Generator returns a generator as it is now.
func (c *Client) Generator(ctx context.Context, id string) (g Generator, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: generatorPath(id), again: true}, &g)
	return g, err
}

func generatorPath(id string) string { return "/v1/generators/" + url.PathEscape(id) }

// UpdateGenerator changes a generator that is still at a revision; 0 is any. patch is
// merged into it (RFC 7396): a map[string]any of what is to change.
func (c *Client) UpdateGenerator(ctx context.Context, id string, revision int, patch any) (g Generator, err error) {
	_, err = c.do(ctx, call{method: http.MethodPatch, path: generatorPath(id), body: patch, header: atRevision(revision)}, &g)
	return g, err
}

// DeleteGenerator takes a generator away that is still at a revision; 0 is any. Its runs
// stay.
func (c *Client) DeleteGenerator(ctx context.Context, id string, revision int) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: generatorPath(id), header: atRevision(revision)}, nil)
	return err
}

func atRevision(revision int) http.Header {
	if revision == 0 {
		return http.Header{"If-Match": {"*"}}
	}
	return http.Header{"If-Match": {strconv.Quote(strconv.Itoa(revision))}}
}

// EnableGenerator lets a generator fire again, from now on.
func (c *Client) EnableGenerator(ctx context.Context, id string) (g Generator, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: generatorPath(id) + "/enable", again: true}, &g)
	return g, err
}

// DisableGenerator keeps a generator from firing.
func (c *Client) DisableGenerator(ctx context.Context, id string) (g Generator, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: generatorPath(id) + "/disable", again: true}, &g)
	return g, err
}

// RunGenerator makes a run now. The schedule stays as it is.
func (c *Client) RunGenerator(ctx context.Context, id string) (run outturn.Run, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: generatorPath(id) + "/run", header: idempotent(""), again: true}, &run)
	return run, err
}

// A BackfillInput is a time that is over, for whose windows runs are to be made.
type BackfillInput struct {
	From string `json:"from"` // a day, a time in the zone or an instant
	To   string `json:"to"`   // exclusive

	// IdempotencyKey makes of the same input sent again the same runs, for a day; "" is
	// a key of this call, which covers its own retries.
	IdempotencyKey string `json:"-"`
}

// A Backfill is what was made, or would be, the oldest first.
type Backfill struct {
	Windows []Upcoming    `json:"windows,omitempty"` // of DraftBackfill
	Runs    []outturn.Run `json:"runs,omitempty"`    // of BackfillGenerator
}

// BackfillGenerator makes a run for each window that lies whole in a time that is over.
func (c *Client) BackfillGenerator(ctx context.Context, id string, in BackfillInput) (b Backfill, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: generatorPath(id) + "/backfill", body: in, header: idempotent(in.IdempotencyKey), again: true}, &b)
	return b, err
}

// DraftBackfill says which windows BackfillGenerator would make runs for.
func (c *Client) DraftBackfill(ctx context.Context, id string, in BackfillInput) (b Backfill, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: generatorPath(id) + "/backfill", query: dryRun, body: in, again: true}, &b)
	return b, err
}

// UpcomingFirings says when a generator fires next, n times at most, and for which
// windows.
func (c *Client) UpcomingFirings(ctx context.Context, id string, n int) (list []Upcoming, err error) {
	var page outturn.List[Upcoming]
	_, err = c.do(ctx, call{method: http.MethodGet, path: generatorPath(id) + "/upcoming", query: url.Values{"n": {strconv.Itoa(n)}}, again: true}, &page)
	return page.Items, err
}

// GeneratorRuns lists a page of the runs that a generator has made.
func (c *Client) GeneratorRuns(ctx context.Context, id string, in ListInput) (list outturn.List[outturn.Run], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: generatorPath(id) + "/runs", query: in.query(), again: true}, &list)
	return list, err
}

// Firings lists a page of the times that a generator fired, or was to.
func (c *Client) Firings(ctx context.Context, id string, in ListInput) (list outturn.List[outturn.Firing], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: generatorPath(id) + "/firings", query: in.query(), again: true}, &list)
	return list, err
}

// A Format is a file that each run makes.
type Format struct{ outturn.Output }

// UnmarshalJSON reads a name, or all of an Output.
func (f *Format) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &f.Format) == nil {
		return nil
	}
	return json.Unmarshal(text, &f.Output)
}

// MarshalJSON writes the name alone where it is all there is to say.
func (f Format) MarshalJSON() ([]byte, error) {
	if f.Output == (outturn.Output{Format: f.Format}) {
		return json.Marshal(f.Format)
	}
	return json.Marshal(f.Output)
}
