package postgres

import (
	"fmt"
	"strings"

	"outturn"
	"outturn/internal/source"
)

// Untyped is false: every column has a type.
func (s *snapshot) Untyped() bool { return false }

// FromText has nothing to do where columns have types.
func (s *snapshot) FromText(cell source.Cell, _ outturn.Field) string { return cell.SQL }

// Bytewise sorts as no language does, and as every other engine: by the bytes of UTF-8.
func (s *snapshot) Bytewise(sql string) string { return "(" + sql + ` COLLATE "C")` }

// Exact undoes what a column says of itself, where the database has a collation with which
// somebody can say so. Without one all texts are compared by their bytes anyway, and an
// index that is of the column's own collation is of use.
func (s *snapshot) Exact(sql string) string {
	if !s.lenient {
		return sql
	}
	return s.Bytewise(sql)
}

// Rescale gives a decimal fewer digits after the point, if those that go are zeros.
func (s *snapshot) Rescale(cell source.Cell, scale int) string {
	return fmt.Sprintf("CASE WHEN %s = trunc(%s, %d) THEN CAST(%s AS %s) WHEN %s IS NOT NULL THEN %s END",
		cell.SQL, cell.SQL, scale, cell.SQL, numeric(scale), cell.SQL, complaint(cell, fmt.Sprintf("which is no decimal of scale %d", scale), numeric(scale)))
}

// Widen makes a whole number a decimal, if it has room for the digits after the point.
func (s *snapshot) Widen(cell source.Cell, scale int) string {
	return fmt.Sprintf("CASE WHEN abs(CAST(%s AS NUMERIC)) < 1e%d THEN CAST(%s AS NUMERIC(%d,%d)) WHEN %s IS NOT NULL THEN %s END",
		cell.SQL, outturn.MaxScale-scale, cell.SQL, outturn.MaxScale, scale, cell.SQL,
		complaint(cell, fmt.Sprintf("which is too large for a decimal of scale %d", scale), fmt.Sprintf("NUMERIC(%d,%d)", outturn.MaxScale, scale)))
}

// numeric is the type of decimals of a scale, with all the digits before the point that
// there can be.
func numeric(scale int) string { return fmt.Sprintf("NUMERIC(1000,%d)", scale) }

// Attribute looks into JSON as it was written: of equal names the first, numbers with
// their digits.
func (s *snapshot) Attribute(cell source.Cell, name string, words map[string]string, bind func(string) string) string {
	json := "CAST(CAST(" + cell.SQL + " AS TEXT) AS JSON)"
	wanted := "CAST(" + bind(name) + " AS TEXT)"
	text := strings.NewReplacer("{json}", json, "{name}", wanted, "{other}", complaint(cell, "which is neither an object nor an array of pairs", "TEXT")).Replace(`CASE json_typeof({json})
WHEN 'object' THEN (SELECT a.value FROM json_each_text({json}) WITH ORDINALITY AS a(key, value, n) WHERE a.key = {name} ORDER BY a.n LIMIT 1)
WHEN 'array' THEN CASE WHEN (SELECT bool_and(CASE json_typeof(e.pair) WHEN 'array' THEN json_array_length(e.pair) = 2 ELSE FALSE END) FROM json_array_elements({json}) AS e(pair)) IS NOT FALSE
  THEN (SELECT e.pair ->> 1 FROM json_array_elements({json}) WITH ORDINALITY AS e(pair, n) WHERE e.pair ->> 0 = {name} ORDER BY e.n LIMIT 1)
  ELSE {other} END
WHEN 'null' THEN NULL
ELSE CASE WHEN {json} IS NOT NULL THEN {other} END END`)
	if len(words) == 0 {
		return "(" + text + ")"
	}
	return "(SELECT " + source.Mapped("w.word", words, bind) + " FROM (SELECT " + text + " AS word) AS w)"
}

// ownError opens what the database says in our words: see complaint.
const ownError = "outturn: "

// complaint is SQL of a type that fails, naming the column, the value and the row: what
// it says is no number, and the database says so. What is long is cut: the row tells
// where to find it.
func complaint(cell source.Cell, why, sqlType string) string {
	const most = 200
	text := fmt.Sprintf("%s || left(CAST(%s AS TEXT), %d) || %s", literal(ownError+cell.Name+" holds '"), cell.SQL, most, literal("', "+why))
	if cell.Row != "" {
		text += " || ', in the row ' || " + cell.Row
	}
	return "CAST(CAST(CAST(" + text + " || '.' AS TEXT) AS INTEGER) AS " + sqlType + ")"
}
