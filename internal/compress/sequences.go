package compress

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Sequences are what a deflater finds in a block, and how it is told: as one block of
// deflate with codes of its own (RFC 1951, 3.2.7).
type sequences struct {
	in    []byte
	found []sequence
	done  int // up to where they tell in

	litCounts  [literals]uint32
	distCounts [distances]uint32
	lits       [literals]code
	dists      [distances]code
}

// A sequence is some literal bytes, then a match.
type sequence struct {
	literals uint32
	distance uint16 // less 1
	symbol   uint8  // of the distance
	length   uint8  // less leastMatch
}

// longestCode is the most bits of a code here, fewer than there may be, so that four
// are written at once.
const longestCode = 14

func (s *sequences) begin(in []byte) {
	s.in, s.found, s.done = in, s.found[:0], 0
	clear(s.litCounts[:])
	clear(s.distCounts[:])
}

// match says that n bytes at i are those at from. What was not said to be one since
// the match before is literal, and so are the last bytes: write reads four at once.
func (s *sequences) match(i, n, from int) {
	if i > len(s.in)-4 {
		return
	}
	d := uint(i - from - 1)
	symbol := nearSymbols[d&255]
	if d >= 256 {
		symbol = farSymbols[d>>7&255]
	}
	s.found = append(s.found, sequence{uint32(i - s.done), uint16(d), symbol, uint8(n - leastMatch)})
	s.litCounts[firstLength+int(lengthSymbols[uint8(n-leastMatch)])]++
	s.distCounts[symbol&31]++
	s.done = i + n
}

// matchLength returns for how many bytes what stands at i stands at from too, at
// most those of one match.
func (s *sequences) matchLength(i, from int) int {
	in := s.in[:min(len(s.in), i+longest)]
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

// write appends the block of the sequences.
func (s *sequences) write(dst []byte) []byte {
	s.countLiterals()
	s.litCounts[endOfBlock] = 1
	codesFor(s.litCounts[:], s.lits[:], longestCode)
	codesFor(s.distCounts[:], s.dists[:], longestCode)
	w := bitWriter{out: dst}
	w.writeHead(s.lits[:], s.dists[:])

	// Codes with what is added to them, where that is known.
	var lits [256]uint32 // bits, and their number from bit 24 on
	for c := range lits {
		lits[c] = uint32(s.lits[c].bits) | uint32(s.lits[c].size)<<24
	}
	var lengths [longest - leastMatch + 1]uint32
	for n, symbol := range lengthSymbols {
		c, extra := s.lits[firstLength+int(symbol)], lengthExtras[symbol]
		lengths[n] = uint32(c.bits) | uint32(n-int(extra.base))<<c.size | uint32(c.size+extra.bits)<<24
	}
	out := slices.Grow(w.out, s.size()+16) // writes are of eight bytes
	at := len(out)
	out = out[:cap(out)]
	held, n := w.held, w.n
	rest := s.in
	for _, q := range s.found {
		// Literals go out by fours. The last of them, up to four, are cut off those of a
		// whole four and not counted out: how many they are cannot be foreseen.
		for run := uint(q.literals); ; run -= 4 {
			four := binary.LittleEndian.Uint32(rest)
			a, b, c, d := lits[four&255], lits[four>>8&255], lits[four>>16&255], lits[four>>24]
			sizes := a>>24 | b>>24<<8 | c>>24<<16 | d>>24<<24
			ends := uint64(sizes*0x01010101) << 8 // where so many of the codes end, a byte each
			codes := uint64(a&0xffffff) | uint64(b&0xffffff)<<(ends>>8&63) | uint64(c&0xffffff)<<(ends>>16&63) | uint64(d&0xffffff)<<(ends>>24&63)
			now := min(run, 4)
			size := uint(ends >> (8 * now & 63) & 255)
			held |= codes & (1<<(size&63) - 1) << (n & 63)
			n += size
			binary.LittleEndian.PutUint64(out[at:], held)
			at += int(n >> 3)
			held >>= n &^ 7 & 63
			n &= 7
			rest = rest[now:]
			if run <= 4 {
				break
			}
		}
		rest = rest[int(q.length)+leastMatch:]
		c := lengths[q.length]
		held |= uint64(c&0xffffff) << (n & 63)
		n += uint(c >> 24)
		d := s.dists[q.symbol&31]
		extra := uint(distanceBits[q.symbol&31])
		held |= (uint64(d.bits) | uint64(q.distance)&(1<<(extra&63)-1)<<(d.size&63)) << (n & 63)
		n += uint(d.size) + extra
		binary.LittleEndian.PutUint64(out[at:], held)
		at += int(n >> 3)
		held >>= n &^ 7 & 63
		n &= 7
	}
	w = bitWriter{out[:at], held, n}
	for _, c := range rest {
		w.code(s.lits[c])
	}
	w.code(s.lits[endOfBlock])
	w.align()
	return w.out
}

// size returns how many bytes the codes of the block take at most.
func (s *sequences) size() int {
	bits := 0
	for symbol, n := range s.litCounts {
		size := int(s.lits[symbol].size)
		if symbol >= firstLength {
			size += int(lengthExtras[symbol-firstLength].bits)
		}
		bits += int(n) * size
	}
	for symbol, n := range s.distCounts {
		bits += int(n) * (int(s.dists[symbol].size) + int(distanceBits[symbol]))
	}
	return bits/8 + 1
}

// countLiterals counts the bytes outside of matches: by fours, of which those after the
// run count nothing, for the same reason as in write.
func (s *sequences) countLiterals() {
	count := func(c uint32, at, run int) { s.litCounts[c&255] += uint32(uint64(at-run) >> 63) }
	rest := s.in
	for _, q := range s.found {
		run := int(q.literals)
		for at := 0; ; at += 4 {
			four := binary.LittleEndian.Uint32(rest[at:])
			count(four, at, run)
			count(four>>8, at+1, run)
			count(four>>16, at+2, run)
			count(four>>24, at+3, run)
			if at+4 >= run {
				break
			}
		}
		rest = rest[run+int(q.length)+leastMatch:]
	}
	for _, c := range rest {
		s.litCounts[c]++
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

func load64(p []byte, i int) uint64 { return binary.LittleEndian.Uint64(p[i:]) }
