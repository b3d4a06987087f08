package reporting

import "sync"

// mostSeen bounds what a process remembers of events that the ledger knows.
const mostSeen = 200_000

// A seen is the events that the ledger is known to have, so that what is read again and
// again need not be asked of it each time. It may forget.
type seen struct {
	mu    sync.Mutex
	known map[[2]string]struct{}
}

func (s *seen) has(source, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, is := s.known[[2]string{source, id}]
	return is
}

func (s *seen) add(source, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= mostSeen {
		s.known = map[[2]string]struct{}{}
	}
	s.known[[2]string{source, id}] = struct{}{}
}
