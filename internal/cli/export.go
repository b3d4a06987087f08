package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kong"

	"outturn"
	"outturn/internal/blob"
	"outturn/internal/compress"
	"outturn/internal/format"
	"outturn/internal/pipeline"
	"outturn/internal/source"
)

// exportCmd writes one file.
type exportCmd struct {
	Dataset string `arg:"" optional:"" help:"The data set; see: outturn dataset list."`
	Query   string `name:"query" placeholder:"SELECT" help:"For operators: a SELECT of your own instead of a data set."`
	Key     string `name:"key" placeholder:"COLUMN" help:"The column of --query, whole numbers with an index, by which it may be read over several connections (--parallel)."`

	From    string   `name:"from" placeholder:"WHEN" help:"Start of the window: a day (2026-09-01), a time in --zone (2026-09-01T08:00) or an instant."`
	To      string   `name:"to" placeholder:"WHEN" help:"End of the window, exclusive: September ends on 2026-10-01."`
	View    string   `name:"view" placeholder:"NAME|FILE" help:"A view of the data set (see: outturn view list), or a file of one: what ends in .yaml or has a / in it."`
	Columns []string `name:"columns" sep:"," placeholder:"A,B" help:"Fields to write, instead of a view."`
	Filter  string   `name:"filter" placeholder:"EXPR" help:"Which rows: CURRENCY eq EUR and not (TOTAL lt 10 or NAME like 'A%')."`
	Invoice string   `name:"invoice" placeholder:"ID" help:"Only the rows of one invoice, in data sets that know which a row is of."`
	Order   string   `name:"order" placeholder:"A,B desc" help:"Fields to sort by. Without it rows come as the source has them."`
	Tenant  string   `name:"tenant" placeholder:"ID" help:"The account the report is made for; rows of it and all below it. Default: the provider, that is everything."`
	Report  string   `name:"report-type" placeholder:"TYPE" help:"What the account wants to see of its sales: RESELLER its own customers, PROVIDER also its sub-resellers and theirs. Default: PROVIDER where the account has resellers right below it. Data sets that know no difference are the same."`

	Out         string `name:"out" short:"o" default:"-" placeholder:"FILE" help:"Where to; - is standard output (${default})."`
	Format      string `name:"format" short:"f" placeholder:"NAME" help:"csv, tsv, json, ndjson, xml or xlsx. Default: what --out ends in, else csv."`
	Dialect     string `name:"csv-dialect" placeholder:"NAME" help:"Of CSV: machine (default), spreadsheet, semicolon, or postgres, which is what COPY writes. Of TSV: machine (default) or utf16. See docs/formats.md."`
	JSONNumbers bool   `name:"json-numbers" help:"Write decimals in JSON as numbers instead of strings."`
	Compress    string `name:"compress" placeholder:"NAME" help:"none, gzip or zstd. Default: what --out ends in, else none."`
	Level       string `name:"compress-level" placeholder:"NAME" help:"fast (default) or small."`
	Manifest    bool   `name:"manifest" help:"Write FILE.manifest.json beside the file: rows, totals, SHA-256."`

	Timeout time.Duration `name:"timeout" placeholder:"TIME" help:"Give up after this long, such as 10m."`
	JSON    bool          `name:"json" help:"Print the manifest as JSON when done."`
}

func (c *exportCmd) Run(ctx context.Context, streams IO, settings *Settings, parsed *kong.Context) error {
	return c.export(ctx, streams, settings, given(parsed, "zone"))
}

func (c *exportCmd) export(ctx context.Context, streams IO, settings *Settings, zoneGiven bool) error {
	if c.Timeout < 0 {
		return outturn.Errorf(outturn.CodeInvalid, "--timeout %s is in the past.", c.Timeout)
	}
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, outturn.Errorf(outturn.CodeQueryTimeout, "The export took longer than %s (--timeout). No file was written.", c.Timeout))
		defer cancel()
	}
	e, err := c.prepare(streams, settings)
	if err != nil {
		return err
	}
	return c.write(ctx, e, settings, zoneGiven)
}

func (c *exportCmd) write(ctx context.Context, e *export, settings *Settings, zoneGiven bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// An engine takes as long to open its file as it takes to read the data sets.
	begun := e.begin(ctx)
	if err := c.plan(e, settings, zoneGiven); err != nil {
		stop() // who mistypes a name does not wait for a database
		if snapshot, failed := begun(); failed == nil {
			_ = snapshot.Close()
		}
		return err
	}
	snapshot, err := begun()
	if err != nil {
		return err
	}
	return e.run(ctx, snapshot)
}

// An export is an exportCmd whose words have been understood.
type export struct {
	plan        pipeline.Plan
	inZone      func(zone string) error // plans anew; nil where the zone is known
	builtin     bool                    // the data sets are those that Outturn comes with
	openSource  func() (source.Source, error)
	sourceFiles []string // what must not be written over
	out         string
	output      pipeline.Output
	manifest    bool
	json        bool
	streams     IO
}

// prepare understands the words that have nothing to do with the data set.
func (c *exportCmd) prepare(streams IO, settings *Settings) (*export, error) {
	e := &export{out: c.Out, manifest: c.Manifest, json: c.JSON, streams: streams, builtin: settings.Datasets == ""}
	if e.out == "-" && (c.Manifest || c.JSON) {
		return nil, outturn.Errorf(outturn.CodeInvalid, "--manifest and --json need a file: name it with --out.")
	}
	if err := c.chooseFormat(e); err != nil {
		return nil, err
	}
	e.openSource = func() (source.Source, error) {
		return settings.openSource(sourceUse{leave: true, progress: isTerminal(streams.Err), note: func(_ context.Context, note string) {
			fmt.Fprintf(readableWriter{streams.Err}, "outturn: note: %s\n", note)
		}})
	}
	return e, nil
}

// begin takes a snapshot of the source beside what else there is to do; what it returns
// waits for it.
func (e *export) begin(ctx context.Context) func() (source.Database, error) {
	var snapshot source.Database
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		var from source.Source
		if from, err = e.openSource(); err == nil {
			snapshot, err = from.Begin(source.WithPurpose(ctx, "export"))
		}
	}()
	return func() (source.Database, error) {
		<-done
		return snapshot, err
	}
}

// plan checks everything that can be checked without the source. Where no zone is given
// it is the account's, which only the source knows: then all that depends on it waits.
func (c *exportCmd) plan(e *export, settings *Settings, zoneGiven bool) error {
	req, err := c.request()
	if err != nil {
		return err
	}
	accountZone := c.Tenant != "" && !zoneGiven
	if accountZone {
		err = c.checkWindow()
	} else {
		req.Zone = settings.Zone
		req.Window, err = c.window(settings.Zone)
	}
	if err != nil {
		return err
	}
	if e.output.Options.Zone, err = outturn.LoadZone(req.Zone); err != nil {
		return err
	}
	cat, err := settings.openCatalog()
	if err != nil {
		return err
	}
	if isViewFile(c.View) {
		req.View = ""
		if req.OwnView, err = openView(cat, req.Dataset, c.View); err != nil {
			return err
		}
	}
	if e.plan, err = pipeline.Prepare(cat, req); err != nil {
		return err
	}
	e.plan.Query.Key = c.Key
	if accountZone {
		e.inZone = func(zone string) (err error) {
			req.Zone = zone
			if req.Window, err = c.window(zone); err != nil {
				return err
			}
			if e.output.Options.Zone, err = outturn.LoadZone(zone); err != nil {
				return err
			}
			e.plan, err = pipeline.Prepare(cat, req)
			return err
		}
	}
	e.sourceFiles, err = settings.sourceFiles()
	return err
}

// request understands all words but those of the window.
func (c *exportCmd) request() (req outturn.RunRequest, err error) {
	if c.Dataset != "" && c.Query != "" {
		return req, outturn.Errorf(outturn.CodeInvalid, "Give a data set or a --query, not both.")
	}
	if c.Dataset == "" && c.Query == "" {
		return req, outturn.Errorf(outturn.CodeInvalid, "Name a data set (outturn dataset list shows them), or give a --query.")
	}
	if c.Query != "" && (c.From != "" || c.To != "" || c.View != "" || len(c.Columns) > 0 || c.Filter != "" || c.Invoice != "" || c.Order != "" || c.Tenant != "" || c.Report != "") {
		return req, outturn.Errorf(outturn.CodeInvalid, "A --query stands alone: put the window, filter and order into the SELECT.")
	}
	if c.Key != "" && c.Query == "" {
		return req, outturn.Errorf(outturn.CodeInvalid, "--key is for a --query; a data set names its own key, as split.")
	}
	req = outturn.RunRequest{
		Dataset: c.Dataset, View: c.View, Columns: c.Columns, Invoice: c.Invoice,
		Tenant: c.Tenant, Everything: c.Tenant == "", SQL: c.Query,
	}
	if c.Report != "" {
		if req.ReportType, err = outturn.ParseReportType(c.Report); err != nil {
			return req, err
		}
	}
	if c.Filter != "" {
		if req.Where, err = outturn.ParseExpr(c.Filter); err != nil {
			return req, err
		}
	}
	if c.Order != "" {
		if req.Order, err = outturn.ParseOrder(c.Order); err != nil {
			return req, err
		}
	}
	return req, nil
}

// checkWindow reads the words of a window whose zone is not known yet. Whether it
// is empty may depend on that.
func (c *exportCmd) checkWindow() error {
	w, err := c.window("")
	if w != nil && !w.To.IsZero() && !w.From.IsZero() {
		return nil
	}
	return err
}

func (c *exportCmd) window(zoneName string) (*outturn.Window, error) {
	if c.From == "" && c.To == "" {
		return nil, nil
	}
	if c.From == "" || c.To == "" {
		return nil, outturn.Errorf(outturn.CodeInvalid, "A window has two ends: give both --from and --to.")
	}
	zone, err := outturn.LoadZone(zoneName)
	if err != nil {
		return nil, err
	}
	w, err := outturn.NewWindow(c.From, c.To, zone)
	return &w, err
}

// chooseFormat settles format and compression from the flags, and where they are
// silent from the end of the file's name.
func (c *exportCmd) chooseFormat(e *export) (err error) {
	byName := c.Out
	if c.Compress == "" {
		c.Compress = compress.ByExtension(byName)
	}
	compression, err := compress.Find(c.Compress)
	if err != nil {
		return err
	}
	byName = strings.TrimSuffix(byName, compression.Extension)
	if c.Format == "" {
		c.Format = format.ByExtension(byName)
	}
	chosen := c.Format != ""
	if !chosen {
		c.Format = "csv"
	}
	e.output, err = pipeline.PrepareOutput(outturn.Output{
		Format: c.Format, Compression: c.Compress, Level: c.Level, Dialect: c.Dialect, JSONNumbers: c.JSONNumbers,
	}, nil)
	if err != nil {
		return err
	}
	e.output.Name = filepath.Base(c.Out)
	e.output.Unhashed = !e.manifest && !e.json // which alone tell it
	return c.checkName(e, chosen)
}

// otherFormats are the ends of names that promise what is not written here.
var otherFormats = []string{".xls", ".ods", ".parquet", ".pdf", ".zip"}

// checkName refuses a name that alone would have chosen a format there is none
// of, and says so when the bytes will not be what the name promises.
func (c *exportCmd) checkName(e *export, chosen bool) error {
	name := strings.ToLower(e.out)
	want := e.output.Extension()
	if e.out == "-" || strings.HasSuffix(name, want) {
		return nil
	}
	compression, err := compress.Find(e.output.Compression)
	if err != nil {
		return err
	}
	end := filepath.Ext(strings.TrimSuffix(name, compression.Extension))
	other := slices.Contains(otherFormats, end)
	if other && !chosen {
		return outturn.Errorf(outturn.CodeInvalid, "There is no format for names that end in %s. Name the file for %s, or choose one with --format.", end, strings.Join(format.Names(), ", "))
	}
	if other || format.ByExtension(name) != "" || format.ByExtension(strings.TrimSuffix(name, filepath.Ext(name))) != "" || compress.ByExtension(name) != "" {
		fmt.Fprintf(readableWriter{e.streams.Err}, "outturn: note: %s will hold %s, which programs expect under a name that ends in %s.\n", e.out, e.output.Format+compressedBy(compression), want)
	}
	return nil
}

func compressedBy(c compress.Compression) string {
	if c.Extension == "" {
		return ""
	}
	return " compressed by " + c.Name
}

func (e *export) run(ctx context.Context, snapshot source.Database) (err error) {
	closeSource := sync.OnceValue(snapshot.Close)
	defer func() { err = errors.Join(err, closeSource()) }()
	if e.inZone != nil {
		account, err := zonedAccount(ctx, snapshot, e.plan.Query)
		if err != nil {
			return e.elsewhere(err)
		}
		if err := e.inZone(account.Zone); err != nil {
			return err
		}
		e.plan.Account = &account
	}
	if err := e.plan.Bind(ctx, snapshot); err != nil {
		return e.elsewhere(err)
	}
	e.plan.Manifest.Outturn = version
	sink, err := e.createSink()
	if err != nil {
		return err
	}
	defer sink.Abort() // does nothing after Commit
	e.output.Sink = sink
	manifest, err := e.createManifest()
	if err != nil {
		return err
	}
	defer manifest.Abort()

	started := time.Now()
	m, err := e.copy(ctx, snapshot)
	if err != nil {
		return err
	}
	go func() { _ = closeSource() }() // an engine takes as long for it as a disk for what follows; the deferred call tells
	if err := printJSON(manifest, m); err != nil {
		return err
	}
	if err := e.commit(sink, manifest); err != nil {
		return err
	}
	return e.report(m, time.Since(started))
}

// elsewhere says of a source that has no accounts as Outturn's own data sets know them
// what there is for others.
func (e *export) elsewhere(err error) error {
	if !e.builtin || outturn.ErrorCode(err) != outturn.CodeQueryFailed {
		return err
	}
	return fmt.Errorf("%w\nThe data sets that Outturn comes with are for the tables of docs/schema.md; for a database of your own name a folder of data sets with --datasets", err)
}

// zonedAccount returns the account that a report is made for; its zone is "" where
// the source tells none. It is where the account's days begin, and so where the
// platform cuts its dates.
func zonedAccount(ctx context.Context, snapshot source.Snapshot, q source.Query) (outturn.Account, error) {
	if q.Tree == nil {
		return outturn.Account{}, nil
	}
	account, err := source.LookUpAccount(ctx, snapshot, q.Tree, q.Tenant)
	if err != nil {
		return account, err
	}
	if _, err := outturn.LoadZone(account.Zone); err != nil {
		return account, outturn.Errorf(outturn.CodeDatasetInvalid, "The account %s has the time zone %q in the tenant tree, and there is none of that name. Mend it there, or name a zone with --zone.", account.ID, account.Zone)
	}
	return account, nil
}

// commit makes the file visible, then its manifest: no manifest means that the
// file is not there yet. One that describes an earlier file goes first.
func (e *export) commit(file, manifest sink) error {
	if f, ok := file.(*blob.File); ok && !f.Device() {
		for _, stale := range []string{f.Target() + manifestEnd, e.out + manifestEnd} {
			if info, err := os.Stat(stale); err != nil || !info.Mode().IsRegular() {
				continue
			}
			if err := os.Remove(stale); err != nil {
				return outturn.Errorf(outturn.CodeStorageUnavailable, "The manifest of the file that was here cannot be removed: %w.", err)
			}
		}
	}
	if err := file.Commit(); err != nil {
		return err
	}
	return manifest.Commit()
}

// manifestEnd follows a file's name in that of its manifest.
const manifestEnd = ".manifest.json"

// createManifest starts the manifest's file, so that what is against it is known
// before the export. Where none is wanted it goes nowhere.
func (e *export) createManifest() (sink, error) {
	if !e.manifest {
		return standardOutput{io.Discard}, nil
	}
	return blob.CreateFile(e.out + manifestEnd)
}

func (e *export) copy(ctx context.Context, snapshot source.Snapshot) (outturn.Manifest, error) {
	progress := &pipeline.Progress{}
	bar := startProgressBar(e.streams.Err, progress)
	defer bar.stop()
	return pipeline.Export(ctx, snapshot, e.plan, []pipeline.Output{e.output}, progress)
}

// A sink is where the bytes go: a file that appears on Commit, or standard
// output.
type sink interface {
	io.Writer
	Commit() error
	Abort()
}

func (e *export) createSink() (sink, error) {
	if e.out == "-" {
		return standardOutput{e.streams.Out}, nil
	}
	f, err := blob.CreateFile(e.out)
	if err != nil {
		return nil, err
	}
	if f.Device() && e.manifest {
		f.Abort()
		return nil, outturn.Errorf(outturn.CodeInvalid, "%s is no regular file, so there can be no manifest beside it.", e.out)
	}
	for _, file := range e.sourceFiles {
		if f.Replaces(file) {
			f.Abort()
			return nil, outturn.Errorf(outturn.CodeInvalid, "%s is what is read from. Choose another place to write to.", e.out)
		}
	}
	return f, nil
}

// standardOutput has nothing to commit: the exit status is the only verdict.
type standardOutput struct{ io.Writer }

func (standardOutput) Commit() error { return nil }
func (standardOutput) Abort()        {}

func (e *export) report(m outturn.Manifest, took time.Duration) error {
	if e.json {
		return printJSON(e.streams.Out, m)
	}
	if e.out == "-" {
		return nil
	}
	f := m.Files[0]
	_, err := fmt.Fprintf(readableWriter{e.streams.Err}, "%s: %s rows, %s, in %s.\n", e.out, groupDigits(f.Rows), bytesText(f.Bytes), took.Round(10*time.Millisecond))
	return err
}
