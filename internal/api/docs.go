package api

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
)

// assets holds the documentation page's files: page.html and page.js are ours,
// what lies in assets/swagger comes from npm by `make assets` and is not committed.
//
//go:embed all:assets
var assets embed.FS

// docsPolicy lets the documentation page load what is here and nothing else.
const docsPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

// registerDocs serves what all other routes are described by, once they are
// registered.
//
//	GET /openapi.json   the description
//	GET /               leads to it
//	GET /docs           the page, or how to build it
//	GET /docs/{file}    its files
func (a *API) registerDocs(mux *http.ServeMux) error {
	description, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return err
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return err
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(description) // who went away needs no error
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/docs", http.StatusFound)
	})
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, r *http.Request) {
		name := "page.html"
		if _, err := fs.Stat(files, "swagger/swagger-ui-bundle.js"); err != nil {
			name = "missing.html"
		}
		serveAsset(w, r, files, name)
	})
	mux.HandleFunc("GET /docs/{file...}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		if info, err := fs.Stat(files, name); err != nil || info.IsDir() {
			writeProblem(w, r, http.StatusNotFound, "The documentation has no such file.")
			return
		}
		serveAsset(w, r, files, name)
	})
	return nil
}

func serveAsset(w http.ResponseWriter, r *http.Request, files fs.FS, name string) {
	w.Header().Set("Content-Security-Policy", docsPolicy)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, files, name)
}
