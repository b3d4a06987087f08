package postgres

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"outturn"
	"outturn/internal/source"
)

var (
	_ source.Fenced   = (*Source)(nil)
	_ source.Notifier = (*Source)(nil)
)

// unfinished names each open transaction by its virtual number, which it has before it
// writes anything, and those that write by their number as well, for one that was prepared
// has no other. Both are locked until what it wrote can be seen. Of what goes on where a
// replica gets its rows from, the replica does not know.
const unfinished = `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), pg_is_in_recovery(), o.name FROM (
  SELECT '' AS name
  UNION SELECT COALESCE(virtualxid, 'x' || CAST(transactionid AS TEXT)) FROM pg_catalog.pg_locks
  WHERE locktype IN ('virtualxid', 'transactionid') AND pid IS DISTINCT FROM pg_backend_pid()
) AS o ORDER BY o.name`

// Unfinished is of source.Fenced. It takes no right that a reader lacks.
func (s *Source) Unfinished(ctx context.Context) (at time.Time, names []string, err error) {
	c, err := s.connect(ctx)
	if err != nil {
		return at, nil, err
	}
	defer c.close()
	rows, err := c.rows(ctx, unfinished)
	if err != nil {
		return at, nil, translate(ctx, err)
	}
	if rows[0][1] == "t" {
		return at, nil, nil
	}
	for _, row := range rows[1:] {
		names = append(names, row[2])
	}
	if at, err = time.Parse(time.RFC3339Nano, rows[0][0]); err != nil {
		return at, nil, outturn.Errorf(outturn.CodeInternal, "postgres: %w", err)
	}
	return at, names, nil
}

// How long it is waited before the database is tried again.
const (
	firstAgain = 500 * time.Millisecond
	lastAgain  = 30 * time.Second
)

// Listen is of source.Notifier.
func (s *Source) Listen(ctx context.Context, channel string, to source.Listener) {
	again := firstAgain
	for {
		err := s.listen(ctx, channel, source.Listener{Connected: func() { again = firstAgain; to.Connected() }, Notified: to.Notified})
		if ctx.Err() != nil {
			return
		}
		to.Lost(err, again)
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
		again = min(2*again, lastAgain)
	}
}

// listen tells of what is sent until the connection is lost. Where nothing comes for some
// time the database is asked whether it is still there.
func (s *Source) listen(ctx context.Context, channel string, to source.Listener) error {
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	defer stop()
	heard := func(kind byte, body []byte) error {
		if kind != 'A' {
			return nil
		}
		var n pgproto3.NotificationResponse
		if err := n.Decode(body); err != nil {
			return err
		}
		if n.Channel == channel {
			to.Notified(n.Payload)
		}
		return nil
	}
	ask := func(sql string, patience time.Duration) error {
		if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if err := c.say(&pgproto3.Query{String: sql}); err != nil {
			return err
		}
		if err := c.send(); err != nil {
			return translate(ctx, err)
		}
		return translate(ctx, c.answers(heard))
	}
	if err := ask("SET application_name = 'outturn events'; SET client_encoding = 'UTF8'; LISTEN "+source.QuoteIdent(channel), connectTimeout); err != nil {
		return err
	}
	to.Connected()
	for {
		if err := c.conn.SetDeadline(time.Now().Add(s.config.Silence)); err != nil {
			return translate(ctx, err)
		}
		kind, body, err := c.next()
		var slow net.Error
		switch {
		case errors.As(err, &slow) && slow.Timeout():
			if err := ask("SELECT 1", s.config.Silence); err != nil {
				return err
			}
			continue
		case err != nil:
			c.broken = true
			return translate(ctx, err)
		case kind == 'E': // it says why it ends the session
			return translate(ctx, serverError(body))
		}
		if err := heard(kind, body); err != nil {
			return err
		}
	}
}
