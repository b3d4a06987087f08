package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"outturn"
	"outturn/internal/secret"
)

// Settings are what stays the same from command to command. Each can be a flag,
// an environment variable or a key of outturn.yaml (the flag's name with
// underscores), in this order of precedence.
type Settings struct {
	ConfigFile string `name:"config" env:"OUTTURN_CONFIG" placeholder:"FILE" help:"File of settings; outturn.yaml in this folder if it exists."`
	DataDir    string `name:"data" env:"OUTTURN_DATA" default:"outturn-data" placeholder:"DIR" help:"Folder of Outturn's own data (${default})."`
	Source     string `name:"source" env:"OUTTURN_SOURCE" placeholder:"URL" help:"Where the commerce data are: duckdb:FILE, folder:PATH of CSV and Parquet files, postgres://USER@HOST/DATABASE, or clickhouse://USER@HOST/DATABASE. Default: the data folder's sample data."`
	Datasets   string `name:"datasets" env:"OUTTURN_DATASETS" placeholder:"DIR" help:"Folder of data set files that describe the source. Default: the built-in ones of the reference schema."`
	Names      string `name:"names" env:"OUTTURN_NAMES" placeholder:"FILE" help:"File of other names for what data sets and views publish; outturn dataset names prints one to go on from."`
	Zone       string `name:"zone" env:"OUTTURN_ZONE" default:"${zone}" placeholder:"ZONE" help:"IANA time zone of days and of the instants written. Default: with --tenant the account's own, else ${default}. A server takes it for tenants that name no zone."`
	Memory     string `name:"memory" env:"OUTTURN_MEMORY" default:"2GiB" placeholder:"SIZE" help:"Memory that the query engine may use (${default})."`
	Threads    int    `name:"threads" env:"OUTTURN_THREADS" default:"0" placeholder:"N" help:"Threads of the query engine; 0 is one a core."`
	TempQuota  string `name:"temp-quota" env:"OUTTURN_TEMP_QUOTA" default:"10GiB" placeholder:"SIZE" help:"Disk that the query engine may use for what does not fit its memory (${default})."`

	Parallel         int           `name:"parallel" env:"OUTTURN_PARALLEL" default:"1" placeholder:"N" help:"Connections to PostgreSQL that one report may be read over, where its data set names a split or --query a --key (${default})."`
	StatementTimeout time.Duration `name:"statement-timeout" env:"OUTTURN_STATEMENT_TIMEOUT" default:"1h" placeholder:"TIME" help:"How long PostgreSQL may work on a statement, until its last row is taken (${default}); 0 is for ever."`
	MaxSnapshotAge   time.Duration `name:"max-snapshot-age" env:"OUTTURN_MAX_SNAPSHOT_AGE" default:"2h" placeholder:"TIME" help:"How long a report may hold its snapshot of PostgreSQL, which keeps deleted rows from being cleared away (${default}); 0 is for ever."`
}

// seedFile is where the sample data lie in the data folder.
func (s *Settings) seedFile() string { return filepath.Join(s.DataDir, "commerce.duckdb") }

// maxParallel is more connections than one report can make use of.
const maxParallel = 64

var size = regexp.MustCompile(`^[0-9]+(\.[0-9]+)? ?([KMGT]i?B|B)$`)

// validate names every setting that cannot be.
func (s *Settings) validate() error {
	var faults []error
	fault := func(name, value, want string) {
		faults = append(faults, fmt.Errorf("%s: %q is not %s", name, value, want))
	}
	if s.DataDir == "" {
		fault("data", "", "a folder")
	}
	if !size.MatchString(s.Memory) {
		fault("memory", s.Memory, "a size such as 512MB or 1GiB")
	}
	if !size.MatchString(s.TempQuota) {
		fault("temp_quota", s.TempQuota, "a size such as 512MB or 1GiB")
	}
	if s.Threads < 0 {
		fault("threads", fmt.Sprint(s.Threads), "a number from 0")
	}
	if s.Parallel < 1 || s.Parallel > maxParallel {
		fault("parallel", fmt.Sprint(s.Parallel), fmt.Sprintf("a number from 1 to %d", maxParallel))
	}
	if s.StatementTimeout < 0 {
		fault("statement_timeout", s.StatementTimeout.String(), "a time such as 30m")
	}
	if s.MaxSnapshotAge < 0 {
		fault("max_snapshot_age", s.MaxSnapshotAge.String(), "a time such as 30m")
	}
	if _, err := outturn.LoadZone(s.Zone); err != nil {
		faults = append(faults, fmt.Errorf("zone: %w", err))
	}
	if s.Source != "" {
		if _, _, err := parseSource(s.Source); err != nil {
			faults = append(faults, fmt.Errorf("source: %w", err))
		}
	}
	return settingsFaults(faults)
}

// checkPlaces names every setting of a file or folder that is not there, or not what it is
// to be. Commands that need one look for themselves.
func (s *Settings) checkPlaces() error {
	var faults []error
	if s.Source != "" {
		if err := s.checkSourcePlace(); err != nil {
			faults = append(faults, fmt.Errorf("source: %w", err))
		}
	}
	unnamed := *s
	unnamed.Names = ""
	if _, err := unnamed.openCatalog(); err != nil {
		faults = append(faults, fmt.Errorf("datasets: %w", err))
	} else if _, err := s.openCatalog(); err != nil {
		faults = append(faults, fmt.Errorf("names: %w", err))
	}
	return settingsFaults(faults)
}

// checkSourcePlace looks for the file or folder of a source; a server is left alone.
func (s *Settings) checkSourcePlace() error {
	kind, path, err := s.sourcePath()
	if err != nil || kind != "duckdb" && kind != "folder" {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no %s", path)
	case err != nil:
		return fmt.Errorf("it cannot be read: %w", err)
	case kind == "duckdb" && info.IsDir():
		return fmt.Errorf("%s is a folder, and duckdb: takes a file", path)
	case kind == "folder" && !info.IsDir():
		return fmt.Errorf("%s is no folder", path)
	}
	return nil
}

func settingsFaults(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	return outturn.Errorf(outturn.CodeInvalid, "The settings have faults:\n  %s", strings.ReplaceAll(errors.Join(faults...).Error(), "\n", "\n  "))
}

// defaultFile is the file of settings that is read where it exists.
const defaultFile = "outturn.yaml"

// A settingsFile resolves flags from outturn.yaml. An unknown key is an error: a
// setting that is misspelt must not be a setting that is ignored.
type settingsFile struct {
	env    func(string) (string, bool)
	values map[string]any
}

// Validate has nothing to say before it is known which file to read.
func (f *settingsFile) Validate(*kong.Application) error { return nil }

// Resolve returns the file's value of a flag, unless the environment has one.
func (f *settingsFile) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Group == nil || flag.Group.Key != "settings" || flag.Name == "config" {
		return nil, nil
	}
	for _, name := range flag.Envs {
		if _, set := f.env(name); set {
			return nil, nil
		}
	}
	if f.values == nil {
		if err := f.read(ctx); err != nil {
			return nil, err
		}
	}
	value, ok := f.values[settingKey(flag.Name)]
	if !ok {
		return nil, nil
	}
	switch value.(type) {
	case string, bool, int, int64, uint64, float64:
		return fmt.Sprint(value), nil
	}
	return nil, outturn.Errorf(outturn.CodeInvalid, "The setting %s in the file of settings is no single value.", settingKey(flag.Name))
}

func settingKey(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

func (f *settingsFile) read(ctx *kong.Context) error {
	f.values = map[string]any{}
	path, named := f.path(ctx)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return outturn.Errorf(outturn.CodeInvalid, "The file of settings cannot be read: %w.", err)
	}
	if err := yaml.Unmarshal(text, &f.values); err != nil {
		return outturn.Errorf(outturn.CodeInvalid, "%s is not YAML: %s", path, yaml.FormatError(err, false, false))
	}
	var keys []string
	for _, s := range settings(ctx.Model) {
		keys = append(keys, settingKey(s.Name))
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		if !slices.Contains(keys, key) {
			faults = append(faults, outturn.Errorf(outturn.CodeInvalid, "%s: %w", path, outturn.Unknown("setting", key, keys)))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return outturn.Errorf(outturn.CodeInvalid, "%w", outturn.JoinFaults(faults)) // the parser's caller tells one error
}

// path returns the file of settings and whether somebody named it.
func (f *settingsFile) path(ctx *kong.Context) (string, bool) {
	for _, flag := range ctx.Flags() {
		if flag.Name != "config" {
			continue
		}
		if path, ok := ctx.FlagValue(flag).(string); ok && path != "" {
			return path, true
		}
	}
	if path, ok := f.env("OUTTURN_CONFIG"); ok && path != "" {
		return path, true
	}
	return defaultFile, false
}

// settings lists the flags that are settings.
func settings(app *kong.Application) []*kong.Flag {
	var list []*kong.Flag
	for _, flag := range app.Flags {
		if flag.Group != nil && flag.Group.Key == "settings" && flag.Name != "config" {
			list = append(list, flag)
		}
	}
	return list
}

type configCmd struct {
	Show  configShowCmd  `cmd:"" help:"Print the settings in force and where each comes from."`
	Check configCheckCmd `cmd:"" help:"Check the settings; exit 2 names every fault."`
}

type configShowCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// A setting is one line of config show.
type setting struct {
	Name   string `json:"name"`
	Value  any    `json:"value"`
	Origin string `json:"origin"` // flag, environment, file or default
}

func (c *configShowCmd) Run(streams IO, ctx *kong.Context) error {
	var list []setting
	for _, flag := range settings(ctx.Model) {
		list = append(list, setting{settingKey(flag.Name), shownValue(ctx.FlagValue(flag)), origin(ctx, flag)})
	}
	if c.JSON {
		return printJSON(streams.Out, list)
	}
	return printTable(streams.Out, func(w io.Writer) {
		for _, s := range list {
			fmt.Fprintf(w, "%s\t%v\t(%s)\n", s.Name, s.Value, s.Origin)
		}
	})
}

// shownValue is a setting without what may be a password in it.
func shownValue(v any) any {
	if text, ok := v.(string); ok {
		return secret.Masked(text)
	}
	return v
}

func origin(ctx *kong.Context, flag *kong.Flag) string {
	for _, p := range ctx.Path {
		if p.Flag == flag && p.Resolved {
			return "file"
		}
		if p.Flag == flag {
			return "flag"
		}
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return "environment"
		}
	}
	return "default"
}

// given reports whether a setting has a value that is not its default.
func given(ctx *kong.Context, name string) bool {
	for _, flag := range settings(ctx.Model) {
		if flag.Name == name {
			return origin(ctx, flag) != "default" && fmt.Sprint(ctx.FlagValue(flag)) != ""
		}
	}
	return false
}

type configCheckCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run looks for the files and folders that are named: all else is checked before any
// command runs.
func (c *configCheckCmd) Run(streams IO, settings *Settings) error {
	if err := settings.checkPlaces(); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(streams.Out, map[string]bool{"sound": true})
	}
	_, err := fmt.Fprintln(streams.Err, "The settings are sound.")
	return err
}

// printTable writes tab-separated columns in line.
func printTable(w io.Writer, rows func(io.Writer)) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows(readableWriter{t})
	return t.Flush()
}
