package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"outturn"
	"outturn/internal/secret"
	"outturn/internal/source"
	"outturn/internal/source/postgres"
)

// sourceCmd looks after the database that the data are in.
type sourceCmd struct {
	Check  sourceCheckCmd  `cmd:"" help:"Connect to the source and say what it is and what Outturn may do there."`
	Harden sourceHardenCmd `cmd:"" help:"Make a role for Outturn on PostgreSQL that reads, and by row-level security only what a report may show."`
}

type sourceCheckCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *sourceCheckCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	kind, path, err := settings.sourcePath()
	if err != nil {
		return err
	}
	findings := []postgres.Finding{{Check: "source", Detail: secret.Masked(path)}}
	if kind == "postgres" {
		more, err := postgres.CheckAccess(ctx, path)
		if err != nil {
			return err
		}
		findings = append(findings, more...)
	}
	err = withSnapshot(ctx, settings, func(s source.Database) error {
		tables, err := s.Tables(ctx)
		findings = append(findings, postgres.Finding{Check: "data sets", Detail: fmt.Sprintf("could be made of %d tables and views", len(tables))})
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, findings)
	}
	return printTable(streams.Out, func(w io.Writer) {
		for _, f := range findings {
			fmt.Fprintf(w, "%s\t%s\n", f.Check, f.Detail)
			if f.Advice != "" {
				fmt.Fprintf(w, "\t  %s\n", f.Advice)
			}
		}
	})
}

type sourceHardenCmd struct {
	Apply        bool              `name:"apply" help:"Run the SQL instead of printing it, whole or not at all, and compare what data sets give then."`
	Undo         bool              `name:"undo" help:"Take back what it made: print that SQL, or with --apply run it."`
	Owner        string            `name:"owner" env:"OUTTURN_OWNER" placeholder:"URL" help:"How to connect as who owns the tables and may make roles. Default: --source."`
	Role         string            `name:"role" default:"${reader}" placeholder:"NAME" help:"The role (${default})."`
	Table        map[string]string `name:"table" mapsep:"none" placeholder:"TABLE=COLUMN" help:"The column with the account that a row belongs to, for a table where no data set tells; none for no policy. May be repeated."`
	PasswordFile string            `name:"password-file" placeholder:"FILE" help:"The role's password, set by --apply. A file that does not exist is made, with a new one."`
	JSON         bool              `name:"json" help:"Print what becomes of each table, and the SQL, as JSON."`
}

func (c *sourceHardenCmd) Run(ctx context.Context, streams IO, settings *Settings) error {
	url, in, err := c.input(settings)
	if err != nil {
		return err
	}
	if c.PasswordFile != "" && c.Apply && !c.Undo {
		if in.Verifier, err = c.verifier(); err != nil {
			return err
		}
	}
	h, err := postgres.Harden(ctx, url, in)
	if err != nil {
		return err
	}
	script := h.SQL()
	if c.Undo {
		script = h.UndoSQL()
	}
	if !c.Apply {
		if c.JSON {
			return printJSON(streams.Out, struct {
				*postgres.Hardening
				SQL string `json:"sql"`
			}{h, script})
		}
		_, err = io.WriteString(streams.Out, script)
		return err
	}
	if err := postgres.Apply(ctx, url, script); err != nil {
		return err
	}
	if c.Undo {
		fmt.Fprintln(streams.Err, "Taken back.")
		return nil
	}
	return c.report(ctx, streams, url, in, h)
}

func (c *sourceHardenCmd) input(settings *Settings) (url string, in postgres.HardenInput, err error) {
	kind, url, err := settings.sourcePath()
	if c.Owner != "" {
		kind, url, err = parseSource(c.Owner)
	}
	if err != nil {
		return "", in, err
	}
	if kind != "postgres" {
		return "", in, outturn.Errorf(outturn.CodeInvalid, "Only a PostgreSQL can be hardened: name it by --source postgres://OWNER@HOST/DATABASE. A source of files is opened for reading alone.")
	}
	cat, err := settings.openCatalog()
	if err != nil {
		return "", in, err
	}
	var faults []error
	for _, fault := range cat.Faults() {
		faults = append(faults, fault)
	}
	if err := errors.Join(faults...); err != nil {
		return "", in, err
	}
	in = postgres.HardenInput{Datasets: cat.Datasets(), Role: c.Role, Columns: c.Table, Timeout: settings.StatementTimeout}
	in.Tree, err = cat.Tree()
	return url, in, err
}

// verifier reads the password, or makes one, and returns what PostgreSQL keeps of it.
func (c *sourceHardenCmd) verifier() (string, error) {
	text, err := os.ReadFile(c.PasswordFile)
	if errors.Is(err, os.ErrNotExist) {
		text = []byte(secret.NewToken("").Reveal() + "\n")
		err = os.WriteFile(c.PasswordFile, text, 0o600)
	}
	if err != nil {
		return "", outturn.Errorf(outturn.CodeInvalid, "The file of the password cannot be used: %w.", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", outturn.Errorf(outturn.CodeInvalid, "The file %s is empty.", c.PasswordFile)
	}
	return postgres.Verifier(password)
}

// report says what was done, and whether data sets give the role what they gave.
func (c *sourceHardenCmd) report(ctx context.Context, streams IO, url string, in postgres.HardenInput, h *postgres.Hardening) error {
	compared, err := postgres.Compare(ctx, url, in)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(streams.Out, struct {
			*postgres.Hardening
			Compared []postgres.Compared `json:"compared"`
		}{h, compared})
	} else {
		err = c.printDone(streams, h, compared)
	}
	if err != nil {
		return err
	}
	return postgres.Differences(compared, h)
}

func (c *sourceHardenCmd) printDone(streams IO, h *postgres.Hardening, compared []postgres.Compared) error {
	err := printTable(streams.Out, func(w io.Writer) {
		for _, g := range h.Tables {
			verdict := "SELECT alone"
			switch {
			case g.Column != "":
				verdict = "policy by " + g.Column
			case g.Open:
				verdict = "NO POLICY"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", g.Table, verdict, g.Why)
		}
	})
	if err != nil {
		return err
	}
	same := 0
	for _, x := range compared {
		if x.Same {
			same++
		}
		if x.Fault != "" {
			fmt.Fprintf(readableWriter{streams.Err}, "Not compared: %s for account %s: %s\n", x.Dataset, x.Account, x.Fault)
		}
	}
	for _, note := range h.Notes {
		fmt.Fprintln(readableWriter{streams.Err}, note)
	}
	fmt.Fprintf(readableWriter{streams.Err}, "The role %s is ready; %d of %d reports that were tried have the same rows by it. Name it in --source.\n", h.Role, same, len(compared))
	return nil
}
