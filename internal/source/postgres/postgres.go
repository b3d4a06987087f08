// Package postgres reads commerce data from a PostgreSQL database, from version 12.
//
//	src := postgres.New(postgres.Config{URL: "postgres://reader@db.example.com/billing"})
//	snap, err := src.Begin(ctx)       // connects; one read-only repeatable-read transaction
//	r, err := snap.Query(ctx, q)      // streams binary results straight into batches
//	for { err := r.Next(&b) … }
//	r.Close(); snap.Close()
//
// # The connection
//
// pgx makes it: URL, service file, password file, TLS and several hosts are as libpq has
// them. Then its messages are read here, in large pieces and without an allocation a row.
// Whatever is set for a session is set for the transaction alone, so that a pooler in
// transaction mode may stand between.
//
// # Several connections
//
// A query that has a key to be split by is read over Config.Parallel connections that
// share one snapshot: see parts.go.
package postgres

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"outturn"
	"outturn/internal/source"
)

// Config says where the data is and what a report may take of the database.
type Config struct {
	// URL is postgres://user:password@host:port/database?option=value, or key=value words,
	// as libpq takes them; what it leaves out comes from PGHOST, PGPASSWORD and so on.
	URL string
	// Parallel is over how many connections one query may be read; 0 is 1.
	Parallel int
	// StatementTimeout is how long a statement may take, with the time that its rows
	// need to be taken away; 0 is for ever. The database ends it.
	StatementTimeout time.Duration
	// MaxAge is how long a snapshot may be open; 0 is for ever. While it is, the database
	// cannot clear away what has been deleted since.
	MaxAge time.Duration
	// Silence is how long the database may say nothing before it is asked, over another
	// connection, whether it still works on the statement; 0 is half a minute.
	Silence time.Duration
	// Note, if set, is told what a query's reader should know, such as why it was read
	// over one connection where more were allowed.
	Note func(ctx context.Context, note string)
}

// Check reports what is wrong with a URL, without the password that may be in it.
func Check(url string) error {
	_, err := parse(url)
	return err
}

func parse(url string) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		// Not a word of it: a password with an @ in it cannot be told from a host.
		return nil, outturn.Errorf(outturn.CodeInvalid, "That is no address of a PostgreSQL database. Write postgres://user:password@host:5432/database, where what is special in a URL, such as @ in a password, is written as %%40.")
	}
	return config, nil
}

// A Source is one database. It holds nothing open between snapshots.
type Source struct {
	config Config
	types  typeNames
	noting sync.Mutex
}

var _ source.Source = (*Source)(nil)

// New returns the source that c describes. Nothing is connected before Begin.
func New(c Config) *Source {
	c.Parallel = max(c.Parallel, 1)
	c.Silence = cmp.Or(c.Silence, 30*time.Second)
	return &Source{config: c}
}

// Begin connects and opens a snapshot.
func (s *Source) Begin(ctx context.Context) (source.Database, error) {
	if ctx.Err() != nil {
		return nil, source.Stopped(ctx)
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	snap := &snapshot{source: s, conn: conn, begun: time.Now()}
	if err := snap.begin(ctx); err != nil {
		conn.close()
		return nil, err
	}
	return snap, nil
}

func (s *Source) note(ctx context.Context, text string) {
	if s.config.Note != nil {
		s.noting.Lock()
		defer s.noting.Unlock()
		s.config.Note(ctx, text)
	}
}
