package cmp_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// masks hide what is new in each run.
var masks = []struct {
	of   *regexp.Regexp
	mask string
}{
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+/f/[A-Za-z0-9_-]+/`), "$$URL/f/$$TOKEN/"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "$$ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d\.\d\d-\d\d-\d\d\.\d{3}(\+|%2B)0000`), "$$TIME"},
	{regexp.MustCompile(`2026-12-06T12:0\d:\d\dZ`), "2026-12-06T12:00:00Z"}, // noon, and a while
	{regexp.MustCompile(`"(token|access_token)": "[A-Za-z0-9._-]{100,}"`), `"$1": "$$JWT"`},
}

// TestGolden sends the request of each file of testdata, and wants its answer. The files
// are written from reference/rde-cmp.md; each names the section. In them $TOKEN and $KEY
// are of a tenant with four reports, $NEWTOKEN and $NEWKEY of another.
func TestGolden(t *testing.T) {
	begin(t)
	four, fresh := newTenant(t, shop, "1000003"), newTenant(t, shop, "1000004")
	at(shop, noon)
	for _, r := range []struct{ at, rhythm, body string }{
		{"2026-12-02T00:00:41Z", "day", `{"name":"daily-ledger","customizationName":"CMP API","format":"json","startDate":"2026-12-01T00:00:00Z","endDate":"2026-12-01T23:59:59Z"}`},
		{"2026-12-02T09:51:14Z", "", `{"name":"October close","format":"xslx","startDate":"2026-10-01T00:00:00Z","endDate":"2026-10-31T23:59:59Z"}`},
		{"2026-12-05T23:59:59Z", "month", `{"name":"Money in","customizationName":"payments/CMP API","format":"CSV","startDate":"2026-11-01T00:00:00Z","endDate":"2026-11-30T23:59:59Z"}`},
		{"2026-12-06T00:00:00Z", "event", `{"name":"Invoiced","customizationName":"full","format":"xml","startDate":"2026-11-01T00:00:00Z","endDate":"2026-11-30T23:59:59Z"}`},
	} {
		created, err := time.Parse(time.RFC3339, r.at)
		if err != nil {
			t.Fatal(err)
		}
		id := four.create(t, r.body).ID
		four.completed(t, id)
		write(t, shop, `UPDATE runs SET rhythm = NULLIF(?1, ''), created_at = ?2 WHERE id = ?3`, r.rhythm, created.UnixMicro(), id)
	}
	ledger := four.list(t, "name=daily-ledger").Data[0].ID
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for i, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			at(shop, noon.Add(time.Duration(i)*2*time.Second)) // so that wrong credentials are not too many
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, rest, ok := strings.Cut(string(text), "\n\n")
			asked, want, divided := strings.Cut(rest, "\n---\n")
			if !ok || !divided || !strings.Contains(head, "section") {
				t.Fatalf("%s: it begins with a section of the reference, and has a request and an answer", file)
			}
			pairs := []string{"$LEDGER", ledger, "$USER", four.Username, "$PASSWORD", four.Password, "$KEY", four.SubscriptionKey}
			if strings.Contains(asked, "$TOKEN") {
				pairs = append(pairs, "$TOKEN", four.token(t))
			}
			if strings.Contains(asked, "$NEW") {
				pairs = append(pairs, "$NEWTOKEN", fresh.token(t), "$NEWKEY", fresh.SubscriptionKey)
			}
			a := ask(t, four, strings.NewReplacer(pairs...).Replace(asked))
			got := fmt.Sprintln(a.status)
			for _, name := range []string{"Allow", "Content-Type", "Retry-After", "WWW-Authenticate"} {
				if a.header.Get(name) != "" {
					got += name + ": " + a.header.Get(name) + "\n"
				}
			}
			if len(a.body) > 0 {
				got += "\n" + pretty(t, a.body) + "\n"
			}
			for _, m := range masks {
				got = m.of.ReplaceAllString(got, m.mask)
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// ask sends a request as it stands in a file: a line, the head, an empty line, the body.
// USER:PASSWORD after Basic is encoded.
func ask(t testing.TB, c caller, text string) answer {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	req, err := http.NewRequestWithContext(t.Context(), method, c.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
		if userpass, ok := strings.CutPrefix(value, "Basic "); ok {
			user, password, _ := strings.Cut(userpass, ":")
			req.SetBasicAuth(user, password)
		}
	}
	return send(t, req)
}
