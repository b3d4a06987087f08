package store

import (
	"context"
	"time"
)

// old lists what SweepHistory forgets: ?1 is before when it was over, ?2 how many.
//
// The firings of a generator that is there say for which events it has fired: without
// them an invoice that is touched years later would be told of anew. So they stay, as the
// runs do that they made.
var old = []struct{ table, key, which string }{
	{"deliveries", "id", `SELECT id FROM deliveries WHERE ended_at IS NOT NULL AND ended_at < ?1 ORDER BY ended_at, id LIMIT ?2`},
	{"firings", "id", `SELECT id FROM firings WHERE cause <> 'event' AND at < ?1 ORDER BY at, id LIMIT ?2`},
	{"firings", "id", `SELECT f.id FROM (
			SELECT DISTINCT generator FROM generator_revisions v WHERE NOT EXISTS (SELECT 1 FROM generators g WHERE g.id = v.generator)) gone
		JOIN firings f ON f.generator = gone.generator WHERE f.cause = 'event' AND f.at < ?1 LIMIT ?2`},
	// A revision is over when the next one is made. It is the last to go: those of a
	// generator that is gone lead to its firings.
	{"generator_revisions", "(generator, revision)", `SELECT v.generator, v.revision FROM generator_revisions v WHERE v.changed_at < ?1
		AND NOT EXISTS (SELECT 1 FROM generators g WHERE g.id = v.generator AND g.revision = v.revision)
		AND NOT EXISTS (SELECT 1 FROM generator_revisions n WHERE n.generator = v.generator AND n.revision = v.revision + 1 AND n.changed_at >= ?1)
		AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.generator = v.generator AND r.revision = v.revision)
		AND NOT EXISTS (SELECT 1 FROM firings f WHERE f.generator = v.generator AND f.revision = v.revision AND f.skipped IS NOT NULL)
		LIMIT ?2`},
}

// SweepHistory forgets up to most messages that ended, firings, and revisions of
// generators, which were over before an instant, and says how many. A generator's newest
// revision stays, and so does each that a run or a firing names.
func (s *Store) SweepHistory(ctx context.Context, before time.Time, most int) (n int64, err error) {
	var work int
	for _, o := range old { // whoever writes waits for no look that finds nothing
		if err := s.look(ctx).row(`SELECT COUNT(*) FROM (`+o.which+`) found`, micros(before), 1).scan(&work); err != nil {
			return 0, fault("look for old "+o.table, err)
		}
		if work > 0 {
			break
		}
	}
	if work == 0 {
		return 0, nil
	}
	err = s.work(ctx, "sweep history", func(t *tx) error {
		n = 0
		for _, o := range old {
			gone, err := t.exec(`DELETE FROM `+o.table+` WHERE `+o.key+` IN (`+o.which+`)`, micros(before), int64(most)-n)
			if err != nil {
				return err
			}
			n += gone
		}
		return nil
	})
	return n, err
}
