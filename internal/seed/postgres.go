package seed

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"outturn"
)

// mark ends the comment of every table that runPostgres makes. Only such tables are
// replaced: an operator's own table may well be called "orders".
const mark = "Made by outturn seed."

// afterRows holds the references and indexes.
//
//go:embed postgres.sql
var afterRows string

// isPostgres reports whether a target is a PostgreSQL database.
func isPostgres(to string) bool {
	return strings.HasPrefix(to, "postgres://") || strings.HasPrefix(to, "postgresql://")
}

// parsePostgres reads the address of a database, without asking it anything.
func parsePostgres(to string) (*pgconn.Config, error) {
	c, err := pgconn.ParseConfig(to)
	if err != nil || strings.Contains(c.Host, "@") {
		// What is wrong is not quoted: a part of the password may be in it.
		return nil, outturn.Errorf(outturn.CodeInvalid, "The address of the PostgreSQL database cannot be read. Write postgres://USER@HOST:PORT/DATABASE, with the password after USER and a colon, and as %%XX what is neither letter nor digit in it.")
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "outturn seed"
	}
	c.RuntimeParams["client_encoding"] = "UTF8"
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 5 * time.Second}
	}
	return c, nil
}

// runPostgres fills a schema of a PostgreSQL database: in one transaction, so that
// others see all of it or what was there before.
func runPostgres(ctx context.Context, c Config) (result Result, err error) {
	config, err := parsePostgres(c.To)
	if err != nil {
		return result, err
	}
	target := fmt.Sprintf("the database %q at %s:%d", config.Database, config.Host, config.Port)
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return result, postgresError(ctx, target, config.User, err)
	}
	// Whatever was not committed goes with the connection. The context may have ended.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	db := &postgres{conn: conn, progress: c.Progress}
	if result, err = db.fill(ctx, c); err != nil {
		return Result{}, postgresError(ctx, target, config.User, err)
	}
	return result, nil
}

// postgresError says what the database's complaint means and who must act.
func postgresError(ctx context.Context, target, user string, err error) error {
	if ctx.Err() != nil {
		return outturn.Errorf(outturn.CodeCancelled, "Seeding %s was stopped; nothing in it was changed. %w", target, ctx.Err())
	}
	var own *outturn.Error
	if errors.As(err, &own) {
		return err
	}
	var told *pgconn.PgError
	if !errors.As(err, &told) {
		return outturn.Errorf(outturn.CodeSourceUnavailable, "PostgreSQL cannot be reached, or was lost, so nothing was made in %s. Check host, port and sslmode, and whether the server runs. %w", target, reason(err))
	}
	says := told.Message
	if told.Detail != "" {
		says += ": " + told.Detail
	}
	switch told.Code {
	case "28P01", "28000":
		return outturn.Errorf(outturn.CodeSourceUnavailable, "%s does not let the role %q in: %s. Check name and password, and pg_hba.conf on the server.", upperFirst(target), user, says)
	case "3D000":
		return outturn.Errorf(outturn.CodeSourceUnavailable, "There is no %s. Make it first: createdb --encoding UTF8 NAME.", strings.TrimPrefix(target, "the "))
	case "42501", "25006":
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The role %q may not make the tables in %s: %s. Let an administrator GRANT CREATE ON SCHEMA, or name another role.", user, target, says)
	case "42P07", "42710", "23505", "42809":
		return outturn.Errorf(outturn.CodeConflict, "Something in %s already has a name that the tables need: %s. Name another database, or another schema with ?search_path=NAME.", target, says)
	case "2BP01":
		return outturn.Errorf(outturn.CodeConflict, "The tables in %s cannot be replaced, since other things depend on them: %s. Drop those first.", target, says)
	case "55P03":
		return outturn.Errorf(outturn.CodeConflict, "The tables in %s are in use by somebody else, who did not let go within %s. Try again when reports on them are done.", target, lockTimeout)
	case "53100":
		return outturn.Errorf(outturn.CodeDiskFull, "The server's disk has no room for %s: %s.", target, says)
	case "22P05":
		return outturn.Errorf(outturn.CodeInvalid, "The encoding of %s lacks letters that the rows have: %s. Make a database with --encoding UTF8.", target, says)
	}
	return outturn.Errorf(outturn.CodeStorageUnavailable, "%s could not be filled: %s (SQLSTATE %s). Nothing in it was changed.", upperFirst(target), says, told.Code)
}

// reason leaves out what pgconn says about the address before it.
func reason(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return connect.Unwrap()
	}
	return err
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// A postgres is a writer that fills a PostgreSQL database. Rows gather per table; what
// is full goes to the server by COPY while the next rows are made.
type postgres struct {
	conn     *pgconn.PgConn
	tables   []*copier // in the schema's order
	byName   map[string]*copier
	progress func(table string, rows int64)

	full  chan load
	spare chan []byte
	ended chan struct{} // closed when no more loads are taken
	err   error         // why, when ended is closed
}

// A load is the rows of one COPY.
type load struct {
	table *copier
	data  []byte
}

// copyBytes is about the size of a load. Larger ones are not faster.
const copyBytes = 1 << 20

// lockTimeout is how long tables that are to be replaced may be in use.
const lockTimeout = 10 * time.Second

func (db *postgres) fill(ctx context.Context, c Config) (result Result, err error) {
	if err := db.begin(ctx); err != nil {
		return result, err
	}
	if err := db.makeRoom(ctx, c.Force); err != nil {
		return result, err
	}
	if err := db.createTables(ctx); err != nil {
		return result, err
	}
	if err := db.load(ctx, func() error { return generate(ctx, c.Scale, dayOf(c.Until), db) }); err != nil {
		return result, err
	}
	for _, t := range db.tables {
		result.Tables = append(result.Tables, TableResult{t.name, t.rows})
	}
	for _, sql := range []string{keyed(), afterRows, described(mark), "ANALYZE " + strings.Join(tableNames(), ", "), "COMMIT"} {
		if err := db.exec(ctx, sql); err != nil {
			return result, err
		}
	}
	return result, nil
}

// begin opens the transaction. Limits on time that an operator sets are for reports:
// making an index may take longer. All names are those of the one schema that new
// tables come into, also where the path has more.
func (db *postgres) begin(ctx context.Context) error {
	err := db.exec(ctx, `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
		SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
		SET LOCAL lock_timeout = `+strconv.FormatInt(lockTimeout.Milliseconds(), 10)+`; SET LOCAL maintenance_work_mem = '256MB';
		SET LOCAL client_min_messages = 'warning'`)
	if err != nil {
		return err
	}
	rows, err := db.query(ctx, "SELECT quote_ident(current_schema()), current_setting('search_path')")
	if err != nil {
		return err
	}
	if rows[0][0] == nil {
		return outturn.Errorf(outturn.CodeInvalid, "The schema that the tables should come into does not exist (search_path is %s). Make it first with CREATE SCHEMA, or name another with ?search_path=NAME.", rows[0][1])
	}
	return db.exec(ctx, "SET LOCAL search_path = "+string(rows[0][0]))
}

// makeRoom takes away the tables of an earlier run, and refuses where there are others
// of the same names, or where nobody asked for it.
func (db *postgres) makeRoom(ctx context.Context, force bool) error {
	names := "'" + strings.Join(tableNames(), "','") + "'"
	there, err := db.query(ctx, `SELECT relname, COALESCE(relkind = 'r' AND obj_description(oid, 'pg_class') LIKE '%`+mark+`', false), current_schema()
		FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relname IN (`+names+`) ORDER BY relname`)
	if err != nil || len(there) == 0 {
		return err
	}
	var all, others []string
	for _, row := range there {
		all = append(all, string(row[0]))
		if string(row[1]) != "t" {
			others = append(others, string(row[0]))
		}
	}
	schema := string(there[0][2])
	switch {
	case len(others) > 0:
		return outturn.Errorf(outturn.CodeInvalid, "The schema %q already has %s, not made by outturn seed and never replaced by it. Name another database, or another schema with ?search_path=NAME.", schema, some(others))
	case !force:
		return outturn.Errorf(outturn.CodeInvalid, "The schema %q already has %s. Name another database, another schema with ?search_path=NAME, or ask for them to be replaced with --force.", schema, some(all))
	}
	return db.exec(ctx, "DROP TABLE "+strings.Join(all, ", "))
}

// some names the first few of a list.
func some(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

func (db *postgres) createTables(ctx context.Context) error {
	if err := db.exec(ctx, Schema); err != nil {
		return err
	}
	rows, err := db.query(ctx, `SELECT c.relname, a.atttypid FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
		WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname IN ('`+strings.Join(tableNames(), "','")+`') AND a.attnum > 0 ORDER BY c.oid, a.attnum`)
	if err != nil {
		return err
	}
	db.byName = map[string]*copier{}
	for _, t := range tables() {
		c := &copier{name: t.name}
		db.tables = append(db.tables, c)
		db.byName[t.name] = c
	}
	for _, row := range rows {
		oid, err := strconv.ParseUint(string(row[1]), 10, 32)
		if err != nil {
			return err
		}
		t := db.byName[string(row[0])]
		t.types = append(t.types, uint32(oid))
	}
	return nil
}

// load runs make, whose rows go to the server meanwhile, and sends what is left.
func (db *postgres) load(ctx context.Context, rows func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	db.full, db.spare, db.ended = make(chan load, 2), make(chan []byte, 4), make(chan struct{})
	go func() {
		defer close(db.ended)
		db.err = db.send(ctx)
	}()
	err := rows()
	for _, t := range db.tables {
		if err == nil && len(t.data) > 0 {
			err = db.hand(t)
		}
		if err == nil && db.progress != nil {
			db.progress(t.name, t.rows)
		}
	}
	if err != nil {
		cancel()
	}
	close(db.full)
	<-db.ended
	if db.err != nil && !errors.Is(db.err, context.Canceled) {
		return db.err
	}
	return err
}

// send copies loads to the server until there are no more.
func (db *postgres) send(ctx context.Context) error {
	for l := range db.full {
		// The table is as new as the transaction: its rows need no look at who wrote them.
		if _, err := db.conn.CopyFrom(ctx, bytes.NewReader(l.data), "COPY "+l.table.name+" FROM STDIN (FORMAT binary, FREEZE)"); err != nil {
			return fmt.Errorf("table %s: %w", l.table.name, err)
		}
		select {
		case db.spare <- l.data[:0]:
		default:
		}
	}
	return nil
}

func (db *postgres) Row(table string, cells []cell) error {
	t := db.byName[table]
	if t.data == nil {
		select {
		case t.data = <-db.spare:
		default:
		}
	}
	if err := t.append(cells); err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	if db.progress != nil && t.rows%progressRows == 0 {
		db.progress(t.name, t.rows)
	}
	if len(t.data) < copyBytes {
		return nil
	}
	return db.hand(t)
}

// hand gives what a table has gathered to send.
func (db *postgres) hand(t *copier) error {
	select {
	case db.full <- load{t, t.finished()}:
		t.data = nil
		return nil
	case <-db.ended:
		return db.err
	}
}

// exec runs statements that give no rows.
func (db *postgres) exec(ctx context.Context, sql string) error {
	return db.conn.Exec(ctx, sql).Close()
}

// query runs a statement of few rows.
func (db *postgres) query(ctx context.Context, sql string) ([][][]byte, error) {
	results, err := db.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	return results[0].Rows, nil
}

func tableNames() (names []string) {
	for _, t := range tables() {
		names = append(names, t.name)
	}
	return names
}
