package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

func (a *API) registerWebhooks() {
	r := func(id, method, path, summary string, status int, errors ...int) route {
		return route{id: id, method: method, path: path, summary: summary, status: status, errors: errors, tags: []string{"Webhooks"}}
	}
	list := r("listWebhooks", http.MethodGet, "/v1/webhooks", "List the webhooks of the tenant and of all below it", 0)
	list.about = "The filter may name: id, tenant, name, url, created_by, created_at, updated_at. The order is one of: created_at."
	handle(a, list, a.listWebhooks)
	create := r("createWebhook", http.MethodPost, "/v1/webhooks", "Have a URL told of events", http.StatusCreated, 404, 409)
	create.about = "Messages are signed as Standard Webhooks (https://www.standardwebhooks.com) says, with `secret`, which is shown once. " +
		"`events` are those of all runs and generators of the tenant; without any, only generators that name the webhook tell it."
	handle(a, create, a.createWebhook)
	handle(a, r("getWebhook", http.MethodGet, "/v1/webhooks/{id}", "Show a webhook", 0, 404), a.getWebhook)
	update := r("updateWebhook", http.MethodPatch, "/v1/webhooks/{id}", "Change a webhook that is still as If-Match says", 0, 404, 409, 412, 428)
	update.about = "What is left out stays. `enabled: true` lets one hear again that was disabled, also for answering 410 or for not answering for three days."
	handle(a, update, a.updateWebhook)
	handle(a, r("deleteWebhook", http.MethodDelete, "/v1/webhooks/{id}", "Remove a webhook that is still as If-Match says", http.StatusNoContent, 404, 412, 428), a.deleteWebhook)
	handle(a, r("rotateWebhook", http.MethodPost, "/v1/webhooks/{id}/rotate", "Give a webhook a new secret; the old one signs as well for a while", 0, 404), a.rotateWebhook)
	test := r("testWebhook", http.MethodPost, "/v1/webhooks/{id}/test", "Send a webhook a message to see whether it arrives", http.StatusAccepted, 404)
	test.about = "It is sent once. The answer is the delivery, at Location: what came of it stands there a moment later."
	handle(a, test, a.testWebhook)
	paths := a.huma.OpenAPI().Paths
	showExample(paths["/v1/webhooks"].Post, `{"name": "ERP", "url": "https://erp.example.com/outturn", "events": ["run.succeeded", "run.failed"]}`)
	showExample(paths["/v1/webhooks/{id}"].Patch, `{"enabled": true}`)
}

// A webhookJSON is a webhook with its secret, which only who makes it sees.
type webhookJSON struct {
	outturn.Webhook
	Secret string `json:"secret" doc:"What messages are signed with. It is shown once."`
}

type webhookAnswer struct {
	ETag string `header:"ETag" doc:"The version, for If-Match."`
	Body outturn.Webhook
}

func answerWebhook(w outturn.Webhook, err error) (*webhookAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &webhookAnswer{ETag: etagOf(w), Body: w}, nil
}

func etagOf(w outturn.Webhook) string { return strconv.Quote(strconv.Itoa(w.Version)) }

type webhookSecretAnswer struct {
	ETag     string `header:"ETag" doc:"The version, for If-Match."`
	Location string `header:"Location"`
	Body     webhookJSON
}

// GET /v1/webhooks
func (a *API) listWebhooks(ctx context.Context, p outturn.Principal, in *ListInput) (*page[outturn.Webhook], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.Webhooks(ctx, p, q)
	if err != nil {
		return nil, listFault(err)
	}
	return pageOf(list, "/v1/webhooks", *in, url.Values{}, func(w outturn.Webhook) outturn.Webhook { return w }), nil
}

type createWebhookInput struct {
	Body struct {
		Name   string   `json:"name" example:"ERP"`
		URL    string   `json:"url" example:"https://erp.example.com/outturn" doc:"An https URL on the public internet, or in a network that the operator allows."`
		Events []string `json:"events,omitempty" doc:"run.succeeded, run.failed, run.cancelled, generator.paused."`
		Tenant string   `json:"tenant,omitempty" doc:"Id of the tenant it belongs to: the caller's own, or one below. Default: its own."`
	}
}

// POST /v1/webhooks
func (a *API) createWebhook(ctx context.Context, p outturn.Principal, in *createWebhookInput) (*webhookSecretAnswer, error) {
	w, shown, err := a.Service.CreateWebhook(ctx, p, outturn.Webhook{
		Name: in.Body.Name, URL: in.Body.URL, Events: in.Body.Events, Tenant: in.Body.Tenant, Enabled: true,
	})
	if err != nil {
		return nil, err
	}
	return &webhookSecretAnswer{etagOf(w), "/v1/webhooks/" + w.ID, webhookJSON{w, shown.Reveal()}}, nil
}

// GET /v1/webhooks/{id}
func (a *API) getWebhook(ctx context.Context, p outturn.Principal, in *IDInput) (*webhookAnswer, error) {
	return answerWebhook(a.Service.Webhook(ctx, p, in.ID))
}

// versionOf reads If-Match; 0 is any.
func versionOf(in Versioned) (int, error) {
	switch in.IfMatch {
	case "":
		return 0, newProblem(http.StatusPreconditionRequired, codes[http.StatusPreconditionRequired],
			"Send If-Match with the ETag of the version you have read, so that nobody's change is lost.")
	case "*":
		return 0, nil
	}
	n, err := strconv.Atoi(strings.Trim(in.IfMatch, `"`))
	if err != nil || n <= 0 {
		return 0, outturn.Errorf(outturn.CodeVersionChanged, "If-Match %s is no version of this. Read it again.", outturn.Shown(in.IfMatch))
	}
	return n, nil
}

type updateWebhookInput struct {
	Versioned
	Body struct {
		Name    *string   `json:"name,omitempty"`
		URL     *string   `json:"url,omitempty"`
		Events  *[]string `json:"events,omitempty" doc:"All of them."`
		Enabled *bool     `json:"enabled,omitempty"`
	}
}

// PATCH /v1/webhooks/{id}
func (a *API) updateWebhook(ctx context.Context, p outturn.Principal, in *updateWebhookInput) (*webhookAnswer, error) {
	version, err := versionOf(in.Versioned)
	if err != nil {
		return nil, err
	}
	return answerWebhook(a.Service.UpdateWebhook(ctx, p, in.ID, version, reporting.WebhookUpdate(in.Body)))
}

// DELETE /v1/webhooks/{id}
func (a *API) deleteWebhook(ctx context.Context, p outturn.Principal, in *Versioned) (*struct{}, error) {
	version, err := versionOf(*in)
	if err != nil {
		return nil, err
	}
	return nil, a.Service.DeleteWebhook(ctx, p, in.ID, version)
}

type rotateWebhookInput struct {
	IDInput
	Body *struct {
		Overlap *int64 `json:"overlap,omitempty" minimum:"0" maximum:"2592000" doc:"For how many seconds messages are signed with the old secret too, up to 30 days. Default: a day."`
	} `required:"false"`
}

// POST /v1/webhooks/{id}/rotate
func (a *API) rotateWebhook(ctx context.Context, p outturn.Principal, in *rotateWebhookInput) (*webhookSecretAnswer, error) {
	stay := overlap
	if in.Body != nil && in.Body.Overlap != nil {
		stay = time.Duration(*in.Body.Overlap) * time.Second
	}
	w, shown, err := a.Service.RotateWebhook(ctx, p, in.ID, stay)
	if err != nil {
		return nil, err
	}
	return &webhookSecretAnswer{ETag: etagOf(w), Body: webhookJSON{w, shown.Reveal()}}, nil
}

// POST /v1/webhooks/{id}/test
func (a *API) testWebhook(ctx context.Context, p outturn.Principal, in *IDInput) (*deliveryAnswer, error) {
	return answerDelivery(a.Service.TestWebhook(ctx, p, in.ID))
}
