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
	// Rows appends all rows of b; first is the number of rows before them.
	Rows(dst []byte, b *batch.Batch, first int64) ([]byte, outturn.Notes, error)
	Tail(dst []byte) []byte
}

// largestKept is the capacity above which a buffer is dropped after use, so that
// one row of a gigabyte does not stay in memory for the rest of the file.
const largestKept = 8 << 20

var errClosed = errors.New("format: write after close")

// A rowWriter is the Writer of every encoder. Batches go two ways at once: to
// whichever worker is free, and into a queue in file order, from which one
// goroutine takes them, waits for each to be encoded, and writes it.
//
//	          ┌─ work ──► encode (workers) ─┐ done
//	Write ────┤                             ▼
//	 ▲        └─ queue, in file order ──► merge ──► io.Writer
//	 └──────────────── free ◄───────────────┘
//
// There are workers + 1 slots, each with a buffer that is used again: one batch
// is written while the others are encoded, and Write waits for a free slot.
type rowWriter struct {
	encoder encoder
	w       io.Writer

	free  chan *slot
	work  chan *slot
	queue chan *slot

	rows   int64 // given to Write so far
	closed bool

	failure atomic.Pointer[error] // the first error, once there is one
	summary Summary               // merge's until running is done
	running sync.WaitGroup        // the goroutines
}

// A slot is one batch on its way.
type slot struct {
	batch *batch.Batch
	first int64
	rows  int64         // of the batch, once encoded
	done  chan struct{} // receives once buf, notes and err are there

	buf   []byte
	notes outturn.Notes
	err   error
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
		queue:   make(chan *slot, slots),
	}
	for range slots {
		r.free <- &slot{done: make(chan struct{}, 1)}
	}
	for range workers {
		r.running.Go(r.encode)
	}
	r.running.Go(r.merge)
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
	s.batch, s.first = b, r.rows
	r.rows += int64(b.Rows())
	r.queue <- s
	r.work <- s
	return nil
}

func (r *rowWriter) Close() (Summary, error) {
	if !r.closed {
		r.closed = true
		close(r.work)
		close(r.queue)
	}
	r.running.Wait()
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
		s.err = r.failed()
		if s.err == nil {
			s.buf, s.notes, s.err = r.encoder.Rows(s.buf[:0], s.batch, s.first)
			s.rows = int64(s.batch.Rows())
		}
		s.batch.Release()
		s.batch = nil
		s.done <- struct{}{}
	}
}

// merge writes the file from head to tail. It meets errors in file order, so the
// error that sticks does not depend on which worker was first.
func (r *rowWriter) merge() {
	r.write(r.encoder.Head(nil))
	for s := range r.queue {
		<-s.done
		if s.err != nil {
			r.fail(s.err)
		}
		r.write(s.buf)
		if r.failed() == nil {
			r.summary.add(Summary{Rows: s.rows, Notes: s.notes})
		}
		if cap(s.buf) > largestKept {
			s.buf = nil
		}
		r.free <- s
	}
	r.write(r.encoder.Tail(nil))
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
