package main_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"outturn/internal/source/postgres/postgrestest"
)

// chinookDatabase makes the Chinook database, which is not part of the project, and
// returns its URL.
func chinookDatabase(t *testing.T) string {
	t.Helper()
	const path = "../../../shared/data/chinook-postgresql.sql"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the Chinook sample data are not there: %v", err)
	}
	alone := regexp.MustCompile(`(?m)^(DROP DATABASE|CREATE DATABASE|\\c) .*$`).ReplaceAllString(string(text), "")
	return postgrestest.New(t, alone)
}

// The commands that the example's README has for PostgreSQL, as they stand there.
func TestChinookPostgres(t *testing.T) {
	address, err := url.Parse(chinookDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../examples/chinook/README.md")
	if err != nil {
		t.Fatal(err)
	}
	section, _, _ := strings.Cut(string(readme), "## From CSV")
	commands := regexp.MustCompile(`(?m)^    \$ ((?:PGPASSWORD=\S+ \S+ )?outturn .*|PGPASSWORD.*)$`).FindAllStringSubmatch(section, -1)
	if len(commands) != 5 {
		t.Fatalf("the README has %d commands, want 5", len(commands))
	}
	datasets, err := filepath.Abs("../../examples/chinook")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	run := func(line string) string {
		cmd := exec.Command("sh", "-ec", line)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary(t))+":"+os.Getenv("PATH"), "OUTTURN_DATASETS="+datasets, "PGSSLMODE=disable",
			"PGHOST="+address.Hostname(), "PGPORT="+address.Port(), "PGDATABASE="+strings.Trim(address.Path, "/"), "PGPASSWORD="+postgrestest.Password)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	for i, want := range []string{"a superuser", "policy by support_rep_id", "2 data sets are sound", "", ""} {
		if got := run(commands[i][1]); !strings.Contains(got, want) {
			t.Errorf("%s: got\n%s\nwant %q", commands[i][1], got, want)
		}
	}
	manifest, err := os.ReadFile(filepath.Join(folder, "seller-3.xlsx.manifest.json"))
	if err != nil || !strings.Contains(string(manifest), `"consistent"`) {
		t.Errorf("the manifest: %v\n%s", err, manifest)
	}

	// A draft of every table fits as it is printed.
	tree, err := os.ReadFile(filepath.Join(datasets, "_tenants.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "mine", "_tenants.sql"), tree, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, table := range strings.Fields("album artist customer employee genre invoice invoice_line media_type playlist playlist_track track") {
		run("outturn dataset new --source postgres://postgres@/ --table " + table + " > mine/" + table + ".sql")
	}
	if got := run("outturn dataset check --source postgres://postgres@/ --datasets mine"); !strings.Contains(got, "11 data sets are sound") {
		t.Error(got)
	}
	for _, table := range strings.Fields("customer employee invoice invoice_line") {
		if draft := run("cat mine/" + table + ".sql"); !strings.Contains(draft, "\ntenant: ") {
			t.Errorf("no tenant is proposed:\n%s", draft)
		}
	}
	// Whose the lines are is found over two tables: seller 3 has what the example says.
	mine := run("outturn export invoice_line --source postgres://postgres@/ --datasets mine --tenant 3 --columns invoice_line_id --out -")
	theirs := run("outturn export invoice_lines --source postgres://postgres@/ --tenant 3 --columns LINE_ID --out -")
	if strings.Count(mine, "\n") != strings.Count(theirs, "\n") || strings.Count(mine, "\n") < 100 {
		t.Errorf("seller 3 has %d lines by the draft and %d by the example", strings.Count(mine, "\n"), strings.Count(theirs, "\n"))
	}
}
