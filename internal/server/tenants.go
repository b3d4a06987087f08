package server

import (
	"context"
	"time"

	"outturn/internal/reporting"
)

// Limits of looking after tenants.
const (
	purgeEvery = time.Hour
	mostPurged = 100 // in one go
)

// tendTenants purges deleted tenants, and takes tenants from the source where that is
// wanted, until ctx ends. It is one loop, so that no two of them are under way.
func (s *Server) tendTenants(ctx context.Context) {
	purge := time.NewTicker(purgeEvery)
	defer purge.Stop()
	var sync <-chan time.Time // never, where it is not wanted
	if s.config.SyncTenants > 0 {
		tick := time.NewTicker(s.config.SyncTenants)
		defer tick.Stop()
		sync = tick.C
		s.syncTenants(ctx)
	}
	s.purgeTenants(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-purge.C:
			s.purgeTenants(ctx)
		case <-sync:
			s.syncTenants(ctx)
		}
	}
}

func (s *Server) syncTenants(ctx context.Context) {
	p, err := s.folder.Operator(ctx)
	if err == nil {
		p.Subject, p.Name = "system", "schedule"
		var r reporting.SyncResult
		if r, err = s.reporting.SyncTenants(ctx, p, reporting.SyncInput{}); err == nil {
			s.config.Log.InfoContext(ctx, "tenants were taken from the source", "accounts", r.Accounts, "made", r.Made, "renamed", r.Renamed,
				"moved", r.Moved, "unchanged", r.Unchanged, "vanished", len(r.Vanished), "refused", len(r.Refused))
		}
	}
	if err != nil && ctx.Err() == nil {
		s.config.Log.ErrorContext(ctx, "tenants were not taken from the source", "error", err)
	}
}

// purgeTenants ends what tenants have whose grace period is over. The runner's sweep
// then removes their files.
func (s *Server) purgeTenants(ctx context.Context) {
	before := s.config.Now().Add(-s.config.TenantGrace)
	for {
		purged, err := s.folder.Ledger.PurgeTenants(ctx, before, mostPurged)
		for _, t := range purged {
			s.config.Log.InfoContext(ctx, "a deleted tenant was purged", "tenant", t.ID)
		}
		if err != nil && ctx.Err() == nil {
			s.config.Log.ErrorContext(ctx, "deleted tenants were not purged", "error", err)
		}
		if err != nil || len(purged) < mostPurged {
			return
		}
	}
}
