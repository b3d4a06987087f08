package duckdb

import (
	"fmt"
	"time"

	"outturn"
	"outturn/internal/source"
)

// fromText returns the SQL that reads a text of a CSV file as a value of f. Only
// spellings that mean exactly one value are read, anything else breaks the
// statement off: the engine's own casts round 1.5 to 2, cut the time off a date
// and drop the offset of a time.
//
//	int      -12
//	decimal  -12.50, with no more digits after the point than f has, zeros aside
//	float    what the engine reads
//	bool     true, false, t, f, 1, 0, yes, no, y, n
//	date     2026-09-01
//	time     2026-09-01T08:00:00.5, a blank or T between, at home in zone
//	         unless Z or an offset follows
//	json     any JSON value
func fromText(cell source.Cell, f outturn.Field, zone *time.Location) string {
	switch f.Type {
	case outturn.Int:
		return checked(cell, `[+-]?[0-9]+`, "BIGINT", "which is no int")
	case outturn.Decimal:
		return checked(cell, fmt.Sprintf(`[+-]?[0-9]+(\.[0-9]{0,%d}0*)?`, f.Scale), decimalType(f.Scale), notOfScale(f.Scale))
	case outturn.Float:
		return checked(cell, "", "DOUBLE", "which is no float")
	case outturn.Bool:
		return checked(cell, "", "BOOLEAN", "which is no bool")
	case outturn.Date:
		return checked(cell, `[0-9]{4}-[0-9]{2}-[0-9]{2}`, "DATE", "which is no date")
	case outturn.Time:
		return timeFromText(cell, zone)
	case outturn.JSON:
		return checked(cell, "", "JSON", "which is no json")
	}
	return cell.SQL
}

// timeFromText gives times without a zone: the wall clock of zone.
func timeFromText(cell source.Cell, zone *time.Location) string {
	const offset = `(Z|[+-][0-9]{2}(:?[0-9]{2})?)`
	stamp := fmt.Sprintf(`[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{0,%d}0*)?)?`, outturn.MaxTimeScale)
	name := quoteText(zone.String())
	instant := "TRY_CAST(" + cell.SQL + " AS TIMESTAMP WITH TIME ZONE)"
	there := "timezone(" + name + ", " + instant + ")"
	if zone != time.UTC {
		// The second occurrence of a time that comes twice would be read as the
		// first.
		there = fmt.Sprintf("CASE WHEN timezone(%s, %s - INTERVAL 1 HOUR) = %s OR timezone(%s, %s - INTERVAL 30 MINUTE) = %s THEN CAST(%s AS TIMESTAMP) ELSE %s END",
			name, instant, there, name, instant, there,
			complaint(cell, "which the clocks of "+zone.String()+" show twice"), there)
	}
	local := checked(cell, stamp, "TIMESTAMP", "which is no time")
	return fmt.Sprintf("CASE WHEN regexp_full_match(%s, %s) AND %s IS NOT NULL THEN %s ELSE %s END", cell.SQL, quoteText(stamp+offset), instant, there, local)
}

// checked is the cell's text as a value of an SQL type where it matches pattern
// and is one, null where it is null, and otherwise the end of the statement.
func checked(cell source.Cell, pattern, sqlType, why string) string {
	value := "TRY_CAST(" + cell.SQL + " AS " + sqlType + ")"
	if pattern != "" {
		value = "CASE WHEN regexp_full_match(" + cell.SQL + ", " + quoteText(pattern) + ") THEN " + value + " END"
	}
	return fmt.Sprintf("COALESCE(%s, CASE WHEN %s IS NOT NULL THEN CAST(%s AS %s) END)", value, cell.SQL, complaint(cell, why), sqlType)
}

// rescale returns the SQL that gives a decimal fewer digits after the point, if
// those that go are zeros. To compare, the engine is given the digits back.
func rescale(cell source.Cell, scale int) string {
	cut := "CAST(" + cell.SQL + " AS " + decimalType(scale) + ")"
	return fmt.Sprintf("CASE WHEN %s IS NULL OR TRY(%s - %s) = 0 THEN %s ELSE CAST(%s AS %s) END",
		cell.SQL, cell.SQL, cut, cut, complaint(cell, notOfScale(scale)), decimalType(scale))
}

// widen returns the SQL that makes a whole number a decimal with scale digits after
// the point, if it has room for them.
func widen(cell source.Cell, scale int) string {
	return checked(cell, "", decimalType(scale), fmt.Sprintf("which is too large for a decimal of scale %d", scale))
}

func decimalType(scale int) string { return fmt.Sprintf("DECIMAL(%d,%d)", outturn.MaxScale, scale) }

func notOfScale(scale int) string { return fmt.Sprintf("which is no decimal of scale %d", scale) }

// complaint is SQL that fails, naming the column, the value and the row. What is
// long is cut: the row tells where to find it.
func complaint(cell source.Cell, why string) string { return complaintOf(cell, quoteText("', "+why)) }

// complaintOf is complaint with why as SQL, whose text begins with the quote that ends
// the value.
func complaintOf(cell source.Cell, why string) string {
	const most = 200
	text := fmt.Sprintf("%s || left(CAST(%s AS VARCHAR), %d) || %s", quoteText(ownError+cell.Name+" holds '"), cell.SQL, most, why)
	if cell.Row != "" {
		text += " || ', in the row ' || " + cell.Row
	}
	return "error(" + text + " || '.')"
}
