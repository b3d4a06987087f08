package cmp_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What docs/dialects/cmp.md tells people to type who move over works, as it stands there:
// each call in turn, the host aside.
func TestDocumentedCalls(t *testing.T) {
	begin(t)
	c := newTenant(t, shop, "1000007")
	at(shop, noon)
	text, err := os.ReadFile("../../../docs/dialects/cmp.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(text), "\n## Moving over\n")
	page = strings.ReplaceAll(page, "https://reports.example.com", shop.URL())
	var calls []string
	for _, block := range regexp.MustCompile(`(?m)(^    .*\n)+`).FindAllString(page, -1) {
		for call := range strings.SplitSeq("\n"+block, "\n    curl ") {
			if strings.Contains(call, "$NEW") || strings.Contains(call, shop.URL()) || strings.Contains(call, "$DOWNLOAD_URL") {
				calls = append(calls, "curl "+call)
			}
		}
	}
	env := map[string]string{"PATH": os.Getenv("PATH"), "NEW": shop.URL() + "/marketplace", "USER": c.Username, "PASSWORD": c.Password, "KEY": c.SubscriptionKey, "ID": "simple", "REALM": "cloud"}
	answers := []*regexp.Regexp{ // and what later calls are to know of them
		regexp.MustCompile(`^{"token":"(?P<TOKEN>[^"]+)","expiresInSeconds":1500}`),
		regexp.MustCompile(`^{"access_token":"(?P<TOKEN>[^"]+)","expires_in":1500,.*"scope":"openid"`),
		regexp.MustCompile(`^{"id":"(?P<REPORT>[^"]+)","name":"October close","customizationName":"CMP API","status":"submitted"`),
		regexp.MustCompile(`"status":"completed".*"downloadUrl":"(?P<DOWNLOAD_URL>[^"]+)"`),
		regexp.MustCompile(`^{"data":\[\],"pagination":{"offset":0,"limit":0,"total":0}}`), // it is of December
		regexp.MustCompile(`^$`),
		regexp.MustCompile(`^$`), // before and after alike
	}
	if len(calls) != len(answers) {
		t.Fatalf("the page has %d calls: %q", len(calls), calls)
	}
	folder := t.TempDir()
	for i, call := range calls {
		if strings.Contains(call, "/$REPORT") {
			c.completed(t, env["REPORT"])
		}
		if i == len(calls)-1 {
			folder = t.TempDir() // curl saves nothing over what is there
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", strings.Replace(call, "curl ", "curl -sS ", 1))
		cmd.Dir = folder
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.CombinedOutput()
		found := answers[i].FindSubmatch(bytes.TrimSpace(out))
		if err != nil || found == nil {
			t.Fatalf("%s: %v %s", call, err, out)
		}
		for n, name := range answers[i].SubexpNames() {
			if name != "" {
				env[name] = string(found[n])
			}
		}
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 || !strings.HasSuffix(files[0].Name(), ".json.gz") {
		t.Errorf("the file came as %v, %v", files, err)
	}
}
