package api

import (
	"context"
	"net/http"
	"net/url"

	"outturn"
)

func (a *API) registerAudit() {
	handle(a, route{id: "listAudit", method: http.MethodGet, path: "/v1/audit", tags: []string{"Audit"},
		summary: "List who did what, and what was refused",
		about: "It takes an admin or an operator. What concerns the client's tenant and those below it is listed. " +
			"The filter may name: id, at, tenant, subject, via, action, object, outcome, from, request. The order is: at."}, a.listAudit)
}

// GET /v1/audit
func (a *API) listAudit(ctx context.Context, p outturn.Principal, in *ListInput) (*page[outturn.AuditEntry], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.AuditEntries(ctx, p, q)
	if err != nil {
		return nil, listFault(err)
	}
	return pageOf(list, "/v1/audit", *in, url.Values{}, func(e outturn.AuditEntry) outturn.AuditEntry { return e }), nil
}
