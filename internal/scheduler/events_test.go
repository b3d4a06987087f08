package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"outturn"
	"outturn/internal/scheduler"
	"outturn/internal/source"
)

// recorded is what a scheduler did, and what it is answered.
type recorded struct {
	mu     sync.Mutex
	begun  time.Time
	list   []string
	faults map[string][]error // by what, the next first
}

func (r *recorded) do(format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := fmt.Sprintf(format, args...)
	r.list = append(r.list, fmt.Sprintf("%s %s", time.Since(r.begun), what))
	if left := r.faults[what]; len(left) > 0 {
		r.faults[what] = left[1:]
		return left[0]
	}
	return nil
}

func (r *recorded) HandleEvents(context.Context) (int, error) { return 0, r.do("handle") }
func (r *recorded) SweepEvents(context.Context) error         { return r.do("sweep") }
func (r *recorded) PollEvents(_ context.Context, dataset string) (int, error) {
	return 0, r.do("poll %s", dataset)
}
func (r *recorded) NotifyEvent(_ context.Context, channel, payload string) error {
	return r.do("%s on %s", payload, channel)
}

// Listen connects after 1 s and again after 4, and tells of something each time.
func (r *recorded) Listen(ctx context.Context, _ string, to source.Listener) {
	for _, payload := range []string{"one", "two"} {
		time.Sleep(time.Second)
		to.Connected()
		to.Notified(payload)
		to.Lost(errors.New("it is gone"), 3*time.Second)
		time.Sleep(2 * time.Second)
	}
	<-ctx.Done()
}

// What is heard is handled at once, what failed is tried again ever later, and whenever
// something may have been missed the data sets are asked.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("the ledger is away")
		r := &recorded{begun: time.Now(), faults: map[string][]error{
			"handle": {nil, away, away, away}, "poll lines": {away},
			"one on outturn": {away}, "two on outturn": {outturn.Errorf(outturn.CodeInvalid, "It is no event.")},
		}}
		e, err := scheduler.NewEvents(scheduler.EventsConfig{
			Reporting: r, Source: r, Channel: "outturn", Check: 10 * time.Second,
			Polls: []scheduler.Poll{{Dataset: "lines", Every: 6 * time.Second}},
		})
		if err != nil {
			t.Fatal(err)
		}
		e.Start(t.Context())
		e.Start(t.Context())
		time.Sleep(5500 * time.Millisecond)
		e.Wake()
		time.Sleep(75 * time.Second)
		e.Stop()
		e.Stop()
		e.Start(t.Context())
		e.Wake()
		var got []string
		for _, what := range r.list {
			if len(got) < 14 || what[len(what)-4:] != "ines" {
				got = append(got, what)
			}
		}
		slices.Sort(got)
		want := []string{
			"0s handle", "0s poll lines", "0s sweep", "1s one on outturn", "1s poll lines", "2s one on outturn",
			"5.5s handle", "5s poll lines", "5s two on outturn",
			"11s poll lines", "17s poll lines", "23s poll lines", "25.5s handle", "29s poll lines", "1m5.5s handle",
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
	if _, err := scheduler.NewEvents(scheduler.EventsConfig{}); err == nil {
		t.Error("without the use cases there is nothing to do")
	}
}
