package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"outturn"
)

// What a demo tells to type works where it was started with a folder of its own.
func TestDemoNamesItsFolder(t *testing.T) {
	known := demoClient{"demo: operator", newCredential(outturn.Client{}, outturn.Credential{ClientID: "ot_1"})}
	for folder, want := range map[string]string{
		"outturn-data":  "client rotate ot_1 --data outturn-data\n",
		"/srv/o'neills": `client rotate ot_1 --data '/srv/o'\''neills'` + "\n",
		"bell\a":        `client rotate ot_1 --data 'bell\a'` + "\n",
		"my data":       "client rotate ot_1 --data 'my data'\n",
	} {
		var out bytes.Buffer
		d := demo{URL: "http://127.0.0.1:8080", Clients: []demoClient{known}}
		if err := d.print(&out, folder, time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: want %q in\n%s", folder, want, &out)
		}
	}
}
