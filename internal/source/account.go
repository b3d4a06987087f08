package source

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	sql, err := treeSQL(tree)
	if err != nil {
		return err
	}
	have, err := e.Describe(ctx, sql)
	if err != nil {
		return fmt.Errorf("tenant tree: %w", err)
	}
	named := byFoldedName(have)
	for _, want := range outturn.TenantColumns {
		if _, ok := named[want]; !ok {
			return outturn.Errorf(outturn.CodeDatasetInvalid, "The tenant tree has no column %s. It must select id, parent, kind, name, currency and zone.", want)
		}
	}
	return nil
}

// LookUpAccount finds an account of a tree by id. An unknown one is an error that
// offers the nearest ids.
func LookUpAccount(ctx context.Context, s Snapshot, tree *outturn.TenantTree, id string) (outturn.Account, error) {
	found, err := accounts(ctx, s, tree, "CAST(id AS VARCHAR) = CAST($1 AS VARCHAR)", id)
	if err != nil {
		return outturn.Account{}, err
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) > 1 {
		return outturn.Account{}, outturn.Errorf(outturn.CodeDatasetInvalid, "The tenant tree has %d accounts with the id %q.", len(found), id)
	}
	some, err := accounts(ctx, s, tree, "CAST(id AS VARCHAR) <> CAST($1 AS VARCHAR)", id)
	if err != nil {
		return outturn.Account{}, err
	}
	ids := make([]string, len(some))
	for i, a := range some {
		ids[i] = a.ID
	}
	return outturn.Account{}, outturn.Unknown("account", id, ids)
}

// RootAccounts returns the accounts of a tree that have no parent.
func RootAccounts(ctx context.Context, s Snapshot, tree *outturn.TenantTree) ([]outturn.Account, error) {
	return accounts(ctx, s, tree, "parent IS NULL")
}

// mostAccounts bounds what is read of a tree to find near names.
const mostAccounts = 10_000

func accounts(ctx context.Context, s Snapshot, tree *outturn.TenantTree, where string, args ...string) (list []outturn.Account, err error) {
	sql, err := treeSQL(tree)
	if err != nil {
		return nil, err
	}
	query := "SELECT"
	for i, column := range outturn.TenantColumns {
		if i > 0 {
			query += ","
		}
		query += " COALESCE(CAST(" + column + " AS VARCHAR), '') AS " + column
	}
	query += fmt.Sprintf(" FROM (%s\n) AS t WHERE %s ORDER BY 1 LIMIT %d", sql, where, mostAccounts)
	r, err := s.Query(ctx, Query{SQL: query, Args: args})
	if err != nil {
		return nil, fmt.Errorf("tenant tree: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b batch.Batch
	for {
		if err := r.Next(&b); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("tenant tree: %w", err)
		}
		for i := range b.Rows() {
			cell := func(c int) string { return string(b.Text(c, i)) }
			list = append(list, outturn.Account{ID: cell(0), Parent: cell(1), Kind: cell(2), Name: cell(3), Currency: cell(4), Zone: cell(5)})
		}
	}
}
