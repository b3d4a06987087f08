package seed

// A writer takes the rows of the schema's tables. Tables come in any order and
// interleaved; the cells of a row stand in the order of schema.sql, and the
// slice is the caller's again when Row returns.
type writer interface {
	Row(table string, cells []cell) error
}

// A cell is one value on its way into a table.
type cell struct {
	kind cellKind
	n    int64
	text string
}

type cellKind uint8

const (
	cellNull cellKind = iota
	cellInt
	cellBool
	cellText // JSON too
	cellMoney
	cellDate
	cellTime
)

var null = cell{}

func integer[T ~int | ~int32 | ~int64](n T) cell { return cell{kind: cellInt, n: int64(n)} }
func text(s string) cell                         { return cell{kind: cellText, text: s} }
func amount(m money) cell                        { return cell{kind: cellMoney, n: int64(m)} }
func date(d day) cell                            { return cell{kind: cellDate, n: int64(d)} }
func stamp(t instant) cell                       { return cell{kind: cellTime, n: int64(t)} }

func boolean(b bool) cell {
	c := cell{kind: cellBool}
	if b {
		c.n = 1
	}
	return c
}

// given returns c, or null when it is not known.
func given(known bool, c cell) cell {
	if !known {
		return null
	}
	return c
}
