package delivery

import (
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"outturn"
)

// waits are how long a message waits after each attempt that failed, as Standard
// Webhooks suggests: three days in all.
var waits = []time.Duration{
	10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 20 * time.Hour,
}

// mostAttempts is the attempt after which a message is given up.
var mostAttempts = len(waits) + 1

// mostRetryAfter bounds what a destination can ask for.
const mostRetryAfter = 6 * time.Hour

// backoff is how long a message waits after attempt n; false when it is given up. Up to
// a tenth less, by its id, so that what failed together does not come back together.
func backoff(id string, n int, retryAfter time.Duration) (time.Duration, bool) {
	if n < 1 || n >= mostAttempts {
		return 0, false
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id + strconv.Itoa(n))) // never fails
	wait := waits[n-1]
	wait -= time.Duration(h.Sum32()%1000) * wait / 10_000
	return max(wait, min(retryAfter, mostRetryAfter)), true
}

// Of a circuit breaker: after how many failures in a row it opens, and for how long,
// doubled with each further failure.
const (
	opensAfter = 5
	leastOpen  = 30 * time.Second
	mostOpen   = 10 * time.Minute
)

// lanes say what may be tried now. A host, or an address, has a lane with room for a
// few attempts; a target has a breaker, which lets nothing through for a while when
// nothing arrives, and then one attempt to see. Lanes of hosts that fail use together no
// more than half of all the room there is, and so do those of one tenant: who names a
// thousand hosts that hang, each for the first time, has no breaker yet.
type lanes struct {
	each     int
	most     map[outturn.DestinationKind]int
	now      func() time.Time
	mu       sync.Mutex
	busy     map[string]int // attempts by lane
	all      map[outturn.DestinationKind]int
	shaky    map[outturn.DestinationKind]int // of those, attempts at targets that failed last
	whose    map[owned]int
	ids      map[string]bool
	breakers map[string]*breaker
}

// An owned is whose attempts of a kind are counted.
type owned struct {
	tenant string
	kind   outturn.DestinationKind
}

type breaker struct {
	failed  int
	until   time.Time // open until then
	probing bool
}

// A lane is one attempt's place.
type lane struct {
	id, host, target string
	owned
	shaky bool
}

func newLanes(c Config) *lanes {
	return &lanes{
		each: c.Each, now: c.Now,
		most: map[outturn.DestinationKind]int{outturn.DestinationWebhook: c.Webhooks, outturn.DestinationEmail: c.Mails},
		busy: map[string]int{}, all: map[outturn.DestinationKind]int{}, shaky: map[outturn.DestinationKind]int{}, whose: map[owned]int{},
		ids: map[string]bool{}, breakers: map[string]*breaker{},
	}
}

func (l *lanes) full(kind outturn.DestinationKind) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[kind] >= l.most[kind]
}

// enter gives a message a place, or nil, and then perhaps until when there is none.
func (l *lanes) enter(d outturn.Delivery) (*lane, time.Time) {
	p := &lane{id: d.ID, owned: owned{d.Tenant, d.Kind}, host: strings.ToLower(d.Target), target: d.Target}
	if d.Kind == outturn.DestinationWebhook {
		if u, err := url.Parse(d.Target); err == nil {
			p.host = u.Host
		}
	} else {
		p.target = "smtp" // all mail goes by one server
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.breakers[p.target]
	p.shaky = b != nil
	half := max(1, l.most[p.kind]/2)
	switch {
	case l.ids[d.ID], l.all[p.kind] >= l.most[p.kind], l.busy[p.host] >= l.each:
		return nil, time.Time{}
	case p.shaky && l.shaky[p.kind] >= half, l.whose[p.owned] >= half:
		return nil, time.Time{}
	case b != nil && b.failed >= opensAfter && d.Event != outturn.WebhookTestEvent: // who tests wants to know now
		if l.now().Before(b.until) {
			return nil, b.until
		}
		if b.probing {
			return nil, time.Time{}
		}
		b.probing = true
	}
	l.ids[d.ID] = true
	l.busy[p.host]++
	l.all[p.kind]++
	l.whose[p.owned]++
	if p.shaky {
		l.shaky[p.kind]++
	}
	return p, time.Time{}
}

func (l *lanes) leave(p *lane, r result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ids, p.id)
	if l.busy[p.host]--; l.busy[p.host] == 0 {
		delete(l.busy, p.host)
	}
	l.all[p.kind]--
	if l.whose[p.owned]--; l.whose[p.owned] == 0 {
		delete(l.whose, p.owned)
	}
	if p.shaky {
		l.shaky[p.kind]--
	}
	b := l.breakers[p.target]
	switch {
	case r.ok || r.gone || r.final || r.answers:
		delete(l.breakers, p.target)
	case r.ours:
		if b != nil {
			b.probing = false
		}
	default:
		if b == nil {
			b = &breaker{}
			l.breakers[p.target] = b
		}
		b.failed++
		b.probing = false
		if more := b.failed - opensAfter; more >= 0 {
			b.until = l.now().Add(min(leastOpen<<min(more, 10), mostOpen))
		}
	}
}
