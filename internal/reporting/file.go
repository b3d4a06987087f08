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

	// LinkGrounds returns what links to files of tenants are signed on. barred are the
	// data sets over which none are.
	LinkGrounds(ctx context.Context, viewer string, tenants, barred []string) (outturn.LinkGrounds, error)
	// SignedLink returns the file of a signed link that a client was given, and when
	// links to it were last ended; CodeGone where it leads nowhere any more.
	SignedLink(ctx context.Context, client, file string) (outturn.File, time.Time, error)
	// EndLinks ends all links to a file that viewer sees, the signed ones too.
	EndLinks(ctx context.Context, viewer, file string, entry outturn.AuditEntry) error

	// Secret returns sealed bytes; CodeNotFound.
	Secret(ctx context.Context, name string) ([]byte, error)
	// SwapSecret keeps sealed bytes in place of was, nil for none; CodeConflict where it
	// is not those that are there.
	SwapSecret(ctx context.Context, name string, was, sealed []byte) error
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
	if err := s.ledger.AuditDownload(ctx, f.ID, s.entry(p, a, f.Tenant, f.ID, detail)); err != nil {
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

// EndLinks ends all links to a file before their time, whoever has them.
func (s *Service) EndLinks(ctx context.Context, p outturn.Principal, file string) error {
	if err := s.permit(ctx, p, linksEnd, file); err != nil {
		return err
	}
	f, err := s.ledger.File(ctx, p.Tenant, file)
	if err != nil {
		return err
	}
	return s.ledger.EndLinks(ctx, p.Tenant, file, s.entry(p, linksEnd, f.Tenant, file, map[string]string{"run": f.Run, "sha256": f.SHA256}))
}

// A Click is what comes along when somebody follows a link.
type Click struct {
	Token string
	// Name is the file's, where the link has it: it is there for those who save the file
	// under what the URL ends with. "" is any.
	Name          string
	Reason        string // for the audit
	From, Request string // the caller's address and the id of its call
}

// An openLink is where a link leads.
type openLink struct {
	file    outturn.File
	subject string            // who it is for the audit
	object  string            // what a refusal is about
	detail  map[string]string // for the audit
}

var errNoLink = outturn.Errorf(outturn.CodeNotFound, "There is no such link. Check that all of it was copied.")

// OpenLink opens the file that a link leads to. Whoever has the token may have it, so
// there is no principal.
func (s *Service) OpenLink(ctx context.Context, c Click) (outturn.File, blob.Object, error) {
	if err := checkReason(c.Reason); err != nil {
		return outturn.File{}, nil, err
	}
	l, err := s.follow(ctx, c.Token)
	if err != nil {
		return outturn.File{}, nil, err
	}
	if c.Name != "" && c.Name != l.file.Name {
		return outturn.File{}, nil, errNoLink
	}
	p := outturn.Principal{Subject: l.subject, Kind: "link", Tenant: l.file.Tenant, Via: "link", From: c.From, Request: c.Request}
	st, err := s.standing(ctx, l.file.Tenant)
	switch {
	case err != nil:
		return outturn.File{}, nil, err
	case st.State == outturn.TenantDeleted:
		return outturn.File{}, nil, outturn.Errorf(outturn.CodeGone, "The file of this link is gone. Ask whoever sent it for a new one.")
	case st.HeldBy != "":
		return outturn.File{}, nil, s.refuseHeld(ctx, p, linkDownload, l.object,
			outturn.Errorf(outturn.CodeForbidden, "The file of this link cannot be fetched now, because whose it is is suspended. Ask whoever sent it."))
	}
	return s.open(ctx, p, linkDownload, l.file, c.Reason, l.detail)
}

// mostToken is more than the token of a link has.
const mostToken = 200

// follow finds out where a token leads.
func (s *Service) follow(ctx context.Context, token string) (openLink, error) {
	switch {
	case len(token) > mostToken:
	case strings.HasPrefix(token, outturn.SignedLinkPrefix):
		return s.followSigned(ctx, token)
	case strings.HasPrefix(token, outturn.LinkPrefix):
		l, f, err := s.ledger.LinkByHash(ctx, secret.Hash(token))
		return openLink{f, "link:" + l.ID, l.ID, map[string]string{"link": l.ID, "created_by": l.CreatedBy}}, err
	}
	return openLink{}, errNoLink
}
