package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"outturn"
)

// A problem is the body of a refusal: problem details (RFC 9457), or of a token
// RFC 6749 section 5.2.
type problem struct {
	Title  string       `json:"title"`
	Detail string       `json:"detail"`
	Code   outturn.Code `json:"code"`
	Errors []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`

	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// mostProblem bounds what is read of a refusal.
const mostProblem = 1 << 20

// readProblem makes an error of a refusal, whoever between here and the server it
// came from.
func readProblem(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostProblem))
	if err != nil {
		return fmt.Errorf("%s: read the refusal: %w", resp.Status, err)
	}
	var p problem
	if json.Unmarshal(text, &p) != nil || p.Code == "" && p.Error == "" {
		return outturn.Errorf(codeOf(resp.StatusCode), "The server answered %s.", resp.Status)
	}
	if p.Code == "" {
		return &outturn.Error{Code: codeOf(resp.StatusCode), Message: strings.TrimSuffix(p.Description, ".") + " (" + p.Error + ")."}
	}
	var faults []error
	for _, e := range p.Errors {
		faults = append(faults, &outturn.Error{Code: p.Code, Message: e.Message, Field: e.Field})
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	return &outturn.Error{Code: p.Code, Message: p.Detail}
}

// codeOf is the code of a refusal that has none in it.
func codeOf(status int) outturn.Code {
	switch status {
	case http.StatusUnauthorized:
		return outturn.CodeUnauthenticated
	case http.StatusForbidden:
		return outturn.CodeForbidden
	case http.StatusNotFound:
		return outturn.CodeNotFound
	case http.StatusTooManyRequests:
		return outturn.CodeLimit
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return outturn.CodeUnavailable
	}
	if status < 500 {
		return outturn.CodeInvalid
	}
	return outturn.CodeInternal
}
