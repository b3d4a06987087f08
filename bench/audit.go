package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	"outturn/internal/server"
)

// auditGoal is how much longer runs may take for the audit, from create to ready.
const auditGoal = 1.05

// audit measures what the audit costs, over HTTP, of two servers in turn: one as everybody
// has it, and one over a ledger that forgets the audit, and so has nothing to seal. Clients
// ask as fast as they are answered. The goal is of the rate that the case runs measures. What
// is added to the creates alone, of which the audit is a larger part, is shown beside it:
// there one worker leaves the processor to them.
func (b *bench) audit() error {
	for _, of := range []struct {
		name  string
		goal  float64 // 0 where there is none
		pairs int     // for each that is asked for: creates alone are over in a second or two
		args  []string
		rate  func(*service, context.Context) (float64, error)
	}{
		{"runs from create to ready", auditGoal, 4, nil, (*service).readyRate},
		{"creates alone", 0, 2, []string{"--workers", "1"}, (*service).createRate},
	} {
		ratios, err := b.compareAudit(of.args, of.pairs*b.pairs, of.rate)
		if err != nil {
			return err
		}
		goal := ""
		if of.goal > 0 {
			goal = fmt.Sprintf(" (goal: at most %.2f)%s", of.goal, missed(ratios.at(0.5) > of.goal))
		}
		fmt.Printf("  %s: %d pairs of twice %d by %d clients take a median of %.3f times as long with the audit, from %.3f to %.3f%s\n",
			of.name, len(ratios), roundRuns, askers, ratios.at(0.5), ratios.at(0.25), ratios.at(0.75), goal)
	}
	return nil
}

// compareAudit returns how many times as long a server takes with the audit as without, in
// so many pairs of two rounds of each server, of which rate tells how many a second there
// were.
func (b *bench) compareAudit(args []string, pairs int, rate func(*service, context.Context) (float64, error)) (ratios sample, err error) {
	ctx := context.Background()
	kept, err := b.startService(args...)
	if err != nil {
		return nil, err
	}
	defer kept.stop()
	without, err := b.startPrepared(forgetAudit, args...)
	if err != nil {
		return nil, err
	}
	defer without.stop()
	// The first warms up, and shows that the two differ.
	if _, err := auditTimes(ctx, rate, without, kept); err != nil {
		return nil, err
	}
	if err := firstOf([]error{kept.checkAudit(ctx, roundRuns), without.checkAudit(ctx, 0)}); err != nil {
		return nil, err
	}
	for range pairs {
		took, err := auditTimes(ctx, rate, kept, without, without, kept) // one that is asked twice running is faster
		if err != nil {
			return nil, err
		}
		ratios = append(ratios, (took[0]+took[3])/(took[1]+took[2]))
		fmt.Printf("    with the audit %4.0f and %4.0f a second, without %4.0f and %4.0f: %.3f\n", 1/took[0], 1/took[3], 1/took[1], 1/took[2], ratios[len(ratios)-1])
	}
	return ratios, nil
}

// auditTimes asks servers in turn for a round, and returns how many seconds each took for
// one run or create. What a round leaves to be sealed is not the next server's to pay for.
func auditTimes(ctx context.Context, rate func(*service, context.Context) (float64, error), servers ...*service) (took []float64, err error) {
	for _, s := range servers {
		perSecond, err := rate(s, ctx)
		if err != nil {
			return nil, err
		}
		took = append(took, 1/perSecond)
		if err := s.sealed(ctx); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// readyRate is how many runs a second there are from the first create to the last that is
// ready.
func (s *service) readyRate(ctx context.Context) (float64, error) {
	r, err := s.measureRound(ctx, s.askInTurn)
	return r.perSecond, err
}

// createRate is how many creates a second are answered.
func (s *service) createRate(ctx context.Context) (perSecond float64, err error) {
	_, err = s.measureRound(ctx, func(b *switchboard) (sample, error) {
		began := time.Now()
		creates, err := s.askInTurn(b)
		perSecond = roundRuns / time.Since(began).Seconds()
		return creates, err
	})
	return perSecond, err
}

// forgetAudit has a ledger take each entry of the audit, and keep none. What is left of the
// audit is to make the entry and to hand it over.
func forgetAudit(ledger string) error {
	db, err := sql.Open("sqlite3", "file:"+ledger)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(`CREATE TRIGGER audit_forgets BEFORE INSERT ON audit_fresh BEGIN SELECT RAISE(IGNORE); END`)
	return err
}

// checkAudit sees how many creates are in the audit.
func (s *service) checkAudit(ctx context.Context, want int) error {
	n, err := s.count(ctx, `SELECT count(*) FROM audit WHERE action = 'run.create'`)
	if err == nil && n != want {
		err = fmt.Errorf("the audit in %s has %d creates, and should have %d", s.data, n, want)
	}
	return err
}

// sealed waits until a block seals each entry of the audit.
func (s *service) sealed(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := s.count(ctx, `SELECT count(*) FROM audit WHERE seq > (SELECT COALESCE(max(last_seq), 0) FROM audit_blocks)`)
		if err != nil || n == 0 {
			return err
		}
		<-tick.C
	}
}

// count asks the ledger for a number.
func (s *service) count(ctx context.Context, query string) (n int, err error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.data, server.LedgerName)+"?mode=ro")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}
