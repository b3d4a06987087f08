package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

type clientCmd struct {
	Add    clientAddCmd    `cmd:"" help:"Make credentials for a program. The secret is shown once."`
	List   clientListCmd   `cmd:"" help:"List the clients of a data folder."`
	Revoke clientRevokeCmd `cmd:"" help:"End a client's access, within 10 seconds."`
	Rotate clientRotateCmd `cmd:"" help:"Give a client a new secret; the old one stays good for a while."`
}

type clientAddCmd struct {
	Tenant string       `name:"tenant" required:"" placeholder:"ID" help:"Whose client it is; see: outturn tenant list."`
	Role   outturn.Role `name:"role" enum:"operator,admin,manager,viewer" default:"manager" placeholder:"ROLE" help:"operator, admin, manager or viewer (${default})."`
	Name   string       `name:"name" default:"program" placeholder:"NAME" help:"What it is for (${default})."`
	JSON   bool         `name:"json" help:"Print client_id and client_secret as JSON."`
}

func (c *clientAddCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		made, secret, err := r.CreateClient(ctx, p, outturn.Client{Tenant: c.Tenant, Role: c.Role, Name: c.Name})
		if err != nil {
			return err
		}
		return printSecret(streams.Out, made, secret, c.JSON)
	})
}

// clientSecret is what a client needs, by the names that OAuth 2 gives it.
type clientSecret struct {
	ID     string       `json:"client_id"`
	Secret string       `json:"client_secret"`
	Tenant string       `json:"tenant"`
	Role   outturn.Role `json:"role"`
}

func printSecret(w io.Writer, c outturn.Client, secret string, asJSON bool) error {
	if asJSON {
		return printJSON(w, clientSecret{c.ID, secret, c.Tenant, c.Role})
	}
	_, err := fmt.Fprintf(w, "client_id      %s\nclient_secret  %s\n", c.ID, secret)
	return err
}

type clientListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *clientListCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		list, err := allOf(func(page outturn.Page) (outturn.List[outturn.Client], error) {
			return r.Clients(ctx, p, outturn.ListQuery{Page: page})
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, list)
		}
		return printTable(streams.Out, func(w io.Writer) {
			for _, cl := range list {
				state := "in force"
				if !cl.RevokedAt.IsZero() {
					state = "revoked"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cl.ID, cl.Role, cl.Tenant, state, cl.Name)
			}
		})
	})
}

type clientRevokeCmd struct {
	ID   string `arg:"" name:"client-id" help:"Which."`
	JSON bool   `name:"json" help:"Print the client as JSON."`
}

func (c *clientRevokeCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		revoked, err := r.RevokeClient(ctx, p, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, revoked)
		}
		_, err = fmt.Fprintf(streams.Err, "%s is revoked.\n", revoked.ID)
		return err
	})
}

type clientRotateCmd struct {
	ID      string        `arg:"" name:"client-id" help:"Which."`
	Overlap time.Duration `name:"overlap" default:"24h" placeholder:"TIME" help:"How long the old secret stays good (${default}); 0s ends it now."`
	JSON    bool          `name:"json" help:"Print client_id and client_secret as JSON."`
}

func (c *clientRotateCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		rotated, secret, err := r.RotateClient(ctx, p, c.ID, c.Overlap)
		if err != nil {
			return err
		}
		return printSecret(streams.Out, rotated, secret, c.JSON)
	})
}
