package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"outturn"
	"outturn/client"
)

type generatorCmd struct {
	List     generatorListCmd     `cmd:"" help:"List generators: id, state, when they fire next, name."`
	Create   generatorCreateCmd   `cmd:"" help:"Make the generators of a file."`
	Apply    generatorApplyCmd    `cmd:"" help:"Make generators, by their names, what a file says; as often as you like."`
	Show     generatorShowCmd     `cmd:"" help:"Print a generator as the file it could come from."`
	Upcoming generatorUpcomingCmd `cmd:"" help:"Show when a generator fires next, and for which windows."`
	Run      generatorRunCmd      `cmd:"" help:"Make a run now; the schedule stays as it is."`
	Backfill generatorBackfillCmd `cmd:"" help:"Make a run for each window of a time that is over."`
	Runs     generatorRunsCmd     `cmd:"" help:"List the runs that a generator has made."`
	Firings  generatorFiringsCmd  `cmd:"" help:"List each time that a generator fired or was to, and why not."`
	Enable   generatorEnableCmd   `cmd:"" help:"Let a generator fire again, from now on."`
	Disable  generatorDisableCmd  `cmd:"" help:"Keep a generator from firing."`
	Delete   generatorDeleteCmd   `cmd:"" help:"Remove a generator; its runs stay."`
}

type generatorListCmd struct {
	connection
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: state eq active and dataset eq payments."`
	Order  string `name:"order" placeholder:"FIELD" help:"name (default) or created_at, with desc for the other way."`
	Tenant string `name:"tenant" placeholder:"ID" help:"Those of a tenant below; * is all that the client may see. Default: the client's own."`
}

func (c *generatorListCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	order := c.Order
	if order == "" {
		order = "name"
	}
	list, err := allOf(func(page outturn.Page) (outturn.List[client.Generator], error) {
		return api.Generators(ctx, client.ListInput{Filter: c.Filter, Order: order, Tenant: c.Tenant, Limit: page.Limit, Cursor: page.After})
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, list)
	}
	return printTable(streams.Out, func(w io.Writer) {
		for _, g := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", g.ID, generatorState(g), nextText(g), g.Name)
		}
	})
}

func generatorState(g client.Generator) string {
	if g.PausedFor != "" {
		return string(g.State) + " (" + g.PausedFor + ")"
	}
	return string(g.State)
}

// nextText says what a generator does next.
func nextText(g client.Generator) string {
	switch {
	case g.State != outturn.GeneratorActive:
		return "-"
	case !g.NextAt.IsZero():
		return "next " + instantText(g.NextAt.UTC())
	case g.Trigger.Kind == outturn.TriggerEvent:
		return "at " + g.Trigger.Event
	}
	return "by hand"
}

// generatorFile is a command about what a file says.
type generatorFile struct {
	connection
	File   string `name:"file" short:"f" required:"" placeholder:"FILE" help:"YAML or JSON, one generator a document; - is what comes in."`
	DryRun bool   `name:"dry-run" help:"Say what would be, and when it would fire; keep nothing."`
}

// mostGeneratorText is more than any file of generators has.
const mostGeneratorText = 1 << 20

// documents reads the file: each document as JSON, with the name in it.
func (c *generatorFile) documents(in io.Reader) (list []json.RawMessage, names []string, err error) {
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, nil, outturn.Errorf(outturn.CodeInvalid, "The file of generators cannot be read: %w.", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, mostGeneratorText+1))
	switch {
	case err != nil:
		return nil, nil, outturn.Errorf(outturn.CodeInvalid, "The file of generators cannot be read: %w.", err)
	case len(text) > mostGeneratorText:
		return nil, nil, outturn.Errorf(outturn.CodeInvalid, "%s is larger than 1 MiB, which is the most that is read. Make several files of it.", c.File)
	}
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document any
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, outturn.Errorf(outturn.CodeInvalid, "%s is no YAML: %s", c.File, yaml.FormatError(err, false, false))
		}
		if document == nil {
			continue // nothing between two ---
		}
		members, ok := document.(map[string]any)
		if !ok {
			return nil, nil, outturn.Errorf(outturn.CodeInvalid, "Document %d of %s is no generator. Begin with name: and dataset:.", len(list)+1, c.File)
		}
		encoded, err := json.Marshal(members)
		if err != nil {
			return nil, nil, outturn.Errorf(outturn.CodeInvalid, "Document %d of %s is no generator: %w.", len(list)+1, c.File, err)
		}
		name, _ := members["name"].(string)
		list, names = append(list, encoded), append(names, name)
	}
	if len(list) == 0 {
		return nil, nil, outturn.Errorf(outturn.CodeInvalid, "%s has no generator in it.", c.File)
	}
	return list, names, nil
}

// each sends the documents one after the other and prints what has become of each.
func (c *generatorFile) each(ctx context.Context, streams IO, send, draft func(*client.Client, context.Context, any) (client.Generator, error), done string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	documents, names, err := c.documents(streams.In)
	if err != nil {
		return err
	}
	if c.DryRun {
		send = draft
	}
	made := []client.Generator{}
	for i, document := range documents {
		g, err := send(api, ctx, document)
		if err != nil {
			return inDocument(c.File, i+1, names[i], err)
		}
		made = append(made, g)
		if !c.JSON {
			if err := c.print(streams, g, done); err != nil {
				return err
			}
		}
	}
	if c.JSON {
		return printJSON(streams.Out, made)
	}
	return nil
}

func (c *generatorFile) print(streams IO, g client.Generator, done string) error {
	if g.Applied != "" {
		done = g.Applied
	}
	if !c.DryRun {
		return printTable(streams.Out, func(w io.Writer) { fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", done, g.ID, nextText(g), g.Name) })
	}
	return printTable(streams.Out, func(w io.Writer) {
		fmt.Fprintf(w, "%s\t(dry run)\t%s\n", done, g.Name)
		upcomingLines(w, g.Upcoming)
	})
}

// inDocument says which generator of a file has which faults, and where.
func inDocument(file string, n int, name string, err error) error {
	text := fmt.Sprintf("%s, document %d", file, n)
	if name != "" {
		text += " (" + outturn.Cut(name) + ")"
	}
	text += ":"
	for _, f := range outturn.Faults(err) {
		text += "\n  "
		if f.Field != "" {
			text += f.Field + ": "
		}
		text += f.Message
	}
	if len(outturn.Faults(err)) == 0 {
		text += " " + err.Error()
	}
	return &outturn.Error{Code: outturn.ErrorCode(err), Message: text, Err: err}
}

// generatorExample is shown by --help.
const generatorExample = `A file of two generators:

  name: Provisioned orders
  dataset: provisioned_orders
  formats: [xlsx]
  window: {kind: previous, unit: month}
  trigger:
    kind: schedule
    schedule: {every: month, nth: 2, of: business_day, at: "06:00", zone: Europe/Warsaw}
  deliveries:
    - {kind: email, to: [finance@example.com]}
  ---
  name: Each invoice
  dataset: invoices
  formats: [json]
  trigger: {kind: event, event: invoice.issued}

All that there is to say is in docs/generators.md.`

type generatorCreateCmd struct{ generatorFile }

// Help is what --help adds.
func (*generatorCreateCmd) Help() string { return generatorExample }

func (c *generatorCreateCmd) Run(ctx context.Context, streams IO) error {
	return c.each(ctx, streams, (*client.Client).CreateGenerator, (*client.Client).DraftGenerator, "created")
}

type generatorApplyCmd struct{ generatorFile }

// Help is what --help adds.
func (*generatorApplyCmd) Help() string {
	return "A generator is found by its name. What the file leaves out becomes its default; generators that are in no file stay as they are.\n\n" + generatorExample
}

func (c *generatorApplyCmd) Run(ctx context.Context, streams IO) error {
	return c.each(ctx, streams, (*client.Client).ApplyGenerator, (*client.Client).DraftApply, "")
}

// oneGenerator is a command about a generator.
type oneGenerator struct {
	connection
	Generator string `arg:"" name:"generator" help:"Its id, or its name."`
	Tenant    string `name:"tenant" placeholder:"ID" help:"Whose it is, where it is named by its name. Default: the client's own."`
}

var isID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// with finds the generator and calls work with it.
func (c *oneGenerator) with(ctx context.Context, work func(*client.Client, client.Generator) error) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	if isID.MatchString(c.Generator) {
		g, err := api.Generator(ctx, c.Generator)
		if err != nil {
			return err
		}
		return work(api, g)
	}
	named := outturn.Expr{Op: outturn.OpEQ, Field: "name", Values: []string{c.Generator}}
	list, err := api.Generators(ctx, client.ListInput{Filter: named.String(), Tenant: c.Tenant})
	if err != nil {
		return err
	}
	switch len(list.Items) {
	case 0:
		return outturn.Errorf(outturn.CodeNotFound, "There is no generator %s. See: outturn generator list", outturn.Shown(c.Generator))
	case 1:
		return work(api, list.Items[0])
	}
	return outturn.Errorf(outturn.CodeInvalid, "Several tenants have a generator %s. Name it by its id, or say whose with --tenant.", outturn.Shown(c.Generator))
}

type generatorShowCmd struct{ oneGenerator }

func (c *generatorShowCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, func(_ *client.Client, g client.Generator) error {
		if c.JSON {
			return printJSON(streams.Out, g)
		}
		text, err := json.Marshal(g.GeneratorInput)
		if err != nil {
			return err
		}
		if text, err = yaml.JSONToYAML(text); err != nil {
			return err
		}
		_, err = fmt.Fprintf(readableWriter{streams.Out}, "# %s, revision %d, %s, %s\n%s", g.ID, g.Revision, generatorState(g), nextText(g), text)
		return err
	})
}

type generatorUpcomingCmd struct {
	oneGenerator
	N int `name:"number" short:"n" default:"12" placeholder:"N" help:"How many (${default})."`
}

func (c *generatorUpcomingCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, func(api *client.Client, g client.Generator) error {
		list, err := api.UpcomingFirings(ctx, g.ID, c.N)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, list)
		}
		return printTable(streams.Out, func(w io.Writer) { upcomingLines(w, list) })
	})
}

// upcomingLines are instant, wall clock, zone and window of firings to come.
func upcomingLines(w io.Writer, list []client.Upcoming) {
	for _, u := range list {
		window := "all there is"
		switch {
		case u.Window != nil:
			window = windowText(*u.Window)
		case u.Skipped != "":
			window = "skipped: " + oneLine(u.Skipped)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", instantText(u.At.UTC()), u.Local.Format("Mon 2006-01-02 15:04"), u.Zone, window)
	}
}

// windowText writes a window as days where it is cut at them.
func windowText(w outturn.ManifestWindow) string {
	zone, err := outturn.LoadZone(w.Zone)
	if err == nil {
		if from, to, err := (outturn.Window{From: w.From, To: w.To, Zone: zone}).Dates(); err == nil {
			return from + " to " + to
		}
	}
	return w.From.Format(time.RFC3339) + " to " + w.To.Format(time.RFC3339)
}

// awaited says what to do with the runs that a command makes.
type awaited struct {
	Wait     bool   `name:"wait" help:"Wait until all has ended."`
	Download string `name:"download" placeholder:"DIR" help:"Wait, then fetch the files into this folder."`
}

// do waits for the runs, if that was asked for, and returns them as they are then.
func (a *awaited) do(ctx context.Context, streams IO, api *client.Client, runs []outturn.Run) ([]outturn.Run, error) {
	if !a.Wait && a.Download == "" {
		return runs, nil
	}
	for i := range runs {
		run, err := watch(ctx, api, runs[i].ID, streams.Err)
		if err == nil {
			err = endedWell(run)
		}
		if err == nil && a.Download != "" {
			err = download(ctx, api, run, a.Download, streams.Err)
		}
		if err != nil {
			return nil, err
		}
		runs[i] = run
	}
	return runs, nil
}

func printRuns(streams IO, runs []outturn.Run) error {
	return printTable(streams.Out, func(w io.Writer) {
		for _, run := range runs {
			runLines(w, run)
		}
	})
}

type generatorRunCmd struct {
	oneGenerator
	awaited
}

// Help is what --help adds.
func (*generatorRunCmd) Help() string {
	return `Its window is the one that a firing now would have: outturn generator run "Provisioned orders" --download reports`
}

func (c *generatorRunCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, func(api *client.Client, g client.Generator) error {
		run, err := api.RunGenerator(ctx, g.ID)
		if err != nil {
			return err
		}
		runs, err := c.do(ctx, streams, api, []outturn.Run{run})
		if err != nil {
			return err
		}
		return printRun(streams, runs[0], c.JSON)
	})
}

type generatorBackfillCmd struct {
	oneGenerator
	awaited
	From   string `name:"from" required:"" placeholder:"WHEN" help:"Windows from then on: a day (2026-01-01), a time or an instant."`
	To     string `name:"to" required:"" placeholder:"WHEN" help:"Until then, exclusive."`
	DryRun bool   `name:"dry-run" help:"Say for which windows there would be runs, and make none."`
}

// Help is what --help adds.
func (*generatorBackfillCmd) Help() string {
	return `Each window of the generator that lies whole in the time has a run, the oldest first, after all other runs:

  outturn generator backfill "Provisioned orders" --from 2026-01-01 --to 2026-07-01 --dry-run`
}

func (c *generatorBackfillCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, func(api *client.Client, g client.Generator) error {
		backfill := api.BackfillGenerator
		if c.DryRun {
			backfill = api.DraftBackfill
		}
		done, err := backfill(ctx, g.ID, client.BackfillInput{From: c.From, To: c.To})
		if err == nil {
			done.Runs, err = c.do(ctx, streams, api, done.Runs)
		}
		switch {
		case err != nil:
			return err
		case c.JSON:
			return printJSON(streams.Out, done)
		case c.DryRun:
			return printTable(streams.Out, func(w io.Writer) { upcomingLines(w, done.Windows) })
		}
		return printRuns(streams, done.Runs)
	})
}

type generatorRunsCmd struct {
	oneGenerator
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: state eq failed."`
	Limit  int    `name:"limit" default:"50" placeholder:"N" help:"How many, the newest first (${default}; at most 1000)."`
}

func (c *generatorRunsCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, func(api *client.Client, g client.Generator) error {
		list, err := api.GeneratorRuns(ctx, g.ID, client.ListInput{Filter: c.Filter, Order: "created_at desc", Limit: c.Limit})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, list.Items)
		}
		return printRuns(streams, list.Items)
	})
}

type generatorFiringsCmd struct {
	oneGenerator
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: skipped is not null."`
	Limit  int    `name:"limit" default:"50" placeholder:"N" help:"How many, the newest first (${default}; at most 1000)."`
}

func (c *generatorFiringsCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, func(api *client.Client, g client.Generator) error {
		list, err := api.Firings(ctx, g.ID, client.ListInput{Filter: c.Filter, Order: "scheduled_for desc", Limit: c.Limit})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, list.Items)
		}
		return printTable(streams.Out, func(w io.Writer) { firingLines(w, list.Items) })
	})
}

// firingLines are when, why, for what, and what became of it.
func firingLines(w io.Writer, list []outturn.Firing) {
	for _, f := range list {
		became := f.Run
		if f.Skipped != "" {
			became = "skipped (" + f.Skipped + ")"
		}
		about := strings.TrimPrefix(aboutText(outturn.RunRequest{Window: f.Window, Invoice: f.Invoice}), ", ")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", instantText(f.ScheduledFor.UTC()), f.Cause, about, became, oneLine(f.Message))
	}
}

type generatorEnableCmd struct{ oneGenerator }

func (c *generatorEnableCmd) Run(ctx context.Context, streams IO) error {
	return c.change(ctx, streams, (*client.Client).EnableGenerator)
}

type generatorDisableCmd struct{ oneGenerator }

func (c *generatorDisableCmd) Run(ctx context.Context, streams IO) error {
	return c.change(ctx, streams, (*client.Client).DisableGenerator)
}

// change makes one call of the API and prints what the generator is then.
func (c *oneGenerator) change(ctx context.Context, streams IO, do func(*client.Client, context.Context, string) (client.Generator, error)) error {
	return c.with(ctx, func(api *client.Client, g client.Generator) error {
		g, err := do(api, ctx, g.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(streams.Out, g)
		}
		return printTable(streams.Out, func(w io.Writer) { fmt.Fprintf(w, "%s\t%s\t%s\n", generatorState(g), nextText(g), g.Name) })
	})
}

type generatorDeleteCmd struct{ oneGenerator }

func (c *generatorDeleteCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, func(api *client.Client, g client.Generator) error {
		if err := api.DeleteGenerator(ctx, g.ID, g.Revision); err != nil {
			return err
		}
		_, err := fmt.Fprintf(readableWriter{streams.Err}, "%s is deleted. Its runs stay.\n", g.Name)
		return err
	})
}
