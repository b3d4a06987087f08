package main_test

import (
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"outturn"
	"outturn/internal/source/duckdb/duckdbtest"
)

// Every data set in every format, view and report type, for accounts of every kind:
// the program's files, read by readers that are not the program's, have the rows and
// sums that SQL finds in the tables. That SQL is written apart from the data sets, in
// testdata/matrix; the views that are not built in lie beside it.
func TestMatrix(t *testing.T) {
	base := openBase(t)
	chosen := combinations()
	if os.Getenv("OUTTURN_TEST_FULL") == "" {
		chosen = sample(chosen, 28)
	}
	for _, c := range chosen {
		base.work(t, c.report)
	}
	for _, c := range chosen {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			base.of(t).check(t, c)
		})
	}
}

// check exports, and holds the file against the base tables.
func (base base) check(t *testing.T, c combination) {
	file, manifest := base.export(t, c)
	if err := command(binary(t), "verify", file); err != nil {
		t.Errorf("not sound by its own manifest: %v", err)
	}
	view := base.columns(t, c, manifest.Columns)
	checkManifest(t, c, view, base.viewers[c.viewer], manifest)

	want := base.rows(c.report, view)
	got := base.read(t, c.format, file, view)
	checkRows(t, c, view, got, want)
	if n := int(manifest.Files[0].Rows); n != len(want) {
		t.Errorf("the manifest says %d rows, the base tables have %d", n, len(want))
	}
	checkSums(t, base, c, view, got, manifest)
	if c.dataset == "provisioned_orders" {
		checkSections(t, c, manifest.ReportType, view, got)
	}
}

// checkManifest wants the view's names, and its titles where one differs.
func checkManifest(t *testing.T, c combination, view []viewColumn, viewer account, m outturn.Manifest) {
	t.Helper()
	var names, titles []string
	for _, column := range view {
		names, titles = append(names, column.name()), append(titles, column.title())
	}
	if !slices.Equal(m.Columns, names) || m.Headers != nil && !slices.Equal(m.Headers, titles) || m.Headers == nil && !slices.Equal(names, titles) {
		t.Errorf("the manifest has the columns %q under %q, want %q under %q", m.Columns, m.Headers, names, titles)
	}
	if m.Dataset != c.dataset || m.ReportType != viewer.typed(c.reportType) || m.Tenant != viewer.id {
		t.Errorf("the manifest is of %s for %q as %s", m.Dataset, m.Tenant, m.ReportType)
	}
}

// checkRows compares the cells that the base tables have, row by row: a report has
// no order.
func checkRows(t *testing.T, c combination, view []viewColumn, got, want [][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("the file has %d rows, the base tables %d", len(got), len(want))
	}
	lines := func(rows [][]string) []string {
		var list []string
		for _, row := range rows {
			var cells []string
			for i, column := range view {
				if column.known {
					cells = append(cells, column.inFormat(c.format, row[i]))
				}
			}
			list = append(list, strings.Join(cells, " | "))
		}
		slices.Sort(list)
		return list
	}
	a, b := lines(got), lines(want)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("row %d of %d is\n%q, want\n%q", i+1, len(b), a[i], b[i])
			return
		}
	}
}

// checkSums adds up every additive amount of the file, exactly, and compares the sums
// per currency with those of the base tables, and these with the manifest's.
func checkSums(t *testing.T, base base, c combination, view []viewColumn, got [][]string, m outturn.Manifest) {
	t.Helper()
	sums := map[string]map[string]string{}
	for i, column := range view {
		currency, additive := amounts[column.Field]
		if !additive {
			continue
		}
		want := base.sums(c.report, column, currency)
		sums[column.name()] = want
		at := slices.IndexFunc(view, func(c viewColumn) bool { return c.Field == currency })
		if at < 0 {
			continue // the file does not say what an amount is in
		}
		if sum := addUp(t, got, i, at, column.scale()); !maps.Equal(sum, want) {
			t.Errorf("%s adds up to %v in the file, and %v in the base tables", column.name(), sum, want)
		}
	}
	if !maps.EqualFunc(m.Totals, sums, maps.Equal) {
		t.Errorf("the manifest's totals are %v, those of the base tables %v", m.Totals, sums)
	}
}

// amounts are the amounts that may be added up, each with its currency.
var amounts = map[string]string{
	"INVOICE_NET_TOTAL": "INVOICE_CURRENCY_CODE", "INVOICE_TAX_TOTAL": "INVOICE_CURRENCY_CODE",
	"INVOICE_TOTAL": "INVOICE_CURRENCY_CODE", "INVOICE_CORRECTION": "INVOICE_CURRENCY_CODE",
	"CUSTOMER_PAYMENT_TOTAL": "CUSTOMER_PAYMENT_CURRENCY_ID",

	"RESELLER_DETAIL_DISCOUNT_AMOUNT": "RESELLER_ACCOUNT_CURRENCY", "RESELLER_DETAIL_EXTENDED_PRICE": "RESELLER_ACCOUNT_CURRENCY",
	"RESELLER_DETAIL_TAX_AMOUNT":      "RESELLER_ACCOUNT_CURRENCY",
	"CUSTOMER_DETAIL_DISCOUNT_AMOUNT": "CUSTOMER_ACCOUNT_CURRENCY", "CUSTOMER_DETAIL_EXTENDED_PRICE": "CUSTOMER_ACCOUNT_CURRENCY",
	"CUSTOMER_DETAIL_TAX_AMOUNT":          "CUSTOMER_ACCOUNT_CURRENCY",
	"END_CUSTOMER_DETAIL_DISCOUNT_AMOUNT": "END_CUSTOMER_ACCOUNT_CURRENCY", "END_CUSTOMER_DETAIL_EXTENDED_PRICE": "END_CUSTOMER_ACCOUNT_CURRENCY",
	"END_CUSTOMER_DETAIL_TAX_AMOUNT": "END_CUSTOMER_ACCOUNT_CURRENCY",
}

func addUp(t *testing.T, rows [][]string, amount, currency, scale int) map[string]string {
	t.Helper()
	totals := map[string]*big.Rat{}
	for _, row := range rows {
		if row[amount] == duckdbtest.Null {
			continue
		}
		x, ok := new(big.Rat).SetString(row[amount])
		if !ok {
			t.Fatalf("%q is no amount", row[amount])
		}
		if totals[row[currency]] == nil {
			totals[row[currency]] = new(big.Rat)
		}
		totals[row[currency]].Add(totals[row[currency]], x)
	}
	sums := map[string]string{}
	for code, total := range totals {
		sums[code] = total.FloatString(scale)
	}
	return sums
}

// checkSections wants a section without a charge to be empty in all its columns, and
// the report type RESELLER to have no END_CUSTOMER. Which charge stands where is
// checked with the rows.
func checkSections(t *testing.T, c combination, reportType string, view []viewColumn, rows [][]string) {
	t.Helper()
	for _, section := range []string{"RESELLER_", "CUSTOMER_", "END_CUSTOMER_"} {
		charge := slices.IndexFunc(view, func(c viewColumn) bool { return c.Field == section+"DETAIL_ID" })
		hidden := section == "END_CUSTOMER_" && reportType == "RESELLER"
		for i, column := range view {
			if !strings.HasPrefix(column.Field, section) || charge < 0 && !hidden {
				continue
			}
			for _, row := range rows {
				if row[i] != duckdbtest.Null && (hidden || row[charge] == duckdbtest.Null) {
					t.Fatalf("%s is %q, and its section is empty", column.name(), row[i])
				}
			}
		}
	}
}

// What SQL says of the reports is worth something only if the hard cases are in them.
func TestMatrixHasHardCases(t *testing.T) {
	base := openBase(t)
	tables, orders := map[string]report{}, []string{}
	for _, c := range combinations() {
		tables[c.table()] = c.report
	}
	for table, r := range tables {
		base.work(t, r)
		// A customer sells nothing, so it has no plans.
		if sells := r.viewer != "customer" || !strings.HasPrefix(r.dataset, "service_plan"); (base.one("FROM "+table+" SELECT count(*) > 0") == "true") != sells {
			t.Errorf("%s has rows: %t, want %t", table, !sells, sells)
		}
		if r.dataset == "provisioned_orders" {
			orders = append(orders, "FROM "+table)
		}
	}
	all := "(" + strings.Join(orders, " UNION ALL ") + ")"
	sections := "SELECT string_agg(DISTINCT filled, ' ' ORDER BY filled) FROM (SELECT CASE WHEN RESELLER_DETAIL_ID IS NULL THEN '-' ELSE 'R' END" +
		" || CASE WHEN CUSTOMER_DETAIL_ID IS NULL THEN '-' ELSE 'C' END || CASE WHEN END_CUSTOMER_DETAIL_ID IS NULL THEN '-' ELSE 'E' END AS filled FROM "
	if got, want := base.one(sections+all+")"), "--E -C- -CE R-- R-E RC- RCE"; got != want {
		t.Errorf("sections are filled in the ways %s, want %s", got, want)
	}
	if got := base.one("SELECT count(*) FROM " + all + " WHERE RESELLER_DETAIL_ID = -1 OR CUSTOMER_DETAIL_ID = -1"); got != "0" {
		t.Errorf("by the rule, %s rows lack a charge", got)
	}
	if got := base.one("SELECT max(length(rtrim(replace(CAST(abs(END_CUSTOMER_DETAIL_EXTENDED_PRICE) AS VARCHAR), '.', ''), '0'))) FROM " + all); got < "16" {
		t.Errorf("the longest amount has %s digits, want some with more than 15", got)
	}
}
