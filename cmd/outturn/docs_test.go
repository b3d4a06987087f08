//go:build unix

package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"outturn/internal/server/servertest"
)

// TestDocumentedCommands does what README.md, docs/api.md and docs/generators.md tell
// people to type, one command after the other, and wants all of it to work.
func TestDocumentedCommands(t *testing.T) {
	folder := t.TempDir()
	d := &documented{folder: folder, env: map[string]string{}}
	for _, dir := range []string{"bin", "outturn-data"} {
		if err := os.Mkdir(filepath.Join(folder, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{binary(t): "bin/outturn", seed(t): "outturn-data/commerce.duckdb"} {
		if err := os.Symlink(from, filepath.Join(folder, to)); err != nil {
			t.Fatal(err)
		}
	}
	server := servertest.Start(t, servertest.Options{Binary: binary(t), Data: filepath.Join(folder, "outturn-data"), Source: "duckdb:" + seed(t)})
	d.env["OUTTURN_URL"] = server.URL()

	d.outturn(t, "../../README.md", 12)

	d.addKinds(t)
	d.env["CLIENT_ID"], d.env["CLIENT_SECRET"] = d.env["OUTTURN_CLIENT_ID"], d.env["OUTTURN_CLIENT_SECRET"]
	n := 0
	for _, command := range commands(t, "../../docs/api.md") {
		if strings.HasPrefix(command, "URL=") {
			d.env["URL"] = server.URL()
			continue
		}
		out := d.run(t, strings.Replace(command, "curl ", "curl -sS --max-time 60 ", 1))
		switch {
		case strings.HasSuffix(command, "$URL/v1/clients"):
			d.env["CLIENT"] = member(t, out, "client_id")
		case strings.Contains(command, `-d '{"kind"`):
			d.env["TENANT"] = member(t, out, "id")
		case strings.HasSuffix(command, "$URL/v1/generators"):
			d.env["GENERATOR"] = member(t, out, "id")
		case strings.HasSuffix(command, "$URL/v1/webhooks"):
			d.env["WEBHOOK"] = member(t, out, "id")
		case strings.HasSuffix(command, "$WEBHOOK/test"):
			d.env["DELIVERY"] = member(t, out, "id")
			d.run(t, `until curl -sS -H "Authorization: Bearer $TOKEN" $URL/v1/deliveries/$DELIVERY | grep -q '"state":"failed"'; do :; done`)
		case strings.Contains(command, "/oauth2/token"):
			d.env["TOKEN"] = member(t, out, "access_token")
		case strings.HasSuffix(command, "$URL/v1/runs") && strings.Contains(command, "-d '{"):
			d.env["RUN"] = member(t, out, "id")
		case strings.HasSuffix(command, "/events"):
			d.env["FILE"] = member(t, d.run(t, `curl -sS -H "Authorization: Bearer $TOKEN" $URL/v1/runs/$RUN`), "files.0.id")
		case strings.HasSuffix(command, "/cancel"): // the run has ended, and says so
			if got := member(t, out, "code"); got != "conflict" {
				t.Errorf("%s: %s", command, out)
			}
			continue
		}
		if strings.Contains(string(out), `"code"`) {
			t.Errorf("%s: %s", command, out)
		}
		n++
	}
	if n < 12 {
		t.Errorf("docs/api.md has only %d commands", n)
	}
	for _, file := range []string{"payments.csv", "r.csv", "eur.csv", "for-excel.xlsx", "short.yaml", "short.csv", "payments.csv.gz"} {
		if info, err := os.Stat(filepath.Join(folder, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestDocumentedGenerators does what docs/generators.md tells a reseller to do, with the
// file that it shows.
func TestDocumentedGenerators(t *testing.T) {
	folder := t.TempDir()
	d := &documented{folder: folder, env: map[string]string{}}
	if err := os.Mkdir(filepath.Join(folder, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary(t), filepath.Join(folder, "bin", "outturn")); err != nil {
		t.Fatal(err)
	}
	server := servertest.Start(t, servertest.Options{Binary: binary(t), Data: filepath.Join(folder, "outturn-data"), Source: "duckdb:" + seed(t)})
	d.env["OUTTURN_URL"] = server.URL()
	const page = "../../docs/generators.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(text), "```yaml\n")
	file, _, _ = strings.Cut(file, "```")
	if err := os.WriteFile(filepath.Join(folder, "northwind.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	d.outturn(t, page, 14)
	if files, err := filepath.Glob(filepath.Join(folder, "past", "*.xlsx")); err != nil || len(files) != 3 {
		t.Errorf("the months before are %v, %v", files, err)
	}
}

// outturn does each command of a page that is ours, which are so many at least.
func (d *documented) outturn(t *testing.T, page string, least int) {
	t.Helper()
	n := 0
	for _, command := range commands(t, page) {
		if !strings.HasPrefix(command, "bin/outturn ") {
			continue // make, and variables that people fill in
		}
		command, _, _ = strings.Cut(command, "  ") // what it does stands beside it
		out := d.run(t, strings.Replace(command, "--tenant ID", "--tenant $TENANT", 1))
		switch {
		case strings.Contains(command, "tenant add"):
			d.env["TENANT"] = member(t, out, "id")
		case strings.Contains(command, "client add"):
			d.env["OUTTURN_CLIENT_ID"], d.env["OUTTURN_CLIENT_SECRET"] = member(t, out, "client_id"), member(t, out, "client_secret")
		}
		n++
	}
	if n < least {
		t.Errorf("%s has only %d commands", page, n)
	}
}

// documented runs commands as a person does who follows the documentation.
type documented struct {
	folder string
	env    map[string]string
}

func (d *documented) run(t *testing.T, command string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
	cmd.Dir, cmd.Env, cmd.WaitDelay = d.folder, os.Environ(), time.Second
	for name, value := range d.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", command, err, out, &talk)
	}
	return out
}

// addKinds makes a client of each kind, and sets a variable to each part of what it
// shows: API_KEY to its api_key. ADMIN_TOKEN is that of an admin.
func (d *documented) addKinds(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"apikey", "cmp", "zuora", "oauth2"} {
		var parts map[string]string
		out := d.run(t, "bin/outturn client add --tenant $TENANT --role admin --json --kind "+kind)
		if err := json.Unmarshal(out, &parts); err != nil {
			t.Fatal(err)
		}
		for name, value := range parts {
			d.env[strings.ToUpper(name)] = value
		}
	}
	out := d.run(t, `curl -sS -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials $OUTTURN_URL/oauth2/token`)
	d.env["ADMIN_TOKEN"] = member(t, out, "access_token")
}

var continued = regexp.MustCompile(`\\\n +`)

// commands lists the lines of a document's blocks of code.
func commands(t *testing.T, path string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(continued.ReplaceAllString(string(text), " ")) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			list = append(list, strings.TrimSpace(command))
		}
	}
	return list
}

// member returns a text in a JSON document: id, or files.0.id.
func member(t *testing.T, text []byte, path string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, step := range strings.Split(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			value = v[0]
		}
	}
	found, ok := value.(string)
	if !ok {
		t.Fatalf("there is no %s in %s", path, text)
	}
	return found
}
