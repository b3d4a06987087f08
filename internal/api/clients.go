package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"outturn"
)

func (a *API) registerClients() {
	r := func(id, method, path, summary string, status int, errors ...int) route {
		return route{id: id, method: method, path: path, summary: summary, status: status, errors: errors, tags: []string{"Clients"}}
	}
	list := r("listClients", http.MethodGet, "/v1/clients", "List the clients of the tenant and of all below it", 0)
	list.about = "The filter may name: client_id, tenant, name, kind, role, email, created_at, revoked_at, used_at. The order is one of: created_at."
	handle(a, list, a.listClients)
	create := r("createClient", http.MethodPost, "/v1/clients", "Give a program credentials", http.StatusCreated, 404, 409)
	create.about = "The parts of `credential` are those of the client's kind, by the names that its documentation has for them. They are shown once."
	handle(a, create, a.createClient)
	handle(a, r("getClient", http.MethodGet, "/v1/clients/{id}", "Show a client", 0, 404), a.getClient)
	handle(a, r("rotateClient", http.MethodPost, "/v1/clients/{id}/rotate", "Give a client new secrets; the old ones stay good for a while", 0, 404, 409), a.rotateClient)
	handle(a, r("revokeClient", http.MethodDelete, "/v1/clients/{id}", "End a client: within 10 seconds nothing of it is let in", http.StatusNoContent, 404), a.revokeClient)
}

// GET /v1/clients
func (a *API) listClients(ctx context.Context, p outturn.Principal, in *ListInput) (*page[outturn.Client], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.Clients(ctx, p, q)
	if err != nil {
		return nil, listFault(err)
	}
	return pageOf(list, "/v1/clients", *in, url.Values{}, func(c outturn.Client) outturn.Client { return c }), nil
}

type createClientInput struct {
	Body struct {
		Name   string             `json:"name" maxLength:"120" example:"ERP" doc:"What it is for."`
		Role   outturn.Role       `json:"role" enum:"operator,admin,manager,viewer" doc:"No higher than the caller's."`
		Kind   outturn.ClientKind `json:"kind,omitempty" enum:"oauth2,oauth1,apikey,cmp,zuora" doc:"How it shows who it is. Default: oauth2."`
		Email  string             `json:"email,omitempty" maxLength:"254" doc:"Where to write to whom it acts for: one plain address."`
		Tenant string             `json:"tenant,omitempty" doc:"Id of the tenant it belongs to: the caller's own, or one below. Default: its own."`
	}
}

// A clientJSON is a client with its credential, which only who makes it sees.
type clientJSON struct {
	outturn.Client
	Credential outturn.Credential `json:"credential" doc:"What the program shows. The parts are those of its kind."`
}

type clientAnswer struct {
	Location string `header:"Location"`
	Body     clientJSON
}

// POST /v1/clients
func (a *API) createClient(ctx context.Context, p outturn.Principal, in *createClientInput) (*clientAnswer, error) {
	c, shown, err := a.Service.CreateClient(ctx, p, outturn.Client{
		Name: in.Body.Name, Role: in.Body.Role, Kind: in.Body.Kind, Email: in.Body.Email, Tenant: in.Body.Tenant,
	})
	if err != nil {
		return nil, err
	}
	return &clientAnswer{"/v1/clients/" + url.PathEscape(c.ID), clientJSON{c, shown}}, nil
}

// GET /v1/clients/{id}
func (a *API) getClient(ctx context.Context, p outturn.Principal, in *IDInput) (*body[outturn.Client], error) {
	c, err := a.Service.Client(ctx, p, in.ID)
	return &body[outturn.Client]{c}, err
}

// overlap is how long old secrets stay good where nothing is said.
const overlap = 24 * time.Hour

type rotateClientInput struct {
	IDInput
	Body *struct {
		Overlap *int64 `json:"overlap,omitempty" minimum:"0" maximum:"2592000" doc:"For how many seconds the old secrets stay good, up to 30 days. Default: a day."`
	} `required:"false"`
}

// POST /v1/clients/{id}/rotate
func (a *API) rotateClient(ctx context.Context, p outturn.Principal, in *rotateClientInput) (*body[clientJSON], error) {
	stay := overlap
	if in.Body != nil && in.Body.Overlap != nil {
		stay = time.Duration(*in.Body.Overlap) * time.Second
	}
	c, shown, err := a.Service.RotateClient(ctx, p, in.ID, stay)
	return &body[clientJSON]{clientJSON{c, shown}}, err
}

// DELETE /v1/clients/{id}
func (a *API) revokeClient(ctx context.Context, p outturn.Principal, in *IDInput) (*struct{}, error) {
	_, err := a.Service.RevokeClient(ctx, p, in.ID)
	return nil, err
}
