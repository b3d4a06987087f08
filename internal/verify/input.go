package verify

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// pieceSize is how much of a file is held at a time.
const pieceSize = 64 << 10

// maxWindow bounds how far back a zstd frame may reach, which is memory.
const maxWindow = 32 << 20

// inflated is the content of a file that may be compressed. What is wrong with
// the compression comes out of it as damage.
type inflated struct {
	r           io.Reader
	compression string
	in          *bufio.Reader // what is behind r
	left        int64
	limit       int64
	close       func()
}

func inflate(in *bufio.Reader, compression string, limit int64) (*inflated, error) {
	z := &inflated{r: in, compression: compression, in: in, left: limit, limit: limit, close: func() {}}
	switch compression {
	case "gzip":
		g, err := gzip.NewReader(in)
		if err != nil {
			return nil, z.damage(err)
		}
		g.Multistream(false) // one member is promised; what follows is looked at in end
		z.r = g
	case "zstd":
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, z.damage(err)
		}
		z.r, z.close = d, d.Close
	}
	return z, nil
}

func (z *inflated) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	if z.compression == "none" {
		return n, err
	}
	if z.left -= int64(n); z.left < 0 {
		return 0, tooMuch(z.limit)
	}
	if err != nil && err != io.EOF {
		err = z.damage(err)
	}
	return n, err
}

func tooMuch(limit int64) error {
	return damaged("More than %s bytes come out of the file, which is more than it may unpack to (--limit).", group(limit))
}

func (z *inflated) damage(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return damaged("The %s data is cut off: it ends without its end mark.", z.compression)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch):
		return damaged("The %s data is damaged: its checksum does not fit.", z.compression)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return damaged("The zstd data needs more memory than %s bytes to read.", group(maxWindow))
	}
	return damaged("The %s data is damaged.", z.compression)
}

// end looks at what follows the compressed data.
func (z *inflated) end() error {
	if z.compression == "gzip" {
		if _, err := z.in.Peek(1); err == nil {
			return damaged("More bytes follow the end of the gzip data.")
		}
	}
	return nil
}

func (z *inflated) Close() { z.close() }

// An input is text in pieces, held against UTF-8. Readers look at buf[pos:end]
// and fill when it is used up.
type input struct {
	r        io.Reader
	buf      []byte
	pos, end int
	tail     int   // bytes after end: the beginning of a character
	base     int64 // how many bytes came before buf
	badAt    int64 // where the first byte stands that is not UTF-8; -1 if none
	told     bool  // whether bad has said so
	err      error
}

func newInput(r io.Reader) *input {
	return &input{r: r, buf: make([]byte, pieceSize), badAt: -1}
}

// fill reads the next piece. It reports false at the end, and after an error,
// which failed returns.
func (in *input) fill() bool {
	in.base += int64(in.end)
	n := copy(in.buf, in.buf[in.end:in.end+in.tail])
	in.pos, in.end, in.tail = 0, 0, 0
	for idle := 0; n < len(in.buf) && in.err == nil; {
		var m int
		m, in.err = in.r.Read(in.buf[n:])
		n += m
		if m > 0 {
			idle = 0
		} else if idle++; idle > 100 && in.err == nil {
			in.err = io.ErrNoProgress
		}
	}
	if in.err == nil {
		in.tail = unfinished(in.buf[:n])
	}
	in.end = n - in.tail
	if in.badAt < 0 && !utf8.Valid(in.buf[:in.end]) {
		in.badAt = in.base + int64(firstBad(in.buf[:in.end]))
	}
	return in.end > 0
}

// failed returns why the input ended, nil for its regular end.
func (in *input) failed() error {
	if in.err == io.EOF {
		return nil
	}
	return in.err
}

// next returns the next byte.
func (in *input) next() (byte, bool) {
	if in.pos == in.end && !in.fill() {
		return 0, false
	}
	c := in.buf[in.pos]
	in.pos++
	return c, true
}

// peek returns the next byte and leaves it.
func (in *input) peek() (byte, bool) {
	if in.pos == in.end && !in.fill() {
		return 0, false
	}
	return in.buf[in.pos], true
}

// offset is where the next byte stands.
func (in *input) offset() int64 { return in.base + int64(in.pos) }

// skipMark skips a byte order mark and reports whether there was one.
func (in *input) skipMark() bool {
	if _, ok := in.peek(); ok && in.offset() == 0 && bytes.HasPrefix(in.buf[in.pos:in.end], utf8Mark) {
		in.pos += len(utf8Mark)
		return true
	}
	return false
}

// bad reports whether a byte before the next one is not UTF-8. It says so once.
func (in *input) bad() bool {
	if in.badAt < 0 || in.told || in.badAt >= in.offset() {
		return false
	}
	in.told = true
	return true
}

// unfinished returns how many bytes at the end begin a character that may go on.
func unfinished(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if c := p[len(p)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

func firstBad(p []byte) int {
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(p)
}

// A utf16Reader makes UTF-8 of UTF-16LE. A half of a pair that stands alone comes
// out as a byte that is not UTF-8, so that it is found like any other.
type utf16Reader struct {
	r     *bufio.Reader
	out   []byte // what did not fit
	spare [utf8.UTFMax]byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	n := copy(p, u.out)
	u.out = u.out[n:]
	for n < len(p) {
		c, err := u.unit()
		if err != nil {
			if n > 0 && err == io.EOF {
				err = nil
			}
			return n, err
		}
		if c < utf8.RuneSelf {
			p[n] = byte(c)
			n++
			continue
		}
		u.out = u.character(u.spare[:0], c)
		k := copy(p[n:], u.out)
		u.out = u.out[k:]
		n += k
	}
	return n, nil
}

func (u *utf16Reader) character(dst []byte, c uint16) []byte {
	if c < 0xd800 || c >= 0xe000 {
		return utf8.AppendRune(dst, rune(c))
	}
	low, err := u.r.Peek(2)
	if c >= 0xdc00 || err != nil || low[1]&0xfc != 0xdc {
		return append(dst, 0xff)
	}
	second := rune(low[0]) | rune(low[1])<<8
	if _, err := u.r.Discard(2); err != nil {
		return append(dst, 0xff)
	}
	return utf8.AppendRune(dst, 0x10000+rune(c-0xd800)<<10+second-0xdc00)
}

func (u *utf16Reader) unit() (uint16, error) {
	low, err := u.r.ReadByte()
	if err != nil {
		return 0, err
	}
	high, err := u.r.ReadByte()
	if err == io.EOF {
		return 0, damaged("The file ends in the middle of a UTF-16 character: it has been cut.")
	}
	return uint16(low) | uint16(high)<<8, err
}
