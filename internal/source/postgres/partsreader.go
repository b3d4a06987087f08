package postgres

import (
	"context"
	"errors"
	"io"
	"sync"

	"outturn/internal/batch"
	"outturn/internal/source"
)

const (
	// mostBatches bounds what lies ready and has not been taken: some 32 MiB.
	mostBatches = 20
	// mostAhead bounds it of the slice that is being handed out, which must go on
	// whatever else lies ready.
	mostAhead = 4
)

// A partsReader reads the slices of a query over several connections and hands their
// rows out in order. Each connection takes the next slice when it has read one; no more
// than two a connection are on their way, and what lies ready is bounded: who reads the
// slice that is being handed out goes on whatever the others have laid there.
type partsReader struct {
	snapshot *snapshot
	parts    *partition
	columns  []batch.Column
	ctx      context.Context    // of the query
	done     context.CancelFunc // ends ctx
	working  context.Context    // ctx, until the reader is closed or something failed
	stop     context.CancelFunc // ends working
	workers  sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond
	flying  []*flight // from the one that is being handed out, in order
	next    int       // the first slice that nobody has taken
	ready   int       // batches that lie in flights
	spare   []*batch.Batch
	failed  error // of a worker

	err    error // of Next, sticks
	closed bool
}

// A flight is a slice on its way.
type flight struct {
	slice   int
	batches []*batch.Batch
	landed  bool
}

// readParts begins to read.
func (s *snapshot) readParts(ctx context.Context, p *partition, done context.CancelFunc) (*partsReader, error) {
	fields, _, err := s.conn.parse(ctx, p.slice.SQL)
	if err != nil {
		return nil, s.fail(ctx, err, p.scoped)
	}
	var d decoder
	if err := d.prepare(p.slice, fields, s.conn.unchecked); err != nil {
		return nil, err
	}
	r := &partsReader{snapshot: s, parts: p, columns: d.columns, ctx: ctx, done: done}
	r.changed.L = &r.mu
	r.working, r.stop = context.WithCancel(ctx)
	context.AfterFunc(r.working, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changed.Broadcast()
	})
	for i := range min(s.source.config.Parallel, r.slices()) {
		r.workers.Go(func() {
			if err := r.work(i); err != nil {
				r.giveUp(err)
			}
		})
	}
	return r, nil
}

// slices is how many there are, with the keyless rows as the last.
func (r *partsReader) slices() int { return len(r.parts.bounds) }

// statementOf is the statement of a slice. The largest key is in the last of them.
func (r *partsReader) statementOf(slice int) source.Statement {
	last := r.slices() - 2
	switch {
	case slice > last:
		return r.parts.keyless
	case slice == last:
		return between(r.parts.slice, r.parts.bounds[slice], r.parts.bounds[slice+1]+1)
	}
	return between(r.parts.slice, r.parts.bounds[slice], r.parts.bounds[slice+1])
}

// work reads slices over the snapshot's connection, or one of its own, as long as there
// are any.
func (r *partsReader) work(worker int) error {
	s, c := r.snapshot, r.snapshot.conn
	if worker > 0 {
		var err error
		if c, err = s.join(r.working); err != nil { // the others read its share
			if r.working.Err() == nil {
				s.source.note(r.ctx, "One connection fewer reads the rows: "+err.Error())
			}
			return nil
		}
		defer c.close()
	}
	d := decoder{shared: true}
	var parsed string // the unnamed statement
	for f := r.take(); f != nil; f = r.take() {
		stmt := r.statementOf(f.slice)
		if parsed != stmt.SQL {
			if err := s.tell(r.working, c, stmt.Scope); err != nil {
				return err
			}
			fields, _, err := c.parse(r.working, stmt.SQL)
			if err != nil {
				return err
			}
			if err := d.prepare(stmt, fields, c.unchecked); err != nil {
				return err
			}
			parsed = stmt.SQL
		}
		if err := r.read(c, &d, stmt, f); err != nil {
			return err
		}
	}
	return nil
}

// read reads one slice.
func (r *partsReader) read(c *conn, d *decoder, stmt source.Statement, f *flight) error {
	if err := c.execute(r.working, stmt.Args, d.formats); err != nil {
		return err
	}
	d.ended = false
	for {
		b := r.empty()
		b.Reset(r.columns)
		err := c.until(r.working, func() error { return d.fill(c, b) })
		ended := err == errEnd
		if err != nil && !ended {
			if !d.ended {
				c.breakOff()
			}
			return err
		}
		if !r.put(f, b, ended) {
			if !ended {
				c.breakOff()
			}
			return context.Cause(r.working)
		}
		if ended {
			return nil
		}
	}
}

// take waits until another slice may be on its way; nil when there is none.
func (r *partsReader) take() *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.working.Err() == nil && r.next < r.slices() && len(r.flying) >= 2*r.snapshot.source.config.Parallel {
		r.changed.Wait()
	}
	if r.working.Err() != nil || r.next == r.slices() {
		return nil
	}
	f := &flight{slice: r.next}
	r.next++
	r.flying = append(r.flying, f)
	return f
}

func (r *partsReader) empty() *batch.Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.spare) - 1; last >= 0 {
		b := r.spare[last]
		r.spare = r.spare[:last]
		return b
	}
	return new(batch.Batch)
}

// put lays a batch ready when there is room, and reports whether anybody wants it.
func (r *partsReader) put(f *flight, b *batch.Batch, last bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	full := func() bool {
		if r.flying[0] == f {
			return len(f.batches) >= mostAhead
		}
		return r.ready >= mostBatches
	}
	for r.working.Err() == nil && full() {
		r.changed.Wait()
	}
	if r.working.Err() != nil {
		return false
	}
	if b.Rows() > 0 {
		f.batches = append(f.batches, b)
		r.ready++
	} else {
		r.spare = append(r.spare, b)
	}
	f.landed = f.landed || last
	r.changed.Broadcast()
	return true
}

// giveUp ends the reading with the first error that is not the end of another.
func (r *partsReader) giveUp(err error) {
	r.mu.Lock()
	if r.failed == nil && r.working.Err() == nil {
		r.failed = err
	}
	r.mu.Unlock()
	r.stop()
}

func (r *partsReader) Columns() []batch.Column { return r.columns }

// Replaced is 0: see reader.Replaced.
func (r *partsReader) Replaced() int64 { return 0 }

// Progress is the share of slices that have been handed out.
func (r *partsReader) Progress() (share float64, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return float64(r.next-len(r.flying)) / float64(r.slices()), !r.closed
}

// Next hands out the next batch of the slice that comes first.
func (r *partsReader) Next(b *batch.Batch) error {
	b.Reset(r.columns)
	if r.err == nil {
		r.err = r.hand(b)
	}
	return r.err
}

func (r *partsReader) hand(b *batch.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		switch {
		case r.failed != nil:
			return r.snapshot.fail(r.ctx, r.failed, r.parts.scoped)
		case r.ctx.Err() != nil:
			return source.Stopped(r.ctx)
		case len(r.flying) == 0 && r.next == r.slices():
			return io.EOF
		case len(r.flying) > 0 && len(r.flying[0].batches) > 0:
			f := r.flying[0]
			ready := f.batches[0]
			f.batches = f.batches[1:]
			b.Swap(ready)
			r.spare = append(r.spare, ready)
			r.ready--
			r.changed.Broadcast()
			return nil
		case len(r.flying) > 0 && r.flying[0].landed:
			r.flying = r.flying[1:]
			r.changed.Broadcast()
		default:
			r.changed.Wait()
		}
	}
}

// Close ends all statements and waits until the connections are given back.
func (r *partsReader) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.mu.Unlock()
	if r.err == nil || r.err == io.EOF {
		r.err = errors.New("postgres: the reader is closed")
	}
	r.stop()
	r.workers.Wait()
	r.done()
	r.snapshot.failed = true // harmless where nothing has
	if r.snapshot.reader == r {
		r.snapshot.reader = nil
	}
	return nil
}
