package source

// A Scope is whose rows a statement may see, told to a database that guards its rows
// by itself. It is a second net: should the condition that Compile writes into a
// statement ever be missing, the database still gives out none of another's rows.
//
// A policy of row-level security asks for two settings of the transaction:
//
//	outturn.account     the account of the source that the report is made for, as text
//	outturn.everything  'on' for all rows there are
//
// An account stands for itself and all below: the policy looks into the tenant tree
// for that, as the statement does, in its own snapshot. A list of ids in a setting
// would be as long as the tree and as old as its reading. The zero Scope is nobody's:
// what was forgotten sees nothing.
type Scope struct {
	Account string
	// Everything is said by an operator's export and by an operator's own SQL, and
	// never follows from an account that is empty. With it Account does not count.
	Everything bool
}

// SetScope is the statement that tells a transaction of PostgreSQL its scope, with the
// arguments of Scope.Args. It goes before all others of the transaction, and ends
// with it: a connection that is used again carries none of it along.
const SetScope = `SELECT set_config('outturn.account', $1, true), set_config('outturn.everything', $2, true)`

// Args are bound as text to $1 and $2 of SetScope. Both are always set, so that
// nothing of a session's own settings counts.
func (s Scope) Args() []string {
	if s.Everything {
		return []string{"", "on"}
	}
	return []string{s.Account, "off"}
}
