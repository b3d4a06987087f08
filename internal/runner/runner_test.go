package runner_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/blob"
	"outturn/internal/catalog"
	"outturn/internal/queue"
	"outturn/internal/queue/local"
	"outturn/internal/runner"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/duckdb/duckdbtest"
	"outturn/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withoutFilesLeftOpen{m}) }

type withoutFilesLeftOpen struct{ *testing.M }

func (m withoutFilesLeftOpen) Run() int {
	code := m.M.Run()
	links, _ := filepath.Glob("/proc/self/fd/*") // where the system tells
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && strings.HasPrefix(name, os.TempDir()+"/Test") {
			fmt.Println("left open:", name)
			code = max(code, 1)
		}
	}
	return code
}

// selects are the data sets, each of one column N.
var selects = map[string]string{
	"numbers":  `SELECT n AS "N" FROM numbers`, // ten
	"endless":  `SELECT range AS "N" FROM range(1000000000000)`,
	"silent":   `SELECT CAST(sum(a.range * b.range % 7) % 7 AS BIGINT) AS "N" FROM range(10000000) AS a, range(10000000) AS b`, // no row for hours
	"refused":  `SELECT CAST(error('it is broken') AS BIGINT) AS "N" FROM numbers`,
	"misnamed": `SELECT n AS "M" FROM numbers`,
	"hungry":   `SELECT count(*) AS "N" FROM (SELECT DISTINCT md5(CAST(range AS VARCHAR)) FROM range(3000000))`,
}

// A bench is a runner over real parts: a DuckDB file, a ledger, a queue, a folder of
// files. Its clock stands still until it is moved on; what looks at it, or for
// something to do, does so every few milliseconds.
type bench struct {
	t      *testing.T
	data   string // the DuckDB file
	ledger *store.Store
	files  *blob.Folder
	tenant string
	faults *faults
	config runner.Config // of runners that are made
	log    *lines

	snapshots atomic.Int64 // that are open

	mu  sync.Mutex
	now time.Time
}

// lease is the default, on the bench's clock.
const lease = 30 * time.Second

var entry = outturn.AuditEntry{Subject: "test", Via: "local", Action: "test"}

// newBench makes a bench for a test, which then runs beside others: most of its time
// it waits for the disk.
func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	b := &bench{t: t, data: filepath.Join(dir, "data.duckdb"), faults: &faults{}, log: &lines{}, now: time.Now().UTC().Truncate(time.Microsecond)}
	db, closeDB := duckdbtest.Open(t, b.data)
	db.Exec("CREATE TABLE numbers AS SELECT range AS n FROM range(10)")
	closeDB()
	sets := filepath.Join(dir, "sets")
	must(t, os.Mkdir(sets, 0o700))
	for name, sql := range selects {
		text := "/*\nversion: 1\nsource: test\ndescription: Numbers\ninvoice: N\nfields:\n  - {name: N, type: int}\n*/\n" + sql
		must(t, os.WriteFile(filepath.Join(sets, name+".sql"), []byte(text), 0o600))
	}
	cat, err := catalog.OpenFolder(sets, "duckdb")
	must(t, err)
	b.files, err = blob.OpenFolder(filepath.Join(dir, "files"))
	must(t, err)
	t.Cleanup(func() { must(t, b.files.Close()) })
	b.ledger, err = store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "ledger.db"), Now: b.time})
	must(t, err)
	t.Cleanup(func() { must(t, b.ledger.Close()) })
	root, err := b.ledger.CreateTenant(t.Context(), outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, entry)
	must(t, err)
	b.tenant = root.ID
	data := duckdb.New(duckdb.Config{Path: b.data, Linger: time.Minute})
	t.Cleanup(func() { must(t, data.Close()) })
	b.config = runner.Config{
		Ledger: b.ledger, Catalog: cat, Now: b.time, Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Source: faultySource{data, b}, Blobs: faultyBlobs{b.files, b.faults},
		Lease: lease, Heartbeat: 20 * time.Millisecond, CancelPoll: 20 * time.Millisecond, Sweep: 5 * time.Millisecond,
	}
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) time() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// A worker is a runner that has been started, with the queue it works from.
type worker struct {
	*runner.Runner
	queue *local.Queue
}

// start starts a runner of that name. The test's end stops it at once.
func (b *bench) start(owner string) worker {
	b.t.Helper()
	w := worker{queue: local.New(local.Config{})}
	c := b.config
	c.Owner, c.Queue = owner, w.queue
	var err error
	w.Runner, err = runner.New(c)
	must(b.t, err)
	must(b.t, w.Start(b.t.Context()))
	b.t.Cleanup(func() { w.stopAtOnce(b.t) })
	return w
}

func (w worker) stopAtOnce(t *testing.T) {
	t.Helper()
	must(t, w.Stop(over()))
	if c := w.Counts(); c.Uploads != 0 {
		t.Errorf("%d uploads are open at the end", c.Uploads)
	}
	if waiting, underWay := w.queue.Waiting(); waiting+underWay > 0 {
		t.Errorf("%d runs wait and %d are under way at the end", waiting, underWay)
	}
}

// create makes a run over a data set, which the sweep of a runner finds.
func (b *bench) create(dataset string, change ...func(*outturn.RunRequest)) (id string) {
	b.t.Helper()
	request := outturn.RunRequest{Dataset: dataset, Everything: true, Outputs: []outturn.Output{{Format: "csv"}}}
	for _, change := range change {
		change(&request)
	}
	run, err := b.ledger.CreateRun(b.t.Context(), outturn.Run{Tenant: b.tenant, Name: dataset, Origin: "test", CreatedBy: "test", Request: request}, nil, entry)
	must(b.t, err)
	return run.ID
}

func (b *bench) run(id string) outturn.Run {
	b.t.Helper()
	run, err := b.ledger.Run(b.t.Context(), b.tenant, id)
	must(b.t, err)
	return run
}

// until waits for a run to be as is says, and returns it.
func (b *bench) until(id, what string, is func(outturn.Run) bool) (run outturn.Run) {
	b.t.Helper()
	b.wait(what, func() bool {
		run = b.run(id)
		return is(run)
	})
	return run
}

func (b *bench) wait(what string, is func() bool) {
	b.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !is(); <-tick.C {
		if time.Now().After(end) {
			b.t.Fatalf("it never came to this: %s; the log:\n%s", what, b.log)
		}
	}
}

// finish waits for a run's end. Whenever it waits for another attempt, the clock is
// moved on to that; pauses are how long it was each time.
func (b *bench) finish(id string) (run outturn.Run, pauses []time.Duration) {
	b.t.Helper()
	return b.until(id, "the run ends", func(r outturn.Run) bool {
		if pause := r.NotBefore.Sub(b.time()); r.State == outturn.RunQueued && pause > 0 {
			pauses = append(pauses, pause)
			b.pass(pause)
		}
		return r.State.Final()
	}), pauses
}

// stored lists the keys of all files of runs.
func (b *bench) stored() (keys []string) {
	b.t.Helper()
	for info, err := range b.files.List(b.t.Context(), "") {
		must(b.t, err)
		if strings.Contains(info.Key, "/") {
			keys = append(keys, info.Key)
		}
	}
	return keys
}

// nothingStays says that a run that made no files has left none, not in the storage
// and not in the ledger.
func (b *bench) nothingStays(id string) {
	b.t.Helper()
	if keys := b.stored(); len(keys) > 0 {
		b.t.Errorf("%v are left in the storage", keys)
	}
	if files := b.run(id).Files; len(files) > 0 {
		b.t.Errorf("%d files are listed", len(files))
	}
	if _, err := b.ledger.Manifest(b.t.Context(), b.tenant, id); outturn.ErrorCode(err) != outturn.CodeNotFound {
		b.t.Errorf("the manifest: %v", err)
	}
}

// succeeded says that a run ended well, and its file is there, whole.
func (b *bench) succeeded(run outturn.Run) {
	b.t.Helper()
	if run.State != outturn.RunSucceeded || len(run.Files) != 1 || run.Reason != nil {
		b.t.Fatalf("the run is %s with %d files, %+v", run.State, len(run.Files), run.Reason)
	}
	file, err := b.files.Open(b.t.Context(), run.Files[0].Key)
	must(b.t, err)
	defer file.Close()
	if file.Size() != run.Files[0].Bytes || file.Size() == 0 {
		b.t.Errorf("the file has %d bytes, and %d are listed", file.Size(), run.Files[0].Bytes)
	}
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// faults are what cannot be had from real parts on demand. Each is called before the
// real thing, which its error is instead of; nil is no fault.
type faults struct {
	begin, next, commit func(context.Context) error
	write, delete       func() error
}

func ask(ctx context.Context, fault func(context.Context) error) error {
	if fault == nil {
		return nil
	}
	return fault(ctx)
}

// untilStopped works until it is told to end.
func untilStopped(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

type faultySource struct {
	source.Source
	bench *bench
}

func (s faultySource) Begin(ctx context.Context) (source.Database, error) {
	if err := ask(ctx, s.bench.faults.begin); err != nil {
		return nil, err
	}
	snapshot, err := s.Source.Begin(ctx)
	if err != nil {
		return nil, err
	}
	s.bench.snapshots.Add(1)
	return faultySnapshot{snapshot, s.bench}, nil
}

type faultySnapshot struct {
	source.Database
	bench *bench
}

func (s faultySnapshot) Close() error {
	defer s.bench.snapshots.Add(-1)
	return s.Database.Close()
}

func (s faultySnapshot) Query(ctx context.Context, q source.Query) (source.Reader, error) {
	r, err := s.Database.Query(ctx, q)
	return faultyReader{r, ctx, s.bench.faults}, err
}

type faultyReader struct {
	source.Reader
	ctx    context.Context
	faults *faults
}

func (r faultyReader) Next(b *batch.Batch) error {
	if err := ask(r.ctx, r.faults.next); err != nil {
		return err
	}
	return r.Reader.Next(b)
}

type faultyBlobs struct {
	blob.Store
	faults *faults
}

func (s faultyBlobs) Create(ctx context.Context, key string) (blob.Upload, error) {
	up, err := s.Store.Create(ctx, key)
	return faultyUpload{up, s.faults}, err
}

func (s faultyBlobs) Delete(ctx context.Context, key string) error {
	if s.faults.delete != nil {
		if err := s.faults.delete(); err != nil {
			return err
		}
	}
	return s.Store.Delete(ctx, key)
}

type faultyUpload struct {
	blob.Upload
	faults *faults
}

func (u faultyUpload) Write(p []byte) (int, error) {
	if u.faults.write != nil {
		if err := u.faults.write(); err != nil {
			return 0, err
		}
	}
	return u.Upload.Write(p)
}

func (u faultyUpload) Commit(ctx context.Context) error {
	if err := ask(ctx, u.faults.commit); err != nil {
		return err
	}
	return u.Upload.Commit(ctx)
}

// ring tells a worker's queue of a run, as whoever creates one does.
func (b *bench) ring(w worker, id string) {
	b.t.Helper()
	must(b.t, w.queue.Ring(b.t.Context(), queue.Job{Run: id, Tenant: b.tenant}))
}
