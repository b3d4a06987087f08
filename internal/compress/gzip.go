package compress

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
)

// blockSize is how much input is deflated at once. Blocks do not refer to each
// other, which costs a percent of the size and lets each go to another core.
const blockSize = 512 << 10

// gzipLevels are the levels of the deflater. Level 1 takes as long as 2 and leaves
// 4 % more of a report; from 8 on each percent costs half as much time again.
var gzipLevels = map[Level]int{Fast: 2, Small: 7}

// A gzipWriter writes one gzip member (RFC 1952): some readers stop after the
// first, so blocks that are members of their own would lose rows there. Each
// block is deflated by itself and ends with an empty stored block, which brings
// the bits to a byte boundary; put after each other they are one deflate stream,
// and the checksum runs over the input as it arrives.
//
//	         ┌─ work ──► deflate (workers) ─┐ done
//	Write ───┤                              ▼
//	 ▲       └─ queue, in file order ──► merge ──► io.Writer
//	 └─────────────── free ◄────────────────┘
type gzipWriter struct {
	w     io.Writer
	level int

	free  chan *block
	work  chan *block
	queue chan *block

	block *block // being filled, or nil
	sum   uint32
	size  uint32 // of the input, modulo 2^32 as the format wants it

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

func newGzip(w io.Writer, level Level, workers int) (io.WriteCloser, error) {
	blocks := workers + 2 // one is filled and one written while the others are deflated
	z := &gzipWriter{
		w:     w,
		level: gzipLevels[level],
		free:  make(chan *block, blocks),
		work:  make(chan *block, blocks),
		queue: make(chan *block, blocks),
	}
	for range blocks {
		z.free <- &block{done: make(chan struct{}, 1)}
	}
	for range workers {
		z.running.Go(z.deflate)
	}
	z.running.Go(z.merge)
	return z, nil
}

func (z *gzipWriter) Write(p []byte) (int, error) {
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
		z.sum = crc32.Update(z.sum, crc32.IEEETable, p[:n])
		z.size += uint32(n)
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
func (z *gzipWriter) send() {
	z.queue <- z.block
	z.work <- z.block
	z.block = nil
}

func (z *gzipWriter) Close() error {
	if z.block != nil {
		z.send()
	}
	close(z.work)
	close(z.queue)
	z.running.Wait()
	return z.failed()
}

func (z *gzipWriter) failed() error {
	if err := z.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (z *gzipWriter) deflate() {
	f, err := flate.NewWriter(nil, z.level)
	for b := range z.work {
		b.err = err
		b.out = b.out[:0]
		if b.err == nil && z.failed() == nil {
			b.err = deflateBlock(f, b)
		}
		b.in = b.in[:0]
		b.done <- struct{}{}
	}
}

func deflateBlock(f *flate.Writer, b *block) error {
	f.Reset(&b.out)
	if _, err := f.Write(b.in); err != nil {
		return err
	}
	return f.Flush()
}

// merge writes the member: header, blocks in order, end of the deflate stream,
// checksum and size.
func (z *gzipWriter) merge() {
	header := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255} // no name, no time, from no system
	z.write(header, nil)
	for b := range z.queue {
		<-b.done
		z.write(b.out, b.err)
		z.free <- b
	}
	end := []byte{0x03, 0x00} // a last block without anything in it
	end = binary.LittleEndian.AppendUint32(end, z.sum)
	end = binary.LittleEndian.AppendUint32(end, z.size)
	z.write(end, nil)
}

// write writes p unless something failed, now or before.
func (z *gzipWriter) write(p []byte, err error) {
	if z.failed() != nil {
		return
	}
	if err == nil && len(p) > 0 {
		var n int
		if n, err = z.w.Write(p); err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
	}
	if err != nil {
		z.failure.Store(&err)
	}
}
