package runner_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"outturn"
)

// A file whose time is over is nobody's to read from that instant, and its bytes go
// with the next sweep that can delete them. Run and manifest stay.
func TestRetention(t *testing.T) {
	b := newBench(t)
	b.config.Retention = 24 * time.Hour
	w := b.start("test")
	run, _ := b.finish(b.create("numbers"))
	b.succeeded(run)
	w.stopAtOnce(t)
	file := run.Files[0]
	must(t, b.ledger.CreateLink(t.Context(), outturn.Link{File: file.ID, Tenant: b.tenant, TokenHash: "hash", ExpiresAt: b.time().Add(1000 * time.Hour)}, entry))
	look := func(want outturn.Code) {
		t.Helper()
		_, errFile := b.ledger.File(t.Context(), b.tenant, file.ID)
		_, _, errLink := b.ledger.LinkByHash(t.Context(), "hash")
		if outturn.ErrorCode(errFile) != want || outturn.ErrorCode(errLink) != want {
			t.Errorf("the file: %v; its link: %v", errFile, errLink)
		}
	}
	b.pass(24*time.Hour - time.Second)
	look("")
	b.pass(time.Second)
	look(outturn.CodeGone)

	failed := 0
	b.faults.delete = func() error {
		if failed++; failed < 3 {
			return errors.New("not now")
		}
		return nil
	}
	w = b.start("next")
	b.wait("the bytes are gone", func() bool { return len(b.stored()) == 0 })
	run = b.until(run.ID, "the run tells", func(r outturn.Run) bool { return !r.FilesGoneAt.IsZero() })
	w.stopAtOnce(t)
	if run.State != outturn.RunSucceeded || len(run.Files) != 0 || failed < 3 {
		t.Errorf("the run is %s with %d files after %d deletions", run.State, len(run.Files), failed)
	}
	if log := b.log.String(); strings.Contains(log, "nobody published") {
		t.Errorf("the file was forgotten before its bytes were gone:\n%s", log)
	}
	if m, err := b.ledger.Manifest(t.Context(), b.tenant, run.ID); err != nil || m.Files[0].SHA256 != file.SHA256 {
		t.Errorf("the manifest is %+v, %v", m, err)
	}
	if _, _, err := b.ledger.LinkByHash(t.Context(), "hash"); outturn.ErrorCode(err) != outturn.CodeGone {
		t.Errorf("its link: %v", err)
	}
}

// Stored bytes that no run lists, and none is about to list, are deleted.
func TestSweepStorage(t *testing.T) {
	b := newBench(t)
	w := b.start("test")
	run, _ := b.finish(b.create("numbers"))
	b.succeeded(run)
	w.stopAtOnce(t)
	listed := run.Files[0].Key
	b.pass(time.Hour)
	held, ended := b.create("numbers"), b.create("numbers")
	for _, id := range []string{held, ended} {
		_, err := b.ledger.ClaimRun(t.Context(), id, "another", lease)
		must(t, err)
	}
	_, err := b.ledger.FailRun(t.Context(), outturn.RunClaim{Run: ended, Attempt: 1, Owner: "another"}, outturn.Reason{Code: outturn.CodeInternal}, time.Time{})
	must(t, err)

	none := outturn.NewID(b.time())
	stays := []string{listed}
	for _, tt := range []struct {
		key   string
		young bool
		stays bool
	}{
		{key: b.tenant + "/" + run.ID + ".1.of the same attempt, and not listed"},
		{key: b.tenant + "/" + run.ID + ".0.of another attempt"},
		{key: b.tenant + "/" + run.ID + "/0/of another attempt, as keys once were"},
		{key: b.tenant + "/" + held + ".1.about to be listed", stays: true},
		{key: b.tenant + "/" + held + ".0.of an attempt before"},
		{key: b.tenant + "/" + ended + ".1.of an attempt that has ended"},
		{key: b.tenant + "/" + none + ".1.of no run"},
		{key: "nobody/" + none + ".1.of no tenant"},
		{key: "nobody/" + none + ".1.of no tenant, just now", young: true, stays: true},
		{key: "nobody/not ours", stays: true},
		{key: "nobody/notes.1.txt", stays: true},
		{key: "nobody/2026.11.27.log", stays: true},
		{key: "nobody/" + none + ".tar.gz", stays: true},
	} {
		up, err := b.files.Create(t.Context(), tt.key)
		must(t, err)
		must(t, up.Commit(t.Context()))
		at := b.time()
		if !tt.young {
			at = at.Add(-11 * time.Minute)
		}
		must(t, os.Chtimes(filepath.Join(filepath.Dir(b.data), "files", tt.key), at, at))
		if tt.stays {
			stays = append(stays, tt.key)
		}
	}
	b.start("next")
	b.wait("others are deleted", func() bool { return len(b.stored()) <= len(stays) })
	got := b.stored()
	slices.Sort(got)
	slices.Sort(stays)
	if !slices.Equal(got, stays) {
		t.Errorf("left are %v, want %v", got, stays)
	}
	b.succeeded(b.run(run.ID))
}
