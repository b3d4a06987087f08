package duckdb

import (
	"fmt"
	"time"

	"outturn"
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
func fromText(expr string, f outturn.Field, zone *time.Location) string {
	switch f.Type {
	case outturn.Int:
		return checked(expr, f, `[+-]?[0-9]+`, "CAST("+expr+" AS BIGINT)")
	case outturn.Decimal:
		return checked(expr, f, fmt.Sprintf(`[+-]?[0-9]+(\.[0-9]{0,%d}0*)?`, f.Scale), fmt.Sprintf("CAST(%s AS DECIMAL(38,%d))", expr, f.Scale))
	case outturn.Float:
		return "CAST(" + expr + " AS DOUBLE)"
	case outturn.Bool:
		return "CAST(" + expr + " AS BOOLEAN)"
	case outturn.Date:
		return checked(expr, f, `[0-9]{4}-[0-9]{2}-[0-9]{2}`, "CAST("+expr+" AS DATE)")
	case outturn.Time:
		return timeFromText(expr, f, zone)
	case outturn.JSON:
		return "CAST(" + expr + " AS JSON)"
	}
	return expr
}

// timeFromText gives times without a zone: the wall clock of zone.
func timeFromText(expr string, f outturn.Field, zone *time.Location) string {
	const offset = `(Z|[+-][0-9]{2}(:?[0-9]{2})?)`
	stamp := fmt.Sprintf(`[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{0,%d}0*)?)?`, outturn.MaxTimeScale)
	name := quoteText(zone.String())
	instant := "CAST(" + expr + " AS TIMESTAMP WITH TIME ZONE)"
	there := "timezone(" + name + ", " + instant + ")"
	if zone != time.UTC {
		// The second occurrence of a time that comes twice would be read as the
		// first.
		there = fmt.Sprintf("CASE WHEN timezone(%s, %s - INTERVAL 1 HOUR) = %s OR timezone(%s, %s - INTERVAL 30 MINUTE) = %s THEN CAST(%s AS TIMESTAMP) ELSE %s END",
			name, instant, there, name, instant, there,
			complaint(expr, f, "which the clocks of "+zone.String()+" show twice"), there)
	}
	local := checked(expr, f, stamp, "CAST("+expr+" AS TIMESTAMP)")
	return fmt.Sprintf("CASE WHEN regexp_full_match(%s, %s) THEN %s ELSE %s END", expr, quoteText(stamp+offset), there, local)
}

// checked is value where expr matches pattern, null where it is null, and
// otherwise the end of the statement.
func checked(expr string, f outturn.Field, pattern, value string) string {
	return fmt.Sprintf("CASE WHEN %s IS NULL OR regexp_full_match(%s, %s) THEN %s ELSE CAST(%s AS %s) END",
		expr, expr, quoteText(pattern), value, complaint(expr, f, "which is no "+string(f.Type)), sqlType(f))
}

// complaint is SQL that fails, naming the field and the value.
func complaint(expr string, f outturn.Field, why string) string {
	text := fmt.Sprintf("Field %s holds ''", f.Name)
	if f.Type == outturn.Decimal {
		why += fmt.Sprintf(" of scale %d", f.Scale)
	}
	return "error('" + text + "' || " + expr + " || ''', " + why + "')"
}

func sqlType(f outturn.Field) string {
	switch f.Type {
	case outturn.Int:
		return "BIGINT"
	case outturn.Decimal:
		return fmt.Sprintf("DECIMAL(38,%d)", f.Scale)
	case outturn.Date:
		return "DATE"
	}
	return "TIMESTAMP"
}
