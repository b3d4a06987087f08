// Package cli is the outturn command. Main parses the arguments and runs one
// command; what a command says as data goes to standard output, all other talk
// to standard error.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"outturn"
	"outturn/internal/secret"
	"outturn/internal/source/postgres"
)

// version is stamped by the build.
var version = "dev"

// IO is where a command reads and writes.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// Common is what every command takes.
type Common struct {
	Settings    `group:"settings"`
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// commands is what can be typed. Kong reads it.
type commands struct {
	Common

	Export     exportCmd     `cmd:"" help:"Write a data set, or a query of your own, to a file."`
	Verify     verifyCmd     `cmd:"" help:"Check that a file is what its manifest says."`
	Dataset    datasetCmd    `cmd:"" help:"List, show, check and start data sets."`
	View       viewCmd       `cmd:"" help:"List, show and make views: which columns a file has, under which names."`
	Sources    sourceCmd     `cmd:"" name:"source" help:"Check a source, and make PostgreSQL safe to read."`
	Seed       seedCmd       `cmd:"" help:"Make a commerce database of any size."`
	Serve      serveCmd      `cmd:"" help:"Serve the API and work on runs."`
	Demo       demoCmd       `cmd:"" help:"Make a sample shop and serve it, with credentials to try."`
	Run        runCmd        `cmd:"" help:"Make, watch and download runs of a server."`
	Generator  generatorCmd  `cmd:"" help:"Make and look after generators of a server, which make runs on a schedule, for events, or by hand."`
	Event      eventCmd      `cmd:"" help:"Tell a server of what happened, for generators that wait for it."`
	Webhook    webhookCmd    `cmd:"" help:"Have programs told of runs by webhooks of a server."`
	Delivery   deliveryCmd   `cmd:"" help:"Show what people and programs were told, and tell it again."`
	Tenant     tenantCmd     `cmd:"" help:"Say which accounts of the source have reports of their own."`
	Client     clientCmd     `cmd:"" help:"Give programs credentials, and take them away."`
	Usage      usageCmd      `cmd:"" help:"Show what a tenant and all below it have, and how much they may have."`
	Key        keyCmd        `cmd:"" help:"Look after the key that signs access tokens."`
	Audit      auditCmd      `cmd:"" help:"Show who did what, and verify that nobody changed the record."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the ledger of a data folder up to date."`
	Doctor     doctorCmd     `cmd:"" help:"Look whether a server would work here: source, storage, ledger, permissions, clock."`
	Backup     backupCmd     `cmd:"" help:"Copy a data folder into one file, also while it is served."`
	Restore    restoreCmd    `cmd:"" help:"Make a data folder of a backup."`
	Config     configCmd     `cmd:"" help:"Show or check the settings."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Complete   completeCmd   `cmd:"" name:"__complete" hidden:"" passthrough:""`
}

const description = `Outturn gives every reseller and customer of a commerce platform their own numbers as files.`

// exitCodes is the one table from what went wrong to the exit status.
var exitCodes = []struct {
	status  int
	meaning string
	codes   []outturn.Code
}{
	{0, "done", []outturn.Code{""}},
	{1, "a fault of Outturn itself", []outturn.Code{outturn.CodeInternal}},
	{2, "the command, a name or a value in it is wrong, or it does not go with how things are", []outturn.Code{
		outturn.CodeInvalid, outturn.CodeNotFound, outturn.CodeConflict, outturn.CodeGone, outturn.CodeTooLarge,
		outturn.CodeKeyReused, outturn.CodeKeyInFlight, outturn.CodeVersionChanged,
	}},
	{3, "the source or the server is missing, locked, damaged, busy or out of reach", []outturn.Code{
		outturn.CodeSourceUnavailable, outturn.CodeSourceRefused, outturn.CodeUnavailable, outturn.CodeLimit,
	}},
	{4, "the query or the data set failed", []outturn.Code{
		outturn.CodeQueryFailed, outturn.CodeDatasetInvalid, outturn.CodeMemoryLimit, outturn.CodeRowLimit, outturn.CodeStorageLimit, outturn.CodeWorkerLost,
	}},
	{5, "the disk is full, or a file cannot be written or read", []outturn.Code{outturn.CodeDiskFull, outturn.CodeStorageUnavailable}},
	{6, "it took longer than --timeout", []outturn.Code{outturn.CodeQueryTimeout}},
	{7, "verify: the file is damaged, or not what its manifest says; audit verify: it is not as it was sealed", []outturn.Code{outturn.CodeFileDamaged}},
	{8, "the server does not know you, or does not let you", []outturn.Code{outturn.CodeUnauthenticated, outturn.CodeForbidden}},
	{130, "interrupted", []outturn.Code{outturn.CodeCancelled}},
}

// exitStatus returns the status that tells err.
func exitStatus(err error) int {
	code := outturn.ErrorCode(err)
	for _, e := range exitCodes {
		if slices.Contains(e.codes, code) {
			return e.status
		}
	}
	return 1
}

// Main runs the command that args name and returns the exit status.
func Main(ctx context.Context, args []string, streams IO) int {
	collectLate()
	out := &outputWriter{w: streams.Out}
	streams.Out = out
	err := run(ctx, args, streams)
	if err == nil {
		err = out.err
	}
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) || outturn.ErrorCode(err) == outturn.CodeCancelled {
		err = outturn.Errorf(outturn.CodeCancelled, "Interrupted before it was done.")
	}
	message := err.Error()
	if outturn.ErrorCode(err) == outturn.CodeInternal {
		message = "Internal error: " + message + ". This is a fault of Outturn; please report it."
	}
	fmt.Fprintln(streams.Err, "outturn: "+readable(secret.Masked(message)))
	return exitStatus(err)
}

func run(ctx context.Context, args []string, streams IO) error {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c commands
	parser, err := newParser(&c, args[0], streams)
	if err != nil {
		return err
	}
	exited := false
	parser.Exit = func(int) { exited = true }
	parsed, err := parser.Parse(args)
	if exited {
		return nil // --help has been printed
	}
	if err != nil {
		return usageError(err)
	}
	if err := refuseEmpty(parsed); err != nil {
		return err
	}
	if err := c.Settings.validate(); err != nil {
		return err
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return parsed.Run(streams, &c.Settings, parser)
}

// refuseEmpty refuses a flag that was given nothing: --tenant "$ACCOUNT" with the
// variable unset must not mean "no tenant", which is everybody.
func refuseEmpty(parsed *kong.Context) error {
	for _, p := range parsed.Path {
		if p.Flag == nil || p.Resolved {
			continue
		}
		if v := parsed.FlagValue(p.Flag); v == "" || fmt.Sprint(v) == "[]" {
			return outturn.Errorf(outturn.CodeInvalid, "--%s is empty. Give it a value or leave it out.", p.Flag.Name)
		}
	}
	return nil
}

// newParser makes a parser of everything, or where first is the name of a command, of that
// alone: to read what all others take takes longer than many a command does.
func newParser(c *commands, first string, streams IO) (*kong.Kong, error) {
	options := []kong.Option{
		kong.Name("outturn"),
		kong.Description(description),
		kong.Writers(streams.Out, streams.Err),
		kong.Help(helpWithExitCodes),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.ExplicitGroups([]kong.Group{{Key: "settings", Title: "Settings (flag, then environment, then outturn.yaml, then default):"}}),
		kong.Resolvers(&settingsFile{env: os.LookupEnv}),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durationMapper)),
		kong.Vars{"zone": "UTC", "reader": postgres.DefaultReader, "version": "outturn " + version},
	}
	if command := c.named(first); command != nil {
		return kong.New(&c.Common, append(options, command)...)
	}
	return kong.New(c, options...)
}

// named is a command by itself; nil where there is none of the name, or it has to do with
// all others.
func (c *commands) named(name string) kong.Option {
	if name == "completion" || name == "__complete" {
		return nil
	}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if _, is := f.Tag.Lookup("cmd"); is && name == cmp.Or(f.Tag.Get("name"), strings.ToLower(f.Name)) {
			return kong.DynamicCommand(name, f.Tag.Get("help"), "", v.Field(i).Addr().Interface(), string(f.Tag))
		}
	}
	return nil
}

func helpWithExitCodes(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\nExit status:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.status, e.meaning)
	}
	_, err := io.WriteString(ctx.Stdout, b.String())
	return err
}

// usageError makes a sentence of what the parser found.
func usageError(err error) error {
	var known *outturn.Error
	if errors.As(err, &known) {
		return known
	}
	message := allCommands(err)
	if message != "" {
		message = strings.ToUpper(message[:1]) + message[1:]
	}
	if !strings.HasSuffix(message, "?") {
		message = strings.TrimRight(message, ".") + "."
	}
	return outturn.Errorf(outturn.CodeInvalid, "%s See --help.", message)
}

// allCommands is what the parser found with all commands that could follow, of which it
// names five.
func allCommands(err error) string {
	message := err.Error()
	var at *kong.ParseError
	if !errors.As(err, &at) || !strings.HasPrefix(message, "expected one of ") || !strings.HasSuffix(message, ", ...") {
		return message
	}
	node := at.Context.Selected()
	if node == nil {
		node = at.Context.Model.Node
	}
	var names []string
	for _, below := range node.Children {
		if !below.Hidden {
			names = append(names, strconv.Quote(below.Name))
		}
	}
	return "expected one of " + strings.Join(names, ", ")
}

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *versionCmd) Run(streams IO) error {
	if c.JSON {
		return printJSON(streams.Out, map[string]string{"version": version})
	}
	_, err := fmt.Fprintln(streams.Out, "outturn", version)
	return err
}
