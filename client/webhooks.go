package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"outturn"
)

// A WebhookInput is a webhook that is to be made.
type WebhookInput struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// Events are those of all runs and generators of the tenant; none: only what
	// generators that name the webhook tell.
	Events []string `json:"events,omitempty"`
	Tenant string   `json:"tenant,omitempty"` // "" is the client's own
}

// A WebhookUpdate is what is to change of a webhook; nil stays as it is.
type WebhookUpdate struct {
	Name    *string   `json:"name,omitempty"`
	URL     *string   `json:"url,omitempty"`
	Events  *[]string `json:"events,omitempty"`
	Enabled *bool     `json:"enabled,omitempty"`
}

// A NewWebhook is a webhook with its secret, which is told once.
type NewWebhook struct {
	outturn.Webhook
	Secret string `json:"secret"`
}

func webhookPath(id string) string { return "/v1/webhooks/" + url.PathEscape(id) }

func deliveryPath(id string) string { return "/v1/deliveries/" + url.PathEscape(id) }

// CreateWebhook has a URL told of events.
func (c *Client) CreateWebhook(ctx context.Context, in WebhookInput) (w NewWebhook, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/v1/webhooks", body: in}, &w)
	return w, err
}

// Webhooks lists a page of the webhooks of the client's tenant and of all below it.
func (c *Client) Webhooks(ctx context.Context, in ListInput) (list outturn.List[outturn.Webhook], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/webhooks", query: in.query(), again: true}, &list)
	return list, err
}

// Webhook returns a webhook.
func (c *Client) Webhook(ctx context.Context, id string) (w outturn.Webhook, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: webhookPath(id), again: true}, &w)
	return w, err
}

// UpdateWebhook changes a webhook that is still at a version; 0 is any.
func (c *Client) UpdateWebhook(ctx context.Context, id string, version int, u WebhookUpdate) (w outturn.Webhook, err error) {
	_, err = c.do(ctx, call{method: http.MethodPatch, path: webhookPath(id), body: u, header: atRevision(version)}, &w)
	return w, err
}

// DeleteWebhook takes a webhook away that is still at a version; 0 is any.
func (c *Client) DeleteWebhook(ctx context.Context, id string, version int) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: webhookPath(id), header: atRevision(version)}, nil)
	return err
}

// RotateWebhook gives a webhook a new secret; messages are signed with the old one as well
// for overlap.
func (c *Client) RotateWebhook(ctx context.Context, id string, overlap time.Duration) (w NewWebhook, err error) {
	in := map[string]int64{"overlap": int64(overlap / time.Second)}
	_, err = c.do(ctx, call{method: http.MethodPost, path: webhookPath(id) + "/rotate", body: in}, &w)
	return w, err
}

// TestWebhook sends a webhook a message, once. Delivery tells what came of it.
func (c *Client) TestWebhook(ctx context.Context, id string) (d outturn.Delivery, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: webhookPath(id) + "/test"}, &d)
	return d, err
}

// Deliveries lists a page of the messages of the client's tenant and of all below it.
func (c *Client) Deliveries(ctx context.Context, in ListInput) (list outturn.List[outturn.Delivery], err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: "/v1/deliveries", query: in.query(), again: true}, &list)
	return list, err
}

// Delivery returns a message, with what came of its attempts.
func (c *Client) Delivery(ctx context.Context, id string) (d outturn.Delivery, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, path: deliveryPath(id), again: true}, &d)
	return d, err
}

// ResendDelivery sends a message again now, under the same id.
func (c *Client) ResendDelivery(ctx context.Context, id string) (d outturn.Delivery, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: deliveryPath(id) + "/resend"}, &d)
	return d, err
}
