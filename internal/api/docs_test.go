package api_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What a page, a style sheet or a script of ours leads a browser to fetch.
var fetched = regexp.MustCompile(`(?i)(?:src|href|action|srcset|data)\s*=\s*["']?([^"'\s>]+)|url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)`)

// The documentation page asks nobody but this server for anything, and its policy
// would not let it.
func TestDocumentationPage(t *testing.T) {
	root := caller{}.do(t, "GET", "/", "")
	if root.status != http.StatusFound || root.header.Get("Location") != "/docs" {
		t.Errorf("/ answers %d and leads to %q", root.status, root.header.Get("Location"))
	}
	seen := map[string]bool{"/docs": true, "/docs/page.js": true}
	for todo := []string{"/docs", "/docs/page.js"}; len(todo) > 0; todo = todo[1:] {
		a := caller{}.do(t, "GET", todo[0], "")
		if a.status != http.StatusOK {
			t.Errorf("%s: %d", todo[0], a.status)
		}
		policy := a.header.Get("Content-Security-Policy")
		if strings.HasPrefix(todo[0], "/docs") && (!strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "http") || strings.Contains(policy, "*") || strings.Contains(policy, "unsafe-eval")) {
			t.Errorf("%s: the policy is %q", todo[0], policy)
		}
		media := a.header.Get("Content-Type")
		if strings.HasPrefix(media, "text/javascript") && strings.Contains(todo[0], "/swagger/") {
			continue // not ours: the policy holds it, and a browser watches it in the test below
		}
		for _, m := range fetched.FindAllStringSubmatch(string(a.body), -1) {
			to := m[1] + m[2] + m[3]
			switch {
			case strings.HasPrefix(to, "data:") || strings.HasPrefix(to, "#"):
			case !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//"):
				t.Errorf("%s leads to %s", todo[0], to)
			case !seen[to]:
				seen[to] = true
				todo = append(todo, to)
			}
		}
		if strings.HasPrefix(media, "text/javascript") && regexp.MustCompile(`https?:|["']//`).Match(a.body) {
			t.Errorf("%s names another host", todo[0])
		}
	}
}

// Chromium shows the page, with the operations in it, and is refused nothing that it
// wanted; no other host can be reached from there.
func TestDocumentationPageInABrowser(t *testing.T) {
	if os.Getenv("OUTTURN_TEST_FULL") == "" {
		t.Skip("a browser takes seconds to start")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed; tools/packages.sh does it")
	}
	if a := (caller{}).do(t, "GET", "/docs/swagger/swagger-ui-bundle.js", ""); a.status != http.StatusOK {
		t.Skip("the page's files are not there; make assets fetches them")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", shop.URL()+"/docs")
	var talk strings.Builder
	cmd.Stderr, cmd.WaitDelay = &talk, time.Second
	page, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &talk)
	}
	for _, want := range []string{"Ask for a run", "/v1/runs/{id}/events", "Every reseller and customer"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for line := range strings.Lines(talk.String()) {
		if strings.Contains(line, "CONSOLE") && !strings.Contains(line, `source: ""`) {
			t.Errorf("the browser says %s", line)
		}
	}
}
