package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"outturn"
	"outturn/internal/source"
)

// compareTimeout is how long one of the statements that Compare runs may take.
const compareTimeout = time.Minute

// A Compared is what a data set gives one account with the policies in force, beside
// what it gives without.
type Compared struct {
	Dataset string `json:"data_set"`
	Account string `json:"account"`
	Rows    int64  `json:"rows"`            // of the owner's, kept to the scope by the statement alone
	Same    bool   `json:"same"`            // the role gets these rows, with the same in them
	Fault   string `json:"fault,omitempty"` // why it could not be compared
}

// Compare tells whether the policies take anything away that a report may show. A
// policy does where a data set shows, in a row of one account, something of another's:
// the name of the account above, say. For each data set one account that has rows and
// those above it are read twice in one snapshot, as the owner and as the role.
func Compare(ctx context.Context, url string, in HardenInput) (list []Compared, err error) {
	db, err := New(Config{URL: url, StatementTimeout: compareTimeout}).Begin(source.WithPurpose(ctx, "harden"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, ok := db.(*snapshot)
	if !ok {
		return nil, outturn.Errorf(outturn.CodeInternal, "postgres: a snapshot is %T", db)
	}
	for _, d := range in.Datasets {
		if d.Tenant == "" {
			continue
		}
		accounts, err := s.someAccounts(ctx, d, in.Tree)
		if err != nil {
			list = append(list, Compared{Dataset: d.Name, Fault: err.Error()})
			continue
		}
		for _, account := range accounts {
			c := Compared{Dataset: d.Name, Account: account}
			if c.Rows, c.Same, err = s.compare(ctx, d, in, account); err != nil {
				c.Fault = err.Error()
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// ask runs a statement of few rows.
func (s *snapshot) ask(ctx context.Context, sql string, args ...string) ([][]string, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	rows, err := s.conn.rows(ctx, sql, args...)
	if err != nil {
		return nil, s.fail(ctx, err, false)
	}
	return rows, nil
}

// someAccounts returns an account that has rows of d, or where none is found so one at
// the bottom of the tree, and those above it but the root.
func (s *snapshot) someAccounts(ctx context.Context, d *outturn.Dataset, tree *outturn.TenantTree) ([]string, error) {
	sql, err := source.ExpressionSQL(d, d.Tenant)
	if err != nil {
		return nil, err
	}
	rows, err := s.ask(ctx, "SELECT CAST(outturn_expression AS TEXT) FROM ("+sql+"\n) AS t WHERE outturn_expression IS NOT NULL LIMIT 1")
	if err != nil || tree == nil {
		return slices.Concat(rows...), err
	}
	treeSQL, err := source.TreeSQL(tree)
	if err != nil {
		return nil, err
	}
	with := "WITH RECURSIVE tree AS (SELECT CAST(id AS TEXT) AS id, CAST(parent AS TEXT) AS parent FROM (" + treeSQL + "\n) AS t), "
	if len(rows) == 0 {
		rows, err = s.ask(ctx, with+`down AS (
  SELECT id, 0 AS depth FROM tree WHERE parent IS NULL UNION ALL SELECT t.id, depth + 1 FROM tree AS t JOIN down AS d ON t.parent = d.id WHERE depth < 10
) SELECT id FROM down ORDER BY depth DESC, id LIMIT 1`)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
	}
	chain, err := s.ask(ctx, with+`up AS (
  SELECT id, parent, 0 AS height FROM tree WHERE id = $1 UNION ALL SELECT t.id, t.parent, height + 1 FROM tree AS t JOIN up AS u ON t.id = u.parent WHERE height < 10
) SELECT id FROM up WHERE parent IS NOT NULL OR height = 0 ORDER BY height`, rows[0][0])
	return slices.Concat(chain...), err
}

func (s *snapshot) compare(ctx context.Context, d *outturn.Dataset, in HardenInput, account string) (rows int64, same bool, err error) {
	stmt, err := source.Compile(ctx, source.Query{
		Dataset: d, View: outturn.Full(d), Tree: in.Tree, Tenant: account,
		Vars: source.Vars{Tenant: account, ReportType: "PROVIDER", Zone: "UTC"},
	}, s)
	if err != nil {
		return 0, false, err
	}
	sum := `SELECT count(*), COALESCE(sum(CAST(CAST('x' || substr(md5(CAST(d AS TEXT)), 1, 15) AS BIT(60)) AS BIGINT)), 0) FROM (` + stmt.SQL + "\n) AS d"
	owner, err := s.ask(ctx, sum, stmt.Args...)
	if err != nil {
		return 0, false, err
	}
	if err := s.ready(ctx); err != nil {
		return 0, false, err
	}
	// Going back to the savepoint gives the role and the scope back too.
	defer func() { s.failed = true }()
	if err := s.conn.simple(ctx, "SET LOCAL ROLE "+source.QuoteIdent(in.Role)); err != nil {
		return 0, false, s.fail(ctx, err, false)
	}
	if err := s.tell(ctx, s.conn, stmt.Scope); err != nil {
		return 0, false, s.fail(ctx, err, false)
	}
	role, err := s.ask(ctx, sum, stmt.Args...)
	if err != nil {
		return 0, false, err
	}
	_, err = fmt.Sscan(owner[0][0], &rows)
	return rows, slices.Equal(owner[0], role[0]), err
}

// Differences is an error that names what Compare found different; nil if nothing.
func Differences(list []Compared, h *Hardening) error {
	var found, guarded []string
	for _, c := range list {
		if !c.Same && c.Fault == "" {
			found = append(found, fmt.Sprintf("%s for account %s", c.Dataset, c.Account))
		}
	}
	if len(found) == 0 {
		return nil
	}
	for _, g := range h.Tables {
		if g.Column != "" {
			guarded = append(guarded, g.Table)
		}
	}
	return outturn.Errorf(outturn.CodeConflict, "With the policies a report would lack something: %s. There the data set shows, in one account's row, what belongs to another. Find the table of it among %s, and run this again with --table TABLE=none before reports are read as %s.",
		strings.Join(found, "; "), strings.Join(guarded, ", "), h.Role)
}
