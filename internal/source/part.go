package source

import (
	"fmt"
	"strings"

	"outturn"
	"outturn/internal/batch"
)

const splitColumn = "outturn_split"

// Splits reports why a query cannot be read in parts; nil where it can. What has an
// order of its own, or a limit, is one part, and so is one without a key of whole
// numbers.
func Splits(q Query, have []Described) error {
	key := q.Key
	if q.Dataset != nil {
		key = q.Dataset.Split
	}
	switch {
	case key == "" && q.Dataset != nil:
		return outturn.Errorf(outturn.CodeInvalid, "the data set %s names no split", q.Dataset.Name)
	case key == "":
		return outturn.Errorf(outturn.CodeInvalid, "no key is named")
	case len(q.Order) > 0:
		return outturn.Errorf(outturn.CodeInvalid, "the rows are to be sorted")
	case q.Limit > 0 || q.Newest:
		return outturn.Errorf(outturn.CodeInvalid, "not all rows are asked for")
	}
	want := strings.ToLower(key)
	if q.Dataset != nil {
		want = splitColumn
	}
	for _, col := range have {
		if strings.ToLower(col.Name) == want {
			if col.Type != outturn.Int {
				return outturn.Errorf(outturn.CodeInvalid, "the key %s is %s, and not a whole number", key, col.Engine)
			}
			return nil
		}
	}
	return outturn.Errorf(outturn.CodeInvalid, "the SELECT has no column %s", key)
}

// partOf returns the condition of a part whose key is the SQL in key, and the order
// that its rows have.
func partOf(key string, p Part, bind func(string) string) (is condition, order string) {
	switch p {
	case Slice:
		is.sql = fmt.Sprintf("%s >= CAST(%s AS BIGINT) AND %s < CAST(%s AS BIGINT)", key, bind(""), key, bind(""))
		return is, "\nORDER BY " + key
	case Keyless:
		is.sql = key + " IS NULL"
	}
	return is, ""
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

func rangeOf(key, body string) string {
	return "SELECT min(" + key + ") AS least, max(" + key + ") AS largest FROM (" + body + "\n) AS d"
}

func rangeColumns() []batch.Column {
	return []batch.Column{{Name: "least", Type: outturn.Int}, {Name: "largest", Type: outturn.Int}}
}

// part makes the statement of an operator's own SELECT one of a part of it.
func (s *Statement) part(q Query, have []Described, list []string) error {
	if err := Splits(q, have); err != nil {
		return err
	}
	body, key := TrimStatement(q.SQL), "d."+QuoteIdent(q.Key)
	for _, col := range have {
		if strings.EqualFold(col.Name, q.Key) {
			key = "d." + QuoteIdent(col.Name)
		}
	}
	if q.Part == KeyRange {
		s.SQL, s.Columns = rangeOf(key, body), rangeColumns()
		return nil
	}
	is, order := partOf(key, q.Part, func(text string) string {
		s.Args = append(s.Args[:len(s.Args):len(s.Args)], text)
		return fmt.Sprintf("$%d", len(s.Args))
	})
	s.SQL = "SELECT " + strings.Join(list, ", ") + " FROM (" + body + "\n) AS d" + where("", is) + order
	return nil
}
