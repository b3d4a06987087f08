package clickhouse

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/shopspring/decimal"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

func columnType(name string) column.Type { return column.Type(name) }

// base is a type without the wrappers that only say how it is kept.
func base(t string) string {
	for _, wrapper := range []string{"LowCardinality(", "Nullable("} {
		if inner, ok := strings.CutPrefix(t, wrapper); ok {
			t = strings.TrimSuffix(inner, ")")
		}
	}
	return t
}

func nullable(t string) bool {
	return strings.HasPrefix(strings.TrimPrefix(t, "LowCardinality("), "Nullable(")
}

// integers reads an id as a value of a type, as the driver wants it; not ok where
// the type has no number that is spelt so.
var integers = map[string]func(text string) (value any, ok bool){
	"Int8":   signed(8, func(n int64) any { return int8(n) }),
	"Int16":  signed(16, func(n int64) any { return int16(n) }),
	"Int32":  signed(32, func(n int64) any { return int32(n) }),
	"Int64":  signed(64, func(n int64) any { return n }),
	"UInt8":  unsigned(8, func(n uint64) any { return uint8(n) }),
	"UInt16": unsigned(16, func(n uint64) any { return uint16(n) }),
	"UInt32": unsigned(32, func(n uint64) any { return uint32(n) }),
	"UInt64": unsigned(64, func(n uint64) any { return n }),
}

func signed(bits int, as func(int64) any) func(string) (any, bool) {
	return func(text string) (any, bool) {
		n, err := strconv.ParseInt(text, 10, bits)
		return as(n), err == nil && strconv.FormatInt(n, 10) == text
	}
}

func unsigned(bits int, as func(uint64) any) func(string) (any, bool) {
	return func(text string) (any, bool) {
		n, err := strconv.ParseUint(text, 10, bits)
		return as(n), err == nil && strconv.FormatUint(n, 10) == text
	}
}

// describe says what a column of a type is for us.
//
//	UInt64, integers over 64 bits   decimal of scale 0
//	UInt8                           int, or bool where a field is declared so
//	DateTime, DateTime64            an instant: ClickHouse keeps them in UTC
//	Enum, UUID, IPv4, IPv6          text
//	FixedString                     text, without the zero bytes that fill it up
func describe(name, engine string) (source.Described, error) {
	d := source.Described{Column: batch.Column{Name: name}, Engine: engine}
	switch t := base(engine); {
	case t == "String":
		d.Type = outturn.Text
	case strings.HasPrefix(t, "Enum") && nullable(engine):
		d.Type, d.Deliver = outturn.Text, enumText(t)
	case isText(t):
		d.Type, d.Deliver = outturn.Text, "toString(%s)"
	case t == "UInt64", t == "Int128", t == "UInt128", t == "Int256", t == "UInt256":
		d.Type = outturn.Decimal
	case integers[t] != nil, t == "Nothing":
		d.Type, d.Flag = outturn.Int, t == "UInt8"
	case strings.HasPrefix(t, "Decimal("):
		d.Type, d.Scale = outturn.Decimal, lastNumber(t)
		if d.Scale > outturn.MaxScale {
			return d, unexportable(name, engine, "Cast it to a Decimal of at most "+strconv.Itoa(outturn.MaxScale)+" digits after the point in the SELECT.")
		}
	case t == "Float32", t == "Float64":
		d.Type = outturn.Float
	case t == "Bool":
		d.Type = outturn.Bool
	case t == "Date", t == "Date32":
		d.Type = outturn.Date
	case t == "DateTime", strings.HasPrefix(t, "DateTime("):
		d.Type = outturn.Time
	case strings.HasPrefix(t, "DateTime64("):
		precision, _, _ := strings.Cut(t, ",")
		d.Type, d.Scale = outturn.Time, min(lastNumber(precision), outturn.MaxTimeScale)
	case strings.HasPrefix(t, "Array("):
		return d, unexportable(name, engine, "Make a text of it in the SELECT, such as toString("+name+") or arrayStringConcat("+name+", ', '), or a row of each element with ARRAY JOIN.")
	default:
		return d, unexportable(name, engine, "Select its parts, or toString of it, in the SELECT.")
	}
	return d, nil
}

func unexportable(name, engine, what string) error {
	return outturn.Errorf(outturn.CodeQueryFailed, "Column %s has the type %s, which cannot be exported. %s", name, engine, what)
}

// isText tells the types that are text to us and something else to ClickHouse.
func isText(t string) bool {
	return strings.HasPrefix(t, "Enum8(") || strings.HasPrefix(t, "Enum16(") || strings.HasPrefix(t, "FixedString(") ||
		t == "UUID" || t == "IPv4" || t == "IPv6"
}

// enumText is the SQL of the word of an enum that may be null. There toString fails
// in version 18 where a null lies over a number that no word has.
func enumText(t string) string {
	sql := "multiIf("
	for rest := t[strings.IndexByte(t, '(')+1:]; ; {
		end, _ := skipOpaque(rest, 0)
		word := rest[:end]
		number, more, another := strings.Cut(strings.TrimPrefix(rest[end:], " = "), ", ")
		sql += "toInt16(%[1]s) = " + strings.TrimSuffix(number, ")") + ", " + strings.ReplaceAll(word, "%", "%%") + ", "
		if !another {
			return sql + "NULL)"
		}
		rest = more
	}
}

// lastNumber reads the number that a type such as Decimal(18, 4) ends with.
func lastNumber(t string) int {
	t = strings.TrimRight(t, ")")
	n, err := strconv.Atoi(t[strings.LastIndexAny(t, "(, ")+1:])
	if err != nil {
		return 0
	}
	return n
}

// A cell takes what the driver reads of one column, and puts it into a batch.
type cell interface {
	dest() any
	put(b *batch.Batch, column int) error
}

// A cellOf has the Go type in which the driver gives a column.
type cellOf[T any] struct {
	value  T
	maybe  *T // instead of value, where a column may be null
	nulls  bool
	append func(b *batch.Batch, column int, x T) error
}

func (c *cellOf[T]) dest() any {
	if c.nulls {
		return &c.maybe
	}
	return &c.value
}

func (c *cellOf[T]) put(b *batch.Batch, column int) error {
	if !c.nulls {
		return c.append(b, column, c.value)
	}
	if c.maybe == nil {
		b.AppendNull(column)
		return nil
	}
	return c.append(b, column, *c.maybe)
}

// newCell picks the conversion of a column of a type.
func newCell(want batch.Column, engine string, text *texts) (cell, error) {
	t, nulls := base(engine), nullable(engine)
	switch {
	case t == "String" || isText(t):
		if appendText := text.into(want, strings.HasPrefix(t, "FixedString(")); appendText != nil {
			return &cellOf[string]{nulls: nulls, append: appendText}, nil
		}
	case t == "Int8":
		return whole[int8](want, engine, nulls)
	case t == "Int16":
		return whole[int16](want, engine, nulls)
	case t == "Int32":
		return whole[int32](want, engine, nulls)
	case t == "Int64", t == "Nothing":
		return whole[int64](want, engine, nulls)
	case t == "UInt8":
		return whole[uint8](want, engine, nulls)
	case t == "UInt16":
		return whole[uint16](want, engine, nulls)
	case t == "UInt32":
		return whole[uint32](want, engine, nulls)
	case t == "UInt64" && want.Type == outturn.Decimal:
		return &cellOf[uint64]{nulls: nulls, append: func(b *batch.Batch, column int, x uint64) error {
			if x <= math.MaxInt64 {
				return appendWhole(b, column, want, int64(x))
			}
			return appendBig(b, column, want, new(big.Int).SetUint64(x), 0)
		}}, nil
	case strings.HasSuffix(t, "Int128") || strings.HasSuffix(t, "Int256"):
		if want.Type == outturn.Decimal {
			return &cellOf[big.Int]{nulls: nulls, append: func(b *batch.Batch, column int, x big.Int) error {
				return appendBig(b, column, want, &x, 0)
			}}, nil
		}
	case strings.HasPrefix(t, "Decimal(") && want.Type == outturn.Decimal:
		return &cellOf[decimal.Decimal]{nulls: nulls, append: func(b *batch.Batch, column int, x decimal.Decimal) error {
			return appendBig(b, column, want, x.Coefficient(), -int(x.Exponent()))
		}}, nil
	case t == "Float32" && want.Type == outturn.Float:
		return &cellOf[float32]{nulls: nulls, append: appendSingle}, nil
	case t == "Float64" && want.Type == outturn.Float:
		return &cellOf[float64]{nulls: nulls, append: func(b *batch.Batch, column int, x float64) error {
			b.AppendFloat(column, x)
			return nil
		}}, nil
	case t == "Bool" && want.Type == outturn.Bool:
		return &cellOf[bool]{nulls: nulls, append: func(b *batch.Batch, column int, x bool) error {
			b.AppendBool(column, x)
			return nil
		}}, nil
	case (t == "Date" || t == "Date32") && want.Type == outturn.Date:
		return &cellOf[time.Time]{nulls: nulls, append: func(b *batch.Batch, column int, x time.Time) error {
			// The day is midnight in the server's zone.
			b.AppendInt(column, time.Date(x.Year(), x.Month(), x.Day(), 0, 0, 0, 0, time.UTC).Unix()/(24*60*60))
			return nil
		}}, nil
	case strings.HasPrefix(t, "DateTime") && want.Type == outturn.Time:
		return &cellOf[time.Time]{nulls: nulls, append: func(b *batch.Batch, column int, x time.Time) error {
			if x.Nanosecond()%1000 != 0 {
				return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds times with nanoseconds, but times have microseconds here. Cast it to DateTime64(6) in the SELECT, which cuts them off.", want.Name)
			}
			b.AppendInt(column, x.UnixMicro())
			return nil
		}}, nil
	}
	return nil, unreadable(want, engine)
}

func unreadable(want batch.Column, engine string) error {
	return outturn.Errorf(outturn.CodeQueryFailed, "Column %s is %s in the source, which cannot be read as %s.", want.Name, engine, want.Type)
}

func whole[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](want batch.Column, engine string, nulls bool) (cell, error) {
	c := &cellOf[T]{nulls: nulls}
	switch want.Type {
	case outturn.Int:
		c.append = func(b *batch.Batch, column int, x T) error {
			b.AppendInt(column, int64(x))
			return nil
		}
	case outturn.Decimal:
		c.append = func(b *batch.Batch, column int, x T) error { return appendWhole(b, column, want, int64(x)) }
	case outturn.Bool:
		c.append = func(b *batch.Batch, column int, x T) error {
			if x != 0 && x != 1 {
				return outturn.Errorf(outturn.CodeQueryFailed, "Column %s is declared bool, but holds %d, which is neither 0 nor 1.", want.Name, x)
			}
			b.AppendBool(column, x == 1)
			return nil
		}
	default:
		if base(engine) != "Nothing" { // of which all are null
			return nil, unreadable(want, engine)
		}
	}
	return c, nil
}

func appendWhole(b *batch.Batch, column int, want batch.Column, x int64) error {
	if want.Scale == 0 {
		b.AppendDecimal(column, x)
		return nil
	}
	return appendBig(b, column, want, big.NewInt(x), 0)
}

var tenth = func() (powers [outturn.MaxScale + 1]*big.Int) {
	for i := range powers {
		powers[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
	}
	return powers
}()

// appendBig adds x × 10^-scale, in the scale of the column, or says why it cannot.
func appendBig(b *batch.Batch, column int, want batch.Column, x *big.Int, scale int) error {
	unscaled := x
	switch {
	case want.Scale > scale:
		unscaled = new(big.Int).Mul(x, tenth[want.Scale-scale])
	case want.Scale < scale:
		var rest big.Int
		if unscaled, _ = new(big.Int).QuoRem(x, tenth[scale-want.Scale], &rest); rest.Sign() != 0 {
			return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds %s, which has more digits after the point than %d.", want.Name, batch.PlacePoint(x.String(), scale), want.Scale)
		}
	}
	if unscaled.IsInt64() {
		b.AppendDecimal(column, unscaled.Int64())
		return nil
	}
	digits := unscaled.String()
	if len(strings.TrimPrefix(digits, "-")) > outturn.MaxScale && want.Scale > scale {
		return outturn.Errorf(outturn.CodeQueryFailed, "Column %s holds %s, which is too large for a decimal of scale %d.", want.Name, batch.PlacePoint(x.String(), scale), want.Scale)
	}
	b.AppendDigits(column, []byte(batch.PlacePoint(digits, want.Scale)))
	return nil
}

// appendSingle reads 0.1 as 0.1: a number of 32 bits means the shortest decimal that
// is nearest to it.
func appendSingle(b *batch.Batch, column int, x float32) error {
	double := float64(x)
	if math.Trunc(double) != double && !math.IsInf(double, 0) && !math.IsNaN(double) {
		var text [32]byte
		double, _ = strconv.ParseFloat(string(strconv.AppendFloat(text[:0], double, 'g', -1, 32)), 64)
	}
	b.AppendFloat(column, double)
	return nil
}

// texts counts the characters that were none.
type texts struct{ replaced int64 }

// into returns how texts are added to a column; nil where they cannot be.
func (t *texts) into(want batch.Column, filled bool) func(*batch.Batch, int, string) error {
	switch want.Type {
	case outturn.Text:
	case outturn.JSON:
		return func(b *batch.Batch, column int, x string) error {
			if !json.Valid([]byte(x)) {
				return outturn.Errorf(outturn.CodeQueryFailed, "Column %s is declared json, but holds %s, which is none.", want.Name, quoteShort(x))
			}
			return t.append(b, column, x)
		}
	default:
		return nil
	}
	if filled {
		return func(b *batch.Batch, column int, x string) error {
			return t.append(b, column, strings.TrimRight(x, "\x00"))
		}
	}
	return t.append
}

// append puts U+FFFD where text is no valid UTF-8.
func (t *texts) append(b *batch.Batch, column int, x string) error {
	if utf8.ValidString(x) {
		batch.AppendText(b, column, x)
		return nil
	}
	repaired := make([]byte, 0, len(x)+16)
	for i, r := range x {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(x[i:]); size == 1 {
				t.replaced++
			}
		}
		repaired = utf8.AppendRune(repaired, r)
	}
	batch.AppendText(b, column, repaired)
	return nil
}

func quoteShort(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}
