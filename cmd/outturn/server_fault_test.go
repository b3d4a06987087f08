package main_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"outturn"
	"outturn/internal/server/servertest"
	"outturn/internal/source/duckdb/duckdbtest"
)

// shortLease is the lease of servers whose lapses a test waits for.
const shortLease = 1500 * time.Millisecond

// A stand is a server under test, with somebody who sees all its runs.
type stand struct {
	*servertest.Process
	h        *servertest.History
	operator *servertest.Client
	limits   servertest.Limits
}

// newStand starts a server over new data folder. args are more flags of serve.
func newStand(t *testing.T, lease time.Duration, args ...string) *stand {
	t.Helper()
	return newStandIn(t, filepath.Join(t.TempDir(), "data"), lease, args...)
}

func newStandIn(t *testing.T, data string, lease time.Duration, args ...string) *stand {
	t.Helper()
	s := &stand{h: servertest.NewHistory()}
	s.Process = servertest.Start(t, servertest.Options{
		Binary: binary(t), Data: data, Source: "duckdb:" + seed(t), History: s.h,
		Args: append([]string{"--log-level", "info", "--log-format", "text"}, args...),
		Env:  []string{"OUTTURN_LEASE=" + lease.String()},
	})
	provider := s.Provider()
	s.operator = s.h.Client("operator", s.URL, s.AddClient(provider, "operator"))
	rows, _ := kindRows(t)
	s.limits = servertest.Limits{Lease: lease, Rows: func(r servertest.Run) (int64, bool) {
		kind, _, _ := strings.Cut(r.Name, "-")
		n, known := rows[kind]
		return n, known
	}}
	return s
}

// A kind is one sort of report that the tests ask for. Runs are named after it.
type kind struct {
	request servertest.Request
	sql     string // counts its rows in another way
}

var kinds = map[string]kind{
	"tiny": {
		servertest.Request{
			Dataset: "payments", Formats: []servertest.Format{{Format: "csv"}}, Window: &servertest.Window{From: "2026-03-01", To: "2026-04-01"},
			Columns: []string{"CUSTOMER_PAYMENT_DOCUMENT_NUMBER", "CUSTOMER_PAYMENT_TOTAL", "CUSTOMER_PAYMENT_CURRENCY_ID"},
		},
		`SELECT CAST(count(*) AS VARCHAR) FROM payments WHERE document_at >= '2026-03-01 00:00:00+00' AND document_at < '2026-04-01 00:00:00+00'`,
	},
	"json": {
		servertest.Request{Dataset: "invoices", Formats: []servertest.Format{{Format: "json"}}, Window: &servertest.Window{From: "2026-03-01", To: "2026-04-01"}},
		`SELECT CAST(count(*) AS VARCHAR) FROM invoices WHERE invoice_date BETWEEN '2026-03-01' AND '2026-03-31'`,
	},
	"sheet": {
		servertest.Request{Dataset: "invoices", Formats: []servertest.Format{{Format: "xlsx"}}},
		`SELECT CAST(count(*) AS VARCHAR) FROM invoices`,
	},
	"zipped": {
		servertest.Request{Dataset: "payments", Formats: []servertest.Format{{Format: "csv", Compression: "gzip"}}},
		`SELECT CAST(count(*) AS VARCHAR) FROM payments`,
	},
	"two": {
		servertest.Request{Dataset: "payments", Formats: []servertest.Format{{Format: "csv", Compression: "gzip"}, {Format: "json", Compression: "gzip"}}},
		`SELECT CAST(count(*) AS VARCHAR) FROM payments`,
	},
	"large": {
		servertest.Request{Dataset: "provisioned_orders", Formats: []servertest.Format{{Format: "csv", Compression: "gzip"}}},
		`SELECT CAST(count(*) AS VARCHAR) FROM ` + chains,
	},
	"slow": { // about a second
		servertest.Request{
			Dataset: "provisioned_orders", Formats: []servertest.Format{{Format: "xlsx"}, {Format: "csv", Compression: "gzip"}},
			Window: &servertest.Window{From: "2026-04-01", To: "2026-11-01"},
		},
		`SELECT CAST(count(*) AS VARCHAR) FROM ` + chains + ` AND created_at >= '2026-04-01 00:00:00+00' AND created_at < '2026-11-01 00:00:00+00'`,
	},
	"sorted": { // most of a second until the first row
		servertest.Request{
			Dataset: "provisioned_orders", Formats: []servertest.Format{{Format: "csv", Compression: "gzip"}},
			Order: []servertest.Order{{Field: "END_CUSTOMER_NAME"}, {Field: "CUSTOMER_NAME", Desc: true}, {Field: "END_CUSTOMER_DETAIL_ID"}},
		},
		`SELECT CAST(count(*) AS VARCHAR) FROM ` + chains,
	},
	"own": { // a reseller's
		servertest.Request{Dataset: "payments", Formats: []servertest.Format{{Format: "csv", Compression: "gzip"}, {Format: "xlsx"}}},
		`SELECT CAST(count(*) AS VARCHAR) FROM payments WHERE payer_id IN (SELECT id FROM (` + below + `) WHERE above = (` + someReseller + `))`,
	},
}

// chains are the chains of charges that the provider sees: those with a sale at
// their end, and those in which it sold.
const chains = `charges WHERE id = root_id AND (is_final OR root_id IN (
	SELECT root_id FROM charges WHERE seller_id = (SELECT id FROM accounts WHERE parent_id IS NULL)))`

// someReseller is an account with customers and sub-resellers.
const someReseller = `SELECT min(id) FROM accounts WHERE type = 'Reseller' AND level = 1`

// counted is what the kinds must come to, and the account of someReseller.
var counted struct {
	sync.Once
	rows     map[string]int64
	reseller string
}

// kindRows returns how many rows each kind must have, and somebody's account.
func kindRows(t *testing.T) (rows map[string]int64, reseller string) {
	t.Helper()
	data := seed(t)
	counted.Do(func() {
		db, closeDB := duckdbtest.Read(t, data) // servers have it open
		defer closeDB()
		rows := map[string]int64{}
		for name, k := range kinds {
			n, err := strconv.ParseInt(db.Rows(k.sql)[0][0], 10, 64)
			if err != nil || n == 0 {
				t.Fatalf("%s: %d rows, %v", name, n, err)
			}
			rows[name] = n
		}
		counted.rows, counted.reseller = rows, db.Rows(`SELECT CAST((` + someReseller + `) AS VARCHAR)`)[0][0]
	})
	return counted.rows, counted.reseller
}

// deadline is the context of a test's work, as long as it may take.
func deadline(t *testing.T, most time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), most, fmt.Errorf("the test's work took longer than %s", most))
	t.Cleanup(cancel)
	return ctx
}

// pass waits, for what only time brings: the clock of another process.
func pass(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// create asks for a run of a kind, which must be accepted.
func (s *stand) create(t *testing.T, ctx context.Context, name, key string) string {
	t.Helper()
	call := s.operator.CreateSure(ctx, kinds[name].request, name+"-"+key)
	if !call.OK() {
		t.Fatalf("create of %s was answered with status %d %s %s", name, call.Status, call.Code, call.Err)
	}
	return call.Run
}

// load has clients ask for runs of some kinds, each one after the other, and look
// at them all the while, until ctx ends; wait returns when they have stopped. One
// of the clients is a reseller's.
func (s *stand) load(t *testing.T, ctx context.Context, clients int, names ...string) (wait func()) {
	t.Helper()
	provider := s.Provider()
	_, account := kindRows(t)
	reseller := s.AddTenant("Reseller", account)
	var work sync.WaitGroup
	for i := range clients {
		who, names := fmt.Sprintf("client%d", i), names
		var credential servertest.Credential
		if i == 0 {
			credential, names = s.AddClient(reseller, "manager"), []string{"own"}
		} else {
			credential = s.AddClient(provider, "operator")
		}
		c := s.h.Client(who, s.URL, credential)
		random := rand.New(rand.NewPCG(uint64(i), 2026))
		work.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				name := names[random.IntN(len(names))]
				key := fmt.Sprintf("%s-%s-%d", name, who, n)
				call := c.CreateSure(ctx, kinds[name].request, key)
				if !call.OK() {
					continue
				}
				askAgain := func() { // as who has not heard the answer does
					if again := c.CreateSure(ctx, kinds[name].request, key); !again.OK() && ctx.Err() == nil {
						t.Errorf("key %s made run %s, and was then answered with status %d (%s)", key, call.Run, again.Status, again.Code)
					}
				}
				when := random.IntN(10)
				if when == 0 {
					askAgain()
				}
				if _, err := c.Watch(ctx, call.Run); err != nil {
					return // ctx has ended
				}
				if when == 1 {
					askAgain()
				}
			}
		})
	}
	work.Go(func() { s.browse(ctx) })
	return work.Wait
}

// browse looks at the list of runs, and takes files that it shows.
func (s *stand) browse(ctx context.Context) {
	random := rand.New(rand.NewPCG(99, 2026))
	_ = servertest.Every(ctx, 100*time.Millisecond, func() bool {
		list, _ := s.operator.List(ctx, "", "", 20)
		if len(list.Runs) == 0 {
			return false
		}
		shown := s.operator.Show(ctx, list.Runs[random.IntN(len(list.Runs))].ID)
		if !shown.OK() || len(shown.Runs[0].Files) == 0 {
			return false
		}
		r := shown.Runs[0]
		f := r.Files[random.IntN(len(r.Files))]
		if from := random.Int64N(f.Bytes); f.Bytes > 1<<20 {
			s.operator.DownloadPart(ctx, r, f, from, min(f.Bytes, from+1<<16))
		} else {
			s.operator.Download(ctx, r, f)
		}
		return false
	})
}

// A moment is what a server is at.
type moment struct {
	phase outturn.RunPhase // the furthest of a running run; "" where none runs
	bytes bool             // something was written that nobody can see yet
}

func (m moment) String() string {
	switch {
	case m.phase == "" && !m.bytes:
		return "idle"
	case m.bytes:
		return strings.TrimSpace(string(m.phase) + " with bytes")
	}
	return string(m.phase)
}

// phase returns the furthest phase of the runs that are under way.
func (s *stand) phase(ctx context.Context) (far outturn.RunPhase) {
	list, _ := s.operator.List(ctx, "state eq running", "", 20)
	for _, r := range list.Runs {
		if r.State == outturn.RunRunning {
			far = far.Further(r.Phase)
		}
	}
	return far
}

// catch pauses the server when it is as wanted, or when too much time has passed,
// and tells what it is at. It holds still from then on.
func (s *stand) catch(ctx context.Context, most time.Duration, wanted func(moment) bool) moment {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var m moment
	paused := false
	_ = servertest.Every(ctx, 2*time.Millisecond, func() bool {
		if m.phase = s.phase(ctx); m.phase == "" {
			return false
		}
		_, bytes := s.Uploads()
		if m.bytes = bytes > 0; !wanted(m) {
			return false
		}
		s.Pause()
		_, bytes = s.Uploads()
		if m.bytes = bytes > 0; wanted(m) {
			paused = true
			return true
		}
		s.Continue()
		return false
	})
	if !paused {
		s.Pause()
		_, bytes := s.Uploads()
		m.bytes = bytes > 0
	}
	return m
}

// A histogram counts at which moments something was done.
type histogram map[string]int

func (h histogram) String() string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		text = append(text, fmt.Sprintf("%s %d", name, h[name]))
	}
	return strings.Join(text, ", ")
}

// tell logs what the runs came to.
func tell(t *testing.T, runs map[string]servertest.Run) {
	t.Helper()
	ends, attempts := histogram{}, histogram{}
	for _, r := range runs {
		end := string(r.State)
		if r.Reason != nil && r.State == outturn.RunFailed {
			end += " " + r.Reason.Code
		}
		ends[end]++
		attempts[strconv.Itoa(r.Attempt)]++
	}
	t.Logf("%d runs: %s; by attempts: %s", len(runs), ends, attempts)
}

// moments are what the kills of a server aim at, most between a first byte and its
// publication.
var moments = []func(moment) bool{
	func(m moment) bool { return m.bytes },
	func(m moment) bool { return m.bytes && m.phase == outturn.PhaseStoring },
	func(m moment) bool { return m.phase == outturn.PhaseQuerying && !m.bytes },
	func(m moment) bool { return m.bytes && m.phase == outturn.PhaseRendering },
	func(m moment) bool { return m.bytes },
	func(m moment) bool { return m.bytes && m.phase != outturn.PhaseRendering },
}

// P27: a server may be killed at any moment: whatever it accepted comes to an end, is
// made once, and is seen whole or not at all.
func TestFaultP27ServerKilled(t *testing.T) {
	kills := faults(20, 300)
	ctx := deadline(t, time.Minute+time.Duration(kills)*8*time.Second)
	s := newStand(t, shortLease, "--workers", "3")
	s.limits.Failures = []outturn.Code{outturn.CodeWorkerLost}
	s.limits.Settle = 2*time.Minute + time.Duration(kills)*4*time.Second
	asking, enough := context.WithCancel(ctx)
	defer enough()
	wait := s.load(t, asking, 8, "tiny", "json", "sheet", "zipped", "two", "large", "slow")

	random := rand.New(rand.NewPCG(5, 2026))
	at, between := histogram{}, 0
	for i := range kills {
		wanted := moments[i%len(moments)]
		if i%7 == 6 { // at no chosen moment
			after := time.Now().Add(time.Duration(random.Int64N(int64(time.Second))))
			wanted = func(moment) bool { return time.Now().After(after) }
		}
		m := s.catch(ctx, 2*time.Second, wanted)
		s.Kill()
		at[m.String()]++
		if m.bytes {
			between++
		}
		s.Start()
	}
	enough()
	wait()
	runs := servertest.Check(t, s.h, s.Process, s.operator, s.limits)
	t.Logf("%d kills, %d between a first byte and its publication: %s", kills, between, at)
	tell(t, runs)
	if between*2 < kills {
		t.Errorf("only %d of %d kills were between a first byte and its publication", between, kills)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(runs)), func(r servertest.Run) bool {
		return r.State == outturn.RunSucceeded && r.Attempt > 1
	}) {
		t.Error("no run succeeded after a kill")
	}
}

// P28: a server that stood still for longer than its leases and goes on as if nothing
// had been publishes nothing that is not its own any more.
func TestFaultP28ServerPaused(t *testing.T) {
	t.Parallel()
	pauses := faults(4, 50)
	ctx := deadline(t, 30*time.Second+time.Duration(pauses)*15*time.Second)
	s := newStand(t, shortLease, "--workers", "2")
	s.limits.Failures = []outturn.Code{outturn.CodeWorkerLost}
	s.limits.Settle = 2*time.Minute + time.Duration(pauses)*4*time.Second
	asking, enough := context.WithCancel(ctx)
	defer enough()
	wait := s.load(t, asking, 3, "tiny", "two", "large", "slow")
	at := histogram{}
	for range pauses {
		m := s.catch(ctx, 5*time.Second, func(m moment) bool { return m.bytes })
		at[m.String()]++
		pass(ctx, shortLease+shortLease/2)
		s.Continue()
		if err := servertest.Every(ctx, 10*time.Millisecond, func() bool { return s.Ready(ctx) == http.StatusOK }); err != nil {
			t.Fatal(err)
		}
	}
	enough()
	wait()
	runs := servertest.Check(t, s.h, s.Process, s.operator, s.limits)
	t.Logf("%d pauses: %s", pauses, at)
	tell(t, runs)
	if !slices.ContainsFunc(slices.Collect(maps.Values(runs)), func(r servertest.Run) bool { return r.Attempt > 1 }) {
		t.Error("no run lost its lease")
	}
}

// A disk of files that fills up, at whatever point of a run, fails its attempt and
// not the server; when there is room again the run goes on by itself.
func TestFaultServerDiskFull(t *testing.T) {
	t.Parallel()
	points := faults(10, 50)
	ctx := deadline(t, 30*time.Second+time.Duration(points)*40*time.Second)
	data := filepath.Join(t.TempDir(), "data")
	files := filepath.Join(data, "files")
	if err := os.MkdirAll(files, 0o700); err != nil {
		t.Fatal(err)
	}
	mountSmall(t, files)
	resize := func(bytes int64) {
		t.Helper()
		if err := syscall.Mount("tmpfs", files, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", bytes)); err != nil {
			t.Fatal(err)
		}
	}
	s := newStandIn(t, data, 3*time.Second)
	random := rand.New(rand.NewPCG(6, 2026))
	for i := range points {
		before := used(t, files)
		room := random.Int64N(1500 << 10) // of the 2 MB that are wanted
		resize(before + room)
		id := s.create(t, ctx, "two", strconv.Itoa(i))
		s.untilReason(t, ctx, id, outturn.CodeDiskFull)
		if now := used(t, files); now > before {
			t.Errorf("with room for %d bytes, %d are still taken", room, now-before)
		}
		if call := s.operator.Show(ctx, id); !call.OK() {
			t.Errorf("the server does not answer: %+v", call)
		}
		resize(before + 512<<20)
		if r, err := s.operator.Watch(ctx, id); err != nil || r.State != outturn.RunSucceeded {
			t.Fatalf("with room again the run is %s (%v), %v", r.State, r.Reason, err)
		}
	}
	tell(t, servertest.Check(t, s.h, s.Process, s.operator, s.limits))
}

// mountSmall makes a small disk of a folder, which must be there.
func mountSmall(t *testing.T, folder string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=256m,mode=700"); err != nil {
		t.Skipf("a small disk needs the right to mount one: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
}

// A disk that is full, that of the ledger too, takes no new runs and says so; none
// that was accepted is lost, and with room again all of them succeed.
func TestFaultServerLedgerFull(t *testing.T) {
	t.Parallel()
	points := faults(3, 30)
	ctx := deadline(t, 30*time.Second+time.Duration(points)*30*time.Second)
	data := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	mountSmall(t, data)
	s := newStandIn(t, data, 3*time.Second)
	s.limits.Failures = []outturn.Code{outturn.CodeWorkerLost}
	ballast := filepath.Join(data, "ballast")
	random := rand.New(rand.NewPCG(8, 2026))
	answers := histogram{}
	for i := range points {
		id := s.create(t, ctx, "two", strconv.Itoa(i))
		pass(ctx, time.Duration(random.Int64N(int64(300*time.Millisecond))))
		fill(t, ballast)
		for n := range 20 {
			call := s.operator.Create(ctx, kinds["tiny"].request, fmt.Sprintf("tiny-%d-%d", i, n))
			answers[fmt.Sprintf("%d %s", call.Status, call.Code)]++
			if !call.OK() && (call.Status != http.StatusServiceUnavailable || call.Code != string(outturn.CodeDiskFull)) {
				t.Errorf("a create with a full disk was answered with status %d %s %s", call.Status, call.Code, call.Err)
			}
		}
		if call := s.operator.Show(ctx, id); !call.OK() {
			t.Errorf("a server with a full disk answered with status %d %s %s", call.Status, call.Code, call.Err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if r, err := s.operator.Watch(ctx, id); err != nil || r.State != outturn.RunSucceeded {
			t.Fatalf("with room again the run is %s (%v), %v", r.State, r.Reason, err)
		}
		if i == 0 {
			continue
		}
		if call := s.operator.Delete(ctx, id); !call.OK() { // the disk is small
			t.Errorf("delete was answered with status %d %s %s", call.Status, call.Code, call.Err)
		}
	}
	runs := servertest.Check(t, s.h, s.Process, s.operator, s.limits)
	t.Logf("creates with a full disk: %s", answers)
	tell(t, runs)
}

// fill writes a file until its disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 16 {
		for piece := make([]byte, size); err == nil; {
			_, err = f.Write(piece)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
}

// untilReason waits until a run's attempt has failed for a reason.
func (s *stand) untilReason(t *testing.T, ctx context.Context, id string, code outturn.Code) {
	t.Helper()
	var last servertest.Run
	err := servertest.Every(ctx, 10*time.Millisecond, func() bool {
		if call := s.operator.Show(ctx, id); call.OK() {
			last = call.Runs[0]
		}
		return last.Reason != nil || last.State.Final()
	})
	if err != nil || last.Reason == nil || last.Reason.Code != string(code) || last.State != outturn.RunQueued {
		t.Fatalf("the run is %s, %v, want it to wait after %s (%v)", last.State, last.Reason, code, err)
	}
}

// used returns how many bytes a file system's files take.
func used(t *testing.T, path string) int64 {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		t.Fatal(err)
	}
	return int64(fs.Blocks-fs.Bfree) * fs.Bsize
}

// A place of files that cannot be written fails the attempt and not the server;
// when it can be written again the run goes on by itself.
func TestFaultServerStorage(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStand(t, 3*time.Second)
	// Where the tenant's folder should be there is something else, for root too.
	obstacle := filepath.Join(s.Data(), "files", s.Provider())
	if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	id := s.create(t, ctx, "zipped", "1")
	s.untilReason(t, ctx, id, outturn.CodeStorageUnavailable)
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	if r, err := s.operator.Watch(ctx, id); err != nil || r.State != outturn.RunSucceeded || r.Attempt < 2 {
		t.Fatalf("the run is %s (%v) in attempt %d, %v", r.State, r.Reason, r.Attempt, err)
	}
	servertest.Check(t, s.h, s.Process, s.operator, s.limits)
}

// cancelTime is how soon a run must have stopped that somebody cancels.
const cancelTime = time.Second

// A run can be cancelled in every phase: it stops within a second, for good, and
// has no files.
func TestFaultCancel(t *testing.T) {
	rounds := faults(1, 25)
	ctx := deadline(t, 90*time.Second+time.Duration(rounds)*time.Minute)
	s := newStand(t, 3*time.Second, "--workers", "1")
	at := histogram{}
	var most time.Duration
	n := 0
	for range rounds {
		for _, phase := range append([]outturn.RunPhase{""}, outturn.RunPhases...) {
			n++
			most = max(most, s.cancelAt(t, ctx, phase, n, at))
		}
	}
	t.Run("RacesTheEnd", func(t *testing.T) { s.cancelNearEnd(t, ctx, faults(20, 400)) })
	runs := servertest.Check(t, s.h, s.Process, s.operator, s.limits)
	t.Logf("cancelled at: %s; the slowest stopped after %s", at, most.Round(time.Millisecond))
	tell(t, runs)
	for _, phase := range []string{"queued", "querying", "rendering"} {
		if at[phase] == 0 {
			t.Errorf("no run was cancelled when %s", phase)
		}
	}
}

// cancelAt cancels a run in a phase, "" while it waits; or wherever it is when that
// phase was too short to be seen. It returns how long the run took to stop.
func (s *stand) cancelAt(t *testing.T, ctx context.Context, phase outturn.RunPhase, n int, at histogram) (took time.Duration) {
	t.Helper()
	busy := ""
	if phase == "" { // there is one worker
		busy = s.create(t, ctx, "slow", fmt.Sprintf("busy-%d", n))
		if err := servertest.Every(ctx, time.Millisecond, func() bool {
			call := s.operator.Show(ctx, busy)
			return call.OK() && call.Runs[0].State == outturn.RunRunning
		}); err != nil {
			t.Fatal(err)
		}
	}
	name := "slow"
	if phase == outturn.PhaseQuerying {
		name = "sorted"
	}
	id := s.create(t, ctx, name, fmt.Sprintf("cancel-%d", n))
	var was servertest.Run
	if err := servertest.Every(ctx, time.Millisecond, func() bool {
		if call := s.operator.Show(ctx, id); call.OK() {
			was = call.Runs[0]
		}
		return phase == "" || was.Phase.Further(phase) == was.Phase || was.State.Final()
	}); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	call := s.operator.Cancel(ctx, id)
	if was.State.Final() || call.Status == http.StatusConflict {
		at["too late"]++
		return 0
	}
	if !call.OK() {
		t.Errorf("cancel in %s %s was answered with status %d %s", was.State, was.Phase, call.Status, call.Code)
		return 0
	}
	at[cmp.Or(string(was.Phase), string(was.State))]++
	r, err := s.operator.Watch(ctx, id)
	if took = time.Since(asked); took > cancelTime+cancelTime/2 { // and what the machine's other work costs
		t.Errorf("cancelled in %s %s, it stopped after %s", was.State, was.Phase, took)
	}
	if err != nil || r.State != outturn.RunCancelled || len(r.Files) > 0 {
		t.Errorf("cancelled in %s %s, it is %s with %d files (%v)", was.State, was.Phase, r.State, len(r.Files), err)
	}
	if again := s.operator.Cancel(ctx, id); !again.OK() || again.Runs[0].State != outturn.RunCancelled {
		t.Errorf("cancelled again: status %d %s", again.Status, again.Code)
	}
	if busy != "" {
		s.operator.Cancel(ctx, busy)
		if _, err := s.operator.Watch(ctx, busy); err != nil {
			t.Fatal(err)
		}
	}
	return took
}

// cancelNearEnd cancels runs at about the time at which they end: each is one of
// the two, and stays it.
func (s *stand) cancelNearEnd(t *testing.T, ctx context.Context, times int) {
	random := rand.New(rand.NewPCG(7, 2026))
	ends := histogram{}
	most := 50 * time.Millisecond
	for i := range times {
		started := time.Now()
		id := s.create(t, ctx, "tiny", fmt.Sprintf("race-%d", i))
		pass(ctx, time.Duration(random.Int64N(int64(most))))
		call := s.operator.Cancel(ctx, id)
		r, err := s.operator.Watch(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if r.State == outturn.RunSucceeded {
			most = max(time.Since(started), time.Millisecond)
		}
		ends[fmt.Sprintf("%s after status %d", r.State, call.Status)]++
		switch {
		case r.State != outturn.RunCancelled && r.State != outturn.RunSucceeded:
			t.Errorf("the run is %s", r.State)
		case call.Status == http.StatusConflict && r.State != outturn.RunSucceeded:
			t.Errorf("the cancel came too late for a run that is %s", r.State)
		case call.OK() && r.State != outturn.RunCancelled:
			t.Errorf("a run that was to stop is %s", r.State)
		}
	}
	t.Logf("%d races: %s", times, ends)
}

// However many connections ask with one key at once, there is one run, and each is
// told of it or that it is being made.
func TestFaultOneKey(t *testing.T) {
	t.Parallel()
	rounds, connections := faults(10, 300), 24
	ctx := deadline(t, 30*time.Second+time.Duration(rounds)*2*time.Second)
	s := newStand(t, 3*time.Second)
	answers := histogram{}
	var mu sync.Mutex
	for i := range rounds {
		key := fmt.Sprintf("tiny-key-%d", i)
		var ready, work sync.WaitGroup
		var made atomic.Int64
		ready.Add(connections)
		for range connections {
			work.Go(func() {
				ready.Done()
				ready.Wait() // all at once
				call := s.operator.Create(ctx, kinds["tiny"].request, key)
				if call.OK() {
					made.Add(1)
				}
				mu.Lock()
				answers[fmt.Sprintf("%d %s", call.Status, call.Code)]++
				mu.Unlock()
				if !call.OK() && (call.Status != http.StatusConflict || call.Code != string(outturn.CodeKeyInFlight)) {
					t.Errorf("a create with a key that others send too was answered with status %d %s %s", call.Status, call.Code, call.Err)
				}
			})
		}
		work.Wait()
		if made.Load() == 0 {
			t.Errorf("none of %d creates with key %s was accepted", connections, key)
		}
		other := kinds["json"].request
		other.Name = key
		if call := s.operator.Create(ctx, other, key); call.Status != http.StatusUnprocessableEntity || call.Code != string(outturn.CodeKeyReused) {
			t.Errorf("the key with another request: status %d %s", call.Status, call.Code)
		}
	}
	runs := servertest.Check(t, s.h, s.Process, s.operator, s.limits)
	t.Logf("%d keys, %d creates each: %s", rounds, connections, answers)
	if len(runs) != rounds {
		t.Errorf("%d keys made %d runs", rounds, len(runs))
	}
}

// A server that is asked to stop says so at once, finishes what it can in the time it
// has, gives the rest back, and ends well; the next one goes on with the rest
// without waiting for a lease.
func TestFaultDrain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		drain time.Duration
	}{{"Finishes", 20 * time.Second}, {"GivesBack", 10 * time.Millisecond}} {
		t.Run(tt.name, func(t *testing.T) {
			rounds := faults(1, 15)
			ctx := deadline(t, time.Minute+time.Duration(rounds)*30*time.Second)
			s := newStand(t, time.Minute, "--workers", "2", "--drain", tt.drain.String()) // a minute's lease: nobody waits for it
			asking, enough := context.WithCancel(ctx)
			defer enough()
			wait := s.load(t, asking, 4, "tiny", "large", "slow", "slow")
			for range rounds {
				if m := s.catch(ctx, 5*time.Second, func(m moment) bool { return m.bytes }); !m.bytes {
					t.Error("no run was under way")
				}
				s.Continue()
				s.stops(t, ctx, tt.drain)
				s.Start()
			}
			enough()
			wait()
			s.limits.Settle = 45 * time.Second // less than the lease
			runs := servertest.Check(t, s.h, s.Process, s.operator, s.limits)
			tell(t, runs)
			again := slices.ContainsFunc(slices.Collect(maps.Values(runs)), func(r servertest.Run) bool { return r.Attempt > 1 })
			if again != (tt.name == "GivesBack") {
				t.Errorf("with %s to finish, runs were begun again: %t", tt.drain, again)
			}
		})
	}
}

// stops sends SIGTERM, and looks how the server takes it.
func (s *stand) stops(t *testing.T, ctx context.Context, drain time.Duration) {
	t.Helper()
	asked := time.Now()
	s.Signal(syscall.SIGTERM)
	status := http.StatusOK
	_ = servertest.Every(ctx, time.Millisecond, func() bool {
		status = s.Ready(ctx)
		return status != http.StatusOK
	})
	if took := time.Since(asked); took > 300*time.Millisecond {
		t.Errorf("it was ready for %s after it had been asked to stop", took)
	}
	if status != http.StatusServiceUnavailable && status != 0 {
		t.Errorf("/readyz answers %d when it stops", status)
	}
	if status := s.Wait(drain + 5*time.Second); status != 0 {
		t.Errorf("it ended with status %d, want 0", status)
	}
	t.Logf("it ended %s after it had been asked to, with %s to finish", time.Since(asked).Round(time.Millisecond), drain)
}

// A second signal ends the patience.
func TestFaultDrainTwice(t *testing.T) {
	ctx := deadline(t, 90*time.Second)
	s := newStand(t, shortLease, "--workers", "1", "--drain", "1m")
	ids := []string{s.create(t, ctx, "slow", "1"), s.create(t, ctx, "slow", "2")}
	s.catch(ctx, 5*time.Second, func(m moment) bool { return m.bytes })
	s.Continue()
	s.Signal(syscall.SIGTERM)
	if err := servertest.Every(ctx, time.Millisecond, func() bool { return s.Ready(ctx) != http.StatusOK }); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	s.Signal(syscall.SIGTERM)
	status := s.Wait(5 * time.Second)
	if took := time.Since(asked); took > 2*time.Second {
		t.Errorf("it took %s to stop at once", took)
	}
	t.Logf("it ended with status %d after %s", status, time.Since(asked).Round(time.Millisecond))
	s.Start()
	for _, id := range ids {
		if r, err := s.operator.Watch(ctx, id); err != nil || r.State != outturn.RunSucceeded {
			t.Errorf("the run is %s (%v), %v", r.State, r.Reason, err)
		}
	}
	servertest.Check(t, s.h, s.Process, s.operator, s.limits)
}
