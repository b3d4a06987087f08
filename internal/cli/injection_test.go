package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"outturn"
	"outturn/client"
	"outturn/internal/seed"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
	"outturn/internal/source"
	"outturn/internal/source/duckdb"
	"outturn/internal/source/sourcetest"
)

// A cliPlace is where in a command a text goes.
type cliPlace struct {
	name string
	args func(text string) []string
	file bool // the text names a file or a folder: what is made there was asked for
	ends bool // the command would go on for long, and is interrupted at once
	data bool // what comes to standard output is a file, for programs
	who  bool // the text says who asks a server
}

// long are commands that serve, or make what takes long to make.
var long = []string{"serve", "seed", "backup", "restore", "run watch"}

// deep are places whose texts come into a statement, or are kept.
var deep = []string{
	"export query", "export from", "export view", "export columns", "export filter", "export order", "export tenant", "export report-type", "export zone",
	"run create filter", "run create order", "run create name", "run create tenant", "run list filter", "tenant add name", "tenant add external-id", "tenant list filter",
	"client add name", "client add tenant", "audit list filter", "audit list order", "dataset new table", "view create description", "usage tenant",
	"generator list filter", "generator list tenant", "generator show generator", "generator runs filter", "generator firings filter", "generator backfill from", "generator create file",
}

// cliPlaces lists every argument and flag that takes a value, from what is parsed.
// sound are values by the name of a positional or a required flag, with its command
// before it where they differ.
func cliPlaces(t testing.TB, sound map[string]string) (list []cliPlace) {
	t.Helper()
	var c commands
	parser, err := newParser(&c, "", IO{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		command := strings.TrimPrefix(leaf.FullPath(), "outturn ")
		if leaf.Hidden || command == "demo" { // which makes its data first, and then is serve
			continue
		}
		asks := slices.ContainsFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == "client-secret" })
		value := func(name string) string { return cmp.Or(sound[command+" "+name], sound[name]) }
		build := func(place string, text string) []string {
			args := strings.Fields(command)
			for _, flags := range leaf.AllFlags(false) {
				for _, f := range flags {
					switch {
					case f.Name == place:
						args = append(args, "--"+f.Name+"="+text)
					case f.Required && value(f.Name) != "":
						args = append(args, "--"+f.Name+"="+value(f.Name))
					}
				}
			}
			for _, p := range leaf.Positional {
				if p.Name == place {
					args = append(args, text)
				} else if v := value(p.Name); v != "" {
					args = append(args, v)
				}
			}
			return args
		}
		add := func(name, placeholder string) {
			list = append(list, cliPlace{
				name: command + " " + name, args: func(text string) []string { return build(name, text) },
				file: command == "run download" || strings.Contains(placeholder, "FILE") || strings.Contains(placeholder, "DIR") || name == "file" || name == "source" || name == "to",
				ends: slices.Contains(long, command),
				data: command == "export",
				who:  asks && (name == "client-id" || name == "client-secret" || name == "client-secret-file"),
			})
		}
		for _, p := range leaf.Positional {
			add(p.Name, p.Name)
		}
		for _, flags := range leaf.AllFlags(false) {
			for _, f := range flags {
				setting := f.Group != nil && f.Group.Key == "settings"
				if !f.IsBool() && (!setting || command == "export" || command == "audit list") && f.Name != "url" {
					add(f.Name, f.PlaceHolder)
				}
			}
		}
	}
	return list
}

func TestInjections(t *testing.T) {
	folder := t.TempDir()
	if _, err := seed.Run(t.Context(), seed.Config{To: "duckdb:" + filepath.Join(folder, "commerce.duckdb")}); err != nil {
		t.Fatal(err)
	}
	t.Run("Exports", func(t *testing.T) { injectExports(t, folder) })
	t.Run("Arguments", func(t *testing.T) { injectArguments(t, folder) })
}

// Every argument and flag of every command takes hundreds of texts that would change a
// statement, and says of each in one of the documented ways that it is wrong, or does what
// it says. Nothing comes to a terminal that one obeys, no file is made that was not asked
// for, and what the ledger is made of stays.
func injectArguments(t *testing.T, folder string) {
	local, err := servertest.Serve(t.Context(), folder, server.Config{Drain: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	tenant, err := local.AddTenant(t.Context(), "Northwind", "1000003")
	if err != nil {
		t.Fatal(err)
	}
	credential, err := local.AddClient(t.Context(), "", outturn.RoleOperator)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(client.Config{URL: local.URL(), ClientID: credential.ID, ClientSecret: credential.Secret})
	if err != nil {
		t.Fatal(err)
	}
	run, err := api.CreateRun(t.Context(), client.RunInput{Dataset: "service_plans", Formats: []outturn.Output{{Format: "csv"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"DATA": local.Data, "SOURCE": "duckdb:" + filepath.Join(folder, "commerce.duckdb"), "URL": local.URL(), "CLIENT_ID": credential.ID, "CLIENT_SECRET": credential.Secret,
	} {
		t.Setenv("OUTTURN_"+name, value)
	}
	file := filepath.Join(folder, "file.csv")
	if err := os.WriteFile(file, []byte("A\r\n1\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	generators := filepath.Join(folder, "generators.yaml")
	if err := os.WriteFile(generators, []byte("{name: daily, dataset: service_plans, formats: [csv], window: {kind: previous, unit: day}, trigger: {kind: schedule, schedule: {every: day}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := Main(t.Context(), []string{"generator", "create", "-f", generators}, IO{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}); status != 0 {
		t.Fatal(status)
	}
	places := cliPlaces(t, map[string]string{
		"dataset": "service_plans", "dataset show name": "accounts", "view": "full", "name": "a", "file": file, "run": run.ID, "id": tenant.ID, "client-id": credential.ID,
		"shell": "bash", "table": "accounts", "external-id": "1000004", "tenant": tenant.ID, "parent": tenant.ID, "seed to": "duckdb:" + filepath.Join(folder, "seed.duckdb"),
		"backup to": filepath.Join(folder, "backup.tar"), "from": filepath.Join(folder, "none.tar"), "tenant move to": tenant.ID, "tenant move under": tenant.ID,
		"generator": "daily", "generator backfill from": "2026-09-01", "generator backfill to": "2026-09-03", "generator create file": generators, "generator apply file": generators,
	})
	if len(places) < 120 {
		t.Fatalf("there are only %d places", len(places))
	}
	slices.SortStableFunc(places, func(a, b cliPlace) int { return order(a.who, b.who) }) // last: for them the server's clock runs ahead
	canary, full := filepath.Join(folder, "canary"), os.Getenv("OUTTURN_TEST_FULL") != ""
	schema := servertest.LedgerSchema(t, local.Data)
	here := filepath.Join(folder, "here")
	if err := os.Mkdir(here, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	var mu sync.Mutex
	var ahead atomic.Int64
	statuses := map[int]int{}
	for _, name := range deep {
		if !slices.ContainsFunc(places, func(p cliPlace) bool { return p.name == name }) {
			t.Errorf("%s is no place", name)
		}
	}
	try := func(p cliPlace, text string) (status int) {
		ctx := t.Context()
		if p.ends {
			ctx = interrupted
		}
		if p.who { // or the server would have wrong secrets wait
			local.Ahead(time.Duration(ahead.Add(4)) * time.Second)
		}
		var out, talk bytes.Buffer
		args := p.args(text)
		status = Main(ctx, args, IO{In: strings.NewReader(""), Out: &out, Err: &talk})
		if status == 1 || exitMeaning(status) == "" || strings.Contains(talk.String(), "Internal error") {
			t.Errorf("%q ends with %d: %.400s", args, status, talk.String())
		}
		if strings.ContainsFunc(talk.String(), misleads) || !p.data && strings.ContainsFunc(out.String(), misleads) {
			t.Errorf("%q says %q, and prints %.400q", args, talk.String(), out.String())
		}
		mu.Lock()
		defer mu.Unlock()
		statuses[status]++
		return status
	}
	for n, p := range places {
		texts := sourcetest.InjectionsAt(n, canary)
		if slices.Contains(deep, p.name) {
			texts = sourcetest.Injections(canary)
		}
		texts = slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(text, "\x00") }) // no system hands it over
		if len(texts) < 300 {
			t.Fatalf("%s: there are only %d texts", p.name, len(texts))
		}
		if !full {
			texts = texts[n*37%len(texts):][:1]
		}
		if p.who && strings.HasSuffix(p.name, "-file") {
			_ = os.Unsetenv("OUTTURN_CLIENT_SECRET") // or the file is not read
		}
		var done atomic.Bool
		inParallel(len(texts), func(i int) {
			if try(p, texts[i]) == 0 {
				done.Store(true)
			}
		})
		if p.who {
			t.Setenv("OUTTURN_CLIENT_SECRET", credential.Secret)
		}
		entries, err := os.ReadDir(here)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !p.file || !done.Load() {
				t.Errorf("%s: there is a file %q", p.name, e.Name())
			}
			_ = os.RemoveAll(filepath.Join(here, e.Name()))
		}
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a file was made")
	}
	if got := servertest.LedgerSchema(t, local.Data); got != schema {
		t.Errorf("the ledger is another:\n%s", got)
	}
	t.Logf("%d places, exit statuses %v", len(places), statuses)
}

// order has what is not before what is.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// What comes to outturn export becomes the statements to the source that a harmless text
// becomes, or none. (What the other commands are given becomes calls of the API, whose
// TestInjectedSource looks at the same, or of the ledger, whose TestInjectedStatements does.)
func injectExports(t *testing.T, folder string) {
	file := filepath.Join(folder, "commerce.duckdb")
	t.Setenv("OUTTURN_SOURCE", "duckdb:"+file)
	seen := &servertest.Statements{Source: duckdb.New(duckdb.Config{Path: file, Memory: "1GiB", Linger: time.Minute})}
	defer seen.Close()
	export := func(args []string) error {
		var c commands
		streams := IO{Out: io.Discard, Err: io.Discard}
		parser, err := newParser(&c, "export", streams)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.Parse(append([]string{"export"}, args...))
		if err != nil {
			return usageError(err)
		}
		e, err := c.Export.prepare(streams, &c.Settings)
		if err != nil {
			return err
		}
		e.openSource = func() (source.Source, error) { return seen, nil }
		return c.Export.write(t.Context(), e, &c.Settings, given(parsed, "zone"))
	}
	flag := func(name string, more ...string) func(string) []string {
		return func(text string) []string {
			return append([]string{"service_plans", "--" + name + "=" + text}, more...)
		}
	}
	filter := func(condition string) func(string) []string {
		return func(text string) []string {
			return []string{"service_plans", "--filter=" + fmt.Sprintf(condition, "'"+strings.ReplaceAll(text, "'", "''")+"'")}
		}
	}
	for name, place := range map[string]struct {
		harmless string
		value    bool // what takes any text: where all were refused, nothing was shown
		args     func(text string) []string
	}{
		"Dataset":    {"service_plans", false, func(text string) []string { return []string{text} }},
		"Equal":      {"harmless", true, filter("PLAN_NAME eq %s")},
		"Among":      {"harmless", true, filter("PLAN_NAME in ('a', %s)")},
		"Like":       {"harmless", true, filter("PLAN_NAME like %s")},
		"Filter":     {"PLAN_NAME eq a", false, flag("filter")},
		"Order":      {"PLAN_NAME", false, flag("order")},
		"Columns":    {"PLAN_NAME", false, flag("columns")},
		"View":       {"full", false, flag("view")},
		"Tenant":     {"1000003", true, flag("tenant")},
		"ReportType": {"PROVIDER", false, flag("report-type")},
		"Zone":       {"UTC", false, flag("zone")},
		"From":       {"2026-09-01", false, flag("from", "--to=2026-10-01")},
		"To":         {"2026-10-01", false, flag("to", "--from=2026-09-01")},
		"Invoice":    {"harmless", true, func(text string) []string { return []string{"invoices", "--invoice=" + text} }},
	} {
		taken := func(text string) (map[string]bool, error) {
			_ = seen.Take()
			err := export(place.args(text))
			return seen.Take(), err
		}
		want, err := taken(place.harmless)
		if len(want) == 0 || outturn.ErrorCode(err) != "" {
			t.Fatalf("%s: the harmless one is refused, or asks nothing: %v", name, err)
		}
		none, _ := taken("harmless") // which there may not be: then others are looked for to offer
		maps.Copy(want, none)
		texts := sourcetest.Injections(filepath.Join(folder, "canary"))
		if os.Getenv("OUTTURN_TEST_FULL") == "" {
			texts = []string{texts[7], texts[len(texts)-1]}
		}
		asked := 0
		for _, text := range texts {
			got, err := taken(text)
			asked += len(got)
			if code := outturn.ErrorCode(err); code == outturn.CodeInternal || code == outturn.CodeQueryFailed {
				t.Errorf("%s: %q: %v", name, text, err)
			}
			for statement := range got {
				if !want[statement] {
					t.Fatalf("%s: %q made the statement\n%s", name, text, statement)
				}
			}
		}
		if asked == 0 && place.value {
			t.Errorf("%s: no text came to a statement", name)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "canary")); err == nil {
		t.Error("a file was made")
	}
}

func exitMeaning(status int) string {
	for _, e := range exitCodes {
		if e.status == status {
			return e.meaning
		}
	}
	return ""
}

// inParallel calls do with 0 to n-1, a few at a time.
func inParallel(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
