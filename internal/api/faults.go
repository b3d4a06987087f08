package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/edge"
)

// huma holds a request against the schema, and makes its errors through these
// variables, which are the package's way to have them look like ours.
func init() {
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true // Dataset is not dataset
	huma.ErrorFormatter = plainly
	huma.NewError = func(status int, message string, _ ...error) huma.StatusError {
		return newProblem(status, codes[status], sentence(message))
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		p := misfit(ctx, status, message, errs)
		if ctx.Operation().OperationID == createToken && p.Status < http.StatusInternalServerError && len(p.Errors) == 0 {
			return &tokenRefusal{Name: auth.InvalidRequest, Description: p.Detail, status: p.Status}
		}
		return p
	}
}

// plainly is Sprintf that spells numbers as people do: 7776000, and not 7.776e+06.
func plainly(format string, args ...any) string {
	for i, arg := range args {
		if x, ok := arg.(float64); ok {
			args[i] = strconv.FormatFloat(x, 'f', -1, 64)
		}
	}
	return fmt.Sprintf(format, args...)
}

// misfit tells what of a request does not fit the description of its operation.
func misfit(ctx huma.Context, status int, message string, errs []error) *problem {
	r := requestOf(ctx.Context())
	if message == "cannot read request body" { // huma takes the fault for ours
		status, errs = http.StatusBadRequest, nil
	}
	p := newProblem(status, codes[status], sentence(message))
	p.Request = r.ID
	switch status {
	case http.StatusInternalServerError:
		p.Detail = edge.Internal(r.ID)
		return p
	case http.StatusBadRequest:
		p.Detail = "The body could not be read: " + detailOf(errs, "it is not there, or was cut off") + "."
		return p
	case http.StatusRequestEntityTooLarge:
		p.Detail = "The body is larger than 1 MiB, which is the most that is taken."
		return p
	case http.StatusUnsupportedMediaType:
		p.Detail = "Send the body as " + strings.Join(slices.Sorted(maps.Keys(ctx.Operation().RequestBody.Content)), " or ") + "; Content-Type says that it is something else."
		return p
	}
	faults := r.misfits
	for _, err := range errs {
		faults = append(faults, faultsOf(ctx.Operation(), r.schemas, err)...)
	}
	p.tell(faults)
	return p
}

func detailOf(errs []error, otherwise string) string {
	var detail huma.ErrorDetailer
	if errors.As(errors.Join(errs...), &detail) {
		return detail.ErrorDetail().Message
	}
	return otherwise
}

// mostFaults is how many faults are told at once.
const mostFaults = 20

// tell makes faults those of p.
func (p *problem) tell(faults []problemFault) {
	if len(faults) == 0 {
		return
	}
	// Where a body has several members that it should not have, their order is chance.
	slices.SortStableFunc(faults, func(a, b problemFault) int { return strings.Compare(a.Field, b.Field) })
	p.Detail = faults[0].Message
	if len(faults) > 1 {
		p.Detail = fmt.Sprintf("The request has %d faults.", len(faults))
	}
	p.Errors = faults[:min(len(faults), mostFaults)]
}

// unfit is what the request of ctx was found to have too much, as an error.
func unfit(ctx context.Context) error {
	r := requestOf(ctx)
	if len(r.misfits) == 0 {
		return nil
	}
	p := newProblem(http.StatusUnprocessableEntity, outturn.CodeInvalid, "")
	p.tell(r.misfits)
	return p
}

// unknownParameters are the query parameters of ctx that its operation has not.
// huma would tell of them alone, and of nothing else that is wrong.
func unknownParameters(ctx huma.Context) (faults []problemFault) {
	u := ctx.URL()
	if u.RawQuery == "" {
		return nil
	}
	var known []string
	for _, p := range ctx.Operation().Parameters {
		if p.In == "query" {
			known = append(known, p.Name)
		}
	}
	for name := range u.Query() {
		if !slices.Contains(known, name) {
			faults = append(faults, problemFault{Field: outturn.Cut(name), Message: outturn.Unknown("query parameter", name, known).Message})
		}
	}
	return faults
}

// faultsOf understands an error of huma's. Where a value may be one of several
// kinds, huma says no more than that it is none; the fault is then looked for in the
// kind that was meant.
func faultsOf(op *huma.Operation, schemas huma.Registry, err error) []problemFault {
	var detailer huma.ErrorDetailer
	if !errors.As(err, &detailer) {
		return []problemFault{{Message: sentence(err.Error())}}
	}
	d := detailer.ErrorDetail()
	s := place{schemas: schemas, op: op}
	switch d.Message {
	case validation.MsgUnexpectedProperty:
		members, _ := d.Value.(map[string]any)
		key, known := s.unknownMember(d.Location, members)
		return []problemFault{{Field: fieldOf(d.Location), Message: outturn.Unknown("member", key, known).Message}}
	case validation.MsgExpectedMatchExactlyOneSchema:
		kinds := s.at(d.Location).OneOf
		meant := s.ofKind(kinds, kindOf(d.Value))
		if meant == nil {
			return []problemFault{fault(d.Location, "expected "+s.names(kinds))}
		}
		within := &huma.ValidateResult{}
		huma.Validate(schemas, meant, huma.NewPathBuffer([]byte(d.Location), len(d.Location)), huma.ModeWriteToServer, d.Value, within)
		var faults []problemFault
		for _, err := range within.Errors {
			faults = append(faults, faultsOf(op, schemas, err)...)
		}
		return faults
	}
	if rest, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		name, _, _ := strings.Cut(rest, " to be present")
		return []problemFault{fault(d.Location+"."+name, "it is required")}
	}
	return []problemFault{fault(d.Location, d.Message)}
}

func fault(location, message string) problemFault {
	f := problemFault{Field: fieldOf(location), Message: sentence(message)}
	if f.Field != "" {
		f.Message = f.Field + ": " + message + "."
	}
	return f
}

// fieldOf turns huma's place of a fault into the name a client knows: a query
// parameter by its name, a member of the body by its path.
func fieldOf(location string) string {
	for _, prefix := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(location, prefix); ok {
			return outturn.Cut(rest)
		}
	}
	return location
}

func sentence(text string) string {
	if text == "" {
		return text
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

// A place finds the schema of a member of an operation's body.
type place struct {
	op      *huma.Operation
	schemas huma.Registry
}

// at returns the schema at body.window.from or body.formats[1]; an empty one where
// there is none.
func (s place) at(location string) *huma.Schema {
	if s.op.RequestBody == nil || s.op.RequestBody.Content["application/json"] == nil {
		return &huma.Schema{}
	}
	here := s.op.RequestBody.Content["application/json"].Schema
	steps := strings.FieldsFunc(strings.ReplaceAll(location, "[", ".["), func(r rune) bool { return r == '.' })
	for _, step := range steps[min(1, len(steps)):] { // the first is body
		kind := huma.TypeObject
		if step[0] == '[' {
			kind = huma.TypeArray
		}
		here = s.ofKind([]*huma.Schema{here}, kind)
		switch {
		case here == nil:
		case kind == huma.TypeArray:
			here = here.Items
		default:
			here = here.Properties[step]
		}
		if here == nil {
			return &huma.Schema{}
		}
	}
	return s.resolve(here)
}

func (s place) resolve(schema *huma.Schema) *huma.Schema {
	for schema.Ref != "" {
		schema = s.schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

// ofKind returns the one of schemas that is for values of a kind, also from among
// the alternatives that one has; nil where none is.
func (s place) ofKind(schemas []*huma.Schema, kind string) *huma.Schema {
	for _, schema := range schemas {
		schema = s.resolve(schema)
		if schema.Type == kind {
			return schema
		}
		if found := s.ofKind(schema.OneOf, kind); found != nil {
			return found
		}
	}
	return nil
}

func (s place) names(schemas []*huma.Schema) string {
	var names []string
	for _, schema := range schemas {
		names = append(names, s.resolve(schema).Type)
	}
	return strings.Join(names, " or ")
}

// unknownMember returns the key that location ends with, and those that are allowed
// there. A key may have dots in it.
func (s place) unknownMember(location string, members map[string]any) (key string, known []string) {
	for k := range members {
		within, ends := strings.CutSuffix(location, "."+k)
		if !ends || len(k) < len(key) {
			continue
		}
		if object := s.ofKind([]*huma.Schema{s.at(within)}, huma.TypeObject); object != nil && object.Properties[k] == nil {
			key, known = k, slices.Sorted(maps.Keys(object.Properties))
		}
	}
	return key, known
}

// kindOf is the type of a JSON value, as schemas call it.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return huma.TypeString
	case map[string]any:
		return huma.TypeObject
	case []any:
		return huma.TypeArray
	case bool:
		return huma.TypeBoolean
	}
	return huma.TypeNumber
}
