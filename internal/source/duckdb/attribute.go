package duckdb

import (
	"encoding/json"
	"fmt"
	"strings"

	"outturn/internal/source"
)

// attribute returns the SQL of the text of one attribute of a JSON cell.
//
// The engine reads numbers with a point as doubles, which would change the digits
// of some: such a number is taken from the text of the cell, where it stands
// behind its name. A list or an object is as the engine spells it; where a number
// in it may have been changed the statement breaks off.
func attribute(cell source.Cell, name string, bind func(string) string) string {
	quoted := jsonText(name)
	param := func(text string) string { return "CAST(" + bind(text) + " AS VARCHAR)" }
	r := strings.NewReplacer(
		"{cell}", "CAST("+cell.SQL+" AS VARCHAR)",
		"{name}", param(name),
		"{quoted}", param(quoted),
		"{named numbers}", quoteText(`("(?:[^"\\]|\\.)*")\s*[,:]\s*(-?[0-9][0-9.eE+-]*)`),
		"{no json}", complaint(cell, "which is no json"),
		"{no attributes}", complaint(cell, "which is neither an object nor an array of pairs"),
		"{inexact}", complaint(cell, fmt.Sprintf("where the attribute %s has a number that cannot be read exactly: write it as a string", quoted)),
	)
	// The name is sought among the names there are, and is no part of a path: paths
	// have a syntax of their own.
	value := func(names, values string) string {
		at := `[list_position(` + names + `, {name})]`
		text := `json_extract_string({cell}, ` + values + `)` + at
		unchanged := `CASE WHEN NOT regexp_matches(` + text + `, '[0-9][.eE]') OR len(list_filter(regexp_extract_all({cell}, '[0-9]+[.][0-9]+'), lambda n: length(n) > 16)) = 0 THEN ` + text + ` ELSE {inexact} END`
		return `CASE json_type({cell}, ` + values + `)` + at + `
  WHEN 'DOUBLE' THEN COALESCE(list_filter(list_zip(regexp_extract_all({cell}, {named numbers}, 1), regexp_extract_all({cell}, {named numbers}, 2)),
    lambda n: n[1] = {quoted} AND TRY_CAST(n[2] AS DOUBLE) = TRY_CAST(` + text + ` AS DOUBLE))[1][2], {inexact})
  WHEN 'ARRAY' THEN ` + unchanged + `
  WHEN 'OBJECT' THEN ` + unchanged + `
  ELSE ` + text + ` END`
	}
	return r.Replace(`CASE
WHEN {cell} IS NULL THEN NULL
WHEN NOT json_valid({cell}) THEN {no json}
WHEN json_type({cell}) = 'OBJECT' THEN ` + value(`json_keys({cell})`, `'$.*'`) + `
WHEN json_type({cell}) = 'ARRAY' AND (json_array_length({cell}) = 0
  OR list_min(json_array_length({cell}, '$[*]')) = 2 AND list_max(json_array_length({cell}, '$[*]')) = 2)
  THEN ` + value(`json_extract_string({cell}, '$[*][0]')`, `'$[*][1]'`) + `
WHEN json_type({cell}) = 'NULL' THEN NULL
ELSE {no attributes} END`)
}

// jsonText spells a text as most JSON does.
func jsonText(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be encoded, and a Builder takes it
	return strings.TrimSuffix(b.String(), "\n")
}
