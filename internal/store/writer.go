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

// A writer makes the changes of all goroutines, one after the other on one
// connection, and commits those that wait together once: a commit waits for the
// disk, and the disk does not care how many changes it is about. Each change has a
// savepoint of its own, so one that fails undoes nothing but itself.
//
//	do ──► jobs ──► BEGIN · SAVEPOINT job RELEASE · SAVEPOINT job ROLLBACK TO · … · COMMIT ──► answers
type writer struct {
	db   *sql.DB
	conn *sql.Conn
	now  func() time.Time
	kept map[string]*sql.Stmt
	lazy bool // commits do not wait for the disk

	jobs chan *job
	done chan struct{} // closed when run has returned

	mu     sync.RWMutex // held for reading while a job is handed over
	closed bool
}

// Limits of one commit, so that the first of many does not wait for long.
const (
	mostJobs = 256
	mostTime = 20 * time.Millisecond
)

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

func newWriter(ctx context.Context, db *sql.DB, now func() time.Time) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, conn: conn, now: now, kept: map[string]*sql.Stmt{}, jobs: make(chan *job, mostJobs), done: make(chan struct{})}
	go w.run()
	return w, nil
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

func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		<-w.done
		return nil
	}
	w.closed = true
	close(w.jobs)
	w.mu.Unlock()
	<-w.done
	for _, stmt := range w.kept {
		_ = stmt.Close()
	}
	return errors.Join(w.conn.Close(), w.db.Close())
}

func (w *writer) run() {
	defer close(w.done)
	for first := range w.jobs {
		for first != nil && first.taken.CompareAndSwap(false, true) {
			first = w.batch(first)
		}
	}
}

// batch makes the change first and those that wait by then, and answers all. A brief
// one does not wait for the disk, and is not put together with those that do: the first
// of these is left, as the first of the next batch.
func (w *writer) batch(first *job) (left *job) {
	if err := w.begin(first.brief); err != nil {
		first.answer <- err
		return nil
	}
	begun := time.Now()
	var made []*job
	for j := first; j != nil; j, left = w.next(first.brief, len(made), begun) {
		made = append(made, j)
		if lost := w.change(j); lost != nil {
			w.abandon(made, lost)
			return left
		}
	}
	if err := w.plain(`COMMIT`); err != nil {
		w.abandon(made, fmt.Errorf("commit: %w", err))
		return left
	}
	for _, j := range made {
		j.answer <- j.err
	}
	return left
}

func (w *writer) begin(lazy bool) error {
	if lazy != w.lazy {
		if err := w.plain(waits[!lazy]); err != nil {
			return err
		}
		w.lazy = lazy
	}
	return w.plain(begin)
}

// next takes a job that waits, nil when there is none or the commit is due. After brief
// ones alone, one that is not is left.
func (w *writer) next(brief bool, made int, begun time.Time) (taken, left *job) {
	for made < mostJobs && time.Since(begun) < mostTime {
		select {
		case j, ok := <-w.jobs:
			switch {
			case !ok:
				return nil, nil
			case brief && !j.brief:
				return nil, j
			case j.taken.CompareAndSwap(false, true):
				return j, nil
			}
		default:
			return nil, nil
		}
	}
	return nil, nil
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
