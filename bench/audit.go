package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	"outturn/internal/server"
)

// auditGoal is how much longer a create may take for the audit.
const auditGoal = 1.05

// auditRounds is how many rounds of each server there are for each pair that is asked
// for: one is over in a second or two.
const auditRounds = 5

// audit measures how many runs a second are created, over HTTP, as fast as clients are
// answered, by two servers in turn: one as everybody has it, and one over a ledger that
// forgets the audit, and so has nothing to seal. One worker each leaves the processor to the
// creates.
func (b *bench) audit() error {
	ctx := context.Background()
	kept, err := b.startService("--workers", "1")
	if err != nil {
		return err
	}
	defer kept.stop()
	without, err := b.startPrepared(forgetAudit, "--workers", "1")
	if err != nil {
		return err
	}
	defer without.stop()
	rates := map[*service]*sample{kept: {}, without: {}}
	var ratios sample
	for n := range auditRounds*b.pairs + 1 {
		took := map[*service]time.Duration{}
		for _, s := range []*service{kept, without} { // always so: one that is asked twice running is faster
			began := time.Now()
			if _, err := s.askInTurn(ctx); err != nil {
				return err
			}
			took[s] = time.Since(began)
			if err := s.drained(ctx); err != nil {
				return err
			}
		}
		if n == 0 { // the first warms up, and shows that the two differ
			if err := firstOf([]error{kept.checkAudit(ctx, roundRuns), without.checkAudit(ctx, 0)}); err != nil {
				return err
			}
			continue
		}
		for s, d := range took {
			*rates[s] = append(*rates[s], roundRuns/d.Seconds())
		}
		ratios = append(ratios, took[kept].Seconds()/took[without].Seconds())
		fmt.Printf("    with the audit %4.0f creates/s, without %4.0f: %.3f\n", roundRuns/took[kept].Seconds(), roundRuns/took[without].Seconds(), ratios[len(ratios)-1])
	}
	fmt.Printf("  %d pairs of %d creates by %d clients: %.0f a second with the audit, %.0f without\n", len(ratios), roundRuns, askers, rates[kept].at(0.5), rates[without].at(0.5))
	fmt.Printf("  a create takes %.3f times as long, from %.3f to %.3f (goal: at most %.2f)%s\n", ratios.at(0.5), ratios.at(0.25), ratios.at(0.75), auditGoal, missed(ratios.at(0.5) > auditGoal))
	return nil
}

// forgetAudit has a ledger take each entry of the audit, and keep none. What is left of the
// audit is to make the entry and to hand it over.
func forgetAudit(ledger string) error {
	db, err := sql.Open("sqlite3", "file:"+ledger)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(`CREATE TRIGGER audit_forgets BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END`)
	return err
}

// checkAudit sees how many creates are in the audit.
func (s *service) checkAudit(ctx context.Context, want int) error {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.data, server.LedgerName)+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM audit WHERE action = 'run.create'`).Scan(&n); err != nil {
		return err
	}
	if n != want {
		return fmt.Errorf("the audit in %s has %d creates, and should have %d", s.data, n, want)
	}
	return nil
}
