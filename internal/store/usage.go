package store

import (
	"context"
	"database/sql"
	"errors"

	"outturn"
)

// What a tenant and all below it have is summed up in tenant_usage. Whatever changes
// a run or a file calls use in the same transaction, for the tenant and for all above
// it. A file counts until the ledger forgets it: its bytes are on the disk until
// shortly before (ForgetFiles), or shortly after (DeleteRun).

// A use is by how much a change alters what a tenant has.
type use struct{ running, queued, generators, files, bytes int64 }

// use notes a change for a tenant and for all above it. PostgreSQL: all changes of a
// tree meet in the row of its root.
func (t *tx) use(tenant string, u use) error {
	_, err := t.exec(`UPDATE tenant_usage SET running = running + ?2, queued = queued + ?3, generators = generators + ?4,
			files_n = files_n + ?5, bytes_n = bytes_n + ?6
		WHERE tenant IN (SELECT ancestor FROM tenant_closure WHERE descendant = ?1)`,
		tenant, u.running, u.queued, u.generators, u.files, u.bytes)
	return err
}

// start notes that a run of a tenant is at work now.
func (t *tx) start(tenant string) error {
	_, err := t.exec(`UPDATE tenant_usage SET running = running + 1, queued = queued - 1,
			served_at = CASE WHEN tenant = ?1 THEN ?2 ELSE served_at END
		WHERE tenant IN (SELECT ancestor FROM tenant_closure WHERE descendant = ?1)`, tenant, micros(t.now))
	return err
}

// mayAdd returns CodeLimit when a tenant, or one above it, has no room for a change.
// How many bytes a new run will take nobody knows: it needs room for one.
func (t *tx) mayAdd(tenant string, u use) error {
	var r outturn.LimitReached
	err := t.row(`SELECT n.id, CASE WHEN n.most_queued < u.queued + ?2 THEN 'queued'
				WHEN n.most_generators < u.generators + ?3 THEN 'generators' ELSE 'bytes' END,
			CASE WHEN n.most_queued < u.queued + ?2 THEN n.most_queued
				WHEN n.most_generators < u.generators + ?3 THEN n.most_generators ELSE n.most_bytes END
		FROM tenant_closure c JOIN tenants n ON n.id = c.ancestor JOIN tenant_usage u ON u.tenant = c.ancestor
		WHERE c.descendant = ?1 AND (?2 > 0 AND n.most_queued < u.queued + ?2
			OR ?3 > 0 AND n.most_generators < u.generators + ?3 OR ?4 > 0 AND n.most_bytes < u.bytes_n + ?4)
		ORDER BY `+nearest+` LIMIT 1`, tenant, u.queued, u.generators, u.bytes).scan(&r.Tenant, &r.Kind, &r.Most)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return reached(tenant, &r)
}

// nearest orders the tenants above one, itself first: the deeper has more above it.
const nearest = `(SELECT COUNT(*) FROM tenant_closure d WHERE d.descendant = c.ancestor) DESC`

// reached is the error of a limit, in words that a tenant may read: of its own the
// number, of those above it none.
func reached(tenant string, r *outturn.LimitReached) error {
	told := r.ToldBelow()
	if r.Tenant == tenant {
		told = r.Told("The tenant")
	}
	return &outturn.Error{Code: outturn.CodeLimit, Message: told, Err: r}
}

// storageLimit is what the limit of bytes is to a run that has made them.
func storageLimit(err error) error {
	var r *outturn.LimitReached
	if errors.As(err, &r) {
		return &outturn.Error{Code: outturn.CodeStorageLimit, Message: "The files of this run would take more room than there is. " + err.Error(), Err: r}
	}
	return err
}

// turn is the condition that no run is left which r has to wait for: an older one of its
// generator. Runs of a backfill wait for one another alone, and nothing waits for a run
// that an event made.
const turn = `(r.in_turn = 0 OR NOT EXISTS (SELECT 1 FROM runs o
	WHERE o.generator = r.generator AND o.finished_at IS NULL AND o.id < r.id
	AND (o.cause = 'backfill') = (r.cause = 'backfill') AND o.cause <> 'event'))`

// mayStart says whether a run that is due may be started: CodeHeld when its tenant or
// one above is suspended or has as many at work as it may, or when it is not its turn.
// Else it returns whose the
// run is, and how many rows it may have. sql.ErrNoRows: it is not due.
func (t *tx) mayStart(id string) (tenant string, mostRows *int64, err error) {
	var held, full int
	var next bool
	err = t.row(`SELECT r.tenant, MIN(n.most_rows),
			MAX(CASE WHEN n.held_by IS NOT NULL OR n.state <> 'active' THEN 1 ELSE 0 END),
			MAX(CASE WHEN n.most_running <= u.running THEN 1 ELSE 0 END), `+turn+`
		FROM runs r JOIN tenant_closure c ON c.descendant = r.tenant
		JOIN tenants n ON n.id = c.ancestor JOIN tenant_usage u ON u.tenant = c.ancestor
		WHERE r.id = ?1 AND r.state = 'queued' AND r.not_before <= ?2 GROUP BY r.id, r.tenant`, id, micros(t.now)).scan(&tenant, &mostRows, &held, &full, &next)
	switch {
	case err != nil:
		return tenant, mostRows, err
	case held > 0:
		return tenant, nil, outturn.Errorf(outturn.CodeHeld, "The run waits because its tenant, or one above it, is suspended.")
	case full > 0:
		return tenant, nil, outturn.Errorf(outturn.CodeHeld, "The run waits because its tenant, or one above it, has as many runs at work as it may.")
	}
	if !next {
		return tenant, nil, outturn.Errorf(outturn.CodeHeld, "The run waits because an older one of its generator has not ended.")
	}
	return tenant, mostRows, nil
}

// room is how many more runs of q.tenant may be started, NULL where nothing limits it.
const room = `(SELECT MIN(CASE WHEN n.held_by IS NOT NULL OR n.state <> 'active' THEN 0 ELSE n.most_running - u.running END)
	FROM tenant_closure c JOIN tenants n ON n.id = c.ancestor JOIN tenant_usage u ON u.tenant = c.ancestor WHERE c.descendant = q.tenant)`

// mostNext is how many runs of each limit NextRuns lists.
const mostNext = 16

// NextRuns lists runs that may be started now that one of a tenant has ended, without
// their requests: of each limit of runs at work that counted for it, as many as there
// is room for. The oldest run of each tenant comes first, of those first that have not
// had a turn for the longest time. Without a limit nobody has waited for that end.
func (s *Store) NextRuns(ctx context.Context, tenant string) (runs []outturn.Run, err error) {
	type limit struct {
		tenant string
		room   int64
	}
	t := s.look(ctx)
	rows, err := t.rows(`SELECT n.id, n.most_running - u.running
		FROM tenant_closure c JOIN tenants n ON n.id = c.ancestor JOIN tenant_usage u ON u.tenant = c.ancestor
		WHERE c.descendant = ?1 AND n.most_running > u.running AND u.queued > 0 ORDER BY `+nearest, tenant)
	limits, err := all(rows, err, func(scan func(...any) error) (l limit, err error) { return l, scan(&l.tenant, &l.room) })
	if err != nil {
		return nil, fault("list next runs", err)
	}
	for _, l := range limits {
		some, err := t.nextBelow(l.tenant, min(l.room, mostNext))
		if err != nil {
			return nil, fault("list next runs", err)
		}
		runs = append(runs, some...)
	}
	return runs, nil
}

// nextBelow lists about n runs of a tenant and of those below it that may be started.
func (t *tx) nextBelow(top string, n int64) (runs []outturn.Run, err error) {
	rows, err := t.rows(`SELECT q.tenant FROM tenant_usage q
		WHERE q.queued > 0 AND EXISTS (SELECT 1 FROM tenant_closure WHERE ancestor = ?1 AND descendant = q.tenant)
		AND EXISTS (SELECT 1 FROM runs r WHERE r.tenant = q.tenant AND r.state = 'queued' AND r.not_before <= ?2 AND `+turn+`)
		AND COALESCE(`+room+`, 1) > 0
		ORDER BY q.served_at, q.tenant LIMIT ?3`, top, micros(t.now), n)
	tenants, err := all(rows, err, scanID)
	if err != nil {
		return nil, err
	}
	each := 1 + n - int64(len(tenants)) // where few wait, more of each
	for _, tenant := range tenants {
		rows, err := t.rows(`SELECT `+lightColumns+` FROM runs r WHERE tenant = ?1 AND state = 'queued' AND not_before <= ?2 AND `+turn+`
			ORDER BY low, created_at, id LIMIT ?3`, tenant, micros(t.now), each)
		some, err := all(rows, err, scanLight)
		if err != nil {
			return nil, err
		}
		runs = append(runs, some...)
	}
	return runs, nil
}

// NextInTurn lists the runs of the generator of a run, without their requests, whose
// turn it is now that this one has ended.
func (s *Store) NextInTurn(ctx context.Context, run string) ([]outturn.Run, error) {
	t := s.look(ctx)
	rows, err := t.rows(`SELECT `+lightColumns+` FROM runs r WHERE generator = (SELECT generator FROM runs WHERE id = ?1)
		AND finished_at IS NULL AND state = 'queued' AND in_turn = 1 AND not_before <= ?2 AND `+turn, run, micros(t.now))
	runs, err := all(rows, err, scanLight)
	return runs, fault("list next runs", err)
}

// Waiting says whether any run is queued.
func (s *Store) Waiting(ctx context.Context) (bool, error) {
	var n int64
	err := s.look(ctx).row(`SELECT COALESCE(SUM(queued), 0) FROM tenant_usage JOIN tenants ON id = tenant WHERE parent IS NULL`).scan(&n)
	return n > 0, fault("look for queued runs", err)
}

// Usage returns what a tenant that viewer sees has, with all below it.
func (s *Store) Usage(ctx context.Context, viewer, tenant string) (outturn.Usage, error) {
	u := outturn.Usage{Tenant: tenant}
	err := s.look(ctx).row(`SELECT running, queued, generators, files_n, bytes_n FROM tenant_usage WHERE tenant = ?2 AND `+seen("tenant_usage.tenant"),
		viewer, tenant).scan(&u.Running, &u.Queued, &u.Generators, &u.Files, &u.Bytes)
	return u, found("tenant", tenant, err)
}

// LimitsAbove returns, for each kind of limit that a tenant above has, the least
// number for rows, requests and firings, which are no sums, and for the others whether one is
// reached: how much a tenant has beside this one is nobody's to know. viewer sees the
// tenant.
func (s *Store) LimitsAbove(ctx context.Context, viewer, tenant string) (above []outturn.LimitAbove, err error) {
	rows, err := s.look(ctx).rows(`SELECT n.most_running, n.most_queued, n.most_generators, n.most_bytes, n.most_rows, n.most_requests, n.most_firings,
			u.running, u.queued, u.generators, u.bytes_n
		FROM tenant_closure c JOIN tenants n ON n.id = c.ancestor JOIN tenant_usage u ON u.tenant = c.ancestor
		WHERE c.descendant = ?2 AND c.ancestor <> ?2 AND `+seen("c.descendant"), viewer, tenant)
	type one struct {
		limits outturn.Limits
		used   outturn.Usage
	}
	list, err := all(rows, err, func(scan func(...any) error) (o one, err error) {
		l, u := &o.limits, &o.used
		return o, scan(&l.Running, &l.Queued, &l.Generators, &l.Bytes, &l.Rows, &l.Requests, &l.Firings, &u.Running, &u.Queued, &u.Generators, &u.Bytes)
	})
	if err != nil {
		return nil, fault("read limits", err)
	}
	for _, kind := range outturn.LimitKinds {
		var has *outturn.LimitAbove
		for _, o := range list {
			most := o.limits.Of(kind)
			if most == nil {
				continue
			}
			if has == nil {
				has = &outturn.LimitAbove{Kind: kind}
			}
			if used, sum := o.used.Of(kind); sum {
				has.Reached = has.Reached || used >= *most
			} else if has.Most == nil || *most < *has.Most {
				has.Most = most
			}
		}
		if has != nil {
			above = append(above, *has)
		}
	}
	return above, nil
}

// Standing returns how a tenant stands, whoever asks: it is for those who let in.
func (s *Store) Standing(ctx context.Context, tenant string) (st outturn.Standing, err error) {
	err = s.read(ctx, "read standing", func(t *tx) error {
		st.Tenant = tenant
		if err := t.row(`SELECT state, held_by FROM tenants WHERE id = ?1`, tenant).scan(&st.State, textTo{&st.HeldBy}); err != nil {
			return found("tenant", tenant, err)
		}
		rows, err := t.rows(`SELECT n.id, n.most_requests FROM tenant_closure c JOIN tenants n ON n.id = c.ancestor
			WHERE c.descendant = ?1 AND n.most_requests IS NOT NULL ORDER BY `+nearest, tenant)
		st.Requests, err = all(rows, err, func(scan func(...any) error) (l outturn.RequestLimit, err error) {
			return l, scan(&l.Tenant, &l.PerMinute)
		})
		return err
	})
	return st, err
}
