package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
)

// infoLines is what a file tells about itself: what was asked, of which state of
// the data, and what came out.
func infoLines(m outturn.Manifest, s format.Summary, totals Totals, columns []batch.Column) []format.InfoLine {
	var lines []format.InfoLine
	add := func(label, value string) {
		if value != "" {
			lines = append(lines, format.InfoLine{Label: label, Value: value})
		}
	}
	add("Data set", m.Dataset)
	add("View", m.View)
	add("Query", m.Query)
	add("Account", m.Tenant)
	add("Report type", m.ReportType)
	if m.Window != nil {
		add("From", m.Window.From.Format(time.RFC3339))
		add("To (exclusive)", m.Window.To.Format(time.RFC3339))
	}
	add("Selection", m.Selection)
	add("Filter", m.Filter)
	add("Order", orderText(m.Order))
	add("Time zone", m.Zone)
	add("Data as of", m.Snapshot.Instant.UTC().Format(time.RFC3339))
	add("Snapshot", m.Snapshot.Kind)
	lines = append(lines, format.InfoLine{Label: "Rows", Value: strconv.FormatInt(s.Rows, 10), Number: true})
	for _, c := range columns {
		for _, currency := range slices.Sorted(maps.Keys(totals[c.Name])) {
			lines = append(lines, format.InfoLine{Label: "Total of " + c.Title(), Value: totals[c.Name][currency], Unit: currency, Number: true})
		}
	}
	for _, note := range noteLines(s.Notes) {
		add("Note", note)
	}
	add("Outturn", m.Outturn)
	return lines
}

func orderText(order []outturn.Order) string {
	var terms []string
	for _, o := range order {
		if o.Desc {
			o.Field += " desc"
		}
		terms = append(terms, o.Field)
	}
	return strings.Join(terms, ", ")
}

// noteLines says in sentences what notes count.
func noteLines(n outturn.Notes) []string {
	var lines []string
	if n.Replaced > 0 {
		lines = append(lines, fmt.Sprintf("%d characters that a file cannot hold were replaced by U+FFFD.", n.Replaced))
	}
	for _, column := range slices.Sorted(maps.Keys(n.Cut)) {
		lines = append(lines, fmt.Sprintf("%d cells of %s have more than a workbook can hold and lost their end: text after 32,767 characters, instants after the millisecond.", n.Cut[column], column))
	}
	for _, column := range slices.Sorted(maps.Keys(n.AsText)) {
		lines = append(lines, fmt.Sprintf("%d values of %s are text, because no number of a spreadsheet is exactly as long. A sum over the column leaves them out.", n.AsText[column], column))
	}
	return lines
}
