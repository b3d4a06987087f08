package store_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"outturn"
	"outturn/internal/store"
)

// A journal is one of a ledger, with what a test has in between.
type journal struct {
	store.Journal
	before func() error // a sync
}

func (j journal) Sync() error {
	if err := j.before(); err != nil {
		return err
	}
	return j.Journal.Sync()
}

// syncing has before called before each sync of the ledgers that the test opens.
func syncing(t *testing.T, before func(path string) error) {
	store.UseJournal(t, func(path string, j store.Journal) store.Journal {
		return journal{j, func() error { return before(path) }}
	})
}

// A held is a disk whose syncs begin, and end when they are let.
type held struct{ begun, let chan struct{} }

func holding(t *testing.T) *held {
	h := &held{make(chan struct{}, 100), make(chan struct{})}
	syncing(t, func(string) error {
		h.begun <- struct{}{}
		<-h.let
		return nil
	})
	return h
}

// waits fails when a change was answered.
func waits(t *testing.T, answer <-chan error) {
	t.Helper()
	select {
	case err := <-answer:
		t.Errorf("it was answered with %v before the disk had it", err)
	default:
	}
}

// asked does in the background what waits for the disk.
func asked(do func() error) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- do() }()
	return answer
}

// While the disk is busy with changes the next ones are made. What must survive a power
// cut waits for a sync that began after it, and what need not does not wait.
func TestBriefChanges(t *testing.T) {
	h := holding(t)
	s := open(t, store.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	defer close(h.let)
	var answers []<-chan error
	for range store.Syncs { // one beside the other
		answers = append(answers, asked(func() error { return s.Ping(t.Context()) }))
		<-h.begun
		if err := store.Note(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	last := asked(func() error { return s.Ping(t.Context()) })
	if err := store.Note(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, answer := range append(answers, last) {
		waits(t, answer)
	}
	for range store.Syncs {
		h.let <- struct{}{}
	}
	for _, answer := range answers {
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
	<-h.begun
	waits(t, last)
	h.let <- struct{}{}
	if err := <-last; err != nil {
		t.Error(err)
	}
}

// What somebody waits for is made before what the server does by itself, and committed
// without it.
func TestAskedFirst(t *testing.T) {
	h := holding(t)
	s := open(t, store.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	changed := make(chan string, 10)
	held, let, letBehind := make(chan struct{}), make(chan struct{}), make(chan struct{})
	all := []<-chan error{asked(func() error { return store.Asked(t.Context(), s, func() { close(held); <-let }) })}
	<-held
	for n, change := range []string{"behind", "behind", "asked", "asked"} {
		all = append(all, asked(func() error {
			if change == "asked" {
				return store.Asked(t.Context(), s, func() { changed <- change })
			}
			return store.Behind(t.Context(), s, func() { changed <- change; <-letBehind })
		}))
		for store.Waiting(s) <= n {
			runtime.Gosched()
		}
	}
	close(let)
	for _, want := range []string{"asked", "asked", "behind"} {
		if got := <-changed; got != want {
			t.Errorf("a change is made that is %s, want %s", got, want)
		}
	}
	<-h.begun // while the one behind is being made, those before it are on their way to the disk
	close(letBehind)
	<-changed
	close(h.let)
	for _, answer := range all {
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
}

// While there is always something that somebody waits for, more than one commit takes, what
// the server does by itself is made after each.
func TestBehindHasTurns(t *testing.T) {
	s := open(t, store.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	ctx, stop := context.WithCancel(t.Context())
	var askers sync.WaitGroup
	for range 32 {
		askers.Go(func() {
			for ctx.Err() == nil {
				err := store.Asked(ctx, s, func() {
					for begun := time.Now(); time.Since(begun) < time.Millisecond; {
					}
				})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		if err := store.Note(t.Context(), s); err != nil {
			t.Error(err)
		}
	}
	stop()
	askers.Wait()
}

// Under changes without a pause the journal is emptied beside them and begins anew, also when
// somebody reads meanwhile.
func TestJournalBeginsAnew(t *testing.T) {
	store.BeginAnewAfter(t, 1000)
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := open(t, store.Config{Path: path})
	root := provider(t, s)
	var makers, others sync.WaitGroup
	for range 8 {
		makers.Go(func() {
			for range 3000 {
				if err := store.NoteNumber(t.Context(), s, outturn.NewID(time.Now())); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	others.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.Tenants(ctx, root.ID, outturn.ListQuery{}); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	begun := map[string]bool{} // by what the journal's header counts
	others.Go(func() {
		for ctx.Err() == nil {
			journal, err := os.Open(path + "-wal")
			if err != nil {
				t.Error(err)
				return
			}
			header := make([]byte, 16)
			if _, err = journal.ReadAt(header, 0); err == nil {
				begun[string(header[12:])] = true
			}
			if err := errors.Join(err, journal.Close()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	makers.Wait()
	stop()
	others.Wait()
	if len(begun) < 5 {
		t.Errorf("the journal has begun anew %d times", len(begun)-1)
	}
}

// What has been answered is there after a power cut, which leaves of the journal what
// was in it when the last sync that had ended began.
func TestPowerCut(t *testing.T) {
	var mu sync.Mutex
	var image []byte // of the journal, as synced
	syncing(t, func(path string) error {
		now, err := os.ReadFile(path + "-wal")
		mu.Lock()
		defer mu.Unlock()
		if len(now) > len(image) { // it only grows here: no checkpoint is due yet
			image = now
		}
		return err
	})
	f := newFixture(t)
	const cuts, makers, each = 4, 8, 4
	accepted := map[string]bool{}
	for range cuts {
		var all sync.WaitGroup
		for range makers {
			all.Go(func() {
				for range each {
					r, err := f.store.CreateRun(t.Context(), outturn.Run{Tenant: f.root.ID}, nil, outturn.AuditEntry{})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					accepted[r.ID] = true
					mu.Unlock()
				}
			})
		}
		for range makers * each / 4 {
			if err := store.Note(t.Context(), f.store); err != nil {
				t.Error(err)
			}
		}
		mu.Lock()
		there, promised := image, slices.Collect(maps.Keys(accepted))
		mu.Unlock()
		after := cut(t, f.path, there)
		for _, id := range promised {
			if _, err := after.Run(t.Context(), f.root.ID, id); err != nil {
				t.Errorf("of %d runs that were accepted: %v", len(promised), err)
			}
		}
		all.Wait()
	}
}

// cut opens a ledger as a power cut has left it.
func cut(t *testing.T, path string, journal []byte) *store.Store {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "ledger.db")
	if err := errors.Join(os.WriteFile(copied, data, 0o600), os.WriteFile(copied+"-wal", journal, 0o600)); err != nil {
		t.Fatal(err)
	}
	return open(t, store.Config{Path: copied})
}

// After a sync has failed nothing is changed any more until the ledger is opened again,
// also when a further one would say that all is well.
func TestUnsynced(t *testing.T) {
	for cause, code := range map[error]outturn.Code{syscall.EIO: outturn.CodeStorageUnavailable, syscall.ENOSPC: outturn.CodeDiskFull} {
		t.Run(cause.Error(), func(t *testing.T) {
			var fails error
			syncing(t, func(string) error {
				defer func() { fails = nil }()
				return fails
			})
			path := filepath.Join(t.TempDir(), "ledger.db")
			s, err := store.Open(t.Context(), store.Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			root := provider(t, s)
			fails = cause
			for range 2 {
				if _, err := s.CreateRun(t.Context(), outturn.Run{Tenant: root.ID}, nil, outturn.AuditEntry{}); outturn.ErrorCode(err) != code {
					t.Errorf("a run is made: %v", err)
				}
			}
			if err := store.Note(t.Context(), s); outturn.ErrorCode(err) != code {
				t.Errorf("a brief change is made: %v", err)
			}
			if err := s.Ping(t.Context()); outturn.ErrorCode(err) != code {
				t.Errorf("it is ready: %v", err)
			}
			if _, err := s.Tenant(t.Context(), root.ID, root.ID); err != nil {
				t.Errorf("nothing can be read: %v", err)
			}
			if err := errors.Join(s.Close(), store.LetGo(s)); err != nil {
				t.Error(err)
			}
			if err := open(t, store.Config{Path: path}).Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Where a sync has failed, the journal is not written back on the way out either: only who
// opens the ledger next holds it against its sums.
func TestUnsyncedClose(t *testing.T) {
	var fails error
	syncing(t, func(string) error { return fails })
	path := filepath.Join(t.TempDir(), "ledger.db")
	s, err := store.Open(t.Context(), store.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	root := provider(t, s)
	fails = syscall.EIO
	lost, err := s.CreateRun(t.Context(), outturn.Run{ID: outturn.NewID(time.Now()), Tenant: root.ID}, nil, outturn.AuditEntry{})
	if err == nil {
		t.Fatal("a run is made")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	defer store.LetGo(s)
	journal, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	journal[len(journal)-100] ^= 1 // the disk has not kept the last page
	after := cut(t, path, journal)
	if _, err := after.Tenant(t.Context(), root.ID, root.ID); err != nil {
		t.Errorf("what was answered: %v", err)
	}
	if _, err := after.Run(t.Context(), root.ID, lost.ID); outturn.ErrorCode(err) != outturn.CodeNotFound {
		t.Errorf("what was not kept: %v", err)
	}
}

// A run that was made but could not be synced is not promised to who asks again.
func TestUnsyncedKey(t *testing.T) {
	var fails error
	syncing(t, func(string) error { return fails })
	f := newFixture(t)
	defer func() { f.store.Close(); store.LetGo(f.store) }()
	key := outturn.IdempotencyKey{Subject: "somebody", Key: "k", Fingerprint: "f", ExpiresAt: time.Now().Add(time.Hour)}
	fails = syscall.EIO
	if _, err := f.store.CreateRun(t.Context(), outturn.Run{Tenant: f.root.ID}, &key, outturn.AuditEntry{}); err == nil {
		t.Fatal("a run is made")
	}
	if _, err := f.store.RunByKey(t.Context(), key); outturn.ErrorCode(err) != outturn.CodeStorageUnavailable {
		t.Errorf("it was made before: %v", err)
	}
}

// Who is refused for what another has changed just now, or is told that nothing is left to
// change, is told what is on the disk.
func TestRefusedSettled(t *testing.T) {
	h := holding(t)
	s := open(t, store.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	defer close(h.let)
	make := func() error {
		_, err := s.CreateTenant(t.Context(), outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, outturn.AuditEntry{})
		return err
	}
	first := asked(make)
	<-h.begun
	second := asked(make)
	select {
	case err := <-second:
		t.Fatalf("it was answered with %v before the disk had the first", err)
	case <-h.begun:
	}
	h.let <- struct{}{}
	h.let <- struct{}{}
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := <-second; outturn.ErrorCode(err) != outturn.CodeConflict {
		t.Errorf("a second provider: %v", err)
	}
}

// Bytes are deleted by what RunKeys returns, so it is on the disk.
func TestRunKeysSettled(t *testing.T) {
	h := holding(t)
	s := open(t, store.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	defer close(h.let)
	read := asked(func() error { _, err := s.RunKeys(t.Context(), []string{"a"}); return err })
	<-h.begun
	waits(t, read)
	h.let <- struct{}{}
	if err := <-read; err != nil {
		t.Error(err)
	}
}
