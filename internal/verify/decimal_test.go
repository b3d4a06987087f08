package verify

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	plain, comma := spelling{point: '.'}, spelling{point: ','}
	numbers, double := spelling{point: '.', exponents: true}, spelling{point: '.', exponents: true, digits: 15}
	for _, tt := range []struct {
		s          spelling
		text, want string // empty: no number
	}{
		{plain, "0", "0"}, {plain, "-0.00", "0.00"}, {plain, "12.50", "12.50"}, {plain, "007", "7"},
		{plain, "-99999999999999999999.1", "-99999999999999999999.1"},
		{plain, "", ""}, {plain, "-", ""}, {plain, ".5", ""}, {plain, "5.", ""}, {plain, "+5", ""}, {plain, "1,5", ""}, {plain, "1.5.5", ""},
		{plain, "1e3", ""}, {plain, " 1", ""}, {plain, "1 ", ""}, {plain, "NaN", ""}, {plain, "--1", ""},
		{comma, "12,50", "12.50"}, {comma, "12.50", ""},
		{numbers, "1.5E-3", "0.0015"}, {numbers, "1.5e+3", "1500"}, {numbers, "-2E2", "-200"}, {numbers, "1e", ""}, {numbers, "1e401", ""}, {numbers, "1e+-1", ""},
		{double, "1234.5599999999999", "1234.56"}, {double, "0.30000000000000004", "0.3"}, {double, "-99999.999999999999", "-100000"},
		{double, "123456789012345", "123456789012345"}, {double, "1234567890123456", "1234567890123460"}, {double, "1.0E-2", "0.010"},
	} {
		d, ok := tt.s.parse([]byte(tt.text))
		got := ""
		if ok {
			var s sum
			s.add(d)
			got = s.text(d.scale)
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Sums are those of exact arithmetic, whatever the scales and the sizes.
func TestSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got sum
		want := new(big.Rat)
		for _, text := range rapid.SliceOf(rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{1,12})?`)).Draw(t, "numbers") {
			d, ok := spelling{point: '.'}.parse([]byte(text))
			x, _ := new(big.Rat).SetString(text)
			if !ok {
				t.Fatalf("%q is no number", text)
			}
			got.add(d)
			want.Add(want, x)
		}
		if text := want.FloatString(12); got.text(12) != text {
			t.Fatalf("got %s, want %s", got.text(12), text)
		}
		if d, _ := (spelling{point: '.'}).parse([]byte(want.FloatString(14))); !got.equals(d) {
			t.Fatalf("%s does not equal itself", want.FloatString(14))
		}
	})
}
