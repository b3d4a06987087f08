package server

import (
	"net/http"

	"outturn"
	"outturn/internal/api"
	"outturn/internal/catalog"
	"outturn/internal/dialect/aps"
	"outturn/internal/dialect/cmp"
	"outturn/internal/edge"
)

// A dialect is an edge that serves some paths; all others are the native API's.
type dialect interface {
	http.Handler
	Serves(path string) bool
}

// edges puts together all that answers over HTTP.
func (s *Server) edges(gate *edge.Gate, cat *catalog.Catalog) (http.Handler, error) {
	native, err := api.New(api.Config{Gate: gate, Ready: s.check, Version: s.config.Version})
	if err != nil {
		return nil, err
	}
	asAPS, err := aps.New(aps.Config{Gate: gate, DataSets: names(cat.Datasets()), Booster: s.config.APSBooster})
	if err != nil {
		return nil, err
	}
	c := s.config.CMP
	c.Gate, c.Retention, c.Now = gate, s.config.Retention, s.config.Now
	asCMP, err := cmp.New(c)
	if err != nil {
		return nil, err
	}
	dialects := []dialect{asAPS, asCMP}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, d := range dialects {
			if d.Serves(r.URL.Path) {
				d.ServeHTTP(w, r)
				return
			}
		}
		native.ServeHTTP(w, r)
	}), nil
}

func names(list []*outturn.Dataset) (names []string) {
	for _, d := range list {
		names = append(names, d.Name)
	}
	return names
}
