package seed_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// values are the published codes and words of a data set's column.
var values = map[string][]string{
	"subscriptions.SUBSCRIPTION_STATUS":              subscriptionStatuses,
	"subscriptions.SUBSCRIPTION_SERVICE_STATUS":      serviceStatuses,
	"subscriptions.SUBSCRIPTION_PERIOD_TYPE":         unitCodes,
	"subscriptions.SUBSCRIPTION_BILLING_PERIOD_TYPE": unitCodes,

	"subscription_resources.SUBSCRIPTION_STATUS":      {"Installing", "Installed", "Suspended", "Removed"},
	"subscription_resources.SUBSCRIPTION_PERIOD_TYPE": unitCodes,

	"service_plans.PLAN_AVAILABLE_FOR_SALE":  {"In Online Store and CCP", "In CCP Only", "In Online Store Only", "No"},
	"service_plans.PLAN_OTF_ITEM":            {"0", "1"},
	"service_plans.PLAN_BILLING_PERIOD_TYPE": unitCodes,

	"accounts.ACCOUNT_TYPE":   {"Customer", "Reseller", "Provider"},
	"accounts.ACCOUNT_STATUS": {"pending", "active", "creditHold", "adminHold", "cancelled", "error"},

	"service_users.SU_STATUS": {"0", "1"},

	"payments.CUSTOMER_PAYMENT_DOCUMENT_TYPE":     {"Payment", "Check", "Void"},
	"payments.CUSTOMER_PAYMENT_STATUS":            {"Hold", "Open", "Closed"},
	"payments.CUSTOMER_PAYMENT_PROCESSING_STATUS": {"New", "Canceled", "Refunded", "Void", "Money Captured"},

	"provisioned_orders.SUBSCRIPTION_STATUS":         subscriptionStatuses,
	"provisioned_orders.SUBSCRIPTION_SERVICE_STATUS": serviceStatuses,
	"provisioned_orders.RESELLER_ORDER_TYPE":         orderTypes,
	"provisioned_orders.CUSTOMER_ORDER_TYPE":         orderTypes,
	"provisioned_orders.END_CUSTOMER_ORDER_TYPE":     orderTypes,
	"provisioned_orders.RESELLER_DETAIL_TYPE":        chargeTypes,
	"provisioned_orders.CUSTOMER_DETAIL_TYPE":        chargeTypes,
	"provisioned_orders.END_CUSTOMER_DETAIL_TYPE":    chargeTypes,
}

var (
	subscriptionStatuses = []string{"10", "15", "30", "40", "50", "60", "70", "80", "85", "89"}
	serviceStatuses      = []string{"10", "20", "30", "40", "50", "60", "70", "80", "90"}
	unitCodes            = []string{"5", "10", "20"} // of them only 10 is published
	orderTypes           = []string{"SO", "RN", "BO", "CH", "PO", "CL", "CF"}
	chargeTypes          = strings.Fields(`unknown setup setupRefund switch renew renewRefund transfer transferRefund recurring recurringRefund overuse downgrade
		discount adjustment cancellation handlingFee nonProvisioningItem payment refund refundAdjustment billPenalty billRecord resellerPayment deposit`)
)

// checkValues finds codes and words that are not published.
func checkValues(t *testing.T, db database, d dataset, viewer string) {
	t.Helper()
	for _, f := range d.Fields {
		allowed, ok := values[d.Name+"."+f.Name]
		if !ok {
			continue
		}
		got := db.column("SELECT DISTINCT " + f.Name + " FROM report WHERE " + f.Name + " IS NOT NULL ORDER BY 1")
		for _, value := range got {
			if !slices.Contains(allowed, value) {
				t.Errorf("%s seen by %s has %q, which is not published", f.Name, viewer, value)
			}
		}
		if viewer == "1" && len(got) < 2 && !strings.HasPrefix(f.Name, "RESELLER_") {
			t.Errorf("%s has only %q", f.Name, got)
		}
	}
}

// The values that the test knows are of columns that there are.
func TestValuesAreOfFields(t *testing.T) {
	for column := range values {
		name, want, _ := strings.Cut(column, ".")
		d := loadDataset(t, name)
		if !slices.ContainsFunc(d.Fields, func(f field) bool { return f.Name == want }) {
			t.Errorf("there is no %s", column)
		}
	}
}

// An int that names something is marked as an id, and no other one is: counts, days,
// Unix seconds and codes are to be added up, compared and charted.
func TestIDs(t *testing.T) {
	named := regexp.MustCompile(`_ID$|_PO_NUMBER$|_CREATED_BY$`)
	for _, name := range datasets {
		for _, f := range loadDataset(t, name).Fields {
			if want := f.Type == "int" && named.MatchString(f.Name); f.ID != want {
				t.Errorf("%s.%s: id is %t", name, f.Name, f.ID)
			}
		}
	}
}

// A plan that was handed down the tree has a row per owner, each with the vendor's
// as its parent; an account that sells nothing has no plans.
func TestDelegatedPlans(t *testing.T) {
	db := openSeeded(t)
	plans := loadDataset(t, "service_plans")
	db.exec("CREATE OR REPLACE TEMP TABLE report AS " + plans.selectFor("1", "PROVIDER"))
	const offered = `WITH RECURSIVE up(id, above) AS (
		SELECT PLAN_ID, PLAN_ID FROM report UNION ALL SELECT u.id, r.PLAN_PARENT_ID FROM up u JOIN report r ON r.PLAN_ID = u.above WHERE r.PLAN_PARENT_ID IS NOT NULL
	), offered AS (
		SELECT o.PLAN_ID AS offer, r.PLAN_RESELLER_ID AS owner, count(*) AS n FROM up u JOIN report o ON o.PLAN_ID = u.above AND o.PLAN_PARENT_ID IS NULL JOIN report r ON r.PLAN_ID = u.id GROUP BY ALL
	) `
	if got := db.one(offered + "SELECT count(*) FROM offered WHERE n <> 1"); got != "0" {
		t.Errorf("%s owners have a plan more than once", got)
	}
	if got := db.one(offered + "SELECT sum(n) = (SELECT count(*) FROM plans) AND max(owners) > 30 FROM (SELECT sum(n) AS n, count(*) AS owners FROM offered GROUP BY offer)"); got != "true" {
		t.Error("not every plan of every owner is there")
	}
	if got := db.one(`SELECT count(*) FROM report AS r JOIN report AS p ON p.PLAN_ID = r.PLAN_PARENT_ID JOIN accounts AS a ON a.id = r.PLAN_RESELLER_ID WHERE p.PLAN_RESELLER_ID <> a.parent_id`); got != "0" {
		t.Errorf("%s plans were not delegated by the owner's vendor", got)
	}
	rates := loadDataset(t, "service_plan_resource_rates")
	if got := db.one("SELECT count(*) FROM (" + rates.selectFor("1", "PROVIDER") + ") AS t ANTI JOIN report AS r ON r.PLAN_ID = t.PLAN_ID AND r.PLAN_NAME = t.PLAN_NAME"); got != "0" {
		t.Errorf("%s rates are of no plan", got)
	}
	customer := db.one("SELECT min(id) FROM accounts WHERE type = 'Customer'")
	if got := db.one("SELECT count(*) FROM (" + plans.selectFor(customer, "PROVIDER") + ")"); got != "0" {
		t.Errorf("a customer sees %s plans", got)
	}
}

// The provider stands in its own report, as its own vendor: it has no other.
func TestAccountsHaveAVendor(t *testing.T) {
	db := openSeeded(t)
	sql := "(" + loadDataset(t, "accounts").selectFor("1", "PROVIDER") + ")"
	if got := db.one("SELECT RESELLER_ACCOUNT_ID FROM " + sql + " WHERE ACCOUNT_ID = 1"); got != "1" {
		t.Errorf("the provider's vendor is %s, want 1", shown(got))
	}
	if got := db.one("SELECT count(*) FROM " + sql + " WHERE RESELLER_ACCOUNT_ID = 1"); got != db.one("SELECT count(*) FROM accounts WHERE level <= 1") {
		t.Errorf("%s accounts have the provider as their vendor", got)
	}
}

// The report type changes Provisioned Orders and nothing else.
func TestReportTypeElsewhere(t *testing.T) {
	for _, name := range datasets {
		d := loadDataset(t, name)
		if uses := strings.Contains(d.body, "@report_type"); uses != (name == "provisioned_orders") {
			t.Errorf("%s: uses the report type: %t", name, uses)
		}
	}
}
