package batch

import (
	"math/big"
	"math/bits"
	"strings"
)

// A Sum adds up decimals of one scale exactly. The zero value is zero.
type Sum struct {
	hi   uint64 // 128 bits, two's complement
	lo   uint64
	wide *big.Int // what did not come as 64 bits
}

// Add adds an unscaled value.
func (s *Sum) Add(unscaled int64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, uint64(unscaled), 0)
	s.hi, _ = bits.Add64(s.hi, uint64(unscaled>>63), carry) // 2^64 additions would overflow
}

// AddDigits adds a decimal given by its digits in the sum's scale.
func (s *Sum) AddDigits(digits []byte) {
	x, ok := new(big.Int).SetString(strings.Replace(string(digits), ".", "", 1), 10)
	if !ok {
		panic("batch: not a decimal: " + string(digits))
	}
	s.addWide(x)
}

// AddSum adds another sum of the same scale.
func (s *Sum) AddSum(o *Sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi, _ = bits.Add64(s.hi, o.hi, carry)
	if o.wide != nil {
		s.addWide(o.wide)
	}
}

func (s *Sum) addWide(x *big.Int) {
	if s.wide == nil {
		s.wide = new(big.Int)
	}
	s.wide.Add(s.wide, x)
}

// Text returns the sum with exactly scale digits after the point.
func (s *Sum) Text(scale int) string {
	total := new(big.Int).SetInt64(int64(s.hi))
	total.Lsh(total, 64).Add(total, new(big.Int).SetUint64(s.lo))
	if s.wide != nil {
		total.Add(total, s.wide)
	}
	return PlacePoint(total.String(), scale)
}

// PlacePoint puts the point into the digits of an unscaled whole number, scale
// digits from its end: -5 in scale 2 is -0.05.
func PlacePoint(digits string, scale int) string {
	if scale == 0 {
		return digits
	}
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - scale
	return sign + digits[:point] + "." + digits[point:]
}
