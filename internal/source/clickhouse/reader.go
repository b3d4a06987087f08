package clickhouse

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// A reader streams the result of one statement. The server sends blocks of rows, of
// which the driver holds two, and waits.
type reader struct {
	ctx      context.Context
	stop     context.CancelFunc // ends the statement
	snapshot *snapshot
	rows     driver.Rows
	progress progress

	columns []batch.Column
	cells   []cell
	dest    []any // where the driver puts the cells of a row
	text    texts

	err error // sticks

	mu     sync.Mutex // between Progress and Close
	closed bool
	ended  atomic.Bool // all rows were read
}

// convertTo prepares the conversion of every column; nil stands for what is there,
// as text.
func (r *reader) convertTo(want []batch.Column) error {
	have := r.rows.ColumnTypes()
	if want == nil {
		for _, h := range have {
			want = append(want, batch.Column{Name: h.Name(), Type: outturn.Text})
		}
	}
	if len(have) != len(want) {
		return outturn.Errorf(outturn.CodeInternal, "The statement gives %d columns where %d were expected.", len(have), len(want))
	}
	r.columns = slices.Clone(want)
	for i, w := range want {
		c, err := newCell(w, have[i].DatabaseTypeName(), &r.text)
		if err != nil {
			return err
		}
		r.columns[i].Single = w.Type == outturn.Float && base(have[i].DatabaseTypeName()) == "Float32"
		r.cells = append(r.cells, c)
		r.dest = append(r.dest, c.dest())
	}
	return nil
}

func (r *reader) Columns() []batch.Column { return r.columns }

func (r *reader) Replaced() int64 { return r.text.replaced }

// Next fills b until it holds about batch.TargetBytes.
func (r *reader) Next(b *batch.Batch) error {
	b.Reset(r.columns)
	if r.err != nil {
		return r.err
	}
	if r.err = r.fill(b); r.err != nil {
		ended := r.err == io.EOF
		r.ended.Store(ended)
		if ended && b.Rows() > 0 {
			return nil
		}
		b.Reset(r.columns)
	}
	return r.err
}

// lookEvery is after how many rows the reader looks whether it is to stop.
const lookEvery = 256

func (r *reader) fill(b *batch.Batch) error {
	for n := 0; ; n++ {
		if n%lookEvery == 0 && r.ctx.Err() != nil {
			return source.Stopped(r.ctx)
		}
		if b.ArenaLen()+8*len(r.columns)*n >= batch.TargetBytes {
			b.SetRows(n)
			return nil
		}
		if !r.rows.Next() {
			b.SetRows(n)
			if err := r.rows.Err(); err != nil {
				return r.snapshot.fail(r.ctx, err)
			}
			if r.ctx.Err() != nil { // it may have ended for that
				return source.Stopped(r.ctx)
			}
			return io.EOF
		}
		if err := r.rows.Scan(r.dest...); err != nil {
			return r.snapshot.fail(r.ctx, err)
		}
		for c := range r.cells {
			if err := r.cells[c].put(b, c); err != nil {
				return err
			}
		}
	}
}

// Progress is the share of rows that the server has read, as far as it knows how
// many there are.
func (r *reader) Progress() (share float64, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return 0, false
	case r.ended.Load():
		return 1, true
	}
	return r.progress.share()
}

// Close ends the statement. Where it is not at its end, the server is told, and the
// connection goes with it.
func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	if r.err == nil {
		r.err = errors.New("clickhouse: the reader is closed")
	}
	r.stop()
	if r.snapshot.reader == r {
		r.snapshot.reader = nil
	}
	return discard(r.rows)
}

// discard takes what is still on its way, without which the driver would not end.
// How the statement ended has been told by Next, or is of no interest.
func discard(rows driver.Rows) error {
	rows.Close() //nolint:errcheck // see above
	return nil
}
