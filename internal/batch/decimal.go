package batch

import "strconv"

// AppendDecimalText appends the decimal cell of column c in row r as its exact
// digits in the column's scale: 12.50, -0.05, 7.
func (b *Batch) AppendDecimalText(dst []byte, c, r int) []byte {
	unscaled, digits := b.Decimal(c, r)
	if digits != nil {
		return append(dst, digits...)
	}
	return appendUnscaled(dst, unscaled, b.columns[c].Scale)
}

// appendUnscaled appends unscaled × 10^-scale with exactly scale digits after
// the point.
func appendUnscaled(dst []byte, unscaled int64, scale int) []byte {
	if scale == 0 {
		return strconv.AppendInt(dst, unscaled, 10)
	}
	magnitude := uint64(unscaled)
	if unscaled < 0 {
		dst = append(dst, '-')
		magnitude = -magnitude
	}
	if scale < len(powersOf10) {
		power := powersOf10[scale]
		whole := magnitude / power
		dst = strconv.AppendUint(dst, whole, 10)
		return appendFraction(dst, magnitude-whole*power, scale)
	}
	dst = append(dst, '0')
	return appendFraction(dst, magnitude, scale)
}

// appendFraction appends a point and fraction in exactly n digits.
func appendFraction(dst []byte, fraction uint64, n int) []byte {
	start := len(dst)
	for range n + 1 {
		dst = append(dst, '0')
	}
	dst[start] = '.'
	for i := len(dst) - 1; fraction > 0; i-- {
		quotient := fraction / 10
		dst[i] = byte('0' + fraction - quotient*10)
		fraction = quotient
	}
	return dst
}

// powersOf10 holds every power of ten that fits 64 bits.
var powersOf10 = func() (powers [20]uint64) {
	powers[0] = 1
	for i := 1; i < len(powers); i++ {
		powers[i] = powers[i-1] * 10
	}
	return powers
}()
