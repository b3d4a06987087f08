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
// whatever opens an engine must: a child's peak memory is never told as less than
// what its parent had when it was started.
const (
	tableCommand     = "make-table"
	scopedCommand    = "make-scoped-table"
	copyCommand      = "duckdb-copy"
	statementCommand = "print-statement"
	sameCommand      = "same-data"
)

var commands = []string{tableCommand, scopedCommand, copyCommand, statementCommand, sameCommand}

// runCommand is what the program does when it was started by itself.
func runCommand(args []string) error {
	switch {
	case args[0] == tableCommand && len(args) == 3:
		return makeTable(args[1], args[2])
	case args[0] == scopedCommand && len(args) == 3:
		return makeTable(args[1], args[2], scopeSQL)
	case args[0] == copyCommand && len(args) == 6:
		return copyOut(args[1], args[2], args[3], args[4], args[5])
	case args[0] == statementCommand && len(args) == 3:
		return printStatement(args[1], args[2])
	case args[0] == sameCommand && len(args) == 5:
		rows, err := sameData(args[1], args[2], args[3], args[4])
		fmt.Println(rows)
		return err
	}
	return fmt.Errorf("no command %q", args)
}

// table returns the DuckDB file that holds the given number of orders.
func (b *bench) table(rows int) (string, error) {
	return b.once(fmt.Sprintf("orders-%d.duckdb", rows), func(unfinished string) program {
		return program{args: []string{b.self, tableCommand, unfinished, strconv.Itoa(rows)}}
	})
}

// once returns the named file. It is made once and kept.
func (b *bench) once(name string, maker func(unfinished string) program) (string, error) {
	path := filepath.Join(b.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Printf("making %s\n", path)
	unfinished := path + ".part"
	p := maker(unfinished)
	p.output = unfinished
	if _, err := p.run(); err != nil {
		return "", err
	}
	return path, os.Rename(unfinished, path)
}

// makeTable makes the orders, and what more says.
func makeTable(path, rows string, more ...string) error {
	return execute(path, nil, append([]string{"SET TimeZone = 'UTC'", strings.ReplaceAll(ordersSQL, "$rows", rows)}, more...)...)
}

// copyOut makes this program the peer: DuckDB's own COPY.
func copyOut(file, what, out, threads, memory string) error {
	settings := map[string]string{"access_mode": "READ_ONLY", "threads": threads, "memory_limit": memory}
	return execute(file, settings, "SET TimeZone = 'UTC'", "COPY "+what+" TO "+quote(out)+" (FORMAT csv, HEADER)")
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
