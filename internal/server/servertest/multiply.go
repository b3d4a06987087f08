package servertest

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/mattn/go-sqlite3" // the ledger, written beside the server

	"outturn/internal/server"
)

// Multiply makes n runs in the ledger of a data folder of one that succeeded, each made a
// little earlier than the one before, with files of which there are no bytes.
func Multiply(ctx context.Context, data, run string, n int, apart time.Duration) error {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(data, server.LedgerName)+"?_busy_timeout=10000")
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	return errors.Join(multiply(ctx, tx, run, n, apart), tx.Commit())
}

func multiply(ctx context.Context, tx *sql.Tx, run string, n int, apart time.Duration) error {
	const guard = "runs_begin_queued" // these do not
	var begin string
	if err := tx.QueryRowContext(ctx, `SELECT sql FROM sqlite_schema WHERE name = ?1`, guard).Scan(&begin); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DROP TRIGGER `+guard); err != nil {
		return err
	}
	for _, table := range []struct{ name, key string }{{"runs", "id"}, {"files", "run"}} {
		columns, values, err := copied(ctx, tx, table.name)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO `+table.name+` (`+columns+`)
			WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
			SELECT `+values+` FROM n, `+table.name+` WHERE `+table.key+` = ?1`, run, n, apart.Microseconds())
		if err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, begin)
	return err
}

// copied are the columns of a table, and what the i-th copy of a row has in them.
func copied(ctx context.Context, tx *sql.Tx, table string) (columns, values string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT name FROM pragma_table_info(?1)`, table)
	if err != nil {
		return "", "", err
	}
	defer rows.Close()
	var names, copies []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return "", "", err
		}
		value := name
		switch name {
		case "id", "run":
			value = `printf('%s%012x', substr(` + name + `, 1, 24), i)`
		case "created_at":
			value = `created_at - i * ?3`
		case "object_key":
			value = `object_key || i`
		}
		names, copies = append(names, name), append(copies, value)
	}
	return strings.Join(names, ", "), strings.Join(copies, ", "), rows.Err()
}
