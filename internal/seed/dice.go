package seed

import "math/bits"

// Dice are where the schema's variety comes from: a splitmix64 generator. Each
// thing (an account, a purchase, an event) throws its own, seeded by what it is,
// so that a change to one does not stir all the others.
type dice uint64

// roll returns the dice of the thing that parts name.
func roll(parts ...int64) *dice {
	d := dice(0x0ff1ce)
	for _, part := range parts {
		d = dice(d.next() ^ uint64(part))
	}
	return &d
}

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n returns a number from 0 to k-1.
func (d *dice) n(k int) int {
	hi, _ := bits.Mul64(d.next(), uint64(k))
	return int(hi)
}

// between returns a number from lo to hi, both included.
func (d *dice) between(lo, hi int) int { return lo + d.n(hi-lo+1) }

// low returns a number from 0 to k-1, the lower the likelier.
func (d *dice) low(k int) int { return min(d.n(k), d.n(k)) }

func (d *dice) chance(percent int) bool { return d.n(100) < percent }

func pick[T any](d *dice, list []T) T { return list[d.n(len(list))] }

// digits fills the # of a pattern such as "01###-###".
func (d *dice) digits(pattern string) string {
	out := []byte(pattern)
	for i, c := range out {
		if c == '#' {
			out[i] = byte('0' + d.n(10))
		}
	}
	return string(out)
}

// hex returns n hexadecimal digits.
func (d *dice) hex(n int) string {
	const digits = "0123456789abcdef"
	out := make([]byte, n)
	for i := range out {
		out[i] = digits[d.n(16)]
	}
	return string(out)
}

// uuid returns a random UUID, version 4.
func (d *dice) uuid() string {
	return d.hex(8) + "-" + d.hex(4) + "-4" + d.hex(3) + "-a" + d.hex(3) + "-" + d.hex(12)
}
