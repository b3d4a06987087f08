package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"outturn"
)

// A writer makes the changes of all goroutines, one after the other on one connection,
// and commits those that wait together. Each has a savepoint of its own, so one that
// fails undoes nothing but itself. A commit does not wait for the disk: the next changes
// are made while the journal is synced, and only then are those answered that a power cut
// must not undo. So are those that failed: what they were refused for may be another's
// change of just now. One sync is for all that was committed before it.
//
// What somebody waits for goes first, and is committed without what waits behind it. What
// the server does by itself has its turn when nothing else waits, and some of it after each
// commit that was without it.
//
//	do ──► asked  ─┬─► BEGIN · SAVEPOINT job RELEASE · SAVEPOINT job ROLLBACK TO · … · COMMIT ──► committed ──► sync ──► answers
//	   └─► behind ─┘                                                                     └─ brief: answers
type writer struct {
	db   *sql.DB
	conn *sql.Conn
	now  func() time.Time
	kept map[string]*sql.Stmt

	asked, behind chan *job
	waited        bool // what is behind was not in the last commit
	committed     chan []*job
	full          chan struct{} // the journal is to be emptied
	emptied       atomic.Bool   // it was, but for what was committed meanwhile
	loops         sync.WaitGroup
	broken        atomic.Pointer[error] // why nothing is changed any more

	mu     sync.RWMutex // held for reading while a job is handed over
	closed bool
}

// Limits of one commit, so that the first of many does not wait for long.
const (
	mostJobs = 256
	mostTime = 5 * time.Millisecond
)

// syncers is how many syncs may be under way: what is committed during one need not wait
// for its end.
const syncers = 4

// manyChanges is after how many the journal is written back: some 40 MB of pages, of which
// those that many changes share are written once.
const manyChanges = 400

// longJournal is with how many pages the journal begins anew, for which the writer has to
// wait for the disk: some 100 MB.
var longJournal = 25_000

// itsTurn is how many changes that nobody waits for are made when it is their turn.
const itsTurn = 4

// How a change is made.
type manner int

const (
	forSomebody manner = iota // who waits for it, and for the disk
	byItself                  // nobody waits but for the disk
	brief                     // by itself, and it need not survive a power cut
)

// A job is one change. It is taken by the writer or by its caller, whoever is first: a
// caller whose context ends while its job waits knows that nothing was changed, and one
// whose job was taken waits for the outcome.
type job struct {
	do     func(*tx) error
	manner manner
	taken  atomic.Bool
	answer chan error
	err    error
}

// newWriter takes db, which is that of the ledger at path, for its own.
func newWriter(ctx context.Context, db *sql.DB, path string, now func() time.Time) (w *writer, err error) {
	w = &writer{
		db: db, now: now, kept: map[string]*sql.Stmt{},
		asked: make(chan *job, mostJobs), behind: make(chan *job, mostJobs),
		committed: make(chan []*job, mostJobs), full: make(chan struct{}, 1),
	}
	if w.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	if err := w.start(path); err != nil {
		close(w.committed)
		w.loops.Wait()
		return nil, errors.Join(err, w.conn.Close())
	}
	return w, nil
}

// start begins to take changes. It first reads from the ledger, with which the journal is
// there.
func (w *writer) start(path string) error {
	if err := errors.Join(w.once(noWait), w.once(`SELECT 1 FROM tenants LIMIT 1`)); err != nil {
		return err
	}
	for range syncers {
		journal, err := openJournal(path)
		if err != nil {
			return err
		}
		w.loops.Go(func() { w.sync(journal) })
	}
	w.loops.Go(func() { w.empty(openEmptying(path)) })
	w.loops.Go(w.run)
	return nil
}

// A syncer brings to the disk what was written to a file before.
type syncer interface {
	Sync() error
	Close() error
}

func (w *writer) do(ctx context.Context, how manner, do func(*tx) error) error {
	j := &job{do: do, manner: how, answer: make(chan error, 1)}
	if err := w.hand(ctx, j); err != nil {
		return err
	}
	select {
	case err := <-j.answer:
		return err
	case <-ctx.Done():
		if j.take() {
			return ctx.Err()
		}
		return <-j.answer
	}
}

func (w *writer) hand(ctx context.Context, j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return outturn.Errorf(outturn.CodeUnavailable, "The server is stopping.")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	jobs := w.behind
	if j.manner == forSomebody {
		jobs = w.asked
	}
	select {
	case jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close waits for all that was handed over, which is on the disk then.
func (w *writer) close() error {
	w.mu.Lock()
	again := w.closed
	if !again {
		w.closed = true
		close(w.asked)
		close(w.behind)
	}
	w.mu.Unlock()
	w.loops.Wait()
	if again || w.broken.Load() != nil {
		return nil // what is broken is left open: see sync
	}
	for _, stmt := range w.kept {
		_ = stmt.Close()
	}
	return errors.Join(w.conn.Close(), w.db.Close())
}

func (w *writer) run() {
	defer close(w.committed)
	defer close(w.full)
	changes := 0
	for first := w.first(); first != nil; first = w.first() {
		changes += w.batch(first)
		if changes >= manyChanges {
			changes = 0
			select {
			case w.full <- struct{}{}:
			default: // it is being emptied
			}
		}
		if w.emptied.CompareAndSwap(true, false) && w.broken.Load() == nil {
			_ = w.once(empty) // the little that is left, so that it begins anew; else it goes on, and is tried again
		}
	}
}

// batch makes the change first and those that wait by then, and commits them. It returns
// how many they were.
func (w *writer) batch(first *job) int {
	if why := w.broken.Load(); why != nil {
		first.answer <- *why
		return 0
	}
	if err := w.plain(begin); err != nil {
		first.answer <- err
		return 0
	}
	begun := time.Now()
	var made []*job
	for j := first; j != nil; j = w.next(made, begun) {
		made = append(made, j)
		if lost := w.change(j); lost != nil {
			w.abandon(made, lost)
			return len(made)
		}
	}
	w.waited = first.manner == forSomebody
	if err := w.plain(`COMMIT`); err != nil {
		w.abandon(made, fmt.Errorf("commit: %w", err))
		return len(made)
	}
	var wait []*job
	for _, j := range made {
		if j.manner == brief {
			j.answer <- j.err
		} else {
			wait = append(wait, j)
		}
	}
	if len(wait) > 0 {
		w.committed <- wait
	}
	return len(made)
}

// empty writes what is in the journal to where it belongs, beside the changes that go on.
// Only an empty journal begins anew, so one that is long is written back once more, for
// little is left then, and the writer does so with what was added meanwhile. Where somebody
// reads what was there before, it goes on, and that is tried again.
func (w *writer) empty(db *sql.DB) {
	defer db.Close()
	for range w.full {
		long := false
		for again := true; again && w.broken.Load() == nil; {
			was := long
			long = pagesAfter(db) >= longJournal
			again = long && !was
		}
		if long {
			w.emptied.Store(true)
		}
	}
}

// pagesAfter writes the journal back and returns how many pages are in it all the same, none
// where that failed.
func pagesAfter(db *sql.DB) (pages int) {
	var busy, back int
	if db.QueryRowContext(context.Background(), empty).Scan(&busy, &pages, &back) != nil {
		return 0
	}
	return pages
}

// sync syncs the journal as long as there are commits that wait for it, and answers
// those that were there before it began.
//
// After a sync has failed nobody knows what of the journal is on the disk, and a further
// one may well say that all is: systems forget what they could not write. So nothing is
// changed any more until the ledger was opened again, which takes of the journal what is
// whole. To write it back would not look at that, and the last connection that is closed
// would do so: the writer's is left to the end of the process.
func (w *writer) sync(journal syncer) {
	defer journal.Close()
	for made := range w.committed {
		for waits := true; waits; {
			select {
			case more := <-w.committed:
				made, waits = append(made, more...), more != nil
			default:
				waits = false
			}
		}
		if err := journal.Sync(); err != nil {
			err = unsynced(err)
			w.broken.CompareAndSwap(nil, &err)
		}
		why := w.broken.Load()
		for _, j := range made {
			if why != nil {
				j.err = *why
			}
			j.answer <- j.err
		}
	}
}

// first waits for the job that begins the next commit, nil when the writer is closed.
func (w *writer) first() *job {
	if w.waited {
		if j := waiting(w.behind); j != nil {
			return j
		}
	}
	if j := waiting(w.asked); j != nil {
		return j
	}
	for asked, behind := w.asked, w.behind; asked != nil || behind != nil; {
		select {
		case j, ok := <-asked:
			if !ok {
				asked = nil
			} else if j.take() {
				return j
			}
		case j, ok := <-behind:
			if !ok {
				behind = nil
			} else if j.take() {
				return j
			}
		}
	}
	return nil
}

// next takes a job that waits and belongs to the commit of those made, nil when it is due.
func (w *writer) next(made []*job, begun time.Time) *job {
	behind := made[len(made)-1].manner != forSomebody
	var j *job
	if len(made) < mostJobs && time.Since(begun) < mostTime {
		if behind && w.waited && len(made) < itsTurn {
			j = waiting(w.behind)
		}
		if j == nil {
			j = waiting(w.asked)
		}
		if j == nil && behind {
			j = waiting(w.behind)
		}
	}
	return j
}

// waiting takes a job that waits, nil when there is none.
func waiting(jobs <-chan *job) *job {
	for {
		select {
		case j, ok := <-jobs:
			if !ok {
				return nil
			}
			if j.take() {
				return j
			}
		default:
			return nil
		}
	}
}

// take reports whether j is the writer's to make.
func (j *job) take() bool { return j.taken.CompareAndSwap(false, true) }

// change runs j. It returns an error when the transaction was lost with it: SQLite
// gives up the whole of it when the disk is full or broken.
func (w *writer) change(j *job) error {
	if err := w.plain(`SAVEPOINT change`); err != nil {
		return err
	}
	j.err = j.do(&tx{ctx: context.Background(), now: w.now(), db: w.conn, keep: w.prepared})
	if j.err != nil {
		if err := w.plain(`ROLLBACK TO change`); err != nil {
			return fmt.Errorf("%w (%w)", j.err, err)
		}
	}
	return w.plain(`RELEASE change`)
}

// abandon gives the transaction up, and says so to everybody in it whose change
// had not failed by itself.
func (w *writer) abandon(made []*job, why error) {
	_ = w.plain(`ROLLBACK`) // fails where SQLite has done it already
	for _, j := range made {
		if j.err == nil {
			j.err = why
		}
		j.answer <- j.err
	}
}

// once runs a statement of which nothing is left, also one that answers in rows, by which
// it would stay under way if it were kept.
func (w *writer) once(text string) error {
	_, err := w.conn.ExecContext(context.Background(), text)
	return err
}

// plain runs a statement that is often run and has no rows.
func (w *writer) plain(text string) error {
	stmt, err := w.prepared(text)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.Background())
	return err
}

func (w *writer) prepared(text string) (*sql.Stmt, error) {
	if stmt, ok := w.kept[text]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(context.Background(), bind(text))
	if err == nil {
		w.kept[text] = stmt
	}
	return stmt, err
}
