package client

import (
	"context"
	"net/http"
	"net/url"

	"outturn"
)

// Usage returns what a tenant and all below it have, and how much they may have; ""
// is the client's own.
func (c *Client) Usage(ctx context.Context, tenant string) (a outturn.Allowance, err error) {
	path := "/v1/usage"
	if tenant != "" {
		path += "?" + url.Values{"tenant": {tenant}}.Encode()
	}
	_, err = c.do(ctx, call{method: http.MethodGet, path: path, again: true}, &a)
	return a, err
}
