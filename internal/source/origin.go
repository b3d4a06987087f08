package source

import (
	"strings"

	"outturn"
)

// What a database is asked about a data set besides its rows: where the columns come
// from, what is read, and whether an index helps. The SELECTs here have no parameters;
// variables in them are null.

// BodySQL is a data set's SELECT alone.
func BodySQL(d *outturn.Dataset) (string, error) {
	body, err := parseTemplate(d.SQL)
	if err != nil {
		return "", err
	}
	return body.describable(standard), nil
}

// ExpressionSQL is a SELECT of one column, an expression of d's header, over d's rows.
func ExpressionSQL(d *outturn.Dataset, expression string) (string, error) {
	body, err := BodySQL(d)
	if err != nil {
		return "", err
	}
	if err := checkExpression(expression); err != nil {
		return "", err
	}
	return "WITH d AS (" + body + "\n) SELECT (" + expression + "\n) AS outturn_expression FROM d", nil
}

// TreeSQL is the SELECT of a tenant tree.
func TreeSQL(tree *outturn.TenantTree) (string, error) { return treeSQL(tree) }

// A Table is what a database's catalogue knows of one of its tables or views.
type Table struct {
	// Name is the table as a data set writes it, quoted where it must be.
	Name    string
	Comment string
	Columns []TableColumn
	Key     []string // the columns of the primary key
	Links   []Link
	// Indexed are the columns that an index of all rows begins with.
	Indexed []string
}

// A TableColumn is one column of a Table.
type TableColumn struct {
	Name    string
	Comment string
	NotNull bool
}

// A Link is a foreign key: the Columns of a row name one row of another table by its
// References.
type Link struct {
	Columns    []string
	Table      string // as Table.Name
	References []string
}

// Link returns the foreign key of the one column.
func (t Table) Link(column string) (Link, bool) {
	for _, l := range t.Links {
		if len(l.Columns) == 1 && strings.EqualFold(l.Columns[0], column) {
			return l, true
		}
	}
	return Link{}, false
}

// A Origin is the column of a table that a column of a SELECT is, unchanged.
type Origin struct{ Table, Column string }
