package format

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/xlsx"
)

// The functions named put… write one value at buf[n:] and return where it ends.
// They may write up to 8 bytes more than that, because whole words are cheaper
// than single bytes: whoever calls them has made room with grow.

// room is what any value but text fits into, those 8 bytes included.
const room = 80

// grow returns buf with need bytes free after n. Callers look at the length
// first, so that this stays out of the loop.
func grow(buf []byte, n, need int) []byte {
	const least = 64 << 10
	grown := make([]byte, max(least, n+need, 2*len(buf)))
	copy(grown, buf[:n])
	return grown
}

// whole returns all the memory of dst to write to, and where to begin.
func whole(dst []byte) (buf []byte, n int) { return dst[:cap(dst)], len(dst) }

// A vector is one column of a slot's batches, with the cells of the one that is encoded.
type vector struct {
	batch.Cells
	kind  kind
	scale int
	clock *clock // of a column of instants
	key   *key   // for JSON
}

// text returns the bytes of a word of type text or json.
func text(arena []byte, word uint64) []byte {
	off := word >> 32
	return arena[off : off+word&math.MaxUint32]
}

// digits returns the digits of a decimal that does not fit its word.
func digits(arena []byte, word uint64) []byte {
	off := word >> 32
	return arena[off : off+word&math.MaxUint32>>1]
}

// A kind is an outturn.Type as a small number.
type kind uint8

const (
	kindText kind = iota
	kindInt
	kindDecimal
	kindFloat
	kindBool
	kindDate
	kindTime
	kindJSON
)

// kinds returns the kind of each column.
func kinds(columns []batch.Column) ([]kind, error) {
	list := make([]kind, len(columns))
	for i, c := range columns {
		k, ok := map[outturn.Type]kind{
			outturn.Text: kindText, outturn.Int: kindInt, outturn.Decimal: kindDecimal, outturn.Float: kindFloat,
			outturn.Bool: kindBool, outturn.Date: kindDate, outturn.Time: kindTime, outturn.JSON: kindJSON,
		}[c.Type]
		if !ok {
			return nil, outturn.Errorf(outturn.CodeInternal, "Column %s has the type %q, which no format can write.", c.Name, c.Type)
		}
		list[i] = k
	}
	return list, nil
}

// vectors prepares the columns of a span for encoding. They are good until the slot's
// next span, which gets the same ones with other cells: all batches of a file have the
// same columns.
func (s span) vectors(kinds []kind, zone *time.Location) []vector {
	list := *s.kept
	if list == nil {
		list = make([]vector, len(kinds))
		for c, k := range kinds {
			v := &list[c]
			v.kind, v.scale = k, s.Columns()[c].Scale
			if k == kindTime {
				v.clock = newClock(zone)
			}
		}
		*s.kept = list
	}
	for c := range list {
		list[c].Cells = s.Cells(c)
	}
	return list
}

func (v *vector) null(r int) bool {
	return v.Nulls != nil && v.Nulls[r>>6]>>(r&63)&1 != 0
}

// load and store are the eight bytes at p[i:], the first in the lowest lane.

func load(p []byte, i int) uint64 { return binary.LittleEndian.Uint64(p[i:]) }

func store(p []byte, i int, w uint64) { binary.LittleEndian.PutUint64(p[i:], w) }

// loadShort returns the n < 8 bytes at arena[off:] in the low bytes of a word,
// zeros above.
func loadShort(arena []byte, off, n int) uint64 {
	if off+8 <= len(arena) {
		return load(arena, off) &^ (^uint64(0) << (8 * n & 63))
	}
	var w uint64
	for i := n - 1; i >= 0; i-- {
		w = w<<8 | uint64(arena[off+i])
	}
	return w
}

// Eight bytes are looked at together, as the lanes of a word. The tests below
// return a word that has the top bit set in each lane whose byte passes, and
// anything in its other bits. They work on the low seven bits of each lane, whose
// sums cannot reach the next lane: x + 0x7f has the top bit unless x is 0.
const (
	lanes = 0x0101010101010101 // 1 in every lane
	tops  = 0x80 * lanes
	lows  = 0x7f * lanes
)

// isNot passes bytes other than the one below 0x80 repeated in pattern.
func isNot(w, pattern uint64) uint64 { return (w&lows ^ pattern) + lows | w }

// failing marks the top bits of the lanes that did not pass.
func failing(passed uint64) uint64 { return ^passed & tops }

// lowestLane returns which byte of the word the lowest mark stands for.
func lowestLane(marks uint64) int { return bits.TrailingZeros64(marks) >> 3 }

// digits8 returns the eight decimal digits of x < 10^8, the first in the lowest
// byte, as numbers 0 to 9: halves are split into quarters and those into digits,
// all lanes at a time, dividing by multiplication.
func digits8(x uint64) uint64 {
	high := x / 10000
	w := high | (x-high*10000)<<32
	q := w * 10486 >> 20 & (0x7f<<32 | 0x7f) // w / 100 in both halves
	w = q | (w-q*100)<<16
	q = w * 103 >> 10 & 0x000f000f000f000f // w / 10 in four quarters
	return q | (w-q*10)<<8
}

const zeros = '0' * lanes

func putUint(buf []byte, n int, x uint64) int {
	const e8, e16 = 100_000_000, 100_000_000 * 100_000_000
	if x >= e16 {
		high := x / e16
		n = putUint(buf, n, high)
		return putFraction(buf, n, x-high*e16, 16)
	}
	rest, more := uint64(0), x >= e8
	if more {
		high := x / e8
		rest, x = x-high*e8, high
	}
	// How many digits that makes is told by x rather than by the digits: what is
	// put next waits for it.
	size := bits.Len64(x|1) * 1233 >> 12 // the logarithm, rounded down or up
	if x >= powers[size&15] {
		size++
	}
	size = max(size, 1)
	store(buf, n, (digits8(x)|zeros)>>(8*(8-size)&63))
	n += size
	if more {
		store(buf, n, digits8(rest)|zeros)
		n += 8
	}
	return n
}

func putInt(buf []byte, n int, x int64) int {
	if x < 0 {
		buf[n] = '-'
		return putUint(buf, n+1, -uint64(x))
	}
	return putUint(buf, n, uint64(x))
}

// putFraction puts x < 10^digits, digits ≤ 16, with its leading zeros.
func putFraction(buf []byte, n int, x uint64, digits int) int {
	if digits > 8 {
		const e8 = 100_000_000
		high := x / e8
		n = putFraction(buf, n, high, digits-8)
		x, digits = x-high*e8, 8
	}
	store(buf, n, (digits8(x)|zeros)>>(8*(8-digits)&63))
	return n + digits
}

// putDecimal puts unscaled × 10^-scale with exactly scale digits after point.
func putDecimal(buf []byte, n int, unscaled int64, scale int, point byte) int {
	x := uint64(unscaled)
	if unscaled < 0 {
		buf[n] = '-'
		n++
		x = -x
	}
	if scale == 0 {
		return putUint(buf, n, x)
	}
	var whole uint64
	switch scale {
	case 2:
		whole = x / 100 // by a constant: several times as fast
		x -= whole * 100
	case 4:
		whole = x / 10_000
		x -= whole * 10_000
	case 6:
		whole = x / 1_000_000
		x -= whole * 1_000_000
	case 8:
		whole = x / 100_000_000
		x -= whole * 100_000_000
	default:
		if scale < len(powers) {
			whole = x / powers[scale]
			x -= whole * powers[scale]
		}
	}
	n = putUint(buf, n, whole)
	buf[n] = point
	n++
	for scale > 32 {
		buf[n] = '0'
		n++
		scale--
	}
	if scale > 16 {
		const e16 = 100_000_000 * 100_000_000
		high := x / e16
		n = putFraction(buf, n, high, scale-16)
		x, scale = x-high*e16, 16
	}
	return putFraction(buf, n, x, scale)
}

// powers holds every power of ten that fits 64 bits.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// putFloat puts the shortest digits that read back as x: plain from 1e-6 up to
// 1e21, with an exponent beyond; NaN, Infinity and -Infinity as these words.
func putFloat(buf []byte, n int, x float64) int {
	switch {
	case math.IsNaN(x):
		return n + copy(buf[n:], "NaN")
	case math.IsInf(x, 1):
		return n + copy(buf[n:], "Infinity")
	case math.IsInf(x, -1):
		return n + copy(buf[n:], "-Infinity")
	}
	verb := byte('f')
	if size := math.Abs(x); size != 0 && (size < 1e-6 || size >= 1e21) {
		verb = 'e'
	}
	return n + len(strconv.AppendFloat(buf[n:n], x, verb, -1, 64))
}

// putNull puts the word null.
func putNull(buf []byte, n int) int {
	store(buf, n, 'n'|'u'<<8|'l'<<16|'l'<<24)
	return n + 4
}

func putBool(buf []byte, n int, x bool) int {
	if x {
		store(buf, n, 't'|'r'<<8|'u'<<16|'e'<<24)
		return n + 4
	}
	store(buf, n, 'f'|'a'<<8|'l'<<16|'s'<<24|'e'<<32)
	return n + 5
}

// The days and instants that can be spelled: years 0001 to 9999.
const (
	firstDay     = -719162
	lastDay      = 2932896
	microsPerDay = 24 * 60 * 60 * 1_000_000
	firstInstant = firstDay * microsPerDay
	instantsEnd  = (lastDay + 1) * microsPerDay
)

const spelledYears = "the years 0001 to 9999"

// putDate puts a day as YYYY-MM-DD. It reports false for a day that has no such
// spelling.
func putDate(buf []byte, n int, day int64) (int, bool) {
	if day < firstDay || day > lastDay {
		return n, false
	}
	var w uint64
	if i := uint64(day) - tableStart; i < uint64(len(table)) {
		w = table[i]
	} else {
		w = digitsOfDay(day)
	}
	store(buf, n, w&0xffffffff|'-'<<32|w>>32&0xffff<<40|'-'<<56)
	store(buf, n+8, w>>48)
	return n + 10, true
}

// table holds the days that most files are made of, 1990 to 2059, as YYYYMMDD.
var table = func() (days [70 * 366]uint64) {
	for i := range days {
		days[i] = digitsOfDay(int64(i) + tableStart)
	}
	return days
}()

const tableStart = 7305 // 1990-01-01

func digitsOfDay(day int64) uint64 {
	year, month, dom := civil(day)
	return digits8(year*10_000+month*100+dom) | zeros
}

// civil returns the date of a day of the proleptic Gregorian calendar, counted
// from 1970-01-01. Years are taken to begin in March, so that the leap day comes
// last and months before any given one have a length in closed form.
func civil(day int64) (year, month, dom uint64) {
	const toMarchOfYear0 = 719468 // days from 0000-03-01 to 1970-01-01
	d := uint64(day + toMarchOfYear0)
	era := d / 146097 // 400 years
	d -= era * 146097
	y := (d - d/1460 + d/36524 - d/146096) / 365
	d -= 365*y + y/4 - y/100
	m := (5*d + 2) / 153 // 0 is March
	dom = d - (153*m+2)/5 + 1
	year = era*400 + y
	if m < 10 {
		return year, m + 3, dom
	}
	return year + 1, m - 9, dom
}

// A clock spells instants in a zone. It remembers how long the offset holds, so
// that the zone's table is asked once a transition.
type clock struct {
	zone      *time.Location
	from, to  int64 // µs; the offset holds in [from, to)
	offset    int64 // µs
	suffix    uint64
	suffixLen int
	odd       bool // the offset has seconds, and UTC stands for it
}

func newClock(zone *time.Location) *clock {
	if zone == nil {
		zone = time.UTC
	}
	return &clock{zone: zone}
}

// put puts an instant as RFC 3339 with scale digits of the second's fraction;
// what is finer is cut, towards the past. An instant whose offset in the zone has
// seconds (the local mean times before about 1900) or whose year there is beyond
// 0001 to 9999 is spelled in UTC: RFC 3339 has no other way to say it. It reports
// false for an instant beyond those years in UTC.
func (c *clock) put(buf []byte, n int, micros int64, scale int) (int, bool) {
	if micros < firstInstant || micros >= instantsEnd {
		return n, false
	}
	if micros < c.from || micros >= c.to {
		c.set(micros)
	}
	local, suffix, suffixLen := micros+c.offset, c.suffix, c.suffixLen
	if local < firstInstant || local >= instantsEnd {
		local, suffix, suffixLen = micros, 'Z', 1
	}
	since := uint64(local - firstInstant)
	day := since / microsPerDay
	n, _ = putDate(buf, n, int64(day)+firstDay)

	micro := since - day*microsPerDay
	second := micro / 1_000_000
	micro -= second * 1_000_000
	minute := second / 60
	second -= minute * 60
	hour := minute / 60
	minute -= hour * 60
	buf[n] = 'T'
	hms := digits8(hour*1_000_000+minute*1_000+second) | zeros // HH0MM0SS
	hms = hms&^(0xff<<16|0xff<<40) | ':'<<16 | ':'<<40
	store(buf, n+1, hms)
	n += 9
	if scale > 0 {
		buf[n] = '.'
		store(buf, n+1, (digits8(micro)|zeros)>>16) // six digits
		n += 1 + scale
	}
	store(buf, n, suffix)
	return n + suffixLen, true
}

func (c *clock) set(micros int64) {
	t := time.UnixMicro(micros).In(c.zone)
	start, end := t.ZoneBounds()
	c.from, c.to = firstInstant, instantsEnd
	if !start.IsZero() {
		c.from = max(c.from, start.Unix()*1_000_000)
	}
	if !end.IsZero() {
		c.to = min(c.to, end.Unix()*1_000_000)
	}
	_, seconds := t.Zone()
	c.offset = int64(seconds) * 1_000_000
	c.suffix, c.suffixLen, c.odd = 'Z', 1, seconds%60 != 0
	if seconds == 0 {
		return
	}
	if c.odd {
		c.offset = 0
		return
	}
	text := []byte("+hh:mm\x00\x00")
	if seconds < 0 {
		text[0] = '-'
		seconds = -seconds
	}
	hour, minute := seconds/3600, seconds/60%60
	text[1], text[2] = byte('0'+hour/10), byte('0'+hour%10)
	text[4], text[5] = byte('0'+minute/10), byte('0'+minute%10)
	c.suffix, c.suffixLen = load(text, 0), 6
}

// local returns the day and the microseconds of it that the zone's clocks show at
// an instant, cut to scale digits of the second. It reports false where no serial
// number tells that: outside the days that have one, and where put spells the
// instant in another zone.
func (c *clock) local(micros int64, scale int) (day, ofDay int64, ok bool) {
	if micros < firstInstant || micros >= instantsEnd {
		return 0, 0, false
	}
	if micros < c.from || micros >= c.to {
		c.set(micros)
	}
	since := uint64(micros + c.offset - firstInstant)
	day = int64(since/microsPerDay) + firstDay
	ofDay = int64(since % microsPerDay)
	ofDay -= ofDay % int64(powers[outturn.MaxTimeScale-scale])
	return day, ofDay, !c.odd && day >= xlsx.FirstDay && day <= xlsx.LastDay
}
