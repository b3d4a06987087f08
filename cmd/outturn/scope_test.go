package main_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"outturn/internal/source/duckdb/duckdbtest"
)

// below is every account with itself and all accounts above it, found by joining
// upwards level by level: another way than the one under test, which walks down.
const below = `
	SELECT a.id, x.above FROM accounts AS a
	LEFT JOIN accounts AS p1 ON p1.id = a.parent_id LEFT JOIN accounts AS p2 ON p2.id = p1.parent_id
	LEFT JOIN accounts AS p3 ON p3.id = p2.parent_id LEFT JOIN accounts AS p4 ON p4.id = p3.parent_id
	CROSS JOIN LATERAL (SELECT unnest([a.id, p1.id, p2.id, p3.id, p4.id]) AS above) AS x
	WHERE x.above IS NOT NULL`

// viewers picks an account of every kind and level that has something to see.
func viewers(db *duckdbtest.DB) [][]string {
	return db.Rows(`
		SELECT type || ' of level ' || level, CAST(arg_max(id, seen) AS VARCHAR) FROM (
			SELECT a.type, a.level, a.id, count(*) AS seen FROM accounts AS a JOIN (` + below + `) AS b ON b.above = a.id
			JOIN payments AS p ON p.payer_id = b.id GROUP BY ALL)
		GROUP BY type, level ORDER BY 1`)
}

// column exports a data set and returns one column's non-empty values, in order.
func column(t *testing.T, source, name string, args ...string) []string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.csv")
	args = append([]string{"export"}, args...)
	args = append(args, "--source", "duckdb:"+source, "--out", out)
	if said, err := exec.Command(binary(t), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, said)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(header, name)
	var values []string
	for {
		record, err := r.Read()
		if err == io.EOF {
			slices.Sort(values)
			return values
		}
		if err != nil {
			t.Fatal(err)
		}
		if record[at] != "" {
			values = append(values, strings.Clone(record[at]))
		}
	}
}

// A reseller of each level sees exactly its subtree, a customer itself, the
// provider everything; and so does the window cut exactly.
func TestScope(t *testing.T) {
	data := seed(t)
	type report struct {
		dataset, column, sql string
		window               []string
	}
	reports := []report{
		{"payments", "CUSTOMER_PAYMENT_DOCUMENT_NUMBER", `SELECT number FROM payments WHERE payer_id IN (SELECT id FROM (` + below + `) WHERE above = %s)`, nil},
		{"invoices", "INVOICE_ID", `SELECT id FROM invoices WHERE buyer_id IN (SELECT id FROM (` + below + `) WHERE above = %s)`, nil},
		{"invoices", "INVOICE_ID", `SELECT id FROM invoices WHERE buyer_id IN (SELECT id FROM (` + below + `) WHERE above = %s) AND invoice_date BETWEEN '2026-03-01' AND '2026-03-31'`,
			[]string{"--from", "2026-03-01", "--to", "2026-04-01", "--zone", "Asia/Kathmandu"}},
		{"provisioned_orders", "END_CUSTOMER_DETAIL_ID", `SELECT CAST(id AS VARCHAR) FROM charges WHERE is_final AND buyer_id IN (SELECT id FROM (` + below + `) WHERE above = %s)`,
			[]string{"--report-type", "PROVIDER"}},
		{"provisioned_orders", "END_CUSTOMER_DETAIL_ID", `SELECT CAST(id AS VARCHAR) FROM charges WHERE is_final AND buyer_id IN (SELECT id FROM (` + below + `) WHERE above = %s)
			AND created_at >= '2026-09-30 22:00:00+00' AND created_at < '2026-10-31 23:00:00+00'`,
			[]string{"--report-type", "PROVIDER", "--from", "2026-10-01", "--to", "2026-11-01", "--zone", "Europe/Berlin"}},
		{"subscriptions", "SUBSCRIPTION_ID", `SELECT CAST(id AS VARCHAR) FROM subscriptions WHERE account_id IN (SELECT id FROM (` + below + `) WHERE above = %s)
			AND created_at >= '2026-02-28 11:00:00+00' AND created_at < '2026-03-31 11:00:00+00'`,
			[]string{"--from", "2026-03-01", "--to", "2026-04-01", "--zone", "Pacific/Tongatapu"}},
		{"subscription_resources", "SUBSCRIPTION_RESOURCE_RATE_ID", `SELECT CAST(rate_id AS VARCHAR) FROM subscription_resources AS r JOIN subscriptions AS s ON s.id = r.subscription_id
			WHERE s.account_id IN (SELECT id FROM (` + below + `) WHERE above = %s)`, nil},
		{"service_plans", "PLAN_ID", `SELECT CAST(id AS VARCHAR) FROM plans WHERE owner_id IN (SELECT id FROM (` + below + `) WHERE above = %s)`, nil},
		{"service_plan_resource_rates", "PLAN_RR_ID", `SELECT CAST(r.id AS VARCHAR) FROM plan_rates AS r JOIN plans AS p ON p.id = r.plan_id WHERE p.owner_id IN (SELECT id FROM (` + below + `) WHERE above = %s)`, nil},
		{"accounts", "ACCOUNT_ID", `SELECT CAST(id AS VARCHAR) FROM (` + below + `) WHERE above = %s`, nil},
		{"service_users", "SU_USER_ID", `SELECT CAST(id AS VARCHAR) FROM service_users WHERE account_id IN (SELECT id FROM (` + below + `) WHERE above = %s)`, nil},
	}
	db, closeDB := duckdbtest.Open(t, data)
	accounts := viewers(db)
	want := map[string][]string{}
	for i, r := range reports {
		for _, a := range accounts {
			var values []string
			for _, row := range db.Rows(fmt.Sprintf(r.sql, a[1])) {
				values = append(values, row[0])
			}
			slices.Sort(values)
			want[fmt.Sprint(i, a[1])] = values
		}
	}
	closeDB()
	if len(accounts) < 5 {
		t.Fatalf("only %d kinds of accounts have payments: %v", len(accounts), accounts)
	}
	for i, r := range reports {
		for _, a := range accounts {
			t.Run(fmt.Sprintf("%s/%s/%d", r.dataset, a[0], i), func(t *testing.T) {
				got := column(t, data, r.column, append([]string{r.dataset, "--tenant", a[1]}, r.window...)...)
				if want := want[fmt.Sprint(i, a[1])]; !slices.Equal(got, want) {
					t.Errorf("account %s sees %d rows, want %d", a[1], len(got), len(want))
				}
			})
		}
	}
	t.Run("OperatorSeesAll", func(t *testing.T) {
		db, closeDB := duckdbtest.Open(t, data)
		all := db.Rows(`SELECT CAST(count(*) AS VARCHAR) FROM payments`)[0][0]
		closeDB()
		if got := column(t, data, "CUSTOMER_PAYMENT_DOCUMENT_NUMBER", "payments"); fmt.Sprint(len(got)) != all {
			t.Errorf("got %d payments, want %s", len(got), all)
		}
	})
}

// A customer that was added a moment ago is in the reseller's next file.
func TestScopeOfANewCustomer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "copy.duckdb")
	copyFile(t, seed(t), data)
	db, closeDB := duckdbtest.Open(t, data)
	reseller := db.Rows(`SELECT CAST(min(parent_id) AS VARCHAR) FROM accounts WHERE type = 'Customer' AND level = 3`)[0][0]
	other := db.Rows(`SELECT CAST(min(id) AS VARCHAR) FROM accounts WHERE type = 'Reseller' AND level = 1 AND id NOT IN (SELECT above FROM (` + below + `) WHERE id = ` + reseller + `)`)[0][0]
	closeDB()
	before := column(t, data, "CUSTOMER_ACCOUNT_ID", "payments", "--tenant", reseller)
	if slices.Contains(before, "987654321") {
		t.Fatal("the customer is there before it was added")
	}
	db, closeDB = duckdbtest.Open(t, data)
	db.Exec(
		`INSERT INTO accounts SELECT * REPLACE (987654321 AS id, `+reseller+` AS parent_id, 'Brand new' AS name) FROM accounts WHERE type = 'Customer' ORDER BY id LIMIT 1`,
		`INSERT INTO payments SELECT * REPLACE (987654321 AS id, 'NEW-1' AS number, 987654321 AS payer_id, `+reseller+` AS payee_id) FROM payments ORDER BY id LIMIT 1`)
	closeDB()
	after := column(t, data, "CUSTOMER_ACCOUNT_ID", "payments", "--tenant", reseller)
	if len(after) != len(before)+1 || !slices.Contains(after, "987654321") {
		t.Errorf("the reseller sees %d payments, had %d; the new customer's is there: %v", len(after), len(before), slices.Contains(after, "987654321"))
	}
	if slices.Contains(column(t, data, "CUSTOMER_ACCOUNT_ID", "payments", "--tenant", other), "987654321") {
		t.Errorf("reseller %s sees the new customer of %s", other, reseller)
	}
	if got := column(t, data, "CUSTOMER_ACCOUNT_ID", "payments", "--tenant", "987654321"); len(got) != 1 {
		t.Errorf("the new customer sees %d payments, want its one", len(got))
	}
}

// A value that does not fit is named to the account whose it is and to operators.
// Another account's report does not stumble over it, nor tells what it holds, even
// where it cannot be made.
func TestScopeOfComplaints(t *testing.T) {
	folder := t.TempDir()
	const fields = `
key: [ID]
tenant: OWNER
period: {expr: WHEN_, kind: date}
fields:
  - {name: ID, type: text}
  - {name: OWNER, type: text}
  - {name: WHEN_, type: date}
`
	for name, text := range map[string]string{
		"data/accounts.csv": "id,parent\nroot,\na,root\nb,root\n",
		"data/sales.csv":    "ID,OWNER,AMOUNT,WHEN_\n1,a,10,2026-09-01\n2,a,9,2026-09-02\nKEY-OF-B,b,SECRET-AMOUNT,SECRET-DATE\n4,a,8,2026-10-01\n",
		"sets/_tenants.sql": "/*\nversion: 1\nsource: s\ndescription: d\n*/\nSELECT id, parent, 'reseller' AS kind, id AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts\n",
		"sets/sales.sql":    "/*\nversion: 1\nsource: s\ndescription: d" + fields + "  - {name: AMOUNT, type: decimal, scale: 2}\n*/\nSELECT * FROM sales\n",
		"sets/casts.sql":    "/*\nversion: 1\nsource: s\ndescription: d" + fields + "  - {name: AMOUNT, type: float}\n*/\nSELECT ID, OWNER, WHEN_, CAST(AMOUNT AS DOUBLE) AS AMOUNT FROM sales\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	export := func(args ...string) (said string, ok bool) {
		args = append([]string{"export"}, args...)
		cmd := exec.Command(binary(t), append(args, "--datasets", "sets", "--source", "folder:data", "--columns", "ID", "--format", "csv")...)
		cmd.Dir = folder
		out, err := cmd.CombinedOutput()
		return string(out), err == nil
	}
	for _, test := range []struct {
		name, rows, complaint string
		args                  []string
	}{
		{"filter", "1\r\n2\r\n", "Field AMOUNT holds 'SECRET-AMOUNT'", []string{"sales", "--filter", "AMOUNT gt 8.5"}},
		{"window", "1\r\n2\r\n", "Field WHEN_ holds 'SECRET-DATE'", []string{"sales", "--from", "2026-09-01", "--to", "2026-10-01"}},
		{"order", "4\r\n2\r\n1\r\n", "Field AMOUNT holds 'SECRET-AMOUNT'", []string{"sales", "--order", "AMOUNT"}},
		{"cast of the author's", "", "SECRET-AMOUNT", []string{"casts", "--filter", "AMOUNT gt 8.5"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			said, ok := export(append(test.args, "--tenant", "a")...)
			if strings.Contains(said, "SECRET") || strings.Contains(said, "OF-B") || ok != (test.rows != "") || !strings.Contains(said, test.rows) {
				t.Errorf("a is told:\n%s", said)
			}
			if !ok && !strings.Contains(said, "without a tenant") {
				t.Errorf("a is not told where to look:\n%s", said)
			}
			said, ok = export(test.args...)
			if ok || !strings.Contains(said, test.complaint) {
				t.Errorf("an operator is told:\n%s", said)
			}
			if test.rows == "" {
				return
			}
			if said, ok = export(append(test.args, "--tenant", "b")...); ok || !strings.Contains(said, test.complaint) || !strings.Contains(said, "in the row ID KEY-OF-B.") {
				t.Errorf("b is told:\n%s", said)
			}
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
