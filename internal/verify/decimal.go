package verify

import (
	"math/big"
	"strings"
)

// A decimal is small × 10^-scale, or wide × 10^-scale where 18 digits do not do.
type decimal struct {
	small int64
	wide  *big.Int
	scale int
}

// A spelling says how numbers are written in a file.
type spelling struct {
	point     byte
	exponents bool // 1.5E-3 is a number
	// digits is how many significant digits are meant where a number has more; 0:
	// all. A number in a workbook is a double, of which 15 digits are sure, and some
	// programs spell it with 17: 1234.5599999999999 is 1234.56.
	digits int
}

// maxExponent bounds what an exponent can make of a few bytes. Doubles end at 308.
const maxExponent = 400

// parse reads a number exactly. It reports false for what is none.
func (s spelling) parse(text []byte) (d decimal, ok bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	var all [64]byte
	digits := all[:0]
	i, point := 0, -1
	for ; i < len(text); i++ {
		c := text[i]
		if c == s.point && point < 0 && i > 0 {
			point = len(digits)
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits = append(digits, c)
	}
	if len(digits) == 0 || point == len(digits) {
		return d, false
	}
	if point >= 0 {
		d.scale = len(digits) - point
	}
	if i < len(text) {
		exponent, ok := s.exponent(text[i:])
		if !ok {
			return d, false
		}
		d.scale -= exponent
	}
	if s.digits > 0 {
		digits = d.round(digits, s.digits)
	}
	for ; d.scale < 0; d.scale++ {
		digits = append(digits, '0')
	}
	return d.set(digits, negative), true
}

// exponent reads what stands from the E on.
func (s spelling) exponent(text []byte) (n int, ok bool) {
	if !s.exponents || text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	text = text[1:]
	sign := 1
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = -1
		}
		text = text[1:]
	}
	for _, c := range text {
		if n = n*10 + int(c-'0'); c < '0' || c > '9' || n > maxExponent {
			return 0, false
		}
	}
	return sign * n, len(text) > 0
}

// round keeps most significant digits, and no zeros at their end that came of it.
func (d *decimal) round(digits []byte, most int) []byte {
	first := 0
	for first < len(digits) && digits[first] == '0' {
		first++
	}
	if len(digits)-first <= most {
		return digits
	}
	rest := digits[first+most:]
	up := rest[0] >= '5'
	d.scale -= len(rest)
	kept := digits[:first+most]
	for i := len(kept) - 1; up && i >= 0; i-- {
		if kept[i] != '9' {
			kept[i]++
			up = false
		} else {
			kept[i] = '0'
		}
	}
	if up {
		kept = append([]byte{'1'}, kept...)
	}
	for d.scale > 0 && kept[len(kept)-1] == '0' && len(kept) > 1 {
		kept = kept[:len(kept)-1]
		d.scale--
	}
	return kept
}

func (d decimal) set(digits []byte, negative bool) decimal {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) > 18 {
		d.wide, _ = new(big.Int).SetString(string(digits), 10)
		if negative {
			d.wide.Neg(d.wide)
		}
		return d
	}
	for _, c := range digits {
		d.small = d.small*10 + int64(c-'0')
	}
	if negative {
		d.small = -d.small
	}
	return d
}

func (d decimal) unscaled() *big.Int {
	if d.wide != nil {
		return d.wide
	}
	return big.NewInt(d.small)
}

// A sum adds up decimals of any scales, exactly. The zero value is zero.
type sum struct {
	small int64   // what has not been put into total yet
	total big.Int // both in scale
	scale int
}

func (s *sum) add(d decimal) {
	if d.scale > s.scale {
		s.settle()
		s.total.Mul(&s.total, power(d.scale-s.scale))
		s.scale = d.scale
	}
	if d.wide == nil && d.scale == s.scale {
		const most = 1 << 62 // and 10^18 more fit
		if s.small > most || s.small < -most {
			s.settle()
		}
		s.small += d.small
		return
	}
	s.total.Add(&s.total, new(big.Int).Mul(d.unscaled(), power(s.scale-d.scale)))
}

func (s *sum) addSum(o *sum) {
	o.settle()
	s.add(decimal{wide: &o.total, scale: o.scale})
}

func (s *sum) settle() {
	s.total.Add(&s.total, big.NewInt(s.small))
	s.small = 0
}

func power(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// equals compares values: 1.50 is 1.5.
func (s *sum) equals(d decimal) bool {
	s.settle()
	a, b := new(big.Int).Set(&s.total), new(big.Int).Set(d.unscaled())
	a.Mul(a, power(max(0, d.scale-s.scale)))
	b.Mul(b, power(max(0, s.scale-d.scale)))
	return a.Cmp(b) == 0
}

// text spells the sum with scale digits after the point, and more only where they
// are not zero.
func (s *sum) text(scale int) string {
	s.settle()
	digits, sign := s.total.String(), ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		digits, sign = rest, "-"
	}
	has := s.scale
	for ; has < scale; has++ {
		digits += "0"
	}
	if missing := has + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	for has > scale && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		has--
	}
	if has == 0 {
		return sign + digits
	}
	return sign + digits[:len(digits)-has] + "." + digits[len(digits)-has:]
}
