package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The engine of an export is left to end with the process, its temporary files are not.
func TestExportLeavesNoTemporaryFiles(t *testing.T) {
	const sorted = "SELECT i, md5(i::text) AS a, md5((i + 1)::text) AS b FROM range(1500000) AS t(i) ORDER BY b"
	for _, test := range []struct {
		name, query string
		args        []string
		fails       bool
	}{
		{"Done", sorted, nil, false},
		{"Full", sorted, []string{"--temp-quota", "1MB"}, true}, // so the others do use them
		{"TooLong", sorted, []string{"--timeout", "300ms"}, true},
		{"Fault", "SELECT error(b) FROM (" + sorted + ") LIMIT 1", nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := t.TempDir()
			args := append([]string{
				"export", "--query", test.query, "--source", "duckdb:" + seed(t), "--data", data,
				"--memory", "96MB", "--threads", "1", "--out", filepath.Join(t.TempDir(), "out.csv"),
			}, test.args...)
			cmd := exec.Command(binary(t), args...)
			var said strings.Builder
			cmd.Stderr = &said
			if err := cmd.Run(); (err != nil) != test.fails {
				t.Fatalf("%v\n%s", err, &said)
			}
			left, err := os.ReadDir(filepath.Join(data, "tmp"))
			if err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}
