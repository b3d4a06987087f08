package api

import (
	"context"
	"net/http"
	"net/url"

	"outturn"
	"outturn/internal/reporting"
)

func (a *API) registerTenants() {
	r := func(id, method, path, summary string, status int, errors ...int) route {
		return route{id: id, method: method, path: path, summary: summary, status: status, errors: errors, tags: []string{"Tenants"}}
	}
	list := r("listTenants", http.MethodGet, "/v1/tenants", "List the tenant and all below it", 0)
	list.about = "The filter may name: id, parent, kind, name, external_id, state, held_by, created_at, suspended_at, deleted_at. " +
		"The order is one of: name, created_at. Deleted tenants are listed only where the filter speaks of state: `state eq deleted`."
	handle(a, list, a.listTenants)
	handle(a, r("createTenant", http.MethodPost, "/v1/tenants", "Make a tenant", http.StatusCreated, 404, 409), a.createTenant)
	handle(a, r("getTenant", http.MethodGet, "/v1/tenants/{id}", "Show a tenant", 0, 404), a.getTenant)
	update := r("updateTenant", http.MethodPatch, "/v1/tenants/{id}", "Change a tenant", 0, 404, 409)
	update.about = "What is left out stays. `limits` is replaced as a whole, and only by those above: a limit that it leaves out is none. What a tenant above the client's has set goes no higher."
	handle(a, update, a.updateTenant)
	remove := r("deleteTenant", http.MethodDelete, "/v1/tenants/{id}", "Delete a tenant that has no open runs and no tenants below it", http.StatusNoContent, 404, 409)
	remove.about = "It is in no list from then on, and can be restored during its grace period; then its files, links, views and clients go for good. Its runs and its audit stay."
	handle(a, remove, a.deleteTenant)
	handle(a, r("moveTenant", http.MethodPost, "/v1/tenants/{id}/move", "Put a tenant, with all below it, under another", 0, 404, 409), a.moveTenant)
	suspend := r("suspendTenant", http.MethodPost, "/v1/tenants/{id}/suspend", "Suspend a tenant and all below it", 0, 404, 409)
	suspend.about = "Nobody of it is let in and none of its runs start, until somebody above resumes it. Nothing of it is lost."
	handle(a, suspend, a.suspendTenant)
	handle(a, r("resumeTenant", http.MethodPost, "/v1/tenants/{id}/resume", "End the suspension of a tenant", 0, 404, 409), a.resumeTenant)
	handle(a, r("restoreTenant", http.MethodPost, "/v1/tenants/{id}/restore", "Bring a deleted tenant back", 0, 404, 409, 410), a.restoreTenant)
}

type tenantAnswer struct {
	Location string `header:"Location"`
	Body     outturn.Tenant
}

func answerTenant(p outturn.Principal, t outturn.Tenant, err error) (*tenantAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &tenantAnswer{Body: shown(p, t)}, nil
}

// shown is a tenant as p may know it: not what is above p.
func shown(p outturn.Principal, t outturn.Tenant) outturn.Tenant {
	if t.ID == p.Tenant {
		t.Parent = ""
	}
	return t
}

// GET /v1/tenants
func (a *API) listTenants(ctx context.Context, p outturn.Principal, in *ListInput) (*page[outturn.Tenant], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.Tenants(ctx, p, q)
	if err != nil {
		return nil, listFault(err)
	}
	return pageOf(list, "/v1/tenants", *in, url.Values{}, func(t outturn.Tenant) outturn.Tenant { return shown(p, t) }), nil
}

type limitsJSON struct {
	Running    *int64 `json:"running,omitempty" doc:"Runs at work at once; more wait."`
	Queued     *int64 `json:"queued,omitempty" doc:"Runs that wait; more are refused."`
	Generators *int64 `json:"generators,omitempty" doc:"More are refused."`
	Bytes      *int64 `json:"bytes,omitempty" doc:"Of files that are kept; more are refused."`
	Rows       *int64 `json:"rows,omitempty" doc:"Of one run; one with more fails."`
	Requests   *int64 `json:"requests_per_minute,omitempty" doc:"More are refused until there is room again."`
	Firings    *int64 `json:"firings_per_day,omitempty" doc:"Of one schedule: one whose firings are nearer to each other than a day divided by it is refused."`
}

type createTenantInput struct {
	Body struct {
		Parent     string      `json:"parent,omitempty" doc:"The tenant that it is below. Default: the client's own."`
		Kind       string      `json:"kind" doc:"reseller or customer."`
		Name       string      `json:"name"`
		ExternalID string      `json:"external_id,omitempty" doc:"Its account in the source, below that of the parent: whose rows it sees, with all below."`
		Zone       string      `json:"zone,omitempty" doc:"IANA time zone in which its days begin. Default: the server's --zone, UTC unless it says otherwise."`
		Currency   string      `json:"currency,omitempty" doc:"ISO 4217."`
		ReportType string      `json:"report_type,omitempty" doc:"RESELLER or PROVIDER: what its runs have that do not say. Without it each run is what the account is then: PROVIDER where it has resellers right below it, else RESELLER."`
		Limits     *limitsJSON `json:"limits,omitempty" doc:"What it and all below it may have together."`
	}
}

// POST /v1/tenants
func (a *API) createTenant(ctx context.Context, p outturn.Principal, in *createTenantInput) (*tenantAnswer, error) {
	b := in.Body
	t := outturn.Tenant{
		Parent: b.Parent, Kind: outturn.TenantKind(b.Kind), Name: b.Name, ExternalID: b.ExternalID,
		Zone: b.Zone, Currency: b.Currency, ReportType: b.ReportType,
	}
	if b.Limits != nil {
		t.Limits = outturn.Limits(*b.Limits)
	}
	t, err := a.Service.CreateTenant(ctx, p, t)
	answer, err := answerTenant(p, t, err)
	if err == nil {
		answer.Location = "/v1/tenants/" + t.ID
	}
	return answer, err
}

// GET /v1/tenants/{id}
func (a *API) getTenant(ctx context.Context, p outturn.Principal, in *IDInput) (*tenantAnswer, error) {
	t, err := a.Service.Tenant(ctx, p, in.ID)
	return answerTenant(p, t, err)
}

type updateTenantInput struct {
	IDInput
	Body struct {
		Name       *string     `json:"name,omitempty"`
		ExternalID *string     `json:"external_id,omitempty" doc:"Its account in the source, below that of the parent; set by those above."`
		Zone       *string     `json:"zone,omitempty" doc:"IANA time zone in which its days begin."`
		Currency   *string     `json:"currency,omitempty" doc:"ISO 4217."`
		ReportType *string     `json:"report_type,omitempty" doc:"RESELLER or PROVIDER: what its runs have that do not say. Without it each run is what the account is then: PROVIDER where it has resellers right below it, else RESELLER."`
		Limits     *limitsJSON `json:"limits,omitempty" doc:"All of them; set by those above."`
	}
}

// PATCH /v1/tenants/{id}
func (a *API) updateTenant(ctx context.Context, p outturn.Principal, in *updateTenantInput) (*tenantAnswer, error) {
	b := in.Body
	u := reporting.TenantUpdate{Name: b.Name, ExternalID: b.ExternalID, Zone: b.Zone, Currency: b.Currency, ReportType: b.ReportType}
	if b.Limits != nil {
		u.Limits = outturn.Limits(*b.Limits).ByKind()
	}
	t, err := a.Service.UpdateTenant(ctx, p, in.ID, u)
	return answerTenant(p, t, err)
}

// DELETE /v1/tenants/{id}
func (a *API) deleteTenant(ctx context.Context, p outturn.Principal, in *IDInput) (*struct{}, error) {
	return nil, a.Service.DeleteTenant(ctx, p, in.ID)
}

type moveTenantInput struct {
	IDInput
	Body struct {
		Parent string `json:"parent" doc:"Its new parent, which is not itself, not below it, and no customer."`
	}
}

// POST /v1/tenants/{id}/move
func (a *API) moveTenant(ctx context.Context, p outturn.Principal, in *moveTenantInput) (*tenantAnswer, error) {
	t, err := a.Service.MoveTenant(ctx, p, in.ID, in.Body.Parent)
	return answerTenant(p, t, err)
}

// POST /v1/tenants/{id}/suspend
func (a *API) suspendTenant(ctx context.Context, p outturn.Principal, in *IDInput) (*tenantAnswer, error) {
	t, err := a.Service.SuspendTenant(ctx, p, in.ID)
	return answerTenant(p, t, err)
}

// POST /v1/tenants/{id}/resume
func (a *API) resumeTenant(ctx context.Context, p outturn.Principal, in *IDInput) (*tenantAnswer, error) {
	t, err := a.Service.ResumeTenant(ctx, p, in.ID)
	return answerTenant(p, t, err)
}

// POST /v1/tenants/{id}/restore
func (a *API) restoreTenant(ctx context.Context, p outturn.Principal, in *IDInput) (*tenantAnswer, error) {
	t, err := a.Service.RestoreTenant(ctx, p, in.ID)
	return answerTenant(p, t, err)
}
