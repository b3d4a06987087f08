package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"outturn"
	"outturn/internal/source"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
)

func session(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func exec(t *testing.T, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// A transaction is told from its first statement to its end, also one that has written
// nothing yet and one that was prepared, to a user without any rights.
func TestUnfinished(t *testing.T) {
	server := postgrestest.OfTest(t, "max_prepared_transactions=2")
	if err := server.Exec(t.Context(), "postgres", "CREATE TABLE rows (n INT); CREATE ROLE poor LOGIN PASSWORD 'poor'"); err != nil {
		t.Fatal(err)
	}
	src := postgres.New(postgres.Config{URL: server.URLOf("poor", "poor", "postgres")})
	told := func() (time.Time, []string) {
		t.Helper()
		at, names, err := src.Unfinished(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return at, names
	}
	news := func(before []string) []string {
		t.Helper()
		_, names := told()
		return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(before, n) })
	}
	_, none := told()
	for _, test := range []struct {
		name        string
		begin, end  string
		has, hasNot int // names of it
	}{
		{"that only read", "BEGIN; SELECT 1", "COMMIT", 1, 0},
		{"that wrote", "BEGIN; INSERT INTO rows VALUES (1)", "ROLLBACK", 2, 0},
		{"that was prepared", "BEGIN; INSERT INTO rows VALUES (1); PREPARE TRANSACTION 'p'", "COMMIT PREPARED 'p'", 1, 0},
	} {
		c := session(t, server.URL("postgres"))
		before, _ := told()
		exec(t, c, test.begin)
		if got := news(none); len(got) != test.has {
			t.Errorf("a transaction %s is told as %v", test.name, got)
		}
		exec(t, c, test.end)
		if got := news(none); len(got) != 0 {
			t.Errorf("a transaction %s is told after its end, as %v", test.name, got)
		}
		if after, _ := told(); !after.After(before) {
			t.Errorf("the clock went from %s to %s", before, after)
		}
	}
}

// A replica knows nothing of them, and says so.
func TestUnfinishedOfAReplica(t *testing.T) {
	replica := postgrestest.OfTest(t).Replica(t)
	if at, names, err := postgres.New(postgres.Config{URL: replica.URL("postgres")}).Unfinished(t.Context()); err != nil || !at.IsZero() || names != nil {
		t.Errorf("got %s, %v and %v", at, names, err)
	}
}

// heard is what a listener was told.
type heard struct {
	mu   sync.Mutex
	list []string
}

func (h *heard) add(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, text)
}

func (h *heard) wait(t *testing.T, want ...string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		h.mu.Lock()
		got := slices.Clone(h.list)
		h.mu.Unlock()
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(end) || len(got) > len(want) {
			t.Fatalf("heard %q, want %q", got, want)
		}
	}
}

// What is sent is heard; after the server restarted, after the line went dead and after
// the session was ended it is heard again, and each time it is said that something may
// have been missed.
func TestListen(t *testing.T) {
	server := postgrestest.OfTest(t)
	l, u := lineTo(t, server.URL("postgres"))
	const channel, silence = `Out"turn`, 300 * time.Millisecond
	src := postgres.New(postgres.Config{URL: u, Silence: silence})
	ctx, cancel := context.WithCancel(t.Context())
	h := &heard{}
	var done sync.WaitGroup
	done.Go(func() {
		lost := false
		src.Listen(ctx, channel, source.Listener{
			Connected: func() { h.add("connected"); lost = false }, Notified: h.add,
			Lost: func(err error, again time.Duration) {
				if outturn.ErrorCode(err) != outturn.CodeSourceUnavailable || again <= 0 || strings.Contains(err.Error(), postgrestest.Password) {
					t.Errorf("lost by %v, again after %s", err, again)
				}
				if !lost { // it may take several times
					lost = true
					h.add("lost")
				}
			},
		})
	})
	defer done.Wait()
	defer cancel()
	notify := func(text string) {
		t.Helper()
		if err := server.Exec(t.Context(), "postgres", `NOTIFY "Out""turn", '`+text+`'; NOTIFY "out""turn", 'not ours'`); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"connected"}
	h.wait(t, want...)
	for i, breaks := range []func(){
		func() {},
		func() {
			exec(t, session(t, server.URL("postgres")), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'outturn events'`)
		},
		func() {
			l.spoil(t, "timeout", `"timeout":0`)
			h.wait(t, append(want, "lost")...)
			if err := l.Toxics.RemoveToxic(t.Context(), "timeout_downstream"); err != nil {
				t.Fatal(err)
			}
		},
		func() {
			if err := server.Stop(syscall.SIGQUIT); err != nil {
				t.Fatal(err)
			}
			if err := server.Resume(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if breaks(); i > 0 {
			want = append(want, "lost", "connected")
			h.wait(t, want...)
		}
		text := fmt.Sprint("{\"n\": ", i, ", \"ł\": 1}")
		notify(text)
		want = append(want, text)
		h.wait(t, want...)
	}
	<-time.After(3 * silence) // it is asked whether it is there, and is
	notify("still here")
	h.wait(t, append(want, "still here")...)
}
