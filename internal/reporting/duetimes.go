package reporting

import (
	"fmt"
	"time"

	"outturn"
	"outturn/internal/calendar"
)

// due are the times that a generator is due for.
type due struct {
	fire    []time.Time // the oldest first
	skipped []skipped   // as well
	next    time.Time   // when it is due after those; zero is never
}

type skipped struct {
	at           time.Time
	why, message string
}

// mostSkipped is how many times have a firing each that says that they were skipped.
// Those before them have one together.
const mostSkipped = 1000

// dueTimes says for which times a generator fires now. Those that are no more than
// OnTime ago it always fires for. Of others, which were missed, its policy says what
// becomes of them:
//
//	latest  the last of them fires, where nothing is on time
//	all     the last MostCatchUp of them fire
//	none    none fires
//
// None fires that is more than CatchUpHours ago. Where windows are since the last
// success the last one has all that those before it would have had, so all is latest.
// A rule that cannot be read is looked at again after a day.
func dueTimes(g outturn.Generator, now time.Time) (due, error) {
	times, err := recentDue(g, now)
	d := due{next: times.next}
	list := times.list
	onTime := len(list)
	for onTime > 0 && now.Sub(list[onTime-1]) <= outturn.OnTime {
		onTime--
	}
	hours := g.Trigger.CatchUpHours
	if hours == 0 {
		hours = outturn.DefaultCatchUpHours
	}
	policy := g.Trigger.CatchUp
	if policy == outturn.CatchUpAll && g.Window.Kind == outturn.WindowSinceLastSuccess {
		policy = outturn.CatchUpLatest
	}
	from := onTime // the first that fires
	for from > 0 && now.Sub(list[from-1]) <= time.Duration(hours)*time.Hour && mayCatchUp(policy, onTime-from, len(list)-onTime) {
		from--
	}
	d.fire = list[from:]
	rows := max(0, from-mostSkipped)
	if n := times.dropped + rows; n > 0 {
		first, last := list[0], list[max(0, rows-1)]
		if times.dropped > 0 {
			first = times.first
		}
		s := skippedAt(g, first)
		s.message += fmt.Sprintf(" So were %d more until %s.", n-1, last.Format(time.RFC3339))
		d.skipped = append(d.skipped, s)
	}
	for _, at := range list[rows:from] {
		d.skipped = append(d.skipped, skippedAt(g, at))
	}
	return d, err
}

// mayCatchUp says whether one more that was missed fires, after n and with so many that
// are on time.
func mayCatchUp(policy outturn.CatchUp, n, onTime int) bool {
	switch policy {
	case outturn.CatchUpNone:
		return false
	case outturn.CatchUpAll:
		return n < outturn.MostCatchUp
	}
	return n == 0 && onTime == 0
}

func skippedAt(g outturn.Generator, at time.Time) skipped {
	if !g.PausedAt.IsZero() && !at.Before(g.PausedAt) && at.Before(g.ResumedAt) {
		return skipped{at, outturn.SkippedPaused, "The generator was paused when this was due."}
	}
	return skipped{at, outturn.SkippedMissed, "Nobody was there to fire when this was due, and catch-up does not make up for it."}
}

// recent are the last of the times that a generator is due for.
type recent struct {
	list    []time.Time
	dropped int // those before
	first   time.Time
	next    time.Time
}

func recentDue(g outturn.Generator, now time.Time) (recent, error) {
	r := recent{list: []time.Time{g.NextAt}}
	if g.Trigger.Kind != outturn.TriggerSchedule {
		return r, nil
	}
	rule, err := ruleOf(g)
	if err != nil {
		r.next = now.Add(24 * time.Hour)
		return r, err
	}
	const most = mostSkipped + outturn.MostCatchUp + 1
	for at := range rule.Between(g.NextAt, now) {
		if len(r.list) == 2*most {
			if r.dropped == 0 {
				r.first = r.list[0]
			}
			r.dropped += most
			r.list = append(r.list[:0], r.list[most:]...)
		}
		r.list = append(r.list, at)
	}
	r.next, _ = rule.Next(now)
	return r, nil
}

func ruleOf(g outturn.Generator) (*calendar.Rule, error) {
	if g.Trigger.Schedule == nil {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The generator has no schedule.")
	}
	return calendar.New(*g.Trigger.Schedule)
}

// windowOf is the window of a firing of a schedule, or of a one-time generator.
func windowOf(g outturn.Generator, at time.Time) (w *outturn.Window, err error) {
	if g.Trigger.Kind == outturn.TriggerSchedule {
		rule, err := ruleOf(g)
		if err != nil {
			return nil, err
		}
		w, err = rule.Window(g.Window, at, g.CoveredTo)
		if err != nil {
			return nil, err
		}
	} else {
		zone, err := zoneOf(g)
		if err != nil {
			return nil, err
		}
		if w, err = calendar.Window(g.Window, at, zone, g.CoveredTo); err != nil {
			return nil, err
		}
	}
	if w != nil && !w.From.Before(w.To) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The day of this window is not in the zone's calendar, so it is empty.")
	}
	return w, nil
}

// zoneOf is the zone that windows are cut in.
func zoneOf(g outturn.Generator) (*time.Location, error) {
	switch t := g.Trigger; {
	case t.Kind == outturn.TriggerSchedule && t.Schedule != nil:
		return outturn.LoadZone(t.Schedule.Zone)
	case t.Kind == outturn.TriggerOnce:
		return outturn.LoadZone(t.Zone)
	}
	return outturn.LoadZone(g.Request.Zone)
}
