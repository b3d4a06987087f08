package cli

import (
	"context"
	"fmt"
	"os"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/server"
)

// backupCmd copies a data folder into one file.
type backupCmd struct {
	To string `name:"to" required:"" placeholder:"FILE" help:"The backup, a tar file. It holds the key and customers' files: keep it as safe as the data folder."`
}

func (c *backupCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	return settings.withFolder(ctx, func(f *server.Folder, _ outturn.Principal) error {
		out, err := blob.CreateFile(c.To)
		if err != nil {
			return err
		}
		defer out.Abort()
		if err := out.MakePrivate(); err != nil {
			return err
		}
		if err := f.Backup(ctx, out); err != nil {
			return err
		}
		if err := out.Commit(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(readableWriter{streams.Err}, "%s holds the data folder %s.\n", c.To, settings.DataDir)
		return err
	})
}

// restoreCmd makes a data folder of a backup.
type restoreCmd struct {
	From string `name:"from" required:"" placeholder:"FILE" help:"The backup."`
	JSON bool   `name:"json" help:"Print what was restored, and what the backup lacked, as JSON."`
}

func (c *restoreCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	in, err := os.Open(c.From)
	if err != nil {
		return outturn.Errorf(outturn.CodeInvalid, "The backup cannot be read: %w.", err)
	}
	defer in.Close()
	restored, err := server.Restore(ctx, settings.DataDir, in)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, restored)
	}
	fmt.Fprintf(readableWriter{streams.Err}, "%s is restored, with %d files.\n", settings.DataDir, restored.Files)
	for _, name := range restored.Missing {
		fmt.Fprintf(readableWriter{streams.Err}, "missing: %s\n", name)
	}
	return nil
}
