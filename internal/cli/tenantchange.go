package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"outturn"
	"outturn/internal/reporting"
)

// A tenantArg is the tenant that a command is about.
type tenantArg struct {
	ID   string `arg:"" name:"id" help:"The tenant's id."`
	JSON bool   `name:"json" help:"Print the tenant as JSON."`
}

// do calls a use case about the tenant and prints what it has become.
func (c *tenantArg) do(ctx context.Context, streams IO, settings *Settings, call func(*reporting.Service, outturn.Principal) (outturn.Tenant, error)) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		t, err := call(r, p)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, t)
		}
		return printTable(streams.Out, func(w io.Writer) { printTenant(w, t) })
	})
}

func printTenant(w io.Writer, t outturn.Tenant) {
	for _, line := range []struct{ name, value string }{
		{"id", t.ID}, {"kind", string(t.Kind)}, {"name", t.Name}, {"parent", t.Parent}, {"external id", t.ExternalID},
		{"state", standing(t)}, {"held by", t.HeldBy}, {"zone", t.Zone}, {"currency", t.Currency}, {"report type", t.ReportType}, {"limits", t.Limits.String()},
		{"created", instantText(t.CreatedAt)}, {"suspended", instantText(t.SuspendedAt)}, {"deleted", instantText(t.DeletedAt)},
	} {
		if line.value != "" {
			fmt.Fprintf(w, "%s\t%s\n", line.name, line.value)
		}
	}
}

func instantText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

type tenantShowCmd struct{ tenantArg }

func (c *tenantShowCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return c.do(ctx, streams, settings, func(r *reporting.Service, p outturn.Principal) (outturn.Tenant, error) { return r.Tenant(ctx, p, c.ID) })
}

type tenantSetCmd struct {
	tenantArg
	Name       *string           `name:"name" help:"What people call it."`
	ExternalID *string           `name:"external-id" placeholder:"ID" help:"Its account in the source; empty for none."`
	Zone       *string           `name:"zone-of" placeholder:"ZONE" help:"IANA time zone in which its days begin; empty for UTC."`
	Currency   *string           `name:"currency" placeholder:"CODE" help:"What it is billed in, such as EUR."`
	Report     *string           `name:"report-type" placeholder:"TYPE" help:"RESELLER or PROVIDER, for runs that do not say."`
	Limit      map[string]string `name:"limit" placeholder:"NAME=N" help:"Most that it and all below may have together: running, queued, generators, bytes, rows, requests_per_minute or firings_per_day; NAME=none takes a limit away."`
}

func (c *tenantSetCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	limits, err := parseLimits(c.Limit)
	if err != nil {
		return err
	}
	u := reporting.TenantUpdate{Name: c.Name, ExternalID: c.ExternalID, Zone: c.Zone, Currency: c.Currency, ReportType: c.Report, Limits: limits}
	return c.do(ctx, streams, settings, func(r *reporting.Service, p outturn.Principal) (outturn.Tenant, error) {
		return r.UpdateTenant(ctx, p, c.ID, u)
	})
}

// parseLimits reads limits by their names: numbers, or none.
func parseLimits(set map[string]string) (map[outturn.LimitKind]*int64, error) {
	limits := map[outturn.LimitKind]*int64{}
	for name, value := range set {
		kind := outturn.LimitKind(name)
		if !slices.Contains(outturn.LimitKinds, kind) {
			var names []string
			for _, kind := range outturn.LimitKinds {
				names = append(names, string(kind))
			}
			err := outturn.Unknown("limit", name, names)
			err.Code = outturn.CodeInvalid
			return nil, err
		}
		if value == "none" {
			limits[kind] = nil
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return nil, outturn.Errorf(outturn.CodeInvalid, "The limit %s is %s. Write a whole number from 0 up, or none.", name, outturn.Shown(value))
		}
		limits[kind] = &n
	}
	return limits, nil
}

type tenantMoveCmd struct {
	tenantArg
	Parent string `name:"parent" required:"" placeholder:"ID" help:"Its new parent."`
}

func (c *tenantMoveCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return c.do(ctx, streams, settings, func(r *reporting.Service, p outturn.Principal) (outturn.Tenant, error) {
		return r.MoveTenant(ctx, p, c.ID, c.Parent)
	})
}

type tenantSuspendCmd struct{ tenantArg }

func (c *tenantSuspendCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return c.do(ctx, streams, settings, func(r *reporting.Service, p outturn.Principal) (outturn.Tenant, error) {
		return r.SuspendTenant(ctx, p, c.ID)
	})
}

type tenantResumeCmd struct{ tenantArg }

func (c *tenantResumeCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return c.do(ctx, streams, settings, func(r *reporting.Service, p outturn.Principal) (outturn.Tenant, error) {
		return r.ResumeTenant(ctx, p, c.ID)
	})
}

type tenantRestoreCmd struct{ tenantArg }

func (c *tenantRestoreCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return c.do(ctx, streams, settings, func(r *reporting.Service, p outturn.Principal) (outturn.Tenant, error) {
		return r.RestoreTenant(ctx, p, c.ID)
	})
}

type tenantDeleteCmd struct {
	ID string `arg:"" name:"id" help:"The tenant's id."`
}

func (c *tenantDeleteCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		if err := r.DeleteTenant(ctx, p, c.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(streams.Err, "Deleted. `outturn tenant restore %s` brings it back while its grace period lasts.\n", c.ID)
		return err
	})
}

type tenantSyncCmd struct {
	Kinds  []string `name:"kind" enum:"reseller,customer" placeholder:"KIND" help:"reseller or customer; may repeat. Default: both."`
	DryRun bool     `name:"dry-run" help:"Say what would be done, and do nothing."`
	JSON   bool     `name:"json" help:"Print JSON."`
}

func (c *tenantSyncCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	if err := settings.needLedger(); err != nil { // the source has temporary files in the folder
		return err
	}
	src, err := settings.openSource(sourceUse{})
	if err != nil {
		return err
	}
	if closer, ok := src.(io.Closer); ok {
		defer closer.Close()
	}
	in := reporting.SyncInput{DryRun: c.DryRun}
	for _, kind := range c.Kinds {
		in.Kinds = append(in.Kinds, outturn.TenantKind(kind))
	}
	return settings.withReportingOver(ctx, src, func(r *reporting.Service, p outturn.Principal) error {
		done, err := r.SyncTenants(ctx, p, in)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, done)
		}
		return printSync(streams, done)
	})
}

// mostTold is how many accounts a sync names on a terminal.
const mostTold = 20

func printSync(streams IO, r reporting.SyncResult) error {
	if _, err := fmt.Fprintln(streams.Out, syncText(r)); err != nil {
		return err
	}
	var told []string
	for _, v := range r.Vanished {
		told = append(told, fmt.Sprintf("vanished: account %s, tenant %s (%s)", outturn.Cut(v.ExternalID), v.Tenant, outturn.Cut(v.Name)))
	}
	for _, f := range r.Refused {
		told = append(told, fmt.Sprintf("refused: account %s: %s", outturn.Shown(f.Account), f.Reason))
	}
	if more := len(told) - mostTold; more > 0 {
		told = append(told[:mostTold], fmt.Sprintf("and %d more: --json lists them all", more))
	}
	if len(told) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(streams.Err, readable(strings.Join(told, "\n")))
	return err
}

func syncText(r reporting.SyncResult) string {
	text := fmt.Sprintf("%d accounts: %d made, %d renamed, %d moved, %d unchanged, %d vanished, %d refused",
		r.Accounts, r.Made, r.Renamed, r.Moved, r.Unchanged, len(r.Vanished), len(r.Refused))
	if r.DryRun {
		text += " (dry run: nothing was done)"
	}
	return text
}
