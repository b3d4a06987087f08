package source

import (
	"context"
	"time"

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

// A Cataloged is a Database that knows more of its tables than their columns.
type Cataloged interface {
	// Table tells of a table what the catalogue has, by its name in Database.Tables.
	Table(ctx context.Context, name string) (Table, error)
	// Origin tells of which table's column the one column of a SELECT is, unchanged.
	Origin(ctx context.Context, sql string) (o Origin, found bool, err error)
}

// A Table is what a database's catalogue knows of one of its tables or views.
type Table struct {
	Name    string // as Database.Tables has it
	SQL     string // the name as a SELECT has it, quoted
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

// A Link is a foreign key of one column, which names a row of another table.
type Link struct {
	Column     string
	Table      string // as Table.Name
	References string // the column there
}

// An Origin is a column of a table.
type Origin struct{ Table, Column string }

// An Adviser is a Database that can tell what it would need to answer fast.
type Adviser interface {
	// Advise tells which of scope, period and split of d cannot use an index, where
	// the table is large enough for that to matter.
	Advise(ctx context.Context, d *outturn.Dataset, tree *outturn.TenantTree) ([]Advice, error)
}

// An Advice is one thing that would make a data set faster.
type Advice struct {
	Dataset string `json:"data_set"`
	Part    string `json:"part"` // tenant, period or split
	Table   string `json:"table"`
	Column  string `json:"column,omitempty"`
	Index   string `json:"index,omitempty"` // the statement that makes one
	Text    string `json:"text"`
}

// A Choice is a part of a data set's header by which rows are chosen.
type Choice struct {
	Name, Expression string
	Query            Query // that chooses by it alone, as far as one can
	// Marker is a text of the constant that it is compared with in the Query; empty
	// where there is none.
	Marker string
}

// Chosen lists by what rows of d are chosen.
func Chosen(d *outturn.Dataset, tree *outturn.TenantTree) []Choice {
	vars := Vars{Tenant: "1", ReportType: "PROVIDER", Zone: "UTC"}
	day := time.Date(1987, 6, 5, 0, 0, 0, 0, time.UTC)
	all := Query{Dataset: d, View: outturn.Full(d), Everything: true, Vars: vars}
	scoped, windowed, part := all, all, all
	scoped.Everything, scoped.Tenant, scoped.Tree = false, "1", tree
	windowed.Window = &outturn.Window{From: day, To: day.AddDate(0, 0, 1), Zone: time.UTC}
	part.Part = Slice
	list := []Choice{{Name: "tenant", Expression: d.Tenant, Query: scoped}, {Name: "split", Expression: d.Split, Query: part}}
	if d.Period != nil {
		list = append(list, Choice{Name: "period", Expression: d.Period.Expr, Query: windowed, Marker: "1987-06-05"})
	}
	return list
}
