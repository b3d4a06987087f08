// Package queuetest holds what the contract of package queue means, for every
// implementation:
//
//	func TestQueue(t *testing.T) {
//		queuetest.Run(t, func(tb testing.TB, workers, share int) queue.Queue { … })
//	}
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"outturn"
	"outturn/internal/queue"
)

// Open makes a new, empty queue that has not been started.
type Open func(tb testing.TB, workers, share int) queue.Queue

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Order", testOrder},
		{"ThousandDoNotHoldUpOne", testThousand},
		{"P30ThousandDoNotHoldUpOneThatComesLater", testThousandAndLater},
		{"Share", testShare},
		{"IdleWorkersAreUsed", testIdle},
		{"Turns", testTurns},
		{"NothingStarves", testStarving},
		{"AtMostWorkers", testWorkers},
		{"DoubledRing", testDoubled},
		{"RingDuringWork", testRingDuringWork},
		{"Lost", testLost},
		{"StopWaits", testStopWaits},
		{"StopCancels", testStopCancels},
		{"StopBeforeStart", testStopBeforeStart},
		{"StopTwice", testStopTwice},
		{"StartTwice", testStartTwice},
		{"KeepsValues", testValues},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// A bench is a queue whose work waits until it is told to go on.
type bench struct {
	t       *testing.T
	queue   queue.Queue
	started chan started
}

type started struct {
	queue.Job
	ctx  context.Context
	done chan struct{} // close it and the work returns
}

func newBench(t *testing.T, q queue.Queue) *bench {
	b := &bench{t: t, queue: q, started: make(chan started)}
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *bench) stop() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.queue.Stop(ended); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) start() {
	b.t.Helper()
	err := b.queue.Start(b.t.Context(), func(ctx context.Context, j queue.Job) {
		s := started{j, ctx, make(chan struct{})}
		select {
		case b.started <- s:
		case <-ctx.Done():
			return
		}
		select {
		case <-s.done:
		case <-ctx.Done():
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// ring rings jobs written as tenant/run or tenant/run/class.
func (b *bench) ring(jobs ...string) {
	b.t.Helper()
	for _, text := range jobs {
		parts := strings.Split(text, "/")
		j := queue.Job{Tenant: parts[0], Run: parts[1]}
		if len(parts) > 2 {
			j.Class = int(parts[2][0] - '0')
		}
		if err := b.queue.Ring(b.t.Context(), j); err != nil {
			b.t.Fatal(err)
		}
	}
}

// work lets n jobs be worked on one after the other and returns their runs.
func (b *bench) work(n int) (runs []string) {
	for range n {
		s := <-b.started
		runs = append(runs, s.Run)
		close(s.done)
	}
	return runs
}

func (b *bench) lost(runs ...string) []string {
	b.t.Helper()
	lost, err := b.queue.Lost(b.t.Context(), runs)
	if err != nil {
		b.t.Fatal(err)
	}
	return lost
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The class goes first, then the tenant with less, then who came first.
func testOrder(t *testing.T, open Open) {
	b := newBench(t, open(t, 1, 1))
	b.ring("a/a1/1", "a/a2/1", "a/a3/0", "b/b1/2", "b/b2/1", "c/c1/1")
	b.start()
	want(t, b.work(6), "a3", "b2", "c1", "a1", "a2", "b1")
}

// Of two tenants that wait the one with less under way goes first, and of two with
// the same number neither goes twice before the other, however long their runs take.
// Starts are not counted: who asks for short runs has more of them.
func testTurns(t *testing.T, open Open) {
	const workers, share, runs = 4, 2, 40
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, open(t, workers, share))
		waiting, underWay := map[string]int{}, map[string]int{}
		longer := map[string]float64{"a": 20, "b": 5, "c": 1, "d": 1, "e": 0.2} // than others' runs, on average
		passed := map[string]map[string]int{}                                   // by the one that waits: who went before it with as much under way
		for tenant := range longer {
			waiting[tenant], passed[tenant] = runs, map[string]int{}
			for i := range runs {
				b.ring(fmt.Sprintf("%s/%s%d", tenant, tenant, i))
			}
		}
		b.start()
		var under []started
		for n := range len(longer) * runs {
			if n >= workers {
				at := endsFirst(random, under, longer)
				close(under[at].done)
				underWay[under[at].Tenant]--
				under = slices.Delete(under, at, at+1)
			}
			s := <-b.started
			for other := range longer {
				switch mine, its := underWay[s.Tenant], underWay[other]; {
				case other == s.Tenant || waiting[other] == 0 || n < workers: // which of the first is told first is open
				case mine > its:
					t.Fatalf("seed %d: %s gets worker %d besides %d, though %s waits with %d", seed, s.Tenant, n, mine, other, its)
				case mine == its:
					passed[other][s.Tenant]++
					if passed[other][s.Tenant] > 1 {
						t.Fatalf("seed %d: %s gets a worker twice, though %s waits with no more under way", seed, s.Tenant, other)
					}
				}
			}
			clear(passed[s.Tenant])
			waiting[s.Tenant]--
			underWay[s.Tenant]++
			under = append(under, s)
		}
		for _, s := range under {
			close(s.done)
		}
		b.stop()
	}
}

// endsFirst draws which of the runs under way is over next.
func endsFirst(random *rand.Rand, under []started, longer map[string]float64) (first int) {
	soonest := math.Inf(1)
	for i, s := range under {
		if in := random.ExpFloat64() * longer[s.Tenant]; in < soonest {
			first, soonest = i, in
		}
	}
	return first
}

// Those of whom little waits go first, but others go as well, though there is always
// somebody new.
func testStarving(t *testing.T, open Open) {
	b := newBench(t, open(t, 1, 1))
	b.ring("big/big1/2", "big/big2/2", "a/a/0", "b/b/0")
	b.start()
	started := 0
	for n := range 24 { // each fourth, of three that wait
		s := <-b.started
		if s.Tenant == "big" {
			started++
		}
		b.ring(fmt.Sprintf("new%d/new%d/0", n, n))
		close(s.done)
	}
	if started != 2 {
		t.Errorf("%d of big's 2 were started in 24", started)
	}
}

func testThousand(t *testing.T, open Open) {
	b := newBench(t, open(t, 2, 1))
	for i := range 1000 {
		b.ring(fmt.Sprintf("big/big%d", i))
	}
	b.ring("small/small")
	b.start()
	first, second := <-b.started, <-b.started
	if got := []string{first.Tenant, second.Tenant}; !slices.Contains(got, "small") {
		t.Errorf("%v go first, and one of small waits", got)
	}
	close(first.done)
	close(second.done)
}

func testThousandAndLater(t *testing.T, open Open) {
	b := newBench(t, open(t, 1, 1))
	for i := range 1000 {
		b.ring(fmt.Sprintf("big/big%d", i))
	}
	b.start()
	b.work(10)
	s := <-b.started // the eleventh is under way
	b.ring("small/small")
	close(s.done)
	want(t, b.work(1), "small")
}

// A tenant that has its share waits while others do, whatever the class.
func testShare(t *testing.T, open Open) {
	b := newBench(t, open(t, 3, 2))
	b.ring("a/a1", "a/a2", "a/a3", "b/b1/2")
	b.start()
	var first []string
	var all []started
	for range 3 {
		s := <-b.started
		all, first = append(all, s), append(first, s.Run)
	}
	slices.Sort(first)
	want(t, first, "a1", "a2", "b1")
	close(all[0].done)
	want(t, b.work(1), "a3")
	close(all[1].done)
	close(all[2].done)
}

func testIdle(t *testing.T, open Open) {
	b := newBench(t, open(t, 3, 1))
	b.ring("a/a1", "a/a2", "a/a3")
	b.start()
	for range 3 {
		s := <-b.started
		defer close(s.done)
	}
}

func testWorkers(t *testing.T, open Open) {
	q := open(t, 3, 3)
	var now, most atomic.Int32
	var all sync.WaitGroup
	all.Add(200)
	err := q.Start(t.Context(), func(context.Context, queue.Job) {
		defer all.Done()
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		now.Add(-1)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := q.Ring(t.Context(), queue.Job{Run: fmt.Sprint(i), Tenant: fmt.Sprint(i % 7)}); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	if err := q.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if most.Load() > 3 {
		t.Errorf("%d at once, want at most 3", most.Load())
	}
}

func testDoubled(t *testing.T, open Open) {
	b := newBench(t, open(t, 1, 1))
	b.ring("a/a1", "a/a2", "a/a1", "a/a1")
	b.start()
	want(t, b.work(2), "a1", "a2")
	b.ring("a/a3")
	want(t, b.work(1), "a3")
}

func testRingDuringWork(t *testing.T, open Open) {
	b := newBench(t, open(t, 2, 2))
	b.ring("a/a1")
	b.start()
	s := <-b.started
	b.ring("a/a1", "a/a1", "a/a2")
	want(t, b.work(1), "a2") // a1 is not worked on twice at once
	close(s.done)
	want(t, b.work(1), "a1")
	b.ring("a/a3")
	want(t, b.work(1), "a3")
}

func testLost(t *testing.T, open Open) {
	b := newBench(t, open(t, 1, 1))
	b.ring("a/a1", "a/a2")
	want(t, b.lost("a1", "x", "a2", "y"), "x", "y")
	want(t, b.lost())
	b.start()
	s := <-b.started
	want(t, b.lost("a1", "a2"))
	close(s.done)
	s = <-b.started // a2, so a1 is done
	want(t, b.lost("a1", "a2"), "a1")
	close(s.done)
}

// Stop waits for what is under way, and what waits is handed out no more.
func testStopWaits(t *testing.T, open Open) {
	q := open(t, 1, 1)
	b := newBench(t, q)
	b.ring("a/a1", "a/a2")
	b.start()
	s := <-b.started
	stopped := make(chan error)
	go func() { stopped <- q.Stop(context.Background()) }()
	for q.Ring(t.Context(), queue.Job{Run: "a1", Tenant: "a"}) == nil { // until Stop has begun
	}
	select {
	case err := <-stopped:
		t.Errorf("Stop returned %v while there was work", err)
	default:
	}
	if s.ctx.Err() != nil {
		t.Error("the work was cancelled, though there was time")
	}
	close(s.done)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	select {
	case s := <-b.started:
		t.Errorf("%s was started", s.Run)
	default:
	}
	if err := q.Ring(t.Context(), queue.Job{Run: "a3", Tenant: "a"}); outturn.ErrorCode(err) != outturn.CodeUnavailable {
		t.Errorf("Ring after Stop: %v", err)
	}
}

func testStopCancels(t *testing.T, open Open) {
	q := open(t, 2, 2)
	var cause atomic.Value
	working := make(chan struct{})
	err := q.Start(t.Context(), func(ctx context.Context, j queue.Job) {
		close(working)
		<-ctx.Done()
		cause.Store(context.Cause(ctx))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Ring(t.Context(), queue.Job{Run: "a1", Tenant: "a"}); err != nil {
		t.Fatal(err)
	}
	<-working
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Stop(ended); err != nil {
		t.Error(err)
	}
	if got, _ := cause.Load().(error); !errors.Is(got, queue.ErrStopped) {
		t.Errorf("the work ended with the cause %v when Stop returned", got)
	}
}

func testStopBeforeStart(t *testing.T, open Open) {
	q := open(t, 1, 1)
	if err := q.Ring(t.Context(), queue.Job{Run: "a1", Tenant: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := q.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := q.Start(t.Context(), func(context.Context, queue.Job) { t.Error("work after Stop") }); err == nil {
		t.Error("a stopped queue could be started")
	}
	if err := q.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// Each of two that stop it waits for the work.
func testStopTwice(t *testing.T, open Open) {
	q := open(t, 1, 1)
	b := newBench(t, q)
	b.ring("a/a1")
	b.start()
	s := <-b.started
	var done atomic.Bool
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := q.Stop(context.Background()); err != nil || !done.Load() {
				t.Errorf("Stop returned %v; the work was done: %v", err, done.Load())
			}
		})
	}
	for q.Ring(t.Context(), queue.Job{Run: "a1", Tenant: "a"}) == nil {
	}
	done.Store(true)
	close(s.done)
	both.Wait()
	if err := q.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func testStartTwice(t *testing.T, open Open) {
	b := newBench(t, open(t, 1, 1))
	b.start()
	if err := b.queue.Start(t.Context(), func(context.Context, queue.Job) {}); err == nil {
		t.Error("it could be started twice")
	}
}

// What Start's context carries goes with the work; that it ends does not matter.
func testValues(t *testing.T, open Open) {
	type key struct{}
	q := open(t, 1, 1)
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "carried"))
	got := make(chan error, 1)
	err := q.Start(ctx, func(ctx context.Context, j queue.Job) {
		if ctx.Value(key{}) != "carried" {
			got <- errors.New("the value is not there")
			return
		}
		got <- ctx.Err()
	})
	cancel()
	if err := errors.Join(err, q.Ring(t.Context(), queue.Job{Run: "a1", Tenant: "a"})); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	if err := q.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
