package clickhouse_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
	"outturn/internal/source/clickhouse"
	"outturn/internal/source/clickhouse/clickhousetest"
)

// endless has one row, which no server ever gets to.
const endless = "SELECT max(cityHash64(number)) AS endless FROM system.numbers"

// A statement that is stopped ends on the server within a second.
func TestStop(t *testing.T) {
	db := clickhousetest.New(t)
	db.Sharded("many", "n UInt64", "ENGINE = MergeTree ORDER BY n", [2]string{"SELECT number FROM system.numbers LIMIT 100000", "SELECT number FROM system.numbers LIMIT 100000"})
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	slow := "SELECT max(cityHash64(n) + sleepEachRow(0.00005)) AS endless FROM many" // on both
	reason := outturn.Errorf(outturn.CodeInvalid, "The operator has pulled the plug.")
	for _, test := range []struct {
		name, sql string
		stop      func(context.Context) (context.Context, context.CancelFunc)
		want      outturn.Code
	}{
		{"before", endless, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, outturn.CodeCancelled},
		{"cancel", endless, cancelWith(nil), outturn.CodeCancelled},
		{"cancel a sort", "SELECT cityHash64(number) AS endless FROM system.numbers ORDER BY endless", cancelWith(nil), outturn.CodeCancelled},
		{"cancel both servers", slow, cancelWith(nil), outturn.CodeCancelled},
		{"own reason", endless, cancelWith(reason), outturn.CodeInvalid},
		{"deadline", endless, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 300*time.Millisecond)
		}, outturn.CodeQueryTimeout},
	} {
		ctx, cancel := test.stop(t.Context())
		_, _, err := read(ctx, snap, source.Query{SQL: test.sql})
		stopped := time.Now()
		if outturn.ErrorCode(err) != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
		for db.Running("endless") > 0 {
			if time.Since(stopped) > time.Second {
				t.Fatalf("%s: it still runs after a second", test.name)
			}
		}
		cancel()
		wantRows(t, query(t, snap, source.Query{SQL: "SELECT 1 AS one"}), []string{"1"}) // the snapshot lives on
	}
}

// cancelWith stops a statement when it has begun to run.
func cancelWith(reason error) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(300*time.Millisecond, func() { cancel(reason) })
		return ctx, func() {
			timer.Stop()
			cancel(nil)
		}
	}
}

func TestStopWhileReading(t *testing.T) {
	db := clickhousetest.New(t)
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	wide := source.Query{SQL: "SELECT number AS n, concat(toString(n), '                                ') AS unread FROM system.numbers"}
	for _, test := range []string{"cancel", "close"} {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := snap.Query(ctx, wide)
		if err != nil {
			t.Fatal(err)
		}
		var b batch.Batch
		if err := r.Next(&b); err != nil || b.Rows() == 0 {
			t.Fatalf("got %d rows and %v", b.Rows(), err)
		}
		if n := db.Running("unread"); n != 1 {
			t.Errorf("%d statements run, want 1", n)
		}
		if n := db.Running("outturn-run-0192f3a1-aa-"); n != 1 {
			t.Errorf("%d statements are named for what they are for, want 1", n)
		}
		if test == "cancel" {
			cancel()
			for range 2 {
				if err := r.Next(&b); outturn.ErrorCode(err) != outturn.CodeCancelled || b.Rows() != 0 {
					t.Errorf("got %v and %d rows, want %s and none", err, b.Rows(), outturn.CodeCancelled)
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		for closed := time.Now(); db.Running("unread") > 0; {
			if time.Since(closed) > time.Second {
				t.Fatalf("%s: it still runs after a second", test)
			}
		}
		cancel()
	}
}

func TestStatementTimeout(t *testing.T) {
	db := clickhousetest.New(t)
	snap := begin(t, clickhouse.Config{URL: db.URL(), StatementTimeout: time.Second})
	if _, _, err := read(t.Context(), snap, source.Query{SQL: endless}); outturn.ErrorCode(err) != outturn.CodeQueryTimeout {
		t.Errorf("got %v, want %s", err, outturn.CodeQueryTimeout)
	}
}

// Half the rows are no report.
func TestFaultShardDown(t *testing.T) {
	db, d, tree := shop(t)
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	q := source.Query{Dataset: d, View: outturn.Full(d), Tenant: "2", Tree: tree}
	if len(query(t, snap, q)) == 0 {
		t.Error("no rows")
	}
	db.StopSecond()
	_, _, err := read(t.Context(), snap, q)
	if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable || strings.Contains(err.Error(), clickhousetest.Password) {
		t.Errorf("got %v, want %s", err, outturn.CodeSourceUnavailable)
	}
}

// A server that goes away in the middle ends the report, and not the rows.
func TestFaultServerGone(t *testing.T) {
	db := clickhousetest.New(t)
	proxy := newProxy(t, db.Addr())
	u, err := url.Parse(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.Host = proxy.Addr().String()
	snap := begin(t, clickhouse.Config{URL: u.String()})
	r, err := snap.Query(t.Context(), source.Query{SQL: "SELECT number AS n FROM system.numbers"})
	if err != nil {
		t.Fatal(err)
	}
	var b batch.Batch
	if err := r.Next(&b); err != nil {
		t.Fatal(err)
	}
	proxy.cut()
	for err == nil {
		err = r.Next(&b)
	}
	if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable {
		t.Errorf("got %v, want %s", err, outturn.CodeSourceUnavailable)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestUnavailable(t *testing.T) {
	db := clickhousetest.New(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := url.Parse(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	other := func(change func(u *url.URL)) string {
		u := *good
		change(&u)
		return u.String()
	}
	const wrong = "wrong-canary"
	for name, test := range map[string]struct{ url, says string }{
		"port":     {other(func(u *url.URL) { u.Host = nobody.Addr().String() }), "cannot be reached"},
		"password": {db.URLOf("default", wrong), "password"},
		"user":     {db.URLOf("nobody", wrong), "user"},
		"database": {other(func(u *url.URL) { u.Path = "/nowhere" }), "database"},
		"cutting":  {db.URLOf("cutting", clickhousetest.Password), "result_overflow_mode"},
	} {
		src := clickhouse.New(clickhouse.Config{URL: test.url})
		_, err := src.Begin(t.Context())
		if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %s that says %s", name, err, outturn.CodeSourceUnavailable, test.says)
			continue
		}
		for whole := err; whole != nil; whole = errors.Unwrap(whole) {
			if text := whole.Error(); strings.Contains(text, wrong) || strings.Contains(text, "canary") {
				t.Errorf("%s: the password is in it: %s", name, text)
			}
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
	// Who may set nothing can still read.
	db.Exec("CREATE TABLE kept (n Int8) ENGINE = Memory", "INSERT INTO kept VALUES (1)")
	snap := begin(t, clickhouse.Config{URL: db.URLOf("bound", clickhousetest.Password), StatementTimeout: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rows, _, err := read(ctx, snap, source.Query{SQL: "SELECT n FROM kept"})
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, []string{"1"})
}

func TestCheck(t *testing.T) {
	for text, says := range map[string]string{
		"clickhouse://host": "",
		"clickhouse://reader:can%40ary@host:9000/billing":    "",
		"clickhouse://reader@[::1]:9440/billing?secure=true": "",
		"":                                      "does not begin with clickhouse://",
		"postgres://reader:canary@host/billing": "does not begin with clickhouse://",
		"clickhouse://reader:canary@/billing":   "names no host",
		"clickhouse://reader:can%zzary@host/billing":                "cannot be read",
		"clickhouse://reader:canary@host:port/billing":              "cannot be read",
		"clickhouse://reader:canary@host/billing?password=canary":   "may have secure=true",
		"clickhouse://reader:canary@host/billing?secure=1":          "may have secure=true",
		"clickhouse://reader:canary@host/billing?secure=true;a=%zz": "cannot be read after the question mark",
		"clickhouse:reader:canary@host":                             "names no host",
		"clickhouse://reader:canary@host/billing#canary":            "means nothing",
	} {
		err := clickhouse.Check(text)
		if says == "" && err != nil || says != "" && (outturn.ErrorCode(err) != outturn.CodeInvalid || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: got %v, want %q", text, err, says)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "ary@")) {
			t.Errorf("%s: the password is in it: %v", text, err)
		}
		if _, begun := clickhouse.New(clickhouse.Config{URL: text}).Begin(t.Context()); says != "" && begun == nil {
			t.Errorf("%s was begun", text)
		}
	}
}

// What the server says of rows that are not the account's is not told to it.
func TestWithheld(t *testing.T) {
	db := clickhousetest.New(t, "CREATE TABLE prices (owner String, price String) ENGINE = Memory", "INSERT INTO prices VALUES ('mine', '1'), ('theirs', 'secret')")
	d := &outturn.Dataset{Name: "prices", Version: 1, SQL: "SELECT owner, toInt32(price) AS price FROM prices", Tenant: "owner",
		Fields: []outturn.Field{{Name: "owner", Type: outturn.Text}, {Name: "price", Type: outturn.Int}}}
	snap := begin(t, clickhouse.Config{URL: db.URL()})
	q := source.Query{Dataset: d, View: outturn.Full(d), Everything: true}
	if _, _, err := read(t.Context(), snap, q); outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), "secret") {
		t.Errorf("to the operator: got %v", err)
	}
	q.Everything, q.Tenant = false, "mine"
	if _, _, err := read(t.Context(), snap, q); err != nil && (outturn.ErrorCode(err) != outturn.CodeQueryFailed || strings.Contains(err.Error(), "secret")) {
		t.Errorf("to another account: got %v", err)
	}
	q.View, q.Tenant = outturn.Full(d), "theirs"
	if _, _, err := read(t.Context(), snap, q); outturn.ErrorCode(err) != outturn.CodeQueryFailed || strings.Contains(err.Error(), "secret") {
		t.Errorf("to the account: got %v", err)
	}
}

// A proxy passes connections on, until it is cut.
type proxy struct {
	net.Listener
	cut func()
}

func newProxy(t *testing.T, to string) proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cut := context.WithCancel(t.Context())
	context.AfterFunc(ctx, func() { l.Close() })
	t.Cleanup(cut)
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			context.AfterFunc(ctx, func() { near.Close(); far.Close() })
			go pass(near, far)
			go pass(far, near)
		}
	}()
	return proxy{l, cut}
}

func pass(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
