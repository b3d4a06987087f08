package reporting

import (
	"context"
	"errors"
	"sync"
	"time"

	"outturn"
)

type standingLedger interface {
	// Standing returns how a tenant stands, whosever it is; CodeNotFound.
	Standing(ctx context.Context, tenant string) (outturn.Standing, error)
	// Usage returns what a tenant that viewer sees has, with all below it.
	Usage(ctx context.Context, viewer, tenant string) (outturn.Usage, error)
	LimitsAbove(ctx context.Context, viewer, tenant string) ([]outturn.LimitAbove, error)
}

// standingAge is how old what is known of a tenant may be. One that is suspended is
// refused everywhere within 10 s.
const standingAge = 5 * time.Second

// mostStandings bounds the cache; beyond it, it starts anew.
const mostStandings = 10_000

// standings are how tenants stood a moment ago.
type standings struct {
	mu    sync.Mutex
	known map[string]knownStanding
	noted map[attempt]time.Time // refusals of who is suspended, and when
}

// An attempt is what somebody who is suspended tries.
type attempt struct {
	subject string
	action  action
}

type knownStanding struct {
	outturn.Standing
	at time.Time
}

// standing returns how a tenant stood at most standingAge ago.
func (s *Service) standing(ctx context.Context, tenant string) (outturn.Standing, error) {
	now := s.now()
	s.standings.mu.Lock()
	known, ok := s.standings.known[tenant]
	s.standings.mu.Unlock()
	if age := now.Sub(known.at); ok && age >= 0 && age < standingAge {
		return known.Standing, nil
	}
	st, err := s.ledger.Standing(ctx, tenant)
	if err != nil {
		return st, err
	}
	s.standings.mu.Lock()
	defer s.standings.mu.Unlock()
	if s.standings.known == nil || len(s.standings.known) >= mostStandings {
		s.standings.known = map[string]knownStanding{}
	}
	s.standings.known[tenant] = knownStanding{st, now}
	return st, nil
}

// tenantsChanged makes a change of limits, of suspensions or of the tree count at
// once in this process: what was known of tenants is forgotten, and runs that were
// held back, and generators that were paused, are looked at.
func (s *Service) tenantsChanged() {
	s.standings.mu.Lock()
	clear(s.standings.known)
	clear(s.standings.noted)
	s.standings.mu.Unlock()
	s.config.Wake()
	s.config.Due()
}

// errSuspended is for those whose tenant is held.
var errSuspended = outturn.Errorf(outturn.CodeForbidden,
	"Your tenant, or one above it, is suspended: ask whoever is above it, or the provider, to resume it.")

// stands refuses p whose tenant does not take part.
func (s *Service) stands(ctx context.Context, p outturn.Principal, a action, object string) error {
	st, err := s.standing(ctx, p.Tenant)
	switch {
	case outturn.ErrorCode(err) == outturn.CodeNotFound, err == nil && st.State == outturn.TenantDeleted:
		return outturn.Errorf(outturn.CodeUnauthenticated, "The tenant of this credential is no more.")
	case err != nil:
		return err
	case st.HeldBy != "":
		return s.refuseHeld(ctx, p, a, object, errSuspended)
	}
	return nil
}

// noteEvery is how often the audit has that who is suspended tried the same again. A
// program that polls knows nothing of it, and would fill the disk.
const noteEvery = time.Hour

// refuseHeld is refuse for whom a suspension holds: the audit has the first refusal of
// each action, and one an hour.
func (s *Service) refuseHeld(ctx context.Context, p outturn.Principal, a action, object string, why *outturn.Error) error {
	now, is := s.now(), attempt{p.Subject, a}
	s.standings.mu.Lock()
	at, noted := s.standings.noted[is]
	if noted = noted && now.Sub(at) < noteEvery; !noted {
		if s.standings.noted == nil || len(s.standings.noted) >= mostStandings {
			s.standings.noted = map[attempt]time.Time{}
		}
		s.standings.noted[is] = now
	}
	s.standings.mu.Unlock()
	if noted {
		return why
	}
	err := s.refuse(ctx, p, a, object, why)
	if !errors.Is(err, why) { // the audit does not have it
		s.standings.mu.Lock()
		delete(s.standings.noted, is)
		s.standings.mu.Unlock()
	}
	return err
}

// tellLimit says whose limit is reached to p, who may know it of itself and of those
// below it.
func (s *Service) tellLimit(ctx context.Context, p outturn.Principal, err error) error {
	var limit *outturn.LimitReached
	if !errors.As(err, &limit) {
		return err
	}
	told := limit.ToldBelow()
	if limit.Tenant == p.Tenant {
		told = limit.Told("Your tenant")
	} else if t, err := s.ledger.Tenant(ctx, p.Tenant, limit.Tenant); err == nil {
		told = limit.Told("The tenant " + outturn.Shown(t.Name))
	}
	return &outturn.Error{Code: outturn.ErrorCode(err), Message: told, Err: limit}
}

// Usage returns what a tenant, "" the principal's own, has with all below it, and how
// much it may have.
func (s *Service) Usage(ctx context.Context, p outturn.Principal, tenant string) (outturn.Allowance, error) {
	if err := s.permit(ctx, p, usageRead, tenant); err != nil {
		return outturn.Allowance{}, err
	}
	t, err := s.tenantOf(ctx, p, tenant)
	if err != nil {
		return outturn.Allowance{}, err
	}
	used, err := s.ledger.Usage(ctx, p.Tenant, t.ID)
	if err != nil {
		return outturn.Allowance{}, err
	}
	above, err := s.ledger.LimitsAbove(ctx, p.Tenant, t.ID)
	return outturn.Allowance{Usage: used, Limits: t.Limits, Above: above}, err
}
