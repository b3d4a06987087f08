package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/blob"
)

type runCmd struct {
	Create   runCreateCmd   `cmd:"" help:"Ask for a run; with --download wait for it and fetch its files."`
	List     runListCmd     `cmd:"" help:"List runs, the newest first."`
	Show     runShowCmd     `cmd:"" help:"Show a run."`
	Watch    runWatchCmd    `cmd:"" help:"Show each change of a run until it has ended."`
	Cancel   runCancelCmd   `cmd:"" help:"Stop a run."`
	Retry    runRetryCmd    `cmd:"" help:"Make a new run of one that has ended, over the same window."`
	Download runDownloadCmd `cmd:"" help:"Fetch the files of a run, and its manifest."`
}

// connection says which server, and who asks. A secret belongs into the
// environment or a file: everybody on the machine can read a command line.
type connection struct {
	URL        string `name:"url" env:"OUTTURN_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server (${default})."`
	ClientID   string `name:"client-id" env:"OUTTURN_CLIENT_ID" required:"" placeholder:"ID" help:"Who asks; see: outturn client add."`
	Secret     string `name:"client-secret" env:"OUTTURN_CLIENT_SECRET" hidden:"" help:"Its secret."`
	SecretFile string `name:"client-secret-file" env:"OUTTURN_CLIENT_SECRET_FILE" placeholder:"FILE" help:"File with its secret; or set OUTTURN_CLIENT_SECRET."`
	JSON       bool   `name:"json" help:"Print JSON."`
}

func (c *connection) connect() (*client.Client, error) {
	secret := c.Secret
	if secret == "" && c.SecretFile != "" {
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, outturn.Errorf(outturn.CodeInvalid, "The file of the secret cannot be read: %w.", err)
		}
		secret = strings.TrimSpace(string(text))
	}
	if secret == "" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "The secret of the client is missing. Set OUTTURN_CLIENT_SECRET, or name a file with --client-secret-file.")
	}
	return client.New(client.Config{URL: c.URL, ClientID: c.ClientID, ClientSecret: secret})
}

type runCreateCmd struct {
	connection
	Dataset string   `arg:"" help:"The data set; see: outturn dataset list."`
	From    string   `name:"from" placeholder:"WHEN" help:"Start of the window: a day (2026-09-01), a time (2026-09-01T08:00) or an instant."`
	To      string   `name:"to" placeholder:"WHEN" help:"End of the window, exclusive."`
	In      string   `name:"in" placeholder:"ZONE" help:"IANA time zone of days and of the instants written. Default: the tenant's."`
	View    string   `name:"view" placeholder:"NAME" help:"A view of the data set."`
	Columns []string `name:"columns" sep:"," placeholder:"A,B" help:"Fields, instead of a view."`
	Filter  string   `name:"filter" placeholder:"EXPR" help:"Which rows."`
	Invoice string   `name:"invoice" placeholder:"ID" help:"Only the rows of one invoice."`
	Order   string   `name:"order" placeholder:"A,B desc" help:"Fields to sort by."`
	Report  string   `name:"report-type" placeholder:"TYPE" help:"RESELLER or PROVIDER."`
	Tenant  string   `name:"tenant" placeholder:"ID" help:"The tenant it is for. Default: the client's own."`
	Name    string   `name:"name" placeholder:"NAME" help:"Begins the files' names. Default: the data set."`

	Format      []string `name:"format" short:"f" default:"csv" placeholder:"NAME" help:"csv, tsv, json, ndjson, xml or xlsx (${default}); more than one make several files."`
	Compress    string   `name:"compress" placeholder:"NAME" help:"none, gzip or zstd, for the formats that are not compressed inside."`
	Level       string   `name:"compress-level" placeholder:"NAME" help:"fast or small."`
	Dialect     string   `name:"csv-dialect" placeholder:"NAME" help:"Of CSV and TSV; see docs/formats.md."`
	JSONNumbers bool     `name:"json-numbers" help:"Write decimals in JSON as numbers."`

	Key      string `name:"idempotency-key" placeholder:"KEY" help:"The same key and request again are the same run."`
	Wait     bool   `name:"wait" help:"Wait until it has ended."`
	Download string `name:"download" placeholder:"DIR" help:"Wait, then fetch its files into this folder."`
}

func (c *runCreateCmd) Run(ctx context.Context, streams IO) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	in, err := c.input()
	if err != nil {
		return err
	}
	run, err := api.CreateRun(ctx, in)
	if err != nil {
		return err
	}
	if !c.Wait && c.Download == "" {
		return printRun(streams, run, c.JSON)
	}
	if run, err = watch(ctx, api, run.ID, streams.Err); err != nil {
		return err
	}
	if err := endedWell(run); err != nil {
		return err
	}
	if c.Download != "" {
		if err := download(ctx, api, run, c.Download, streams.Err); err != nil {
			return err
		}
	}
	return printRun(streams, run, c.JSON)
}

func (c *runCreateCmd) input() (in client.RunInput, err error) {
	in = client.RunInput{
		Dataset: c.Dataset, View: c.View, Columns: c.Columns, Filter: c.Filter, Invoice: c.Invoice, Zone: c.In, ReportType: c.Report,
		Tenant: c.Tenant, Name: c.Name, IdempotencyKey: c.Key,
	}
	if c.Order != "" {
		if in.Order, err = outturn.ParseOrder(c.Order); err != nil {
			return in, err
		}
	}
	if c.From != "" || c.To != "" {
		in.Window = &client.Window{From: c.From, To: c.To, Zone: c.In}
	}
	for _, name := range c.Format {
		o := outturn.Output{Format: name, Level: c.Level}
		if name == "csv" || name == "tsv" {
			o.Dialect = c.Dialect
		}
		if name == "json" || name == "ndjson" {
			o.JSONNumbers = c.JSONNumbers
		}
		if name != "xlsx" {
			o.Compression = c.Compress
		}
		in.Formats = append(in.Formats, o)
	}
	return in, nil
}

// printRun prints a run for people: a line, and one for each file.
func printRun(streams IO, run outturn.Run, asJSON bool) error {
	if asJSON {
		return printJSON(streams.Out, run)
	}
	return printTable(streams.Out, func(w io.Writer) { runLines(w, run) })
}

func runLines(w io.Writer, run outturn.Run) {
	when := ""
	if !run.CreatedAt.IsZero() {
		when = run.CreatedAt.Local().Format("2006-01-02 15:04:05")
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s%s\n", run.ID, run.State, when, run.Name, aboutText(run.Request))
	if run.Reason != nil {
		fmt.Fprintf(w, "  %s\t%s\n", run.Reason.Code, oneLine(run.Reason.Message))
	}
	for _, f := range run.Files {
		fmt.Fprintf(w, "  %s\t%s rows\t%s\t%s\n", f.ID, groupDigits(f.Rows), bytesText(f.Bytes), f.Name)
	}
}

// aboutText tells runs of one name apart: "" where a run is about all there is.
func aboutText(r outturn.RunRequest) string {
	var about []string
	if r.Invoice != "" {
		about = append(about, "invoice "+r.Invoice)
	}
	if w := r.Window; w != nil {
		zone := ""
		if w.Zone != nil {
			zone = w.Zone.String()
		}
		about = append(about, windowText(outturn.ManifestWindow{From: w.From, To: w.To, Zone: zone}))
	}
	if len(about) == 0 {
		return ""
	}
	return ", " + strings.Join(about, ", ")
}

// endedWell makes an error of a run that has no files.
func endedWell(run outturn.Run) error {
	switch run.State {
	case outturn.RunFailed:
		return outturn.Errorf(run.Reason.Code, "The run %s failed: %s", run.ID, run.Reason.Message)
	case outturn.RunCancelled:
		return outturn.Errorf(outturn.CodeConflict, "The run %s was cancelled.", run.ID)
	}
	return nil
}

// watch says on w what becomes of a run, and returns its end.
func watch(ctx context.Context, api *client.Client, id string, w io.Writer) (last outturn.Run, err error) {
	for run, err := range api.WatchRun(ctx, id) {
		if err != nil {
			return last, err
		}
		if run.State != last.State || run.Phase != last.Phase || run.Progress.Rows != last.Progress.Rows {
			fmt.Fprintln(w, runProgress(run))
		}
		last = run
	}
	return last, nil
}

func runProgress(run outturn.Run) string {
	line := time.Now().Format("15:04:05") + " " + string(run.State)
	if run.Phase != "" {
		line += ", " + string(run.Phase)
	}
	if run.Progress.Rows > 0 {
		line += fmt.Sprintf(", %s rows, %s", groupDigits(run.Progress.Rows), bytesText(run.Progress.Bytes))
	}
	if run.Attempt > 1 {
		line += fmt.Sprintf(", attempt %d", run.Attempt)
	}
	return line
}

// download fetches a run's files and its manifest into a folder, where each
// appears when it is complete.
func download(ctx context.Context, api *client.Client, run outturn.Run, folder string, talk io.Writer) error {
	if len(run.Files) == 0 {
		return outturn.Errorf(outturn.CodeGone, "The run %s has no files any more. Make a new one of it with: outturn run retry %s", run.ID, run.ID)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return outturn.Errorf(outturn.CodeStorageUnavailable, "The folder %s cannot be made: %w.", folder, err)
	}
	for _, f := range run.Files {
		path := filepath.Join(folder, filepath.Base(f.Name))
		if err := saveAs(path, func(w io.Writer) error { return api.Download(ctx, f, w) }); err != nil {
			return err
		}
		fmt.Fprintf(readableWriter{talk}, "%s: %s rows, %s.\n", path, groupDigits(f.Rows), bytesText(f.Bytes))
	}
	m, err := api.Manifest(ctx, run.ID)
	if err != nil {
		return err
	}
	return saveAs(filepath.Join(folder, run.ID+manifestEnd), func(w io.Writer) error { return printJSON(w, m) })
}

func saveAs(path string, write func(io.Writer) error) error {
	f, err := blob.CreateFile(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := errors.Join(f.MakePrivate(), write(f)); err != nil {
		return err
	}
	return f.Commit()
}

type runListCmd struct {
	connection
	Filter string `name:"filter" placeholder:"EXPR" help:"Which: state eq failed and created_at ge 2026-09-01."`
	Order  string `name:"order" placeholder:"FIELD" help:"created_at desc (default), finished_at or name."`
	Limit  int    `name:"limit" default:"50" placeholder:"N" help:"How many (${default})."`
	Tenant string `name:"tenant" placeholder:"ID" help:"Those of a tenant below; * is all that the client may see. Default: the client's own."`
}

func (c *runListCmd) Run(ctx context.Context, streams IO) error {
	if c.Limit < 1 {
		return outturn.Errorf(outturn.CodeInvalid, "--limit %d: list at least one.", c.Limit)
	}
	api, err := c.connect()
	if err != nil {
		return err
	}
	runs := []outturn.Run{}
	in := client.ListInput{Filter: c.Filter, Order: c.Order, Tenant: c.Tenant}
	for {
		in.Limit = min(c.Limit-len(runs), outturn.MaxPage)
		page, err := api.Runs(ctx, in)
		if err != nil {
			return err
		}
		runs = append(runs, page.Items...)
		if in.Cursor = page.Next; in.Cursor == "" || len(runs) >= c.Limit {
			break
		}
	}
	if c.JSON {
		return printJSON(streams.Out, runs)
	}
	return printTable(streams.Out, func(w io.Writer) {
		for _, run := range runs {
			run.Files = nil
			runLines(w, run)
		}
	})
}

// oneRun is a command about a run.
type oneRun struct {
	connection
	ID string `arg:"" name:"run" help:"Its id."`
}

type runShowCmd struct{ oneRun }

func (c *runShowCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, streams, (*client.Client).Run)
}

type runCancelCmd struct{ oneRun }

func (c *runCancelCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, streams, (*client.Client).CancelRun)
}

type runRetryCmd struct{ oneRun }

func (c *runRetryCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, streams, (*client.Client).RetryRun)
}

// with prints the run that one call of the API returns.
func (c *oneRun) with(ctx context.Context, streams IO, do func(*client.Client, context.Context, string) (outturn.Run, error)) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	run, err := do(api, ctx, c.ID)
	if err != nil {
		return err
	}
	return printRun(streams, run, c.JSON)
}

type runWatchCmd struct{ oneRun }

func (c *runWatchCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, streams, func(api *client.Client, ctx context.Context, id string) (outturn.Run, error) {
		run, err := watch(ctx, api, id, streams.Err)
		if err == nil {
			err = endedWell(run)
		}
		return run, err
	})
}

type runDownloadCmd struct {
	oneRun
	To string `name:"to" default:"." placeholder:"DIR" help:"The folder (${default}: this one)."`
}

func (c *runDownloadCmd) Run(ctx context.Context, streams IO) error {
	return c.with(ctx, streams, func(api *client.Client, ctx context.Context, id string) (outturn.Run, error) {
		run, err := api.Run(ctx, id)
		if err == nil {
			err = endedWell(run)
		}
		if err == nil {
			err = download(ctx, api, run, c.To, streams.Err)
		}
		return run, err
	})
}
