package source

import (
	"math"
	"testing"
	"time"
)

// The oracle knows nothing but what an instant looks like on a wall: it tries
// them all, a quarter of an hour apart.
func TestWall(t *testing.T) {
	for _, name := range []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu",
		"Pacific/Tongatapu", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca",
	} {
		t.Run(name, func(t *testing.T) {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			w := NewWall(zone)
			const quarter = 15 * time.Minute
			from := time.Date(2011, 12, 1, 0, 0, 0, 0, time.UTC) // Apia skips a whole day soon
			seen := map[int64]time.Time{}                        // wall clock → first instant
			after := map[int64]time.Time{}
			var last int64
			for at := from.Add(-48 * time.Hour); at.Year() < 2027; at = at.Add(quarter) {
				clock := onWall(at, zone)
				if _, ok := seen[clock]; !ok {
					seen[clock] = at
				}
				for skipped := last + quarter.Microseconds(); last != 0 && skipped < clock; skipped += quarter.Microseconds() {
					after[skipped] = at
				}
				last = max(last, clock)
			}
			for clock := from.UnixMicro(); clock < time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).UnixMicro(); clock += quarter.Microseconds() {
				want, ok := seen[clock]
				if !ok {
					want, ok = after[clock]
				}
				if !ok {
					t.Fatalf("the oracle does not know %s", time.UnixMicro(clock).UTC())
				}
				if got := time.UnixMicro(w.Instant(clock)).UTC(); !got.Equal(want) {
					t.Fatalf("%s on the wall: got %s, want %s", time.UnixMicro(clock).UTC().Format(time.DateTime), got, want)
				}
			}
			// In any other order it must be the same.
			for _, clock := range []int64{from.UnixMicro(), math.MaxInt64 - 1, 0, -farthest, farthest, farthest + 1, math.MinInt64 + 1, 1792888200000000, from.UnixMicro()} {
				fresh := NewWall(zone).Instant(clock)
				if got := w.Instant(clock); got != fresh {
					t.Errorf("%d: got %d after others, %d alone", clock, got, fresh)
				}
			}
		})
	}
}

// onWall returns what the clocks of a zone show, as if it were UTC.
func onWall(at time.Time, zone *time.Location) int64 {
	_, offset := at.In(zone).Zone()
	return at.UnixMicro() + int64(offset)*1_000_000
}
