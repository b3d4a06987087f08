// Package local is the queue of one process, in memory.
//
// Who is next is decided when a worker is free:
//
//  1. Tenants that have Share runs under way are passed over, as long as a tenant
//     below it has one waiting. What would stand idle otherwise they may use.
//  2. Of those left, the lowest class goes first, except at every fourth start,
//  3. then the tenant with the fewest runs under way,
//  4. then the one that got a worker the longest time ago. One that comes anew goes
//     after those that wait, and before the one that was served last.
//
// Within a tenant the lower class goes first, and within a class the first to ring.
package local

import (
	"cmp"
	"container/heap"
	"context"
	"sync"

	"outturn"
	"outturn/internal/queue"
)

// Config of a Queue.
type Config struct {
	// Workers is how many jobs are worked on at once; default 2.
	Workers int
	// Share is how many of them may be one tenant's while others wait; default half of
	// the workers, and at least one.
	Share int
}

func (c Config) withDefaults() Config {
	if c.Workers <= 0 {
		c.Workers = 2
	}
	if c.Share <= 0 {
		c.Share = max(1, c.Workers/2)
	}
	return c
}

// A Queue is in memory: what waits in it is forgotten with the process.
type Queue struct {
	config Config

	mu       sync.Mutex
	work     func(context.Context, queue.Job) // nil before Start
	ctx      context.Context                  // of the work
	cancel   context.CancelCauseFunc
	stopped  bool
	busy     int // workers
	idle     sync.Cond
	rings    uint64                // of jobs, in order
	starts   int64                 // of work, in order
	tenants  map[string]*tenant    // that have something waiting or under way
	waiting  map[string]bool       // runs
	underWay map[string]*queue.Job // by run; the job that rang meanwhile, if any
}

// A tenant is what the queue knows of one.
type tenant struct {
	waiting jobs
	running int
	served  int64 // the last start that was its own
}

var _ queue.Queue = (*Queue)(nil)

// New returns a queue that keeps what rings until Start.
func New(c Config) *Queue {
	q := &Queue{
		config:   c.withDefaults(),
		tenants:  map[string]*tenant{},
		waiting:  map[string]bool{},
		underWay: map[string]*queue.Job{},
	}
	q.idle.L = &q.mu
	return q
}

// Start hands out jobs.
func (q *Queue) Start(ctx context.Context, work func(context.Context, queue.Job)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped || q.work != nil {
		return outturn.Errorf(outturn.CodeConflict, "The queue has been started or stopped before.")
	}
	q.ctx, q.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	q.work = work
	q.handOut()
	return nil
}

// Ring says that a run is due.
func (q *Queue) Ring(_ context.Context, j queue.Job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return outturn.Errorf(outturn.CodeUnavailable, "The queue has stopped.")
	}
	if again, ok := q.underWay[j.Run]; ok {
		if again == nil {
			q.underWay[j.Run] = &j
		}
		return nil
	}
	q.wait(j)
	q.handOut()
	return nil
}

func (q *Queue) wait(j queue.Job) {
	if q.waiting[j.Run] {
		return
	}
	q.waiting[j.Run] = true
	t := q.tenants[j.Tenant]
	if t == nil {
		t = &tenant{served: q.starts - 1} // of those with the same, who waits already rang before
		q.tenants[j.Tenant] = t
	}
	q.rings++
	heap.Push(&t.waiting, waiting{j, q.rings})
}

// handOut gives jobs to workers that are free.
func (q *Queue) handOut() {
	for q.work != nil && !q.stopped && q.busy < q.config.Workers {
		t := q.next()
		if t == nil {
			return
		}
		j := heap.Pop(&t.waiting).(waiting).Job
		delete(q.waiting, j.Run)
		q.underWay[j.Run] = nil
		q.busy++
		q.starts++
		t.running++
		t.served = q.starts
		go q.run(t, j)
	}
}

// next returns the tenant whose turn it is, or nil when nobody waits.
func (q *Queue) next() (best *tenant) {
	for _, t := range q.tenants {
		if len(t.waiting) > 0 && (best == nil || q.before(t, best)) {
			best = t
		}
	}
	return best
}

// unclassed is how often a start is without regard to class: there may always be
// somebody of whom little waits, and the others wait no longer for that.
const unclassed = 4

// before says whether a, of which something waits as of b, has its turn first.
func (q *Queue) before(a, b *tenant) bool {
	atShare := func(t *tenant) int {
		if t.running >= q.config.Share {
			return 1
		}
		return 0
	}
	class := 0
	if (q.starts+1)%unclassed != 0 {
		class = cmp.Compare(a.waiting[0].Class, b.waiting[0].Class)
	}
	return cmp.Or(
		cmp.Compare(atShare(a), atShare(b)),
		class,
		cmp.Compare(a.running, b.running),
		cmp.Compare(a.served, b.served),
		cmp.Compare(a.waiting[0].rung, b.waiting[0].rung),
	) < 0
}

func (q *Queue) run(t *tenant, j queue.Job) {
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		again := q.underWay[j.Run]
		delete(q.underWay, j.Run)
		q.busy--
		t.running--
		if again != nil && !q.stopped {
			q.wait(*again)
		}
		if t.running == 0 && len(t.waiting) == 0 && q.tenants[j.Tenant] == t {
			delete(q.tenants, j.Tenant)
		}
		q.handOut()
		if q.busy == 0 {
			q.idle.Broadcast()
		}
	}()
	q.work(q.ctx, j)
}

// Lost returns the runs that are neither waiting nor under way.
func (q *Queue) Lost(_ context.Context, runs []string) ([]string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var lost []string
	for _, run := range runs {
		if _, ok := q.underWay[run]; !ok && !q.waiting[run] {
			lost = append(lost, run)
		}
	}
	return lost, nil
}

// Stop waits for what is under way.
func (q *Queue) Stop(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.tenants, q.waiting = map[string]*tenant{}, map[string]bool{}
	if q.cancel == nil {
		return nil
	}
	defer context.AfterFunc(ctx, func() { q.cancel(queue.ErrStopped) })()
	for q.busy > 0 {
		q.idle.Wait()
	}
	q.cancel(queue.ErrStopped)
	return nil
}

// Waiting returns how many jobs wait and how many are under way.
func (q *Queue) Waiting() (waiting, underWay int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), len(q.underWay)
}

// waiting is a job in a tenant's line.
type waiting struct {
	queue.Job
	rung uint64
}

// jobs is a heap: the lowest class first, then the first to ring.
type jobs []waiting

func (l jobs) Len() int { return len(l) }
func (l jobs) Less(a, b int) bool {
	return cmp.Or(cmp.Compare(l[a].Class, l[b].Class), cmp.Compare(l[a].rung, l[b].rung)) < 0
}
func (l jobs) Swap(a, b int) { l[a], l[b] = l[b], l[a] }
func (l *jobs) Push(x any)   { *l = append(*l, x.(waiting)) }
func (l *jobs) Pop() any {
	last := len(*l) - 1
	j := (*l)[last]
	*l = (*l)[:last]
	return j
}
