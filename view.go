package outturn

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// FullView is the view that every data set has: all fields under their own
// names in their published order.
const FullView = "full"

// A View is a projection of a data set: which fields, in which order, under which
// names. One that was asked for once, column by column, has no name.
type View struct {
	Name    string `json:"name"`
	Dataset string `json:"dataset"`
	// Title is another name, of any characters, that a view which lies beside its data
	// set is found by.
	Title string `json:"title,omitempty"`
	// Translations is what people call it in other languages, by their tags (BCP 47, such
	// as es or pt-BR). It is found by none of them.
	Translations map[string]string `json:"translations,omitempty"`
	Description  string            `json:"description,omitempty"`
	Columns      []ViewColumn      `json:"columns"`
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

// MaxColumns is how many columns a view may have.
const MaxColumns = 2000

// Validate reports every fault of v as a view of d.
func (v *View) Validate(d *Dataset) error {
	var faults []error
	if v.Name != "" && !ValidName.MatchString(v.Name) {
		faults = append(faults, Errorf(CodeInvalid, "view name %s: use letters, digits and underscores, a letter first", Shown(v.Name)))
	}
	if !IsLine(v.Title) {
		faults = append(faults, Errorf(CodeInvalid, "title: one line of at most %d characters, without control characters, and without those that break a line or turn the direction of writing", mostTitle))
	}
	for _, fault := range Faults(v.CheckTranslations()) {
		faults = append(faults, fault)
	}
	if n := len(v.Columns); n > MaxColumns {
		return Errorf(CodeInvalid, "columns: there are %d, and at most %d are allowed", n, MaxColumns)
	}
	if len(v.Columns) == 0 {
		faults = append(faults, Errorf(CodeInvalid, "columns: name at least one"))
	}
	if !isProse(v.Description) {
		faults = append(faults, Errorf(CodeInvalid, "description: a text of at most %d characters, without control characters but the ends of lines and tabs, and without those that turn the direction of writing", mostProse))
	}
	names, titles := map[string]ViewColumn{}, map[string]ViewColumn{}
	for i, c := range v.Columns {
		if c.Field == "" {
			faults = append(faults, Errorf(CodeInvalid, "Column %d names no field. %s", i+1, d.offer(Types...)))
			continue
		}
		if f, ok := d.Field(c.Field); ok {
			faults = append(faults, c.validate(d, f)...)
		} else {
			faults = append(faults, Unknown("column", c.Field, d.FieldNames()))
		}
		if c.Alias != "" && (!ValidName.MatchString(c.Alias) || strings.HasPrefix(strings.ToLower(c.Alias), reservedPrefix)) {
			faults = append(faults, Errorf(CodeInvalid, "alias %s: use letters, digits and underscores, a letter first, and not %s at the start", Shown(c.Alias), reservedPrefix))
		}
		if clash := c.clash(names, titles); clash != nil {
			faults = append(faults, clash)
		}
	}
	return JoinFaults(faults)
}

// mostTranslations is into how many languages.
const mostTranslations = 100

// languageTag is a tag of BCP 47, also with the underscore that much software writes.
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}$`)

// CheckTranslations reports every fault of what v is called in other languages.
func (v *View) CheckTranslations() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, InField("translations", Errorf(CodeInvalid, format, args...)))
	}
	if n := len(v.Translations); n > mostTranslations {
		fault("There are names in %d languages, and at most %d are allowed.", n, mostTranslations)
		return JoinFaults(faults)
	}
	for _, language := range slices.Sorted(maps.Keys(v.Translations)) {
		if !languageTag.MatchString(language) {
			fault("%s is no language. Write its tag, such as es or pt-BR.", Shown(language))
		} else if text := v.Translations[language]; text == "" || !IsLine(text) {
			fault("The name in the language %s is not one line of 1 to %d characters, without control characters, and without those that break a line or turn the direction of writing.", language, mostTitle)
		}
	}
	return JoinFaults(faults)
}

// validate reports what is wrong with c as a column made of f.
func (c ViewColumn) validate(d *Dataset, f Field) (faults []error) {
	fault := func(format string, args ...any) {
		faults = append(faults, Errorf(CodeInvalid, "Column %s: %s", Cut(c.Name()), fmt.Sprintf(format, args...)))
	}
	for _, text := range []struct{ what, text string }{{"header", c.Header}, {"attribute", c.Attribute}} {
		if !IsLine(text.text) {
			fault("the %s must be one line of at most %d characters, without control characters, and without those that break a line or turn the direction of writing.", text.what, mostTitle)
		}
	}
	if c.Header != "" && strings.TrimSpace(c.Header) == "" {
		fault("the header is only white space. Leave it out: the name stands there then.")
	}
	if len(c.Map) > 0 && c.Attribute == "" && !slices.Contains(mappable, f.Type) {
		fault("field %s is %s. What can be mapped is text, int, decimal, bool and date, and an attribute of json. %s", f.Name, f.Type, d.offer(mappable...))
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

// mappable are the types whose values have one spelling, so that a code can be
// found among them. That of a time, a float or JSON is the engine's.
var mappable = []Type{Text, Int, Decimal, Bool, Date}

// IsLine reports whether a text is one line for people, of at most 255 characters:
// valid UTF-8 without control characters and without those that break a line or
// turn the direction of writing.
func IsLine(text string) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= mostTitle && !strings.ContainsFunc(text, spoilsLine)
}

// mostProse is how many characters a description may have.
const mostProse = 4000

// isProse reports whether a text is lines for people.
func isProse(text string) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= mostProse &&
		!strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && r != '\r' && spoilsLine(r) })
}

// spoilsLine says whether a character makes of a line several, or another than
// one sees; or is none that a file of XML may have.
func spoilsLine(r rune) bool {
	switch {
	case r == '\u2028', r == '\u2029', r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069', r == '\uFFFE', r == '\uFFFF':
		return true
	}
	return unicode.IsControl(r)
}

// clash reports that one of the columns before c, which are noted in names and
// titles, has its name or its title, and notes c.
func (c ViewColumn) clash(names, titles map[string]ViewColumn) error {
	name, title := folded(c.Name()), folded(strings.TrimSpace(c.Title()))
	if o, ok := names[name]; ok {
		return Errorf(CodeInvalid, "The column name %s is used twice, for %s and for %s. Give one of them another alias.", Shown(c.Name()), o.origin(), c.origin())
	}
	names[name] = c
	if o, ok := titles[title]; ok {
		return Errorf(CodeInvalid, "The columns %s and %s have one header, %s. Give one of them another.", Cut(o.Name()), Cut(c.Name()), Shown(c.Title()))
	}
	titles[title] = c
	return nil
}

// folded is the same for all texts that strings.EqualFold says are one.
func folded(text string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, text)
}

// origin tells what a column is made of.
func (c ViewColumn) origin() string {
	if c.Attribute != "" {
		return fmt.Sprintf("attribute %s of %s", Shown(c.Attribute), Cut(c.Field))
	}
	return "field " + Cut(c.Field)
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

// Of returns v as a view of d, with its fields by the names that they have now.
func (v *View) Of(d *Dataset) *View {
	of := *v
	of.Columns = slices.Clone(v.Columns)
	for i, c := range of.Columns {
		if f, ok := d.Field(c.Field); ok {
			of.Columns[i].Field = f.Name
		}
	}
	return &of
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

// A SavedView is a tenant's own View, kept in the ledger. Version grows by one with
// every change.
type SavedView struct {
	ID     string `json:"id"`
	Tenant string `json:"tenant"`
	View
	Version   int       `json:"version"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}
