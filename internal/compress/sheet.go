package compress

import "bytes"

// A sheetDeflater deflates the XML of a sheet (RFC 1951). Three parts in four of such
// XML are markup that repeats from row to row, in places that can be told without a
// search:
//
//	…value</v></c><c s="2" t="str" r="C17"><v>value</v></c>…
//	      └─────────── row above ──────┘└─┘└─┘
//	                          cell before   as above in this column, or searched
//
// So it goes from cell to cell, and searches for little: the beginnings of values
// that are text. It takes any bytes, but makes less small what is no sheet.
//
// The deflaters for everything look everywhere. That makes a sheet as small at a third
// more time, or a tenth smaller at twice the time.
type sheetDeflater struct {
	sequences

	table   [1 << 13]int32 // where five bytes were last, by their hash; plus one
	columns [1 << 10]place // where a column's cell was last, by its letters
	cell    cell           // the cell before
}

// A place is where a column's cell was last, plus one each: its markup, from the end
// of the value before, and its value.
type place struct{ markup, value int32 }

// A cell is what is known of the cell whose value comes next. The zero value is
// that nothing is.
type cell struct {
	known   bool
	number  int  // where the row's number stands in its markup
	digits  int  // of that number
	above   int  // where its column's value was last; 0 for never
	numeric bool // whether a number is expected
}

// deflate appends in, of at most 2 GiB, as one block of the stream, ended at a byte.
func (z *sheetDeflater) deflate(dst, in []byte) []byte {
	z.begin(in)
	z.cell = cell{}
	clear(z.table[:])
	clear(z.columns[:])
	for i := 0; i < len(in); {
		end := len(in)
		if n := bytes.IndexByte(in[i:], '<'); n >= 0 {
			end = i + n
		}
		if i = z.value(i, end); i < len(in) {
			i = z.markup(i, end)
		}
	}
	return z.write(dst)
}

// markup takes in what is between two values. It began at begin, and all before i is
// done. It returns up to where it came, which may be into the value.
func (z *sheetDeflater) markup(i, begin int) int {
	before := z.cell
	next, ok := z.parse(begin)
	z.cell = next.cell
	if !ok {
		return z.search(i, max(i, begin+1))
	}
	p := &z.columns[next.column&(len(z.columns)-1)]
	above := *p
	*p = place{int32(begin) + 1, int32(next.value) + 1}
	z.cell.above = max(int(above.value)-1, 0)

	// Up to the end of the row's number, or where it begins to differ, as above.
	if above.markup > 0 {
		i = z.copy(i, int(above.markup)-1+i-begin, next.quote)
	}
	if i < next.number {
		i = z.search(i, next.number)
	}
	// Then, if the value begins as it did above, the digits that differ and all that
	// follows from above.
	if z.cell.above > 0 {
		start, from := max(i, next.quote), z.cell.above-(next.value-next.quote)
		if n := z.matchLength(start, from+start-next.quote); start+n > next.value && n >= leastMatch && start-from <= window {
			z.match(start, n, from+start-next.quote)
			return start + n
		}
	}
	// Else the number from the cell before.
	if before.known && i < next.value {
		i = z.copy(i, before.number+i-next.number, next.value)
	}
	return i
}

// A parsed is the markup before a value: where what stands in it.
type parsed struct {
	cell
	column int
	quote  int // after the row's number
	value  int
}

// parse reads </v></c><c s="3" r="AB12"><v>, with whatever attributes. It reports
// false for anything else.
func (z *sheetDeflater) parse(at int) (p parsed, ok bool) {
	const longest, least = 64, len(`</v></c><c r="A1"><v>`)
	in := z.in
	if at+longest > len(in) || load64(in, at) != endOfCell || in[at+8] != '<' {
		return p, false
	}
	close := at + 9 + bytes.IndexByte(in[at+9:at+longest-4], '>')
	if close < at+least-4 || in[close+1] != '<' || in[close+2] != 'v' || in[close+3] != '>' {
		return p, false
	}
	p.quote, p.value = close-1, close+4
	p.number = p.quote - z.cell.digits // mostly as long as in the cell before
	if z.cell.digits == 0 || !isDigit(in[p.number]) || !isLetter(in[p.number-1]) {
		for p.number = p.quote; isDigit(in[p.number-1]); {
			p.number--
		}
	}
	letter := p.number
	for isLetter(in[letter-1]) && letter > p.number-3 {
		letter--
		p.column = p.column<<5 | int(in[letter]&31)
	}
	p.known, p.digits = true, p.quote-p.number
	p.numeric = isDigit(in[letter-len(`1" r="`)]) // the style's number, and no type
	return p, true
}

// copy takes in up to end from a place where the same is expected. It returns where
// that is no longer so.
func (z *sheetDeflater) copy(i, from, end int) int {
	if from < 0 || i-from > window || from >= i {
		return i
	}
	n := min(z.matchLength(i, from), end-i)
	if n < leastMatch {
		return i
	}
	z.match(i, n, from)
	return i + n
}

// value takes in a value from i to end: as it was in this column the last time, if
// it is the same, else by search. It may go on into the markup.
func (z *sheetDeflater) value(i, end int) int {
	if from := z.cell.above; from > 0 && i < end && i-from <= window && from < i {
		if n := z.matchLength(i, from); i+n >= end && n >= leastMatch {
			z.match(i, n, from)
			return i + n
		}
	}
	if z.cell.numeric {
		return max(i, end) // digits repeat by chance, and are short as they are
	}
	return z.search(i, end)
}

// search takes in up to end, and perhaps more: five bytes or more that were there
// before, as long as there are such.
func (z *sheetDeflater) search(i, end int) int {
	in := z.in
	for i < end && i+8 <= len(in) {
		w := load64(in, i)
		h := w << 24 * 889523592379 >> (64 - 13)
		from := int(z.table[h]) - 1
		z.table[h] = int32(i) + 1
		if from < 0 || i-from > window || (w^load64(in, from))<<24 != 0 {
			break
		}
		n := z.matchLength(i, from)
		z.match(i, n, from)
		i += n
	}
	return max(i, end)
}

// endOfCell is </v></c>.
const endOfCell = '<' | '/'<<8 | 'v'<<16 | '>'<<24 | '<'<<32 | '/'<<40 | 'c'<<48 | '>'<<56

func isDigit(c byte) bool { return c-'0' <= 9 }

func isLetter(c byte) bool { return c-'A' <= 25 }
