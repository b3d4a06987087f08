package duckdb

import (
	"context"
	"regexp"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// moment matches SQL that may give something else when it is asked again, though no data
// has changed: by the time of day or by chance. It matches too much rather than too
// little: a column named age costs some milliseconds.
const moment = `(?i)\b(?:now|today|age|current_(?:date|time|timestamp|local\w+|transaction_id|query|query_id|connection_id)|localtime|localtimestamp|` +
	`get_current_\w+|transaction_timestamp|txid_current|random|\w*sample)\b|uuid(?:v\d)?"?\s*\(`

var momentary = regexp.MustCompile(moment)

// ofTheMoment reports whether what sql gives must not be remembered, nor the plan that
// the engine has made for it: localtimestamp in that is when it was prepared. Where no
// snapshot comes after this one nothing is worth remembering, nor in the first one, since
// to look into the file takes a tenth of a second.
func (s *snapshot) ofTheMoment(ctx context.Context, sql string) bool {
	if s.source.config.Folder || s.source.config.Linger == 0 || s.engine.begun.Load() < 2 {
		return true
	}
	return momentary.MatchString(sql) || s.engine.moves(ctx)
}

// moves reports whether a view, macro or generated column of the file is of the moment,
// which a statement over it does not show.
func (e *engine) moves(ctx context.Context) bool {
	e.looking.Lock()
	defer e.looking.Unlock()
	if !e.looked {
		e.moving, e.looked = e.lookForMoments(ctx)
	}
	return e.moving
}

// lookForMoments is moves, asked of the engine. Where that cannot be asked, it may be so.
func (e *engine) lookForMoments(ctx context.Context) (found, asked bool) {
	var conn duck.Connection
	defer duck.Disconnect(&conn)
	if duck.Connect(e.db, &conn) != duck.StateSuccess {
		return true, false
	}
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
		return true, false
	}
	first := duck.FetchChunk(result)
	defer duck.DestroyDataChunk(&first)
	return first.Ptr != nil && duck.DataChunkGetSize(first) > 0, true
}
