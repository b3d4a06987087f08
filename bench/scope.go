package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed scope.sql
var scopeSQL string

// scopeTree says to Outturn who is below whom in the table of accounts.
const scopeTree = `/*
version: 1
source: bench
description: The accounts of the benchmark's orders.
*/
SELECT id, parent, kind, name, currency, zone FROM accounts
`

// scope compares a reseller's export with one of the same rows that an operator has by
// a plain condition, or by none: what keeps a report to the rows below its account may
// cost no more than the difference.
func (b *bench) scope() error {
	rows := 3 * b.rows // so that the export takes more than a second
	table, err := b.once(fmt.Sprintf("scope-%d.duckdb", rows), func(unfinished string) program {
		return program{args: []string{b.self, scopedCommand, unfinished, strconv.Itoa(rows)}}
	})
	if err != nil {
		return err
	}
	datasets, err := b.scopedDatasets()
	if err != nil {
		return err
	}
	ours, theirs := filepath.Join(b.dir, "ours.csv"), filepath.Join(b.dir, "theirs.csv")
	for _, of := range []struct {
		name, account string
		plain         []string // what has the same rows
	}{
		{"100,000 customers of 250,000", "2", []string{"--filter", "customer_id lt 50100000"}},
		{"all 250,000 customers", "1", nil},
	} {
		for _, on := range engineThreads {
			export := func(out string, more ...string) program {
				args := append([]string{"export", "orders", "--source", "duckdb:" + table, "--datasets", datasets}, more...)
				return b.outturn(out, on.threads, "1GiB", args...).onCores(on.max)
			}
			scoped, plain := export(ours, "--tenant", of.account), export(theirs, of.plain...)
			if err := runAll(scoped, plain); err != nil {
				return err
			}
			n, err := sameExports(ours, theirs)
			if err != nil {
				return fmt.Errorf("the two files differ: %w", err)
			}
			fmt.Printf("%s, %d rows, %s: both files hold the same rows\n", of.name, n, on.name)
			pair, err := measure(b.pairs, scoped.run, plain.run)
			if err != nil {
				return err
			}
			pair.print("with the scope, "+on.name, "without, "+on.name)
		}
	}
	return nil
}

// scopedDatasets writes the benchmark's data set with word of whose its rows are.
func (b *bench) scopedDatasets() (string, error) {
	text, err := os.ReadFile("bench/datasets/orders.sql")
	if err != nil {
		return "", err
	}
	folder := filepath.Join(b.dir, "scoped")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	owned := strings.Replace(string(text), "\nkey:", "\ntenant: customer_id\nkey:", 1)
	for name, text := range map[string]string{"orders.sql": owned, "_tenants.sql": scopeTree} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return folder, nil
}
