package duckdb

import (
	"fmt"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// An engineType is a type of the engine as far as reading it needs.
type engineType struct {
	id       duck.Type
	name     string
	json     bool      // text that the engine knows to be JSON
	internal duck.Type // how decimals and enums are stored
	scale    int       // of decimals
	words    []string  // of enums, by code
}

// typeOf reads and frees a type.
func typeOf(t duck.LogicalType) engineType {
	defer duck.DestroyLogicalType(&t)
	e := engineType{id: duck.GetTypeId(t), name: typeName(t)}
	switch e.id {
	case duck.TypeVarchar:
		e.json = duck.LogicalTypeGetAlias(t) == "JSON"
	case duck.TypeDecimal:
		e.internal, e.scale = duck.DecimalInternalType(t), int(duck.DecimalScale(t))
	case duck.TypeEnum:
		e.internal = duck.EnumInternalType(t)
		e.words = make([]string, duck.EnumDictionarySize(t))
		for i := range e.words {
			e.words[i] = duck.EnumDictionaryValue(t, duck.IdxT(i))
		}
	}
	return e
}

var typeNames = map[duck.Type]string{
	duck.TypeBoolean: "BOOLEAN", duck.TypeTinyInt: "TINYINT", duck.TypeSmallInt: "SMALLINT",
	duck.TypeInteger: "INTEGER", duck.TypeBigInt: "BIGINT", duck.TypeUTinyInt: "UTINYINT",
	duck.TypeUSmallInt: "USMALLINT", duck.TypeUInteger: "UINTEGER", duck.TypeUBigInt: "UBIGINT",
	duck.TypeFloat: "FLOAT", duck.TypeDouble: "DOUBLE", duck.TypeTimestamp: "TIMESTAMP",
	duck.TypeDate: "DATE", duck.TypeTime: "TIME", duck.TypeInterval: "INTERVAL",
	duck.TypeHugeInt: "HUGEINT", duck.TypeUHugeInt: "UHUGEINT", duck.TypeVarchar: "VARCHAR",
	duck.TypeBlob: "BLOB", duck.TypeTimestampS: "TIMESTAMP_S", duck.TypeTimestampMS: "TIMESTAMP_MS",
	duck.TypeTimestampNS: "TIMESTAMP_NS", duck.TypeEnum: "ENUM", duck.TypeStruct: "STRUCT",
	duck.TypeMap: "MAP", duck.TypeUUID: "UUID", duck.TypeUnion: "UNION", duck.TypeBit: "BIT",
	duck.TypeTimeTZ: "TIME WITH TIME ZONE", duck.TypeTimestampTZ: "TIMESTAMP WITH TIME ZONE",
	duck.TypeBigNum: "BIGNUM", duck.TypeSQLNull: "NULL", duck.TypeTimeNS: "TIME_NS",
	duck.TypeGeometry: "GEOMETRY", duck.TypeVariant: "VARIANT",
}

// typeName spells a type for people.
func typeName(t duck.LogicalType) string {
	if alias := duck.LogicalTypeGetAlias(t); alias != "" {
		return alias
	}
	switch id := duck.GetTypeId(t); id {
	case duck.TypeDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", duck.DecimalWidth(t), duck.DecimalScale(t))
	case duck.TypeList:
		child := duck.ListTypeChildType(t)
		defer duck.DestroyLogicalType(&child)
		return typeName(child) + "[]"
	case duck.TypeArray:
		child := duck.ArrayTypeChildType(t)
		defer duck.DestroyLogicalType(&child)
		return fmt.Sprintf("%s[%d]", typeName(child), duck.ArrayTypeArraySize(t))
	default:
		if name, ok := typeNames[id]; ok {
			return name
		}
		return fmt.Sprintf("type %d", id)
	}
}

// local reports whether t is a time without a zone.
func (t engineType) local() bool {
	switch t.id {
	case duck.TypeTimestamp, duck.TypeTimestampNS, duck.TypeTimestampMS, duck.TypeTimestampS:
		return true
	}
	return false
}

// describe says what a column of type t is for us, and what a statement must do
// to it so that it arrives as that.
//
//	TIME, TIMETZ         text 13:45:00.25, 13:45:00+02
//	INTERVAL             text 1 month 2 days 03:00:00
//	BIT, GEOMETRY        text as the engine writes them: 0101, POINT (1 2)
//	BLOB                 text, lower-case hexadecimal
//	LIST, STRUCT, MAP…   json; decimals in it are exact, without trailing zeros; NaN and
//	                     infinity in it, which to_json writes, are refused when it is read
//	integers over 64 bits, UBIGINT   decimal of scale 0
func (t engineType) describe(name string) (source.Described, error) {
	d := source.Described{Column: batch.Column{Name: name}, Engine: t.name}
	switch t.id {
	case duck.TypeVarchar:
		d.Type = outturn.Text
		if t.json {
			d.Type = outturn.JSON
		}
	case duck.TypeEnum, duck.TypeUUID:
		d.Type, d.Compare = outturn.Text, "CAST(%s AS VARCHAR)"
	case duck.TypeTinyInt, duck.TypeSmallInt, duck.TypeInteger, duck.TypeBigInt,
		duck.TypeUTinyInt, duck.TypeUSmallInt, duck.TypeUInteger, duck.TypeSQLNull:
		d.Type = outturn.Int
	case duck.TypeUBigInt:
		d.Type = outturn.Decimal
	case duck.TypeHugeInt, duck.TypeUHugeInt: // of which some have a digit more than any decimal
		d.Type, d.CompareFails = outturn.Decimal, true
	case duck.TypeBigNum:
		d.Type, d.Deliver = outturn.Decimal, "CAST(%s AS VARCHAR)"
		d.Compare, d.CompareFails = "CAST(CAST(%s AS VARCHAR) AS DECIMAL(38,0))", true
	case duck.TypeDecimal:
		d.Type, d.Scale = outturn.Decimal, t.scale
	case duck.TypeFloat: // compared as it is shown: 0.1, and not the nearest of 32 bits
		d.Type, d.Compare = outturn.Float, "CAST(CAST(%s AS VARCHAR) AS DOUBLE)"
	case duck.TypeDouble:
		d.Type = outturn.Float
	case duck.TypeBoolean:
		d.Type = outturn.Bool
	case duck.TypeDate:
		d.Type = outturn.Date
	case duck.TypeTimestampTZ:
		d.Type, d.Scale = outturn.Time, 6
	case duck.TypeTimestamp:
		d.Type, d.Scale, d.Local = outturn.Time, 6, true
	case duck.TypeTimestampNS: // which has no year 2300 to be compared with
		d.Type, d.Scale, d.Local, d.Compare = outturn.Time, 6, true, "CAST(%s AS TIMESTAMP)"
	case duck.TypeTimestampMS:
		d.Type, d.Scale, d.Local, d.CompareFails = outturn.Time, 3, true, true
	case duck.TypeTimestampS:
		d.Type, d.Scale, d.Local, d.CompareFails = outturn.Time, 0, true, true
	case duck.TypeTime, duck.TypeTimeTZ, duck.TypeTimeNS, duck.TypeInterval, duck.TypeBit, duck.TypeGeometry:
		d.Type, d.Deliver = outturn.Text, "CAST(%s AS VARCHAR)"
	case duck.TypeBlob:
		d.Type, d.Deliver = outturn.Text, "lower(hex(%s))"
	case duck.TypeList, duck.TypeStruct, duck.TypeMap, duck.TypeArray, duck.TypeUnion:
		d.Type, d.Deliver = outturn.JSON, "to_json(%s)"
	case duck.TypeVariant:
		d.Type, d.Deliver = outturn.JSON, "CAST(%s AS JSON)"
	default:
		return d, outturn.Errorf(outturn.CodeQueryFailed, "Column %s has the type %s, which cannot be exported. Cast it to VARCHAR in the SELECT.", name, t.name)
	}
	if d.Type == outturn.Text && d.Deliver != "" {
		d.Compare = d.Deliver
	}
	return d, nil
}
