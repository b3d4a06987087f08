package runner_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/runner"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
)

// failures has every reason with which a run can fail: how it comes about, and what
// is then true of it.
var failures = []struct {
	name    string
	code    outturn.Code
	dataset string
	request func(*outturn.RunRequest)
	runner  func(*bench, *runner.Config)
	faults  faults
	before  func(b *bench, id string)

	act      outturn.Actor
	retry    bool
	attempts int
	message  string // part of it
}{
	{name: "WindowOnSnapshot", code: outturn.CodeInvalid, request: func(r *outturn.RunRequest) { r.Window = &outturn.Window{Zone: time.UTC} },
		act: outturn.ActorUser, attempts: 1, message: "Leave the window out"},
	{name: "DatasetIsGone", code: outturn.CodeNotFound, dataset: "gone",
		act: outturn.ActorUser, attempts: 1, message: "gone"},
	{name: "DatasetDoesNotFit", code: outturn.CodeDatasetInvalid, dataset: "misnamed",
		act: outturn.ActorOperator, attempts: 1, message: "N"},
	{name: "SourceIsMissing", code: outturn.CodeSourceUnavailable,
		runner: func(b *bench, c *runner.Config) { c.Source = duckdb.New(duckdb.Config{Path: b.data + ".absent"}) },
		act:    outturn.ActorNobody, retry: true, attempts: 10, message: "absent"},
	{name: "SourceRefuses", code: outturn.CodeSourceRefused,
		runner: func(b *bench, c *runner.Config) {
			server := postgrestest.OfTest(b.t)
			c.Source = postgres.New(postgres.Config{URL: server.URLOf("postgres", "canary", "postgres")})
		},
		act: outturn.ActorOperator, attempts: 1, message: "the user postgres"},
	{name: "StatementFails", code: outturn.CodeQueryFailed, dataset: "refused",
		act: outturn.ActorOperator, attempts: 1, message: "it is broken"},
	{name: "TakesTooLong", code: outturn.CodeQueryTimeout, dataset: "silent",
		runner: func(_ *bench, c *runner.Config) { c.Timeout = 50 * time.Millisecond },
		act:    outturn.ActorUser, attempts: 1, message: "longer than the 50ms"},
	{name: "NeedsTooMuchMemory", code: outturn.CodeMemoryLimit, dataset: "hungry",
		runner: func(b *bench, c *runner.Config) {
			folder := b.t.TempDir()
			must(b.t, os.WriteFile(filepath.Join(folder, "one.csv"), []byte("N\n1\n"), 0o600))
			c.Source = duckdb.New(duckdb.Config{Path: folder, Folder: true, Memory: "50MB", TempQuota: "1MB", TempDir: b.t.TempDir()})
		},
		act: outturn.ActorUser, attempts: 1, message: "more"},
	{name: "TooManyRows", code: outturn.CodeRowLimit, runner: func(_ *bench, c *runner.Config) { c.MaxRows = 9 },
		act: outturn.ActorUser, attempts: 1, message: "more than the 9 rows"},
	{name: "TooManyBytes", code: outturn.CodeStorageLimit, before: func(b *bench, _ string) { b.set(b.tenant, "most_bytes = 5") },
		act: outturn.ActorUser, attempts: 1, message: "may keep 5 bytes"},
	{name: "DiskIsFull", code: outturn.CodeDiskFull,
		faults: faults{write: func() error { return outturn.Errorf(outturn.CodeDiskFull, "The disk is full.") }},
		act:    outturn.ActorOperator, retry: true, attempts: 10, message: "The disk is full."},
	{name: "DiskIsFullAtTheEnd", code: outturn.CodeDiskFull, request: func(r *outturn.RunRequest) { r.Outputs = append(r.Outputs, outturn.Output{Format: "json"}) },
		faults: faults{commit: second(outturn.Errorf(outturn.CodeDiskFull, "The disk is full."))}, // of two files
		act:    outturn.ActorOperator, retry: true, attempts: 10, message: "The disk is full."},
	{name: "FolderCannotBeMade", code: outturn.CodeStorageUnavailable,
		before: func(b *bench, _ string) { // root too is stopped by a file where a folder should be
			must(b.t, os.WriteFile(filepath.Join(filepath.Dir(b.data), "files", b.tenant), nil, 0o600))
		},
		act: outturn.ActorOperator, retry: true, attempts: 10, message: "numbers."},
	{name: "ProcessesDie", code: outturn.CodeWorkerLost,
		before: func(b *bench, id string) {
			for n := range 3 {
				_, err := b.ledger.ClaimRun(b.t.Context(), id, fmt.Sprint("one that dies", n), lease)
				must(b.t, err)
				b.pass(lease)
				if n < 2 { // the third is the runner's to find
					_, _, err = b.ledger.SweepLeases(b.t.Context(), 3)
					must(b.t, err)
				}
			}
		},
		act: outturn.ActorOperator, attempts: 3, message: "3 times"},
	{name: "Panic", code: outturn.CodeInternal, faults: faults{next: func(context.Context) error { panic("a secret of the engine") }},
		act: outturn.ActorOperator, attempts: 1, message: "Internal error"},
	{name: "UnknownError", code: outturn.CodeInternal, faults: faults{begin: func(context.Context) error { return errors.New("a secret of the engine") }},
		act: outturn.ActorOperator, attempts: 1, message: "Internal error"},
}

// second is a fault of every second call.
func second(err error) func(context.Context) error {
	n := 0
	return func(context.Context) error {
		if n++; n%2 == 0 {
			return err
		}
		return nil
	}
}

func TestReasons(t *testing.T) {
	seen := map[outturn.Code]bool{}
	for _, tt := range failures {
		seen[tt.code] = true
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			*b.faults = tt.faults
			if tt.runner != nil {
				tt.runner(b, &b.config)
			}
			dataset := tt.dataset
			if dataset == "" {
				dataset = "numbers"
			}
			id := b.create(dataset, func(r *outturn.RunRequest) {
				if tt.request != nil {
					tt.request(r)
				}
			})
			if tt.before != nil {
				tt.before(b, id)
			}
			w := b.start("test")
			run, pauses := b.finish(id)
			w.stopAtOnce(t)

			if run.State != outturn.RunFailed || run.Reason == nil {
				t.Fatalf("the run is %s, %+v", run.State, run.Reason)
			}
			r := *run.Reason
			if r.Code != tt.code || r.Act != tt.act || r.Retry != tt.retry || run.Attempt != tt.attempts {
				t.Errorf("it failed with %s after %d attempts: %s must act, and another attempt helps: %t", r.Code, run.Attempt, r.Act, r.Retry)
			}
			if !strings.Contains(r.Message, tt.message) || strings.Contains(r.Message, "secret") {
				t.Errorf("the message is %q", r.Message)
			}
			if !strings.HasPrefix(r.Correlation, id) {
				t.Errorf("it is found under %q", r.Correlation)
			}
			if log := b.log.String(); tt.code == outturn.CodeInternal && (!strings.Contains(log, r.Correlation) || !strings.Contains(log, "secret")) {
				t.Errorf("the log does not tell of %s:\n%s", r.Correlation, log)
			}
			if tt.retry {
				checkPauses(t, pauses)
			} else if len(pauses) > 0 {
				t.Errorf("it waited %v", pauses)
			}
			b.nothingStays(id)
			stats, err := b.ledger.Stats(t.Context())
			must(t, err)
			if stats.Failed[tt.code] != 1 || stats.Runs[outturn.RunFailed] != 1 {
				t.Errorf("counted as %v", stats)
			}
		})
	}
	var all []outturn.Code
	for _, code := range codes(t) {
		if outturn.NewReason(outturn.Errorf(code, ""), "").Code == code {
			all = append(all, code)
		}
	}
	for _, code := range all {
		if !seen[code] {
			t.Errorf("no run fails with %s", code)
		}
	}
}

// checkPauses says whether a run waited as long between its attempts as is promised.
func checkPauses(t *testing.T, pauses []time.Duration) {
	t.Helper()
	want, sum := []time.Duration{2, 4, 8, 16, 32, 64, 120, 120, 120}, time.Duration(0)
	if len(pauses) != len(want) {
		t.Fatalf("it waited %v", pauses)
	}
	for i, got := range pauses {
		if most := want[i] * time.Second; got > most || got < most*3/4 {
			t.Errorf("it waited %s after attempt %d, want up to %s", got, i+1, most)
		}
		sum += got
	}
	if sum < 6*time.Minute {
		t.Errorf("it gave up after %s", sum)
	}
}

// codes lists the codes that there are.
func codes(t *testing.T) (codes []outturn.Code) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../error.go", nil, 0)
	must(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			codes = append(codes, outturn.Code(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)))
		}
		return true
	})
	return codes
}

// What operators read about reasons is what happens.
func TestReasonsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	for _, tt := range failures {
		again := "no"
		if tt.retry {
			again = "yes"
		}
		want := fmt.Sprintf("| %s | %s |", tt.act, again)
		if !slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "| `") && strings.Contains(line, "`"+string(tt.code)+"`") && strings.Contains(line, want)
		}) {
			t.Errorf("docs/operations.md does not say of %s: %s", tt.code, want)
		}
	}
}
