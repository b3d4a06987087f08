package reporting_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// countingLedger counts the questions of those who watch, and can be out of order.
type countingLedger struct {
	reporting.Ledger
	polls, looks atomic.Int64
	down         atomic.Bool
}

func (l *countingLedger) RunProgresses(ctx context.Context, ids []string) ([]outturn.Run, error) {
	l.polls.Add(1)
	if l.down.Load() {
		return nil, errors.New("out of order")
	}
	return l.Ledger.RunProgresses(ctx, ids)
}

func (l *countingLedger) Run(ctx context.Context, viewer, id string) (outturn.Run, error) {
	l.looks.Add(1)
	return l.Ledger.Run(ctx, viewer, id)
}

// watched runs f in a bubble of its own time, with a stage whose ledger counts.
func watched(t *testing.T, f func(t *testing.T, s *stage, l *countingLedger)) {
	t.Helper()
	must(t, newShop()) // outside: the engine knows no bubbles
	synctest.Test(t, func(t *testing.T) {
		l := &countingLedger{}
		f(t, newStage(t, func(c *reporting.Config) { l.Ledger, c.Ledger = c.Ledger, l }), l)
	})
}

// A tape is what one who watches saw.
type tape struct {
	runs []outturn.Run
	err  error
}

func (s *stage) watch(ctx context.Context, run string) *tape {
	s.t.Helper()
	changes, err := s.WatchRun(ctx, s.as(outturn.RoleViewer), run)
	must(s.t, err)
	var seen tape
	for r, err := range changes {
		if seen.err = err; err == nil {
			seen.runs = append(seen.runs, r)
		}
	}
	return &seen
}

func (a *tape) states() string {
	var states []string
	for _, r := range a.runs {
		states = append(states, string(r.State)+string(r.Phase))
	}
	return strings.Join(states, " ")
}

// Many watch two runs. All see each state that lasts, in order, and the end with its
// files; the ledger is asked twice a second for all of them together, once for each run when
// its first comes, and not at all when nobody watches.
func TestWatch(t *testing.T) {
	watched(t, func(t *testing.T, s *stage, l *countingLedger) {
		ctx := t.Context()
		a, b := s.queued("own"), s.queued("child")
		l.looks.Store(0)
		const each = 100
		var tapes [2 * each]*tape
		var wait sync.WaitGroup
		for i := range each {
			wait.Go(func() { tapes[i] = s.watch(ctx, a.ID) })
			wait.Go(func() { tapes[each+i] = s.watch(ctx, b.ID) })
		}
		time.Sleep(10 * time.Second)
		a, err := s.ledger.ClaimRun(ctx, a.ID, "worker", time.Hour)
		must(t, err)
		time.Sleep(time.Second)
		must(t, s.ledger.ExtendLease(ctx, a.Claim(), time.Hour, outturn.PhaseRendering, outturn.RunProgress{Rows: 7, Bytes: 70}))
		time.Sleep(time.Second)
		must(t, s.ledger.ExtendLease(ctx, a.Claim(), time.Hour, outturn.PhaseRendering, outturn.RunProgress{Rows: 8, Bytes: 80}))
		_, err = s.CancelRun(ctx, s.operator(), b.ID)
		must(t, err)
		time.Sleep(time.Second)
		_, err = s.ledger.SucceedRun(ctx, a.Claim(), outturn.Manifest{}, []outturn.File{{Key: "k", ExpiresAt: day.Add(time.Hour), ManifestFile: outturn.ManifestFile{Name: "f.csv"}}})
		must(t, err)
		wait.Wait()
		for i, tape := range tapes {
			want := "queued runningstarting runningrendering runningrendering succeeded"
			if i >= each {
				want = "queued cancelled"
			}
			last := tape.runs[len(tape.runs)-1]
			if tape.states() != want || tape.err != nil || i < each && (len(last.Files) != 1 || tape.runs[3].Progress.Rows != 8 || len(tape.runs[3].Request.Outputs) != 1) {
				t.Fatalf("number %d saw %s, and %+v, %v; want %s", i, tape.states(), last, tape.err, want)
			}
		}
		if polls := l.polls.Load(); polls < 20 || polls > 30 {
			t.Errorf("in 13 s the ledger was polled %d times", polls)
		}
		if looks := l.looks.Load(); looks != 5*each+1 { // at the first look, when the state changed, and by who cancelled
			t.Errorf("the runs were looked up %d times, want %d", looks, 5*each+1)
		}
		time.Sleep(time.Second)
		polls := l.polls.Load()
		time.Sleep(time.Minute)
		if after := l.polls.Load(); after != polls {
			t.Errorf("while nobody watches the ledger is polled %d times a minute", after-polls)
		}
		if got := s.watch(ctx, a.ID); got.states() != "succeeded" || len(got.runs[0].Files) != 1 {
			t.Errorf("one who comes late saw %s", got.states())
		}
	})
}

// What has changed since the first look, and what an attempt of this process has ended,
// is seen at once, and asked for once.
func TestWatchedEnd(t *testing.T) {
	watched(t, func(t *testing.T, s *stage, l *countingLedger) {
		ctx, r := t.Context(), s.queued("own")
		changes, err := s.WatchRun(ctx, s.as(outturn.RoleViewer), r.ID)
		must(t, err)
		r, err = s.ledger.ClaimRun(ctx, r.ID, "worker", time.Hour)
		must(t, err)
		began := time.Now()
		var seen tape
		for r, err := range changes {
			must(t, err)
			if seen.runs = append(seen.runs, r); r.State == outturn.RunRunning {
				_, err := s.ledger.SucceedRun(ctx, r.Claim(), outturn.Manifest{}, nil)
				must(t, err)
				s.RunEnded(r.ID)
				s.RunEnded("another")
			}
		}
		if took, polls := time.Since(began), l.polls.Load(); seen.states() != "queued runningstarting succeeded" || took != 0 || polls != 2 {
			t.Errorf("it saw %s in %s, of %d questions", seen.states(), took, polls)
		}
	})
}

// Who is slow misses states in between, holds nobody up, and sees the end.
func TestSlowWatcher(t *testing.T) {
	watched(t, func(t *testing.T, s *stage, l *countingLedger) {
		ctx, r := t.Context(), s.queued("own")
		changes, err := s.WatchRun(ctx, s.as(outturn.RoleViewer), r.ID)
		must(t, err)
		slow := make(chan string)
		go func() {
			var seen tape
			for r, err := range changes {
				seen.runs, seen.err = append(seen.runs, r), err
				if len(seen.runs) == 1 {
					time.Sleep(time.Hour)
				}
			}
			slow <- seen.states()
		}()
		var quick *tape
		var wait sync.WaitGroup
		wait.Go(func() { quick = s.watch(ctx, r.ID) })
		synctest.Wait()
		r, err = s.ledger.ClaimRun(ctx, r.ID, "worker", time.Hour)
		must(t, err)
		time.Sleep(time.Second)
		_, err = s.ledger.FailRun(ctx, r.Claim(), outturn.NewReason(outturn.Errorf(outturn.CodeRowLimit, "Too many."), "c"), time.Time{})
		must(t, err)
		started := time.Now()
		wait.Wait()
		if took := time.Since(started); took > time.Second || quick.states() != "queued runningstarting failed" || quick.runs[2].Reason == nil {
			t.Errorf("the quick one saw %s after %s", quick.states(), took)
		}
		if got := <-slow; got != "queued failed" {
			t.Errorf("the slow one saw %s", got)
		}
	})
}

// Who gives up, whose context ends, and whom the server sends away leave nothing that
// goes on.
func TestWatchersThatLeave(t *testing.T) {
	watched(t, func(t *testing.T, s *stage, l *countingLedger) {
		r := s.queued("own")
		gone := errors.New("gone")
		ctx, leave := context.WithCancelCause(t.Context())
		tapes := make(chan *tape, 2)
		go func() { tapes <- s.watch(ctx, r.ID) }()
		synctest.Wait()
		leave(gone)
		if got := <-tapes; got.err != gone || got.states() != "queued" {
			t.Errorf("when its context ended it saw %s, %v", got.states(), got.err)
		}
		changes, err := s.WatchRun(t.Context(), s.as(outturn.RoleViewer), r.ID)
		must(t, err)
		for range changes {
			break
		}
		time.Sleep(time.Second)
		polls := l.polls.Load()
		time.Sleep(time.Minute)
		if after := l.polls.Load(); after != polls {
			t.Errorf("for those who left the ledger is polled %d times a minute", after-polls)
		}

		go func() { tapes <- s.watch(t.Context(), r.ID) }()
		synctest.Wait()
		started := time.Now()
		s.Close()
		s.Close() // may come twice
		if took := time.Since(started); took > 0 {
			t.Errorf("it took %s to send them away", took)
		}
		tapes <- s.watch(t.Context(), r.ID)
		for range 2 {
			if got := <-tapes; outturn.ErrorCode(got.err) != outturn.CodeUnavailable {
				t.Errorf("when the server stopped it saw %s, %v", got.states(), got.err)
			}
		}
		must(t, func() error { _, err := s.WatchRun(t.Context(), s.as(outturn.RoleViewer), r.ID); return err }())
	})
}

// While the ledger does not answer nobody is sent away, and the log has it once.
func TestWatchThroughAnOutage(t *testing.T) {
	watched(t, func(t *testing.T, s *stage, l *countingLedger) {
		r := s.queued("own")
		seen := make(chan *tape)
		go func() { seen <- s.watch(t.Context(), r.ID) }()
		synctest.Wait()
		l.down.Store(true)
		time.Sleep(time.Minute)
		s.cancelled(r)
		l.down.Store(false)
		if got := <-seen; got.err != nil || got.states() != "queued cancelled" {
			t.Errorf("it saw %s, %v", got.states(), got.err)
		}
		if n := strings.Count(s.log.String(), "out of order"); n != 1 {
			t.Errorf("the log has it %d times: %s", n, s.log)
		}
	})
}

// Who watches is sent away within seconds of losing the right to, though the run does
// not change.
func TestWatchEnds(t *testing.T) {
	watched(t, func(t *testing.T, s *stage, _ *countingLedger) {
		for name, tt := range map[string]struct {
			lose func(outturn.Client) error
			code outturn.Code
		}{
			"Revoked": {func(c outturn.Client) error { _, err := s.RevokeClient(t.Context(), s.operator(), c.ID); return err }, outturn.CodeUnauthenticated},
			"Moved": {func(outturn.Client) error {
				_, err := s.MoveTenant(t.Context(), s.operator(), s.tenants["child"].ID, s.tenants["sibling"].ID)
				return err
			}, outturn.CodeNotFound},
			"Suspended": {func(outturn.Client) error {
				_, err := s.SuspendTenant(t.Context(), s.operator(), s.tenants["own"].ID)
				return err
			}, outturn.CodeForbidden},
		} {
			_, err := s.MoveTenant(t.Context(), s.operator(), s.tenants["child"].ID, s.tenants["own"].ID)
			must(t, err)
			_, err = s.ResumeTenant(t.Context(), s.operator(), s.tenants["own"].ID)
			must(t, err)
			c, _ := s.client("own", outturn.RoleViewer)
			p := s.as(outturn.RoleViewer)
			p.Subject = "client:" + c.ID
			changes, err := s.WatchRun(t.Context(), p, s.queued("child").ID)
			must(t, err)
			ended := make(chan error, 1)
			go func() {
				var last error
				for _, last = range changes {
				}
				ended <- last
			}()
			time.Sleep(time.Minute)
			must(t, tt.lose(c))
			select {
			case err := <-ended:
				wantCode(t, name, err, tt.code)
			case <-time.After(10 * time.Second):
				t.Errorf("%s: it still watches", name)
				s.Close()
				<-ended
				return
			}
		}
	})
}
