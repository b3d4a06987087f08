package catalog

import (
	"context"
	"fmt"
	"strings"

	"outturn"
	"outturn/internal/source"
)

// Draft writes a data set file for a table: every column with its type, for the
// author to add whose rows they are, the period and what the fields mean.
func Draft(ctx context.Context, s source.Database, table string) (string, error) {
	quoted := source.QuoteIdent(table)
	columns, err := s.Describe(ctx, "SELECT * FROM "+quoted)
	if err != nil {
		return "", err
	}
	var fields, list []string
	period := ""
	for _, c := range columns {
		name := fieldName(c.Name)
		text := fmt.Sprintf("  - {name: %s, type: %s", name, c.Type)
		if c.Type == outturn.Decimal {
			text += fmt.Sprintf(", scale: %d", c.Scale)
		}
		fields = append(fields, text+", meaning: \"\"}")
		list = append(list, fmt.Sprintf("  %s AS %s", source.QuoteIdent(c.Name), name))
		if period == "" {
			period = draftPeriod(name, c.Type)
		}
	}
	return fmt.Sprintf(`/*
version: 1
source: %s
description: One row per …
# tenant: an expression over the columns below that gives the account a row belongs to
%skey: []
fields:
%s
*/
SELECT
%s
FROM %s
`, "mine", period, strings.Join(fields, "\n"), strings.Join(list, ",\n"), quoted), nil
}

// draftPeriod proposes the first date or instant as the period.
func draftPeriod(name string, t outturn.Type) string {
	switch t {
	case outturn.Time:
		return "period: {expr: " + name + ", kind: instant, zone: UTC}\n"
	case outturn.Date:
		return "period: {expr: " + name + ", kind: date}\n"
	}
	return ""
}

// fieldName makes a column's name one that a field may have.
func fieldName(column string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r < 0x80 && outturn.ValidName.MatchString("x"+string(r)) {
			return r
		}
		return '_'
	}, column)
	if !outturn.ValidName.MatchString(name) {
		name = "c_" + name
	}
	return name[:min(len(name), 63)]
}
