package servertest

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn/internal/server"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/sourcetest"
)

// An Injected is a request that has a place where a client's text comes: Place, in its
// path, its query or its body, which is JSON.
type Injected struct{ Method, Path, Body string }

// Place stands for the text.
const Place = "§"

// with puts a text there as the place has it.
func (r Injected) with(text string) (path, body string) {
	encoded, _ := json.Marshal(text)
	before, query, _ := strings.Cut(r.Path, "?")
	path = strings.ReplaceAll(before, Place, url.PathEscape(text))
	if query != "" {
		path += "?" + strings.ReplaceAll(query, Place, url.QueryEscape(text))
	}
	return path, strings.ReplaceAll(r.Body, Place, string(encoded[1:len(encoded)-1]))
}

// emptied are the tables of the sample data that take the most time to read.
const emptied = `DELETE FROM charges; DELETE FROM orders; DELETE FROM invoices; DELETE FROM invoice_taxes; DELETE FROM payments; DELETE FROM payment_invoices;
DELETE FROM subscriptions; DELETE FROM subscription_resources; DELETE FROM licenses; DELETE FROM plan_rates; DELETE FROM service_users; DELETE FROM contacts`

// ServeNoted serves the sample data of other, with none of the rows that take long to read,
// and what notes the statements to them: those are looked at, and they are many.
func ServeNoted(t *testing.T, other *Local, c server.Config) (*Local, *Statements) {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "commerce.duckdb")
	data, err := os.ReadFile(filepath.Join(filepath.Dir(other.Data), "commerce.duckdb"))
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	execute(t, file, emptied)
	seen := &Statements{Source: duckdb.New(duckdb.Config{Path: file, Memory: "1GiB", Linger: time.Minute})}
	c.Source = seen
	l, err := Serve(t.Context(), folder, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, seen
}

// execute changes a DuckDB file.
func execute(t *testing.T, file, sql string) {
	t.Helper()
	var db duck.Database
	var conn duck.Connection
	var result duck.Result
	defer func() {
		duck.DestroyResult(&result)
		duck.Disconnect(&conn)
		duck.Close(&db)
	}()
	if duck.Open(file, &db) != duck.StateSuccess || duck.Connect(db, &conn) != duck.StateSuccess {
		t.Fatalf("%s cannot be opened", file)
	}
	if duck.Query(conn, sql, &result) != duck.StateSuccess {
		t.Fatal(duck.ResultError(&result))
	}
}

// Inject sends hundreds of texts that would change a statement to the place of each request,
// a few of them where the tests are a sample. ask sends one and returns the status of its
// answer. No text is a fault of the server, none has a statement made that no harmless one
// has, and what the ledger is made of stays.
func Inject(t *testing.T, l *Local, seen *Statements, requests []Injected, ask func(method, path, body string) (status int)) {
	t.Helper()
	canary := filepath.Join(t.TempDir(), "canary")
	texts, step := sourcetest.Injections(canary), 67
	if os.Getenv("OUTTURN_TEST_FULL") != "" {
		step = 1
	}
	schema := LedgerSchema(t, l.Data)
	send := func(r Injected, text string) int {
		path, body := r.with(text)
		return ask(r.Method, path, body)
	}
	_ = seen.Take()
	for _, r := range requests {
		for _, text := range []string{"harmless", "1", "2026-10-01T00:00:00Z", "CSV", "name"} {
			send(r, text)
		}
	}
	l.drain(t)
	want := seen.Take()
	sent, taken := 0, 0
	for n, r := range requests {
		for i := n % step; i < len(texts); i += step {
			sent++
			switch status := send(r, texts[i]); {
			case status >= 500, status == http.StatusUnauthorized, status == http.StatusTooManyRequests: // then it was not looked at
				t.Errorf("%s %s %s: %q: %d", r.Method, r.Path, r.Body, texts[i], status)
			case status < 300:
				taken++
			}
		}
		l.drain(t)
		for text := range seen.Take() {
			if !want[text] {
				t.Errorf("%s %s %s: the texts made the statement\n%s", r.Method, r.Path, r.Body, text)
			}
		}
	}
	if got := LedgerSchema(t, l.Data); got != schema {
		t.Errorf("the ledger is another:\n%s", got)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a file was made")
	}
	t.Logf("one in %d of %d texts in %d places: %d requests, of which %d were taken; %d statements", step, len(texts), len(requests), sent, taken, len(want))
	if taken == 0 || len(want) == 0 {
		t.Error("no text was taken, or nothing was asked of the source")
	}
}

// drain waits until no run waits or is under way.
func (l *Local) drain(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(l.Data, server.LedgerName)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := Every(ctx, 10*time.Millisecond, func() bool {
		var n int
		return db.QueryRowContext(ctx, `SELECT count(*) FROM runs WHERE finished_at IS NULL`).Scan(&n) == nil && n == 0
	}); err != nil {
		t.Fatalf("runs do not end: %v", err)
	}
}
