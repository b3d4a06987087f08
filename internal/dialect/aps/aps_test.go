package aps_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"outturn"
	"outturn/internal/reporting"
	"outturn/internal/server"
	"outturn/internal/server/servertest"
)

// shop is one server for all tests of this package, over the sample data: a reseller
// with one below it, and others.
var shop struct {
	*servertest.Local
	log     servertest.Log
	tenants map[string]outturn.Tenant
	clients map[string]client // by the name of the tenant and a role
}

// A client signs or shows a token; both are let in alike.
type client struct {
	token       string
	key, secret string // of OAuth 1.0a
}

func TestMain(m *testing.M) {
	status, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func testMain(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "outturn-aps-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	if shop.Local, err = servertest.Serve(context.Background(), folder, config()); err == nil {
		err = furnish(context.Background())
	}
	if err != nil {
		return 1, err
	}
	if err := exec.Command(python, "-c", "import oauthlib").Run(); err == nil {
		stop, err := startSigner()
		if err != nil {
			return 1, err
		}
		defer stop()
	}
	status := m.Run()
	return status, shop.Close()
}

// config is how the shop is served.
func config() server.Config {
	return server.Config{Drain: time.Millisecond, Version: "test", Log: slog.New(slog.NewJSONHandler(&shop.log, nil))}
}

var turns servertest.Turns

// begin is what each test begins with: where the tests are made once more, the shop is a
// new one.
func begin(t *testing.T) {
	t.Helper()
	if !turns.Again(t) {
		return
	}
	var err error
	if shop.Local, err = shop.Anew(context.Background(), config()); err == nil {
		err = furnish(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// furnish makes the tenants and their clients.
func furnish(ctx context.Context) error {
	p, err := shop.Folder.Operator(ctx)
	if err != nil {
		return err
	}
	provider, err := shop.Reporting().Tenant(ctx, p, p.Tenant)
	if err != nil {
		return err
	}
	shop.tenants, shop.clients = map[string]outturn.Tenant{"provider": provider}, map[string]client{}
	none := int64(0)
	for _, t := range []struct {
		name, parent, account string
		limits                outturn.Limits
	}{
		{"northwind", "provider", "1000002", outturn.Limits{}}, {"fjord", "northwind", "1000013", outturn.Limits{}}, {"contoso", "provider", "1000004", outturn.Limits{}},
		{"fabrikam", "provider", "1000008", outturn.Limits{}}, {"wingtip", "provider", "1000009", outturn.Limits{}},
		{"waiting", "provider", "1000003", outturn.Limits{Running: &none}}, // none of its reports is ever made
	} {
		if shop.tenants[t.name], err = shop.Reporting().CreateTenant(ctx, p, outturn.Tenant{
			Parent: shop.tenants[t.parent].ID, Kind: outturn.KindReseller, Name: t.name, ExternalID: t.account, Zone: "Europe/Warsaw", Limits: t.limits,
		}); err != nil {
			return err
		}
	}
	for name, t := range shop.tenants {
		for _, role := range []outturn.Role{outturn.RoleViewer, outturn.RoleManager, outturn.RoleAdmin} {
			mail := name + "@example.com"
			if role == outturn.RoleAdmin {
				mail = ""
			}
			_, token, err := shop.Reporting().CreateClient(ctx, p, outturn.Client{Tenant: t.ID, Role: role, Name: name, Email: mail})
			if err != nil {
				return err
			}
			_, signs, err := shop.Reporting().CreateClient(ctx, p, outturn.Client{Tenant: t.ID, Role: role, Name: name, Email: mail, Kind: outturn.ClientOAuth1})
			if err != nil {
				return err
			}
			c := client{key: signs.ConsumerKey, secret: signs.ConsumerSecret}
			if c.token, err = newToken(ctx, shop.URL(), token); err != nil {
				return err
			}
			shop.clients[name+" "+string(role)] = c
		}
	}
	return nil
}

func newToken(ctx context.Context, server string, c outturn.Credential) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(c.ClientID, c.ClientSecret)
	resp, err := plain.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	return token.AccessToken, json.NewDecoder(resp.Body).Decode(&token)
}

// python is Debian's, for which its packages are.
const python = "/usr/bin/python3"

// signer signs with python3-oauthlib, which others wrote: a line of JSON each on standard
// input, an Authorization header each on standard output. It is nil where there is none.
var signer struct {
	sync.Mutex
	in  io.Writer
	out *bufio.Scanner
}

func startSigner() (stop func(), err error) {
	cmd := exec.Command(python, "-c", `
import json, sys
from oauthlib.oauth1 import Client
for line in sys.stdin:
    r = json.loads(line)
    client = Client(r['key'], client_secret=r['secret'], signature_method='HMAC-SHA1', timestamp=r['at'])
    print(client.sign(r['url'], http_method=r['method'])[1]['Authorization'], flush=True)
`)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	signer.in, signer.out = in, bufio.NewScanner(out)
	return func() { _, _ = in.Close(), cmd.Wait() }, cmd.Start()
}

// authorization signs a request, or where nothing can shows a token.
func (c client) authorization(t testing.TB, method, url string) string {
	t.Helper()
	if signer.out == nil {
		return "Bearer " + c.token
	}
	line, err := json.Marshal(map[string]string{
		"method": method, "url": url, "key": c.key, "secret": c.secret,
		"at": strconv.FormatInt(shop.Now().Add(time.Second).Unix(), 10), // after the second in which the server began
	})
	if err != nil {
		t.Fatal(err)
	}
	signer.Lock()
	defer signer.Unlock()
	if _, err := fmt.Fprintf(signer.in, "%s\n", line); err != nil || !signer.out.Scan() {
		t.Fatalf("nothing was signed: %v", err)
	}
	return signer.out.Text()
}

var plain = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}, Timeout: time.Minute}

// An answer is one whose body has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request as a client, which is left out where it is nobody.
func ask(t testing.TB, as, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, shop.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c, ok := shop.clients[as]; ok {
		req.Header.Set("Authorization", c.authorization(t, method, req.URL.String()))
	} else if as != "nobody" {
		t.Fatalf("there is no client %q", as)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return send(t, req)
}

func send(t testing.TB, req *http.Request) answer {
	t.Helper()
	resp, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

// Requests are let in by their signature (section 4), once: not with another one, nor for
// another query, nor without the rights that a token would give just as well.
func TestSignatures(t *testing.T) {
	begin(t)
	if signer.out == nil {
		t.Skipf("%s has no oauthlib (Debian: python3-oauthlib)", python)
	}
	const path = "/aps/2/resources?implementing(http://www.odin.com/rde/report-template/1.5),like(commonName,*a%20b*),limit(0,10)"
	c := shop.clients["contoso viewer"]
	good := c.authorization(t, "GET", shop.URL()+path)
	for _, tt := range []struct {
		name, path, authorization string
		status                    int
	}{
		{"OK", path, good, 200},
		{"Again", path, good, 401},
		{"OtherQuery", path + ",eq(format,CSV)", c.authorization(t, "GET", shop.URL()+path), 401},
		{"WrongSecret", path, client{key: c.key, secret: "x"}.authorization(t, "GET", shop.URL()+path), 401},
		{"Encoded", "/aps/2/resources?implementing%28http%3A%2F%2Fwww.odin.com%2Frde%2Freport-template%2F1.5%29", c.authorization(t, "GET",
			shop.URL()+"/aps/2/resources?implementing(http://www.odin.com/rde/report-template/1.5)"), 200},
		{"Token", path, "Bearer " + c.token, 200},
	} {
		a := ask(t, "nobody", "GET", tt.path, "", "Authorization", tt.authorization)
		if a.status != tt.status || tt.status == 401 && (!strings.Contains(string(a.body), `"APS::Outturn::Unauthorized"`) || a.header.Get("WWW-Authenticate") == "") {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
	}
}

// What callers of the platform send beside is taken, and what they call all that they are
// doing is in the log (section 3.6). Limits and outages say when to ask again.
func TestHeaders(t *testing.T) {
	begin(t)
	a := ask(t, "contoso viewer", "GET", "/aps/2/resources?limit(0,1)", "",
		"APS-Transaction-ID", "tx-4711", "APS-Subscription-ID", "x", "APS-Actor-Scope", "y", "APS-Token", "z", "APS-Resource-ID", "w")
	if a.status != 200 || a.header.Get("X-APSBooster-Response") != "" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if !strings.Contains(shop.log.String(), `"transaction":"tx-4711"`) {
		t.Error("the transaction is not in the log")
	}
	few := int64(0)
	_, key := newViewer(t, outturn.Tenant{Name: "limited", ExternalID: "1000005", Limits: outturn.Limits{Requests: &few}})
	a = ask(t, "nobody", "GET", "/aps/2/resources", "", "Authorization", key)
	if a.status != 429 || a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), `"code":429,"error":"APS::Outturn::LimitReached"`) {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

// newViewer makes a reseller of its own for a test, and one who reads what it has.
func newViewer(t *testing.T, of outturn.Tenant) (made outturn.Tenant, apiKey string) {
	t.Helper()
	p, err := shop.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of.Parent, of.Kind = p.Tenant, outturn.KindReseller
	if made, err = shop.Reporting().CreateTenant(t.Context(), p, of); err != nil {
		t.Fatal(err)
	}
	_, shown, err := shop.Reporting().CreateClient(t.Context(), p, outturn.Client{Tenant: made.ID, Role: outturn.RoleViewer, Name: of.Name, Kind: outturn.ClientAPIKey})
	if err != nil {
		t.Fatal(err)
	}
	return made, shown.APIKey
}

// Who is suspended reads nothing, and is told so: it is no fault of the query.
func TestSuspended(t *testing.T) {
	begin(t)
	tenant, key := newViewer(t, outturn.Tenant{Name: "suspended", ExternalID: "1000010"})
	p, err := shop.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.Reporting().SuspendTenant(t.Context(), p, tenant.ID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"resources", "collections/rde-report-files", "resources/" + tenant.ID} {
		a := ask(t, "nobody", "GET", "/aps/2/"+path, "", "Authorization", key)
		if a.status != 403 || !strings.Contains(string(a.body), "is suspended") || strings.Contains(string(a.body), `"details"`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// TestGolden plays the files of testdata: requests, and the answers that the contract has
// for them. Each is as follows, and separated from the next by a line of ###:
//
//	# what it is, and its section
//	METHOD PATH as TENANT ROLE     with "until" at the end, it is repeated until it fits
//	Header: value
//
//	body
//	-> STATUS
//	Header: value
//
//	body
//
// In what is expected a word with a $ stands for a text, the same one each time; before
// its first time it may be any. $url is any address of a file, $time any instant and
// $text any sentence. An object with "*" may have more members than those.
func TestGolden(t *testing.T) {
	begin(t)
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			known := map[string]string{"UNKNOWN": "01999999-9999-7999-8999-999999999999"}
			for name, tenant := range shop.tenants {
				known["tenant_"+name], known["account_"+name] = tenant.ID, tenant.ID[:14]+"8"+tenant.ID[15:]
			}
			for n, part := range strings.Split(string(text), "\n###\n") {
				if !play(t, part, known) {
					t.Fatalf("%s, exchange %d", file, n+1)
				}
			}
		})
	}
}

var requestLine = regexp.MustCompile(`^([A-Z]+) (\S+) as (nobody|[a-z]+ [a-z]+)( until)?$`)

// play makes one exchange and says whether the answer was the expected one.
func play(t *testing.T, text string, known map[string]string) bool {
	t.Helper()
	asked, expected, ok := strings.Cut(text, "\n-> ")
	if !ok {
		t.Fatalf("no -> in %s", text)
	}
	for strings.HasPrefix(asked, "#") || strings.HasPrefix(asked, "\n") {
		_, asked, _ = strings.Cut(asked, "\n")
	}
	first, header, body := message(asked)
	line := requestLine.FindStringSubmatch(first)
	if line == nil {
		t.Fatalf("no request: %s", first)
	}
	for i := range header {
		header[i] = filled(header[i], known)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var fault string
	fits := func() bool {
		a := ask(t, line[3], line[1], filled(line[2], known), filled(body, known), header...)
		fault = compare(a, expected, known)
		return fault == ""
	}
	if line[4] == "" {
		fits()
	} else if err := servertest.Every(ctx, 20*time.Millisecond, fits); err != nil && fault == "" {
		fault = err.Error()
	}
	if fault != "" {
		t.Errorf("%s: %s", first, fault)
	}
	return fault == ""
}

// message takes a first line, headers and a body apart.
func message(text string) (first string, header []string, body string) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		header = append(header, name, value)
	}
	return lines[0], header, strings.TrimSpace(body)
}

var variable = regexp.MustCompile(`\$[A-Za-z_]+`)

func filled(text string, known map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		if value, ok := known[v[1:]]; ok {
			return value
		}
		return v
	})
}

// compare says in what an answer is not the expected one. Only if it is, what was found
// out is known from then on.
func compare(a answer, expected string, known map[string]string) string {
	first, header, body := message(expected)
	if got := fmt.Sprint(a.status); got != first {
		return fmt.Sprintf("status %s, want %s: %s", got, first, a.body)
	}
	learnt := maps.Clone(known)
	for i := 0; i < len(header); i += 2 {
		if got := a.header.Get(header[i]); !matches(header[i+1], got, learnt) {
			return fmt.Sprintf("%s is %q, want %q: %s", header[i], got, header[i+1], a.body)
		}
	}
	if body == "" {
		if len(a.body) > 0 {
			return fmt.Sprintf("a body: %s", a.body)
		}
		return ""
	}
	got, err := decode(a.body)
	if err != nil {
		return fmt.Sprintf("%v in %s", err, a.body)
	}
	want, err := decode([]byte(body))
	if err != nil {
		return fmt.Sprintf("%v in the expected %s", err, body)
	}
	if where := differ("", want, got, learnt); where != "" {
		return fmt.Sprintf("%s\ngot %s", where, a.body)
	}
	maps.Copy(known, learnt)
	return ""
}

func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return v, d.Decode(&v)
}

// differ says where two values differ; "" where they do not.
func differ(path string, want, got any, known map[string]string) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		_, open := w["*"]
		for name := range g {
			if _, ok := w[name]; !ok && !open {
				return fmt.Sprintf("%s has a member %s, which is not expected", path, name)
			}
		}
		for name, value := range w {
			there, ok := g[name]
			if name == "*" {
				continue
			}
			if !ok {
				return fmt.Sprintf("%s has no member %s", path, name)
			}
			if d := differ(path+"/"+name, value, there, known); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s is not a list of %d", path, len(w))
		}
		for i := range w {
			if d := differ(fmt.Sprintf("%s/%d", path, i), w[i], g[i], known); d != "" {
				return d
			}
		}
		return ""
	case string:
		if g, ok := got.(string); ok && matches(w, g, known) {
			return ""
		}
	default:
		if reflect.DeepEqual(want, got) {
			return ""
		}
	}
	return fmt.Sprintf("%s is %v, want %v", path, got, want)
}

var patterns = map[string]*regexp.Regexp{
	"url":  regexp.MustCompile(`^http://127\.0\.0\.1:[0-9]+/f/otf_[A-Za-z0-9_-]+/[^/?#]+$`),
	"time": regexp.MustCompile(`^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$`),
	"text": regexp.MustCompile(`[.?]$`),
}

// matches fits a text to an expected one, and learns what its words stand for.
func matches(want, got string, known map[string]string) bool {
	text := ""
	var names []string
	for rest := want; ; {
		at := variable.FindStringIndex(rest)
		if at == nil {
			text += regexp.QuoteMeta(rest)
			break
		}
		text += regexp.QuoteMeta(rest[:at[0]])
		name := rest[at[0]+1 : at[1]]
		rest = rest[at[1]:]
		if value, ok := known[name]; ok {
			text += regexp.QuoteMeta(value)
			continue
		}
		text += "(.+?)"
		names = append(names, name)
	}
	parts := regexp.MustCompile("^" + text + "$").FindStringSubmatch(got)
	if parts == nil {
		return false
	}
	for i, name := range names {
		if p, ok := patterns[name]; ok {
			if !p.MatchString(parts[i+1]) {
				return false
			}
			continue
		}
		if value, ok := known[name]; ok && value != parts[i+1] {
			return false
		}
		known[name] = parts[i+1]
	}
	return true
}

// What docs/dialects/aps.md tells people to type works, call by call.
func TestDocumentedCalls(t *testing.T) {
	begin(t)
	t.Parallel()
	if signer.out == nil {
		t.Skipf("%s has no oauthlib (Debian: python3-oauthlib)", python)
	}
	text, err := os.ReadFile("../../../docs/dialects/aps.md")
	if err != nil {
		t.Fatal(err)
	}
	const generator = `{"aps":{"type":"http://www.odin.com/rde/report-template/1.1"},"commonName":"Documented","format":"CSV","eventType":"ONETIME",
		"parameters":{"startDate":"2025-07-01T00:00:00Z","endDate":"2025-07-02T23:59:59Z"}}`
	who, folder := shop.clients["provider admin"], t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "generator.json"), []byte(generator), 0o600); err != nil {
		t.Fatal(err)
	}
	id := func(body string) string {
		var made struct{ APS struct{ ID string } }
		a := ask(t, "provider admin", "POST", "/aps/2/resources", body)
		if err := json.Unmarshal(a.body, &made); err != nil || made.APS.ID == "" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return made.APS.ID
	}
	env := map[string]string{
		"PATH": "/usr/bin:" + os.Getenv("PATH"), "KEY": who.key, "SECRET": who.secret, "TENANT": shop.tenants["contoso"].ID,
		"TEMPLATE": id(generator), "ID": id(generator),
		"VIEW": id(`{"aps":{"type":"http://www.odin.com/rde/report-customization/2.0"},"name":{"en":"Documented"},"columns":[{"name":"SUBSCRIPTION_ID","alias":"sub"}]}`),
	}
	var files []struct {
		APS      struct{ ID string }
		FilePath string
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := servertest.Every(ctx, 20*time.Millisecond, func() bool {
		a := ask(t, "provider admin", "GET", "/aps/2/resources/"+env["TEMPLATE"]+"/reportFiles", "")
		return json.Unmarshal(a.body, &files) == nil && len(files) == 1 && files[0].FilePath != ""
	}); err != nil {
		t.Fatal(err)
	}
	env["FILE"], env["FILE_PATH"] = files[0].APS.ID, files[0].FilePath
	var setup, calls []string
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "sign()"), strings.HasPrefix(line, "aps()"):
			setup = append(setup, line)
		case strings.HasPrefix(line, "aps ") && strings.Contains(line, "$AFTER"):
			calls = append(calls, line)
		}
	}
	if len(setup) != 2 || len(calls) < 19 {
		t.Fatalf("the page has %d calls", len(calls))
	}
	for _, call := range calls {
		script := append(slices.Clone(setup), "AFTER="+shop.URL()+"/aps/2")
		if !strings.Contains(call, "?") && call != calls[0] { // starting Python takes longest of all
			script = append(script, `sign() { echo "Authorization: Bearer `+who.token+`"; }`)
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", strings.Join(append(script, call), "\n"))
		cmd.Dir = folder
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.CombinedOutput()
		if err != nil || bytes.Contains(out, []byte(`"error":"APS::`)) || len(out) == 0 && !strings.Contains(call, "DELETE") {
			t.Errorf("%s: %v %s", call, err, out)
		}
	}
	if got, err := os.ReadDir(folder); err != nil || len(got) != 2 {
		t.Errorf("the file did not come: %v, %v", got, err)
	}
}

// What is changed over another edge is shown as it is now; the type stays as it was sent.
func TestChangedElsewhere(t *testing.T) {
	begin(t)
	var made struct{ APS struct{ ID string } }
	a := ask(t, "fjord manager", "POST", "/aps/2/resources",
		`{"aps":{"type":"http://www.odin.com/rde/report-template/1.2"},"commonName":"Elsewhere","format":"CSV","eventType":"PERIODIC","parameters":{"period":"P1D"}}`)
	if err := json.Unmarshal(a.body, &made); err != nil || a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := ask(t, "nobody", "PATCH", "/v1/generators/"+made.APS.ID, `{"name":"Renamed","formats":["ndjson"],"trigger":{"schedule":{"every":"month","day":5}},"window":{"unit":"month"}}`,
		"If-Match", `"1"`, "Authorization", "Bearer "+shop.clients["fjord manager"].token); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	shown := ask(t, "fjord manager", "GET", "/aps/2/resources/"+made.APS.ID+"?select(commonName,eventType,format,parameters)", "")
	const want = `{"aps":{"type":"http://www.odin.com/rde/report-template/1.2","revision":4,"*":1},"commonName":"Renamed","eventType":"MONTHLY","format":"NDJSON","parameters":{"period":"P1M","startDay":5}}`
	if fault := compare(shown, "200\n\n"+want, map[string]string{}); fault != "" {
		t.Error(fault)
	}
	// Sent back as it came, nothing of it is another: not the format either, which APS does not have.
	back := ask(t, "fjord manager", "PUT", "/aps/2/resources/"+made.APS.ID, string(shown.body))
	if fault := compare(back, "200\n\n"+strings.Replace(want, `"parameters"`, `"*":1,"parameters"`, 1), map[string]string{}); fault != "" {
		t.Error(fault)
	}
}

// A report says how often its file was fetched (section 1.2), in every list; of type 1.1
// it does not.
func TestDownloads(t *testing.T) {
	begin(t)
	t.Parallel()
	for version, counts := range map[string][]string{"1.5": {`,"downloadsCounter":0`, `,"downloadsCounter":2`}, "1.1": {"", ""}} {
		var made struct{ APS struct{ ID string } }
		a := ask(t, "wingtip manager", "POST", "/aps/2/resources", `{"aps":{"type":"http://www.odin.com/rde/report-template/`+version+`"},"commonName":"Fetched","format":"CSV",
			"eventType":"ONETIME","parameters":{"startDate":"2025-07-01T00:00:00Z","endDate":"2025-07-01T23:59:59Z"}}`)
		if err := json.Unmarshal(a.body, &made); err != nil || a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		path, known := "/aps/2/resources/"+made.APS.ID+"/reportFiles?select(status,downloadsCounter,filePath)", map[string]string{}
		fault := ""
		fits := func(count string) func() bool {
			return func() bool {
				fault = compare(ask(t, "wingtip manager", "GET", path, ""), "200\n\n"+`[{"aps":{"*":1},"status":"READY","filePath":"$address"`+count+`}]`, known)
				return fault == ""
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := servertest.Every(ctx, 20*time.Millisecond, fits(counts[0])); err != nil {
			t.Fatal(version, err, fault)
		}
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, known["address"], http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if a := send(t, req); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		if !fits(counts[1])() {
			t.Error(version, fault)
		}
	}
}

// No client takes a part of a list for all of it: one of which the ledger cannot read a
// resource is refused (section 3.5).
func TestBrokenList(t *testing.T) {
	begin(t)
	none := int64(0)
	tenant, key := newViewer(t, outturn.Tenant{Name: "broken", ExternalID: "1000011", Limits: outturn.Limits{Running: &none}})
	p, err := shop.Folder.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := shop.Reporting().CreateRun(t.Context(), p, reporting.CreateRunInput{Tenant: tenant.ID, Request: outturn.RunRequest{Dataset: "payments", Outputs: []outturn.Output{{Format: "csv"}}}}); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(shop.Data, server.LedgerName)+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	damage := func(from, to string) {
		if _, err := db.ExecContext(t.Context(), `UPDATE runs SET request = replace(request, ?1, ?2)
			WHERE id = (SELECT MAX(id) FROM runs WHERE tenant = ?3)`, from, to, tenant.ID); err != nil {
			t.Fatal(err)
		}
	}
	wanted := func(state string, status int, paths ...string) {
		t.Helper()
		for _, path := range paths {
			a := ask(t, "nobody", "GET", "/aps/2/"+path, "", "Authorization", key)
			whole := status == http.StatusOK && bytes.HasPrefix(a.body, []byte("[")) && a.header.Get("Content-Range") != ""
			refused := status != http.StatusOK && bytes.Contains(a.body, []byte(`"error":"APS::Outturn::InternalError"`)) && a.header.Get("Content-Range") == ""
			if a.status != status || !whole && !refused {
				t.Errorf("%s, %s: %d %v %s", state, path, a.status, a.header, a.body)
			}
		}
	}
	of := []string{"resources", "resources?limit(1,1000)", "collections/rde-report-files", "collections/rde-report-files?select(tenant)", "resources/" + tenant.ID + "/reportFiles"}
	wanted("sound", http.StatusOK, of...)
	damage("{", "[")
	wanted("damaged", http.StatusInternalServerError, of...)
	wanted("damaged elsewhere", http.StatusOK, "collections/rde-report-templates", "collections/rde-report-files?limit(0,1)")
	damage("[", "{")
}

// ON_INVOICE makes one report for each new invoice (section 3.2), which says which it is.
func TestOnInvoice(t *testing.T) {
	begin(t)
	var made struct{ APS struct{ ID string } }
	a := ask(t, "provider manager", "POST", "/aps/2/resources",
		`{"aps":{"type":"http://www.odin.com/rde/report-template/1.5"},"commonName":"Invoices","format":"JSON","eventType":"ON_INVOICE"}`)
	if err := json.Unmarshal(a.body, &made); err != nil || a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	event := `[{"specversion":"1.0","id":"1","source":"billing","type":"invoice.issued","subject":"1","account":"1000004"}]`
	if a := ask(t, "nobody", "POST", "/v1/events", event, "Content-Type", "application/cloudevents-batch+json",
		"Authorization", "Bearer "+shop.clients["provider manager"].token); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	fault := ""
	if err := servertest.Every(ctx, 20*time.Millisecond, func() bool {
		a := ask(t, "provider manager", "GET", "/aps/2/resources/"+made.APS.ID+"/reportFiles?select(eventType,parameters)", "")
		fault = compare(a, `200

[{"aps":{"*":1},"eventType":"ON_INVOICE","parameters":{"invoice":"1"}}]`, map[string]string{})
		return fault == ""
	}); err != nil {
		t.Error(err, fault)
	}
}
