package compress

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// A gzipWriter writes one gzip member (RFC 1952): some readers stop after the
// first, so blocks that are members of their own would lose rows there. The
// checksum runs over the input as it arrives.
type gzipWriter struct {
	w      io.Writer
	stream *blocks // nil until the header is written

	kind    *kind
	workers int

	sum  uint32
	size uint32 // of the input, modulo 2^32 as the format wants it
}

func newGzip(w io.Writer, level Level, workers int) (io.WriteCloser, error) {
	kind := texts
	if level == Small {
		const level = 7 // from 8 on each percent costs half as much time again
		kind = anything[level]
	}
	return &gzipWriter{w: w, kind: kind, workers: workers}, nil
}

func (z *gzipWriter) Write(p []byte) (int, error) {
	if err := z.begin(); err != nil {
		return 0, err
	}
	n, err := z.stream.Write(p)
	z.sum = crc32.Update(z.sum, crc32.IEEETable, p[:n])
	z.size += uint32(n)
	return n, err
}

// begin writes the header: no name, no time, from no system.
func (z *gzipWriter) begin() error {
	if z.stream != nil {
		return nil
	}
	if err := writeAll(z.w, []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}); err != nil {
		return err
	}
	z.stream = startBlocks(z.w, z.kind, z.workers)
	return nil
}

func (z *gzipWriter) Close() error {
	if err := z.begin(); err != nil {
		return err
	}
	if err := z.stream.Close(); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, z.sum)
	return writeAll(z.w, binary.LittleEndian.AppendUint32(end, z.size))
}
