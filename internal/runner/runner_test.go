package runner_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/catalog"
	"outturn/internal/queue"
	"outturn/internal/queue/local"
	"outturn/internal/runner"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/duckdb/duckdbtest"
	"outturn/internal/store"
)

// A ledger that says of a run's success what its disk said after the commit.
type lyingLedger struct {
	*store.Store
	ended chan struct{}
}

func (l lyingLedger) SucceedRun(ctx context.Context, c outturn.RunClaim, m outturn.Manifest, files []outturn.File) (outturn.Run, error) {
	r, err := l.Store.SucceedRun(ctx, c, m, files)
	return r, errors.Join(err, outturn.Errorf(outturn.CodeStorageUnavailable, "The ledger's disk failed after the commit."))
}

func (l lyingLedger) FailRun(ctx context.Context, c outturn.RunClaim, reason outturn.Reason, again time.Time) (outturn.Run, error) {
	defer close(l.ended)
	return l.Store.FailRun(ctx, c, reason, again)
}

// What the ledger lists is never deleted, also when the ledger could not say that it
// has listed it.
func TestSuccessInDoubt(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	data := filepath.Join(dir, "data.duckdb")
	db, closeDB := duckdbtest.Open(t, data)
	db.Exec("CREATE TABLE numbers AS SELECT 7 AS n")
	closeDB()
	write(t, filepath.Join(dir, "sets", "numbers.sql"), `/*
version: 1
source: test
description: A number
fields:
  - {name: N, type: int}
*/
SELECT n AS "N" FROM numbers
`)
	cat, err := catalog.OpenFolder(filepath.Join(dir, "sets"), "duckdb")
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "ledger.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	files, err := blob.OpenFolder(filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	entry := outturn.AuditEntry{Subject: "test", Via: "local", Action: "test"}
	root, err := ledger.CreateTenant(ctx, outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, entry)
	if err != nil {
		t.Fatal(err)
	}
	run, err := ledger.CreateRun(ctx, outturn.Run{
		Tenant: root.ID, Name: "numbers", Origin: "test", CreatedBy: "test",
		Request: outturn.RunRequest{Dataset: "numbers", Everything: true, Outputs: []outturn.Output{{Format: "csv"}}},
	}, nil, entry)
	if err != nil {
		t.Fatal(err)
	}
	lying := lyingLedger{ledger, make(chan struct{})}
	q := local.New(local.Config{})
	r, err := runner.New(runner.Config{
		Ledger: lying, Queue: q, Catalog: cat, Blobs: files, Owner: "test",
		Source: duckdb.New(duckdb.Config{Path: data}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := q.Ring(ctx, queue.Job{Run: run.ID, Tenant: root.ID}); err != nil {
		t.Fatal(err)
	}
	<-lying.ended
	if err := r.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if run, err = ledger.Run(ctx, root.ID, run.ID); err != nil || run.State != outturn.RunSucceeded || len(run.Files) != 1 {
		t.Fatalf("the run is %s with %d files, %v", run.State, len(run.Files), err)
	}
	object, err := files.Open(ctx, run.Files[0].Key)
	if err != nil {
		t.Fatalf("a listed file is gone: %v", err)
	}
	if err := object.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
