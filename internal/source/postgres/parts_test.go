package postgres_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
	"outturn/internal/source/sourcetest"
)

// many has 100,000 rows whose keys have gaps and are not the order of the rows in the
// table; one has none.
const many = `
CREATE TABLE many (id BIGINT, owner INT, words TEXT, amount NUMERIC(20,8), weight REAL, wall TIMESTAMP DEFAULT '2026-01-15 12:00');
INSERT INTO many SELECT CASE WHEN i <> 9973 THEN ((i::BIGINT * 48271) % 100003) * 3 END, i % 7, repeat('x', i % 50) || i, i / 7.0 FROM generate_series(1, 100000) AS g(i);
CREATE INDEX many_id ON many (id);
ANALYZE many`

// readAll returns the rows of a query as text, one a line.
func readAll(ctx context.Context, s source.Database, q source.Query) (string, error) {
	r, err := s.Query(ctx, q)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var b batch.Batch
	var text strings.Builder
	for err = r.Next(&b); err == nil; err = r.Next(&b) {
		for row := range b.Rows() {
			fmt.Fprintln(&text, sourcetest.RowText(&b, row))
		}
	}
	if err.Error() != "EOF" {
		return "", err
	}
	return text.String(), nil
}

func open(t *testing.T, c postgres.Config) source.Database {
	t.Helper()
	s, err := postgres.New(c).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// noted collects what is told of a query.
func noted(c postgres.Config) (postgres.Config, *[]string) {
	var notes []string
	c.Note = func(_ context.Context, note string) { notes = append(notes, note) }
	return c, &notes
}

// manyOf is the table as a data set that is split by an expression.
func manyOf(split string) *outturn.Dataset {
	return &outturn.Dataset{Name: "many", Version: 1, SQL: "SELECT * FROM many", Tenant: "owner", Split: split, Key: []string{"words"}, Fields: []outturn.Field{
		{Name: "id", Type: outturn.Int}, {Name: "words", Type: outturn.Text}, {Name: "amount", Type: outturn.Decimal, Scale: 8}}}
}

// The rows are the same in the same order over however many connections, while a writer
// commits before each of them is made.
func TestParallelIsTheSame(t *testing.T) {
	url := postgrestest.New(t, many)
	writer, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close(context.Background())
	d := manyOf("id")
	for _, q := range []source.Query{
		{SQL: "SELECT * FROM many", Key: "id"},
		{SQL: "SELECT amount, words, ID FROM many WHERE owner <> CAST($1 AS INT)", Args: []string{"3"}, Key: "id"},
		{Dataset: d, View: outturn.Full(d), Everything: true},
		{Dataset: d, View: &outturn.View{Columns: []outturn.ViewColumn{{Field: "amount", Alias: "id"}, {Field: "words"}}}, Everything: true},
	} {
		snapshots, notes := map[int]source.Database{}, map[int]*[]string{}
		for _, k := range []int{1, 2, 3, 7} {
			c, told := noted(postgres.Config{URL: url, Parallel: k})
			snapshots[k], notes[k] = open(t, c), told
		}
		want := ""
		var columns []batch.Column
		for _, k := range []int{1, 2, 3, 7} {
			if _, err := writer.Exec(t.Context(), "INSERT INTO many SELECT (SELECT max(id) FROM many) + i, 5, 'late ' || i, 1 FROM generate_series(1, 300) AS g(i)"); err != nil {
				t.Fatal(err)
			}
			if _, err := writer.Exec(t.Context(), "UPDATE many SET amount = amount + 1 WHERE id % 10 = $1", k); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(t.Context(), snapshots[k], q)
			if err != nil || strings.Count(got, "\n") < 50_000 || len(*notes[k]) > 0 {
				t.Fatalf("%+v over %d connections: %d rows, %v, %s", q, k, strings.Count(got, "\n"), err, *notes[k])
			}
			if want = cmp.Or(want, got); got != want {
				t.Errorf("%+v over %d connections is not what it is over one", q, k)
			}
			r, err := snapshots[k].Query(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if k == 1 {
				columns = r.Columns()
			}
			if got := r.Columns(); !slices.Equal(got, columns) {
				t.Errorf("columns over %d connections: got %v, want %v", k, got, columns)
			}
			r.Close()
		}
	}
}

// What cannot be split is read over one connection, which is said, with the reason.
func TestParallelNotes(t *testing.T) {
	url := postgrestest.New(t, many)
	for _, test := range []struct {
		q    source.Query
		want string
	}{
		{source.Query{SQL: "SELECT * FROM many"}, "no --key is named"},
		{source.Query{SQL: "SELECT * FROM many", Key: "idd"}, "the SELECT has no column idd"},
		{source.Query{SQL: "SELECT * FROM many", Key: "words"}, "the key words is TEXT"},
		{source.Query{SQL: "SELECT * FROM many", Key: "owner"}, "no index leads to the least and the largest key"},
		{source.Query{SQL: "SELECT CASE WHEN random() < 2 THEN id END AS id FROM many", Key: "id"}, "no index"},
		{source.Query{Dataset: manyOf(""), View: outturn.Full(manyOf("")), Everything: true}, "the data set many names no split"},
		{source.Query{Dataset: manyOf("id * 2"), View: outturn.Full(manyOf("")), Everything: true}, "no index"},
		{source.Query{SQL: "SELECT * FROM many WHERE id < 100", Key: "id"}, ""}, // few rows
		{source.Query{Dataset: manyOf("id"), View: outturn.Full(manyOf("")), Everything: true, Limit: 10}, "not all rows are asked for"},
	} {
		c, notes := noted(postgres.Config{URL: url, Parallel: 2})
		got, err := readAll(t.Context(), open(t, c), test.q)
		if err != nil || got == "" {
			t.Errorf("%+v: %d rows, %v", test.q, strings.Count(got, "\n"), err)
		}
		if all := strings.Join(*notes, " "); !strings.Contains(all, test.want) || (all == "") != (test.want == "") {
			t.Errorf("%+v: got the notes %q, want %q", test.q, all, test.want)
		}
	}
}

// A reader that is left, stopped or broken off gives its connections back, and the
// snapshot lives on.
func TestParallelEnds(t *testing.T) {
	url := postgrestest.New(t, many+`; CREATE TABLE spoilt AS SELECT id, CASE WHEN id = 70000 THEN 'ninety' ELSE id::TEXT END AS words FROM many WHERE id IS NOT NULL;
		INSERT INTO spoilt VALUES (70000, 'ninety'); CREATE INDEX ON spoilt (id); ANALYZE spoilt`)
	s := open(t, postgres.Config{URL: url, Parallel: 3})
	q := source.Query{SQL: "SELECT * FROM many", Key: "id"}
	var b batch.Batch
	for batches := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := s.Query(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for range batches {
			if err := r.Next(&b); err != nil {
				t.Fatal(err)
			}
		}
		if batches == 2 {
			cancel()
			for err == nil {
				err = r.Next(&b)
			}
			if outturn.ErrorCode(err) != outturn.CodeCancelled {
				t.Errorf("stopped: got %v", err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		cancel()
	}
	if _, err := readAll(t.Context(), s, source.Query{SQL: "SELECT id, CAST(words AS INT) AS n FROM spoilt", Key: "id"}); outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), "ninety") {
		t.Errorf("a value that does not fit: got %v", err)
	}
	if got, err := readAll(t.Context(), s, q); err != nil || strings.Count(got, "\n") != 100_000 {
		t.Errorf("afterwards: %d rows, %v", strings.Count(got, "\n"), err)
	}
	// Nothing but the snapshot's own session is left.
	left, err := readAll(t.Context(), s, source.Query{SQL: "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"})
	if err != nil || left != "[1]\n" {
		t.Errorf("sessions that are left: %s %v", left, err)
	}
}

// What stands in rows outside of the scope neither breaks a report nor is told in it:
// not where the key's ends are looked up, nor by an error about a name.
func TestScopeOfErrors(t *testing.T) {
	url := postgrestest.New(t, `CREATE TABLE u (k BIGINT PRIMARY KEY, owner INT, code TEXT, id UUID);
		INSERT INTO u SELECT i, CASE WHEN i = 1 THEN 1 ELSE 2 END, CASE WHEN i = 1 THEN 'ACME-SECRET' ELSE i::TEXT END, gen_random_uuid() FROM generate_series(1, 100000) AS g(i); ANALYZE u`)
	fields := []outturn.Field{{Name: "k", Type: outturn.Int}, {Name: "id", Type: outturn.Text}}
	c, _ := noted(postgres.Config{URL: url, Parallel: 2})
	for _, sql := range []string{"SELECT k, owner, id FROM u WHERE code::INT >= 0", "SELECT k, owner, id FROM u WHERE owner = 2 OR code::REGCLASS IS NOT NULL"} {
		d := &outturn.Dataset{Name: "u", Version: 1, SQL: sql, Tenant: "owner", Split: "k", Key: []string{"k"}, Fields: fields}
		got, err := readAll(t.Context(), open(t, c), source.Query{Dataset: d, View: outturn.Full(d), Tenant: "2"})
		if err != nil && strings.Contains(err.Error(), "SECRET") || err == nil && strings.Count(got, "\n") != 99_999 {
			t.Errorf("%s: %d rows, %v", sql, strings.Count(got, "\n"), err)
		}
	}
	// A type that is text to us alone is compared and sorted as the text.
	d := &outturn.Dataset{Name: "u", Version: 1, SQL: "SELECT k, id FROM u", Fields: fields}
	q := source.Query{Dataset: d, View: outturn.Full(d), Everything: true, Order: []outturn.Order{{Field: "id"}},
		Where: &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{{Op: outturn.OpLT, Field: "id", Values: []string{"8"}}, {Op: outturn.OpLike, Field: "id", Values: []string{"7%"}}}}}
	got, err := readAll(t.Context(), open(t, c), q)
	if n := strings.Count(got, "\n"); err != nil || n < 4000 || n > 9000 {
		t.Errorf("by uuid: %d rows, %v", n, err)
	}
}
