package seed

import "math/bits"

// A money is an amount, price or quantity in units of 10⁻⁸, as DECIMAL(20,8)
// holds it.
type money int64

const (
	unit money = 100_000_000
	cent money = unit / 100
)

// times returns q × p. The product of what it is given has at most eight
// decimals: whoever sets a price with eight sells it by the whole unit.
func (q money) times(p money) money {
	hi, lo, negative := multiply(int64(q), int64(p))
	whole, rest := bits.Div64(hi, lo, uint64(unit))
	if rest != 0 {
		panic("seed: a product has more than eight decimals")
	}
	return signed(whole, negative)
}

// share returns m × part / whole, rounded half away from zero.
func (m money) share(part, whole int64) money {
	hi, lo, negative := multiply(int64(m), part)
	quotient, rest := bits.Div64(hi, lo, uint64(whole))
	if rest >= uint64(whole)-rest {
		quotient++
	}
	return signed(quotient, negative)
}

// round returns m with so many decimals, half away from zero.
func (m money) round(decimals int) money {
	step := unit
	for range decimals {
		step /= 10
	}
	return m.share(1, int64(step)) * step
}

// multiply returns |a × b| in 128 bits, and whether a × b is negative.
func multiply(a, b int64) (hi, lo uint64, negative bool) {
	hi, lo = bits.Mul64(magnitude(a), magnitude(b))
	return hi, lo, (a < 0) != (b < 0)
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return uint64(-a)
	}
	return uint64(a)
}

func signed(m uint64, negative bool) money {
	if m > 1<<63-1 {
		panic("seed: an amount is out of range")
	}
	if negative {
		return -money(m)
	}
	return money(m)
}
