// Package blobtest holds what the contract of package blob means, for every
// implementation:
//
//	func TestStore(t *testing.T) {
//		blobtest.Run(t, func(tb testing.TB) blob.Store { … })
//	}
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/blob"
)

// Open makes a new, empty store, which the test's end takes away.
type Open func(tb testing.TB) blob.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, blob.Store)
	}{
		{"CommitMakesVisible", testCommit},
		{"AbortLeavesNothing", testAbort},
		{"UploadEndsWithItsContext", testContext},
		{"TwoUploadsToOneKey", testTwoUploads},
		{"CommitReplaces", testReplace},
		{"Empty", testEmpty},
		{"Ranges", testRanges},
		{"Absent", testAbsent},
		{"Delete", testDelete},
		{"DeleteWhileRead", testDeleteWhileRead},
		{"List", testList},
		{"ListAndDelete", testListAndDelete},
		{"Keys", testKeys},
		{"Together", testTogether},
		{"Check", testCheck},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Put stores content under key.
func Put(tb testing.TB, s blob.Store, key string, content []byte) {
	tb.Helper()
	up := create(tb, s, key)
	defer up.Abort()
	if _, err := up.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := up.Commit(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// Get returns what is stored under key, or fails with what Open says.
func Get(tb testing.TB, s blob.Store, key string) ([]byte, error) {
	tb.Helper()
	o, err := s.Open(tb.Context(), key)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	content, err := io.ReadAll(o)
	if err != nil {
		tb.Fatal(err)
	}
	if o.Size() != int64(len(content)) {
		tb.Errorf("%s: the size is %d, and %d bytes were read", key, o.Size(), len(content))
	}
	return content, nil
}

// Keys lists the keys that begin with prefix, sorted.
func Keys(tb testing.TB, s blob.Store, prefix string) []string {
	tb.Helper()
	var keys []string
	for info, err := range s.List(tb.Context(), prefix) {
		if err != nil {
			tb.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	slices.Sort(keys)
	return keys
}

func create(tb testing.TB, s blob.Store, key string) blob.Upload {
	tb.Helper()
	up, err := s.Create(tb.Context(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return up
}

func wantContent(tb testing.TB, s blob.Store, key, want string) {
	tb.Helper()
	if got, err := Get(tb, s, key); err != nil || string(got) != want {
		tb.Errorf("%s: got %q, %v, want %q", key, got, err, want)
	}
}

func wantAbsent(tb testing.TB, s blob.Store, key string) {
	tb.Helper()
	if got, err := Get(tb, s, key); outturn.ErrorCode(err) != outturn.CodeNotFound {
		tb.Errorf("%s: got %q, %v, want that there is none", key, got, err)
	}
	if keys := Keys(tb, s, key); len(keys) > 0 {
		tb.Errorf("listed: %v", keys)
	}
}

func testCommit(t *testing.T, s blob.Store) {
	const key = "t/r/1/a.csv"
	up := create(t, s, key)
	wantAbsent(t, s, key)
	_, _ = io.WriteString(up, "ro")
	wantAbsent(t, s, key)
	_, _ = io.WriteString(up, "ws")
	wantAbsent(t, s, key)
	if err := up.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	up.Abort()
	wantContent(t, s, key, "rows")
	if err := up.Commit(t.Context()); err == nil {
		t.Error("a second Commit succeeded")
	}
	if _, err := up.Write([]byte("more")); err == nil {
		t.Error("a Write after Commit succeeded")
	}
	wantContent(t, s, key, "rows")
}

func testAbort(t *testing.T, s blob.Store) {
	const key = "t/r/1/a.csv"
	up := create(t, s, key)
	if _, err := up.Write(bytes.Repeat([]byte("rows"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	up.Abort()
	up.Abort()
	wantAbsent(t, s, key)
	if err := up.Commit(t.Context()); err == nil {
		t.Error("a Commit after Abort succeeded")
	}
	wantAbsent(t, s, key)
}

func testContext(t *testing.T, s blob.Store) {
	cause := errors.New("enough")
	ended, cancel := context.WithCancelCause(t.Context())
	up, err := s.Create(ended, "t/r/1/a.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	if _, err := io.WriteString(up, "rows"); err != nil {
		t.Fatal(err)
	}
	cancel(cause)
	if _, err := io.WriteString(up, "more"); !errors.Is(err, cause) {
		t.Errorf("Write: got %v, want the context's cause", err)
	}
	if err := up.Commit(t.Context()); !errors.Is(err, cause) {
		t.Errorf("Commit: got %v, want the context's cause", err)
	}
	wantAbsent(t, s, "t/r/1/a.csv")

	up = create(t, s, "t/r/1/b.csv")
	if err := up.Commit(ended); !errors.Is(err, cause) {
		t.Errorf("Commit with a context that has ended: %v", err)
	}
	wantAbsent(t, s, "t/r/1/b.csv")
	if _, err := s.Create(ended, "t/r/1/c.csv"); !errors.Is(err, cause) {
		t.Errorf("Create: got %v, want the context's cause", err)
	}
	if _, err := s.Open(ended, "t/r/1/c.csv"); !errors.Is(err, cause) {
		t.Errorf("Open: got %v, want the context's cause", err)
	}
	if err := s.Delete(ended, "t/r/1/c.csv"); !errors.Is(err, cause) {
		t.Errorf("Delete: got %v, want the context's cause", err)
	}
}

// Of two uploads to one key each is whole, and the later Commit stays.
func testTwoUploads(t *testing.T, s blob.Store) {
	const key = "t/r/1/a.csv"
	first, second := create(t, s, key), create(t, s, key)
	defer first.Abort()
	defer second.Abort()
	_, _ = io.WriteString(first, "fir")
	_, _ = io.WriteString(second, "the second")
	_, _ = io.WriteString(first, "st")
	if err := second.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, key, "the second")
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, key, "first")
	if keys := Keys(t, s, ""); len(keys) != 1 {
		t.Errorf("listed: %v", keys)
	}
}

// Who reads what another Commit takes the place of reads on.
func testReplace(t *testing.T, s blob.Store) {
	const key = "t/r/1/a.csv"
	Put(t, s, key, []byte("old"))
	o, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	Put(t, s, key, []byte("new"))
	if got, err := io.ReadAll(o); err != nil || string(got) != "old" {
		t.Errorf("who had it open reads %q, %v", got, err)
	}
	wantContent(t, s, key, "new")
	up := create(t, s, key)
	_, _ = io.WriteString(up, "never")
	up.Abort()
	wantContent(t, s, key, "new")
}

func testEmpty(t *testing.T, s blob.Store) {
	Put(t, s, "t/r/1/empty", nil)
	wantContent(t, s, "t/r/1/empty", "")
}

// Random bytes come back, whole and by ranges.
func testRanges(t *testing.T, s blob.Store) {
	dice := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 3<<20+17)
	for i := range want {
		want[i] = byte(dice.Uint32())
	}
	up := create(t, s, "t/r/1/bytes")
	defer up.Abort()
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 1+dice.IntN(200_000))
		if wrote, err := up.Write(rest[:n]); err != nil || wrote != n {
			t.Fatal(wrote, err)
		}
		rest = rest[n:]
	}
	if err := up.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := Get(t, s, "t/r/1/bytes"); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes that are not those written, %v", len(got), err)
	}
	o, err := s.Open(t.Context(), "t/r/1/bytes")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for range 200 {
		from := dice.IntN(len(want))
		n := dice.IntN(min(len(want)-from, 100_000))
		if _, err := o.Seek(int64(from), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		if _, err := io.ReadFull(o, got); err != nil || !bytes.Equal(got, want[from:from+n]) {
			t.Fatalf("%d bytes from %d on are others, %v", n, from, err)
		}
	}
	if end, err := o.Seek(0, io.SeekEnd); err != nil || end != o.Size() {
		t.Errorf("the end is at %d, %v, and the size is %d", end, err, o.Size())
	}
}

func testAbsent(t *testing.T, s blob.Store) {
	Put(t, s, "t/r/1/a.csv", []byte("rows"))
	for _, key := range []string{"t/r/1/b.csv", "t/r/1", "t", "x/y/z", "t/r/1/a.csv/b"} {
		if _, err := s.Open(t.Context(), key); outturn.ErrorCode(err) != outturn.CodeNotFound {
			t.Errorf("Open(%q): got %v", key, err)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q): got %v", key, err)
		}
	}
	wantContent(t, s, "t/r/1/a.csv", "rows")
}

func testDelete(t *testing.T, s blob.Store) {
	Put(t, s, "t/r/1/a.csv", []byte("one"))
	Put(t, s, "t/r/1/b.csv", []byte("two"))
	for range 2 {
		if err := s.Delete(t.Context(), "t/r/1/a.csv"); err != nil {
			t.Fatal(err)
		}
		wantAbsent(t, s, "t/r/1/a.csv")
	}
	wantContent(t, s, "t/r/1/b.csv", "two")
	Put(t, s, "t/r/1/a.csv", []byte("again"))
	wantContent(t, s, "t/r/1/a.csv", "again")
}

func testDeleteWhileRead(t *testing.T, s blob.Store) {
	want := bytes.Repeat([]byte("rows\n"), 1<<18)
	Put(t, s, "t/r/1/a.csv", want)
	o, err := s.Open(t.Context(), "t/r/1/a.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(o, head); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "t/r/1/a.csv"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(o)
	if err != nil || !bytes.Equal(append(head, rest...), want) {
		t.Errorf("read %d bytes, %v, want the %d that were there", len(head)+len(rest), err, len(want))
	}
}

func testList(t *testing.T, s blob.Store) {
	before := time.Now().Add(-time.Minute)
	all := []string{"a/b/1/x", "a/b/1/y", "a/b/2/x", "a/bc/1/x", "a/c/1/x", "b/b/1/x"}
	for _, key := range all {
		Put(t, s, key, []byte(key))
	}
	up := create(t, s, "a/b/1/z")
	defer up.Abort()
	_, _ = io.WriteString(up, "unfinished")
	for _, tt := range []struct {
		prefix string
		want   []string
	}{
		{"", all},
		{"a/", all[:5]},
		{"a/b", all[:4]},
		{"a/b/", all[:3]},
		{"a/b/1", all[:2]},
		{"a/b/1/x", all[:1]},
		{"a/b/1/x/", nil},
		{"c", nil},
		{"a/b/1/z", nil},
		{"/", nil},
		{"../", nil},
	} {
		if got := Keys(t, s, tt.prefix); !slices.Equal(got, tt.want) {
			t.Errorf("List(%q): got %v, want %v", tt.prefix, got, tt.want)
		}
	}
	for info, err := range s.List(t.Context(), "") {
		if err != nil || info.Size != int64(len(info.Key)) || info.ModTime.Before(before) || info.ModTime.After(time.Now().Add(time.Minute)) {
			t.Errorf("got %+v, %v", info, err)
		}
	}
	for range s.List(t.Context(), "") { //nolint:errcheck // only that it does not panic or hang
		break
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for info, err := range s.List(ended, "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: %+v, %v", info, err)
		}
	}
}

func testListAndDelete(t *testing.T, s blob.Store) {
	const n = 600
	for i := range n {
		Put(t, s, fmt.Sprintf("t/r%d/1/a", i), nil)
	}
	seen := map[string]bool{}
	for info, err := range s.List(t.Context(), "t/") {
		if err != nil {
			t.Fatal(err)
		}
		seen[info.Key] = true
		if err := s.Delete(t.Context(), info.Key); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range Keys(t, s, "") { // what a listing misses, the next one has
		seen[key] = true
	}
	if len(seen) != n {
		t.Errorf("%d keys were listed, want %d", len(seen), n)
	}
}

func testKeys(t *testing.T, s blob.Store) {
	for _, key := range []string{
		"", ".", "..", "/", "/a", "a/", "a//b", "a/./b", "a/../b", "../a", "a/..", `a\b`, `..\a`, "C:/a", "a:b",
		".hidden", "a/.hidden", "a/\x00", "a\nb", "a\x7f", "\xff", "a/" + strings.Repeat("x", blob.MostName+1), strings.Repeat("long/", 300) + "a",
	} {
		if up, err := s.Create(t.Context(), key); outturn.ErrorCode(err) != outturn.CodeInvalid {
			t.Errorf("Create(%q): got %v, %v", key, up, err)
		}
		if o, err := s.Open(t.Context(), key); outturn.ErrorCode(err) != outturn.CodeInvalid {
			t.Errorf("Open(%q): got %v, %v", key, o, err)
		}
		if err := s.Delete(t.Context(), key); outturn.ErrorCode(err) != outturn.CodeInvalid {
			t.Errorf("Delete(%q): got %v", key, err)
		}
	}
	for _, key := range []string{
		"a", "a/b c", "tenant/run/1/Ümsätze – 2026 “Q1”.csv", "a/b..c", "a/-rf", "a/~", "a/%2e%2e", "a/=1+1", "a/' OR 1=1",
		"a/" + strings.Repeat("x", blob.MostName),
	} {
		Put(t, s, key, []byte(key))
		wantContent(t, s, key, key)
		if got := Keys(t, s, key); !slices.Equal(got, []string{key}) {
			t.Errorf("List(%q): got %q", key, got)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
}

// Many upload, read and delete below the same folders at once.
func testTogether(t *testing.T, s blob.Store) {
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 50 {
				key := fmt.Sprintf("t/r%d/1/%d", i%3, worker)
				content := bytes.Repeat([]byte{byte(worker), byte(i)}, 100)
				up, err := s.Create(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = up.Write(content)
				if err = errors.Join(err, up.Commit(t.Context())); err != nil {
					t.Error(err)
					return
				}
				o, err := s.Open(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(o)
				if err = errors.Join(err, o.Close(), s.Delete(t.Context(), key)); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
	all.Wait()
	if keys := Keys(t, s, ""); len(keys) > 0 {
		t.Errorf("left: %v", keys)
	}
}

func testCheck(t *testing.T, s blob.Store) {
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if keys := Keys(t, s, ""); len(keys) > 0 {
		t.Errorf("left: %v", keys)
	}
}
