package duckdb

import (
	"context"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
)

// An engine is one open DuckDB database and the folder of its temporary files.
type engine struct {
	db    duck.Database
	temp  *tempFolder
	leave bool // see Config.Leave

	file         os.FileInfo // which file it has open; nil for a folder's
	users        int         // snapshots; guarded by Source.mu
	closer       *time.Timer // closes it when it has had no user for a while; guarded by Source.mu
	described    sync.Map    // SELECT → []source.Described
	descriptions atomic.Int64
	scans        sync.Map // SELECT → scan
	scanned      atomic.Int64
	accounts     sync.Map // accountKey → outturn.Account
	known        atomic.Int64
	lists        lists
	begun        atomic.Int64 // snapshots, ever

	looking        sync.Mutex
	looked, moving bool // see moves

	broken atomic.Bool // the engine gave up on itself: open no further snapshot

	mu   sync.Mutex
	idle []*connection // set up, and nothing goes on on them
}

// mostIdle is how many connections wait for the next snapshot. More than run at
// once are of no use.
const mostIdle = 16

// connect returns a connection for a snapshot: the one that was used last, for to
// set one up takes as long as to answer a small question.
func (e *engine) connect(ctx context.Context, c Config) (*connection, error) {
	e.mu.Lock()
	if last := len(e.idle) - 1; last >= 0 {
		conn := e.idle[last]
		e.idle = e.idle[:last]
		e.mu.Unlock()
		return conn, nil
	}
	e.mu.Unlock()
	conn, ok := newConnection(e.db)
	if !ok {
		return nil, outturn.Errorf(outturn.CodeInternal, "The DuckDB engine takes no connection.")
	}
	if !c.Progress {
		return conn, nil
	}
	for _, sql := range []string{
		"SET enable_progress_bar_print = false", // first, for nothing may go to our standard output
		"SET enable_progress_bar = true",
		"SET progress_bar_time = 0",
	} {
		if err := execute(ctx, conn.Connection, "", sql, c.Path); err != nil {
			conn.close()
			return nil, err
		}
	}
	return conn, nil
}

// giveBack takes a connection whose snapshot has ended. One on which a statement
// failed is not used again.
func (e *engine) giveBack(conn *connection, sound bool) {
	if sound && conn.end() == nil {
		e.mu.Lock()
		if len(e.idle) < mostIdle {
			e.idle = append(e.idle, conn)
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
	}
	conn.close()
}

// openFile opens a DuckDB file read-only.
func openFile(ctx context.Context, c Config) (*engine, error) {
	e, err := open(c, c.Path, "READ_ONLY")
	if err != nil {
		return nil, err
	}
	if err := e.setUp(ctx, c, nil); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// openFolder opens an empty database in memory with a view for each table of the
// folder.
func openFolder(ctx context.Context, c Config) (*engine, error) {
	views, err := folderViews(c.Path)
	if err != nil {
		return nil, err
	}
	e, err := open(c, ":memory:", "READ_WRITE")
	if err != nil {
		return nil, err
	}
	// Once external access is off, the engine still may read this folder.
	if err := e.setUp(ctx, c, views); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func open(c Config, path, mode string) (*engine, error) {
	var config duck.Config
	if duck.CreateConfig(&config) != duck.StateSuccess {
		return nil, outturn.Errorf(outturn.CodeInternal, "The DuckDB engine has no configuration.")
	}
	defer duck.DestroyConfig(&config)
	for _, option := range [][2]string{
		{"access_mode", mode},
		{"memory_limit", engineShare(c.Memory)},
		{"threads", c.threads()},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
	} {
		if duck.SetConfig(config, option[0], option[1]) != duck.StateSuccess {
			return nil, outturn.Errorf(outturn.CodeInvalid, "The DuckDB engine does not take the setting %s = %q.", option[0], option[1])
		}
	}
	e := &engine{leave: c.Leave && runtime.GOOS == "linux"}
	var message string
	if duck.OpenExt(path, &e.db, config, &message) != duck.StateSuccess {
		duck.Close(&e.db)
		return nil, translate(context.Background(), "open "+path, message, path)
	}
	return e, nil
}

// setUp gives the engine its temporary folder and its tables, then takes from it
// all access to anything else and locks that.
func (e *engine) setUp(ctx context.Context, c Config, views []view) error {
	var err error
	if e.temp, err = newTempFolder(c.TempDir); err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The folder %s for temporary files cannot be used: %w.", c.TempDir, err)
	}
	var conn duck.Connection
	if duck.Connect(e.db, &conn) != duck.StateSuccess {
		return outturn.Errorf(outturn.CodeInternal, "The DuckDB engine takes no connection.")
	}
	defer duck.Disconnect(&conn)
	exec := func(sql string) error { return execute(ctx, conn, "set up", sql, c.Path) }

	for _, sql := range []string{
		"SET temp_directory = " + quoteText(e.temp.path),
		"SET max_temp_directory_size = " + quoteText(c.TempQuota),
		"SET allow_persistent_secrets = false",
		"SET GLOBAL TimeZone = 'UTC'",
	} {
		if err := exec(sql); err != nil {
			return err
		}
	}
	for _, v := range views {
		if err := v.create(ctx, conn); err != nil {
			return err
		}
	}
	if len(views) > 0 {
		if err := exec("SET allowed_paths = " + textList(files(views))); err != nil {
			return err
		}
	}
	if err := exec("SET enable_external_access = false"); err != nil {
		return err
	}
	if err := exec("SET allowed_configs = ['enable_progress_bar', 'enable_progress_bar_print', 'progress_bar_time']"); err != nil {
		return err // these are settings of each connection
	}
	return exec("SET lock_configuration = true")
}

func (e *engine) close() {
	if !e.leave {
		for _, conn := range e.idle {
			conn.close()
		}
		duck.Close(&e.db)
	}
	if e.temp != nil {
		e.temp.remove()
	}
}

// execute runs a statement of ours that has no result worth reading. step and
// path are for translate.
func execute(ctx context.Context, conn duck.Connection, step, sql, path string) error {
	var res duck.Result
	var state duck.State
	interruptible(ctx, conn, func() { state = duck.Query(conn, sql, &res) })
	defer duck.DestroyResult(&res)
	if state != duck.StateSuccess {
		return translate(ctx, step, duck.ResultError(&res), path)
	}
	return nil
}

// quoteText makes any text an SQL string.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

var sizeText = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([KMGT]?i?B)$`)

// engineShare returns the limit that makes the engine hold to memory. The engine
// counts its buffers against its limit and not all else it allocates: about a
// sixth of 128 MB when it scans a wide table.
func engineShare(memory string) string {
	parts := sizeText.FindStringSubmatch(memory)
	if parts == nil {
		return memory // for the engine to refuse
	}
	amount, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return memory
	}
	for _, unit := range []string{"KB", "MB", "GB", "TB"} {
		if parts[2] == "B" {
			break
		}
		base := 1000.0
		if strings.HasSuffix(parts[2], "iB") {
			base = 1024
		}
		amount *= base
		if strings.HasPrefix(parts[2], unit[:1]) {
			break
		}
	}
	return strconv.FormatInt(int64(amount*4/5), 10) + "B"
}
