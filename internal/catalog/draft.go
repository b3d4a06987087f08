package catalog

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"outturn"
	"outturn/internal/source"
)

// Draft writes a data set file for a table: every column with its type, and what the
// database's catalogue knows besides. Of the author it wants what no catalogue has:
// what a row and a field mean. Where a way leads from the table to the accounts of the
// tree it says whose the rows are.
func Draft(ctx context.Context, s source.Database, table string, tree *outturn.TenantTree) (string, error) {
	d := drafter{db: s, table: source.Table{Name: table, SQL: source.QuoteIdent(table)}}
	cat, knows := s.(source.Cataloged)
	if knows {
		var err error
		if d.table, err = cat.Table(ctx, table); err != nil {
			return "", err
		}
	}
	var err error
	if d.columns, err = s.Describe(ctx, "SELECT * FROM "+d.table.SQL); err != nil {
		return "", err
	}
	d.nameFields()
	if knows && tree != nil {
		if d.way, d.others, err = wayToAccounts(ctx, s, cat, d.table, tree); err != nil {
			return "", err
		}
	}
	return d.text(), nil
}

// A drafter writes one file.
type drafter struct {
	db      source.Database
	table   source.Table
	columns []source.Described
	names   map[string]string // of the fields, by column
	way     *way              // to the accounts; nil: none is known
	others  []string          // columns of the table with which another way begins
}

// A way leads from a row to its account: through each link to a row of another table,
// then by a column there.
type way struct {
	links  []source.Link
	tables []source.Table // behind each link
	column string
}

// mostLinks bounds how far away an account is looked for.
const mostLinks = 3

// wayToAccounts finds the shortest way from a table to the accounts of the tree.
func wayToAccounts(ctx context.Context, s source.Database, cat source.Cataloged, table source.Table, tree *outturn.TenantTree) (found *way, others []string, err error) {
	sql, err := source.TreeSQL(tree)
	if err != nil {
		return nil, nil, err
	}
	tables, err := s.Tables(ctx)
	if err != nil {
		return nil, nil, err
	}
	id, known, err := cat.Origin(ctx, "WITH d AS ("+sql+"\n) SELECT id FROM d")
	if err != nil || !known {
		return nil, nil, nil //nolint:nilerr // a tree that does not fit the source gives no advice; dataset check says why
	}
	if id.Table == table.Name {
		return &way{column: id.Column}, nil, nil
	}
	type step struct {
		way
		at source.Table
	}
	seen := map[string]bool{table.Name: true}
	for round := []step{{at: table}}; len(round) > 0; {
		var next []step
		for _, from := range round {
			for _, link := range from.at.Links {
				if link.Table == id.Table && link.References == id.Column {
					w := from.way
					w.column = link.Column
					if found == nil || better(from.at, link.Column, found.column) && len(w.links) == len(found.links) && (len(w.links) == 0 || w.links[0].Column == found.links[0].Column) {
						if found != nil && len(w.links) == 0 {
							others = append(others, found.column)
						}
						found = &w
					} else if len(w.links) == 0 {
						others = append(others, link.Column)
					}
					continue
				}
				if seen[link.Table] || len(from.links) >= mostLinks || !slices.Contains(tables, link.Table) {
					continue
				}
				seen[link.Table] = true
				t, err := cat.Table(ctx, link.Table)
				if err != nil {
					return nil, nil, err
				}
				w := way{links: append(slices.Clone(from.links), link), tables: append(slices.Clone(from.tables), t)}
				next = append(next, step{w, t})
			}
		}
		if found != nil {
			return found, others, nil
		}
		round = next
	}
	return nil, nil, nil
}

// better reports whether a row is rather of the account in column a than in b: who
// bought or owns, before who sold or made.
func better(t source.Table, a, b string) bool {
	return rank(t, a) < rank(t, b)
}

func rank(t source.Table, column string) int {
	for i, word := range []string{"tenant", "account", "buyer", "customer", "payer", "owner"} {
		if strings.Contains(strings.ToLower(column), word) {
			return i
		}
	}
	if i := slices.IndexFunc(t.Columns, func(c source.TableColumn) bool { return c.Name == column }); i >= 0 && t.Columns[i].NotNull {
		return 10
	}
	return 20
}

// nameFields gives each column a field's name, no two of which SQL takes to be one.
func (d *drafter) nameFields() {
	d.names = map[string]string{}
	taken := map[string]bool{}
	for _, c := range d.columns {
		name := fieldName(c.Name)
		for i := 2; taken[strings.ToLower(name)]; i++ {
			name = fmt.Sprintf("%.58s_%d", fieldName(c.Name), i)
		}
		taken[strings.ToLower(name)] = true
		d.names[c.Name] = name
	}
}

func (d *drafter) text() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("/*\nversion: 1\nsource: mine")
	if d.table.Comment != "" {
		say("description: %s", yamlText(d.table.Comment))
	} else {
		say("description: One row per …")
	}
	tenant, joins, account := d.tenant()
	say("%s", tenant)
	d.header(say)
	say("fields:")
	var list []string
	for _, c := range d.columns {
		say("  - %s", d.field(c))
		list = append(list, "  "+d.own(c.Name)+" AS "+d.names[c.Name])
	}
	if account != "" {
		list = append(list, account)
	}
	say("*/\nSELECT\n%s\nFROM %s%s", strings.Join(list, ",\n"), d.table.SQL, joins)
	return b.String()
}

// own is a column of the table itself in the SELECT.
func (d *drafter) own(column string) string {
	if d.way != nil && len(d.way.links) > 0 {
		return "t." + source.QuoteIdent(column)
	}
	return source.QuoteIdent(column)
}

// tenant is the header's line, the joins that it needs, and the column it is about
// where that is not one of the table's.
func (d *drafter) tenant() (line, joins, account string) {
	switch {
	case d.way == nil:
		return "# tenant: an expression over the columns below that gives the account a row belongs to", "", ""
	case len(d.way.links) == 0:
		line = "tenant: " + expression(d.names[d.way.column])
		for _, other := range d.others {
			line += "\n# or: " + expression(d.names[other])
		}
		return line, "", ""
	}
	const name = "of_account"
	before, told := "t", []string{d.table.Name}
	joins = " AS t"
	for i, link := range d.way.links {
		alias := fmt.Sprintf("t%d", i+1)
		joins += fmt.Sprintf("\nLEFT JOIN %s AS %s ON %s.%s = %s.%s", d.way.tables[i].SQL, alias, alias, source.QuoteIdent(link.References), before, source.QuoteIdent(link.Column))
		told = append(told, link.Table)
		before = alias
	}
	return "# by way of " + inComment(strings.Join(told, " → ")+", column "+d.way.column) + "\ntenant: " + name, joins,
		"  " + before + "." + source.QuoteIdent(d.way.column) + " AS " + name + " -- whose row it is; not published"
}

// header writes period, key and split, and what else could be said.
func (d *drafter) header(say func(string, ...any)) {
	period, others := d.period()
	if period != nil {
		kind := "kind: date"
		if period.Type == outturn.Time {
			kind = "kind: instant"
			if period.Local {
				kind += ", zone: UTC"
			}
		}
		say("period: {expr: %s, %s}", expression(d.names[period.Name]), kind)
		for _, other := range others {
			say("# or by: %s", d.names[other.Name])
		}
	}
	var key []string
	for _, column := range d.table.Key {
		if name := d.names[column]; name != "" {
			key = append(key, name)
		}
	}
	say("key: [%s]", strings.Join(key, ", "))
	if len(d.table.Key) == 1 {
		for _, c := range d.columns {
			if c.Name == d.table.Key[0] && c.Type == outturn.Int {
				say("split: %s", expression(d.names[c.Name]))
			}
		}
	}
}

// period chooses the date or time that a window most likely means: one with an index,
// that is always there, and not of a change.
func (d *drafter) period() (best *source.Described, others []source.Described) {
	var all []source.Described
	for _, c := range d.columns {
		if c.Type == outturn.Date || c.Type == outturn.Time {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	cost := func(c source.Described) (n int) {
		if !slices.Contains(d.table.Indexed, c.Name) {
			n += 4
		}
		for _, word := range []string{"updat", "modif", "chang", "birth", "due", "end", "expir", "delet"} {
			if strings.Contains(strings.ToLower(c.Name), word) {
				n += 2
				break
			}
		}
		if !slices.ContainsFunc(d.table.Columns, func(t source.TableColumn) bool { return t.Name == c.Name && t.NotNull }) {
			n++
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b source.Described) int { return cost(a) - cost(b) })
	return &all[0], all[1:]
}

// field is the line of a column, with what its author could add as a comment.
func (d *drafter) field(c source.Described) string {
	text := fmt.Sprintf("{name: %s, type: %s", d.names[c.Name], c.Type)
	if c.Type == outturn.Decimal {
		text += fmt.Sprintf(", scale: %d", c.Scale)
	}
	link, linked := d.link(c.Name)
	if c.Type == outturn.Int && (linked || slices.Contains(d.table.Key, c.Name)) {
		text += ", id: true"
	}
	meaning := ""
	for _, t := range d.table.Columns {
		if t.Name == c.Name {
			meaning = t.Comment
		}
	}
	text += ", meaning: " + yamlText(meaning) + "}"
	switch currency := d.currency(); {
	case linked:
		text += " # names a row of " + inComment(link.Table) + ": a join may add what it is called"
	case c.Type == outturn.Decimal && c.Scale > 0 && currency != "":
		text += " # if it is money: currency: " + currency + ", additive: true"
	}
	return text
}

func (d *drafter) link(column string) (source.Link, bool) {
	i := slices.IndexFunc(d.table.Links, func(l source.Link) bool { return l.Column == column })
	if i < 0 {
		return source.Link{}, false
	}
	return d.table.Links[i], true
}

// currency is the field that looks like the currency of the table's amounts.
func (d *drafter) currency() string {
	for _, c := range d.columns {
		if c.Type == outturn.Text && strings.Contains(strings.ToLower(c.Name), "currency") {
			return d.names[c.Name]
		}
	}
	return ""
}

// expression is a field's name as an expression of the header. It is quoted in SQL
// only where it is a word of SQL's own: quoted, a database tells upper from lower case.
func expression(field string) string {
	if slices.Contains(words, strings.ToLower(field)) {
		return `'"` + strings.ToLower(field) + `"'`
	}
	return field
}

// words are names of columns that an expression may not have bare.
var words = strings.Fields(`all and any array as asc between both case cast check collate column constraint create cross default desc
distinct do else end except false fetch for foreign from full grant group having in initially inner intersect into is join leading left like limit
natural not null offset on only or order outer placing primary references returning right select session_user some table then to trailing true
union unique user using when where window with`)

// yamlText is text as a YAML string, in one line, which does not end the comment that
// the header is in.
func yamlText(text string) string { return inComment(strconv.Quote(text)) }

func inComment(text string) string {
	return strings.NewReplacer("*/", "* /", "/*", "/ *", "\n", " ", "\r", " ").Replace(text)
}

// fieldName makes a column's name one that a field may have.
func fieldName(column string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r < 0x80 && outturn.ValidName.MatchString("x"+string(r)) {
			return r
		}
		return '_'
	}, column)
	if !outturn.ValidName.MatchString(name) || strings.HasPrefix(strings.ToLower(name), "outturn_") {
		name = "c_" + name
	}
	return name[:min(len(name), 63)]
}
