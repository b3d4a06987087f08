package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/mattn/go-sqlite3"

	"outturn"
)

// Everything that is SQLite's own stands here and in migrations/00002_guards.sql.
// The other statements are SQL that PostgreSQL takes as well; what it would do
// otherwise is said beside each part.

// bind gives a statement the placeholders of the database. They are written ?1, ?2
// and may repeat. SQLite looks at what is bound to a bare one when it chooses an index, and
// so prepares the statement anew each time that it is bound; a plus before it, which leaves
// every value as it is, tells it not to. Only for LIKE it should: what begins with a text
// is a part of an index. PostgreSQL: ReplaceAll(text, "?", "$"); no statement has a
// question mark that is none.
func bind(text string) string { return binder.Replace(text) }

var binder = strings.NewReplacer("LIKE ?", "LIKE ?", "?", "+?")

// Settings of every connection. synchronous FULL: a commit is on the disk when it
// returns, so what was migrated survives a power cut, not only a crash; see noWait for
// the writer's. LIKE tells
// upper from lower case, as an Expr says and PostgreSQL does by itself.
var settings = []string{
	"busy_timeout(5000)", // another process, such as client add beside serve
	"journal_mode(WAL)",
	"synchronous(FULL)",
	"foreign_keys(1)",
	"case_sensitive_like(1)",
	"temp_store(MEMORY)",
	"wal_autocheckpoint(64000)",     // 256 MB, should the writer not get it empty before
	"journal_size_limit(201326592)", // 192 MB, with which it begins anew
}

// openWriting opens the one connection that changes things. PostgreSQL: a pool;
// each batch of the writer is a transaction all the same.
func openWriting(path string) *sql.DB {
	return open(path, 1, "_txlock=immediate", "cache_size(-16000)")
}

// openReading opens connections that see one committed state a transaction and
// refuse to change anything. PostgreSQL: REPEATABLE READ, READ ONLY.
func openReading(path string) *sql.DB {
	return open(path, max(4, runtime.GOMAXPROCS(0)), "", "cache_size(-4000)", "query_only(1)")
}

// openLooking opens what may be no ledger: it leaves a file as it is, also its
// journal's mode.
func openLooking(path string) *sql.DB {
	return connect(path, 1, "", "busy_timeout(5000)", "query_only(1)")
}

func openCopying(path string) *sql.DB { return open(path, 1, "") }

// copyTo writes a copy of one committed state. PostgreSQL has pg_dump for it.
const copyTo = `VACUUM INTO ?1`

func open(path string, connections int, mode string, more ...string) *sql.DB {
	return connect(path, connections, mode, slices.Concat(settings, more)...)
}

// driverOf is the driver by which a connection is opened that has made settings.
var driverOf = func(settings []string) driver.Driver {
	return &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		for _, s := range settings {
			if _, err := c.Exec("PRAGMA "+s, nil); err != nil {
				return err
			}
		}
		return nil
	}}
}

// A connector opens connections with the same settings.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

// connect opens no connection yet: what is wrong with the file shows at the first statement.
func connect(path string, connections int, mode string, settings ...string) *sql.DB {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + mode
	db := sql.OpenDB(connector{driverOf(settings), dsn})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db
}

// begin takes the write lock at once, so that no batch has to be begun again
// because another process was faster. PostgreSQL: BEGIN, and FOR UPDATE where a
// row is read to be changed.
const begin = `BEGIN IMMEDIATE`

// noWait has the writer's commits not wait for the disk: it syncs the journal itself.
// PostgreSQL: a commit waits, and one sync of its server is for many.
const noWait = `PRAGMA synchronous = NORMAL`

// openJournal opens the file that has what was committed and is not in the ledger's own
// yet. It is there as long as a connection is, and no lock is held by it, which SQLite
// would lose when the file is closed. PostgreSQL: has none to sync.
var openJournal = func(path string) (syncer, error) {
	f, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeStorageUnavailable, "The ledger's journal cannot be opened: %w.", err)
	}
	return journal{f}, nil
}

// openEmptying opens the connection by which the journal is emptied, and empty does it,
// waiting for nobody. PostgreSQL: does so by itself.
func openEmptying(path string) *sql.DB { return open(path, 1, "") }

const empty = `PRAGMA wal_checkpoint(PASSIVE)`

// noRoom reports whether the system has no room for what was to be written.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// unsynced says for people that the journal could not be synced.
func unsynced(err error) error {
	code := outturn.CodeStorageUnavailable
	if noRoom(err) {
		code = outturn.CodeDiskFull
	}
	return outturn.Errorf(code, "The disk failed to keep what was written to the ledger, and nothing is changed any more. Look at the disk, then start the server again: %w.", err)
}

// useIndex makes the list engine's choice certain. PostgreSQL: "", its statistics
// choose well.
func useIndex(name string) string { return " INDEXED BY " + name }

// countTables counts the tables of a name, and all, at one moment. PostgreSQL:
// pg_tables.
const countTables = `SELECT count(CASE WHEN name = ?1 THEN 1 END), count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`

// schemaOf reads what there is of tables and views, and how it was made. PostgreSQL:
// pg_class, pg_trigger, pg_get_indexdef and so on.
const schemaOf = `SELECT type, name, sql FROM sqlite_schema WHERE tbl_name IN (?1, ?2, ?3, ?4)`

// checkTable is what says "ok" where a table and its indexes have the same rows.
// PostgreSQL: bt_index_check.
func checkTable(name string) string { return `PRAGMA integrity_check(` + name + `)` }

// isUnique and isForeign report why a row was refused. PostgreSQL: 23505, 23503.
func isUnique(err error) bool {
	e := errorOf(err)
	return e.ExtendedCode == sqlite3.ErrConstraintUnique || e.ExtendedCode == sqlite3.ErrConstraintPrimaryKey
}

// isRefused reports that a trigger did not let a row be as it was to be.
func isRefused(err error) bool { return errorOf(err).ExtendedCode == sqlite3.ErrConstraintTrigger }

func isForeign(err error) bool { return errorOf(err).ExtendedCode == sqlite3.ErrConstraintForeignKey }

// errorOf is the database's error in err, or none.
func errorOf(err error) (e sqlite3.Error) {
	errors.As(err, &e)
	return e
}

// fault says in words for people what a failure of the database means. An Error
// of ours and the end of a context stay as they are.
func fault(step string, err error) error {
	var own *outturn.Error
	if err == nil || errors.As(err, &own) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	err = fmt.Errorf("ledger: %s: %w", step, err)
	var code outturn.Code
	var told string
	switch e := errorOf(err); e.Code {
	case sqlite3.ErrFull:
		code, told = outturn.CodeDiskFull, "The disk that holds the ledger is full. Free some room and try again: nothing of this was saved, and what was accepted before is safe."
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrProtocol:
		code, told = outturn.CodeUnavailable, "Another process holds the ledger. Try again in a moment."
	case sqlite3.ErrNotADB, sqlite3.ErrCorrupt:
		code, told = outturn.CodeStorageUnavailable, "The ledger's file is damaged, or is no ledger. Stop the server and restore a backup."
	case sqlite3.ErrReadonly, sqlite3.ErrPerm, sqlite3.ErrCantOpen, sqlite3.ErrAuth:
		code, told = outturn.CodeStorageUnavailable, "The ledger's file cannot be opened for writing. Check that it and its folder belong to the user that runs Outturn."
	case sqlite3.ErrIoErr:
		code, told = outturn.CodeStorageUnavailable, "The disk that holds the ledger reports an error. Try again later; the operator should look at the disk."
		if noRoom(e.SystemErrno) {
			code = outturn.CodeDiskFull
		}
	default:
		return err
	}
	return &outturn.Error{Code: code, Message: told, Err: err}
}
