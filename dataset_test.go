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
