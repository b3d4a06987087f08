package server

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"outturn"
	"outturn/internal/delivery"
	"outturn/internal/guard"
)

// openGuard makes the one way out to hosts that tenants name.
func openGuard(c Config) (*guard.Guard, error) {
	allowed := guard.Config{AllowHTTP: c.WebhookHTTP}
	for _, text := range c.WebhookAllow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, outturn.InField("webhook-allow", outturn.Errorf(outturn.CodeInvalid,
				"%s is no network. Write one such as 10.1.2.0/24.", outturn.Shown(text)))
		}
		allowed.Allow = append(allowed.Allow, prefix)
	}
	g, err := guard.New(allowed)
	if err != nil {
		return nil, outturn.InField("webhook-allow", &outturn.Error{Code: outturn.CodeInvalid, Message: fmt.Sprintf("Networks of webhooks: %s.", err), Err: err})
	}
	return g, nil
}

// newDeliveries makes the worker that tells people and programs of runs.
func (s *Server) newDeliveries(ctx context.Context, g *guard.Guard, owner string) (*delivery.Worker, error) {
	c := s.config
	return delivery.New(ctx, delivery.Config{
		Ledger: s.folder.Ledger, Blobs: s.folder.Files, Sealer: s.folder.Sealer, Client: g.Client(), SMTP: c.SMTP, BaseURL: s.linkBase,
		Owner: owner, Alone: s.folder.lock != nil, MostAttached: c.MaxAttachment, Version: c.Version, Log: c.Log, Now: c.Now,
	})
}

// linkBase is what links in messages begin with. Nobody has called when they are written,
// so without a base URL it is the address that the server listens at.
func (s *Server) linkBase() string {
	if s.config.BaseURL != "" {
		return strings.TrimSuffix(s.config.BaseURL, "/")
	}
	return s.URL()
}
