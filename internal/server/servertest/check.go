// Package servertest judges a server from outside: it starts the built program
// over a data folder, speaks to it as any client would, does to it what hosts do to
// programs, and keeps every call and every answer. One checker then says whether
// anything that the server promised was not kept.
//
//	h := servertest.NewHistory()
//	p := servertest.Start(t, servertest.Options{Binary: bin, Data: dir, Source: "duckdb:" + file, History: h})
//	c := h.Client("reseller", p.URL, p.AddClient(p.Provider(), "operator"))
//	c.CreateSure(ctx, servertest.Request{Dataset: "payments", Formats: []servertest.Format{{Format: "csv"}}}, "key-1")
//	p.Kill()
//	p.Start()
//	servertest.Check(t, h, p, c, servertest.Limits{Lease: lease})
//
// It shares no code with the server and none with its Go client.
package servertest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"outturn"
)

// Limits say how strictly a history is judged.
type Limits struct {
	// Lease is how long the server's workers hold a run without a sign of life; no
	// run may be shown as running when its last one is older than two leases.
	Lease time.Duration
	// Failures are the codes with which runs may fail. Others are faults.
	Failures []outturn.Code
	// Rows returns how many rows a run's files must have, where the test knows.
	Rows func(Run) (rows int64, known bool)
	// Settle is how long the runs may take to their ends when nothing disturbs the
	// server any more; 2 minutes where it is 0.
	Settle time.Duration
}

// Check lets the server of p, which must be up, finish what it accepted, looks at
// every run and every file, starts it once more for its sweep, stops it, and reports
// all that was not as promised. c must see all runs of the history. It returns the
// runs as they ended.
func Check(tb testing.TB, h *History, p *Process, c *Client, l Limits) map[string]Run {
	tb.Helper()
	if l.Settle == 0 {
		l.Settle = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), l.Settle, fmt.Errorf("it took longer than %s", l.Settle))
	defer cancel()
	if err := settle(ctx, h, c); err != nil {
		tb.Errorf("not every accepted run came to an end: %v", err)
	}
	if err := examine(ctx, h, c); err != nil {
		tb.Errorf("not every file could be examined: %v", err)
	}
	runs := h.Last()
	left := sweep(ctx, tb, p, runs)
	for _, name := range left {
		tb.Errorf("left in the folder of files: %s", name)
	}
	for _, name := range TemporaryLeft(p.o.Data) {
		tb.Errorf("left when the server had ended: %s", name)
	}
	faults := h.Faults(l)
	for i, fault := range faults {
		if i == 30 {
			tb.Errorf("and %d faults more", len(faults)-i)
			break
		}
		tb.Error(fault)
	}
	return runs
}

// sweep starts the server once more, when all that is stored seems to have lain there
// for long, and lists what is left that should not be.
func sweep(ctx context.Context, tb testing.TB, p *Process, runs map[string]Run) (left []string) {
	tb.Helper()
	stop := func() {
		if status := p.Stop(30 * time.Second); status != 0 {
			tb.Errorf("the server ended with status %d, want 0", status)
		}
	}
	stop()
	if err := age(p.o.Data, time.Hour); err != nil {
		tb.Error(err)
	}
	p.Start()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = Every(ctx, 20*time.Millisecond, func() bool {
		left = Leftovers(p.o.Data, runs)
		return len(left) == 0
	})
	stop()
	return append(left, Leftovers(p.o.Data, runs)...)
}

// settle asks for each accepted run until it is final, and lists all runs.
func settle(ctx context.Context, h *History, c *Client) error {
	for _, id := range h.Accepted() {
		err := Every(ctx, watchEvery, func() bool {
			call := c.Show(ctx, id)
			return call.OK() && call.Runs[0].State.Final() || call.Status == 404
		})
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return Every(ctx, watchEvery, func() bool { return c.ListAll(ctx) })
}

// examine downloads every file that is listed, whole and by stretches.
func examine(ctx context.Context, h *History, c *Client) error {
	random := rand.New(rand.NewPCG(3, 2026))
	runs := h.Last()
	for _, id := range slices.Sorted(maps.Keys(runs)) {
		shown := c.Show(ctx, id) // a list need not show files
		if !shown.OK() {
			continue
		}
		r := shown.Runs[0]
		if r.State != outturn.RunSucceeded {
			continue
		}
		m := c.Manifest(ctx, id)
		for _, f := range r.Files {
			if err := c.Examine(ctx, r, f, m.Manifest, stretches(random, f.Bytes)); err != nil {
				return fmt.Errorf("%s of run %s: %w", f.Name, id, err)
			}
		}
	}
	return nil
}

// stretches picks parts of a file: three anywhere and its last byte.
func stretches(random *rand.Rand, size int64) (parts [][2]int64) {
	if size < 2 {
		return nil
	}
	for range 3 {
		from := random.Int64N(size)
		parts = append(parts, [2]int64{from, from + 1 + random.Int64N(min(size-from, 1<<20))})
	}
	return append(parts, [2]int64{size - 1, size})
}
