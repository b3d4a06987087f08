package outturn

// A RunRequest is what a client wants, once: a data set through a view, for one
// account, over one window, cut by a filter. Every edge fills it.
type RunRequest struct {
	Dataset string
	// View names a view; Columns lists fields instead. Both empty is the full
	// view.
	View    string
	Columns []string

	Where  *Expr
	Order  []Order
	Window *Window // nil: all there is
	Zone   string  // IANA name of the zone instants are written in; "" is UTC

	// Tenant is the account the report is made for: it holds the rows of that
	// account and of all below it. Only an operator may ask for Everything.
	Tenant     string
	Everything bool
	ReportType string // what @report_type gives; see the data set

	// SQL is an operator's own SELECT, instead of a data set.
	SQL string
}
