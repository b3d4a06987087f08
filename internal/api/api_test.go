package api_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // reads the ledger beside the server

	"outturn"
	"outturn/client"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// shop is one server for all tests of this package. Two resellers report on
// accounts of the sample data, and each test makes what it needs.
var shop struct {
	*servertest.Local
	log     servertest.Log
	tenants map[string]outturn.Tenant
}

func TestMain(m *testing.M) {
	status, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func testMain(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "outturn-api-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	ctx := context.Background()
	config := server.Config{Drain: time.Millisecond, Version: "v1.2.3-test", Log: slog.New(slog.NewJSONHandler(&shop.log, nil))}
	if shop.Local, err = servertest.Serve(ctx, folder, config); err != nil {
		return 1, err
	}
	shop.tenants = map[string]outturn.Tenant{}
	for name, account := range map[string]string{"Northwind": "1000003", "Contoso": "1000004"} {
		if shop.tenants[name], err = shop.AddTenant(ctx, name, account); err != nil {
			return 1, err
		}
	}
	status := m.Run()
	return status, shop.Close()
}

// A caller is a client of a tenant, with a token.
type caller struct {
	client.Config
	token string
}

// callerOf makes a client; of no tenant it is the provider's.
func callerOf(t testing.TB, tenant string, role outturn.Role) caller {
	t.Helper()
	c, err := shop.AddClient(t.Context(), shop.tenants[tenant].ID, role)
	if err != nil {
		t.Fatal(err)
	}
	who := caller{Config: client.Config{URL: shop.URL(), ClientID: c.ID, ClientSecret: c.Secret}}
	who.token = who.newToken(t)
	return who
}

func (c caller) newToken(t testing.TB) string {
	t.Helper()
	req := request(t, http.MethodPost, c.URL+"/oauth2/token", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(c.ClientID, c.ClientSecret)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	send(t, req).decode(t, http.StatusOK, &token)
	return token.AccessToken
}

// client is the Go client of the same caller.
func (c caller) client(t testing.TB) *client.Client {
	t.Helper()
	made, err := client.New(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// do makes a request with the caller's token; header is names and values in turn.
func (c caller) do(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	req := request(t, method, c.URL+path, body, header...)
	if c.token != "" && req.Header.Get("Authorization") == "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return send(t, req)
}

// run makes a run, waits until it has ended well, and returns it.
func (c caller) run(t testing.TB, in client.RunInput) outturn.Run {
	t.Helper()
	same := c.client(t) // one token for both: what asks for another is in the audit
	run, err := same.CreateRun(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return ended(t, same, run.ID)
}

// ended waits for a run and wants it to have ended well.
func (c caller) ended(t testing.TB, id string) outturn.Run {
	t.Helper()
	return ended(t, c.client(t), id)
}

func ended(t testing.TB, c *client.Client, id string) outturn.Run {
	t.Helper()
	run, err := c.WaitRun(t.Context(), id)
	if err != nil || run.State != outturn.RunSucceeded {
		t.Fatalf("%s, %+v, %v", run.State, run.Reason, err)
	}
	return run
}

var accounts = client.RunInput{Dataset: "accounts", Formats: []outturn.Output{{Format: "csv"}}}

// request makes a request to the shop, unless path names a server too; a body is JSON
// unless a header says otherwise.
func request(t testing.TB, method, path, body string, header ...string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	if strings.HasPrefix(path, "/") {
		path = shop.URL() + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, path, r)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// plain neither follows redirects nor unpacks bodies.
var plain = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       time.Minute,
}

// An answer is one whose body has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func send(t testing.TB, req *http.Request) answer {
	t.Helper()
	resp, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

func (a answer) decode(t testing.TB, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// A problem is a refusal as a client reads it.
type problem struct {
	Type, Title, Detail, Code string
	Status                    int
	Request                   string `json:"request_id"`
	Errors                    []struct{ Field, Message string }
}

// openLedger opens the server's ledger to read from it.
func openLedger(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(shop.Data, server.LedgerName)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// rest waits until every run that was asked for has ended, and so adds no rows any more.
func rest(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db := openLedger(t)
	defer db.Close()
	var left int
	var failed error
	if err := servertest.Every(ctx, 5*time.Millisecond, func() bool {
		failed = db.QueryRowContext(ctx, `SELECT count(*) FROM runs WHERE state IN ('queued', 'running')`).Scan(&left)
		return failed == nil && left == 0
	}); err != nil {
		t.Fatalf("%d runs have not ended: %v, %v", left, err, failed)
	}
}

// rows counts what the ledger holds, by table. The audit notes refusals too, and so
// is left out.
func rows(t testing.TB) map[string]int {
	t.Helper()
	db := openLedger(t)
	defer db.Close()
	list, err := db.QueryContext(t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%audit%'`)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for list.Next() {
		var name string
		if err := list.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, name := range tables {
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM "`+name+`"`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[name] = n
	}
	if len(counts) < 6 {
		t.Fatalf("the ledger has only the tables %v", tables)
	}
	return counts
}

// dial opens a connection to speak HTTP as no client would.
func dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(shop.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func readResponse(t testing.TB, conn net.Conn) answer {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}
