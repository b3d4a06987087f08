package api

import (
	"context"
	"net/http"

	"outturn"
)

func (a *API) registerHealth() {
	tags := []string{"Health"}
	handle(a, route{id: "isAlive", method: http.MethodGet, path: "/healthz", summary: "Whether the process lives", tags: tags, open: true}, a.isAlive)
	handle(a, route{id: "isReady", method: http.MethodGet, path: "/readyz", summary: "Whether requests should come now", tags: tags, open: true}, a.isReady)
	handle(a, route{id: "getVersion", method: http.MethodGet, path: "/version", summary: "Which version this is", tags: tags, open: true}, a.getVersion)
}

type healthJSON struct {
	Status string `json:"status" enum:"ok"`
}

// GET /healthz
func (a *API) isAlive(context.Context, outturn.Principal, *struct{}) (*body[healthJSON], error) {
	return &body[healthJSON]{healthJSON{"ok"}}, nil
}

// GET /readyz
func (a *API) isReady(ctx context.Context, _ outturn.Principal, _ *struct{}) (*body[healthJSON], error) {
	return &body[healthJSON]{healthJSON{"ok"}}, a.ready(ctx)
}

type versionJSON struct {
	Version string `json:"version"`
}

// GET /version
func (a *API) getVersion(context.Context, outturn.Principal, *struct{}) (*body[versionJSON], error) {
	return &body[versionJSON]{versionJSON{a.built}}, nil
}
