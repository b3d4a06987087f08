package source

import (
	"math"
	"time"
)

// A Wall turns wall-clock times of one zone into instants, both in microseconds
// since 1970. A time that comes twice means its first occurrence; one that the
// clocks skip means the first instant after the gap.
type Wall struct {
	zone *time.Location

	// Wall times from (inclusive) to (exclusive) are ahead of UTC by offset.
	from, to, offset int64
}

const (
	dayMicros = 24 * 60 * 60 * 1_000_000
	// farthest is about the year 11,900 on either side. Beyond it no zone rules
	// are computed: there the wall shows UTC.
	farthest = 10_000 * 366 * dayMicros
)

// NewWall returns the wall of a zone; nil is UTC.
func NewWall(zone *time.Location) *Wall {
	w := &Wall{zone: zone}
	if zone == nil || zone == time.UTC {
		w.from, w.to = math.MinInt64, math.MaxInt64
	}
	return w
}

// Instant is the instant of a wall-clock time.
func (w *Wall) Instant(micros int64) int64 {
	if w.from <= micros && micros < w.to {
		return micros - w.offset
	}
	return w.lookUp(micros)
}

// lookUp walks the periods of constant offset that can hold the time, in order.
func (w *Wall) lookUp(micros int64) int64 {
	if micros > farthest || micros < -farthest {
		return micros
	}
	end := int64(-farthest) // of the wall times of the period before
	for t := time.UnixMicro(micros - dayMicros).In(w.zone); ; {
		_, seconds := t.Zone()
		offset := int64(seconds) * 1_000_000
		start, next := t.ZoneBounds() // zero: no bound
		from, to := int64(math.MinInt64), int64(math.MaxInt64)
		if !start.IsZero() {
			from = start.UnixMicro() + offset
		}
		if !next.IsZero() {
			to = next.UnixMicro() + offset
		}
		switch {
		case micros < from: // in the gap before the period
			return start.UnixMicro()
		case micros < to:
			w.from, w.to, w.offset = max(from, end), min(to, farthest), offset
			return micros - offset
		}
		end, t = to, next
	}
}
