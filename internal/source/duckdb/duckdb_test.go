package duckdb_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"
	"go.uber.org/goleak"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/sourcetest"
)

// hold makes this binary a process that keeps a file open for writing.
const hold = "OUTTURN_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(hold); path != "" {
		db := openForWriting(path)
		fmt.Println("held")
		io.Copy(io.Discard, os.Stdin)
		duck.Close(&db)
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		// Counted with -tags debug_bindings, empty without.
		if left := duck.GetAllocationCounts(); left != "" {
			fmt.Print("not given back to the engine:\n", left)
			status = 1
		}
		os.Exit(status)
	}))
}

func TestSource(t *testing.T) {
	sourcetest.Run(t, func(tb testing.TB, sql string) source.Source {
		return newFile(tb, sql)
	})
}

// One thread takes other ways through the engine.
func TestSourceOneThread(t *testing.T) {
	sourcetest.Run(t, func(tb testing.TB, sql string) source.Source {
		path := filepath.Join(tb.TempDir(), "data.duckdb")
		makeFile(tb, path, sql)
		return duckdb.New(duckdb.Config{Path: path, Memory: "256MB", Threads: 1, TempDir: tb.TempDir()})
	})
}

func TestBeginRefusals(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := filepath.Join(dir, "whole.duckdb")
	makeFile(t, whole, "CREATE TABLE t AS SELECT i FROM range(100000) AS g(i)")
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		config duckdb.Config
		says   string
	}{
		{"missing", duckdb.Config{Path: filepath.Join(dir, "none.duckdb")}, "no file"},
		{"folder as file", duckdb.Config{Path: dir}, "is a folder"},
		{"text", duckdb.Config{Path: write("text.duckdb", strings.Repeat("hello ", 10_000))}, "not a DuckDB database"},
		{"empty", duckdb.Config{Path: write("empty.duckdb", "")}, "not a DuckDB database"},
		{"cut off", duckdb.Config{Path: write("short.duckdb", string(content[:5000]))}, "cannot be read"},
		{"missing folder", duckdb.Config{Path: filepath.Join(dir, "none"), Folder: true}, "no folder"},
		{"file as folder", duckdb.Config{Path: whole, Folder: true}, "cannot be read"},
		{"empty folder", duckdb.Config{Path: t.TempDir(), Folder: true}, "no Parquet or CSV"},
	} {
		t.Run(test.name, func(t *testing.T) {
			temp := t.TempDir()
			test.config.TempDir = temp
			_, err := duckdb.New(test.config).Begin(t.Context())
			if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %s that says %q", err, outturn.CodeSourceUnavailable, test.says)
			}
			wantEmpty(t, temp)
		})
	}
	t.Run("bad setting", func(t *testing.T) {
		_, err := duckdb.New(duckdb.Config{Path: whole, Memory: "plenty"}).Begin(t.Context())
		if outturn.ErrorCode(err) != outturn.CodeInvalid || !strings.Contains(err.Error(), "plenty") {
			t.Errorf("got %v, want %s that says plenty", err, outturn.CodeInvalid)
		}
	})
	t.Run("whole", func(t *testing.T) { // the twin that succeeds
		snap := begin(t, duckdb.New(duckdb.Config{Path: whole, TempDir: t.TempDir()}))
		if got := table(t, snap, "SELECT count(*) AS n FROM t"); got != "100000\n" {
			t.Errorf("got %q", got)
		}
	})
}

// A block that is damaged is found when it is read, not before.
func TestDamagedBlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT md5(i::VARCHAR) AS s FROM range(200000) AS g(i)")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 3; i < len(content)/2; i += 1000 {
		content[i] ^= 0xff
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = read(t, duckdb.New(duckdb.Config{Path: path}), "SELECT * FROM t")
	if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable {
		t.Errorf("got %v, want %s", err, outturn.CodeSourceUnavailable)
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT 1 AS n")
	src := duckdb.New(duckdb.Config{Path: path})

	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), hold+"="+path)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	_, err = src.Begin(t.Context())
	if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable || !strings.Contains(err.Error(), fmt.Sprint("PID ", holder.Process.Pid)) {
		t.Errorf("got %v, want %s that names the process", err, outturn.CodeSourceUnavailable)
	}
	in.Close()
	if err := holder.Wait(); err != nil {
		t.Fatal(err)
	}
	table(t, begin(t, src), "SELECT n FROM t")
}

// Between snapshots the file is free, and after a rename each snapshot goes on
// with the file it began with.
func TestRefresh(t *testing.T) {
	dir := t.TempDir()
	path, next := filepath.Join(dir, "data.duckdb"), filepath.Join(dir, "next.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT 1 AS n")
	src := duckdb.New(duckdb.Config{Path: path})
	one, two := begin(t, src), begin(t, src)
	one.Close() // must not give up the lock under two

	makeFile(t, next, "CREATE TABLE t AS SELECT 2 AS n")
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	three := begin(t, src)
	if got := table(t, two, "SELECT n FROM t"); got != "1\n" {
		t.Errorf("the old snapshot reads %q", got)
	}
	if got := table(t, three, "SELECT n FROM t"); got != "2\n" {
		t.Errorf("the new snapshot reads %q", got)
	}
	two.Close()
	three.Close()
	makeFile(t, path, "INSERT INTO t VALUES (3)")
	if got := table(t, begin(t, src), "SELECT n FROM t ORDER BY n"); got != "2\n3\n" {
		t.Errorf("after a change in place it reads %q", got)
	}
}

// Any number of runs read at once, and the last one lets go of the file.
func TestConcurrent(t *testing.T) {
	path, temp := filepath.Join(t.TempDir(), "data.duckdb"), t.TempDir()
	makeFile(t, path, "CREATE TABLE t AS SELECT i, md5(i::VARCHAR) AS s FROM range(20000) AS g(i)")
	src := duckdb.New(duckdb.Config{Path: path, TempDir: temp})
	var runs sync.WaitGroup
	for range 8 {
		runs.Go(func() {
			for range 5 {
				if got, err := read(t, src, "SELECT count(DISTINCT s) AS n FROM t"); got != "20000\n" || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
	runs.Wait()
	wantEmpty(t, temp)
	makeFile(t, path, "DROP TABLE t")
}

// A file that lingers is open for the next snapshot, until its time is over or the
// source is closed; after a refresh the new one is read all the same.
func TestLinger(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	path, next := filepath.Join(dir, "data.duckdb"), filepath.Join(dir, "next.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT 1 AS n")
	makeFile(t, next, "CREATE TABLE t AS SELECT 2 AS n")
	src := duckdb.New(duckdb.Config{Path: path, TempDir: temp, Linger: time.Hour})
	for range 2 {
		if got, err := read(t, src, "SELECT n FROM t"); got != "1\n" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		if open := engines(t, temp); open != 1 {
			t.Fatalf("%d engines are open, want 1", open)
		}
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, src, "SELECT n FROM t"); got != "2\n" || err != nil {
		t.Errorf("after a refresh: got %q, %v", got, err)
	}
	open := begin(t, src)
	src.Close()
	if n := engines(t, temp); n != 1 {
		t.Errorf("%d engines are open after Close, want the one that is in use", n)
	}
	open.Close()
	wantEmpty(t, temp)

	src = duckdb.New(duckdb.Config{Path: path, TempDir: temp, Linger: time.Millisecond})
	if _, err := read(t, src, "SELECT n FROM t"); err != nil {
		t.Fatal(err)
	}
	for engines(t, temp) > 0 {
		if t.Context().Err() != nil {
			t.Fatal("it lingers for ever")
		}
		runtime.Gosched()
	}
}

// What is remembered of accounts is of one file: after a refresh others are there.
func TestAccountsOfAFile(t *testing.T) {
	dir := t.TempDir()
	path, next := filepath.Join(dir, "data.duckdb"), filepath.Join(dir, "next.duckdb")
	makeFile(t, path, accountRow(7, "Old"))
	makeFile(t, next, accountRow(8, "New"))
	src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
	t.Cleanup(func() { src.Close() })
	tree := &outturn.TenantTree{SQL: "SELECT * FROM accounts"}
	look := func(id string) string {
		s := begin(t, src)
		defer s.Close()
		a, err := source.LookUpAccount(t.Context(), s, tree, id)
		if err != nil {
			return string(outturn.ErrorCode(err))
		}
		return a.Name
	}
	for _, want := range []string{"Old", "Old"} {
		if got := look("7"); got != want {
			t.Errorf("account 7 is %s, want %s", got, want)
		}
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	if got := look("7"); got != string(outturn.CodeNotFound) {
		t.Errorf("after the refresh account 7 is %s", got)
	}
	if got := look("8"); got != "New" {
		t.Errorf("after the refresh account 8 is %s", got)
	}
}

func accountRow(id int, name string) string {
	return fmt.Sprintf("CREATE TABLE accounts AS SELECT %d AS id, NULL::INTEGER AS parent, 'customer' AS kind, '%s' AS name, 'EUR' AS currency, 'UTC' AS zone", id, name)
}

// A connection is used again by the next snapshot, whatever ended the last: its
// statement failed, was left in the middle, or was interrupted.
func TestConnectionsAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT i AS n FROM range(100000) AS g(i)")
	src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
	t.Cleanup(func() { src.Close() })
	for _, tt := range []struct {
		name string
		use  func(context.Context, source.Database)
	}{
		{"Failed", func(ctx context.Context, s source.Database) {
			_, _ = s.Query(ctx, source.Query{SQL: "SELECT error('no') AS e FROM t"})
		}},
		{"LeftInTheMiddle", func(ctx context.Context, s source.Database) {
			var b batch.Batch
			if r, err := s.Query(ctx, source.Query{SQL: "SELECT n FROM t"}); err != nil || r.Next(&b) != nil {
				t.Error(err)
			}
		}},
		{"Interrupted", func(ctx context.Context, s source.Database) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_, _ = s.Query(ctx, source.Query{SQL: "SELECT count(*) AS n FROM t AS a, t AS b"})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, src)
			tt.use(t.Context(), s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			before := time.Now().UTC()
			got, err := read(t, src, "SELECT count(*) AS n, min(now()) >= CAST('"+before.Format(time.RFC3339Nano)+"' AS TIMESTAMPTZ) AS fresh FROM t")
			if err != nil || got != "100000 | true\n" {
				t.Errorf("the next snapshot reads %q, %v", got, err)
			}
		})
	}
}

// A statement that a connection keeps is as good as a new one: it has its own values and
// its own now, and does not mind that its last reader was left in the middle.
func TestKeptStatements(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT i AS n FROM range(100000) AS g(i)")
	src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
	t.Cleanup(func() { src.Close() })
	ask := func(sql string, args ...string) string {
		t.Helper()
		got, err := readQuery(t, src, source.Query{SQL: sql, Args: args})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	const now = "SELECT CAST(now() AS VARCHAR) AS t"
	if first, second := ask(now), ask(now); second <= first {
		t.Errorf("after %s it is %s", first, second)
	}
	const of = "SELECT count(*) AS c, max($2) AS word FROM t WHERE n < CAST($1 AS BIGINT)"
	for range 3 {
		for _, n := range []string{"10", "99999", "0", "7"} {
			want := n + " | w" + n + "\n"
			if n == "0" {
				want = "0 | ∅\n"
			}
			if got := ask(of, n, "w"+n); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	if _, err := readQuery(t, src, source.Query{SQL: of, Args: []string{"none", "w"}}); outturn.ErrorCode(err) != outturn.CodeQueryFailed {
		t.Errorf("a value that is no number: %v", err)
	}
	if got := ask(of, "5", "w"); got != "5 | w\n" {
		t.Errorf("after the failure: %q", got)
	}
	const all = "SELECT n FROM t ORDER BY n"
	for range 3 {
		s := begin(t, src)
		var b batch.Batch
		r, err := s.Query(t.Context(), source.Query{SQL: all})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Next(&b); err != nil || b.Int(0, 1) != 1 {
			t.Errorf("the first rows: %v", err)
		}
		s.Close()
		if got := ask(all); strings.Count(got, "\n") != 100_000 {
			t.Errorf("%d rows", strings.Count(got, "\n"))
		}
	}
	for i := range 50 { // more than are kept
		if got := ask(fmt.Sprintf("SELECT %d AS n", i)); got != fmt.Sprintf("%d\n", i) {
			t.Errorf("%d is %q", i, got)
		}
	}
}

// Who is below an account is of one file as well, whether ids are numbers or texts. An
// account that is not there has nobody below.
func TestListsOfAFile(t *testing.T) {
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, 'x' AS kind, 'x' AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}
	for _, typed := range []string{"BIGINT", "INTEGER", "UTINYINT", "UBIGINT", "HUGEINT", "DECIMAL(9, 0)", "VARCHAR"} {
		dir := t.TempDir()
		path, next := filepath.Join(dir, "data.duckdb"), filepath.Join(dir, "next.duckdb")
		// 1 has 2 and 3 below it and 2 has 4, in a circle; 5 is beside them.
		rows := "CREATE TABLE accounts AS SELECT id::" + typed + " AS id, parent::" + typed + " AS parent FROM (VALUES (1, 4), (2, 1), (3, 1), (4, 2), (5, NULL), (NULL, 1), (%s)) AS v(id, parent);" +
			"CREATE TABLE sales AS SELECT CASE WHEN i = 6 THEN NULL ELSE i END::" + typed + " AS owner, i AS n FROM range(9) AS g(i)"
		makeFile(t, path, fmt.Sprintf(rows, "7, 6"))
		makeFile(t, next, fmt.Sprintf(rows, "7, 4"))
		src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
		t.Cleanup(func() { src.Close() })
		d := &outturn.Dataset{Name: "sales", SQL: "SELECT * FROM sales", Key: []string{"N"}, Tenant: "OWNER", Fields: []outturn.Field{{Name: "N", Type: outturn.Int}}}
		want := func(account, rows string) {
			t.Helper()
			got, err := readQuery(t, src, source.Query{Dataset: d, View: outturn.Columns(d, []string{"N"}), Tree: tree, Tenant: account, Order: []outturn.Order{{Field: "N"}}})
			if err != nil || strings.ReplaceAll(got, "\n", " ") != rows {
				t.Errorf("%s %s: got %q, %v; want %q", typed, account, got, err, rows)
			}
		}
		for range 2 {
			want("1", "1 2 3 4 ")
			want("3", "3 ")
			want("5", "5 ")
			want("9", "")
			want("01", "")
			want("1' OR '1'='1", "")
			want("\xbf", "")
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
		want("1", "1 2 3 4 7 ")
	}
}

// Where an author's SELECT turns texts into ids, and leaves out those that are none, a report
// does not stumble over what was left out, however the owners are looked up.
func TestListsOverCasts(t *testing.T) {
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, 'x' AS kind, 'x' AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}
	for name, where := range map[string]string{"Function": "regexp_matches(code, '^[0-9]+$')", "Column": "numeric", "Name": "n < 5"} {
		path := filepath.Join(t.TempDir(), "data.duckdb")
		makeFile(t, path, "CREATE TABLE accounts AS SELECT * FROM (VALUES (1, NULL), (2, 1), (3, 1)) AS v(id, parent);"+
			"CREATE TABLE sales AS SELECT CASE WHEN i < 5 THEN i::VARCHAR ELSE 'none' END AS code, i < 5 AS numeric, i AS n FROM range(5000) AS g(i)")
		src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
		t.Cleanup(func() { src.Close() })
		d := &outturn.Dataset{Name: "sales", SQL: "SELECT CAST(code AS BIGINT) AS owner, n FROM sales WHERE " + where, Key: []string{"N"}, Tenant: "OWNER", Fields: []outturn.Field{{Name: "N", Type: outturn.Int}}}
		for i := range 4 { // the first is not listed
			for account, want := range map[string]string{"1": "1\n2\n3\n", "3": "3\n", "7": ""} {
				got, err := readQuery(t, src, source.Query{Dataset: d, View: outturn.Columns(d, []string{"N"}), Tree: tree, Tenant: account, Order: []outturn.Order{{Field: "N"}}})
				if err != nil || got != want {
					t.Errorf("%s: %s in turn %d: got %q, %v, want %q", name, account, i, got, err, want)
				}
			}
		}
	}
}

// Complaints stay in scope over a file too, however the owners are looked up.
func TestComplaintsOfListsStayInScope(t *testing.T) {
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, 'x' AS kind, 'x' AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}
	for _, typed := range []string{"BIGINT", "TINYINT", "UINTEGER", "VARCHAR"} {
		for _, rows := range []int{10, 100_000} { // held against the list, and joined with it
			path := filepath.Join(t.TempDir(), "data.duckdb")
			makeFile(t, path, "CREATE TABLE accounts AS SELECT id::BIGINT AS id, parent::BIGINT AS parent FROM (VALUES (1, NULL), (2, 1), (300, 1), (4, NULL)) AS v(id, parent);"+
				fmt.Sprintf("CREATE TABLE sales AS SELECT CASE i WHEN 0 THEN 4 WHEN 1 THEN 2 WHEN 2 THEN NULL ELSE 1 END::%s AS owner, CASE i WHEN 0 THEN 4000000000000000000 ELSE i %% 5 END::BIGINT AS amount, i AS n FROM range(%d) AS g(i)", typed, rows))
			src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
			t.Cleanup(func() { src.Close() })
			d := &outturn.Dataset{Name: "sales", SQL: "SELECT * FROM sales", Key: []string{"N"}, Tenant: "OWNER", Fields: []outturn.Field{{Name: "N", Type: outturn.Int}, {Name: "AMOUNT", Type: outturn.Decimal, Scale: 25}}}
			ask := source.Query{Dataset: d, View: outturn.Columns(d, []string{"N"}), Tree: tree, Order: []outturn.Order{{Field: "N"}},
				Where: &outturn.Expr{Op: outturn.OpLT, Field: "AMOUNT", Values: []string{"2"}}}
			for i := range 3 { // the first is not listed
				for account, want := range map[string]string{"1": "1\n5\n6\n", "2": "1\n", "300": ""} {
					ask.Tenant = account
					if got, err := readQuery(t, src, ask); err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
						t.Errorf("%s, %d rows: %s in turn %d: got %.60q, %v, want %q", typed, rows, account, i, got, err, want)
					}
				}
				ask.Tenant = "4"
				if got, err := readQuery(t, src, ask); err == nil || !strings.Contains(err.Error(), "Field AMOUNT holds") {
					t.Errorf("%s, %d rows: 4 in turn %d: got %q, %v", typed, rows, i, got, err)
				}
			}
		}
	}
}

// What is asked again tells of its own moment, also where the SQL hides that in the file.
func TestMoments(t *testing.T) {
	const data = "CREATE TABLE accounts AS SELECT i AS id, CASE WHEN i > 0 THEN 0 END AS parent FROM range(40) AS g(i); CREATE TABLE sales AS SELECT i AS owner, i AS n FROM range(40) AS g(i);"
	d := &outturn.Dataset{Name: "sales", SQL: "SELECT * FROM sales", Key: []string{"N"}, Tenant: "OWNER", Fields: []outturn.Field{{Name: "N", Type: outturn.Int}}}
	tree := source.Query{Dataset: d, View: outturn.Columns(d, []string{"N"}), Tenant: "0", Order: []outturn.Order{{Field: "N"}},
		Tree: &outturn.TenantTree{SQL: "SELECT id, parent, 'x' AS kind, 'x' AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts WHERE id = 0 OR random() < 0.5"}}
	hidden := tree
	hidden.Tree = &outturn.TenantTree{SQL: strings.ReplaceAll(tree.Tree.SQL, "accounts WHERE id = 0 OR random() < 0.5", "known")}
	for _, tt := range []struct {
		name, sql string
		q         source.Query
		same      bool
	}{
		{"Now", "", source.Query{SQL: "SELECT CAST(now() AS VARCHAR) AS t"}, false},
		{"LocalTime", "", source.Query{SQL: "SELECT CAST(localtimestamp AS VARCHAR) AS t"}, false},
		{"Function", "", source.Query{SQL: `SELECT CAST("current_localtimestamp" () AS VARCHAR) AS t`}, false},
		{"View", "CREATE VIEW v AS SELECT localtimestamp AS t", source.Query{SQL: "SELECT CAST(t AS VARCHAR) AS t FROM v"}, false},
		{"Macro", "CREATE MACRO m() AS localtimestamp", source.Query{SQL: "SELECT CAST(m() AS VARCHAR) AS t"}, false},
		{"TableMacro", "CREATE MACRO m() AS TABLE SELECT localtimestamp AS t", source.Query{SQL: "SELECT CAST(t AS VARCHAR) AS t FROM m()"}, false},
		{"Column", "CREATE TABLE c (i INT, t TIMESTAMP GENERATED ALWAYS AS (current_localtimestamp())); INSERT INTO c VALUES (1)", source.Query{SQL: "SELECT CAST(t AS VARCHAR) AS t FROM c"}, false},
		{"Tree", "", tree, false},
		{"TreeOfAView", "CREATE VIEW known AS SELECT * FROM accounts WHERE id = 0 OR random() < 0.5", hidden, false},
		{"Lasting", "CREATE TABLE u (t TIMESTAMP DEFAULT localtimestamp); CREATE VIEW known AS SELECT * FROM accounts WHERE id <> 3", hidden, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data.duckdb")
			makeFile(t, path, data+tt.sql)
			src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
			t.Cleanup(func() { src.Close() })
			last := ""
			for i := range 4 { // the first is not remembered anyhow
				got, err := readQuery(t, src, tt.q)
				if err != nil || i > 0 && (got == last) != tt.same {
					t.Errorf("after %q: %q, %v", last, got, err)
				}
				last = got
			}
		})
	}
}

// Accounts whose ids differ in their case are not one another, whatever the collation of
// a column says, nor where there are too many to list.
func TestScopeOfCollations(t *testing.T) {
	d := &outturn.Dataset{Name: "sales", SQL: "SELECT * FROM sales", Key: []string{"N"}, Tenant: "OWNER", Fields: []outturn.Field{{Name: "N", Type: outturn.Int}}}
	tree := &outturn.TenantTree{SQL: "SELECT id, parent, 'x' AS kind, 'x' AS name, 'EUR' AS currency, 'UTC' AS zone FROM accounts"}
	for _, more := range []int{0, 25_000} {
		path := filepath.Join(t.TempDir(), "data.duckdb")
		src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour}) // each but the first query is for a list
		t.Cleanup(func() { src.Close() })
		makeFile(t, path, "CREATE TABLE accounts (id VARCHAR COLLATE NOCASE, parent VARCHAR COLLATE NOCASE); INSERT INTO accounts VALUES ('a', NULL), ('A', NULL), ('b', 'A'), ('B', 'a');"+
			fmt.Sprintf("INSERT INTO accounts SELECT w || i, w FROM range(%d) AS g(i), (VALUES ('a'), ('A')) AS v(w);", more)+
			"CREATE TABLE sales (owner VARCHAR COLLATE NOCASE, n BIGINT); INSERT INTO sales VALUES ('a', 1), ('A', 2), ('b', 3), ('B', 4), ('a7', 5), ('A7', 6);")
		for _, tt := range []struct {
			account string
			tree    *outturn.TenantTree
			want    string
		}{{"a", tree, "1\n4\n"}, {"a", tree, "1\n4\n"}, {"A", tree, "2\n3\n"}, {"b", tree, "3\n"}, {"a", nil, "1\n"}} {
			want := tt.want
			if more > 0 && tt.tree != nil {
				want += map[string]string{"a": "5\n", "A": "6\n"}[tt.account]
			}
			got, err := readQuery(t, src, source.Query{Dataset: d, View: outturn.Columns(d, []string{"N"}), Tree: tt.tree, Tenant: tt.account, Order: []outturn.Order{{Field: "N"}}})
			if err != nil || got != want {
				t.Errorf("%s of %d more: got %q, %v; want %q", tt.account, more, got, err, want)
			}
		}
	}
}

// engines is how many have a folder for temporary files.
func engines(t *testing.T, temp string) int {
	t.Helper()
	entries, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// What a parameter is only its use tells, and a value only its run: neither may
// keep a statement from being described.
func TestDescribeParameters(t *testing.T) {
	snap := begin(t, newFile(t, "CREATE TABLE t AS SELECT 1 AS n"))
	got, err := snap.Describe(t.Context(), "SELECT $1 AS a, 1 + CAST($2 AS INTEGER) AS b, n FROM t WHERE n = $3 AND CAST($4 AS TIMESTAMP) < now()")
	if err != nil {
		t.Fatal(err)
	}
	var types []outturn.Type
	for _, c := range got {
		types = append(types, c.Type)
	}
	if want := []outturn.Type{outturn.Text, outturn.Int, outturn.Int}; !slices.Equal(types, want) {
		t.Errorf("got %v, want %v", types, want)
	}
}

// now() is one instant in all of a snapshot, also in the later ones of an open file,
// between statements that need none, and by way of a view.
func TestNow(t *testing.T) {
	const tables = "CREATE TABLE t AS SELECT 1 AS n"
	for name, sql := range map[string]string{"Table": tables, "View": tables + "; CREATE VIEW v AS SELECT now() AS t"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data.duckdb")
			makeFile(t, path, sql)
			src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
			t.Cleanup(func() { src.Close() })
			asked := []string{"SELECT now() AS t"}
			if name == "View" {
				asked = append(asked, "SELECT t FROM v")
			}
			last := ""
			for range 4 {
				snap := begin(t, src)
				table(t, snap, "SELECT n FROM t")
				now := table(t, snap, asked[0])
				for _, again := range slices.Concat(asked, asked) {
					table(t, snap, "SELECT n FROM t")
					if got := table(t, snap, again); got != now {
						t.Errorf("%s: got %s and %s", again, now, got)
					}
				}
				if now == last {
					t.Errorf("it is still %s", now)
				}
				last = now
				snap.Close()
			}
		})
	}
	snap := begin(t, newFile(t, ""))
	if zone := table(t, snap, "SELECT current_setting('TimeZone') AS z"); zone != "UTC\n" {
		t.Errorf("the zone is %s", zone)
	}
}

func TestEngineTypes(t *testing.T) {
	for _, test := range []struct {
		expr   string
		engine string
		typ    outturn.Type
		scale  int
		want   string
	}{
		{"CAST(-128 AS TINYINT)", "TINYINT", outturn.Int, 0, "-128"},
		{"CAST(255 AS UTINYINT)", "UTINYINT", outturn.Int, 0, "255"},
		{"CAST(65535 AS USMALLINT)", "USMALLINT", outturn.Int, 0, "65535"},
		{"CAST(4294967295 AS UINTEGER)", "UINTEGER", outturn.Int, 0, "4294967295"},
		{"CAST(18446744073709551615 AS UBIGINT)", "UBIGINT", outturn.Decimal, 0, "18446744073709551615"},
		{"CAST(4611686018427387903 AS UBIGINT)", "UBIGINT", outturn.Decimal, 0, "4611686018427387903"},
		{"CAST(4611686018427387904 AS UBIGINT)", "UBIGINT", outturn.Decimal, 0, "4611686018427387904"},
		{"170141183460469231731687303715884105727::HUGEINT", "HUGEINT", outturn.Decimal, 0, "170141183460469231731687303715884105727"},
		{"(-170141183460469231731687303715884105728)::HUGEINT", "HUGEINT", outturn.Decimal, 0, "-170141183460469231731687303715884105728"},
		{"(-4611686018427387904)::HUGEINT", "HUGEINT", outturn.Decimal, 0, "-4611686018427387904"},
		{"10000000000000000000::HUGEINT", "HUGEINT", outturn.Decimal, 0, "10000000000000000000"},
		{"340282366920938463463374607431768211455::UHUGEINT", "UHUGEINT", outturn.Decimal, 0, "340282366920938463463374607431768211455"},
		{"'-1234567890123456789012345678901234567890123'::BIGNUM", "BIGNUM", outturn.Decimal, 0, "-1234567890123456789012345678901234567890123"},
		{"sum(42)", "HUGEINT", outturn.Decimal, 0, "42"},
		{"CAST(-0.0001 AS DECIMAL(4,4))", "DECIMAL(4,4)", outturn.Decimal, 4, "-0.0001"},
		{"CAST('0.00000000000000000000000000000000000001' AS DECIMAL(38,38))", "DECIMAL(38,38)", outturn.Decimal, 38, "0.00000000000000000000000000000000000001"},
		{"CAST('-0.99999999999999999999999999999999999999' AS DECIMAL(38,38))", "DECIMAL(38,38)", outturn.Decimal, 38, "-0.99999999999999999999999999999999999999"},
		{"CAST(0.1 AS FLOAT)", "FLOAT", outturn.Float, 0, "0.1"},
		{"CAST('3.4028235e38' AS FLOAT)", "FLOAT", outturn.Float, 0, "3.4028234663852886e+38"},
		{"CAST('NaN' AS FLOAT)", "FLOAT", outturn.Float, 0, "NaN"},
		{"CAST('-inf' AS DOUBLE)", "DOUBLE", outturn.Float, 0, "-Inf"},
		{"TIMESTAMP_S '2026-09-01 08:00:00'", "TIMESTAMP_S", outturn.Time, 0, "2026-09-01T08:00:00Z"},
		{"TIMESTAMP_MS '1969-12-31 23:59:59.999'", "TIMESTAMP_MS", outturn.Time, 3, "1969-12-31T23:59:59.999Z"},
		{"TIMESTAMP_NS '1969-12-31 23:59:59.999999'", "TIMESTAMP_NS", outturn.Time, 6, "1969-12-31T23:59:59.999999Z"},
		{"DATE '1969-12-31'", "DATE", outturn.Date, 0, "1969-12-31"},
		{"TIME '13:45:00.25'", "TIME", outturn.Text, 0, "13:45:00.25"},
		{"'13:45:00+02'::TIMETZ", "TIME WITH TIME ZONE", outturn.Text, 0, "13:45:00+02"},
		{"INTERVAL '1 month 2 days 3 hours'", "INTERVAL", outturn.Text, 0, "1 month 2 days 03:00:00"},
		{"'0101'::BIT", "BIT", outturn.Text, 0, "0101"},
		{`'\xAA\x00\x01'::BLOB`, "BLOB", outturn.Text, 0, "aa0001"},
		{"'00000000-0000-0000-0000-00000000000f'::UUID", "UUID", outturn.Text, 0, "00000000-0000-0000-0000-00000000000f"},
		{"'b'::ENUM ('a', 'b', '')", "ENUM", outturn.Text, 0, "b"},
		{"''::ENUM ('a', 'b', '')", "ENUM", outturn.Text, 0, ""},
		{"'{\"a\": 1}'::JSON", "JSON", outturn.JSON, 0, `{"a": 1}`},
		{"[1.10::DECIMAL(5,2), NULL]", "DECIMAL(5,2)[]", outturn.JSON, 0, "[1.1,null]"},
		{"[[1], []]", "INTEGER[][]", outturn.JSON, 0, "[[1],[]]"},
		{"{'a': 12345678901234567890.12::DECIMAL(30,2), 'b': NULL}", "STRUCT", outturn.JSON, 0, `{"a":12345678901234567890.12,"b":null}`},
		{"MAP {'k': 'v \"quoted\"'}", "MAP", outturn.JSON, 0, `{"k":"v \"quoted\""}`},
		{"array_value(1, 2)", "INTEGER[2]", outturn.JSON, 0, "[1,2]"},
		{"union_value(n := 1)", "UNION", outturn.JSON, 0, `{"n":1}`},
		{"'x'::VARIANT", "VARIANT", outturn.JSON, 0, `"x"`},
		{"NULL", "INTEGER", outturn.Int, 0, "∅"},
		{"NULL::INTEGER[]", "INTEGER[]", outturn.JSON, 0, "∅"},
		{"NULL::UUID", "UUID", outturn.Text, 0, "∅"},
	} {
		t.Run(test.expr, func(t *testing.T) {
			snap := begin(t, newFile(t, ""))
			sql := "SELECT " + test.expr + ` AS "the value"`
			d, err := snap.Describe(t.Context(), sql)
			if err != nil {
				t.Fatal(err)
			}
			if len(d) != 1 || d[0].Column != (batch.Column{Name: "the value", Type: test.typ, Scale: test.scale}) || d[0].Engine != test.engine {
				t.Errorf("got %+v, want %s, %s of scale %d", d, test.engine, test.typ, test.scale)
			}
			if got := table(t, snap, sql); got != test.want+"\n" {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// What no file can carry breaks the reading off and names the column.
func TestUnfitValues(t *testing.T) {
	for _, test := range []struct{ expr, says string }{
		{"DATE 'infinity'", "infinity"},
		{"DATE '-infinity'", "-infinity"},
		{"TIMESTAMP 'infinity'", "infinity"},
		{"TIMESTAMPTZ '-infinity'", "-infinity"},
		{"TIMESTAMP_NS '2026-09-01 08:00:00.000000001'", "nanoseconds"},
	} {
		_, err := read(t, newFile(t, ""), "SELECT "+test.expr+" AS the_column")
		if outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), "the_column") || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %s that names the column and says %s", test.expr, err, outturn.CodeQueryFailed, test.says)
		}
	}
}

// Text that a data set declares to be JSON must be.
func TestDeclaredJSON(t *testing.T) {
	d := &outturn.Dataset{Name: "docs", Fields: []outturn.Field{{Name: "doc", Type: outturn.JSON}}}
	query := func(sql string) (string, error) {
		d.SQL = sql
		return readQuery(t, newFile(t, ""), source.Query{Dataset: d, View: outturn.Full(d), Everything: true})
	}
	if got, err := query(`SELECT '{"a": 1}' AS doc UNION ALL SELECT NULL`); got != "{\"a\": 1}\n∅\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := query(`SELECT 'true'::ENUM ('true', 'x') AS doc`); got != "true\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, expr := range []string{`'{"a": '`, `''`, `' '`, `'NaN'`, `'x'::ENUM ('true', 'x')`, `'00000000-0000-0000-0000-00000000000f'::UUID`, `CAST('[1,]' AS JSON)`} {
		if _, err := query(`SELECT ` + expr + ` AS doc`); outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.HasPrefix(err.Error(), "Column doc ") || !strings.Contains(err.Error(), " in row 1 of the result, ") {
			t.Errorf("%s: got %v, want %s that names column and row", expr, err, outturn.CodeQueryFailed)
		}
	}
}

// The engine's own type JSON takes what is none, and to_json writes it.
func TestEngineJSON(t *testing.T) {
	src := newFile(t, `CREATE TABLE docs AS SELECT CAST('{"a":1,}' AS JSON) AS doc`)
	const (
		replace = `Replace it in the SELECT: a number by NULLIF or CASE, one in a list by list_transform, one in a text by replace.`
		others  = `which DuckDB takes for JSON and others do not. Mend it in the SELECT or in the source.`
		first   = " in row 1 of the result, "
	)
	for _, test := range []struct{ sql, want string }{
		{`SELECT CAST('[1,]' AS JSON) AS doc`, `Column doc holds "[1,]"` + first + others},
		{`SELECT CAST('{"a":1, }' AS JSON) AS doc`, `Column doc holds "{\"a\":1, }"` + first + others},
		{`SELECT doc FROM docs`, `Column doc holds "{\"a\":1,}"` + first + others},
		{`SELECT CAST('{"no NaN":NaN}' AS JSON) AS doc`, `Column doc holds "{\"no NaN\":NaN}"` + first + "and JSON has no NaN. " + replace},
		{`SELECT CAST('-inf' AS JSON) AS doc`, `Column doc holds "-inf"` + first + "and JSON has no -inf. " + replace},
		{`SELECT json_object('a', 'inf'::DOUBLE) AS doc`, `Column doc holds "{\"a\":Infinity}"` + first + "and JSON has no Infinity. " + replace},
		{`SELECT ['NaN'::DOUBLE] AS doc`, `Column doc holds "[NaN]"` + first + "and JSON has no NaN. " + replace},
		{`SELECT {'a': ['-inf'::FLOAT]} AS doc`, `Column doc holds "{\"a\":[-Infinity]}"` + first + "and JSON has no -Infinity. " + replace},
		{`SELECT 'NaN'::DOUBLE::VARIANT AS doc`, `Column doc holds "NaN"` + first + "and JSON has no NaN. " + replace},
		{`SELECT CAST(CASE WHEN i = 30000 THEN '[0,]' ELSE '[' || i // 3 || ']' END AS JSON) AS doc FROM range(40000) AS g(i)`, `Column doc holds "[0,]" in row 30001 of the result, ` + others},
		{`SELECT CAST(repeat('[', 10001) || repeat(']', 10001) AS JSON) AS doc`, `Column doc holds JSON of more than 10000 levels in row 1 of the result: "` + strings.Repeat("[", 60) + `"…. Take out in the SELECT what is needed of it.`},
	} {
		if _, err := read(t, src, test.sql); outturn.ErrorCode(err) != outturn.CodeQueryFailed || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", test.sql, err, test.want)
		}
	}
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for sql, want := range map[string]string{
		`SELECT list_transform([1.5::DOUBLE, 'NaN'], lambda x: NULLIF(x, 'NaN')) AS doc`:                           "[1.5,null]",
		`SELECT CAST(replace(CAST('[NaN]'::JSON AS VARCHAR), 'NaN', 'null') AS JSON) AS doc`:                       "[null]",
		`SELECT CAST('{"NaN":"[1,] -inf","é\u0041\"":[ -1.50e+400 , true,{ },null]}' AS JSON) AS doc`:              `{"NaN":"[1,] -inf","é\u0041\"":[ -1.50e+400 , true,{ },null]}`,
		`SELECT CAST('` + deep + `' AS JSON) AS doc`:                                                               deep,
		`SELECT CAST(NULL AS JSON) AS doc`:                                                                         "∅",
		`SELECT [DATE 'infinity'] AS doc`:                                                                          `["infinity"]`,
		`SELECT CAST(x AS JSON) AS doc FROM (VALUES ('[1]'), (NULL), ('[1]'), ('"'||repeat('x', 9)||'"')) AS v(x)`: "[1]\n∅\n[1]\n\"xxxxxxxxx\"",
	} {
		if got, err := read(t, src, sql); got != want+"\n" || err != nil {
			t.Errorf("%s:\n got %.200q, %v\nwant %.200q", sql, got, err, want)
		}
	}
}

// The engine reads the one file, changes nothing and reaches nothing else.
func TestNoWayOut(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a\nhidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.duckdb")
	makeFile(t, other, "CREATE TABLE t AS SELECT 1 AS n")
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "open.csv"), []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	escape, err := filepath.Rel(folder, secret)
	if err != nil {
		t.Fatal(err)
	}
	written := filepath.Join(folder, "written.csv")
	for name, src := range map[string]source.Source{
		"file":   newFile(t, "CREATE TABLE t AS SELECT 1 AS n"),
		"folder": duckdb.New(duckdb.Config{Path: folder, Folder: true, TempDir: t.TempDir()}),
	} {
		for _, sql := range []string{
			"SELECT * FROM read_csv('" + secret + "')",
			"SELECT * FROM read_text('" + secret + "')",
			"SELECT * FROM read_blob('" + filepath.Join(folder, escape) + "')",
			"SELECT * FROM '" + secret + "'",
			"SELECT * FROM glob('" + filepath.Dir(secret) + "/*')",
			"SELECT * FROM read_duckdb('" + other + "', table_name = 't')",
			"SELECT * FROM read_csv('https://example.com/a.csv')",
			"SELECT * FROM query('COPY (SELECT 1) TO ''" + written + "''')",
			"SELECT * FROM sniff_csv('" + secret + "')",
			"COPY (SELECT 1) TO '" + written + "'",
			"ATTACH '" + other + "' AS other",
			"INSTALL httpfs",
			"LOAD httpfs",
			"LOAD '/tmp/evil.duckdb_extension'",
			"SET enable_external_access = true",
			"RESET lock_configuration",
			"PRAGMA enable_external_access",
			"PRAGMA show_tables",
			"SHOW TABLES",
			"CALL pragma_version()",
			"CREATE TEMP TABLE x AS SELECT 1",
			"CREATE SECRET s (TYPE s3)",
			"EXPORT DATABASE '" + folder + "'",
			"USE memory",
			"CHECKPOINT",
			"VACUUM",
			"PREPARE p AS SELECT 1",
			"EXECUTE p",
			"DESCRIBE SELECT 1",
			"SUMMARIZE SELECT 1",
			"PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b)",
		} {
			if _, err := read(t, src, sql); outturn.ErrorCode(err) != outturn.CodeQueryFailed {
				t.Errorf("%s: %s: got %v, want %s", name, sql, err, outturn.CodeQueryFailed)
			}
		}
		if got, err := read(t, src, "SELECT 1 AS n"); got != "1\n" || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(written); err == nil {
		t.Error("a file was written")
	}
}

// What the engine is set to, by its own account: some settings have no effect, or are refused,
// when they come before or after others.
func TestSettings(t *testing.T) {
	path, folder, temp := filepath.Join(t.TempDir(), "data.duckdb"), t.TempDir(), t.TempDir()
	makeFile(t, path, "CREATE TABLE t AS SELECT 1 AS n")
	csv := filepath.Join(folder, "open.csv")
	if err := os.WriteFile(csv, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	limits := duckdb.Config{TempDir: temp, TempQuota: "10MiB", Memory: "100MiB", Threads: 3}
	ofFile, ofFolder := limits, limits
	ofFile.Path = path
	ofFolder.Path, ofFolder.Folder = folder, true
	for name, has := range map[string]struct {
		config           duckdb.Config
		accessMode, data string
	}{
		"file":   {ofFile, "read_only", path},
		"folder": {ofFolder, "read_write", csv},
	} {
		snap := begin(t, duckdb.New(has.config))
		for setting, want := range map[string]string{
			"access_mode":                  has.accessMode,
			"allow_community_extensions":   "false",
			"allow_persistent_secrets":     "false",
			"allowed_configs":              "[enable_progress_bar, enable_progress_bar_print, progress_bar_time]",
			"allowed_directories":          "[]", // beside its temporary folder
			"allowed_paths":                "[]", // beside the data
			"autoinstall_known_extensions": "false",
			"autoload_known_extensions":    "false",
			"enable_external_access":       "false",
			"lock_configuration":           "true",
			"max_memory":                   "80.0 MiB",
			"max_temp_directory_size":      "10.0 MiB",
			"temp_directory":               temp,
			"threads":                      "3",
			"TimeZone":                     "UTC",
		} {
			value := "value"
			switch setting {
			case "allowed_configs":
				value = "list_sort(value::VARCHAR[])::VARCHAR"
			case "allowed_directories":
				value = "list_filter(value::VARCHAR[], lambda d: NOT starts_with(d, '" + temp + "/outturn-duckdb-'))::VARCHAR"
			case "allowed_paths": // of a file also what would be its journal
				value = "list_filter(value::VARCHAR[], lambda p: NOT starts_with(p, '" + has.data + "'))::VARCHAR"
			case "temp_directory":
				value = "parse_dirpath(value)"
			}
			if got := table(t, snap, "SELECT "+value+" AS v FROM duckdb_settings() WHERE name = '"+setting+"'"); got != want+"\n" {
				t.Errorf("%s: %s is %q, want %q", name, setting, got, want)
			}
		}
	}
}

const hungry = "SELECT r, s FROM (SELECT random() AS r, repeat('abc', 100) || i AS s FROM range(1000000) AS g(i)) ORDER BY r"

func TestLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT 1 AS n")
	t.Run("Quota", func(t *testing.T) {
		temp := t.TempDir()
		_, err := read(t, duckdb.New(duckdb.Config{Path: path, Memory: "64MB", Threads: 1, TempDir: temp, TempQuota: "10MB"}), hungry)
		if outturn.ErrorCode(err) != outturn.CodeMemoryLimit || !strings.Contains(err.Error(), "temporary disk") {
			t.Errorf("got %v, want %s that speaks of temporary disk", err, outturn.CodeMemoryLimit)
		}
		wantEmpty(t, temp)
	})
	t.Run("Memory", func(t *testing.T) {
		_, err := read(t, duckdb.New(duckdb.Config{Path: path, Memory: "64MB", Threads: 1, TempDir: t.TempDir()}),
			"SELECT length(string_agg(repeat('x', 1000) || i)) AS n FROM range(1000000) AS g(i)")
		if outturn.ErrorCode(err) != outturn.CodeMemoryLimit || !strings.Contains(err.Error(), "memory") {
			t.Errorf("got %v, want %s that speaks of memory", err, outturn.CodeMemoryLimit)
		}
	})
	t.Run("Enough", func(t *testing.T) {
		temp := t.TempDir()
		snap := begin(t, duckdb.New(duckdb.Config{Path: path, Memory: "80MB", Threads: 1, TempDir: temp, TempQuota: "1GB"}))
		first(t, snap, hungry)
		entries, err := os.ReadDir(temp)
		if err != nil || len(entries) != 1 {
			t.Fatalf("the temporary folder holds %v, %v", entries, err)
		}
		if info, err := entries[0].Info(); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the engine's folder is %v, %v", info.Mode(), err)
		}
		if err := snap.Close(); err != nil { // in the middle of it
			t.Error(err)
		}
		wantEmpty(t, temp)
	})
}

// Progress can be asked for from another goroutine at any time, and ends at 1.
func TestProgress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT i, md5(i::VARCHAR) AS s FROM range(500000) AS g(i)")
	snap := begin(t, duckdb.New(duckdb.Config{Path: path, Progress: true}))
	r, err := snap.Query(t.Context(), source.Query{SQL: "SELECT * FROM t"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	over := make(chan struct{})
	var asker sync.WaitGroup
	asker.Go(func() {
		for last := 0.0; ; {
			share, known := r.Progress()
			if known && (share < last || share > 1) {
				t.Errorf("progress went from %v to %v", last, share)
			}
			if known {
				last = share
			}
			select {
			case <-over:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	var b batch.Batch
	between := false
	for err = r.Next(&b); err == nil; err = r.Next(&b) {
		share, known := r.Progress()
		between = between || known && share > 0.2 && share < 0.9
	}
	close(over)
	asker.Wait()
	if err != io.EOF || !between {
		t.Errorf("got %v, and progress in between: %t", err, between)
	}
	if share, known := r.Progress(); share != 1 || !known {
		t.Errorf("at the end: got %v, %t", share, known)
	}
}

// What a killed process left is swept, what is in use stays.
func TestSweep(t *testing.T) {
	path, temp := filepath.Join(t.TempDir(), "data.duckdb"), t.TempDir()
	makeFile(t, path, "CREATE TABLE t AS SELECT 1 AS n")
	left := filepath.Join(temp, "outturn-duckdb-1234")
	others := filepath.Join(temp, "precious")
	for _, folder := range []string{left, others} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "duckdb_temp_storage-0.tmp"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one := begin(t, duckdb.New(duckdb.Config{Path: path, TempDir: temp}))
	two := begin(t, newFolderIn(t, temp))
	entries, err := os.ReadDir(temp)
	if err != nil || len(entries) != 3 {
		t.Errorf("the folder holds %v, %v; want two of engines and the one that is not ours", entries, err)
	}
	one.Close()
	two.Close()
	if entries, err := os.ReadDir(temp); err != nil || len(entries) != 1 || entries[0].Name() != "precious" {
		t.Errorf("the folder holds %v, %v; want what is not ours", entries, err)
	}
}

func newFolderIn(tb testing.TB, temp string) *duckdb.Source {
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.csv"), []byte("a\n1\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return duckdb.New(duckdb.Config{Path: dir, Folder: true, TempDir: temp})
}

// Text that is no UTF-8 is mended and counted. The engine stores none, but some of
// its functions make it.
func TestInvalidText(t *testing.T) {
	snap := begin(t, newFile(t, ""))
	r, b := first(t, snap, `SELECT replace(replace(replace(s, 'FC', printf('%c', 252)), 'C3', printf('%c', 195)), 'A9', printf('%c', 169)) AS s
		FROM (VALUES ('plain'), ('grFCn'), (''), (NULL), ('a text that is longer: FCFC, you see'), ('grün'), ('C3'), ('A9')) AS v(s)`)
	defer r.Close()
	want := []string{"plain", "gr\ufffdn", "", "∅", "a text that is longer: \ufffd\ufffd, you see", "grün", "\ufffd", "\ufffd"}
	var got []string
	for row := range b.Rows() {
		got = append(got, sourcetest.RowText(b, row)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := r.(interface{ Replaced() int64 }).Replaced(); n != 5 {
		t.Errorf("%d replaced characters were counted, want 5", n)
	}
}

// What lies in a batch beside texts (digits of long numbers, UUIDs) takes no room twice.
func TestTextBesideOthers(t *testing.T) {
	snap := begin(t, newFile(t, ""))
	var uuids strings.Builder
	for i := range 300 {
		fmt.Fprintf(&uuids, "uuid() AS u%d, ", i)
	}
	for _, sql := range []string{
		"SELECT repeat('9', 400)::BIGNUM AS n, 'a' AS a, 'b' AS b, repeat('c', 15) AS c FROM range(20000)",
		"SELECT 'a' AS a, " + uuids.String() + "repeat('x', 3000000) AS x",
	} {
		r, b := first(t, snap, sql)
		if got, most := cap(b.Arena()), max(batch.TargetBytes, b.ArenaLen()); got > most+most/8 {
			t.Errorf("%.60s: a batch with %d bytes of text takes %d", sql, b.ArenaLen(), got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A reader that is closed before its end leaves nothing of its statement in the engine's
// memory once its snapshot has ended, though the connection waits for the next one.
func TestClosedEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.duckdb")
	makeFile(t, path, "CREATE TABLE t AS SELECT md5(i::VARCHAR) AS s FROM range(500000) r(i)")
	src := duckdb.New(duckdb.Config{Path: path, Linger: time.Hour})
	t.Cleanup(func() { src.Close() })
	watch, snap := begin(t, src), begin(t, src)
	table(t, snap, "SELECT count(*) AS n FROM t") // read to its end
	r, err := snap.Query(t.Context(), source.Query{SQL: "SELECT s FROM t ORDER BY s"})
	if err != nil {
		t.Fatal(err)
	}
	const sorted = "SELECT memory_usage_bytes > 0 AS held FROM duckdb_memory() WHERE tag = 'ORDER_BY'"
	if got := table(t, watch, sorted); got != "true\n" {
		t.Errorf("while it sorts memory is held: %s", got)
	}
	r.Close()
	snap.Close()
	if got := table(t, watch, sorted); got != "false\n" {
		t.Errorf("afterwards memory is held: %s", got)
	}
}

func newFile(tb testing.TB, sql string) *duckdb.Source {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "data.duckdb")
	makeFile(tb, path, sql)
	return duckdb.New(duckdb.Config{Path: path, Memory: "1GB", TempDir: tb.TempDir()})
}

// makeFile makes a DuckDB file, or changes one, by statements.
func makeFile(tb testing.TB, path, statements string) {
	tb.Helper()
	db := openForWriting(path)
	if db.Ptr == nil {
		tb.Fatalf("cannot open %s", path)
	}
	defer duck.Close(&db)
	var conn duck.Connection
	duck.Connect(db, &conn)
	defer duck.Disconnect(&conn)
	if statements == "" {
		return
	}
	var res duck.Result
	defer duck.DestroyResult(&res)
	if duck.Query(conn, statements, &res) != duck.StateSuccess {
		tb.Fatalf("%s: %s", path, duck.ResultError(&res))
	}
}

func openForWriting(path string) (db duck.Database) {
	var config duck.Config
	duck.CreateConfig(&config)
	defer duck.DestroyConfig(&config)
	var message string
	duck.OpenExt(path, &db, config, &message)
	return db
}

func begin(tb testing.TB, src source.Source) source.Database {
	tb.Helper()
	snap, err := src.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { snap.Close() })
	return snap
}

// table returns a statement's rows as text, a line a row.
func table(tb testing.TB, snap source.Database, sql string) string {
	tb.Helper()
	text, err := readSnapshot(tb.Context(), snap, source.Query{SQL: sql})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// first returns the first batch of a SELECT, and the reader, which is open.
func first(tb testing.TB, snap source.Database, sql string) (source.Reader, *batch.Batch) {
	tb.Helper()
	r, err := snap.Query(tb.Context(), source.Query{SQL: sql})
	if err != nil {
		tb.Fatal(err)
	}
	b := new(batch.Batch)
	if err := r.Next(b); err != nil {
		tb.Fatal(err)
	}
	return r, b
}

func read(tb testing.TB, src source.Source, sql string) (string, error) {
	tb.Helper()
	return readQuery(tb, src, source.Query{SQL: sql})
}

func readQuery(tb testing.TB, src source.Source, q source.Query) (string, error) {
	tb.Helper()
	snap, err := src.Begin(tb.Context())
	if err != nil {
		return "", err
	}
	defer snap.Close()
	return readSnapshot(tb.Context(), snap, q)
}

func readSnapshot(ctx context.Context, snap source.Database, q source.Query) (string, error) {
	r, err := snap.Query(ctx, q)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var text strings.Builder
	var b batch.Batch
	for {
		if err := r.Next(&b); err == io.EOF {
			return text.String(), nil
		} else if err != nil {
			return text.String(), err
		}
		for row := range b.Rows() {
			text.WriteString(strings.Join(sourcetest.RowText(&b, row), " | ") + "\n")
		}
	}
}

func wantEmpty(tb testing.TB, folder string) {
	tb.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) > 0 {
		tb.Errorf("%s holds %v, %v; want nothing", folder, entries, err)
	}
}
