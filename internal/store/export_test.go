package store

import "testing"

// UseDriver has ledgers that are opened until the test ends speak to the database
// through another driver. No test that does so may be parallel.
func UseDriver(tb testing.TB, name string) {
	was := driver
	driver = name
	tb.Cleanup(func() { driver = was })
}
