package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong with a command is told with what to write instead.
func TestMessages(t *testing.T) {
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		command, want string
	}{
		{"export payments --query SELECT", "Give a data set or a --query, not both."},
		{"export payments --format excel", `There is no format "excel". Did you mean xlsx?`},
		{"export payments --format Excel", `There is no format "Excel". Did you mean xlsx?`},
		{"export payments --format parquet", `Allowed: csv, tsv, json, ndjson, xml, xlsx.`},
		{"export payments --format jsonl", "Did you mean ndjson?"},
		{"export payments --format cvs", "Did you mean csv?"},
		{"run", `Expected one of "create", "list", "show", "watch", "cancel", "retry", "download"`},
		{"tenant", `"suspend", "resume", "delete", "restore", "sync". See --help.`},
		{"tenant show", `Expected "<id>". See --help.`},
		{"seed --to duckdb:" + there, "there exists already. Name another file, or replace it with --force."},
	} {
		t.Run(tt.command, func(t *testing.T) {
			status, _, talk := outturnMain(t, strings.Fields(tt.command)...)
			if status != 2 || !strings.Contains(talk, tt.want) {
				t.Errorf("status %d: %s", status, talk)
			}
		})
	}
}
