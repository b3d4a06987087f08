package client

import (
	"context"
	"net/http"

	"outturn"
)

// Audit lists a page of who did what to the client's tenant and to those below it, the
// newest first. It takes an admin or an operator. Order may be "at" or "at desc";
// Tenant does not matter, the filter can name one.
func (c *Client) Audit(ctx context.Context, in ListInput) (list outturn.List[outturn.AuditEntry], err error) {
	q := in.query()
	q.Del("tenant")
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/audit", query: q, again: true}, &list)
	return list, err
}
