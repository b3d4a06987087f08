package api

import (
	"context"
	"encoding/json"
	"net/http"

	"outturn"
	"outturn/internal/reporting"
)

func (a *API) registerDatasets() {
	tags := []string{"Data sets"}
	handle(a, route{id: "listDatasets", method: http.MethodGet, path: "/v1/datasets", summary: "List the data sets", tags: tags}, a.listDatasets)
	handle(a, route{id: "getDataset", method: http.MethodGet, path: "/v1/datasets/{name}", summary: "The dictionary of a data set, its views, and how fresh it is",
		tags: tags, errors: []int{404}}, a.getDataset)
	handle(a, route{id: "previewDataset", method: http.MethodPost, path: "/v1/datasets/{name}/preview", summary: "The first 50 rows of a run, and the totals of all",
		tags: tags, errors: []int{404}}, a.previewDataset)
}

// GET /v1/datasets
func (a *API) listDatasets(ctx context.Context, p outturn.Principal, _ *struct{}) (*page[outturn.Dataset], error) {
	list, err := a.Service.Datasets(ctx, p)
	if err != nil {
		return nil, err
	}
	answer := &page[outturn.Dataset]{}
	answer.Body.Items = list
	return answer, nil
}

type DatasetInput struct {
	Name string `path:"name" maxLength:"63"`
}

// GET /v1/datasets/{name}
func (a *API) getDataset(ctx context.Context, p outturn.Principal, in *DatasetInput) (*body[reporting.DatasetDetail], error) {
	d, err := a.Service.Dataset(ctx, p, in.Name)
	return &body[reporting.DatasetDetail]{d}, err
}

type previewInput struct {
	DatasetInput
	Body Selection
}

type previewJSON struct {
	Columns  []previewColumn              `json:"columns"`
	Rows     []json.RawMessage            `json:"rows" doc:"At most 50, as objects, with values as the JSON format has them."`
	RowCount int64                        `json:"row_count" doc:"Of all the run would have."`
	Totals   map[string]map[string]string `json:"totals,omitempty" doc:"Sums over all rows: by column, then by currency."`
	Snapshot outturn.ManifestSnapshot     `json:"snapshot"`
	Zone     string                       `json:"zone"`
}

type previewColumn struct {
	Name   string       `json:"name"`
	Header string       `json:"header,omitempty"`
	Type   outturn.Type `json:"type"`
	Scale  int          `json:"scale,omitempty"`
}

// POST /v1/datasets/{name}/preview
func (a *API) previewDataset(ctx context.Context, p outturn.Principal, in *previewInput) (*body[previewJSON], error) {
	input := in.Body.input()
	input.Request.Dataset = in.Name
	v, err := a.Service.Preview(ctx, p, input)
	if err != nil {
		return nil, err
	}
	answer := previewJSON{Rows: append([]json.RawMessage{}, v.Rows...), RowCount: v.RowCount, Totals: v.Totals, Snapshot: v.Snapshot, Zone: v.Zone}
	for _, c := range v.Columns {
		answer.Columns = append(answer.Columns, previewColumn(c))
	}
	return &body[previewJSON]{answer}, nil
}
