// Package rql reads the resource query language of the APS and Connect APIs: what a
// client writes behind the ? of a list. It knows nothing of what is listed:
//
//	q, err := rql.Parse(r.URL.RawQuery, rql.APS)
//	where, err := rql.Map(q.Where, field) // from the edge's words to the ledger's
//
// The two dialects share one grammar (EBNF; [x] may be left out, {x} is repeated):
//
//	query     = [ term { ( "," | "&" ) term } ] .
//	term      = condition | logic | group | directive .
//	condition = compare "(" field "," value ")" | field "=" [ compare "=" ] value
//	          | list "(" field "," "(" value { "," value } ")" ")" | field "=" list "=" "(" value { "," value } ")"
//	          | "range" "(" field "," value "," value ")" .
//	compare   = "eq" | "ne" | "gt" | "ge" | "gte" | "lt" | "le" | "lte" | "like" | "ilike" .
//	list      = "in" | "out" .
//	logic     = ( "and" | "or" ) "(" all { "," all } ")" | "not" "(" all ")" .
//	all       = term { "&" term } .
//	group     = "(" term { ( "," | "&" ) term } ")" | "(" all { ( "|" | ";" ) all } ")" .
//	directive = ( "sort" | "ordering" ) "(" [ [ "+" | "-" ] field { "," [ "+" | "-" ] field } ] ")"
//	          | "select" "(" [ field { "," field } ] ")" | "limit" "(" number [ "," number ] ")"
//	          | ( "implementing" | "composing" ) "(" type ")" .
//	value     = text | quoted | "null()" | "empty()" | tuple .
//	tuple     = "t" "(" term { "," term } ")" .
//	field     = letter { letter | digit | "_" | "-" | "." } .
//
// Directives stand at the top, or in an and there. Field t(a=b,c=d) is a condition on
// field.a and one on field.c. Where the dialects differ:
//
//   - Text is everything up to one of ( ) , & = ; in APS, where those are written
//     percent-encoded in a value: they are decoded after splitting. Connect decodes the
//     whole query first, and its text is letters, digits, blanks and . _ - : + @ * \ only; any other
//     stands in single or double quotes, in which the quote itself is doubled. APS has no
//     quotes; a term between & of which everything is encoded, as libraries for forms do,
//     is decoded first.
//   - A + in a value is a blank in APS, but not before the offset of an instant, where it can be none.
//   - Wildcards of like and ilike are * and, in APS, ?. A \ takes a wildcard, or another
//     \, as it is. ** is refused in Connect.
//   - The groups with | and ; and tuples are Connect's; implementing and composing are APS's.
//   - and and or take one term or more in APS, two or more in Connect.
//   - limit(start) and limit(start,number) are APS's; limit=number, offset=start and
//     limit(number) Connect's, where a number that is none is passed over.
//   - select takes + and - before a field in Connect.
//
// What is written beyond the published grammars (not around and and or, range, gte, lte,
// infix in, out, like and ilike, null() and empty() in APS) is no query of another meaning there.
package rql
