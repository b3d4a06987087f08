package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"outturn"
	"outturn/internal/reporting"
)

type usageCmd struct {
	Tenant string `name:"tenant" placeholder:"ID" help:"Whose; see: outturn tenant list. Default: the provider, with all there is."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (c *usageCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withReporting(ctx, func(r *reporting.Service, p outturn.Principal) error {
		a, err := r.Usage(ctx, p, c.Tenant)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, a)
		}
		return printTable(streams.Out, func(w io.Writer) { printAllowance(w, a) })
	})
}

// printAllowance prints a line for each kind of limit: what there is, what there may
// be by the tenant's own limit, and what those above say.
func printAllowance(w io.Writer, a outturn.Allowance) {
	fmt.Fprint(w, "\tUSED\tLIMIT\tABOVE\n")
	for _, kind := range outturn.LimitKinds {
		used, most, above := "-", "-", "-"
		if n, sum := a.Usage.Of(kind); sum {
			used = strconv.FormatInt(n, 10)
		}
		if n := a.Limits.Of(kind); n != nil {
			most = strconv.FormatInt(*n, 10)
		}
		for _, l := range a.Above {
			switch {
			case l.Kind != kind:
			case l.Most != nil:
				above = strconv.FormatInt(*l.Most, 10)
			case l.Reached:
				above = "reached"
			default:
				above = "has room"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", kind, used, most, above)
	}
	fmt.Fprintf(w, "files\t%d\t-\t-\n", a.Usage.Files)
}
