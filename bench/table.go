package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go-bindings"
)

//go:embed orders.sql
var ordersSQL string

// Commands that this program gives itself. Each runs in a process of its own, and
// making a table must too: a child's peak memory is never told as less than what
// its parent had when it was started.
const (
	tableCommand = "make-table"
	peerCommand  = "duckdb-copy"
)

// runCommand is what the program does when it was started by itself.
func runCommand(args []string) error {
	switch {
	case args[0] == tableCommand && len(args) == 3:
		return makeTable(args[1], args[2])
	case args[0] == peerCommand && len(args) == 5:
		return copyTable(args[1], args[2], args[3], args[4])
	}
	return fmt.Errorf("no command %q", args)
}

// table returns the DuckDB file that holds the given number of orders. It is made
// once and kept.
func (b *bench) table(rows int) (string, error) {
	path := filepath.Join(b.dir, fmt.Sprintf("orders-%d.duckdb", rows))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Printf("making %s\n", path)
	unfinished := path + ".part"
	if _, err := (program{output: unfinished, args: []string{b.self, tableCommand, unfinished, strconv.Itoa(rows)}}).run(); err != nil {
		return "", err
	}
	return path, os.Rename(unfinished, path)
}

func makeTable(path, rows string) error {
	return execute(path, nil, "SET TimeZone = 'UTC'", strings.ReplaceAll(ordersSQL, "$rows", rows))
}

// copyTable makes this program the peer: DuckDB's own COPY.
func copyTable(table, out, threads, memory string) error {
	settings := map[string]string{"access_mode": "READ_ONLY", "threads": threads, "memory_limit": memory}
	return execute(table, settings, "COPY orders TO '"+strings.ReplaceAll(out, "'", "''")+"' (FORMAT csv, HEADER)")
}

// execute opens a DuckDB file and runs statements.
func execute(path string, settings map[string]string, statements ...string) error {
	var config duckdb_go_bindings.Config
	if duckdb_go_bindings.CreateConfig(&config) != duckdb_go_bindings.StateSuccess {
		return errors.New("no configuration")
	}
	defer duckdb_go_bindings.DestroyConfig(&config)
	for name, value := range settings {
		if duckdb_go_bindings.SetConfig(config, name, value) != duckdb_go_bindings.StateSuccess {
			return fmt.Errorf("setting %s", name)
		}
	}
	var db duckdb_go_bindings.Database
	var message string
	if duckdb_go_bindings.OpenExt(path, &db, config, &message) != duckdb_go_bindings.StateSuccess {
		return errors.New(message)
	}
	defer duckdb_go_bindings.Close(&db)
	var conn duckdb_go_bindings.Connection
	if duckdb_go_bindings.Connect(db, &conn) != duckdb_go_bindings.StateSuccess {
		return errors.New("no connection")
	}
	defer duckdb_go_bindings.Disconnect(&conn)
	for _, sql := range statements {
		var result duckdb_go_bindings.Result
		state := duckdb_go_bindings.Query(conn, sql, &result)
		message := duckdb_go_bindings.ResultError(&result)
		duckdb_go_bindings.DestroyResult(&result)
		if state != duckdb_go_bindings.StateSuccess {
			return errors.New(message)
		}
	}
	return nil
}
