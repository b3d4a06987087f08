package batch_test

import (
	"bytes"
	"context"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"outturn"
	"outturn/internal/batch"
)

func one(c batch.Column) *batch.Batch {
	b := new(batch.Batch)
	b.Reset([]batch.Column{c})
	return b
}

// plainText spells unscaled × 10^-scale by big.Rat, which knows nothing of ours.
func plainText(unscaled *big.Int, scale int) string {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(unscaled, ten).FloatString(scale)
}

// int64s favours the ends of the range and of what fits a cell.
var int64s = rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{
	0, 1, -1, 9, -10, math.MaxInt64, math.MinInt64, math.MaxInt64 >> 1, math.MaxInt64>>1 + 1, math.MinInt64 >> 1, math.MinInt64>>1 - 1,
}))

func TestDecimalKeepsEveryDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.IntRange(0, outturn.MaxScale).Draw(t, "scale")
		values := rapid.SliceOfN(int64s, 1, 20).Draw(t, "values")
		b := one(batch.Column{Name: "x", Type: outturn.Decimal, Scale: scale})
		for _, x := range values {
			b.AppendDecimal(0, x)
		}
		b.SetRows(len(values))
		for r, x := range values {
			got, want := string(b.AppendDecimalText(nil, 0, r)), plainText(big.NewInt(x), scale)
			if got != want {
				t.Fatalf("%d in scale %d: got %s, want %s", x, scale, got, want)
			}
		}
	})
}

func TestDigitsAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`-?[1-9][0-9]{18,37}\.[0-9]{4}`).Draw(t, "digits")
		b := one(batch.Column{Name: "x", Type: outturn.Decimal, Scale: 4})
		b.AppendDecimal(0, 7)
		b.AppendDigits(0, []byte(digits))
		b.SetRows(2)
		if _, got := b.Decimal(0, 1); string(got) != digits {
			t.Fatalf("got %s, want %s", got, digits)
		}
		if x, d := b.Decimal(0, 0); x != 7 || d != nil {
			t.Fatalf("the neighbour became %d %q", x, d)
		}
	})
}

func TestSumIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.IntRange(0, outturn.MaxScale).Draw(t, "scale")
		var parts [3]batch.Sum
		want := new(big.Int)
		for i := range rapid.IntRange(0, 60).Draw(t, "count") {
			part := &parts[i%len(parts)]
			if rapid.Bool().Draw(t, "wide") {
				x, _ := new(big.Int).SetString(rapid.StringMatching(`-?[1-9][0-9]{0,37}`).Draw(t, "digits"), 10)
				part.AddDigits([]byte(plainText(x, scale)))
				want.Add(want, x)
				continue
			}
			x := int64s.Draw(t, "x")
			part.Add(x)
			want.Add(want, big.NewInt(x))
		}
		var total batch.Sum
		for i := range parts {
			total.AddSum(&parts[i])
		}
		if got, want := total.Text(scale), plainText(want, scale); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestSumBeyond64Bits(t *testing.T) {
	var s batch.Sum
	for range 1000 {
		s.Add(math.MinInt64)
	}
	if got, want := s.Text(2), "-92233720368547758080.00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPlacePoint(t *testing.T) {
	for _, c := range []struct {
		digits string
		scale  int
		want   string
	}{
		{"0", 0, "0"}, {"0", 2, "0.00"}, {"5", 2, "0.05"}, {"-5", 2, "-0.05"}, {"-123", 2, "-1.23"}, {"123", 3, "0.123"}, {"1234", 3, "1.234"},
	} {
		if got := batch.PlacePoint(c.digits, c.scale); got != c.want {
			t.Errorf("PlacePoint(%s, %d) = %s, want %s", c.digits, c.scale, got, c.want)
		}
	}
}

func TestCellsComeBack(t *testing.T) {
	columns := []batch.Column{
		{Name: "t", Type: outturn.Text}, {Name: "i", Type: outturn.Int}, {Name: "f", Type: outturn.Float}, {Name: "b", Type: outturn.Bool},
	}
	type row struct {
		text  string
		whole int64
		float uint64
		truth bool
		null  uint8 // a bit a column
	}
	b := new(batch.Batch)
	rapid.Check(t, func(t *rapid.T) { // b is used again and again, as in a pool
		rows := rapid.SliceOf(rapid.Custom(func(t *rapid.T) row {
			return row{rapid.String().Draw(t, "t"), rapid.Int64().Draw(t, "i"), rapid.Uint64().Draw(t, "f"), rapid.Bool().Draw(t, "b"), rapid.Uint8Range(0, 15).Draw(t, "null")}
		})).Draw(t, "rows")
		b.Reset(columns)
		if b.Rows() != 0 || b.ArenaLen() != 0 {
			t.Fatal("not empty after Reset")
		}
		for _, r := range rows {
			for c := range columns {
				switch {
				case r.null>>c&1 != 0:
					b.AppendNull(c)
				case c == 0:
					batch.AppendText(b, 0, r.text)
				case c == 1:
					b.AppendInt(1, r.whole)
				case c == 2:
					b.AppendFloat(2, math.Float64frombits(r.float))
				case c == 3:
					b.AppendBool(3, r.truth)
				}
			}
		}
		b.SetRows(len(rows))
		for i, r := range rows {
			for c := range columns {
				null := r.null>>c&1 != 0
				cells := b.Cells(c)
				if b.Null(c, i) != null || (cells.Nulls != nil && cells.Nulls[i/64]>>(i%64)&1 != 0) != null {
					t.Fatalf("row %d column %d: null is not %t", i, c, null)
				}
				if null {
					continue
				}
				ok := true
				switch c {
				case 0:
					ok = string(b.Text(0, i)) == r.text
				case 1:
					ok = b.Int(1, i) == r.whole && cells.Words[i] == uint64(r.whole)
				case 2:
					ok = math.Float64bits(b.Float(2, i)) == r.float
				case 3:
					ok = b.Bool(3, i) == r.truth
				}
				if !ok {
					t.Fatalf("row %d column %d changed", i, c)
				}
			}
		}
	})
}

func TestWordsAndArena(t *testing.T) {
	b := one(batch.Column{Name: "t", Type: outturn.Text})
	const rows = 5000 // several times what one call hands out
	for start := 0; start < rows; start += 1000 {
		words, arena := b.Words(0, 1000), b.Arena()
		for i := range words {
			off := len(arena)
			arena = append(arena, strings.Repeat("x", (start+i)%7)...)
			words[i] = batch.Span(off, len(arena)-off)
			if (start+i)%7 == 3 {
				b.SetNull(0, start+i)
			}
		}
		b.SetArena(arena)
	}
	b.SetRows(rows)
	for r := range rows {
		if got := b.Null(0, r); got != (r%7 == 3) {
			t.Fatalf("row %d: null is %t", r, got)
		}
		if r%7 != 3 && len(b.Text(0, r)) != r%7 {
			t.Fatalf("row %d: got %q", r, b.Text(0, r))
		}
	}
}

func TestSpanPanicsBeyondItsWord(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a span that a word cannot hold was made")
		}
	}()
	batch.Span(math.MaxUint32+1, 1)
}

func TestPoolLendsEachBatchOnce(t *testing.T) {
	p := batch.NewPool(2)
	first, err := p.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Retain()
	first.Release() // one holder is left
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Get(ctx); err == nil {
		t.Fatal("a batch that is held was lent again")
	}
	first.Release()
	again, err := p.Get(t.Context())
	if err != nil || again != first {
		t.Fatalf("got %p %v, want the batch given back", again, err)
	}
}

func TestReleaseTooOften(t *testing.T) {
	b, _ := batch.NewPool(1).Get(t.Context())
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("nobody noticed")
		}
	}()
	b.Release()
}

func TestAppendTextTakesBytes(t *testing.T) {
	b := one(batch.Column{Name: "t", Type: outturn.Text})
	batch.AppendText(b, 0, []byte("ab"))
	batch.AppendText(b, 0, "")
	b.SetRows(2)
	if !bytes.Equal(b.Text(0, 0), []byte("ab")) || len(b.Text(0, 1)) != 0 || b.Null(0, 1) {
		t.Error("text changed")
	}
}

func BenchmarkSum(b *testing.B) {
	var s batch.Sum
	for i := range b.N {
		s.Add(int64(i))
	}
}
