package cli

import (
	"context"
	"fmt"
	"time"

	"outturn"
	"outturn/internal/auth"
	"outturn/internal/server"
)

type keyCmd struct {
	Rotate keyRotateCmd `cmd:"" help:"Make a new key that signs access tokens; those of the old one stay good until they expire."`
}

type keyRotateCmd struct {
	JSON bool `name:"json" help:"Print the public keys as JSON (RFC 7517)."`
}

func (c *keyRotateCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withFolder(ctx, func(f *server.Folder, p outturn.Principal) error {
		tokens, err := auth.New(ctx, auth.Config{Ledger: f.Ledger, Sealer: f.Sealer})
		if err != nil {
			return err
		}
		if err := tokens.RotateKey(ctx); err != nil {
			return err
		}
		keys, err := tokens.JWKS(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		if err := f.Ledger.Audit(ctx, outturn.AuditEntry{
			ID: outturn.NewID(now), At: now.UTC(), Tenant: p.Tenant, Subject: p.Subject, Via: p.Via, Action: "key.rotate", Object: keys.Keys[0].ID, Outcome: "ok",
		}); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, keys)
		}
		_, err = fmt.Fprintf(streams.Out, "%s\n", keys.Keys[0].ID)
		return err
	})
}
