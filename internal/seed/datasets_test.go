package seed_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	Additive, ID                            bool
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
	return d.selectIn(zone, viewer, reportType)
}

func (d dataset) selectIn(zone, viewer, reportType string) string {
	return `WITH RECURSIVE subtree(id) AS (
		SELECT id FROM accounts WHERE id = ` + viewer + `
		UNION SELECT a.id FROM accounts AS a JOIN subtree AS s ON a.parent_id = s.id
	) SELECT * FROM (` + d.bodyFor(zone, viewer, reportType) + ") AS d WHERE (" + d.Tenant + ") IN (SELECT id FROM accounts WHERE id IN (SELECT id FROM subtree))"
}

// bodyFor returns the data set's own SELECT with its variables.
func (d dataset) bodyFor(zone, viewer, reportType string) string {
	values := map[string]string{"@tenant": viewer, "@report_type": reportType, "@zone": zone}
	return variable.ReplaceAllStringFunc(d.body, func(name string) string { return "CAST('" + values[name] + "' AS VARCHAR)" })
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

var datasets = []string{
	"accounts", "invoices", "payments", "provisioned_orders", "service_plan_resource_rates", "service_plans", "service_users",
	"subscription_resources", "subscriptions",
}

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
	count := map[string]int{
		"accounts": 55, "invoices": 16, "payments": 33, "provisioned_orders": 3*51 + 9, "service_plan_resource_rates": 25, "service_plans": 21,
		"service_users": 15, "subscription_resources": 25, "subscriptions": 26,
	}
	for _, name := range datasets {
		d := loadDataset(t, name)
		types := map[string]string{}
		db.exec("CREATE TEMP TABLE described AS " + d.selectFor("1", "PROVIDER") + " LIMIT 0")
		for _, row := range db.all("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'described'") {
			types[strings.ToLower(row[0])] = row[1]
		}
		db.exec("DROP TABLE described")
		if len(d.Fields) != count[name] {
			t.Errorf("%s has %d fields, want %d", name, len(d.Fields), count[name])
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
// are unique, nobody sees a row that is not theirs, amounts add up to what the base
// tables have, codes and words are the published ones, and every cell is the same
// when it is worked out from the base tables another way round.
func TestDatasetRows(t *testing.T) {
	db := openSeeded(t)
	db.exec(`CREATE TEMP TABLE up AS WITH RECURSIVE up(id, above) AS (
		SELECT id, id FROM accounts UNION ALL SELECT u.id, a.parent_id FROM up u JOIN accounts a ON a.id = u.above WHERE a.parent_id IS NOT NULL
	) FROM up`)
	seen := viewers(db)
	for _, name := range datasets {
		t.Run(name, func(t *testing.T) {
			d := loadDataset(t, name)
			whole := name != "provisioned_orders" // see TestOrderCells
			if whole {
				makeWant(db, d)
			}
			used := map[string]bool{}
			for _, viewer := range seen {
				db.exec("CREATE OR REPLACE TEMP TABLE report AS " + d.selectFor(viewer, "PROVIDER"))
				for i, n := range db.all("SELECT " + counts(d.Fields) + " FROM report")[0] {
					used[d.Fields[i].Name] = used[d.Fields[i].Name] || n != "0"
				}
				checkKeys(t, db, d, viewer)
				checkScope(t, db, d, viewer)
				checkSums(t, db, d, viewer)
				checkValues(t, db, d, viewer)
				if whole {
					checkCells(t, db, d, viewer)
				}
			}
			for _, f := range d.Fields {
				if !used[f.Name] {
					t.Errorf("%s is always empty", f.Name)
				}
			}
		})
	}
}

// checkKeys finds keys, and charges, that occur twice in the report.
func checkKeys(t *testing.T, db database, d dataset, viewer string) {
	t.Helper()
	if got := db.one("SELECT count(*) FROM (SELECT 1 FROM report GROUP BY " + strings.Join(d.Key, ", ") + " HAVING count(*) > 1)"); got != "0" {
		t.Errorf("seen by %s, %s keys repeat", viewer, got)
	}
	if d.Name != "provisioned_orders" {
		return
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
	"accounts":                    `SELECT id AS owner FROM accounts`,
	"invoices":                    `SELECT buyer_id AS owner FROM invoices`,
	"payments":                    `SELECT payer_id AS owner FROM payments`,
	"provisioned_orders":          `SELECT arg_min(buyer_id, id) AS owner FROM charges GROUP BY root_id HAVING bool_or(is_final OR buyer_id = @viewer OR seller_id = @viewer)`,
	"service_plan_resource_rates": `SELECT p.owner_id AS owner FROM plan_rates AS r, plans AS p WHERE p.id = r.plan_id`,
	"service_plans":               `SELECT owner_id AS owner FROM plans`,
	"service_users":               `SELECT account_id AS owner FROM service_users`,
	"subscription_resources":      `SELECT s.account_id AS owner FROM subscription_resources AS r, subscriptions AS s WHERE s.id = r.subscription_id`,
	"subscriptions":               `SELECT account_id AS owner FROM subscriptions`,
}

// mine are the accounts a viewer may see, found from each account upward.
func mine(viewer string) string { return "(SELECT id FROM up WHERE above = " + viewer + ")" }

// checkScope compares a report's rows per account with those of the base tables.
func checkScope(t *testing.T, db database, d dataset, viewer string) {
	t.Helper()
	wrong := db.one(`WITH want AS (SELECT owner, count(*) AS n FROM (` + strings.ReplaceAll(owners[d.Name], "@viewer", viewer) + `) WHERE owner IN ` + mine(viewer) + ` GROUP BY owner),
		got AS (SELECT ` + d.Tenant + ` AS owner, count(*) AS n FROM report GROUP BY owner)
		SELECT count(*) FROM want FULL JOIN got USING (owner) WHERE want.n IS DISTINCT FROM got.n`)
	if wrong != "0" {
		t.Errorf("seen by %s, %s accounts have other rows than in the base tables", viewer, wrong)
	}
}

// sums are SELECTs of currency and amount from the base tables that add up to what
// an additive field does; @mine are the accounts that the viewer may see.
var sums = map[string]string{
	"INVOICE_NET_TOTAL":      `SELECT c.currency, c.extended_price - CASE WHEN c.tax_inclusive THEN c.tax_amount ELSE 0 END FROM charges AS c WHERE c.invoice_id IS NOT NULL AND c.buyer_id IN @mine`,
	"INVOICE_TAX_TOTAL":      `SELECT i.currency, x.amount FROM invoice_taxes AS x, invoices AS i WHERE i.id = x.invoice_id AND i.buyer_id IN @mine`,
	"INVOICE_TOTAL":          `SELECT c.currency, c.extended_price + CASE WHEN c.tax_inclusive THEN 0 ELSE c.tax_amount END FROM charges AS c WHERE c.invoice_id IS NOT NULL AND c.buyer_id IN @mine`,
	"INVOICE_CORRECTION":     `SELECT c.currency, c.extended_price FROM charges AS c WHERE c.invoice_id IS NOT NULL AND c.buyer_id IN @mine`,
	"CUSTOMER_PAYMENT_TOTAL": `SELECT p.currency, x.amount FROM payment_invoices AS x, payments AS p WHERE p.id = x.payment_id AND p.payer_id IN @mine`,

	"RESELLER_DETAIL_DISCOUNT_AMOUNT":     `SELECT currency, quantity * unit_price - extended_price FROM charges WHERE buyer_id = @viewer`,
	"RESELLER_DETAIL_EXTENDED_PRICE":      `SELECT currency, extended_price FROM charges WHERE buyer_id = @viewer`,
	"RESELLER_DETAIL_TAX_AMOUNT":          `SELECT currency, tax_amount FROM charges WHERE buyer_id = @viewer`,
	"CUSTOMER_DETAIL_DISCOUNT_AMOUNT":     `SELECT currency, quantity * unit_price - extended_price FROM charges WHERE seller_id = @viewer`,
	"CUSTOMER_DETAIL_EXTENDED_PRICE":      `SELECT currency, extended_price FROM charges WHERE seller_id = @viewer`,
	"CUSTOMER_DETAIL_TAX_AMOUNT":          `SELECT currency, tax_amount FROM charges WHERE seller_id = @viewer`,
	"END_CUSTOMER_DETAIL_DISCOUNT_AMOUNT": `SELECT currency, quantity * unit_price - extended_price FROM charges WHERE is_final AND buyer_id IN @mine`,
	"END_CUSTOMER_DETAIL_EXTENDED_PRICE":  `SELECT currency, extended_price FROM charges WHERE is_final AND buyer_id IN @mine`,
	"END_CUSTOMER_DETAIL_TAX_AMOUNT":      `SELECT currency, tax_amount FROM charges WHERE is_final AND buyer_id IN @mine`,
}

// checkSums compares the totals per currency of a report's additive fields with
// those of the base tables.
func checkSums(t *testing.T, db database, d dataset, viewer string) {
	t.Helper()
	for _, f := range d.Fields {
		if !f.Additive {
			continue
		}
		sql := strings.NewReplacer("@mine", mine(viewer), "@viewer", viewer).Replace(sums[f.Name])
		want := db.all("SELECT currency, CAST(sum(amount) AS DECIMAL(38,8)) FROM (" + sql + ") AS x(currency, amount) GROUP BY currency ORDER BY currency")
		got := db.all("SELECT " + f.Currency + ", sum(" + f.Name + ") FROM report WHERE " + f.Currency + " IS NOT NULL GROUP BY ALL ORDER BY ALL")
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("seen by %s, %s adds up to %v, want %v", viewer, f.Name, got, want)
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
			Name, Dataset, Title, Description string
			Columns                           []struct {
				Field, Alias string
				Map          map[string]string
			}
		}
		if err := yaml.UnmarshalWithOptions(text, &view, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if view.Name != "cmp" || view.Title != "CMP API" || view.Dataset != name || len(view.Columns) != columns {
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
