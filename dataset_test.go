package outturn_test

import (
	"strings"
	"testing"

	"outturn"
)

func TestDatasetValidate(t *testing.T) {
	if err := sample.Validate(); err != nil {
		t.Fatalf("a sound data set: %v", err)
	}
	broken := &outturn.Dataset{
		Name: "no name", Period: &outturn.Period{Kind: "week", Zone: "Mars/Olympus"}, Key: []string{"X"}, Invoice: "Y",
		Fields: []outturn.Field{
			{Name: "A", Type: "money"}, {Name: "a", Type: outturn.Decimal, Scale: 39}, {Name: "B", Type: outturn.Text, Scale: 2},
			{Name: "C", Type: outturn.Float, Additive: true}, {Name: "D", Type: outturn.Decimal, Currency: "Z"},
		},
	}
	err := broken.Validate()
	for _, want := range []string{
		`name "no name"`, "version:", "description:", "the SELECT", "period.expr", `period.kind "week"`, "period.zone",
		`no type "money"`, "field a: the name is taken by A", "scale of a decimal is at most 38", "scale of a text is at most 0",
		"only decimals with a currency", `its currency "Z"`, `key: no field "X"`, `invoice: no field "Y"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want the fault %q in:\n%v", want, err)
		}
	}
}

func TestViewValidate(t *testing.T) {
	if err := outturn.Full(sample).Validate(sample); err != nil {
		t.Fatalf("the full view: %v", err)
	}
	v := &outturn.View{Name: "v", Columns: []outturn.ViewColumn{
		{Field: "NAME", Alias: "name"}, {Field: "COUNT", Alias: "Name"}, {Field: "TOTL"}, {Field: "DAY", Alias: "the day"},
	}}
	err := v.Validate(sample)
	for _, want := range []string{`"Name" is used twice`, "Did you mean TOTAL?", `alias "the day"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want the fault %q in:\n%v", want, err)
		}
	}
}

func ptr(n int) *int { return &n }

// What a column of a view may be, and what is said of one that cannot.
func TestViewColumns(t *testing.T) {
	d := &outturn.Dataset{Name: "orders", Fields: []outturn.Field{
		{Name: "ID", Type: outturn.Int}, {Name: "NAME", Type: outturn.Text}, {Name: "TOTAL", Type: outturn.Decimal, Scale: 8},
		{Name: "AT", Type: outturn.Time}, {Name: "EXTRA", Type: outturn.JSON}, {Name: "MORE", Type: outturn.JSON},
	}}
	plain := &outturn.Dataset{Name: "plain", Fields: d.Fields[:2]}
	for _, tt := range []struct {
		name    string
		d       *outturn.Dataset
		columns []outturn.ViewColumn
		want    string // empty: sound
	}{
		{"OK", d, []outturn.ViewColumn{
			{Field: "ID", Header: "Order No. (Größe)"}, {Field: "TOTAL", Scale: ptr(2)}, {Field: "TOTAL", Alias: "whole", Scale: ptr(38)}, {Field: "AT", Scale: ptr(0)},
			{Field: "EXTRA"}, {Field: "EXTRA", Alias: "po", Attribute: "PO \"Number\"", Map: map[string]string{"1": "one"}}, {Field: "EXTRA", Alias: "by", Attribute: "by"},
		}, ""},
		{"SameField", d, []outturn.ViewColumn{{Field: "EXTRA", Attribute: "a"}, {Field: "EXTRA", Attribute: "b"}},
			`The column name "EXTRA" is used twice, for attribute "a" of EXTRA and for attribute "b" of EXTRA. Give one of them another alias.`},
		{"SameHeader", d, []outturn.ViewColumn{{Field: "ID", Header: "Number"}, {Field: "NAME", Header: "Number"}}, `The columns ID and NAME have one header, "Number".`},
		{"HeaderIsAName", d, []outturn.ViewColumn{{Field: "ID", Header: "NAME"}, {Field: "NAME"}}, `The columns ID and NAME have one header, "NAME".`},
		{"HeaderNewline", d, []outturn.ViewColumn{{Field: "ID", Header: "a\nb"}}, "Column ID: the header must be one line of at most 255 characters"},
		{"HeaderLong", d, []outturn.ViewColumn{{Field: "ID", Header: strings.Repeat("ä", 256)}}, "at most 255 characters"},
		{"HeaderLongEnough", d, []outturn.ViewColumn{{Field: "ID", Header: strings.Repeat("ä", 255)}}, ""},
		{"HeaderCase", d, []outturn.ViewColumn{{Field: "ID", Header: "Größe"}, {Field: "NAME", Header: " GRÖSSE"}}, ""}, // ß is not SS
		{"HeaderCaseSpace", d, []outturn.ViewColumn{{Field: "ID", Header: "Number"}, {Field: "NAME", Header: " NUMBER "}}, `The columns ID and NAME have one header, " NUMBER ".`},
		{"HeaderBlank", d, []outturn.ViewColumn{{Field: "ID", Header: " \u00a0"}}, "Column ID: the header is only white space."},
		{"HeaderLineSeparator", d, []outturn.ViewColumn{{Field: "ID", Header: "a\u2028b"}}, "Column ID: the header must be one line"},
		{"HeaderOverride", d, []outturn.ViewColumn{{Field: "ID", Header: "a\u202Eb"}}, "Column ID: the header must be one line"},
		{"HeaderIsolate", d, []outturn.ViewColumn{{Field: "ID", Header: "a\u2066b"}}, "Column ID: the header must be one line"},
		{"HeaderNoCharacter", d, []outturn.ViewColumn{{Field: "ID", Header: "a\uFFFEb"}}, "Column ID: the header must be one line"},
		{"NoField", d, []outturn.ViewColumn{{Field: "ID"}, {Alias: "x"}}, "Column 2 names no field. Allowed: ID, NAME, TOTAL, AT, EXTRA, MORE."},
		{"MapOfTime", d, []outturn.ViewColumn{{Field: "AT", Map: map[string]string{"a": "b"}}},
			"Column AT: field AT is time. What can be mapped is text, int, decimal, bool and date, and an attribute of json. Allowed: ID, NAME, TOTAL."},
		{"MapOfJSON", d, []outturn.ViewColumn{{Field: "EXTRA", Map: map[string]string{"a": "b"}}}, "Column EXTRA: field EXTRA is json. What can be mapped"},
		{"LongName", d, []outturn.ViewColumn{{Field: strings.Repeat("N", 1000)}}, `There is no column "` + strings.Repeat("N", 100) + `…". Allowed`},
		{"AttributeOfText", d, []outturn.ViewColumn{{Field: "NAME", Alias: "po", Attribute: "PO"}},
			"Column po: field NAME is text, and only JSON has attributes. Allowed: EXTRA, MORE."},
		{"AttributeWithoutJSON", plain, []outturn.ViewColumn{{Field: "NAME", Attribute: "PO"}}, "No field of plain is."},
		{"ScaleOfText", d, []outturn.ViewColumn{{Field: "NAME", Scale: ptr(2)}}, "Column NAME: field NAME is text, and only decimals and times have a scale. Allowed: TOTAL, AT."},
		{"ScaleOfInt", d, []outturn.ViewColumn{{Field: "ID", Scale: ptr(0)}}, "only decimals and times have a scale"},
		{"ScaleTooLarge", d, []outturn.ViewColumn{{Field: "TOTAL", Scale: ptr(39)}}, "Column TOTAL: scale 39: that of a decimal is 0 to 38."},
		{"ScaleNegative", d, []outturn.ViewColumn{{Field: "AT", Scale: ptr(-1)}}, "Column AT: scale -1: that of a time is 0 to 6."},
		{"ScaleAndMap", d, []outturn.ViewColumn{{Field: "TOTAL", Scale: ptr(2), Map: map[string]string{"0": "none"}}}, "map makes text of it"},
		{"ScaleAndAttribute", d, []outturn.ViewColumn{{Field: "EXTRA", Scale: ptr(2), Attribute: "a"}}, "an attribute is text and has no scale"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := (&outturn.View{Name: "v", Columns: tt.columns}).Validate(tt.d)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	allowed := []string{"payments", "invoices", "provisioned_orders"}
	for _, tt := range []struct{ name, want string }{
		{"payment", "Did you mean payments?"},
		{"INVOICES", "Did you mean invoices?"},
		{"zebra", "Allowed: payments, invoices, provisioned_orders."},
	} {
		if got := outturn.Unknown("data set", tt.name, allowed).Error(); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want it to say %q", tt.name, got, tt.want)
		}
	}
}
