package compress

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// A sheetDeflater deflates the XML of a sheet (RFC 1951). Three parts in four of such
// XML are markup that repeats from row to row, in places that can be told without a
// search:
//
//	…value</v></c><c s="2" t="str" r="C17"><v>value</v></c>…
//	      └─────────── row above ──────┘└─┘└─┘
//	                          cell before   as above in this column, or searched
//
// So it goes from cell to cell, and searches for little: the beginnings of values
// that are text. It takes any bytes, but makes less small what is no sheet.
//
// The deflaters for everything look everywhere. That makes a sheet as small at a third
// more time, or a tenth smaller at twice the time.
type sheetDeflater struct {
	in     []byte
	tokens []token
	done   int // up to where the tokens tell in

	table   [1 << 13]int32 // where five bytes were last, by their hash; plus one
	columns [1 << 10]place // where a column's cell was last, by its letters
	cell    cell           // the cell before

	litCounts  [literals]uint32
	distCounts [distances]uint32
	lits       [literals]code
	dists      [distances]code
}

// A place is where a column's cell was last, plus one each: its markup, from the end
// of the value before, and its value.
type place struct{ markup, value int32 }

// A cell is what is known of the cell whose value comes next. The zero value is
// that nothing is.
type cell struct {
	known   bool
	number  int  // where the row's number stands in its markup
	digits  int  // of that number
	above   int  // where its column's value was last; 0 for never
	numeric bool // whether a number is expected
}

// A token is how many literal bytes come, or a match: from bit 23 on its length less
// 3, from bit 15 on the symbol of its distance, and below that its distance less 1.
type token uint32

const isMatch token = 1 << 31

// deflate appends in, of at most 2 GiB, as one block of the stream, ended at a byte.
func (z *sheetDeflater) deflate(dst, in []byte) []byte {
	z.in, z.tokens, z.done, z.cell = in, z.tokens[:0], 0, cell{}
	clear(z.table[:])
	clear(z.columns[:])
	clear(z.litCounts[:])
	clear(z.distCounts[:])
	for i := 0; i < len(in); {
		end := len(in)
		if n := bytes.IndexByte(in[i:], '<'); n >= 0 {
			end = i + n
		}
		if i = z.value(i, end); i < len(in) {
			i = z.markup(i, end)
		}
	}
	z.tokens = append(z.tokens, token(len(in)-z.done))
	return z.write(dst)
}

// markup takes in what is between two values. It began at begin, and all before i is
// done. It returns up to where it came, which may be into the value.
func (z *sheetDeflater) markup(i, begin int) int {
	before := z.cell
	next, ok := z.parse(begin)
	z.cell = next.cell
	if !ok {
		return z.search(i, max(i, begin+1))
	}
	p := &z.columns[next.column&(len(z.columns)-1)]
	above := *p
	*p = place{int32(begin) + 1, int32(next.value) + 1}
	z.cell.above = max(int(above.value)-1, 0)

	// Up to the end of the row's number, or where it begins to differ, as above.
	if above.markup > 0 {
		i = z.copy(i, int(above.markup)-1+i-begin, next.quote)
	}
	if i < next.number {
		i = z.search(i, next.number)
	}
	// Then, if the value begins as it did above, the digits that differ and all that
	// follows from above.
	if z.cell.above > 0 {
		start, from := max(i, next.quote), z.cell.above-(next.value-next.quote)
		if n := z.matchLength(start, from+start-next.quote); start+n > next.value && n >= leastMatch && start-from <= window {
			z.match(start, n, from+start-next.quote)
			return start + n
		}
	}
	// Else the number from the cell before.
	if before.known && i < next.value {
		i = z.copy(i, before.number+i-next.number, next.value)
	}
	return i
}

// A parsed is the markup before a value: where what stands in it.
type parsed struct {
	cell
	column int
	quote  int // after the row's number
	value  int
}

// parse reads </v></c><c s="3" r="AB12"><v>, with whatever attributes. It reports
// false for anything else.
func (z *sheetDeflater) parse(at int) (p parsed, ok bool) {
	const longest, least = 64, len(`</v></c><c r="A1"><v>`)
	in := z.in
	if at+longest > len(in) || load64(in, at) != endOfCell || in[at+8] != '<' {
		return p, false
	}
	close := at + 9 + bytes.IndexByte(in[at+9:at+longest-4], '>')
	if close < at+least-4 || in[close+1] != '<' || in[close+2] != 'v' || in[close+3] != '>' {
		return p, false
	}
	p.quote, p.value = close-1, close+4
	p.number = p.quote - z.cell.digits // mostly as long as in the cell before
	if z.cell.digits == 0 || !isDigit(in[p.number]) || !isLetter(in[p.number-1]) {
		for p.number = p.quote; isDigit(in[p.number-1]); {
			p.number--
		}
	}
	letter := p.number
	for isLetter(in[letter-1]) && letter > p.number-3 {
		letter--
		p.column = p.column<<5 | int(in[letter]&31)
	}
	p.known, p.digits = true, p.quote-p.number
	p.numeric = isDigit(in[letter-len(`1" r="`)]) // the style's number, and no type
	return p, true
}

// copy takes in up to end from a place where the same is expected. It returns where
// that is no longer so.
func (z *sheetDeflater) copy(i, from, end int) int {
	if from < 0 || i-from > window || from >= i {
		return i
	}
	n := min(z.matchLength(i, from), end-i)
	if n < leastMatch {
		return i
	}
	z.match(i, n, from)
	return i + n
}

// value takes in a value from i to end: as it was in this column the last time, if
// it is the same, else by search. It may go on into the markup.
func (z *sheetDeflater) value(i, end int) int {
	if from := z.cell.above; from > 0 && i < end && i-from <= window && from < i {
		if n := z.matchLength(i, from); i+n >= end && n >= leastMatch {
			z.match(i, n, from)
			return i + n
		}
	}
	if z.cell.numeric {
		return max(i, end) // digits repeat by chance, and are short as they are
	}
	return z.search(i, end)
}

// search takes in up to end, and perhaps more: five bytes or more that were there
// before, as long as there are such.
func (z *sheetDeflater) search(i, end int) int {
	in := z.in
	for i < end && i+8 <= len(in) {
		w := load64(in, i)
		h := w << 24 * 889523592379 >> (64 - 13)
		from := int(z.table[h]) - 1
		z.table[h] = int32(i) + 1
		if from < 0 || i-from > window || (w^load64(in, from))<<24 != 0 {
			break
		}
		n := z.matchLength(i, from)
		z.match(i, n, from)
		i += n
	}
	return max(i, end)
}

// match says that n bytes at i are those at from. What was not said to be one since
// the match before is literal.
func (z *sheetDeflater) match(i, n, from int) {
	d := uint(i - from - 1)
	symbol := nearSymbols[d&255]
	if d >= 256 {
		symbol = farSymbols[d>>7&255]
	}
	z.tokens = append(z.tokens, token(i-z.done), isMatch|token(n-leastMatch)<<23|token(symbol)<<15|token(d))
	z.litCounts[firstLength+int(lengthSymbols[n-leastMatch])]++
	z.distCounts[symbol&31]++
	z.done = i + n
}

// matchLength returns for how many bytes what stands at i stands at from too, at
// most those of one token.
func (z *sheetDeflater) matchLength(i, from int) int {
	in := z.in[:min(len(z.in), i+longest)]
	n := i
	for n+8 <= len(in) {
		if x := load64(in, n) ^ load64(in, from); x != 0 {
			return n - i + bits.TrailingZeros64(x)>>3
		}
		n += 8
		from += 8
	}
	for n < len(in) && in[n] == in[from] {
		n++
		from++
	}
	return n - i
}

// write appends the block of the tokens.
func (z *sheetDeflater) write(dst []byte) []byte {
	z.countLiterals()
	z.litCounts[endOfBlock] = 1
	codesFor(z.litCounts[:], z.lits[:], 15)
	codesFor(z.distCounts[:], z.dists[:], 15)
	w := bitWriter{out: dst}
	w.writeHead(z.lits[:], z.dists[:])

	// Codes with what is added to them, where that is known.
	var lits [256]uint32 // bits, and their number from bit 24 on
	for s := range lits {
		lits[s] = uint32(z.lits[s].bits) | uint32(z.lits[s].size)<<24
	}
	var lengths [longest - leastMatch + 1]uint32
	for n, symbol := range lengthSymbols {
		c, extra := z.lits[firstLength+int(symbol)], lengthExtras[symbol]
		lengths[n] = uint32(c.bits) | uint32(n-int(extra.base))<<c.size | uint32(c.size+extra.bits)<<24
	}
	out := slices.Grow(w.out, 2*len(z.in)+16) // no code needs more than 16 bits a byte
	at := len(out)
	out = out[:cap(out)]
	held, n := w.held, w.n
	rest := z.in
	for _, t := range z.tokens {
		if t&isMatch == 0 {
			run := rest[:t]
			rest = rest[t:]
			for ; len(run) >= 3; run = run[3:] {
				a, b, c := lits[run[0]], lits[run[1]], lits[run[2]]
				held |= uint64(a&0xffffff) << (n & 63)
				n += uint(a >> 24)
				held |= uint64(b&0xffffff) << (n & 63)
				n += uint(b >> 24)
				held |= uint64(c&0xffffff) << (n & 63)
				n += uint(c >> 24)
				binary.LittleEndian.PutUint64(out[at:], held)
				at += int(n >> 3)
				held >>= n &^ 7 & 63
				n &= 7
			}
			for _, c := range run {
				a := lits[c]
				held |= uint64(a&0xffffff) << (n & 63)
				n += uint(a >> 24)
			}
		} else {
			c, symbol := lengths[t>>23&255], uint(t>>15&31)
			rest = rest[int(t>>23&255)+leastMatch:]
			held |= uint64(c&0xffffff) << (n & 63)
			n += uint(c >> 24)
			d := z.dists[symbol]
			extra := uint(distanceBits[symbol])
			held |= (uint64(d.bits) | uint64(t)&(1<<(extra&63)-1)<<(d.size&63)) << (n & 63)
			n += uint(d.size) + extra
		}
		binary.LittleEndian.PutUint64(out[at:], held)
		at += int(n >> 3)
		held >>= n &^ 7 & 63
		n &= 7
	}
	w = bitWriter{out[:at], held, n}
	w.code(z.lits[endOfBlock])
	w.align()
	return w.out
}

// countLiterals counts the bytes outside of matches, in two tables by turns: a count
// that was just written takes time to be read.
func (z *sheetDeflater) countLiterals() {
	var other [256]uint32
	rest := z.in
	for _, t := range z.tokens {
		if t&isMatch != 0 {
			rest = rest[int(t>>23&255)+leastMatch:]
			continue
		}
		run := rest[:t]
		rest = rest[t:]
		for ; len(run) >= 2; run = run[2:] {
			z.litCounts[run[0]]++
			other[run[1]]++
		}
		if len(run) > 0 {
			z.litCounts[run[0]]++
		}
	}
	for s, n := range other {
		z.litCounts[s] += n
	}
}

// distanceBits is how many bits are added to a distance's symbol.
var distanceBits = func() (extra [32]uint8) {
	for s := 4; s < distances; s++ {
		extra[s] = uint8(s/2 - 1)
	}
	return extra
}()

// nearSymbols are the symbols of distances up to 256, farSymbols those of 128 times
// as much; both are found by the distance less 1.
var nearSymbols, farSymbols = func() (near, far [256]uint8) {
	for i := range 256 {
		near[i] = uint8(distanceSymbol(i + 1))
		far[i] = uint8(distanceSymbol(i<<7 + 1))
	}
	return near, far
}()

// lengthExtras are what a length's symbol leaves open: the length less 3 it begins
// with, and the bits that are added to it.
var lengthExtras = func() (extras [literals - firstLength]struct{ base, bits uint8 }) {
	base := 0
	for s := range extras[:len(extras)-1] {
		extras[s].base = uint8(base)
		if s >= 8 {
			extras[s].bits = uint8(s/4 - 1)
		}
		base += 1 << extras[s].bits
	}
	extras[len(extras)-1].base = longest - leastMatch // has a symbol of its own
	return extras
}()

// lengthSymbols are the symbols of lengths, both less their first.
var lengthSymbols = func() (symbols [longest - leastMatch + 1]uint8) {
	for s, e := range lengthExtras {
		for n := range 1 << e.bits {
			if int(e.base)+n < len(symbols) {
				symbols[int(e.base)+n] = uint8(s)
			}
		}
	}
	return symbols
}()

// distanceSymbol returns the symbol of a distance from 1 on: two for each power of
// two.
func distanceSymbol(distance int) int {
	d := uint(distance - 1)
	if d < 2 {
		return int(d)
	}
	high := bits.Len(d) - 1
	return 2*high | int(d>>(high-1)&1)
}

// endOfCell is </v></c>.
const endOfCell = '<' | '/'<<8 | 'v'<<16 | '>'<<24 | '<'<<32 | '/'<<40 | 'c'<<48 | '>'<<56

func isDigit(c byte) bool { return c-'0' <= 9 }

func isLetter(c byte) bool { return c-'A' <= 25 }

func load64(p []byte, i int) uint64 { return binary.LittleEndian.Uint64(p[i:]) }
