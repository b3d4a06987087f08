package server_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server"
)

// A backup that is made while runs are made, succeed and are deleted becomes a folder
// of its own, whose ledger holds together and whose files are what it says they are.
func TestBackupUnderLoad(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	first, doomed := s.run("sales"), s.run("sales")
	ctx, enough := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 3 {
		load.Go(func() {
			for ctx.Err() == nil {
				r, err := s.client.CreateRun(ctx, client.RunInput{Dataset: "sales", Formats: []outturn.Output{{Format: "csv"}, {Format: "json"}}})
				if err == nil && r.ID != "" {
					_, _ = s.client.RetryRun(ctx, first.ID)
				}
			}
		})
	}
	p, err := s.folder.Operator(t.Context())
	must(t, err)
	load.Go(func() { // what is deleted once the ledger is copied is missing, and nothing else
		for ctx.Err() == nil {
			list, _ := s.Reporting().Runs(ctx, p, "*", outturn.ListQuery{
				Where: &outturn.Expr{Op: outturn.OpEQ, Field: "state", Values: []string{"succeeded"}}, Page: outturn.Page{Limit: 5},
			})
			for _, r := range list.Items {
				if r.ID != first.ID && len(r.Files) == 2 {
					_ = s.Reporting().DeleteRun(ctx, p, r.ID)
				}
			}
		}
	})
	until(t, "there is some load", func() bool {
		list, err := s.client.Runs(ctx, client.ListInput{Limit: 100})
		return err == nil && len(list.Items) > 20
	})
	var backup bytes.Buffer
	must(t, s.folder.Backup(t.Context(), &backup))
	must(t, s.Reporting().DeleteRun(t.Context(), p, doomed.ID)) // after it: the backup has it
	enough()
	load.Wait()
	s.stop()
	if left := fileNames(t, s.folder.Path); slices.ContainsFunc(left, func(name string) bool { return strings.HasPrefix(name, ".") }) {
		t.Errorf("the backup left something in the folder: %v", left)
	}

	elsewhere := filepath.Join(t.TempDir(), "restored")
	restored, err := server.Restore(t.Context(), elsewhere, bytes.NewReader(backup.Bytes()))
	must(t, err)
	f, err := server.OpenFolder(t.Context(), elsewhere, time.Now)
	must(t, err)
	defer f.Close()
	found := checkFiles(t, f)
	if !slices.Contains(found, first.Files[0].ID) || !slices.Contains(found, doomed.Files[0].ID) || restored.Files < len(found) {
		t.Errorf("of %d files %d are listed, and not that of the first runs: %v", restored.Files, len(found), found)
	}
	verdict, err := server.VerifyAudit(t.Context(), elsewhere, outturn.AuditHead{})
	must(t, err)
	if !verdict.Sound || verdict.Blocks == 0 {
		t.Errorf("its audit: got %+v (%+v)", verdict, verdict.Fault)
	}
	var sound string
	db, err := sql.Open("sqlite3", filepath.Join(elsewhere, server.LedgerName))
	must(t, err)
	defer db.Close()
	must(t, db.QueryRowContext(t.Context(), `SELECT group_concat(integrity_check) FROM pragma_integrity_check`).Scan(&sound))
	if sound != "ok" {
		t.Errorf("the ledger: %s", sound)
	}
	var orphans int
	must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pragma_foreign_key_check`).Scan(&orphans))
	if orphans > 0 {
		t.Errorf("the ledger has %d rows whose others are missing", orphans)
	}
	if c, err := f.Ledger.Client(t.Context(), s.id); err != nil || c.SecretHash == "" {
		t.Errorf("the client: got %+v, %v", c, err)
	}
}

// checkFiles holds the files of a folder against its ledger, and returns those that
// are there. One that is listed and not there must have been named as missing.
func checkFiles(t testing.TB, f *server.Folder) (found []string) {
	t.Helper()
	p, err := f.Operator(t.Context())
	must(t, err)
	q := outturn.ListQuery{Page: outturn.Page{Limit: outturn.MaxPage}}
	list, err := f.Ledger.Runs(t.Context(), p.Tenant, "*", q)
	must(t, err)
	for _, r := range list.Items {
		for _, file := range r.Files {
			object, err := f.Files.Open(t.Context(), file.Key)
			if outturn.ErrorCode(err) == outturn.CodeNotFound {
				continue
			}
			must(t, err)
			hash := sha256.New()
			_, err = io.Copy(hash, object)
			must(t, err)
			must(t, object.Close())
			if got := hex.EncodeToString(hash.Sum(nil)); got != file.SHA256 {
				t.Errorf("%s is %s, and the ledger says %s", file.Key, got, file.SHA256)
			}
			found = append(found, file.ID)
		}
	}
	return found
}

// What was deleted between the copy of the ledger and that of the files is told.
func TestRestoreTellsWhatIsMissing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	r := s.run("sales")
	must(t, os.RemoveAll(filepath.Join(s.folder.Path, "files", r.Tenant)))
	var backup bytes.Buffer
	must(t, s.folder.Backup(t.Context(), &backup))
	s.stop()
	restored, err := server.Restore(t.Context(), filepath.Join(t.TempDir(), "new"), &backup)
	if err != nil || restored.Files != 0 || !slices.Equal(restored.Missing, []string{r.Files[0].Name}) {
		t.Errorf("got %+v, %v", restored, err)
	}
}

// A backup that is cut off anywhere, changed, or has more in it than it should, is
// refused, and leaves nothing behind. So is a place where something is.
func TestRestoreRefuses(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	s.run("sales")
	var backup bytes.Buffer
	must(t, s.folder.Backup(t.Context(), &backup))
	s.stop()
	good := backup.Bytes()

	parent := t.TempDir()
	place := filepath.Join(parent, "new")
	refused := func(name string, r io.Reader) {
		t.Helper()
		_, err := server.Restore(t.Context(), place, r)
		wantError(t, name, err, outturn.CodeFileDamaged, "damaged", "Nothing was restored")
		if left := fileNames(t, parent); len(left) > 0 {
			t.Fatalf("%s: it left %v", name, left)
		}
	}
	refused("Empty", strings.NewReader(""))
	refused("NoTar", strings.NewReader(strings.Repeat("no tar ", 1000)))
	end := len(good) - 1024 // of what is in it; blocks of zeros follow
	for _, n := range []int{1, 511, 512, 513, 5000, end / 3, end / 2, end - 1500, end - 512} {
		refused(fmt.Sprintf("CutAt%d", n), bytes.NewReader(good[:n]))
	}
	for _, n := range []int{bytes.Index(good, []byte("SQLite format 3")) + 50, end / 2, end - 600} {
		bad := slices.Clone(good)
		bad[n] ^= 1
		refused(fmt.Sprintf("ChangedAt%d", n), bytes.NewReader(bad))
	}
	for name, header := range map[string]tar.Header{
		"Above":     {Name: "../escaped", Size: 1, Mode: 0o600},
		"Absolute":  {Name: "/tmp/escaped", Size: 1, Mode: 0o600},
		"Link":      {Name: "files/link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		"More":      {Name: "files/more", Size: 1, Mode: 0o600},
		"Twice":     {Name: "key", Size: 1, Mode: 0o600},
		"OverAFile": {Name: "key/below", Size: 1, Mode: 0o600},
	} {
		refused(name, bytes.NewReader(withEntry(t, good, header)))
	}

	must(t, os.Mkdir(place, 0o700))
	must(t, os.WriteFile(filepath.Join(place, "mine"), []byte("precious"), 0o600))
	_, err := server.Restore(t.Context(), place, bytes.NewReader(good))
	wantError(t, "NotEmpty", err, outturn.CodeConflict, place, "not empty")
	if kept, _ := os.ReadFile(filepath.Join(place, "mine")); string(kept) != "precious" {
		t.Errorf("what was there is %q now", kept)
	}
	must(t, os.Remove(filepath.Join(place, "mine")))
	_, err = server.Restore(t.Context(), place+string(filepath.Separator), bytes.NewReader(good))
	must(t, err) // into an empty folder it may
}

// withEntry is a backup with one entry more.
func withEntry(t testing.TB, backup []byte, header tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for r := tar.NewReader(bytes.NewReader(backup)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		must(t, w.WriteHeader(h))
		_, err = io.Copy(w, r)
		must(t, err)
	}
	must(t, w.WriteHeader(&header))
	if header.Size > 0 {
		_, err := io.WriteString(w, "x")
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}
