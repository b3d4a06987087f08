package format

import (
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"outturn"
)

// utf16LE is an encoder whose UTF-8 goes into the file as UTF-16, the low byte of
// each unit first. Rows are encoded as they always are and widened then, while
// they are still in the core's cache.
type utf16LE struct {
	encoder
	scratch sync.Pool // of *[]byte: the UTF-8 of one span
}

func (e *utf16LE) Head(dst []byte) []byte { return appendUTF16(dst, e.encoder.Head(nil)) }

func (e *utf16LE) Tail(dst []byte) []byte { return appendUTF16(dst, e.encoder.Tail(nil)) }

func (e *utf16LE) Rows(dst []byte, b span) ([]byte, outturn.Notes, error) {
	text, _ := e.scratch.Get().(*[]byte)
	if text == nil {
		text = new([]byte)
	}
	rows, notes, err := e.encoder.Rows((*text)[:0], b)
	dst = appendUTF16(dst, rows)
	if cap(rows) <= largestKept {
		*text = rows
		e.scratch.Put(text)
	}
	return dst, notes, err
}

// appendUTF16 appends text, which is UTF-8, as UTF-16.
func appendUTF16(dst, text []byte) []byte {
	buf, n := whole(dst)
	if need := 2*len(text) + 16; len(buf)-n < need { // no character gets more than twice as long
		buf = grow(buf, n, need)
	}
	i := 0
	for len(text)-i >= 8 {
		w := load(text, i)
		store(buf, n, widen(w))
		store(buf, n+8, widen(w>>32))
		marks := w & tops
		if marks == 0 {
			i += 8
			n += 16
			continue
		}
		ascii := lowestLane(marks)
		i += ascii
		n += 2 * ascii
		// Where one such character is, others mostly follow.
		for i < len(text) && text[i] >= utf8.RuneSelf {
			i, n = putUnits(buf, n, text, i)
		}
	}
	for i < len(text) {
		i, n = putUnits(buf, n, text, i)
	}
	return buf[:n]
}

// widen makes four bytes, the low half of w, those of four ASCII characters in
// UTF-16.
func widen(w uint64) uint64 {
	w &= 0xffffffff
	w = (w | w<<16) & 0x0000ffff0000ffff
	return (w | w<<8) & 0x00ff00ff00ff00ff
}

// putUnits puts the character at text[i:] and returns where the next one is.
func putUnits(buf []byte, n int, text []byte, i int) (next, end int) {
	c, size := utf8.DecodeRune(text[i:])
	if c < 0x10000 {
		buf[n], buf[n+1] = byte(c), byte(c>>8)
		return i + size, n + 2
	}
	high, low := utf16.EncodeRune(c)
	buf[n], buf[n+1], buf[n+2], buf[n+3] = byte(high), byte(high>>8), byte(low), byte(low>>8)
	return i + size, n + 4
}
