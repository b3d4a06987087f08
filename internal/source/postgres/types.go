package postgres

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// The types that are read as what they are, by their numbers in pg_type, which never
// change. All others, an enumeration or an array as well as what an extension makes,
// are the text that the database shows.
const (
	oidBool        = 16
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidMoney       = 790
	oidBPChar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// described is a column of a type; Engine is empty where only the database knows the
// type's name.
func described(name string, oid uint32, modifier int32) source.Described {
	d := source.Described{Column: batch.Column{Name: name, Type: outturn.Text}}
	switch oid {
	case oidBool:
		d.Type, d.Engine = outturn.Bool, "BOOLEAN"
	case oidInt2:
		d.Type, d.Engine = outturn.Int, "SMALLINT"
	case oidInt4:
		d.Type, d.Engine = outturn.Int, "INTEGER"
	case oidInt8:
		d.Type, d.Engine = outturn.Int, "BIGINT"
	case oidOID:
		d.Type, d.Engine = outturn.Int, "OID"
	case oidFloat4: // compared as it is shown: 0.1, and not the nearest of 32 bits
		d.Type, d.Engine, d.Compare = outturn.Float, "REAL", "CAST(CAST(%s AS TEXT) AS DOUBLE PRECISION)"
	case oidFloat8:
		d.Type, d.Engine = outturn.Float, "DOUBLE PRECISION"
	case oidDate:
		d.Type, d.Engine = outturn.Date, "DATE"
	case oidTimestamp:
		d.Type, d.Scale, d.Local, d.Engine = outturn.Time, outturn.MaxTimeScale, true, "TIMESTAMP"
	case oidTimestamptz:
		d.Type, d.Scale, d.Engine = outturn.Time, outturn.MaxTimeScale, "TIMESTAMP WITH TIME ZONE"
	case oidJSON:
		d.Type, d.Engine = outturn.JSON, "JSON"
	case oidJSONB:
		d.Type, d.Engine = outturn.JSON, "JSONB"
	case oidNumeric:
		d.Type = outturn.Decimal
		precision, scale, fixed := numericModifier(modifier)
		d.Scale, d.AnyScale, d.Engine = scale, !fixed, "NUMERIC"
		if fixed {
			d.Engine = fmt.Sprintf("NUMERIC(%d,%d)", precision, scale)
		}
	case oidMoney:
		d.Type, d.Scale, d.Engine, d.Deliver = outturn.Decimal, 2, "MONEY", "CAST(%s AS NUMERIC(20,2))"
		d.Compare = d.Deliver
	case oidText:
		d.Engine = "TEXT"
	case oidVarchar:
		d.Engine = "VARCHAR"
	case oidBPChar:
		d.Engine = "CHAR"
	case oidUUID:
		d.Engine = "UUID"
	}
	if d.Type == outturn.Text && oid != oidText && oid != oidVarchar && oid != oidBPChar {
		d.Compare = "CAST(%s AS TEXT)"
	}
	return d
}

// numericModifier takes the modifier of a numeric column apart. A scale may be below
// zero or beyond what a decimal can have: then each value is taken as it is.
func numericModifier(modifier int32) (precision, scale int, fixed bool) {
	if modifier < 4 {
		return 0, 0, false
	}
	precision = int((modifier - 4) >> 16 & 0xffff)
	scale = int((modifier-4)&0x7ff ^ 1024 - 1024) // eleven bits with a sign
	if scale < 0 || scale > outturn.MaxScale {
		return precision, 0, false
	}
	return precision, scale, true
}

// typeNames remembers what the database calls its own types.
type typeNames struct{ known sync.Map }

func (t *typeNames) name(ctx context.Context, c *conn, oid uint32) (string, error) {
	if name, ok := t.known.Load(oid); ok {
		return name.(string), nil
	}
	row, err := c.row(ctx, "SELECT pg_catalog.format_type(CAST($1 AS OID), NULL)", strconv.FormatUint(uint64(oid), 10))
	if err != nil {
		return "", err
	}
	t.known.Store(oid, row[0])
	return row[0], nil
}
