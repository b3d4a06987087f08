package compress

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
)

// blockSize is how much input is deflated at once. Blocks do not refer to each
// other, which costs a percent of the size and lets each go to another core.
const blockSize = 512 << 10

// NewSheet returns a writer that deflates (RFC 1951) the XML of a workbook's sheet, on
// so many cores at once; none are all. An empty level is Fast. One goroutine uses
// it. Close ends the stream and leaves w open; it must be called also after an
// error.
func NewSheet(w io.Writer, level Level, workers int) (io.WriteCloser, error) {
	level, err := ParseLevel(string(level))
	if err != nil {
		return nil, err
	}
	kind := sheets
	if level == Small {
		const level = 5 // from 6 on the deflater takes twice as long for 5 %
		kind = anything[level]
	}
	return &sticky{w: startBlocks(w, kind, cores(workers))}, nil
}

// A deflater deflates blocks of up to blockSize, each by itself and ended at a byte.
type deflater interface {
	deflate(dst, in []byte) []byte
}

// A kind makes deflaters, and keeps those of the past for the next stream: they are
// of a megabyte, and an archive has several streams.
type kind struct {
	made sync.Pool
}

func (k *kind) get() deflater { return k.made.Get().(deflater) }

var (
	sheets = &kind{sync.Pool{New: func() any { return new(sheetDeflater) }}}
	texts  = &kind{sync.Pool{New: func() any { return new(textDeflater) }}}
)

// anything are the kinds for whatever there is, by level.
var anything = func() (kinds [10]*kind) {
	for level := range kinds {
		kinds[level] = &kind{sync.Pool{New: func() any { return newLibraryDeflater(level) }}}
	}
	return kinds
}()

// A libraryDeflater does it by the library.
type libraryDeflater struct {
	w   *flate.Writer
	out sliceWriter
}

func newLibraryDeflater(level int) *libraryDeflater {
	w, err := flate.NewWriter(nil, level)
	if err != nil {
		panic(err) // there is no such level
	}
	return &libraryDeflater{w: w}
}

func (l *libraryDeflater) deflate(dst, in []byte) []byte {
	l.out = dst
	l.w.Reset(&l.out)
	// A slice takes everything.
	_, _ = l.w.Write(in)
	_ = l.w.Flush()
	out := l.out
	l.out = nil
	return out
}

// blocks writes one deflate stream. Each block is deflated by itself and ends with
// an empty stored block, which brings the bits to a byte boundary; put after each
// other they are one stream.
//
//	         ┌─ work ──► deflate (workers) ─┐ done
//	Write ───┤                              ▼
//	 ▲       └─ queue, in file order ──► merge ──► io.Writer
//	 └─────────────── free ◄────────────────┘
type blocks struct {
	w    io.Writer
	kind *kind

	free  chan *block
	work  chan *block
	queue chan *block

	block *block // being filled, or nil

	failure atomic.Pointer[error]
	running sync.WaitGroup
}

// A block is a piece of the input on its way.
type block struct {
	in   []byte
	out  []byte
	done chan struct{}
}

type sliceWriter []byte

func (s *sliceWriter) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

func startBlocks(w io.Writer, kind *kind, workers int) *blocks {
	n := workers + 2 // one is filled and one written while the others are deflated
	z := &blocks{
		w:     w,
		kind:  kind,
		free:  make(chan *block, n),
		work:  make(chan *block, n),
		queue: make(chan *block, n),
	}
	for range n {
		z.free <- &block{done: make(chan struct{}, 1)}
	}
	for range workers {
		z.running.Go(z.deflate)
	}
	z.running.Go(z.merge)
	return z
}

func (z *blocks) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if err := z.failed(); err != nil {
			return written, err
		}
		if z.block == nil {
			z.block = <-z.free
			if z.block.in == nil {
				z.block.in = make([]byte, 0, blockSize)
			}
		}
		b := z.block
		n := min(len(p), blockSize-len(b.in))
		b.in = append(b.in, p[:n]...)
		p = p[n:]
		written += n
		if len(b.in) == blockSize {
			z.send()
		}
	}
	return written, nil
}

// send hands on the block that was being filled.
func (z *blocks) send() {
	z.queue <- z.block
	z.work <- z.block
	z.block = nil
}

func (z *blocks) Close() error {
	if z.block != nil {
		z.send()
	}
	close(z.work)
	close(z.queue)
	z.running.Wait()
	return z.failed()
}

func (z *blocks) failed() error {
	if err := z.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (z *blocks) deflate() {
	d := z.kind.get()
	defer z.kind.made.Put(d)
	for b := range z.work {
		b.out = b.out[:0]
		if z.failed() == nil {
			b.out = d.deflate(b.out, b.in)
		}
		b.in = b.in[:0]
		b.done <- struct{}{}
	}
}

// merge writes the blocks in order, and the end of the stream.
func (z *blocks) merge() {
	for b := range z.queue {
		<-b.done
		z.write(b.out)
		z.free <- b
	}
	z.write([]byte{0x03, 0x00}) // a last block without anything in it
}

// write writes p unless something failed before.
func (z *blocks) write(p []byte) {
	if z.failed() != nil || len(p) == 0 {
		return
	}
	if err := writeAll(z.w, p); err != nil {
		z.failure.Store(&err)
	}
}

func writeAll(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}
