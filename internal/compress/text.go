package compress

import "math/bits"

// A textDeflater deflates the text of a report (RFC 1951).
//
// To look for a match at every byte costs more in wrong guesses of the processor than
// in looking: text of a report is short matches and shorter literals. What repeats in
// it begins with a separator, or where a match before it ended, so those places are
// looked at, and the letters and digits between are skipped eight at a time.
type textDeflater struct {
	sequences

	table [1 << textBits]int32 // where six bytes were last, by their hash; plus what makes 0 too far away
}

const (
	textBits  = 14
	leastText = 6 // bytes of a match
)

// deflate appends in, of at most 2 GiB, as one block of the stream, ended at a byte.
func (z *textDeflater) deflate(dst, in []byte) []byte {
	z.begin(in)
	clear(z.table[:])
	last := len(in) - 16 // behind it nothing is looked for
	for i := 0; i < last; {
		w := load64(in, i)
		h := textHash(w)
		from := int(z.table[h]) - window - 1
		z.table[h] = int32(i) + window + 1
		tooFar := (window - (i - from)) >> 63 // all bits, or none
		if (w^load64(in, from&^tooFar))<<(64-8*leastText)|uint64(tooFar) != 0 {
			i += 1 + toSeparator(load64(in, i+1))
			continue
		}
		n := z.matchLength(i, from)
		z.match(i, n, from)
		i += n
		if i < last { // what ends with a separator is found again from there as well
			z.table[textHash(load64(in, i-1))] = int32(i-1) + window + 1
		}
	}
	return z.write(dst)
}

func textHash(w uint64) uint64 {
	return w << (64 - 8*leastText) * 889523592379 >> (64 - textBits)
}

// toSeparator returns how many of eight bytes stand before the first that is below '0', or
// from ':' to '@'.
func toSeparator(w uint64) int {
	const all, high = 0x0101010101010101, 0x80 * 0x0101010101010101
	low := w &^ high
	// The high bit of a byte is set where it is at least '0', above '9', above '@'.
	zero, nine, at := low+(128-'0')*all, low+(127-'9')*all, low+(127-'@')*all
	return bits.TrailingZeros64((^zero|nine&^at)&^w&high) >> 3
}
