package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/download"
	"outturn/internal/reporting"
)

func (a *API) registerFiles() {
	tags := []string{"Files"}
	content := route{id: "getFileContent", method: http.MethodGet, path: "/v1/files/{id}/content", summary: "Download a file", tags: tags, errors: []int{404, 410, 416}}
	registerDownload(a, content, a.openFile)
	content.id, content.method, content.summary = "headFileContent", http.MethodHead, "What a download would say before its first byte"
	registerDownload(a, content, a.openFile)
	handle(a, route{id: "createLink", method: http.MethodPost, path: "/v1/files/{id}/links", status: http.StatusCreated, tags: tags, errors: []int{404, 410},
		summary: "Make a link that downloads a file without a token until it expires"}, a.createLink)
	handle(a, route{id: "revokeLink", method: http.MethodDelete, path: "/v1/links/{id}", status: http.StatusNoContent, tags: tags, errors: []int{404},
		summary: "End a link"}, a.revokeLink)
	handle(a, route{id: "endLinks", method: http.MethodDelete, path: "/v1/files/{id}/links", status: http.StatusNoContent, tags: tags, errors: []int{404, 410},
		summary: "End all links to a file, whoever made them or was given them"}, a.endLinks)
	link := route{id: "followLink", method: http.MethodGet, path: "/f/{token}", summary: "Download by a link", tags: tags, open: true, errors: []int{404, 410, 416}}
	registerDownload(a, link, a.openLink)
	link.id, link.method, link.summary = "headLink", http.MethodHead, "What a download by a link would say before its first byte"
	registerDownload(a, link, a.openLink)
	named := route{id: "followNamedLink", method: http.MethodGet, path: "/f/{token}/{name}", summary: "Download by a link that ends with the file's name", tags: tags, open: true, errors: []int{404, 410, 416}}
	registerDownload(a, named, a.openNamedLink)
	named.id, named.method, named.summary = "headNamedLink", http.MethodHead, "What a download by a link that ends with the file's name would say before its first byte"
	registerDownload(a, named, a.openNamedLink)
}

// A DownloadInput is what a client may say of a download.
type DownloadInput struct {
	Reason  string `header:"Outturn-Reason" doc:"Why, for the audit: one line of at most 255 characters."`
	Range   string `header:"Range" doc:"Parts of the file, such as bytes=1000- to go on where a download broke off (RFC 9110 section 14)."`
	IfRange string `header:"If-Range" doc:"The ETag for which the range is meant; with another the whole file comes."`
}

func registerDownload[I any](a *API, r route, open func(context.Context, *I) (outturn.File, blob.Object, error)) {
	op := r.operation()
	op.Responses = map[string]*huma.Response{
		"200": {Description: "The file", Headers: fileHeaders(), Content: anything()},
		"206": {Description: "The ranges that were asked for; of several, multipart/byteranges", Headers: fileHeaders(), Content: anything()},
		"304": {Description: "The client has it (If-None-Match)"},
	}
	register(a, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		file, content, err := open(ctx, in)
		if click, is := any(in).(click); err != nil && is && click.wantsPage() {
			return a.showFault(ctx, err), nil
		}
		if err != nil {
			return nil, err
		}
		requestOf(ctx).Run = file.Run
		return &huma.StreamResponse{Body: func(h huma.Context) {
			defer content.Close()
			r, w := humago.Unwrap(h)
			download.Serve(w, r, file, content, func(w http.ResponseWriter, r *http.Request) {
				writeProblem(w, r, http.StatusRequestedRangeNotSatisfiable, "The file does not have this range; Content-Range says how long it is.")
			})
		}}, nil
	})
	if _, is := any(new(I)).(click); is {
		describePages(a.huma.OpenAPI().Paths[r.path])
	}
}

// anything is content of the media type that the file has.
func anything() map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
}

func fileHeaders() map[string]*huma.Param {
	text := func(doc string) *huma.Param {
		return &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return map[string]*huma.Param{
		"Content-Disposition": text("attachment, with the file's name (RFC 6266, RFC 8187)."),
		"ETag":                text("The SHA-256 that the manifest has, in quotes."),
		"Repr-Digest":         text("The same as sha-256 of the whole file (RFC 9530)."),
	}
}

type fileInput struct {
	IDInput
	DownloadInput
}

// GET /v1/files/{id}/content
func (a *API) openFile(ctx context.Context, in *fileInput) (outturn.File, blob.Object, error) {
	return a.Service.OpenFile(ctx, principalOf(ctx), in.ID, in.Reason)
}

// A LinkInput is what comes along with a link.
type LinkInput struct {
	Token  string `path:"token" maxLength:"200"`
	Accept string `header:"Accept" doc:"With text/html, as browsers send it, what is wrong with a link comes as a page."`
	DownloadInput
}

// GET /f/{token}
func (a *API) openLink(ctx context.Context, in *LinkInput) (outturn.File, blob.Object, error) {
	return a.Service.OpenLink(ctx, clickOf(ctx, in))
}

func clickOf(ctx context.Context, in *LinkInput) reporting.Click {
	return reporting.Click{Token: in.Token, Reason: in.Reason, From: requestOf(ctx).Origin.Address, Request: requestID(ctx)}
}

type namedLinkInput struct {
	LinkInput
	Name string `path:"name" maxLength:"1024" doc:"The file's, so that programs which save it under what the URL ends with name it well."`
}

// GET /f/{token}/{name}
func (a *API) openNamedLink(ctx context.Context, in *namedLinkInput) (outturn.File, blob.Object, error) {
	c := clickOf(ctx, &in.LinkInput)
	c.Name = in.Name
	return a.Service.OpenLink(ctx, c)
}

type createLinkInput struct {
	IDInput
	Body *struct {
		ExpiresIn int64 `json:"expires_in,omitempty" minimum:"60" maximum:"7776000" doc:"Seconds, from a minute to 90 days. Default: 48 hours. It never outlives the file."`
	} `required:"false"`
}

type linkJSON struct {
	outturn.Link
	URL string `json:"url" doc:"Shown once: the token in it is not kept."`
}

type linkAnswer struct {
	Location string `header:"Location"`
	Body     linkJSON
}

// POST /v1/files/{id}/links
func (a *API) createLink(ctx context.Context, p outturn.Principal, in *createLinkInput) (*linkAnswer, error) {
	life := time.Duration(0)
	if in.Body != nil {
		life = time.Duration(in.Body.ExpiresIn) * time.Second
	}
	l, token, err := a.Service.CreateLink(ctx, p, in.ID, life)
	if err != nil {
		return nil, err
	}
	return &linkAnswer{Location: "/f/" + token, Body: linkJSON{l, a.Gate.Base(ctx) + "/f/" + token}}, nil
}

// DELETE /v1/links/{id}
func (a *API) revokeLink(ctx context.Context, p outturn.Principal, in *IDInput) (*struct{}, error) {
	return nil, a.Service.RevokeLink(ctx, p, in.ID)
}

// DELETE /v1/files/{id}/links
func (a *API) endLinks(ctx context.Context, p outturn.Principal, in *IDInput) (*struct{}, error) {
	return nil, a.Service.EndLinks(ctx, p, in.ID)
}
