package reporting

import (
	"context"
	"errors"
	"strings"
	"time"

	"outturn"
)

// mostOverlap is how long a client's old secret may stay good after a rotation.
const mostOverlap = 30 * 24 * time.Hour

// CreateClient makes a client of a tenant, or of the principal's own, of a kind (by
// default outturn.ClientOAuth2) and with a role that is not above the principal's. Its
// credential is returned once.
func (s *Service) CreateClient(ctx context.Context, p outturn.Principal, c outturn.Client) (outturn.Client, outturn.Credential, error) {
	if err := s.permit(ctx, p, clientCreate, c.Tenant); err != nil {
		return outturn.Client{}, outturn.Credential{}, err
	}
	tenant, err := s.tenantOf(ctx, p, c.Tenant)
	if err != nil {
		return outturn.Client{}, outturn.Credential{}, err
	}
	var f faults
	f.name("name", c.Name)
	if c.Kind == "" {
		c.Kind = outturn.ClientOAuth2
	}
	kind, err := outturn.ParseClientKind(string(c.Kind))
	f.add("kind", err)
	if c.Email != "" {
		f.add("email", outturn.CheckAddress(c.Email))
	}
	role, err := outturn.ParseRole(string(c.Role))
	f.add("role", err)
	if role == outturn.RoleOperator && tenant.Parent != "" {
		f.addf("role", "An operator belongs to the provider. Use admin, manager or viewer.")
	}
	if err := f.err(); err != nil {
		return outturn.Client{}, outturn.Credential{}, err
	}
	if !mayGive(p, role) {
		return outturn.Client{}, outturn.Credential{}, s.refuse(ctx, p, clientCreate, "", outturn.Errorf(outturn.CodeForbidden, "Your role does not allow this: it gives none above itself."))
	}
	c = outturn.Client{Kind: kind, Tenant: tenant.ID, Name: c.Name, Role: role, Email: c.Email, CreatedAt: s.now()}
	detail := map[string]string{"name": c.Name, "role": string(c.Role), "kind": string(c.Kind)}
	if c.Email != "" {
		detail["email"] = c.Email
	}
	for range mostTries {
		c.ID = newClientID(kind)
		var shown outturn.Credential
		if shown, err = s.renew(&c); err != nil {
			break
		}
		err = s.ledger.CreateClient(ctx, c, s.entry(p, clientCreate, c.Tenant, c.ID, detail))
		if err == nil {
			return c, shown, nil
		}
		if outturn.ErrorCode(err) != outturn.CodeConflict { // the id is taken
			break
		}
	}
	return outturn.Client{}, outturn.Credential{}, err
}

// mostTries is how many ids are tried: those of API keys have nine digits.
const mostTries = 10

// Clients lists the clients of the principal's tenant and of those below it.
func (s *Service) Clients(ctx context.Context, p outturn.Principal, q outturn.ListQuery) (outturn.List[outturn.Client], error) {
	if err := s.permit(ctx, p, clientRead, ""); err != nil {
		return outturn.List[outturn.Client]{}, err
	}
	return s.ledger.Clients(ctx, p.Tenant, q)
}

// Client returns a client of the principal's tenant or of one below it.
func (s *Service) Client(ctx context.Context, p outturn.Principal, id string) (outturn.Client, error) {
	if err := s.permit(ctx, p, clientRead, id); err != nil {
		return outturn.Client{}, err
	}
	return s.ledger.ClientOf(ctx, p.Tenant, id)
}

// Address returns where to write to whom the principal acts for, as its client has it: ""
// where nobody said. Everybody may know his own.
func (s *Service) Address(ctx context.Context, p outturn.Principal) (string, error) {
	if err := s.permit(ctx, p, runList, ""); err != nil {
		return "", err
	}
	id, isClient := strings.CutPrefix(p.Subject, "client:")
	if !isClient {
		return "", nil
	}
	c, err := s.ledger.ClientOf(ctx, p.Tenant, id)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		return "", nil // it was purged since
	}
	return c.Email, err
}

// RevokeClient ends a client: within seconds nothing is let in with its secret or its
// tokens. One that is revoked stays so.
func (s *Service) RevokeClient(ctx context.Context, p outturn.Principal, id string) (outturn.Client, error) {
	if err := s.permit(ctx, p, clientRevoke, id); err != nil {
		return outturn.Client{}, err
	}
	var was *outturn.Client // revoked before: nothing changes, and the audit has it
	c, err := s.changeClient(ctx, p, clientRevoke, id, nil, func(c *outturn.Client) error {
		if !c.RevokedAt.IsZero() {
			was = c
			return errUnchanged
		}
		c.RevokedAt = s.now()
		return nil
	})
	if was != nil && errors.Is(err, errUnchanged) {
		return *was, nil
	}
	return c, err
}

var errUnchanged = errors.New("nothing changes")

// RotateClient gives a client a new credential, which is returned once. Its public name
// stays; what was secret of the old one is good for overlap yet, so that it can be
// replaced where it is used.
func (s *Service) RotateClient(ctx context.Context, p outturn.Principal, id string, overlap time.Duration) (outturn.Client, outturn.Credential, error) {
	if err := s.permit(ctx, p, clientRotate, id); err != nil {
		return outturn.Client{}, outturn.Credential{}, err
	}
	if overlap < 0 || overlap > mostOverlap {
		return outturn.Client{}, outturn.Credential{}, outturn.InField("overlap", outturn.Errorf(outturn.CodeInvalid, "The old secret can stay good for at most 30 days."))
	}
	var shown outturn.Credential
	detail := map[string]string{"overlap": overlap.String()}
	c, err := s.changeClient(ctx, p, clientRotate, id, detail, func(c *outturn.Client) error {
		if !c.RevokedAt.IsZero() {
			return outturn.Errorf(outturn.CodeConflict, "The client was revoked and gets no new secret. Make another one.")
		}
		c.OldHash, c.OldSealed, c.OldSubscription, c.OldUntil = "", nil, "", time.Time{}
		if overlap > 0 {
			c.OldHash, c.OldSealed, c.OldSubscription, c.OldUntil = c.SecretHash, c.Sealed, c.SubscriptionHash, s.now().Add(overlap)
		}
		var err error
		shown, err = s.renew(c)
		return err
	})
	if err != nil {
		return outturn.Client{}, outturn.Credential{}, err
	}
	return c, shown, nil
}

// changeClient changes a client whose role is not above the principal's.
func (s *Service) changeClient(ctx context.Context, p outturn.Principal, a action, id string, detail map[string]string, change func(*outturn.Client) error) (outturn.Client, error) {
	entry := s.entry(p, a, "", id, detail) // it concerns the client's tenant, which the ledger knows
	var above *outturn.Error
	c, err := s.ledger.UpdateClient(ctx, p.Tenant, id, func(c *outturn.Client) error {
		if !mayGive(p, c.Role) {
			above = outturn.Errorf(outturn.CodeForbidden, "Your role does not allow this: the client's is above it.")
			return above
		}
		return change(c)
	}, entry)
	if above != nil {
		return outturn.Client{}, s.refuse(ctx, p, a, id, above)
	}
	return c, err
}
