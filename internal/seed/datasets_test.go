package seed_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A dataset is one of the files that Outturn ships for this schema, as far as
// these tests read it. That the product reads them the same way is tested there.
type dataset struct {
	Name, Tenant string
	Key          []string
	Fields       []field
	body         string
}

type field struct {
	Name, Type, Currency, Evidence, Meaning string
	Scale                                   int
	Additive                                bool
}

const datasetFolder = "../catalog/datasets"

func loadDataset(t testing.TB, name string) dataset {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(datasetFolder, name+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	header, body, found := strings.Cut(strings.TrimPrefix(string(text), "/*"), "*/")
	d := dataset{Name: name, body: body}
	if err := yaml.Unmarshal([]byte(header), &d); err != nil || !found {
		t.Fatalf("%s: header: %v", name, err)
	}
	return d
}

// zone is the zone of all reports here: not UTC, so that days can go wrong.
const zone = "America/Sao_Paulo"

var variable = regexp.MustCompile(`@(tenant|report_type|zone)`)

// selectFor returns the SELECT for a viewing account, cut to its subtree.
func (d dataset) selectFor(viewer, reportType string) string {
	values := map[string]string{"@tenant": viewer, "@report_type": reportType, "@zone": zone}
	body := variable.ReplaceAllStringFunc(d.body, func(name string) string { return "CAST('" + values[name] + "' AS VARCHAR)" })
	return `WITH RECURSIVE subtree(id) AS (
		SELECT id FROM accounts WHERE id = ` + viewer + `
		UNION SELECT a.id FROM accounts AS a JOIN subtree AS s ON a.parent_id = s.id
	) SELECT * FROM (` + body + ") AS d WHERE (" + d.Tenant + ") IN (SELECT id FROM accounts WHERE id IN (SELECT id FROM subtree))"
}

// viewers returns accounts of each kind and level to look from: with an operating
// unit below, as an operating unit, with refunds that only they got, at random.
func viewers(db database) []string {
	list := []string{"1"}
	for _, sql := range []string{
		`SELECT parent_id FROM accounts WHERE is_operating_unit ORDER BY id LIMIT 1`,
		`SELECT id FROM accounts WHERE is_operating_unit ORDER BY id DESC LIMIT 1`,
		`SELECT buyer_id FROM charges WHERE id = root_id AND NOT is_final AND level = 1 ORDER BY id LIMIT 1`,
		`SELECT buyer_id FROM charges WHERE id = root_id AND NOT is_final AND level = 2 ORDER BY id LIMIT 1`,
		`SELECT buyer_id FROM charges WHERE id = root_id AND NOT is_final AND level = 3 ORDER BY id LIMIT 1`,
		`SELECT id FROM accounts WHERE type = 'Reseller' AND level = 1 ORDER BY id DESC LIMIT 1`,
		`SELECT id FROM accounts WHERE type = 'Reseller' AND level = 3 ORDER BY id DESC LIMIT 1`,
		`SELECT id FROM accounts WHERE type = 'Customer' AND level = 1 ORDER BY id LIMIT 1`,
		`SELECT id FROM accounts WHERE type = 'Customer' AND level = 4 ORDER BY id LIMIT 1`,
	} {
		list = append(list, db.column(sql)...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

var datasets = []string{"invoices", "payments", "provisioned_orders"}

func (f field) engineType() string {
	switch f.Type {
	case "text":
		return `VARCHAR`
	case "int":
		return `INTEGER|BIGINT`
	case "decimal":
		return fmt.Sprintf(`DECIMAL\(\d+,%d\)`, f.Scale)
	case "time":
		return `TIMESTAMP WITH TIME ZONE`
	case "bool":
		return `BOOLEAN`
	}
	return strings.ToUpper(f.Type)
}

func TestDatasetFields(t *testing.T) {
	db := openSeeded(t)
	published := map[string]int{"invoices": 16, "payments": 33, "provisioned_orders": 3*51 + 9}
	for _, name := range datasets {
		d := loadDataset(t, name)
		types := map[string]string{}
		db.exec("CREATE TEMP TABLE described AS " + d.selectFor("1", "PROVIDER") + " LIMIT 0")
		for _, row := range db.all("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'described'") {
			types[strings.ToLower(row[0])] = row[1]
		}
		db.exec("DROP TABLE described")
		if len(d.Fields) != published[name] {
			t.Errorf("%s has %d fields, want %d", name, len(d.Fields), published[name])
		}
		for _, f := range d.Fields {
			if got := types[strings.ToLower(f.Name)]; !regexp.MustCompile("^(" + f.engineType() + ")$").MatchString(got) {
				t.Errorf("%s.%s is %q, declared as %s", name, f.Name, got, f.Type)
			}
			if f.Meaning == "" || !slices.Contains([]string{"D", "D*", "I"}, f.Evidence) {
				t.Errorf("%s.%s: meaning %q, evidence %q", name, f.Name, f.Meaning, f.Evidence)
			}
		}
	}
}

// Reports for accounts of all kinds: every field has a value in some of them, keys
// are unique, nobody sees a row that is not theirs, amounts that are declared
// additive occur once, and cells drawn by lot are the same when they are worked
// out from the base tables, one at a time and another way round.
func TestDatasetRows(t *testing.T) {
	db := openSeeded(t)
	seen := viewers(db)
	lot := lottery{Rand: rand.New(rand.NewPCG(1, 2)), perReport: 1200 / len(datasets) / len(seen)}
	for _, name := range datasets {
		t.Run(name, func(t *testing.T) {
			d := loadDataset(t, name)
			used := map[string]bool{}
			for _, viewer := range seen {
				db.exec("CREATE OR REPLACE TEMP TABLE report AS " + d.selectFor(viewer, "PROVIDER"))
				for i, n := range db.all("SELECT " + counts(d.Fields) + " FROM report")[0] {
					used[d.Fields[i].Name] = used[d.Fields[i].Name] || n != "0"
				}
				checkKeys(t, db, d, viewer)
				checkScope(t, db, d, viewer)
				checkCells(t, db, d, viewer, &lot)
			}
			for _, f := range d.Fields {
				if !used[f.Name] {
					t.Errorf("%s is always empty", f.Name)
				}
			}
		})
	}
	if lot.drawn < 1000 {
		t.Errorf("only %d cells were compared", lot.drawn)
	}
}

// checkKeys finds keys, and charges, that occur twice in the report.
func checkKeys(t *testing.T, db database, d dataset, viewer string) {
	t.Helper()
	if got := db.one("SELECT count(*) FROM (SELECT 1 FROM report GROUP BY " + strings.Join(d.Key, ", ") + " HAVING count(*) > 1)"); got != "0" {
		t.Errorf("seen by %s, %s keys repeat", viewer, got)
	}
	for _, key := range d.Key {
		if got := db.one("SELECT count(" + key + ") - count(DISTINCT " + key + ") FROM report"); got != "0" {
			t.Errorf("seen by %s, %s values of %s repeat", viewer, got, key)
		}
	}
}

func counts(fields []field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = "count(" + f.Name + ")"
	}
	return strings.Join(list, ", ")
}

// owners are the base rows of a data set, with whose they are. Of orders, the
// viewer must have a part in the chain, or it must end in a sale.
var owners = map[string]string{
	"invoices":           `SELECT buyer_id AS owner FROM invoices`,
	"payments":           `SELECT payer_id AS owner FROM payments`,
	"provisioned_orders": `SELECT arg_min(buyer_id, id) AS owner FROM charges GROUP BY root_id HAVING bool_or(is_final OR buyer_id = @viewer OR seller_id = @viewer)`,
}

// checkScope compares a report's rows per account with those of the base tables;
// whose they are is found from each account upward.
func checkScope(t *testing.T, db database, d dataset, viewer string) {
	t.Helper()
	wrong := db.one(`WITH RECURSIVE up(id, above) AS (
			SELECT id, id FROM accounts UNION ALL SELECT u.id, a.parent_id FROM up u JOIN accounts a ON a.id = u.above WHERE a.parent_id IS NOT NULL
		), want AS (SELECT owner, count(*) AS n FROM (` + strings.ReplaceAll(owners[d.Name], "@viewer", viewer) + `) WHERE owner IN (SELECT id FROM up WHERE above = ` + viewer + `) GROUP BY owner),
		got AS (SELECT ` + d.Tenant + ` AS owner, count(*) AS n FROM report GROUP BY owner)
		SELECT count(*) FROM want FULL JOIN got USING (owner) WHERE want.n IS DISTINCT FROM got.n`)
	if wrong != "0" {
		t.Errorf("seen by %s, %s accounts have other rows than in the base tables", viewer, wrong)
	}
}

// A lottery draws rows; fields take turns.
type lottery struct {
	*rand.Rand
	perReport, drawn int
}

func checkCells(t *testing.T, db database, d dataset, viewer string, lot *lottery) {
	t.Helper()
	rows, _ := strconv.Atoi(db.one("SELECT count(*) FROM report"))
	for range min(lot.perReport, rows*len(d.Fields)) {
		f := d.Fields[lot.drawn%len(d.Fields)]
		lot.drawn++
		row := db.all(fmt.Sprintf("SELECT %s, %s FROM report LIMIT 1 OFFSET %d", rowIDs[d.Name], f.Name, lot.IntN(rows)))[0]
		want := db.one(derive(d.Name, f.Name, viewer, row[0]))
		if row[1] != want {
			t.Errorf("%s of %s seen by %s is %s, want %s", f.Name, row[0], viewer, shown(row[1]), shown(want))
		}
	}
}

// rowIDs are the columns, published or not, that name a row's base row.
var rowIDs = map[string]string{"invoices": "INVOICE_ID", "payments": "payment_id", "provisioned_orders": "root_id"}

func derive(dataset, field, viewer, id string) string {
	switch dataset {
	case "invoices":
		return "SELECT (" + invoiceCells[field] + ") FROM invoices AS i WHERE i.id = '" + id + "'"
	case "payments":
		if sql, ok := paymentCells[field]; ok {
			return "SELECT (" + sql + ") FROM payments AS p WHERE p.id = " + id
		}
		return "SELECT (" + accountCell(strings.TrimPrefix(field, "CUSTOMER_"), "p.payer_id") + ") FROM payments AS p WHERE p.id = " + id
	}
	return deriveOrder(field, viewer, id)
}

var invoiceCells = map[string]string{
	"INVOICE_ID": "i.id", "INVOICE_NUMBER": "i.number", "INVOICE_STATUS": "i.status", "INVOICE_DESCRIPTION": "i.description", "INVOICE_CURRENCY_CODE": "i.currency",
	"INVOICE_CREATED_DATE": "CAST(i.created_at AS DATE)", "INVOICE_DUE_DATE": "i.due_date",
	"INVOICE_CLOSE_DATE":  "SELECT max(CAST(p.created_at AS DATE)) FROM payments p, payment_invoices x WHERE i.status = 'Closed' AND p.id = x.payment_id AND x.invoice_id = i.id",
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

// A reseller without sub-resellers gets no END_CUSTOMER section, and the rest as
// before.
func TestReportTypeReseller(t *testing.T) {
	db := openSeeded(t)
	d := loadDataset(t, "provisioned_orders")
	viewer := db.one("SELECT id FROM accounts WHERE type = 'Reseller' AND level = 3 ORDER BY id LIMIT 1")
	var kept, cut []string
	for _, f := range d.Fields {
		if section, _ := cutSection(f.Name); section == "END_CUSTOMER" {
			cut = append(cut, "count("+f.Name+")")
		} else {
			kept = append(kept, f.Name)
		}
	}
	list := "SELECT " + strings.Join(kept, ", ") + " FROM "
	short, long := "("+d.selectFor(viewer, "RESELLER")+")", "("+d.selectFor(viewer, "PROVIDER")+")"
	if n := db.one("SELECT count(*) FROM (" + list + short + " EXCEPT ALL " + list + long + ")"); n != "0" || db.one("SELECT count(*) FROM "+short) == "0" {
		t.Errorf("%s rows differ outside of END_CUSTOMER", n)
	}
	if n := db.all("SELECT " + strings.Join(cut, ", ") + " FROM " + short)[0]; slices.ContainsFunc(n, func(s string) bool { return s != "0" }) {
		t.Errorf("END_CUSTOMER is not empty: %v", n)
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

func TestTenantTree(t *testing.T) {
	db := openSeeded(t)
	tree := loadDataset(t, "_tenants").body
	want := [][]string{{"customer", "2000"}, {"provider", "1"}, {"reseller", "64"}}
	if got := db.all("SELECT kind, count(*) FROM (" + tree + ") GROUP BY kind ORDER BY kind"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := db.one("SELECT count(*) FROM (" + tree + ") AS t WHERE (parent IS NULL) <> (kind = 'provider') OR currency IS NULL OR name IS NULL OR zone NOT IN (SELECT name FROM pg_timezone_names())"); got != "0" {
		t.Errorf("%s accounts are not whole", got)
	}
}

// The shipped views name fields that exist, under names that CMP clients know.
func TestViews(t *testing.T) {
	for name, columns := range map[string]int{"provisioned_orders": 26, "payments": 20} {
		text, err := os.ReadFile(filepath.Join(datasetFolder, name+".cmp.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var view struct {
			Name, Dataset, Description string
			Columns                    []struct {
				Field, Alias string
				Map          map[string]string
			}
		}
		if err := yaml.UnmarshalWithOptions(text, &view, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if view.Name != "cmp" || view.Dataset != name || len(view.Columns) != columns {
			t.Errorf("view %s of %s has %d columns", view.Name, view.Dataset, len(view.Columns))
		}
		d, aliases := loadDataset(t, name), map[string]bool{}
		for _, c := range view.Columns {
			known := slices.ContainsFunc(d.Fields, func(f field) bool { return f.Name == c.Field })
			if !known || aliases[c.Alias] || !regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z_]*$`).MatchString(c.Alias) {
				t.Errorf("%s: column %+v", name, c)
			}
			aliases[c.Alias] = true
		}
	}
}
