package postgres

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/postgres/postgrestest"
)

// A shop of three levels. It is owned by one role and used by another, which must
// go on seeing everything.
const shopSQL = `
CREATE TABLE accounts (id bigint PRIMARY KEY, parent_id bigint REFERENCES accounts, name text NOT NULL);
CREATE TABLE invoices (id int PRIMARY KEY, buyer_id int NOT NULL REFERENCES accounts, number text);
CREATE TABLE invoice_lines (id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoices, buyer text NOT NULL, what text);
CREATE TABLE plans (id int PRIMARY KEY, owner_id bigint REFERENCES accounts, name text);
CREATE TABLE unread (id int);
CREATE VIEW numbers AS SELECT id, number FROM invoices;
INSERT INTO accounts VALUES (1, NULL, 'provider'), (10, 1, 'reseller'), (11, 1, 'other'), (100, 10, 'customer'), (110, 11, 'foreign');
INSERT INTO invoices SELECT i, (ARRAY[1, 10, 11, 100, 110])[1 + i % 5], 'N' || i FROM generate_series(1, 1000) AS i;
INSERT INTO invoice_lines SELECT i.id * 10 + n, i.id, i.buyer_id::text, 'x' FROM invoices AS i, generate_series(1, 3) AS n;
INSERT INTO plans VALUES (1, 1, 'Gold');
ANALYZE;
`

var shopTree = &outturn.TenantTree{SQL: "SELECT id, parent_id AS parent, 'x' AS kind, name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}

func shopSets() []*outturn.Dataset {
	return []*outturn.Dataset{
		{Name: "invoices", SQL: "WITH p AS (SELECT * FROM plans) SELECT i.id, i.number, i.buyer_id AS buyer FROM invoices AS i LEFT JOIN p ON p.owner_id = 1", Tenant: "buyer"},
		{Name: "lines", SQL: "SELECT l.*, n.number FROM invoice_lines AS l JOIN numbers AS n ON n.id = l.invoice_id WHERE @tenant <> ''", Tenant: "buyer"},
	}
}

// through runs a statement by way of the source, told a scope that nothing in the
// statement keeps to: the compiler's condition is taken away.
func through(t *testing.T, url string, scope source.Scope, sql string) (list []string) {
	t.Helper()
	db, err := New(Config{URL: url}).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	stmt := source.Statement{SQL: sql, Columns: []batch.Column{{Name: "x", Type: outturn.Text}}, Scope: scope}
	r, err := db.(*snapshot).start(t.Context(), stmt, true, func() {})
	if err != nil {
		return []string{err.Error()}
	}
	var b batch.Batch
	for {
		if err := r.Next(&b); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			return []string{err.Error()}
		}
		for i := range b.Rows() {
			list = append(list, string(b.Text(0, i)))
		}
	}
}

// query runs a SELECT of one column as whoever url names.
func query(t *testing.T, url, sql string) (list []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		return []string{err.Error()}
	}
	list, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return []string{err.Error()}
	}
	return list
}

func harden(t *testing.T, url string, in HardenInput) *Hardening {
	t.Helper()
	h, err := Harden(t.Context(), url, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(t.Context(), url, h.SQL()); err != nil {
		t.Fatalf("%v\n%s", err, h.SQL())
	}
	return h
}

// roleOf is url as another role.
func roleOf(url, role string) string {
	return strings.Replace(url, "postgres:"+postgrestest.Password, role+":secret", 1)
}

// What stands in the database after a hardening, and that nothing does after it is
// taken back.
const traces = `SELECT 'policy ' || tablename || ' ' || policyname || ' ' || qual FROM pg_policies
UNION ALL SELECT 'secured ' || relname FROM pg_class WHERE relrowsecurity
UNION ALL SELECT 'function ' || p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE nspname LIKE 'outturn%'
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 'outturn%'
UNION ALL SELECT 'right ' || relname || ' ' || privilege_type FROM pg_class, aclexplode(relacl) WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname LIKE 'shop_reader%')
UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE 'shop_reader%'
ORDER BY 1`

func TestHarden(t *testing.T) {
	url := postgrestest.New(t, shopSQL)
	app := "app_of_" + url[strings.LastIndexByte(url, '/')+1:strings.IndexByte(url, '?')]
	if err := Apply(t.Context(), url, "CREATE ROLE "+app+" LOGIN PASSWORD 'secret'; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO "+app); err != nil {
		t.Fatal(err)
	}
	verifier, err := Verifier("secret")
	if err != nil {
		t.Fatal(err)
	}
	in := HardenInput{Datasets: shopSets(), Tree: shopTree, Role: "shop_reader", Verifier: verifier, Timeout: time.Hour}
	h := harden(t, url, in)
	first := query(t, url, traces)
	got := map[string]string{}
	for _, g := range h.Tables {
		got[g.Table] = g.Column
	}
	if want := map[string]string{"accounts": "id", "invoices": "buyer_id", "invoice_lines": "buyer", "plans": "", "numbers": ""}; !equal(got, want) {
		t.Errorf("tables and columns: got %v, want %v", got, want)
	}

	reader, user := roleOf(url, "shop_reader"), roleOf(url, app)
	const invoices = "SELECT DISTINCT buyer_id::text FROM invoices ORDER BY 1"
	const lines = "SELECT DISTINCT buyer FROM invoice_lines ORDER BY 1"
	const accounts = "SELECT id::text FROM accounts ORDER BY 1"
	all, below := "1 10 100 11 110", "10 100"
	for _, c := range []struct {
		who, url string
		scope    *source.Scope
		sql      string
		want     string
	}{
		{"the owner, to whom foreign rows appear", url, &source.Scope{Account: "10"}, invoices, all},
		{"the role", reader, &source.Scope{Account: "10"}, invoices, below},
		{"the role over ids as text", reader, &source.Scope{Account: "10"}, lines, below},
		{"the role over the accounts", reader, &source.Scope{Account: "10"}, accounts, below},
		{"the role at a leaf", reader, &source.Scope{Account: "110"}, invoices, "110"},
		{"the role at the top", reader, &source.Scope{Account: "1"}, invoices, all},
		{"the role, everything", reader, &source.Scope{Everything: true}, lines, all},
		{"the role, nobody", reader, &source.Scope{}, lines, ""},
		{"the role, nothing said", reader, nil, accounts, ""},
		{"the role, an account that is none", reader, &source.Scope{Account: "10' OR true --"}, invoices, ""},
		{"the role, a table without policy", reader, &source.Scope{Account: "110"}, "SELECT name FROM plans", "Gold"},
		{"the role, a table that no data set reads", reader, &source.Scope{Everything: true}, "SELECT id::text FROM unread", "The user of the source lacks a right that the operator must grant: permission denied for table unread."},
		{"the role writes", reader, nil, "INSERT INTO invoices VALUES (0, 1, '') RETURNING number", "ERROR: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)"},
		{"the operator's application", user, nil, invoices, all},
		{"the application writes", user, nil, "INSERT INTO invoices VALUES (0, 11, '') RETURNING number", ""},
	} {
		got := ""
		if c.scope != nil {
			got = strings.Join(through(t, c.url, *c.scope, c.sql), " ")
		} else {
			got = strings.Join(query(t, c.url, c.sql), " ")
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.who, got, c.want)
		}
	}

	// Once for the statement, not for each row.
	plan := strings.Join(through(t, reader, source.Scope{Account: "10"}, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT number FROM invoices"), "\n")
	if !strings.Contains(plan, "hashed SubPlan") || !strings.Contains(plan, "rows=2 loops=1") && !strings.Contains(plan, "rows=2.00 loops=1") {
		t.Errorf("the scope is not read once:\n%s", plan)
	}

	harden(t, url, in)
	if again := query(t, url, traces); !slices.Equal(again, first) {
		t.Errorf("a second run changed\n%s\nto\n%s", strings.Join(first, "\n"), strings.Join(again, "\n"))
	}
	if strings.Contains(h.SQL(), "secret") {
		t.Error("the script tells the password")
	}
	in.Columns = map[string]string{"invoices": "none", "plans": "owner_id"}
	harden(t, url, in)
	if got := strings.Join(through(t, reader, source.Scope{Account: "10"}, invoices), " "); got != all {
		t.Errorf("without a policy: got %q", got)
	}
	if got := through(t, reader, source.Scope{Account: "10"}, "SELECT name FROM plans"); len(got) != 0 {
		t.Errorf("a policy by --table: got %q", got)
	}
	h, err = Harden(t.Context(), url, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(t.Context(), url, h.UndoSQL()); err != nil {
		t.Fatalf("%v\n%s", err, h.UndoSQL())
	}
	if left := query(t, url, traces); len(left) > 0 {
		t.Errorf("left after undo:\n%s", strings.Join(left, "\n"))
	}
}

func equal(a, b map[string]string) bool {
	for k := range a {
		if v, ok := b[k]; !ok || v != a[k] {
			return false
		}
	}
	return len(a) == len(b)
}

// What no policy can be written for is said, and what would change for others is left.
func TestHardenRefuses(t *testing.T) {
	for i, c := range []struct {
		name, sql string
		change    func(*HardenInput)
		fault     string // of Harden
		table     string // else what is said of it
		why       string
	}{
		{name: "a role above all", change: func(in *HardenInput) { in.Role = "postgres" }, fault: "does not hold for the role postgres"},
		{name: "an unknown table", change: func(in *HardenInput) { in.Columns = map[string]string{"invoice": "x"} }, fault: "Did you mean invoices?"},
		{name: "an unknown column", change: func(in *HardenInput) { in.Columns = map[string]string{"plans": "owner"} }, fault: "Did you mean owner_id?"},
		{name: "policies that sleep", sql: "CREATE POLICY mine ON invoices USING (false)", table: "invoices", why: "switched on for everybody"},
		{name: "forced", sql: "ALTER TABLE invoices FORCE ROW LEVEL SECURITY", table: "invoices", why: "FORCE"},
		{name: "a view of its owner", table: "numbers", why: "rights of its owner"},
		{name: "a tenant worked out", change: func(in *HardenInput) { in.Datasets[0].Tenant = "buyer + 0" }, table: "invoices", why: "--table invoices=buyer_id"},
		{name: "links only", table: "plans", why: "--table plans=owner_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := postgrestest.New(t, shopSQL+c.sql)
			in := HardenInput{Datasets: shopSets(), Tree: shopTree, Role: "shop_reader_" + strconv.Itoa(i)}
			if c.change != nil {
				c.change(&in)
			}
			h, err := Harden(t.Context(), url, in)
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Fatalf("got %v, want %q", err, c.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range h.Tables {
				if g.Table == c.table && (g.Column != "" || !strings.Contains(g.Why, c.why)) {
					t.Errorf("%+v, want %q", g, c.why)
				}
			}
			if !slices.ContainsFunc(h.Tables, func(g Guarded) bool { return g.Table == c.table }) {
				t.Errorf("nothing is said of %s", c.table)
			}
		})
	}
}

// Policies of the operator's own stay the law for all others, and for the role.
func TestHardenBesidePolicies(t *testing.T) {
	url := postgrestest.New(t, shopSQL+`ALTER TABLE invoices ENABLE ROW LEVEL SECURITY; CREATE ROLE beside_app LOGIN PASSWORD 'secret';
GRANT SELECT ON invoices TO beside_app; CREATE POLICY app ON invoices TO beside_app USING (buyer_id = 11);`)
	verifier, err := Verifier("secret")
	if err != nil {
		t.Fatal(err)
	}
	harden(t, url, HardenInput{Datasets: shopSets(), Tree: shopTree, Role: "beside_reader", Verifier: verifier})
	const sql = "SELECT DISTINCT buyer_id::text FROM invoices ORDER BY 1"
	if got := strings.Join(query(t, roleOf(url, "beside_app"), sql), " "); got != "11" {
		t.Errorf("the application sees %q", got)
	}
	if got := strings.Join(through(t, roleOf(url, "beside_reader"), source.Scope{Account: "10"}, sql), " "); got != "10 100" {
		t.Errorf("the role sees %q", got)
	}
	h, err := Harden(t.Context(), url, HardenInput{Datasets: shopSets(), Tree: shopTree, Role: "beside_reader"})
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(t.Context(), url, h.UndoSQL()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(query(t, roleOf(url, "beside_app"), sql), " "); got != "11" {
		t.Errorf("after undo the application sees %q", got)
	}
}

// A data set that shows something of the account above says so when it is compared;
// with that table left open nothing differs.
func TestCompare(t *testing.T) {
	url := postgrestest.New(t, shopSQL)
	vendors := &outturn.Dataset{
		Name: "vendors", SQL: "SELECT i.id, v.name AS vendor, i.buyer_id AS buyer FROM invoices AS i JOIN accounts AS a ON a.id = i.buyer_id LEFT JOIN accounts AS v ON v.id = a.parent_id", Tenant: "buyer",
		Fields: []outturn.Field{{Name: "id", Type: outturn.Int}, {Name: "vendor", Type: outturn.Text}},
	}
	in := HardenInput{Datasets: []*outturn.Dataset{vendors}, Tree: shopTree, Role: "compare_reader"}
	for _, same := range []bool{false, true} {
		if same {
			in.Columns = map[string]string{"accounts": "none"}
		}
		h := harden(t, url, in)
		list, err := Compare(t.Context(), url, in)
		if err != nil || len(list) == 0 {
			t.Fatal(list, err)
		}
		for _, c := range list {
			if c.Same != same || c.Rows == 0 || c.Fault != "" {
				t.Errorf("%+v, want same %v", c, same)
			}
		}
		if err := Differences(list, h); (err == nil) != same {
			t.Errorf("%v, want same %v", err, same)
		}
	}
}

// What a role may do shows.
func TestCheckAccess(t *testing.T) {
	url := postgrestest.New(t, shopSQL)
	verifier, err := Verifier("secret")
	if err != nil {
		t.Fatal(err)
	}
	harden(t, url, HardenInput{Datasets: shopSets(), Tree: shopTree, Role: "check_reader", Verifier: verifier, Timeout: time.Minute})
	for _, c := range []struct{ url, check, want string }{
		{url, "role", "a superuser"},
		{url, "tables", "writes 6"},
		{url, "row-level security", "holds for it on 0 tables"},
		{roleOf(url, "check_reader"), "role", "an ordinary one"},
		{roleOf(url, "check_reader"), "read-only", "yes"},
		{roleOf(url, "check_reader"), "tables", "reads 5 of 6 tables and views, writes 0"},
		{roleOf(url, "check_reader"), "row-level security", "holds for it on 3 tables"},
		{roleOf(url, "check_reader"), "statement timeout", "1min"},
		{roleOf(url, "check_reader"), "replica", "no"},
	} {
		list, err := CheckAccess(t.Context(), c.url)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(f Finding) bool { return f.Check == c.check })
		if i < 0 || !strings.Contains(list[i].Detail, c.want) {
			t.Errorf("%s: got %+v, want %q", c.check, list, c.want)
		}
	}
	if _, err := CheckAccess(t.Context(), strings.Replace(roleOf(url, "check_reader"), "secret", "wrong", 1)); outturn.ErrorCode(err) != outturn.CodeSourceRefused || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password: %v", err)
	}
}
