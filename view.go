package outturn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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

// Title returns what stands above the column in files for people.
func (c ViewColumn) Title() string {
	if c.Header != "" {
		return c.Header
	}
	return c.Name()
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
	for i, c := range v.Columns {
		if f, ok := d.Field(c.Field); ok {
			faults = append(faults, c.validate(d, f)...)
		} else {
			faults = append(faults, Unknown("column", c.Field, d.FieldNames()))
		}
		if c.Alias != "" && (!ValidName.MatchString(c.Alias) || strings.HasPrefix(strings.ToLower(c.Alias), reservedPrefix)) {
			faults = append(faults, fmt.Errorf("alias %q: use letters, digits and underscores, a letter first, and not %s at the start", c.Alias, reservedPrefix))
		}
		if clash := c.clash(v.Columns[:i]); clash != nil {
			faults = append(faults, clash)
		}
	}
	return errors.Join(faults...)
}

// validate reports what is wrong with c as a column made of f.
func (c ViewColumn) validate(d *Dataset, f Field) (faults []error) {
	fault := func(format string, args ...any) {
		faults = append(faults, Errorf(CodeInvalid, "Column %s: %s", c.Name(), fmt.Sprintf(format, args...)))
	}
	for _, text := range []struct{ what, text string }{{"header", c.Header}, {"attribute", c.Attribute}} {
		if !isLine(text.text) {
			fault("the %s must be one line of at most %d characters, without control characters.", text.what, mostTitle)
		}
	}
	if c.Attribute != "" && f.Type != JSON {
		fault("field %s is %s, and only JSON has attributes. %s", f.Name, f.Type, d.offer(JSON))
	}
	limit := map[Type]int{Decimal: MaxScale, Time: MaxTimeScale}[f.Type]
	switch {
	case c.Scale == nil:
	case c.Attribute != "":
		fault("an attribute is text and has no scale. Leave one of the two out.")
	case len(c.Map) > 0:
		fault("map makes text of it, which has no scale. Leave one of the two out.")
	case limit == 0:
		fault("field %s is %s, and only decimals and times have a scale. %s", f.Name, f.Type, d.offer(Decimal, Time))
	case *c.Scale < 0 || *c.Scale > limit:
		fault("scale %d: that of a %s is 0 to %d.", *c.Scale, f.Type, limit)
	}
	return faults
}

// mostTitle is how many characters a header may have: what spreadsheets take as
// the title of a table's column.
const mostTitle = 255

func isLine(text string) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= mostTitle && !strings.ContainsFunc(text, unicode.IsControl)
}

// clash reports that one of the columns before c has its name or its title.
func (c ViewColumn) clash(before []ViewColumn) error {
	for _, o := range before {
		switch {
		case strings.EqualFold(o.Name(), c.Name()):
			return Errorf(CodeInvalid, "The column name %q is used twice, for %s and for %s. Give one of them another alias.", c.Name(), o.origin(), c.origin())
		case o.Title() == c.Title():
			return Errorf(CodeInvalid, "The columns %s and %s have one header, %q. Give one of them another.", o.Name(), c.Name(), c.Title())
		}
	}
	return nil
}

// origin tells what a column is made of.
func (c ViewColumn) origin() string {
	if c.Attribute != "" {
		return fmt.Sprintf("attribute %q of %s", c.Attribute, c.Field)
	}
	return "field " + c.Field
}

// offer says which fields of d are of the given types.
func (d *Dataset) offer(types ...Type) string {
	var names []string
	for _, f := range d.Fields {
		if slices.Contains(types, f.Type) {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return "No field of " + d.Name + " is."
	}
	return "Allowed: " + shortList(names) + "."
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
