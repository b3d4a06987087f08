package aps

import (
	"context"
	"encoding/json"
	"strconv"

	"outturn"
	"outturn/internal/reporting"
)

func (d *Dialect) tenantKinds() []*kind {
	byAccount := map[string]field{
		"aps.id": plain("id"), "aps.status": always(statusReady),
		"account.id": plain("external_id"), "account.aps.id": accountID("id"),
	}
	its := func(_ context.Context, _ *call, r *resource) (string, error) { return tenantFrom(r).ID, nil }
	return []*kind{
		{
			name: "RDETenant", types: []typeID{tenantType}, implements: []typeID{unlimitedType, resourceType}, collection: "rde-tenants",
			fields: byAccount, list: listTenants, get: getTenant, update: updateTenant,
			relations: []relation{
				{name: "account", to: "Account", end: func(_ context.Context, _ *call, r *resource) (string, error) {
					return toAccountID(tenantFrom(r).ID), nil
				}},
				{name: "reportTemplates", to: "RDEReportTemplate", scope: ofTenant, create: createFor},
				{name: "reportFiles", to: "RDEReportFile", scope: ofTenant},
			},
		},
		{
			name: "Account", types: []typeID{accountType}, implements: []typeID{resourceType}, alone: true,
			fields: map[string]field{"aps.id": accountID("id"), "aps.status": always(statusReady), "id": plain("external_id"), "companyName": plain("name")},
			orders: map[string]string{"companyName": "name"},
			list:   listAccounts, get: getAccount,
			relations: []relation{{name: "tenant", to: "RDETenant", end: its}},
		},
	}
}

func tenantFrom(r *resource) *outturn.Tenant { return r.of.(*outturn.Tenant) }

func ofTenant(r *resource) (*outturn.Expr, string) { return nil, tenantFrom(r).ID }

// The account of a tenant has the tenant's id but for the digit that tells which version
// of UUID it is: 8 is for whatever anybody likes (RFC 9562).
func toAccountID(tenant string) string { return tenant[:14] + "8" + tenant[15:] }

// accountID is a field that holds such an id.
func accountID(name string) field {
	return func(op outturn.Op, values []string) (*outturn.Expr, error) {
		if op == outturn.OpLike {
			return nil, outturn.Errorf(outturn.CodeInvalid, "An id is asked for as a whole: eq, ne, in and out are for it.")
		}
		ids := make([]string, len(values))
		for i, v := range values {
			if ids[i] = v; isUUID(v) && version(v) == '8' {
				ids[i] = v[:14] + "7" + v[15:]
			}
		}
		return plain(name)(op, ids)
	}
}

// toTenant is a tenant as its clients see it. The ledger counts no revisions of tenants:
// there is one.
func (d *Dialect) toTenant(t outturn.Tenant, as typeID) *resource {
	shown := tenantType
	if as.path == tenantType.path && as.major == tenantType.major && as.minor < tenantType.minor {
		shown = as
	}
	// 2.0 declares no report type, and the published example that reads it asks for 2.0.
	wire := tenantWire{APS: d.envelope(t.ID, shown, statusReady, 1, t.CreatedAt), ReportType: t.ReportType}
	return &resource{kind: d.kind("RDETenant"), id: t.ID, wire: wire, of: &t}
}

func (d *Dialect) toAccount(t outturn.Tenant) *resource {
	id := toAccountID(t.ID)
	wire := accountWire{APS: d.envelope(id, accountType, statusReady, 1, t.CreatedAt), Name: t.Name}
	if n, err := strconv.ParseInt(t.ExternalID, 10, 64); err == nil && strconv.FormatInt(n, 10) == t.ExternalID {
		wire.ID = json.RawMessage(t.ExternalID)
	} else if t.ExternalID != "" {
		wire.ID, _ = json.Marshal(t.ExternalID) // of a text
	}
	return &resource{kind: d.kind("Account"), id: id, wire: wire, of: &t}
}

func listTenants(ctx context.Context, c *call, q listing) (found, error) {
	page, err := c.Gate.Service.Tenants(ctx, c.p, q.ListQuery)
	f := found{total: page.Total}
	for _, t := range page.Items {
		if len(page.Items) <= mostDerived {
			t = c.typed(ctx, t)
		}
		f.list = append(f.list, c.toTenant(t, q.as))
	}
	return f, err
}

// mostDerived is how many tenants of one answer have the report type that their account
// makes theirs: each is a question to the source. Longer lists leave it out where nobody
// has said one, and so do the links that select expands, from there on.
const mostDerived = 20

// typed is a tenant with the report type that its reports have, where the source tells.
func (c *call) typed(ctx context.Context, t outturn.Tenant) outturn.Tenant {
	if t.ReportType != "" {
		return t
	}
	derived, asked := c.derived[t.ID]
	if !asked && len(c.derived) < mostDerived {
		derived, _ = c.Gate.Service.ReportType(ctx, c.p, t.ID) // a source that is away keeps nobody from the rest
		if c.derived == nil {
			c.derived = map[string]string{}
		}
		c.derived[t.ID] = derived
	}
	t.ReportType = derived
	return t
}

func listAccounts(ctx context.Context, c *call, q listing) (found, error) {
	page, err := c.Gate.Service.Tenants(ctx, c.p, q.ListQuery)
	f := found{total: page.Total}
	for _, t := range page.Items {
		f.list = append(f.list, c.toAccount(t))
	}
	return f, err
}

func getTenant(ctx context.Context, c *call, id string) (*resource, error) {
	if version(id) != '7' {
		return nil, notFound(id)
	}
	t, err := c.Gate.Service.Tenant(ctx, c.p, id)
	if err != nil {
		return nil, err
	}
	return c.toTenant(c.typed(ctx, t), typeID{}), nil
}

func getAccount(ctx context.Context, c *call, id string) (*resource, error) {
	if version(id) != '8' {
		return nil, notFound(id)
	}
	t, err := c.Gate.Service.Tenant(ctx, c.p, id[:14]+"7"+id[15:])
	if err != nil {
		return nil, err
	}
	return c.toAccount(t), nil
}

// updateTenant changes the report type (section 1.3); all else of a tenant is as the
// operator has it.
func updateTenant(ctx context.Context, c *call, r *resource, in members) (*resource, error) {
	var reportType string
	if !in.read("reportType", "RESELLER or PROVIDER", &reportType) {
		return r, in.err()
	}
	if _, err := outturn.ParseReportType(reportType); err != nil {
		return nil, invalid("reportType", "reportType is RESELLER or PROVIDER.")
	}
	t, err := c.Gate.Service.UpdateTenant(ctx, c.p, r.id, reporting.TenantUpdate{ReportType: &reportType})
	if err != nil {
		return nil, err
	}
	return c.toTenant(c.typed(ctx, t), typeID{}), nil
}

// createFor makes a report template of a tenant.
func createFor(ctx context.Context, c *call, r *resource, in members) (*resource, error) {
	t := templateType
	if asked := in.envelope().Type; asked != "" {
		var ok bool
		if t, ok = parseType(asked); !ok || t.path != templateType.path || t.major != templateType.major {
			return nil, invalid("aps.type", "%s is no type of report templates.", outturn.Shown(asked))
		}
	}
	in.raw["tenant"], _ = json.Marshal(map[string]any{"aps": map[string]string{"id": r.id}}) // of texts
	return createTemplate(ctx, c, t, in)
}
