package duckdb

import (
	"encoding/json"
	"strings"

	"outturn/internal/source"
)

// attribute returns the SQL of the text of one attribute of a JSON cell.
//
// The engine reads numbers with a point or an exponent as doubles, which would
// change the digits of some, and -0 as 0: such a number is taken from the text of
// the cell, where it stands behind its name. The name may stand there more than
// once, in what is nested too: where it is not sure which is meant, the statement
// breaks off. A list or an object is as the engine spells it; where a number in it
// may have another value there the statement breaks off as well. Integers are kept
// as they are, whatever their length.
func attribute(cell source.Cell, name string, bind func(string) string) string {
	r := strings.NewReplacer(
		"{cell}", "CAST("+cell.SQL+" AS VARCHAR)",
		"{name}", "CAST("+bind(name)+" AS VARCHAR)",
		// Strings are passed over whole, so that nothing within one is taken for JSON.
		"{named}", quoteText(`("(?:[^"\\]|\\.)*")(?:\s*[,:]\s*(-?[0-9][0-9.eE+-]*))?`),
		"{numbers}", quoteText(`"(?:[^"\\]|\\.)*"|(-?[0-9][0-9.eE+-]*)`),
		"{no json}", complaint(cell, "which is no json"),
		"{no attributes}", complaint(cell, "which is neither an object nor an array of pairs"),
		"{inexact}", complaintOf(cell, quoteText("', where the attribute ")+" || CAST("+bind(jsonText(name))+" AS VARCHAR) || "+
			quoteText(" has a number that cannot be read exactly: write it as a string")),
	)
	// The name is sought among the names there are, and is no part of a path: paths
	// have a syntax of their own.
	value := func(names, values string) string {
		at := `[list_position(` + names + `, {name})]`
		text := `json_extract_string({cell}, ` + values + `)` + at
		// A list of one list, so that what is found is worked out once.
		spelt := `COALESCE(list_transform([list_distinct(list_transform(list_filter(list_zip(regexp_extract_all({cell}, {named}, 1), regexp_extract_all({cell}, {named}, 2)),
    lambda n: CASE WHEN NOT contains(n[1], '\') THEN n[1] = '"' || {name} || '"' ELSE json_extract_string(n[1], '$') = {name} END
      AND TRY_CAST(n[2] AS DOUBLE) = TRY_CAST(` + text + ` AS DOUBLE)), lambda n: n[2]))],
    lambda s: CASE WHEN len(s) = 1 THEN s[1] END)[1], {inexact})`
		// A double keeps 15 digits of a number, and fewer where it is next to nothing.
		changed := `len(list_filter(regexp_extract_all({cell}, {numbers}, 1), lambda n: regexp_matches(n, '[.eE]') AND (
    length(trim(regexp_replace(n, '[eE].*|[.-]', '', 'g'), '0')) > 15
    OR regexp_matches(n, '^[-0.]*[1-9]') AND abs(TRY_CAST(n AS DOUBLE)) < 1e-300))) > 0`
		unchanged := `CASE WHEN regexp_matches(` + text + `, '[0-9][.eE]') AND ` + changed + ` THEN {inexact} ELSE ` + text + ` END`
		return `CASE json_type({cell}, ` + values + `)` + at + `
  WHEN 'DOUBLE' THEN ` + spelt + `
  WHEN 'BIGINT' THEN CASE WHEN ` + text + ` = '0' THEN ` + spelt + ` ELSE ` + text + ` END
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
