package duckdb

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// A filler copies the engine's vectors into a batch. Nothing it leaves there
// points into the engine's memory.
type filler struct {
	columns  []column
	texts    []int // the columns that are VARCHAR in the engine
	replaced int64

	batch  *batch.Batch
	filled int // rows in batch
	before int // rows in the batches before

	text     int   // bytes of text in the chunk's rows that fitting has not given yet
	due      int   // at least what fillText has yet to put of the rows that fitting gave last
	rowBytes []int // of text in each row of the chunk; empty until it matters
}

// A column is how one column of the result becomes one of the batch.
type column struct {
	batch.Column
	engine engineType
	fill   func(f *filler, c *column, to target) error

	vector vector       // of the chunk at hand
	wall   *source.Wall // for times without a zone
	spans  []uint64     // where in the arena each word of an enum is; 0 is nowhere yet
	unit   int64        // of times, in microseconds
}

// A vector is a column of a chunk, in the engine's memory.
type vector struct {
	data  unsafe.Pointer
	valid unsafe.Pointer // a bit a row, set where there is a value; nil: all have one
}

// A target is where cells go: rows first to last of the chunk into words, which
// start at row base of the batch's column index.
type target struct {
	first, last int
	words       []uint64
	index, base int
}

// add prepares the next column.
func (f *filler) add(want batch.Column, have engineType, zone *time.Location) error {
	c := column{Column: want, engine: have}
	if err := c.prepare(zone); err != nil {
		return err
	}
	if have.id == duck.TypeVarchar {
		f.texts = append(f.texts, len(f.columns))
	}
	f.columns = append(f.columns, c)
	return nil
}

// prepare picks the conversion.
func (c *column) prepare(zone *time.Location) error {
	c.wall, c.unit = source.NewWall(nil), 1
	switch c.Type {
	case outturn.Text, outturn.JSON:
		switch c.engine.id {
		case duck.TypeVarchar:
			c.fill = fillText
		case duck.TypeEnum:
			c.spans = make([]uint64, len(c.engine.words))
			c.fill = pickEnum(c.engine.internal)
		case duck.TypeUUID:
			c.fill = fillUUID
		}
		if c.Type == outturn.JSON && c.fill != nil {
			c.fill = checkedJSON(c.fill)
		}
	case outturn.Int:
		c.fill = pickInt(c.engine.id)
	case outturn.Decimal:
		c.fill = c.pickDecimal()
		if c.fill != nil && c.engine.scale > c.Scale {
			return outturn.Errorf(outturn.CodeQueryFailed, "Column %s is %s, which has more digits after the point than the %d that are declared.", c.Name, c.engine.name, c.Scale)
		}
	case outturn.Float:
		switch c.engine.id {
		case duck.TypeDouble:
			c.fill = fillDouble
		case duck.TypeFloat:
			c.fill = fillSingle
		}
	case outturn.Bool:
		if c.engine.id == duck.TypeBoolean {
			c.fill = fillBool
		}
	case outturn.Date:
		if c.engine.id == duck.TypeDate {
			c.fill = fillDate
		}
	case outturn.Time:
		c.fill = c.pickTime(zone)
	}
	if c.fill == nil && c.engine.id == duck.TypeSQLNull {
		c.fill = fillNothing
	}
	if c.fill == nil {
		return outturn.Errorf(outturn.CodeQueryFailed, "Column %s is %s in the source, which cannot be read as %s.", c.Name, c.engine.name, c.Type)
	}
	return nil
}

// begin starts a batch.
func (f *filler) begin(b *batch.Batch) {
	f.before += f.filled
	f.batch, f.filled = b, 0
	for i := range f.columns {
		clear(f.columns[i].spans)
	}
}

// makeRoom gives the batch the memory for so many bytes of text of a chunk. A first
// chunk that is not full is mostly the only one, and a report of few rows needs no
// more than it has.
func (f *filler) makeRoom(text, rows int) {
	arena := f.batch.Arena()
	need := batch.TargetBytes
	if len(arena) == 0 && rows < fullChunk {
		need = min(text, need)
	}
	if need += arenaSlack; cap(arena) < need {
		// At once, for growing step by step would leave behind as much again; a
		// little more than the text, because that is copied in words.
		f.batch.SetArena(append(make([]byte, 0, need), arena...))
	}
}

const (
	arenaSlack = 64
	fullChunk  = 2048 // rows that the engine gives at a time where it has them
)

// load points the columns at a chunk.
func (f *filler) load(chunk duck.DataChunk) {
	for i := range f.columns {
		v := duck.DataChunkGetVector(chunk, duck.IdxT(i))
		f.columns[i].vector = vector{duck.VectorGetData(v), duck.VectorGetValidity(v)}
	}
	f.text, f.rowBytes = 0, f.rowBytes[:0]
	rows := int(duck.DataChunkGetSize(chunk))
	for _, i := range f.texts {
		f.text += f.columns[i].vector.textBytes(0, rows)
	}
}

// size is how much memory the rows in the batch take.
func (f *filler) size() int { return f.batch.ArenaLen() + 8*len(f.columns)*f.filled }

// fitting returns how many of the chunk's rows from at on to put into the batch, and takes
// their bytes from text to due. Those that are left go in together, whatever the batch has
// already, if there is room for their text and they are hardly more than one batch by
// themselves: to cut a chunk costs more than that. Else it is as many as keep text and words
// within batch.TargetBytes, and one at least if the batch has none yet.
func (f *filler) fitting(at, rows int) (int, error) {
	const hardlyMore = batch.TargetBytes / 4
	f.makeRoom(f.text, rows)
	wordBytes := 8 * len(f.columns) // of a row
	if f.text <= batch.TargetBytes-f.batch.ArenaLen() && f.text+wordBytes*(rows-at) <= batch.TargetBytes+hardlyMore {
		f.text, f.due = 0, f.text
		return rows - at, nil
	}
	if len(f.rowBytes) == 0 {
		f.rowBytes = append(f.rowBytes, make([]int, rows)...)
		for _, i := range f.texts {
			f.columns[i].vector.addTextBytes(f.rowBytes)
		}
	}
	room := batch.TargetBytes - f.size()
	n, taken := 0, 0
	for _, text := range f.rowBytes[at:] {
		if room -= wordBytes + text; room < 0 {
			break
		}
		taken += text
		n++
	}
	if n == 0 && f.filled == 0 {
		const most = math.MaxUint32 // what a span can tell
		n, taken = 1, f.rowBytes[at]
		if taken > most {
			return 0, outturn.Errorf(outturn.CodeQueryFailed, "A row has %d bytes of text, which is more than the %d a row may have.", taken, most)
		}
	}
	f.text -= taken
	f.due = taken
	return n, nil
}

// fill appends the chunk's rows first to last to the batch.
func (f *filler) fill(first, last int) error {
	for i := range f.columns {
		c := &f.columns[i]
		to := target{first, last, f.batch.Words(i, last-first), i, f.filled}
		f.setNulls(c.vector, to)
		if err := c.fill(f, c, to); err != nil {
			return err
		}
	}
	f.filled += last - first
	f.batch.SetRows(f.filled)
	return nil
}

// setNulls marks the cells without a value. Their words stay undefined.
func (f *filler) setNulls(v vector, to target) {
	if v.valid == nil {
		return
	}
	for row := to.first; row < to.last; {
		mask := *(*uint64)(unsafe.Add(v.valid, row/64*8)) >> (row % 64)
		end := min(row-row%64+64, to.last)
		for missing := ^mask; missing != 0; missing &= missing - 1 {
			at := row + bits.TrailingZeros64(missing)
			if at >= end {
				break
			}
			f.batch.SetNull(to.index, to.base+at-to.first)
		}
		row = end
	}
}

// has reports whether a row has a value. What the engine's memory holds where
// there is none is anything.
func (v vector) has(row int) bool {
	return v.valid == nil || *(*uint64)(unsafe.Add(v.valid, row/64*8))>>(row%64)&1 != 0
}

// cells views rows first to last of a vector.
func cells[T any](v vector, to target) []T {
	return unsafe.Slice((*T)(v.data), to.last)[to.first:]
}

// A textCell is how the engine stores a text: up to 12 bytes in place, longer
// ones elsewhere, where the last 8 bytes point; the first 4 start it all the same.
type textCell struct {
	length uint32
	data   [12]byte
}

func (t *textCell) bytes() []byte {
	if t.length <= uint32(len(t.data)) {
		return t.data[:t.length]
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&t.data[4])), t.length)
}

func (v vector) textBytes(first, last int) (total int) {
	list := unsafe.Slice((*textCell)(v.data), last)
	if v.valid == nil {
		for i := first; i < last; i++ {
			total += int(list[i].length)
		}
		return total
	}
	for i := first; i < last; i++ {
		if v.has(i) {
			total += int(list[i].length)
		}
	}
	return total
}

func (v vector) addTextBytes(sums []int) {
	list := unsafe.Slice((*textCell)(v.data), len(sums))
	for i := range sums {
		if v.has(i) {
			sums[i] += int(list[i].length)
		}
	}
}

func fillNothing(*filler, *column, target) error { return nil } // all are null

func fillText(f *filler, c *column, to target) error {
	const slack = len(textCell{}.data) // short texts are copied whole
	start := f.batch.ArenaLen()
	arena := f.batch.Arena()
	if cap(arena)-len(arena) < f.due+slack {
		arena = slices.Grow(arena, c.vector.textBytes(to.first, to.last)+slack)
	}
	arena, off := arena[:cap(arena)], start
	list := cells[textCell](c.vector, to)
	torn := false // whether a cell starts in the middle of a character
	for i := range list {
		if !c.vector.has(to.first + i) {
			continue
		}
		cell := &list[i]
		n := int(cell.length)
		torn = torn || n > 0 && !utf8.RuneStart(cell.data[0])
		if n <= len(cell.data) {
			*(*[12]byte)(arena[off:]) = cell.data
		} else {
			copy(arena[off:], cell.bytes())
		}
		to.words[i] = batch.Span(off, n)
		off += n
	}
	arena = arena[:off]
	f.due -= off - start
	if torn || !utf8.Valid(arena[start:]) {
		arena = f.repair(c, to, arena, start)
	}
	f.batch.SetArena(arena)
	return nil
}

// repair puts U+FFFD where text is no valid UTF-8.
func (f *filler) repair(c *column, to target, arena []byte, start int) []byte {
	raw := append([]byte(nil), arena[start:]...)
	arena = arena[:start]
	for i, word := range to.words {
		if !c.vector.has(to.first + i) {
			continue
		}
		text := raw[int(word>>32)-start:][:word&math.MaxUint32]
		off := len(arena)
		for len(text) > 0 {
			r, size := utf8.DecodeRune(text)
			if r == utf8.RuneError && size == 1 {
				f.replaced++
			}
			arena = utf8.AppendRune(arena, r)
			text = text[size:]
		}
		to.words[i] = batch.Span(off, len(arena)-off)
	}
	return arena
}

func quoteShort(text []byte) string {
	const most = 60
	if len(text) > most {
		return strconv.Quote(string(text[:most])) + "…"
	}
	return strconv.Quote(string(text))
}

func pickEnum(internal duck.Type) func(*filler, *column, target) error {
	switch internal {
	case duck.TypeUTinyInt:
		return fillEnum[uint8]
	case duck.TypeUSmallInt:
		return fillEnum[uint16]
	}
	return fillEnum[uint32]
}

// fillEnum puts each word into the arena once a batch.
func fillEnum[T uint8 | uint16 | uint32](f *filler, c *column, to target) error {
	for i, code := range cells[T](c.vector, to) {
		if !c.vector.has(to.first + i) {
			continue
		}
		span := c.spans[code]
		if span == 0 {
			arena := f.batch.Arena()
			word := c.engine.words[code]
			span = batch.Span(len(arena), len(word))
			f.batch.SetArena(append(arena, word...))
			c.spans[code] = span
		}
		to.words[i] = span
	}
	return nil
}

// fillUUID writes them as 123e4567-e89b-12d3-a456-426614174000.
func fillUUID(f *filler, c *column, to target) error {
	arena := f.batch.Arena()
	for i, x := range cells[wide](c.vector, to) {
		if !c.vector.has(to.first + i) {
			continue
		}
		off := len(arena)
		arena = appendUUID(arena, uint64(x.hi)^1<<63, x.lo) // the engine flips the sign, for its order
		to.words[i] = batch.Span(off, len(arena)-off)
	}
	f.batch.SetArena(arena)
	return nil
}

func appendUUID(dst []byte, hi, lo uint64) []byte {
	const digits = "0123456789abcdef"
	for i := range 32 {
		switch i {
		case 8, 12, 16, 20:
			dst = append(dst, '-')
		}
		half := hi
		if i >= 16 {
			half = lo
		}
		dst = append(dst, digits[half>>(60-4*(i%16))&15])
	}
	return dst
}

func pickInt(id duck.Type) func(*filler, *column, target) error {
	switch id {
	case duck.TypeTinyInt:
		return fillInt[int8]
	case duck.TypeSmallInt:
		return fillInt[int16]
	case duck.TypeInteger:
		return fillInt[int32]
	case duck.TypeBigInt:
		return fillInt[int64]
	case duck.TypeUTinyInt:
		return fillInt[uint8]
	case duck.TypeUSmallInt:
		return fillInt[uint16]
	case duck.TypeUInteger:
		return fillInt[uint32]
	}
	return nil
}

func fillInt[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](_ *filler, c *column, to target) error {
	for i, x := range cells[T](c.vector, to) {
		to.words[i] = uint64(int64(x))
	}
	return nil
}

func fillBool(_ *filler, c *column, to target) error {
	for i, x := range cells[uint8](c.vector, to) {
		to.words[i] = uint64(x & 1)
	}
	return nil
}

func fillDouble(_ *filler, c *column, to target) error {
	copy(to.words, cells[uint64](c.vector, to))
	return nil
}

// fillSingle reads 0.1 as 0.1: a number of 32 bits means the shortest decimal
// that is nearest to it.
func fillSingle(_ *filler, c *column, to target) error {
	var text [32]byte
	for i, x := range cells[float32](c.vector, to) {
		double := float64(x)
		if whole := math.Trunc(double); whole != double && !math.IsInf(double, 0) && !math.IsNaN(double) && c.vector.has(to.first+i) {
			double, _ = strconv.ParseFloat(string(strconv.AppendFloat(text[:0], double, 'g', -1, 32)), 64)
		}
		to.words[i] = math.Float64bits(double)
	}
	return nil
}

func fillDate(_ *filler, c *column, to target) error {
	for i, days := range cells[int32](c.vector, to) {
		if (days == math.MaxInt32 || days == -math.MaxInt32) && c.vector.has(to.first+i) {
			return infinite(c, days > 0)
		}
		to.words[i] = uint64(int64(days))
	}
	return nil
}

func infinite(c *column, positive bool) error {
	value := "infinity"
	if !positive {
		value = "-infinity"
	}
	return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds the %s %s, which no file can carry. Replace it in the SELECT, by NULLIF or CASE.", c.Name, c.Type, value)
}

// pickTime sets the unit, and the wall for types without a zone.
func (c *column) pickTime(zone *time.Location) func(*filler, *column, target) error {
	switch c.engine.id {
	case duck.TypeTimestampTZ:
		return fillTime
	case duck.TypeTimestamp:
	case duck.TypeTimestampMS:
		c.unit = 1_000
	case duck.TypeTimestampS:
		c.unit = 1_000_000
	case duck.TypeTimestampNS:
		c.wall = source.NewWall(zone)
		return fillNanoTime
	default:
		return nil
	}
	c.wall = source.NewWall(zone)
	return fillTime
}

func fillTime(_ *filler, c *column, to target) error {
	wall := c.wall
	for i, x := range cells[int64](c.vector, to) {
		if x == math.MaxInt64 || x == -math.MaxInt64 {
			if c.vector.has(to.first + i) {
				return infinite(c, x > 0)
			}
			continue
		}
		if c.vector.has(to.first + i) {
			to.words[i] = uint64(wall.Instant(x * c.unit))
		}
	}
	return nil
}

func fillNanoTime(_ *filler, c *column, to target) error {
	for i, x := range cells[int64](c.vector, to) {
		switch {
		case !c.vector.has(to.first + i):
		case x == math.MaxInt64 || x == -math.MaxInt64:
			return infinite(c, x > 0)
		case x%1000 != 0:
			return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds times with nanoseconds, but times have microseconds here. Cast it to TIMESTAMP in the SELECT, which cuts them off.", c.Name)
		default:
			to.words[i] = uint64(c.wall.Instant(x / 1000))
		}
	}
	return nil
}
