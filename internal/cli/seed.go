package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"outturn"
	"outturn/internal/seed"
)

type seedCmd struct {
	Scale int    `name:"scale" default:"1" placeholder:"N" help:"Size: 100,000 charges times N (${default})."`
	To    string `name:"to" required:"" placeholder:"URL" help:"Where to: duckdb:FILE, or postgres://USER:PASSWORD@HOST/DATABASE (?search_path=SCHEMA)."`
	Until string `name:"until" placeholder:"DATE" default:"2026-12-31" help:"The last day of the history (${default})."`
	Force bool   `name:"force" help:"Replace the file if it exists, or the tables that were made before."`
	JSON  bool   `name:"json" help:"Print the tables and their rows as JSON."`
}

func (c *seedCmd) Run(ctx context.Context, streams IO) error {
	if c.Scale < 1 {
		return outturn.Errorf(outturn.CodeInvalid, "The scale %d is not possible: give a whole number from 1.", c.Scale)
	}
	until, err := time.Parse(time.DateOnly, c.Until)
	if err != nil {
		return outturn.Errorf(outturn.CodeInvalid, "--until %q is not a day such as 2026-12-31.", c.Until)
	}
	result, err := seed.Run(ctx, seed.Config{Scale: c.Scale, Until: until, To: c.To, Force: c.Force})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, result.Tables)
	}
	return printTable(streams.Err, func(w io.Writer) {
		for _, t := range result.Tables {
			fmt.Fprintf(w, "%s\t%s rows\n", t.Name, groupDigits(t.Rows))
		}
	})
}

// seedOnce makes the sample data unless they are there.
func seedOnce(ctx context.Context, streams IO, settings *Settings, until time.Time) error {
	file := settings.seedFile()
	if _, err := os.Stat(file); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder cannot be read: %w.", err)
	}
	if err := os.MkdirAll(settings.DataDir, 0o700); err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The data folder cannot be made: %w.", err)
	}
	fmt.Fprintf(readableWriter{streams.Err}, "Making sample data in %s …\n", file)
	_, err := seed.Run(ctx, seed.Config{Scale: 1, Until: until.Truncate(24 * time.Hour), To: "duckdb:" + file})
	return err
}
