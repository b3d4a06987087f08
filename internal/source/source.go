// Package source says what a database of commerce data must do for Outturn, and
// compiles what may be asked of it.
//
// A source is a snapshot, then queries: Begin fixes what is seen, every Query of
// the snapshot sees the same, and its Reader yields batches as the engine
// produces them. The implementations are the packages below this one; each turns
// a Query into a statement with Compile and runs it.
package source

import (
	"context"
	"time"

	"outturn"
	"outturn/internal/batch"
)

// A Source is one database, file or folder. It may be used by any number of
// goroutines.
type Source interface {
	// Begin opens a snapshot. Errors are outturn.Errors: CodeSourceUnavailable
	// when the source is missing, locked, damaged or out of reach.
	Begin(ctx context.Context) (Database, error)
}

// A Database is a Snapshot that speaks SQL, which data sets can be made for.
type Database interface {
	Snapshot
	Engine
	// Tables lists the tables and views that a data set could be made of.
	Tables(ctx context.Context) ([]string, error)
}

// A Snapshot is one look at a source. One goroutine uses it, one Reader at a
// time, and Close ends it.
type Snapshot interface {
	// Query understands q and starts it. Cancelling ctx interrupts the engine, also
	// while the statement has not yielded a row.
	Query(ctx context.Context, q Query) (Reader, error)
	// Instant is when the snapshot was taken.
	Instant() time.Time
	// Consistent reports whether all queries see the same committed state. A
	// folder of files cannot promise it.
	Consistent() bool
	Close() error
}

// Own is the source of the data sets that Outturn has of itself. It speaks no SQL and
// answers less than a database does; what it cannot, Check tells before there is a run.
type Own interface {
	Begin(ctx context.Context) (Snapshot, error)
	// Check reports what of q cannot be met. Its Errors name the field of the request
	// that they are about.
	Check(q Query) error
}

// Begin opens the one of two sources that has the rows of d; nil is whatever the
// operator's has. own may be nil: then there is nothing in it.
func Begin(ctx context.Context, d *outturn.Dataset, operators Source, own Own) (Snapshot, error) {
	if d == nil || !d.Own() {
		return operators.Begin(ctx)
	}
	if own == nil {
		return nil, outturn.Errorf(outturn.CodeSourceUnavailable, "The data set %s is of Outturn itself, and nothing of it is open here.", d.Name)
	}
	return own.Begin(ctx)
}

// WithPurpose says what a snapshot that ctx begins is for, in a word or two such as
// "run 0192f3a1-…". A database shows it in its list of sessions.
func WithPurpose(ctx context.Context, purpose string) context.Context {
	return context.WithValue(ctx, purposeKey{}, purpose)
}

// Purpose is what WithPurpose said; empty where nobody did.
func Purpose(ctx context.Context) string {
	purpose, _ := ctx.Value(purposeKey{}).(string)
	return purpose
}

type purposeKey struct{}

// A Described is a column as the engine has it.
type Described struct {
	batch.Column
	// Engine is the engine's own name of the type, for people.
	Engine string
	// Local marks a time that the engine keeps without a zone.
	Local bool
	// Compare is the SQL that makes the column, %s, what values of its Type are compared
	// with and sorted by; empty where it is that.
	Compare string
	// CompareFails marks a column of which some values cannot be compared: they break the
	// statement off.
	CompareFails bool
	// AnyScale marks a decimal whose values have as many digits after the point as each
	// likes.
	AnyScale bool
	// Flag marks a whole number that an engine without booleans may mean one by.
	Flag bool
	// Deliver is the SQL that turns the column into its Type, with %s for the
	// column; empty when it is delivered as it is.
	Deliver string
}

// A Reader yields the rows of one query in order.
type Reader interface {
	// Columns tells what the batches hold: first the columns asked for, then
	// those of Query.Hidden.
	Columns() []batch.Column
	// Next resets b and fills it with about batch.TargetBytes of rows. It returns
	// io.EOF, and no rows, after the last one.
	Next(b *batch.Batch) error
	// Replaced counts the characters so far that were no valid UTF-8 and became
	// U+FFFD.
	Replaced() int64
	// Progress is the share of the work done, 0 to 1, where the engine can tell.
	// It may be called while Next runs.
	Progress() (share float64, known bool)
	// Close ends the query, done or not, and waits for the engine to let go.
	Close() error
}

// A Query is what a run wants of a snapshot: a data set through a view, cut to a
// tenant, a window and a filter; or an operator's own SELECT.
type Query struct {
	Dataset *outturn.Dataset
	View    *outturn.View
	// Hidden names fields that must come along without being published, such as
	// the currency of an amount or the key of a row. They follow the view's columns.
	Hidden []string

	Where *outturn.Expr // nil: no filter
	Order []outturn.Order
	Limit int // at most so many rows; 0: all
	// Newest asks for one row with one column instead, CHANGED: the newest instant
	// at which a row changed. See Newest.
	Newest bool
	// ChangedSince asks for other columns instead, of the rows that changed at or after
	// an instant. See Changes.
	ChangedSince *time.Time

	// Invoice keeps the rows of one invoice, by the field that the data set names for it;
	// empty: all.
	Invoice string

	// Window is nil for "all there is".
	Window *outturn.Window

	// Tree is the source's tenant tree; nil when the source is flat.
	Tree *outturn.TenantTree
	// Tenant is the account whose subtree the rows must belong to; in a flat
	// source, whose own they must be. Only an operator may leave it empty, and
	// must say so with Everything.
	Tenant     string
	Everything bool

	// Vars are the values of @tenant, @report_type and @zone in the SELECT.
	Vars Vars

	// SQL is an operator's SELECT, with Args for its $1, $2…, bound as text. It
	// stands alone: all of the above is empty.
	SQL  string
	Args []string
	// Columns are what SQL selects, where that is known: then no engine is asked.
	Columns []batch.Column
	// Key is the column of SQL, whole numbers with an index, by whose values it may be
	// read in parts. A data set names its own: Split.
	Key string
	// Part is for a source that reads in parts.
	Part Part
}

// A Part is what a statement is about of a query that has a key to be read by. A query
// that has none, or an order or a limit of its own, is always whole.
type Part int

const (
	// Whole is all of it.
	Whole Part = iota
	// InOrder is all of it in the key's order, what has no key last: the rows of all
	// slices and the keyless ones, one after the other.
	InOrder
	// Slice is the rows whose key lies between two bounds, the last two of
	// Statement.Args, from the first to just below the second, in the key's order.
	Slice
	// Keyless is the rows that have no key, which are in no slice.
	Keyless
	// KeyRange is one row instead: the least key and the largest, of all rows before
	// anything is left out.
	KeyRange
)

// HiddenPrefix opens the names of hidden columns in the batches. Their titles are
// the fields' names.
const HiddenPrefix = "outturn_hidden_"

// Vars are what a data set's SELECT may ask about the report it serves. They
// inform the SELECT; the scope is applied all the same.
type Vars struct {
	Tenant     string // the account the report is made for
	ReportType string // what the account wants to see, such as RESELLER or PROVIDER
	Zone       string // IANA name of the report's zone
}
