package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"sync"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/pipeline"
	"outturn/internal/queue"
	"outturn/internal/source"
)

// An attempt is one execution of a run by this process, under one claim.
type attempt struct {
	runner *Runner
	run    outturn.Run
	log    *slog.Logger
	stop   context.CancelCauseFunc

	progress pipeline.Progress
	uploads  []blob.Upload
	files    []outturn.File // as far as is known

	entered chan struct{} // a phase; has room for one

	mu    sync.Mutex
	phase outturn.RunPhase
}

// work is what the queue calls with a job. Whatever comes of it stands in the
// ledger; a job whose run is not due is none.
func (r *Runner) work(ctx context.Context, j queue.Job) {
	run, err := r.Ledger.ClaimRun(context.WithoutCancel(ctx), j.Run, r.Owner, r.Lease)
	switch outturn.ErrorCode(err) {
	case "":
	case outturn.CodeConflict, outturn.CodeNotFound:
		r.ringNext(ctx, j, true) // it was worked on, cancelled, or waits for its next attempt: its place is another's
		return
	case outturn.CodeHeld:
		r.heldBack.Store(true)
		r.ringNext(ctx, j, true) // another of the subtree may have room where it has none
		return
	default:
		r.Log.Error("a run was not claimed", "run", j.Run, "error", err) // the sweep rings it again
		return
	}
	a := &attempt{
		runner: r, run: run, phase: outturn.PhaseStarting, entered: make(chan struct{}, 1),
		log: r.Log.With("run", run.ID, "tenant", run.Tenant, "attempt", run.Attempt),
	}
	a.work(ctx)
	r.ringNext(ctx, j, run.Generator != "")
}

func (a *attempt) work(ctx context.Context) {
	started := a.runner.Now()
	ctx, a.stop = context.WithCancelCause(ctx)
	defer a.stop(nil)
	a.enlist()
	defer a.delist()

	beat, end := context.WithCancel(context.WithoutCancel(ctx))
	var beating sync.WaitGroup
	beating.Go(func() { a.heartbeat(beat) })
	manifest, err := a.make(ctx)
	end()
	beating.Wait()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // what the engine says when it is interrupted is of no use
	}
	a.finish(context.WithoutCancel(ctx), manifest, err, started)
}

func (a *attempt) enlist() {
	a.runner.mu.Lock()
	defer a.runner.mu.Unlock()
	a.runner.attempts[a.run.ID] = a
}

func (a *attempt) delist() {
	a.runner.mu.Lock()
	defer a.runner.mu.Unlock()
	delete(a.runner.attempts, a.run.ID)
}

// heartbeat keeps the lease and says how far the attempt has come: every Heartbeat,
// and soon after each new phase. When the lease cannot be kept the attempt ends:
// somebody else may have the run.
func (a *attempt) heartbeat(ctx context.Context) {
	tick := time.NewTicker(a.runner.Heartbeat)
	defer tick.Stop()
	var soon <-chan time.Time // after a new phase
	held := time.Now().Add(a.runner.Lease)
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.entered:
			if soon == nil {
				soon = time.After(sayWithin)
			}
			continue
		case <-soon:
		case <-tick.C:
		}
		soon = nil
		began := time.Now()
		err := a.say(ctx)
		switch {
		case err == nil:
			held = began.Add(a.runner.Lease)
		case ctx.Err() != nil:
			return
		case outturn.ErrorCode(err) == outturn.CodeLeaseLost || time.Now().After(held):
			a.log.Warn("the lease is lost", "error", err)
			a.stop(errLeaseLost)
			return
		default:
			a.log.Warn("the lease was not extended", "error", err)
		}
	}
}

// sayWithin is how long a new phase may be unknown to the ledger. A run of few rows
// has ended before, and costs no write for any.
const sayWithin = 200 * time.Millisecond

// say extends the lease and publishes phase and progress.
func (a *attempt) say(ctx context.Context) error {
	a.mu.Lock()
	phase := a.phase
	a.mu.Unlock()
	p := outturn.RunProgress{Rows: a.progress.Rows.Load(), Bytes: a.progress.Bytes.Load()}
	if share, known := a.progress.Share(); known {
		p.Share = &share
	}
	return a.runner.Ledger.ExtendLease(ctx, a.run.Claim(), a.runner.Lease, phase, p)
}

// enter notes a new phase. It does not wait for the ledger: rows do.
func (a *attempt) enter(phase outturn.RunPhase) {
	a.mu.Lock()
	a.phase = phase
	a.mu.Unlock()
	select {
	case a.entered <- struct{}{}:
	default: // the one before is not heard yet
	}
}

// make produces the files, complete and committed under the attempt's keys.
func (a *attempt) make(ctx context.Context) (m outturn.Manifest, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			a.log.Error("the run panicked", "fault", fault, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	defer a.abortUploads()
	if t := a.runner.Timeout; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t, outturn.Errorf(outturn.CodeQueryTimeout,
			"The run took longer than the %s that a run may take here. Ask for a shorter window or a narrower filter.", t))
		defer cancel()
		defer func() {
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
		}()
	}
	plan, err := pipeline.Prepare(a.runner.Catalog, a.run.Request)
	if err != nil {
		return m, err
	}
	plan.Private, plan.MaxRows, plan.Manifest.Outturn = true, a.runner.MaxRows, a.runner.Version
	if most := a.run.MostRows; most != nil && (plan.MaxRows == 0 || *most < plan.MaxRows) {
		plan.MaxRows = *most
	}
	snapshot, err := source.Begin(source.WithPurpose(ctx, "run "+a.run.ID), plan.Query.Dataset, a.runner.Source, a.runner.Own)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	return a.export(ctx, snapshot, plan)
}

func (a *attempt) export(ctx context.Context, snapshot source.Snapshot, plan pipeline.Plan) (m outturn.Manifest, err error) {
	if err := plan.Bind(ctx, snapshot); err != nil {
		return m, err
	}
	outputs, err := a.createOutputs(ctx)
	if err != nil {
		return m, err
	}
	a.progress.OnPhase = a.enter
	if m, err = pipeline.Export(ctx, snapshot, plan, outputs, &a.progress); err != nil {
		return m, err
	}
	if a.tooEarly() {
		return m, outturn.Errorf(outturn.CodeSourceUnavailable,
			"The source has no rows of the invoice %s yet, of which an event told. It is looked for again for some minutes.", outturn.Shown(a.run.Request.Invoice))
	}
	for i, up := range a.uploads {
		if err := up.Commit(ctx); err != nil {
			return m, err
		}
		a.files[i].ManifestFile = m.Files[i]
	}
	return m, nil
}

// tooEarly says whether an attempt has read nothing because an event was faster than the
// source: who tells of an invoice may do so before the transaction that makes it has
// reached a replica. The last attempt takes it for what there is.
func (a *attempt) tooEarly() bool {
	return a.run.Cause == outturn.CauseEvent && a.run.Request.Invoice != "" && a.progress.Rows.Load() == 0 && a.run.Attempt < a.runner.MaxAttempts
}

// createOutputs starts an upload for each file that was asked for.
func (a *attempt) createOutputs(ctx context.Context) ([]pipeline.Output, error) {
	zone, err := outturn.LoadZone(a.run.Request.Zone)
	if err != nil {
		return nil, err
	}
	now := a.runner.Now().UTC().Truncate(time.Microsecond)
	var outputs []pipeline.Output
	for _, asked := range a.run.Request.Outputs {
		o, err := pipeline.PrepareOutput(asked, zone)
		if err != nil {
			return nil, err
		}
		f := outturn.File{
			ID: outturn.NewID(now), Run: a.run.ID, Tenant: a.run.Tenant,
			CreatedAt: now, ExpiresAt: now.Add(a.runner.Retention),
		}
		o.Name = fileName(a.run.Name, f.ID, now.In(zone), o.Extension())
		f.Key = attemptKey(a.run) + o.Name
		up, err := a.runner.Blobs.Create(ctx, f.Key)
		if err != nil {
			return nil, err
		}
		a.runner.uploads.Add(1)
		o.Sink = up
		a.uploads, a.files, outputs = append(a.uploads, up), append(a.files, f), append(outputs, o)
	}
	return outputs, nil
}

// attemptKey is the prefix of what one attempt stores: a late one overwrites nothing.
// It has no folder of its own, which would cost the disk a sync.
func attemptKey(run outturn.Run) string {
	return fmt.Sprintf("%s/%s.%d.", run.Tenant, run.ID, run.Attempt)
}

// runOfKey says of which run a stored file is; "" where the key is none of ours, for
// somebody may keep files of his own there. Until November 2026 an attempt was a folder,
// in that of its run.
func runOfKey(key string) string {
	if parts := ourKey.FindStringSubmatch(key); parts != nil {
		return parts[1]
	}
	return ""
}

var ourKey = regexp.MustCompile(`^[^/]+/([0-9a-f-]{36})(?:\.\d+\.|/\d+/)[^/]+$`)

// abortUploads drops what was not committed.
func (a *attempt) abortUploads() {
	for _, up := range a.uploads {
		up.Abort()
	}
	a.runner.uploads.Add(-int64(len(a.uploads)))
}

// finish tells the ledger what came of the attempt. Here, and nowhere else, its
// files become visible.
func (a *attempt) finish(ctx context.Context, m outturn.Manifest, err error, started time.Time) {
	state, inDoubt := outturn.RunSucceeded, false
	if err == nil {
		_, err = a.runner.Ledger.SucceedRun(ctx, a.run.Claim(), m, a.files)
		// Only these refusals say that nothing was listed. After any other failure the
		// commit may have been made all the same: then the files are what the ledger
		// promises, and if not, the sweep of the storage removes them.
		code := outturn.ErrorCode(err)
		inDoubt = err != nil && code != outturn.CodeLeaseLost && code != outturn.CodeStorageLimit && code != outturn.CodeCancelled
		switch code {
		case outturn.CodeUnavailable: // another process holds the ledger, and lets go of it
			err = outturn.Errorf(outturn.CodeStorageUnavailable, "%w", err)
		case outturn.CodeCancelled: // in the last moment
			err = errCancelled
		}
	}
	if err != nil {
		if !inDoubt {
			a.deleteFiles(ctx)
		}
		state, err = a.fail(ctx, err)
	}
	a.runner.Ended(a.run.ID)
	attrs := []any{"state", string(state), "rows", a.progress.Rows.Load(), "bytes", a.progress.Bytes.Load(),
		"took", a.runner.Now().Sub(started).Round(time.Millisecond).String()}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	a.log.Info("attempt ended", attrs...)
}

// fail moves the run on after an attempt that made no files.
func (a *attempt) fail(ctx context.Context, err error) (outturn.RunState, error) {
	claim := a.run.Claim()
	ended := outturn.Run{State: outturn.RunQueued}
	var moved error
	switch {
	case errors.Is(err, errCancelled):
		ended, moved = a.runner.Ledger.FinishCancelled(ctx, claim)
	case errors.Is(err, queue.ErrStopped):
		moved = a.runner.Ledger.ReleaseRun(ctx, claim)
	case outturn.ErrorCode(err) == outturn.CodeLeaseLost:
		return ended.State, err // it is another's by now
	default:
		reason := outturn.NewReason(err, fmt.Sprintf("%s/%d", a.run.ID, a.run.Attempt))
		if reason.Code == outturn.CodeInternal {
			a.log.Error("the run failed", "correlation", reason.Correlation, "error", err)
		}
		var again time.Time
		if reason.Retry && a.run.Attempt < a.runner.MaxAttempts {
			again = a.runner.Now().Add(a.runner.backoff(a.run.Attempt))
		}
		ended, moved = a.runner.Ledger.FailRun(ctx, claim, reason, again)
	}
	if moved != nil {
		a.log.Error("the end of the attempt was not noted; the sweep takes the run back", "error", moved)
	}
	return ended.State, err
}

// deleteFiles removes what was committed for nothing. What it cannot remove, the
// sweep does.
func (a *attempt) deleteFiles(ctx context.Context) {
	for _, f := range a.files {
		if err := a.runner.Blobs.Delete(ctx, f.Key); err != nil {
			a.log.Warn("an unpublished file was not deleted", "key", f.Key, "error", err)
		}
	}
}
