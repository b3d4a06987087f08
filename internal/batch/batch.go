// Package batch is the one thing that sources and formats share: some thousand
// rows of typed cells, filled by a source, read by any number of formats, and
// then filled again.
//
// Cells lie column by column. A cell is one 64-bit word: the value itself where
// it fits, else a span of the batch's arena, so that a batch holds no pointers
// and costs no allocation once it has grown to its size.
//
//	int    the value                     float  its IEEE 754 bits
//	bool   0 or 1                        text   span of UTF-8 in the arena
//	date   days since 1970-01-01         json   span of UTF-8 in the arena
//	time   microseconds since            decimal  unscaled value × 2 if that fits,
//	       1970-01-01T00:00:00Z                   else span of its digits, marked by bit 0
//
// A source owns a batch from Pool.Get until it hands it on; then it is read-only
// until the last holder calls Release.
package batch

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"outturn"
)

// TargetBytes is about how much text a source puts into one batch before it hands it on, or
// how much of text and words where rows have many columns. A single row may be larger.
const TargetBytes = 1 << 20

// A Column says what a column of a batch holds.
type Column struct {
	Name  string
	Type  outturn.Type
	Scale int // decimal: digits after the point; time: digits of the second's fraction

	// Header is what stands above the column in files for people; empty: Name.
	Header string
	// ID marks an int that is an identifier.
	ID bool
	// Wall is set for a time that the source keeps without a zone: the zone that it was
	// taken to be in, whose clocks still show what the source has.
	Wall *time.Location
	// Single marks a float of 32 bits, which has the digits of one.
	Single bool
}

// The words of a date or a time that is beyond all others. Only a source that has such
// values yields them, and hardly any file can spell them.
const (
	Infinity      = math.MaxInt64
	MinusInfinity = math.MinInt64
)

// Title returns what stands above the column in files for people.
func (c Column) Title() string {
	if c.Header != "" {
		return c.Header
	}
	return c.Name
}

// A Batch is a run of rows. The zero value is an empty batch without columns;
// Reset gives it some.
type Batch struct {
	columns []Column
	vectors []vector
	arena   []byte
	rows    int

	refs atomic.Int32
	pool *Pool
}

// A vector holds the cells of one column. A null cell has its bit set in nulls
// and an undefined word in cells.
type vector struct {
	cells []uint64
	nulls []uint64
	any   bool // whether nulls has a bit set
}

// Reset empties b and gives it columns. Their memory is kept.
func (b *Batch) Reset(columns []Column) {
	b.columns = columns
	if len(b.vectors) != len(columns) {
		b.vectors = make([]vector, len(columns))
	}
	for i := range b.vectors {
		v := &b.vectors[i]
		v.cells = v.cells[:0]
		clear(v.nulls)
		v.any = false
	}
	b.arena = b.arena[:0]
	b.rows = 0
}

// Swap exchanges what b and o hold. Who holds them stays.
func (b *Batch) Swap(o *Batch) {
	b.columns, o.columns = o.columns, b.columns
	b.vectors, o.vectors = o.vectors, b.vectors
	b.arena, o.arena = o.arena, b.arena
	b.rows, o.rows = o.rows, b.rows
}

// Columns returns what the batch's columns hold.
func (b *Batch) Columns() []Column { return b.columns }

// Rows returns how many rows the batch has.
func (b *Batch) Rows() int { return b.rows }

// SetRows ends a filling: every column has been given n cells. Readers see no
// rows before.
func (b *Batch) SetRows(n int) {
	b.rows = n
	for i := range b.vectors {
		v := &b.vectors[i]
		for v.any && len(v.nulls)*64 < n {
			v.nulls = append(v.nulls, 0)
		}
	}
}

// ArenaLen returns how many bytes of text the batch holds.
func (b *Batch) ArenaLen() int { return len(b.arena) }

// AppendNull adds a null cell to column c.
func (b *Batch) AppendNull(c int) {
	v := &b.vectors[c]
	v.setNull(len(v.cells))
	v.cells = append(v.cells, 0)
}

// AppendInt adds a cell to a column of type int, date (days) or time (µs).
func (b *Batch) AppendInt(c int, x int64) {
	v := &b.vectors[c]
	v.cells = append(v.cells, uint64(x))
}

// AppendBool adds a cell to a column of type bool.
func (b *Batch) AppendBool(c int, x bool) {
	var word uint64
	if x {
		word = 1
	}
	v := &b.vectors[c]
	v.cells = append(v.cells, word)
}

// AppendFloat adds a cell to a column of type float.
func (b *Batch) AppendFloat(c int, x float64) {
	v := &b.vectors[c]
	v.cells = append(v.cells, math.Float64bits(x))
}

// AppendText adds a cell to a column of type text or json. The text must be
// valid UTF-8 (json: one JSON value): whoever reads a source sees to it.
func AppendText[T string | []byte](b *Batch, c int, text T) {
	off := len(b.arena)
	b.arena = append(b.arena, text...)
	v := &b.vectors[c]
	v.cells = append(v.cells, Span(off, len(text)))
}

// AppendDecimal adds unscaled × 10^-scale, in the column's scale, to a column of
// type decimal.
func (b *Batch) AppendDecimal(c int, unscaled int64) {
	if unscaled<<1>>1 != unscaled {
		b.AppendDigits(c, appendUnscaled(nil, unscaled, b.columns[c].Scale))
		return
	}
	v := &b.vectors[c]
	v.cells = append(v.cells, uint64(unscaled)<<1)
}

// AppendDigits adds a decimal by its digits, such as -12.3400, for a number that
// is too long for 63 bits. The digits after the point are those of the column's
// scale.
func (b *Batch) AppendDigits(c int, digits []byte) {
	off := len(b.arena)
	b.arena = append(b.arena, digits...)
	v := &b.vectors[c]
	v.cells = append(v.cells, Span(off, len(digits)<<1|1))
}

// Words hands out n new cells of column c for the caller to fill, in the words
// of the package comment. SetNull marks those that are null.
func (b *Batch) Words(c, n int) []uint64 {
	v := &b.vectors[c]
	start := len(v.cells)
	v.cells = slices.Grow(v.cells, n)[:start+n]
	return v.cells[start:]
}

// SetNull makes the cell of column c in row r null.
func (b *Batch) SetNull(c, r int) { b.vectors[c].setNull(r) }

func (v *vector) setNull(r int) {
	for len(v.nulls) <= r/64 {
		v.nulls = append(v.nulls, 0)
	}
	v.nulls[r/64] |= 1 << (r % 64)
	v.any = true
}

// Arena returns the bytes that spans point into. A source may append to them by
// itself: it then stores the grown arena with SetArena, and spans made by Span
// with Words.
func (b *Batch) Arena() []byte { return b.arena }

// SetArena stores an arena that was got by Arena and appended to.
func (b *Batch) SetArena(arena []byte) { b.arena = arena }

// Span returns the word of a text cell that lies at arena[off:off+n]. It panics
// beyond 4 GiB, which a word cannot tell.
func Span(off, n int) uint64 {
	if uint64(off)|uint64(n) > math.MaxUint32 {
		panic("batch: more than 4 GiB of text in one batch")
	}
	return uint64(off)<<32 | uint64(n)
}

// Cells are the cells of one column as they lie in a batch, for loops over many
// of them. They are only to be read, and only until Release.
type Cells struct {
	Words []uint64 // one a row, in the words of the package comment; undefined where null
	Nulls []uint64 // nil when no cell is null, else a bit a row, the lowest first
}

// Cells returns the cells of column c.
func (b *Batch) Cells(c int) Cells {
	v := &b.vectors[c]
	cells := Cells{Words: v.cells[:b.rows]}
	if v.any {
		cells.Nulls = v.nulls[:(b.rows+63)/64]
	}
	return cells
}

// Null reports whether the cell of column c in row r is null.
func (b *Batch) Null(c, r int) bool {
	v := &b.vectors[c]
	return v.any && r/64 < len(v.nulls) && v.nulls[r/64]&(1<<(r%64)) != 0
}

// Int returns a cell of type int, date (days) or time (µs).
func (b *Batch) Int(c, r int) int64 { return int64(b.vectors[c].cells[r]) }

// Bool returns a cell of type bool.
func (b *Batch) Bool(c, r int) bool { return b.vectors[c].cells[r] != 0 }

// Float returns a cell of type float.
func (b *Batch) Float(c, r int) float64 { return math.Float64frombits(b.vectors[c].cells[r]) }

// Text returns a cell of type text or json. It is valid until Release.
func (b *Batch) Text(c, r int) []byte {
	word := b.vectors[c].cells[r]
	off := word >> 32
	return b.arena[off : off+word&math.MaxUint32]
}

// Decimal returns a cell of type decimal: its unscaled value in the column's
// scale, or, where that does not fit, its digits.
func (b *Batch) Decimal(c, r int) (unscaled int64, digits []byte) {
	word := b.vectors[c].cells[r]
	if word&1 == 0 {
		return int64(word) >> 1, nil
	}
	off, n := word>>32, word&math.MaxUint32>>1
	return 0, b.arena[off : off+n]
}
