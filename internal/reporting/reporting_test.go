package reporting_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"
	"go.uber.org/goleak"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/catalog"
	"outturn/internal/queue/local"
	"outturn/internal/reporting"
	"outturn/internal/secret"
	"outturn/internal/seed"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/ledger"
	"outturn/internal/store"
)

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "reporting-")
	if err != nil {
		panic(err)
	}
	shop = filepath.Join(folder, "shop.duckdb")
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(folder)
		os.Exit(status)
	}))
}

// The tree of accounts, in the source and in the ledger alike. Who asks belongs to
// own, unless a test says otherwise.
//
//	provider ── parent ─┬─ own ─┬─ child
//	                    │       └─ spare, in the source alone
//	                    └─ sibling
var accounts = map[string]struct{ id, parent string }{
	"provider": {"1", ""},
	"parent":   {"10", "provider"},
	"own":      {"100", "parent"},
	"child":    {"1000", "own"},
	"spare":    {"1001", "own"},
	"sibling":  {"101", "parent"},
}

// markers tell whose something is: each stands in all that an account has, in the
// source and in the ledger, and must never be told to others.
var markers = func() map[string]string {
	m := map[string]string{}
	for name := range accounts {
		m[name] = "marker" + name + strings.ToLower(rand.Text())
	}
	return m
}()

// day is when all was made, and where a stage's clock begins.
var day = time.Date(2026, 9, 15, 12, 0, 0, 0, time.UTC)

var shop string // the source's file

// newShop makes the source: the reference schema with the accounts above. It is made
// once.
var newShop = sync.OnceValue(func() error {
	var b strings.Builder
	b.WriteString(seed.Schema)
	payment := 0
	pay := func(payer, mark, amount, currency, at string) {
		payment++
		fmt.Fprintf(&b, "INSERT INTO payments VALUES (%[1]d, 'P%[1]d', %[2]s, %[2]s, 1, 'Payment', 'Open', 'New', %[3]s, '%[4]s', NULL, NULL, '%[5]s', -1, '%[6]s', '%[6]s', '%[6]s');\n",
			payment, payer, amount, currency, mark, at)
	}
	for name, a := range accounts {
		parent := "NULL"
		if a.parent != "" {
			parent = accounts[a.parent].id
		}
		fmt.Fprintf(&b, `INSERT INTO accounts (id, parent_id, level, type, is_operating_unit, is_company, name, aps_id, status, status_code, currency,
			statement_day, language, time_zone, address1, city, zip, country, tax_status, tax_zone, created_at, updated_at)
			VALUES (%s, %s, 1, 'Reseller', false, true, '%s', '', 'active', '0', 'EUR', 1, 'en', 'UTC', '', '', '0', 'DE', '', '', '2026-01-01 00:00:00Z', '2026-08-01 00:00:00Z');`,
			a.id, parent, markers[name])
		pay(a.id, markers[name], "1000.00000001", "USD", "2026-09-10 00:00:00Z")
	}
	for range 70 { // more than a preview shows
		pay("100", markers["own"], "0.10000001", "EUR", "2026-09-11 00:00:00Z")
	}
	pay("1000", markers["child"], "7", "EUR", "2026-10-11 00:00:00Z")
	return change(shop, b.String())
})

// change makes a DuckDB file, or changes one.
func change(file, statements string) error {
	var config duck.Config
	duck.CreateConfig(&config)
	defer duck.DestroyConfig(&config)
	var db duck.Database
	var fault string
	if duck.OpenExt(file, &db, config, &fault) != duck.StateSuccess {
		return fmt.Errorf("open %s: %s", file, fault)
	}
	defer duck.Close(&db)
	var conn duck.Connection
	duck.Connect(db, &conn)
	defer duck.Disconnect(&conn)
	var result duck.Result
	defer duck.DestroyResult(&result)
	if duck.Query(conn, statements, &result) != duck.StateSuccess {
		return fmt.Errorf("%s: %s", file, duck.ResultError(&result))
	}
	return nil
}

// A clock is set by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A stage is a service over a real ledger, folder of files, catalogue and source,
// with the tenants of accounts. No worker takes the runs.
type stage struct {
	*reporting.Service
	t       testing.TB
	clock   *clock
	ledger  *store.Store
	files   *blob.Folder
	sql     *sql.DB // the ledger, looked at from outside
	sealer  *secret.Keyring
	log     *bytes.Buffer
	told    chan string // runs that Cancel was called for
	file    string      // the ledger's
	config  reporting.Config
	tenants map[string]outturn.Tenant // by the names of accounts
}

// newStage makes a stage. change, which may be nil, changes what the service gets.
func newStage(t testing.TB, changes ...func(*reporting.Config)) *stage {
	t.Helper()
	must(t, newShop())
	folder := t.TempDir()
	s := &stage{t: t, clock: &clock{now: day}, log: &bytes.Buffer{}, told: make(chan string, 100), tenants: map[string]outturn.Tenant{}}
	file := filepath.Join(folder, "ledger.db")
	s.file = file
	var err error
	s.sealer, err = secret.NewKeyring(secret.NewKey())
	must(t, err)
	s.ledger, err = store.Open(t.Context(), store.Config{Path: file, Now: s.clock.Now})
	must(t, err)
	t.Cleanup(func() { must(t, s.ledger.Close()) })
	s.sql, err = sql.Open("sqlite3", "file:"+file+"?mode=ro")
	must(t, err)
	t.Cleanup(func() { must(t, s.sql.Close()) })
	s.files, err = blob.OpenFolder(filepath.Join(folder, "files"))
	must(t, err)
	t.Cleanup(func() { must(t, s.files.Close()) })
	cat, err := catalog.Builtin("duckdb")
	must(t, err)
	cat, err = cat.With(ledger.AuditDataset)
	must(t, err)
	src := duckdb.New(duckdb.Config{Path: shop, TempDir: folder, Linger: time.Minute})
	t.Cleanup(func() { must(t, src.Close()) })
	config := reporting.Config{
		Ledger: s.ledger, Sealer: s.sealer, Catalog: cat, Source: src, Own: ledger.New(s.ledger, s.clock.Now),
		Queue: local.New(local.Config{}), Blobs: s.files, Now: s.clock.Now,
		Cancel: func(run string) { s.told <- run },
		Log:    slog.New(slog.NewJSONHandler(s.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	s.config = config
	s.Service, err = reporting.New(config)
	must(t, err)
	t.Cleanup(s.Close)
	s.plant()
	return s
}

// in is the stage for a part of a test.
func (s *stage) in(t testing.TB) *stage {
	part := *s
	part.t = t
	return &part
}

// plant makes the tenants.
func (s *stage) plant() {
	s.t.Helper()
	provider, err := s.ledger.CreateTenant(s.t.Context(), outturn.Tenant{Kind: outturn.KindProvider, Name: markers["provider"]}, outturn.AuditEntry{Subject: "system"})
	must(s.t, err)
	s.tenants["provider"] = provider
	for _, name := range []string{"parent", "own", "child", "sibling"} {
		s.tenants[name], err = s.CreateTenant(s.t.Context(), s.operator(), outturn.Tenant{
			Parent: s.tenants[accounts[name].parent].ID, Kind: outturn.KindReseller, Name: markers[name], ExternalID: accounts[name].id,
		})
		must(s.t, err)
	}
}

// as is somebody of own with a role.
func (s *stage) as(role outturn.Role) outturn.Principal {
	return outturn.Principal{
		Subject: "client:" + string(role), Kind: "client", Tenant: s.tenants["own"].ID, Roles: []outturn.Role{role},
		Via: "oauth2", From: "192.0.2.7", Request: "req-7",
	}
}

// operator is who sees all.
func (s *stage) operator() outturn.Principal {
	return outturn.Principal{Subject: "local:operator", Tenant: s.tenants["provider"].ID, Roles: []outturn.Role{outturn.RoleOperator}, Via: "local"}
}

// input is a request without a fault.
func input() reporting.CreateRunInput {
	return reporting.CreateRunInput{Origin: "test", Request: outturn.RunRequest{Dataset: "payments", Outputs: []outturn.Output{{Format: "csv"}}}}
}

// queued makes a run of a tenant, by its name.
func (s *stage) queued(whose string) outturn.Run {
	s.t.Helper()
	in := input()
	in.Tenant, in.Name = s.tenants[whose].ID, "run of "+markers[whose]
	in.Request.Where = &outturn.Expr{Op: outturn.OpEQ, Field: "CUSTOMER_NAME", Values: []string{markers[whose]}}
	r, err := s.CreateRun(s.t.Context(), s.operator(), in)
	must(s.t, err)
	return r
}

// running makes a run that a worker has.
func (s *stage) running(whose string) outturn.Run {
	s.t.Helper()
	return s.claimed(s.queued(whose))
}

func (s *stage) claimed(r outturn.Run) outturn.Run {
	s.t.Helper()
	r, err := s.ledger.ClaimRun(s.t.Context(), r.ID, "worker", time.Minute)
	must(s.t, err)
	return r
}

// succeeded makes a run with a file, as a worker does.
func (s *stage) succeeded(whose string) outturn.Run {
	s.t.Helper()
	return s.publish(s.running(whose), whose)
}

// publish gives a run that a worker has its file.
func (s *stage) publish(r outturn.Run, whose string) outturn.Run {
	s.t.Helper()
	ctx := s.t.Context()
	name := markers[whose] + ".csv"
	text := "content of " + markers[whose]
	f := outturn.File{Key: r.Tenant + "/" + r.ID + ".1." + name, ExpiresAt: s.clock.Now().Add(90 * 24 * time.Hour)}
	sum := sha256.Sum256([]byte(text))
	f.ManifestFile = outturn.ManifestFile{Name: name, Format: "csv", MediaType: "text/csv", Rows: 1, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
	up, err := s.files.Create(ctx, f.Key)
	must(s.t, err)
	_, err = io.WriteString(up, text)
	must(s.t, err)
	must(s.t, up.Commit(ctx))
	r, err = s.ledger.SucceedRun(ctx, r.Claim(), outturn.Manifest{Dataset: r.Request.Dataset, Files: []outturn.ManifestFile{f.ManifestFile}}, []outturn.File{f})
	must(s.t, err)
	return r
}

// view makes a view of a tenant.
func (s *stage) view(whose, name string) outturn.SavedView {
	s.t.Helper()
	v, err := s.CreateView(s.t.Context(), s.operator(), outturn.SavedView{Tenant: s.tenants[whose].ID, View: outturn.View{
		Name: name, Dataset: "payments", Description: markers[whose], Columns: []outturn.ViewColumn{{Field: "CUSTOMER_NAME", Header: markers[whose]}},
	}})
	must(s.t, err)
	return v
}

// client makes a client of a tenant.
func (s *stage) client(whose string, role outturn.Role) (outturn.Client, string) {
	s.t.Helper()
	c, key, err := s.CreateClient(s.t.Context(), s.operator(), outturn.Client{Tenant: s.tenants[whose].ID, Name: markers[whose], Role: role})
	must(s.t, err)
	return c, key.ClientSecret
}

// rowCounts counts the rows of every table of the ledger, and of the audit in its two together.
func (s *stage) rowCounts() map[string]int {
	s.t.Helper()
	counts := map[string]int{}
	names, err := s.sql.QueryContext(s.t.Context(), `SELECT 'audit' UNION SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('audit_entries', 'audit_fresh', 'sqlite_sequence')`)
	must(s.t, err)
	defer names.Close()
	for names.Next() {
		var name string
		must(s.t, names.Scan(&name))
		counts[name] = -1
	}
	must(s.t, names.Err())
	for name := range counts {
		var n int
		must(s.t, s.sql.QueryRowContext(s.t.Context(), `SELECT COUNT(*) FROM "`+name+`"`).Scan(&n))
		counts[name] = n
	}
	return counts
}

// audited is how far the audit has come.
func (s *stage) audited() (n int) {
	s.t.Helper()
	must(s.t, s.sql.QueryRowContext(s.t.Context(), `SELECT MAX(seq) FROM audit`).Scan(&n))
	return n
}

// audit returns what the audit got since, of a subject.
func (s *stage) audit(since int, subject string) (entries []outturn.AuditEntry) {
	s.t.Helper()
	rows, err := s.sql.QueryContext(s.t.Context(), `SELECT tenant, subject, via, action, object, outcome, origin, request, detail FROM audit WHERE seq > ? AND subject = ? ORDER BY seq`, since, subject)
	must(s.t, err)
	defer rows.Close()
	for rows.Next() {
		var e outturn.AuditEntry
		var detail string
		must(s.t, rows.Scan(&e.Tenant, &e.Subject, &e.Via, &e.Action, &e.Object, &e.Outcome, &e.From, &e.Request, &detail))
		if detail != "" {
			must(s.t, json.Unmarshal([]byte(detail), &e.Detail))
		}
		entries = append(entries, e)
	}
	must(s.t, rows.Err())
	return entries
}

// wantCode reports an error that has another code.
func wantCode(t testing.TB, what string, err error, want outturn.Code) {
	t.Helper()
	if got := outturn.ErrorCode(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
