package format

import (
	"errors"
	"io"
	"math"
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
	// Tail ends the file, or the part of it, that has so many rows.
	Tail(dst []byte, rows int64) []byte
}

// A divider is an encoder whose file has parts, each with a head and a tail: the
// sheets of a workbook.
type divider interface {
	encoder
	// limits returns how many rows a part may have, and from how many bytes on it
	// takes no more; a part may get some more bytes than that.
	limits() (rows, bytes int64)
	// next returns what the next part is written to.
	next() (io.Writer, error)
}

// A span is the rows from ≤ r < to of a batch; first is how many rows the file
// has before them, and base how many of those stand in parts before theirs.
type span struct {
	*batch.Batch
	from, to    int
	first, base int64
	kept        *[]vector // the slot's
}

// number returns the number of row r of the batch in the file, from 1.
func (s span) number(r int) int64 { return s.first + int64(r-s.from) + 1 }

// place returns the number of row r of the batch in its part, from 1.
func (s span) place(r int) int64 { return s.number(r) - s.base }

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
//
// Where a file has parts, a worker takes for granted where they will begin. That a
// part is full by its bytes is only known in turn; rows that were encoded for
// another place are then encoded again.
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
	begun     bool  // whether the head is written
	partBytes int64 // written to the part
	summary   Summary

	divider           divider      // nil where the file is one
	maxRows, maxBytes int64        // of a part
	base              atomic.Int64 // rows of the file before the part; changes in turn

	failure atomic.Pointer[error] // the first error of the file, once there is one
}

// A slot is one batch on its way.
type slot struct {
	batch  *batch.Batch
	number int64 // of the batch
	first  int64 // how many rows the file has before it
	step   int   // rows of a piece

	vectors []vector // of the slot's last span; see span.vectors

	buf    []byte  // what is encoded and not written
	pieces []piece // of buf, in order
	err    error
}

// A piece is the rows from ≤ r < to of a batch, encoded up to buf[:end].
type piece struct {
	from, to int
	base     int64
	end      int
	notes    outturn.Notes
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
		maxRows: math.MaxInt64, maxBytes: math.MaxInt64,
	}
	if d, ok := e.(divider); ok {
		r.divider = d
		r.maxRows, r.maxBytes = d.limits()
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
		r.write(r.encoder.Tail(nil, r.rows-r.base.Load()))
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
		r.finish(s)
	}
}

func (r *rowWriter) encodeBatch(s *slot) error {
	rows := s.batch.Rows()
	size := s.batch.ArenaLen() + 8*rows*len(s.batch.Columns())
	s.step = max(1, rows*spanBytes/max(size, 1))
	for from := 0; from < rows; {
		if err := r.failed(); err != nil {
			return err
		}
		if s.buf == nil {
			s.buf = make([]byte, 0, size+size/4+room) // what CSV of the batch takes, instead of growing to it
		}
		first := s.first + int64(from)
		base := r.base.Load()
		for first-base >= r.maxRows {
			base += r.maxRows // the parts until then will have ended
		}
		to := min(from+s.step-from%s.step, rows)
		to = from + int(min(int64(to-from), r.maxRows-(first-base)))
		buf, notes, err := r.encoder.Rows(s.buf, span{s.batch, from, to, first, base, &s.vectors})
		if err != nil {
			return err
		}
		s.buf = buf
		s.pieces = append(s.pieces, piece{from, to, base, len(buf), notes})
		from = to
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
		s.batch.Release()
		s.batch = nil
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
	start := 0
	for _, p := range s.pieces {
		r.put(s, p, s.buf[start:p.end])
		start = p.end
	}
	s.pieces = s.pieces[:0]
	s.buf = s.buf[:0]
	if cap(s.buf) > largestKept {
		s.buf = nil
	}
}

// put writes one piece, in the part where its rows belong.
func (r *rowWriter) put(s *slot, p piece, data []byte) {
	if r.failed() != nil {
		return
	}
	first, base := s.first+int64(p.from), r.base.Load()
	// Whether a part is full by its bytes is asked at places that do not depend on
	// when its pieces were encoded: a file made again is the same file.
	full := r.partBytes >= r.maxBytes && p.from%s.step == 0
	if first-base >= r.maxRows || full && first > base {
		r.beginPart(first)
		base = first
	}
	if p.base != base {
		r.putAgain(s, p, first, base)
		return
	}
	r.write(data)
	if r.failed() == nil {
		r.summary.add(Summary{Rows: int64(p.to - p.from), Notes: p.notes})
	}
}

// putAgain encodes and writes a piece whose rows got another place. Perhaps not
// all of them are in one part.
func (r *rowWriter) putAgain(s *slot, p piece, first, base int64) {
	to := p.from + int(min(int64(p.to-p.from), r.maxRows-(first-base)))
	data, notes, err := r.encoder.Rows(nil, span{s.batch, p.from, to, first, base, &s.vectors})
	if err != nil {
		r.fail(err)
		return
	}
	r.put(s, piece{p.from, to, base, len(data), notes}, data)
	if to < p.to {
		r.put(s, piece{from: to, to: p.to, base: -1}, nil)
	}
}

// beginPart ends a part and begins the next with the file's row first.
func (r *rowWriter) beginPart(first int64) {
	r.write(r.encoder.Tail(nil, first-r.base.Load()))
	w, err := r.divider.next()
	if err != nil {
		r.fail(err)
		return
	}
	r.w, r.partBytes = w, 0
	r.base.Store(first)
	r.write(r.encoder.Head(nil))
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
	r.partBytes += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		r.fail(err)
	}
}

func (r *rowWriter) fail(err error) { r.failure.CompareAndSwap(nil, &err) }
