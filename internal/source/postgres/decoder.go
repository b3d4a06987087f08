package postgres

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// A decoder makes batches of the rows that a statement sends, without an allocation a
// row: a cell is read where it lies and becomes a word of the batch, or is copied once,
// into the arena.
type decoder struct {
	columns []batch.Column
	formats []int16 // how the database is to send each: 0 text, 1 binary
	cells   []cellKind
	walls   []*source.Wall // of times without a zone
	shared  bool           // other connections read the same query
	check   bool           // whether texts may be no UTF-8

	words [][]uint64 // of the rows being filled, by column
	rows  int64      // in earlier batches
	ended bool       // the database has said all of the statement
}

// A cellKind is how a column's cells become words.
type cellKind uint8

const (
	kindText        cellKind = iota // as it comes
	kindJSON                        // as it comes, after a look
	kindJSONB                       // behind one byte of version
	kindUUID                        // sixteen bytes
	kindInt2                        //
	kindInt4                        //
	kindInt8                        //
	kindOID                         //
	kindFloat4                      //
	kindFloat8                      //
	kindBool                        //
	kindDate                        // days since 2000
	kindTime                        // µs since 2000
	kindWall                        // the same on a wall
	kindDecimal                     // numeric in groups of four digits
	kindDigits                      // numeric as text, whatever it is
	kindInt2Decimal                 // whole numbers as decimals
	kindInt4Decimal                 //
	kindInt8Decimal                 //
)

// leastBytes is how many bytes a cell has at least.
var leastBytes = [...]int{
	kindInt2: 2, kindInt4: 4, kindInt8: 8, kindOID: 4, kindFloat4: 4, kindFloat8: 8, kindBool: 1, kindDate: 4, kindTime: 8, kindWall: 8,
	kindUUID: 16, kindJSONB: 1, kindInt2Decimal: 2, kindInt4Decimal: 4, kindInt8Decimal: 8,
}

const (
	formatText   = 0
	formatBinary = 1

	epochDays   = 10957 // from 1970 to 2000
	epochMicros = epochDays * 24 * 60 * 60 * 1_000_000
)

// prepare settles how each column of a statement is sent and read.
func (d *decoder) prepare(stmt source.Statement, fields []pgproto3.FieldDescription, unchecked bool) error {
	if len(fields) != len(stmt.Columns) {
		return outturn.Errorf(outturn.CodeInternal, "The statement gives %d columns where %d were expected.", len(fields), len(stmt.Columns))
	}
	d.columns, d.check = slices.Clone(stmt.Columns), unchecked
	d.formats = make([]int16, len(fields))
	d.cells = make([]cellKind, len(fields))
	d.walls = make([]*source.Wall, len(fields))
	d.words = make([][]uint64, len(fields))
	for i, f := range fields {
		kind, format, ok := kindOf(stmt.Columns[i].Type, f.DataTypeOID)
		if !ok {
			have := described("", f.DataTypeOID, f.TypeModifier)
			return outturn.Errorf(outturn.CodeInternal, "Column %s is %s where %s was expected.", stmt.Columns[i].Name, have.Type, stmt.Columns[i].Type)
		}
		d.cells[i], d.formats[i] = kind, format
		if kind == kindWall {
			d.walls[i] = source.NewWall(stmt.Zone)
			d.columns[i].Wall = cmp.Or(stmt.Zone, time.UTC)
		}
		d.columns[i].Single = kind == kindFloat4
	}
	return nil
}

// kindOf says how cells of a type become cells of a column.
func kindOf(want outturn.Type, oid uint32) (kind cellKind, format int16, ok bool) {
	is := func(t outturn.Type, k cellKind) (cellKind, int16, bool) { return k, formatBinary, want == t }
	switch oid {
	case oidBool:
		return is(outturn.Bool, kindBool)
	case oidInt2, oidInt4, oidInt8:
		at := map[uint32]cellKind{oidInt2: 0, oidInt4: 1, oidInt8: 2}[oid]
		if want == outturn.Decimal {
			return kindInt2Decimal + at, formatBinary, true
		}
		return is(outturn.Int, kindInt2+at)
	case oidOID:
		return is(outturn.Int, kindOID)
	case oidFloat4:
		return is(outturn.Float, kindFloat4)
	case oidFloat8:
		return is(outturn.Float, kindFloat8)
	case oidDate:
		return is(outturn.Date, kindDate)
	case oidTimestamptz:
		return is(outturn.Time, kindTime)
	case oidTimestamp:
		return is(outturn.Time, kindWall)
	case oidNumeric:
		if want == outturn.Text {
			return kindDigits, formatText, true
		}
		return is(outturn.Decimal, kindDecimal)
	case oidJSONB:
		return is(outturn.JSON, kindJSONB)
	case oidJSON:
		return kindText, formatText, want == outturn.JSON
	case oidUUID:
		return is(outturn.Text, kindUUID)
	}
	if want == outturn.JSON { // declared so of a text
		return kindJSON, formatText, true
	}
	return kindText, formatText, want == outturn.Text
}

// someRows is how many rows the columns of a batch get room for at a time.
const someRows = 512

// errEnd is that the database has said the last row of a statement and that all went
// well. Nothing else is the end of rows: a connection that is lost ends too.
var errEnd = errors.New("postgres: no more rows")

// fill appends rows to b until it holds about batch.TargetBytes, or there are no more:
// errEnd. A row that is larger by itself gets a batch by itself.
func (d *decoder) fill(c *conn, b *batch.Batch) error {
	c.large.wait(true)
	row, room := 0, 0
	arena := b.Arena()
	store := func() {
		b.SetArena(arena)
		b.SetRows(row)
		d.rows += int64(row)
	}
	for {
		kind, body, err := c.peek()
		if err != nil {
			c.broken = true
			return err
		}
		if kind != 'D' {
			c.advance(body)
			switch kind {
			case 'C':
				store()
				d.ended = true
				c.large.wait(false)
				if err := c.answers(nil); err != nil {
					return err
				}
				return errEnd
			case 'E':
				d.ended = true
				c.large.wait(false)
				said := serverError(body)
				_ = c.answers(nil) // what ended the session has ended the connection too
				return said
			}
			continue
		}
		if len(arena)+len(body) > batch.TargetBytes && row > 0 {
			store()
			return nil
		}
		if row == room {
			for i := range d.words {
				d.words[i] = b.Words(i, someRows)
			}
			room += someRows
		}
		if arena, err = d.row(b, row, row-room+someRows, body, arena); err != nil {
			return err
		}
		row++
		c.advance(body)
	}
}

// row decodes a DataRow into row of b, which is at in the words, and returns the grown
// arena. Two bytes of the body tell how many cells there are; each has four of length,
// -1 for null, and its value. The body goes into the arena whole: one copy of it costs
// less than one of each text.
func (d *decoder) row(b *batch.Batch, row, at int, body, arena []byte) ([]byte, error) {
	if len(body) < 2 || int(binary.BigEndian.Uint16(body)) != len(d.cells) {
		return arena, errMessage
	}
	start, pos := len(arena), 2
	arena = append(arena, body...)
	for i, kind := range d.cells {
		if len(body)-pos < 4 {
			return arena, errMessage
		}
		n := int(int32(binary.BigEndian.Uint32(body[pos:])))
		pos += 4
		if n < 0 {
			b.SetNull(i, row)
			continue
		}
		if len(body)-pos < n || n < leastBytes[kind] {
			return arena, errMessage
		}
		cell := body[pos : pos+n : pos+n]
		there := start + pos // in the arena
		pos += n
		var word uint64
		switch kind {
		case kindText:
			if d.check && !utf8.Valid(cell) {
				return arena, d.noText(i, row)
			}
			word = batch.Span(there, n)
		case kindDecimal:
			var ok bool
			if word, ok = decimalWord(cell, d.columns[i].Scale); !ok {
				var err error
				if word, arena, err = d.digits(cell, i, row, arena); err != nil {
					return arena, err
				}
			}
		case kindInt8:
			word = binary.BigEndian.Uint64(cell)
		case kindTime, kindWall:
			micros := int64(binary.BigEndian.Uint64(cell))
			if micros != batch.Infinity && micros != batch.MinusInfinity {
				if micros >= batch.Infinity-epochMicros {
					return arena, outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds an instant after the year 294246 in %s, which no file can carry.", d.columns[i].Name, d.at(row))
				}
				micros += epochMicros
				if kind == kindWall {
					micros = d.walls[i].Instant(micros)
				}
			}
			word = uint64(micros)
		case kindDate:
			word = dateWord(int32(binary.BigEndian.Uint32(cell)))
		case kindInt4:
			word = uint64(int64(int32(binary.BigEndian.Uint32(cell))))
		case kindBool:
			word = uint64(cell[0])
		case kindJSONB:
			if d.check && !utf8.Valid(cell) {
				return arena, d.noText(i, row)
			}
			word = batch.Span(there+1, n-1)
		default:
			var err error
			if word, arena, err = d.rare(kind, cell, i, row, arena); err != nil {
				return arena, err
			}
		}
		d.words[i][at] = word
	}
	return arena, nil
}

// dateWord is the word of days since 2000, whose ends are the infinities.
func dateWord(days int32) uint64 {
	switch days {
	case math.MaxInt32:
		return batch.Infinity
	case math.MinInt32:
		return 1 << 63 // batch.MinusInfinity
	}
	return uint64(int64(days) + epochDays)
}

// rare decodes the cells that a row has few of.
func (d *decoder) rare(kind cellKind, cell []byte, i, row int, arena []byte) (uint64, []byte, error) {
	start := len(arena)
	switch kind {
	case kindInt2:
		return uint64(int64(int16(binary.BigEndian.Uint16(cell)))), arena, nil
	case kindOID:
		return uint64(binary.BigEndian.Uint32(cell)), arena, nil
	case kindFloat8:
		return binary.BigEndian.Uint64(cell), arena, nil
	case kindFloat4:
		single := math.Float32frombits(binary.BigEndian.Uint32(cell))
		// The shortest text that is this single is not that of the double next to it.
		var text [32]byte
		double, err := strconv.ParseFloat(string(strconv.AppendFloat(text[:0], float64(single), 'g', -1, 32)), 64)
		return math.Float64bits(double), arena, err
	case kindUUID:
		arena = appendUUID(arena, cell)
	case kindJSON:
		if !json.Valid(cell) {
			return 0, arena, outturn.Errorf(outturn.CodeQueryFailed, "Column %s is declared json, but holds %s, which is none.", d.columns[i].Name, quoteShort(cell))
		}
		arena = append(arena, cell...)
	case kindDigits:
		arena = append(arena, cell...)
	case kindInt2Decimal, kindInt4Decimal, kindInt8Decimal:
		var x int64
		switch kind {
		case kindInt2Decimal:
			x = int64(int16(binary.BigEndian.Uint16(cell)))
		case kindInt4Decimal:
			x = int64(int32(binary.BigEndian.Uint32(cell)))
		default:
			x = int64(binary.BigEndian.Uint64(cell))
		}
		word, arena := wholeWord(x, d.columns[i].Scale, arena)
		return word, arena, nil
	default:
		return 0, arena, outturn.Errorf(outturn.CodeInternal, "postgres: cells of kind %d", kind)
	}
	return batch.Span(start, len(arena)-start), arena, nil
}

func appendUUID(dst, id []byte) []byte {
	const hex = "0123456789abcdef"
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hex[b>>4], hex[b&15])
	}
	return dst
}

// at names a row of the result, counted from 1, as nothing else is known of it here; of
// one connection of several not even that.
func (d *decoder) at(row int) string {
	if d.shared {
		return "one of the rows"
	}
	return fmt.Sprintf("row %d of the result", d.rows+int64(row)+1)
}

func (d *decoder) noText(i, row int) error {
	return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds bytes that are no UTF-8 in %s. The database was made without an encoding (SQL_ASCII): whoever keeps the data sets must convert the column in the SELECT, as in convert_from(CAST(%s AS BYTEA), 'LATIN1').", d.columns[i].Name, d.at(row), d.columns[i].Name)
}

func quoteShort(text []byte) string {
	const most = 60
	if len(text) > most {
		return strconv.Quote(string(text[:most])) + "…"
	}
	return strconv.Quote(string(text))
}
