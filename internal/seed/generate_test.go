package seed

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"runtime"
	"testing"
	"time"
)

// A hasher is a writer that keeps a hash of all rows in their order.
type hasher struct {
	hash.Hash
	rows map[string]int
}

func (h *hasher) Row(table string, cells []cell) error {
	h.Write([]byte(table))
	for _, c := range cells {
		h.Write([]byte{byte(c.kind)})
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(c.n)))
		h.Write([]byte(c.text))
	}
	h.rows[table]++
	return nil
}

func hashRows(t *testing.T, scale int, until string) (string, map[string]int) {
	t.Helper()
	last, err := time.Parse(time.DateOnly, until)
	if err != nil {
		t.Fatal(err)
	}
	h := &hasher{sha256.New(), map[string]int{}}
	if err := generate(t.Context(), scale, dayOf(last), h); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), h.rows
}

func TestSameRowsOnEveryMachine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, _ := hashRows(t, 1, "2026-12-31")
	runtime.GOMAXPROCS(2)
	two, _ := hashRows(t, 1, "2026-12-31")
	if one != two {
		t.Errorf("rows differ: %s with one processor, %s with two", one, two)
	}
}

// Any last day and scale make a whole history.
func TestOtherHistories(t *testing.T) {
	for _, c := range []struct {
		scale int
		until string
	}{{1, "1975-06-15"}, {2, "2024-02-29"}} {
		if _, rows := hashRows(t, c.scale, c.until); rows["charges"] != c.scale*chargesAtScale1 || rows["payments"] == 0 {
			t.Errorf("scale %d up to %s has %d charges and %d payments", c.scale, c.until, rows["charges"], rows["payments"])
		}
	}
}

func TestMoney(t *testing.T) {
	for _, c := range []struct{ got, want money }{
		{money(250 * cent).times(3 * unit), 750 * cent},
		{money(-3 * unit).times(12_345_678), -37_037_034},
		{money(1_234_567).times(money(1000) * unit), 1_234_567_000},
		{money(100*cent).share(1, 3), 33_333_333},
		{money(200*cent).share(-1, 3), -66_666_667},
		{money(12_500_000).round(2), 13_000_000},
		{money(-12_500_000).round(2), -13_000_000},
		{money(12_499_999).round(2), 12_000_000},
		{money(49_999_999).round(0), 0},
		{money(50_000_000).round(0), unit},
	} {
		if c.got != c.want {
			t.Errorf("got %d, want %d", c.got, c.want)
		}
	}
}

func TestCalendar(t *testing.T) {
	on := func(s string) day {
		d, _ := time.Parse(time.DateOnly, s)
		return dayOf(d)
	}
	for _, c := range []struct{ got, want string }{
		{on("2024-01-31").addMonths(1).String(), "2024-02-29"},
		{on("2024-01-31").addMonths(13).String(), "2025-02-28"},
		{on("2024-03-31").addMonths(-1).String(), "2024-02-29"},
		{on("2024-12-15").nextMonthDay(15).String(), "2025-01-15"},
		{on("2024-12-14").nextMonthDay(15).String(), "2024-12-15"},
		{on("2024-02-10").at(24*hour - 1).day().String(), "2024-02-10"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}
