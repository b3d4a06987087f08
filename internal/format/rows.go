package format

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"outturn"
	"outturn/internal/batch"
)

// An encoder is a row format: three functions that append to dst and return it.
// Rows may be called by several goroutines at once, for different batches.
type encoder interface {
	Head(dst []byte) []byte
	// Rows appends the given rows. The file has a row number of its own for each.
	Rows(dst []byte, rows span) ([]byte, outturn.Notes, error)
	Tail(dst []byte) []byte
}

// A span is the rows from ≤ r < to of a batch; first is how many rows the file
// has before them.
type span struct {
	*batch.Batch
	from, to int
	first    int64
}

// number returns the number of row r of the batch in the file, from 1.
func (s span) number(r int) int64 { return s.first + int64(r-s.from) + 1 }

// spanBytes is how much input is encoded at once. Input and output should stay in
// a core's own cache until they are written: those of whole batches would not.
const spanBytes = 128 << 10

// largestKept is the capacity above which a buffer is dropped after use, so that
// one large row does not stay in memory for the rest of the file.
const largestKept = 8 << 20

var errClosed = errors.New("format: write after close")

// A rowWriter is the Writer of every encoder. Workers take batches and encode them
// span by span. The one whose batch the file waits for has the turn: it writes
// each span as soon as it is encoded. The others keep theirs until they get the
// turn, or are done and leave it to whoever has it.
//
//	Write ──► work ──► encode (workers) ──► in turn ──► io.Writer
//	 ▲                                         │
//	 └───────────────── free ◄─────────────────┘
//
// Write waits for a free slot, of which there are one a worker and one more.
type rowWriter struct {
	encoder encoder
	w       io.Writer

	free    chan *slot
	work    chan *slot
	running sync.WaitGroup // the workers

	batches int64 // given to Write so far
	rows    int64
	closed  bool

	turn atomic.Int64 // the batch that the file waits for
	mu   sync.Mutex   // held to give the turn on
	done []*slot      // encoded and waiting for their turn, by number modulo len

	// Only who has the turn may use these.
	begun   bool // whether the head is written
	summary Summary

	failure atomic.Pointer[error] // the first error of the file, once there is one
}

// A slot is one batch on its way.
type slot struct {
	batch  *batch.Batch
	number int64 // of the batch
	first  int64 // how many rows the file has before it

	buf  []byte // what is encoded and not written
	part Summary
	err  error
}

func newRowWriter(w io.Writer, e encoder, workers int) *rowWriter {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	slots := workers + 1
	r := &rowWriter{
		encoder: e,
		w:       w,
		free:    make(chan *slot, slots),
		work:    make(chan *slot, slots),
		done:    make([]*slot, slots),
	}
	for range slots {
		r.free <- new(slot)
	}
	for range workers {
		r.running.Go(r.encode)
	}
	return r
}

func (r *rowWriter) Write(b *batch.Batch) error {
	if r.closed {
		return errClosed
	}
	if err := r.failed(); err != nil {
		return err
	}
	s := <-r.free
	b.Retain()
	s.batch, s.number, s.first = b, r.batches, r.rows
	r.batches++
	r.rows += int64(b.Rows())
	r.work <- s
	return nil
}

func (r *rowWriter) Close() (Summary, error) {
	if !r.closed {
		r.closed = true
		close(r.work)
		r.running.Wait()
		r.begin()
		r.write(r.encoder.Tail(nil))
	}
	return r.summary, r.failed()
}

func (r *rowWriter) failed() error {
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// encode turns batches into bytes. After a failure it only gives them back.
func (r *rowWriter) encode() {
	for s := range r.work {
		s.err = r.encodeBatch(s)
		s.batch.Release()
		s.batch = nil
		r.finish(s)
	}
}

func (r *rowWriter) encodeBatch(s *slot) error {
	rows := s.batch.Rows()
	size := s.batch.ArenaLen() + 8*rows*len(s.batch.Columns())
	step := max(1, rows*spanBytes/max(size, 1))
	for from := 0; from < rows; from += step {
		if err := r.failed(); err != nil {
			return err
		}
		to := min(from+step, rows)
		buf, notes, err := r.encoder.Rows(s.buf, span{s.batch, from, to, s.first + int64(from)})
		if err != nil {
			return err
		}
		s.buf = buf
		s.part.add(Summary{Rows: int64(to - from), Notes: notes})
		if r.turn.Load() == s.number {
			r.flush(s)
		}
	}
	return nil
}

// finish writes what is left of a batch if it has the turn, and gives the turn
// on; batches that were done before their turn are written on the way. Errors are
// met in the order of the file, so the one that sticks does not depend on which
// worker was first.
func (r *rowWriter) finish(s *slot) {
	slots := int64(len(r.done))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.turn.Load() != s.number {
		r.done[s.number%slots] = s
		return
	}
	for s != nil {
		r.mu.Unlock()
		number := s.number
		if s.err != nil {
			r.fail(s.err)
		}
		r.flush(s)
		r.free <- s
		r.mu.Lock()
		next := (number + 1) % slots
		s, r.done[next] = r.done[next], nil
		r.turn.Store(number + 1)
	}
}

// flush writes what s has; it has the turn.
func (r *rowWriter) flush(s *slot) {
	r.begin()
	r.write(s.buf)
	if r.failed() == nil {
		r.summary.add(s.part)
	}
	s.part = Summary{}
	s.buf = s.buf[:0]
	if cap(s.buf) > largestKept {
		s.buf = nil
	}
}

func (r *rowWriter) begin() {
	if !r.begun {
		r.begun = true
		r.write(r.encoder.Head(nil))
	}
}

func (r *rowWriter) write(p []byte) {
	if len(p) == 0 || r.failed() != nil {
		return
	}
	n, err := r.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		r.fail(err)
	}
}

func (r *rowWriter) fail(err error) { r.failure.CompareAndSwap(nil, &err) }
