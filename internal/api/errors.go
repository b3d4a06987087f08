package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"outturn"
	"outturn/internal/edge"
)

// codes are those of refusals that come from HTTP itself.
var codes = map[int]outturn.Code{
	http.StatusBadRequest:                   "malformed_request",
	http.StatusUnauthorized:                 outturn.CodeUnauthenticated,
	http.StatusForbidden:                    outturn.CodeForbidden,
	http.StatusNotFound:                     outturn.CodeNotFound,
	http.StatusMethodNotAllowed:             "method_not_allowed",
	http.StatusNotAcceptable:                "not_acceptable",
	http.StatusRequestTimeout:               "request_timeout",
	http.StatusConflict:                     outturn.CodeConflict,
	http.StatusRequestEntityTooLarge:        outturn.CodeTooLarge,
	http.StatusUnsupportedMediaType:         "unsupported_media_type",
	http.StatusRequestedRangeNotSatisfiable: "invalid_range",
	http.StatusUnprocessableEntity:          outturn.CodeInvalid,
	http.StatusPreconditionRequired:         "precondition_required",
	http.StatusInternalServerError:          outturn.CodeInternal,
	http.StatusServiceUnavailable:           outturn.CodeUnavailable,
}

// retryAfter is how many seconds a client should wait that asks too much or too
// early, where the error does not say.
const retryAfter = 2

// challenge lists the schemes of who is let in.
const challenge = `Bearer realm="outturn", OAuth realm="outturn", ApiKey realm="outturn"`

// A problem is the body of every refusal (RFC 9457).
type problem struct {
	Type    string         `json:"type" doc:"Always about:blank: code says what it is."`
	Title   string         `json:"title" doc:"The status in words."`
	Status  int            `json:"status"`
	Detail  string         `json:"detail" doc:"What happened and what to do, in whole sentences."`
	Code    outturn.Code   `json:"code" doc:"Stable; for programs."`
	Errors  []problemFault `json:"errors,omitempty" doc:"Every fault of the request."`
	Request string         `json:"request_id,omitempty" doc:"Finds the request in the server's log."`

	header http.Header
}

// A problemFault is one fault of a request.
type problemFault struct {
	Field   string `json:"field,omitempty" doc:"What of the request it is about, such as window.from."`
	Message string `json:"message"`
}

func (p *problem) Error() string { return p.Detail }

// GetStatus is of huma.StatusError.
func (p *problem) GetStatus() int { return p.Status }

// GetHeaders is of huma.HeadersError.
func (p *problem) GetHeaders() http.Header { return p.header }

// ContentType is of huma.ContentTypeFilter.
func (p *problem) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, code outturn.Code, detail string) *problem {
	p := &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, header: http.Header{}}
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		p.header.Set("Retry-After", strconv.Itoa(retryAfter))
	case http.StatusUnauthorized:
		p.header.Set("WWW-Authenticate", challenge)
	}
	return p
}

// problem tells err. A fault of ours goes whole into the log, and nothing of it to
// the client.
func (a *API) problem(ctx context.Context, err error) *problem {
	request := requestID(ctx)
	var known *problem
	if errors.As(err, &known) {
		known.Request = request
		return known
	}
	if errors.Is(err, edge.ErrCutOff) {
		p := newProblem(http.StatusBadRequest, codes[http.StatusBadRequest], err.Error())
		p.Request = request
		return p
	}
	err = a.Gate.Tellable(ctx, err)
	code := outturn.ErrorCode(err)
	p := newProblem(edge.Statuses[code], code, err.Error())
	p.Request = request
	var told *outturn.Error
	if errors.As(err, &told) && told.RetryAfter > 0 {
		p.header.Set("Retry-After", strconv.FormatInt(edge.Seconds(told.RetryAfter), 10))
	}
	faults := outturn.Faults(err)
	if len(faults) > 1 {
		p.Detail = fmt.Sprintf("The request has %d faults.", len(faults))
	}
	for _, f := range faults {
		if f.Field != "" || len(faults) > 1 {
			p.Errors = append(p.Errors, problemFault{Field: memberOf(f.Field), Message: f.Message})
		}
	}
	return p
}

// memberOf is a field of a run as a request has it.
func memberOf(field string) string {
	if rest, ok := strings.CutPrefix(field, "outputs"); ok {
		return "formats" + rest
	}
	return field
}

// writeProblem answers where no operation of the API was reached.
func writeProblem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	if status == http.StatusNotFound {
		detail += " /docs shows those that there are."
	}
	p := newProblem(status, codes[status], detail)
	p.Request = requestID(r.Context())
	text, _ := json.Marshal(p) // of strings and numbers
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // whoever is gone needs no answer
}

// jsonFormat reads and writes JSON as the API has it.
var jsonFormat = huma.Format{Marshal: edge.WriteJSON, Unmarshal: edge.ReadJSON}
