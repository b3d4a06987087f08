package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// errSilent is why a connection was given up that nothing came over any more.
var errSilent = errors.New("it fell silent, and the database does not know of it or waits at its other end")

// A watch looks after a connection over which nothing comes. A statement may work for
// hours before its first row, so silence alone means nothing: the database is asked over
// a connection of its own what the session does. If it cannot be asked, has no such
// session, or waits for this end while this end waits for it, the connection is given up.
type watch struct {
	source   *Source
	conn     *conn
	timer    *time.Timer
	waits    atomic.Bool // for the database to say something
	over     atomic.Bool // the connection was closed
	gaveItUp atomic.Bool
}

func (s *Source) watch(c *conn) *watch {
	w := &watch{source: s, conn: c}
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
	return w
}

func (w *watch) begins() {
	if w != nil {
		w.waits.Store(true)
		w.timer.Reset(w.source.config.Silence)
	}
}

func (w *watch) ends() {
	if w != nil {
		w.waits.Store(false)
		w.timer.Stop()
	}
}

func (w *watch) broke() bool { return w != nil && w.gaveItUp.Load() }

// close ends the watch with its connection.
func (w *watch) close() {
	if w != nil {
		w.over.Store(true)
		w.timer.Stop()
	}
}

func (w *watch) look() {
	before := w.conn.reads.Load()
	works := w.works()
	switch {
	case w.over.Load() || !w.waits.Load():
	case works || w.conn.reads.Load() != before:
		w.timer.Reset(w.source.config.Silence)
	default:
		w.gaveItUp.Store(true)
		_ = w.conn.conn.Close()
	}
}

// works reports whether the session does something, or may do: a database that refuses
// to tell, or is another one behind the same address, proves nothing.
func (w *watch) works() bool {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	var refused *pgconn.PgError
	other, err := w.source.dial(ctx)
	if err != nil {
		return errors.As(err, &refused)
	}
	defer other.close()
	row, err := other.row(ctx, `SELECT CAST(pg_postmaster_start_time() AS TEXT),
  (SELECT COALESCE(wait_event, 'none') FROM pg_catalog.pg_stat_activity WHERE pid = CAST($1 AS INTEGER))`, w.conn.session)
	if err != nil {
		return errors.As(err, &refused)
	}
	return row[0] != w.conn.server || row[1] != "" && row[1] != "ClientRead" && row[1] != "ClientWrite"
}
