// Package outturn holds the words of the business: tenants and the data sets
// they may export, views of those, the window a report covers, the filter and
// order it was asked with, the manifest of what came out, and the one error
// type that speaks to people. Everything below this package shares them and
// nothing here knows how any of it is stored, read or rendered.
//
// A report goes through these words in this order:
//
//	Dataset ─ View ─┐
//	Expr, Order ────┼─► a query over a source ─► batches ─► a file ─► Manifest
//	Window, tenant ─┘
//
// The package imports the standard library alone.
package outturn
