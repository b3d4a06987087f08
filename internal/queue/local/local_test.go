package local_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"outturn/internal/queue"
	"outturn/internal/queue/local"
	"outturn/internal/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestQueue(t *testing.T) {
	queuetest.Run(t, func(tb testing.TB, workers, share int) queue.Queue {
		return local.New(local.Config{Workers: workers, Share: share})
	})
}

// Stop gives the work the time it was told to, to the second.
func TestStopWaitsForItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := local.New(local.Config{Workers: 3})
		err := q.Start(t.Context(), func(ctx context.Context, j queue.Job) {
			select {
			case <-time.After(map[string]time.Duration{"short": 20 * time.Second, "long": time.Hour}[j.Run]):
			case <-ctx.Done():
			}
		})
		for _, run := range []string{"short", "long"} {
			err = errors.Join(err, q.Ring(t.Context(), queue.Job{Run: run, Tenant: "a"}))
		}
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("Stop took %s, want the 30 s that it had", took)
		}
	})
}

func TestWaiting(t *testing.T) {
	q := local.New(local.Config{})
	for _, run := range []string{"a", "b", "a"} {
		if err := q.Ring(t.Context(), queue.Job{Run: run}); err != nil {
			t.Fatal(err)
		}
	}
	if waiting, underWay := q.Waiting(); waiting != 2 || underWay != 0 {
		t.Errorf("%d wait and %d are under way", waiting, underWay)
	}
}

func BenchmarkQueue(b *testing.B) {
	q := local.New(local.Config{Workers: 2})
	for i := range 10_000 { // tenants that wait as well
		if err := q.Ring(b.Context(), queue.Job{Run: fmt.Sprint("other", i), Tenant: fmt.Sprint(i % 1000), Class: queue.ClassBacklog}); err != nil {
			b.Fatal(err)
		}
	}
	done := make(chan struct{}, b.N+10_000)
	if err := q.Start(b.Context(), func(context.Context, queue.Job) { done <- struct{}{} }); err != nil {
		b.Fatal(err)
	}
	for i := range b.N {
		if err := q.Ring(b.Context(), queue.Job{Run: fmt.Sprint(i), Tenant: "a"}); err != nil {
			b.Fatal(err)
		}
	}
	for range b.N + 10_000 {
		<-done
	}
	if err := q.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
}
