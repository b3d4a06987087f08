package duckdb

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go-bindings"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// A snapshot is a connection, and from the first statement that is of the moment a
// read-only transaction, in which now() is one instant. A file cannot change while it is
// open: other statements need none.
type snapshot struct {
	source  *Source
	engine  *engine
	conn    *connection
	instant time.Time
	reader  *reader // the one that is open
	scoped  bool    // the query is one account's: see fail
	aborted bool    // a statement failed, and with it the transaction
	closed  bool
}

func newSnapshot(ctx context.Context, src *Source, e *engine) (*snapshot, error) {
	e.begun.Add(1)
	s := &snapshot{source: src, engine: e, instant: time.Now().UTC().Truncate(time.Microsecond)}
	var err error
	if s.conn, err = e.connect(ctx, src.config); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *snapshot) Instant() time.Time { return s.instant }

func (s *snapshot) Consistent() bool { return !s.source.config.Folder }

// Close ends the reader that is open, if any, and lets go of the file when no
// other snapshot of it is left.
func (s *snapshot) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	var err error
	if s.reader != nil {
		err = s.reader.Close()
	}
	s.engine.giveBack(s.conn, !s.aborted && !s.source.config.Folder) // a folder's engine ends with it
	s.source.release(s.engine)
	return err
}

// Query compiles q and starts it.
func (s *snapshot) Query(ctx context.Context, q source.Query) (source.Reader, error) {
	s.scoped = q.SQL == "" && !q.Everything
	stmt, err := source.Compile(ctx, q, compiling{s, q})
	if err != nil {
		return nil, err
	}
	r, err := s.run(ctx, stmt.SQL, stmt.Args, stmt.Columns, stmt.Zone)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Untyped is true of a folder: CSV files hold text only.
func (s *snapshot) Untyped() bool { return s.source.config.Folder }

// FromText takes times without an offset as UTC.
func (s *snapshot) FromText(cell source.Cell, f outturn.Field) string {
	return fromText(cell, f, time.UTC)
}

func (s *snapshot) Rescale(cell source.Cell, scale int) string { return rescale(cell, scale) }

// Bytewise undoes what a column says of itself, such as COLLATE NOCASE.
func (s *snapshot) Bytewise(sql string) string { return s.Exact(sql) }

func (s *snapshot) Exact(sql string) string { return sql + " COLLATE C" }

// OneOf is no IN: of five values or more the engine makes a join of that, below all
// conditions, whatever CASE it stands in.
func (s *snapshot) OneOf(value string, list []string) string {
	return "list_contains([" + strings.Join(list, ", ") + "], " + value + ")"
}

// Late hides the type of a parameter where its statement is executed only once. To
// prepare that, the engine then leaves off at the first of them, instead of binding all
// of it, which it does again when it has the values.
func (s *snapshot) Late(placeholder string) string {
	if s.source.config.Linger > 0 {
		return "CAST(" + placeholder + " AS VARCHAR)"
	}
	return "CAST([" + placeholder + "][1] AS VARCHAR)"
}

func (s *snapshot) Widen(cell source.Cell, scale int) string { return widen(cell, scale) }

func (s *snapshot) Attribute(cell source.Cell, name string, words map[string]string, bind func(string) string) string {
	text := attribute(cell, name, bind)
	if len(words) == 0 {
		return text
	}
	// By way of a list, or the engine would work the attribute out for each word.
	return "list_transform([" + text + "], lambda a: " + source.Mapped("a", words, bind) + ")[1]"
}

// Describe tells which columns a SELECT has. Parameters in it are taken as text.
func (s *snapshot) Describe(ctx context.Context, sql string) ([]source.Described, error) {
	return s.describe(ctx, sql, nil)
}

// compiling is the engine of one query: it knows the values of its parameters
// and the zone of its times without one.
type compiling struct {
	*snapshot
	query source.Query
}

func (c compiling) Describe(ctx context.Context, sql string) ([]source.Described, error) {
	return c.describe(ctx, sql, c.query.Args)
}

func (c compiling) FromText(cell source.Cell, f outturn.Field) string {
	zone := time.UTC
	if d := c.query.Dataset; d != nil && d.Period != nil {
		if loc, err := outturn.LoadZone(d.Period.Zone); err == nil {
			zone = loc
		}
	}
	return fromText(cell, f, zone)
}

// describe describes a statement as it will be with args. What has none is asked
// of the engine once: it has the file open, so no column of it can change.
func (s *snapshot) describe(ctx context.Context, sql string, args []string) ([]source.Described, error) {
	if len(args) > 0 || s.source.config.Folder {
		return s.describeAnew(ctx, sql, args)
	}
	if known, ok := s.engine.described.Load(sql); ok {
		return known.([]source.Described), s.ready(ctx)
	}
	columns, err := s.describeAnew(ctx, sql, nil)
	if err == nil && s.engine.descriptions.Add(1) <= mostDescriptions {
		s.engine.described.Store(sql, columns)
	}
	return columns, err
}

// An accountKey is an account in a tenant tree, by the tree's SELECT.
type accountKey struct{ tree, id string }

// mostAccounts bounds what an engine remembers of accounts: some megabytes.
const mostAccounts = 10_000

// Account tells of an account what another snapshot of the open file has read, in
// which nothing can change.
func (s *snapshot) Account(tree, id string) (outturn.Account, bool) {
	known, ok := s.engine.accounts.Load(accountKey{tree, id})
	if !ok || s.closed {
		return outturn.Account{}, false
	}
	return known.(outturn.Account), true
}

// Remember keeps an account for the snapshots to come. A folder's engine has none.
func (s *snapshot) Remember(tree string, a outturn.Account) {
	if !s.source.config.Folder && s.engine.known.Add(1) <= mostAccounts {
		s.engine.accounts.Store(accountKey{tree, a.ID}, a)
	}
}

// mostDescriptions bounds what an engine remembers. It is far more than a
// catalogue has.
const mostDescriptions = 1000

func (s *snapshot) describeAnew(ctx context.Context, sql string, args []string) ([]source.Described, error) {
	names, types, err := s.columnsOf(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	columns := make([]source.Described, len(names))
	seen := map[string]bool{}
	for i, name := range names {
		folded := strings.ToLower(name)
		if seen[folded] {
			return nil, outturn.Errorf(outturn.CodeQueryFailed, "The SELECT has two columns with the name %q. Give one of them another name with AS.", name)
		}
		seen[folded] = true
		if columns[i], err = types[i].describe(name); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

// columnsOf asks the engine for a statement's columns without running it. With
// parameters whose types only their use would tell, the engine cannot say before
// they are bound; then the statement runs, cut to no rows, which the engine
// answers without reading anything.
func (s *snapshot) columnsOf(ctx context.Context, sql string, args []string) (names []string, types []engineType, err error) {
	stmt, err := s.prepare(ctx, sql)
	if err != nil {
		return nil, nil, err
	}
	defer duck.DestroyPrepare(&stmt)
	params := int(duck.NParams(stmt))
	if params == 0 {
		for i := range duck.PreparedStatementColumnCount(stmt) {
			names = append(names, duck.PreparedStatementColumnName(stmt, i))
			types = append(types, typeOf(duck.PreparedStatementColumnLogicalType(stmt, i)))
		}
		return names, types, nil
	}
	for args = slices.Clip(args); len(args) < params; {
		args = append(args, "")
	}
	r, err := s.start(ctx, "SELECT * FROM (SELECT * FROM ("+source.TrimStatement(sql)+")) LIMIT 0", args)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for i := range duck.ColumnCount(&r.result) {
		names = append(names, duck.ColumnName(&r.result, i))
		types = append(types, typeOf(duck.ColumnLogicalType(&r.result, i)))
	}
	return names, types, nil
}

// Tables lists tables and views, those outside the main schema with its name.
func (s *snapshot) Tables(ctx context.Context) (tables []string, err error) {
	const sql = `
SELECT CASE WHEN schema = 'main' THEN name ELSE schema || '.' || name END AS name
FROM (
  SELECT schema_name AS schema, table_name AS name FROM duckdb_tables()
  WHERE database_name = current_database() AND NOT internal
  UNION ALL
  SELECT schema_name, view_name FROM duckdb_views()
  WHERE database_name = current_database() AND NOT internal
)
ORDER BY 1`
	r, err := s.run(ctx, sql, nil, []batch.Column{{Name: "name", Type: outturn.Text}}, time.UTC)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b batch.Batch
	for {
		if err := r.Next(&b); err == io.EOF {
			return tables, nil
		} else if err != nil {
			return nil, err
		}
		for i := range b.Rows() {
			tables = append(tables, string(b.Text(0, i)))
		}
	}
}

// run starts a statement. args are bound as text; want is what the batches must
// hold, column by column; zone is where times without a zone are at home.
func (s *snapshot) run(ctx context.Context, sql string, args []string, want []batch.Column, zone *time.Location) (*reader, error) {
	r, err := s.start(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	if err := r.convertTo(want, zone); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// start prepares, binds and executes a statement.
func (s *snapshot) start(ctx context.Context, sql string, args []string) (*reader, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	stmt, again := s.conn.take(sql)
	if !again {
		again = !s.ofTheMoment(ctx, sql)
		if !again {
			if err := s.conn.begin(ctx, s.source.config.Path); err != nil {
				return nil, err
			}
		}
		var err error
		if stmt, err = s.prepare(ctx, sql); err != nil {
			return nil, err
		}
	}
	r := &reader{ctx: ctx, snapshot: s, sql: sql, stmt: stmt, again: again && bytesOf(args) <= mostBound}
	r.fetching, r.stop = context.WithCancel(ctx)
	if params := int(duck.NParams(stmt)); params != len(args) {
		err := outturn.Errorf(outturn.CodeInvalid, "The statement has %d parameters, but %d values were given.", params, len(args))
		return nil, errors.Join(err, r.Close())
	}
	for i, arg := range args {
		if duck.BindVarchar(stmt, duck.IdxT(i+1), arg) != duck.StateSuccess {
			err := s.fail(ctx, duck.PrepareError(stmt))
			return nil, errors.Join(err, r.Close())
		}
	}
	s.conn.midway = true
	var failure string
	interruptible(ctx, s.conn.Connection, func() { failure = executeTasks(stmt, &r.result) })
	if failure != "" {
		return nil, errors.Join(s.fail(ctx, failure), r.Close())
	}
	s.reader = r
	return r, nil
}

// mostBound is how many bytes of arguments a statement may have that is kept: the engine
// keeps two copies of them with it.
const mostBound = 64 << 10

func bytesOf(args []string) (n int) {
	for _, arg := range args {
		n += len(arg)
	}
	return n
}

// prepare makes a statement of sql, which must be one SELECT. The caller
// destroys it.
func (s *snapshot) prepare(ctx context.Context, sql string) (stmt duck.PreparedStatement, err error) {
	if err := s.ready(ctx); err != nil {
		return stmt, err
	}
	if strings.ContainsRune(sql, 0) {
		return stmt, outturn.Errorf(outturn.CodeQueryFailed, "The statement has a NUL character in it.")
	}
	var list duck.ExtractedStatements
	count := duck.ExtractStatements(s.conn.Connection, sql, &list)
	defer duck.DestroyExtracted(&list)
	switch {
	case count == 0:
		if text := duck.ExtractStatementsError(list); text != "" {
			return stmt, s.fail(ctx, text)
		}
		return stmt, outturn.Errorf(outturn.CodeQueryFailed, "The statement is empty.")
	case count > 1:
		return stmt, outturn.Errorf(outturn.CodeQueryFailed, "There are %d statements. A report is made of one SELECT.", count)
	case !source.StartsSelect(sql):
		return stmt, source.NotSelect()
	}
	var state duck.State
	interruptible(ctx, s.conn.Connection, func() { state = duck.PrepareExtractedStatement(s.conn.Connection, list, 0, &stmt) })
	if state != duck.StateSuccess {
		err = s.fail(ctx, duck.PrepareError(stmt))
	} else if duck.PreparedStatementType(stmt) != duck.StatementTypeSelect {
		err = source.NotSelect()
	}
	if err != nil {
		duck.DestroyPrepare(&stmt)
	}
	return stmt, err
}

// ready reports why the snapshot cannot take a statement now, and ends the transaction
// in which one has failed.
func (s *snapshot) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return source.Stopped(ctx)
	case s.closed:
		return errors.New("duckdb: the snapshot is closed")
	case s.reader != nil:
		return errors.New("duckdb: the snapshot's last reader is still open")
	case !s.aborted:
		return nil
	}
	if err := s.conn.rollback(ctx, s.source.config.Path); err != nil {
		return err
	}
	s.aborted = false
	return nil
}

// fail translates the engine's error about a statement. The account that a query
// is made for is not told what may be of another's row: an author's SELECT is
// worked out before the scope is applied.
func (s *snapshot) fail(ctx context.Context, text string) error {
	s.aborted = true
	err := translate(ctx, "", text, s.source.config.Path)
	if s.scoped && ctx.Err() == nil && quotesRows(text) {
		err = source.Withheld(engineError(strings.TrimSpace(text)))
	}
	if fatal(err) {
		s.engine.broken.Store(true)
	}
	return err
}

// interruptible runs a call of the engine and interrupts it when ctx ends. An
// interrupt that comes before the engine has begun is lost, hence again and
// again until the call is over.
func interruptible(ctx context.Context, conn duck.Connection, call func()) {
	over, left := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(left)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			duck.Interrupt(conn)
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	})
	call()
	close(over)
	if !stop() {
		<-left
	}
}
