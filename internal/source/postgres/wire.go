package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
)

// pieceBytes is how much is read at a time.
const pieceBytes = 256 << 10

// A wire cuts what a server sends into messages: a kind, four bytes of length, a body.
type wire struct {
	conn net.Conn
	buf  []byte
	r, w int // what of buf is not looked at yet

	reads   atomic.Int64 // that brought something
	silence *watch       // nil: any silence is borne
}

var errMessage = errors.New("what came is no message of PostgreSQL")

// peek returns the next message and leaves it there. The body is good until the call
// after advance.
func (w *wire) peek() (kind byte, body []byte, err error) {
	const head = 5
	for {
		have := w.w - w.r
		need := head
		if have >= head {
			length := int(int32(binary.BigEndian.Uint32(w.buf[w.r+1:])))
			if length < head-1 {
				return 0, nil, errMessage
			}
			need = 1 + length
			if have >= need {
				return w.buf[w.r], w.buf[w.r+head : w.r+need], nil
			}
		}
		if err := w.read(need); err != nil {
			return 0, nil, err
		}
	}
}

// advance goes past a message whose body peek returned.
func (w *wire) advance(body []byte) { w.r += 5 + len(body) }

func (w *wire) next() (kind byte, body []byte, err error) {
	kind, body, err = w.peek()
	if err == nil {
		w.advance(body)
	}
	return kind, body, err
}

// read reads some more, with room for a message of so many bytes.
func (w *wire) read(need int) error {
	if w.r+need > len(w.buf) || w.r == w.w {
		rest := w.buf[w.r:w.w]
		if need > len(w.buf) {
			w.buf = make([]byte, max(need, pieceBytes))
		}
		w.w = copy(w.buf, rest)
		w.r = 0
	}
	w.silence.begins()
	n, err := w.conn.Read(w.buf[w.w:])
	w.silence.ends()
	w.w += n
	if n > 0 {
		w.reads.Add(1)
		return nil
	}
	if w.silence.broke() {
		err = errSilent
	}
	switch err {
	case nil:
		err = io.ErrNoProgress
	case io.EOF: // it is never the end that was to come
		err = io.ErrUnexpectedEOF
	}
	return err
}
