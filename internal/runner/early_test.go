package runner_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"outturn"
	"outturn/internal/source/duckdb/duckdbtest"
)

// An event that was faster than the source is no reason for an empty file: the invoice is
// looked for again, and its absence is believed after some minutes.
func TestEarlyEvent(t *testing.T) {
	for _, c := range []struct {
		name     string
		cause    outturn.Cause
		invoice  string
		arrives  int // with which attempt the invoice 12 is there
		attempts int
		rows     int64
	}{
		{"There", outturn.CauseEvent, "7", 0, 1, 1},
		{"Late", outturn.CauseEvent, "12", 3, 3, 1},
		{"Never", outturn.CauseEvent, "12", 0, 10, 0},
		{"ByHand", outturn.CauseManual, "12", 0, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			later := filepath.Join(t.TempDir(), "later.duckdb")
			db, closeDB := duckdbtest.Open(t, later)
			db.Exec("CREATE TABLE numbers AS SELECT range AS n FROM range(20)")
			closeDB()
			begun := 0
			b.faults.begin = func(context.Context) error {
				if begun++; begun == c.arrives {
					return os.Rename(later, b.data)
				}
				return nil
			}
			b.start("worker")
			run, err := b.ledger.CreateRun(t.Context(), outturn.Run{
				Tenant: b.tenant, Name: "invoice", Origin: "test", CreatedBy: "test", Cause: c.cause,
				Request: outturn.RunRequest{Dataset: "numbers", Everything: true, Invoice: c.invoice, Outputs: []outturn.Output{{Format: "csv"}}},
			}, nil, entry)
			must(t, err)
			done, pauses := b.finish(run.ID)
			b.succeeded(done)
			if done.Attempt != c.attempts || done.Files[0].Rows != c.rows {
				t.Errorf("%d attempts and %d rows, want %d and %d", done.Attempt, done.Files[0].Rows, c.attempts, c.rows)
			}
			var waited time.Duration
			for _, p := range pauses {
				waited += p
			}
			if c.name == "Never" && waited < 5*time.Minute {
				t.Errorf("it was looked for during %s", waited)
			}
		})
	}
}
