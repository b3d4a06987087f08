package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outturn"
	"outturn/client"
	"outturn/internal/catalog"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
	"outturn/internal/source/duckdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The data sets of the tests' source, a folder with one table.
var datasets = map[string]string{
	"sales": `SELECT tenant AS T, CAST(amount AS INTEGER) AS N FROM sales`,
	// One whose rows do not fit what it says they are.
	"misfit": `SELECT tenant AS T, CAST('no number' AS INTEGER) AS N FROM sales`,
	// One that goes on until somebody stops it.
	"endless": `SELECT '1' AS T, a.range + b.range AS N FROM range(100000000) AS a, range(100000000) AS b WHERE a.range + b.range < 0`,
}

const header = "/*\nversion: 1\nsource: shop\ndescription: Sales\ntenant: T\nfields:\n  - {name: T, type: text, meaning: Whose}\n  - {name: N, type: int, meaning: How many}\n*/\n"

// newSource makes a source and the catalogue for it.
func newSource(t testing.TB) (*duckdb.Source, *catalog.Catalog) {
	t.Helper()
	tables, folder := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(tables, "sales.csv"), []byte("tenant,amount\n1,10\n1,20\n2,30\n"), 0o600))
	for name, query := range datasets {
		must(t, os.WriteFile(filepath.Join(folder, name+".sql"), []byte(header+query), 0o600))
	}
	cat, err := catalog.OpenFolder(folder, "duckdb")
	must(t, err)
	return duckdb.New(duckdb.Config{Path: tables, Folder: true, TempDir: t.TempDir(), Threads: 1}), cat
}

// A site is a server on its data folder, and who uses it.
type site struct {
	*server.Server
	t      testing.TB
	folder *server.Folder
	log    *servertest.Log
	client *client.Client
	id     string // of the client
	secret string
}

// start serves a data folder at free ports; stop ends it.
func start(t testing.TB, path string, changes ...func(*server.Config)) *site {
	t.Helper()
	s := &site{t: t, log: &servertest.Log{}}
	src, cat := newSource(t)
	c := server.Config{
		Source: src, Catalog: cat, Listen: "127.0.0.1:0", Metrics: servertest.FreeAddress(t), Workers: 2, Drain: 5 * time.Second,
		Lease:   4 * time.Second, // with a heartbeat six times as often, which tells the phase
		Version: "test", Log: slog.New(slog.NewJSONHandler(s.log, nil)),
	}
	for _, change := range changes {
		change(&c)
	}
	var err error
	s.folder, err = server.OpenFolder(t.Context(), path, time.Now)
	must(t, err)
	must(t, s.folder.Lock())
	s.Server, err = server.New(t.Context(), s.folder, c)
	must(t, err)
	must(t, s.Start(t.Context()))
	return s
}

// open starts a server over a new folder, with a client of a reseller who has the
// rows of account 1.
func open(t testing.TB, path string, changes ...func(*server.Config)) *site {
	t.Helper()
	s := start(t, path, changes...)
	p, err := s.folder.Operator(t.Context())
	must(t, err)
	tenant, err := s.Reporting().CreateTenant(t.Context(), p, outturn.Tenant{Kind: outturn.KindReseller, Name: "Northwind Canary", ExternalID: "1"})
	must(t, err)
	_, shown, err := s.Reporting().CreateClient(t.Context(), p, outturn.Client{Tenant: tenant.ID, Name: "ERP", Role: outturn.RoleManager})
	must(t, err)
	s.id, s.secret = shown.ClientID, shown.ClientSecret
	s.client, err = client.New(client.Config{URL: s.URL(), ClientID: s.id, ClientSecret: s.secret, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	must(t, err)
	return s
}

func (s *site) stop() {
	s.t.Helper()
	must(s.t, s.Stop(context.Background()))
	must(s.t, s.folder.Close())
}

// run makes a run and waits for its end.
func (s *site) run(dataset string) outturn.Run {
	s.t.Helper()
	r, err := s.client.CreateRun(s.t.Context(), client.RunInput{Dataset: dataset, Formats: []outturn.Output{{Format: "csv"}}})
	must(s.t, err)
	r, err = s.client.WaitRun(s.t.Context(), r.ID)
	must(s.t, err)
	return r
}

// busy makes a run that goes on until somebody stops it.
func (s *site) busy() outturn.Run {
	s.t.Helper()
	r, err := s.client.CreateRun(s.t.Context(), client.RunInput{Dataset: "endless", Formats: []outturn.Output{{Format: "csv"}}})
	must(s.t, err)
	for r, err = range s.client.WatchRun(s.t.Context(), r.ID) {
		must(s.t, err)
		if r.Phase == outturn.PhaseQuerying {
			return r
		}
	}
	s.t.Fatalf("the run is %s", r.State)
	return r
}

// get returns the status and the body at a URL.
func get(t testing.TB, url string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	must(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(text)
}

// until waits for a condition to hold.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func wantError(t testing.TB, what string, err error, code outturn.Code, says ...string) {
	t.Helper()
	if outturn.ErrorCode(err) != code {
		t.Errorf("%s: got %q (%v), want %q", what, outturn.ErrorCode(err), err, code)
	}
	if err == nil {
		return
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %q does not say %q", what, err, text)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openFiles lists what the process has open.
func openFiles(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the system does not tell which files are open")
	}
	must(t, err)
	var files []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			files = append(files, to)
		}
	}
	slices.Sort(files)
	return files
}

// A server that has worked, been watched and stopped leaves no goroutine and nothing
// open.
func TestServerLeavesNothing(t *testing.T) {
	round := func() {
		s := open(t, filepath.Join(t.TempDir(), "data"))
		if r := s.run("sales"); r.State != outturn.RunSucceeded {
			t.Errorf("the run has %s: %+v", r.State, r.Reason)
		}
		status, _ := get(t, s.URL()+"/readyz")
		if status != http.StatusOK {
			t.Errorf("it is not ready: %d", status)
		}
		s.stop()
		must(t, s.Stop(context.Background())) // both may come twice
		must(t, s.folder.Close())
	}
	round() // what is opened once a process
	routines, before := goleak.IgnoreCurrent(), openFiles(t)
	for range 3 {
		round()
	}
	if err := goleak.Find(routines); err != nil {
		t.Error(err)
	}
	if after := openFiles(t); len(after) > len(before) {
		t.Errorf("%d files were open and %d are:\n%s", len(before), len(after), strings.Join(after, "\n"))
	}
}

func TestStopBeforeStart(t *testing.T) {
	folder, err := server.OpenFolder(t.Context(), filepath.Join(t.TempDir(), "data"), time.Now)
	must(t, err)
	defer folder.Close()
	src, cat := newSource(t)
	s, err := server.New(t.Context(), folder, server.Config{Source: src, Catalog: cat, Listen: "127.0.0.1:0"})
	must(t, err)
	must(t, s.Stop(t.Context()))
}

// A folder has one server.
func TestSecondServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	s := open(t, path)
	second, err := server.OpenFolder(t.Context(), path, time.Now)
	must(t, err)
	wantError(t, "a second", second.Lock(), outturn.CodeConflict, path, "Stop it first")
	must(t, second.Close())
	s.stop()
	again, err := server.OpenFolder(t.Context(), path, time.Now)
	must(t, err)
	must(t, again.Lock())
	must(t, again.Close())
}

// Where others could reach it, a server listens only where that was said to be meant.
func TestListen(t *testing.T) {
	folder, err := server.OpenFolder(t.Context(), filepath.Join(t.TempDir(), "data"), time.Now)
	must(t, err)
	defer folder.Close()
	src, cat := newSource(t)
	busy, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer busy.Close()
	taken := busy.Addr().String()
	for _, tt := range []struct {
		listen, metrics string
		insecure        bool
		code            outturn.Code
		says            string
	}{
		{"127.0.0.1:0", "", false, "", ""},
		{"localhost:0", "[::1]:0", false, "", ""},
		{":0", "", true, "", ""},
		{"0.0.0.0:0", "127.0.0.1:0", true, "", ""},
		{":0", "", false, outturn.CodeInvalid, "--insecure"},
		{"0.0.0.0:0", "", false, outturn.CodeInvalid, "--insecure"},
		{"[::]:0", "", false, outturn.CodeInvalid, "--insecure"},
		{"192.0.2.1:8080", "", false, outturn.CodeInvalid, "--insecure"},
		{"example.com:8080", "", false, outturn.CodeInvalid, "--insecure"},
		{"127.0.0.1:0", "0.0.0.0:0", false, outturn.CodeInvalid, "--insecure"},
		{"here", "", false, outturn.CodeInvalid, "host:port"},
		{"127.0.0.1:http8", "", false, outturn.CodeInvalid, "host:port"},
		{"127.0.0.1:0", "here", false, outturn.CodeInvalid, "host:port"},
		{taken, "", false, outturn.CodeConflict, "another address with --listen,"},
		{"127.0.0.1:0", taken, false, outturn.CodeConflict, "another address with --metrics-listen,"},
		{"192.0.2.1:0", "", true, outturn.CodeInvalid, "192.0.2.1:0"},
	} {
		what := fmt.Sprintf("%s and %s, insecure %v", tt.listen, tt.metrics, tt.insecure)
		files := func() []string { // of the ledger another connection may be open, which stays the folder's
			return slices.DeleteFunc(openFiles(t), func(name string) bool { return strings.Contains(name, server.LedgerName) })
		}
		before := len(files())
		s, err := server.New(t.Context(), folder, server.Config{Source: src, Catalog: cat, Listen: tt.listen, Metrics: tt.metrics, Insecure: tt.insecure})
		if err == nil {
			err = s.Start(t.Context())
			must(t, s.Stop(t.Context()))
		}
		wantError(t, what, err, tt.code, tt.says)
		if after := files(); len(after) > before {
			t.Errorf("%s: %d files were open, and these are: %v", what, before, after)
		}
	}
}

// While a server drains it is not ready and yet answers; what is not done in time
// goes back to the queue, and is there for the next.
func TestStopDrains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	s := open(t, path, func(c *server.Config) { c.Drain = time.Minute })
	first, second := s.busy(), s.busy()
	ctx, enough := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() { must(t, s.Stop(ctx)) })
	until(t, "it is not ready", func() bool { status, _ := get(t, s.URL()+"/readyz"); return status == http.StatusServiceUnavailable })
	status, text := get(t, s.URL()+"/readyz")
	if status != http.StatusServiceUnavailable || !strings.Contains(text, "starting or stopping") {
		t.Errorf("/readyz: got %d %s", status, text)
	}
	if status, _ := get(t, s.URL()+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: got %d", status)
	}
	_, err := s.client.CancelRun(t.Context(), first.ID)
	must(t, err)
	ended, err := s.client.WaitRun(t.Context(), first.ID)
	if err != nil || ended.State != outturn.RunCancelled {
		t.Errorf("one that ends while it drains: got %s, %v", ended.State, err)
	}
	later, err := s.client.CreateRun(t.Context(), client.RunInput{Dataset: "sales", Formats: []outturn.Output{{Format: "csv"}}})
	must(t, err) // is accepted, and waits
	enough()
	wait.Wait()
	p, err := s.folder.Operator(t.Context())
	must(t, err)
	for _, id := range []string{second.ID, later.ID} {
		if r, err := s.Reporting().Run(t.Context(), p, id); err != nil || r.State != outturn.RunQueued {
			t.Errorf("what was not done: got %s, %v", r.State, err)
		}
	}
	must(t, s.folder.Close())

	s = start(t, path)
	defer s.stop()
	until(t, "what waited is done", func() bool {
		r, err := s.Reporting().Run(t.Context(), p, later.ID)
		return err == nil && r.State == outturn.RunSucceeded
	})
	_, err = s.Reporting().CancelRun(t.Context(), p, second.ID)
	must(t, err)
}

// /readyz is off while files cannot be written.
func TestReadyNeedsItsStorage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	s := open(t, path)
	defer s.stop()
	must(t, os.RemoveAll(filepath.Join(path, "files")))
	for range 2 {
		if status, text := get(t, s.URL()+"/readyz"); status != http.StatusServiceUnavailable || strings.Contains(text, path) {
			t.Errorf("got %d %s", status, text)
		}
	}
	if n := strings.Count(s.log.String(), `"not ready"`); n != 1 || !strings.Contains(s.log.String(), path) {
		t.Errorf("the log says %d times why: %s", n, s.log)
	}
}

// The log has each request with its id and the run that it was about, and nothing
// that opens something.
func TestAccessLog(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	r := s.run("sales")
	link, err := s.client.CreateLink(t.Context(), r.Files[0].ID, time.Hour)
	must(t, err)
	for _, url := range []string{link.URL + "x", link.URL, s.URL() + "/v1/runs/canary-that-is-longer-than-any-id-of-a-run"} {
		_, _ = get(t, url)
	}
	_, _ = get(t, s.URL()+"/v1/runs/"+r.ID, "Authorization", "Bearer canary-token", "X-Request-Id", "mine-1")
	_, _ = get(t, s.URL()+"/v1/runs?access_token=canary-query")
	_, _ = get(t, s.URL()+"/nowhere/canary-path")
	s.stop()

	text := s.log.String()
	_, token, _ := strings.Cut(link.URL, "/f/")
	for _, canary := range []string{"canary", "Canary", "eyJ", s.secret, token} {
		if strings.Contains(text, canary) {
			t.Errorf("the log has %q:\n%s", canary, text)
		}
	}
	routes := map[string]map[string]any{}
	for line := range strings.Lines(text) {
		var entry map[string]any
		must(t, json.Unmarshal([]byte(line), &entry))
		if entry["msg"] == "request" {
			if id, _ := entry["request"].(string); id == "" {
				t.Errorf("a request without an id: %s", line)
			}
			routes[fmt.Sprint(entry["route"])] = entry
		} else if entry["run"] == nil && entry["request"] == nil && entry["head"] == nil {
			t.Errorf("a line about neither a run nor a request nor the audit: %s", line)
		}
	}
	for _, route := range []string{"POST /v1/runs", "GET /v1/runs/{id}", "GET /v1/runs/{id}/events", "GET /f/{token}"} {
		if e := routes[route]; e == nil || e["run"] != r.ID {
			t.Errorf("%s does not say which run: %v", route, e)
		}
	}
	if e := routes["GET /v1/runs/{id}"]; e["request"] != "mine-1" || e["status"] != 401.0 {
		t.Errorf("got %v", e)
	}
}

// A source that is not there keeps no server from starting, and its operator hears
// of it before a run fails.
func TestSourceThatIsNotThere(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.duckdb")
	s := start(t, filepath.Join(t.TempDir(), "data"), func(c *server.Config) { c.Source = duckdb.New(duckdb.Config{Path: absent}) })
	defer s.stop()
	if !strings.Contains(s.log.String(), "the source cannot be read") || !strings.Contains(s.log.String(), absent) {
		t.Errorf("the log has %s", s.log)
	}
	there := start(t, filepath.Join(t.TempDir(), "data"))
	defer there.stop()
	if strings.Contains(there.log.String(), "cannot be read") {
		t.Errorf("the log has %s", there.log)
	}
}

// Behind a proxy, whoever tries secrets is slowed down and nobody else, whatever
// address a client says it has; and only a proxy that is trusted is believed.
func TestTrustedProxies(t *testing.T) {
	for _, trusted := range []string{"", "192.0.2.0/24", "loopback"} {
		t.Run(trusted, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "data"), func(c *server.Config) {
				if trusted != "" {
					c.TrustedProxies = []string{trusted}
				}
			})
			defer s.stop()
			believed := trusted == "loopback"
			token := func(secret, forwarded string) int {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
				must(t, err)
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				req.Header.Set("X-Forwarded-For", forwarded)
				req.SetBasicAuth(s.id, secret)
				c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				resp, err := c.Do(req)
				must(t, err)
				must(t, resp.Body.Close())
				return resp.StatusCode
			}
			for i := range 20 {
				_ = token("wrong", fmt.Sprintf("192.0.2.%d, 203.0.113.7", i))
			}
			other := http.StatusTooManyRequests
			if believed {
				other = http.StatusOK
			}
			for from, want := range map[string]int{"192.0.2.99, 203.0.113.7": http.StatusTooManyRequests, "203.0.113.7, 203.0.113.8": other, "2001:db8::1": other} {
				if got := token(s.secret, from); got != want {
					t.Errorf("the right secret from %s: %d, want %d", from, got, want)
				}
			}
			if got := strings.Contains(s.log.String(), `"from":"203.0.113.8"`); got != believed {
				t.Errorf("the log has the address that the proxy tells: %t", got)
			}
		})
	}
}

// Of more clients than may be connected the later ones wait, and come in when others
// go; and a server whose places are all taken stops.
func TestMaxConnections(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"), func(c *server.Config) { c.MaxConnections = 3 })
	var held []net.Conn
	for range 3 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL(), "http://"))
		must(t, err)
		_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		must(t, err)
		_, err = conn.Read(make([]byte, 1)) // it is connected
		must(t, err)
		held = append(held, conn)
	}
	answered := make(chan int, 1)
	go func() {
		status, _ := get(t, s.URL()+"/healthz")
		answered <- status
	}()
	until(t, "the log says that clients wait", func() bool { return strings.Contains(s.log.String(), "others wait") })
	select {
	case status := <-answered:
		t.Errorf("a fourth was answered with %d", status)
	default:
	}
	must(t, held[0].Close())
	if status := <-answered; status != http.StatusOK {
		t.Errorf("when there was a place: %d", status)
	}
	s.stop()
	for _, conn := range held {
		_ = conn.Close()
	}
}
