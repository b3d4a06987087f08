package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"outturn"
	"outturn/internal/source"
)

var _ source.Cataloged = (*snapshot)(nil)

// Table tells what the catalogue knows of a table, which is named as Tables names it.
func (s *snapshot) Table(ctx context.Context, name string) (t source.Table, err error) {
	if t.SQL, err = s.tableSQL(ctx, name); err != nil {
		return t, err
	}
	t.Name = name
	rows, err := s.ask(ctx, `SELECT COALESCE(obj_description(CAST($1 AS regclass), 'pg_class'), '')`, t.SQL)
	if err != nil {
		return t, err
	}
	t.Comment = rows[0][0]
	rows, err = s.ask(ctx, `SELECT attname, COALESCE(col_description(attrelid, attnum), ''), attnotnull FROM pg_attribute
WHERE attrelid = CAST($1 AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, t.SQL)
	if err != nil {
		return t, err
	}
	for _, r := range rows {
		t.Columns = append(t.Columns, source.TableColumn{Name: r[0], Comment: r[1], NotNull: r[2] == "t"})
	}
	rows, err = s.ask(ctx, `SELECT a.attname FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(num, place), pg_attribute a
WHERE i.indrelid = CAST($1 AS regclass) AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.num ORDER BY k.place`, t.SQL)
	if err != nil {
		return t, err
	}
	for _, r := range rows {
		t.Key = append(t.Key, r[0])
	}
	rows, err = s.ask(ctx, `SELECT DISTINCT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = CAST($1 AS regclass) AND i.indisvalid AND i.indpred IS NULL ORDER BY 1`, t.SQL)
	if err != nil {
		return t, err
	}
	for _, r := range rows {
		t.Indexed = append(t.Indexed, r[0])
	}
	rows, err = s.ask(ctx, `SELECT a.attname, r.attname, CASE WHEN n.nspname = current_schema() THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
JOIN pg_attribute r ON r.attrelid = k.confrelid AND r.attnum = k.confkey[1]
JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = CAST($1 AS regclass) AND cardinality(k.conkey) = 1 AND k.conparentid = 0 ORDER BY a.attnum`, t.SQL)
	if err != nil {
		return t, err
	}
	for _, r := range rows {
		t.Links = append(t.Links, source.Link{Column: r[0], References: r[1], Table: r[2]})
	}
	return t, nil
}

// tableSQL quotes a table's name as Tables has it. A dot may be part of a name.
func (s *snapshot) tableSQL(ctx context.Context, name string) (string, error) {
	whole := source.QuoteIdent(name)
	rows, err := s.ask(ctx, "SELECT to_regclass($1) IS NOT NULL", whole)
	if err != nil {
		return "", err
	}
	schema, table, dotted := strings.Cut(name, ".")
	if rows[0][0] == "t" || !dotted {
		return whole, nil
	}
	return source.QuoteIdent(schema) + "." + source.QuoteIdent(table), nil
}

// Origin tells of which column the one column of a SELECT is, unchanged. PostgreSQL
// follows it through subqueries, joins and common table expressions.
func (s *snapshot) Origin(ctx context.Context, sql string) (o source.Origin, found bool, err error) {
	if err := s.ready(ctx); err != nil {
		return o, false, err
	}
	fields, _, err := s.conn.parse(ctx, sql)
	if err != nil {
		return o, false, s.fail(ctx, err, false)
	}
	if len(fields) == 0 || fields[0].TableOID == 0 {
		return o, false, nil
	}
	rows, err := s.ask(ctx, `SELECT CASE WHEN n.nspname = current_schema() THEN c.relname ELSE n.nspname || '.' || c.relname END, a.attname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = CAST($1 AS oid) AND a.attnum = CAST($2 AS int)`, fmt.Sprint(fields[0].TableOID), fmt.Sprint(fields[0].TableAttributeNumber))
	if err != nil || len(rows) != 1 {
		return o, false, err
	}
	return source.Origin{Table: rows[0][0], Column: rows[0][1]}, true, nil
}

// manyPages is how large a table is before reading all of it is worth a word: 8 MB.
const manyPages = 1000

// Advise looks at the plan of each part of d's header by which rows are chosen, with
// the ways to read all of a table switched off: what is read whole even so has no
// index that could serve.
func (s *snapshot) Advise(ctx context.Context, d *outturn.Dataset, tree *outturn.TenantTree) (list []source.Advice, err error) {
	for _, part := range source.Chosen(d, tree) {
		if part.Expression == "" {
			continue
		}
		a, err := s.advise(ctx, d, part)
		if err != nil {
			return nil, err
		}
		if a != nil {
			list = append(list, *a)
		}
	}
	return list, nil
}

func (s *snapshot) advise(ctx context.Context, d *outturn.Dataset, part source.Choice) (*source.Advice, error) {
	sql, err := source.ExpressionSQL(d, part.Expression)
	if err != nil {
		return nil, err
	}
	origin, plain, err := s.Origin(ctx, sql)
	if err != nil {
		return nil, err
	}
	stmt, err := source.Compile(ctx, part.Query, s)
	if err != nil {
		return nil, err
	}
	for i, arg := range stmt.Args {
		if arg == "" { // an end of a slice
			stmt.Args[i] = "1987"
		}
	}
	plan, err := s.explainAdvised(ctx, stmt)
	if err != nil {
		return nil, err
	}
	a := &source.Advice{Dataset: d.Name, Part: part.Name}
	if !plain {
		// Of an expression only its own constant tells where it is compared.
		node, indexed := plan.compared(part.Marker)
		if part.Marker == "" || indexed || node == nil {
			return nil, nil
		}
		if large, err := s.isLarge(ctx, node.sql()); err != nil || !large {
			return nil, err
		}
		a.Table = node.Relation
		a.Text = fmt.Sprintf("%s of %s is worked out (%s), and no index serves that: every row of %s is read. Name a column of the table that has an index, or make an index of the expression.", part.Name, d.Name, part.Expression, node.Relation)
		return a, nil
	}
	table, err := s.tableSQL(ctx, origin.Table)
	if err != nil {
		return nil, err
	}
	if large, err := s.isLarge(ctx, table); err != nil || !large {
		return nil, err
	}
	parts, err := s.ask(ctx, "SELECT relname FROM pg_class WHERE oid = CAST($1 AS regclass) OR oid IN (SELECT relid FROM pg_partition_tree(CAST($1 AS regclass)))", table)
	if err != nil || plan.indexed(slices.Concat(parts...), origin.Column) {
		return nil, err
	}
	a.Table, a.Column = origin.Table, origin.Column
	t, err := s.Table(ctx, origin.Table)
	if err != nil {
		return nil, err
	}
	for _, column := range t.Indexed {
		if column == origin.Column {
			a.Text = fmt.Sprintf("%s of %s is %s.%s, which has an index that this comparison cannot use: its type is not that of what it is compared with. Where ids are text on one side and whole numbers on the other, cast them alike.", part.Name, d.Name, a.Table, a.Column)
			return a, nil
		}
	}
	a.Index = fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s);", table, source.QuoteIdent(origin.Column))
	a.Text = fmt.Sprintf("%s of %s is %s.%s, which has no index: every row of the table is read. Run: %s", part.Name, d.Name, a.Table, a.Column, a.Index)
	return a, nil
}

func (s *snapshot) isLarge(ctx context.Context, table string) (bool, error) {
	rows, err := s.ask(ctx, `SELECT COALESCE(sum(pg_relation_size(c)), 0) >= CAST($2 AS bigint) * current_setting('block_size')::int
FROM (SELECT CAST($1 AS regclass) AS c UNION SELECT relid FROM pg_partition_tree(CAST($1 AS regclass))) AS t`, table, fmt.Sprint(manyPages))
	if err != nil {
		return false, err
	}
	return rows[0][0] == "t", nil
}
