package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"outturn"
)

// A ClientInput is a client that is to be made.
type ClientInput struct {
	Name string       `json:"name"` // what it is for
	Role outturn.Role `json:"role"` // no higher than that of who makes it
	// Kind is how it shows who it is; "" is outturn.ClientOAuth2.
	Kind outturn.ClientKind `json:"kind,omitempty"`
	// Email is where to write to whom it acts for; "" is nowhere.
	Email string `json:"email,omitempty"`
	// Tenant is the id of the tenant it belongs to; "" is that of who makes it.
	Tenant string `json:"tenant,omitempty"`
}

type madeClient struct {
	outturn.Client
	Credential outturn.Credential `json:"credential"`
}

// CreateClient gives a program credentials. They are returned this once: where the
// answer is lost, revoke what was made and make another.
func (c *Client) CreateClient(ctx context.Context, in ClientInput) (outturn.Client, outturn.Credential, error) {
	var made madeClient
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/clients", body: in}, &made)
	return made.Client, made.Credential, err
}

// Clients lists a page of the clients of the tenant and of all below it.
func (c *Client) Clients(ctx context.Context, in ListInput) (list outturn.List[outturn.Client], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/clients", query: in.query(), again: true}, &list)
	return list, err
}

// Client returns a client.
func (c *Client) Client(ctx context.Context, id string) (client outturn.Client, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: clientPath(id), again: true}, &client)
	return client, err
}

func clientPath(id string) string { return "/v1/clients/" + url.PathEscape(id) }

// RotateClient gives a client new secrets, which are returned this once. The old ones
// stay good for overlap, in whole seconds, at most 30 days.
func (c *Client) RotateClient(ctx context.Context, id string, overlap time.Duration) (outturn.Client, outturn.Credential, error) {
	var made madeClient
	body := map[string]int64{"overlap": int64(overlap / time.Second)}
	_, err := c.do(ctx, call{method: http.MethodPost, path: clientPath(id) + "/rotate", body: body}, &made)
	return made.Client, made.Credential, err
}

// RevokeClient ends a client: within 10 seconds nothing of it is let in.
func (c *Client) RevokeClient(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: clientPath(id), again: true}, nil)
	return err
}
