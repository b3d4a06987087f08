package duckdb

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// A reader streams the result of one statement: the engine runs ahead by about
// a megabyte and waits. It takes from the engine chunks of 2,048 rows and makes
// batches of them, several of one chunk where rows are long, several chunks of
// one where they are short. While it does, the next chunk is fetched: an engine of
// one thread works only in that call.
type reader struct {
	ctx      context.Context
	fetching context.Context // ctx, until stop: what the engine works under
	stop     context.CancelFunc
	snapshot *snapshot
	sql      string
	stmt     duck.PreparedStatement
	again    bool // the connection may keep stmt
	result   duck.Result

	columns []batch.Column
	filler  filler

	ahead chan fetched   // has room for one; nil while nothing is being fetched
	chunk duck.DataChunk // what Next is at, with its vectors
	rows  int            // in chunk
	at    int            // the first of them that is in no batch yet

	err error // sticks

	mu     sync.Mutex // between Progress and Close
	closed bool
	ended  atomic.Bool // all rows were read
}

// convertTo prepares the conversion of every column.
func (r *reader) convertTo(want []batch.Column, zone *time.Location) error {
	if have := int(duck.ColumnCount(&r.result)); have != len(want) {
		return outturn.Errorf(outturn.CodeInternal, "The statement gives %d columns where %d were expected.", have, len(want))
	}
	r.columns = slices.Clone(want)
	for i, w := range want {
		have := typeOf(duck.ColumnLogicalType(&r.result, duck.IdxT(i)))
		have.json = have.json && !r.snapshot.source.config.Folder // a Parquet file says so of itself
		if err := r.filler.add(w, have, zone); err != nil {
			return err
		}
		if w.Type == outturn.Time && have.local() {
			r.columns[i].Wall = zone
		}
		r.columns[i].Single = w.Type == outturn.Float && have.id == duck.TypeFloat
	}
	return nil
}

func (r *reader) Columns() []batch.Column { return r.columns }

func (r *reader) Replaced() int64 { return r.filler.replaced }

// Next fills b until it holds about batch.TargetBytes. A row that is larger by
// itself gets a batch by itself.
func (r *reader) Next(b *batch.Batch) error {
	b.Reset(r.columns)
	if r.err != nil {
		return r.err
	}
	r.err = r.fill(b)
	r.ended.Store(r.err == io.EOF)
	if r.err != nil && (r.err != io.EOF || b.Rows() == 0) {
		b.Reset(r.columns)
		return r.err
	}
	return nil
}

// fill appends rows until b is full or there are no more, which is io.EOF.
func (r *reader) fill(b *batch.Batch) error {
	r.filler.begin(b)
	for {
		if r.ctx.Err() != nil {
			return source.Stopped(r.ctx)
		}
		if r.at == r.rows {
			if err := r.fetch(); err != nil {
				return err
			}
		}
		n, err := r.filler.fitting(r.at, r.rows)
		if err != nil {
			return err
		}
		if n > 0 {
			if err := r.filler.fill(r.at, r.at+n); err != nil {
				return err
			}
			r.at += n
		}
		if r.at < r.rows || r.filler.size() >= batch.TargetBytes {
			return nil
		}
	}
}

// fetched is what the engine gave when it was asked for a chunk.
type fetched struct {
	chunk   duck.DataChunk // nil at the end and after a failure
	failure string
}

// fetchAhead asks the engine for the next chunk.
func (r *reader) fetchAhead() {
	ahead := make(chan fetched, 1)
	r.ahead = ahead
	go func() {
		var f fetched
		interruptible(r.fetching, r.snapshot.conn.Connection, func() { f.chunk = duck.FetchChunk(r.result) })
		if f.chunk.Ptr == nil {
			f.failure = duck.ResultError(&r.result)
		}
		ahead <- f
	}()
}

// fetch replaces the chunk by the next one.
func (r *reader) fetch() error {
	duck.DestroyDataChunk(&r.chunk)
	r.rows, r.at = 0, 0
	if r.ahead == nil {
		r.fetchAhead()
	}
	next := <-r.ahead
	r.ahead = nil
	r.chunk = next.chunk
	if next.failure != "" {
		return r.snapshot.fail(r.ctx, next.failure)
	}
	if r.chunk.Ptr == nil {
		return io.EOF
	}
	r.rows = int(duck.DataChunkGetSize(r.chunk))
	if r.rows == 0 {
		return io.EOF
	}
	r.fetchAhead()
	r.filler.load(r.chunk)
	return nil
}

// Progress is the share of rows that the statement's scans have read, as the
// engine estimates it.
func (r *reader) Progress() (share float64, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, false
	}
	if r.ended.Load() {
		return 1, true
	}
	state := duck.QueryProgress(r.snapshot.conn.Connection)
	percent, _, _ := duck.QueryProgressTypeMembers(&state)
	if percent < 0 || math.IsNaN(percent) {
		return 0, false
	}
	return min(percent/100, 1), true
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	if r.err == nil {
		r.err = errors.New("duckdb: the reader is closed")
	}
	r.stop()
	if r.ahead != nil {
		next := <-r.ahead
		duck.DestroyDataChunk(&next.chunk)
		r.snapshot.aborted = r.snapshot.aborted || next.failure != ""
	}
	duck.DestroyDataChunk(&r.chunk)
	duck.DestroyResult(&r.result)
	if r.ended.Load() {
		r.snapshot.conn.midway = false
	}
	if r.again && !r.snapshot.aborted {
		r.snapshot.conn.keep(r.sql, r.stmt)
	} else {
		duck.DestroyPrepare(&r.stmt)
	}
	if r.snapshot.reader == r {
		r.snapshot.reader = nil
	}
	return nil
}
