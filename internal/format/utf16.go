package format

import (
	"encoding/binary"
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

func (e *utf16LE) Tail(dst []byte, rows int64) []byte {
	return appendUTF16(dst, e.encoder.Tail(nil, rows))
}

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

// appendUTF16 appends text, which is valid UTF-8 as all of a batch, as UTF-16.
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
			for ; len(text)-i > 2 && text[i]>>4 == 0xe; i, n = i+3, n+2 { // most of the world's scripts
				binary.LittleEndian.PutUint16(buf[n:], threeBytes(text[i:]))
			}
			if i < len(text) {
				i, n = putUnits(buf, n, text, i)
			}
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
	var unit uint16
	switch left := text[i:]; {
	case left[0] < utf8.RuneSelf:
		unit, i = uint16(left[0]), i+1
	case left[0] < 0xe0 && len(left) > 1:
		unit, i = uint16(left[0]&0x1f)<<6|uint16(left[1]&0x3f), i+2
	case left[0] < 0xf0 && len(left) > 2:
		unit, i = threeBytes(left), i+3
	default: // two units
		c, size := utf8.DecodeRune(left)
		high, low := utf16.EncodeRune(c)
		binary.LittleEndian.PutUint16(buf[n:], uint16(high))
		n, unit, i = n+2, uint16(low), i+size
	}
	binary.LittleEndian.PutUint16(buf[n:], unit)
	return i, n + 2
}

// threeBytes returns the character that three bytes of UTF-8 stand for.
func threeBytes(p []byte) uint16 { return uint16(p[0])<<12 | uint16(p[1]&0x3f)<<6 | uint16(p[2]&0x3f) }
