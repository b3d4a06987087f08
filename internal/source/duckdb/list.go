package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// Bounds of what an engine lists of accounts.
const (
	// mostListed is how many ids a list has. To follow the parents is soon a small part of
	// what a report of more accounts takes, and the engine reads longer lists slower than
	// it follows them, in more memory, which it does not count.
	mostListed = 20_000
	// mostLists is how many bytes of lists are remembered, with whose they are.
	mostLists = 16 << 20
)

// List returns a JSON array. What another snapshot of the open file has listed is not
// asked again. Where nobody will come after this one there is no gain in a list, and what
// depends on the moment is in none.
func (s *snapshot) List(ctx context.Context, sql, account string) (list string, err error) {
	if known, ok := s.engine.lists.of(sql, account); ok {
		return known, s.ready(ctx)
	}
	if s.ofTheMoment(ctx, sql) {
		return "", nil
	}
	if !utf8.ValidString(account) {
		return "[]", nil // no text of the engine's is such
	}
	r, err := s.run(ctx, fmt.Sprintf(`SELECT CASE WHEN count(*) <= %d THEN COALESCE(CAST(to_json(list(id)) AS VARCHAR), '[]') ELSE '' END AS ids FROM (%s
LIMIT %d) AS t(id)`, mostListed, sql, mostListed+1), []string{account}, []batch.Column{{Name: "ids", Type: outturn.Text}}, time.UTC)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b batch.Batch
	if err := r.Next(&b); err != nil {
		return "", err
	}
	list = string(b.Text(0, 0))
	s.engine.lists.remember(sql, account, list)
	return list, nil
}

// Listed compares where it can: to join with a list costs the engine most of what a report of
// few rows takes. It compares where a SELECT reads all rows of one table, and no others:
// there an owner is worked out for each row in any case. In what an author has narrowed, the
// engine may compare first, and fail at a row that the author has left out.
func (s *snapshot) Listed(ctx context.Context, m source.Membership, bind func(string) string) (string, error) {
	scan, err := s.scanOf(ctx, m.Select)
	if err != nil {
		return "", err
	}
	if only := m.List == `["`+m.Account+`"]` || m.Whole && m.List == "["+m.Account+"]"; only && scan.alone {
		id := "CAST(" + bind(m.Account) + " AS VARCHAR)"
		if m.Whole {
			return m.Owner + " = CAST(" + id + " AS BIGINT)", nil
		}
		return m.Owner + " = " + s.Exact(id), nil
	}
	argument := "CAST(CAST(" + bind(m.List) + " AS VARCHAR) AS JSON)"
	if !m.Whole {
		return m.Owner + " IN (SELECT unnest(CAST(" + argument + " AS VARCHAR[])))", nil
	}
	if scan.alone && scan.rows <= fewRows && scan.rows*(strings.Count(m.List, ",")+1) <= fewCompared {
		return "list_contains(CAST(" + argument + " AS BIGINT[]), " + m.Owner + ")", nil
	}
	return m.Owner + " IN (SELECT unnest(CAST(" + argument + " AS BIGINT[])))", nil
}

// What is few enough that to go through a list for each row costs less than a join: with one,
// half of a millisecond and more.
const (
	fewRows     = 20_000
	fewCompared = 250_000 // rows times ids
)

// A scan is what the engine's plan of a SELECT reads.
type scan struct {
	alone bool // all rows of one table, and nothing else
	rows  int  // of that table
}

// scanOf asks the engine once for an open file. A SELECT of which it does not know, or which
// is "", has no scan alone.
func (s *snapshot) scanOf(ctx context.Context, sql string) (scan, error) {
	if sql == "" {
		return scan{}, nil
	}
	if known, ok := s.engine.scans.Load(sql); ok {
		return known.(scan), nil
	}
	plan, err := s.explain(ctx, sql)
	if err != nil || plan == nil {
		return scan{}, err
	}
	found := scanIn(plan)
	if s.engine.scanned.Add(1) <= mostDescriptions {
		s.engine.scans.Store(sql, found)
	}
	return found, nil
}

// A step is one of a plan, as EXPLAIN tells of it.
type step struct {
	Name     string `json:"name"`
	Children []step `json:"children"`
	About    struct {
		Filters any    `json:"Filters"`
		Rows    string `json:"Estimated Cardinality"`
	} `json:"extra_info"`
}

func scanIn(plan []step) scan {
	for len(plan) == 1 && plan[0].Name == "PROJECTION" {
		plan = plan[0].Children
	}
	if len(plan) != 1 || plan[0].Name != "SEQ_SCAN" || plan[0].About.Filters != nil {
		return scan{}
	}
	rows, err := strconv.Atoi(plan[0].About.Rows)
	return scan{alone: err == nil, rows: rows}
}

// explain returns the plan of a SELECT, nil where the engine has none. A transaction in which
// it failed is begun anew, as after any statement.
func (s *snapshot) explain(ctx context.Context, sql string) (plan []step, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	var result duck.Result
	defer duck.DestroyResult(&result)
	var state duck.State
	interruptible(ctx, s.conn.Connection, func() {
		state = duck.Query(s.conn.Connection, "EXPLAIN (FORMAT JSON) SELECT * FROM ("+sql+"\n)", &result)
	})
	if state != duck.StateSuccess {
		err := s.fail(ctx, duck.ResultError(&result))
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, nil
	}
	rows := duck.FetchChunk(result)
	defer duck.DestroyDataChunk(&rows)
	if rows.Ptr == nil || duck.DataChunkGetSize(rows) == 0 {
		return nil, nil
	}
	const text = 1 // the column of it
	if json.Unmarshal([]byte(duck.StringTData((*duck.StringT)(duck.VectorGetData(duck.DataChunkGetVector(rows, text))))), &plan) != nil {
		return nil, nil
	}
	return plan, nil
}

// lists are lists of accounts by the SELECT that made them and the account that it was
// made for.
type lists struct {
	mu    sync.Mutex
	made  map[string]map[string]string
	bytes int
}

func (l *lists) of(sql, account string) (list string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, ok = l.made[sql][account]
	return list, ok
}

// remember keeps a list. When there are too many it begins anew, so that those who come
// late are remembered too.
func (l *lists) remember(sql, account, list string) {
	const entry = 100 // what a map takes for one, about
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.made[sql][account]; ok {
		return
	}
	size := entry + len(account) + len(list)
	if l.made == nil || l.bytes+size > mostLists {
		l.made, l.bytes = map[string]map[string]string{}, 0
	}
	if l.made[sql] == nil {
		l.made[sql] = map[string]string{}
		size += entry + len(sql)
	}
	l.made[sql][account] = list
	l.bytes += size
}
