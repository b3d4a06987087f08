package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"outturn"
	"outturn/internal/source"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
)

// A table that lies on two other servers, joined by postgres_fdw, is a table: its rows
// are all there once, and what a report leaves out the servers leave out by themselves.
func TestShards(t *testing.T) {
	ctx := t.Context()
	const table = "(id BIGINT NOT NULL, owner TEXT NOT NULL, amount NUMERIC(20,2) NOT NULL, day DATE NOT NULL)"
	head := postgrestest.New(t, "CREATE EXTENSION postgres_fdw; CREATE TABLE sales "+table+" PARTITION BY HASH (id)")
	conn, err := pgx.Connect(ctx, head)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	do := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	var shards []*postgrestest.Server
	for i := range 2 {
		s := postgrestest.OfTest(t)
		if err := s.Exec(ctx, "postgres", "CREATE TABLE sales_part "+table); err != nil {
			t.Fatal(err)
		}
		do(fmt.Sprintf("CREATE SERVER shard_%d FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '%d', dbname 'postgres', fetch_size '10000')", i, s.Port))
		do(fmt.Sprintf("CREATE USER MAPPING FOR CURRENT_USER SERVER shard_%d OPTIONS (user 'postgres', password '%s')", i, postgrestest.Password))
		do(fmt.Sprintf("CREATE FOREIGN TABLE sales_%d PARTITION OF sales FOR VALUES WITH (MODULUS 2, REMAINDER %d) SERVER shard_%d OPTIONS (table_name 'sales_part')", i, i, i))
		shards = append(shards, s)
	}
	do(`INSERT INTO sales SELECT i, 'owner ' || i % 10, i / 4.0, DATE '2026-01-01' + (i % 100)::INT FROM generate_series(1, 20000) AS g(i)`)
	for i, s := range shards {
		if err := s.Exec(ctx, "postgres", "SELECT 1 / (CASE WHEN count(*) BETWEEN 5000 AND 15000 THEN 1 ELSE 0 END) FROM sales_part"); err != nil {
			t.Fatalf("shard %d has not its share: %v", i, err)
		}
	}

	d := &outturn.Dataset{Name: "sales", Version: 1, SQL: "SELECT id, owner, amount, day FROM sales", Tenant: "owner", Key: []string{"id"},
		Period: &outturn.Period{Expr: "day", Kind: outturn.PeriodDate},
		Fields: []outturn.Field{{Name: "id", Type: outturn.Int}, {Name: "owner", Type: outturn.Text}, {Name: "amount", Type: outturn.Decimal, Scale: 2}, {Name: "day", Type: outturn.Date}}}
	window, err := outturn.NewWindow("2026-01-11", "2026-02-10", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	q := source.Query{Dataset: d, View: outturn.Full(d), Tenant: "owner 3", Window: &window, Order: []outturn.Order{{Field: "id"}},
		Where: &outturn.Expr{Op: outturn.OpGE, Field: "amount", Values: []string{"1000.00"}}}
	s := open(t, postgres.Config{URL: head})
	got, err := readAll(ctx, s, q)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := 1; i <= 20_000; i++ {
		if day := i % 100; i%10 == 3 && i >= 4000 && day >= 10 && day < 40 {
			cents := i * 25
			fmt.Fprintf(&want, "[%d owner 3 %d.%02d 2026-%02d-%02d]\n", i, cents/100, cents%100, 1+day/31, 1+day%31)
		}
	}
	if got != want.String() {
		t.Errorf("got %d rows, want %d", strings.Count(got, "\n"), strings.Count(want.String(), "\n"))
	}
	all := q
	all.Tenant, all.Everything, all.Window, all.Where = "", true, nil, nil
	if got, err := readAll(ctx, s, all); err != nil || strings.Count(got, "\n") != 20_000 {
		t.Errorf("all: %d rows, %v", strings.Count(got, "\n"), err)
	}

	stmt, err := source.Compile(ctx, q, s)
	if err != nil {
		t.Fatal(err)
	}
	args := make([]any, len(stmt.Args))
	for i, a := range stmt.Args {
		args[i] = a
	}
	rows, err := conn.Query(ctx, "EXPLAIN (VERBOSE, COSTS OFF) "+stmt.SQL, args...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	remote := 0
	for _, line := range plan {
		if _, sql, ok := strings.Cut(line, "Remote SQL: "); ok {
			remote++
			for _, column := range []string{"owner", "amount", "day"} {
				if _, conditions, _ := strings.Cut(sql, "WHERE"); !strings.Contains(conditions, column) {
					t.Errorf("a shard is not told of %s: %s", column, sql)
				}
			}
		}
	}
	if remote != 2 {
		t.Errorf("%d shards are asked:\n%s", remote, strings.Join(plan, "\n"))
	}
}
