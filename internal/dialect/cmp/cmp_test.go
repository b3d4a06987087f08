package cmp_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // writes what a generator would, beside the server

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/dialect/cmp"
	"outturn/internal/edge"
	"outturn/internal/reporting"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// shop is one server for all tests that do not say how it is set up. Its clock stands at
// noon, unless a test moves it.
var shop *servertest.Local

var noon = time.Date(2026, 12, 6, 12, 0, 0, 100e6, time.UTC)

func TestMain(m *testing.M) {
	status, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func testMain(m *testing.M) (status int, err error) {
	folder, err := os.MkdirTemp("", "outturn-cmp-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	if shop, err = servertest.Serve(context.Background(), folder, server.Config{Drain: time.Millisecond}); err != nil {
		return 1, err
	}
	status = m.Run()
	return status, shop.Close()
}

var turns servertest.Turns

// begin is what each test begins with that leaves something in the shop: where the tests
// are made once more, it is a new one.
func begin(t *testing.T) {
	t.Helper()
	if !turns.Again(t) {
		return
	}
	var err error
	if shop, err = shop.Anew(context.Background(), server.Config{Drain: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
}

// serve is a server that is set up otherwise, over the same sample data.
func serve(t testing.TB, c cmp.Config) *servertest.Local {
	t.Helper()
	folder := t.TempDir()
	data := filepath.Join(filepath.Dir(shop.Data), "commerce.duckdb")
	if err := os.Link(data, filepath.Join(folder, "commerce.duckdb")); err != nil {
		t.Fatal(err)
	}
	s, err := servertest.Serve(t.Context(), folder, server.Config{Drain: time.Millisecond, CMP: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// at sets the clock of a server.
func at(s *servertest.Local, t time.Time) { s.Ahead(time.Until(t)) }

// A caller is a CMP client of a tenant.
type caller struct {
	*servertest.Local
	outturn.Credential
	tenant string
	base   string // the base path
}

// newTenant is a reseller of the sample data with an admin.
func newTenant(t testing.TB, s *servertest.Local, account string) caller {
	t.Helper()
	tenant, err := s.AddTenant(t.Context(), "Tenant of "+t.Name(), account)
	if err != nil {
		t.Fatal(err)
	}
	return newCaller(t, s, tenant.ID, outturn.RoleAdmin)
}

func newCaller(t testing.TB, s *servertest.Local, tenant string, role outturn.Role) caller {
	t.Helper()
	operator, err := s.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, shown, err := s.Reporting().CreateClient(t.Context(), operator, outturn.Client{Tenant: tenant, Kind: outturn.ClientCMP, Role: role, Name: "CMP"})
	if err != nil {
		t.Fatal(err)
	}
	return caller{s, shown, tenant, "/marketplace"}
}

func (c caller) token(t testing.TB) string {
	t.Helper()
	a := c.send(t, "POST", c.base+"/token", `{"marketplace":"us"}`, "Authorization", "", "X-Subscription-Key", c.SubscriptionKey)
	var token struct{ Token string }
	a.decode(t, http.StatusOK, &token)
	return token.Token
}

// do calls with a token and the subscription key; header is names and values in turn.
func (c caller) do(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	return c.send(t, method, c.base+path, body, append([]string{"Authorization", "Bearer " + c.token(t), "X-Subscription-Key", c.SubscriptionKey}, header...)...)
}

// send calls with no more than header says; an Authorization of "" is the caller's user
// and password.
func (c caller) send(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Authorization" && header[i+1] == "" {
			req.SetBasicAuth(c.Username, c.Password)
		}
	}
	return send(t, req)
}

// An answer is one whose body has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send wants of each answer what all have.
func send(t testing.TB, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	id := resp.Header.Get("X-Correlation-ID")
	if id == "" || id != resp.Header.Get("X-Request-Id") {
		t.Errorf("%s %s: X-Correlation-ID %q, X-Request-Id %q", req.Method, req.URL, id, resp.Header.Get("X-Request-Id"))
	}
	if req.Method != http.MethodHead && !json.Valid(body) {
		t.Errorf("%s %s: no JSON: %s", req.Method, req.URL, body)
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

// A report is one as a client reads it.
type report struct {
	ID, Name, CustomizationName, Status, Type, Format string
	CreationDate, StartDate, EndDate, DownloadURL     string
}

type reports struct {
	Data       []report
	Pagination struct{ Offset, Limit, Total int }
}

func (r reports) ids() (ids []string) {
	for _, one := range r.Data {
		ids = append(ids, one.ID)
	}
	return ids
}

// A fault is a refusal as a client reads it.
type fault struct {
	Code, Message string
	Details       map[string]any
}

// create asks for a report and returns it as it was answered.
func (c caller) create(t testing.TB, body string) (r report) {
	t.Helper()
	c.do(t, "POST", "/reports", body).decode(t, http.StatusOK, &r)
	return r
}

// completed waits for a report.
func (c caller) completed(t testing.TB, id string) (r report) {
	t.Helper()
	token := c.token(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(time.Minute); r.Status != "completed"; <-tick.C {
		if time.Now().After(until) {
			t.Fatalf("after a minute the report %s is %+v", id, r)
		}
		c.send(t, "GET", c.base+"/reports/"+id, "", "Authorization", "Bearer "+token, "X-Subscription-Key", c.SubscriptionKey).decode(t, http.StatusOK, &r)
		if r.Status == "error" {
			t.Fatalf("report %s: %+v", id, r)
		}
	}
	return r
}

func (c caller) list(t testing.TB, query string) (l reports) {
	t.Helper()
	c.do(t, "GET", "/reports?"+query, "").decode(t, http.StatusOK, &l)
	return l
}

// limit sets the limits of the caller's tenant.
func (c caller) limit(t testing.TB, limits outturn.Limits) {
	t.Helper()
	operator, err := c.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reporting().UpdateTenant(t.Context(), operator, c.tenant, reporting.TenantUpdate{Limits: limits.ByKind()}); err != nil {
		t.Fatal(err)
	}
}

// gateOf is a gate that nobody comes through.
func gateOf(t testing.TB) *edge.Gate {
	t.Helper()
	gate, err := edge.New(edge.Config{Service: shop.Reporting(), Auth: new(auth.Service)})
	if err != nil {
		t.Fatal(err)
	}
	return gate
}

// write changes the ledger as only what is not under test does.
func write(t testing.TB, s *servertest.Local, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.Data, server.LedgerName)+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// october is a request for a report of October.
const october = `{"name":"October close","format":"json","startDate":"2026-10-01T00:00:00.000Z","endDate":"2026-10-31T23:59:59.000Z"}`

func pretty(t testing.TB, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(text), "", "  "); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return b.String()
}
