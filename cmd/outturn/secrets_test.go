package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"outturn/internal/server/servertest"
)

// canary is what nobody may ever read again.
const canary = "CANARY-7d1f3a"

// Whatever setting gets an address with a password in it, no answer shows the
// password: people paste such an address anywhere (P39).
func TestPasswordsInSettings(t *testing.T) {
	help, err := exec.Command(binary(t), "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`OUTTURN_[A-Z_]+`).FindAllString(string(help), -1)
	slices.Sort(names)
	names = append(slices.Compact(names), "OUTTURN_URL", "OUTTURN_CLIENT_ID")
	if len(names) < 20 {
		t.Fatalf("serve has only the settings %v", names)
	}
	values := []string{"https://user:" + canary + "@host.example/x", "user:" + canary + "@host:99", "ht!tp://user:" + canary + "@h/%zz"}
	commands := []string{"serve", "config show", "doctor", "run list", "config check", "tenant list"}
	for i, name := range names {
		for j, value := range values {
			for k, command := range commands {
				if (i+j+k)%len(values) != 0 && os.Getenv("OUTTURN_TEST_FULL") == "" {
					continue
				}
				folder := t.TempDir()
				ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
				cmd := exec.CommandContext(ctx, binary(t), strings.Fields(command)...)
				cmd.Dir = folder
				cmd.Env = append(os.Environ(), "OUTTURN_LISTEN=127.0.0.1:0", "OUTTURN_SOURCE=duckdb:"+seed(t), "OUTTURN_CLIENT_SECRET="+canary, name+"="+value)
				if command == "serve" && slices.Contains([]string{"OUTTURN_DATA", "OUTTURN_SOURCE"}, name) {
					cmd.Args = append(cmd.Args, "--help") // else it would wait for what is not there
				}
				out, _ := cmd.CombinedOutput()
				cancel()
				if bytes.Contains(out, []byte(canary)) {
					t.Errorf("%s with %s=%s says:\n%s", command, name, value, out)
				}
			}
		}
	}
}

// What a server was given in secret, and what it has given out, is in nothing that
// it writes: no log however detailed, no refusal, metric, audit row, page of the
// ledger, backup or crash (I9, P39).
func TestSecretsStayHidden(t *testing.T) {
	folder := t.TempDir()
	data, metrics := filepath.Join(folder, "data"), servertest.FreeAddress(t)
	s := servertest.Start(t, servertest.Options{
		Binary: binary(t), Data: data, Source: "duckdb:" + seed(t),
		Args: []string{"--log-level", "debug", "--metrics-listen", metrics, "--drain", "1s"}, Env: []string{"GOTRACEBACK=all"},
	})
	h := &hidden{t: t, url: s.URL(), secrets: map[string]string{}}
	var tenant struct{ ID string }
	h.parse(s.Command("tenant", "add", "Northwind", "--external-id", "1000003", "--data", data, "--json"), &tenant)
	public := []string{"kind", "tenant", "role", "client_id", "consumer_key", "username", "access_key_id", "name", "created_at"}
	parts := map[string]map[string]string{}
	for _, kind := range []string{"oauth2", "oauth1", "apikey", "cmp", "zuora"} {
		made := map[string]string{}
		h.parse(s.Command("client", "add", "--kind", kind, "--tenant", tenant.ID, "--role", "admin", "--data", data, "--json"), &made)
		parts[kind] = made
		for name, value := range made {
			if !slices.Contains(public, name) {
				_, secret, _ := strings.Cut(value, ":")
				if name != "api_key" {
					secret = value
				}
				h.secrets[kind+" "+name] = secret
			}
		}
	}
	h.sign(parts)
	h.useWrongly()

	key, err := os.ReadFile(filepath.Join(data, "key"))
	if err != nil {
		t.Fatal(err)
	}
	h.secrets["the key file"] = strings.TrimSpace(string(key))
	if len(h.secrets) < 9 {
		t.Fatalf("there are only the secrets %v", h.secrets)
	}
	for _, command := range []string{"client list", "client list --json", "audit list", "audit list --json", "audit verify --json", "tenant list --json", "usage --json", "config show --json"} {
		h.look("outturn "+command, s.Command(append(strings.Fields(command), "--data", data)...))
	}
	backup := filepath.Join(folder, "backup")
	s.Command("backup", "--to", backup, "--data", data)
	h.answer("the metrics", h.request("GET", "http://"+metrics+"/metrics", nil, ""))

	s.Signal(syscall.SIGQUIT) // what Go writes when it crashes: every goroutine
	<-s.Ended()
	if log := s.Log(); !strings.Contains(log, "goroutine ") || !strings.Contains(log, "level=DEBUG") && !strings.Contains(log, `"request"`) {
		t.Errorf("there is no crash in the log, or no request:\n%.2000s", log)
	}
	h.look("log and crash", []byte(s.Log()))
	delete(h.secrets, "the key file") // lies there, and in a backup
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		h.look(path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// hidden looks for secrets in what a server writes.
type hidden struct {
	t       *testing.T
	url     string
	secrets map[string]string
}

func (h *hidden) parse(text []byte, to any) {
	h.t.Helper()
	if err := json.Unmarshal(text, to); err != nil {
		h.t.Fatalf("%v in %s", err, text)
	}
}

// look fails where a text has a secret.
func (h *hidden) look(where string, text []byte) {
	h.t.Helper()
	for name, secret := range h.secrets {
		if bytes.Contains(text, []byte(secret)) {
			h.t.Errorf("%s has the secret %s", where, name)
		}
	}
}

func (h *hidden) request(method, path string, header map[string]string, body string) *http.Request {
	h.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = h.url + path
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}

// answer sends a request and looks at what comes back.
func (h *hidden) answer(what string, r *http.Request) []byte {
	h.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	h.look(what, append([]byte(fmt.Sprint(resp.Header)), body...))
	return body
}

// sign gets what is given out for credentials, and uses it.
func (h *hidden) sign(parts map[string]map[string]string) {
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	ask := h.request("POST", "/oauth2/token", form, "grant_type=client_credentials")
	ask.SetBasicAuth(parts["oauth2"]["client_id"], parts["oauth2"]["client_secret"])
	var token struct {
		Access string `json:"access_token"`
		Token  string `json:"token"`
	}
	h.parse(h.answer("a token", ask), &token)
	ask = h.request("POST", "/token", map[string]string{"X-Subscription-Key": parts["cmp"]["subscription_key"]}, "")
	ask.SetBasicAuth(parts["cmp"]["username"], parts["cmp"]["password"])
	h.parse(h.answer("a token of /token", ask), &token)
	bearer := map[string]string{"Authorization": "Bearer " + token.Access, "Content-Type": "application/json"}
	var run struct {
		ID    string
		State string
		Files []struct{ ID string }
	}
	h.parse(h.answer("a run", h.request("POST", "/v1/runs", bearer, `{"dataset":"accounts","formats":["csv"]}`)), &run)
	h.answer("its events", h.request("GET", "/v1/runs/"+run.ID+"/events", bearer, "")) // until it has ended
	h.parse(h.answer("it", h.request("GET", "/v1/runs/"+run.ID, bearer, "")), &run)
	if len(run.Files) != 1 {
		h.t.Fatalf("the run is %+v", run)
	}
	var link struct{ URL string }
	h.parse(h.answer("a link", h.request("POST", "/v1/files/"+run.Files[0].ID+"/links", bearer, `{}`)), &link)
	h.secrets["the access token"], h.secrets["the token of /token"] = token.Access, token.Token
	h.secrets["the link"] = link.URL[strings.LastIndexByte(link.URL, '/')+1:]
	for i := range 2 {
		h.answer("a download", h.request("GET", link.URL, nil, ""))
		h.answer("an API key", h.request("GET", "/v1/runs", map[string]string{"Authorization": parts["apikey"]["api_key"]}, ""))
		h.answer("two headers", h.request("GET", "/v1/runs", map[string]string{
			"apiAccessKeyId": parts["zuora"]["access_key_id"], "apiSecretAccessKey": parts["zuora"]["secret_access_key"],
		}, ""))
		h.answer("a bearer", h.request("GET", "/v1/audit?limit="+fmt.Sprint(i+1), bearer, ""))
	}
}

// useWrongly puts each secret where it does not belong: in every place of a request
// that could be logged or repeated.
func (h *hidden) useWrongly() {
	for name, secret := range h.secrets {
		for what, r := range map[string]*http.Request{
			"as a scheme":   h.request("GET", "/v1/runs", map[string]string{"Authorization": secret + " x"}, ""),
			"as a bearer":   h.request("GET", "/v1/runs", map[string]string{"Authorization": "Bearer " + secret + "x"}, ""),
			"as a key":      h.request("GET", "/v1/runs", map[string]string{"Authorization": "ApiKey SU-000-000-001:" + secret}, ""),
			"as consumer":   h.request("GET", "/v1/runs", map[string]string{"Authorization": `OAuth oauth_consumer_key="` + secret + `", oauth_nonce="` + secret + `", oauth_timestamp="1", oauth_signature_method="PLAINTEXT", oauth_signature="` + secret + `"`}, ""),
			"in two heads":  h.request("GET", "/v1/runs", map[string]string{"apiAccessKeyId": secret, "apiSecretAccessKey": secret}, ""),
			"subscription":  h.request("POST", "/token", map[string]string{"X-Subscription-Key": secret, "Authorization": "Basic " + secret}, ""),
			"in a form":     h.request("POST", "/oauth2/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "grant_type=client_credentials&client_id="+secret+"&client_secret="+secret),
			"as request id": h.request("GET", "/v1/runs", map[string]string{"Cookie": "s=" + secret}, ""),
			"as a link":     h.request("GET", "/f/"+secret+"x", nil, ""),
		} {
			h.quiet(name+" "+what, r)
		}
	}
}

// quiet sends a request whose answer may repeat what was sent, for its sender.
func (h *hidden) quiet(what string, r *http.Request) {
	h.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatalf("%s: %v", what, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}
