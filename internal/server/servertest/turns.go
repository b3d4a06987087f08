package servertest

import "testing"

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
