package api

import (
	"bytes"
	"encoding/json"
	"maps"

	"github.com/danielgtaylor/huma/v2"
)

// mergePatch merges a patch into the JSON of a value (RFC 7396), but that an object of
// another kind takes the place of the one there was: what it had is of no meaning then.
func mergePatch(to any, patch []byte) ([]byte, error) {
	text, err := json.Marshal(to)
	if err != nil {
		return nil, err
	}
	is, err := decodeNumbers(text)
	if err != nil {
		return nil, err
	}
	with, err := decodeNumbers(patch)
	if err != nil {
		return nil, err
	}
	return json.Marshal(merge(is, with))
}

// decodeNumbers reads JSON and leaves its numbers as they are written.
func decodeNumbers(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func merge(is, patch any) any {
	with, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged := map[string]any{}
	if object, ok := is.(map[string]any); ok && sameKind(object, with) {
		maps.Copy(merged, object)
	}
	for name, value := range with {
		if value == nil {
			delete(merged, name)
			continue
		}
		merged[name] = merge(merged[name], value)
	}
	return merged
}

// sameKind says that a patch leaves an object what it is.
func sameKind(is, patch map[string]any) bool {
	for _, name := range []string{"kind", "every"} {
		if value, given := patch[name]; given && value != is[name] {
			return false
		}
	}
	return true
}

// optional is a schema of objects of which nothing must be there.
func optional(r huma.Registry, schema *huma.Schema) *huma.Schema {
	for schema.Ref != "" {
		schema = r.SchemaFromRef(schema.Ref)
	}
	if schema.Type != huma.TypeObject {
		return schema
	}
	loose := *schema
	loose.Required = nil
	loose.Properties = map[string]*huma.Schema{}
	for name, property := range schema.Properties {
		loose.Properties[name] = property
		if property.Ref != "" || property.Type == huma.TypeObject {
			loose.Properties[name] = optional(r, property)
		}
	}
	loose.PrecomputeMessages()
	return &loose
}
