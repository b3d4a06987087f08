package cli

import (
	"context"
	"fmt"
	"io"

	"outturn"
	"outturn/internal/reporting"
	"outturn/internal/server"
	"outturn/internal/source"
)

type tenantCmd struct {
	Add     tenantAddCmd     `cmd:"" help:"Let an account of the source log in and own reports."`
	List    tenantListCmd    `cmd:"" help:"List the tenants of a data folder."`
	Show    tenantShowCmd    `cmd:"" help:"Show a tenant."`
	Set     tenantSetCmd     `cmd:"" help:"Change a tenant's name, account, zone, currency, report type or limits."`
	Move    tenantMoveCmd    `cmd:"" help:"Put a tenant, with all below it, under another."`
	Suspend tenantSuspendCmd `cmd:"" help:"Keep a tenant and all below it out, and their runs from starting."`
	Resume  tenantResumeCmd  `cmd:"" help:"End the suspension of a tenant."`
	Delete  tenantDeleteCmd  `cmd:"" help:"Delete a tenant that has no open runs and no tenants below it."`
	Restore tenantRestoreCmd `cmd:"" help:"Bring a deleted tenant back, while its grace period lasts."`
	Sync    tenantSyncCmd    `cmd:"" help:"Make tenants of the source's accounts, and rename and move those that are there."`
}

// withReporting calls work with the use cases over the data folder and with who
// uses it from this machine.
func (s *Settings) withReporting(ctx context.Context, work func(*reporting.Service, outturn.Principal) error) error {
	return s.withReportingOver(ctx, nil, work)
}

// withReportingOver is withReporting for work that needs the source.
func (s *Settings) withReportingOver(ctx context.Context, src source.Source, work func(*reporting.Service, outturn.Principal) error) error {
	return s.withFolder(ctx, func(f *server.Folder, p outturn.Principal) error {
		cat, err := s.openCatalog()
		if err != nil {
			return err
		}
		r, err := f.Reporting(cat, src)
		if err != nil {
			return err
		}
		defer r.Close()
		return work(r, p)
	})
}

type tenantAddCmd struct {
	Name       string `arg:"" help:"What people call it."`
	ExternalID string `name:"external-id" required:"" placeholder:"ID" help:"Its account in the source: whose rows it sees, with all below."`
	Kind       string `name:"kind" enum:"reseller,customer" default:"reseller" placeholder:"KIND" help:"reseller or customer (${default})."`
	Parent     string `name:"parent" placeholder:"ID" help:"The tenant it belongs to. Default: the provider."`
	Zone       string `name:"zone-of" placeholder:"ZONE" help:"IANA time zone in which its days begin. Default: that of the server (--zone)."`
	Currency   string `name:"currency" placeholder:"CODE" help:"What it is billed in, such as EUR."`
	Report     string `name:"report-type" placeholder:"TYPE" help:"RESELLER or PROVIDER, for runs that do not say. Default: at each run PROVIDER where it has resellers right below it, else RESELLER."`
	JSON       bool   `name:"json" help:"Print the tenant as JSON."`
}

func (c *tenantAddCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		t := outturn.Tenant{
			Parent: c.Parent, Kind: outturn.TenantKind(c.Kind), Name: c.Name, ExternalID: c.ExternalID,
			Zone: c.Zone, Currency: c.Currency, ReportType: c.Report,
		}
		if t.Parent == "" {
			t.Parent = p.Tenant
		}
		t, err := r.CreateTenant(ctx, p, t)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, t)
		}
		_, err = fmt.Fprintf(streams.Out, "%s\n", t.ID)
		return err
	})
}

type tenantListCmd struct {
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: kind eq reseller, or state eq deleted. Default: those that are not deleted."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (c *tenantListCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		where, err := parseFilter(c.Filter)
		if err != nil {
			return err
		}
		list, err := allOf(func(page outturn.Page) (outturn.List[outturn.Tenant], error) {
			return r.Tenants(ctx, p, outturn.ListQuery{Where: where, Page: page})
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, list)
		}
		return printTable(streams.Out, func(w io.Writer) {
			for _, t := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.ID, t.Kind, standing(t), t.ExternalID, t.Name)
			}
		})
	})
}

// standing says in a word whether a tenant takes part.
func standing(t outturn.Tenant) string {
	if t.State == outturn.TenantActive && t.HeldBy != "" {
		return "held"
	}
	return string(t.State)
}

// parseFilter reads the --filter of a list; "" is all of it.
func parseFilter(text string) (*outturn.Expr, error) {
	if text == "" {
		return nil, nil
	}
	where, err := outturn.ParseExpr(text)
	return where, outturn.InField("--filter", err)
}

// allOf reads a list page by page.
func allOf[T any](next func(outturn.Page) (outturn.List[T], error)) ([]T, error) {
	all := []T{}
	page := outturn.Page{Limit: outturn.MaxPage}
	for {
		l, err := next(page)
		if err != nil {
			return nil, err
		}
		all = append(all, l.Items...)
		if page.After = l.Next; page.After == "" {
			return all, nil
		}
	}
}
