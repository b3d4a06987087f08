package seed_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A base is where the rows of a data set come from, and how to work out their
// cells from there without the data set: by other joins, other columns, or
// arithmetic.
type base struct {
	from  string // a table and its alias
	id    string // tells the rows of from apart
	rowID string // the same, of the report's columns
	owner string // whose row it is
	cells map[string]string
}

// makeWant works out the cells of all rows. They do not depend on who is looking.
func makeWant(db database, d dataset) {
	b := bases[d.Name]
	list := []string{b.id + " AS want_id", b.owner + " AS owner"}
	for _, f := range d.Fields {
		list = append(list, "CAST(("+b.cell(f.Name)+") AS VARCHAR) AS "+f.Name)
	}
	db.exec("CREATE OR REPLACE TEMP TABLE want AS SELECT " + strings.Join(list, ", ") + " FROM " + b.from)
}

// checkCells compares every cell of a report.
func checkCells(t *testing.T, db database, d dataset, viewer string) {
	t.Helper()
	var differ []string
	for _, f := range d.Fields {
		differ = append(differ, fmt.Sprintf("count(*) FILTER (WHERE CAST(got.%[1]s AS VARCHAR) IS DISTINCT FROM want.%[1]s)", f.Name))
	}
	join := " FROM (SELECT *, " + bases[d.Name].rowID + " AS got_id FROM report) AS got FULL JOIN (SELECT * FROM want WHERE owner IN " + mine(viewer) + ") AS want ON got.got_id = want.want_id"
	for i, n := range db.all("SELECT " + strings.Join(differ, ", ") + join)[0] {
		if n != "0" {
			f := d.Fields[i].Name
			example := db.all(fmt.Sprintf("SELECT got_id, got.%[1]s, want.%[1]s%[2]s WHERE CAST(got.%[1]s AS VARCHAR) IS DISTINCT FROM want.%[1]s LIMIT 1", f, join))[0]
			t.Errorf("seen by %s, %s is wrong in %s rows: of %s it is %s, want %s", viewer, f, n, shown(example[0]), shown(example[1]), shown(example[2]))
		}
	}
}

func (b base) cell(field string) string {
	if sql, ok := b.cells[field]; ok {
		return sql
	}
	if m := contactPart.FindStringSubmatch(field); m != nil {
		return "SELECT " + contactColumns[m[2]] + " FROM contacts WHERE account_id = a.id AND kind = '" + contactKinds[m[1]] + "'"
	}
	return accountCell(strings.TrimPrefix(field, "CUSTOMER_"), "p.payer_id")
}

var bases = map[string]base{
	"accounts":                    {"accounts AS a", "a.id", "ACCOUNT_ID", "a.id", accountCells},
	"invoices":                    {"invoices AS i", "i.id", "INVOICE_ID", "i.buyer_id", invoiceCells},
	"payments":                    {"payments AS p", "p.id", "payment_id", "p.payer_id", paymentCells},
	"service_plan_resource_rates": {"plan_rates AS t", "t.id", "PLAN_RR_ID", "(SELECT owner_id FROM plans WHERE id = t.plan_id)", rateCells},
	"service_plans":               {"plans AS p", "p.id", "PLAN_ID", "p.owner_id", planCells},
	"service_users":               {"service_users AS u", "u.id", "SU_USER_ID", "u.account_id", userCells},
	"subscription_resources": {"subscription_resources AS r", "r.subscription_id || '/' || r.rate_id", "SUBSCRIPTION_ID || '/' || SUBSCRIPTION_RESOURCE_RATE_ID",
		"(SELECT account_id FROM subscriptions WHERE id = r.subscription_id)", resourceCells},
	"subscriptions": {"subscriptions AS s", "s.id", "SUBSCRIPTION_ID", "s.account_id", wholeSubscriptionCells},
}

var invoiceCells = map[string]string{
	"INVOICE_ID": "i.id", "INVOICE_NUMBER": "i.number", "INVOICE_STATUS": "i.status", "INVOICE_DESCRIPTION": "i.description", "INVOICE_CURRENCY_CODE": "i.currency",
	"INVOICE_CREATED_DATE": "CAST(i.created_at AS DATE)", "INVOICE_DUE_DATE": "i.due_date",
	"INVOICE_CLOSE_DATE": "CASE WHEN i.status <> 'Closed' THEN NULL WHEN i.total = 0 THEN CAST(i.updated_at AS DATE)" +
		" ELSE (SELECT max(CAST(p.created_at AS DATE)) FROM payments p, payment_invoices x WHERE p.id = x.payment_id AND x.invoice_id = i.id) END",
	"INVOICE_NET_TOTAL":   "SELECT CAST(sum(extended_price - CASE WHEN tax_inclusive THEN tax_amount ELSE 0 END) AS DECIMAL(20,8)) FROM charges WHERE invoice_id = i.id",
	"INVOICE_TOTAL":       "SELECT CAST(sum(extended_price + CASE WHEN tax_inclusive THEN 0 ELSE tax_amount END) AS DECIMAL(20,8)) FROM charges WHERE invoice_id = i.id",
	"INVOICE_TAX_TOTAL":   "SELECT CAST(sum(amount) AS DECIMAL(20,8)) FROM invoice_taxes WHERE invoice_id = i.id",
	"INVOICE_CORRECTION":  "SELECT CAST(sum(extended_price) AS DECIMAL(20,8)) FROM charges WHERE invoice_id = i.id",
	"INVOICE_TAX_RATE":    "SELECT CAST(round(CASE WHEN sum(extended_price) = 0 THEN 0 ELSE 100 * sum(CAST(tax_amount AS DOUBLE)) / sum(CAST(extended_price AS DOUBLE)) END, 4) AS DECIMAL(20,8)) FROM charges WHERE invoice_id = i.id",
	"INVOICE_PAYMENTS":    `SELECT '[' || COALESCE(string_agg('"' || lpad(CAST(payment_id - 1000000 AS VARCHAR), 7, '0') || '"', ',' ORDER BY payment_id), '') || ']' FROM payment_invoices WHERE invoice_id = i.id`,
	"CUSTOMER_ACCOUNT_ID": "SELECT min(buyer_id) FROM charges WHERE invoice_id = i.id", "RESELLER_ACCOUNT_ID": "SELECT min(seller_id) FROM charges WHERE invoice_id = i.id",
}

var paymentCells = map[string]string{
	"CUSTOMER_PAYMENT_DOCUMENT_NUMBER": "p.number", "CUSTOMER_PAYMENT_DOCUMENT_TYPE": "p.type", "CUSTOMER_PAYMENT_STATUS": "p.status",
	"CUSTOMER_PAYMENT_CURRENCY_ID": "p.currency", "CUSTOMER_PAYMENT_REFERENCE_NUMBER": "p.reference_number", "CUSTOMER_PAYMENT_DESCRIPTION": "p.description",
	"CUSTOMER_PAYMENT_PROCESSING_STATUS": "p.processing_status", "CUSTOMER_PAYMENT_AUTH_CODE": "p.auth_code", "CUSTOMER_PAYMENT_CREATED_BY": "p.created_by",
	"CUSTOMER_PAYMENT_METHOD_ID": "p.method_id", "RESELLER_ACCOUNT_ID": "p.payee_id",
	// São Paulo has been at -03 for as long as the history lasts.
	"CUSTOMER_PAYMENT_DOCUMENT_DATE":     "(epoch_us(p.document_at) // 1000000 - 3 * 3600) // 86400 * 86400 + 3 * 3600",
	"CUSTOMER_PAYMENT_CREATION_TIME":     "epoch_us(p.created_at) // 1000000",
	"CUSTOMER_PAYMENT_TOTAL":             "SELECT CAST(sum(amount) AS DECIMAL(20,8)) FROM payment_invoices WHERE payment_id = p.id",
	"INVOICES":                           `SELECT '["' || string_agg(invoice_id, '","' ORDER BY invoice_id) || '"]' FROM payment_invoices WHERE payment_id = p.id`,
	"CUSTOMER_PAYMENT_METHOD_PAY_SYSTEM": "SELECT pay_system FROM payment_methods WHERE id = p.method_id",
	"CUSTOMER_PAYMENT_METHOD_NAME":       "SELECT name FROM payment_methods WHERE id = p.method_id",
	"CUSTOMER_ACCOUNT_CURRENCY":          "SELECT currency FROM accounts WHERE id = p.payer_id",
	"RESELLER_NAME":                      "SELECT name FROM accounts WHERE id = p.payee_id",
}

var contactCell = regexp.MustCompile(`^(BILLING|ADMIN|TECH)_CONTACT_(NAME|EMAIL|PHONE|FAX)$`)

// accountCell returns the SQL of a column about an account: its own, or one of a
// contact.
func accountCell(column, account string) string {
	if m := contactCell.FindStringSubmatch(column); m != nil {
		of := " FROM contacts WHERE account_id = " + account + " AND kind = '" + strings.ToLower(m[1]) + "'"
		switch m[2] {
		case "NAME":
			return "SELECT replace(trim(first_name || ' ' || COALESCE(middle_name, '') || ' ' || last_name), '  ', ' ')" + of
		case "EMAIL":
			return "SELECT email" + of
		}
		part := strings.ToLower(m[2])
		return fmt.Sprintf("SELECT format('+{} ({}) {}', %[1]s_country, %[1]s_area, %[1]s_number)%[2]s AND %[1]s_country IS NOT NULL", part, of)
	}
	own := map[string]string{"ACCOUNT_ID": "id", "ACCOUNT_BSS_APS_ID": "aps_id", "NAME": "name", "ACCOUNT_STATEMENT_DAY": "statement_day", "ACCOUNT_ATTRIBUTES": "attributes"}
	return "SELECT " + own[column] + " FROM accounts WHERE id = " + account
}

var accountCells = map[string]string{
	"RESELLER_ACCOUNT_ID": "CASE WHEN a.level = 0 THEN 1 ELSE a.parent_id END", "ACCOUNT_ID": "a.id", "ACCOUNT_NAME": "a.name",
	"ACCOUNT_TYPE": "CASE WHEN a.level = 0 THEN 'Provider' WHEN EXISTS (SELECT 1 FROM plans WHERE owner_id = a.id) THEN 'Reseller' ELSE 'Customer' END",
	"ACCOUNT_ZIP":  "a.zip", "ACCOUNT_COUNTRY": "a.country", "ACCOUNT_CITY": "a.city", "ACCOUNT_STATE": "a.state", "ACCOUNT_ADDRESS1": "a.address1", "ACCOUNT_ADDRESS2": "a.address2",
	"ACCOUNT_TAX_REGISTRATION_ID": "a.tax_registration_id", "ACCOUNT_TAX_STATUS": "a.tax_status", "ACCOUNT_TAX_ZONE_ID": "a.tax_zone",
	"ACCOUNT_STATUS": "a.status", "ACCOUNT_STATUS_INT": "CASE a.status WHEN 'active' THEN '0' WHEN 'pending' THEN '1' WHEN 'adminHold' THEN '3' WHEN 'creditHold' THEN '4' WHEN 'cancelled' THEN '9' END",
	"ACCOUNT_CURRENCY": "a.currency", "ACCOUNT_ATTRIBUTES": "a.attributes",
	"ACCOUNT_CREATION_DATE":     "strftime(a.created_at - INTERVAL 3 HOUR, '%Y-%m-%d')",
	"ACCOUNT_CREATION_DATE_INT": "(epoch_us(a.created_at) // 1000000 - 3 * 3600) // 86400 * 86400 + 3 * 3600",
}

var contactPart = regexp.MustCompile(`^ACCOUNT_(TECH|BILL|ADM)_(.+)$`)

var contactKinds = map[string]string{"TECH": "tech", "BILL": "billing", "ADM": "admin"}

var contactColumns = map[string]string{
	"FNAME": "first_name", "MNAME": "middle_name", "LNAME": "last_name", "EMAIL": "email",
	"PHONE_COUNTRY_CODE": "phone_country", "PHONE_AREA_CODE": "phone_area", "PHONE_NUMBER": "phone_number", "PHONE_EXTENTION": "phone_extension",
	"FAX_COUNTRY_CODE": "fax_country", "FAX_AREA_CODE": "fax_area", "FAX_NUMBER": "fax_number", "FAX_EXTENTION": "fax_extension",
}

// unitCode is the code of a period's unit.
func unitCode(column string) string {
	return "list_position(['DAYS', 'MONTHS', NULL, 'YEARS'], " + column + ") * 5"
}

// midnight is a day's number in São Paulo.
func midnight(day string) string { return "(" + day + " - DATE '1970-01-01') * 86400 + 3 * 3600" }

var wholeSubscriptionCells = map[string]string{
	"SUBSCRIPTION_RESELLER_ID":   "SELECT owner_id FROM plans WHERE id = s.plan_id",
	"SUBSCRIPTION_RESELLER_NAME": "SELECT a.name FROM plans AS p, accounts AS a WHERE p.id = s.plan_id AND a.id = p.owner_id",
	"SUBSCRIPTION_ACCOUNT_ID":    "SELECT buyer_id FROM orders WHERE id = s.order_id",
	"SUBSCRIPTION_ACCOUNT_NAME":  "SELECT a.name FROM orders AS o, accounts AS a WHERE o.id = s.order_id AND a.id = o.buyer_id",
	"SUBSCRIPTION_ID":            "SELECT subscription_id FROM orders WHERE id = s.order_id", "SUBSCRIPTION_NAME": "s.name",
	"SUBSCRIPTION_PLAN_ID":   "SELECT plan_id FROM plan_periods WHERE id = s.period_id",
	"SUBSCRIPTION_PLAN_NAME": "SELECT p.name FROM plan_periods AS t, plans AS p WHERE t.id = s.period_id AND p.id = t.plan_id",
	"SUBSCRIPTION_PO_NUMBER": "SELECT min(id) FROM orders WHERE subscription_id = s.id AND buyer_id = s.account_id AND number LIKE 'SO%'",
	"SUBSCRIPTION_STATUS":    "s.status", "SUBSCRIPTION_SERVICE_STATUS": "s.service_status",
	"SUBSCRIPTION_START_DATE": "SELECT order_date FROM orders WHERE id = s.order_id", "SUBSCRIPTION_START_DATE_INT": midnight("s.start_date"),
	"SUBSCRIPTION_EXP_DATE": "s.expiration_date", "SUBSCRIPTION_EXP_DATE_INT": midnight("s.expiration_date"),
	"SUBSCRIPTION_LAST_BILLING_DATE": "s.last_billing_date", "SUBSCRIPTION_LAST_BILLING_DATE_INT": midnight("s.last_billing_date"),
	"SUBSCRIPTION_NEXT_BILLING_DATE": "s.next_billing_date", "SUBSCRIPTION_NEXT_BILLING_DATE_INT": midnight("s.next_billing_date"),
	"SUBSCRIPTION_PERIOD": "SELECT period FROM plan_periods WHERE id = s.period_id", "SUBSCRIPTION_PERIOD_TYPE": "SELECT " + unitCode("period_type") + " FROM plan_periods WHERE id = s.period_id",
	"SUBSCRIPTION_BILLING_PERIOD": "SELECT billing_period FROM plans WHERE id = s.plan_id", "SUBSCRIPTION_BILLING_PERIOD_TYPE": "SELECT " + unitCode("billing_period_type") + " FROM plans WHERE id = s.plan_id",
	"SUBSCRIPTION_AUTO_RENEW": "s.is_auto_renew", "SUBSCRIPTION_CURRENCY": "SELECT currency FROM orders WHERE id = s.order_id", "SUBSCRIPTION_ATTRIBUTES": "s.attributes",
}

var resourceCells = map[string]string{
	"SUBSCRIPTION_ID": "r.subscription_id", "SUBSCRIPTION_NAME": "SELECT name FROM subscriptions WHERE id = r.subscription_id",
	"SUBSCRIPTION_ACCOUNT_ID":    "SELECT account_id FROM subscriptions WHERE id = r.subscription_id",
	"SUBSCRIPTION_ACCOUNT_NAME":  "SELECT a.name FROM subscriptions AS s, accounts AS a WHERE s.id = r.subscription_id AND a.id = s.account_id",
	"SUBSCRIPTION_RESELLER_ID":   "SELECT p.owner_id FROM plan_rates AS t, plans AS p WHERE t.id = r.rate_id AND p.id = t.plan_id",
	"SUBSCRIPTION_RESELLER_NAME": "SELECT a.name FROM plan_rates AS t, plans AS p, accounts AS a WHERE t.id = r.rate_id AND p.id = t.plan_id AND a.id = p.owner_id",
	"SUBSCRIPTION_START_DATE":    "SELECT start_date FROM subscriptions WHERE id = r.subscription_id",
	"SUBSCRIPTION_STATUS": "SELECT CASE WHEN status = 10 THEN 'Installing' WHEN status IN (60, 70) THEN 'Removed' WHEN status IN (50, 80, 85, 89) THEN 'Suspended' ELSE 'Installed' END" +
		" FROM subscriptions WHERE id = r.subscription_id",
	"SUBSCRIPTION_PERIOD":                     "SELECT t.period FROM subscriptions AS s, plan_periods AS t WHERE s.id = r.subscription_id AND t.id = s.period_id",
	"SUBSCRIPTION_PERIOD_TYPE":                "SELECT " + unitCode("t.period_type") + " FROM subscriptions AS s, plan_periods AS t WHERE s.id = r.subscription_id AND t.id = s.period_id",
	"SUBSCRIPTION_RESOURCE_ID":                "SELECT resource_id FROM plan_rates WHERE id = r.rate_id",
	"SUBSCRIPTION_RESOURCE_RATE_ID":           "r.rate_id",
	"SUBSCRIPTION_RESOURCE_NAME":              "SELECT g.name FROM plan_rates AS t, resources AS g WHERE t.id = r.rate_id AND g.id = t.resource_id",
	"SUBSCRIPTION_RESOURCE_CATEGORY":          "SELECT g.category FROM plan_rates AS t, resources AS g WHERE t.id = r.rate_id AND g.id = t.resource_id",
	"SUBSCRIPTION_RESOURCE_UNIT":              "SELECT g.unit FROM plan_rates AS t, resources AS g WHERE t.id = r.rate_id AND g.id = t.resource_id",
	"SUBSCRIPTION_RESOURCE_INCL_AMOUNT":       "SELECT included_amount FROM plan_rates WHERE id = r.rate_id",
	"SUBSCRIPTION_RESOURCE_ADDITIONAL_AMOUNT": "SELECT CAST(greatest(r.ordered_amount - min_amount, 0) AS DECIMAL(20,8)) FROM plan_rates WHERE id = r.rate_id",
	"SUBSCRIPTION_RESOURCE_ORDERED_AMOUNT":    "r.ordered_amount", "SUBSCRIPTION_RESOURCE_USED_AMOUNT": "r.used_amount",
	"SUBSCRIPTION_RESOURCE_MIN_UNITS": "SELECT min_amount FROM plan_rates WHERE id = r.rate_id", "SUBSCRIPTION_RESOURCE_MAX_UNITS": "SELECT max_amount FROM plan_rates WHERE id = r.rate_id",
	"SUBSCRIPTION_RESOURCE_SETUP_FEE":     "SELECT setup_fee FROM plan_rates WHERE id = r.rate_id",
	"SUBSCRIPTION_RESOURCE_RECURRENT_FEE": "SELECT recurring_fee FROM plan_rates WHERE id = r.rate_id", "SUBSCRIPTION_RESOURCE_OVERUSE_FEE": "SELECT overuse_fee FROM plan_rates WHERE id = r.rate_id",
	"SUBSCRIPTION_RESOURCE_CURRENCY": "SELECT p.currency FROM subscriptions AS s, plans AS p WHERE s.id = r.subscription_id AND p.id = s.plan_id",
}

var planCells = map[string]string{
	"PLAN_ID": "p.id", "PLAN_APS_ID": "p.aps_id", "PLAN_NAME": "p.name", "PLAN_ST_ID": "p.service_template_id",
	"PLAN_ST_NAME":             "SELECT name FROM service_templates WHERE id = p.service_template_id",
	"PLAN_SUBSCRIPTIONS_QTY":   "SELECT count(DISTINCT o.subscription_id) FROM orders AS o, charges AS c WHERE c.order_id = o.id AND c.is_final AND c.plan_id = p.id",
	"PLAN_AVAILABLE_FOR_SALE":  "p.available_for_sale",
	"PLAN_OTF_ITEM":            "SELECT 1 - count(*) // greatest(count(*), 1) FROM plan_periods WHERE plan_id = p.id",
	"PLAN_PERIOD_ID":           "SELECT '[' || COALESCE(string_agg(id, ',' ORDER BY id), '') || ']' FROM plan_periods WHERE plan_id = p.id",
	"PLAN_CATEGORY_ID":         "p.category_id",
	"PLAN_CATEGORY_NAME":       "SELECT name FROM plan_categories WHERE id = p.category_id",
	"PLAN_IS_PUBLISHED":        "p.available_for_sale <> 'No'",
	"PLAN_IS_AUTO_RENEW":       "p.is_auto_renew",
	"PLAN_PARENT_ID":           "p.parent_id",
	"PLAN_RESELLER_ID":         "p.owner_id",
	"PLAN_RESELLER_NAME":       "SELECT name FROM accounts WHERE id = p.owner_id",
	"PLAN_CURRENCY":            "SELECT currency FROM accounts WHERE id = p.owner_id",
	"PLAN_BILLING_PERIOD":      "p.billing_period",
	"PLAN_BILLING_PERIOD_TYPE": unitCode("p.billing_period_type"),
	"PLAN_SHORT_DESCRIPTION":   "p.short_description",
	"PLAN_LONG_DESCRIPTION":    "p.long_description",
}

var rateCells = map[string]string{
	"PLAN_ID": "t.plan_id", "PLAN_NAME": "SELECT name FROM plans WHERE id = t.plan_id", "PLAN_RR_ID": "t.id", "PLAN_RR_RESOURCE_ID": "t.resource_id",
	"PLAN_RR_RESOURCE_NAME":     "SELECT name FROM resources WHERE id = t.resource_id",
	"PLAN_RR_RESOURCE_CATEGORY": "SELECT category FROM resources WHERE id = t.resource_id",
	"PLAN_RR_UOM":               "SELECT unit FROM resources WHERE id = t.resource_id",
	"PLAN_RR_INCLUDED_AMOUNT":   "t.included_amount", "PLAN_RR_MAX_AMOUNT": "t.max_amount",
	"PLAN_RR_UNIT_CURRENCY": "SELECT currency FROM plans WHERE id = t.plan_id",
	"PLAN_RR_SETUP_SKU":     "t.setup_sku", "PLAN_RR_RECURRENT_SKU": "t.recurring_sku", "PLAN_RR_OVERUSE_SKU": "t.overuse_sku", "PLAN_RR_CANCELLATION_SKU": "t.cancellation_sku",
	"PLAN_RR_SETUP_FEE": "t.setup_fee", "PLAN_RR_RECURRENT_FEE": "t.recurring_fee", "PLAN_RR_OVERUSE_FEE": "t.overuse_fee", "PLAN_RR_CANCELLATION_FEE": "t.cancellation_fee",
	"PLAN_RR_SETUP_DESCRIPTION": "t.setup_description", "PLAN_RR_RECURRENT_DESCRIPTION": "t.recurring_description",
	"PLAN_RR_OVERUSE_DESCRIPTION": "t.overuse_description", "PLAN_RR_CANCELLATION_DESCRIPTION": "t.cancellation_description",
	"PLAN_RR_MPN": "t.mpn", "PLAN_CATEGORY_ID": "SELECT category_id FROM plans WHERE id = t.plan_id",
	"PLAN_CATEGORY_NAME": "SELECT c.name FROM plans AS p, plan_categories AS c WHERE p.id = t.plan_id AND c.id = p.category_id",
}

var userCells = map[string]string{
	"SU_RESELLER_ACCOUNT_ID": "SELECT p.owner_id FROM subscriptions AS s, plans AS p WHERE s.id = u.subscription_id AND p.id = s.plan_id",
	"SU_ACCOUNT_ID":          "SELECT account_id FROM subscriptions WHERE id = u.subscription_id",
	"SU_ACCOUNT_NAME":        "SELECT a.name FROM subscriptions AS s, accounts AS a WHERE s.id = u.subscription_id AND a.id = s.account_id",
	"SU_SUBSCRIPTION_ID":     "u.subscription_id",
	"SU_LICENSE_ID":          "SELECT '[' || COALESCE(string_agg(id, ',' ORDER BY id), '') || ']' FROM licenses WHERE service_user_id = u.id",
	"SU_SUBSCRIPTION_NAME":   "SELECT p.name FROM subscriptions AS s, plan_periods AS t, plans AS p WHERE s.id = u.subscription_id AND t.id = s.period_id AND p.id = t.plan_id",
	"SU_USER_ID":             "u.id", "SU_LOGIN_NAME": "u.login", "SU_FNAME": "u.first_name", "SU_LNAME": "u.last_name", "SU_EMAIL": "u.email", "SU_PHONE": "u.phone", "SU_STATUS": "u.status",
	"SU_CREATION_DATE":     "strftime(u.created_at - INTERVAL 3 HOUR, '%Y-%m-%d %H:%M:%S')",
	"SU_CANCELLATION_DATE": "strftime(u.cancelled_at - INTERVAL 3 HOUR, '%Y-%m-%d %H:%M:%S')",
}
