package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"outturn"
	"outturn/internal/batch"
)

// treeSQL returns the SELECT of a tenant tree.
func treeSQL(tree *outturn.TenantTree) (string, error) {
	t, err := parseTemplate(tree.SQL)
	if err != nil {
		return "", fmt.Errorf("tenant tree: %w", err)
	}
	if len(t.vars) > 0 {
		return "", outturn.Errorf(outturn.CodeDatasetInvalid, "The tenant tree uses @%s, which only data sets may.", t.vars[0])
	}
	return t.text[0], nil
}

// CheckTree reports a tenant tree that lacks a column.
func CheckTree(ctx context.Context, tree *outturn.TenantTree, e Engine) error {
	_, err := describeTree(ctx, tree, e)
	return err
}

// describeTree returns the columns of a tenant tree by lower-case name.
func describeTree(ctx context.Context, tree *outturn.TenantTree, e Engine) (map[string]Described, error) {
	sql, err := treeSQL(tree)
	if err != nil {
		return nil, err
	}
	if dialect, _ := dialectOf(e); dialect != nil {
		if err := dialect.Closed(sql); err != nil {
			return nil, fmt.Errorf("tenant tree: %w", err)
		}
	}
	have, err := e.Describe(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("tenant tree: %w", err)
	}
	named := byFoldedName(have)
	for _, want := range outturn.TenantColumns {
		if _, ok := named[want]; !ok {
			return nil, outturn.Errorf(outturn.CodeDatasetInvalid, "The tenant tree has no column %s. It must select id, parent, kind, name, currency and zone.", want)
		}
	}
	return named, nil
}

// CheckAccounts reports a tree whose accounts do not hang together: ids that are
// empty or not unique, accounts that no root leads to because their parent is
// missing or they go in a circle.
func CheckAccounts(ctx context.Context, s Snapshot, tree *outturn.TenantTree) error {
	sql, err := treeSQL(tree)
	if err != nil {
		return err
	}
	if dialect, _ := dialectOf(s); dialect != nil {
		return checkRead(ctx, s, tree)
	}
	counts, err := texts(ctx, s, Query{SQL: `WITH RECURSIVE tree AS (` + sql + `
), reached(id) AS (
  SELECT id FROM tree WHERE parent IS NULL
  UNION
  SELECT t.id FROM tree AS t JOIN reached AS r ON CAST(t.parent AS VARCHAR) = CAST(r.id AS VARCHAR)
)
SELECT CAST((SELECT count(*) FROM tree WHERE id IS NULL OR CAST(id AS VARCHAR) = '') AS VARCHAR) AS empty,
  CAST((SELECT count(*) FROM (SELECT id FROM tree GROUP BY id HAVING count(*) > 1) AS twice) AS VARCHAR) AS repeated,
  CAST((SELECT count(*) FROM tree WHERE id NOT IN (SELECT id FROM reached WHERE id IS NOT NULL)) AS VARCHAR) AS lost`})
	if err != nil {
		return fmt.Errorf("tenant tree: %w", err)
	}
	return treeFaults(counts[0])
}

// checkRead is CheckAccounts where no statement can follow the parents: it holds
// the ids in memory.
func checkRead(ctx context.Context, s Snapshot, tree *outturn.TenantTree) error {
	children, roots := map[string][]string{}, []string(nil)
	times, empty, all := map[string]int{}, 0, 0
	err := EachAccount(ctx, s, tree, func(a outturn.Account) error {
		all++
		if a.ID == "" {
			empty++
		} else {
			times[a.ID]++
		}
		if a.Parent == "" {
			roots = append(roots, a.ID)
		} else {
			children[a.Parent] = append(children[a.Parent], a.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	repeated, reached := 0, 0
	for _, n := range times {
		if n > 1 {
			repeated++
		}
	}
	for next := roots; len(next) > 0; {
		id := next[len(next)-1]
		next = append(next[:len(next)-1], children[id]...)
		delete(children, id) // which ends circles
		reached++
	}
	return treeFaults([]string{strconv.Itoa(empty), strconv.Itoa(repeated), strconv.Itoa(all - reached)})
}

// treeFaults tells how many accounts have no id, how many ids stand more than once,
// and how many accounts no root leads to.
func treeFaults(counts []string) error {
	var faults []string
	for i, fault := range []string{"%s accounts have no id", "%s ids stand more than once", "%s accounts are reached from no root: their parent is missing, or they are in a circle"} {
		if n := counts[i]; n != "0" {
			faults = append(faults, fmt.Sprintf(fault, n))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return outturn.Errorf(outturn.CodeDatasetInvalid, "The tenant tree does not hold together: %s.", strings.Join(faults, "; "))
}

// A memory is a Snapshot of data that others have read before and that cannot have
// changed since. Account and Remember are for LookUpAccount; what is told may be
// forgotten.
type memory interface {
	Account(tree, id string) (outturn.Account, bool)
	Remember(tree string, a outturn.Account)
}

// LookUpAccount finds an account of a tree by id. An unknown one is an error that
// offers the nearest ids.
func LookUpAccount(ctx context.Context, s Snapshot, tree *outturn.TenantTree, id string) (outturn.Account, error) {
	a, found, err := FindAccount(ctx, s, tree, id)
	if found || err != nil {
		return a, err
	}
	_, syntax := dialectOf(s)
	some, err := accounts(ctx, s, tree, syntax.text("id")+" <> "+fmt.Sprintf(syntax.Bound, "$1"), id)
	if err != nil {
		return outturn.Account{}, err
	}
	ids := make([]string, len(some))
	for i, a := range some {
		ids[i] = a.ID
	}
	return outturn.Account{}, outturn.Unknown("account", id, ids)
}

// FindAccount finds an account of a tree by id, where it is there.
func FindAccount(ctx context.Context, s Snapshot, tree *outturn.TenantTree, id string) (a outturn.Account, found bool, err error) {
	m, remembers := s.(memory)
	if remembers {
		if a, ok := m.Account(tree.SQL, id); ok {
			return a, true, nil
		}
	}
	list, err := accounts(ctx, s, tree, isAccount(s, "id"), id)
	switch {
	case err != nil || len(list) == 0:
		return a, false, err
	case len(list) > 1:
		return a, false, outturn.Errorf(outturn.CodeDatasetInvalid, "The tenant tree has %d accounts with the id %q.", len(list), id)
	case remembers:
		m.Remember(tree.SQL, list[0])
	}
	return list[0], true, nil
}

// RootAccounts returns the accounts of a tree that have no parent.
func RootAccounts(ctx context.Context, s Snapshot, tree *outturn.TenantTree) ([]outturn.Account, error) {
	return accounts(ctx, s, tree, "parent IS NULL")
}

// Children returns the accounts right below one of a tree, by id.
func Children(ctx context.Context, s Snapshot, tree *outturn.TenantTree, parent string) ([]outturn.Account, error) {
	return accounts(ctx, s, tree, isAccount(s, "parent"), parent)
}

// isAccount is the condition that a column of a tree is the account in $1.
func isAccount(s Snapshot, column string) string {
	_, syntax := dialectOf(s)
	return exactly(s, syntax.text(column)) + " = " + fmt.Sprintf(syntax.Bound, "$1")
}

// HasResellers tells whether an account of a tree sells through others: whether there
// are resellers right below it.
func HasResellers(ctx context.Context, s Snapshot, tree *outturn.TenantTree, id string) (has bool, err error) {
	_, syntax := dialectOf(s)
	below := "WHERE " + isAccount(s, "parent") + " AND lower(" + syntax.text("kind") + ") = '" + string(outturn.KindReseller) + "' LIMIT 1"
	err = eachAccount(ctx, s, tree, below, []string{id}, func(outturn.Account) error {
		has = true
		return nil
	})
	return has, err
}

// mostAccounts bounds what is read of a tree to find near names.
const mostAccounts = 10_000

func accounts(ctx context.Context, s Snapshot, tree *outturn.TenantTree, where string, args ...string) (list []outturn.Account, err error) {
	err = eachAccount(ctx, s, tree, fmt.Sprintf("WHERE %s ORDER BY outturn_id LIMIT %d", where, mostAccounts), args, func(a outturn.Account) error {
		list = append(list, a)
		return nil
	})
	return list, err
}

// EachAccount calls do with every account of a tree, in no order, as they are read. An
// error of do ends it and is returned.
func EachAccount(ctx context.Context, s Snapshot, tree *outturn.TenantTree, do func(outturn.Account) error) error {
	return eachAccount(ctx, s, tree, "", nil, do)
}

func eachAccount(ctx context.Context, s Snapshot, tree *outturn.TenantTree, rest string, args []string, do func(outturn.Account) error) error {
	sql, err := treeSQL(tree)
	if err != nil {
		return err
	}
	_, syntax := dialectOf(s)
	query := "SELECT"
	var columns []batch.Column
	for i, column := range outturn.TenantColumns {
		if i > 0 {
			query += ","
		}
		columns = append(columns, batch.Column{Name: column, Type: outturn.Text})
		query += " COALESCE(" + syntax.text(column) + ", '') AS outturn_" + column // no column's name, see alias
	}
	query += " FROM (" + sql + "\n) AS t " + rest
	err = eachText(ctx, s, Query{SQL: query, Args: args, Columns: columns}, func(row []string) error {
		return do(outturn.Account{ID: row[0], Parent: row[1], Kind: row[2], Name: row[3], Currency: row[4], Zone: row[5]})
	})
	if err != nil {
		return fmt.Errorf("tenant tree: %w", err)
	}
	return nil
}

// texts runs a query of few rows whose columns are all text and not null.
func texts(ctx context.Context, s Snapshot, q Query) (rows [][]string, err error) {
	err = eachText(ctx, s, q, func(row []string) error {
		rows = append(rows, slices.Clone(row))
		return nil
	})
	return rows, err
}

// eachText runs a query whose columns are all text and not null, and calls do with
// each row, which is do's until it returns.
func eachText(ctx context.Context, s Snapshot, q Query, do func(row []string) error) error {
	var row []string
	return eachRow(ctx, s, q, func(b *batch.Batch, i int) error {
		row = row[:0]
		for c := range b.Columns() {
			row = append(row, string(b.Text(c, i)))
		}
		return do(row)
	})
}

// eachRow runs a query and calls do with each row, by its place in a batch.
func eachRow(ctx context.Context, s Snapshot, q Query, do func(b *batch.Batch, row int) error) (err error) {
	r, err := s.Query(ctx, q)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b batch.Batch
	for {
		if err := r.Next(&b); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for i := range b.Rows() {
			if err := do(&b, i); err != nil {
				return err
			}
		}
	}
}
