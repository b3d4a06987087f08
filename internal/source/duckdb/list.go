package duckdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

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

// Listed reads what List has made.
func (s *snapshot) Listed(argument string, whole bool) string {
	if whole {
		return "SELECT unnest(CAST(CAST(" + argument + " AS JSON) AS BIGINT[]))"
	}
	return "SELECT unnest(CAST(CAST(" + argument + " AS JSON) AS VARCHAR[]))"
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
