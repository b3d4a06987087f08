// Package store is the ledger: tenants, clients, runs, files, links, views, keys,
// audit, counters and sealed secrets, on SQLite.
//
// Open it once a process, share it between goroutines, Close it at the end:
//
//	ledger, err := store.Open(ctx, store.Config{Path: "data/ledger.db"})
//	run, err := ledger.CreateRun(ctx, run, nil, entry)   // queued, and never lost from here on
//	run, err = ledger.ClaimRun(ctx, run.ID, owner, lease) // running, ours
//	err = ledger.ExtendLease(ctx, run.Claim(), lease, phase, progress)
//	run, err = ledger.SucceedRun(ctx, run.Claim(), manifest, files)
//
// Who sees what is an argument: viewer is the id of a Tenant, which sees itself
// and all below it; what is another's is CodeNotFound, like what never was. The
// methods without a viewer are for Outturn itself: its workers, its sweepers, and
// its sign-in.
//
// A method that changes something returns when the change is on the disk. Changes
// of many goroutines share a commit (see writer); reads see one committed state
// each and wait for no writer, but for lists of the audit (see Store.AuditEntries).
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"outturn"
)

// Config says where a ledger is. Path is required.
type Config struct {
	Path string           // of the SQLite file; made when absent
	Now  func() time.Time // nil is time.Now
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// A Store is an open ledger. Its methods may be called from any goroutine.
type Store struct {
	now    func() time.Time
	path   string
	reads  *sql.DB
	kept   sync.Map // statement text -> *sql.Stmt, prepared on reads
	writes *writer
}

// Open opens the ledger at c.Path, makes it when there is none, and brings an older
// one up to date. One that a newer Outturn wrote is refused with CodeConflict.
func Open(ctx context.Context, c Config) (_ *Store, err error) {
	c = c.withDefaults()
	if c.Path == "" {
		return nil, errors.New("store: Path is required")
	}
	if err := makeFile(c.Path); err != nil {
		return nil, err
	}
	todo, err := Pending(ctx, c)
	if err != nil {
		return nil, err
	}
	db := openWriting(c.Path)
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	if len(todo) > 0 {
		if err := migrate(ctx, c, db); err != nil {
			return nil, err
		}
	}
	s := &Store{now: c.Now, path: c.Path, reads: openReading(c.Path)}
	if s.writes, err = newWriter(ctx, db, c.Path, s.instant); err != nil {
		_ = s.reads.Close()
		return nil, fault("open the ledger", err)
	}
	return s, nil
}

// makeFile makes an empty file that only its owner reads; SQLite gives the files
// beside it the same mode.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The ledger %s cannot be opened: %w.", path, err)
	}
	return f.Close()
}

// Close waits for the changes under way and closes the ledger. It may come twice.
func (s *Store) Close() error {
	err := s.writes.close()
	return errors.Join(s.closeReads(), err)
}

func (s *Store) closeReads() error {
	s.kept.Range(func(_, stmt any) bool { _ = stmt.(*sql.Stmt).Close(); return true })
	return s.reads.Close()
}

// Ping reports whether the ledger can be read and a change be begun.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.look(ctx).row(`SELECT 1`).scan(&one); err != nil {
		return fault("ping", err)
	}
	return s.Settle(ctx)
}

// Backup writes a copy of the ledger, of one committed state, to path while the
// ledger is in use. The file must not exist.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return outturn.Errorf(outturn.CodeConflict, "The file %s exists already. Name one that does not: a backup overwrites nothing.", path)
	}
	if err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The backup %s cannot be written: %w.", path, err)
	}
	defer f.Close()
	defer func() {
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	db := openCopying(s.path)
	defer db.Close()
	if _, err := db.ExecContext(ctx, copyTo, path); err != nil {
		return fault("back up the ledger", err)
	}
	if err := f.Sync(); err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The backup %s cannot be written: %w.", path, err)
	}
	return nil
}

// instant is the time now, as the ledger keeps it.
func (s *Store) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// write runs do in a transaction and returns when it is on the disk. do may not
// keep its tx, and must not write to anything but its own variables before it can
// no longer fail.
func (s *Store) write(ctx context.Context, step string, do func(*tx) error) error {
	return fault(step, s.writes.do(ctx, forSomebody, do))
}

// work is write for what the server does by itself, behind what somebody waits for.
func (s *Store) work(ctx context.Context, step string, do func(*tx) error) error {
	return fault(step, s.writes.do(ctx, byItself, do))
}

// note is work that need not survive a power cut, as with it goes the process that
// it is about, or it is done again. It does not wait for the disk; the next write brings it there.
func (s *Store) note(ctx context.Context, step string, do func(*tx) error) error {
	return fault(step, s.writes.do(ctx, brief, do))
}

// Settle returns when all that was committed before is on the disk. Readers see what is
// committed, and who does by it what cannot be undone waits for this first.
func (s *Store) Settle(ctx context.Context) error {
	return s.write(ctx, "settle", func(*tx) error { return nil })
}

// read runs do in a transaction that sees one committed state and changes nothing.
func (s *Store) read(ctx context.Context, step string, do func(*tx) error) error {
	begun, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fault(step, err)
	}
	var fresh []string
	defer func() {
		// To prepare for all takes a connection from the pool: who did it while it holds
		// one would wait for ever once all do.
		for _, text := range fresh {
			if _, err := s.prepared(ctx, text); err != nil {
				return // the next is only slower without
			}
		}
	}()
	defer func() { _ = begun.Rollback() }() // there is nothing to commit
	return fault(step, do(&tx{ctx: ctx, now: s.instant(), db: begun, keep: func(text string) (*sql.Stmt, error) {
		if stmt, ok := s.kept.Load(text); ok {
			return begun.StmtContext(ctx, stmt.(*sql.Stmt)), nil
		}
		fresh = append(fresh, text)
		return begun.PrepareContext(ctx, bind(text))
	}}))
}

// look is for a single statement, which is a transaction by itself.
func (s *Store) look(ctx context.Context) *tx {
	return &tx{ctx: ctx, now: s.instant(), db: s.reads, keep: func(text string) (*sql.Stmt, error) {
		return s.prepared(ctx, text)
	}}
}

func (s *Store) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := s.kept.Load(text); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := s.reads.PrepareContext(ctx, bind(text))
	if err != nil {
		return nil, err
	}
	if first, ok := s.kept.LoadOrStore(text, stmt); ok {
		_ = stmt.Close()
		stmt = first.(*sql.Stmt)
	}
	return stmt, nil
}

// A tx is what statements run in. Texts of exec, rows and row are few and stay
// prepared; db is for those that are put together.
type tx struct {
	ctx context.Context
	now time.Time // one time stamp for all it does
	db  interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	}
	keep func(text string) (*sql.Stmt, error)
}

// exec returns how many rows were changed.
func (t *tx) exec(text string, args ...any) (int64, error) {
	stmt, err := t.keep(text)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t *tx) rows(text string, args ...any) (*sql.Rows, error) {
	stmt, err := t.keep(text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(t.ctx, args...)
}

// A row is the first of a result.
type row struct {
	rows *sql.Rows
	err  error
}

func (t *tx) row(text string, args ...any) row {
	rows, err := t.rows(text, args...)
	return row{rows, err}
}

// scan returns sql.ErrNoRows where there is none.
func (r row) scan(to ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(to...); err != nil {
		return err
	}
	return r.rows.Close() // a changed row is only certain after the last step
}

// all reads every row with scan.
func all[T any](rows *sql.Rows, err error, scan func(func(...any) error) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// micros is how an instant is kept: NULL when it is none.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// text is how a text is kept whose absence a filter may ask for.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// instantTo and textTo read what micros and text wrote.
type (
	instantTo struct{ to *time.Time }
	textTo    struct{ to *string }
)

func (i instantTo) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*i.to = time.Time{}
	case int64:
		*i.to = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("an instant is kept as %T", v)
	}
	return nil
}

func (s textTo) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s.to = ""
	case string:
		*s.to = v
	case []byte:
		*s.to = string(v)
	default:
		return fmt.Errorf("a text is kept as %T", v)
	}
	return nil
}

// Waited is how long readers of this process have waited for a connection.
func (s *Store) Waited() time.Duration { return s.reads.Stats().WaitDuration }
