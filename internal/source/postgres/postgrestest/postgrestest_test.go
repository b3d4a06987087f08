package postgrestest_test

import (
	"os"
	"syscall"
	"testing"

	"outturn/internal/source/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// A server comes back after it was stopped, with what was in it.
func TestServer(t *testing.T) {
	const table = "CREATE TABLE a (x INT)" // twice, if the two databases were one
	if one, other := postgrestest.New(t, table), postgrestest.New(t, table); one == other {
		t.Error("two databases are one")
	}
	s := postgrestest.OfTest(t)
	if err := s.Exec(t.Context(), "postgres", "CREATE TABLE kept (x INT); INSERT INTO kept VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	for _, how := range []os.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := s.Stop(how); err != nil {
			t.Fatal(err)
		}
		if err := s.Exec(t.Context(), "postgres", "SELECT 1"); err == nil {
			t.Error("a stopped server answers")
		}
		if err := s.Resume(); err != nil {
			t.Fatal(err)
		}
		if err := s.Exec(t.Context(), "postgres", "INSERT INTO kept SELECT 1 / (SELECT count(*) FROM kept)::INT"); err != nil {
			t.Error(err)
		}
	}
}
