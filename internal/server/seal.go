package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"outturn"
	"outturn/internal/secret"
	"outturn/internal/store"
)

// sealEvery is how long an entry of the audit waits for its block, and tellEvery how
// often the log has the newest block, for those who note it elsewhere.
const (
	sealEvery = time.Second
	tellEvery = time.Hour
)

// A sealer puts blocks on the audit.
type sealer struct {
	ledger *store.Store
	key    *store.AuditKey
	log    *slog.Logger
	now    func() time.Time

	head   outturn.AuditHead
	told   outturn.AuditHead // the last that the log has
	toldAt time.Time
	fault  string // the last that the log has

	ending context.CancelFunc
	ended  sync.WaitGroup
}

func newSealer(ctx context.Context, ledger *store.Store, keys secret.Sealer, log *slog.Logger, now func() time.Time) (*sealer, error) {
	key, err := ledger.OpenAuditKey(ctx, keys)
	return &sealer{ledger: ledger, key: key, log: log, now: now}, err
}

// start seals what there is and goes on until stop.
func (s *sealer) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.ending = cancel
	s.ended.Go(func() {
		every := time.NewTicker(sealEvery)
		defer every.Stop()
		for {
			s.seal(ctx)
			select {
			case <-every.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// stop seals what is left. It does nothing before start.
func (s *sealer) stop(ctx context.Context) {
	if s.ending == nil {
		return
	}
	s.ending()
	s.ended.Wait()
	s.seal(ctx)
	s.tell()
}

// seal seals what is new. What goes wrong is told once, and tried again.
func (s *sealer) seal(ctx context.Context) {
	head, _, err := s.ledger.SealAudit(ctx, s.key)
	if head.N > 0 {
		s.head = head
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return // the rest is sealed after the next start
	case err == nil:
		s.fault = ""
	case err.Error() != s.fault:
		s.fault = err.Error()
		s.log.ErrorContext(ctx, "the audit is not sealed", "error", err)
	}
	if s.toldAt.IsZero() || s.now().Sub(s.toldAt) >= tellEvery {
		s.tell()
	}
}

// tell has the log say which block is the newest. Whoever keeps the log elsewhere
// can hold the audit against it, whatever was done to the ledger and its key.
func (s *sealer) tell() {
	s.toldAt = s.now()
	if s.head == s.told {
		return
	}
	s.told = s.head
	s.log.Info("the audit is sealed", "head", s.head.String())
}

// VerifyAudit holds the audit of the data folder at path against its blocks; see
// store.VerifyAudit.
func VerifyAudit(ctx context.Context, path string, expect outturn.AuditHead) (outturn.AuditVerdict, error) {
	keys, err := secret.OpenKeyFile(keyPath(path), false)
	if err != nil {
		return outturn.AuditVerdict{}, err
	}
	return store.VerifyAudit(ctx, store.Config{Path: ledgerPath(path)}, keys, expect)
}
