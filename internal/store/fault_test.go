package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"outturn"
	"outturn/internal/secret"
	"outturn/internal/store"
)

// Of a process that is to be killed, this names the ledger that it writes to.
const toBeKilled = "OUTTURN_TEST_LEDGER"

func TestMain(m *testing.M) {
	if path := os.Getenv(toBeKilled); path != "" {
		writeForEver(path)
	}
	goleak.VerifyTestMain(m)
}

// writeForEver takes runs through their lives in many goroutines, and says each
// change that the ledger has acknowledged.
func writeForEver(path string) {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{Path: path})
	if err != nil {
		panic(err)
	}
	root, err := s.Root(ctx)
	if err != nil {
		panic(err)
	}
	key, err := s.OpenAuditKey(ctx, killedSealer())
	if err != nil {
		panic(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			if _, _, err := s.SealAudit(ctx, key); err != nil {
				panic(err)
			}
		}
	})
	for range 8 {
		all.Go(func() {
			for {
				if err := lead(ctx, s, root.ID); err != nil {
					panic(err)
				}
			}
		})
	}
	all.Wait()
}

// killedSealer is the same in every process.
func killedSealer() *secret.Keyring {
	k, err := secret.NewKeyring(make([]byte, secret.KeyBytes))
	if err != nil {
		panic(err)
	}
	return k
}

// lead leads one run from its creation to its deletion.
func lead(ctx context.Context, s *store.Store, tenant string) error {
	said := func(what, id string) { fmt.Printf("%s %s\n", what, id) }
	id := outturn.NewID(time.Now())
	key := &outturn.IdempotencyKey{Subject: "client:1", Key: id, Fingerprint: "f", ExpiresAt: time.Now().Add(time.Hour)}
	r, err := s.CreateRun(ctx, outturn.Run{ID: id, Tenant: tenant}, key, outturn.AuditEntry{Action: "run.create"})
	if err != nil {
		return err
	}
	said("created", id)
	if r, err = s.ClaimRun(ctx, id, "worker", time.Hour); err != nil {
		return err
	}
	said("claimed", id)
	f := outturn.File{ID: "file-" + id, Key: id, ManifestFile: outturn.ManifestFile{Name: "orders.csv", Rows: 1}}
	if _, err = s.SucceedRun(ctx, r.Claim(), outturn.Manifest{Dataset: "orders"}, []outturn.File{f}); err != nil {
		return err
	}
	said("succeeded", id)
	return nil
}

// kept checks that what was said of a run is so.
func kept(ctx context.Context, s *store.Store, tenant, said, id string) error {
	r, err := s.Run(ctx, tenant, id)
	if err != nil {
		return err
	}
	switch byKey, err := s.RunByKey(ctx, outturn.IdempotencyKey{Subject: "client:1", Key: id, Fingerprint: "f"}); {
	case err != nil:
		return err
	case byKey.ID != id:
		return fmt.Errorf("its key leads to %s", byKey.ID)
	}
	entries, err := s.AuditEntries(ctx, tenant, outturn.ListQuery{Where: &outturn.Expr{Op: outturn.OpEQ, Field: "object", Values: []string{id}}})
	if err != nil || len(entries.Items) != 1 {
		return fmt.Errorf("the audit has %d entries of it (%w)", len(entries.Items), err)
	}
	_, err = s.Manifest(ctx, tenant, id)
	if succeeded := r.State == outturn.RunSucceeded; succeeded != (err == nil) || succeeded != (len(r.Files) == 1) {
		return fmt.Errorf("it is %s with %d files, and its manifest: %w", r.State, len(r.Files), err)
	}
	if said == "claimed" && r.Attempt != 1 || said == "succeeded" && r.State != outturn.RunSucceeded {
		return fmt.Errorf("it is %s, at attempt %d", r.State, r.Attempt)
	}
	return nil
}

// TestFaultKilled kills a process that writes, again and again on one ledger: what
// was acknowledged is there, and nothing by halves.
func TestFaultKilled(t *testing.T) {
	kills := 4
	if os.Getenv("OUTTURN_TEST_CHAOS") != "" {
		kills = 100
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	s, err := store.Open(t.Context(), store.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	root, err := s.CreateTenant(t.Context(), outturn.Tenant{Kind: outturn.KindProvider}, outturn.AuditEntry{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	var head outturn.AuditHead
	for kill := range kills {
		said := killed(t, path, 50+kill%7*37)
		s, err := store.Open(t.Context(), store.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range said {
			what, id, _ := strings.Cut(line, " ")
			if err := kept(t.Context(), s, root.ID, what, id); err != nil {
				t.Errorf("kill %d: it had %s %s: %v", kill, what, id, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		v, err := store.VerifyAudit(t.Context(), store.Config{Path: path}, killedSealer(), head)
		if err != nil || !v.Sound || v.Head == head {
			t.Errorf("kill %d: the audit: %+v (%+v), %v", kill, v, v.Fault, err)
		}
		head = v.Head
		var whole string
		if err := database(t, path).QueryRow(`PRAGMA integrity_check`).Scan(&whole); err != nil || whole != "ok" {
			t.Errorf("kill %d: integrity: %s, %v", kill, whole, err)
		}
	}
}

// killed starts a process that writes, kills it after it has said so many changes,
// and returns all it has said by then.
func killed(t *testing.T, path string, after int) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), toBeKilled+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said = append(said, lines.Text()); len(said) == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if cmd.Wait() == nil || len(said) < after {
		t.Fatalf("the process ended by itself, after %d changes", len(said))
	}
	return said
}
