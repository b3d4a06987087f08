package servertest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"outturn/internal/server"
)

// Turns tells the turns of a package's tests apart, of which go test -count makes
// several in one process. Its zero value is ready.
type Turns struct{ begun map[string]bool }

// Again says, of a test that begins, that it did so before: a new turn begins with it, and
// what the tests of the turn before share is to be made anew. Those that run in parallel
// say so before they do.
func (r *Turns) Again(t testing.TB) bool {
	again := r.begun[t.Name()]
	if again || r.begun == nil {
		r.begun = map[string]bool{}
	}
	r.begun[t.Name()] = true
	return again
}

// Anew closes a server that Serve made, and serves a fresh data folder over the same
// sample data, which lies beside the first and goes with it.
func (l *Local) Anew(ctx context.Context, c server.Config) (*Local, error) {
	if err := l.Close(); err != nil {
		return nil, err
	}
	beside := filepath.Dir(l.Data)
	folder, err := os.MkdirTemp(beside, "again-*")
	if err != nil {
		return nil, err
	}
	if err := os.Link(filepath.Join(beside, "commerce.duckdb"), filepath.Join(folder, "commerce.duckdb")); err != nil {
		return nil, err
	}
	return Serve(ctx, folder, c)
}
