package sourcetest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// Rows keep their order over many batches, and batches their size.
func testOrder(t *testing.T, open Open) {
	const rows = 50_000
	src := open(t, `CREATE TABLE many (n INTEGER, words VARCHAR);
		INSERT INTO many SELECT i, repeat(CAST(i AS VARCHAR), 20) FROM generate_series(1, 50000) AS g(i)`)
	snap := begin(t, src)
	for _, test := range []struct {
		sql  string
		want func(i int) int
	}{
		{"SELECT * FROM many", func(i int) int { return i + 1 }}, // as they lie there
		{"SELECT * FROM many ORDER BY n DESC", func(i int) int { return rows - i }},
	} {
		r := start(t, snap, source.Query{SQL: test.sql})
		var b batch.Batch
		i, batches := 0, 0
		for next(t, r, &b) {
			batches++
			if b.Rows() == 0 {
				t.Fatal("a batch without rows")
			}
			if b.ArenaLen() > batch.TargetBytes+rows/1000 {
				t.Errorf("a batch holds %d bytes of text", b.ArenaLen())
			}
			for row := range b.Rows() {
				n := test.want(i)
				if got := int(b.Int(0, row)); got != n {
					t.Fatalf("%s: row %d: got %d, want %d", test.sql, i, got, n)
				}
				if got, want := string(b.Text(1, row)), strings.Repeat(strconv.Itoa(n), 20); got != want {
					t.Fatalf("%s: row %d: got %s, want %s", test.sql, i, got, want)
				}
				i++
			}
		}
		closeReader(t, r)
		if i != rows || batches < 2 {
			t.Errorf("%s: got %d rows in %d batches, want %d in several", test.sql, i, batches, rows)
		}
	}
}

// Nulls stay nulls wherever they lie, and whatever batch they come in.
func testNulls(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE holes (n INTEGER, a INTEGER, b VARCHAR, c NUMERIC(10,2), d VARCHAR);
		INSERT INTO holes SELECT i, CASE WHEN i % 3 <> 0 THEN i END, CASE WHEN i % 5 <> 0 THEN 'text number ' || CAST(i AS VARCHAR) END,
		  CASE WHEN i % 7 <> 0 THEN i END, CASE WHEN i % 1000 = 0 THEN repeat('x', 10000) END FROM generate_series(1, 30000) AS g(i)`)
	r := start(t, begin(t, src), source.Query{SQL: "SELECT * FROM holes ORDER BY n"})
	cell := func(i, divisor int, text string) string {
		if i%divisor == 0 {
			return null
		}
		return text
	}
	i := 0
	var b batch.Batch
	for next(t, r, &b) {
		for row := range b.Rows() {
			i++
			want := []string{strconv.Itoa(i), cell(i, 3, strconv.Itoa(i)), cell(i, 5, "text number "+strconv.Itoa(i)), cell(i, 7, strconv.Itoa(i)+".00"), null}
			if i%1000 == 0 {
				want[4] = strings.Repeat("x", 10_000)
			}
			if got := RowText(&b, row); !slices.Equal(got, want) {
				t.Fatalf("row %d: got %v, want %v", i, got, want)
			}
		}
	}
	closeReader(t, r)
	if i != 30_000 {
		t.Errorf("got %d rows, want 30000", i)
	}
}

// A cell larger than a batch comes in a batch of its own.
func testBigCells(t *testing.T, open Open) {
	src := open(t, `CREATE TABLE big (n INTEGER, words VARCHAR);
		INSERT INTO big SELECT i, repeat('xyz', CASE WHEN i % 10 = 0 THEN 1000000 ELSE i END) FROM generate_series(1, 40) AS g(i)`)
	r := start(t, begin(t, src), source.Query{SQL: "SELECT * FROM big ORDER BY n"})
	i := 0
	var b batch.Batch
	for next(t, r, &b) {
		if b.ArenaLen() > batch.TargetBytes && b.Rows() > 1 {
			t.Errorf("a batch of %d rows holds %d bytes of text", b.Rows(), b.ArenaLen())
		}
		for row := range b.Rows() {
			i++
			times := i
			if i%10 == 0 {
				times = 1_000_000
			}
			if got := string(b.Text(1, row)); got != strings.Repeat("xyz", times) {
				t.Fatalf("row %d has %d bytes, want %d", i, len(got), 3*times)
			}
		}
	}
	closeReader(t, r)
	if i != 40 {
		t.Errorf("got %d rows, want 40", i)
	}
}

// Batches keep their size where rows have many columns, each cell of which is a word.
func testWideRows(t *testing.T, open Open) {
	const rows = 5000
	src := open(t, fmt.Sprintf("CREATE TABLE numbers (n INTEGER); INSERT INTO numbers SELECT i FROM generate_series(1, %d) AS g(i)", rows))
	snap := begin(t, src)
	for _, columns := range []int{63, 300} {
		sql := "SELECT n"
		for c := range columns - 1 {
			sql += fmt.Sprintf(", CASE WHEN n %% 7 <> %d THEN n + %d END AS c%d", c%7, c, c)
		}
		r := start(t, snap, source.Query{SQL: sql + " FROM numbers ORDER BY n"})
		n := int64(0)
		var b batch.Batch
		for next(t, r, &b) {
			// Words may come on top of a batch that is full of text, and a little more.
			if size := b.ArenaLen() + 8*columns*b.Rows(); size > 2*batch.TargetBytes+batch.TargetBytes/4 {
				t.Errorf("%d columns: a batch of %d rows holds %d bytes", columns, b.Rows(), size)
			}
			for row := range b.Rows() {
				if n++; b.Int(0, row) != n {
					t.Fatalf("row %d is row %d", n, b.Int(0, row))
				}
				for c := range columns - 1 {
					if missing := n%7 == int64(c%7); b.Null(c+1, row) != missing || !missing && b.Int(c+1, row) != n+int64(c) {
						t.Fatalf("row %d: column c%d is %d (null: %v)", n, c, b.Int(c+1, row), b.Null(c+1, row))
					}
				}
			}
		}
		closeReader(t, r)
		if n != rows {
			t.Errorf("%d columns: got %d rows, want %d", columns, n, rows)
		}
	}
}

func testEmpty(t *testing.T, open Open) {
	snap := begin(t, open(t, typesSQL))
	r := start(t, snap, source.Query{SQL: "SELECT row_no, money FROM kinds WHERE row_no < 0"})
	want := []batch.Column{{Name: "row_no", Type: outturn.Int}, {Name: "money", Type: outturn.Decimal, Scale: 8}}
	if got := r.Columns(); !slices.Equal(got, want) {
		t.Errorf("got columns %v, want %v", got, want)
	}
	var b batch.Batch
	for range 2 {
		if err := r.Next(&b); err != io.EOF || b.Rows() != 0 {
			t.Errorf("got %v and %d rows, want EOF and none", err, b.Rows())
		}
	}
	if got := b.Columns(); !slices.Equal(got, want) {
		t.Errorf("the empty batch: got columns %v, want %v", got, want)
	}
	closeReader(t, r)
}
