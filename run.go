package outturn

import (
	"slices"
	"strings"
)

// A RunRequest is what a client wants, once: a data set through a view, for one
// account, over one window, cut by a filter. Every edge fills it.
type RunRequest struct {
	Dataset string
	// View names a view; OwnView is one that is in no catalogue, and Columns lists
	// fields instead. All empty is the full view.
	View    string
	OwnView *View
	Columns []string

	Where  *Expr
	Order  []Order
	Window *Window // nil: all there is
	Zone   string  // IANA name of the zone instants are written in; "" is UTC

	// Tenant is the account the report is made for: it holds the rows of that
	// account and of all below it. Only an operator may ask for Everything.
	Tenant     string
	Everything bool
	ReportType string // one of ReportTypes, or empty; what @report_type gives

	// SQL is an operator's own SELECT, instead of a data set.
	SQL string
}

// ReportTypes are what an account may want to see of its sales: RESELLER its own
// customers, PROVIDER also its sub-resellers and theirs. A data set whose SELECT
// does not ask is the same either way.
var ReportTypes = []string{"RESELLER", "PROVIDER"}

// ParseReportType returns the report type of that name, in any case.
func ParseReportType(name string) (string, error) {
	if upper := strings.ToUpper(name); slices.Contains(ReportTypes, upper) {
		return upper, nil
	}
	return "", Unknown("report type", name, ReportTypes)
}
