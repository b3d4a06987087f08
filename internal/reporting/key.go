package reporting

import (
	"context"
	"strings"

	"outturn"
)

// mostKey is how many characters an idempotency key may have.
const mostKey = 255

// An inFlight is a key whose request has not been answered.
type inFlight struct{ subject, key string }

// useKey takes an idempotency key for the time of a request; done gives it back.
// Without a key there is none, and nothing is taken.
func (s *Service) useKey(p outturn.Principal, key, fingerprint string) (k *outturn.IdempotencyKey, done func(), err error) {
	if key == "" {
		return nil, func() {}, nil
	}
	if len(key) > mostKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, nil, &outturn.Error{Code: outturn.CodeInvalid, Field: "Idempotency-Key", Message: "An idempotency key has at most 255 characters, all of them printable ASCII."}
	}
	taken := inFlight{p.Subject, key}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight[taken] {
		return nil, nil, outturn.InField("Idempotency-Key", outturn.Errorf(outturn.CodeKeyInFlight, "The first request with this Idempotency-Key has not been answered yet. Send it again in a moment."))
	}
	s.inFlight[taken] = true
	done = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.inFlight, taken)
	}
	return &outturn.IdempotencyKey{
		Subject: p.Subject, Key: key, Fingerprint: fingerprint, ExpiresAt: s.now().Add(s.config.Limits.KeyLife),
	}, done, nil
}

// madeBefore returns the run that was made when the same request came first. It is
// asked before anything else: a limit that is reached since, or a data set that
// went, changes no answer that was given.
func (s *Service) madeBefore(ctx context.Context, p outturn.Principal, key *outturn.IdempotencyKey) (r outturn.Run, found bool, err error) {
	if key == nil {
		return r, false, nil
	}
	r, err = s.ledger.RunByKey(ctx, *key)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		return outturn.Run{}, false, nil
	}
	if err != nil {
		return r, false, err
	}
	// Its tenant may have been moved away since: then it is as if it had never been.
	switch _, err := s.ledger.Tenant(ctx, p.Tenant, r.Tenant); {
	case outturn.ErrorCode(err) == outturn.CodeNotFound:
		return outturn.Run{}, false, nil
	case err != nil:
		return outturn.Run{}, false, err
	}
	return r, true, nil
}
