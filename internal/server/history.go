package server

import (
	"context"
	"time"
)

const (
	historyEvery  = time.Hour
	mostForgotten = 1000 // in one transaction: others write between two
	// leastHistory is more than any message waits, and than an operator needs to look.
	leastHistory = 30 * 24 * time.Hour
)

// tendHistory forgets what is older than Config.History, now and then, until ctx ends.
func (s *Server) tendHistory(ctx context.Context) {
	tick := time.NewTicker(historyEvery)
	defer tick.Stop()
	for {
		s.sweepHistory(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) sweepHistory(ctx context.Context) {
	before := s.config.Now().Add(-s.config.History)
	for {
		n, err := s.folder.Ledger.SweepHistory(ctx, before, mostForgotten)
		if err != nil && ctx.Err() == nil {
			s.config.Log.ErrorContext(ctx, "old messages and firings were not forgotten; it is tried again in an hour", "error", err)
		}
		if err != nil || n < mostForgotten {
			return
		}
	}
}
