package clickhouse

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/source"
)

// A snapshot is a look at the server, and holds nothing on it: each statement sees
// what is there when it runs.
type snapshot struct {
	source   *Source
	conn     ch.Conn
	purpose  string
	instant  time.Time
	settings ch.Settings // of every statement; nil where the user may set none
	reader   *reader     // the one that is open
	scoped   bool        // the query is one account's: see fail
	closed   bool
}

var _ interface {
	source.Database
	source.Dialect
} = (*snapshot)(nil)

func (s *snapshot) Instant() time.Time { return s.instant }

// Consistent is false: see the package comment.
func (s *snapshot) Consistent() bool { return false }

func (s *snapshot) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if s.reader != nil {
		return s.reader.Close()
	}
	return nil
}

// blockRows is how many rows the server sends at a time: several such blocks are on
// their way at once, and rows may be wide.
const blockRows = 8192

// lookAtSettings refuses a server that would leave rows out without a word, and
// finds out what may be set.
func (s *snapshot) lookAtSettings(ctx context.Context) error {
	have := map[string]string{}
	columns := []batch.Column{{Name: "name", Type: outturn.Text}, {Name: "value", Type: outturn.Text}}
	err := s.each(ctx, `SELECT name, value FROM system.settings
WHERE name LIKE '%\\_overflow\\_mode' OR name IN ('readonly', 'skip_unavailable_shards', 'limit', 'offset')`, columns, func(row []string) {
		have[row[0]] = row[1]
	})
	if err != nil {
		return err
	}
	for name, value := range have {
		cuts := strings.HasSuffix(name, "_overflow_mode") && value != "throw" ||
			(name == "limit" || name == "offset") && value != "0" ||
			name == "skip_unavailable_shards" && value != "0" && have["readonly"] == "1"
		if cuts {
			return outturn.Errorf(outturn.CodeSourceUnavailable, "ClickHouse on %s is set up to leave rows out: %s is %q for this user. Reports would lack them without a word. Have the setting taken out of the user's profile.", s.source.host, name, value)
		}
	}
	if have["readonly"] == "1" {
		return nil // such a user may not even bound a statement
	}
	s.settings = ch.Settings{
		"skip_unavailable_shards": 0,
		"join_use_nulls":          1,
		"max_block_size":          blockRows,
		// Passes conditions on to the other servers; newer versions do so anyway.
		"enable_optimize_predicate_expression": 1,
	}
	if have["readonly"] == "0" {
		s.settings["readonly"] = 2
	}
	if seconds := int(s.source.config.StatementTimeout / time.Second); seconds > 0 {
		s.settings["max_execution_time"] = seconds
	}
	return nil
}

// Query compiles q and starts it.
func (s *snapshot) Query(ctx context.Context, q source.Query) (source.Reader, error) {
	s.scoped = q.SQL == "" && !q.Everything
	if q.SQL != "" {
		return s.raw(ctx, q)
	}
	if q.View != nil {
		for _, v := range q.View.Columns {
			if v.Attribute != "" {
				return nil, outturn.Errorf(outturn.CodeInvalid, "Column %s shows an attribute of the field %s, which a source in ClickHouse cannot. Select it in the data set as a field of its own.", v.Name(), v.Field)
			}
		}
	}
	c := &compiling{snapshot: s}
	stmt, err := source.Compile(ctx, q, c)
	if err != nil {
		return nil, err
	}
	sql, err := fill(stmt.SQL, stmt.Args)
	if err != nil {
		return nil, err
	}
	return s.start(ctx, sql, c.tables, stmt.Columns)
}

// raw runs an operator's own SELECT as it stands.
func (s *snapshot) raw(ctx context.Context, q source.Query) (source.Reader, error) {
	sql, err := fill(trim(q.SQL), q.Args)
	if err != nil {
		return nil, err
	}
	columns := q.Columns
	if columns == nil {
		have, err := s.Describe(ctx, sql)
		if err != nil {
			return nil, err
		}
		for _, d := range have {
			columns = append(columns, d.Column)
		}
	}
	return s.start(ctx, sql, nil, columns)
}

// start is run for what goes to the caller, which must not get a nil reader as one.
func (s *snapshot) start(ctx context.Context, sql string, tables []*ext.Table, columns []batch.Column) (source.Reader, error) {
	r, err := s.run(ctx, sql, tables, columns)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Untyped is false: every column has a type. So FromText is not called, and in a
// dialect nor are Rescale, Widen and Attribute: the reader does what the first two
// are for, and Query refuses the third.
func (s *snapshot) Untyped() bool { return false }

func (s *snapshot) FromText(cell source.Cell, _ outturn.Field) string { return cell.SQL }

func (s *snapshot) Rescale(cell source.Cell, _ int) string { return cell.SQL }

func (s *snapshot) Widen(cell source.Cell, _ int) string { return cell.SQL }

func (s *snapshot) Attribute(cell source.Cell, _ string, _ map[string]string, _ func(string) string) string {
	return cell.SQL
}

// Bytewise is how ClickHouse sorts by itself.
func (s *snapshot) Bytewise(sql string) string { return sql }

// Within is for compiling; here nothing runs that could take the ids along.
func (s *snapshot) Within(ctx context.Context, tree, account, owner string, have source.Described, bind func(string) string) (string, error) {
	return (&compiling{snapshot: s}).Within(ctx, tree, account, owner, have, bind)
}

// Describe asks the server for a SELECT's columns. It is not run, but for subqueries
// that stand for a value.
func (s *snapshot) Describe(ctx context.Context, sql string) ([]source.Described, error) {
	switch {
	case strings.ContainsRune(sql, 0):
		return nil, outturn.Errorf(outturn.CodeQueryFailed, "The statement has a NUL character in it.")
	case trim(sql) == "":
		return nil, outturn.Errorf(outturn.CodeQueryFailed, "The statement is empty.")
	case !startsSelect(sql):
		return nil, outturn.Errorf(outturn.CodeQueryFailed, "The statement is not a SELECT. Reports only read.")
	}
	sql = trim(sql)
	if err := closed(sql); err != nil {
		return nil, err
	}
	var columns []source.Described
	seen := map[string]bool{}
	var fault error
	err := s.each(ctx, "DESCRIBE TABLE ("+sql+"\n)", nil, func(row []string) {
		name, folded := row[0], strings.ToLower(row[0])
		if seen[folded] && fault == nil {
			fault = outturn.Errorf(outturn.CodeQueryFailed, "The SELECT has two columns with the name %q. Give one of them another name with AS.", name)
		}
		seen[folded] = true
		d, err := describe(name, row[1])
		if err != nil && fault == nil {
			fault = err
		}
		columns = append(columns, d)
	})
	if err != nil {
		return nil, err
	}
	return columns, fault
}

// Tables lists the tables and views of the database.
func (s *snapshot) Tables(ctx context.Context) (tables []string, err error) {
	err = s.each(ctx, "SELECT name FROM system.tables WHERE database = currentDatabase() AND name NOT LIKE '.inner%' ORDER BY name", []batch.Column{{Name: "name", Type: outturn.Text}}, func(row []string) {
		tables = append(tables, row[0])
	})
	return tables, err
}

// each runs a statement of which all columns are text, and calls do with every row.
// Without columns they are as many as there are.
func (s *snapshot) each(ctx context.Context, sql string, columns []batch.Column, do func(row []string)) (err error) {
	r, err := s.run(ctx, sql, nil, columns)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b batch.Batch
	for {
		if err := r.Next(&b); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		for i := range b.Rows() {
			row := make([]string, len(r.columns))
			for c := range row {
				row[c] = string(b.Text(c, i))
			}
			do(row)
		}
	}
}

// run starts a statement. Without columns it takes them as they are, as text.
func (s *snapshot) run(ctx context.Context, sql string, tables []*ext.Table, columns []batch.Column) (*reader, error) {
	switch {
	case ctx.Err() != nil:
		return nil, source.Stopped(ctx)
	case s.closed:
		return nil, errors.New("clickhouse: the snapshot is closed")
	case s.reader != nil:
		return nil, errors.New("clickhouse: the snapshot's last reader is still open")
	}
	r := &reader{ctx: ctx, snapshot: s}
	// The driver makes a setting of a deadline, which not every user may set.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	r.stop = func() { stop(); cancel() }
	options := []ch.QueryOption{
		ch.WithQueryID(queryID(s.purpose)),
		ch.WithSettings(maps.Clone(s.settings)), // the driver writes into it
		ch.WithProgress(r.progress.add),
	}
	if len(tables) > 0 {
		options = append(options, ch.WithExternalTable(tables...))
	}
	rows, err := s.conn.Query(ch.Context(running, options...), sql)
	if err == nil {
		r.rows = rows
		if err = r.convertTo(columns); err != nil {
			r.stop()
			return nil, errors.Join(err, discard(rows))
		}
		s.reader = r
		return r, nil
	}
	r.stop()
	return nil, s.fail(ctx, err)
}

// queryID names a statement in the server's list of them, and is unique there.
func queryID(purpose string) string {
	var random [8]byte
	rand.Read(random[:])
	words := strings.FieldsFunc("outturn "+purpose, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
	return strings.Join(append(words, hex.EncodeToString(random[:])), "-")
}

// fail translates an error about a statement. The account that a query is made for
// is not told what may be of another's row.
func (s *snapshot) fail(ctx context.Context, err error) error {
	if ctx.Err() == nil && s.scoped && quotesRows(err) {
		return source.Withheld(err)
	}
	return translate(ctx, err, s.source.host)
}

// A progress is what the server has told of its reading.
type progress struct{ rows, total atomic.Uint64 }

func (p *progress) add(more *ch.Progress) {
	p.rows.Add(more.Rows)
	p.total.Add(more.TotalRows)
}

func (p *progress) share() (float64, bool) {
	total := p.total.Load()
	if total == 0 {
		return 0, false
	}
	return min(float64(p.rows.Load())/float64(total), 1), true
}
