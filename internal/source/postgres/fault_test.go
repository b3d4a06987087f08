package postgres_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
)

// A line is a connection between a source and a database that can be spoilt.
type line struct{ *toxiproxy.Proxy }

// lineTo returns a line to a database, and the database's URL at its near end.
func lineTo(t *testing.T, database string) (line, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "db", "127.0.0.1:0", u.Host)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	u.Host = p.Listen
	u.RawQuery += "&connect_timeout=1"
	return line{p}, u.String()
}

// spoil adds a toxic to what the database says.
func (l line) spoil(t *testing.T, kind string, attributes string) {
	t.Helper()
	if _, err := l.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":%q,"stream":"downstream","attributes":{%s}}`, kind, attributes))); err != nil {
		t.Fatal(err)
	}
}

const wideSQL = `CREATE TABLE wide (id INT PRIMARY KEY, words TEXT); INSERT INTO wide SELECT i, repeat('x', 200) FROM generate_series(1, 60000) AS g(i); ANALYZE wide`

// drained reads a query to its end and returns how many rows came and why it ended; nil
// is the proper end.
func drained(ctx context.Context, src source.Source, q source.Query, between func(rows int)) (rows int, err error) {
	s, err := src.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	r, err := s.Query(ctx, q)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var b batch.Batch
	for {
		if err := r.Next(&b); err == io.EOF {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
		rows += b.Rows()
		if between != nil {
			between(rows)
		}
	}
}

// A connection that is cut, wherever, is an error that may pass; the rows never just
// end, over one connection or several.
func TestFaultCut(t *testing.T) {
	db := postgrestest.New(t, wideSQL)
	for _, parallel := range []int{1, 3} {
		for i := range 20 {
			l, u := lineTo(t, db)
			at := 1000 + i*i*25_000/parallel // of about 12.6 MB, and what comes before the rows
			l.spoil(t, "limit_data", fmt.Sprintf(`"bytes":%d`, at))
			rows, err := drained(t.Context(), postgres.New(postgres.Config{URL: u, Parallel: parallel}), source.Query{SQL: "SELECT * FROM wide", Key: "id"}, nil)
			if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable {
				t.Errorf("cut after %d bytes over %d connections: %d rows, %v", at, parallel, rows, err)
			}
			if strings.Contains(fmt.Sprint(err), postgrestest.Password) {
				t.Errorf("the password is in %v", err)
			}
		}
	}
	if rows, err := drained(t.Context(), postgres.New(postgres.Config{URL: db}), source.Query{SQL: "SELECT * FROM wide"}, nil); rows != 60_000 || err != nil {
		t.Errorf("without a cut: %d rows, %v", rows, err)
	}
}

// A connection that falls silent is given up; a statement that works long is not, nor
// is one whose rows drip.
func TestFaultSilence(t *testing.T) {
	db := postgrestest.New(t, wideSQL)
	const silence = 300 * time.Millisecond
	for _, parallel := range []int{1, 2} {
		l, u := lineTo(t, db)
		begun := time.Now()
		rows, err := drained(t.Context(), postgres.New(postgres.Config{URL: u, Silence: silence, Parallel: parallel}), source.Query{SQL: "SELECT * FROM wide", Key: "id"}, func(rows int) {
			if l.Toxics.GetToxic("hole") == nil {
				_, _ = l.Toxics.AddToxicJson(strings.NewReader(`{"name":"hole","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`))
			}
		})
		if took := time.Since(begun); outturn.ErrorCode(err) != outturn.CodeSourceUnavailable || took > 15*time.Second {
			t.Errorf("a black hole: %d rows, %v after %s", rows, err, took)
		}
	}
	if rows, err := drained(t.Context(), postgres.New(postgres.Config{URL: db, Silence: silence}), source.Query{SQL: "SELECT 1 AS n FROM (SELECT pg_sleep(1.5)) AS s"}, nil); rows != 1 || err != nil {
		t.Errorf("a long statement: %d rows, %v", rows, err)
	}
	l, u := lineTo(t, db)
	l.spoil(t, "bandwidth", `"rate":2000`)
	if rows, err := drained(t.Context(), postgres.New(postgres.Config{URL: u, Silence: silence}), source.Query{SQL: "SELECT * FROM wide WHERE id <= 10000"}, nil); rows != 10_000 || err != nil {
		t.Errorf("a slow drip: %d rows, %v", rows, err)
	}
}

// What ends a statement at the database's side, and what that is to a run.
func TestFaultServer(t *testing.T) {
	server := postgrestest.OfTest(t, "old_snapshot_threshold=0", "wal_level=replica")
	ctx := t.Context()
	do := func(sql string) {
		t.Helper()
		for statement := range strings.SplitSeq(sql, ";") {
			if err := server.Exec(ctx, "postgres", statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	do(wideSQL)
	all := source.Query{SQL: "SELECT * FROM wide", Key: "id"}
	// So much that several connections are not done with it before the first is heard of.
	more := source.Query{SQL: "SELECT wide.*, g AS again FROM wide, generate_series(1, 20) AS g", Key: "id"}
	for _, test := range []struct {
		name   string
		config postgres.Config
		q      source.Query
		middle func()
		code   outturn.Code
		says   string
	}{
		{"Terminated", postgres.Config{}, all, func() {
			do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'outturn%'")
		}, outturn.CodeSourceUnavailable, ""}, // its last words may find the line full
		{"TerminatedParallel", postgres.Config{Parallel: 3}, more, func() {
			do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'outturn%'")
		}, outturn.CodeSourceUnavailable, ""},
		{"Cancelled", postgres.Config{}, all, func() {
			do("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'outturn%'")
		}, outturn.CodeSourceUnavailable, "Somebody at the database"},
		{"StatementTimeout", postgres.Config{StatementTimeout: 200 * time.Millisecond}, source.Query{SQL: "SELECT pg_sleep(20)::TEXT AS s"}, nil, outturn.CodeQueryTimeout, "statement_timeout"},
		{"SnapshotAge", postgres.Config{MaxAge: 200 * time.Millisecond}, source.Query{SQL: "SELECT pg_sleep(20)::TEXT AS s"}, nil, outturn.CodeQueryTimeout, "max_snapshot_age"},
		{"Fast", postgres.Config{}, all, func() {
			if server.PID() != 0 {
				_ = server.Stop(syscall.SIGINT)
			}
		}, outturn.CodeSourceUnavailable, ""},
		{"Immediate", postgres.Config{Parallel: 2}, more, func() { _ = server.Stop(syscall.SIGQUIT) }, outturn.CodeSourceUnavailable, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.config.URL = server.URL("postgres")
			begun, once := time.Now(), false
			rows, err := drained(ctx, postgres.New(test.config), test.q, func(int) {
				if !once && test.middle != nil {
					once = true
					test.middle()
				}
			})
			if outturn.ErrorCode(err) != test.code || !strings.Contains(err.Error(), test.says) || time.Since(begun) > 10*time.Second {
				t.Errorf("%d rows, %v after %s; want %s that says %q", rows, err, time.Since(begun), test.code, test.says)
			}
			if server.Stopped() {
				if err := server.Resume(); err != nil {
					t.Fatal(err)
				}
			}
			if rows, err := drained(ctx, postgres.New(postgres.Config{URL: server.URL("postgres")}), all, nil); rows != 60_000 || err != nil {
				t.Errorf("tried again: %d rows, %v", rows, err)
			}
		})
	}
	t.Run("Replica", func(t *testing.T) {
		replica := server.Replica(t)
		c, notes := noted(postgres.Config{URL: replica.URL("postgres"), Parallel: 2})
		once := false
		rows, err := drained(ctx, postgres.New(c), source.Query{SQL: "SELECT a.id, a.words, repeat('y', 100) AS more FROM wide AS a JOIN generate_series(1, 50) AS g(i) ON TRUE"}, func(int) {
			if !once {
				once = true
				do("DELETE FROM wide WHERE id % 2 = 0; VACUUM wide")
			}
		})
		// The replica says that it was a conflict, unless its last words find the line full.
		if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable {
			t.Errorf("%d rows, %v", rows, err)
		}
		if _, err := drained(ctx, postgres.New(c), all, nil); err != nil || len(*notes) != 2 || !strings.Contains((*notes)[1], "replica") {
			t.Errorf("%v, notes %q", err, *notes)
		}
	})
}

// Each class of errors that a database may end a statement with, and what it is to a run.
func TestReasons(t *testing.T) {
	db := postgrestest.New(t, `CREATE FUNCTION fails(code TEXT, said TEXT) RETURNS INT LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', said USING ERRCODE = code; END $$`)
	for sqlState, code := range map[string]outturn.Code{
		"72000": outturn.CodeSourceUnavailable, "40001": outturn.CodeSourceUnavailable, "40P01": outturn.CodeSourceUnavailable,
		"53100": outturn.CodeSourceUnavailable, "53300": outturn.CodeSourceUnavailable, "57P01": outturn.CodeSourceUnavailable,
		"57P02": outturn.CodeSourceUnavailable, "57P03": outturn.CodeSourceUnavailable, "58030": outturn.CodeSourceUnavailable,
		"08006": outturn.CodeSourceUnavailable, "25P03": outturn.CodeSourceUnavailable, "XX001": outturn.CodeSourceUnavailable,
		"53200": outturn.CodeMemoryLimit, "22012": outturn.CodeQueryFailed, "42501": outturn.CodeQueryFailed, "P0001": outturn.CodeQueryFailed,
	} {
		s := open(t, postgres.Config{URL: db})
		_, err := readAll(t.Context(), s, source.Query{SQL: "SELECT fails($1, 'the very words') AS n", Args: []string{sqlState}})
		if outturn.ErrorCode(err) != code || !strings.Contains(err.Error(), "the very words") {
			t.Errorf("%s: got %s %v, want %s", sqlState, outturn.ErrorCode(err), err, code)
		}
		// One account is not told what may be of another's row.
		d := &outturn.Dataset{Name: "rows", Version: 1, Tenant: "owner", Fields: []outturn.Field{{Name: "n", Type: outturn.Int}},
			SQL: "SELECT fails('" + sqlState + "', 'of row 7') AS n, '1' AS owner FROM generate_series(1, 2)"}
		_, err = readAll(t.Context(), s, source.Query{Dataset: d, View: outturn.Full(d), Tenant: "1"})
		withheld := sqlState == "22012" || sqlState == "P0001" || sqlState == "XX001"
		if err == nil || strings.Contains(err.Error(), "of row 7") == withheld {
			t.Errorf("%s, to one account: got %v", sqlState, err)
		}
	}
}

// What is wrong is said by the table, the column or the setting, with who must act; a
// password is never shown.
func TestBadInput(t *testing.T) {
	server := postgrestest.Shared(t)
	db := postgrestest.New(t, `CREATE ROLE reader LOGIN PASSWORD 'canary-reader'; CREATE TABLE secrets (id INT); CREATE TABLE money (id INT, total NUMERIC(20,2), due DATE);
		INSERT INTO money VALUES (1, 12.5, '2026-01-01'), (2, 'NaN', '2026-01-01'), (3, 1, 'infinity')`)
	if err := server.Exec(t.Context(), "postgres", "CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(t.Context(), "bytes", `CREATE TABLE names AS SELECT 1 AS id, convert_from('\xff41'::BYTEA, 'SQL_ASCII') AS name`); err != nil {
		t.Fatal(err)
	}
	name := db[strings.LastIndex(db, "/")+1 : strings.Index(db, "?")]
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	dropped := &outturn.Dataset{Name: "money", Version: 1, SQL: "SELECT id, gone FROM money", Fields: []outturn.Field{{Name: "id", Type: outturn.Int}}}
	for _, test := range []struct {
		name, url string
		q         source.Query
		code      outturn.Code
		says      []string
	}{
		{"NoURL", "postgres://user:canary-pass@host:port/x", source.Query{}, outturn.CodeInvalid, []string{"postgres://"}},
		{"Refused", fmt.Sprintf("postgres://u:canary-pass@%s/x", closed.Addr()), source.Query{}, outturn.CodeSourceUnavailable, []string{"127.0.0.1", "refused"}},
		{"NoHost", "postgres://u:canary-pass@no-such-host.invalid/x", source.Query{}, outturn.CodeSourceUnavailable, []string{"no-such-host.invalid"}},
		{"Password", server.URLOf("postgres", "canary-pass", name), source.Query{}, outturn.CodeSourceRefused, []string{"user postgres", "operator"}},
		{"NoUser", server.URLOf("nobody", "canary-pass", name), source.Query{}, outturn.CodeSourceRefused, []string{"user nobody"}},
		{"NoDatabase", server.URL("absent"), source.Query{}, outturn.CodeSourceRefused, []string{"no database absent"}},
		{"Right", server.URLOf("reader", "canary-reader", name), source.Query{SQL: "SELECT * FROM secrets"}, outturn.CodeQueryFailed, []string{"table secrets", "operator"}},
		{"Dropped", db, source.Query{Dataset: dropped, View: outturn.Full(dropped), Everything: true}, outturn.CodeQueryFailed, []string{"gone", "data sets"}},
		{"NaN", db, source.Query{SQL: "SELECT * FROM money WHERE id < 3"}, outturn.CodeQueryFailed, []string{"Column total", "NaN", "row 2"}},
		{"NoText", server.URL("bytes"), source.Query{SQL: "SELECT * FROM names"}, outturn.CodeQueryFailed, []string{"Column name", "SQL_ASCII", "row 1"}},
	} {
		_, err := drained(t.Context(), postgres.New(postgres.Config{URL: test.url}), test.q, nil)
		if outturn.ErrorCode(err) != test.code {
			t.Errorf("%s: got %v", test.name, err)
			continue
		}
		for _, says := range test.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q is not in: %v", test.name, says, err)
			}
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s shows a password: %v", test.name, err)
		}
	}
	// An infinity is what it is; whether a file can spell it is the format's to say.
	if got, err := readInfinity(t, db); err != nil || got != batch.Infinity {
		t.Errorf("infinity: got %d, %v", got, err)
	}
}

func readInfinity(t *testing.T, db string) (int64, error) {
	r, err := open(t, postgres.Config{URL: db}).Query(t.Context(), source.Query{SQL: "SELECT due FROM money WHERE id = 3"})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var b batch.Batch
	if err := r.Next(&b); err != nil {
		return 0, err
	}
	return b.Int(0, 0), nil
}

// While a connection is made that is slow to write, the library reads in the background.
// It must have stopped before the answers are read here: it would take the first.
func TestSlowWrites(t *testing.T) {
	server := postgrestest.Shared(t)
	postgres.SlowWrites(t, 30*time.Millisecond)
	src := postgres.New(postgres.Config{URL: server.URL("postgres"), Silence: 5 * time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	snapshot, err := src.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
}
