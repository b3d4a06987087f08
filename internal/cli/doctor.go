package cli

import (
	"context"
	"fmt"
	"io"

	"outturn"
	"outturn/internal/server"
)

// doctorCmd says whether a server would work here.
type doctorCmd struct {
	JSON bool `name:"json" help:"Print what was found as JSON."`
	tlsFlags
}

func (c *doctorCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	src, err := settings.openSource(sourceUse{})
	if err != nil {
		return err
	}
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	if err := settings.needFolder(); err != nil {
		return err
	}
	findings := server.Doctor(ctx, settings.DataDir, server.Config{Source: src, Catalog: cat, TLSCert: c.TLSCert, TLSKey: c.TLSKey})
	if err := ctx.Err(); err != nil { // what was not looked at to the end is no finding
		return err
	}
	if err := c.print(streams, findings); err != nil {
		return err
	}
	for _, finding := range findings {
		if !finding.Sound {
			return outturn.Errorf(outturn.ErrorCode(finding.Err), "Not all is well: see %s above.", finding.Check)
		}
	}
	return nil
}

func (c *doctorCmd) print(streams IO, findings []server.Finding) error {
	if c.JSON {
		return printJSON(streams.Out, findings)
	}
	return printTable(streams.Out, func(w io.Writer) {
		for _, f := range findings {
			verdict := "ok"
			if !f.Sound {
				verdict = "NOT OK"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", verdict, f.Check, f.Detail)
		}
	})
}
