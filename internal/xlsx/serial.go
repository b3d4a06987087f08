package xlsx

import "strconv"

// The days that have a serial number on which all programs agree: from 1900-03-01,
// as Excel takes 1900 for a leap year and others do not, to 9999-12-31. They are
// counted from 1970-01-01, as everywhere in Outturn.
const (
	FirstDay = -25508
	LastDay  = 2932896

	serialOfEpoch = 25569 // 1970-01-01
)

// AppendSerial appends the serial number of a day and a time of it in
// microseconds. The fraction has twelve digits at most, which is finer than the
// microsecond that the double of today's serials can tell.
func AppendSerial(dst []byte, day, micros int64) []byte {
	dst = strconv.AppendInt(dst, day+serialOfEpoch, 10)
	if micros == 0 {
		return dst
	}
	fraction := (micros*10_000 + 432) / 864 // of 10^12; a day has 864 × 10^8 µs
	dst = append(dst, ".000000000000"...)
	for i := len(dst) - 1; fraction > 0; i-- {
		dst[i] = byte('0' + fraction%10)
		fraction /= 10
	}
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
