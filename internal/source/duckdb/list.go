package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
	"outturn/internal/batch"
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

// Listed looks owner up in what List has made. To join with a list costs the engine most
// of what a report of few rows takes, so of one id owner is the equal, and of few rows each
// is held against all in the list.
func (s *snapshot) Listed(ctx context.Context, owner, list, from string, whole bool, bind func(string) string) (string, error) {
	if id, ok := onlyID(list, whole); ok {
		id = "CAST(" + bind(id) + " AS VARCHAR)"
		if whole {
			return owner + " = CAST(" + id + " AS BIGINT)", nil
		}
		return owner + " = " + s.Exact(id), nil
	}
	argument := "CAST(CAST(" + bind(list) + " AS VARCHAR) AS JSON)"
	if !whole {
		return owner + " IN (SELECT unnest(CAST(" + argument + " AS VARCHAR[])))", nil
	}
	few, err := s.few(ctx, from, strings.Count(list, ",")+1)
	if err != nil {
		return "", err
	}
	if few {
		return "list_contains(CAST(" + argument + " AS BIGINT[]), " + owner + ")", nil
	}
	return owner + " IN (SELECT unnest(CAST(" + argument + " AS BIGINT[])))", nil
}

// onlyID returns the id of a list of one.
func onlyID(list string, whole bool) (id string, ok bool) {
	if whole {
		id = strings.Trim(list, "[]")
		return id, id != "" && !strings.Contains(id, ",")
	}
	const longest = 1000 // bytes of a list that is worth looking into
	var ids []string
	if len(list) > longest || json.Unmarshal([]byte(list), &ids) != nil || len(ids) != 1 {
		return "", false
	}
	return ids[0], true
}

// What is few enough that to hold each row against each id costs less than a join: with
// one, half of a millisecond and more.
const (
	fewRows     = 20_000
	fewCompared = 250_000 // rows times ids
)

// few tells whether a SELECT goes over few rows, as the engine estimates before it reads
// any. Where it does not say, they are many.
func (s *snapshot) few(ctx context.Context, sql string, ids int) (bool, error) {
	if sql == "" || ids > fewCompared {
		return false, nil
	}
	known, ok := s.engine.estimates.Load(sql)
	if !ok {
		if s.engine.estimated.Add(1) > mostDescriptions {
			return false, nil
		}
		rows, err := s.estimate(ctx, sql)
		if err != nil {
			return false, err
		}
		s.engine.estimates.Store(sql, rows)
		known = rows
	}
	rows := known.(int)
	return rows <= fewRows && rows*ids <= fewCompared, nil
}

// estimated matches what the engine's plan says of each of its steps.
var estimated = regexp.MustCompile(`"Estimated Cardinality": "([0-9]+)"`)

// estimate returns how many rows the longest step of a SELECT has, very many where the
// engine cannot say.
func (s *snapshot) estimate(ctx context.Context, sql string) (rows int, err error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
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
			return 0, err
		}
		return math.MaxInt32, nil
	}
	plan := duck.FetchChunk(result)
	defer duck.DestroyDataChunk(&plan)
	const text = 1 // the column of it
	steps := estimated.FindAllStringSubmatch(duck.StringTData((*duck.StringT)(duck.VectorGetData(duck.DataChunkGetVector(plan, text)))), -1)
	if len(steps) == 0 {
		return math.MaxInt32, nil
	}
	for _, step := range steps {
		n, err := strconv.ParseInt(step[1], 10, 32)
		if err != nil {
			n = math.MaxInt32
		}
		rows = max(rows, int(n))
	}
	return rows, nil
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
