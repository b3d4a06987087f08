package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"outturn/internal/batch"
	"outturn/internal/source"
)

// A query that names a key is read in slices of it over several connections, which
// import the snapshot of the first. The rows come in the key's order, over however many
// connections they are read: the bytes of a file do not depend on it.

const (
	// sliceRows is about how many rows a slice has, by the planner's estimate.
	sliceRows = 20_000
	// mostSlices bounds them where the estimate is far off.
	mostSlices = 20_000
)

// A partition is a query cut into slices.
type partition struct {
	slice, keyless source.Statement
	bounds         []int64 // slice i is from bounds[i] to just below bounds[i+1]
	scoped         bool
}

// statement is what q is when it is read over one connection.
func (s *snapshot) statement(ctx context.Context, q source.Query) (source.Statement, error) {
	q.Part = source.InOrder
	return source.Compile(ctx, q, s)
}

// split cuts a query whose statement is whole; nil where one connection will do, or must.
func (s *snapshot) split(ctx context.Context, q source.Query, whole source.Statement) (*partition, error) {
	if s.source.config.Parallel < 2 {
		return nil, nil
	}
	alone := func(why string) (*partition, error) {
		s.source.note(ctx, "The rows are read over one connection: "+why+".")
		return nil, nil
	}
	switch {
	case q.SQL != "" && q.Columns != nil: // the compiler's own questions
		return nil, nil
	case whole.Unsplit != nil:
		return alone(whole.Unsplit.Error())
	case s.replica:
		return alone("the database is a replica, which cannot share a snapshot")
	}
	p := &partition{scoped: q.SQL == "" && !q.Everything}
	plan, err := s.explain(ctx, whole, p.scoped)
	if err != nil {
		return nil, err
	}
	if plan.Rows < 2*sliceRows {
		return nil, nil
	}
	q.Part = source.KeyRange
	ends, err := source.Compile(ctx, q, s)
	if err != nil {
		return nil, err
	}
	toEnds, err := s.explain(ctx, ends, p.scoped)
	if err != nil {
		return nil, err
	}
	if toEnds.Cost > plan.Cost/10 {
		return alone("no index leads to the least and the largest key")
	}
	least, largest, err := s.ends(ctx, ends, p.scoped)
	switch {
	case err != nil && (ctx.Err() != nil || s.conn.broken):
		return nil, err
	case err != nil: // it may be at a row that is nothing to this report
		return alone("the least and the largest key cannot be read")
	}
	if largest <= least || largest == math.MaxInt64 { // one slice, or no bound above it
		return nil, err
	}
	p.bounds = cut(least, largest, plan.Rows)
	q.Part = source.Slice
	if p.slice, err = source.Compile(ctx, q, s); err != nil {
		return nil, err
	}
	q.Part = source.Keyless
	if p.keyless, err = source.Compile(ctx, q, s); err != nil {
		return nil, err
	}
	middle := len(p.bounds) / 2
	from, to := p.bounds[middle-1], p.bounds[middle]
	bySlice, err := s.explain(ctx, between(p.slice, from, to), p.scoped)
	if err != nil {
		return nil, err
	}
	if !bySlice.reaches(strconv.FormatInt(from, 10), strconv.FormatInt(to, 10)) {
		return alone("no index of the key serves a slice of it")
	}
	return p, nil
}

// cut places the bounds between the least key and the largest, evenly.
func cut(least, largest int64, rows float64) []int64 {
	span := uint64(largest) - uint64(least) // two's complement: no overflow
	n := uint64(min(max(rows/sliceRows, 2), mostSlices))
	width := max(span/n, 1)
	bounds := []int64{least}
	for at := uint64(0); span-at > width; {
		at += width
		bounds = append(bounds, int64(uint64(least)+at))
	}
	return append(bounds, largest)
}

// between is a slice's statement with its bounds.
func between(s source.Statement, from, to int64) source.Statement {
	s.Args = slices.Clone(s.Args)
	s.Args[len(s.Args)-2], s.Args[len(s.Args)-1] = strconv.FormatInt(from, 10), strconv.FormatInt(to, 10)
	return s
}

// ends returns the least key and the largest; the same where there is none.
func (s *snapshot) ends(ctx context.Context, stmt source.Statement, scoped bool) (least, largest int64, err error) {
	r, err := s.start(ctx, stmt, scoped, func() {})
	if err != nil {
		return 0, 0, err
	}
	var b batch.Batch
	if err = r.Next(&b); err == nil && !b.Null(0, 0) && !b.Null(1, 0) {
		least, largest = b.Int(0, 0), b.Int(1, 0)
	}
	if closed := r.Close(); err == nil {
		err = closed
	}
	return least, largest, err
}

// A planNode is one step of a plan as EXPLAIN (FORMAT JSON) tells it.
type planNode struct {
	Type      string     `json:"Node Type"`
	Cost      float64    `json:"Total Cost"`
	Rows      float64    `json:"Plan Rows"`
	IndexCond string     `json:"Index Cond"`
	Plans     []planNode `json:"Plans"`
}

// reaches reports whether an index is searched for both bounds.
func (n planNode) reaches(from, to string) bool {
	if strings.Contains(n.IndexCond, from) && strings.Contains(n.IndexCond, to) {
		return true
	}
	return slices.ContainsFunc(n.Plans, func(below planNode) bool { return below.reaches(from, to) })
}

// explain asks how a statement would be run.
func (s *snapshot) explain(ctx context.Context, stmt source.Statement, scoped bool) (planNode, error) {
	if err := s.ready(ctx); err != nil {
		return planNode{}, err
	}
	if err := s.tell(ctx, s.conn, stmt.Scope); err != nil {
		return planNode{}, s.fail(ctx, err, scoped)
	}
	row, err := s.conn.row(ctx, "EXPLAIN (FORMAT JSON) "+stmt.SQL, stmt.Args...)
	if err != nil {
		return planNode{}, s.fail(ctx, err, scoped)
	}
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(row[0]), &plans); err != nil || len(plans) != 1 {
		return planNode{}, fmt.Errorf("postgres: no plan: %w", err)
	}
	return plans[0].Plan, nil
}
