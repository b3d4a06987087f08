package seed

import (
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"
)

// A copier writes rows of one PostgreSQL table in the binary format of COPY.
type copier struct {
	name  string
	types []uint32 // of the columns
	data  []byte   // rows since the last load
	rows  int64
}

// copyHead opens a load: the signature, no flags, no extension.
const copyHead = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// finished returns the rows gathered so far as a load of its own.
func (t *copier) finished() []byte { return binary.BigEndian.AppendUint16(t.data, 0xffff) }

func (t *copier) append(cells []cell) error {
	if len(cells) != len(t.types) {
		return fmt.Errorf("%d cells for %d columns", len(cells), len(t.types))
	}
	if len(t.data) == 0 {
		t.data = append(t.data, copyHead...)
	}
	t.data = binary.BigEndian.AppendUint16(t.data, uint16(len(cells)))
	for i := range cells {
		var ok bool
		if t.data, ok = appendCopied(t.data, &cells[i], t.types[i]); !ok {
			return fmt.Errorf("cell %d is of another type than its column", i+1)
		}
	}
	t.rows++
	return nil
}

// PostgreSQL counts from 2000-01-01.
const (
	epochDays         = 10_957
	epochMicroseconds = epochDays * 86_400_000_000
)

// appendCopied writes a cell with its length before it, unless the column is of
// another type.
func appendCopied(b []byte, v *cell, column uint32) ([]byte, bool) {
	switch {
	case v.kind == cellNull:
		return binary.BigEndian.AppendUint32(b, 0xffffffff), true
	case v.kind == cellInt && column == pgtype.Int8OID:
		return append64(b, v.n), true
	case v.kind == cellTime && column == pgtype.TimestamptzOID:
		return append64(b, v.n-epochMicroseconds), true
	case v.kind == cellInt && column == pgtype.Int4OID:
		return append32(b, int32(v.n)), true
	case v.kind == cellDate && column == pgtype.DateOID:
		return append32(b, int32(v.n-epochDays)), true
	case v.kind == cellBool && column == pgtype.BoolOID:
		return append(b, 0, 0, 0, 1, byte(v.n)), true
	case v.kind == cellMoney && column == pgtype.NumericOID:
		return appendNumeric(b, v.n), true
	case v.kind == cellText && (column == pgtype.TextOID || column == pgtype.JSONOID):
		return append(binary.BigEndian.AppendUint32(b, uint32(len(v.text))), v.text...), true
	}
	return b, false
}

func append64(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(n))
}

func append32(b []byte, n int32) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), uint32(n))
}

// appendNumeric writes n units of 10⁻⁸ as a numeric: groups of four decimal digits,
// the point between two of them, without those that are zero at either end.
func appendNumeric(b []byte, n int64) []byte {
	const groups, fraction, scale = 5, 2, 8
	size := uint64(n)
	sign := uint16(0)
	if n < 0 {
		size, sign = -size, 0x4000
	}
	var digits [groups]uint16
	for i := groups - 1; i >= 0; i-- {
		digits[i] = uint16(size % 10_000)
		size /= 10_000
	}
	first, last := 0, groups
	for first < last && digits[first] == 0 {
		first++
	}
	for last > first && digits[last-1] == 0 {
		last--
	}
	weight := groups - fraction - 1 - first
	if first == last {
		weight = 0
	}
	b = binary.BigEndian.AppendUint32(b, uint32(8+2*(last-first)))
	b = binary.BigEndian.AppendUint16(b, uint16(last-first))
	b = binary.BigEndian.AppendUint16(b, uint16(int16(weight)))
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, scale)
	for _, d := range digits[first:last] {
		b = binary.BigEndian.AppendUint16(b, d)
	}
	return b
}
