package cli

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
	"outturn/internal/source/sourcetest"
)

// A cliPlace is where in a command a text goes.
type cliPlace struct {
	name string
	args func(text string) []string
	file bool // the text names a file or a folder: what is made there was asked for
	ends bool // the command would go on for long, and is interrupted at once
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
		value := func(name string) string { return cmp.Or(sound[command+" "+name], sound[name]) }
		build := func(place string, text string) []string {
			args := strings.Fields(command)
			for _, flags := range leaf.AllFlags(true) {
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

// Every argument and flag of every command takes texts that would change a statement,
// and says of each in one of the documented ways that it is wrong, or does what it
// says. Nothing comes to a terminal that one obeys, and no file is made
// that was not asked for.
func TestInjectedArguments(t *testing.T) {
	folder := t.TempDir()
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
	run, err := api.CreateRun(t.Context(), client.RunInput{Dataset: "accounts", Formats: []outturn.Output{{Format: "csv"}}})
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
	if err := os.WriteFile(generators, []byte("{name: daily, dataset: payments, formats: [csv], window: {kind: previous, unit: day}, trigger: {kind: schedule, schedule: {every: day}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := Main(t.Context(), []string{"generator", "create", "-f", generators}, IO{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}); status != 0 {
		t.Fatal(status)
	}
	places := cliPlaces(t, map[string]string{
		"dataset": "accounts", "dataset show name": "accounts", "view": "full", "name": "a", "file": file, "run": run.ID, "id": tenant.ID, "client-id": credential.ID,
		"shell": "bash", "table": "accounts", "external-id": "1000004", "tenant": tenant.ID, "parent": tenant.ID, "seed to": "duckdb:" + filepath.Join(folder, "seed.duckdb"),
		"backup to": filepath.Join(folder, "backup.tar"), "from": filepath.Join(folder, "none.tar"), "tenant move to": tenant.ID, "tenant move under": tenant.ID,
		"generator": "daily", "generator backfill from": "2026-09-01", "generator backfill to": "2026-09-03", "generator create file": generators, "generator apply file": generators,
	})
	if len(places) < 120 {
		t.Fatalf("there are only %d places", len(places))
	}
	texts := sourcetest.Injections(filepath.Join(folder, "canary"))
	full := os.Getenv("OUTTURN_TEST_FULL") != ""
	here := filepath.Join(folder, "here")
	if err := os.Mkdir(here, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	var mu sync.Mutex
	statuses := map[int]int{}
	for _, name := range deep {
		if !slices.ContainsFunc(places, func(p cliPlace) bool { return p.name == name }) {
			t.Errorf("%s is no place", name)
		}
	}
	for n, p := range places {
		step := len(texts)
		switch {
		case full && slices.Contains(deep, p.name): // a command takes tens of milliseconds
			step = 4
		case full:
			step = 64
		}
		var done atomic.Bool
		inParallel(len(texts)/step+1, func(i int) {
			at := i*step + n*37%step
			if at >= len(texts) || strings.Contains(texts[at], "\x00") {
				return // no system hands it over
			}
			ctx := t.Context()
			if p.ends {
				ctx = interrupted
			}
			var out, talk bytes.Buffer
			args := p.args(texts[at])
			status := Main(ctx, args, IO{In: strings.NewReader(""), Out: &out, Err: &talk})
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
			if status == 1 || exitMeaning(status) == "" || strings.Contains(talk.String(), "Internal error") {
				t.Errorf("%q ends with %d: %.400s", args, status, talk.String())
			}
			if strings.ContainsFunc(talk.String(), misleads) {
				t.Errorf("%q says %q", args, talk.String())
			}
			if status == 0 {
				done.Store(true)
			}
		})
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
	if _, err := os.Stat(filepath.Join(folder, "canary")); err == nil {
		t.Error("a file was made")
	}
	t.Logf("%d places, exit statuses %v", len(places), statuses)
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
