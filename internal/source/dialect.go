package source

import (
	"context"
	"fmt"
	"strings"
	"time"

	"outturn"
)

// A Dialect is what an Engine also is, and its snapshots too, whose SQL is not what
// DuckDB and PostgreSQL have in common: other names of types, no common table
// expressions, aliases that are seen in the conditions of the same SELECT. For
// these the compiler writes no casts of columns: numbers come as the engine has
// them, and its reader brings them to the scale of their column, or fails.
type Dialect interface {
	Syntax() Syntax
	// Closed reports SQL of an author that the engine may not read as the compiler
	// does: what it opens and does not close, or a variable that would stand in a
	// string. parts are the texts between the variables.
	Closed(parts ...string) error
	// Literal returns the SQL of a value that is compared with a column. text is as
	// Field.Canonical spells it for f; bind makes a text an argument.
	Literal(f outturn.Field, have Described, text string, bind func(string) string) (string, error)
	// Within returns the condition that owner, an expression of the type of have, is
	// account or one below it in tree, a SELECT. An empty tree has nobody below. The
	// engine may read the tree for it.
	Within(ctx context.Context, tree, account, owner string, have Described, bind func(string) string) (string, error)
}

// A Syntax is how an engine spells what the compiler writes, as formats of
// fmt.Sprintf. Its zero value is not used.
type Syntax struct {
	Text    string // a value as text, null where it is null
	Bound   string // a placeholder as text
	Unbound string // stands for a text of which only the type matters

	Differs string // of two values, the second is not null
	Not     string // true also where the condition is unknown
	Like    string // with a backslash before what stands for itself

	Join   string // between two texts that become one
	Joined string // around texts with Join between them

	Newest    string // the greatest value, null where there are no rows
	DateStamp string // the instant, or wall time, at which a date begins
}

// standard is what DuckDB and PostgreSQL understand.
var standard = Syntax{
	Text: "CAST(%s AS VARCHAR)", Bound: "CAST(%s AS VARCHAR)", Unbound: "CAST(NULL AS VARCHAR)",
	Differs: "(%s IS DISTINCT FROM %s)", Not: "(%s IS NOT TRUE)", Like: `(%s LIKE %s ESCAPE '\')`,
	Join: " || ',' || ", Joined: "(%s)",
	Newest: "max(%s)", DateStamp: "CAST(%s AS TIMESTAMP)",
}

// dialectOf returns how an Engine or a Snapshot spells things; its Dialect is nil
// where that is the standard.
func dialectOf(engine any) (Dialect, Syntax) {
	if d, ok := engine.(Dialect); ok {
		return d, d.Syntax()
	}
	return nil, standard
}

func (s Syntax) text(sql string) string { return fmt.Sprintf(s.Text, sql) }

// mapped is Mapped in a dialect: there the value is compared with each word. flag
// marks a number that stands for a bool.
func (c *compiler) mapped(text string, flag bool, words map[string]string) string {
	if c.dialect == nil {
		return Mapped(text, words, c.bind)
	}
	var b strings.Builder
	b.WriteString("CASE")
	if flag {
		text = "CASE WHEN " + text + " = '0' THEN 'false' WHEN " + text + " = '1' THEN 'true' ELSE " + text + " END"
	}
	for _, code := range sortedKeys(words) {
		b.WriteString(" WHEN " + text + " = " + c.bind(code) + " THEN " + c.bind(words[code]))
	}
	return b.String() + " ELSE " + text + " END"
}

// roundUp returns the first instant, not before t, that a column with so many
// digits of the second can hold. No row of such a column lies between the two.
func roundUp(t time.Time, digits int) time.Time {
	unit := time.Second
	for range digits {
		unit /= 10
	}
	if unit == 0 || t.Truncate(unit).Equal(t) {
		return t
	}
	return t.Truncate(unit).Add(unit)
}
