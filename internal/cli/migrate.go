package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"outturn/internal/server"
	"outturn/internal/store"
)

// migrateCmd brings a ledger up to date without serving it.
type migrateCmd struct {
	DryRun bool `name:"dry-run" help:"Only say what would be done."`
	JSON   bool `name:"json" help:"Print the migrations as JSON."`
}

func (c *migrateCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	if err := settings.needLedger(); err != nil {
		return err
	}
	config := store.Config{Path: filepath.Join(settings.DataDir, server.LedgerName), Now: time.Now}
	pending, err := store.Pending(ctx, config)
	if err != nil {
		return err
	}
	if !c.DryRun && len(pending) > 0 {
		folder, err := server.OpenFolder(ctx, settings.DataDir, time.Now)
		if err != nil {
			return err
		}
		if err := folder.Close(); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(streams.Out, append([]string{}, pending...))
	}
	if len(pending) == 0 {
		fmt.Fprintln(streams.Err, "The ledger is up to date.")
	}
	for _, name := range pending {
		fmt.Fprintln(streams.Out, name)
	}
	return nil
}
