package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"outturn"
)

// lightColumns are what watchers and workers need; the request, which may be long,
// comes after them in the row and is not read.
const lightColumns = `id, tenant, name, dataset, state, phase, furthest, attempt, lease_owner, lease_until, lapses, not_before,
	cancelled_by, cancel_at, rows_done, bytes_done, share_done, progress_at, reason, retry_of, origin, created_by,
	created_at, started_at, finished_at, updated_at, files_gone_at, generator, revision, cause, scheduled_for, event, in_turn, low, format, rhythm, removed_at`

const runColumns = lightColumns + `, request, foreign_text, deliveries`

func scanRun(scan func(...any) error) (outturn.Run, error) {
	var request, foreign, deliveries string
	r, err := scanLight(func(to ...any) error {
		return scan(append(to, &request, textTo{&foreign}, textTo{&deliveries})...)
	})
	if err != nil {
		return r, err
	}
	if deliveries != "" {
		if err := json.Unmarshal([]byte(deliveries), &r.Deliveries); err != nil {
			return r, err
		}
	}
	if foreign != "" {
		r.Foreign = json.RawMessage(foreign)
	}
	return r, json.Unmarshal([]byte(request), &r.Request)
}

func scanLight(scan func(...any) error) (r outturn.Run, err error) {
	var reason, cause, rhythm string
	var notBefore int64
	var revision sql.NullInt64
	err = scan(&r.ID, &r.Tenant, &r.Name, &r.Request.Dataset, &r.State, &r.Phase, &r.Furthest, &r.Attempt,
		textTo{&r.LeaseOwner}, instantTo{&r.LeaseUntil}, &r.Lapses, &notBefore,
		textTo{&r.CancelledBy}, instantTo{&r.CancelAt}, &r.Progress.Rows, &r.Progress.Bytes, &r.Progress.Share, instantTo{&r.Progress.At},
		textTo{&reason}, textTo{&r.RetryOf}, &r.Origin, &r.CreatedBy,
		instantTo{&r.CreatedAt}, instantTo{&r.StartedAt}, instantTo{&r.FinishedAt}, instantTo{&r.UpdatedAt}, instantTo{&r.FilesGoneAt},
		textTo{&r.Generator}, &revision, textTo{&cause}, instantTo{&r.ScheduledFor}, textTo{&r.Event}, &r.InTurn, &r.Low,
		textTo{&r.Format}, textTo{&rhythm}, instantTo{&r.RemovedAt})
	if err != nil {
		return r, err
	}
	r.Revision, r.Cause, r.Rhythm = int(revision.Int64), outturn.Cause(cause), outturn.Rhythm(rhythm)
	if notBefore > 0 {
		r.NotBefore = time.UnixMicro(notBefore).UTC()
	}
	if reason != "" {
		return r, json.Unmarshal([]byte(reason), &r.Reason)
	}
	return r, nil
}

// touched sets updated_at so that it grows with every change, were there two in
// one microsecond.
func touched(now string) string {
	return `updated_at = CASE WHEN updated_at >= ` + now + ` THEN updated_at + 1 ELSE ` + now + ` END`
}

func later(now, was time.Time) time.Time {
	if !now.After(was) {
		return was.Add(time.Microsecond)
	}
	return now
}

// CreateRun adds a queued run, and makes its id where it has none. It is CodeLimit when
// as many wait, or as many bytes are kept, as the tenant or one above it may have; a
// LimitReached says whose limit that is. With a key that
// the same subject used before for the same request it adds nothing and returns
// the run of then; for another request it is CodeKeyReused.
func (s *Store) CreateRun(ctx context.Context, r outturn.Run, key *outturn.IdempotencyKey, a outturn.AuditEntry) (outturn.Run, error) {
	request, err := json.Marshal(r.Request)
	if err != nil {
		return r, err
	}
	err = s.write(ctx, "create run", func(t *tx) error {
		first, err := t.keyed(key)
		if err != nil {
			return err
		}
		if first != "" {
			r, err = t.run(first)
			return err
		}
		if err := t.takesPart(r.Tenant); err != nil {
			return err
		}
		made := queued(r, t.now)
		if err := t.createRun(made, string(request)); err != nil {
			return err
		}
		if err := t.mayAdd(made.Tenant, use{queued: 1, bytes: 1}); err != nil {
			return err
		}
		if err := t.use(made.Tenant, use{queued: 1}); err != nil {
			return err
		}
		if key != nil {
			if err := t.keepKey(key, made.ID); err != nil {
				return err
			}
		}
		if err := t.audit(a, made.Tenant, made.ID); err != nil {
			return err
		}
		r = made
		return nil
	})
	return r, err
}

// queued is r as it begins.
func queued(r outturn.Run, now time.Time) outturn.Run {
	made := outturn.Run{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, Request: r.Request, State: outturn.RunQueued, NotBefore: r.NotBefore,
		Generator: r.Generator, Revision: r.Revision, Cause: r.Cause, ScheduledFor: r.ScheduledFor, Event: r.Event,
		Format: formatOf(r.Request), Rhythm: r.Rhythm,
		InTurn: r.InTurn, Low: r.Low, Deliveries: r.Deliveries,
		RetryOf: r.RetryOf, Origin: r.Origin, Foreign: r.Foreign, CreatedBy: r.CreatedBy, CreatedAt: now, UpdatedAt: now,
	}
	if made.ID == "" {
		made.ID = outturn.NewID(now)
	}
	return made
}

// formatOf is the format of the first file of a request.
func formatOf(r outturn.RunRequest) string {
	if len(r.Outputs) == 0 {
		return ""
	}
	return r.Outputs[0].Format
}

// viewOf is the name of the view of a request.
func viewOf(r outturn.RunRequest) string {
	if r.OwnView != nil {
		return r.OwnView.Name
	}
	return r.View
}

func (t *tx) createRun(r outturn.Run, request string) error {
	deliveries := ""
	if len(r.Deliveries) > 0 {
		body, err := json.Marshal(r.Deliveries)
		if err != nil {
			return err
		}
		deliveries = string(body)
	}
	var w outturn.Window
	if r.Request.Window != nil {
		w = *r.Request.Window
	}
	_, err := t.exec(`INSERT INTO runs (id, tenant, name, dataset, state, phase, furthest, attempt, lapses, not_before,
			rows_done, bytes_done, retry_of, origin, created_by, created_at, updated_at, request, foreign_text,
			generator, revision, cause, scheduled_for, event, in_turn, low, deliveries, format, rhythm, window_from, window_to, view_name)
		VALUES (?1, ?2, ?3, ?4, 'queued', '', '', 0, 0, ?5, 0, 0, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)`,
		r.ID, r.Tenant, r.Name, r.Request.Dataset, due(r.NotBefore), text(r.RetryOf), r.Origin, r.CreatedBy, micros(r.CreatedAt),
		request, text(string(r.Foreign)),
		text(r.Generator), sql.NullInt64{Int64: int64(r.Revision), Valid: r.Generator != ""}, text(string(r.Cause)), micros(r.ScheduledFor), text(r.Event),
		flag(r.InTurn), flag(r.Low), text(deliveries), text(r.Format), text(string(r.Rhythm)), micros(w.From), micros(w.To), text(viewOf(r.Request)))
	switch {
	case isForeign(err):
		return outturn.InField("tenant", noSuch("tenant", r.Tenant))
	case isUnique(err):
		return outturn.Errorf(outturn.CodeConflict, "There is a run %s already.", outturn.Shown(r.ID))
	}
	return err
}

// flag is how a bool is kept.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// due is how NotBefore is kept: 0 is at once.
func due(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// keyed returns the run that key made, "" when it made none or its time is over.
func (t *tx) keyed(key *outturn.IdempotencyKey) (string, error) {
	if key == nil {
		return "", nil
	}
	var run, fingerprint string
	err := t.row(`SELECT run, fingerprint FROM idempotency_keys WHERE subject = ?1 AND key_text = ?2 AND expires_at > ?3`,
		key.Subject, key.Key, micros(t.now)).scan(&run, &fingerprint)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case err == nil && fingerprint != key.Fingerprint:
		return "", outturn.InField("Idempotency-Key", outturn.Errorf(outturn.CodeKeyReused, "This Idempotency-Key was used for another request. Send a new key with a new request."))
	}
	return run, err
}

func (t *tx) keepKey(key *outturn.IdempotencyKey, run string) error {
	_, err := t.exec(`INSERT INTO idempotency_keys (subject, key_text, fingerprint, run, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (subject, key_text) DO UPDATE SET fingerprint = excluded.fingerprint, run = excluded.run, expires_at = excluded.expires_at`,
		key.Subject, key.Key, key.Fingerprint, run, due(key.ExpiresAt))
	return err
}

// Run returns a run that viewer sees, with its files.
func (s *Store) Run(ctx context.Context, viewer, id string) (r outturn.Run, err error) {
	err = s.read(ctx, "read run", func(t *tx) error {
		r, err = t.visibleRun(viewer, id)
		if err != nil || r.State != outturn.RunSucceeded {
			return err
		}
		r.Files, err = t.filesOf(id)
		return err
	})
	return r, err
}

func (t *tx) visibleRun(viewer, id string) (outturn.Run, error) {
	r, err := scanRun(t.row(`SELECT `+runColumns+` FROM runs WHERE id = ?2 AND `+seen("runs.tenant"), viewer, id).scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = noSuch("run", id)
	}
	return r, err
}

// run returns a run whosever it is, with its files.
func (t *tx) run(id string) (outturn.Run, error) {
	r, err := scanRun(t.row(`SELECT `+runColumns+` FROM runs WHERE id = ?1`, id).scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = noSuch("run", id)
	}
	if err != nil || r.State != outturn.RunSucceeded {
		return r, err
	}
	r.Files, err = t.filesOf(id)
	return r, err
}

var runList = listing{
	name: "runs", table: "runs", tenant: "tenant",
	fields: []listField{
		{name: "id", column: "id"},
		{name: "tenant", column: "tenant"},
		{name: "name", column: "name", order: true},
		{name: "dataset", column: "dataset"},
		{name: "state", column: "state", words: words(outturn.RunStates...)},
		{name: "origin", column: "origin"},
		{name: "created_by", column: "created_by"},
		{name: "retry_of", column: "retry_of", null: true},
		{name: "reason", column: "reason_code", null: true},
		{name: "generator", column: "generator", null: true},
		{name: "cause", column: "cause", null: true, words: words(outturn.Causes...)},
		{name: "format", column: "format", null: true},
		{name: "rhythm", column: "rhythm", null: true, words: words(outturn.Rhythms...)},
		{name: "furthest", column: "furthest"},
		{name: "created_at", column: "created_at", kind: instantField, order: true},
		{name: "updated_at", column: "updated_at", kind: instantField},
		{name: "files_gone_at", column: "files_gone_at", kind: instantField, null: true},
		{name: "removed_at", column: "removed_at", kind: instantField, null: true},
		{name: "started_at", column: "started_at", kind: instantField, null: true},
		{name: "finished_at", column: "finished_at", kind: instantField, null: true, order: true},
	},
	first: outturn.Order{Field: "created_at", Desc: true},
	indexes: []listIndex{
		{name: "runs_tenant_created", tenant: true, order: "created_at"},
		{name: "runs_tenant_state_created", tenant: true, equal: "state", order: "created_at"},
		{name: "runs_tenant_dataset_created", tenant: true, equal: "dataset", order: "created_at"},
		{name: "runs_tenant_finished", tenant: true, order: "finished_at"},
		{name: "runs_tenant_state_finished", tenant: true, equal: "state", order: "finished_at"},
		{name: "runs_tenant_unfinished", tenant: true, order: "finished_at", nulls: true},
		{name: "runs_tenant_state_unfinished", tenant: true, equal: "state", order: "finished_at", nulls: true},
		{name: "runs_tenant_name", tenant: true, order: "name"},
		{name: "runs_created", order: "created_at"},
		{name: "runs_state_created", equal: "state", order: "created_at"},
		{name: "runs_dataset_created", equal: "dataset", order: "created_at"},
		{name: "runs_finished", order: "finished_at"},
		{name: "runs_state_finished", equal: "state", order: "finished_at"},
		{name: "runs_unfinished", order: "finished_at", nulls: true},
		{name: "runs_state_unfinished", equal: "state", order: "finished_at", nulls: true},
		{name: "runs_name", order: "name"},
		{name: "runs_tenant_reason_created", tenant: true, equal: "reason", order: "created_at"},
		{name: "runs_reason_created", equal: "reason", order: "created_at"},
		{name: "runs_generator_created", equal: "generator", order: "created_at"},
		{name: "runs_tenant_rhythm_created", tenant: true, equal: "rhythm", order: "created_at"},
		{name: "runs_tenant_format_created", tenant: true, equal: "format", order: "created_at"},
		{equal: "id"},
		{name: "runs_retries", equal: "retry_of"},
		{name: "runs_reason_created", equal: "reason"},
		{name: "runs_tenant_name", tenant: true, equal: "name"},
		{name: "runs_name", equal: "name"},
	},
}

// Runs lists the runs of a tenant that is viewer or below it: "" is viewer's own,
// and "*" those of all it sees. The files of succeeded runs are with them.
func (s *Store) Runs(ctx context.Context, viewer, tenant string, q outturn.ListQuery) (outturn.List[outturn.Run], error) {
	page, err := list(s, ctx, &runList, viewer, tenant, q, runColumns, scanRun, func(r *outturn.Run) string { return r.ID })
	if err != nil {
		return page, err
	}
	return page, fault("list files", s.look(ctx).fillFiles(page.Items))
}

// RunProgresses returns how far runs have come, without their requests and files,
// for those who watch; ids that are none are left out.
func (s *Store) RunProgresses(ctx context.Context, ids []string) ([]outturn.Run, error) {
	runs, err := s.look(ctx).lightRuns(ids)
	return runs, fault("read progress", err)
}

func (t *tx) lightRuns(ids []string) (runs []outturn.Run, err error) {
	for part := range slices.Chunk(ids, mostIDs) {
		rows, err := t.rows(`SELECT `+lightColumns+` FROM runs WHERE id IN `+in(1, len(part)), padded(part)...)
		some, err := all(rows, err, scanLight)
		if err != nil {
			return nil, err
		}
		runs = append(runs, some...)
	}
	return runs, nil
}

// mostIDs is how many ids one statement names. in has a few lengths only, so that
// the statements stay prepared; padded repeats the last id.
const mostIDs = 512

func in(first, n int) string {
	var b strings.Builder
	for i := range round(n) {
		b.WriteString(", ?" + strconv.Itoa(first+i))
	}
	return "(" + strings.TrimPrefix(b.String(), ", ") + ")"
}

func padded(ids []string) []any {
	args := make([]any, round(len(ids)))
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)]
	}
	return args
}

func round(n int) int {
	size := 1
	for size < n {
		size *= 8
	}
	return size
}

// CancelRun stops a run for by. A queued one is cancelled; of a running one it is
// noted, and its worker hears it; for a cancelled one nothing changes. Other final
// runs are CodeConflict.
func (s *Store) CancelRun(ctx context.Context, viewer, id, by string, a outturn.AuditEntry) (outturn.Run, error) {
	var r outturn.Run
	err := s.write(ctx, "cancel run", func(t *tx) error {
		var err error
		if r, err = t.visibleRun(viewer, id); err != nil {
			return err
		}
		switch {
		case r.State == outturn.RunCancelled || r.State == outturn.RunRunning && !r.CancelAt.IsZero():
			return nil
		case r.State.Final():
			return outturn.Errorf(outturn.CodeConflict, "The run has %s already, so it can no longer be cancelled.", r.State)
		}
		if r, err = t.cancel(r, by); err != nil {
			return err
		}
		return t.audit(a, r.Tenant, id)
	})
	return r, err
}

// cancel stops a run that has not ended: see CancelRun.
func (t *tx) cancel(r outturn.Run, by string) (outturn.Run, error) {
	if r.State != outturn.RunQueued {
		return scanRun(t.row(`UPDATE runs SET cancelled_by = ?3, cancel_at = ?2, `+touched("?2")+`
			WHERE id = ?1 AND state = 'running' RETURNING `+runColumns, r.ID, micros(t.now), by).scan)
	}
	r, err := scanRun(t.row(`UPDATE runs SET state = 'cancelled', cancelled_by = ?3, cancel_at = ?2, finished_at = ?2, reason = NULL, reason_code = NULL, `+touched("?2")+`
		WHERE id = ?1 AND state = 'queued' RETURNING `+runColumns, r.ID, micros(t.now), by).scan)
	if err != nil {
		return r, err
	}
	return r, errors.Join(t.use(r.Tenant, use{queued: -1}), t.ended(r, ""))
}

// DeleteRun takes the files of a final run out of the ledger and returns them:
// their bytes are the caller's to delete. The run and its audit stay; of one that never
// had files it notes RemovedAt. Before it is final it is CodeConflict.
func (s *Store) DeleteRun(ctx context.Context, viewer, id string, a outturn.AuditEntry) (files []outturn.File, err error) {
	err = s.write(ctx, "delete run", func(t *tx) error {
		r, err := t.visibleRun(viewer, id)
		if err != nil {
			return err
		}
		if !r.State.Final() {
			return outturn.Errorf(outturn.CodeConflict, "The run is still %s. Cancel it first, or wait for its end.", r.State)
		}
		if files, err = t.takeFiles(r); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE runs SET removed_at = ?2, `+touched("?2")+`
			WHERE id = ?1 AND state IN ('failed', 'cancelled') AND removed_at IS NULL`, id, micros(t.now)); err != nil {
			return err
		}
		return t.audit(a, r.Tenant, id)
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

// Backlog returns how many runs of a tenant wait and how many are worked on.
func (s *Store) Backlog(ctx context.Context, tenant string) (queued, running int, err error) {
	err = s.look(ctx).row(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN state = 'running' THEN 1 ELSE 0 END), 0)
		FROM runs WHERE tenant = ?1 AND finished_at IS NULL`, tenant).scan(&queued, &running)
	return queued - running, running, fault("count the backlog", err)
}

// Manifest returns the manifest of a succeeded run that viewer sees.
func (s *Store) Manifest(ctx context.Context, viewer, run string) (m outturn.Manifest, err error) {
	err = s.read(ctx, "read manifest", func(t *tx) error {
		r, err := t.visibleRun(viewer, run)
		if err != nil {
			return err
		}
		var body string
		err = t.row(`SELECT body FROM manifests WHERE run = ?1`, run).scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			return outturn.Errorf(outturn.CodeNotFound, "The run is %s, and only one that has succeeded has a manifest.", r.State)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(body), &m)
	})
	return m, err
}

// Stats is what the metrics show.
type Stats struct {
	Runs         map[outturn.RunState]int64
	Failed       map[outturn.Code]int64 // by reason
	OldestQueued time.Time              // when the run that waits longest was made; zero when none waits
	Unsealed     int64                  // entries of the audit that no block has

	Generators map[outturn.GeneratorState]int64
	OldestDue  time.Time        // when the generator was due that is due for the longest time; zero when none is
	Firings    map[string]int64 // by why they were skipped; "" are those that made a run
}

// Stats counts the runs, and what is not sealed. It counts those that wait or run, and looks up how many
// have ended.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	st := Stats{Runs: map[outturn.RunState]int64{}, Failed: map[outturn.Code]int64{}}
	for _, state := range outturn.RunStates {
		st.Runs[state] = 0
	}
	st.Generators, st.Firings = map[outturn.GeneratorState]int64{}, map[string]int64{"": 0}
	for _, state := range outturn.GeneratorStates {
		st.Generators[state] = 0
	}
	for _, why := range outturn.SkipReasons {
		st.Firings[why] = 0
	}
	err := s.read(ctx, "count runs", func(t *tx) error {
		if err := t.row(`SELECT MIN(created_at) FROM runs WHERE state = 'queued'`).scan(instantTo{&st.OldestQueued}); err != nil {
			return err
		}
		if err := t.row(`SELECT (` + auditEnd + `) - COALESCE((SELECT MAX(last_seq) FROM audit_blocks), 0)`).scan(&st.Unsealed); err != nil {
			return err
		}
		type total struct {
			state  outturn.RunState
			reason outturn.Code
			n      int64
		}
		rows, err := t.rows(`SELECT state, '', COUNT(*) FROM runs WHERE finished_at IS NULL GROUP BY state
			UNION ALL SELECT state, reason, n FROM run_totals`)
		totals, err := all(rows, err, func(scan func(...any) error) (n total, err error) {
			return n, scan(&n.state, &n.reason, &n.n)
		})
		for _, n := range totals {
			st.Runs[n.state] += n.n
			if n.state == outturn.RunFailed {
				st.Failed[n.reason] += n.n
			}
		}
		if err != nil {
			return err
		}
		return t.firingStats(&st)
	})
	return st, err
}

// ended counts a run that has ended, and tells of it.
func (t *tx) ended(r outturn.Run, reason outturn.Code) error {
	if err := t.count(r.State, reason); err != nil {
		return err
	}
	event := map[outturn.RunState]string{
		outturn.RunSucceeded: outturn.RunSucceededEvent, outturn.RunFailed: outturn.RunFailedEvent, outturn.RunCancelled: outturn.RunCancelledEvent,
	}[r.State]
	return t.announce(announcement{event: event, tenant: r.Tenant, run: &r})
}

// count counts a run that has ended.
func (t *tx) count(state outturn.RunState, reason outturn.Code) error {
	_, err := t.exec(`INSERT INTO run_totals (state, reason, n) VALUES (?1, ?2, 1)
		ON CONFLICT (state, reason) DO UPDATE SET n = run_totals.n + 1`, state, reason)
	return err
}

// RunByKey returns the run that key made; CodeNotFound when it made none or its
// time is over, CodeKeyReused when it was for another request. Who asks again is told by it
// that the run is safe: it is on the disk.
func (s *Store) RunByKey(ctx context.Context, key outturn.IdempotencyKey) (r outturn.Run, err error) {
	err = s.read(ctx, "read key", func(t *tx) error {
		id, err := t.keyed(&key)
		if err != nil {
			return err
		}
		if id == "" {
			return noSuch("run with this key", key.Key)
		}
		r, err = t.run(id)
		return err
	})
	if err != nil {
		return r, err
	}
	return r, s.Settle(ctx)
}
