package runner

import (
	"context"
	"errors"
	"strings"
	"time"

	"outturn"
	"outturn/internal/queue"
)

type sweepLedger interface {
	EndLeases(ctx context.Context, owner string) error
	SweepLeases(ctx context.Context, most int) (requeued, lost []outturn.Run, err error)
	DueRuns(ctx context.Context, limit int) ([]outturn.Run, error)
	// NextRuns lists runs that waited, because of limits, for one of that tenant to end.
	NextRuns(ctx context.Context, tenant string) ([]outturn.Run, error)
	// NextInTurn lists runs that waited for a run of their generator to end.
	NextInTurn(ctx context.Context, run string) ([]outturn.Run, error)
	// Waiting says whether any run is queued.
	Waiting(ctx context.Context) (bool, error)
	ExpiredFiles(ctx context.Context, limit int) ([]outturn.File, error)
	ForgetFiles(ctx context.Context, ids []string) error
	RunKeys(ctx context.Context, ids []string) (map[string]outturn.Run, error)
}

// Limits of one sweep.
const (
	mostDue     = 10_000
	mostExpired = 1000
	// storageEvery is how many sweeps pass between two looks at the storage.
	storageEvery = 60
	// settled is how old stored bytes must be to be judged: an attempt that has
	// committed them is about to publish them.
	settled = 10 * time.Minute
)

func (r *Runner) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(r.Config.Sweep)
	defer tick.Stop()
	r.sweepStorage(ctx, settled) // what an earlier process has left
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.sweep(ctx)
		if n%storageEvery == 0 {
			r.sweepStorage(ctx, settled)
		}
	}
}

// sweep takes back what nobody works on any more, rings what waits unheard, and
// removes files whose time is over. What fails is logged and tried again.
func (r *Runner) sweep(ctx context.Context) {
	r.sweepLeases(ctx)
	r.complain(ctx, "due runs were not rung", r.ringDue(ctx))
	r.complain(ctx, "expired files were not removed", r.sweepExpired(ctx))
}

// sweepLeases takes back the runs whose lease is over.
func (r *Runner) sweepLeases(ctx context.Context) {
	requeued, lost, err := r.Ledger.SweepLeases(ctx, r.MaxLapses)
	r.lapses.Add(int64(len(requeued) + len(lost)))
	for _, run := range requeued {
		r.Log.Warn("a lease ran out; the run is queued again", "run", run.ID, "attempt", run.Attempt)
	}
	for _, run := range lost {
		r.Log.Error("the workers of a run were lost", "run", run.ID, "attempt", run.Attempt)
	}
	r.complain(ctx, "lapsed leases were not swept", err)
}

func (r *Runner) complain(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		r.Log.Error(what, "error", err)
	}
}

// wakeLoop rings runs that were held back when somebody says that they may be
// startable. As long as any is, it looks by itself as well: who raises a limit or
// resumes a tenant may be another process.
func (r *Runner) wakeLoop(ctx context.Context) {
	tick := time.NewTicker(r.CancelPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-tick.C:
			if !r.heldBack.Swap(false) { // whatever is held back from now on says so
				continue
			}
		}
		waiting, err := r.Ledger.Waiting(ctx)
		if err == nil && !waiting {
			continue
		}
		r.heldBack.Store(true)
		if err = errors.Join(err, r.ringDue(ctx)); outturn.ErrorCode(err) != outturn.CodeUnavailable { // a queue that has stopped
			r.complain(ctx, "runs that were held back were not rung", err)
		}
	}
}

// ringNext rings the runs that waited for one to end: those of its tenant that a limit
// held back, of which there are none where no limit counts for it, and those of its
// generator, if it may have one, whose turn it is.
func (r *Runner) ringNext(ctx context.Context, j queue.Job, generated bool) {
	if ctx.Err() != nil {
		return // the queue stops
	}
	next, err := r.Ledger.NextRuns(ctx, j.Tenant)
	if generated {
		turn, errTurn := r.Ledger.NextInTurn(ctx, j.Run)
		next, err = append(next, turn...), errors.Join(err, errTurn)
	}
	for _, run := range next {
		err = errors.Join(err, r.ring(ctx, run, queue.ClassFirst))
	}
	if outturn.ErrorCode(err) != outturn.CodeUnavailable { // a queue that has stopped
		r.complain(ctx, "the next runs were not rung", err)
	}
}

// ring rings a run with a class, or with that of a backfill where it is of one.
func (r *Runner) ring(ctx context.Context, run outturn.Run, class int) error {
	if run.Low {
		class = queue.ClassLow
	}
	return r.Queue.Ring(ctx, queue.Job{Run: run.ID, Tenant: run.Tenant, Class: class})
}

// ringDue rings the runs that are due and have no job here.
func (r *Runner) ringDue(ctx context.Context) error {
	due, err := r.Ledger.DueRuns(ctx, mostDue)
	if err != nil || len(due) == 0 {
		return err
	}
	ids := make([]string, len(due))
	byID := make(map[string]outturn.Run, len(due))
	for i, run := range due {
		ids[i], byID[run.ID] = run.ID, run
	}
	unheard, err := r.Queue.Lost(ctx, ids)
	if err != nil {
		return err
	}
	before := map[string]int{} // by tenant
	for _, id := range unheard {
		run := byID[id]
		if err := r.ring(ctx, run, queue.Class(before[run.Tenant])); err != nil {
			return err
		}
		before[run.Tenant]++
	}
	return nil
}

// sweepExpired deletes the bytes of files whose time is over, then forgets them.
func (r *Runner) sweepExpired(ctx context.Context) error {
	files, err := r.Ledger.ExpiredFiles(ctx, mostExpired)
	if err != nil {
		return err
	}
	var gone []string
	for _, f := range files {
		if err := r.Blobs.Delete(ctx, f.Key); err != nil {
			r.Log.Error("an expired file was not deleted", "key", f.Key, "error", err)
			continue
		}
		gone = append(gone, f.ID)
	}
	return r.Ledger.ForgetFiles(ctx, gone)
}

// sweepStorage deletes stored bytes older than age that no run lists and no
// attempt is about to publish: what a process left that died between the two.
func (r *Runner) sweepStorage(ctx context.Context, age time.Duration) {
	keys := map[string][]string{} // by run
	for info, err := range r.Blobs.List(ctx, "") {
		if err != nil {
			r.complain(ctx, "the storage was not listed", err)
			return
		}
		if run := runOfKey(info.Key); run != "" && r.Now().Sub(info.ModTime) > age {
			keys[run] = append(keys[run], info.Key)
		}
		if len(keys) >= mostExpired {
			r.sweepKeys(ctx, keys)
			clear(keys)
		}
	}
	r.sweepKeys(ctx, keys)
}

func (r *Runner) sweepKeys(ctx context.Context, keys map[string][]string) {
	if len(keys) == 0 {
		return
	}
	var ids []string
	for id := range keys {
		ids = append(ids, id)
	}
	runs, err := r.Ledger.RunKeys(ctx, ids)
	if err != nil {
		r.complain(ctx, "the runs of stored files were not read", err)
		return
	}
	for id, stored := range keys {
		run := runs[id]
		wanted := map[string]bool{}
		for _, f := range run.Files {
			wanted[f.Key] = true
		}
		for _, key := range stored {
			if wanted[key] || run.State == outturn.RunRunning && strings.HasPrefix(key, attemptKey(run)) {
				continue
			}
			r.Log.Warn("a file that nobody published is deleted", "key", key)
			r.complain(ctx, "it was not deleted", r.Blobs.Delete(ctx, key))
		}
	}
}
