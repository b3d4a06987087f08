package reporting

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"outturn"
)

// A Quota is how many requests a caller may still make. Of several limits that count
// for it, it is the one with the least left.
type Quota struct {
	Limited   bool // else the rest is of no meaning
	Above     bool // it is the limit of a tenant above, which others use up as well
	PerMinute int64
	Remaining int64
	Reset     time.Duration // until all of it is there again
}

// Admit counts a request for the principal's tenant and for each one above it that
// has a limit of requests a minute. One that is over a limit is CodeLimit, counts for
// nobody, and says after how long there is room again.
//
// As many as the limit may come at once; what was used comes back evenly over a
// minute. Each process counts for itself.
func (s *Service) Admit(ctx context.Context, p outturn.Principal) (Quota, error) {
	st, err := s.standing(ctx, p.Tenant)
	if outturn.ErrorCode(err) == outturn.CodeNotFound || err == nil && len(st.Requests) == 0 {
		return Quota{}, nil
	}
	if err != nil {
		return Quota{}, err
	}
	quota, at, wait := s.meters.take(st.Requests, s.now())
	limit := st.Requests[at]
	quota.Above = limit.Tenant != p.Tenant
	if wait == 0 {
		return quota, nil
	}
	reached := &outturn.LimitReached{Tenant: limit.Tenant, Kind: outturn.LimitRequests, Most: limit.PerMinute}
	refusal := &outturn.Error{Code: outturn.CodeLimit, Message: reached.ToldBelow(), RetryAfter: wait, Err: reached}
	if !quota.Above {
		refusal.Message = reached.Told("Your tenant")
	}
	refusal.Message += fmt.Sprintf(" Ask again in %d s.", int64(math.Ceil(wait.Seconds())))
	return quota, refusal
}

// AdmitToken is Admit for who asks for a token. One whose tenant is suspended is
// CodeForbidden: it could do nothing with it.
func (s *Service) AdmitToken(ctx context.Context, p outturn.Principal) error {
	if err := s.stands(ctx, p, tokenIssue, ""); err != nil {
		return err
	}
	_, err := s.Admit(ctx, p)
	return err
}

// mostMeters bounds how many tenants' requests are counted. One that is forgotten
// begins anew.
const mostMeters = 10_000

// meters count the requests of tenants.
type meters struct {
	mu sync.Mutex
	of map[string]*rate.Limiter
}

// take counts a request for each of the limits, or for none where one lets it pass
// only after wait. at is the limit that decides.
func (m *meters) take(limits []outturn.RequestLimit, now time.Time) (least Quota, at int, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := make([]*rate.Limiter, len(limits))
	for i, l := range limits {
		of[i] = m.meter(l, now)
		if w := untilOne(of[i], l, now); w > wait {
			at, wait = i, w
		}
	}
	if wait > 0 {
		return quotaOf(of[at], limits[at], now), at, wait
	}
	for i, l := range limits {
		of[i].AllowN(now, 1)
		if q := quotaOf(of[i], l, now); i == 0 || q.Remaining < least.Remaining {
			least, at = q, i
		}
	}
	return least, at, 0
}

// meter returns the one of a limit, which may have changed.
func (m *meters) meter(l outturn.RequestLimit, now time.Time) *rate.Limiter {
	perSecond := rate.Limit(float64(l.PerMinute) / 60)
	limiter := m.of[l.Tenant]
	switch {
	case limiter == nil:
		if m.of == nil || len(m.of) >= mostMeters {
			m.forget(now)
		}
		limiter = rate.NewLimiter(perSecond, int(l.PerMinute))
		m.of[l.Tenant] = limiter
	case limiter.Burst() != int(l.PerMinute):
		limiter.SetLimitAt(now, perSecond)
		limiter.SetBurstAt(now, int(l.PerMinute))
	}
	return limiter
}

// forget makes room: of those who have used nothing for a minute nothing is known
// that a new meter does not say; when that is not enough, of all.
func (m *meters) forget(now time.Time) {
	for tenant, limiter := range m.of {
		if limiter.TokensAt(now) >= float64(limiter.Burst()) {
			delete(m.of, tenant)
		}
	}
	if m.of == nil || len(m.of) >= mostMeters {
		m.of = map[string]*rate.Limiter{}
	}
}

// untilOne is after how long a limit lets one more pass; 0 is now.
func untilOne(limiter *rate.Limiter, l outturn.RequestLimit, now time.Time) time.Duration {
	if l.PerMinute == 0 {
		return time.Minute // it may be raised; never else
	}
	missing := 1 - limiter.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(missing*float64(time.Minute)/float64(l.PerMinute)), 1)
}

func quotaOf(limiter *rate.Limiter, l outturn.RequestLimit, now time.Time) Quota {
	q := Quota{Limited: true, PerMinute: l.PerMinute}
	if l.PerMinute == 0 {
		q.Reset = time.Minute
		return q
	}
	tokens := max(0, limiter.TokensAt(now))
	q.Remaining = int64(math.Floor(tokens))
	q.Reset = time.Duration((float64(l.PerMinute) - tokens) * float64(time.Minute) / float64(l.PerMinute))
	return q
}
