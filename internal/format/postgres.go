package format

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
	"time"

	"outturn"
	"outturn/internal/batch"
)

// copied encodes rows byte for byte as PostgreSQL's COPY … TO STDOUT (FORMAT csv,
// HEADER) does, for who replaces a script with \copy in it. A null is nothing, also in
// a file of one column, and a time that the source keeps without a zone is what its
// clock shows.
type copied struct {
	columns []batch.Column
	kinds   []kind
	zone    *time.Location
	key     []int
	alone   bool // there is one column
}

func (e *copied) Head(dst []byte) []byte {
	buf, n := whole(dst)
	for i, c := range e.columns {
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		if i > 0 {
			buf[n] = ','
			n++
		}
		name := []byte(c.Title())
		buf, n = e.putText(buf, n, name, 0, len(name))
	}
	return append(buf[:n], '\n')
}

func (e *copied) Tail(dst []byte, _ int64) []byte { return dst }

func (e *copied) Rows(dst []byte, b span) ([]byte, outturn.Notes, error) {
	buf, n := whole(dst)
	vectors := b.vectors(e.kinds, e.zone)
	clocks := make([]copyClock, len(vectors))
	for c := range clocks {
		clocks[c] = copyClock{zone: e.zone, wall: e.columns[c].Wall}
	}
	arena := b.Arena()
	for r := b.from; r < b.to; r++ {
		for c := range vectors {
			v := &vectors[c]
			if len(buf)-n < room {
				buf = grow(buf, n, room)
			}
			if v.null(r) {
				buf[n] = ','
				n++
				continue
			}
			word, ok := v.Words[r], true
			switch v.kind {
			case kindText, kindJSON:
				buf, n = e.putText(buf, n, arena, int(word>>32), int(uint32(word)))
			case kindInt:
				n = putInt(buf, n, int64(word))
			case kindDecimal:
				if word&1 == 0 {
					n = putDecimal(buf, n, int64(word)>>1, v.scale, '.')
				} else {
					buf, n = putBytes(buf, n, digits(arena, word))
				}
			case kindFloat:
				n = putCopiedFloat(buf, n, math.Float64frombits(word), e.columns[c].Single)
			case kindBool:
				buf[n] = 'f'
				if word != 0 {
					buf[n] = 't'
				}
				n++
			case kindDate:
				n, ok = putCopiedDate(buf, n, int64(word))
			case kindTime:
				n, ok = clocks[c].put(buf, n, int64(word), v.scale)
			}
			if !ok {
				return buf[:n], outturn.Notes{}, b.misfit(c, r, e.key, copiedYears(v.kind))
			}
			buf[n] = ','
			n++
		}
		if len(vectors) > 0 {
			n-- // the last delimiter
		}
		if len(buf)-n < room {
			buf = grow(buf, n, room)
		}
		buf[n] = '\n'
		n++
	}
	return buf[:n], outturn.Notes{}, nil
}

// putText puts the text at arena[off:off+size] as a field, with room free after it.
// PostgreSQL's rule is that the delimiter, a quote, CR and LF need quotes, as do what
// stands for null, which is the empty text here, and a \. that is alone on its line.
func (e *copied) putText(buf []byte, n int, arena []byte, off, size int) ([]byte, int) {
	if len(buf)-n < size+room {
		buf = grow(buf, n, size+room)
	}
	if size < 8 {
		w := loadShort(arena, off, size)
		if size == 0 || w == endOfCopy && e.alone || failing(harmless(w|harm<<(8*size&63))) != 0 && mustQuote(arena[off:off+size]) {
			return putQuoted(buf, n, arena[off:off+size])
		}
		store(buf, n, w)
		return buf, n + size
	}
	if load(arena, off)&0xffff == '{'|'"'<<8 { // a JSON object
		return putQuoted(buf, n, arena[off:off+size])
	}
	// The last words overlap: no loop for most texts.
	_ = arena[off : off+size]
	first, last := load(arena, off), load(arena, off+size-8)
	plain := harmless(first) & harmless(last)
	store(buf, n, first)
	store(buf, n+size-8, last)
	if size > 16 {
		a, b := load(arena, off+8), load(arena, off+size-16)
		plain &= harmless(a) & harmless(b)
		store(buf, n+8, a)
		store(buf, n+size-16, b)
		for i := 16; i < size-16; i += 8 {
			w := load(arena, off+i)
			plain &= harmless(w)
			store(buf, n+i, w)
		}
	}
	if failing(plain) != 0 && mustQuote(arena[off:off+size]) {
		return putQuoted(buf, n, arena[off:off+size])
	}
	return buf, n + size
}

// harmless passes, in each lane of w, a byte that needs no quotes. It fails control
// characters that need none either: they are so rare that mustQuote can look again.
func harmless(w uint64) uint64 {
	const belowSpace = (0x80 - 0x20) * lanes
	low := w & lows
	return (low^quotes+lows)&(low^(','*lanes)+lows)&(low+belowSpace) | w
}

func mustQuote(text []byte) bool { return bytes.ContainsAny(text, ",\"\r\n") }

// putCopiedFloat puts the shortest digits that read back as x, in the form that
// PostgreSQL has for them: with an exponent below 1e-4 and from 1e15 on, or from 1e6
// on where x has single precision.
func putCopiedFloat(buf []byte, n int, x float64, single bool) int {
	size, bitSize, limit, small := math.Abs(x), 64, 1e15, 1e-4
	if single {
		bitSize, limit, small = 32, 1e6, float64(float32(1e-4))
		size = float64(float32(size))
	}
	switch {
	case x == 0 && math.Signbit(x):
		return n + copy(buf[n:], "-0")
	case size >= small && size < limit || x == 0:
		if whole := math.Trunc(x); whole == x {
			return putInt(buf, n, int64(x))
		}
		text := strconv.AppendFloat(buf[n:n], x, 'f', -1, bitSize)
		toEven(text, x, bitSize)
		return n + len(text)
	case math.IsNaN(x) || math.IsInf(x, 0):
		return putFloat(buf, n, x)
	}
	text := strconv.AppendFloat(buf[n:n], x, 'e', -1, bitSize)
	if onEdge(text, bitSize) {
		// Digits that lie in the middle between x and the next number read back as x by
		// rounding to even alone. PostgreSQL does not rely on that, and gives more.
		for more := mantissa(text); ; more++ {
			text = strconv.AppendFloat(buf[n:n], x, 'e', more, bitSize)
			if !onEdge(text, bitSize) && readsBack(text, x, bitSize) {
				break
			}
		}
	} else {
		toEven(text, x, bitSize)
	}
	return n + len(text)
}

// toEven makes the last of x's shortest digits even where it is odd and both are as near
// to x as digits can be.
func toEven(text []byte, x float64, bitSize int) {
	last := len(text) - 1
	if mark := bytes.IndexByte(text, 'e'); mark >= 0 {
		last = mark - 1
	}
	unique := 15 // so many digits are nearest to one float each
	if bitSize == 32 {
		unique = 6
	}
	if last < unique || (text[last]-'0')&1 == 0 {
		return
	}
	digits := 0
	for _, c := range text[:last+1] {
		if c >= '1' && c <= '9' || c == '0' && digits > 0 {
			digits++
		}
	}
	var scratch [32]byte
	rounded := strconv.AppendFloat(scratch[:0], x, 'e', digits-1, bitSize)
	if rounded[bytes.IndexByte(rounded, 'e')-1] != text[last]-1 {
		return
	}
	text[last]--
	if !readsBack(text, x, bitSize) {
		text[last]++ // nearer, but to a power of two, below which floats are closer
	}
}

// mantissa returns how many digits of 1.234e+56 stand after the point.
func mantissa(text []byte) int {
	point, e := bytes.IndexByte(text, '.'), bytes.IndexByte(text, 'e')
	if point < 0 {
		return 0
	}
	return e - point - 1
}

func readsBack(text []byte, x float64, bitSize int) bool {
	y, err := strconv.ParseFloat(string(text), bitSize)
	if bitSize == 32 {
		return err == nil && float32(y) == float32(x)
	}
	return err == nil && y == x
}

// onEdge reports whether a number such as -1.234e+56 lies in the middle between two
// neighbouring floats. It then is an odd number of exactly one bit more than theirs,
// times a power of two.
func onEdge(text []byte, bitSize int) bool {
	mark := bytes.IndexByte(text, 'e')
	exponent, err := strconv.Atoi(string(text[mark+1:]))
	fives := exponent - mantissa(text)
	if err != nil || fives < 0 {
		return false // so large a fraction has more digits than a float needs
	}
	var odd uint64
	for _, c := range text[:mark] {
		if c >= '0' && c <= '9' {
			odd = odd*10 + uint64(c-'0')
		}
	}
	odd >>= bits.TrailingZeros64(odd)
	for ; fives > 0; fives-- {
		if odd > math.MaxUint64/5 {
			return false
		}
		odd *= 5
	}
	if bitSize == 32 {
		return bits.Len64(odd) == 25
	}
	return bits.Len64(odd) == 54
}

// The days and instants that PostgreSQL has begin at 4714-11-24 BC. Its instants go on to
// the year 294276, and those that fit a word here are some decades fewer.
const (
	firstCopiedDay     = -2440588
	copiedDaysEnd      = 2145042906 // 5874898-01-01
	firstCopiedInstant = firstCopiedDay * microsPerDay
	copiedInstantsEnd  = math.MaxInt64 - microsPerDay // no offset is as long
)

func copiedYears(k kind) string {
	if k == kindDate {
		return "the years 4714 BC to 5874897"
	}
	return "the years 4714 BC to 294247"
}

// putCopiedDate puts a day as PostgreSQL writes it: years of four digits or more, and BC
// after those before the year 1. It reports false for a day that PostgreSQL has not.
func putCopiedDate(buf []byte, n int, day int64) (int, bool) {
	if day >= firstDay && day <= lastDay {
		return putDate(buf, n, day)
	}
	if name := infinite(day); name != "" {
		return n + copy(buf[n:], name), true
	}
	if day < firstCopiedDay || day >= copiedDaysEnd {
		return n, false
	}
	n, era := putFarDate(buf, n, day)
	return n + copy(buf[n:], era), true
}

// putFarDate puts a day of any year, but for the era that belongs to it, which follows
// whatever else is told of the day.
func putFarDate(buf []byte, n int, day int64) (end int, era string) {
	const cycle = 146097 // days of 400 years, after which the calendar begins again
	cycles := (day - firstDay) / cycle
	if (day-firstDay)%cycle < 0 {
		cycles--
	}
	y, month, dom := civil(day - cycles*cycle)
	year := int64(y) + 400*cycles
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	if year < 1000 {
		n += copy(buf[n:], "000"[:4-len(strconv.FormatInt(year, 10))])
	}
	n = putInt(buf, n, year)
	buf[n] = '-'
	n = putFraction(buf, n+1, month, 2)
	buf[n] = '-'
	return putFraction(buf, n+1, dom, 2), era
}

// infinite names the two values that are beyond all days and instants.
func infinite(word int64) string {
	switch word {
	case batch.Infinity:
		return "infinity"
	case batch.MinusInfinity:
		return "-infinity"
	}
	return ""
}

// A copyClock spells instants as PostgreSQL does: in a zone, with the offset of the time,
// or, where wall is set, as its clock shows them and nothing more. It remembers how long
// an offset holds.
type copyClock struct {
	zone, wall *time.Location

	from, to  int64 // µs; the offset holds in [from, to)
	offset    int64 // µs
	suffix    [16]byte
	suffixLen int
}

// put puts an instant with the digits of its second's fraction that are not zeros, scale
// of them at most. It reports false for one that PostgreSQL has not.
func (c *copyClock) put(buf []byte, n int, micros int64, scale int) (int, bool) {
	if micros < c.from || micros >= c.to {
		if name := infinite(micros); name != "" {
			return n + copy(buf[n:], name), true
		}
		if micros < firstCopiedInstant || micros >= copiedInstantsEnd {
			return n, false
		}
		c.set(micros)
	}
	local := micros + c.offset
	day := local / microsPerDay
	micro := local - day*microsPerDay
	if micro < 0 {
		micro += microsPerDay
		day--
	}
	era := ""
	if day >= firstDay && day <= lastDay {
		n, _ = putDate(buf, n, day)
	} else {
		n, era = putFarDate(buf, n, day)
	}
	second := uint64(micro) / 1_000_000
	fraction := uint64(micro) - second*1_000_000
	minute := second / 60
	second -= minute * 60
	hour := minute / 60
	minute -= hour * 60
	buf[n] = ' '
	hms := digits8(hour*1_000_000+minute*1_000+second) | zeros // HH0MM0SS
	hms = hms&^(0xff<<16|0xff<<40) | ':'<<16 | ':'<<40
	store(buf, n+1, hms)
	n += 9
	if scale < outturn.MaxTimeScale {
		fraction -= fraction % powers[outturn.MaxTimeScale-scale]
	}
	if fraction != 0 {
		six := digits8(fraction) >> 16
		buf[n] = '.'
		store(buf, n+1, six|zeros)
		n += 1 + (bits.Len64(six)+7)>>3
	}
	store(buf, n, load(c.suffix[:], 0))
	store(buf, n+8, load(c.suffix[:], 8))
	n += c.suffixLen
	if era != "" {
		n += copy(buf[n:], era)
	}
	return n, true
}

func (c *copyClock) set(micros int64) {
	zone := c.zone
	if c.wall != nil {
		zone = c.wall
	}
	if zone == nil {
		zone = time.UTC
	}
	t := time.UnixMicro(micros).In(zone)
	start, end := t.ZoneBounds()
	c.from, c.to = math.MinInt64, math.MaxInt64
	if !start.IsZero() {
		c.from = start.UnixMicro()
	}
	if !end.IsZero() {
		c.to = end.UnixMicro()
	}
	c.from, c.to = max(c.from, firstCopiedInstant), min(c.to, copiedInstantsEnd)
	_, seconds := t.Zone()
	c.offset, c.suffixLen = int64(seconds)*1_000_000, 0
	if c.wall != nil {
		return
	}
	text := append(c.suffix[:0], '+')
	if seconds < 0 {
		text[0], seconds = '-', -seconds
	}
	two := func(x int) { text = append(text, byte('0'+x/10), byte('0'+x%10)) }
	two(seconds / 3600)
	if seconds%3600 != 0 {
		text = append(text, ':')
		two(seconds / 60 % 60)
	}
	if seconds%60 != 0 {
		text = append(text, ':')
		two(seconds % 60)
	}
	c.suffixLen = len(text)
}
