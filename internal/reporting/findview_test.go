package reporting_test

import (
	"strings"
	"testing"

	"outturn"
)

// A view is found by its name alone: shipped ones, and the tenant's own, but nobody
// else's.
func TestFindView(t *testing.T) {
	s := newStage(t)
	s.view("own", "Mine") // of payments
	for _, whose := range []string{"parent", "child", "sibling"} {
		s.view(whose, "of_"+whose)
	}
	twice := outturn.SavedView{View: outturn.View{Name: "twice", Dataset: "payments", Columns: []outturn.ViewColumn{{Field: "CUSTOMER_NAME"}}}}
	for _, twice.Dataset = range []string{"payments", "provisioned_orders"} {
		if _, err := s.CreateView(t.Context(), s.as(outturn.RoleManager), twice); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, first, want, says string }{
		{"CMP API", "provisioned_orders", "provisioned_orders/cmp", ""},
		{"cmp api", "payments", "payments/cmp", ""},
		{"Cmp", "payments", "payments/cmp", ""},
		{"Payments/CMP API", "provisioned_orders", "payments/cmp", ""},
		{"full", "provisioned_orders", "provisioned_orders/full", ""},
		{"mINE", "provisioned_orders", "payments/Mine", ""},
		{"payments/mine", "", "payments/Mine", ""},
		{"twice", "payments", "payments/twice", ""},
		{"twice", "", "", "payments/twice, provisioned_orders/twice"},
		{"cmp", "accounts", "", "payments/cmp, provisioned_orders/cmp"},
		{"mnie", "", "", "Did you mean Mine"},
		{"invoices/mine", "", "", "There is no view"},
		{"of_parent", "", "", "There is no view"},
		{"of_child", "", "", "There is no view"},
		{"of_sibling", "", "", "There is no view"},
		{"", "", "", "There is no view"},
	} {
		v, err := s.FindView(t.Context(), s.as(outturn.RoleViewer), c.name, c.first)
		if c.want != "" && (err != nil || v.Dataset+"/"+v.Name != c.want) {
			t.Errorf("%q, rather of %q: got %s/%s, %v; want %s", c.name, c.first, v.Dataset, v.Name, err, c.want)
		}
		if c.want == "" && (outturn.ErrorCode(err) != outturn.CodeInvalid || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q, rather of %q: got %+v, %v; want a fault with %q", c.name, c.first, v, err, c.says)
		}
	}
}
