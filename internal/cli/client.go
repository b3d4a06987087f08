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
	Add    clientAddCmd    `cmd:"" help:"Make credentials for a program, of the kind that it speaks. They are shown once."`
	List   clientListCmd   `cmd:"" help:"List the clients of a data folder: kind, role, tenant, when they were last used."`
	Revoke clientRevokeCmd `cmd:"" help:"End a client's access, within 10 seconds."`
	Rotate clientRotateCmd `cmd:"" help:"Give a client new secrets; the old ones stay good for a while."`
}

type clientAddCmd struct {
	Tenant string       `name:"tenant" required:"" placeholder:"ID" help:"Whose client it is; see: outturn tenant list."`
	Role   outturn.Role `name:"role" enum:"operator,admin,manager,viewer" default:"manager" placeholder:"ROLE" help:"operator, admin, manager or viewer (${default})."`
	Kind   string       `name:"kind" enum:"oauth2,oauth1,apikey,cmp,zuora" default:"oauth2" placeholder:"KIND" help:"How it shows who it is: oauth2, oauth1 (APS), apikey (Connect), cmp or zuora (${default})."`
	Name   string       `name:"name" default:"program" placeholder:"NAME" help:"What it is for (${default})."`
	Email  string       `name:"email" placeholder:"ADDRESS" help:"Where to write to whom it acts for, such as when a report that it asked for is there."`
	JSON   bool         `name:"json" help:"Print the parts of the credential as JSON, by the names that its kind has for them."`
}

func (c *clientAddCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		made, shown, err := r.CreateClient(ctx, p, outturn.Client{Kind: outturn.ClientKind(c.Kind), Tenant: c.Tenant, Role: c.Role, Name: c.Name, Email: c.Email})
		if err != nil {
			return err
		}
		return printCredential(streams.Out, newCredential(made, shown), c.JSON)
	})
}

// A credential is what a program needs, and whose it is. It is a type of its own so
// that JSON alone has its parts.
type credential struct {
	Kind   outturn.ClientKind `json:"kind"`
	Tenant string             `json:"tenant"`
	Role   outturn.Role       `json:"role"`
	parts
}

type parts = outturn.Credential

func newCredential(c outturn.Client, shown outturn.Credential) credential {
	return credential{c.Kind, c.Tenant, c.Role, shown}
}

func printCredential(w io.Writer, c credential, asJSON bool) error {
	if asJSON {
		return printJSON(w, c)
	}
	return printTable(w, func(w io.Writer) {
		for _, part := range []struct{ name, value string }{
			{"client_id", c.ClientID}, {"client_secret", c.ClientSecret},
			{"consumer_key", c.ConsumerKey}, {"consumer_secret", c.ConsumerSecret},
			{"api_key", c.APIKey},
			{"username", c.Username}, {"password", c.Password}, {"subscription_key", c.SubscriptionKey},
			{"access_key_id", c.AccessKeyID}, {"secret_access_key", c.SecretAccessKey},
		} {
			if part.value != "" {
				fmt.Fprintf(w, "%s\t%s\n", part.name, part.value)
			}
		}
	})
}

type clientListCmd struct {
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: tenant eq ID, or kind eq apikey and revoked_at is null. Default: all."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (c *clientListCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		where, err := parseFilter(c.Filter)
		if err != nil {
			return err
		}
		list, err := allOf(func(page outturn.Page) (outturn.List[outturn.Client], error) {
			return r.Clients(ctx, p, outturn.ListQuery{Where: where, Page: page})
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
				used := "never used"
				if !cl.UsedAt.IsZero() {
					used = "used " + cl.UsedAt.UTC().Format("2006-01-02 15:04Z")
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cl.ID, cl.Kind, cl.Role, cl.Tenant, state, used, cl.Name, cl.Email)
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
	Overlap time.Duration `name:"overlap" default:"24h" placeholder:"TIME" help:"How long the old ones stay good (${default}); 0s ends it now."`
	JSON    bool          `name:"json" help:"Print the parts of the credential as JSON, by the names that its kind has for them."`
}

func (c *clientRotateCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		rotated, shown, err := r.RotateClient(ctx, p, c.ID, c.Overlap)
		if err != nil {
			return err
		}
		return printCredential(streams.Out, newCredential(rotated, shown), c.JSON)
	})
}
