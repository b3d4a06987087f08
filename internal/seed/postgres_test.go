package seed_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"outturn"
	"outturn/internal/seed"
	"outturn/internal/source/postgres/postgrestest"
)

// seededPostgres returns the URL of a database with the rows of the shared DuckDB file.
// It sorts texts as English does, where nobody says otherwise.
func seededPostgres(t testing.TB) string {
	t.Helper()
	server := postgrestest.Shared(t)
	onPostgres.Do(func() {
		onPostgres.url = server.URL("english")
		onPostgres.err = server.Exec(context.Background(), "postgres", "CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
		if onPostgres.err == nil {
			_, onPostgres.err = seed.Run(context.Background(), seed.Config{To: onPostgres.url})
		}
	})
	if onPostgres.err != nil {
		t.Fatal(onPostgres.err)
	}
	return onPostgres.url
}

var onPostgres struct {
	sync.Once
	url string
	err error
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["timezone"] = "UTC"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// ask runs statements and returns the cells of their rows, as text with blanks between.
func ask(t testing.TB, conn *pgx.Conn, sql string) string {
	t.Helper()
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s\nin: %s", err, sql)
	}
	var cells []string
	for _, r := range results {
		for _, row := range r.Rows {
			for _, cell := range row {
				cells = append(cells, string(cell))
			}
		}
	}
	return strings.Join(cells, " ")
}

// Every table has the same rows in the same order as that of the DuckDB file.
func TestPostgresRows(t *testing.T) {
	db, conn := openSeeded(t), connect(t, seededPostgres(t))
	result, _ := seeded()
	for _, table := range result.Tables {
		want := hashOf(func(yield func([]string)) { db.each("SELECT * FROM "+table.Name, yield) })
		got := hashOf(func(yield func([]string)) {
			columns := ask(t, conn, "SELECT string_agg('CAST(' || attname || ' AS TEXT)', ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '"+table.Name+"'::regclass AND attnum > 0")
			rows := conn.PgConn().ExecParams(t.Context(), "SELECT "+columns+" FROM "+table.Name+" ORDER BY ctid", nil, nil, nil, nil)
			var row []string
			for rows.NextRow() {
				row = row[:0]
				for _, cell := range rows.Values() {
					if cell == nil {
						row = append(row, null)
					} else {
						row = append(row, string(cell))
					}
				}
				yield(row)
			}
			if _, err := rows.Close(); err != nil {
				t.Error(err)
			}
		})
		if got != want {
			t.Errorf("%s differs", table.Name)
		}
	}
}

// What the schema says of keys and columns is in the database, which knows how many
// rows there are.
func TestPostgresCatalogue(t *testing.T) {
	conn := connect(t, seededPostgres(t))
	for sql, want := range map[string]string{
		`SELECT obj_description('payment_invoices'::regclass)`:                                             "Which invoices a payment is for. Made by outturn seed.",
		`SELECT col_description('charges'::regclass, 2)`:                                                   "the lowest charge of the chain",
		`SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND connamespace = 'public'::regnamespace`: "19",
		`SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'contacts_pkey'`:              "PRIMARY KEY (account_id, kind)",
		`SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'charges_root_id_fkey'`:       "FOREIGN KEY (root_id) REFERENCES charges(id)",
		`SELECT reltuples, relallvisible = relpages FROM pg_class WHERE relname = 'charges'`:               "100000 t",
	} {
		if got := ask(t, conn, sql); got != want {
			t.Errorf("%s is %q, want %q", sql, got, want)
		}
	}
}

// What was there stays when it is in the way, when nobody asked for it to be replaced,
// and when a run ends before its end; what a run made before is replaced, and no more.
func TestPostgresKeeps(t *testing.T) {
	database := postgrestest.New(t, `CREATE TABLE orders (id INT); INSERT INTO orders VALUES (7);
		CREATE SCHEMA "Odd Name"; SET search_path = "Odd Name"; CREATE TABLE orders (id INT); INSERT INTO orders VALUES (8);
		COMMENT ON TABLE orders IS 'Made by outturn seed.'; CREATE TABLE mine AS SELECT 9 AS id; CREATE VIEW sums AS SELECT sum(id) FROM orders;
		CREATE ROLE poor LOGIN PASSWORD 'poor-canary'`)
	target := database + "&search_path=" + url.PathEscape(`"Odd Name", public`)
	replaced := func(old, new string) string { return strings.Replace(database, old, new, 1) }
	for name, c := range map[string]struct {
		config seed.Config
		code   outturn.Code
		says   string
	}{
		"There":      {seed.Config{To: target}, outturn.CodeInvalid, `"Odd Name" already has orders. Name another database, another schema with ?search_path=NAME, or ask for them to be replaced with --force`},
		"Theirs":     {seed.Config{To: database, Force: true}, outturn.CodeInvalid, `"public" already has orders, not made by outturn seed`},
		"Depends":    {seed.Config{To: target, Force: true}, outturn.CodeConflict, "view sums depends on table orders"},
		"NoSchema":   {seed.Config{To: database + "&search_path=nowhere"}, outturn.CodeInvalid, "search_path is nowhere"},
		"NoRight":    {seed.Config{To: replaced("postgres:"+postgrestest.Password, "poor:poor-canary")}, outturn.CodeInvalid, "not made by outturn seed"},
		"Password":   {seed.Config{To: replaced(postgrestest.Password, "canary")}, outturn.CodeSourceUnavailable, "Check name and password"},
		"NoDatabase": {seed.Config{To: replaced("/test_", "/no_")}, outturn.CodeSourceUnavailable, "Make it first: createdb"},
		"NoServer":   {seed.Config{To: "postgres://u:canary@127.0.0.1:1/x"}, outturn.CodeSourceUnavailable, "whether the server runs"},
		"Address":    {seed.Config{To: "postgres://u:can@ary@127.0.0.1:1/x"}, outturn.CodeInvalid, "as %XX what is neither letter nor digit"},
		"Scheme":     {seed.Config{To: "pg://u:canary@127.0.0.1:1/x"}, outturn.CodeInvalid, "pg://u:***@127.0.0.1:1/x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := seed.Run(t.Context(), c.config)
			if err == nil || outturn.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v (%s), want %s about %q", err, outturn.ErrorCode(err), c.code, c.says)
			}
			if strings.Contains(err.Error(), "ary@") || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v tells the password", err)
			}
		})
	}

	conn := connect(t, target)
	ask(t, conn, "DROP VIEW sums")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := seed.Run(ctx, seed.Config{To: target, Force: true, Progress: func(string, int64) { cancel() }})
	if outturn.ErrorCode(err) != outturn.CodeCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if got := ask(t, conn, "SELECT id FROM orders"); got != "8" {
		t.Errorf("after a cancelled run there is %s", got)
	}
	if _, err := seed.Run(t.Context(), seed.Config{To: target, Force: true}); err != nil {
		t.Error(err)
	}
	if got := ask(t, conn, "SELECT count(*) FROM orders; SELECT id FROM mine; SELECT id FROM public.orders"); got != "73206 9 7" {
		t.Errorf("after a run: %s", got)
	}
}

// A role without rights, and tables that others use, are told from each other.
func TestPostgresRights(t *testing.T) {
	database := postgrestest.New(t, `CREATE TABLE orders (id INT); COMMENT ON TABLE orders IS 'Made by outturn seed.'; CREATE SCHEMA closed;
		CREATE ROLE poorer LOGIN PASSWORD 'poor'; GRANT USAGE ON SCHEMA closed TO poorer`)
	poorer := strings.Replace(database, "postgres:"+postgrestest.Password, "poorer:poor", 1)
	if _, err := seed.Run(t.Context(), seed.Config{To: poorer + "&search_path=closed"}); outturn.ErrorCode(err) != outturn.CodeStorageUnavailable || !strings.Contains(err.Error(), `The role "poorer" may not make the tables`) {
		t.Errorf("without rights: %v", err)
	}
	if os.Getenv("OUTTURN_TEST_FULL") == "" {
		return // what follows waits for ten seconds
	}
	conn := connect(t, database)
	ask(t, conn, "BEGIN; SELECT * FROM orders")
	if _, err := seed.Run(t.Context(), seed.Config{To: database, Force: true}); outturn.ErrorCode(err) != outturn.CodeConflict || !strings.Contains(err.Error(), "in use by somebody else") {
		t.Errorf("in use: %v", err)
	}
}
