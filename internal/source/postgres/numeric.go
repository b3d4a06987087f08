package postgres

import (
	"encoding/binary"
	"math/big"
	"strconv"

	"outturn"
	"outturn/internal/batch"
)

// A numeric comes as a head of four 16-bit numbers (how many groups there are, the
// weight of the first, the sign, the scale it is shown with) and its groups, each a
// number below 10,000: the value is the sum of group × 10,000^(weight - index).
const (
	numericHead     = 8
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericPositive = 0xD000 // infinity
	numericMinus    = 0xF000 // -infinity
)

// powersOf10 holds every power of ten below 2^63.
var powersOf10 = func() (powers [19]int64) {
	powers[0] = 1
	for i := 1; i < len(powers); i++ {
		powers[i] = powers[i-1] * 10
	}
	return powers
}()

// decimalWord is the word of a numeric whose unscaled value surely fits one, which is
// what nearly all are.
func decimalWord(cell []byte, scale int) (word uint64, ok bool) {
	if len(cell) < numericHead {
		return 0, false
	}
	groups := int(binary.BigEndian.Uint16(cell))
	weight := int(int16(binary.BigEndian.Uint16(cell[2:])))
	sign := binary.BigEndian.Uint16(cell[4:])
	if sign != 0 && sign != numericNegative || len(cell) != numericHead+2*groups {
		return 0, false
	}
	if groups == 0 {
		return 0, true
	}
	// The last group counts 10^power of the unscaled value.
	power := 4*(weight-groups+1) + scale
	const most = 18 // digits that fit 62 bits
	if groups > 4 || 4*groups+power > most {
		return carefulWord(cell, groups, power, sign)
	}
	var x int64
	for i := range groups {
		x = x*10000 + int64(binary.BigEndian.Uint16(cell[numericHead+2*i:]))
	}
	switch {
	case power > 0:
		x *= powersOf10[power]
	case power < 0:
		if -power >= len(powersOf10) || x%powersOf10[-power] != 0 {
			return 0, false
		}
		x /= powersOf10[-power]
	}
	if sign == numericNegative {
		x = -x
	}
	return uint64(x) << 1, true
}

// carefulWord is decimalWord where the value may be too large for a word.
func carefulWord(cell []byte, groups, power int, sign uint16) (uint64, bool) {
	const largest = 1<<62 - 1
	var x int64
	take := func(factor, add int64) bool { // x = x × factor + add, where there is room
		if x > (largest-add)/factor {
			return false
		}
		x = x*factor + add
		return true
	}
	for i := range groups {
		group, factor := int64(binary.BigEndian.Uint16(cell[numericHead+2*i:])), int64(10000)
		if i == groups-1 && power < 0 { // its last digits stand behind the scale: zeros
			if -power > 4 || group%powersOf10[-power] != 0 {
				return 0, false
			}
			group, factor = group/powersOf10[-power], powersOf10[4+power]
		}
		if !take(factor, group) {
			return 0, false
		}
	}
	if power > 0 && (power >= len(powersOf10) || !take(powersOf10[power], 0)) {
		return 0, false
	}
	if sign == numericNegative {
		x = -x
	}
	return uint64(x) << 1, true
}

// digits puts a numeric of any length into the arena and returns its word.
func (d *decoder) digits(cell []byte, i, row int, arena []byte) (uint64, []byte, error) {
	scale := d.columns[i].Scale
	if len(cell) < numericHead {
		return 0, arena, errMessage
	}
	groups := int(binary.BigEndian.Uint16(cell))
	weight := int(int16(binary.BigEndian.Uint16(cell[2:])))
	sign := binary.BigEndian.Uint16(cell[4:])
	if name := map[uint16]string{numericNaN: "NaN", numericPositive: "Infinity", numericMinus: "-Infinity"}[sign]; name != "" {
		return 0, arena, outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds %s in %s, which is no amount. Whoever keeps the data must mend the row, or the data set's SELECT replace it, by NULLIF or CASE.", d.columns[i].Name, name, d.at(row))
	}
	if len(cell) != numericHead+2*groups {
		return 0, arena, errMessage
	}
	var text []byte
	for g := range groups {
		group := binary.BigEndian.Uint16(cell[numericHead+2*g:])
		text = append(text, byte('0'+group/1000), byte('0'+group/100%10), byte('0'+group/10%10), byte('0'+group%10))
	}
	unscaled, ok := new(big.Int).SetString("0"+string(text), 10)
	if !ok {
		return 0, arena, errMessage
	}
	power := 4*(weight-groups+1) + scale
	factor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(power, -power))), nil)
	if power >= 0 {
		unscaled.Mul(unscaled, factor)
	} else {
		var rest big.Int
		if unscaled.QuoRem(unscaled, factor, &rest); rest.Sign() != 0 {
			return 0, arena, outturn.Errorf(outturn.CodeInternal, "Column %s holds more than %d digits after the point in %s.", d.columns[i].Name, scale, d.at(row))
		}
	}
	if sign == numericNegative {
		unscaled.Neg(unscaled)
	}
	word, arena := digitsWord(batch.PlacePoint(unscaled.String(), scale), arena)
	return word, arena, nil
}

// wholeWord is the word of a whole number as a decimal of a scale.
func wholeWord(x int64, scale int, arena []byte) (uint64, []byte) {
	const largest = 1<<62 - 1
	if scale < len(powersOf10) {
		if most := largest / powersOf10[scale]; -most <= x && x <= most {
			return uint64(x*powersOf10[scale]) << 1, arena
		}
	}
	digits := strconv.FormatInt(x, 10)
	for range scale {
		digits += "0"
	}
	return digitsWord(batch.PlacePoint(digits, scale), arena)
}

// digitsWord puts digits into the arena and returns the word of the cell.
func digitsWord(digits string, arena []byte) (uint64, []byte) {
	start := len(arena)
	arena = append(arena, digits...)
	return batch.Span(start, len(digits)<<1|1), arena
}
