package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

var syntax = source.Syntax{
	Text: "toString(%s)", Bound: "%s", Unbound: "''",
	Differs: "ifNull(%s != %s, 1)", Not: "(ifNull(%s, 0) = 0)", Like: "(%s LIKE %s)",
	// Of no rows the greatest is 1970 to ClickHouse, where the column is not nullable.
	Join: ", ',', ", Joined: "concat(%s)",
	Newest: "max(toNullable(%s))", DateStamp: "toDateTime(%s, 'UTC')",
}

// Syntax and Closed are what the compiler asks of a dialect.
func (s *snapshot) Syntax() source.Syntax { return syntax }

func (s *snapshot) Closed(parts ...string) error {
	err := closed(parts...)
	var told *outturn.Error
	if errors.As(err, &told) {
		told.Code = outturn.CodeDatasetInvalid
	}
	return err
}

// Literal returns the SQL of a value. A day or an instant that the column's type
// cannot hold is refused: ClickHouse would take it for the year 1970.
func (s *snapshot) Literal(f outturn.Field, have source.Described, text string, bind func(string) string) (string, error) {
	switch f.Type {
	case outturn.Int:
		return "toInt64(" + bind(text) + ")", nil
	case outturn.Decimal:
		return decimalLiteral(text, have, bind), nil
	case outturn.Float:
		return "toFloat64(" + bind(text) + ")", nil
	case outturn.Bool:
		if text == "true" {
			return "1", nil
		}
		return "0", nil
	case outturn.Date:
		if base(have.Engine) == "Date32" {
			return "toDate32(" + bind(text) + ")", nil
		}
		if text < firstDay || text > lastDay {
			return "", outOfRange(text, have)
		}
		return "toDate(" + bind(text) + ")", nil
	case outturn.Time:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return "", fmt.Errorf("instant %q: %w", text, err)
		}
		if strings.HasPrefix(base(have.Engine), "DateTime64") {
			return "toDateTime64(" + bind(t.Format("2006-01-02 15:04:05.000000")) + ", 6, 'UTC')", nil
		}
		if day := t.Format(time.DateOnly); day < firstDay || day > lastDay {
			return "", outOfRange(text, have)
		}
		if t.Nanosecond() != 0 {
			return "", outturn.Errorf(outturn.CodeInvalid, "%s has a fraction of a second, and the column is %s, which has none. Give a time in whole seconds.", text, have.Engine)
		}
		return "toDateTime(" + bind(t.Format(time.DateTime)) + ", 'UTC')", nil
	}
	return bind(text), nil
}

// firstDay and lastDay are what Date and DateTime hold in every version.
const firstDay, lastDay = "1970-01-01", "2105-12-31"

func outOfRange(text string, have source.Described) error {
	return outturn.Errorf(outturn.CodeInvalid, "%s is outside of %s to %s, which is all that a column of the type %s holds. Give a time within.", text, firstDay, lastDay, base(have.Engine))
}

// decimalLiteral takes the digits of the value, so that no comparison rounds, and the
// widest type, so that none overflows that need not. With whole numbers these are
// compared as such, so that the server can use an index.
func decimalLiteral(text string, have source.Described, bind func(string) string) string {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	if integers[base(have.Engine)] != nil && fraction == "" {
		if _, err := strconv.ParseInt(whole, 10, 64); err == nil {
			return "toInt64(" + bind(whole) + ")"
		}
		if _, err := strconv.ParseUint(whole, 10, 64); err == nil {
			return "toUInt64(" + bind(whole) + ")"
		}
	}
	return fmt.Sprintf("CAST(%s AS Decimal(%d, %d))", bind(text), outturn.MaxScale, len(fraction))
}

// A compiling is the engine of one query. It keeps the tables that go along with
// the statement.
type compiling struct {
	*snapshot
	tables []*ext.Table
}

// scopeTable is the temporary table of the ids of a subtree.
const scopeTable = "outturn_scope"

// Within reads the subtree of account and has it sent along in the type of owner, so
// that the server can use an index on it, and pass it on to the other servers.
func (c *compiling) Within(ctx context.Context, tree, account, owner string, have source.Described, bind func(string) string) (string, error) {
	t := base(have.Engine)
	number := integers[t]
	if tree == "" {
		switch n, err := strconv.ParseInt(account, 10, 64); {
		case t == "String":
			return owner + " = " + bind(account), nil
		case number == nil:
			return fmt.Sprintf(syntax.Text, owner) + " = " + bind(account), nil
		case err != nil || strconv.FormatInt(n, 10) != account:
			return "1 = 0", nil // ids are compared as text, and no number is spelt so
		}
		return owner + " = toInt64(" + bind(account) + ")", nil
	}
	ids, err := c.subtree(ctx, tree, account)
	if err != nil {
		return "", err
	}
	column := "String"
	switch {
	case number != nil:
		column = t
	case t != "String":
		owner = fmt.Sprintf(syntax.Text, owner)
	}
	table, err := ext.NewTable(scopeTable, ext.Column("id", columnType(column)))
	if err != nil {
		return "", fmt.Errorf("table of the accounts in scope: %w", err)
	}
	rows := 0
	for _, id := range ids {
		var value any = id
		if number != nil {
			var ok bool
			if value, ok = number(id); !ok {
				continue
			}
		}
		if err := table.Append(value); err != nil {
			return "", fmt.Errorf("table of the accounts in scope: %w", err)
		}
		rows++
	}
	if rows == 0 {
		return "1 = 0", nil
	}
	c.tables = append(c.tables, table)
	return owner + " IN (SELECT id FROM " + scopeTable + ")", nil
}

// subtree returns the ids of account and of all below it, level by level; none where
// the tree has no such account. A circle in the tree ends.
func (s *snapshot) subtree(ctx context.Context, tree, account string) ([]string, error) {
	from := "SELECT DISTINCT ifNull(toString(id), '') AS outturn_id FROM (" + tree + "\n) AS t WHERE "
	level, err := s.ids(ctx, from+"toString(id) = "+quoteText(account), nil, nil)
	if err != nil {
		return nil, fmt.Errorf("tenant tree: %w", err)
	}
	all := level
	seen := map[string]bool{account: true}
	for len(level) > 0 {
		table, err := ext.NewTable(scopeTable, ext.Column("id", "String"))
		if err != nil {
			return nil, fmt.Errorf("tenant tree: %w", err)
		}
		for _, id := range level {
			if err := table.Append(id); err != nil {
				return nil, fmt.Errorf("tenant tree: %w", err)
			}
		}
		if level, err = s.ids(ctx, from+"toString(parent) IN (SELECT id FROM "+scopeTable+")", []*ext.Table{table}, seen); err != nil {
			return nil, fmt.Errorf("tenant tree: %w", err)
		}
		if all = append(all, level...); len(all) > s.source.config.MostAccounts {
			return nil, outturn.Errorf(outturn.CodeQueryFailed, "The account %q has more than %d accounts below it. On ClickHouse their ids are sent along with the statement, and these are too many.", account, s.source.config.MostAccounts)
		}
	}
	return all, nil
}

// ids runs a statement of one text column and returns what is not in seen, where it
// adds it.
func (s *snapshot) ids(ctx context.Context, sql string, tables []*ext.Table, seen map[string]bool) (list []string, err error) {
	r, err := s.run(ctx, sql, tables, []batch.Column{{Name: "id", Type: outturn.Text}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b batch.Batch
	for {
		if err := r.Next(&b); err == io.EOF {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		for i := range b.Rows() {
			id := string(b.Text(0, i))
			if seen != nil {
				if seen[id] {
					continue
				}
				seen[id] = true
			}
			if list = append(list, id); len(list) > s.source.config.MostAccounts {
				return list, nil // the caller tells
			}
		}
	}
}
