package client

import (
	"context"
	"net/http"
	"net/url"

	"outturn"
)

// A TenantInput is a tenant that is to be made.
type TenantInput struct {
	Parent     string             `json:"parent,omitempty"` // "" is the client's own tenant
	Kind       outturn.TenantKind `json:"kind"`
	Name       string             `json:"name"`
	ExternalID string             `json:"external_id,omitempty"` // its account in the source
	Zone       string             `json:"zone,omitempty"`        // IANA name; "" is UTC
	Currency   string             `json:"currency,omitempty"`
	ReportType string             `json:"report_type,omitempty"`
	Limits     *outturn.Limits    `json:"limits,omitempty"`
}

// A TenantUpdate is what is to change of a tenant; nil stays as it is.
type TenantUpdate struct {
	Name       *string `json:"name,omitempty"`
	ExternalID *string `json:"external_id,omitempty"`
	Zone       *string `json:"zone,omitempty"`
	Currency   *string `json:"currency,omitempty"`
	ReportType *string `json:"report_type,omitempty"`
	// Limits are all limits: one that is nil is none.
	Limits *outturn.Limits `json:"limits,omitempty"`
}

// Tenants lists a page of the client's tenant and all below it. Deleted ones are there
// only where the filter speaks of state.
func (c *Client) Tenants(ctx context.Context, in ListInput) (list outturn.List[outturn.Tenant], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/tenants", query: in.query(), again: true}, &list)
	return list, err
}

// CreateTenant makes a tenant. It is asked for once: where the answer is lost, list the
// tenants to see what became of it.
func (c *Client) CreateTenant(ctx context.Context, in TenantInput) (t outturn.Tenant, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/v1/tenants", body: in}, &t)
	return t, err
}

// Tenant returns the client's tenant or one below it.
func (c *Client) Tenant(ctx context.Context, id string) (t outturn.Tenant, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: tenantPath(id), again: true}, &t)
	return t, err
}

// UpdateTenant changes a tenant.
func (c *Client) UpdateTenant(ctx context.Context, id string, u TenantUpdate) (t outturn.Tenant, err error) {
	_, err = c.do(ctx, call{method: http.MethodPatch, path: tenantPath(id), body: u, again: true}, &t)
	return t, err
}

// MoveTenant puts a tenant, with all below it, under another.
func (c *Client) MoveTenant(ctx context.Context, id, parent string) (t outturn.Tenant, err error) {
	body := map[string]string{"parent": parent}
	_, err = c.do(ctx, call{method: http.MethodPost, path: tenantPath(id) + "/move", body: body, again: true}, &t)
	return t, err
}

// SuspendTenant keeps a tenant and all below it from being let in, and their runs from
// starting.
func (c *Client) SuspendTenant(ctx context.Context, id string) (t outturn.Tenant, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: tenantPath(id) + "/suspend", again: true}, &t)
	return t, err
}

// ResumeTenant ends the suspension of a tenant.
func (c *Client) ResumeTenant(ctx context.Context, id string) (t outturn.Tenant, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: tenantPath(id) + "/resume", again: true}, &t)
	return t, err
}

// DeleteTenant deletes a tenant that has no open runs and no tenants below it. It can
// be restored during its grace period.
func (c *Client) DeleteTenant(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: tenantPath(id)}, nil)
	return err
}

// RestoreTenant brings a deleted tenant back.
func (c *Client) RestoreTenant(ctx context.Context, id string) (t outturn.Tenant, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: tenantPath(id) + "/restore"}, &t)
	return t, err
}

func tenantPath(id string) string { return "/v1/tenants/" + url.PathEscape(id) }
