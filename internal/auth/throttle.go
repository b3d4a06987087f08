package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A throttle slows down those who try secrets. Only wrong ones count, and of a
// client only those from one address: nobody can lock another one's client out.
// The zero value is ready.
type throttle struct {
	mu      sync.Mutex
	pairs   map[attempt]*rate.Limiter // by client and address
	sources map[string]*rate.Limiter  // by address, as sender has it
}

type attempt struct{ client, from string }

// After so many wrong secrets at once, one more each so often.
const (
	pairBurst   = 5
	pairEvery   = 2 * time.Second
	sourceBurst = 50
	sourceEvery = time.Second / 2
)

// mostAttempts bounds what is remembered of those who failed.
const mostAttempts = 10_000

// sender is by what callers from an address count: of IPv6, where one who has a line
// has all of its /64, by that.
func sender(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || !a.Is6() || a.Is4In6() {
		return address
	}
	network, _ := a.WithZone("").Prefix(64)
	return network.String()
}

// wait returns how long to wait before trying again; 0: not at all.
func (t *throttle) wait(client, from string, now time.Time) time.Duration {
	from = sender(from)
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(untilNext(t.pairs[attempt{client, from}], now), untilNext(t.sources[from], now))
}

func untilNext(l *rate.Limiter, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	if missing <= 1e-9 {
		return 0
	}
	return time.Duration(missing / float64(l.Limit()) * float64(time.Second))
}

// failed counts a wrong secret.
func (t *throttle) failed(client, from string, now time.Time) {
	from = sender(from)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pairs == nil {
		t.pairs, t.sources = map[attempt]*rate.Limiter{}, map[string]*rate.Limiter{}
	}
	count(t.pairs, attempt{client, from}, rate.Every(pairEvery), pairBurst, now)
	count(t.sources, from, rate.Every(sourceEvery), sourceBurst, now)
}

func count[K comparable](limiters map[K]*rate.Limiter, key K, limit rate.Limit, burst int, now time.Time) {
	l := limiters[key]
	if l == nil {
		forget(limiters, now)
		l = rate.NewLimiter(limit, burst)
		limiters[key] = l
	}
	l.AllowN(now, 1)
}

// forget makes room: those who have waited long enough are as if they had never
// come; if that does not help, some of the others.
func forget[K comparable](limiters map[K]*rate.Limiter, now time.Time) {
	if len(limiters) < mostAttempts {
		return
	}
	for key, l := range limiters {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(limiters, key)
		}
	}
	for key := range limiters {
		if len(limiters) < mostAttempts/2 {
			return
		}
		delete(limiters, key)
	}
}
