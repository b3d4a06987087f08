package duckdb

import (
	"math/bits"
	"strconv"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
	"outturn/internal/batch"
)

// A wide is an integer of 128 bits as the engine stores it.
type wide struct {
	lo uint64
	hi int64
}

// pickDecimal returns how c's numbers, decimals or integers, become decimals of
// c.Scale digits.
func (c *column) pickDecimal() func(*filler, *column, target) error {
	stored := c.engine.id
	if stored == duck.TypeDecimal {
		stored = c.engine.internal
	}
	switch stored {
	case duck.TypeTinyInt:
		return fillDecimal[int8]
	case duck.TypeSmallInt:
		return fillDecimal[int16]
	case duck.TypeInteger:
		return fillDecimal[int32]
	case duck.TypeBigInt:
		return fillDecimal[int64]
	case duck.TypeUTinyInt:
		return fillDecimal[uint8]
	case duck.TypeUSmallInt:
		return fillDecimal[uint16]
	case duck.TypeUInteger:
		return fillDecimal[uint32]
	case duck.TypeUBigInt:
		return fillUnsigned
	case duck.TypeHugeInt:
		return fillWide
	case duck.TypeUHugeInt:
		return fillWideUnsigned
	case duck.TypeVarchar:
		return fillDigits
	}
	return nil
}

// powersOf10 holds every power of ten below 2^63.
var powersOf10 = func() (powers [19]int64) {
	powers[0] = 1
	for i := 1; i < len(powers); i++ {
		powers[i] = powers[i-1] * 10
	}
	return powers
}()

// fillDecimal fills words of the form value × 2 wherever the value fits.
func fillDecimal[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](f *filler, c *column, to target) error {
	factor, most := c.factor()
	for i, cell := range cells[T](c.vector, to) {
		x := int64(cell)
		if -most <= x && x <= most {
			to.words[i] = uint64(x*factor) << 1
		} else if c.vector.has(to.first + i) {
			to.words[i] = f.appendWide(c, x < 0, uint64(x>>63), uint64(x))
		}
	}
	return nil
}

// factor returns what unscaled values are multiplied by, and the largest that
// can be.
func (c *column) factor() (factor, most int64) {
	const largest = 1<<62 - 1
	missing := c.Scale - c.engine.scale
	if missing >= len(powersOf10) {
		return 0, 0 // only zero
	}
	factor = powersOf10[missing]
	return factor, largest / factor
}

func fillUnsigned(f *filler, c *column, to target) error {
	factor, most := c.factor()
	for i, x := range cells[uint64](c.vector, to) {
		if x <= uint64(most) {
			to.words[i] = x * uint64(factor) << 1
		} else if c.vector.has(to.first + i) {
			to.words[i] = f.appendWide(c, false, 0, x)
		}
	}
	return nil
}

func fillWide(f *filler, c *column, to target) error {
	factor, most := c.factor()
	for i, x := range cells[wide](c.vector, to) {
		low := int64(x.lo)
		if x.hi == low>>63 && -most <= low && low <= most {
			to.words[i] = uint64(low*factor) << 1
		} else if c.vector.has(to.first + i) {
			to.words[i] = f.appendWide(c, x.hi < 0, uint64(x.hi), x.lo)
		}
	}
	return nil
}

func fillWideUnsigned(f *filler, c *column, to target) error {
	factor, most := c.factor()
	for i, x := range cells[wide](c.vector, to) {
		if x.hi == 0 && x.lo <= uint64(most) {
			to.words[i] = x.lo * uint64(factor) << 1
		} else if c.vector.has(to.first + i) {
			to.words[i] = f.appendWide(c, false, uint64(x.hi), x.lo)
		}
	}
	return nil
}

// fillDigits reads whole numbers of any length that come as text.
func fillDigits(f *filler, c *column, to target) error {
	list := cells[textCell](c.vector, to)
	for i := range list {
		if !c.vector.has(to.first + i) {
			continue
		}
		text := list[i].bytes()
		if !wholeNumber(text) {
			return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds %s where a whole number was expected.", c.Name, quoteShort(text))
		}
		to.words[i] = f.appendDigits(text, 0, c.Scale)
	}
	return nil
}

func wholeNumber(text []byte) bool {
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(text) > 0
}

// appendWide puts the digits of a number of 128 bits, two's complement if it is
// negative, into the arena and returns the word of the cell.
func (f *filler) appendWide(c *column, negative bool, hi, lo uint64) uint64 {
	var buffer [40]byte
	digits := buffer[:0]
	if negative {
		digits = append(digits, '-')
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	return f.appendDigits(appendUint128(digits, hi, lo), c.engine.scale, c.Scale)
}

// appendUint128 appends a number of 128 bits, which is cut into pieces of 19
// digits.
func appendUint128(dst []byte, hi, lo uint64) []byte {
	const piece = 1e19
	if hi == 0 {
		return strconv.AppendUint(dst, lo, 10)
	}
	top, rest := hi/piece, hi%piece
	middle, low := bits.Div64(rest, lo, piece)
	// The number is (top × 2^64 + middle) × 10^19 + low, and top is at most 1.
	dst = appendUint128(dst, top, middle)
	for width := uint64(piece / 10); width > low && width > 1; width /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, low, 10)
}

// appendDigits puts a whole number × 10^-scale into the arena, with want digits
// after the point, and returns the word of the cell.
func (f *filler) appendDigits(number []byte, scale, want int) uint64 {
	arena := f.batch.Arena()
	start := len(arena)
	if number[0] == '-' {
		arena = append(arena, '-')
		number = number[1:]
	}
	for range scale + 1 - len(number) {
		arena = append(arena, '0')
	}
	arena = append(arena, number...)
	if want > 0 {
		arena = append(arena, '.')
		point := len(arena) - 1 - scale
		copy(arena[point+1:], arena[point:])
		arena[point] = '.'
		for range want - scale {
			arena = append(arena, '0')
		}
	}
	f.batch.SetArena(arena)
	return batch.Span(start, (len(arena)-start)<<1|1)
}
