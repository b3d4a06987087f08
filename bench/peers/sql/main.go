// Sql writes what a SELECT yields to a CSV file as a careful user of the standard
// library would: database/sql over pgx, one row scanned into the same places again
// and again, encoding/csv.
//
//	sql URL SELECT out.csv
//
// Values are spelled as psql spells them.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		return // to see what a process holds that does nothing
	}
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "sql URL SELECT out.csv")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "sql:", err)
		os.Exit(1)
	}
}

func run(url, query, path string) (err error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffered := bufio.NewWriterSize(f, 1<<20)
	out := csv.NewWriter(buffered)

	values, places, record := make([]any, len(columns)), make([]any, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		places[i], record[i] = &values[i], c.Name()
	}
	if err := out.Write(record); err != nil {
		return err
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		for i, v := range values {
			if record[i], err = spell(v, columns[i].DatabaseTypeName()); err != nil {
				return err
			}
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return errors.Join(rows.Err(), out.Error(), buffered.Flush())
}

func spell(v any, kind string) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		if v {
			return "t", nil
		}
		return "f", nil
	case time.Time:
		var b [40]byte
		if kind == "DATE" {
			return string(v.AppendFormat(b[:0], time.DateOnly)), nil
		}
		return string(v.UTC().AppendFormat(b[:0], "2006-01-02 15:04:05.999999-07")), nil
	}
	return "", fmt.Errorf("a value of type %T", v)
}
