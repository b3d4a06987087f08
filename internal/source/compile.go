package source

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/batch"
)

// A Statement is a compiled Query. All values that came from outside are
// arguments; the text holds only what data sets and the compiler wrote.
type Statement struct {
	SQL string
	// Args are bound as text to $1, $2…; the SQL casts each where it is used.
	Args []string
	// Columns are what the batches must hold.
	Columns []batch.Column
	// Zone is where times without a zone are at home.
	Zone *time.Location
	// Scope is whose rows SQL may see. The SQL keeps to it by itself; a database that
	// guards its rows too is told before, in the same transaction.
	Scope Scope
	// Unsplit is why the statement is for the whole query though a part was asked for.
	Unsplit error
}

// An Engine is what the compiler asks of a snapshot.
type Engine interface {
	// Describe tells which columns a SELECT has, without running it. The SELECT
	// has no parameters.
	Describe(ctx context.Context, sql string) ([]Described, error)
	// Untyped reports whether columns may be text only because the files they
	// come from have no types.
	Untyped() bool
	// FromText returns the SQL that reads the text cell as a value of f and fails
	// where that would lose or change anything. Only an untyped engine needs it.
	FromText(cell Cell, f outturn.Field) string
	// Rescale returns the SQL that gives the decimal cell scale digits after the
	// point, fewer than it has, and fails where one of those cut off is not zero.
	Rescale(cell Cell, scale int) string
	// Widen returns the SQL that makes the whole number in cell a decimal with
	// scale digits after the point, and fails where there is no room for them.
	Widen(cell Cell, scale int) string
	// Attribute returns the SQL of the text of one attribute of the JSON cell,
	// which is an object or an array of pairs, name and value. It is null where
	// the cell is null or has no such attribute, or null as its value; of equal
	// names it is the first. Other JSON than a string is spelt as it stands. It
	// fails where the cell has another shape. words take the place of the texts
	// that they are for, as Mapped does it. bind makes a text an argument and
	// returns its placeholder.
	Attribute(cell Cell, name string, words map[string]string, bind func(text string) string) string
	// Bytewise returns the SQL of a text that compares and sorts by its bytes, whatever
	// language the engine would sort it in.
	Bytewise(sql string) string
}

// A Cell is a value of a row as SQL, with what an error about it must tell.
type Cell struct {
	SQL string
	// Name is what an error calls the column, such as "Field TOTAL".
	Name string
	// Row is the SQL of a text that names the row by its key, such as
	// "INVOICE_ID 000021"; empty where the data set has no key.
	Row string
}

// Compile turns q into one statement. A data set's SELECT stands in it as it is,
// in parentheses; around it the compiler puts the scope, the window, the filter
// and the order:
//
//	WITH RECURSIVE outturn_tree AS (…), outturn_scope AS (…)
//	SELECT d."A", … FROM (SELECT …) AS d
//	WHERE (tenant) IN (SELECT id FROM outturn_scope) AND (period) >= $2 AND …
//	ORDER BY …
//
// Where a condition may fail at a value, the scope decides first which rows it is
// asked of: see where.
func Compile(ctx context.Context, q Query, e Engine) (Statement, error) {
	if q.SQL != "" {
		return compileRaw(ctx, q, e)
	}
	body, err := parseTemplate(q.Dataset.SQL)
	if err != nil {
		return Statement{}, fmt.Errorf("data set %s: %w", q.Dataset.Name, err)
	}
	c, err := newCompiler(ctx, q, e, body)
	if err != nil {
		return Statement{}, err
	}
	return c.compile(ctx)
}

// CheckFit reports everything in which d's SELECT and its header disagree.
func CheckFit(ctx context.Context, d *outturn.Dataset, e Engine) error {
	body, err := parseTemplate(d.SQL)
	if err != nil {
		return err
	}
	_, err = newCompiler(ctx, Query{Dataset: d}, e, body)
	return err
}

// compileRaw wraps an operator's own SELECT only where a column must be turned
// into something that formats can write.
func compileRaw(ctx context.Context, q Query, e Engine) (Statement, error) {
	s := Statement{SQL: q.SQL, Args: q.Args, Columns: q.Columns, Zone: time.UTC, Scope: Scope{Everything: true}}
	if q.Columns != nil {
		return s, nil
	}
	have, err := e.Describe(ctx, q.SQL)
	if err != nil {
		return Statement{}, err
	}
	var list []string
	wrap := false
	for _, col := range have {
		s.Columns = append(s.Columns, col.Column)
		if col.AnyScale { // no scale is right for all, and text has each as it is
			s.Columns[len(s.Columns)-1] = batch.Column{Name: col.Name, Type: outturn.Text}
		}
		list = append(list, deliver(col, QuoteIdent(col.Name))+" AS "+QuoteIdent(col.Name))
		wrap = wrap || col.Deliver != ""
	}
	if q.Part != Whole {
		if s.Unsplit = q.unsplit(byFoldedName(have)[strings.ToLower(q.Key)]); s.Unsplit == nil {
			s.part(q, list, byFoldedName(have)[strings.ToLower(q.Key)].Name)
			return s, nil
		}
	}
	if wrap {
		s.SQL = "SELECT " + strings.Join(list, ", ") + " FROM (" + TrimStatement(q.SQL) + "\n) AS d"
	}
	return s, nil
}

// newCompiler holds q's data set against the engine. An author's SELECT and
// expressions will stand in parentheses, and the engine itself has to say that
// they cannot break out of them. It takes each without parentheses and with
// nothing of the author's after it: there a string or comment that is left open,
// or a parenthesis that closes what was not opened, is a fault of syntax. What
// is closed in itself cannot reach into what it is put next to. A column's name alone
// is closed without asking.
func newCompiler(ctx context.Context, q Query, e Engine, body template) (*compiler, error) {
	dialect, syntax := dialectOf(e)
	if dialect != nil {
		if err := dialect.Closed(body.text...); err != nil {
			return nil, err
		}
	}
	var tree map[string]Described
	if q.Tree != nil {
		var err error
		if tree, err = describeTree(ctx, q.Tree, e); err != nil {
			return nil, err
		}
	}
	described := body.describable(syntax)
	have, err := e.Describe(ctx, described)
	if err != nil {
		return nil, err
	}
	over := func(list string) string { return "WITH d AS (" + described + "\n) SELECT d.*" + list + " FROM d" }
	if dialect != nil { // which knows by itself that nothing is left open
		over = func(list string) string { return "SELECT d.*" + list + " FROM (" + described + "\n) AS d" }
	}
	list, columns := "", byFoldedName(have)
	for _, expr := range headerExpressions(q.Dataset) {
		err := checkExpression(expr.sql)
		if err == nil && dialect != nil {
			err = dialect.Closed(expr.sql)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimPrefix(expr.name, "outturn_"), err)
		}
		if isColumn.MatchString(expr.sql) {
			if column, ok := columns[strings.ToLower(expr.sql)]; ok {
				columns[expr.name] = column
				continue
			}
		} else if _, err := e.Describe(ctx, over(", "+expr.sql+"\n AS "+expr.name)); err != nil {
			return nil, err
		}
		list += ", (" + expr.sql + "\n) AS " + expr.name
	}
	if list != "" {
		if have, err = e.Describe(ctx, over(list)); err != nil {
			return nil, err
		}
		for name, column := range byFoldedName(have) {
			columns[name] = column
		}
	}
	c := &compiler{Query: q, engine: e, dialect: dialect, syntax: syntax, body: body, have: columns, tree: tree}
	return c, c.fit()
}

// isColumn matches an expression that is no more than the name of a column.
var isColumn = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// A headerExpression is SQL of a data set's header under the name we give it.
type headerExpression struct{ name, sql string }

func headerExpressions(d *outturn.Dataset) []headerExpression {
	list := []headerExpression{{tenantColumn, d.Tenant}, {splitColumn, d.Split}, {changedColumn, d.Changed}}
	if d.Period != nil {
		list = append(list, headerExpression{periodColumn, d.Period.Expr})
	}
	return slices.DeleteFunc(list, func(e headerExpression) bool { return e.sql == "" })
}

// checkExpression refuses what our own lexer sees to be unclosed, and parameters,
// which are the compiler's.
func checkExpression(sql string) error {
	t, err := parseTemplate(sql)
	if err == nil && len(t.vars) > 0 {
		err = outturn.Errorf(outturn.CodeDatasetInvalid, "An expression of the header may not use @%s; only the SELECT may.", t.vars[0])
	}
	return err
}

const (
	tenantColumn  = "outturn_tenant"
	periodColumn  = "outturn_period"
	changedColumn = "outturn_changed"
)

func byFoldedName(have []Described) map[string]Described {
	m := make(map[string]Described, len(have))
	for _, col := range have {
		m[strings.ToLower(col.Name)] = col
	}
	return m
}

// A compiler builds one statement.
type compiler struct {
	Query
	engine  Engine
	dialect Dialect // nil: standard
	syntax  Syntax
	body    template
	have    map[string]Described // the SELECT's columns by lower-case name
	tree    map[string]Described // those of the tenant tree

	args  []string
	fault error // the first of the dialect about a literal
}

func (c *compiler) compile(ctx context.Context) (Statement, error) {
	s := Statement{Scope: c.told()}
	var err error
	if s.Zone, err = c.stampZone(); err != nil {
		return s, err
	}
	if c.Part != Whole {
		if s.Unsplit = c.unsplit(c.have[splitColumn]); s.Unsplit != nil {
			c.Part = Whole
		}
	}
	var list string
	switch {
	case c.Part == KeyRange:
		return c.keyRange()
	case c.Newest:
		if list, s.Columns, err = c.newest(); err != nil {
			return s, err
		}
	case c.ChangedSince != nil:
		if list, s.Columns, err = c.changes(); err != nil {
			return s, err
		}
	default:
		list, s.Columns = c.selectList()
	}
	scope, with, err := c.scope(ctx)
	if err != nil {
		return s, err
	}
	window, err := c.window(s.Zone)
	if err != nil {
		return s, err
	}
	filter, err := c.filter(s.Zone)
	if err != nil {
		return s, err
	}
	invoice, err := c.invoice(s.Zone)
	if err != nil {
		return s, err
	}
	since, err := c.since(s.Zone)
	if err != nil {
		return s, err
	}
	order, err := c.orderBy()
	if err != nil {
		return s, err
	}
	body, err := c.renderBody()
	if err != nil {
		return s, err
	}
	part, inOrder := partOf(c.splitKey(), c.rowKey(), c.Part, c.bind)
	s.SQL = with + "SELECT " + list + "\nFROM (" + body + "\n) AS d" + where(scope, window, filter, invoice, since, part) + order + inOrder + c.limit()
	s.Args = c.args
	return s, nil
}

// A condition is what rows must meet; empty SQL is met by all.
type condition struct {
	sql string
	// fails is set where a value may end the statement with a complaint.
	fails bool
}

// where puts conditions behind the scope. An engine takes what stands between
// ANDs in the order it likes, so one account's report would fail at another's row
// and tell what it holds. What may fail is therefore asked of the rows in scope
// alone, by CASE, whose order is kept. All else stays between ANDs, where an
// engine can use it to read less.
func where(scope string, conditions ...condition) string {
	var all, fail []string
	for _, c := range conditions {
		switch {
		case c.sql == "":
		case c.fails && scope != "":
			fail = append(fail, c.sql)
		default:
			all = append(all, c.sql)
		}
	}
	if len(fail) > 0 {
		scope = "CASE WHEN " + scope + "\n  THEN " + strings.Join(fail, "\n  AND ") + "\n  ELSE FALSE END"
	}
	if scope != "" {
		all = append([]string{scope}, all...)
	}
	if len(all) == 0 {
		return ""
	}
	return "\nWHERE " + strings.Join(all, "\n  AND ")
}

// bind makes text an argument and returns its placeholder.
func (c *compiler) bind(text string) string {
	c.args = append(c.args, text)
	return fmt.Sprintf("$%d", len(c.args))
}

func (c *compiler) renderBody() (string, error) {
	values := map[string]string{"tenant": c.Vars.Tenant, "report_type": c.Vars.ReportType, "zone": c.Vars.Zone}
	if slices.Contains(c.body.vars, "tenant") && c.Vars.Tenant == "" {
		return "", outturn.Errorf(outturn.CodeInvalid, "The data set %s is made for one account. Name it with the tenant.", c.Dataset.Name)
	}
	bound := map[string]string{}
	return c.body.render(func(name string) string {
		if bound[name] == "" {
			bound[name] = c.bound(c.bind(values[name]))
		}
		return bound[name]
	}), nil
}

// bound is the SQL of the text in a placeholder.
func (c *compiler) bound(placeholder string) string {
	if e, ok := c.engine.(late); ok {
		return e.Late(placeholder)
	}
	return fmt.Sprintf(c.syntax.Bound, placeholder)
}

// A late is an Engine that may do better to know nothing of a statement's parameters
// before it has their values.
type late interface {
	// Late returns the SQL of the text in a placeholder.
	Late(placeholder string) string
}

func (c *compiler) stampZone() (*time.Location, error) {
	if c.Dataset.Period == nil {
		return time.UTC, nil
	}
	return outturn.LoadZone(c.Dataset.Period.Zone)
}

// selectList returns the view's columns and the hidden ones.
func (c *compiler) selectList() (string, []batch.Column) {
	var list []string
	var columns []batch.Column
	add := func(column batch.Column, sql string) {
		list = append(list, sql+" AS "+c.alias(column.Name, len(list)))
		columns = append(columns, column)
	}
	for _, v := range c.View.Columns {
		f, _ := c.Dataset.Field(v.Field)
		column := PublishedColumn(c.Dataset, v)
		name := "Field " + f.Name
		if v.Name() != f.Name {
			name = "Column " + v.Name() + " (field " + f.Name + ")"
		}
		switch {
		case v.Attribute != "":
			// What is in the field needs no reading as JSON before: the engine looks
			// into it and complains where it cannot.
			have := c.column(f)
			cell := Cell{SQL: deliver(have, "d."+QuoteIdent(have.Name)), Name: name, Row: c.row()}
			add(column, c.engine.Attribute(cell, v.Attribute, v.Map, c.bind))
		case len(v.Map) > 0:
			flag := f.Type == outturn.Bool && c.column(f).Flag
			add(column, c.mapped(c.shown(f, name), flag, v.Map))
		default:
			// More digits than the field's are the reader's to add.
			f.Scale = min(f.Scale, column.Scale)
			add(column, c.delivered(f, c.named(f, name)))
		}
	}
	for _, name := range c.Hidden {
		f, _ := c.Dataset.Field(name)
		add(batch.Column{Name: HiddenPrefix + name, Header: f.Name, Type: f.Type, Scale: f.Scale}, c.delivered(f, c.value(f)))
	}
	return strings.Join(list, ", "), columns
}

// alias names a column of the statement. Where an engine sees the names of what is
// selected in the conditions too, they must be nobody's: a view that puts words in
// the place of a field's codes would change what the scope and the filter ask.
func (c *compiler) alias(name string, at int) string {
	if c.dialect != nil {
		return fmt.Sprintf("outturn_%d", at)
	}
	return QuoteIdent(name)
}

// PublishedColumn is the column of the batches that a column of a view becomes.
func PublishedColumn(d *outturn.Dataset, v outturn.ViewColumn) batch.Column {
	column := batch.Column{Name: v.Name(), Header: v.Header, Type: outturn.Text}
	if v.Attribute != "" || len(v.Map) > 0 {
		return column
	}
	f, _ := d.Field(v.Field)
	column.Type, column.Scale, column.ID = f.Type, f.Scale, f.ID
	if v.Scale != nil {
		column.Scale = *v.Scale
	}
	return column
}

// column returns what the SELECT has for f.
func (c *compiler) column(f outturn.Field) Described { return c.have[strings.ToLower(f.Selected())] }

// value returns the SQL of a field's value, in its declared type.
func (c *compiler) value(f outturn.Field) string { return c.named(f, "Field "+f.Name) }

// named is value, called name in what is said of one that does not fit.
func (c *compiler) named(f outturn.Field, name string) string {
	have := c.column(f)
	cell := Cell{SQL: "d." + QuoteIdent(have.Name), Name: name, Row: c.row()}
	switch {
	case c.dialect != nil:
		return deliver(have, cell.SQL)
	case c.engine.Untyped() && have.Type == outturn.Text && f.Type != outturn.Text:
		return c.engine.FromText(cell, f)
	case tooWide(f, have):
		return c.engine.Widen(cell, f.Scale)
	case f.Type == outturn.Decimal && have.Type == outturn.Int:
		return fmt.Sprintf("CAST(%s AS DECIMAL(38,%d))", cell.SQL, f.Scale)
	case f.Type == outturn.Decimal && (have.AnyScale || have.Scale > f.Scale):
		cell.SQL = have.compared(cell.SQL)
		return c.engine.Rescale(cell, f.Scale)
	}
	return cell.SQL
}

// shown is the SQL of a field's value as the text that a file has of it, for words that
// take the place of some.
func (c *compiler) shown(f outturn.Field, name string) string {
	text := c.syntax.text(c.delivered(f, c.named(f, name)))
	if c.dialect != nil {
		return text
	}
	if more := f.Scale - c.comparedScale(f); f.Type == outturn.Decimal && more > 0 {
		zeros := strings.Repeat("0", more)
		if more == f.Scale {
			zeros = "." + zeros
		}
		text += " || '" + zeros + "'"
	}
	return exactly(c.engine, "("+text+")")
}

// fails reports whether the SQL of f's value, or of what is compared of it, may break the
// statement off.
func (c *compiler) fails(f outturn.Field) bool {
	have := c.column(f)
	return c.dialect == nil && (have.CompareFails && f.Type == have.Type ||
		c.engine.Untyped() && have.Type == outturn.Text && f.Type != outturn.Text || tooWide(f, have) ||
		f.Type == outturn.Decimal && (have.AnyScale || have.Scale > f.Scale))
}

// tooWide reports whether f gives the integers of a column so many digits after
// the point that a decimal has no room for the longest.
func tooWide(f outturn.Field, have Described) bool {
	const longest = len("9223372036854775807")
	return f.Type == outturn.Decimal && have.Type == outturn.Int && f.Scale > outturn.MaxScale-longest
}

// row returns the SQL of a text that names a row by its key.
func (c *compiler) row() string {
	if c.dialect != nil {
		return ""
	}
	var parts []string
	for _, key := range c.Dataset.Key {
		have, ok := c.have[strings.ToLower(key)]
		if !ok {
			return "" // fit has told
		}
		parts = append(parts, "'"+key+" ' || COALESCE(CAST(d."+QuoteIdent(have.Name)+" AS VARCHAR), 'NULL')")
	}
	return strings.Join(parts, " || ', ' || ")
}

// delivered is a field's value as it is selected. In a dialect it is what is compared
// too.
func (c *compiler) delivered(f outturn.Field, value string) string {
	if c.dialect != nil {
		return value
	}
	return deliver(c.column(f), value)
}

func deliver(have Described, expr string) string {
	if have.Deliver == "" {
		return expr
	}
	return fmt.Sprintf(have.Deliver, expr)
}

// Mapped returns the SQL that puts words in the place of the codes that a text
// may be. A text that is none of them stays.
func Mapped(text string, words map[string]string, bind func(string) string) string {
	var b strings.Builder
	b.WriteString("CASE " + text)
	for _, code := range sortedKeys(words) {
		b.WriteString(" WHEN CAST(" + bind(code) + " AS VARCHAR) THEN CAST(" + bind(words[code]) + " AS VARCHAR)")
	}
	return b.String() + " ELSE " + text + " END"
}

func sortedKeys(words map[string]string) []string { return slices.Sorted(maps.Keys(words)) }

// scope returns the condition that keeps a report to the tenant's rows, and the
// common table expressions it needs.
func (c *compiler) scope(ctx context.Context) (condition, with string, err error) {
	if c.Everything {
		return "", "", nil
	}
	if c.Tenant == "" {
		return "", "", outturn.Errorf(outturn.CodeInternal, "A query of %s names no tenant.", c.Dataset.Name)
	}
	if c.Dataset.Tenant == "" {
		return "", "", outturn.Errorf(outturn.CodeInvalid, "The data set %s does not say whose its rows are, so only an operator may export it.", c.Dataset.Name)
	}
	if c.dialect != nil {
		tree := ""
		if c.Tree != nil {
			if tree, err = treeSQL(c.Tree); err != nil {
				return "", "", err
			}
		}
		condition, err = c.dialect.Within(ctx, tree, c.Tenant, "("+c.Dataset.Tenant+"\n)", c.have[tenantColumn], c.bind)
		return condition, "", err
	}
	if c.Tree == nil {
		return c.asID("("+c.Dataset.Tenant+"\n)", false) + " = " + c.asID(c.bind(c.Tenant), false), "", nil
	}
	tree, err := treeSQL(c.Tree)
	if err != nil {
		return "", "", err
	}
	inTree := c.tree["id"].Type == outturn.Int && c.tree["parent"].Type == outturn.Int
	inData := inTree && c.have[tenantColumn].Type == outturn.Int
	owner := c.asID("("+c.Dataset.Tenant+"\n)", inData)
	if l, ok := c.engine.(lister); ok {
		list, err := l.List(ctx, c.subtreeSQL(tree, "$1", inTree)+"SELECT "+c.asID("id", inData)+" FROM outturn_scope WHERE id IS NOT NULL", c.Tenant)
		if err != nil {
			return "", "", fmt.Errorf("tenant tree: %w", err)
		}
		if list != "" {
			condition, err := l.Listed(ctx, Membership{Owner: owner, List: list, Account: c.Tenant, Select: c.body.plain(), Whole: inData}, c.bind)
			return condition, "", err
		}
	}
	// By way of the tree, whose size an engine knows: DuckDB takes a recursive
	// result for a thousand times what it is, and would then hold the whole data
	// set in memory to look the scope up in it, instead of the other way round.
	return owner + " IN (SELECT " + c.asID("id", inData) + " FROM outturn_tree WHERE " + c.asID("id", inTree) + " IN (SELECT " + c.asID("id", inTree) + " FROM outturn_scope))", c.subtreeSQL(tree, c.bind(c.Tenant), inTree), nil
}

// A lister is an Engine that has the ids of a subtree at hand, as its data cannot
// change while it is open. To follow the parents anew is most of what a report of few
// rows costs.
type lister interface {
	// List returns a list of what sql gives in its one column, where account takes the
	// place of $1; "" where it is too long to have at hand, or nobody asks again.
	List(ctx context.Context, sql, account string) (string, error)
	// Listed returns the condition that m holds. bind makes a text an argument.
	Listed(ctx context.Context, m Membership, bind func(string) string) (string, error)
}

// A Membership is a condition of rows: that whose they are is in a list of a lister's.
type Membership struct {
	Owner   string // an expression
	List    string // of Account and all below it
	Account string
	Select  string // what has the rows, "" where it has arguments of its own
	Whole   bool   // Owner and all in List are whole numbers, else they are texts
}

// subtreeSQL names two tables: outturn_tree, and outturn_scope with the ids of an
// account and of all below it. whole says that ids are whole numbers.
func (c *compiler) subtreeSQL(tree, account string, whole bool) string {
	// UNION, not UNION ALL: a circle in the source's tree ends.
	return `WITH RECURSIVE outturn_tree AS (` + tree + `
),
outturn_scope(id) AS (
  SELECT id FROM outturn_tree WHERE ` + c.asID("id", false) + ` = ` + c.asID(account, false) + `
  UNION
  SELECT t.id FROM outturn_tree AS t JOIN outturn_scope AS s ON ` + c.asID("t.parent", whole) + ` = ` + c.asID("s.id", whole) + `
)
`
}

// asID is the SQL of an account's id where it is compared with others. They are
// compared as text, because ids may be numbers on one side and text on the other,
// where an engine would take 03 for 3, and by the bytes of that, whatever the collation
// of a column takes for equal. Where all of them are whole numbers it is the same to
// compare these, which takes an engine half the time, and it may pass over the rows that
// lie outside of the least and the largest.
func (c *compiler) asID(sql string, whole bool) string {
	if whole {
		return sql
	}
	return exactly(c.engine, "CAST("+sql+" AS VARCHAR)")
}

// exactly is the SQL of a text that is equal to those of the same bytes alone, for an
// Engine or a Snapshot.
func exactly(engine any, sql string) string {
	if e, ok := engine.(exact); ok {
		return e.Exact(sql)
	}
	return sql
}

// An exact is an Engine in which a column may be declared to take different texts for
// equal.
type exact interface {
	// Exact returns the SQL of a text that is equal to those of the same bytes alone.
	Exact(sql string) string
}

// told is the scope as a database hears of it.
func (c *compiler) told() Scope {
	if c.Everything {
		return Scope{Everything: true}
	}
	return Scope{Account: c.Tenant}
}

// window returns the condition that a row's period lies in the window.
func (c *compiler) window(stamps *time.Location) (condition, error) {
	if c.Window == nil {
		return condition{}, nil
	}
	p := c.Dataset.Period
	if p == nil {
		return condition{}, outturn.Errorf(outturn.CodeInternal, "A query of %s has a window, but the data set has no period.", c.Dataset.Name)
	}
	have := c.have[periodColumn]
	f := outturn.Field{Name: periodColumn, Type: outturn.Time, Scale: outturn.MaxTimeScale}
	if p.Kind == outturn.PeriodDate {
		f.Type, f.Scale = outturn.Date, 0
	}
	expr := "(" + p.Expr + "\n)"
	// Over text, what an author makes of it may fail as well as what we do.
	fails := c.engine.Untyped() && !isField(p)
	if c.engine.Untyped() && have.Type == outturn.Text {
		fails = true
		expr = c.engine.FromText(Cell{SQL: expr, Name: periodName(p), Row: c.row()}, f)
		have.Local = true
	} else if c.dialect == nil {
		expr, fails = have.compared(expr), fails || have.CompareFails
	}
	var from, to string
	if p.Kind == outturn.PeriodDate {
		var err error
		if from, to, err = c.Window.Dates(); err != nil {
			return condition{}, err
		}
	} else if c.dialect != nil {
		from, to = stamp(roundUp(c.Window.From, have.Scale), have, stamps), stamp(roundUp(c.Window.To, have.Scale), have, stamps)
	} else {
		from, to = stamp(c.Window.From, have, stamps), stamp(c.Window.To, have, stamps)
	}
	sql := fmt.Sprintf("%s >= %s AND %s < %s", expr, c.typed(f, have, from, ""), expr, c.typed(f, have, to, ""))
	return condition{sql, fails}, c.fault
}

// periodName is what an error calls a period: the field where it is one, and not
// the whole expression.
func periodName(p *outturn.Period) string {
	if isField(p) {
		return "Field " + p.Expr
	}
	return "The period"
}

func isField(p *outturn.Period) bool { return outturn.ValidName.MatchString(p.Expr) }

// stamp spells an instant for comparison with a column: in UTC, or as wall clock
// in the zone of stamps that have none.
func stamp(t time.Time, have Described, stamps *time.Location) string {
	if have.Local {
		return t.In(stamps).Format("2006-01-02 15:04:05.999999")
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999Z")
}

func (c *compiler) orderBy() (string, error) {
	if err := outturn.CheckOrder(c.Order, c.Dataset); err != nil {
		return "", err
	}
	var terms []string
	for _, o := range c.Order {
		f, _ := c.Dataset.Field(o.Field)
		term := c.comparable(f)
		if f.Type == outturn.Text {
			term = c.engine.Bytewise(term)
		}
		if o.Desc {
			term += " DESC"
		}
		terms = append(terms, term+" NULLS LAST")
	}
	if len(terms) == 0 {
		return "", nil
	}
	return "\nORDER BY " + strings.Join(terms, ", "), nil
}

func (c *compiler) limit() string {
	if c.Limit <= 0 {
		return ""
	}
	return fmt.Sprintf("\nLIMIT %d", c.Limit)
}

// QuoteIdent makes any text an SQL identifier.
func QuoteIdent(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
