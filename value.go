package outturn

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Check reports every condition of e that does not fit d's fields, of each the
// first fault: an unknown field, a value that is not of the field's type, an
// operator that the type does not have. zone is the zone of days and times that
// name none.
// One that is larger than a filter may be has that fault alone.
func (e *Expr) Check(d *Dataset, zone *time.Location) error {
	if err := e.checkSize(); err != nil {
		return err
	}
	return e.check(d, zone)
}

// checkSize reports a filter that would take long to compile, however little comes of
// it.
func (e *Expr) checkSize() error {
	comparisons, values, deepest := 0, 0, 0
	var walk func(e *Expr, depth int)
	walk = func(e *Expr, depth int) {
		if e == nil || depth > MaxFilterDepth {
			deepest = max(deepest, depth)
			return
		}
		if e.Field != "" {
			comparisons++
		}
		values += len(e.Values)
		for _, arg := range e.Args {
			walk(arg, depth+1)
		}
	}
	walk(e, 0)
	if deepest > MaxFilterDepth {
		return Errorf(CodeInvalid, "The filter is nested more than %d levels deep.", MaxFilterDepth)
	}
	if comparisons > MaxComparisons || values > MaxFilterValues {
		return Errorf(CodeInvalid, "The filter is too long: it has %d comparisons with %d values together. At most %d and %d are allowed; of one field, in takes many values.",
			comparisons, values, MaxComparisons, MaxFilterValues)
	}
	return nil
}

func (e *Expr) check(d *Dataset, zone *time.Location) error {
	if e == nil {
		return nil
	}
	if e.Field == "" {
		faults := []error{e.checkShape()}
		for _, arg := range e.Args {
			faults = append(faults, arg.check(d, zone))
		}
		return errors.Join(faults...)
	}
	f, ok := d.Field(e.Field)
	if !ok {
		unknown := Unknown("field", e.Field, d.FieldNames())
		return Errorf(unknown.Code, "%s%w", e.where(), unknown)
	}
	if err := e.checkShape(); err != nil {
		return err
	}
	if f.Type == JSON && e.Op != OpNull {
		return Errorf(CodeInvalid, "%sField %s holds JSON, which can only be asked for null.", e.where(), f.Name)
	}
	if e.Op == OpLike && f.Type != Text {
		return Errorf(CodeInvalid, "%sField %s is %s %s; like is for text.", e.where(), f.Name, article(f.Type), f.Type)
	}
	for _, v := range e.Values {
		if e.Op == OpLike && strings.HasSuffix(strings.ReplaceAll(v, `\\`, ""), `\`) {
			return Errorf(CodeInvalid, "%sField %s: the pattern %q ends in \\, which takes the next character as it is, and there is none.", e.where(), f.Name, v)
		}
		if _, err := f.Canonical(v, zone); err != nil {
			return Errorf(ErrorCode(err), "%sField %s: %w", e.where(), f.Name, err)
		}
	}
	return nil
}

// checkShape reports a condition that no edge should have let through.
func (e *Expr) checkShape() error {
	values, args := len(e.Values), len(e.Args)
	var ok bool
	switch e.Op {
	case OpEQ, OpNE, OpLT, OpLE, OpGT, OpGE, OpLike:
		ok = values == 1 && args == 0 && e.Field != ""
	case OpIn:
		ok = values > 0 && args == 0 && e.Field != ""
	case OpNull:
		ok = values == 0 && args == 0 && e.Field != ""
	case OpAnd, OpOr:
		ok = values == 0 && args > 0 && e.Field == ""
	case OpNot:
		ok = values == 0 && args == 1 && e.Field == ""
	}
	if !ok {
		return Errorf(CodeInvalid, "%sThe condition %q has %d values and %d parts. and and or take parts, not takes one, null only a field, in a field and values, the others a field and one value.", e.where(), e.Op, values, args)
	}
	return nil
}

func (e *Expr) where() string {
	if e.Pos == 0 {
		return ""
	}
	return "Position " + strconv.Itoa(e.Pos) + " of the filter: "
}

var decimalText = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// Canonical reads text as a value of f and returns the one spelling that
// engines are given: digits, YYYY-MM-DD, or an instant in UTC.
func (f Field) Canonical(text string, zone *time.Location) (string, error) {
	switch f.Type {
	case Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", Errorf(CodeInvalid, "%q is not a whole number of at most 64 bits.", text)
		}
		return strconv.FormatInt(n, 10), nil
	case Decimal:
		signed := decimalText.MatchString(text)
		text = strings.TrimPrefix(text, "+")
		whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
		if !signed || len(whole) > MaxScale-f.Scale || len(fraction) > max(f.Scale, MaxScale-len(whole)) {
			return "", Errorf(CodeInvalid, "%q is not a decimal number such as -12.50, with at most %d digits before the point.", text, MaxScale-f.Scale)
		}
		return text, nil
	case Float:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return "", Errorf(CodeInvalid, "%q is not a number.", text)
		}
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	case Bool:
		if text != "true" && text != "false" {
			return "", Errorf(CodeInvalid, "%q is neither true nor false.", text)
		}
		return text, nil
	case Date:
		if day, err := time.Parse(time.DateOnly, text); err != nil || day.Year() == 0 {
			return "", Errorf(CodeInvalid, "%q is not a day such as 2026-09-01.", text)
		}
		return text, nil
	case Time:
		t, err := parseInstant("value", text, zone)
		if err != nil {
			return "", err
		}
		if year := t.UTC().Year(); year < 1 || year > 9999 {
			return "", Errorf(CodeInvalid, "%q is outside of the years 0001 to 9999 in UTC.", text)
		}
		return t.UTC().Format("2006-01-02T15:04:05.999999Z"), nil
	}
	if strings.ContainsRune(text, 0) {
		return "", Errorf(CodeInvalid, "the value holds a NUL character, which no text can hold.")
	}
	return text, nil
}

// CheckOrder reports an order by a field that d does not have or cannot sort by.
func CheckOrder(order []Order, d *Dataset) error {
	for _, o := range order {
		f, ok := d.Field(o.Field)
		if !ok {
			return Unknown("field to order by", o.Field, d.FieldNames())
		}
		if f.Type == JSON {
			return Errorf(CodeInvalid, "Field %s holds JSON, which has no order.", f.Name)
		}
	}
	return nil
}
