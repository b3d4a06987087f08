package outturn

import (
	"errors"
	"fmt"
	"strings"
)

// FullView is the view that every data set has: all fields under their own
// names in their published order.
const FullView = "full"

// A View is a projection of a data set: which fields, in which order, under which
// names. One that was asked for once, column by column, has no name.
type View struct {
	Name        string       `json:"name"`
	Dataset     string       `json:"dataset"`
	Description string       `json:"description,omitempty"`
	Columns     []ViewColumn `json:"columns"`
}

// A ViewColumn is one column of a view.
type ViewColumn struct {
	Field string `json:"field"`
	// Alias is the name in the file; empty means the field's own.
	Alias string `json:"alias,omitempty"`
	// Map replaces codes by words and makes the column text. A value that is not
	// in the map stays as it is: nothing is lost by a map that is too short.
	Map map[string]string `json:"map,omitempty"`
	// Header stands above the column in files for people (CSV, TSV, XLSX), where
	// any text may; empty means Name.
	Header string `json:"header,omitempty"`
	// Attribute takes one attribute out of a JSON field, as text: of
	// [["PONumber","qwe1233"],…] or {"PONumber":"qwe1233",…} the value named
	// PONumber, null where there is none.
	Attribute string `json:"attribute,omitempty"`
	// Scale is how many digits after the point the column has instead of its
	// field's; nil: as many. A value that needs more fails the run: no amount is
	// rounded.
	Scale *int `json:"scale,omitempty"`
}

// Name returns the column's name in the file.
func (c ViewColumn) Name() string {
	if c.Alias != "" {
		return c.Alias
	}
	return c.Field
}

// Validate reports every fault of v as a view of d.
func (v *View) Validate(d *Dataset) error {
	var faults []error
	if v.Name != "" && !ValidName.MatchString(v.Name) {
		faults = append(faults, fmt.Errorf("view name %q: use letters, digits and underscores, a letter first", v.Name))
	}
	if len(v.Columns) == 0 {
		faults = append(faults, errors.New("columns: name at least one"))
	}
	seen := map[string]bool{}
	for _, c := range v.Columns {
		if _, ok := d.Field(c.Field); !ok {
			faults = append(faults, Unknown("column", c.Field, d.FieldNames()))
		}
		if c.Alias != "" && (!ValidName.MatchString(c.Alias) || strings.HasPrefix(strings.ToLower(c.Alias), reservedPrefix)) {
			faults = append(faults, fmt.Errorf("alias %q: use letters, digits and underscores, a letter first, and not %s at the start", c.Alias, reservedPrefix))
		}
		if folded := strings.ToLower(c.Name()); seen[folded] {
			faults = append(faults, Errorf(CodeInvalid, "The column name %q is used twice. Give one of them another alias.", c.Name()))
		} else {
			seen[folded] = true
		}
	}
	return errors.Join(faults...)
}

// Full returns the view of all of d's fields.
func Full(d *Dataset) *View {
	v := Columns(d, d.FieldNames())
	v.Name = FullView
	return v
}

// Columns returns the view, which has no name, of the given fields under their
// own names.
func Columns(d *Dataset, fields []string) *View {
	v := &View{Dataset: d.Name}
	for _, name := range fields {
		v.Columns = append(v.Columns, ViewColumn{Field: name})
	}
	return v
}
