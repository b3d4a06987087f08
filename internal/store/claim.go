package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"outturn"
)

// held is the condition under which a claim moves its run on: ?1 is the run, ?2 the
// attempt, ?3 the owner, ?4 now. A lease that is over counts for nothing, though
// nobody has taken the run back yet.
const held = `id = ?1 AND state = 'running' AND attempt = ?2 AND lease_owner = ?3 AND lease_until > ?4`

// released is what every move out of running does.
const released = `phase = '', lease_owner = NULL, lease_until = NULL`

// ClaimRun gives a queued run that is due to owner, for as long as lease, as its
// next attempt. Any other is CodeConflict: somebody was faster, or it has ended. One
// that its tenant's limits or suspension keep, or an older one of its generator, is
// CodeHeld, and stays as it is.
func (s *Store) ClaimRun(ctx context.Context, id, owner string, lease time.Duration) (r outturn.Run, err error) {
	err = s.note(ctx, "claim run", func(t *tx) error {
		tenant, mostRows, err := t.mayStart(id)
		if errors.Is(err, sql.ErrNoRows) {
			return t.notDue(id)
		}
		if err != nil {
			return err
		}
		claimed, err := scanRun(t.row(`UPDATE runs SET state = 'running', phase = 'starting',
				furthest = CASE WHEN furthest = '' THEN 'starting' ELSE furthest END, attempt = attempt + 1,
				lease_owner = ?3, lease_until = ?4, not_before = 0, reason = NULL, reason_code = NULL,
				rows_done = 0, bytes_done = 0, share_done = NULL, progress_at = ?2, started_at = COALESCE(started_at, ?2), `+touched("?2")+`
			WHERE id = ?1 AND state = 'queued' AND not_before <= ?2 RETURNING `+runColumns,
			id, micros(t.now), owner, micros(t.now.Add(lease))).scan)
		if err != nil {
			return err
		}
		claimed.MostRows = mostRows
		if err := t.start(tenant); err != nil {
			return err
		}
		r = claimed
		return nil
	})
	return r, err
}

// notDue says why a run could not be claimed.
func (t *tx) notDue(id string) error {
	r, err := t.run(id)
	switch {
	case err != nil:
		return err
	case r.State == outturn.RunQueued:
		return outturn.Errorf(outturn.CodeConflict, "The run waits until %s for its next attempt.", r.NotBefore.Format(time.RFC3339))
	}
	return outturn.Errorf(outturn.CodeConflict, "The run does not wait for a worker: it is %s.", r.State)
}

// ExtendLease keeps a claim for as long as lease from now, and notes how far its
// attempt has come.
func (s *Store) ExtendLease(ctx context.Context, c outturn.RunClaim, lease time.Duration, phase outturn.RunPhase, p outturn.RunProgress) error {
	before := earlier(phase)
	return s.note(ctx, "extend lease", func(t *tx) error {
		n, err := t.exec(`UPDATE runs SET lease_until = ?5, phase = ?6,
				furthest = CASE WHEN furthest IN ('', ?7, ?8, ?9) THEN ?6 ELSE furthest END,
				rows_done = ?10, bytes_done = ?11, share_done = ?12, progress_at = ?4, `+touched("?4")+`
			WHERE `+held,
			c.Run, c.Attempt, c.Owner, micros(t.now), micros(t.now.Add(lease)), phase, before[0], before[1], before[2],
			p.Rows, p.Bytes, p.Share)
		return lost(n, err)
	})
}

// earlier lists the phases before phase, "" where there are fewer.
func earlier(phase outturn.RunPhase) (before [3]outturn.RunPhase) {
	copy(before[:], outturn.RunPhases[:max(0, slices.Index(outturn.RunPhases, phase))])
	return before
}

// lost is the error of a claim that changed no run.
func lost(n int64, err error) error {
	if err == nil && n == 0 || errors.Is(err, sql.ErrNoRows) {
		return outturn.Errorf(outturn.CodeLeaseLost, "The worker no longer holds the run.")
	}
	return err
}

// CancelRequests lists the runs that owner works on and somebody asked to stop.
func (s *Store) CancelRequests(ctx context.Context, owner string) ([]string, error) {
	rows, err := s.look(ctx).rows(`SELECT id FROM runs WHERE state = 'running' AND lease_owner = ?1 AND cancel_at IS NOT NULL`, owner)
	ids, err := all(rows, err, scanID)
	return ids, fault("read requests to cancel", err)
}

func scanID(scan func(...any) error) (id string, err error) { return id, scan(&id) }

// SucceedRun ends a run with its manifest and its files, which become visible in
// this moment and all together. Where they are more than its tenant, or one above it,
// may keep it is CodeStorageLimit, and where somebody was told that it will stop it is
// CodeCancelled, and nothing changes.
func (s *Store) SucceedRun(ctx context.Context, c outturn.RunClaim, m outturn.Manifest, files []outturn.File) (r outturn.Run, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return r, err
	}
	var rows, bytes int64
	for _, f := range files {
		rows, bytes = max(rows, f.Rows), bytes+f.Bytes
	}
	err = s.work(ctx, "succeed run", func(t *tx) error {
		done, err := scanRun(t.row(`UPDATE runs SET state = 'succeeded', furthest = 'storing', finished_at = ?4,
				rows_done = ?5, bytes_done = ?6, share_done = 1, progress_at = ?4, `+released+`, `+touched("?4")+`
			WHERE `+held+` AND cancel_at IS NULL RETURNING `+runColumns, c.Run, c.Attempt, c.Owner, micros(t.now), rows, bytes).scan)
		if errors.Is(err, sql.ErrNoRows) {
			return t.stillHeld(c, outturn.Errorf(outturn.CodeCancelled, "Somebody asked for the run to stop."))
		}
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO manifests (run, body) VALUES (?1, ?2)`, c.Run, string(body)); err != nil {
			return err
		}
		if done.Files, err = t.addFiles(done, files); err != nil {
			return err
		}
		made := use{running: -1, files: int64(len(files)), bytes: bytes}
		if err := t.mayAdd(done.Tenant, made); err != nil {
			return storageLimit(err)
		}
		if err := t.use(done.Tenant, made); err != nil {
			return err
		}
		if err := t.ended(done, ""); err != nil {
			return err
		}
		if err := t.cover(done); err != nil {
			return err
		}
		r = done
		return nil
	})
	return r, err
}

// FailRun ends a run with a reason; with a retryAt it is queued again instead, and
// due then. One that somebody asked to stop meanwhile is not tried again: it is
// cancelled.
func (s *Store) FailRun(ctx context.Context, c outturn.RunClaim, reason outturn.Reason, retryAt time.Time) (r outturn.Run, err error) {
	err = s.work(ctx, "fail run", func(t *tx) error {
		var done outturn.Run
		var err error
		if retryAt.IsZero() {
			done, err = t.fail(c, reason, 0)
		} else {
			done, err = t.giveBack(c, &reason, retryAt)
		}
		if err == nil {
			r = done
		}
		return err
	})
	return r, err
}

// FinishCancelled ends a run that somebody asked to stop.
func (s *Store) FinishCancelled(ctx context.Context, c outturn.RunClaim) (r outturn.Run, err error) {
	err = s.work(ctx, "finish cancelled run", func(t *tx) error {
		done, err := t.finishCancelled(c)
		if errors.Is(err, sql.ErrNoRows) {
			return t.stillHeld(c, outturn.Errorf(outturn.CodeConflict, "Nobody asked for the run to stop."))
		}
		if err == nil {
			r = done
		}
		return err
	})
	return r, err
}

// stillHeld says why a claim could not end its run: that it does not hold it any more, or
// else why.
func (t *tx) stillHeld(c outturn.RunClaim, why error) error {
	var holds int
	if err := t.row(`SELECT 1 FROM runs WHERE `+held, c.Run, c.Attempt, c.Owner, micros(t.now)).scan(&holds); err != nil {
		return lost(0, err)
	}
	return why
}

// ReleaseRun gives a run back: it is queued again, and due.
func (s *Store) ReleaseRun(ctx context.Context, c outturn.RunClaim) error {
	return s.work(ctx, "release run", func(t *tx) error {
		_, err := t.giveBack(c, nil, time.Time{})
		return err
	})
}

// fail ends the run of c, which has lost a lease as often as lapsed says more.
func (t *tx) fail(c outturn.RunClaim, reason outturn.Reason, lapsed int) (outturn.Run, error) {
	body, err := json.Marshal(reason)
	if err != nil {
		return outturn.Run{}, err
	}
	r, err := scanRun(t.row(`UPDATE runs SET state = 'failed', finished_at = ?4, reason = ?5, reason_code = ?6, lapses = lapses + ?7, `+released+`, `+touched("?4")+`
		WHERE `+heldOrLapsed(lapsed)+` RETURNING `+runColumns, c.Run, c.Attempt, c.Owner, micros(t.now), string(body), reason.Code, lapsed).scan)
	if err != nil {
		return r, lost(0, err)
	}
	if err := t.use(r.Tenant, use{running: -1}); err != nil {
		return r, err
	}
	return r, t.ended(r, reason.Code)
}

// giveBack makes the run of c queued again, or cancelled where somebody asked for
// that.
func (t *tx) giveBack(c outturn.RunClaim, reason *outturn.Reason, notBefore time.Time) (outturn.Run, error) {
	r, err := t.finishCancelled(c)
	if !errors.Is(err, sql.ErrNoRows) {
		return r, err
	}
	return t.requeue(c, reason, notBefore, 0)
}

func (t *tx) requeue(c outturn.RunClaim, reason *outturn.Reason, notBefore time.Time, lapsed int) (outturn.Run, error) {
	var body, code any
	if reason != nil {
		text, err := json.Marshal(reason)
		if err != nil {
			return outturn.Run{}, err
		}
		body, code = string(text), reason.Code
	}
	r, err := scanRun(t.row(`UPDATE runs SET state = 'queued', not_before = ?5, reason = ?6, reason_code = ?7, lapses = lapses + ?8, `+released+`, `+touched("?4")+`
		WHERE `+heldOrLapsed(lapsed)+` RETURNING `+runColumns, c.Run, c.Attempt, c.Owner, micros(t.now), due(notBefore), body, code, lapsed).scan)
	if err != nil {
		return r, lost(1, err)
	}
	return r, t.use(r.Tenant, use{running: -1, queued: 1})
}

func (t *tx) finishCancelled(c outturn.RunClaim) (outturn.Run, error) {
	return t.cancelHeld(c, held)
}

func (t *tx) cancelHeld(c outturn.RunClaim, condition string) (outturn.Run, error) {
	r, err := scanRun(t.row(`UPDATE runs SET state = 'cancelled', finished_at = ?4, `+released+`, `+touched("?4")+`
		WHERE `+condition+` AND cancel_at IS NOT NULL RETURNING `+runColumns, c.Run, c.Attempt, c.Owner, micros(t.now)).scan)
	if err != nil {
		return r, err
	}
	if err := t.use(r.Tenant, use{running: -1}); err != nil {
		return r, err
	}
	return r, t.ended(r, "")
}

// lapsed is held, of a lease that is over.
const lapsed = `id = ?1 AND state = 'running' AND attempt = ?2 AND lease_owner = ?3 AND lease_until <= ?4`

func heldOrLapsed(n int) string {
	if n > 0 {
		return lapsed
	}
	return held
}

// EndLeases ends the leases of all but owner, which knows that it is alone: SweepLeases
// then takes their runs back.
func (s *Store) EndLeases(ctx context.Context, owner string) error {
	return s.work(ctx, "end leases", func(t *tx) error {
		_, err := t.exec(`UPDATE runs SET lease_until = ?2 WHERE state = 'running' AND lease_owner <> ?1 AND lease_until > ?2`, owner, micros(t.now))
		return err
	})
}

// mostSwept is how many runs one sweep takes back.
const mostSwept = 1000

// SweepLeases takes back the runs whose lease is over: they are queued again, or
// failed with CodeWorkerLost when it is the most-th time, or cancelled where
// somebody asked for that, which is in neither list. It also forgets keys whose
// time is over.
func (s *Store) SweepLeases(ctx context.Context, most int) (requeued, gone []outturn.Run, err error) {
	now := micros(s.instant())
	var work int
	if err := s.look(ctx).row(`SELECT (SELECT COUNT(*) FROM runs WHERE state = 'running' AND lease_until <= ?1)
		+ (SELECT COUNT(*) FROM idempotency_keys WHERE expires_at <= ?1)`, now).scan(&work); err != nil || work == 0 {
		return nil, nil, fault("look for lapsed leases", err)
	}
	err = s.work(ctx, "sweep leases", func(t *tx) error {
		requeued, gone = nil, nil
		rows, err := t.rows(`SELECT `+lightColumns+` FROM runs WHERE state = 'running' AND lease_until <= ?1 ORDER BY lease_until LIMIT ?2`, micros(t.now), mostSwept)
		runs, err := all(rows, err, scanLight)
		if err != nil {
			return err
		}
		for _, r := range runs {
			taken, err := t.takeBack(r, most)
			switch {
			case err != nil:
				return err
			case taken.State == outturn.RunQueued:
				requeued = append(requeued, taken)
			case taken.State == outturn.RunFailed:
				gone = append(gone, taken)
			}
		}
		_, err = t.exec(`DELETE FROM idempotency_keys WHERE expires_at <= ?1`, micros(t.now))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return requeued, gone, nil
}

func (t *tx) takeBack(r outturn.Run, most int) (outturn.Run, error) {
	if !r.CancelAt.IsZero() {
		return t.cancelHeld(r.Claim(), lapsed)
	}
	if r.Lapses+1 >= most {
		reason := outturn.NewReason(outturn.Errorf(outturn.CodeWorkerLost,
			"The processes that worked on it stopped answering, %d times. The operator should look into their logs before it is tried again.", r.Lapses+1), r.ID)
		return t.fail(r.Claim(), reason, 1)
	}
	reason := outturn.NewReason(outturn.Errorf(outturn.CodeWorkerLost, "The process that worked on it stopped answering. It is tried again."), r.ID)
	reason.Act, reason.Retry = outturn.ActorNobody, true
	return t.requeue(r.Claim(), &reason, time.Time{}, 1)
}

// DueRuns lists queued runs that may be claimed now, without their requests: the
// oldest of each tenant first, then the second of each. So a backlog beyond limit
// does not hide other tenants' runs. Those of suspended tenants are not listed, and of
// a tenant whose runs at work are limited no more than there is room for. Those whose
// turn it is not are not listed either, and those of backfills come after its others.
func (s *Store) DueRuns(ctx context.Context, limit int) ([]outturn.Run, error) {
	rows, err := s.look(ctx).rows(`WITH free AS MATERIALIZED (
			SELECT q.tenant AS whose, `+room+` AS room FROM tenant_usage q WHERE q.queued > 0),
		turns AS (
			SELECT id AS run, tenant AS whose, created_at AS since, ROW_NUMBER() OVER (PARTITION BY tenant ORDER BY low, created_at, id) AS turn
			FROM runs r WHERE state = 'queued' AND not_before <= ?1 AND `+turn+`),
		due AS (
			SELECT turns.run, turns.since, turns.turn FROM turns JOIN free ON free.whose = turns.whose
			WHERE turns.turn <= COALESCE(free.room, turns.turn)
			ORDER BY turns.turn, turns.since, turns.run LIMIT ?2)
		SELECT `+lightColumns+` FROM due JOIN runs ON runs.id = due.run ORDER BY turn, since, run`, micros(s.instant()), limit)
	runs, err := all(rows, err, scanLight)
	return runs, fault("list due runs", err)
}
