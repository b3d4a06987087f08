package client

import (
	"context"
	"net/http"

	"outturn"
)

// Usage returns what a tenant and all below it have, and how much they may have; ""
// is the client's own.
func (c *Client) Usage(ctx context.Context, tenant string) (a outturn.Allowance, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/usage", query: ListInput{Tenant: tenant}.query(), again: true}, &a)
	return a, err
}
