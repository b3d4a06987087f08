package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"outturn"
)

const firingColumns = `id, generator, revision, cause, scheduled_for, window_from, window_to, window_zone, event_key, event, run, skipped, message, at`

func scanFiring(scan func(...any) error) (f outturn.Firing, err error) {
	var w outturn.Window
	var zone string
	err = scan(&f.ID, &f.Generator, &f.Revision, &f.Cause, instantTo{&f.ScheduledFor}, instantTo{&w.From}, instantTo{&w.To}, textTo{&zone},
		textTo{&f.EventKey}, textTo{&f.Event}, textTo{&f.Run}, textTo{&f.Skipped}, &f.Message, instantTo{&f.At})
	f.Invoice = outturn.InvoiceOf(f.EventKey)
	if err == nil && zone != "" {
		if w.Zone, err = outturn.LoadZone(zone); err == nil {
			f.Window = &w
		}
	}
	return f, err
}

var firingList = listing{
	name: "firings", table: "firings", tenant: "tenant",
	fields: []listField{
		{name: "id", column: "id"},
		{name: "generator", column: "generator"},
		{name: "tenant", column: "tenant"},
		{name: "cause", column: "cause", words: words(outturn.Causes...)},
		{name: "scheduled_for", column: "scheduled_for", kind: instantField, order: true},
		{name: "event", column: "event", null: true},
		{name: "run", column: "run", null: true},
		{name: "skipped", column: "skipped", null: true, words: words(outturn.SkipReasons...)},
		{name: "at", column: "at", kind: instantField},
	},
	first: outturn.Order{Field: "scheduled_for", Desc: true},
	indexes: []listIndex{
		{name: "firings_generator_at", equal: "generator", order: "scheduled_for"},
	},
}

// Firings lists when a generator that viewer sees, or saw before it was deleted, fired
// or should have.
func (s *Store) Firings(ctx context.Context, viewer, generator string, q outturn.ListQuery) (outturn.List[outturn.Firing], error) {
	var is int
	err := s.look(ctx).row(`SELECT 1 FROM generators WHERE id = ?2 AND `+seen("generators.tenant")+`
		UNION ALL SELECT 1 FROM firings WHERE generator = ?2 AND `+seen("firings.tenant")+` LIMIT 1`, viewer, generator).scan(&is)
	if err != nil {
		return outturn.List[outturn.Firing]{}, found("generator", generator, err)
	}
	of := &outturn.Expr{Op: outturn.OpEQ, Field: "generator", Values: []string{generator}}
	if q.Where != nil {
		of = &outturn.Expr{Op: outturn.OpAnd, Args: []*outturn.Expr{of, q.Where}}
	}
	q.Where = of
	return list(s, ctx, &firingList, viewer, "*", q, firingColumns, scanFiring, func(f *outturn.Firing) string { return f.ID })
}

// Fire keeps what a generator fires, all of it or nothing, and returns the runs that
// it made.
//
// Where it is due it is CodeVersionChanged when somebody was faster, or the generator
// was changed or may not fire any more. What it has fired for before, such as when a
// clock is set back, it does not fire for again. A firing of a schedule that finds a
// limit reached, or a run of the one before going on that it must not overlap, is kept
// as skipped. Others are refused for a limit, with CodeLimit, and for an event that the
// generator has fired for already with CodeConflict. A Key is used as in CreateRun.
func (s *Store) Fire(ctx context.Context, in outturn.FireInput) (made []outturn.Run, err error) {
	err = s.write(ctx, "fire", func(t *tx) error {
		first, err := t.keyed(in.Key)
		if err != nil {
			return err
		}
		if first != "" {
			r, err := t.run(first)
			made = []outturn.Run{r}
			return err
		}
		if err := t.advance(in); err != nil {
			return err
		}
		runs, err := t.fire(in)
		if err != nil {
			return err
		}
		if in.Key != nil && len(runs) > 0 {
			if err := t.keepKey(in.Key, runs[0].ID); err != nil {
				return err
			}
		}
		made = runs
		return nil
	})
	return made, err
}

// advance takes a generator that is due to when it is next. One that fires for another
// cause need only be there.
func (t *tx) advance(in outturn.FireInput) error {
	g := &in.Generator
	if !in.Due {
		if err := t.row(`SELECT 1 FROM generators WHERE id = ?1`, g.ID).scan(new(int)); err != nil {
			return found("generator", g.ID, err)
		}
		return t.takesPart(g.Tenant)
	}
	last := in.Firings[len(in.Firings)-1].ScheduledFor
	n, err := t.exec(`UPDATE generators SET next_at = ?4, last_fired_at = ?5, state = CASE WHEN ?4 IS NULL THEN 'done' ELSE state END
		WHERE id = ?1 AND revision = ?2 AND next_at = ?3 AND state = 'active'`, g.ID, g.Revision, micros(g.NextAt), micros(in.Next), micros(last))
	if err == nil && n == 0 {
		err = outturn.Errorf(outturn.CodeVersionChanged, "The generator fired already, or was changed since.")
	}
	return err
}

// fire keeps the firings of in, and makes their runs.
func (t *tx) fire(in outturn.FireInput) (made []outturn.Run, err error) {
	runs := make(map[string]outturn.Run, len(in.Runs))
	for _, r := range in.Runs {
		runs[r.ID] = r
	}
	before, err := t.unfinished(in.Generator.ID)
	if err != nil {
		return nil, err
	}
	failed := false
	for _, f := range in.Firings {
		if in.Due {
			if again, err := t.hasFired(f); err != nil || again {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		r, makes := runs[f.Run]
		if makes && f.Cause == outturn.CauseSchedule {
			if before, err = t.meet(&f, in.Generator.Trigger.Overlap, before); err != nil {
				return nil, err
			}
		}
		if f.Run != "" && f.Cause == outturn.CauseEvent {
			if err := t.stillFires(&f); err != nil {
				return nil, err
			}
		}
		if f.Run != "" {
			if err := t.room(&f, r.Tenant); err != nil {
				return nil, err
			}
		}
		if f.Run != "" {
			r = queued(r, t.now)
			if err := t.makeRun(r, in.Entry); err != nil {
				return nil, err
			}
			made = append(made, r)
		}
		if err := t.createFiring(f, in.Generator.Tenant); err != nil {
			return nil, err
		}
		failed = failed || f.Skipped == outturn.SkippedInvalid || f.Skipped == outturn.SkippedLimit
	}
	if failed { // once, however many are made up for
		err = t.announce(announcement{event: outturn.RunFailedEvent, tenant: in.Generator.Tenant, generator: in.Generator.ID})
	}
	return made, err
}

// stillFires skips a firing for an event where its generator may not fire any more: it was
// switched off, or paused, since it was read.
func (t *tx) stillFires(f *outturn.Firing) error {
	var state outturn.GeneratorState
	if err := t.row(`SELECT state FROM generators WHERE id = ?1`, f.Generator).scan(&state); err != nil {
		return found("generator", f.Generator, err)
	}
	switch state {
	case outturn.GeneratorActive:
	case outturn.GeneratorPaused:
		f.Run, f.Skipped, f.Message = "", outturn.SkippedPaused, "The generator was paused while the event was handled."
	default:
		f.Run, f.Skipped, f.Message = "", outturn.SkippedDisabled, "The generator was switched off while the event was handled."
	}
	return nil
}

// hasFired says whether a firing of a schedule is kept already.
func (t *tx) hasFired(f outturn.Firing) (bool, error) {
	err := t.row(`SELECT 1 FROM firings WHERE generator = ?1 AND scheduled_for = ?2 AND cause = 'schedule'`, f.Generator, micros(f.ScheduledFor)).scan(new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// unfinished lists the runs of a generator that a firing could meet. Runs of a
// backfill go on beside, and each event has one of its own.
func (t *tx) unfinished(generator string) ([]outturn.Run, error) {
	rows, err := t.rows(`SELECT `+lightColumns+` FROM runs
		WHERE generator = ?1 AND finished_at IS NULL AND cause NOT IN ('event', 'backfill') ORDER BY id`, generator)
	return all(rows, err, scanLight)
}

// meet does what a policy says of a firing that meets runs from before it, and returns
// those that the next one meets. What waits in turn needs nothing done.
func (t *tx) meet(f *outturn.Firing, policy outturn.Overlap, before []outturn.Run) ([]outturn.Run, error) {
	switch {
	case len(before) == 0:
	case policy == outturn.OverlapSkip:
		f.Run, f.Skipped = "", outturn.SkippedOverlap
		f.Message = fmt.Sprintf("The run %s from before was still %s.", before[0].ID, before[0].State)
	case policy == outturn.OverlapCancel:
		for _, r := range before {
			if !r.CancelAt.IsZero() {
				continue
			}
			if _, err := t.cancel(r, "generator:"+f.Generator); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	return before, nil
}

// room skips a firing of a schedule for which there is no room.
func (t *tx) room(f *outturn.Firing, tenant string) error {
	err := t.mayAdd(tenant, use{queued: 1, bytes: 1})
	if outturn.ErrorCode(err) == outturn.CodeLimit && f.Cause == outturn.CauseSchedule {
		f.Run, f.Skipped, f.Message = "", outturn.SkippedLimit, err.Error()
		return nil
	}
	return err
}

// makeRun adds a queued run, for which there is room.
func (t *tx) makeRun(r outturn.Run, a outturn.AuditEntry) error {
	request, err := json.Marshal(r.Request)
	if err != nil {
		return err
	}
	if err := t.createRun(r, string(request)); err != nil {
		return err
	}
	if err := t.use(r.Tenant, use{queued: 1}); err != nil {
		return err
	}
	a.ID = ""
	return t.audit(a, r.Tenant, r.ID)
}

func (t *tx) createFiring(f outturn.Firing, tenant string) error {
	if f.ID == "" {
		f.ID = outturn.NewID(t.now)
	}
	var from, to, zone any
	if f.Window != nil {
		from, to, zone = micros(f.Window.From), micros(f.Window.To), f.Window.Zone.String()
	}
	_, err := t.exec(`INSERT INTO firings (id, tenant, generator, revision, cause, scheduled_for, window_from, window_to, window_zone,
			event_key, event, run, skipped, message, at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)`,
		f.ID, tenant, f.Generator, f.Revision, f.Cause, micros(f.ScheduledFor), from, to, zone,
		text(f.EventKey), text(f.Event), text(f.Run), text(f.Skipped), f.Message, micros(t.now))
	if isUnique(err) {
		return outturn.Errorf(outturn.CodeConflict, "The generator has fired for this already.")
	}
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO firing_totals (cause, outcome, n) VALUES (?1, ?2, 1)
		ON CONFLICT (cause, outcome) DO UPDATE SET n = firing_totals.n + 1`, f.Cause, f.Skipped)
	return err
}

// cover notes what a generator has a file of now that r has succeeded.
func (t *tx) cover(r outturn.Run) error {
	if r.Generator == "" || r.Request.Window == nil {
		return nil
	}
	counts := r.Cause == outturn.CauseSchedule
	if r.Cause == outturn.CauseManual {
		g, err := scanGenerator(t.row(`SELECT `+generatorColumns+` FROM generators WHERE id = ?1`, r.Generator).scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		counts = g.Window.Kind == outturn.WindowSinceLastSuccess
	}
	if !counts {
		return nil
	}
	_, err := t.exec(`UPDATE generators SET covered_to = ?2 WHERE id = ?1 AND (covered_to IS NULL OR covered_to < ?2)`, r.Generator, micros(r.Request.Window.To))
	return err
}

// firingStats counts generators and firings.
func (t *tx) firingStats(st *Stats) error {
	type total struct {
		of string
		n  int64
	}
	scan := func(scan func(...any) error) (n total, err error) { return n, scan(&n.of, &n.n) }
	rows, err := t.rows(`SELECT state, COUNT(*) FROM generators GROUP BY state`)
	states, err := all(rows, err, scan)
	if err != nil {
		return err
	}
	for _, n := range states {
		st.Generators[outturn.GeneratorState(n.of)] = n.n
	}
	rows, err = t.rows(`SELECT outcome, SUM(n) FROM firing_totals GROUP BY outcome`)
	outcomes, err := all(rows, err, scan)
	if err != nil {
		return err
	}
	for _, n := range outcomes {
		st.Firings[n.of] = n.n
	}
	next, err := t.nextDue()
	if err == nil && !next.After(t.now) {
		st.OldestDue = next
	}
	return err
}
