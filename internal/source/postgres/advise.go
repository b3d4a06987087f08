package postgres

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"outturn"
	"outturn/internal/source"
)

// A advisedNode is a node of what EXPLAIN (FORMAT JSON, VERBOSE) prints.
type advisedNode struct {
	Relation string         `json:"Relation Name"`
	Schema   string         `json:"Schema"`
	Index    string         `json:"Index Cond"`
	Filter   string         `json:"Filter"`
	Join     string         `json:"Join Filter"`
	Plans    []*advisedNode `json:"Plans"`
}

func (n *advisedNode) sql() string {
	return source.QuoteIdent(n.Schema) + "." + source.QuoteIdent(n.Relation)
}

// explainAdvised plans a statement with the values of its arguments, where every other way is
// too dear if there is an index.
func (s *snapshot) explainAdvised(ctx context.Context, stmt source.Statement) (*advisedNode, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	// The settings end with the savepoint.
	defer func() { s.failed = true }()
	if err := s.conn.simple(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"); err != nil {
		return nil, s.fail(ctx, err, false)
	}
	rows, err := s.ask(ctx, "EXPLAIN (FORMAT JSON, VERBOSE) "+stmt.SQL, stmt.Args...)
	if err != nil {
		return nil, err
	}
	var plans []struct{ Plan *advisedNode }
	if err := json.Unmarshal([]byte(rows[0][0]), &plans); err != nil || len(plans) != 1 {
		return nil, outturn.Errorf(outturn.CodeInternal, "postgres: the plan cannot be read: %w", err)
	}
	return plans[0].Plan, nil
}

func (n *advisedNode) walk(visit func(n *advisedNode)) {
	visit(n)
	for _, below := range n.Plans {
		below.walk(visit)
	}
}

// indexed reports whether an index of one of the tables is looked up by a column. In
// a condition of an index its column stands on the left.
func (n *advisedNode) indexed(tables []string, column string) bool {
	return n.lookedUp(tables, regexp.MustCompile(`(^|[^A-Za-z0-9_])`+regexp.QuoteMeta(column)+`"?\)*(::[a-z ]+)?\)* (=|<|>)`), "")
}

// lookedUp is indexed below the scan of a table: the indexes of a bitmap scan are nodes
// of their own.
func (n *advisedNode) lookedUp(tables []string, compared *regexp.Regexp, table string) bool {
	if n.Relation != "" {
		table = n.Relation
	}
	if slices.Contains(tables, table) && compared.MatchString(n.Index) {
		return true
	}
	return slices.ContainsFunc(n.Plans, func(below *advisedNode) bool { return below.lookedUp(tables, compared, table) })
}

// compared returns the node at which rows of a table are compared with a constant, and
// whether an index does that.
func (n *advisedNode) compared(marker string) (at *advisedNode, indexed bool) {
	n.walk(func(n *advisedNode) {
		indexed = indexed || strings.Contains(n.Index, marker)
		if n.Relation != "" && strings.Contains(n.Filter, marker) {
			at = n
		}
	})
	return at, indexed
}
