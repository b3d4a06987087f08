package seed_test

import (
	"regexp"
	"strings"
	"testing"

	"outturn/internal/seed"
)

// faults are SELECTs that must find nothing.
var faults = map[string]string{
	"extended price":  `SELECT id FROM charges WHERE extended_price <> CAST(quantity AS DECIMAL(38,8)) * unit_price - discount_amount`,
	"order totals":    `SELECT o.id FROM orders o LEFT JOIN charges c ON c.order_id = o.id GROUP BY o.id, o.total, o.tax_total HAVING o.total IS DISTINCT FROM sum(c.extended_price) OR o.tax_total IS DISTINCT FROM sum(c.tax_amount)`,
	"order parties":   `SELECT c.id FROM charges c JOIN orders o ON o.id = c.order_id WHERE (c.buyer_id, c.seller_id, c.currency) <> (o.buyer_id, o.seller_id, o.currency) OR c.subscription_id IS DISTINCT FROM o.subscription_id`,
	"invoice totals":  `SELECT i.id FROM invoices i LEFT JOIN charges c ON c.invoice_id = i.id GROUP BY ALL HAVING i.extended_total IS DISTINCT FROM sum(c.extended_price) OR i.tax_total IS DISTINCT FROM sum(c.tax_amount) OR i.total IS DISTINCT FROM sum(c.extended_price + CASE WHEN c.tax_inclusive THEN 0 ELSE c.tax_amount END) OR i.net_total + i.tax_total <> i.total`,
	"invoice parties": `SELECT c.id FROM charges c JOIN invoices i ON i.id = c.invoice_id WHERE (c.buyer_id, c.seller_id, c.currency) <> (i.buyer_id, i.seller_id, i.currency) OR c.created_at >= i.created_at`,
	"invoice taxes":   `SELECT i.id FROM invoices i LEFT JOIN invoice_taxes t ON t.invoice_id = i.id GROUP BY i.id, i.tax_total HAVING i.tax_total IS DISTINCT FROM sum(t.amount)`,
	"not invoiced":    `SELECT c.id FROM charges c JOIN accounts a ON a.id = c.buyer_id WHERE c.invoice_id IS NULL AND CAST(c.created_at AS DATE) < DATE '2026-11-30'`,
	"payment totals":  `SELECT p.id FROM payments p LEFT JOIN payment_invoices x ON x.payment_id = p.id GROUP BY p.id, p.total HAVING p.total IS DISTINCT FROM sum(x.amount)`,
	"payment parties": `SELECT p.id FROM payments p JOIN payment_invoices x ON x.payment_id = p.id JOIN invoices i ON i.id = x.invoice_id WHERE (p.payer_id, p.payee_id, p.currency) <> (i.buyer_id, i.seller_id, i.currency) OR p.created_at <= i.created_at`,
	"payment methods": `SELECT p.id FROM payments p JOIN payment_methods m ON m.id = p.method_id WHERE m.account_id <> p.payer_id OR (p.type = 'Check') <> (m.type = 'check' AND p.type <> 'Void')`,
	"closed invoices": `SELECT i.id FROM invoices i LEFT JOIN (SELECT x.invoice_id, sum(x.amount) AS paid FROM payment_invoices x JOIN payments p ON p.id = x.payment_id WHERE p.processing_status IN ('Money Captured', 'Refunded') GROUP BY 1) AS p ON p.invoice_id = i.id WHERE (i.status = 'Closed') <> (COALESCE(p.paid, 0) = i.total AND i.close_date IS NOT NULL)`,
	"vendors":         `SELECT c.id FROM charges c JOIN accounts a ON a.id = c.buyer_id WHERE c.seller_id IS DISTINCT FROM a.parent_id OR c.level <> a.level`,
	"levels":          `SELECT a.id FROM accounts a LEFT JOIN accounts p ON p.id = a.parent_id WHERE a.level <> COALESCE(p.level + 1, 0) OR (p.id IS NULL) <> (a.type = 'Provider') OR p.type = 'Customer'`,
	"operating units": `SELECT c.id FROM charges c JOIN accounts a ON a.id = c.buyer_id WHERE a.is_operating_unit`,
	"plan owners":     `SELECT c.id FROM charges c JOIN plans p ON p.id = c.plan_id WHERE p.owner_id <> c.seller_id`,
	"plan parents":    `SELECT p.id FROM plans p JOIN plans q ON q.id = p.parent_id JOIN accounts a ON a.id = p.owner_id WHERE q.owner_id <> a.parent_id OR q.service_template_id <> p.service_template_id`,
	"charged rates":   `SELECT c.id FROM charges c LEFT JOIN plan_rates r ON r.plan_id = c.plan_id AND r.resource_id = c.resource_id WHERE c.resource_id IS NOT NULL AND r.id IS NULL`,
	"subscriptions":   `SELECT s.id FROM subscriptions s JOIN accounts a ON a.id = s.account_id JOIN plans p ON p.id = s.plan_id JOIN orders o ON o.id = s.order_id WHERE p.owner_id <> a.parent_id OR o.type <> 'SO' OR o.buyer_id <> s.account_id OR o.subscription_id <> s.id`,
	"one per buyer":   `SELECT root_id FROM charges GROUP BY root_id HAVING count(*) <> count(DISTINCT buyer_id)`,
	"roots":           `SELECT c.id FROM charges c JOIN charges r ON r.id = c.root_id WHERE r.root_id <> r.id OR c.id < r.id OR r.level < c.level OR c.is_final AND c.id <> c.root_id OR c.created_at < r.created_at OR c.created_at > r.created_at + INTERVAL 1 SECOND`,
	"final sales":     `SELECT c.id FROM charges c JOIN subscriptions s ON s.id = c.subscription_id WHERE c.is_final <> (c.buyer_id = s.account_id)`,
	// A chain goes up as far as the plan comes from, past operating units.
	"chains": `WITH RECURSIVE up(root, buyer, plan) AS (
			SELECT id, buyer_id, plan_id FROM charges WHERE is_final
			UNION ALL
			SELECT u.root, a.parent_id, p.parent_id FROM up u JOIN accounts a ON a.id = u.buyer JOIN plans p ON p.id = u.plan WHERE p.parent_id IS NOT NULL
		), due AS (SELECT u.root, u.buyer, u.plan FROM up u JOIN accounts a ON a.id = u.buyer WHERE NOT a.is_operating_unit),
		made AS (SELECT c.root_id, c.buyer_id, c.plan_id FROM charges c JOIN charges r ON r.id = c.root_id WHERE r.is_final)
		(FROM due EXCEPT FROM made) UNION ALL (FROM made EXCEPT FROM due)`,
	"currencies": `SELECT c.id FROM charges c JOIN plans p ON p.id = c.plan_id WHERE (c.exchange_rate IS NULL) <> (p.currency = c.currency) AND c.type NOT IN ('adjustment', 'handlingFee') OR (c.exchange_rate IS NULL) <> (c.exchange_time IS NULL)`,
	"whole yen":  `SELECT id FROM charges WHERE currency = 'JPY' AND (extended_price <> trunc(extended_price) OR tax_amount <> trunc(tax_amount))`,
	"time":       `SELECT id FROM charges WHERE created_at < TIMESTAMPTZ '2024-01-01 00:00:00+00' OR created_at >= TIMESTAMPTZ '2027-01-01 00:00:01+00' OR end_date < start_date`,
}

func TestConsistency(t *testing.T) {
	db := openSeeded(t)
	for name, sql := range faults {
		t.Run(name, func(t *testing.T) {
			if got := db.one("SELECT count(*) FROM (" + sql + ")"); got != "0" {
				t.Errorf("%s rows are wrong, such as %v", got, db.all(sql+" LIMIT 3"))
			}
		})
	}
}

// references are the columns that point to another table's key.
var references = map[string]string{
	"parent_id": "", "root_id": "charges", "buyer_id": "accounts", "seller_id": "accounts", "owner_id": "accounts", "account_id": "accounts",
	"payer_id": "accounts", "payee_id": "accounts", "order_id": "orders", "plan_id": "plans", "period_id": "plan_periods", "rate_id": "plan_rates",
	"resource_id": "resources", "subscription_id": "subscriptions", "invoice_id": "invoices", "payment_id": "payments", "method_id": "payment_methods",
	"service_template_id": "service_templates", "category_id": "plan_categories", "service_user_id": "service_users",
	"aps_id": "-", "tax_registration_id": "-", // ids of another world
}

func TestKeysAndReferences(t *testing.T) {
	db := openSeeded(t)
	result, _ := seeded()
	for _, table := range result.Tables {
		key := keyOf(table.Name)
		if got := db.one("SELECT count(*) FROM (SELECT " + key + " FROM " + table.Name + " GROUP BY ALL HAVING count(*) > 1)"); got != "0" {
			t.Errorf("%s: %s keys are not unique", table.Name, got)
		}
		for _, column := range db.column("SELECT column_name FROM duckdb_columns() WHERE NOT internal AND table_name = '" + table.Name + "'") {
			if strings.HasSuffix(column, "_id") {
				checkReference(t, db, table.Name, column)
			}
		}
	}
}

func checkReference(t *testing.T, db database, table, column string) {
	t.Helper()
	target, known := references[column]
	switch {
	case !known:
		t.Errorf("%s.%s points to no table that the test knows", table, column)
		return
	case target == "-":
		return
	case target == "":
		target = table
	}
	if got := db.one("SELECT count(*) FROM " + table + " AS t WHERE " + column + " IS NOT NULL AND NOT EXISTS (SELECT * FROM " + target + " AS r WHERE r.id = t." + column + ")"); got != "0" {
		t.Errorf("%s.%s: %s rows point nowhere in %s", table, column, got, target)
	}
}

// Every column has values; where it may be null, it sometimes is.
func TestColumnsAreUsed(t *testing.T) {
	db := openSeeded(t)
	for _, c := range db.all("SELECT table_name, column_name, is_nullable FROM duckdb_columns() WHERE NOT internal") {
		counts := db.all("SELECT count(" + c[1] + "), count(*) FROM " + c[0])[0]
		if counts[0] == "0" || (counts[0] != counts[1]) != (c[2] == "true") {
			t.Errorf("%s.%s: %s of %s rows have a value, nullable is %s", c[0], c[1], counts[0], counts[1], c[2])
		}
	}
}

// What the database must have at least one of, for reports to be tried on.
var wanted = map[string]string{
	"order types":     `SELECT DISTINCT type FROM orders ORDER BY 1`,
	"charge types":    `SELECT DISTINCT type FROM charges ORDER BY 1`,
	"statuses":        `SELECT DISTINCT status FROM subscriptions ORDER BY 1`,
	"service":         `SELECT DISTINCT service_status FROM subscriptions ORDER BY 1`,
	"documents":       `SELECT DISTINCT type FROM payments ORDER BY 1`,
	"payment states":  `SELECT DISTINCT status FROM payments ORDER BY 1`,
	"processing":      `SELECT DISTINCT processing_status FROM payments ORDER BY 1`,
	"currencies":      `SELECT DISTINCT currency FROM charges ORDER BY 1`,
	"sellers' levels": `SELECT DISTINCT level FROM charges ORDER BY 1`,
	"odd names": `SELECT DISTINCT x FROM accounts, unnest(CASE WHEN name LIKE '=%' THEN ['='] WHEN name LIKE '+%' THEN ['+'] WHEN name LIKE '-%' THEN ['-'] WHEN name LIKE '@%' THEN ['@']
		WHEN contains(name, chr(13) || chr(10)) THEN ['CRLF'] WHEN contains(name, chr(10)) THEN ['LF'] WHEN name LIKE '%"%' THEN ['"'] WHEN name LIKE '0%' THEN ['0'] ELSE [] END) AS u(x) ORDER BY 1`,
	"empty or null":         `SELECT DISTINCT address2 IS NULL, address2 = '' FROM accounts ORDER BY ALL`,
	"leading zeros":         `SELECT DISTINCT zip LIKE '0%' FROM accounts ORDER BY 1`,
	"all eight digits":      `SELECT bool_or(unit_price <> trunc(unit_price * 10000000) / 10000000), bool_or(extended_price <> round(extended_price, 7)) FROM charges`,
	"sixteen digits":        `SELECT bool_or(length(replace(rtrim(CAST(abs(extended_price) AS VARCHAR), '0'), '.', '')) > 15) FROM charges`,
	"last instants":         `SELECT DISTINCT strftime(created_at, '%H:%M:%S.%f') FROM charges WHERE strftime(created_at, '%H:%M:%S.%f') IN ('00:00:00.000000', '23:59:59.999999') ORDER BY 1`,
	"both chains without":   `SELECT bool_or(r.n = 1), bool_or(r.n > 1) FROM (SELECT count(*) AS n FROM charges GROUP BY root_id HAVING NOT bool_or(is_final)) AS r`,
	"days without a charge": `SELECT count(*) FROM range(DATE '2024-01-01', DATE '2027-01-01', INTERVAL 1 DAY) AS d(day) WHERE NOT EXISTS (SELECT * FROM charges WHERE CAST(created_at AS DATE) = d.day)`,
}

var wantedValues = map[string]string{
	"order types":           "BO CF CH CL PO RN SO",
	"charge types":          "adjustment cancellation deposit discount downgrade handlingFee nonProvisioningItem overuse recurring recurringRefund refundAdjustment renew renewRefund setup setupRefund switch transfer",
	"statuses":              "10 15 30 40 50 60 70 80 85 89",
	"service":               "10 20 30 40 50 60 70 80 90",
	"documents":             "Check Payment Void",
	"payment states":        "Closed Hold Open",
	"processing":            "Canceled Money Captured New Refunded Void",
	"currencies":            "BRL COP EUR GBP JPY PLN SEK USD",
	"sellers' levels":       "1 2 3 4",
	"odd names":             `" + - 0 = @ CRLF LF`,
	"empty or null":         "false false false true true NULL",
	"leading zeros":         "false true",
	"all eight digits":      "true true",
	"sixteen digits":        "true",
	"last instants":         "00:00:00.000000 23:59:59.999999",
	"both chains without":   "true true",
	"days without a charge": "0",
}

func TestVariety(t *testing.T) {
	db := openSeeded(t)
	for name, sql := range wanted {
		var got []string
		db.each(sql, func(row []string) { got = append(got, row...) })
		if text := strings.ReplaceAll(strings.Join(got, " "), null, "NULL"); text != wantedValues[name] {
			t.Errorf("%s: got %s, want %s", name, text, wantedValues[name])
		}
	}
}

// The tables come in the schema's order, and there are 100,000 charges to a scale.
func TestResult(t *testing.T) {
	result, err := seeded()
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`).FindAllStringSubmatch(seed.Schema, -1)
	if len(names) != len(result.Tables) {
		t.Fatalf("%d tables for %d in the schema", len(result.Tables), len(names))
	}
	for i, table := range result.Tables {
		if table.Name != names[i][1] {
			t.Errorf("table %d is %s, want %s", i, table.Name, names[i][1])
		}
		if table.Name == "charges" && table.Rows != 100_000 {
			t.Errorf("%d charges, want 100000", table.Rows)
		}
	}
}
