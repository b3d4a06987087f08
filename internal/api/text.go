package api

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"outturn"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// A filterText is a filter as a client writes it: a text, or a tree of conditions.
type filterText struct{ text json.RawMessage }

// UnmarshalJSON keeps the text; expr understands it.
func (f *filterText) UnmarshalJSON(text []byte) error {
	f.text = bytes.Clone(text)
	return nil
}

// MarshalJSON writes what was read.
func (f filterText) MarshalJSON() ([]byte, error) { return f.text, nil }

// Schema is of huma.SchemaProvider.
func (filterText) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString, MaxLength: new(outturn.MaxFilterLength)}, exprJSON{}.Schema(r)}}
}

// newFilterText is a filter as text; nil is none.
func newFilterText(e *outturn.Expr) *filterText {
	if e == nil {
		return nil
	}
	text, _ := json.Marshal(e.String()) // of a text
	return &filterText{text}
}

func (f *filterText) expr() (*outturn.Expr, error) {
	var text string
	if json.Unmarshal(f.text, &text) == nil {
		return outturn.ParseExpr(text)
	}
	var e outturn.Expr
	if err := json.Unmarshal(f.text, &e); err != nil {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The filter is no tree of conditions: %w.", err)
	}
	return &e, nil
}

// An exprJSON is a condition, {"op": "eq", "field": "A", "values": ["1"]}, or
// several, {"op": "and", "args": [ … ]}.
type exprJSON struct{ *outturn.Expr }

// MarshalJSON writes the tree.
func (e exprJSON) MarshalJSON() ([]byte, error) { return json.Marshal(e.Expr) }

// Schema is of huma.SchemaProvider.
func (exprJSON) Schema(r huma.Registry) *huma.Schema {
	const name = "Condition"
	if _, known := r.Map()[name]; !known {
		ops := []any{}
		for _, op := range []outturn.Op{
			outturn.OpEQ, outturn.OpNE, outturn.OpLT, outturn.OpLE, outturn.OpGT, outturn.OpGE, outturn.OpIn, outturn.OpLike, outturn.OpNull,
			outturn.OpAnd, outturn.OpOr, outturn.OpNot,
		} {
			ops = append(ops, string(op))
		}
		r.Map()[name] = &huma.Schema{
			Type: huma.TypeObject, Required: []string{"op"}, AdditionalProperties: false,
			Description: "A comparison of a field with values, or with args a combination of conditions.",
			Properties: map[string]*huma.Schema{
				"op":     {Type: huma.TypeString, Enum: ops},
				"field":  {Type: huma.TypeString},
				"values": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}},
				"args":   {Type: huma.TypeArray, Items: &huma.Schema{Ref: "#/components/schemas/" + name}},
			},
		}
		r.Map()[name].PrecomputeMessages()
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

// An orderText is an order as a client writes it: a text, or a list.
type orderText struct{ text json.RawMessage }

// UnmarshalJSON keeps the text; order understands it.
func (o *orderText) UnmarshalJSON(text []byte) error {
	o.text = bytes.Clone(text)
	return nil
}

// MarshalJSON writes what was read.
func (o orderText) MarshalJSON() ([]byte, error) { return o.text, nil }

// Schema is of huma.SchemaProvider.
func (orderText) Schema(r huma.Registry) *huma.Schema {
	level := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"field"}, AdditionalProperties: false,
		Properties: map[string]*huma.Schema{"field": {Type: huma.TypeString}, "desc": {Type: huma.TypeBoolean}},
	}
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeString},
		{Type: huma.TypeArray, Items: level, MaxItems: new(100)},
	}}
}

// newOrderText is an order as a list; nil is none.
func newOrderText(order []outturn.Order) *orderText {
	if len(order) == 0 {
		return nil
	}
	text, _ := json.Marshal(order) // of texts
	return &orderText{text}
}

func (o *orderText) order() (order []outturn.Order, err error) {
	var text string
	if json.Unmarshal(o.text, &text) == nil {
		return outturn.ParseOrder(text)
	}
	if err := json.Unmarshal(o.text, &order); err != nil {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The order is no list of fields: %w.", err)
	}
	return order, nil
}

// A formatText is a file that a client wants: a format's name, or all of an
// outturn.Output.
type formatText struct{ outturn.Output }

// UnmarshalJSON reads either.
func (f *formatText) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &f.Format) == nil {
		return nil
	}
	return json.Unmarshal(text, &f.Output)
}

// MarshalJSON writes the name alone where it is all there is to say.
func (f formatText) MarshalJSON() ([]byte, error) {
	if f.Output == (outturn.Output{Format: f.Format}) {
		return json.Marshal(f.Format)
	}
	return json.Marshal(f.Output)
}

// Schema is of huma.SchemaProvider.
func (formatText) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString}, r.Schema(typeOf[outturn.Output](), true, "")}}
}
