// Package aps is CloudBlue Commerce's Reporting and Data Export as its APS REST API has
// it, below /aps/2: an integration that was written for that goes on with another host
// and other credentials. docs/dialects/aps.md says call by call what is the same, what
// is different and what there is not; the sections in comments are of the contract that
// it was written from.
//
//	report template       outturn.Generator
//	report file           outturn.Run, with its file
//	tenant, account       outturn.Tenant
//	report customization  outturn.SavedView, or a view that comes with a data set
//	data set              outturn.Dataset
//
// All of these are resources: one shape, one list, one way to link them. A kind says how
// each is listed, read, made, changed and removed; the rest does not tell them apart.
// Nothing is decided here: requests are decoded, package reporting is asked, and what it
// says is put into APS's words.
package aps
