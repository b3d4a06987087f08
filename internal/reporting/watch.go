package reporting

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"outturn"
)

// WatchRun yields a run as it is, then each change, and ends with its final state.
// Where it ends without one, the last thing it yields is the error. Whoever looks
// slowly misses states in between and never the last.
func (s *Service) WatchRun(ctx context.Context, p outturn.Principal, id string) (iter.Seq2[outturn.Run, error], error) {
	if err := s.permit(ctx, p, runRead, id); err != nil {
		return nil, err
	}
	run, err := s.ledger.Run(ctx, p.Tenant, id)
	if err != nil {
		return nil, err
	}
	return func(yield func(outturn.Run, error) bool) {
		if run.State.Final() {
			yield(run, nil)
			return
		}
		w, err := s.watches.add(run.ID)
		if err != nil {
			yield(outturn.Run{}, err)
			return
		}
		defer s.watches.remove(run.ID, w)
		again := time.NewTicker(standingAge)
		defer again.Stop()
		// A change between the first look and now comes with a question soon.
		for yield(run, nil) && !run.State.Final() {
			next, err := s.nextChange(ctx, p, run, w, again.C)
			if err != nil {
				yield(outturn.Run{}, err)
				return
			}
			run = next
		}
	}, nil
}

// nextChange waits for a run to be other than it was.
func (s *Service) nextChange(ctx context.Context, p outturn.Principal, was outturn.Run, w *watch, again <-chan time.Time) (outturn.Run, error) {
	for {
		select {
		case <-ctx.Done():
			return outturn.Run{}, context.Cause(ctx)
		case <-s.watches.ended:
			return outturn.Run{}, outturn.Errorf(outturn.CodeUnavailable, "The server is stopping. Ask again in a moment.")
		case <-again:
			switch err := s.mayStillWatch(ctx, p, was); outturn.ErrorCode(err) {
			case outturn.CodeUnauthenticated, outturn.CodeForbidden, outturn.CodeNotFound: // while the ledger does not answer nobody is sent away
				return outturn.Run{}, err
			}
		case now := <-w.latest:
			switch {
			case looksOf(now) == looksOf(was):
			case now.State != was.State || now.Attempt != was.Attempt:
				return s.ledger.Run(ctx, p.Tenant, was.ID) // with its files and its reason
			default:
				return progressed(was, now), nil
			}
		}
	}
}

// mayStillWatch refuses p whose client was revoked since it began to watch, whose
// tenant does not take part any more, or from whom the run was moved away: a watch may
// last for hours.
func (s *Service) mayStillWatch(ctx context.Context, p outturn.Principal, run outturn.Run) error {
	if err := s.stands(ctx, p, runRead, run.ID); err != nil {
		return err
	}
	if _, err := s.ledger.Tenant(ctx, p.Tenant, run.Tenant); err != nil {
		return err
	}
	if id, isClient := strings.CutPrefix(p.Subject, "client:"); isClient {
		c, err := s.ledger.ClientOf(ctx, p.Tenant, id)
		if err == nil && !c.RevokedAt.IsZero() {
			return outturn.Errorf(outturn.CodeUnauthenticated, "The client was revoked.")
		}
		if err != nil && outturn.ErrorCode(err) != outturn.CodeNotFound {
			return err
		}
	}
	return nil
}

// progressed is a run with what the poller knows of it.
func progressed(r, now outturn.Run) outturn.Run {
	r.Phase, r.Furthest, r.Progress, r.UpdatedAt = now.Phase, now.Furthest, now.Progress, now.UpdatedAt
	r.CancelledBy, r.CancelAt = now.CancelledBy, now.CancelAt
	return r
}

// looks is what tells two states of a run apart.
type looks struct {
	state       outturn.RunState
	phase       outturn.RunPhase
	attempt     int
	rows, bytes int64
	share       float64
	at, cancel  int64
}

func looksOf(r outturn.Run) looks {
	l := looks{
		state: r.State, phase: r.Phase, attempt: r.Attempt, rows: r.Progress.Rows, bytes: r.Progress.Bytes, share: -1,
		at: r.Progress.At.UnixMicro(), cancel: r.CancelAt.UnixMicro(),
	}
	if r.Progress.Share != nil {
		l.share = *r.Progress.Share
	}
	return l
}

// watches are all that a process watches. One goroutine asks the ledger for them
// together, and only while there are any: at once for a run that nobody has watched yet, or
// that an attempt of this process has ended.
type watches struct {
	ledger runLedger
	log    *slog.Logger
	ended  chan struct{} // closed by close
	hint   chan struct{} // there is something in soon

	mu      sync.Mutex
	byRun   map[string]map[*watch]bool
	soon    map[string]bool // runs to ask for before the next poll
	polling bool
	closed  bool
	poller  sync.WaitGroup
}

// A watch is one who looks at a run. latest holds what was not looked at yet: the
// newest state only.
type watch struct {
	latest chan outturn.Run
}

const (
	pollEvery = 500 * time.Millisecond
	pollMost  = 500 // runs in one question
	pollTime  = 10 * time.Second
)

func (ws *watches) start(ledger runLedger, log *slog.Logger) {
	ws.ledger, ws.log = ledger, log
	ws.ended, ws.hint = make(chan struct{}), make(chan struct{}, 1)
	ws.byRun, ws.soon = map[string]map[*watch]bool{}, map[string]bool{}
}

func (ws *watches) close() {
	ws.mu.Lock()
	if !ws.closed {
		ws.closed = true
		close(ws.ended)
	}
	ws.mu.Unlock()
	ws.poller.Wait()
}

func (ws *watches) add(run string) (*watch, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed {
		return nil, outturn.Errorf(outturn.CodeUnavailable, "The server is stopping. Ask again in a moment.")
	}
	w := &watch{latest: make(chan outturn.Run, 1)}
	if ws.byRun[run] == nil {
		ws.byRun[run] = map[*watch]bool{}
		ws.askSoon(run) // others that come now are told by the next poll
	}
	ws.byRun[run][w] = true
	if !ws.polling {
		ws.polling = true
		ws.poller.Go(ws.poll)
	}
	return w, nil
}

// RunEnded has those who watch a run look at it at once.
func (s *Service) RunEnded(run string) {
	s.watches.mu.Lock()
	defer s.watches.mu.Unlock()
	if len(s.watches.byRun[run]) > 0 {
		s.watches.askSoon(run)
	}
}

// askSoon has the poller ask for a run before its next tick.
func (ws *watches) askSoon(run string) {
	ws.soon[run] = true
	select {
	case ws.hint <- struct{}{}:
	default:
	}
}

func (ws *watches) remove(run string, w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.byRun[run], w)
	if len(ws.byRun[run]) == 0 {
		delete(ws.byRun, run)
	}
}

// poll asks for all runs that are watched until there are none.
func (ws *watches) poll() {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	failing := false
	for {
		var ids []string
		select {
		case <-ws.ended:
			return
		case <-ws.hint:
			if ids = ws.takeSoon(); len(ids) == 0 {
				continue
			}
		case <-tick.C:
			if ids = ws.watched(); len(ids) == 0 {
				return
			}
		}
		err := ws.ask(ids)
		if err != nil && !failing {
			ws.log.Warn("The runs that are watched could not be looked up; trying on.", "error", err)
		}
		failing = err != nil
	}
}

// takeSoon returns the runs that are not to wait for the next poll.
func (ws *watches) takeSoon() []string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ids := slices.Collect(maps.Keys(ws.soon))
	clear(ws.soon)
	return ids
}

// watched returns the runs to ask for. Where there are none the poller ends, which
// the next to come must see.
func (ws *watches) watched() []string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(ws.byRun) == 0 {
		ws.polling = false
		return nil
	}
	clear(ws.soon)
	return slices.Collect(maps.Keys(ws.byRun))
}

func (ws *watches) ask(ids []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), pollTime)
	defer cancel()
	for some := range slices.Chunk(ids, pollMost) {
		runs, err := ws.ledger.RunProgresses(ctx, some)
		if err != nil {
			return err
		}
		ws.tell(runs)
	}
	return nil
}

// tell gives each state to those who watch. Nobody is waited for: what was not
// looked at gives way to what is newer.
func (ws *watches) tell(runs []outturn.Run) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, r := range runs {
		for w := range ws.byRun[r.ID] {
			select {
			case <-w.latest:
			default:
			}
			w.latest <- r // has room: only this goroutine sends
		}
	}
}
