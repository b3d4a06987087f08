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
	add("Invoice", m.Invoice)
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
	for _, note := range noteLines(s.Notes, columns) {
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
func noteLines(n outturn.Notes, columns []batch.Column) []string {
	var lines []string
	add := func(n int64, one, many, what string) {
		if n == 1 {
			lines = append(lines, fmt.Sprintf("1 %s %s", one, what))
		} else if n > 1 {
			lines = append(lines, fmt.Sprintf("%d %s %s", n, many, what))
		}
	}
	add(n.Replaced, "character", "characters", "of the source could not be read as UTF-8: U+FFFD stands instead.")
	for _, c := range columns {
		add(n.Cut[c.Name], "cell", "cells", "of "+c.Title()+" had more than a workbook can hold and lost the end: text after 32,767 characters, instants after the millisecond.")
		add(n.AsText[c.Name], "value", "values", "of "+c.Title()+" written as text: "+whyText[c.Type])
	}
	return lines
}

// whyText says what of a type no cell of a spreadsheet can hold.
var whyText = map[outturn.Type]string{
	outturn.Int:     "a spreadsheet keeps 15 significant digits. A sum over the column leaves them out.",
	outturn.Decimal: "a spreadsheet keeps 15 significant digits. A sum over the column leaves them out.",
	outturn.Float:   "a spreadsheet has no number for NaN and infinity.",
	outturn.Date:    "spreadsheets disagree on days before 1900-03-01.",
	outturn.Time:    "spreadsheets disagree on days before 1900-03-01, and have no numbers for some instants.",
}
