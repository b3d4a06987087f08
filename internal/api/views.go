package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"outturn"
)

func (a *API) registerViews() {
	r := func(id, method, path, summary string, status int, errors ...int) route {
		return route{id: id, method: method, path: path, summary: summary, status: status, errors: errors, tags: []string{"Views"}}
	}
	list := r("listViews", http.MethodGet, "/v1/views", "List the views that the tenant has made", 0)
	list.about = "The filter may name: id, tenant, dataset, name, created_by, created_at, updated_at. The order is one of: name, created_at."
	handle(a, list, a.listViews)
	handle(a, r("createView", http.MethodPost, "/v1/views", "Keep a view", http.StatusCreated, 409), a.createView)
	handle(a, r("getView", http.MethodGet, "/v1/views/{id}", "Show a view", 0, 404), a.getView)
	handle(a, r("updateView", http.MethodPatch, "/v1/views/{id}", "Change a view that is still as If-Match says", 0, 404, 409, 412, 428), a.updateView)
	handle(a, r("deleteView", http.MethodDelete, "/v1/views/{id}", "Remove a view that is still as If-Match says", http.StatusNoContent, 404, 412, 428), a.deleteView)
}

type viewAnswer struct {
	ETag     string `header:"ETag" doc:"The version, for If-Match."`
	Location string `header:"Location"`
	Body     outturn.SavedView
}

func answerView(v outturn.SavedView, err error) (*viewAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &viewAnswer{ETag: `"` + strconv.Itoa(v.Version) + `"`, Body: v}, nil
}

// GET /v1/views
func (a *API) listViews(ctx context.Context, p outturn.Principal, in *ListInput) (*page[outturn.SavedView], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.Views(ctx, p, q)
	if err != nil {
		return nil, listFault(err)
	}
	return pageOf(list, "/v1/views", *in, url.Values{}, func(v outturn.SavedView) outturn.SavedView { return v }), nil
}

type createViewInput struct{ Body outturn.View }

// POST /v1/views
func (a *API) createView(ctx context.Context, p outturn.Principal, in *createViewInput) (*viewAnswer, error) {
	answer, err := answerView(a.Service.CreateView(ctx, p, outturn.SavedView{View: in.Body}))
	if err == nil {
		answer.Location = "/v1/views/" + answer.Body.ID
	}
	return answer, err
}

// GET /v1/views/{id}
func (a *API) getView(ctx context.Context, p outturn.Principal, in *IDInput) (*viewAnswer, error) {
	return answerView(a.Service.View(ctx, p, in.ID))
}

// A Versioned request says which version of a thing it is about.
type Versioned struct {
	IDInput
	IfMatch string `header:"If-Match" doc:"The ETag of the version that was read; * is any."`
}

func (a *API) version(ctx context.Context, p outturn.Principal, in Versioned) (int, error) {
	return in.version(func() (int, error) {
		v, err := a.Service.View(ctx, p, in.ID)
		return v.Version, err
	})
}

// version is the one that If-Match names. now is asked for the version there is, where
// any is meant.
func (in Versioned) version(now func() (int, error)) (int, error) {
	switch in.IfMatch {
	case "":
		return 0, newProblem(http.StatusPreconditionRequired, codes[http.StatusPreconditionRequired],
			"Send If-Match with the ETag of the version you have read, so that nobody's change is lost.")
	case "*":
		return now()
	}
	n, err := strconv.Atoi(strings.Trim(in.IfMatch, `"`))
	if err != nil {
		return 0, outturn.Errorf(outturn.CodeVersionChanged, "If-Match %s is no version of this. Read it again.", outturn.Shown(in.IfMatch))
	}
	return n, nil
}

type updateViewInput struct {
	Versioned
	Body struct {
		Name        *string              `json:"name,omitempty"`
		Description *string              `json:"description,omitempty"`
		Dataset     *string              `json:"dataset,omitempty" doc:"Cannot be changed."`
		Columns     []outturn.ViewColumn `json:"columns,omitempty"`
	}
}

// PATCH /v1/views/{id}
func (a *API) updateView(ctx context.Context, p outturn.Principal, in *updateViewInput) (*viewAnswer, error) {
	version, err := a.version(ctx, p, in.Versioned)
	if err != nil {
		return nil, err
	}
	v, err := a.Service.View(ctx, p, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Dataset != nil && *in.Body.Dataset != v.Dataset {
		return nil, outturn.InField("dataset", outturn.Errorf(outturn.CodeInvalid, "A view stays with its data set, which is %s. Make another view.", v.Dataset))
	}
	if in.Body.Name != nil {
		v.Name = *in.Body.Name
	}
	if in.Body.Description != nil {
		v.Description = *in.Body.Description
	}
	if in.Body.Columns != nil {
		v.Columns = in.Body.Columns
	}
	return answerView(a.Service.UpdateView(ctx, p, in.ID, version, v))
}

// DELETE /v1/views/{id}
func (a *API) deleteView(ctx context.Context, p outturn.Principal, in *Versioned) (*struct{}, error) {
	version, err := a.version(ctx, p, *in)
	if err != nil {
		return nil, err
	}
	return nil, a.Service.DeleteView(ctx, p, in.ID, version)
}
