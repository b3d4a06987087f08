package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// A snapshot is a read-only transaction whose statements all see what was committed
// when it began. Each statement stands behind the same savepoint, so that one that
// fails, or is left before its end, does not end the snapshot.
type snapshot struct {
	source  *Source
	conn    *conn
	begun   time.Time // by the clock here
	instant time.Time
	shared  string // the name under which other connections may import it
	replica bool
	lenient bool          // the database has collations that take different texts for equal
	reader  source.Reader // the one that is open
	failed  bool          // the transaction is to go back to its savepoint
	closed  bool
}

// savepoint is what the snapshot goes back to.
const savepoint = "outturn"

// begin opens the transaction and settles everything that texts depend on: what the
// server's or the role's settings say of dates does not count.
func (s *snapshot) begin(ctx context.Context) error {
	if err := s.conn.simple(ctx, s.source.beginSQL(ctx, s.conn, "")); err != nil {
		return translate(ctx, err)
	}
	share := "''"
	if s.source.config.Parallel > 1 { // a transaction that has a savepoint cannot
		share = "CASE WHEN NOT pg_is_in_recovery() THEN pg_export_snapshot() END"
	}
	row, err := s.conn.row(ctx, `SELECT to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), pg_is_in_recovery(), `+share+`, EXISTS (SELECT FROM pg_collation WHERE NOT collisdeterministic), `+whoami)
	if err != nil {
		return translate(ctx, err)
	}
	if s.instant, err = time.Parse(time.RFC3339Nano, row[0]); err != nil {
		return outturn.Errorf(outturn.CodeInternal, "postgres: %w", err)
	}
	s.replica, s.shared, s.lenient, s.conn.server, s.conn.session = row[1] == "t", row[2], row[3] == "t", row[4], row[5]
	return translate(ctx, s.conn.simple(ctx, "SAVEPOINT "+savepoint))
}

// whoami selects what a watch knows a session by.
const whoami = `CAST(pg_postmaster_start_time() AS TEXT), pg_backend_pid()`

// join opens a connection of its own to the same snapshot.
func (s *snapshot) join(ctx context.Context) (*conn, error) {
	c, err := s.source.connect(ctx)
	if err != nil {
		return nil, err
	}
	err = c.simple(ctx, s.source.beginSQL(ctx, c, s.shared))
	if err == nil {
		var row []string
		if row, err = c.row(ctx, "SELECT "+whoami); err == nil {
			c.server, c.session = row[0], row[1]
			return c, nil
		}
	}
	c.close()
	return nil, translate(ctx, err)
}

// beginSQL opens a transaction, of a snapshot that is shared where one is named.
func (s *Source) beginSQL(ctx context.Context, c *conn, shared string) string {
	var b strings.Builder
	b.WriteString("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;")
	if shared != "" {
		b.WriteString("SET TRANSACTION SNAPSHOT " + literal(shared) + ";")
	}
	name := "outturn"
	if purpose := source.Purpose(ctx); purpose != "" {
		name += " " + purpose
	}
	encoding := "UTF8"
	if c.unchecked { // as it is, to be looked at here: the database would not say which column it is
		encoding = "SQL_ASCII"
	}
	for _, set := range [][2]string{
		{"application_name", name}, {"statement_timeout", millis(s.config.StatementTimeout)}, {"jit", "off"},
		{"client_encoding", encoding}, {"DateStyle", "ISO, YMD"}, {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
		{"bytea_output", "hex"}, {"extra_float_digits", "1"},
		{"standard_conforming_strings", "on"}, {"idle_in_transaction_session_timeout", "0"},
	} {
		fmt.Fprintf(&b, "SET LOCAL %s = %s;", set[0], literal(set[1]))
	}
	return b.String()
}

func (s *snapshot) Instant() time.Time { return s.instant }

func (s *snapshot) Consistent() bool { return true }

// Close ends the reader that is open, if any, and the connection.
func (s *snapshot) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	var err error
	if s.reader != nil {
		err = s.reader.Close()
	}
	s.conn.close()
	return err
}

// ready reports why the snapshot cannot take a statement now, and goes back to the
// savepoint after one that failed.
func (s *snapshot) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return source.Stopped(ctx)
	case s.closed:
		return errors.New("postgres: the snapshot is closed")
	case s.reader != nil:
		return errors.New("postgres: the snapshot's last reader is still open")
	case s.conn.broken:
		return outturn.Errorf(outturn.CodeSourceUnavailable, "The connection to the database was lost.")
	case s.tooOld():
		return s.source.tooOld()
	case !s.failed:
		return nil
	}
	if err := s.conn.simple(ctx, "ROLLBACK TO SAVEPOINT "+savepoint); err != nil {
		return translate(ctx, err)
	}
	s.failed = false
	return nil
}

func (s *snapshot) tooOld() bool {
	return s.source.config.MaxAge > 0 && time.Since(s.begun) >= s.source.config.MaxAge
}

func (s *Source) tooOld() error {
	return outturn.Errorf(outturn.CodeQueryTimeout, "The report's snapshot of the database was open for %s, which is the longest it may be (max_snapshot_age), and was given up. Ask for fewer rows at a time, or have the operator allow more.", s.config.MaxAge)
}

// within gives a context the end of the snapshot's age.
func (s *snapshot) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.source.config.MaxAge <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, s.begun.Add(s.source.config.MaxAge), s.source.tooOld())
}

// fail translates what the database says of a statement.
func (s *snapshot) fail(ctx context.Context, err error, scoped bool) error {
	s.failed = true
	told := translate(ctx, err)
	if scoped && ctx.Err() == nil && quotesRows(err) {
		told = source.Withheld(err)
	}
	return told
}

// Query compiles q and starts it: over several connections where it can be split and
// that was allowed, else over the snapshot's own.
func (s *snapshot) Query(ctx context.Context, q source.Query) (source.Reader, error) {
	ctx, cancel := s.within(ctx)
	r, err := s.query(ctx, q, cancel)
	if err != nil {
		cancel()
		return nil, err
	}
	s.reader = r
	return r, nil
}

func (s *snapshot) query(ctx context.Context, q source.Query, done context.CancelFunc) (source.Reader, error) {
	if q.SQL != "" || q.Dataset == nil {
		if err := onlySelect(q.SQL); err != nil {
			return nil, err
		}
	}
	stmt, err := s.statement(ctx, q)
	if err != nil {
		return nil, err
	}
	parts, err := s.split(ctx, q, stmt)
	if err != nil {
		return nil, err
	}
	if parts != nil {
		return s.readParts(ctx, parts, done)
	}
	return s.start(ctx, stmt, q.SQL == "" && !q.Everything, done)
}

// start sends a statement and waits until the database has understood it.
func (s *snapshot) start(ctx context.Context, stmt source.Statement, scoped bool, done context.CancelFunc) (*reader, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	r := &reader{ctx: ctx, done: done, snapshot: s, scoped: scoped}
	if err := s.tell(ctx, s.conn, stmt.Scope); err != nil {
		return nil, s.fail(ctx, err, scoped)
	}
	fields, params, err := s.conn.parse(ctx, stmt.SQL)
	if err != nil { // no row has been looked at
		return nil, s.fail(ctx, err, false)
	}
	if params != len(stmt.Args) {
		return nil, outturn.Errorf(outturn.CodeQueryFailed, "The statement has %d parameters, and %d values were given.", params, len(stmt.Args))
	}
	if err := r.decoder.prepare(stmt, fields, s.conn.unchecked); err != nil {
		return nil, err
	}
	if err := s.conn.execute(ctx, stmt.Args, r.decoder.formats); err != nil {
		return nil, s.fail(ctx, err, scoped)
	}
	return r, nil
}

// tell tells a database that guards its rows whose a statement may see.
func (s *snapshot) tell(ctx context.Context, c *conn, scope source.Scope) error {
	_, err := c.row(ctx, source.SetScope, scope.Args()...)
	return err
}

// parse has the database understand a statement, which is then the unnamed one, and
// returns its columns and how many parameters it has.
func (c *conn) parse(ctx context.Context, sql string) (fields []pgproto3.FieldDescription, params int, err error) {
	err = c.until(ctx, func() error {
		if err := c.say(&pgproto3.Parse{Query: sql}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Sync{}); err != nil {
			return err
		}
		if err := c.send(); err != nil {
			return err
		}
		none := false
		err := c.answers(func(kind byte, body []byte) error {
			switch kind {
			case 'T':
				var d pgproto3.RowDescription
				if err := d.Decode(body); err != nil {
					return err
				}
				for _, f := range d.Fields {
					f.Name = append([]byte(nil), f.Name...)
					fields = append(fields, f)
				}
			case 't':
				var d pgproto3.ParameterDescription
				if err := d.Decode(body); err != nil {
					return err
				}
				params = len(d.ParameterOIDs)
			case 'n':
				none = true
			}
			return nil
		})
		if err == nil && none {
			err = source.NotSelect()
		}
		return err
	})
	return fields, params, err
}

// execute runs the statement that was parsed, whose rows a reader then takes.
func (c *conn) execute(ctx context.Context, args []string, formats []int16) error {
	return c.until(ctx, func() error {
		if err := c.say(bind(args, formats), &pgproto3.Execute{}, &pgproto3.Sync{}); err != nil {
			return err
		}
		return c.send()
	})
}

// onlySelect refuses what is no query; the transaction is read-only besides.
func onlySelect(sql string) error {
	if strings.ContainsRune(sql, 0) {
		return outturn.Errorf(outturn.CodeQueryFailed, "The statement has a character in it that is none: U+0000.")
	}
	if !source.StartsSelect(sql) {
		return source.NotSelect()
	}
	return nil
}

// Describe tells which columns a SELECT has, without running it.
func (s *snapshot) Describe(ctx context.Context, sql string) ([]source.Described, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if err := onlySelect(sql); err != nil {
		return nil, err
	}
	fields, _, err := s.conn.parse(ctx, sql)
	if err != nil {
		return nil, s.fail(ctx, err, false)
	}
	columns := make([]source.Described, len(fields))
	seen := map[string]bool{}
	for i, f := range fields {
		name := string(f.Name)
		folded := strings.ToLower(name)
		if seen[folded] {
			return nil, outturn.Errorf(outturn.CodeQueryFailed, "The SELECT has two columns with the name %q. Give one of them another name with AS.", name)
		}
		seen[folded] = true
		columns[i] = described(name, f.DataTypeOID, f.TypeModifier)
		if columns[i].Engine == "" {
			if columns[i].Engine, err = s.source.types.name(ctx, s.conn, f.DataTypeOID); err != nil {
				return nil, s.fail(ctx, err, false)
			}
		}
	}
	return columns, nil
}

// Tables lists tables and views, those outside the role's first schema with its name.
func (s *snapshot) Tables(ctx context.Context) (tables []string, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	rows, err := s.conn.rows(ctx, `
SELECT CASE WHEN n.nspname = current_schema() THEN c.relname ELSE n.nspname || '.' || c.relname END AS name
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
ORDER BY 1`)
	if err != nil {
		return nil, s.fail(ctx, err, false)
	}
	for _, row := range rows {
		tables = append(tables, row[0])
	}
	return tables, nil
}

// A reader streams the rows of one statement over the snapshot's connection.
type reader struct {
	ctx      context.Context
	done     context.CancelFunc
	snapshot *snapshot
	scoped   bool
	decoder  decoder
	ended    bool  // the database has said all
	err      error // sticks
	closed   bool
}

func (r *reader) Columns() []batch.Column { return r.decoder.columns }

// Replaced is 0: what is no UTF-8 ends the query, for it is the database's to mend.
func (r *reader) Replaced() int64 { return 0 }

// Progress is not known: the database does not tell.
func (r *reader) Progress() (share float64, known bool) { return 0, false }

func (r *reader) Next(b *batch.Batch) error {
	b.Reset(r.decoder.columns)
	if r.err != nil {
		return r.err
	}
	err := r.snapshot.conn.until(r.ctx, func() error { return r.decoder.fill(r.snapshot.conn, b) })
	r.ended = r.decoder.ended
	switch err {
	case nil:
		return nil
	case errEnd:
		r.err = io.EOF
	default:
		r.err = r.snapshot.fail(r.ctx, err, r.scoped)
	}
	if r.err == io.EOF && b.Rows() > 0 {
		return nil
	}
	b.Reset(r.decoder.columns)
	return r.err
}

// Close ends the statement, done or not, and waits for the database to let go.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	defer r.done()
	if r.err == nil || r.err == io.EOF {
		r.err = errors.New("postgres: the reader is closed")
	}
	if !r.ended {
		r.snapshot.failed = true
		r.snapshot.conn.breakOff()
	}
	if r.snapshot.reader == r {
		r.snapshot.reader = nil
	}
	return nil
}

// breakOff ends what the database does for the connection and reads what is on its way.
func (c *conn) breakOff() {
	if c.broken {
		return
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	c.large.wait(false)
	_ = c.whenEnded(ended, func() error { return c.answers(nil) })
}
