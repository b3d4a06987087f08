package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"outturn"
	"outturn/internal/server"
)

// Each of several commands at once changes the limit that it names, and no other.
func TestLimitsAtOnce(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	made, err := server.OpenFolder(t.Context(), data, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OUTTURN_DATA", data)
	do := func(args ...string) (tenant outturn.Tenant) {
		var out, talk bytes.Buffer
		if status := Main(t.Context(), append(args, "--json"), IO{In: strings.NewReader(""), Out: &out, Err: &talk}); status != 0 {
			t.Errorf("%q: %d %s", args, status, talk.String())
		} else if err := json.Unmarshal(out.Bytes(), &tenant); err != nil {
			t.Error(err)
		}
		return tenant
	}
	tenant := do("tenant", "add", "Northwind", "--external-id", "1")
	for value, want := range map[string]string{
		"7":    "running=7 queued=7 generators=7 bytes=7 rows=7 requests_per_minute=7 firings_per_day=7",
		"none": "none",
	} {
		inParallel(len(outturn.LimitKinds), func(i int) {
			_ = do("tenant", "set", tenant.ID, "--limit", string(outturn.LimitKinds[i])+"="+value)
		})
		if got := do("tenant", "show", tenant.ID).Limits.String(); got != want {
			t.Errorf("all were set to %s at once, and are %s", value, got)
		}
	}
}
