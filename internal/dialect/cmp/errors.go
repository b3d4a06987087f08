package cmp

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/edge"
)

// codes are CMP's words for what is wrong, by status (rde-cmp section 4).
var codes = map[int]string{
	http.StatusBadRequest:            "INVALID_INPUT",
	http.StatusUnauthorized:          "AUTH_001",
	http.StatusForbidden:             "FORBIDDEN",
	http.StatusNotFound:              "NOT_FOUND",
	http.StatusMethodNotAllowed:      "METHOD_NOT_ALLOWED",
	http.StatusConflict:              "CONFLICT",
	http.StatusRequestEntityTooLarge: "TOO_LARGE",
	http.StatusTooManyRequests:       "RATE_LIMIT",
	http.StatusInternalServerError:   "INTERNAL",
	http.StatusBadGateway:            "UPSTREAM",
	http.StatusServiceUnavailable:    "UNAVAILABLE",
}

// statuses are those that differ from edge.Statuses.
var statuses = map[outturn.Code]int{
	outturn.CodeInvalid:           http.StatusBadRequest,
	outturn.CodeGone:              http.StatusNotFound,
	outturn.CodeSourceUnavailable: http.StatusBadGateway,
	outturn.CodeSourceRefused:     http.StatusBadGateway,
	outturn.CodeQueryTimeout:      http.StatusBadGateway,
	outturn.CodeQueryFailed:       http.StatusBadGateway,
	outturn.CodeDatasetInvalid:    http.StatusBadGateway,
}

// What a 401 asks for.
const (
	basicChallenge  = `Basic realm="outturn"`
	bearerChallenge = `Bearer realm="outturn"`
)

// wait is for how long a client waits that asks too much, where nobody knows better:
// what clients take for it themselves.
const wait = 60 * time.Second

// A badRequest is an error with what was sent, by the name of each part.
type badRequest struct {
	error
	sent map[string]any
}

func (b badRequest) Unwrap() error { return b.error }

// answerError tells err: all of its faults, and the values that they are about.
func (a *API) answerError(w http.ResponseWriter, r *http.Request, err error, challenge string) {
	var bad badRequest
	errors.As(err, &bad)
	err = a.Gate.Tellable(r.Context(), err)
	status := cmp.Or(statuses[outturn.ErrorCode(err)], edge.Statuses[outturn.ErrorCode(err)])
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	body := errorBody{Code: codes[status], Message: err.Error()}
	switch status {
	case http.StatusBadRequest:
		body.Message, body.Details = told(outturn.Faults(err), bad.sent)
	case http.StatusTooManyRequests: // some clients read the head, some the body
		seconds := retryAfter(err)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
		body.Details = map[string]any{"retryAfter": seconds}
	}
	answer(w, status, body)
}

// told puts faults into words, one after the other, and what was sent into details.
func told(faults []*outturn.Error, sent map[string]any) (message string, details map[string]any) {
	var words []string
	details = map[string]any{}
	for _, f := range faults {
		name := memberOf(f.Field)
		text := f.Message
		if name != "" {
			details[name] = shown(sent[name])
			if len(faults) > 1 {
				text = name + ": " + text
			}
		}
		words = append(words, text)
	}
	return strings.Join(words, " "), details
}

// shown is a value as it was sent, a long one cut.
func shown(v any) any {
	switch v := v.(type) {
	case string:
		return outturn.Cut(v)
	case json.RawMessage:
		if text := ""; json.Unmarshal(v, &text) == nil {
			return outturn.Cut(text)
		}
		if len(v) > mostValue {
			return outturn.Cut(string(v))
		}
	}
	return v
}

// mostValue is how long a value may be that an answer repeats as it is.
const mostValue = 100

// memberOf is a field of a run as CMP has it.
func memberOf(field string) string {
	first, rest, _ := strings.Cut(field, ".")
	first, _, _ = strings.Cut(first, "[")
	switch {
	case first == "window" && rest == "from":
		return "startDate"
	case first == "window":
		return "endDate"
	case first == "outputs":
		return "format"
	case first == "dataset", first == "view", first == "columns":
		return "customizationName"
	case first == "tenant", first == "zone", first == "report_type":
		return ""
	}
	return first
}

// retryAfter is for how many seconds to wait.
func retryAfter(err error) int64 {
	var limit *outturn.Error
	if errors.As(err, &limit) && limit.RetryAfter > 0 {
		return max(1, edge.Seconds(limit.RetryAfter))
	}
	return edge.Seconds(wait)
}

// refuse answers what no handler is reached for.
func refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	correlate(w, r)
	if status == http.StatusInternalServerError {
		message = edge.Internal(edge.RequestOf(r.Context()).ID)
	}
	answer(w, status, errorBody{Code: codes[status], Message: message})
}
