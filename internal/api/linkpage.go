package api

import (
	"context"
	"html/template"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// linkPage is what somebody reads who has clicked on a link in a mail that opens nothing
// any more. The policy of all answers permits it no style, script or image.
var linkPage = template.Must(template.New("link").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title></head>
<body>
<h1>This link opens no file</h1>
<p>{{.Detail}}</p>
{{if eq .Status 410}}<p>They can run the report again, if its file is not kept any more.</p>
{{end}}<p><small>{{.Status}} {{.Code}}, request {{.Request}}</small></p>
</body>
</html>
`))

// A click is a request that a browser may make for somebody, who reads faults as a page.
type click interface{ wantsPage() bool }

// describePages documents that faults of a link may come as pages.
func describePages(path *huma.PathItem) {
	for _, op := range []*huma.Operation{path.Get, path.Head} {
		if op == nil {
			continue
		}
		for status, response := range op.Responses {
			if status >= "4" { // and default
				response.Content["text/html"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
			}
		}
	}
}

// wantsPage says whether it is a browser that shows the answer to somebody.
func (in *LinkInput) wantsPage() bool { return strings.Contains(in.Accept, "text/html") }

// showFault tells err as a page.
func (a *API) showFault(ctx context.Context, err error) *huma.StreamResponse {
	p := a.problem(ctx, err)
	return &huma.StreamResponse{Body: func(h huma.Context) {
		_, w := humago.Unwrap(h)
		for name, values := range p.header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(p.Status)
		_ = linkPage.Execute(w, p) // whoever is gone needs no answer
	}}
}
