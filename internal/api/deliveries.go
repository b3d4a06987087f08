package api

import (
	"context"
	"net/http"
	"net/url"

	"outturn"
)

func (a *API) registerDeliveries() {
	r := func(id, method, path, summary string, status int, errors ...int) route {
		return route{id: id, method: method, path: path, summary: summary, status: status, errors: errors, tags: []string{"Deliveries"}}
	}
	list := r("listDeliveries", http.MethodGet, "/v1/deliveries", "List the messages to addresses and webhooks", 0)
	list.about = "The filter may name: id, tenant, event, kind, target, run, generator, webhook, state, created_at, ended_at. The order is one of: created_at."
	handle(a, list, a.listDeliveries)
	get := r("getDelivery", http.MethodGet, "/v1/deliveries/{id}", "Show a message and what came of its attempts", 0, 404)
	get.about = "The class of an attempt says what went wrong: refused_address, dns, connect, tls, timeout, status, protocol, disabled, no_mail_server, worker_lost, internal."
	handle(a, get, a.getDelivery)
	resend := r("resendDelivery", http.MethodPost, "/v1/deliveries/{id}/resend", "Send a message again now, under the same id", http.StatusAccepted, 404, 409)
	handle(a, resend, a.resendDelivery)
}

type deliveryAnswer struct {
	Location string `header:"Location"`
	Body     outturn.Delivery
}

func answerDelivery(d outturn.Delivery, err error) (*deliveryAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &deliveryAnswer{"/v1/deliveries/" + d.ID, d}, nil
}

// GET /v1/deliveries
func (a *API) listDeliveries(ctx context.Context, p outturn.Principal, in *ListInput) (*page[outturn.Delivery], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := a.Service.Deliveries(ctx, p, q)
	if err != nil {
		return nil, listFault(err)
	}
	return pageOf(list, "/v1/deliveries", *in, url.Values{}, func(d outturn.Delivery) outturn.Delivery { return d }), nil
}

// GET /v1/deliveries/{id}
func (a *API) getDelivery(ctx context.Context, p outturn.Principal, in *IDInput) (*body[outturn.Delivery], error) {
	d, err := a.Service.Delivery(ctx, p, in.ID)
	return &body[outturn.Delivery]{d}, err
}

// POST /v1/deliveries/{id}/resend
func (a *API) resendDelivery(ctx context.Context, p outturn.Principal, in *IDInput) (*deliveryAnswer, error) {
	return answerDelivery(a.Service.ResendDelivery(ctx, p, in.ID))
}
