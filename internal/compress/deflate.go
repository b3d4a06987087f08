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

// sheetLevels are the levels of the deflater for the sheets of a workbook, markup
// that repeats for the most part.
var sheetLevels = map[Level]int{Fast: 3, Small: 5}

// NewDeflate returns a writer that deflates (RFC 1951) what is to be an entry of an
// archive, on so many cores at once; none are all. An empty level is Fast. One
// goroutine uses it. Close ends the stream and leaves w open; it must be called
// also after an error.
func NewDeflate(w io.Writer, level Level, workers int) (io.WriteCloser, error) {
	level, err := ParseLevel(string(level))
	if err != nil {
		return nil, err
	}
	return &sticky{w: startBlocks(w, sheetLevels[level], cores(workers))}, nil
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
	w     io.Writer
	level int

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
	out  sliceWriter
	err  error
	done chan struct{}
}

type sliceWriter []byte

func (s *sliceWriter) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

func startBlocks(w io.Writer, level, workers int) *blocks {
	n := workers + 2 // one is filled and one written while the others are deflated
	z := &blocks{
		w:     w,
		level: level,
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

// deflaters keeps those of each level, of a megabyte each, for the next stream: an
// archive has several.
var deflaters [10]sync.Pool

func (z *blocks) deflate() {
	pool := &deflaters[z.level]
	f, ok := pool.Get().(*flate.Writer)
	var err error
	if !ok {
		f, err = flate.NewWriter(nil, z.level)
	}
	for b := range z.work {
		b.err = err
		b.out = b.out[:0]
		if b.err == nil && z.failed() == nil {
			b.err = deflateBlock(f, b)
		}
		b.in = b.in[:0]
		b.done <- struct{}{}
	}
	if err == nil {
		f.Reset(nil)
		pool.Put(f)
	}
}

func deflateBlock(f *flate.Writer, b *block) error {
	f.Reset(&b.out)
	if _, err := f.Write(b.in); err != nil {
		return err
	}
	return f.Flush()
}

// merge writes the blocks in order, and the end of the stream.
func (z *blocks) merge() {
	for b := range z.queue {
		<-b.done
		z.write(b.out, b.err)
		z.free <- b
	}
	z.write([]byte{0x03, 0x00}, nil) // a last block without anything in it
}

// write writes p unless something failed, now or before.
func (z *blocks) write(p []byte, err error) {
	if z.failed() != nil {
		return
	}
	if err == nil && len(p) > 0 {
		err = writeAll(z.w, p)
	}
	if err != nil {
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
