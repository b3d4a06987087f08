package reporting_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"outturn"
	"outturn/internal/catalog"
	"outturn/internal/reporting"
	"outturn/internal/source/postgres"
	"outturn/internal/source/postgres/postgrestest"
)

// polled asks for invoices, and returns the number of new ones.
func (b *billing) polled(s *reporting.Service) int {
	b.t.Helper()
	n, err := s.PollEvents(b.t.Context(), "invoices")
	must(b.t, err)
	return n
}

// What there is when a data set is asked for the first time is no news, what comes later
// is, once: also where it says that it is older, as long as that is not older than a day.
func TestPollEvents(t *testing.T) {
	b := newBilling(t)
	b.waits("own", outturn.ScopeSubtree)
	b.clock.advance(time.Minute)
	at := func(text string) string { return "TIMESTAMPTZ '2026-09-" + text + "Z'" }
	b.write(invoiceSQL("old", "100", "2026-09-01", at("01 10:00:00")), invoiceSQL("older", "100", "2026-05-01", at("01 10:00:00")), invoiceSQL("new", "100", "2026-09-15", at("15 11:59:00")))
	if n := b.polled(b.Service); n != 0 {
		t.Errorf("%d of what was there are news", n)
	}
	for _, step := range []struct {
		name, sql string
		news      int
	}{
		{"nothing", "", 0},
		{"one, for another's, one of nobody, and one without a number", invoiceSQL("n1", "100", "2026-09-15", at("15 12:00:30")) + invoiceSQL("n2", "101", "2026-09-15", at("15 12:00:31")) +
			invoiceSQL("n3", "7", "2026-09-15", at("15 12:00:31")) + "UPDATE invoices SET id = NULL WHERE id = 'nothing';", 3},
		{"the same again", "UPDATE invoices SET updated_at = " + at("15 12:01:30") + " WHERE id = 'n1'", 0},
		{"one that was there before", "UPDATE invoices SET updated_at = " + at("15 12:01:31") + " WHERE id IN ('old', 'older', 'new')", 0},
		{"one of a day before", invoiceSQL("n4", "1000", "2026-09-14", at("14 12:30:00")), 1},
		{"one with a number that is none", invoiceSQL(strings.Repeat("x", 300), "1000", "2026-09-14", at("15 12:30:00")), 0},
	} {
		if step.sql != "" {
			b.write(step.sql)
		}
		again, err := reporting.New(b.config) // it remembers nothing
		must(t, err)
		if n := b.polled(b.Service) + b.polled(again); n != step.news {
			t.Errorf("%s: %d news, want %d", step.name, n, step.news)
		}
		again.Close()
	}
	b.handle()
	b.wantMade("own subtree n1", "own subtree n4")
	must(t, b.SweepEvents(t.Context()))
	b.clock.advance(91 * 24 * time.Hour)
	must(t, b.SweepEvents(t.Context()))
	var left int
	must(t, b.sql.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM events`).Scan(&left))
	if n := b.polled(b.Service); n != 0 || left != 0 {
		t.Errorf("when all was forgotten %d are left and %d are news", left, n)
	}
	for dataset, code := range map[string]outturn.Code{"payments": outturn.CodeInvalid, "nothing": outturn.CodeNotFound, "provisioned_orders": outturn.CodeInvalid, "audit": outturn.CodeInvalid, "invoices": ""} {
		wantCode(t, dataset, b.CheckPoll(dataset), code)
	}
}

// onPostgres is a stage whose source is a PostgreSQL. Rows say that they changed when their
// transaction began, and nothing is read again for clocks that differ.
func onPostgres(t *testing.T) (*billing, string) {
	server := postgrestest.OfTest(t)
	must(t, server.Exec(t.Context(), "postgres", billingSQL()))
	url := server.URL("postgres")
	cat, err := catalog.Builtin("postgres")
	must(t, err)
	b := newBilling(t, func(c *reporting.Config) {
		c.Source, c.Catalog, c.Limits.PollSkew = postgres.New(postgres.Config{URL: url}), cat, -1
		c.Now = time.Now // the ledger's stays
	})
	return b, url
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// P31: the row of a transaction that was open while others were seen is not passed over,
// however late it is committed and however early it says that it changed.
func TestP31LateCommit(t *testing.T) {
	b, url := onPostgres(t)
	today := time.Now().UTC().Format(time.DateOnly)
	old, other := connect(t, url), connect(t, url)
	do := func(c *pgx.Conn, sql string) {
		t.Helper()
		_, err := c.Exec(t.Context(), sql)
		must(t, err)
	}
	for i, early := range []string{"SELECT 1", invoiceSQL("early", "100", today, "now()")} { // without and with a number of its own
		do(old, "BEGIN; "+early)
		do(other, invoiceSQL(fmt.Sprint("other-", i), "100", today, "now()"))
		want := i
		if n := b.polled(b.Service); n != want {
			t.Errorf("%d news, want %d", n, want)
		}
		do(other, invoiceSQL(fmt.Sprint("another-", i), "100", today, "now()"))
		if n := b.polled(b.Service); n != 1 {
			t.Errorf("%d news, want the other's", n)
		}
		do(old, invoiceSQL(fmt.Sprint("late-", i), "100", today, "now()")+"COMMIT")
		if n := b.polled(b.Service); n != 1+i {
			t.Errorf("%d news, want the late one's", n)
		}
		if n := b.polled(b.Service); n != 0 {
			t.Errorf("%d news after all", n)
		}
	}
}

// P31: over random interleavings of transactions and polls, all that was committed since
// the first poll is told, once. Each goes on with what the one before has left open, but
// for one in ten, before which all ends.
func TestP31Interleavings(t *testing.T) {
	seeds := 200
	if os.Getenv("OUTTURN_TEST_FULL") != "" || os.Getenv("OUTTURN_TEST_CHAOS") != "" {
		seeds = 10_000
	}
	w := &walk{t: t, late: map[int]bool{}}
	w.billing, w.url = onPostgres(t)
	w.polled(w.Service)
	for range 4 {
		w.conns = append(w.conns, &transaction{Conn: connect(t, w.url)})
	}
	for seed := range seeds {
		dice := rand.New(rand.NewPCG(uint64(seed), 31))
		for step := range 6 {
			w.step(dice, fmt.Sprintf("%d-%d", seed, step))
		}
		if seed%10 == 9 {
			w.check(seed)
		}
	}
	if len(w.late) < seeds/10 {
		t.Errorf("only %d transactions were open across a poll", len(w.late))
	}
}

// A walk is a random one through what transactions and polls can do.
type walk struct {
	*billing
	t     *testing.T
	url   string
	conns []*transaction

	want  []string // what was committed since the last check
	news  int
	polls int
	late  map[int]bool // polls that rows were committed after which are of before
}

type transaction struct {
	*pgx.Conn
	open  bool
	wrote []string
	polls int // when it began
}

func (w *walk) step(dice *rand.Rand, id string) {
	w.t.Helper()
	c := w.conns[dice.IntN(len(w.conns))]
	switch kind := dice.IntN(8); {
	case kind == 0:
		w.news += w.polled(w.Service)
		w.polls++
	case !c.open:
		w.exec(c, []string{"BEGIN", "BEGIN; SELECT 1", "BEGIN; SAVEPOINT s"}[dice.IntN(3)])
		c.open, c.wrote, c.polls = true, nil, w.polls
	case kind <= 3:
		w.exec(c, invoiceSQL(id, "100", time.Now().UTC().Format(time.DateOnly), []string{"now()", "clock_timestamp()"}[dice.IntN(2)]))
		c.wrote = append(c.wrote, id)
	case kind <= 6:
		w.commit(c)
	default:
		w.exec(c, "ROLLBACK")
		c.open = false
	}
}

func (w *walk) exec(c *transaction, sql string) {
	w.t.Helper()
	_, err := c.Exec(w.t.Context(), sql)
	must(w.t, err)
}

func (w *walk) commit(c *transaction) {
	w.t.Helper()
	w.exec(c, "COMMIT")
	if w.want = append(w.want, c.wrote...); len(c.wrote) > 0 && c.polls < w.polls {
		w.late[w.polls] = true
	}
	c.open = false
}

// check ends all, and holds what was told against what was committed.
func (w *walk) check(seed int) {
	w.t.Helper()
	for _, c := range w.conns {
		if c.open {
			w.commit(c)
		}
	}
	w.news += w.polled(w.Service)
	var got []string
	for {
		page, err := w.ledger.WaitingEvents(w.t.Context(), outturn.Event{}, 1000)
		must(w.t, err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			got = append(got, e.EventID)
		}
		w.handle()
	}
	slices.Sort(got)
	slices.Sort(w.want)
	if !slices.Equal(got, w.want) || w.news != len(w.want) {
		w.t.Fatalf("to seed %d: %d news, %v, want %v", seed, w.news, got, w.want)
	}
	w.want, w.news = nil, 0
}
