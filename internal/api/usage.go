package api

import (
	"context"
	"net/http"

	"outturn"
)

func (a *API) registerUsage() {
	handle(a, route{
		id: "getUsage", method: http.MethodGet, path: "/v1/usage", tags: []string{"Usage"}, errors: []int{http.StatusNotFound},
		summary: "Show what a tenant and all below it have, and how much they may have",
		about: "A limit that is absent bounds nothing. Of the limits of tenants above, `above` says whether what they and all theirs have " +
			"together is as much as they may, and for rows and requests the least number; it never says whose they are.",
	}, a.getUsage)
}

type usageInput struct {
	Tenant string `query:"tenant" doc:"The id of a tenant below; absent is the client's own."`
}

// GET /v1/usage
func (a *API) getUsage(ctx context.Context, p outturn.Principal, in *usageInput) (*body[outturn.Allowance], error) {
	allowance, err := a.Service.Usage(ctx, p, in.Tenant)
	if err != nil {
		return nil, err
	}
	return &body[outturn.Allowance]{allowance}, nil
}
