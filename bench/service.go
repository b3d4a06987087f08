package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server"
	"outturn/internal/store"
)

// A service is the built server as a process of its own, over a fresh data folder
// on the disk and a small shop, and a client that may see everything.
type service struct {
	*client.Client
	tenants []tenant
	data    string
	cmd     *exec.Cmd
	url     string
	secret  clientSecret
	log     *os.File
}

// A tenant of the service has few accounts below it.
type tenant struct {
	id, account string
	accounts    int64 // itself and all below
}

// tenants is how many a service has: so many that sharing workers out between them
// plays no part.
const tenants = 64

// mostAccounts is how many rows a tiny report has at most.
const mostAccounts = 50

// startService starts a server over a fresh folder.
func (b *bench) startService(args ...string) (*service, error) {
	return b.startPrepared(func(string) error { return nil }, args...)
}

// startPrepared starts a server over a fresh folder, once something was done to its ledger.
func (b *bench) startPrepared(prepare func(ledger string) error, args ...string) (*service, error) {
	shop, err := b.shop()
	if err != nil {
		return nil, err
	}
	// Nothing is removed before: for minutes after, a file system may look at each
	// file that was when it makes a new one.
	s := &service{data: filepath.Join(b.dir, "service-"+rand.Text())}
	secret, err := b.populate(s, shop)
	if err == nil {
		err = prepare(filepath.Join(s.data, server.LedgerName))
	}
	if err != nil {
		return nil, err
	}
	return s, b.serve(s, shop, secret, args...)
}

// serve starts the server of s over its folder.
func (b *bench) serve(s *service, shop string, secret clientSecret, args ...string) error {
	var err error
	if s.log, err = os.Create(filepath.Join(s.data, "log")); err != nil {
		return err
	}
	args = append([]string{"serve", "--data", s.data, "--source", "duckdb:" + shop, "--datasets", "bench/datasets/shop", "--listen", "127.0.0.1:0"}, args...)
	s.cmd = exec.Command(b.binary, args...)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	if s.url, err = addressIn(out); err != nil {
		s.end()
		return fmt.Errorf("%w; see %s", err, s.log.Name())
	}
	s.secret = secret
	s.Client, err = newClient(s.url, secret.ID, secret.Secret)
	return err
}

// shop makes the small sample shop once and keeps it.
func (b *bench) shop() (string, error) {
	small := *b
	small.scale = 1
	return small.seed()
}

// populate makes the data folder, its tenants and a client of the provider.
func (b *bench) populate(s *service, shop string) (secret clientSecret, err error) {
	ctx := context.Background()
	found, err := b.fewAccounts(shop)
	if err != nil {
		return secret, err
	}
	folder, err := server.OpenFolder(ctx, s.data, time.Now)
	if err != nil {
		return secret, err
	}
	root, err := folder.Ledger.Root(ctx)
	for _, t := range found {
		if err == nil {
			t.id, err = addTenant(ctx, folder.Ledger, root.ID, t.account)
			s.tenants = append(s.tenants, t)
		}
	}
	if err := errors.Join(err, folder.Close()); err != nil {
		return secret, err
	}
	return b.addClient(s.data, root.ID, outturn.RoleOperator)
}

// addClient makes a client of a tenant.
func (b *bench) addClient(data, tenant string, role outturn.Role) (secret clientSecret, err error) {
	out, err := exec.Command(b.binary, "client", "add", "--data", data, "--tenant", tenant, "--role", string(role), "--json").Output()
	if err != nil {
		return secret, fmt.Errorf("client add: %w", err)
	}
	return secret, json.Unmarshal(out, &secret)
}

// A clientSecret is what `outturn client add` prints.
type clientSecret struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func addTenant(ctx context.Context, ledger *store.Store, parent, account string) (string, error) {
	t, err := ledger.CreateTenant(ctx,
		outturn.Tenant{Parent: parent, Kind: outturn.KindCustomer, Name: "account " + account, ExternalID: account},
		outturn.AuditEntry{Subject: "bench", Via: "local", Action: "tenant.create"})
	return t.ID, err
}

// fewAccounts finds accounts with few below them, those with the most first, and
// how many rows a report of each has.
func (b *bench) fewAccounts(shop string) ([]tenant, error) {
	rows, err := b.query("duckdb:"+shop, fmt.Sprintf(`WITH RECURSIVE below(top, id) AS (
  SELECT id, id FROM accounts
  UNION ALL
  SELECT b.top, a.id FROM below AS b JOIN accounts AS a ON a.parent_id = b.id
)
SELECT top, count(*) AS n FROM below GROUP BY top HAVING n <= %d ORDER BY n DESC, top LIMIT %d`, mostAccounts, tenants))
	if err != nil {
		return nil, err
	}
	var found []tenant
	for _, row := range rows {
		n, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			return nil, err
		}
		found = append(found, tenant{account: row[0], accounts: n})
	}
	return found, nil
}

var answersAt = regexp.MustCompile(`http://[0-9.]+:[0-9]+`)

// addressIn reads where a server says that it answers, and lets it talk on.
func addressIn(out io.Reader) (string, error) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if url := answersAt.FindString(line); url != "" {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return url, nil
		}
		if err != nil {
			return "", errors.New("the server did not say where it answers")
		}
	}
}

// newClient keeps a connection open for each of many goroutines.
func newClient(url, id, secret string) (*client.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 2000, 2000
	return client.New(client.Config{URL: url, ClientID: id, ClientSecret: secret, HTTP: &http.Client{Transport: transport}, Retries: -1})
}

// end ends the server.
func (s *service) end() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	_ = s.log.Close()
}

// stop ends the server and removes what it has kept.
func (s *service) stop() {
	s.end()
	_ = os.RemoveAll(s.data)
}

// tinySet is the data set of tiny runs: one small table, few columns.
const tinySet = "accounts_short"

// report asks for a tiny report of a tenant.
func (s *service) report(ctx context.Context, t tenant) (outturn.Run, error) {
	return s.CreateRun(ctx, client.RunInput{Dataset: tinySet, Tenant: t.id, Formats: []outturn.Output{{Format: "csv"}}})
}

// check downloads a report and holds it against what it must be.
func (s *service) check(ctx context.Context, run outturn.Run) error {
	if err := s.checkRun(run); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := s.Download(ctx, run.Files[0], &text); err != nil { // holds it against its SHA-256
		return err
	}
	if rows := int64(bytes.Count(text.Bytes(), []byte("\r\n"))) - 1; rows != run.Files[0].Rows {
		return fmt.Errorf("the file of run %s has %d rows and not %d", run.ID, rows, run.Files[0].Rows)
	}
	return nil
}

func (s *service) checkRun(run outturn.Run) error {
	i := slices.IndexFunc(s.tenants, func(t tenant) bool { return t.id == run.Tenant })
	switch {
	case i < 0:
		return fmt.Errorf("run %s belongs to nobody known", run.ID)
	case run.State != outturn.RunSucceeded || len(run.Files) != 1:
		return fmt.Errorf("run %s is %s with %d files: %+v", run.ID, run.State, len(run.Files), run.Reason)
	case run.Files[0].Rows != s.tenants[i].accounts:
		return fmt.Errorf("run %s has %d rows, and its tenant %d accounts", run.ID, run.Files[0].Rows, s.tenants[i].accounts)
	}
	return nil
}

// cpuOf is how many CPU seconds a process has used, its own and the system's.
func cpuOf(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is %q", pid, stat)
	}
	var ticks float64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const perSecond = 100 // of Linux, on every machine
	return ticks / perSecond, nil
}

// stolen is how much of all cores' time the host of a virtual machine gave to others, and
// all there was, in ticks since the system began.
func stolen() (others, all float64, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	first, _, _ := strings.Cut(string(stat), "\n")
	const name, steal, ours = 1, 8, 9 // fields; guests' time, which follows, is in that of others
	fields := strings.Fields(first)
	if len(fields) < ours {
		return 0, 0, fmt.Errorf("/proc/stat begins with %q", first)
	}
	for i, field := range fields[name:ours] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, 0, err
		}
		all += n
		if name+i == steal {
			others = n
		}
	}
	return others, all, nil
}

var residentLine = regexp.MustCompile(`(?m)^VmRSS:\s+([0-9]+) kB$`)

// residentMiB is how much memory a process holds.
func residentMiB(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	found := residentLine.FindSubmatch(status)
	if found == nil {
		return 0, fmt.Errorf("/proc/%d/status has no VmRSS", pid)
	}
	kib, err := strconv.ParseFloat(string(found[1]), 64)
	return kib / 1024, err
}

// A sample is how long something took, in milliseconds, each time.
type sample []float64

func (s *sample) add(d time.Duration) { *s = append(*s, d.Seconds()*1e3) }

// at returns the value that a share of the sample does not exceed: the nearest rank.
func (s sample) at(share float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)]
}

func (s sample) String() string {
	return fmt.Sprintf("median %.1f, p99 %.1f, longest %.1f ms", s.at(0.5), s.at(0.99), s.at(1))
}
