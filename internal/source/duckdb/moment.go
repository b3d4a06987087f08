package duckdb

import (
	"context"
	"regexp"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
)

// moment matches SQL that may give something else when it is asked again, though no data
// has changed: by the time of day or by chance. It matches too much rather than too
// little: a column named age costs some milliseconds.
const moment = `(?i)\b(?:now|today|age|current_(?:date|time|timestamp|local\w+|transaction_id|query|query_id|connection_id)|localtime|localtimestamp|` +
	`get_current_\w+|transaction_timestamp|txid_current|random|\w*sample)\b|uuid(?:v\d)?"?\s*\(`

var momentary = regexp.MustCompile(moment)

// ofTheMoment reports whether what sql gives must not be remembered, nor the plan that
// the engine has made for it: localtimestamp in that is when it was prepared.
func (e *engine) ofTheMoment(sql string) bool { return e.moving || momentary.MatchString(sql) }

// lookForMoments notes whether a view, macro or generated column of the file is of the
// moment, which a statement over it does not show.
func (e *engine) lookForMoments(ctx context.Context, path string) error {
	var conn duck.Connection
	if duck.Connect(e.db, &conn) != duck.StateSuccess {
		return outturn.Errorf(outturn.CodeInternal, "The DuckDB engine takes no connection.")
	}
	defer duck.Disconnect(&conn)
	sql := `SELECT 1 FROM (
  SELECT sql FROM duckdb_views() WHERE NOT internal
  UNION ALL SELECT macro_definition FROM duckdb_functions() WHERE NOT internal
  UNION ALL SELECT regexp_extract(sql, '(?is)generated always.*') FROM duckdb_tables() WHERE NOT internal
) AS hidden(sql) WHERE regexp_matches(sql, ` + quoteText(moment) + `) LIMIT 1`
	var result duck.Result
	defer duck.DestroyResult(&result)
	var state duck.State
	interruptible(ctx, conn, func() { state = duck.Query(conn, sql, &result) })
	if state != duck.StateSuccess {
		return translate(ctx, "set up", duck.ResultError(&result), path)
	}
	first := duck.FetchChunk(result)
	e.moving = first.Ptr != nil && duck.DataChunkGetSize(first) > 0
	duck.DestroyDataChunk(&first)
	return nil
}
