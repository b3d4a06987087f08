package servertest

import (
	"context"
	"io"
	"maps"
	"sync"

	"outturn/internal/source"
)

// Statements is a source that notes the texts of the statements which queries of it
// become.
type Statements struct {
	source.Source

	mu   sync.Mutex
	seen map[string]bool
}

// Take returns the texts since it was last called.
func (s *Statements) Take() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := maps.Clone(s.seen)
	clear(s.seen)
	return seen
}

func (s *Statements) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[text] = true
}

// Begin begins a snapshot that notes.
func (s *Statements) Begin(ctx context.Context) (source.Database, error) {
	snapshot, err := s.Source.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return notingSnapshot{snapshot, s}, nil
}

// Close closes the source.
func (s *Statements) Close() error {
	if closer, ok := s.Source.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

type notingSnapshot struct {
	source.Database
	to *Statements
}

// Query notes what the same compiler makes of q for the same engine.
func (s notingSnapshot) Query(ctx context.Context, q source.Query) (source.Reader, error) {
	if stmt, err := source.Compile(ctx, q, s); err == nil {
		s.to.note(stmt.SQL)
	}
	return s.Database.Query(ctx, q)
}

func (s notingSnapshot) Describe(ctx context.Context, sql string) ([]source.Described, error) {
	s.to.note(sql)
	return s.Database.Describe(ctx, sql)
}
