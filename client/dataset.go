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

// Datasets lists what can be asked for.
func (c *Client) Datasets(ctx context.Context) ([]outturn.Dataset, error) {
	var list outturn.List[outturn.Dataset]
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/datasets", again: true}, &list)
	return list.Items, err
}

// A Dataset is a data set with all that one needs to ask for it.
type Dataset struct {
	outturn.Dataset
	Views     []string   `json:"views"`
	Freshness *Freshness `json:"freshness,omitempty"`
}

// Freshness says of when the data are.
type Freshness struct {
	Snapshot outturn.ManifestSnapshot `json:"snapshot"`          // when it was looked at
	Changed  *time.Time               `json:"changed,omitempty"` // the newest change; absent where the data set does not tell
}

// Dataset returns the dictionary of a data set.
func (c *Client) Dataset(ctx context.Context, name string) (d Dataset, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/datasets/" + url.PathEscape(name), again: true}, &d)
	return d, err
}

// A Preview is the first rows of what a run would have, and what all its rows come
// to.
type Preview struct {
	Columns  []PreviewColumn              `json:"columns"`
	Rows     []json.RawMessage            `json:"rows"` // objects, as in the JSON format
	RowCount int64                        `json:"row_count"`
	Totals   map[string]map[string]string `json:"totals,omitempty"`
	Snapshot outturn.ManifestSnapshot     `json:"snapshot"`
	Zone     string                       `json:"zone"`
}

// A PreviewColumn is a column of a Preview.
type PreviewColumn struct {
	Name   string       `json:"name"`
	Header string       `json:"header,omitempty"`
	Type   outturn.Type `json:"type"`
	Scale  int          `json:"scale,omitempty"`
}

// Preview shows what a run would have. Formats and the name of in do not matter.
func (c *Client) Preview(ctx context.Context, in RunInput) (p Preview, err error) {
	dataset := in.Dataset
	in.Dataset, in.Formats, in.Name = "", nil, ""
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/v1/datasets/" + url.PathEscape(dataset) + "/preview", body: in, again: true}, &p)
	return p, err
}

// CreateView keeps a view of the client's tenant.
func (c *Client) CreateView(ctx context.Context, v outturn.View) (saved outturn.SavedView, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/v1/views", body: v}, &saved)
	return saved, err
}

// View returns a view that was kept.
func (c *Client) View(ctx context.Context, id string) (saved outturn.SavedView, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: viewPath(id), again: true}, &saved)
	return saved, err
}

func viewPath(id string) string { return "/v1/views/" + url.PathEscape(id) }

// Views lists a page of views.
func (c *Client) Views(ctx context.Context, in ListInput) (list outturn.List[outturn.SavedView], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/views", query: in.query(), again: true}, &list)
	return list, err
}

// UpdateView changes a view that is still as saved has it: else the error is
// CodeVersionChanged. It is asked for once: where the answer is lost, read the view to
// see what became of it.
func (c *Client) UpdateView(ctx context.Context, saved outturn.SavedView) (outturn.SavedView, error) {
	_, err := c.do(ctx, call{method: http.MethodPatch, path: viewPath(saved.ID), body: saved.View, header: ifMatch(saved)}, &saved)
	return saved, err
}

// DeleteView removes a view that is still as saved has it.
func (c *Client) DeleteView(ctx context.Context, saved outturn.SavedView) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: viewPath(saved.ID), header: ifMatch(saved)}, nil)
	return err
}

func ifMatch(v outturn.SavedView) http.Header {
	return http.Header{"If-Match": {`"` + strconv.Itoa(v.Version) + `"`}}
}
