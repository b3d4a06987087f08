package postgres

import (
	"cmp"
	"context"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"outturn"
	"outturn/internal/source"
)

const (
	// connectTimeout is for one host where the URL has no connect_timeout.
	connectTimeout = 10 * time.Second
	// cancelPatience is how long a statement has to end after it was cancelled, before
	// the connection is given up.
	cancelPatience = 3 * time.Second
)

// keepAlive finds out within half a minute that the other machine is gone.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// A conn is a connection whose messages are read here. One goroutine uses it.
type conn struct {
	wire
	large  *largeReader // nil where the system cannot
	config *pgconn.Config
	pid    uint32 // with secret, to cancel
	secret []byte
	// server and session are what pg_stat_activity knows the connection by. A pooler
	// has a pid of its own.
	server, session string
	// unchecked says that the database does not know the encoding of its texts.
	unchecked bool
	out       []byte // of messages to be sent
	broken    bool   // nothing more can be said on it
}

// connect opens a connection that is given up when it falls silent.
func (s *Source) connect(ctx context.Context) (*conn, error) {
	c, err := s.dial(ctx)
	if err == nil {
		c.silence = s.watch(c)
	}
	return c, err
}

// dialed is what becomes of a connection that was made: a test has slow ones.
var dialed = func(c net.Conn) net.Conn { return c }

func (s *Source) dial(ctx context.Context) (*conn, error) {
	config, err := parse(s.config.URL)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	var large *largeReader // of the host that answered: the last one tried
	dialer := &net.Dialer{KeepAliveConfig: keepAlive}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c, large = largePieces(c)
		return dialed(c), nil
	}
	made, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, connectError(ctx, config, err)
	}
	if err := settle(ctx, made); err != nil {
		_ = made.Close(context.WithoutCancel(ctx))
		return nil, connectError(ctx, config, err)
	}
	hijacked, err := made.Hijack()
	if err != nil {
		return nil, outturn.Errorf(outturn.CodeInternal, "postgres: %w", err)
	}
	return &conn{
		wire: wire{conn: hijacked.Conn}, large: large, config: config, pid: hijacked.PID, secret: hijacked.SecretKey,
		unchecked: hijacked.ParameterStatuses["server_encoding"] == "SQL_ASCII",
	}, nil
}

// settle ends what the library may still do with a connection that it has made: while a
// write is slow it reads in the background, and that would take the first answer. A
// deadline that has passed ends such a read. Whether it has ended the library tells only
// by asking for nothing with a context that is over.
func settle(ctx context.Context, c *pgconn.PgConn) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	const most = 1000 // times a millisecond
	for range most {
		if c.SyncConn(ended) == nil {
			break
		}
		if err := c.Conn().SetReadDeadline(time.Unix(0, 0)); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	if err := c.Conn().SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return c.SyncConn(ctx) // asks the database where something else is left
}

// close says goodbye, if anybody listens.
func (c *conn) close() {
	c.silence.close()
	if !c.broken {
		_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
		if out, err := (&pgproto3.Terminate{}).Encode(nil); err == nil {
			_, _ = c.conn.Write(out)
		}
	}
	_ = c.conn.Close()
}

// say puts messages into what send sends.
func (c *conn) say(messages ...pgproto3.FrontendMessage) error {
	for _, m := range messages {
		out, err := m.Encode(c.out)
		if err != nil {
			return outturn.Errorf(outturn.CodeQueryFailed, "The statement is too long for the database: %w.", err)
		}
		c.out = out
	}
	return nil
}

func (c *conn) send() error {
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	if err != nil {
		c.broken = true
	}
	return err
}

// cancel asks the database to end what it does for this connection. Whether it heard
// shows in what comes over the connection.
func (c *conn) cancel() {
	remote := c.conn.RemoteAddr()
	other, err := net.DialTimeout(remote.Network(), remote.String(), cancelPatience)
	if err != nil {
		return
	}
	defer other.Close()
	_ = other.SetDeadline(time.Now().Add(cancelPatience))
	if out, err := (&pgproto3.CancelRequest{ProcessID: c.pid, SecretKey: c.secret}).Encode(nil); err == nil {
		_, _ = other.Write(out)
		_, _ = other.Read(make([]byte, 1)) // it closes when it has heard
	}
}

// until runs a call that waits for the database and has it end early when ctx ends: by
// a cancel, and where that does not help, by giving the connection up.
func (c *conn) until(ctx context.Context, call func() error) error {
	if ctx.Err() != nil {
		return source.Stopped(ctx)
	}
	return c.whenEnded(ctx, call)
}

func (c *conn) whenEnded(ctx context.Context, call func() error) error {
	over, left := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(left)
		begun := time.Now()
		again := time.NewTicker(100 * time.Millisecond) // one that came between statements is lost
		defer again.Stop()
		for {
			c.cancel()
			select {
			case <-over:
				return
			case <-again.C:
			}
			if time.Since(begun) > cancelPatience {
				_ = c.conn.Close()
				<-over
				return
			}
		}
	})
	err := call()
	close(over)
	if !stop() {
		<-left
	}
	return err
}

// answers reads what the database says until it is ready, and calls take with each
// message; nil takes none. An error of the database is returned when it is ready again.
func (c *conn) answers(take func(kind byte, body []byte) error) error {
	var first error
	for {
		kind, body, err := c.next()
		if err != nil {
			c.broken = true
			return cmp.Or(first, err)
		}
		switch kind {
		case 'Z':
			return first
		case 'E':
			first = cmp.Or(first, serverError(body))
		default:
			if take != nil && first == nil {
				first = take(kind, body)
			}
		}
	}
}

// simple runs statements without parameters, which have no rows that matter.
func (c *conn) simple(ctx context.Context, sql string) error {
	return c.until(ctx, func() error {
		if err := c.say(&pgproto3.Query{String: sql}); err != nil {
			return err
		}
		if err := c.send(); err != nil {
			return err
		}
		return c.answers(nil)
	})
}

// row runs a statement of one row and returns its cells as text; empty where null.
func (c *conn) row(ctx context.Context, sql string, args ...string) (cells []string, err error) {
	rows, err := c.rows(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, outturn.Errorf(outturn.CodeInternal, "postgres: %d rows where one was expected", len(rows))
	}
	return rows[0], nil
}

// rows runs a statement of few rows and returns their cells as text; empty where null.
func (c *conn) rows(ctx context.Context, sql string, args ...string) (rows [][]string, err error) {
	err = c.until(ctx, func() error {
		if err := c.say(&pgproto3.Parse{Query: sql}, bind(args, nil), &pgproto3.Execute{}, &pgproto3.Sync{}); err != nil {
			return err
		}
		if err := c.send(); err != nil {
			return err
		}
		var row pgproto3.DataRow
		return c.answers(func(kind byte, body []byte) error {
			if kind != 'D' {
				return nil
			}
			if err := row.Decode(body); err != nil {
				return err
			}
			cells := make([]string, len(row.Values))
			for i, v := range row.Values {
				cells[i] = string(v)
			}
			rows = append(rows, cells)
			return nil
		})
	})
	return rows, err
}

// bind gives the unnamed statement its parameters, as text; formats are those of the
// columns, none for text.
func bind(args []string, formats []int16) *pgproto3.Bind {
	b := &pgproto3.Bind{ResultFormatCodes: formats, Parameters: make([][]byte, len(args))}
	for i, a := range args {
		b.Parameters[i] = []byte(a)
	}
	return b
}

// literal is text as an SQL string of any session.
func literal(text string) string {
	quoted := make([]byte, 0, len(text)+2)
	quoted = append(quoted, '\'')
	for i := range len(text) {
		if text[i] == '\'' {
			quoted = append(quoted, '\'')
		}
		quoted = append(quoted, text[i])
	}
	return string(append(quoted, '\''))
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
