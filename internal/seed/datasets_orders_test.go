package seed_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A row of provisioned orders takes parts from all over the chain, and is worked
// out again by walking the tree: too slow for every cell. Cells are drawn by lot.
func TestOrderCells(t *testing.T) {
	db := openSeeded(t)
	d := loadDataset(t, "provisioned_orders")
	seen := viewers(db)
	lot := lottery{Rand: rand.New(rand.NewPCG(1, 2)), perReport: 1200 / len(seen)}
	for _, viewer := range seen {
		db.exec("CREATE OR REPLACE TEMP TABLE report AS " + d.selectFor(viewer, "PROVIDER"))
		lot.check(t, db, d, viewer)
	}
	if lot.drawn < 1000 {
		t.Errorf("only %d cells were compared", lot.drawn)
	}
}

// A lottery draws rows; fields take turns.
type lottery struct {
	*rand.Rand
	perReport, drawn int
}

func (lot *lottery) check(t *testing.T, db database, d dataset, viewer string) {
	t.Helper()
	rows, _ := strconv.Atoi(db.one("SELECT count(*) FROM report"))
	for range min(lot.perReport, rows*len(d.Fields)) {
		f := d.Fields[lot.drawn%len(d.Fields)]
		lot.drawn++
		row := db.all(fmt.Sprintf("SELECT root_id, %s FROM report LIMIT 1 OFFSET %d", f.Name, lot.IntN(rows)))[0]
		want := db.one(deriveOrder(f.Name, viewer, row[0]))
		if row[1] != want {
			t.Errorf("%s of %s seen by %s is %s, want %s", f.Name, row[0], viewer, shown(row[1]), shown(want))
		}
	}
}

// deriveOrder finds the section's charge by walking up from the buyer of the root,
// then the cell from the charge.
func deriveOrder(field, viewer, root string) string {
	section, column := cutSection(field)
	if section == "SUBSCRIPTION" {
		return "SELECT " + subscriptionCells[column] + " FROM charges AS c JOIN subscriptions AS s ON s.id = c.subscription_id WHERE c.id = " + root
	}
	walk := `WITH RECURSIVE up(id, below) AS (
		SELECT buyer_id, NULL FROM charges WHERE id = ` + root + `
		UNION ALL SELECT a.parent_id, u.id FROM up u JOIN accounts a ON a.id = u.id WHERE a.parent_id IS NOT NULL)
		`
	buyer := map[string]string{"RESELLER": viewer, "CUSTOMER": "(SELECT below FROM up WHERE id = " + viewer + ")", "END_CUSTOMER": "(SELECT id FROM up WHERE below IS NULL)"}[section]
	cell, ok := orderCells[column]
	if !ok {
		cell = accountCell(column, "c.buyer_id")
	}
	sql := walk + "SELECT (" + cell + ") FROM charges AS c WHERE c.root_id = " + root + " AND c.buyer_id = " + buyer
	if section == "END_CUSTOMER" {
		sql += " AND c.is_final"
	}
	return sql
}

func cutSection(field string) (section, column string) {
	for _, section := range []string{"RESELLER", "END_CUSTOMER", "CUSTOMER", "SUBSCRIPTION"} {
		if column, ok := strings.CutPrefix(field, section+"_"); ok {
			return section, column
		}
	}
	panic("no section in " + field)
}

var subscriptionCells = map[string]string{
	"ID": "s.id", "NAME": "s.name", "STATUS": "s.status", "SERVICE_STATUS": "s.service_status", "START_DATE": "s.start_date", "EXP_DATE": "s.expiration_date",
	"BILLING_PERIOD": "s.billing_period", "BILLING_PERIOD_TYPE": "s.billing_period_type", "ATTRIBUTES": "s.attributes",
}

var orderCells = map[string]string{
	"ACCOUNT_CURRENCY": "c.currency",
	"ORDER_ID":         "c.order_id", "ORDER_NUMBER": "SELECT number FROM orders WHERE id = c.order_id", "ORDER_TYPE": "SELECT left(number, 2) FROM orders WHERE id = c.order_id",
	"ORDER_STATUS": "SELECT status FROM orders WHERE id = c.order_id", "ORDER_DATE": "SELECT CAST(min(created_at) AS DATE) FROM charges WHERE root_id = c.root_id",
	"ORDER_TOTAL":      "SELECT CAST(sum(extended_price) AS DECIMAL(20,8)) FROM charges WHERE order_id = c.order_id",
	"ORDER_ATTRIBUTES": "SELECT attributes FROM orders WHERE id = c.order_id",
	"DETAIL_ID":        "c.id", "DETAIL_TYPE": "c.type", "DETAIL_SKU": "c.sku", "DETAIL_DESCRIPTION": "c.description", "DETAIL_START_DATE": "c.start_date",
	"DETAIL_END_DATE": "c.end_date", "DETAIL_DURATION": "c.duration", "DETAIL_DURATION_UNIT": "c.duration_unit", "DETAIL_QUANTITY": "c.quantity",
	"DETAIL_UNIT_PRICE": "c.unit_price", "DETAIL_DISCOUNT_AMOUNT": "CAST(c.quantity * c.unit_price - c.extended_price AS DECIMAL(20,8))",
	"DETAIL_EXTENDED_PRICE": "CAST(c.quantity * c.unit_price - c.discount_amount AS DECIMAL(20,8))", "DETAIL_TAX_AMOUNT": "c.tax_amount",
	"DETAIL_TAX_INCLUSIVE": "c.tax_inclusive", "DETAIL_EXCHANGE_RATE": "c.exchange_rate", "DETAIL_EXCHANGE_TIME": "c.exchange_time",
	"PLAN_ID": "c.plan_id", "PLAN_NAME": "SELECT name FROM plans WHERE id = c.plan_id",
	"PLAN_CATEGORY": "SELECT name FROM plan_categories WHERE id = (SELECT category_id FROM plans WHERE id = c.plan_id)",
	"RESOURCE_ID":   "c.resource_id", "RESOURCE_NAME": "SELECT name FROM resources WHERE id = c.resource_id", "RESOURCE_UNIT": "SELECT unit FROM resources WHERE id = c.resource_id",
	"INVOICE_ID": "c.invoice_id", "INVOICE_NUMBER": "SELECT number FROM invoices WHERE id = c.invoice_id", "INVOICE_DATE": "SELECT CAST(created_at AS DATE) FROM invoices WHERE id = c.invoice_id",
	"INVOICE_STATUS": "SELECT status FROM invoices WHERE id = c.invoice_id",
}

// The published table of which charge fills which section holds for every row of
// every report for a first-level reseller, but for the two kinds of rows that are
// published as normal; and of those there are as many as the base tables have.
func TestSectionsOfFirstLevelResellers(t *testing.T) {
	db := openSeeded(t)
	d := loadDataset(t, "provisioned_orders")
	tree := loadTree(db)
	total := sectionCounts{}
	for _, viewer := range db.column("SELECT id FROM accounts WHERE type = 'Reseller' AND level = 1 ORDER BY id") {
		got := sectionCounts{}
		db.each(`SELECT root.buyer_id, root.is_final, own.buyer_id, own.seller_id, mid.buyer_id, mid.seller_id, fin.buyer_id, fin.id = root.id,
				own.root_id = root.id, mid.root_id = root.id, origin.owner_id
			FROM (`+d.selectFor(viewer, "PROVIDER")+`) AS d
			JOIN charges AS root ON root.id = d.root_id
			LEFT JOIN charges AS own ON own.id = d.RESELLER_DETAIL_ID
			LEFT JOIN charges AS mid ON mid.id = d.CUSTOMER_DETAIL_ID
			LEFT JOIN charges AS fin ON fin.id = d.END_CUSTOMER_DETAIL_ID
			LEFT JOIN (`+planOrigins+`) AS origin ON origin.id = root.plan_id`, func(row []string) {
			if fault := got.count(tree, viewer, row); fault != "" {
				t.Errorf("seen by %s: %s: %q", viewer, fault, row)
			}
		})
		if want := baseCounts(db, viewer); got != want {
			t.Errorf("seen by %s: %+v, in the base tables %+v", viewer, got, want)
		}
		total.operating += got.operating
		total.upstream += got.upstream
	}
	if total.operating == 0 || total.upstream == 0 {
		t.Errorf("not both kinds of rows without CUSTOMER: %+v", total)
	}
}

// planOrigins tells who first offered what a plan delegates.
const planOrigins = `WITH RECURSIVE up(id, above) AS (
	SELECT id, id FROM plans UNION ALL SELECT u.id, p.parent_id FROM up u JOIN plans p ON p.id = u.above WHERE p.parent_id IS NOT NULL
) SELECT u.id, p.owner_id FROM up u JOIN plans p ON p.id = u.above WHERE p.parent_id IS NULL`

// sectionCounts are the rows of a report whose CUSTOMER section is empty though
// somebody below bought.
type sectionCounts struct {
	operating int // because the account below is an operating unit
	upstream  int // because it is a refund that the reseller alone got
}

// count checks a row against the table and returns what is wrong with it.
func (n *sectionCounts) count(tree sectionTree, viewer string, row []string) (fault string) {
	buyer, final := row[0], row[1] == "true"
	own, mid, end := row[2], row[4], row[6]
	top := tree.below(viewer, buyer)
	wantOwn, wantMid, wantEnd := viewer, top, buyer
	if origin := row[10]; origin != "1" && origin != null {
		wantOwn = null // its own plan has no cost
	}
	if !final {
		wantEnd = null
	}
	switch {
	case top == null && !final:
		n.upstream++
	case top != null && tree[top].operating:
		n.operating++
		wantMid = null
	}
	switch {
	case own != wantOwn || own != null && (row[3] != "1" || row[8] != "true"):
		return "RESELLER is not the charge of the reseller to the provider"
	case mid != wantMid || mid != null && (row[5] != viewer || row[9] != "true"):
		return "CUSTOMER is not the charge of the account below to the reseller"
	case end != wantEnd || end != null && row[7] != "true":
		return "END_CUSTOMER is not the final charge"
	}
	return ""
}

func baseCounts(db database, viewer string) sectionCounts {
	n := func(sql string) int {
		n, _ := strconv.Atoi(db.one(sql))
		return n
	}
	return sectionCounts{
		operating: n(`WITH RECURSIVE units(id) AS (
			SELECT id FROM accounts WHERE is_operating_unit AND parent_id = ` + viewer + ` UNION SELECT a.id FROM accounts a JOIN units u ON a.parent_id = u.id
			) SELECT count(*) FROM charges WHERE id = root_id AND buyer_id IN (SELECT id FROM units)`),
		upstream: n(`SELECT count(*) FROM charges WHERE id = root_id AND NOT is_final AND buyer_id = ` + viewer),
	}
}

type treeNode struct {
	parent    string
	operating bool
}

func loadTree(db database) sectionTree {
	tree := sectionTree{}
	db.each("SELECT id, parent_id, is_operating_unit FROM accounts", func(row []string) { tree[row[0]] = treeNode{row[1], row[2] == "true"} })
	return tree
}

type sectionTree map[string]treeNode

// below returns the account directly below viewer on the way to an account.
func (t sectionTree) below(viewer, account string) string {
	if account == viewer {
		return null
	}
	for t[account].parent != viewer {
		account = t[account].parent
	}
	return account
}

// The five purchases of the published table, found in the base tables by who buys and on
// which level, each with the sections that the table gives them: who pays whom. All of
// them occur, for plans that were delegated from the provider and without an operating
// unit between, which is never charged.
func TestPublishedPurchases(t *testing.T) {
	db := openSeeded(t)
	d := loadDataset(t, "provisioned_orders")
	purchases := []struct{ name, buyer, reseller, customer, endCustomer string }{
		{"L4 customer buys from L3 reseller", "Customer 4", "1 to 0", "2 to 1", "4 to 3"},
		{"L3 customer buys from L2 reseller", "Customer 3", "1 to 0", "2 to 1", "3 to 2"},
		{"L2 customer buys from L1", "Customer 2", "1 to 0", "2 to 1", "2 to 1"},
		{"L2 reseller buys from L1 for own use", "Reseller 2", "1 to 0", "2 to 1", "2 to 1"},
		{"L1 buys from provider for own use", "Reseller 1", "1 to 0", null, "1 to 0"},
	}
	db.exec(`CREATE OR REPLACE TEMP TABLE below_units AS WITH RECURSIVE units(id) AS (
		SELECT id FROM accounts WHERE is_operating_unit UNION SELECT a.id FROM units AS u JOIN accounts AS a ON a.parent_id = u.id) FROM units`)
	got := map[string]map[string]int{}
	for _, viewer := range db.column("SELECT id FROM accounts WHERE type = 'Reseller' AND level = 1 AND id IN (SELECT parent_id FROM accounts WHERE type = 'Reseller') ORDER BY id LIMIT 3") {
		pays := func(section string) string {
			return `(SELECT b.level || ' to ' || s.level FROM charges AS c JOIN accounts AS b ON b.id = c.buyer_id JOIN accounts AS s ON s.id = c.seller_id WHERE c.id = d.` + section + `_DETAIL_ID)`
		}
		db.each(`SELECT a.type || ' ' || a.level, `+pays("RESELLER")+`, `+pays("CUSTOMER")+`, `+pays("END_CUSTOMER")+`, count(*)
			FROM (`+d.selectFor(viewer, "PROVIDER")+`) AS d
			JOIN charges AS root ON root.id = d.root_id AND root.is_final
			JOIN accounts AS a ON a.id = root.buyer_id
			JOIN (`+planOrigins+`) AS origin ON origin.id = root.plan_id AND origin.owner_id = 1
			WHERE root.buyer_id NOT IN (FROM below_units)
			GROUP BY ALL`, func(row []string) {
			if got[row[0]] == nil {
				got[row[0]] = map[string]int{}
			}
			n, _ := strconv.Atoi(row[4])
			got[row[0]][strings.Join(row[1:4], ", ")] += n
		})
	}
	for _, p := range purchases {
		want := strings.Join([]string{p.reseller, p.customer, p.endCustomer}, ", ")
		if len(got[p.buyer]) != 1 || got[p.buyer][want] == 0 {
			t.Errorf("%s: RESELLER, CUSTOMER, END_CUSTOMER are %v, want all %s", p.name, got[p.buyer], want)
		}
	}
}

// The report type RESELLER has no END_CUSTOMER section, and the rest as before:
// only rows that have nothing else are gone. No report type is the type PROVIDER.
func TestReportTypeReseller(t *testing.T) {
	db := openSeeded(t)
	d := loadDataset(t, "provisioned_orders")
	var kept, cut []string
	for _, f := range d.Fields {
		if section, _ := cutSection(f.Name); section == "END_CUSTOMER" {
			cut = append(cut, "count("+f.Name+")")
		} else {
			kept = append(kept, f.Name)
		}
	}
	list := "SELECT " + strings.Join(kept, ", ") + " FROM "
	for _, viewer := range db.column(`(SELECT id FROM accounts WHERE type = 'Reseller' AND level = 3 ORDER BY id LIMIT 1)
			UNION ALL (SELECT parent_id FROM accounts WHERE is_operating_unit ORDER BY id DESC LIMIT 1)
			UNION ALL (SELECT id FROM accounts WHERE type = 'Customer' AND level = 1 ORDER BY id LIMIT 1)`) {
		for name, reportType := range map[string]string{"short": "RESELLER", "long": "PROVIDER", "unsaid": ""} {
			db.exec("CREATE OR REPLACE TEMP TABLE " + name + " AS " + d.selectFor(viewer, reportType))
		}
		if n := db.one("SELECT count(*) FROM (" + list + "short EXCEPT ALL " + list + "long)"); n != "0" {
			t.Errorf("seen by %s, %s rows differ outside of END_CUSTOMER", viewer, n)
		}
		want := db.one("SELECT count(*) FROM long WHERE RESELLER_DETAIL_ID IS NOT NULL OR CUSTOMER_DETAIL_ID IS NOT NULL")
		if n := db.one("SELECT count(*) FROM short"); n != want || n == "0" {
			t.Errorf("seen by %s, there are %s rows, want %s", viewer, n, want)
		}
		if n := db.all("SELECT " + strings.Join(cut, ", ") + " FROM short")[0]; slices.ContainsFunc(n, func(s string) bool { return s != "0" }) {
			t.Errorf("seen by %s, END_CUSTOMER is not empty: %v", viewer, n)
		}
		if n := db.one("SELECT count(*) FROM ((FROM long EXCEPT ALL FROM unsaid) UNION ALL (FROM unsaid EXCEPT ALL FROM long))"); n != "0" {
			t.Errorf("seen by %s, %s rows differ without a report type", viewer, n)
		}
	}
}

// Amounts of a charge may be added up, as a charge stands in one row of a report;
// those of an order or of a unit may not.
func TestAdditiveAmounts(t *testing.T) {
	for _, f := range loadDataset(t, "provisioned_orders").Fields {
		want := strings.HasSuffix(f.Name, "_DISCOUNT_AMOUNT") || strings.HasSuffix(f.Name, "_EXTENDED_PRICE") || strings.HasSuffix(f.Name, "_TAX_AMOUNT")
		if f.Additive != want {
			t.Errorf("%s: additive is %t", f.Name, f.Additive)
		}
	}
}
