package format

import (
	"strconv"
	"strings"
	"unicode"

	"outturn"
	"outturn/internal/batch"
)

// misfit is the error for the cell of column c in row r that its type's spelling
// does not cover, which goes over the given years. It names the row by its number and by its key, the columns at
// these places: the number says nothing to who looks into the database.
func (s span) misfit(c, r int, key []int, years string) error {
	column := s.Columns()[c]
	value := "a " + string(column.Type) + " outside " + years
	if name := infinite(s.Int(c, r)); name != "" {
		value = "the " + string(column.Type) + " " + name
	}
	return outturn.Errorf(outturn.CodeQueryFailed,
		"Column %s holds %s in row %d of the result%s, which a file cannot spell. Mend the data, or publish the column as text.",
		column.Name, value, s.number(r), keyText(s.Batch, r, key))
}

// keyText spells a row's key in parentheses, after a space; "" when there is none.
func keyText(b *batch.Batch, r int, key []int) string {
	var parts []string
	for _, c := range key {
		parts = append(parts, b.Columns()[c].Title()+" "+cellText(b, c, r))
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// cellText spells one cell for people.
func cellText(b *batch.Batch, c, r int) string {
	if b.Null(c, r) {
		return "NULL"
	}
	buf, n, ok := make([]byte, room), 0, true
	column := b.Columns()[c]
	switch column.Type {
	case outturn.Text, outturn.JSON:
		return shortText(string(b.Text(c, r)))
	case outturn.Decimal:
		unscaled, digits := b.Decimal(c, r)
		if digits != nil {
			return string(digits)
		}
		n = putDecimal(buf, 0, unscaled, column.Scale, '.')
	case outturn.Float:
		n = putFloat(buf, 0, b.Float(c, r))
	case outturn.Bool:
		n = putBool(buf, 0, b.Bool(c, r))
	case outturn.Date:
		n, ok = putDate(buf, 0, b.Int(c, r))
	case outturn.Time:
		n, ok = newClock(nil).put(buf, 0, b.Int(c, r), column.Scale)
	default:
		n = putInt(buf, 0, b.Int(c, r))
	}
	if !ok {
		return "beyond those years"
	}
	return string(buf[:n])
}

// shortText returns a text as it is, unless it would tear the sentence it goes
// into: then in quotes, or without its end.
func shortText(text string) string {
	const longest = 100
	if characters := []rune(text); len(characters) > longest {
		text = string(characters[:longest]) + "…"
	}
	if text == "" || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.Quote(text)
	}
	return text
}
