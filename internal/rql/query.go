package rql

import (
	"outturn"
)

// Limits of a query.
const (
	MaxLength = 8 << 10 // bytes, as it is sent
	MaxDepth  = 32      // nested parentheses
	MaxTerms  = 500     // conditions, and fields of sort and select
	MaxValues = 1000    // of all conditions together
	MaxField  = 255     // characters of one field
)

// DefaultCount is how many APS lists where the query does not say.
const DefaultCount = 1000

// OpILike is OpLike in which case does not count. No ledger has it: the field function
// of Map says what it is there, or refuses it.
const OpILike outturn.Op = "ilike"

// A Query is what a client asks of a list.
type Query struct {
	// Where holds the conditions, with fields as written; nil when there is none. The
	// patterns of OpLike and OpILike are in outturn's form.
	Where *outturn.Expr

	Implementing []string // types, all of which are to be implemented
	Composing    []string

	Order  []outturn.Order
	Select []string // fields as written; with a - before those left out (Connect)
	Limit  *Limit   // nil when the query says nothing
}

// A Limit is a part of a list.
type Limit struct {
	Start int // of the first, from 0
	Count int // -1 when the query does not say (Connect)
}

// A Dialect is one API's way to write queries.
type Dialect int

// The dialects. See the package comment for where they differ.
const (
	APS Dialect = iota
	Connect
)

// rules hold what differs between dialects.
type rules struct {
	name         string
	decodeFirst  bool // percent-encoding is resolved before the query is split
	plusIsBlank  bool
	quotes       bool
	anyOne       bool // ? is a wildcard
	orGroups     bool // (a|b) and (a;b)
	tuples       bool
	types        bool // implementing and composing
	limitIsField bool // limit=10 and offset=20
	startFirst   bool // limit(start) and limit(start,number), not limit(number)
	exclude      bool // select(-a,+b)
	fewest       int  // parts of and and or
	order        string
	separator    string
}

var dialects = [...]rules{
	APS:     {name: "APS", plusIsBlank: true, anyOne: true, types: true, startFirst: true, fewest: 1, order: "sort", separator: ","},
	Connect: {name: "Connect", decodeFirst: true, quotes: true, orGroups: true, tuples: true, limitIsField: true, exclude: true, fewest: 2, order: "ordering", separator: "&"},
}

// most is the largest number that limit takes.
const most = 1<<31 - 1
