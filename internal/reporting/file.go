package reporting

import (
	"context"
	"fmt"
	"strings"
	"time"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/secret"
)

type fileLedger interface {
	// File returns a file that viewer sees; CodeGone where its time is over.
	File(ctx context.Context, viewer, id string) (outturn.File, error)
	CreateLink(ctx context.Context, l outturn.Link, entry outturn.AuditEntry) error
	// LinkByHash returns the link with that token and its file; CodeNotFound where
	// there never was one, CodeGone where its time or that of the file is over.
	LinkByHash(ctx context.Context, hash string) (outturn.Link, outturn.File, error)
	// Link returns a link to a file of a tenant that viewer sees; CodeNotFound.
	Link(ctx context.Context, viewer, id string) (outturn.Link, error)
	RevokeLink(ctx context.Context, viewer, id string, entry outturn.AuditEntry) error
}

// File returns what is known of a file.
func (s *Service) File(ctx context.Context, p outturn.Principal, id string) (outturn.File, error) {
	if err := s.permit(ctx, p, fileRead, id); err != nil {
		return outturn.File{}, err
	}
	return s.ledger.File(ctx, p.Tenant, id)
}

// OpenFile opens a file for its download, which the audit notes with the reason
// that the caller gives, if any. The caller closes it.
func (s *Service) OpenFile(ctx context.Context, p outturn.Principal, id, reason string) (outturn.File, blob.Object, error) {
	if err := s.permit(ctx, p, fileDownload, id); err != nil {
		return outturn.File{}, nil, err
	}
	if err := checkReason(reason); err != nil {
		return outturn.File{}, nil, err
	}
	f, err := s.ledger.File(ctx, p.Tenant, id)
	if err != nil {
		return outturn.File{}, nil, err
	}
	if err := s.permitFile(ctx, p, f); err != nil {
		return outturn.File{}, nil, err
	}
	return s.open(ctx, p, fileDownload, f, reason, map[string]string{})
}

func checkReason(reason string) error {
	if reason == "" || outturn.IsLine(reason) {
		return nil
	}
	return &outturn.Error{Code: outturn.CodeInvalid, Field: "Outturn-Reason", Message: "The reason of a download is one line of at most 255 characters."}
}

// open opens a file and notes who takes it: which bytes, from where, and why.
func (s *Service) open(ctx context.Context, p outturn.Principal, a action, f outturn.File, reason string, detail map[string]string) (outturn.File, blob.Object, error) {
	object, err := s.config.Blobs.Open(ctx, f.Key)
	if outturn.ErrorCode(err) == outturn.CodeNotFound {
		return outturn.File{}, nil, fmt.Errorf("file %s of run %s is in the ledger and not in storage: %s", f.ID, f.Run, err) //nolint:errorlint // not the caller's fault
	}
	if err != nil {
		return outturn.File{}, nil, err
	}
	if object.Size() != f.Bytes {
		_ = object.Close()
		return outturn.File{}, nil, fmt.Errorf("file %s of run %s has %d bytes in storage and %d in the ledger", f.ID, f.Run, object.Size(), f.Bytes)
	}
	if reason != "" {
		detail["reason"] = reason
	}
	detail["run"], detail["name"], detail["sha256"] = f.Run, f.Name, f.SHA256
	if err := s.ledger.Audit(ctx, s.entry(p, a, f.Tenant, f.ID, detail)); err != nil {
		_ = object.Close()
		return outturn.File{}, nil, fmt.Errorf("audit a download: %w", err)
	}
	return f, object, nil
}

// Limits of a link's life.
const (
	mostLinkLife  = 90 * 24 * time.Hour
	leastLinkLife = time.Minute
)

// CreateLink makes a link to a file, good for life or, where that is 0, for as long
// as links are; never longer than the file. The token is returned once: only its
// hash is kept.
func (s *Service) CreateLink(ctx context.Context, p outturn.Principal, file string, life time.Duration) (outturn.Link, string, error) {
	if err := s.permit(ctx, p, linkCreate, file); err != nil {
		return outturn.Link{}, "", err
	}
	f, err := s.ledger.File(ctx, p.Tenant, file)
	if err != nil {
		return outturn.Link{}, "", err
	}
	if err := s.permitFile(ctx, p, f); err != nil {
		return outturn.Link{}, "", err
	}
	if life == 0 {
		life = s.config.Limits.LinkLife
	}
	if life < leastLinkLife || life > mostLinkLife {
		return outturn.Link{}, "", outturn.InField("expires_in", outturn.Errorf(outturn.CodeInvalid, "A link is good for at least a minute and at most 90 days."))
	}
	token := secret.NewToken(outturn.LinkPrefix)
	now := s.now()
	l := outturn.Link{
		ID: outturn.NewID(now), File: f.ID, Tenant: f.Tenant, TokenHash: secret.Hash(token.Reveal()),
		CreatedBy: p.Subject, CreatedAt: now, ExpiresAt: now.Add(life),
	}
	if f.ExpiresAt.Before(l.ExpiresAt) {
		l.ExpiresAt = f.ExpiresAt
	}
	detail := map[string]string{"file": f.ID, "run": f.Run, "sha256": f.SHA256, "expires_at": l.ExpiresAt.Format(time.RFC3339)}
	if err := s.ledger.CreateLink(ctx, l, s.entry(p, linkCreate, f.Tenant, l.ID, detail)); err != nil {
		return outturn.Link{}, "", err
	}
	return l, token.Reveal(), nil
}

// RevokeLink ends a link before its time.
func (s *Service) RevokeLink(ctx context.Context, p outturn.Principal, id string) error {
	if err := s.permit(ctx, p, linkRevoke, id); err != nil {
		return err
	}
	entry := s.entry(p, linkRevoke, "", id, nil) // it concerns the file's tenant, which the ledger knows
	return s.ledger.RevokeLink(ctx, p.Tenant, id, entry)
}

// mostToken is more than the token of a link has.
const mostToken = 128

// OpenLink opens the file that a link leads to. Whoever has the token may have it,
// so there is no principal; from is the caller's address and request the id of its
// call, for the audit.
func (s *Service) OpenLink(ctx context.Context, token, reason, from, request string) (outturn.File, blob.Object, error) {
	if !strings.HasPrefix(token, outturn.LinkPrefix) || len(token) > mostToken {
		return outturn.File{}, nil, outturn.Errorf(outturn.CodeNotFound, "There is no such link. Check that all of it was copied.")
	}
	if err := checkReason(reason); err != nil {
		return outturn.File{}, nil, err
	}
	l, f, err := s.ledger.LinkByHash(ctx, secret.Hash(token))
	if err != nil {
		return outturn.File{}, nil, err
	}
	p := outturn.Principal{Subject: "link:" + l.ID, Kind: "link", Tenant: l.Tenant, Via: "link", From: from, Request: request}
	st, err := s.standing(ctx, l.Tenant)
	switch {
	case err != nil:
		return outturn.File{}, nil, err
	case st.State == outturn.TenantDeleted:
		return outturn.File{}, nil, outturn.Errorf(outturn.CodeGone, "The file of this link is gone. Ask whoever sent it for a new one.")
	case st.HeldBy != "":
		return outturn.File{}, nil, s.refuseHeld(ctx, p, linkDownload, l.ID,
			outturn.Errorf(outturn.CodeForbidden, "The file of this link cannot be fetched now, because whose it is is suspended. Ask whoever sent it."))
	}
	return s.open(ctx, p, linkDownload, f, reason, map[string]string{"link": l.ID, "created_by": l.CreatedBy})
}
