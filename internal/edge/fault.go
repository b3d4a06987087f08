package edge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"outturn"
)

// Statuses is the one table from an error's code to its HTTP status. An edge whose
// contract has other ones for some says which.
var Statuses = map[outturn.Code]int{
	outturn.CodeInvalid:            http.StatusUnprocessableEntity,
	outturn.CodeNotFound:           http.StatusNotFound,
	outturn.CodeUnauthenticated:    http.StatusUnauthorized,
	outturn.CodeForbidden:          http.StatusForbidden,
	outturn.CodeConflict:           http.StatusConflict,
	outturn.CodeKeyInFlight:        http.StatusConflict,
	outturn.CodeKeyReused:          http.StatusUnprocessableEntity,
	outturn.CodeVersionChanged:     http.StatusPreconditionFailed,
	outturn.CodeGone:               http.StatusGone,
	outturn.CodeTooLarge:           http.StatusRequestEntityTooLarge,
	outturn.CodeLimit:              http.StatusTooManyRequests,
	outturn.CodeUnavailable:        http.StatusServiceUnavailable,
	outturn.CodeSourceUnavailable:  http.StatusServiceUnavailable,
	outturn.CodeSourceRefused:      http.StatusServiceUnavailable,
	outturn.CodeStorageUnavailable: http.StatusServiceUnavailable,
	outturn.CodeDiskFull:           http.StatusServiceUnavailable,
	outturn.CodeQueryTimeout:       http.StatusServiceUnavailable,
	outturn.CodeMemoryLimit:        http.StatusServiceUnavailable,
	outturn.CodeQueryFailed:        http.StatusServiceUnavailable,
	outturn.CodeDatasetInvalid:     http.StatusServiceUnavailable,
	outturn.CodeInternal:           http.StatusInternalServerError,
}

// Tellable is err as a client may be told it: what has a code in Statuses. A fault of
// ours goes whole into the log, and nothing of it to the client.
func (g *Gate) Tellable(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return outturn.Errorf(outturn.CodeUnavailable, "The request took too long, or its client is gone.")
	}
	code := outturn.ErrorCode(err)
	if _, ok := Statuses[code]; ok && code != outturn.CodeInternal {
		return err
	}
	request := RequestOf(ctx).ID
	g.Log.Error("request failed", "request", request, "error", err)
	return outturn.Errorf(outturn.CodeInternal, "%s", Internal(request))
}

// Internal is what is told of a fault of ours.
func Internal(request string) string {
	return "Internal error. The operator finds it in the log under " + request + "."
}

// WriteJSON writes v as it is, with no character escaped that JSON does not want to be.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// ReadJSON reads text into v, and tells where it is no JSON, or what of it is of another
// type than v.
func ReadJSON(text []byte, v any) error {
	err := json.Unmarshal(text, v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := text[:min(int(syntax.Offset), len(text))]
		line := bytes.Count(before, []byte("\n")) + 1
		column := len(before) - bytes.LastIndexByte(before, '\n') - 1
		return fmt.Errorf("at line %d, column %d it is not JSON: %w", line, max(column, 1), err)
	}
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		word, _, _ := strings.Cut(other.Value, " ") // it may go on with the number
		return fmt.Errorf("%s is of the type %s", cmp.Or(other.Field, "it"), word)
	}
	return err
}
