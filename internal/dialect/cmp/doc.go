// Package cmp speaks the API to Reporting and Data Export that is called CMP,
// SimpleAPI or Marketplace API: a token, a list of reports, one report, and a new one.
// docs/dialects/cmp.md says of each call what is as CloudBlue has it and what is not.
//
//	dialect, err := cmp.New(cmp.Config{Gate: gate})
//	if dialect.Serves(r.URL.Path) { dialect.ServeHTTP(w, r) }
//
// A report is a run of the caller's own tenant, whoever asked for it and by whichever
// API. The contract has no data sets: a report is named by a view, and a view is of one
// data set. Nothing is decided here but how it is said.
package cmp
