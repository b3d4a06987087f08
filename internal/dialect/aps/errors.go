package aps

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"outturn"
	"outturn/internal/edge"
)

// statuses are those that APS has otherwise than edge.Statuses (section 3.5): it knows
// no 410, 412 and 422.
var statuses = map[outturn.Code]int{
	outturn.CodeInvalid:        http.StatusBadRequest,
	outturn.CodeKeyReused:      http.StatusBadRequest,
	outturn.CodeVersionChanged: http.StatusConflict,
	outturn.CodeGone:           http.StatusNotFound,
	codeMethod:                 http.StatusMethodNotAllowed,
}

// codeMethod is of what a resource is not for. Nothing below knows it.
const codeMethod outturn.Code = "method_not_allowed"

// classes name what went wrong, by status and where that is not enough by code.
var (
	classes = map[int]string{
		http.StatusBadRequest:            "InvalidRequest",
		http.StatusUnauthorized:          "Unauthorized",
		http.StatusForbidden:             "AccessDenied",
		http.StatusNotFound:              "ResourceNotFound",
		http.StatusMethodNotAllowed:      "MethodNotAllowed",
		http.StatusConflict:              "Conflict",
		http.StatusRequestEntityTooLarge: "RequestTooLarge",
		http.StatusTooManyRequests:       "LimitReached",
		http.StatusServiceUnavailable:    "Unavailable",
		http.StatusInternalServerError:   "InternalError",
	}
	classesOfCodes = map[outturn.Code]string{outturn.CodeVersionChanged: "RevisionConflict"}
)

const namespace = "APS::Outturn::"

// words are the names that APS has for what a fault of ours is about; the longest that
// a field begins with counts.
var words = []struct{ ours, theirs string }{
	{"window.from", "parameters.startDate"},
	{"window.to", "parameters.endDate"},
	{"window", "parameters"},
	{"trigger.schedule.day", "parameters.startDay"},
	{"trigger.schedule", "parameters.period"},
	{"trigger", "eventType"},
	{"outputs", "format"},
	{"deliveries", "notifyByEmail"},
	{"run_name", "commonName"},
	{"dataset", "dataSet"},
	{"view", "customization"},
	{"report_type", "reportType"},
	{"filter", "query"},
	{"order", "query"},
	{"limit", "query"},
	{"offset", "query"},
}

// theirs is a field of ours as a client of a kind of resource knows it.
func theirs(field string, k *kind) string {
	if field == "name" && k != nil && k.named != "" {
		return k.named
	}
	for _, w := range words {
		if field == w.ours || strings.HasPrefix(field, w.ours) && strings.IndexByte(".[", field[len(w.ours)]) >= 0 {
			return w.theirs
		}
	}
	return field
}

// retryAfter is after how many seconds a client may ask again, where the error does
// not say.
const retryAfter = 2

// A refusal is err as a client is told it, about resources of a kind where that is known.
type refusal struct {
	err error
	of  *kind
}

func (r refusal) Error() string { return r.err.Error() }
func (r refusal) Unwrap() error { return r.err }

// fail answers with an error.
func (d *Dialect) fail(ctx context.Context, w http.ResponseWriter, err error) {
	var about refusal
	_ = errors.As(err, &about)
	if outturn.ErrorCode(err) != codeMethod {
		err = d.Gate.Tellable(ctx, err)
	}
	code := outturn.ErrorCode(err)
	status, own := statuses[code]
	if !own {
		status = edge.Statuses[code]
	}
	body := errorWire{Code: status, Error: class(status, code), Message: err.Error()}
	faults := outturn.Faults(err)
	if len(faults) > 1 {
		body.Message = fmt.Sprintf("The request has %d faults.", len(faults))
	}
	for _, f := range faults {
		if f.Field != "" || len(faults) > 1 {
			body.Details = append(body.Details, faultWire{theirs(f.Field, about.of), f.Message})
		}
	}
	wait := int64(retryAfter)
	var told *outturn.Error
	if errors.As(err, &told) && told.RetryAfter > 0 {
		wait = edge.Seconds(told.RetryAfter)
	}
	writeError(w, body, wait)
}

func class(status int, code outturn.Code) string {
	if name, ok := classesOfCodes[code]; ok {
		return namespace + name
	}
	return namespace + classes[status]
}

// refuse answers where no handler was reached.
func refuse(w http.ResponseWriter, _ *http.Request, status int, message string) {
	writeError(w, errorWire{Code: status, Error: class(status, ""), Message: message}, retryAfter)
}

func writeError(w http.ResponseWriter, body errorWire, wait int64) {
	h := w.Header()
	switch body.Code {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `OAuth realm="outturn"`)
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.FormatInt(wait, 10))
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.FormatInt(wait, 10))
		h.Set("APS-Retry-Timeout", strconv.FormatInt(wait, 10))
	}
	writeJSON(w, body.Code, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = edge.WriteJSON(w, body) // whoever is gone needs no answer
}

func invalid(field, format string, args ...any) error {
	return outturn.InField(field, outturn.Errorf(outturn.CodeInvalid, format, args...))
}

func notFound(id string) error {
	return outturn.Errorf(outturn.CodeNotFound, "Resource %s is not found.", outturn.Shown(id))
}

func notFor(format string, args ...any) error {
	return outturn.Errorf(codeMethod, format, args...)
}
