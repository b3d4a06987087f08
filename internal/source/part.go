package source

import (
	"fmt"
	"strings"

	"outturn"
	"outturn/internal/batch"
)

const splitColumn = "outturn_split"

// unsplit reports why a query cannot be read in parts; nil where it can. key is what
// the SELECT has for the key, if anything.
func (q Query) unsplit(key Described) error {
	name := q.Key
	if q.Dataset != nil {
		name = q.Dataset.Split
	}
	switch {
	case name == "" && q.Dataset != nil:
		return fmt.Errorf("the data set %s names no split", q.Dataset.Name)
	case name == "":
		return fmt.Errorf("no --key is named")
	case len(q.Order) > 0:
		return fmt.Errorf("the rows are to be sorted")
	case q.Limit > 0 || q.Newest || q.ChangedSince != nil:
		return fmt.Errorf("not all rows are asked for")
	case key.Engine == "":
		return fmt.Errorf("the SELECT has no column %s", name)
	case key.Type != outturn.Int:
		return fmt.Errorf("the key %s is %s, and not a whole number", name, key.Engine)
	}
	return nil
}

// partOf returns the condition of a part whose key is the SQL in key, and the order
// that its rows have: by the key, and where it is not unique by rest.
func partOf(key, rest string, p Part, bind func(string) string) (is condition, order string) {
	switch p {
	case InOrder:
		order = "\nORDER BY " + key + " NULLS LAST" + rest
	case Slice:
		is.sql = fmt.Sprintf("%s >= CAST(%s AS BIGINT) AND %s < CAST(%s AS BIGINT)", key, bind(""), key, bind(""))
		order = "\nORDER BY " + key + rest
	case Keyless:
		is.sql = key + " IS NULL"
		if rest != "" {
			order = "\nORDER BY " + strings.TrimPrefix(rest, ", ")
		}
	}
	return is, order
}

// keyRange is the statement for the least key and the largest.
func (c *compiler) keyRange() (Statement, error) {
	body, err := c.renderBody()
	if err != nil {
		return Statement{}, err
	}
	return Statement{SQL: rangeOf(c.splitKey(), body), Args: c.args, Columns: rangeColumns(), Scope: Scope{Everything: true}}, nil
}

// splitKey is the SQL of the key. The name of a column says whose it is, or an order by
// it would be one by a column of the view that is called the same.
func (c *compiler) splitKey() string {
	if have, ok := c.have[strings.ToLower(c.Dataset.Split)]; ok {
		return "d." + QuoteIdent(have.Name)
	}
	return "(0 + " + c.Dataset.Split + "\n)"
}

// rowKey is the SQL of the fields that tell one row from all others, each after a comma.
func (c *compiler) rowKey() (sql string) {
	for _, key := range c.Dataset.Key {
		if have, ok := c.have[strings.ToLower(key)]; ok && !strings.EqualFold(key, c.Dataset.Split) {
			sql += ", d." + QuoteIdent(have.Name)
		}
	}
	return sql
}

// rangeOf asks for the first key and the last, which an index tells at once; min and max
// would read a join whole.
func rangeOf(key, body string) string {
	end := func(order string) string {
		return "(SELECT " + key + " FROM (" + body + "\n) AS d WHERE " + key + " IS NOT NULL ORDER BY " + key + order + " LIMIT 1)"
	}
	return "SELECT CAST(" + end("") + " AS BIGINT) AS least, CAST(" + end(" DESC") + " AS BIGINT) AS largest"
}

func rangeColumns() []batch.Column {
	return []batch.Column{{Name: "least", Type: outturn.Int}, {Name: "largest", Type: outturn.Int}}
}

// part makes the statement of an operator's own SELECT one of a part of it.
func (s *Statement) part(q Query, list []string, key string) {
	body, key := TrimStatement(q.SQL), "d."+QuoteIdent(key)
	if q.Part == KeyRange {
		s.SQL, s.Columns = rangeOf(key, body), rangeColumns()
		return
	}
	is, order := partOf(key, "", q.Part, func(text string) string {
		s.Args = append(s.Args[:len(s.Args):len(s.Args)], text)
		return fmt.Sprintf("$%d", len(s.Args))
	})
	s.SQL = "SELECT " + strings.Join(list, ", ") + " FROM (" + body + "\n) AS d" + where("", is) + order
}
