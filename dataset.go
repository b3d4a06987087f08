package outturn

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Type is what a field holds. See docs/formats.md for how each format spells
// each type.
type Type string

const (
	Text    Type = "text"    // UTF-8; ids, phones and post codes too
	Int     Type = "int"     // 64 bits, signed; wider integers are decimals of scale 0
	Decimal Type = "decimal" // exact digits; money
	Float   Type = "float"   // IEEE 754 double; never money
	Bool    Type = "bool"
	Date    Type = "date" // a calendar day, never in a zone
	Time    Type = "time" // an instant, UTC, microseconds
	JSON    Type = "json" // one JSON text
)

// Types lists every Type.
var Types = []Type{Text, Int, Decimal, Float, Bool, Date, Time, JSON}

// MaxScale is the largest scale of a decimal: the digits of a DECIMAL(38, s).
const MaxScale = 38

// MaxTimeScale is the largest scale of a time: microseconds.
const MaxTimeScale = 6

// A Dataset is a named, versioned, typed, documented relation over a source. An
// operator writes it as one file, NAME.sql; tenants can only ask for it.
//
// The SELECT in SQL is the author's; who may see which of its rows is not. The
// query compiler wraps it and adds scope and period itself.
type Dataset struct {
	Name        string `json:"name"`
	Version     int    `json:"version"`
	Source      string `json:"source"` // the schema it is written for, such as "commerce"; OwnSource is Outturn's ledger
	Description string `json:"description"`

	// SQL is the SELECT. It outputs a column for each field and whatever the
	// expressions below need; it may name @tenant, @report_type and @zone.
	SQL string `json:"-"`

	// Tenant is an SQL expression over the SELECT's columns: whose row it is.
	// Empty means that the rows belong to nobody in particular: only an operator
	// may export them.
	Tenant string `json:"-"`
	// Period says which instant or day of a row a window selects by. Nil makes
	// the data set a snapshot: windows do not apply.
	Period *Period `json:"period,omitempty"`
	// Key names the fields that together tell rows apart.
	Key []string `json:"key,omitempty"`
	// Split is an SQL expression with an integer value by which an engine may
	// cut the rows into slices.
	Split string `json:"-"`
	// Invoice names the field an on-invoice run selects by.
	Invoice string `json:"invoice,omitempty"`
	// Changed is an SQL expression for the instant a row last changed.
	Changed string `json:"-"`

	Fields []Field `json:"fields"`
}

// A Period is the part of a row that a window is compared with.
type Period struct {
	Expr string     `json:"-"` // SQL expression over the SELECT's columns
	Kind PeriodKind `json:"kind"`
	Zone string     `json:"zone,omitempty"` // IANA name for stamps without one; default UTC
}

// A PeriodKind says how a window applies to a period.
type PeriodKind string

const (
	// PeriodInstant: a row is in when from ≤ its instant < to.
	PeriodInstant PeriodKind = "instant"
	// PeriodDate: a row is in when its day is one of the window's calendar days
	// in the window's zone. The window must be cut at midnights.
	PeriodDate PeriodKind = "date"
)

// A Field is one column that a data set publishes.
type Field struct {
	Name string `json:"name"`
	// Column is what the SELECT calls it, where it is published under another name.
	Column string `json:"-"`
	Type   Type   `json:"type"`
	Scale  int    `json:"scale,omitempty"` // decimal: digits after the point; time: digits of the second's fraction
	// ID marks an int that names something instead of counting it. Spreadsheets get
	// it as text, so that nobody adds it up or sees it rounded (P14).
	ID      bool   `json:"id,omitempty"`
	Meaning string `json:"meaning,omitempty"`
	// Evidence says how sure the name is: D published, D* published and
	// normalised by us, I inferred, empty where the question does not arise.
	Evidence string `json:"evidence,omitempty"`
	// Currency names the field that holds the currency of this amount.
	Currency string `json:"currency,omitempty"`
	// Additive amounts are summed per currency into a file's totals.
	Additive bool `json:"additive,omitempty"`
}

// OwnSource is the source of the data sets that Outturn has of itself. Their rows are
// in its ledger, and not an operator's to declare.
const OwnSource = "outturn"

// Own reports whether d is of Outturn itself.
func (d *Dataset) Own() bool { return d.Source == OwnSource }

// Selected returns what the SELECT calls f.
func (f Field) Selected() string {
	if f.Column != "" {
		return f.Column
	}
	return f.Name
}

// Field returns the named field. One that was given another name is found under its
// old one too, if no other has that now: what was kept before goes on.
func (d *Dataset) Field(name string) (Field, bool) {
	i := slices.IndexFunc(d.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 && name != "" {
		i = slices.IndexFunc(d.Fields, func(f Field) bool { return f.Column == name })
	}
	if i < 0 {
		return Field{}, false
	}
	return d.Fields[i], true
}

// OfInvoice is the condition that a row is of an invoice.
func (d *Dataset) OfInvoice(invoice string) (*Expr, error) {
	f, ok := d.Field(d.Invoice)
	if !ok {
		return nil, Errorf(CodeInvalid, "The data set %s does not say which invoice a row is of, so it cannot be made for one invoice.", d.Name)
	}
	if !IsLine(invoice) {
		return nil, Errorf(CodeInvalid, "The number of an invoice is one line of at most 255 characters.")
	}
	is := &Expr{Op: OpEQ, Field: f.Name, Values: []string{invoice}}
	if is.Check(d, time.UTC) != nil {
		return nil, Errorf(CodeInvalid, "%s is no invoice of the data set %s, whose invoices are of type %s.", Shown(invoice), d.Name, f.Type)
	}
	return is, nil
}

// FieldNames lists the names of d's fields in their published order.
func (d *Dataset) FieldNames() []string {
	names := make([]string, len(d.Fields))
	for i, f := range d.Fields {
		names[i] = f.Name
	}
	return names
}

// ValidName is what a data set, view, field or alias may be called: it serves as
// a file name, an SQL identifier, a JSON key and an XML element alike.
var ValidName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,62}$`)

// reservedPrefix opens the names that the query compiler gives.
const reservedPrefix = "outturn_"

// Validate reports every fault of d at once. It needs no source: whether the
// SELECT fits is told by the catalogue's check.
func (d *Dataset) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if !ValidName.MatchString(d.Name) {
		fault("name %q: use letters, digits and underscores, a letter first", d.Name)
	}
	if d.Version < 1 {
		fault("version: give a whole number from 1")
	}
	if d.Description == "" {
		fault("description: say what one row is")
	}
	if strings.TrimSpace(d.SQL) == "" {
		fault("the SELECT after the header is missing")
	}
	if d.Period != nil {
		d.Period.validate(fault)
	}
	if len(d.Fields) == 0 {
		fault("fields: list at least one")
	}
	seen := map[string]string{}
	for _, f := range d.Fields {
		d.validateField(f, fault)
		folded := strings.ToLower(f.Name)
		if other, ok := seen[folded]; ok {
			fault("field %s: the name is taken by %s (SQL does not tell upper from lower case)", f.Name, other)
		}
		seen[folded] = f.Name
	}
	for _, name := range d.Key {
		if _, ok := d.Field(name); !ok {
			fault("key: no field %q", name)
		}
	}
	if d.Invoice != "" {
		if _, ok := d.Field(d.Invoice); !ok {
			fault("invoice: no field %q", d.Invoice)
		}
	}
	return errors.Join(faults...)
}

func (p *Period) validate(fault func(string, ...any)) {
	if p.Expr == "" {
		fault("period.expr: give the SQL expression a window is compared with")
	}
	if p.Kind != PeriodInstant && p.Kind != PeriodDate {
		fault("period.kind %q: use %s or %s", p.Kind, PeriodInstant, PeriodDate)
	}
	if _, err := LoadZone(p.Zone); err != nil {
		fault("period.zone: %w", err)
	}
}

func (d *Dataset) validateField(f Field, fault func(string, ...any)) {
	if !ValidName.MatchString(f.Name) || strings.HasPrefix(strings.ToLower(f.Name), reservedPrefix) {
		fault("field %q: use letters, digits and underscores, a letter first, and not %s at the start", f.Name, reservedPrefix)
	}
	if !slices.Contains(Types, f.Type) {
		fault("field %s: there is no type %q; use one of %v", f.Name, f.Type, Types)
	}
	limit := 0
	switch f.Type {
	case Decimal:
		limit = MaxScale
	case Time:
		limit = MaxTimeScale
	}
	if f.Scale < 0 || f.Scale > limit {
		fault("field %s: the scale of %s %s is at most %d", f.Name, article(f.Type), f.Type, limit)
	}
	if f.ID && f.Type != Int {
		fault("field %s: only ints are marked as ids; an id of other characters is text", f.Name)
	}
	if f.Additive && (f.Type != Decimal || f.Currency == "") {
		fault("field %s: only decimals with a currency can be additive", f.Name)
	}
	if f.Currency == "" {
		return
	}
	if c, ok := d.Field(f.Currency); !ok || c.Type != Text {
		fault("field %s: its currency %q is not a text field of this data set", f.Name, f.Currency)
	}
}

func article(t Type) string {
	if t == Int {
		return "an"
	}
	return "a"
}
