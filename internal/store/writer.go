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
//	do ──► jobs ──► BEGIN · SAVEPOINT job RELEASE · SAVEPOINT job ROLLBACK TO · … · COMMIT ──► committed ──► sync ──► answers
//	                                                                                  └─ brief: answers
type writer struct {
	db   *sql.DB
	conn *sql.Conn
	now  func() time.Time
	kept map[string]*sql.Stmt

	jobs      chan *job
	committed chan []*job
	full      chan struct{} // the journal is to be emptied
	emptied   atomic.Bool   // it was, but for what was committed meanwhile
	loops     sync.WaitGroup
	broken    atomic.Pointer[error] // why nothing is changed any more

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
const syncers = 2

// manyChanges is after how many the journal is emptied: some 40 MB of pages, of which
// those that many changes share are then written back once.
const manyChanges = 400

// A job is one change. It is taken by the writer or left by its caller, whoever is
// first: a caller whose context ends while its job waits knows that nothing was
// changed, and one whose job was taken waits for the outcome.
type job struct {
	do     func(*tx) error
	brief  bool // need not survive a power cut
	taken  atomic.Bool
	answer chan error
	err    error
}

// newWriter takes db, which is that of the ledger at path, for its own.
func newWriter(ctx context.Context, db *sql.DB, path string, now func() time.Time) (w *writer, err error) {
	w = &writer{db: db, now: now, kept: map[string]*sql.Stmt{}, jobs: make(chan *job, mostJobs), committed: make(chan []*job, mostJobs), full: make(chan struct{}, 1)}
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

func (w *writer) do(ctx context.Context, brief bool, do func(*tx) error) error {
	j := &job{do: do, brief: brief, answer: make(chan error, 1)}
	if err := w.hand(ctx, j); err != nil {
		return err
	}
	select {
	case err := <-j.answer:
		return err
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
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
	select {
	case w.jobs <- j:
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
		close(w.jobs)
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
	for first := range w.jobs {
		if first.taken.CompareAndSwap(false, true) {
			changes += w.batch(first)
		}
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
	for j := first; j != nil; j = w.next(len(made), begun) {
		made = append(made, j)
		if lost := w.change(j); lost != nil {
			w.abandon(made, lost)
			return len(made)
		}
	}
	if err := w.plain(`COMMIT`); err != nil {
		w.abandon(made, fmt.Errorf("commit: %w", err))
		return len(made)
	}
	var wait []*job
	for _, j := range made {
		if j.brief {
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

// empty writes what is in the journal to where it belongs, beside the changes that go on,
// and has the writer do so with what these have added: only an empty journal begins anew.
func (w *writer) empty(db *sql.DB) {
	defer db.Close()
	for range w.full {
		if w.broken.Load() != nil {
			continue
		}
		if _, err := db.ExecContext(context.Background(), empty); err == nil {
			w.emptied.Store(true)
		}
	}
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

// next takes a job that waits, nil when there is none or the commit is due.
func (w *writer) next(made int, begun time.Time) *job {
	for made < mostJobs && time.Since(begun) < mostTime {
		select {
		case j, ok := <-w.jobs:
			switch {
			case !ok:
				return nil
			case j.taken.CompareAndSwap(false, true):
				return j
			}
		default:
			return nil
		}
	}
	return nil
}

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
